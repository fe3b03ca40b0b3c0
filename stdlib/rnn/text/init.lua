-- rnn.text: from text to ids and back. Vocabularies of characters, words and byte pairs; a long text as batches.

return require "rnn.lazy"("text.", {}, {
  chars = "rnn.text.chars",
  words = "rnn.text.words",
  bpe = "rnn.text.bpe",
  tokens = "rnn.text.tokens",
  stream = "rnn.text.stream",
  vectors = "rnn.text.vectors",
  read = "rnn.text.read",
  Vocab = "rnn.text.vocab",
}, {})

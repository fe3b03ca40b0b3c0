-- rnn.decode: sequences from models: greedy, at random, by beam search.

return require "rnn.lazy"("decode.", {}, {
  generate = "rnn.decode.generate",
}, {
  sample = "rnn.decode.sample",
})

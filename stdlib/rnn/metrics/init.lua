-- rnn.metrics: how good a model's answers are. Padding, behind lengths or with id 0, never counts.

return require "rnn.lazy"({}, {
  bleu = "rnn.metrics.bleu",
}, {})

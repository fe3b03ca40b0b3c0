-- rnn.metrics: how good a model's answers are. Padding, behind lengths or with id 0, never counts.

return require "rnn.lazy"("metrics.", {}, {
  bleu = "rnn.metrics.bleu",
  Mean = "rnn.metrics.mean",
}, {
  accuracy = "rnn.metrics.labels",
  top_k = "rnn.metrics.labels",
  confusion = "rnn.metrics.labels",
  f1 = "rnn.metrics.labels",
  nats = "rnn.metrics.labels",
  perplexity = "rnn.metrics.labels",
  Confusion = "rnn.metrics.confusion",
  F1 = "rnn.metrics.confusion",
  error_rate = "rnn.metrics.edits",
  coverage = "rnn.metrics.forecast",
  crps = "rnn.metrics.forecast",
  crps_gaussian = "rnn.metrics.forecast",
  interval_score = "rnn.metrics.forecast",
  mae = "rnn.metrics.forecast",
  mase = "rnn.metrics.forecast",
  owa = "rnn.metrics.forecast",
  pinball = "rnn.metrics.forecast",
  smape = "rnn.metrics.forecast",
  Scores = "rnn.metrics.scores",
  measure = "rnn.metrics.scores",
  width = "rnn.metrics.forecast",
})

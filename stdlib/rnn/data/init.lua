-- rnn.data: from files to batches. A frame holds typed columns; windows, arrays and sequences are datasets, which give
-- batches.

return require "rnn.lazy"("data.", {}, {
  windows = "rnn.data.windows",
  arrays = "rnn.data.arrays",
  Scaler = "rnn.data.scaler",
  Encoder = "rnn.data.encoder",
  PCA = "rnn.data.pca",
  map = "rnn.data.map",
  augment = "rnn.data.augment",
  tokens = "rnn.data.tokens",
  spool_text = "rnn.data.spool_text",
  find = "rnn.data.find",
  idx = "rnn.data.idx",
}, {
  open = "rnn.data.open",
  spool = "rnn.data.open",
  sequences = "rnn.data.sequences",
  packed = "rnn.data.sequences",
  csv = "rnn.data.csv",
  csv_stream = "rnn.data.csv",
  Frame = "rnn.data.frame",
  lines = "rnn.data.lines",
  keep = "rnn.data.lines",
  classes = "rnn.data.lines",
  files = "rnn.data.lines",
})

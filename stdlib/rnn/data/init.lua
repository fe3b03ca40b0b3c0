-- rnn.data: from files to batches. A frame holds typed columns; windows, arrays and sequences are datasets, which give
-- batches.

return require "rnn.lazy"("data.", {}, {
  windows = "rnn.data.windows",
  arrays = "rnn.data.arrays",
  sequences = "rnn.data.sequences",
  Scaler = "rnn.data.scaler",
  Encoder = "rnn.data.encoder",
  PCA = "rnn.data.pca",
  map = "rnn.data.map",
  augment = "rnn.data.augment",
  find = "rnn.data.find",
  idx = "rnn.data.idx",
}, {
  csv = "rnn.data.csv",
  csv_stream = "rnn.data.csv",
  Frame = "rnn.data.frame",
  lines = "rnn.data.lines",
  keep = "rnn.data.lines",
  classes = "rnn.data.lines",
  files = "rnn.data.lines",
})

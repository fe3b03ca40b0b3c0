-- rnn.train: the loop around a model. rnn itself has these names.

return require "rnn.lazy"("rnn.", {}, {
  fit = "rnn.train.fit",
  quantise = "rnn.train.quantise",
}, {
  evaluate = "rnn.train.evaluate",
  predict = "rnn.train.evaluate",
  forecast_report = "rnn.train.forecast_report",
  EarlyStopping = "rnn.train.callbacks",
  TimeLimit = "rnn.train.callbacks",
  ModelCheckpoint = "rnn.train.callbacks",
  CSVLog = "rnn.train.records",
  Average = "rnn.train.callbacks",
  find_lr = "rnn.train.find_lr",
})

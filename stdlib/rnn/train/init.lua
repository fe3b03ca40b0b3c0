-- rnn.train: the loop around a model. rnn itself has these names.

return require "rnn.lazy"("rnn.", {}, {
  fit = "rnn.train.fit",
  predict = "rnn.train.predict",
}, {
  evaluate = "rnn.train.evaluate",
  forecast_report = "rnn.train.forecast_report",
  EarlyStopping = "rnn.train.callbacks",
  TimeLimit = "rnn.train.callbacks",
  ModelCheckpoint = "rnn.train.model_checkpoint",
  CSVLog = "rnn.train.csv_log",
  Average = "rnn.train.average",
  find_lr = "rnn.train.find_lr",
})

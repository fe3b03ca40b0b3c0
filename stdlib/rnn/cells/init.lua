-- cells/init.lua: the zoo: published cells, each written from its paper's formula in a file of its own, which is loaded
-- when it is first used. nn.Recurrent runs them.

return require "rnn.lazy"("cells.", {}, {
  Elman = "rnn.cells.elman",
  Jordan = "rnn.cells.jordan",
  IRNN = "rnn.cells.irnn",
  IndRNN = "rnn.cells.indrnn",
  LSTM = "rnn.cells.lstm",
  GRU = "rnn.cells.gru",
  MGU = "rnn.cells.mgu",
  UGRNN = "rnn.cells.ugrnn",
  JANET = "rnn.cells.janet",
  CFN = "rnn.cells.cfn",
  SRU = "rnn.cells.sru",
  QRNN = "rnn.cells.qrnn",
  minGRU = "rnn.cells.mingru",
  minLSTM = "rnn.cells.minlstm",
  LRU = "rnn.cells.lru",
  RWKV = "rnn.cells.rwkv",
  sLSTM = "rnn.cells.slstm",
  PhasedLSTM = "rnn.cells.phased_lstm",
  Clockwork = "rnn.cells.clockwork",
  RHN = "rnn.cells.rhn",
  Mogrifier = "rnn.cells.mogrifier",
  Antisymmetric = "rnn.cells.antisymmetric",
  LMU = "rnn.cells.lmu",
  Attention = "rnn.cells.attention",
}, {})

-- init.lua: the module rnn. Everything of the core is here at once; the rest is loaded when it is first used, so that
-- require "rnn" takes a few milliseconds.

local core = require "rnn.core"
local lazy = require "rnn.lazy"

local rnn = {}
for name, value in pairs(core) do rnn[name] = value end

-- Methods of tensors that are made of other ops: functions of rnn, which take their places when they are first called.
for _, name in ipairs { "bilinear", "dot", "split", "stft" } do
  core.methods[name] = function(...)
    core.methods[name] = rnn[name]
    return rnn[name](...)
  end
end

--- rnn.precision: "float" or "double", the type of all tensors that are not int32; rnnlua --double chooses.

--- rnn.version: the version of rnnlua, as text.

--- rnn.null: what stands for null in JSON; Lua's nil would not stay in a table.

--- rnn.sanitized: true in builds under AddressSanitizer, which keep freed memory; nil in all others.

return lazy("", rnn, {
  nn = "rnn.nn",
  optim = "rnn.optim",
  data = "rnn.data",
  plot = "rnn.plot",
  split = "rnn.split",
  stft = "rnn.stft",
  einsum = "rnn.einsum",
  padded = "rnn.padded",
  results = "rnn.results",
  logs = "rnn.logs",
  metrics = "rnn.metrics",
  ctc = "rnn.ctc",
  decode = "rnn.decode",
  doc = "rnn.doc",
  audio = "rnn.audio",
  music = "rnn.music",
  text = "rnn.text",
  monitor = "rnn.monitor",
}, {
  dot = "rnn.products",
  bilinear = "rnn.products",
  save = "rnn.nn.save",
  load = "rnn.nn.save",
  fit = "rnn.train",
  evaluate = "rnn.train",
  predict = "rnn.train",
  forecast_report = "rnn.train",
  EarlyStopping = "rnn.train",
  TimeLimit = "rnn.train",
  ModelCheckpoint = "rnn.train",
  CSVLog = "rnn.train",
  Average = "rnn.train",
  find_lr = "rnn.train",
  args = "rnn.args",
})

-- layer_cases.lua: one small case for every built-in layer: how to make it and what to feed it. gradient_spec.lua and
-- layers_spec.lua go through all of them, and fail when nn has a layer without a case.
-- sequences: takes padded (N, T, ...) and gives such. run(layer, x): how it is called, where layer(x) is not enough.

local core = require "rnn.core"
local nn = require "rnn.nn"

local function batch() return core.randn(3, 4, 2) end
-- Away from the kinks of piecewise functions, where differences do not exist.
local function kinkless()
  return core.tensor {
    { { -2.1, 0.4 }, { 1.3, -0.6 }, { 0.7, 0.2 }, { -0.1, 1.1 } },
    { { 0.9, -1.7 }, { 3.4, -3.3 }, { -0.8, 2.2 }, { 1.9, 0.5 } },
    { { -0.3, 0.6 }, { 2.1, -1.2 }, { 0.8, -0.9 }, { -1.4, 0.3 } },
  }
end

-- Sequences with start (2) and stop (3).
local function targets()
  return core.tensor({ { 2, 5, 1, 3 }, { 2, 3, 0, 0 }, { 2, 4, 3, 0 } }, "int32"):with_lengths { 4, 2, 3 }
end

local cases = {
  Linear = { make = function() return nn.Linear(2, 3) end, input = batch, sequences = true },
  Conv1d = {
    make = function() return nn.Conv1d(2, 3, 2, { padding = "causal", dilation = 2, activation = "tanh" }) end,
    input = batch,
    sequences = true,
  },
  Embedding = {
    make = function() return nn.Embedding(5, 3) end,
    input = function() return core.tensor({ { 1, 5, 2, 0 }, { 3, 1, 1, 2 }, { 5, 4, 0, 3 } }, "int32") end,
    sequences = true,
  },
  RNN = { make = function() return nn.RNN(2, 3, { layers = 2 }) end, input = batch, sequences = true },
  LSTM = { make = function() return nn.LSTM(2, 3, { layers = 2 }) end, input = batch, sequences = true },
  GRU = { make = function() return nn.GRU(2, 3, { layers = 2 }) end, input = batch, sequences = true },
  Recurrent = { make = function() return nn.Recurrent(nn.GRUCell(2, 3)) end, input = batch, sequences = true },
  Reservoir = {
    make = function()
      local layer = nn.Reservoir(2, 3, { outputs = 2, connections = 3, leak = 0.7 })
      layer.weight_out:detach():uniform_(-1, 1)
      return layer
    end,
    input = batch,
    sequences = true,
  },
  Sequential = {
    make = function() return nn.Sequential { nn.GRU(2, 3), nn.LayerNorm(3), nn.Linear(3, 2) } end,
    input = batch,
    sequences = true,
  },
  MaxPool1d = { make = function() return nn.MaxPool1d(2) end, input = kinkless },
  AvgPool1d = { make = function() return nn.AvgPool1d(3, { stride = 1 }) end, input = batch },
  GlobalMaxPool1d = { make = function() return nn.GlobalMaxPool1d() end, input = kinkless },
  GlobalAvgPool1d = { make = function() return nn.GlobalAvgPool1d() end, input = batch },
  LayerNorm = { make = function() return nn.LayerNorm(2) end, input = batch, sequences = true },
  BatchNorm = { make = function() return nn.BatchNorm(2) end, input = batch, sequences = true },
  Flatten = { make = function() return nn.Flatten() end, input = batch },
  Masking = { make = function() return nn.Masking(0.5) end, input = batch, sequences = true },
  Dropout = { make = function() return nn.Dropout(0.4) end, input = batch },
  Attention = {
    make = function() return nn.Attention(2, 2, { score = "additive", units = 3 }) end,
    input = batch,
    run = function(layer, x) return layer(x, (x * 0.5):sin():with_lengths { 4, 1, 0 }) end,
  },
  Encoder = {
    make = function() return nn.Encoder { inputs = 2, cell = "lstm", units = 3, layers = 2, bidirectional = true } end,
    input = batch,
    sequences = true,
  },
  Decoder = {
    make = function() return nn.Decoder { vocab = 6, dim = 2, cell = "lstm", units = 3, condition = 2 } end,
    input = function() return core.randn(3, 2) end,
    run = function(layer, x) return (layer(x, targets())) end,
  },
  MADE = {
    make = function() return nn.MADE(2, 3, { units = 4 }) end,
    input = batch,
    run = function(layer, x) return layer(x, core.concat({ x, x * 0.5 }, -1):slice(-1, 1, 3):sigmoid()) end,
    sequences = true,
  },
  MixtureOfSoftmaxes = {
    make = function() return nn.MixtureOfSoftmaxes(2, 4, { mixtures = 2, dim = 3 }) end,
    input = batch,
    sequences = true,
  },
  RepeatVector = { make = function() return nn.RepeatVector(3) end, input = function() return core.randn(3, 2) end },
  TimeDistributed = {
    make = function() return nn.TimeDistributed(nn.Sequential { nn.Linear(2, 3), nn.BatchNorm(3) }) end,
    input = batch,
    sequences = true,
  },
  Seq2Seq = {
    make = function()
      return nn.Seq2Seq {
        encoder = nn.Encoder { vocab = 5, dim = 2, units = 3, bidirectional = true },
        decoder = nn.Decoder { vocab = 6, dim = 2, units = 3, layers = 2, attention = "multiplicative",
          input_feeding = true, tied = true },
      }
    end,
    input = function()
      return core.tensor({ { 1, 5, 2, 0 }, { 3, 1, 1, 2 }, { 5, 0, 0, 0 } }, "int32"):with_lengths { 3, 4, 1 }
    end,
    run = function(layer, x)
      local logits, _, weights = layer(x, targets())
      return logits, weights
    end,
  },
}
for _, name in ipairs { "RNNCell", "LSTMCell", "GRUCell" } do
  cases[name] = {
    make = function() return nn[name](2, 3) end,
    input = function() return core.randn(4, 2) end,
  }
end
for _, name in ipairs {
  "Tanh", "Sigmoid", "HardSigmoid", "ReLU", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Softplus", "Softsign",
  "Softmax", "LogSoftmax",
} do
  cases[name] = { make = function() return nn[name]() end, input = kinkless, sequences = true }
end

local function derives_from_module(value)
  while type(value) == "table" and value ~= nn.Module do
    value = type(getmetatable(value)) == "table" and getmetatable(value).base
  end
  return value == nn.Module
end

-- The names in nn that are layers.
local function layer_names()
  local names = {}
  for name in pairs(getmetatable(nn).names) do
    if name ~= "Module" and derives_from_module(nn[name]) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

return { cases = cases, names = layer_names }

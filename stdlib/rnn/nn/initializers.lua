-- initializers.lua: how parameters start. Every function fills a tensor in place and returns it; matrices are
-- (outputs, inputs), so fan in is the second size and fan out the first; filters (outputs, inputs, taps) have both taps
-- times. Defaults of layers are those of Keras.

local check = require "rnn.check"

--- nn.initializers
---
--- Named by layers' options kernel = "he_normal", recurrent = "orthogonal", or called: nn.initializers.zeros(t). The
--- normal ones draw from the whole normal distribution (Keras cuts it at two deviations).
---@class nn.initializers
local initializers = {}

local function fans(t)
  if t:ndim() == 0 then return 1, 1 end
  if t:ndim() == 1 then return t:size(1), t:size(1) end
  local taps = 1
  for axis = 3, t:ndim() do taps = taps * t:size(axis) end
  return t:size(2) * taps, t:size(1) * taps
end

--- Uniform within ±sqrt(6 / (fan in + fan out)). Glorot, Bengio 2010, "Understanding the difficulty of training deep
--- feedforward neural networks". Keeps variance for tanh and sigmoid; the default of kernels.
function initializers.glorot_uniform(t)
  local fan_in, fan_out = fans(t)
  local limit = math.sqrt(6 / (fan_in + fan_out))
  t:uniform_(-limit, limit)
  return t
end

--- Normal with variance 2 / (fan in + fan out). Glorot, Bengio 2010.
function initializers.glorot_normal(t)
  local fan_in, fan_out = fans(t)
  t:normal_(0, math.sqrt(2 / (fan_in + fan_out)))
  return t
end

--- Uniform within ±sqrt(6 / fan in). He et al. 2015, "Delving deep into rectifiers". For ReLU.
function initializers.he_uniform(t)
  local limit = math.sqrt(6 / (fans(t)))
  t:uniform_(-limit, limit)
  return t
end

--- Normal with variance 2 / fan in. He et al. 2015. For ReLU.
function initializers.he_normal(t)
  t:normal_(0, math.sqrt(2 / (fans(t))))
  return t
end

--- A random matrix with orthonormal rows or columns, whichever are fewer; of filters, each is a row. Saxe et al. 2014,
--- "Exact solutions to the nonlinear dynamics of learning in deep linear networks". The default of recurrent weights: a
--- step neither shrinks nor stretches the state.
function initializers.orthogonal(t)
  local matrix = t:ndim() > 2 and t:detach():reshape(t:size(1), -1) or t
  matrix:orthogonal_(1, 1)
  return t
end

--- All 0.
---
--- A tensor of any shape.
function initializers.zeros(t)
  t:fill_(0)
  return t
end

--- All 1.
---
--- A tensor of any shape.
function initializers.ones(t)
  t:fill_(1)
  return t
end

--- Uniform within ±0.05; the default of embeddings.
function initializers.uniform(t)
  t:uniform_(-0.05, 0.05)
  return t
end

--- Normal with deviation 0.05.
function initializers.normal(t)
  t:normal_(0, 0.05)
  return t
end

-- All take a float tensor.
for name, fill in pairs(initializers) do
  initializers[name] = function(t)
    return fill(check.tensor("nn.initializers." .. name, "argument 1", t, "float"))
  end
end

return initializers

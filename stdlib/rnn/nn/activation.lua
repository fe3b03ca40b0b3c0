-- activation.lua: activation functions as layers (nn.Tanh()) and as functions (nn.tanh(x)), element by element.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"

local activations = {}

-- The class of a function. argument = { name, default, minimum }: its one number, if it has any.
local function define(name, op, argument)
  local cls = class("nn." .. name, Module)

  function cls:init(value)
    if argument then
      if value == nil then value = argument.default end
      self[argument.name] = check.number("nn." .. name, ("argument 1 (%s)"):format(argument.name), value)
    elseif value ~= nil then
      check.expected("nn." .. name, "argument 1", "no argument", value)
    end
  end

  function cls:forward(x)
    check.tensor(self:describe(), "input", x, "float")
    if argument then return op(x, self[argument.name]) end
    return op(x)
  end

  function cls:describe()
    return argument and ("nn.%s(%g)"):format(name, self[argument.name]) or ("nn.%s()"):format(name)
  end

  function cls:config()
    return { class = "nn." .. name, args = argument and { self[argument.name] } or nil }
  end

  activations[name] = cls
end

--- nn.Tanh(), nn.tanh(x): (e^x - e^-x) / (e^x + e^-x), in (-1, 1).
--- Any shape. Errors: an input that is no float tensor.
define("Tanh", core.tanh)
--- nn.Sigmoid(), nn.sigmoid(x): 1 / (1 + e^-x), in (0, 1).
--- Any shape. Errors: an input that is no float tensor.
define("Sigmoid", core.sigmoid)
--- nn.HardSigmoid(), nn.hard_sigmoid(x): the sigmoid in three straight pieces.
--- Any shape. Errors: an input that is no float tensor.
define("HardSigmoid", core.hard_sigmoid)
--- nn.ReLU(), nn.relu(x): max(x, 0).
--- Any shape. Errors: an input that is no float tensor.
define("ReLU", core.relu)
--- nn.LeakyReLU([slope = 0.3]), nn.leaky_relu(x, slope): x where positive, slope * x elsewhere. Maas et al. 2013.
--- Any shape. Errors: an input that is no float tensor.
define("LeakyReLU", core.leaky_relu, { name = "slope", default = 0.3 })
--- nn.ELU(), nn.elu(x): x where positive, e^x - 1 elsewhere. Clevert et al. 2016.
--- Any shape. Errors: an input that is no float tensor.
define("ELU", core.elu)
--- nn.SELU(), nn.selu(x): the scaled ELU that keeps mean 0 and variance 1. Klambauer et al. 2017.
--- Any shape. Errors: an input that is no float tensor.
define("SELU", core.selu)
--- nn.GELU(), nn.gelu(x): x times the share of the normal distribution below x, exactly. Hendrycks, Gimpel 2016.
--- Any shape. Errors: an input that is no float tensor.
define("GELU", core.gelu)
--- nn.SiLU(), nn.silu(x): x sigmoid(x), also called swish. Elfwing et al. 2018.
--- Any shape. Errors: an input that is no float tensor.
define("SiLU", core.silu)
--- nn.Softplus(), nn.softplus(x): log(1 + e^x).
--- Any shape. Errors: an input that is no float tensor.
define("Softplus", core.softplus)
--- nn.Softsign(), nn.softsign(x): x / (1 + |x|).
--- Any shape. Errors: an input that is no float tensor.
define("Softsign", core.softsign)
--- nn.Softmax(), nn.softmax(x, axis): e^x over its sum along the last axis.
--- Any shape. Errors: an input that is no float tensor.
define("Softmax", function(x) return core.softmax(x, -1) end)
--- nn.LogSoftmax(), nn.log_softmax(x, axis): the logarithm of the softmax, safe for large x.
--- Any shape. Errors: an input that is no float tensor.
define("LogSoftmax", function(x) return core.log_softmax(x, -1) end)

for _, name in ipairs {
  "tanh", "sigmoid", "hard_sigmoid", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign",
  "softmax", "log_softmax",
} do
  activations[name] = core[name]
end

return activations

-- parameter.lua: makes the parameter tensors of layers.

local core = require "rnn.core"
local check = require "rnn.check"
local initializers = require "rnn.nn.initializers"

local names = {}
for name in pairs(initializers) do names[#names + 1] = name end
table.sort(names)

local parameter = {}

--- parameter.initializer(fname, option, given) -> function
---
--- given is a name in nn.initializers or a function that fills a tensor.
function parameter.initializer(fname, option, given)
  if type(given) == "function" then return given end
  return initializers[check.one_of(fname, ("option '%s'"):format(option), given, names)]
end

local filling = true

--- parameter.new(fill, size, ...) -> tensor that requires a gradient
function parameter.new(fill, ...)
  local t = core.zeros(...)
  if filling then fill(t) end
  t:requires_grad(true)
  return t
end

--- parameter.without_filling(f) -> result of f
---
--- Parameters made by f stay 0: a model whose weights are about to be loaded takes no random numbers and no time.
function parameter.without_filling(f)
  local before = filling
  filling = false
  return core.finally("rnn.load", function() filling = before end, f)
end

return parameter

-- parameter.lua: makes the parameter tensors of layers.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local initializers = require "rnn.nn.initializers"

local names = {}
for name in pairs(initializers) do names[#names + 1] = name end
table.sort(names)
local quoted = {}
for i, name in ipairs(names) do quoted[i] = ("%q"):format(name) end

local parameter = {}

--- parameter.initializer(fname, argname, given) -> function
---
--- given is a name in nn.initializers or a function that fills a tensor.
function parameter.initializer(fname, argname, given)
  if type(given) == "function" then return given end
  return initializers[check.one_of(fname, argname, given, names)]
end
parameter.initializer = option.kind("string|function", parameter.initializer, quoted)

local room -- how many numbers a file has for the parameters that are made; nil: they are not to be loaded

--- parameter.new(fill, size, ...) -> tensor that requires a gradient
function parameter.new(fill, ...)
  if room then
    local count = 1.0 -- as a float the product never wraps
    for i = 1, select("#", ...) do count = count * select(i, ...) end
    room = room - count
    if room < 0 then core.fail("the architecture has more parameters than the file has numbers for") end
  end
  local t = core.zeros(...)
  if not room then fill(t) end
  t:requires_grad(true)
  return t
end

--- parameter.to_be_loaded(count, f) -> result of f
---
--- Parameters made by f stay 0: a model whose weights are about to be loaded takes no random numbers and no time. An
--- error before they have more elements than count, those of the file: a small file takes little memory.
function parameter.to_be_loaded(count, f)
  local before, random = room, core.random_state()
  room = count
  return core.finally("rnn.load", function()
    room = before
    core.random_state(random)
  end, f)
end

return parameter

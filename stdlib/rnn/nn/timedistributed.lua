-- timedistributed.lua: a layer for single items, applied to every step of sequences.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"

--- nn.TimeDistributed(module)
---
--- (N, T, ...) -> (N, T, ...): the module, which takes (M, ...), sees every step as an item of one batch, such as each
--- of T pictures, or each of T sentences (N, T, words, dim), of which a layer with returns = "last" makes a vector.
--- Steps behind a sequence's length are not given to it and are 0; y has the lengths of x. nn.Linear and what acts on
--- single elements do the same by themselves. Of several results of the module the first counts.
--- Errors: what is no layer.
---@class nn.TimeDistributed : nn.Module
---@field module nn.Module
---@overload fun(module: nn.Module): nn.TimeDistributed
local TimeDistributed = class("nn.TimeDistributed", Module)

function TimeDistributed:init(module)
  if not Module.is(module) then check.expected("nn.TimeDistributed", "argument 1 (module)", "a layer", module) end
  self.module = module
end

local function apply(self, rows)
  local y = self.module(rows)
  if not core.is_tensor(y) or y:ndim() == 0 or #y ~= #rows then
    core.fail("%s: expected of its module a tensor (%d, ...), an item for each step, got %s", self:describe(), #rows,
      check.describe(y))
  end
  return y
end

--- timedistributed:forward(x) -> y
---
--- Errors: an x without steps; a module that does not give an item for each.
---@param x rnn.Tensor (N, T, ...)
---@return rnn.Tensor y (N, T, ...)
function TimeDistributed:forward(x)
  if not core.is_tensor(x) or x:ndim() < 2 then
    core.fail("%s: expected input (N, T, ...), got %s", self:describe(), check.input(x))
  end
  local lengths, batch, steps = x:lengths(), x:shape()
  if not lengths then
    local y = apply(self, x:reshape(batch * steps, select(3, x:shape())))
    return y:reshape(batch, steps, select(2, y:shape()))
  end
  local rows = x:without_lengths():reshape(batch * steps, select(3, x:shape()))
  local valid = core.arange(steps):le(lengths:reshape(-1, 1)):reshape(-1)
  local y = apply(self, rows:gather(1, valid:nonzero()))
  local none = core.zeros { 1, type = y:type(), select(2, y:shape()) }
  local places = (valid:cumsum(1) * valid):to_int() + 1
  return core.concat({ none, y }, 1):gather(1, places):reshape(batch, steps, select(2, y:shape())):with_lengths(lengths)
end

function TimeDistributed:input_type()
  return self.module:input_type()
end

function TimeDistributed:describe()
  return ("nn.TimeDistributed(%s)"):format(self.module:describe())
end

function TimeDistributed:config()
  return { class = "nn.TimeDistributed", args = { self.module } }
end

return TimeDistributed

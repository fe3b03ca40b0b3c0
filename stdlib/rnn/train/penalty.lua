-- penalty.lua: what is added to the loss while training, so that weights and activations stay small: option penalty of
-- rnn.fit. Nothing of it is in the figures of the history, so that runs with and without it compare.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local option = require "rnn.option"

local fname = "rnn.fit: option 'penalty'"

local KINDS = { "input", "recurrent", "bias" }

-- A factor for each kind of weight, or one for the weights of input and recurrence.
local factors = option.kind("number|table", function(name, argname, value)
  if type(value) ~= "table" then
    value = check.number(name, argname, value, 0, math.huge)
    return { input = value, recurrent = value, bias = 0 }
  end
  local given = { input = 0, recurrent = 0, bias = 0 }
  for kind, factor in pairs(value) do
    check.one_of(name, argname .. ", name", kind, KINDS)
    given[kind] = check.number(name, ("%s, entry '%s'"):format(argname, kind), factor, 0, math.huge)
  end
  return given
end)

local OPTIONS = option.of("rnn.fit.penalty", {
  { "ar", 0, option.number(0), "that many times the mean square of the outputs of recurrent layers (Merity, McCann, "
    .. "Socher 2017, \"Revisiting activation regularization\")" },
  { "tar", 0, option.number(0), "of the change of these outputs from step to step" },
  { "l1", nil, factors, "of the sum of the sizes of weights: a number, or { input =, recurrent =, bias = }" },
  { "l2", nil, factors, "of the sum of their squares" },
})

-- What kind of weight a name has: those of states to states, biases and gains, all others.
local function kind_of(path)
  local name = path:match "[^.]+$"
  if name:find "^weight_hh" then return "recurrent" end
  return (name:find "bias" or name:find "^gain") and "bias" or "input"
end

-- The mean square of a tensor with or without lengths.
local function mean_square(t) return core.mse(t, core.zeros { t:shape() }) end

-- Sums over outputs y: their mean square, and that of their changes.
local function activations(o, y)
  local total = o.ar > 0 and mean_square(y) * o.ar or nil
  if o.tar > 0 and y:ndim() == 3 and y:size(2) > 1 then
    local lengths, steps = y:lengths(), y:size(2)
    local bare = y:without_lengths()
    local change = bare:slice(2, 2, steps) - bare:slice(2, 1, steps - 1)
    if lengths then change = change:with_lengths((lengths - 1):maximum(0)) end
    if not lengths or lengths:max():item() > 1 then
      local more = mean_square(change) * o.tar
      total = total and total + more or more
    end
  end
  return total
end

--- Penalty(model, given): penalty:add(loss) -> the loss with all that is added, of the outputs since the last call;
--- penalty:close() lets go of the layers.
---@class train.Penalty
---@overload fun(model: nn.Module, given: table): train.Penalty
local Penalty = class("train.Penalty")

function Penalty:init(model, given)
  local o = OPTIONS:read(given, fname)
  self.layers, self.weights, self.sum = {}, {}, nil
  local kinds = {}
  for _, entry in ipairs(model:named_parameters()) do
    local kind = kind_of(entry[1])
    local l1, l2 = o.l1 and o.l1[kind] or 0, o.l2 and o.l2[kind] or 0
    if l1 > 0 or l2 > 0 then self.weights[#self.weights + 1] = { entry[2], l1, l2 } end
    kinds[kind] = true
  end
  for _, name in ipairs { "l1", "l2" } do
    for kind, factor in pairs(nest.is_table(given[name]) and given[name] or {}) do
      if factor > 0 and not kinds[kind] then
        core.fail("%s: option '%s', entry '%s': %s has no such weights", fname, name, kind, model:describe())
      end
    end
  end
  if o.ar == 0 and o.tar == 0 then return end
  for _, entry in ipairs(model:modules()) do
    local layer = entry[2]
    if layer.hear then
      self.layers[#self.layers + 1] = layer
      self.heard = self.heard or function(y)
        if not core.recording() then return end
        local own = activations(o, y)
        if own then self.sum = self.sum and self.sum + own or own end
      end
      layer:hear(self.heard)
    end
  end
  if #self.layers == 0 then core.fail("%s: 'ar' and 'tar' need a recurrent layer, such as nn.LSTM", fname) end
end

function Penalty:add(loss)
  if self.sum then loss, self.sum = loss + self.sum, nil end
  for _, entry in ipairs(self.weights) do
    local p, l1, l2 = entry[1], entry[2], entry[3]
    if l1 > 0 then loss = loss + p:abs():sum() * l1 end
    if l2 > 0 then loss = loss + p:square():sum() * l2 end
  end
  return loss
end

function Penalty:close()
  for _, layer in ipairs(self.layers) do layer:hear(self.heard, false) end
end

return Penalty

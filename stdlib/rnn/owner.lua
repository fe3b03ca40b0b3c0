-- owner.lua: which layer made a state, so that no other takes it unasked. A state that is a table has its layer's own
-- metatable, derived from nn.State; of one that is a tensor a list says it. Tables of a script's own have no owner.

local core = require "rnn.core"
local class = require "rnn.class"

local owner = {}

local kinds = setmetatable({}, { __mode = "k" }) -- of a layer, the metatable of its states
local makers = setmetatable({}, { __mode = "k" }) -- of such a metatable, or of a tensor, the layer

--- owner.kind(layer) -> the metatable of its states
function owner.kind(layer)
  local kind = kinds[layer]
  if not kind then
    kind = class("nn.State", require "rnn.state")
    kinds[layer], makers[kind] = kind, layer
  end
  return kind
end

--- owner.of(state) -> the layer that made it, or nil
function owner.of(state)
  return makers[core.is_tensor(state) and state or getmetatable(state)]
end

--- owner.mark(layer, state) -> state
---
--- The same state, made by layer. What is no table of nn's or the script's own stays as it is.
function owner.mark(layer, state)
  if core.is_tensor(state) then
    makers[state] = layer
    return state
  end
  if type(state) ~= "table" or getmetatable(state) and not class.is_a(state, require "rnn.state") then
    return state
  end
  local marked = {}
  for key, value in pairs(state) do marked[key] = value end
  return setmetatable(marked, owner.kind(layer))
end

--- owner.check(layer, state) -> state
---
--- Raises for one that another layer made.
function owner.check(layer, state)
  local maker = owner.of(state)
  if maker and maker ~= layer then
    core.fail("%s: expected a state of its own, got one that %s made (b(a(x)) passes it on, b((a(x))) does not); "
      .. "nn.State(state) hands it over on purpose", layer:describe(), maker:describe())
  end
  return state
end

return owner

-- layers.lua: what an encoder and a decoder ask of their recurrent layers, whoever wrote the cell: which they are, and
-- of what their state consists.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"

local layers = {}

local CELLS = { rnn = "rnn.nn.rnn", gru = "rnn.nn.gru", lstm = "rnn.nn.lstm" }

-- The short form of option 'recurrent'; encoders have bidirectional as well.
local SHORT = { "cell", "hidden", "layers", "bidirectional" }

--- layers.options(more) -> defaults: the options that say which layers, and more
function layers.options(more)
  for _, name in ipairs { "recurrent", "cell", "hidden", "layers" } do more[name] = check.none end
  return more
end

local function is_recurrent(value)
  return class.is_a(value, require "rnn.nn.recurrent_base") or class.is_a(value, require "rnn.nn.recurrent")
end

--- layers.inputs(fname, options) -> the inputs of option 'recurrent', or nil where the short form makes the layers
function layers.inputs(fname, options)
  local given = options.recurrent
  if given == nil then return nil end
  if not is_recurrent(given) then
    check.expected(fname, "option 'recurrent'", "an nn.RNN, nn.LSTM, nn.GRU or nn.Recurrent", given)
  end
  return given.inputs
end

--- layers.units(fname, options) -> features of a step of their output
function layers.units(fname, options)
  if options.recurrent ~= nil then return options.recurrent.outputs end
  return check.int(fname, "option 'hidden'", options.hidden or 256, 1)
end

--- layers.of(fname, options, inputs) -> the recurrent layers that option 'recurrent' gives, or its short form says
function layers.of(fname, options, inputs)
  local given, wanted = options.recurrent, layers.inputs(fname, options)
  if given == nil then
    check.one_of(fname, "option 'cell'", options.cell or "gru", { "rnn", "gru", "lstm" })
    return require(CELLS[options.cell or "gru"])(inputs, layers.units(fname, options), { layers = options.layers,
      bidirectional = options.bidirectional, dropout = (options.layers or 1) ~= 1 and options.dropout or nil })
  end
  for _, name in ipairs(SHORT) do
    check.effect(fname, options, {}, name, false, "option 'recurrent' is the layers")
  end
  if wanted ~= nil and wanted ~= inputs then -- a script's cell may take any
    core.fail("%s: option 'recurrent': expected layers that take the %d features of a step, got %s", fname, inputs,
      given:describe())
  end
  if given.returns ~= "sequence" then
    core.fail("%s: option 'recurrent': expected layers with returns = 'sequence', got %s", fname, given:describe())
  end
  return given
end

--- layers.name(recurrent) -> text: "gru", or the name of a script's cell
function layers.name(recurrent)
  if class.is_a(recurrent, require "rnn.nn.recurrent") then return getmetatable(recurrent.cell).__name end
  return getmetatable(recurrent).__name:match "[^.]+$":lower()
end

-- ---- state ----

local NAMES = { "h", "c" } -- what a numbered entry is called, as nn.LSTM has them

-- The tensors of the state of a part (one layer, one direction): appends { name, size, path } to list. path has the
-- keys that lead to it.
local function entries(recurrent, state, path, list)
  if core.is_tensor(state) then
    if state:ndim() ~= 2 then
      core.fail("%s: its state has a tensor %s; a first state can be made of tensors (N, width) only",
        recurrent:describe(), check.shape(state))
    end
    local names = {}
    for i = path.from, #path do names[#names + 1] = NAMES[path[i]] or tostring(path[i]) end
    list[#list + 1] = { name = names[1] and table.concat(names, "/") or "h", size = state:size(2), path = path }
    return list
  end
  local keys = {}
  for key in pairs(state) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if math.type(a) ~= math.type(b) then return math.type(a) ~= nil end
    return a < b
  end)
  for _, key in ipairs(keys) do
    local deeper = { from = path.from, table.unpack(path) }
    deeper[#deeper + 1] = key
    entries(recurrent, state[key], deeper, list)
  end
  return list
end

-- The parts of recurrent layers, directions of a layer one after the other: a list of entries for each.
local function parts(recurrent)
  local list = {}
  if recurrent.parts and recurrent.parts[1].sizes then -- nn.RNN, nn.LSTM, nn.GRU: all tensors in one list
    local at = 0
    for p, part in ipairs(recurrent.parts) do
      list[p] = {}
      for kind, size in ipairs(part.sizes) do
        at = at + 1
        list[p][kind] = { name = NAMES[kind], size = size, path = { at } }
      end
    end
  else -- nn.Recurrent: one cell's state as it is, of several a list of theirs
    local states = recurrent:initial_state(1)
    for p, state in ipairs(states) do
      list[p] = entries(recurrent, state, states[2] and { from = 2, p } or { from = 1 }, {})
    end
  end
  return list
end

--- layers.slots(recurrent) -> list of { layer, name, size, paths }
---
--- What its state consists of. size is that of the directions of a layer together; paths has the way to each of them.
function layers.slots(recurrent)
  local list, all, directions = {}, parts(recurrent), recurrent.directions
  for p = 1, #all, directions do
    for i, entry in ipairs(all[p]) do
      local slot = { layer = (p - 1) // directions + 1, name = entry.name, size = entry.size * directions, paths = {} }
      for d = 1, directions do slot.paths[d] = all[p + d - 1][i].path end
      list[#list + 1] = slot
    end
  end
  return list
end

--- layers.take(state, slot) -> tensor (N, size): what is in it, of both directions side by side
function layers.take(state, slot)
  local found = {}
  for d, path in ipairs(slot.paths) do
    found[d] = state
    for _, key in ipairs(path) do found[d] = found[d][key] end
  end
  return found[2] and core.concat(found, 2) or found[1]
end

--- layers.state(slots, tensors) -> state of layers in one direction, a tensor (N, size) for each of their slots
function layers.state(slots, tensors)
  local state = {}
  for i, slot in ipairs(slots) do
    local path, holder = slot.paths[1], state
    if #path == 0 then return tensors[i] end
    for k = 1, #path - 1 do
      holder[path[k]] = holder[path[k]] or {}
      holder = holder[path[k]]
    end
    holder[path[#path]] = tensors[i]
  end
  return state
end

return layers

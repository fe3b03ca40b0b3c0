-- layers.lua: what an encoder and a decoder ask of their recurrent layers, whoever wrote the cell: which they are, and
-- of what their state consists.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"

local layers = {}

local CELLS = { rnn = "rnn.nn.rnn", gru = "rnn.nn.gru", lstm = "rnn.nn.lstm" }

--- Rows of the options that say which layers: recurrent, or its short form; encoders have bidirectional as well.
layers.options = {
  { "recurrent", nil, option.kind("nn.RecurrentBase", function(fname, argname, value)
    if class.is_a(value, require "rnn.nn.recurrent_base") then return value end
    check.expected(fname, argname, "an nn.RNN, nn.LSTM, nn.GRU or nn.Recurrent", value)
  end), "nn.RNN, nn.LSTM, nn.GRU, or nn.Recurrent of any cell" },
  { "cell", "gru", option.one_of { "rnn", "gru", "lstm" }, "in place of recurrent: what its layers are made of" },
  { "units", 256, option.int(1), "in place of recurrent: units of each layer and direction", was = "hidden" },
  { "layers", 1, option.int(1, 32), "in place of recurrent: how many layers; dropout is between them, too" },
}

local SHORT = { "cell", "units", "layers", "bidirectional" }

--- layers.inputs(options) -> the inputs of option 'recurrent', or nil where the short form makes the layers
function layers.inputs(options)
  return options.recurrent and options.recurrent.inputs
end

--- layers.units(options) -> features of a step of their output
function layers.units(options)
  return options.recurrent and options.recurrent.outputs or options.units
end

--- layers.of(declaration, options, inputs) -> the recurrent layers, given by option 'recurrent' or by its short form
function layers.of(declaration, options, inputs)
  local given, wanted, fname = options.recurrent, layers.inputs(options), declaration.fname
  if given == nil then
    return require(CELLS[options.cell])(inputs, options.units, { layers = options.layers,
      bidirectional = options.bidirectional, dropout = options.layers ~= 1 and options.dropout or nil })
  end
  for _, name in ipairs(SHORT) do
    declaration:effect(options, name, false, "option 'recurrent' is the layers")
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
    if recurrent:_counts() and core.is_tensor(states[1]) and not states[2] then states = { { states[1] } } end
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

return layers

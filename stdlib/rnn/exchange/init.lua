-- exchange/init.lua: models of other programs, brought here. What a file says is made into a list of layers (plan.lua),
-- of that a model and its Lua text, and both are held against a batch that the other program has computed.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local precision = require("rnn.precision").precision
local Module = require "rnn.nn.module"
local plan = require "rnn.exchange.plan"

local exchange = {}

local OPTIONS = option.of("rnn.import", {
  { "check", nil, check.string, "a file check.npz that the recipe has written: x, y and, of PyTorch, what ran" },
  { "chain", nil, check.string, "of a PyTorch state dict: what runs when, \"embed lstm last fc\"" },
  { "key", nil, check.string, "of a PyTorch checkpoint: which of its dictionaries is the state dict" },
  { "config", nil, check.string, "of a .weights.h5 file: model.to_json() of the Keras model, in a file" },
})

-- ---- sources ----

-- What is in the file of --check.
local function read_check(path)
  local read, message = core.npz_read(path)
  if not read then core.fail("--check: %s", message) end
  if not read.x or not read.y then core.fail("--check: %s: it has no x and y", path) end
  for _, file in ipairs(core.bundle_read(path, math.maxinteger, true) or {}) do
    if file.name == "y.npy" then read.half = file.bytes:find("^.-'descr': '[<>]f2'") ~= nil end
  end
  if not read.recorded then return read end
  local bytes = {}
  for i, n in ipairs(read.recorded:totable()) do bytes[i] = string.char(n & 255) end
  local recorded, why = core.json_decode(table.concat(bytes))
  if not recorded then core.fail("--check: %s: what was recorded: %s", path, why) end
  return { x = read.x, y = read.y, half = read.half, recorded = recorded }
end

local function sorted(tensors)
  local names = {}
  for name in pairs(tensors) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function read_torch(path, options, given)
  local tensors, names, taken
  if path:find "%.safetensors$" then
    local metadata
    tensors, metadata = core.archive_read(path)
    if not tensors then core.fail("%s", metadata) end
    if metadata["rnnlua.config"] then core.fail "a model of rnnlua: rnn.load reads it" end
    names = sorted(tensors)
  else
    tensors, names, taken = require "rnn.exchange.torch_file".read(path, options.key)
  end
  local torch = require "rnn.exchange.torch"
  local notes = taken and { ("of the file, '%s' was taken"):format(taken) } or {}
  local modules, by_name = torch.modules(tensors, names, notes)
  local steps, x, y
  local recorded = given and given.recorded
  if options.chain then steps = torch.chain(options.chain, by_name)
  elseif recorded then steps, x, y = require "rnn.exchange.recording".read(recorded, given.x)
  else steps = torch.only(modules) end
  local layers = torch.layers(modules, by_name, steps, notes)
  return { from = "PyTorch" .. (recorded and " " .. tostring(recorded.torch):match "^[%w.+-]*" or ""), layers = layers,
    axes_of_x = x, axes_of_y = y, notes = notes }
end

local READERS = { pt = read_torch, pth = read_torch, bin = read_torch, safetensors = read_torch }
for _, name in ipairs { "keras", "h5", "hdf5" } do
  READERS[name] = function(...) return require "rnn.exchange.keras".read(...) end
end

-- ---- the check ----

-- Axes in our order: batch, time, features.
local function ours(t, axes)
  if not axes or #axes ~= t:ndim() or axes:find "[m1]" then return t end
  local order = {}
  for _, letter in ipairs { "n", "t", "c" } do
    local at = axes:find(letter, 1, true)
    if at then order[#order + 1] = at end
  end
  return t:ndim() > 1 and t:permute(table.unpack(order)) or t
end

-- Steps behind lengths are 0 here, and whatever they like elsewhere.
local function difference(mine, theirs)
  if mine:count() ~= theirs:count() then
    core.fail("the model makes %s of the batch, and made %s there", check.shape(mine), check.shape(theirs))
  end
  local lengths = mine:lengths()
  theirs = theirs:reshape(mine:shape())
  if lengths then theirs = theirs:with_lengths(lengths):zero_padding():without_lengths() end
  mine = lengths and mine:zero_padding():without_lengths() or mine
  if mine:is_finite():min():item() == 0 or theirs:is_finite():min():item() == 0 then return math.huge, math.huge end
  return (mine - theirs):abs():max():item(), theirs:abs():max():item()
end

local ROOM <const>, HALF <const> = 1e-5, 1e-2 -- of the largest output; where that is in half precision

-- What the model makes of the batch against what was made there.
local function verify(model, source, given)
  local x, y = given.x, given.y
  if source.ids then x = (x:type() == "int32" and x or x:to_int()) + 1 -- ids count from 1 here
  elseif x:type() == "int32" then x = x:to_float() end
  x = ours(x, source.axes_of_x)
  if x:ndim() == 2 and source.axes_of_x == "nt" and not source.ids then x = x:unsqueeze(3) end
  y = ours(y:type() == "int32" and y:to_float() or y, source.axes_of_y)
  local mine = precision(core.precision, core.no_grad, model.forward, model, x)
  return difference(mine, y)
end

-- ---- what is written ----

local function stem(path) return (path:gsub("%.%w+$", ""):gsub("%.weights$", "")) end

local function lua_text(name, source, about)
  local lines = { ("-- %s.lua: %s, a model of %s, brought here by rnnlua %s."):format(name, about.file, about.from,
    core.version), "-- " .. (about.verified or "UNVERIFIED: nothing was compared with what it computes there.") }
  for _, note in ipairs(source.notes) do
    lines[#lines + 1] = ("-- Note: %s."):format((note:gsub("[%c\x7f]", "?")))
  end
  if source.ids then lines[#lines + 1] = "-- Ids count from 1 here: one more than there." end
  return ([[
%s

local rnn = require "rnn"
local nn = rnn.nn

local model = %s

local folder = debug.getinfo(1, "S").source:match "^@(.*/)" or ""
assert(rnn.load(folder .. %q, model))
return model:eval()
]]):format(table.concat(lines, "\n"), plan.text(source.layer), name .. ".safetensors")
end

-- Ids count from 1 here: what an embedding takes has to be what the model takes.
local function refuse_embeddings(layer, first)
  if layer.class == "Embedding" and layer ~= first then
    core.fail("'%s' is an embedding of what another layer gives, which has no counterpart here", layer.from or "?")
  end
  for _, inner in ipairs(layer.args or {}) do
    if type(inner) == "table" then
      for _, each in ipairs(inner.class and { inner } or inner) do
        if type(each) == "table" then refuse_embeddings(each, first) end
      end
    end
  end
end

-- The source as one layer.
local function whole(source)
  local layers = source.layers
  if #layers == 0 then core.fail "a model without layers" end
  source.layer = { class = "Sequential", args = { layers } }
  local first = layers[1].class == "Masking" and layers[2] or layers[1]
  source.ids = first and first.class == "Embedding"
  refuse_embeddings(source.layer, first)
end

local function bring(path, options)
  local kind = path:match "%.(%w+)$"
  local reader = READERS[kind and kind:lower()]
  if not reader then
    core.fail "its name ends in none of .pt .pth .bin .safetensors .keras .weights.h5 .h5"
  end
  local given = options.check and read_check(options.check)
  local source = reader(path, options, given)
  whole(source)
  local ok, model = pcall(plan.build, source.layer)
  if not ok then core.fail("its layers do not make a model: %s", (tostring(model):gsub("^[^\n]-:%d+: ", "", 1))) end
  local about = { file = path:match "[^/]*$":gsub("%c", "?"), sha256 = core.file_sha256(path), from = source.from,
    notes = source.notes, ids = source.ids, verified = false }
  if given then
    local worst, size = verify(model, source, given)
    if worst > (given.half and HALF or ROOM) * math.max(size, 1) then
      core.fail("it is another model: its outputs differ from those of the batch by %.2g, of %.2g%s", worst, size,
        #source.notes > 0 and " (" .. table.concat(source.notes, "; ") .. ")" or "")
    end
    about.worst = worst
    about.verified = ("Verified: on a batch its outputs differ from those of %s%s by at most %.2g, of %.2g."):format(
      source.from, given.half and ", which are float16," or "", worst, size)
  end
  return model, about, source
end

--- exchange.bring(path, options) -> model, about, source | nil, message
---
--- The model of a file of another program. about: file, sha256, from, verified (false, or a sentence with what was
--- compared), worst (the largest difference), notes, ids (the model takes ids, which count from 1).
---@param path string
---@param options? table check, chain, key, config
function exchange.bring(path, options)
  options = OPTIONS:read(options)
  local ok, model, about, source = pcall(bring, path, options)
  if not ok then return nil, (tostring(model):gsub("^[^\n]-:%d+: ", "", 1)) end
  return model, about, source
end

-- A Lua file that somebody else has written.
local function is_foreign(path)
  local file = io.open(path)
  local line = file and (file:read() or "")
  if file then file:close() end
  return line and not line:find("brought here by rnnlua", 1, true)
end

--- exchange.file(path, name, options) -> about | nil, message: what rnnlua import does.
---
--- Writes name.safetensors and name.lua. Nothing is written where something fails, or the check does.
function exchange.file(path, name, options)
  name = name or stem(path)
  if name .. ".safetensors" == path then name = name .. ".rnnlua" end
  if is_foreign(name .. ".lua") then return nil, ("%s.lua is there already: -o says another name"):format(name) end
  local model, about, source = exchange.bring(path, options)
  if not model then return nil, about end
  local short = name:match "[^/]*$"
  local done, message = require "rnn.save".save(name .. ".safetensors", model, { imported = { file = about.file,
    sha256 = about.sha256, from = about.from, verified = about.verified, notes = about.notes } })
  if done then done, message = core.file_write(name .. ".lua", lua_text(short, source, about)) end
  if not done then return nil, message end
  about.name = name
  return about
end

-- ---- back again ----

local function check_model(fname, model, path)
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model", model) end
  check.string(fname, "argument 2 (path)", path)
  model:_in_float(fname)
  return path
end

--- rnn.export_torch_state(model, path) -> Python | nil, message, code
---
--- Writes a state dict that PyTorch loads: safetensors where path ends so, else as torch.save does (model.pt). The
--- result is the text of a Python program: the class that the state dict is of, and the strict loading of it. Batches
--- are the first axis there, too; ids count from 0. Layers: nn.Sequential, Linear, Embedding, RNN, LSTM, GRU,
--- LayerNorm, BatchNorm, Conv1d, pooling, Flatten, RepeatVector, TimeDistributed, Dropout, activations. Errors: a
--- layer or an option that PyTorch has not, which is named: peepholes, reset = "before", layer_norm, zoneout ...;
--- weights in bf16 or int8.
---@param model nn.Module
---@param path string
---@return string|nil
---@return string? message
---@return string? code
function exchange.export_torch_state(model, path)
  check_model("rnn.export_torch_state", model, path)
  return core.no_grad(require "rnn.exchange.to_torch", model, path)
end

local KERAS = option.of("rnn.export_keras_weights", {
  { "steps", nil, option.int(1), "steps of a sequence, where all have as many; nn.Flatten needs it" },
})

--- rnn.export_keras_weights(model, path [, options]) -> Python | nil, message, code
---
--- Writes a file that load_weights of Keras 3 takes; path ends in .weights.h5. The result is the text of a Python
--- program: the keras.Sequential that it is of, and the loading of it. Ids count from 0 there. Layers: those of
--- rnn.export_torch_state, and nn.Masking. Errors: another path; a layer or an option that Keras has not, which is
--- named: peepholes, projection, layer_norm, residual, zoneout ...; weights in bf16 or int8.
---@param model nn.Module
---@param path string
---@param options? rnn.export_keras_weights.Options
---@return string|nil
---@return string? message
---@return string? code
function exchange.export_keras_weights(model, path, options)
  local fname = "rnn.export_keras_weights"
  options = KERAS:read(options)
  if not check_model(fname, model, path):find "%.weights%.h5$" then
    check.expected(fname, "argument 2 (path)", "a name that ends in .weights.h5, as Keras wants it", path)
  end
  return core.no_grad(require "rnn.exchange.to_keras", model, path, options)
end

return exchange

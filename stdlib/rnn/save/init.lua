-- save/init.lua: models in safetensors files, which PyTorch and others read as they are: tensors have the names of
-- state_dict. The metadata carry the architecture as data, so that rnn.load needs no script:
--
--   format = "rnnlua", rnnlua.version, rnnlua.config (JSON; absent where a layer cannot be built from data: then
--   rnnlua.no_config says why), rnnlua.frozen (JSON, the names of frozen parameters, if any), rnnlua.forms (JSON, the
--   form of each tensor that is in another than float; those in int8 have scales/NAME beside them), rnnlua.extra (JSON;
--   its tensors are named extra/...), rnnlua.run (JSON: script, its SHA-256, seed, folder of the run, which the model
--   comes from), and in checkpoints rnnlua.precision and rnnlua.checksum, of everything else in the file

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local record = require "rnn.record"
local Module = require "rnn.nn.module"
local architecture = require "rnn.save.architecture"
local pack = require "rnn.save.pack"

local save = {}

--- save.config(model) -> the architecture as JSON | nil, why there is none
function save.config(model)
  local config, reason = architecture.of(model)
  if not config then return nil, reason end
  return core.json_encode(config, { sort = true })
end

-- Scales of an int8 tensor, which is whole numbers times these, row by row.
local function scales_of(tensor)
  return tensor:abs():max(2) / 127
end

-- What is in the file: tensors by their names, texts by theirs. in_forms: tensors are written in their forms, and not
-- all as they are in memory.
local function contents(model, extra, in_forms)
  local tensors, forms = {}, {}
  for _, pair in ipairs((model:named_tensors())) do
    tensors[pair[1]] = pair[2]
    local form = pair[2]:type() == "float" and core.form(pair[2]) or "float"
    if form ~= "float" then forms[pair[1]] = form end
    if form == "int8" and in_forms then tensors["scales/" .. pair[1]] = scales_of(pair[2]) end
  end
  local metadata = { format = "rnnlua", ["rnnlua.version"] = core.version }
  local config, reason = save.config(model)
  metadata["rnnlua.config"], metadata["rnnlua.no_config"] = config, reason
  if next(forms) and in_forms then metadata["rnnlua.forms"] = core.json_encode(forms, { sort = true }) end
  local frozen = model:frozen()
  if #frozen > 0 then metadata["rnnlua.frozen"] = core.json_encode(frozen) end
  if extra ~= nil then
    check.table("rnn.save", "argument 3 (extra)", extra)
    metadata["rnnlua.extra"] = core.json_encode(pack.dump("rnn.save", extra, "extra/", tensors), { sort = true })
  end
  return tensors, metadata
end

local function checksum(tensors, metadata)
  local lines = {}
  for name, tensor in pairs(tensors) do lines[#lines + 1] = ("%s %016x"):format(name, core.checksum(tensor)) end
  for key, text in pairs(metadata) do
    if key ~= "rnnlua.checksum" then lines[#lines + 1] = ("%s: %s"):format(key, text) end
  end
  table.sort(lines)
  return ("%016x"):format(core.checksum(table.concat(lines, "\n")))
end

--- rnn.save(path, model [, extra]) -> true | nil, message, code
---
--- Writes the model's parameters, buffers and architecture to a safetensors file; the old file stays whole until the
--- new one is. extra is a table of anything that belongs to the model: scalers, vocabularies, states, notes.
---@param path string
---@param model nn.Module
---@param extra? table
---@return true|nil
---@return string? message
---@return string? code
function save.save(path, model, extra)
  check.string("rnn.save", "argument 1 (path)", path)
  if not Module.is(model) then check.expected("rnn.save", "argument 2 (model)", "a model", model) end
  return save.of_run(path, model, extra)
end

--- save.of_run(path, model, extra, run) -> true | nil, message, code: the same, for the model of the run in a folder.
function save.of_run(path, model, extra, run)
  local tensors, metadata = contents(model, extra, true)
  metadata["rnnlua.run"] = core.json_encode(record.provenance(run), { sort = true })
  return core.archive_write(path, tensors, metadata, true)
end

--- save.checkpoint(path, model, extra) -> true | nil, message, code: the same, with a checksum.
function save.checkpoint(path, model, extra)
  local tensors, metadata = contents(model, extra)
  metadata["rnnlua.precision"] = core.precision
  metadata["rnnlua.checksum"] = checksum(tensors, metadata)
  return core.archive_write(path, tensors, metadata)
end

local function format_error(path, message)
  -- Constructors put the position of the script in front, which is not where the fault is.
  return nil, ("rnn.load: '%s': %s"):format(path, tostring(message):gsub("^[^\n]-:%d+: ", "", 1)), "EFORMAT"
end

local function from_json(text)
  if text == nil then return nil end
  local value, message = core.json_decode(text)
  if type(value) ~= "table" then core.fail("metadata: %s", message or "not a JSON object") end
  return value
end

-- Weights and the extra table of what was read, both with its metatable, which answers for tensors of a type that is
-- not read.
local function parts(tensors, metadata)
  local weights, beside = setmetatable({}, getmetatable(tensors)), setmetatable({}, getmetatable(tensors))
  for name, tensor in pairs(tensors) do
    (name:find("^extra/") and beside or weights)[name] = tensor
  end
  local extra = from_json(metadata["rnnlua.extra"])
  return weights, extra and pack.load(extra, beside)
end

-- Freezes what was frozen when the file was written.
local function freeze(model, frozen)
  for _, name in ipairs(frozen or {}) do check.string("rnn.load", "the name of a frozen parameter", name) end
  model:_freeze(frozen or {})
end

-- Those tensors in the weights of a file that are whole numbers become what they stand for.
local function widen(weights, forms)
  for name, form in pairs(forms or {}) do
    check.one_of("rnn.load", "the form of a tensor", form, { "bf16", "int8" })
    if form == "int8" then
      local whole, scales = weights[name], weights["scales/" .. name]
      if not whole or not scales or whole:ndim() ~= 2 or scales:ndim() ~= 1 or #whole ~= #scales then
        core.fail("'%s' is said to be int8, and the file has no such whole numbers and scales", name)
      end
      weights[name], weights["scales/" .. name] = whole:to_float() * scales:reshape(#scales, 1), nil
    end
  end
end

-- Puts tensors into the forms that they had when the file was written.
local function set_forms(model, forms)
  for _, pair in ipairs(forms and model:named_tensors() or {}) do
    if forms[pair[1]] ~= nil then core.form(pair[2], forms[pair[1]]) end
  end
end

--- save.freeze(model, frozen): the parameters of those names are frozen, and no others.
function save.freeze(model, frozen)
  if #model:frozen() > 0 then model:unfreeze() end
  freeze(model, frozen)
end

--- save.read(path) -> weights, extra, config, sealed, frozen
---
--- What is in a file, put into no model. config is the architecture as JSON; sealed: it has a checksum, which is right;
--- frozen: a list of names, or nil.
--- Raises for a file that cannot be read, is damaged, has been altered since its checksum was made, or is of the other
--- precision.
function save.read(path)
  local tensors, metadata = core.archive_read(path)
  if not tensors then core.fail("%s", metadata) end
  local stated, precision = metadata["rnnlua.checksum"], metadata["rnnlua.precision"]
  if precision and precision ~= core.precision then
    core.fail("it was computed in %s, and this program computes in %s", precision, core.precision)
  end
  if stated and stated ~= checksum(tensors, metadata) then
    core.fail("it is not as it was written: its content has another checksum than the one in it")
  end
  local weights, extra = parts(tensors, metadata)
  return weights, extra, metadata["rnnlua.config"], stated ~= nil, from_json(metadata["rnnlua.frozen"])
end

local function restore(path, model, classes, tensors, metadata)
  local weights, extra = parts(tensors, metadata)
  local forms = from_json(metadata["rnnlua.forms"])
  widen(weights, forms)
  if not model then
    local config = from_json(metadata["rnnlua.config"])
    if not config then
      core.fail("%s. Make the model with its script, then rnn.load('%s', model) fills it by model:load_state_dict",
        metadata["rnnlua.no_config"] or "the file holds tensors but no architecture", path)
    end
    model = architecture.build(config, weights, classes)
  end
  model:load_state_dict(weights)
  freeze(model, from_json(metadata["rnnlua.frozen"]))
  set_forms(model, forms)
  return model, extra
end

-- Puts the classes in a table, and in tables in it, into classes by their names. What else is there is no matter: a
-- module has functions, and require gives a file's name as well.
local function find_classes(given, classes, seen)
  seen[given] = true
  for key, item in next, given do
    if class.derives(item, Module) then
      classes[item.__name] = item
      if type(key) == "string" then classes[key] = item end
    elseif type(item) == "table" and not getmetatable(item) and not seen[item] then
      find_classes(item, classes, seen)
    end
  end
  return classes
end

local LOAD = option.of("rnn.load", {
  { "classes", nil, check.table, "classes of the script's own: { MyCell = class }, or { require \"mycells\" }" },
})

--- rnn.load(path [, model or options]) -> model, extra | nil, message, code
---
--- Rebuilds a model saved by rnn.save, in training mode (call model:eval() before using it), and the extra table. What
--- was frozen is. Loading never runs code of the file: it makes built-in layers, and those of classes that the script
--- has defined before, by nn.module and nn.cell, with the arguments that the file has. Classes of modules are given by
--- rnn.load(path, { classes = { require "mycells" } }), or by name, { MyCell = class }; the file holds the name of the
--- module that had them. Weights of other models, or from another framework, are loaded into a model given as second
--- argument (by model:load_state_dict).
---@param path string
---@param model? nn.Module|rnn.load.Options
---@return nn.Module|nil
---@return table|string|nil extra
---@return string? code
function save.load(path, model)
  check.string("rnn.load", "argument 1 (path)", path)
  local classes = {}
  if model ~= nil and not Module.is(model) then
    if type(model) ~= "table" or getmetatable(model) then
      check.expected("rnn.load", "argument 2 (model)", "a model, or a table of options", model)
    end
    local given = LOAD:read(model).classes or {}
    classes, model = find_classes(given, {}, {}), nil
    if next(given) and not next(classes) then
      check.expected("rnn.load", "option 'classes'", "classes of nn.cell or nn.module", given)
    end
  end
  local tensors, metadata, code = core.archive_read(path)
  if not tensors then return nil, metadata, code end
  local ok, loaded, extra = pcall(restore, path, model, classes, tensors, metadata)
  if not ok then return format_error(path, loaded) end
  return loaded, extra
end

return save

-- module.lua: what every layer and model is. Nothing is registered: parameters are found by walking the fields of
-- the object, so plain assignment (self.wx = nn.Linear(2, 3)) is all it takes to own a layer or a tensor.
--
-- The walk visits integer keys in order, then string keys in alphabetical order, through modules and plain tables.
-- A tensor that requires a gradient is a parameter, and stays one when it is frozen; any other tensor is a buffer
-- (running means). Its name is the path to it, with dots: "encoder.1.weight_ih_l0". What forward leaves in a field,
-- self.hidden = h, is neither: results of ops are no parameters, and buffers are those that were there when the object
-- was made, or were put into it since, not by the forward of a module. Where forward puts another tensor in place of a
-- buffer, that is its new value if it has the same shape and no history; else the buffer is what it was before. In the
-- place of a parameter only another one may be put.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local beside = require "rnn.beside"
local guard = require "rnn.guard"
local nest = require "rnn.nest"
local scripted = require "rnn.nn.scripted"

--- nn.Module(fields) -> module
---
--- Base of all layers. Called with a table of fields it makes a plain container, so that parts which a script wires up
--- itself can be trained and saved together: nn.Module { embed = embed, lstm = lstm, head = head }. nn.module defines
--- classes of one's own. layer(x, ...) calls layer:forward(x, ...). A tensor in a field that requires a gradient is a
--- parameter, any other a buffer, which is saved too. A tensor that forward, step or loss puts into a field of this or
--- another module (self.hidden = h) is neither; in place of a buffer it is its new value, if shapes are equal and it
--- has no history: self.mean = 0.9 * self.mean + 0.1 * x:mean(1):detach().
--- Errors: a constructor that leaves the result of an op in a field, which an optimiser could not train.
---@class nn.Module
---@field training boolean true between :train() and :eval(); what Dropout and BatchNorm look at
---@overload fun(fields: table): nn.Module
local Module = class("nn.Module")

Module.training = true

function Module:init(fields)
  check.table("nn.Module", "argument 1 (fields)", fields)
  for key, value in pairs(fields) do self[key] = value end
end

function Module.__call(self, ...)
  return self:forward(...)
end

-- What is made or called in several draws is all or nothing: a local value to be closed, after which, on an error, the
-- random numbers are where they were, so that another try has the same.
local undo = {}
function undo.__close(before, failure)
  if failure ~= nil then core.random_state { seed = core.random_state().seed, position = before[1] } end
end
function Module._undo_draws() return setmetatable({ core.random_position() }, undo) end

--- module:forward(x, ...)
---
--- What calling the module does; every layer has its own. Errors: a class without one.
function Module:forward(...) -- luacheck: no unused args
  core.fail("%s: has no forward of its own, so it cannot be called", self:describe())
end

--- module:describe() -> string
---
--- One line that says what it is: "nn.LSTM(64 -> 128)".
---@return string
function Module:describe()
  return getmetatable(self).__name
end

--- nn.Module.is(value) -> boolean
---
--- Whether a value is a module.
---@param value any
---@return boolean
function Module.is(value)
  return class.is_a(value, Module)
end

-- module -> path in it, through plain tables -> the tensor or module there that is its own
local owned = setmetatable({}, { __mode = "k" })
-- parameter that freeze has made rest -> true, which a script may have ended by p:requires_grad(true)
local frozen = setmetatable({}, { __mode = "k" })

local function is_frozen(p) return frozen[p] and not p:requires_grad() end

local function is_parameter(t) return t:is_leaf() and (t:requires_grad() or frozen[t]) end

-- Calls visit(path, value) for the tensors and modules below value, not through modules.
local function parts_below(value, path, visit, open)
  if core.is_tensor(value) or Module.is(value) then
    visit(path, value)
  elseif type(value) == "table" and not getmetatable(value) and not open[value] then
    open[value] = true
    for key, inner in pairs(value) do
      if type(key) == "string" or type(key) == "number" then parts_below(inner, path .. "." .. key, visit, open) end
    end
    open[value] = nil
  end
end

-- The object is made: its tensors are its own, and its layers those of its constructor, which may also have given other
-- layers to those that it made itself.
function Module:_made()
  local paths = {}
  for key, value in pairs(self) do
    parts_below(value, tostring(key), function(path, part)
      if core.is_tensor(part) and not part:is_leaf() then
        core.fail("%s: field '%s' is the result of an op, which an optimiser cannot train; let requires_grad(true) be "
          .. "the last that is done to a parameter, or take detach()", self:describe(), path)
      end
      paths[path] = part
    end, {})
  end
  owned[self] = paths
  local arguments, given = scripted.arguments(self), { [self] = true }
  if not arguments then return end
  parts_below(arguments, "", function(_, part)
    for _, pair in ipairs(Module.is(part) and part:modules() or {}) do given[pair[2]] = true end
  end, {})
  for _, pair in ipairs(self:modules()) do
    local part = pair[2]
    if owned[part] and not given[part] then
      part:_changed_layers(function(path, layer) owned[part][path] = layer end)
    end
  end
end

-- Is one of these methods of a module running?
local function running(...)
  for level = 3, 200 do
    local info = debug.getinfo(level, "f")
    if not info then return false end
    local _, self = debug.getlocal(level, 1)
    for i = 1, Module.is(self) and select("#", ...) or 0 do
      if info.func == guard.inner(self[select(i, ...)]) then return true end
    end
  end
end

function Module.__newindex(self, key, value)
  rawset(self, key, value)
  local paths = owned[self]
  if not paths or type(value) ~= "table" and not core.is_tensor(value) then return end
  local from_outside, constructs = not running("forward", "step", "loss"), running "init"
  parts_below(value, tostring(key), function(path, part)
    local is_own = constructs
    if core.is_tensor(part) then is_own = from_outside and part:is_leaf() end
    if is_own then paths[path] = part end
  end, {})
end

-- Calls visit(path, layer, made) for each path at which the module has another layer than its constructor made: layer
-- is nil where one is gone, made is nil where there was none.
function Module:_changed_layers(visit)
  local now, made = {}, owned[self] or {}
  for key, value in pairs(self) do
    parts_below(value, tostring(key), function(path, part)
      if Module.is(part) then now[path] = part end
    end, {})
  end
  for path, layer in pairs(now) do
    if made[path] ~= layer then visit(path, layer, Module.is(made[path]) and made[path] or nil) end
  end
  for path, layer in pairs(made) do
    if Module.is(layer) and not now[path] then visit(path, nil, layer) end
  end
end

-- Of the tensor at a path of a module the one that is its own there, or nil.
local function own_tensor(module, path, t)
  local paths = owned[module]
  local own = paths and paths[path]
  if own == t or not paths then return t end
  if is_parameter(t) then
    if own then paths[path] = t end
    return t
  end
  if not core.is_tensor(own) then return own and t:is_leaf() and t or nil end
  if is_parameter(own) then
    core.fail("%s: '%s' was a parameter, and another tensor is there now, which nothing would train; write values "
      .. "into a parameter by assign, or let the other one require a gradient", module:describe(), path)
  end
  if not t:is_leaf() or own:type() ~= t:type() or check.shape(own) ~= check.shape(t) then return own end
  paths[path] = t
  return t
end

-- The keys of a table under which tensors, modules and tables are, in their order.
local function keys_of(holder)
  local keys = {}
  for key, value in pairs(holder) do
    local kind = type(value)
    if (kind == "table" or kind == "userdata") and (type(key) == "string" or type(key) == "number") then
      keys[#keys + 1] = key
    end
  end
  return nest.sort(keys)
end

-- All tensors and modules below a module, depth first: an array of { name, value }. The tables on the way down are a
-- chain, so that a field that points upwards ends it; a table met twice on different ways is walked twice. at is the
-- way from the module above.
local function walk(top)
  local list = {}
  local here = { holder = top, keys = keys_of(top), i = 0, prefix = "", module = top, at = "" }
  while here do
    here.i = here.i + 1
    local key = here.keys[here.i]
    local value, name = here.holder[key], key and here.prefix .. key
    if key == nil then
      here = here.above
    elseif core.is_tensor(value) then
      local own = own_tensor(here.module, here.at .. key, value)
      if own then list[#list + 1] = { name, own } end
    elseif type(value) == "table" then
      local open, is_module = here, Module.is(value)
      while open and open.holder ~= value do open = open.above end
      if is_module and not open then list[#list + 1] = { name, value } end
      if not open and (is_module or not getmetatable(value)) then
        here = { holder = value, keys = keys_of(value), i = 0, prefix = name .. ".", above = here,
          module = is_module and value or here.module,
          at = is_module and "" or here.at .. key .. "." }
      end
    end
  end
  return list
end

--- module:modules() -> array of { name, module }
---
--- The module itself, under the name "", and all modules below it, each once.
---@return { [1]: string, [2]: nn.Module }[]
function Module:modules()
  local list, seen = { { "", self } }, { [self] = true }
  for _, pair in ipairs(walk(self)) do
    local value = pair[2]
    if not core.is_tensor(value) and not seen[value] then
      seen[value] = true
      list[#list + 1] = pair
    end
  end
  return list
end

--- module:named_tensors() -> array of { name, tensor }, aliases
---
--- Parameters and buffers, each once under its first name; aliases maps every further name to the first.
--- Tensors of any shape. Errors: two tensors of one name, as in { a, ["1"] = b }.
---@return { [1]: string, [2]: rnn.Tensor }[]
---@return table<string, string>
function Module:named_tensors()
  local list, aliases, first, named = {}, {}, {}, {}
  for _, pair in ipairs(walk(self)) do
    local name, value = pair[1], pair[2]
    if core.is_tensor(value) then
      if named[name] then
        core.fail("%s: two tensors have the name '%s'; a key is a number or its digits, and has no dots",
          self:describe(), name)
      end
      named[name] = true
    end
    if first[value] then
      aliases[name] = first[value]
    elseif core.is_tensor(value) then
      first[value] = name
      list[#list + 1] = pair
    end
  end
  return list, aliases
end

--- module:named_parameters() -> array of { name, tensor }
---
--- The tensors that require a gradient, in a stable order; a tensor that two layers share comes once, one that is
--- frozen not at all.
--- Tensors of any shape.
---@return { [1]: string, [2]: rnn.Tensor }[]
function Module:named_parameters()
  local list = {}
  for _, pair in ipairs((self:named_tensors())) do
    if pair[2]:requires_grad() and pair[2]:is_leaf() then list[#list + 1] = pair end
  end
  return list
end

--- module:parameters() -> array of tensors
---
--- What an optimiser takes: the tensors of named_parameters().
---@return rnn.Tensor[]
function Module:parameters()
  local list = {}
  for i, pair in ipairs(self:named_parameters()) do list[i] = pair[2] end
  return list
end

--- module:train([on]) -> module
---
--- Switches the module and all below it to training (default) or, with false, to evaluation.
---@param on? boolean
---@return nn.Module
function Module:train(on)
  if on == nil then on = true end
  if type(on) ~= "boolean" then check.boolean(self:describe() .. ":train", "argument 1", on) end
  for _, pair in ipairs(self:modules()) do pair[2].training = on end
  return self
end

--- module:eval() -> module
---
--- The same as module:train(false): Dropout does nothing, BatchNorm uses its running statistics.
---@return nn.Module
function Module:eval()
  return self:train(false)
end

-- Results of f(...), called with the module in evaluation mode and nothing recorded; then each of its modules is as it
-- was, even when an error ended it.
function Module:_evaluated(fname, f, ...)
  local modules, modes = self:modules(), {}
  for i, pair in ipairs(modules) do
    modes[i] = rawget(pair[2], "training")
    rawset(pair[2], "training", false)
  end
  return core.finally(fname, function()
    for i, pair in ipairs(modules) do rawset(pair[2], "training", modes[i]) end
  end, core.no_grad, f, ...)
end

-- Every parameter, frozen or not, under all its names: an array of { names, tensor }.
local function all_parameters(self)
  local list, places = {}, {}
  local tensors, aliases = self:named_tensors()
  for _, pair in ipairs(tensors) do
    if is_parameter(pair[2]) then
      places[pair[1]] = { { pair[1] }, pair[2] }
      list[#list + 1] = places[pair[1]]
    end
  end
  for alias, name in pairs(aliases) do
    if places[name] then table.insert(places[name][1], alias) end
  end
  return list
end

-- Has one of the names the pattern in it?
local function matches(fname, names, pattern)
  for _, name in ipairs(names) do
    local ok, found = pcall(string.find, name, pattern)
    if not ok then core.fail("%s: '%s' is no pattern of Lua: %s", fname, pattern, found) end
    if found then return true end
  end
  return false
end

-- Calls f(tensor) for the parameters that a pattern finds, without patterns for all.
local function each_matching(self, fname, f, ...)
  local list = all_parameters(self)
  local patterns = select("#", ...) > 0 and { ... } or { "" }
  for i = 1, math.max(select("#", ...), 1) do
    local pattern, any = check.string(fname, ("argument %d"):format(i), patterns[i]), false
    for _, entry in ipairs(list) do
      if matches(fname, entry[1], pattern) then
        any = true
        f(entry[2])
      end
    end
    if not any then
      core.fail("%s: no parameter's name has '%s' in it; model:named_parameters() lists them", fname, pattern)
    end
  end
  return self
end

local function freeze(p)
  p:requires_grad(false)
  p:zero_grad()
  frozen[p] = true
end

local function unfreeze(p)
  if frozen[p] then p:requires_grad(true) end
  frozen[p] = nil
end

--- module:freeze(pattern, ...) -> module
---
--- Parameters in whose name Lua finds one of the patterns rest: they require no gradient, parameters() leaves them out,
--- and no optimiser changes them, until unfreeze. model:freeze("^encoder%.") freezes the layer encoder, and without a
--- pattern all parameters rest. A parameter that is shared is found by each of its names. rnn.save and checkpoints keep
--- what is frozen. Buffers go on: layer:eval() is what stops the running means of nn.BatchNorm.
--- Errors: a pattern that no name has in it.
---@param ... string patterns of Lua
---@return nn.Module
function Module:freeze(...)
  return each_matching(self, self:describe() .. ":freeze", freeze, ...)
end

--- module:unfreeze(pattern, ...) -> module
---
--- The parameters that freeze has frozen, and in whose name Lua finds one of the patterns, are trained again; without a
--- pattern all of them. An optimiser has those that it was given: make it before freeze, or anew.
--- Errors: a pattern that no parameter's name has in it.
---@param ... string patterns of Lua
---@return nn.Module
function Module:unfreeze(...)
  return each_matching(self, self:describe() .. ":unfreeze", unfreeze, ...)
end

--- module:frozen() -> array of names
---
--- The parameters that are frozen, by their first names, in the order of named_tensors().
---@return string[]
function Module:frozen()
  local names = {}
  for _, entry in ipairs(all_parameters(self)) do
    if is_frozen(entry[2]) then names[#names + 1] = entry[1][1] end
  end
  return names
end

-- A copy of value; made has the copies so far, so that what is shared stays shared.
local function copy_of(value, made)
  if made[value] ~= nil then return made[value] end
  if core.is_tensor(value) then
    local copy = value:copy()
    if value:is_leaf() and value:requires_grad() then copy:requires_grad(true) end
    if core.form(value) ~= "float" then core.form(copy, core.form(value)) end
    made[value], frozen[copy] = copy, is_frozen(value)
    return copy
  end
  local meta = getmetatable(value)
  if type(value) ~= "table" or meta and not Module.is(value) then return value end
  local copy = {}
  made[value] = copy
  for key, item in next, value do copy[key] = copy_of(item, made) end
  scripted.same(copy, value)
  if owned[value] then
    owned[copy] = {}
    for path, part in pairs(owned[value]) do owned[copy][path] = copy_of(part, made) end
  end
  setmetatable(copy, meta)
  if copy._cloned then copy:_cloned() end
  return copy
end

--- module:clone() -> module
---
--- A module of the same structure with parameters and buffers of its own: what is shared within the module is shared
--- in the copy as well, frozen parameters are frozen, gradients are none, and training either changes nothing in the
--- other. Values that are neither layers, tensors nor plain tables, such as functions and vocabularies, are the same.
--- Who hears or watches a layer does not hear or watch its copy.
---@return nn.Module
function Module:clone()
  return copy_of(self, {})
end

--- module:zero_grad()
---
--- Forgets the gradients of all parameters.
function Module:zero_grad()
  for _, p in ipairs(self:parameters()) do p:zero_grad() end
end

--- module:quantise([options]) -> report
---
--- rnn.quantise(module, options): weights of eight bits, for inference.
---@param options? rnn.quantise.Options
---@return table
function Module:quantise(options)
  return beside.quantise()(self, options)
end

-- Freezes the parameters of these names.
function Module:_freeze(names)
  for _, name in ipairs(names) do self:freeze("^" .. name:gsub("%p", "%%%0") .. "$") end
end

--- module:to(precision) -> module
---
--- "bf16" rounds the weights, which are all tensors of two and more axes, to bfloat16: from then on every product with
--- one is in bf16 as rnn.precision says, in whole sequences, streams and training, and rnn.save writes them as BF16, in
--- half the size. Biases, norms, states, gates and sums stay float. "float" goes back to products in float and leaves
--- the values as they are. Training changes the float values, which products round anew; rnn.fit's checkpoints hold
--- them unrounded. Errors: another name; "bf16" with --double.
---@param precision "float"|"bf16"
---@return nn.Module
function Module:to(precision)
  local fname = self:describe() .. ":to"
  check.one_of(fname, "argument 1 (precision)", precision, { "float", "bf16" })
  if precision ~= "float" and core.precision ~= "float" then
    core.fail("%s: %s is for single precision; run without --double", fname, precision)
  end
  for _, pair in ipairs((self:named_tensors())) do
    local t = pair[2]
    if t:type() == "float" and t:ndim() >= 2 then core.form(t, precision) end
  end
  return self
end

-- Raises where products are in bf16 or int8, for what writes models that compute in float.
function Module:_in_float(fname)
  for _, pair in ipairs((self:named_tensors())) do
    local form = pair[2]:type() == "float" and core.form(pair[2]) or "float"
    if form ~= "float" then
      core.fail("%s: %s: products with '%s' are in %s, as %s makes them, and would be in float there: write the model "
        .. "as it was before, or behind model:to \"float\", which keeps the rounded weights", fname, self:describe(),
        pair[1], form, form == "int8" and "rnn.quantise" or "model:to \"bf16\"")
    end
  end
end

--- module:state_dict() -> table of tensors by name
---
--- A copy of all parameters and buffers: further training does not change it. Tensors of any shape.
---@return table<string, rnn.Tensor>
function Module:state_dict()
  local state = {}
  for _, pair in ipairs((self:named_tensors())) do state[pair[1]] = pair[2]:copy() end
  return state
end

local function missing_and_unexpected(tensors, aliases, state)
  local missing, unexpected, known = {}, {}, {}
  for _, pair in ipairs(tensors) do
    known[pair[1]] = true
    if state[pair[1]] == nil then missing[#missing + 1] = pair[1] end
  end
  for name in pairs(state) do
    if not known[name] and not aliases[name] then unexpected[#unexpected + 1] = tostring(name) end
  end
  table.sort(unexpected)
  return missing, unexpected
end

local LOADING = option.of("nn.Module:load_state_dict", {
  { "strict", true, check.boolean, "names that only one side has are an error" },
})

--- module:load_state_dict(state [, options]) -> missing, unexpected
---
--- Copies the tensors of a state_dict, or of a safetensors file of another framework, into the module. Names and
--- shapes must be equal, or with strict = false names on one side only are left alone and returned as two arrays.
--- Nothing is changed when it fails. Errors: names or shapes that differ.
---@param state table<string, rnn.Tensor>
---@param options? nn.Module.load_state_dict.Options
---@return string[] missing
---@return string[] unexpected
function Module:load_state_dict(state, options)
  local fname = self:describe() .. ":load_state_dict"
  check.table(fname, "argument 1 (state)", state)
  local strict = LOADING:read(options, fname).strict
  local tensors, aliases = self:named_tensors()
  local missing, unexpected = missing_and_unexpected(tensors, aliases, state)
  if strict and (#missing > 0 or #unexpected > 0) then
    core.fail("%s: names differ; missing in the state: %s; unknown to the model: %s", fname,
      #missing > 0 and table.concat(missing, ", ") or "none",
      #unexpected > 0 and table.concat(unexpected, ", ") or "none")
  end
  for _, pair in ipairs(tensors) do
    local name, mine, given = pair[1], pair[2], state[pair[1]]
    if given ~= nil then
      if not core.is_tensor(given) or given:type() ~= mine:type() or check.shape(given) ~= check.shape(mine) then
        core.fail("%s: '%s' is %s in the model, but %s in the state", fname, name, check.describe(mine),
          check.describe(given))
      end
    end
  end
  for _, pair in ipairs(tensors) do
    if state[pair[1]] ~= nil then pair[2]:assign(state[pair[1]]) end
  end
  return missing, unexpected
end

--- module:summary(size, ...)
---
--- Runs the module without recording on zeros of the given shape (or on a tensor, or a table of tensors, given instead)
--- and prints a table:
--- each layer, its output shape and its parameters, and the totals.
---@param ... integer|rnn.Tensor|table
function Module:summary(...)
  io.write(require("rnn.nn.summary")(self, ...))
end

--- module:input_type() -> "float"|"int32"
---
--- What type of tensor forward expects; summary asks.
---@return string
function Module:input_type() -- luacheck: no self
  return "float"
end

--- module:config() -> table | nil, reason
---
--- The architecture as data, for rnn.save: the name of the class and the arguments of its constructor. nil and why for
--- what rnn.load could not rebuild, such as layers defined by a script.
---@return table|nil
---@return string? reason
function Module:config()
  if getmetatable(self) ~= Module then
    return nil, ("%s is a script's own layer, and a file holds no code"):format(self:describe())
  end
  local fields = {}
  for key, value in pairs(self) do fields[key] = value end
  fields.training = nil
  return { class = "nn.Module", fields = fields }
end

local function children(module)
  local keys = {}
  for _, key in ipairs(keys_of(module)) do
    if Module.is(module[key]) then keys[#keys + 1] = key end
  end
  return keys
end

function Module.__tostring(self)
  local keys = children(self)
  if #keys == 0 then return self:describe() end
  local lines = { self:describe() .. " {" }
  for _, key in ipairs(keys) do
    local text = tostring(self[key]):gsub("\n", "\n  ")
    lines[#lines + 1] = ("  %s%s,"):format(type(key) == "number" and "" or key .. " = ", text)
  end
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n")
end

return Module

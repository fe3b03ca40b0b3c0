-- pickle.lua: a pickle as torch.save writes it, as data. A pickle is a program that names functions and calls them.
-- This machine knows the instructions that make containers, numbers and texts; of functions it knows those below, and
-- what they would make it describes. Everything else is refused by its name, and nothing is called.

local core = require "rnn.core"

local pickle = {}

-- Element types by the names of PyTorch's storages: as safetensors have them.
local STORAGES = {
  FloatStorage = "F32", DoubleStorage = "F64", HalfStorage = "F16", BFloat16Storage = "BF16", LongStorage = "I64",
  IntStorage = "I32", ShortStorage = "I16", CharStorage = "I8", ByteStorage = "U8", BoolStorage = "BOOL",
}

-- Instructions that other pickles have, for messages.
local REFUSED = {
  ["i"] = "INST", ["o"] = "OBJ", ["\x81"] = "NEWOBJ", ["\x92"] = "NEWOBJ_EX", ["\x82"] = "EXT1", ["\x83"] = "EXT2",
  ["\x84"] = "EXT4", ["P"] = "PERSID", ["I"] = "INT", ["L"] = "LONG", ["F"] = "FLOAT", ["S"] = "STRING",
  ["V"] = "UNICODE", ["g"] = "GET", ["p"] = "PUT", ["d"] = "DICT", ["l"] = "LIST", ["T"] = "BINSTRING",
  ["U"] = "SHORT_BINSTRING", ["\x96"] = "BYTEARRAY8", ["\x97"] = "NEXT_BUFFER", ["\x98"] = "READONLY_BUFFER",
}

local function refuse(...) core.fail("refused: " .. (...), select(2, ...)) end

-- ---- values ----

-- A list, a tuple or a set: { kind = "list", ... }. A dictionary: keys in their order, and values by key.
local function list(items)
  items.kind = "list"
  return items
end

local function dict() return { kind = "dict", keys = {}, values = {} } end

local function put(d, key, value)
  if type(d) ~= "table" or d.kind ~= "dict" then refuse "it sets an item of something that is no dictionary" end
  if key ~= key then refuse "a dictionary has a key that is not a number" end
  if d.values[key] == nil then d.keys[#d.keys + 1] = key end
  d.values[key] = value
end

local function is(value, kind) return type(value) == "table" and value.kind == kind end

local function integers(value, what)
  if not is(value, "list") then refuse("%s of a tensor is no tuple", what) end
  local copy = {}
  for i, n in ipairs(value) do
    if math.type(n) ~= "integer" or n < 0 then refuse("%s of a tensor has a part that is no natural number", what) end
    copy[i] = n
  end
  return copy
end

-- Of what stands beside tensors, a device or a layout, its name.
local function text_in(args)
  if type(args[1]) ~= "string" then refuse "a device or a layout that is no text" end
  return args[1]
end

-- What the functions would make of their arguments. The keys are the only names that a pickle may have.
local FUNCTIONS = {
  ["collections.OrderedDict"] = function(args)
    local made = dict()
    for _, pair in ipairs(args[1] ~= nil and is(args[1], "list") and args[1] or {}) do
      if not is(pair, "list") or pair[1] == nil then refuse "an OrderedDict of something that is no pair" end
      put(made, pair[1], pair[2])
    end
    return made
  end,
  ["torch._utils._rebuild_tensor_v2"] = function(args)
    local storage, offset = args[1], args[2]
    if not is(storage, "storage") or math.type(offset) ~= "integer" or offset < 0 then
      refuse "a tensor of something that is no storage"
    end
    local size, stride = integers(args[3], "the size"), integers(args[4], "the stride")
    if is(args[7], "dict") and #args[7].keys > 0 then refuse "a tensor that is the negative or conjugate of another" end
    if #size ~= #stride then refuse "a tensor whose size and stride are of different lengths" end
    return { kind = "tensor", storage = storage, offset = offset, size = size, stride = stride }
  end,
  ["torch._utils._rebuild_parameter"] = function(args)
    if not is(args[1], "tensor") then refuse "a parameter of something that is no tensor" end
    return args[1]
  end,
  ["torch.Size"] = function(args) return args[1] ~= nil and args[1] or list {} end,
  ["torch.device"] = text_in,
  ["torch.serialization._get_layout"] = text_in,
}

-- Types of elements, which are values: their names.
local TYPES = {}
for name in ([[float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64
  complex128]]):gmatch "%S+" do
  TYPES["torch." .. name] = true
end

local function global(module, name)
  local full = module .. "." .. name
  if FUNCTIONS[full] then return { kind = "function", name = full } end
  if TYPES[full] then return full end
  if module == "torch" and STORAGES[name] then return { kind = "type", name = name } end
  full = full:gsub("[%c\x7f-\xff]", "?"):sub(1, 100)
  if module == "__main__" or full:find "^torch%.nn%.modules" or full:find "^__torch__" then
    refuse("it needs the class %s: a whole model, whose code would have to run; save its weights alone, "
      .. "torch.save(model.state_dict(), \"model.pt\")", full)
  end
  refuse("it names %s, and nothing of that name is known or run; a state dict of tensors, numbers and texts needs none",
    full)
end

-- ---- the machine ----

local Machine = {}
Machine.__index = Machine

function Machine:take(n)
  local from = self.at
  if n < 0 or n > #self.text - from + 1 then core.fail "the pickle is cut off" end
  self.at = from + n
  return self.text:sub(from, from + n - 1)
end

function Machine:number(format, size) return (string.unpack(format, self:take(size))) end

function Machine:line()
  local to = self.text:find("\n", self.at, true)
  if not to then core.fail "the pickle is cut off" end
  local line = self.text:sub(self.at, to - 1)
  self.at = to + 1
  return line
end

function Machine:push(value)
  self.top = self.top + 1
  self.stack[self.top] = value
end

function Machine:pop()
  local floor = self.marks[#self.marks] or 0
  if self.top <= floor then core.fail "the pickle takes a value that is not there" end
  local value = self.stack[self.top]
  self.stack[self.top], self.top = nil, self.top - 1
  return value
end

-- What is above the last mark.
function Machine:above()
  local floor = table.remove(self.marks)
  if not floor then core.fail "the pickle has no mark where it needs one" end
  local items = table.move(self.stack, floor + 1, self.top, 1, {})
  for i = floor + 1, self.top do self.stack[i] = nil end
  self.top = floor
  return items
end

function Machine:peek()
  local value = self.stack[self.top]
  if self.top <= (self.marks[#self.marks] or 0) then core.fail "the pickle takes a value that is not there" end
  return value
end

function Machine:remember(n) self.memo[n] = self:peek() end

function Machine:recall(n)
  if self.memo[n] == nil then core.fail "the pickle recalls what it has not kept" end
  self:push(self.memo[n])
end

local function text_of(format, size)
  return function(m) m:push(m:take(m:number(format, size))) end
end

-- A whole number of any length; beyond 64 bits only about.
local function whole(bytes)
  if #bytes == 0 then return 0 end
  if #bytes <= 8 then return (string.unpack("<i" .. #bytes, bytes)) end
  local value = (bytes:byte(-1) ~ 0x80) - 0x80.0
  for i = #bytes - 1, 1, -1 do value = value * 256 + bytes:byte(i) end
  return value
end

local function tuple(n)
  return function(m)
    local items = {}
    for i = n, 1, -1 do items[i] = m:pop() end
    m:push(list(items))
  end
end

local function append(m, items)
  local to = m:peek()
  if not is(to, "list") then refuse "it appends to something that is no list" end
  for _, item in ipairs(items) do to[#to + 1] = item end
end

local OPCODES = {
  ["\x80"] = function(m)
    local version = m:take(1):byte()
    if version > 5 then core.fail("a pickle of protocol %d, where 2 to 5 are known", version) end
  end,
  ["\x95"] = function(m) m:take(8) end, -- FRAME
  ["N"] = function(m) m:push(core.null) end,
  ["\x88"] = function(m) m:push(true) end,
  ["\x89"] = function(m) m:push(false) end,
  ["J"] = function(m) m:push(m:number("<i4", 4)) end,
  ["K"] = function(m) m:push(m:number("<I1", 1)) end,
  ["M"] = function(m) m:push(m:number("<I2", 2)) end,
  ["\x8a"] = function(m) m:push(whole(m:take(m:number("<I1", 1)))) end,
  ["\x8b"] = function(m) m:push(whole(m:take(m:number("<i4", 4)))) end,
  ["G"] = function(m) m:push(m:number(">d", 8)) end,
  ["X"] = text_of("<I4", 4), ["\x8c"] = text_of("<I1", 1), ["\x8d"] = text_of("<i8", 8), -- texts
  ["B"] = text_of("<I4", 4), ["C"] = text_of("<I1", 1), ["\x8e"] = text_of("<i8", 8), -- bytes
  ["("] = function(m) m.marks[#m.marks + 1] = m.top end,
  ["0"] = function(m) m:pop() end,
  ["1"] = function(m) m:above() end,
  ["2"] = function(m) m:push(m:peek()) end,
  ["]"] = function(m) m:push(list {}) end,
  [")"] = function(m) m:push(list {}) end,
  ["\x8f"] = function(m) m:push(list {}) end, -- a set
  ["}"] = function(m) m:push(dict()) end,
  ["\x85"] = tuple(1), ["\x86"] = tuple(2), ["\x87"] = tuple(3),
  ["t"] = function(m) m:push(list(m:above())) end,
  ["\x91"] = function(m) m:push(list(m:above())) end, -- a frozen set
  ["a"] = function(m)
    local item = m:pop()
    append(m, { item })
  end,
  ["e"] = function(m) append(m, m:above()) end,
  ["\x90"] = function(m) append(m, m:above()) end, -- to a set
  ["s"] = function(m)
    local value, key = m:pop(), m:pop()
    put(m:peek(), key, value)
  end,
  ["u"] = function(m)
    local items = m:above()
    if #items % 2 == 1 then core.fail "the pickle has a key without a value" end
    local to = m:peek()
    for i = 1, #items, 2 do put(to, items[i], items[i + 1]) end
  end,
  ["q"] = function(m) m:remember(m:number("<I1", 1)) end,
  ["r"] = function(m) m:remember(m:number("<I4", 4)) end,
  ["\x94"] = function(m)
    m.kept = m.kept + 1
    m:remember(m.kept - 1)
  end,
  ["h"] = function(m) m:recall(m:number("<I1", 1)) end,
  ["j"] = function(m) m:recall(m:number("<I4", 4)) end,
  ["c"] = function(m)
    local module, name = m:line(), m:line()
    m:push(global(module, name))
  end,
  ["\x93"] = function(m)
    local name, module = m:pop(), m:pop()
    if type(name) ~= "string" or type(module) ~= "string" then refuse "it names a function by what is no text" end
    m:push(global(module, name))
  end,
  ["R"] = function(m)
    local args, f = m:pop(), m:pop()
    if not is(f, "function") or not is(args, "list") then refuse "it calls something that is no function" end
    m:push(FUNCTIONS[f.name](args))
  end,
  ["b"] = function(m) -- BUILD: of a state dict's OrderedDict this is _metadata, versions of its modules
    m:pop()
    if not is(m:peek(), "dict") then refuse "it changes the attributes of an object" end
  end,
  ["Q"] = function(m) -- ("storage", type, key, place, elements)
    local id = m:pop()
    local is_type = is(id, "list") and id[1] == "storage" and is(id[2], "type")
    local alone = is_type and (id[6] == nil or id[6] == core.null) -- no part of another one, as old files had them
    if not alone or type(id[3]) ~= "string" or math.type(id[5]) ~= "integer" then
      refuse "it refers to something beside it that is no storage of a known type"
    end
    m.storages[id[3]] = { kind = "storage", element = STORAGES[id[2].name], key = id[3], count = id[5] }
    m:push(m.storages[id[3]])
  end,
}

--- pickle.read(text [, at]) -> value, the place behind it, its storages by their keys
---
--- Texts, numbers, booleans, core.null for None; { kind = "list", ... } for lists, tuples and sets; { kind = "dict",
--- keys, values }; { kind = "tensor", storage, offset, size, stride } with a storage { element, key, count }.
--- A table that is met twice is the same. Raises for what is no such pickle, and names what it refuses.
---@param text string
---@param at? integer where it begins; 1
function pickle.read(text, at)
  local m = setmetatable({ text = text, at = at or 1, stack = {}, top = 0, marks = {}, memo = {}, kept = 0,
    storages = {} }, Machine)
  while true do
    local opcode = m:take(1)
    if opcode == "." then return m:pop(), m.at, m.storages end
    local f = OPCODES[opcode]
    if not f then
      local name = REFUSED[opcode]
      refuse("its instruction %s is none that data need%s", name or ("0x%02x"):format(opcode:byte()),
        name and name:find "OBJ" and ": it makes an object of a class" or "")
    end
    f(m)
  end
end

return pickle

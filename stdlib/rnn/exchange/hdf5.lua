-- hdf5.lua: HDF5 files, read without a library: groups, arrays of numbers in one piece or in chunks (hdf5_chunks.lua),
-- attributes of text ("HDF5 File Format Specification" 3.0, The HDF Group). A file is a text here and every place in
-- it is checked by Lua, so whatever it says, it reaches no memory but its own bytes. What leads outside of the file
-- (soft and external links, external and virtual data) and what stands for far more than is stored is refused by its
-- name.

local places = require "rnn.exchange.hdf5_bytes"

local get, bytes, bad = places.get, places.part, places.bad

local hdf5 = {}

local NONE <const> = -1 -- an undefined address, of 64 ones
local DEEP <const> = 32 -- levels of a tree, continuations of a header

local Object = {}
Object.__index = Object

local File = {}
File.__index = File

-- Arrays that share their bytes, and bytes that stand for many, make a small file large.
function File:take(size)
  self.taken = self.taken + size
  if self.taken > 64 * #self.text + (1 << 20) then bad "refused: its arrays would be far larger than the file" end
end

-- ---- headers ----

local function continuation(message)
  local at, size = get(message, "<i8i8", 0)
  return at, size
end

-- Messages in a piece of a header of version 1.
local function messages_1(file, at, size, list, depth)
  local last = at + size
  while at + 8 <= last do
    local kind, length, flags = get(file.text, "<I2I2B", at)
    if at + 8 + length > last then bad "a header that is longer than its place" end
    local body = bytes(file.text, at + 8, length)
    if kind == 0x10 then
      if depth == 0 then bad "a header in too many pieces" end
      local where, more = continuation(body)
      messages_1(file, where, more, list, depth - 1)
    else
      list[#list + 1] = { kind = kind, body = body, shared = flags & 2 ~= 0 }
    end
    if #list > 100000 then bad "a header of too many messages" end
    at = at + 8 + length
  end
end

local function messages_2(file, at, size, order, list, depth)
  local last = at + size
  local head = order and 6 or 4
  while at + head <= last do
    local kind, length, flags = get(file.text, "<BI2B", at)
    if at + head + length > last then bad "a header that is longer than its place" end
    local body = bytes(file.text, at + head, length)
    if kind == 0x10 then
      if depth == 0 then bad "a header in too many pieces" end
      local where, more = continuation(body)
      if bytes(file.text, where, 4) ~= "OCHK" then bad "a header whose second piece is not there" end
      messages_2(file, where + 4, more - 8, order, list, depth - 1)
    else
      list[#list + 1] = { kind = kind, body = body, shared = flags & 2 ~= 0 }
    end
    if #list > 100000 then bad "a header of too many messages" end
    at = at + head + length
  end
end

local function read_header(file, at)
  local list = {}
  if bytes(file.text, at, 4) == "OHDR" then
    local version, flags = get(file.text, "<BB", at + 4)
    if version ~= 2 then bad("an object header of version %d", version) end
    local from = at + 6 + (flags & 0x20 ~= 0 and 16 or 0) + (flags & 0x10 ~= 0 and 4 or 0)
    local width = 1 << (flags & 3)
    messages_2(file, from + width, get(file.text, "<i" .. width, from), flags & 4 ~= 0, list, DEEP)
  else
    local version, _, _, size = get(file.text, "<BxI2I4I4", at)
    if version ~= 1 then bad("an object header of version %d", version) end
    messages_1(file, at + 16, size, list, DEEP)
  end
  return list
end

local function find(object, kind)
  for _, message in ipairs(object.messages) do
    if message.kind == kind then
      if message.shared then bad("'%s' shares a part with other objects, which Keras does not do", object.path) end
      return message.body
    end
  end
end

-- ---- groups ----

local function links_of_table(file, tree, heap, links, path, depth)
  local text = file.text
  if depth == 0 then bad("'%s': a tree of too many levels", path) end
  local mark = bytes(text, tree, 4)
  if mark == "TREE" then
    local kind, _, count = get(text, "<BBI2", tree + 4)
    if kind ~= 0 then bad("'%s': a tree that is none of a group", path) end
    for i = 0, count - 1 do
      links_of_table(file, get(text, "<i8", tree + 24 + 8 + 16 * i), heap, links, path, depth - 1)
    end
  elseif mark == "SNOD" then
    for i = 0, get(text, "<I2", tree + 6) - 1 do
      local name, header, cache = get(text, "<i8i8I4", tree + 8 + 40 * i)
      if name < 0 or name >= #heap then bad("'%s': a name outside of its heap", path) end
      name = heap:match("^[^\0]*", name + 1)
      if cache == 2 then bad("refused: '%s/%s' is a soft link", path, name) end
      file.links = file.links + 1
      if file.links > 1000000 then bad "more than a million links" end
      links[name] = header
    end
  else
    bad("'%s': a tree that is none", path)
  end
end

local function link_of_message(body, links, path)
  local version, flags = get(body, "<BB", 0)
  if version ~= 1 then bad("'%s': a link of version %d", path, version) end
  local at, kind = 2, 0
  if flags & 8 ~= 0 then kind, at = get(body, "<B", at), at + 1 end
  if flags & 4 ~= 0 then at = at + 8 end
  if flags & 0x10 ~= 0 then at = at + 1 end
  local width = 1 << (flags & 3)
  local length = get(body, "<i" .. width, at)
  local name = bytes(body, at + width, length)
  if kind ~= 0 then
    bad("refused: '%s/%s' is %s link", path, name:gsub("%c", "?"), kind == 1 and "a soft" or kind == 64
      and "an external" or "an unknown")
  end
  links[name] = get(body, "<i8", at + width + length)
end

-- name -> address of the header
local function links_of(object)
  local links, path = {}, object.path
  local file = object.file
  local body = find(object, 0x11)
  if body then
    local tree, heap = get(body, "<i8i8", 0)
    if bytes(file.text, heap, 4) ~= "HEAP" then bad("'%s': a heap that is none", path) end
    local size, _, at = get(file.text, "<i8i8i8", heap + 8)
    links_of_table(file, tree, bytes(file.text, at, size), links, path, DEEP)
  end
  local info = find(object, 0x02)
  if info then
    local _, flags = get(info, "<BB", 0)
    if get(info, "<i8", flags & 1 ~= 0 and 10 or 2) ~= NONE then
      bad("group '%s' keeps its links in a way (dense) that is not read", path)
    end
  end
  for _, message in ipairs(object.messages) do
    if message.kind == 0x06 then link_of_message(message.body, links, path) end
  end
  return links
end

local function new_object(file, address, path)
  local object = file.objects[address]
  if not object then
    object = setmetatable({ file = file, path = path, messages = read_header(file, address) }, Object)
    file.objects[address] = object
  end
  return object
end

--- object:get(path) -> what is there, or nil
function Object:get(path)
  local object = self
  for name in path:gmatch "[^/]+" do
    object.links = object.links or links_of(object)
    local address = object.links[name]
    if not address then return nil end
    object = new_object(self.file, address, object.path == "" and name or object.path .. "/" .. name)
  end
  return object
end

--- object:names() -> sorted names in a group
function Object:names()
  self.links = self.links or links_of(self)
  local names = {}
  for name in pairs(self.links) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- ---- types and shapes ----

local function shape_of(body)
  local version, rank, flags, kind = get(body, "<BBBB", 0)
  local at = version == 2 and 4 or 8
  if version ~= 1 and version ~= 2 then bad("a shape of version %d", version) end
  if version == 2 and kind == 2 or flags & ~1 ~= 0 then bad "a shape that is not read" end
  local shape, count = {}, 1.0
  for i = 1, rank do
    shape[i] = get(body, "<i8", at + 8 * (i - 1))
    if shape[i] < 0 then bad "a shape with a negative size" end
    count = count * shape[i]
  end
  return shape, count
end

local FLOATS = { [2] = "F16", [4] = "F32", [8] = "F64" }
local EXPONENTS = { [2] = 5, [4] = 8, [8] = 11 }

-- { element of safetensors, width } of numbers, or { text = "fixed" | "heap", width }.
local function type_of(body)
  local first, bits, size = get(body, "<BI3I4", 0)
  local class = first & 15
  if class == 1 and FLOATS[size] and bits & 0x41 == 0 then
    local offset, precision, _, exponent, _, mantissa = get(body, "<I2I2BBBB", 8)
    local known = offset == 0 and precision == 8 * size and exponent == EXPONENTS[size]
    if known and mantissa == precision - 1 - exponent then
      return { element = FLOATS[size], width = size }
    end
    if size == 2 and exponent == 8 and mantissa == 7 then return { element = "BF16", width = 2 } end
  elseif class == 0 and (size == 1 or size == 2 or size == 4 or size == 8) and bits & 1 == 0 then
    return { element = (bits & 8 ~= 0 and "I" or "U") .. 8 * size, width = size }
  elseif class == 3 then
    return { text = "fixed", width = size }
  elseif class == 9 and bits & 15 == 1 then
    return { text = "heap", width = 16 }
  elseif class == 5 then
    return { opaque = true, width = size }
  end
  return nil, class
end

-- ---- arrays ----

local CLASSES = { [2] = "times", [4] = "bit fields", [6] = "records", [7] = "references", [8] = "an enumeration",
  [10] = "arrays" }

--- object:array() -> { element, shape, bytes }
---
--- As tensors.lua takes it. Raises for what is none, and for what is not stored here in one piece.
function Object:array()
  local path = self.path
  local space, kind, layout = find(self, 0x01), find(self, 0x03), find(self, 0x08)
  if not space or not kind or not layout then bad("'%s' is no array", path) end
  if find(self, 0x07) then bad("refused: the numbers of '%s' are in another file (external storage)", path) end
  local shape, count = shape_of(space)
  local t, class = type_of(kind)
  if t and t.opaque and t.width == 2 and self:text "dtype" == "bfloat16" then t.element = "BF16" end
  if not t or not t.element then
    bad("'%s' is of %s, where numbers are expected", path, t and "text" or CLASSES[class] or "an unknown type")
  end
  if t.width == 2 and t.element ~= "BF16" and self:text "dtype" == "bfloat16" then t.element = "BF16" end
  local version, what = get(layout, "<BB", 0)
  if version ~= 3 and version ~= 4 then bad("'%s': a layout of version %d", path, version) end
  if what == 3 then bad("refused: '%s' is a virtual array, whose numbers are elsewhere", path) end
  local stored
  if what == 2 then
    local chunks, filters = require "rnn.exchange.hdf5_chunks", find(self, 0x0b)
    stored = chunks.read(self.file, layout, filters and chunks.filters(filters, path) or {}, shape, t.width, path)
  elseif what == 0 then
    stored = bytes(layout, 4, get(layout, "<I2", 2))
  else
    local at, size = get(layout, "<i8i8", 2)
    if at == NONE and count > 0 then bad("'%s' has %.0f numbers by its shape, and none are stored", path, count) end
    stored = count == 0 and "" or bytes(self.file.text, at, size)
  end
  if count * t.width ~= #stored then
    bad("'%s' has %.0f numbers by its shape, and %d bytes of them", path, count, #stored)
  end
  if what ~= 2 then self.file:take(#stored) end
  return { element = t.element, shape = shape, bytes = stored }
end

-- ---- attributes ----

local function from_heap(file, reference)
  local length, heap, index = get(reference, "<I4i8I4", 0)
  if length == 0 then return "" end
  if bytes(file.text, heap, 4) ~= "GCOL" then bad "a heap that is none" end
  local last, at = heap + get(file.text, "<i8", heap + 8), heap + 16
  while at + 16 <= last do
    local number, _, size = get(file.text, "<I2I2xxxxi8", at)
    if number == 0 or size < 0 then break end
    if number == index then
      return (bytes(file.text, at + 16, math.min(length, size)))
    end
    at = at + 16 + size + -size % 8
  end
  bad "a text that is not in its heap"
end

local function read_attribute(file, body)
  local version, flags, name_size, type_size, space_size = get(body, "<BBI2I2I2", 0)
  local at = version == 3 and 9 or 8
  local function padded(size) return version == 1 and size + -size % 8 or size end
  if version < 1 or version > 3 or version > 1 and flags & 3 ~= 0 then return nil end
  local name = bytes(body, at, name_size):match "^[^\0]*"
  at = at + padded(name_size)
  local t = type_of(bytes(body, at, type_size))
  at = at + padded(type_size)
  local shape, count = shape_of(bytes(body, at, space_size))
  at = at + padded(space_size)
  if not t or not t.text then return name, nil end
  if count * t.width > #body - at then bad "an attribute that is longer than its place" end
  local texts = {}
  for i = 1, count // 1 | 0 do
    local part = bytes(body, at + (i - 1) * t.width, t.width)
    texts[i] = t.text == "fixed" and part:match "^[^\0]*" or from_heap(file, part)
  end
  return name, texts, #shape == 0
end

--- object:texts(name) -> the texts of an attribute, or nil
function Object:texts(name)
  for _, message in ipairs(self.messages) do
    if message.kind == 0x0c and not message.shared then
      local found, texts = read_attribute(self.file, message.body)
      if found == name then return texts end
    end
  end
end

--- object:text(name) -> the text of an attribute, or nil
function Object:text(name)
  local texts = self:texts(name)
  return texts and texts[1]
end

--- hdf5.read(text) -> the root group
---
--- Raises for what is no HDF5 file, or is not as its formats are.
---@param text string all of the file
function hdf5.read(text)
  if text:sub(1, 8) ~= "\x89HDF\r\n\x1a\n" then bad "no HDF5 file" end
  local file = setmetatable({ text = text, objects = {}, taken = 0, links = 0 }, File)
  local version, root = get(text, "<B", 8), nil
  local offsets, lengths, base, size
  if version < 2 then
    offsets, lengths = get(text, "<BB", 13)
    local at = version == 1 and 28 or 24
    base, size, root = get(text, "<i8", at), get(text, "<i8", at + 16), get(text, "<i8", at + 40)
  elseif version <= 3 then
    offsets, lengths = get(text, "<BB", 9)
    base, size, root = get(text, "<i8", 12), get(text, "<i8", 28), get(text, "<i8", 36)
  else
    bad("a superblock of version %d", version)
  end
  if offsets ~= 8 or lengths ~= 8 or base ~= 0 then bad "addresses that are not of 8 bytes from its start" end
  if size > #text then bad("cut off: it has %d of %d bytes", #text, size) end
  return new_object(file, root, "")
end

return hdf5

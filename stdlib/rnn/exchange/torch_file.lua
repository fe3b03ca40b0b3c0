-- torch_file.lua: the tensors of files that PyTorch users have: .pt and .pth as torch.save writes them, and
-- safetensors.

local core = require "rnn.core"
local pickle = require "rnn.exchange.pickle"
local tensors = require "rnn.exchange.tensors"

local torch_file = {}

local MOST <const> = 1 << 36 -- bytes of a file

-- ---- the older format ----

-- Five pickles, a number, a version, the system, the object, keys of storages, and behind them the storages: how many
-- elements each has, and these.
local MAGIC <const> = 119547037146038801333356.0

local function read_old(path)
  local text, message = core.file_read(path)
  if not text then core.fail("%s", message) end
  local number, version, system, value, keys, storages, at
  number, at = pickle.read(text)
  if type(number) ~= "number" or math.abs(number / MAGIC - 1) > 1e-12 then
    core.fail "a pickle that torch.save has not written"
  end
  version, at = pickle.read(text, at)
  if version ~= 1001 then core.fail("a file of version %s, where 1001 is known", tostring(version)) end
  system, at = pickle.read(text, at)
  if type(system) ~= "table" or system.kind ~= "dict" or system.values.little_endian ~= true then
    core.fail "its numbers are of another byte order"
  end
  value, at, storages = pickle.read(text, at)
  keys, at = pickle.read(text, at)
  if type(keys) ~= "table" or keys.kind ~= "list" then core.fail "it has no list of storages" end
  local found = {}
  for _, key in ipairs(keys) do
    local storage = type(key) == "string" and storages[key]
    if not storage then core.fail "a storage that nothing refers to" end
    local size = storage.count * tensors.width(storage.element)
    if at + 8 > #text + 1 or ("<i8"):unpack(text, at) ~= storage.count or size < 0 or size > #text - at - 7 then
      core.fail "the file is cut off, or a storage is of another size than its tensors say"
    end
    found["data/" .. key], at = text:sub(at + 8, at + 7 + size), at + 8 + size
  end
  return found, "", value
end

-- ---- the ZIP archive ----

local function members(path)
  local files, message = core.bundle_read(path, MOST, true)
  if not files then
    local file = io.open(path, "rb")
    local start = file and file:read(512) or ""
    if file then file:close() end
    if start:find "^\x80[\x02-\x05]" then return read_old(path) end
    if start:sub(258, 262) == "ustar" then
      core.fail("a tar archive, as torch.save wrote before PyTorch 0.1.10: torch.save(torch.load(\"old.pt\"), "
        .. "\"model.pt\") writes it anew")
    end
    core.fail("%s", message)
  end
  local found, root = {}, nil
  for _, file in ipairs(files) do
    found[file.name] = file.bytes
    local folder = file.name:match "^(.*/)data%.pkl$" or file.name == "data.pkl" and ""
    if folder and root then core.fail "it has data.pkl twice" end
    root = folder or root
  end
  if not root then core.fail "no file of torch.save: it has no data.pkl" end
  if found[root .. "constants.pkl"] then
    core.fail "refused: a program of TorchScript; save its weights alone, torch.save(model.state_dict(), \"model.pt\")"
  end
  local order = found[root .. "byteorder"]
  if order and order ~= "little" then core.fail("its numbers are of byte order '%s'", order) end
  return found, root, (pickle.read(found[root .. "data.pkl"]))
end

-- ---- tensors ----

-- Elements of a flat tensor as offset, size and stride say. Each is there once at most.
local function strided(flat, t)
  local count, last, expected, plain = 1.0, t.offset + 0.0, 1, true
  for i = #t.size, 1, -1 do
    count, last = count * t.size[i], last + math.max(t.size[i] - 1, 0) * t.stride[i]
    plain = plain and (t.stride[i] == expected or t.size[i] == 1)
    expected = expected * t.size[i]
  end
  if count == 0 then return core.zeros { type = flat:type(), table.unpack(t.size) } end
  if last >= flat:count() or count > flat:count() then
    core.fail("a tensor (%s) has elements that its storage does not have", table.concat(t.size, ", "))
  end
  if plain then return flat:slice(1, t.offset + 1, t.offset + count // 1 | 0):copy():reshape(table.unpack(t.size)) end
  local places = core.zeros { type = "int32", 1 } + (t.offset + 1)
  for i, n in ipairs(t.size) do
    places = places:reshape(-1, 1) + ((core.arange(n) - 1) * t.stride[i]):reshape(1, n)
  end
  return flat:gather(1, places:reshape(-1)):reshape(table.unpack(t.size))
end

-- The tensors of a dictionary by name, and the names in their order.
local function make(state, found, root)
  local storages, parts = {}, {}
  local names, made, before = {}, {}, {}
  local room = 0.0
  for _, name in ipairs(state.keys) do
    local storage = state.values[name].storage
    local key = storage.key .. " " .. storage.element
    if not storages[storage] then
      local bytes = found[root .. "data/" .. storage.key]
      if not bytes then core.fail("it has no data/%s, the storage of '%s'", storage.key, name) end
      parts[key] = { element = storage.element, shape = { storage.count }, bytes = bytes }
      storages[storage], room = key, room + storage.count
    end
  end
  local flat = tensors.read(parts)
  local total = 0.0
  for i, name in ipairs(state.keys) do
    local t = state.values[name]
    local key = ("%s %d %s %s"):format(storages[t.storage], t.offset, table.concat(t.size, ","),
      table.concat(t.stride, ","))
    if not before[key] then
      before[key] = strided(flat[storages[t.storage]], t)
      total = total + before[key]:count()
      if total > 4 * room + 1000 then core.fail "its tensors would be far larger than the file" end
    end
    names[i], made[name] = name, before[key]
  end
  return made, names
end

-- ---- which dictionary ----

local function is(value, kind) return type(value) == "table" and value.kind == kind end

local function is_state(value)
  if not is(value, "dict") or #value.keys == 0 then return false end
  for _, key in ipairs(value.keys) do
    if type(key) ~= "string" or not is(value.values[key], "tensor") then return false end
  end
  return true
end

-- What is in a dictionary or a list, by names as --key has them: { name, value }, in order.
local function parts_of(value)
  local list = {}
  for i, key in ipairs(is(value, "dict") and value.keys or {}) do list[i] = { tostring(key), value.values[key] } end
  for i, item in ipairs(is(value, "list") and value or {}) do list[i] = { tostring(i - 1), item } end
  return list
end

-- The state dict of a checkpoint: all of it, or what the key says, or the only one of those that lie least deep.
local function find(root, key)
  if key then
    local value = root
    for step in key:gmatch "[^.]+" do
      local below
      for _, part in ipairs(parts_of(value)) do
        if part[1] == step then below = part[2] end
      end
      value = below
    end
    if not is_state(value) then core.fail("--key %s: it is no dictionary of tensors", key) end
    return value
  end
  if is_state(root) then return root end
  local found, level, seen = {}, { { nil, root } }, {}
  while #level > 0 and #found == 0 do
    local next_level = {}
    for _, above in ipairs(level) do
      for _, part in ipairs(parts_of(above[2])) do
        local name = (above[1] and above[1] .. "." or "") .. part[1]
        if is_state(part[2]) then found[#found + 1] = { name, part[2] } end
        if type(part[2]) == "table" and not seen[part[2]] then next_level[#next_level + 1] = { name, part[2] } end
        if type(part[2]) == "table" then seen[part[2]] = true end
      end
    end
    level = next_level
  end
  if #found == 1 then return found[1][2], found[1][1] end
  if #found == 0 then
    core.fail "it has no dictionary of tensors alone: torch.save(model.state_dict(), \"model.pt\") writes one"
  end
  for i, each in ipairs(found) do found[i] = each[1] end
  core.fail("it has several dictionaries of tensors, %s: say which with --key", table.concat(found, ", "))
end

--- torch_file.read(path, key) -> tensors by name, names in order or nil, what was taken of it
---
--- Raises for what is no such file, and for a pickle that does more than make data.
---@param path string
---@param key? string of a checkpoint: which of its dictionaries
function torch_file.read(path, key)
  local found, root, value = members(path)
  local state, taken = find(value, key)
  local made, names = make(state, found, root)
  return made, names, taken
end

return torch_file

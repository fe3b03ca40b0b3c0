-- pack.lua: a table of a script's own (numbers, strings, tensors, scalers, vocabularies, states) as JSON and named
-- tensors, and back.
--
-- In the JSON a tensor stands as {"$tensor": name}, an object as {"$object": class, "state": ...}, and a number that
-- JSON does not have as {"$number": "nan"}. Only the classes below come back as objects.

local core = require "rnn.core"

local pack = {}

local objects = {
  ["nn.State"] = {
    state = function(state)
      local plain = {}
      for key, value in pairs(state) do plain[key] = value end
      return plain
    end,
    revive = function(state) return require "rnn.state"(state) end,
  },
}

for _, name in ipairs { "Scaler", "PCA" } do
  objects["data." .. name] = {
    state = function(object) return object:state() end,
    revive = function(state) return require("rnn.data")[name] { state = state } end,
  }
end

for _, name in ipairs { "Chars", "Words", "Bpe" } do
  objects["text." .. name] = {
    state = function(vocab) return vocab:config() end,
    revive = function(config)
      local text = require "rnn.text"
      return text.Vocab._revive(text[name:lower()], config)
    end,
  }
end

local numbers = { inf = math.huge, ["-inf"] = -math.huge, nan = 0 / 0 }

-- A number as JSON can have it. %g gives "nan" or "-nan".
local function plain_number(n)
  if n == n and n ~= math.huge and n ~= -math.huge then return n end
  return { ["$number"] = n ~= n and "nan" or ("%g"):format(n) }
end

local function refuse(fname, path, value)
  core.fail("%s: %s: expected numbers, strings, booleans, tensors, scalers, vocabularies and tables of them, got %s",
    fname, path, require("rnn.check").describe(value))
end

local function dump(fname, value, path, tensors, open)
  local kind = type(value)
  if kind == "number" then return plain_number(value) end
  if kind == "string" or kind == "boolean" then return value end
  if core.is_tensor(value) then
    while tensors[path] do path = path .. "_" end -- {a = {b = t}} and {["a.b"] = t} make the same path
    tensors[path] = value
    return { ["$tensor"] = path }
  end
  if kind ~= "table" then refuse(fname, path, value) end
  if open[value] then core.fail("%s: %s: the table contains itself", fname, path) end
  open[value] = true
  local result = {}
  local meta = getmetatable(value)
  if meta then
    local object = objects[type(meta) == "table" and meta.__name]
    if not object then refuse(fname, path, value) end
    result["$object"] = meta.__name
    result.state = dump(fname, object.state(value), path, tensors, open)
  else
    local count = #value
    for key, item in pairs(value) do
      local in_list = math.type(key) == "integer" and key >= 1 and key <= count
      if (count > 0) ~= in_list or (count == 0 and type(key) ~= "string") or tostring(key):find("^%$") then
        core.fail("%s: %s: key '%s': a saved table has either the keys 1, 2, 3 ... or names", fname, path,
          tostring(key))
      end
      local below = path:find("/$") and path .. key or ("%s.%s"):format(path, key)
      result[key] = dump(fname, item, below, tensors, open)
    end
  end
  open[value] = nil
  return result
end

--- pack.dump(fname, value, prefix, tensors) -> plain value for JSON
---
--- Puts the tensors of value into tensors, under names that begin with prefix.
function pack.dump(fname, value, prefix, tensors)
  return dump(fname, value, prefix, tensors, {})
end

--- pack.load(plain, tensors) -> value
---
--- The reverse. Raises for a plain value that dump did not make.
function pack.load(plain, tensors)
  if type(plain) ~= "table" then return plain end
  local name, class = plain["$tensor"], plain["$object"]
  if name ~= nil then
    if not tensors[name] then core.fail("no tensor '%s'", tostring(name)) end
    return tensors[name]
  end
  if plain["$number"] ~= nil then return numbers[plain["$number"]] end
  if class ~= nil then
    if not objects[class] then core.fail("unknown object '%s'", tostring(class)) end
    return objects[class].revive(pack.load(plain.state, tensors))
  end
  local result = {}
  for key, value in pairs(plain) do result[key] = pack.load(value, tensors) end
  return result
end

return pack

-- encoder.lua: words as numbers, the same at training and afterwards.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local base = require "rnn.data.frame"

--- data.Encoder(options) -> encoder
---
--- Makes number columns of text columns of frames: one_hot a column "weather=rain" of 0 and 1 for each word, ordinal
--- the number of the word, 1, 2, 3 in the order that is given or learnt. The words are learnt by fit and saved with the
--- model, so that other data get the same columns: rnn.save(path, model, { encoder = encoder:state() }).
---@class data.Encoder
---@field one_hot table<string, string[]>
---@field ordinal table<string, string[]>
---@overload fun(options: data.Encoder.Options): data.Encoder
local Encoder = class("data.Encoder")

local columns = option.kind("string[]|table<string, string[]>", check.table)

local OPTIONS = option.of("data.Encoder", {
  { "one_hot", nil, columns, "columns { \"weather\" }, or with their words { weather = { \"sun\", \"rain\" } }" },
  { "ordinal", nil, columns, "the same; { size = { \"small\", \"large\" } } gives 1 and 2" },
  { "unknown", "missing", option.one_of { "missing", "error" }, "what becomes of a word that fit did not see: nan, or "
    .. "in one-hot columns zeros; or an error" },
  { "state", nil, check.table, "what encoder:state() gave; nothing else counts then" },
})

-- { name = words }, words false until they are learnt; and the names in order.
local function wanted(argname, given)
  local words, names = {}, {}
  for key, value in pairs(given or {}) do
    local name = math.type(key) == "integer" and check.string("data.Encoder", argname, value)
      or check.string("data.Encoder", argname, key)
    words[name] = name == key and check.table("data.Encoder", argname, value)
    names[#names + 1] = name
  end
  table.sort(names)
  return words, names
end

function Encoder:init(options)
  options = OPTIONS:read(options)
  local from = options.state or options
  self.one_hot, self.one_hot_names = wanted("option 'one_hot'", from.one_hot)
  self.ordinal, self.ordinal_names = wanted("option 'ordinal'", from.ordinal)
  self.unknown = from.unknown or "missing"
end

--- encoder:fit(frame) -> encoder
---
--- Learns the words of the columns for which none were given, from the rows of the training span only: those that a
--- row has, in alphabetical order. Errors: a column that the frame does not have or that has no words.
---@param frame data.Frame
---@return data.Encoder
function Encoder:fit(frame)
  for _, kind in ipairs { "one_hot", "ordinal" } do
    for _, name in ipairs(self[kind .. "_names"]) do
      local column = base.find_typed(frame, "encoder:fit", name, "text")
      if not self[kind][name] then
        local list, there = {}, core.numbers(column.values, 0):counts()
        for _, id in ipairs(there and there:totable() or {}) do list[#list + 1] = column.words[math.tointeger(id)] end
        if not there then core.fail("encoder:fit: '%s' has more than 65536 words", name) end
        table.sort(list)
        self[kind][name] = list
      end
    end
  end
  return self
end

-- The words of the encoder as ids of its own, int32 (rows); 0 where missing or unknown.
local function ids_of(self, column, words)
  local map, known = { 0 }, {}
  for i, word in ipairs(words) do known[word] = i end
  for id, word in ipairs(column.words) do map[id + 1] = known[word] or 0 end
  local ids = core.tensor(map, "int32"):gather(1, column.values + 1)
  if self.unknown == "error" then
    local bad = (ids:eq(0) * column.values:ne(0)):nonzero()
    if #bad > 0 then
      core.fail("encoder:transform: the column '%s' has '%s' in row %d, which fit did not see", column.name,
        column:get(bad:get(1)), bad:get(1))
    end
  end
  return ids
end

--- encoder:transform(frame) -> frame
---
--- With number columns in the place of the text columns. Errors: an encoder that was not fitted, columns that are not
--- there.
---@param frame data.Frame
---@return data.Frame
function Encoder:transform(frame)
  local made = {}
  for _, kind in ipairs { "one_hot", "ordinal" } do
    for _, name in ipairs(self[kind .. "_names"]) do
      local column, words = base.find_typed(frame, "encoder:transform", name, "text"), self[kind][name]
      if not words then core.fail("encoder:transform: it was not fitted; call encoder:fit(training) first") end
      local ids = ids_of(self, column, words)
      if kind == "ordinal" then
        made[#made + 1] = { name = name, type = "number", values = core.numbers(ids, 0):double() }
      else
        for i, word in ipairs(words) do
          made[#made + 1] = { name = name .. "=" .. word, type = "number", values = core.numbers(ids:eq(i)) }
        end
      end
    end
  end
  local names = {}
  for _, kind in ipairs { "one_hot", "ordinal" } do
    for _, name in ipairs(self[kind .. "_names"]) do names[#names + 1] = name end
  end
  frame = frame:drop(names)
  for _, column in ipairs(made) do frame = base.put(frame, column) end
  return frame
end

--- encoder:state() -> table
---
--- All there is to it, as tables of strings, for saving.
---@return { one_hot: table, ordinal: table, unknown: string }
function Encoder:state()
  for _, kind in ipairs { "one_hot", "ordinal" } do
    for name, words in pairs(self[kind]) do
      if not words then core.fail("encoder:state: '%s' was not fitted; call encoder:fit(training) first", name) end
    end
  end
  return { one_hot = self.one_hot, ordinal = self.ordinal, unknown = self.unknown }
end

return Encoder

-- nest.lua: what an item of data may be, all the way from a dataset to a model's answer: a tensor, or a plain table of
-- such, { words, speaker } or { words = ..., speaker = ... }.

local core = require "rnn.core"
local check = require "rnn.check"

local nest = {}

local function before(a, b)
  if type(a) ~= type(b) then return type(a) == "number" end
  return a < b
end

--- nest.sort(keys) -> keys: numbers in order, then names by the alphabet
function nest.sort(keys)
  table.sort(keys, before)
  return keys
end

--- nest.keys(t) -> array of the keys of a plain table: numbers in order, then names by the alphabet
function nest.keys(t)
  local keys, n, sorted = {}, 0, true
  for key in next, t do
    n = n + 1
    keys[n] = key
    sorted = sorted and key == n
  end
  return sorted and keys or nest.sort(keys)
end

--- nest.is_table(value) -> is it a plain table, and no tensor or object?
function nest.is_table(value) return type(value) == "table" and getmetatable(value) == nil end

--- nest.part(value, key) -> the part of a table; what is no table belongs to every key
function nest.part(value, key)
  if nest.is_table(value) then return value[key] end
  return value
end

--- nest.map(value, f) -> the nest of f(tensor)
function nest.map(value, f)
  if not nest.is_table(value) then return f(value) end
  local result = {}
  for _, key in ipairs(nest.keys(value)) do result[key] = nest.map(value[key], f) end
  return result
end

local function each(value, path, f)
  if not nest.is_table(value) then return f(value, path) end
  for _, key in ipairs(nest.keys(value)) do each(value[key], ("%s.%s"):format(path, key), f) end
end

--- nest.each(value, f [, path]): f(tensor, path) for each; the path of a part is that of the whole with ".key" behind
function nest.each(value, f, path) each(value, path or "", f) end

--- nest.check(fname, argname, value): raises for what is no nest, or has no tensor in it.
function nest.check(fname, argname, value)
  local any = false
  nest.each(value, function(t, path)
    any = true
    if not core.is_tensor(t) then
      check.expected(fname, path, path == argname and "a tensor or a table of tensors" or "a tensor", t)
    end
  end, argname)
  if not any then check.expected(fname, argname, "a tensor or a table of tensors", value) end
  return value
end

--- nest.first(value) -> the first tensor, or nil
function nest.first(value)
  if not nest.is_table(value) then return value end
  for _, key in ipairs(nest.keys(value)) do
    local t = nest.first(value[key])
    if t then return t end
  end
end

local is_tensor, gather, lengths_of = core.is_tensor, core.gather, core.methods.lengths -- batches come often

--- nest.rows(value, ids) -> the nest of those rows (int32), which keep their lengths
function nest.rows(value, ids)
  if not is_tensor(value) then return nest.map(value, function(t) return nest.rows(t, ids) end) end
  local lengths = lengths_of(value)
  if not lengths then return gather(value, 1, ids) end
  return value:without_lengths():gather(1, ids):with_lengths(lengths:gather(1, ids))
end

--- nest.checksum(value) -> text that differs when types, shapes, lengths or values do
function nest.checksum(value)
  local parts = {}
  nest.each(value, function(t, path)
    parts[#parts + 1] = ("%s %016x"):format(path, core.checksum(t:detach():without_lengths()))
    if t:lengths() then parts[#parts + 1] = ("%016x"):format(core.checksum(t:lengths())) end
  end)
  return table.concat(parts, "\n")
end

local PRIME <const>, FACTOR <const> = 8191, 5060 -- squares modulo a prime keep step with no season, as multiples do

--- nest.within(i, size) -> place in the i-th of parts of so many items, both from 0 on: another one in each part, so
--- that one item of each are items of all hours of a day, where every n-th may be those of the same hour
---@param i integer|rnn.Tensor
---@param size integer
---@return integer|rnn.Tensor
function nest.within(i, size)
  local k = i % PRIME
  local place = k * k % PRIME * FACTOR % PRIME
  return place * (size // PRIME) + place * (size % PRIME) // PRIME
end

--- nest.spread(t, most) -> at most so many rows of a tensor, one of each of equal parts
function nest.spread(t, most)
  local size = math.ceil(#t / math.max(most, 1))
  if size <= 1 then return t end
  local part = core.arange(#t // size) - 1
  return t:gather(1, part * size + nest.within(part, size) + 1)
end

return nest

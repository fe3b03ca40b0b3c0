-- sequences.lua: sequences of different lengths, as a dataset. They lie one after the other in one tensor; a batch is
-- cut from it by ops and padded with zeros to its own longest sequence.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local nest = require "rnn.nest"
local Batches = require "rnn.data.batches"

--- data.sequences(x [, y [, weights]]) -> dataset
---
--- x is a list of sequences, each a list of ids, an int32 tensor (T) or a float tensor (T, D). y is nothing, a list of
--- labels (integers), a tensor with a row for each sequence, or a second list of sequences. Batches are padded with 0
--- to their longest sequence and know their lengths (x:lengths()): ids (N, T) int32, features (N, T, D) float. A
--- sequence may be empty. dataset.lengths (int32) holds the lengths of x. What is no sequence raises an error that
--- says which one it is.
---
---   local train = data.sequences(ids, labels):batches { size = 32, shuffle = true }
---
--- For models of several inputs or targets x and y may be tables by name, { words = lists of ids, speaker = labels }:
--- each entry is a list of sequences, a list of labels or a tensor with a row for each sequence, and x has one list of
--- sequences at least. Batches are such tables; each of their tensors has its own lengths. weights is a float tensor
--- with a row for each sequence, or a table of such by the names of targets: how many times each counts in the loss.
---@class data.Sequences
---@field lengths rnn.Tensor int32 (N)
---@field items rnn.Tensor int32 (N)
---@overload fun(x: table, y?: table|rnn.Tensor, weights?: table|rnn.Tensor): data.Sequences
local Sequences = class("data.Sequences")

option.of("data.Sequences:batches", Batches._options)

Sequences.fname = "data.sequences"

local fname = Sequences.fname
local SEQUENCE = "a list of ids, an int32 tensor (T) or a float tensor (T, D)"

-- Appends a list of ids to flat.
local function append(flat, argname, ids)
  local n = #flat
  for i, id in ipairs(ids) do
    local whole = math.tointeger(id)
    if not whole or whole < 0 then check.expected(fname, ("%s, id %d"):format(argname, i), "an id of 0 or more", id) end
    flat[n + i] = whole
  end
  return #flat - n
end

-- A run of sequences given as lists becomes one tensor, so that there are not as many tensors as sequences.
local function flush(parts, flat)
  if #flat > 0 then parts[#parts + 1] = core.tensor(flat, "int32") end
  return {}
end

local Column = {} -- metatable of columns

-- A column is { rows = all steps of all sequences, ids = boolean, starts = int32 (N), lengths = int32 (N) }.
local function column(argname, list)
  local parts, flat, lengths, starts, at, longest, example = {}, {}, {}, {}, 1, 1, nil
  for i, sequence in ipairs(list) do
    local name = ("%s, sequence %d"):format(argname, i)
    local is_tensor = core.is_tensor(sequence)
    if not is_tensor and (type(sequence) ~= "table" or getmetatable(sequence)) then
      check.expected(fname, name, SEQUENCE, sequence)
    end
    if is_tensor and sequence:ndim() ~= (sequence:type() == "int32" and 1 or 2) then
      check.expected(fname, name, SEQUENCE, sequence)
    end
    local features = is_tensor and sequence:type() == "float" and sequence:size(2) or 0
    example = example or features
    if features ~= example then
      check.expected(fname, name, example == 0 and "ids, as before" or ("a float tensor (T, %d), as before"):format(
        example), sequence)
    end
    local length
    if is_tensor then
      flat = flush(parts, flat)
      parts[#parts + 1], length = sequence:detach():without_lengths(), #sequence
    else
      length = append(flat, name, sequence)
    end
    starts[i], lengths[i] = at, length
    at, longest = at + length, math.max(longest, length)
  end
  flush(parts, flat)
  -- A window that starts at the last sequence may reach behind it.
  parts[#parts + 1] = example == 0 and core.zeros { longest, type = "int32" } or core.zeros(longest, example)
  return setmetatable({ rows = core.concat(parts, 1):reshape(at - 1 + longest, -1), ids = example == 0,
    starts = core.tensor(starts, "int32"), lengths = core.tensor(lengths, "int32") }, Column)
end

-- The sequences of a column that ids name, padded.
local function padded(self, ids)
  local lengths, starts = self.lengths:gather(1, ids), self.starts:gather(1, ids)
  local longest = math.tointeger(math.max(1, lengths:to_float():max():item())) -- one step or more, for layers
  local x
  if self.packed and math.tointeger(starts:to_float():max():item()) + longest - 1 > #self.rows then
    local places = starts:reshape(-1, 1) + (core.arange(longest) - 1) -- nothing behind the last row
    x = self.rows:gather(1, places:minimum(#self.rows):reshape(-1)):reshape(#ids, longest, -1)
  else
    x = core.windows(self.rows, starts, longest)
  end
  local valid = core.arange(longest):reshape(1, longest):le(lengths:reshape(-1, 1))
  if self.ids then
    return (x:reshape(#ids, longest) * valid:to_int()):with_lengths(lengths)
  end
  return core.where(valid:reshape(#ids, longest, 1), x, 0):with_lengths(lengths) -- where: 0 * nan would be nan
end

-- Labels as an int32 tensor (N).
local function labels(argname, list)
  for i, label in ipairs(list) do check.int(fname, ("%s, label %d"):format(argname, i), label, 0) end
  return core.tensor(list, "int32")
end

local function count_of(y)
  return core.is_tensor(y) and y:ndim() == 0 and 0 or #y
end

local function is_named(value)
  return nest.is_table(value) and #value == 0 and type(next(value)) == "string"
end

-- Calls f(argname, entry) for each entry of a table by name, or for what is none; the table of the results.
local function entries(argname, value, f)
  if not is_named(value) then return f(argname, value) end
  local result = {}
  for _, name in ipairs(nest.keys(value)) do result[name] = f(("%s.%s"):format(argname, name), value[name]) end
  return result
end

-- One of several inputs, or a target: a column, or a tensor with a row for each sequence.
local function part(argname, value)
  if core.is_tensor(value) or getmetatable(value) == Column then return value end
  if not nest.is_table(value) then
    check.expected(fname, argname, "a list of labels, a tensor of as many rows or a list of sequences", value)
  end
  return type(value[1]) == "number" and labels(argname, value) or column(argname, value)
end

local function list_of_sequences(argname, value)
  if getmetatable(value) == Column then return value end
  if nest.is_table(value) and next(value) == nil then core.fail("%s: %s: the list is empty", fname, argname) end
  if not nest.is_table(value) or #value == 0 then check.expected(fname, argname, "a list of sequences", value) end
  return column(argname, value)
end

-- The lengths of the columns in x or y, of several the largest; nil without any.
local function longest_of(columns)
  local lengths
  nest.each(columns, function(c)
    if getmetatable(c) ~= Column then return end
    lengths = lengths and core.maximum(lengths:to_float(), c.lengths:to_float()):to_int() or c.lengths
  end)
  return lengths
end

function Sequences:init(x, y, weights)
  self.x = entries("argument 1 (x)", x, is_named(x) and part or list_of_sequences)
  self.lengths = longest_of(self.x)
  if not self.lengths then check.expected(fname, "argument 1 (x)", "a list of sequences in it", x) end
  self.y = y ~= nil and entries("argument 2 (y)", y, part) or nil
  self.weights = weights ~= nil and nest.check(fname, "argument 3 (weights)", weights) or nil
  self.items, self.target_lengths = core.arange(#self.lengths), longest_of(self.y)
  for name, columns in pairs { x = self.x, y = self.y, weights = self.weights } do
    nest.each(columns, function(c, path)
      local count = count_of(getmetatable(c) == Column and c.lengths or c)
      if count ~= #self.items then
        core.fail("%s: x has %d sequences, but %s is for %d", fname, #self.items, path, count)
      end
    end, name)
  end
end

--- data.packed(rows, lengths) -> sequences
---
--- Sequences that lie one behind the other in one tensor, for data.sequences in place of a list: rows are ids int32
--- (L) or steps float (L, D), lengths int32 (N) how many belong to each. Nothing is copied: rows may lie in a file
--- (data.open), of which a batch reads its own sequences.
---
---   local words = data.packed(assert(data.open "ids.npy"), assert(data.open "lengths.npy"))
---   local train = data.sequences(words, labels):batches { size = 32, shuffle = true }
--- Errors: lengths that do not add up to the rows, more than 2147483647 of them.
---@param rows rnn.Tensor
---@param lengths rnn.Tensor|integer[]
---@return table
local function packed_sequences(rows, lengths)
  check.tensor("data.packed", "argument 1 (rows)", rows)
  if type(lengths) == "table" and not getmetatable(lengths) then
    for i, n in ipairs(lengths) do check.int("data.packed", ("argument 2 (lengths), entry %d"):format(i), n, 0) end
    lengths = core.tensor(lengths, "int32")
  end
  check.tensor("data.packed", "argument 2 (lengths)", lengths, "int32", 1)
  local ids = rows:type() == "int32"
  if rows:ndim() ~= (ids and 1 or 2) then
    check.expected("data.packed", "argument 1 (rows)", "ids, int32 (L), or steps, float (L, D)", rows)
  end
  local starts, at = {}, 1
  for i, n in ipairs(lengths:totable()) do
    if n < 0 then check.expected("data.packed", ("argument 2 (lengths), entry %d"):format(i), "a length", n) end
    starts[i], at = at, at + n
  end
  if at - 1 ~= #rows or at > 2147483647 then
    core.fail("data.packed: the lengths add up to %d, but there are %d rows", at - 1, #rows)
  end
  return setmetatable({ rows = ids and rows:reshape(-1, 1) or rows, ids = ids, packed = true,
    starts = core.tensor(starts, "int32"), lengths = lengths:copy() }, Column)
end

--- #dataset -> number of sequences
function Sequences:__len()
  return #self.items
end

--- dataset:by_length(items) -> int32 (N)
---
--- These items, int32 (N), in the order of their lengths in x, those of equal length in the order of the lengths in y,
--- where y are sequences too. What batches with bucket = true are made of.
---@param items rnn.Tensor
---@return rnn.Tensor
function Sequences:by_length(items)
  check.tensor("data.sequences:by_length", "argument 1 (items)", items, "int32", 1)
  if self.target_lengths then items = items:gather(1, self.target_lengths:gather(1, items):argsort()) end
  return items:gather(1, self.lengths:gather(1, items):argsort())
end

--- dataset:batch(ids) -> x, y, weights
---
--- The sequences that ids (int32) names, padded to the longest of them.
---@param ids rnn.Tensor
---@return rnn.Tensor|table x
---@return rnn.Tensor|table? y
---@return rnn.Tensor|table? weights
function Sequences:batch(ids)
  check.tensor("data.sequences:batch", "argument 1 (ids)", ids, "int32", 1)
  local function rows(c) return getmetatable(c) == Column and padded(c, ids) or nest.rows(c, ids) end
  return nest.map(self.x, rows), self.y and nest.map(self.y, rows), self.weights and nest.rows(self.weights, ids)
end

--- dataset:all() -> x, y, weights
---
--- Every sequence, as one batch: (N, T) or (N, T, D) with the longest T.
---@return rnn.Tensor|table x
---@return rnn.Tensor|table|nil y
---@return rnn.Tensor|table? weights
function Sequences:all()
  return self:batch(self.items)
end

--- dataset:batches([options]) -> batches
---
--- Mini-batches, as data.Batches. bucket puts sequences of about the same length together, so that little is padded.
--- Which go together changes from epoch to epoch with shuffle, and depends on seed and epoch alone.
---@param options? data.Sequences.batches.Options
---@return data.Batches
function Sequences:batches(options)
  return Batches(self, options)
end

return { sequences = Sequences, packed = packed_sequences }

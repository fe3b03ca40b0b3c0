-- padded.lua: sequences of unequal length as one batch.

local core = require "rnn.core"
local check = require "rnn.check"

local SEQUENCE = "a list of numbers, a list of rows of numbers or a tensor (T, ...)"

local function fail(i, sequence, what)
  check.expected("padded", ("sequence %d"):format(i), what or SEQUENCE, sequence)
end

-- The sequence as a tensor; nil for a list without steps, whose shape nobody knows.
local function tensor_of(i, sequence, kind)
  if core.is_tensor(sequence) then
    if sequence:ndim() == 0 or sequence:lengths() then fail(i, sequence) end
    return sequence
  end
  if type(sequence) ~= "table" or getmetatable(sequence) then fail(i, sequence) end
  if #sequence == 0 then return nil end
  return core.tensor(sequence, kind)
end

--- rnn.padded(sequences [, type]) -> tensor
---
--- Sequences of unequal length as one batch with lengths: each a list of numbers, for (N, T), a list of rows, for
--- (N, T, D), or a tensor (T, ...); T is that of the longest, and 0 stands behind the others. Lists become numbers of a
--- type, "float" or "int32", as in rnn.tensor; tensors keep theirs, and their history. A sequence may be empty.
--- Errors: what is no sequence, and rows or types that differ.
---
---   rnn.padded { { 1, 2, 3 }, { 4 } }:lengths()       3, 1
---@param sequences table
---@param type? "float"|"int32"
---@return rnn.Tensor
local function padded(sequences, type)
  check.table("padded", "argument 1 (sequences)", sequences)
  if getmetatable(sequences) or #sequences == 0 then
    if next(sequences) == nil then core.fail "padded: argument 1 (sequences): the list is empty" end
    check.expected("padded", "argument 1 (sequences)", "a list of sequences", sequences)
  end
  if type ~= nil then check.one_of("padded", "argument 2 (type)", type, { "float", "int32" }) end
  local tensors, lengths, longest, example = {}, {}, 1, nil
  for i, sequence in ipairs(sequences) do
    local x = tensor_of(i, sequence, type)
    tensors[i], lengths[i] = x or false, x and #x or 0
    longest = math.max(longest, lengths[i])
    example = example or x
  end
  local row = example and { example:shape() } or { 0 }
  local parts = {}
  for i, x in ipairs(tensors) do
    row[1] = lengths[i]
    if x and (x:type() ~= example:type() or check.shape(x) ~= "(" .. table.concat(row, ", ") .. ")") then
      row[1] = "T"
      fail(i, x, ("(%s) %s, as before"):format(table.concat(row, ", "), example:type()))
    end
    row[1], row.type = longest - lengths[i], example and example:type() or type
    parts[#parts + 1] = x or nil
    if row[1] > 0 then parts[#parts + 1] = core.zeros(row) end
    row.type = nil
  end
  row[1] = longest
  return core.concat(parts, 1):reshape(#sequences, table.unpack(row)):with_lengths(lengths)
end

return padded

-- edits.lua: how far what was said is from what was meant, in edits.

local core = require "rnn.core"
local check = require "rnn.check"

local edits = {}

-- The least number of substitutions, insertions and deletions between two lists.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local before = row[0]
    row[0] = i
    for j = 1, #b do
      local here = math.min(row[j] + 1, row[j - 1] + 1, before + (a[i] == b[j] and 0 or 1))
      before, row[j] = row[j], here
    end
  end
  return row[#b]
end

--- metrics.error_rate(said, meant) -> number, edits
---
--- Substitutions, insertions and deletions that make what was meant of what was said (Levenshtein 1966), of all
--- sequences together, divided by the number of all labels meant: the word or label error rate, 0 when all is right; it
--- may be above 1. Sequences are lists of labels, words or characters, as ctc.greedy gives. Errors: lists of unequal
--- lengths, nothing meant.
---@param said any[][]
---@param meant any[][]
---@return number
---@return integer edits
function edits.error_rate(said, meant)
  local fname = "metrics.error_rate"
  check.table(fname, "argument 1 (said)", said)
  check.table(fname, "argument 2 (meant)", meant)
  if #said ~= #meant then check.expected(fname, "argument 2 (meant)", ("%d sequences"):format(#said), #meant) end
  local sum, count = 0, 0
  for i, labels in ipairs(meant) do
    check.table(fname, ("argument 1 (said), entry %d"):format(i), said[i])
    check.table(fname, ("argument 2 (meant), entry %d"):format(i), labels)
    sum, count = sum + distance(said[i], labels), count + #labels
  end
  if count == 0 then
    core.fail("%s: argument 2 (meant): there is no label in its %d sequences", fname, #meant)
  end
  return sum / count, sum
end

return edits

-- choice.lua: logits that a choice can be made from: no nan, no infinity, not -inf alone. What is chosen from others
-- means nothing, however large the score beside it, so the place is named instead.

local core = require "rnn.core"
local check = require "rnn.check"

local choice = {}

local function refuse(fname, top, bad, place)
  local n = bad:argmax(1):item()
  local value = top:get(n)
  local what = value ~= value and "nan" or value > 0 and "infinite" or "all -inf"
  core.fail("%s: the logits of %s are %s, so nothing can be chosen from them", fname, place(n), what)
end

-- top: the value that would be chosen from each row, nan where there is one; counts: 1 for rows that matter.
local function need(fname, top, counts, place)
  local bad = 1 - top:is_finite()
  if counts then bad = bad * counts end
  if bad:sum():item() > 0 then refuse(fname, top, bad, place) end
end

--- choice.place(shape) -> function (n) -> "row 2, step 7"
---
--- Names the n-th of the elements that lie in that shape: rows, of time steps, of more.
function choice.place(shape)
  return function(n)
    local index = check.index(shape, n)
    if #index == 0 then return "the only row" end
    local text = ("row %d"):format(index[1])
    if index[2] then text = ("%s, step %d"):format(text, index[2]) end
    for axis = 3, #index do text = ("%s, place %d"):format(text, index[axis]) end
    return text
  end
end

--- choice.check(fname, logits, counts, place)
---
--- Raises when a row of logits (N, V) allows no choice; counts (N), or nil for all, is 0 for rows that do not matter,
--- place(n) names row n.
function choice.check(fname, logits, counts, place)
  if #logits > 0 then need(fname, logits:max(-1), counts, place) end
end

--- choice.best(fname, logits, counts, place) -> int32 (N): the place of the largest of each row, checked so.
function choice.best(fname, logits, counts, place)
  local ids = logits:argmax(-1)
  if #logits > 0 then need(fname, logits:take_along_axis(ids:reshape(-1, 1), 2):reshape(-1), counts, place) end
  return ids
end

--- choice.drawable(fname, outputs)
---
--- Raises when outputs (..., C), from whose rows something is to be drawn, hold nan within the lengths.
function choice.drawable(fname, outputs)
  local bare, shape = outputs:zero_padding():without_lengths():detach(), { outputs:shape() }
  local bad = bare:ne(bare):reshape(-1, shape[#shape]):sum(-1):gt(0)
  if bad:sum():item() == 0 then return end
  shape[#shape] = nil
  core.fail("%s: the outputs of %s hold nan, so nothing can be drawn from them", fname,
    choice.place(shape)(bad:argmax(1):item()))
end

return choice

-- rows.lua: tensors of any shape as rows of their last axis, for what learns something of each column.

local check = require "rnn.check"
local core = require "rnn.core"

local rows = {}

--- rows.all(fname, x) -> tensor (R, D)
---
--- A float tensor (..., D), padding included; a line (R) is one column.
function rows.all(fname, x)
  check.tensor(fname, "argument 1", x, "float")
  x = x:without_lengths()
  if x:ndim() < 2 then return x:reshape(-1, 1) end
  return x:reshape(-1, x:size(-1))
end

--- rows.valid(fname, x) -> tensor (R, D)
---
--- The same without the steps behind the lengths of a batch (N, T, D).
function rows.valid(fname, x)
  local all = rows.all(fname, x)
  if not x:lengths() then return all end
  local steps = core.ones { #x, x:size(2), #all // (#x * x:size(2)) }
  return all:gather(1, steps:with_lengths(x:lengths()):zero_padding():without_lengths():reshape(-1):nonzero())
end

return rows

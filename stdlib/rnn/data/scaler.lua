-- scaler.lua: puts the columns of a series on a common scale, and back.
--
-- A scaler is fitted once, on the training span; fitting it again, on data it should not know, is an error.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local origin = require "rnn.data.origin"
local rows_of = require "rnn.data.rows"

--- data.Scaler([options]) -> scaler
---
--- Scales the columns of a series. scaler:state() goes beside the weights (rnn.save's extra); data.Scaler { state =
--- saved } is the same scaler again. Errors: option factor with another kind.
---@class data.Scaler
---@field kind "standard"|"minmax"|"factor"
---@field shift? rnn.Tensor (D)
---@field scale? rnn.Tensor (D)
---@overload fun(options?: data.Scaler.Options): data.Scaler
local Scaler = class("data.Scaler")

local kind = option.one_of { "standard", "minmax", "factor" }

local OPTIONS = option.of("data.Scaler", {
  { "kind", "standard", kind, "every column gets mean 0 and deviation 1, or the range 0..1, or all are divided by the "
    .. "number factor" },
  { "factor", nil, check.positive, "with kind = \"factor\"" },
  { "missing", false, check.boolean, "values may be missing, nan: they do not count, and stay nan" },
  { "state", nil, check.table, "what scaler:state() gave; nothing else counts then" },
})

function Scaler:init(options)
  local fname = "data.Scaler"
  options = OPTIONS:read(options)
  local state = options.state
  if state then
    self.kind = kind(fname, "option 'state': kind", state.kind)
    self.shift = check.tensor(fname, "option 'state': shift", state.shift, "float", 1)
    self.scale = check.tensor(fname, "option 'state': scale", state.scale, "float", 1)
    return
  end
  self.kind, self.missing = options.kind, options.missing or nil
  if self.kind == "factor" then
    self.scale = core.full({ 1 }, check.positive(fname, "option 'factor' (with kind = 'factor')", options.factor))
    self.shift = core.zeros(1)
  elseif options.factor ~= nil then
    core.fail("%s: option 'factor' goes with kind = 'factor' only", fname)
  end
end

--- scaler:fit(x) -> scaler
---
--- Learns mean and deviation, or least and greatest value, of each column (last axis) of the training span.
--- Steps behind the lengths of a batch (N, T, D) do not count. Errors: a second fit, values that are not finite or lie
--- further apart than the largest number.
---@param x rnn.Tensor
---@return data.Scaler
function Scaler:fit(x)
  local rows = rows_of.valid("scaler:fit", x)
  if self.kind == "factor" then return self end
  if self.scale then core.fail("scaler:fit: it was fitted before; fit a scaler once, on the training span only") end
  local seen = self.missing and rows:eq(rows) or nil
  local count = seen and seen:sum(1)
  if #rows == 0 or (seen and core.where(seen, rows, 0) or rows):is_finite():min():item() == 0 then
    check.expected("scaler:fit", "argument 1", "rows of finite numbers (fill missing values first, or missing = true "
      .. "leaves them out)", x)
  end
  if seen and count:min():item() == 0 then
    core.fail("scaler:fit: column %d has no value", count:argmin(1):item())
  end
  local least = (seen and core.where(seen, rows, math.huge) or rows):min(1)
  local range = (seen and core.where(seen, rows, -math.huge) or rows):max(1) - least
  if seen then rows = core.where(seen, rows, least) end
  local function mean(t) return seen and (t * seen):sum(1) / count or t:mean(1) end
  if range:is_finite():min():item() == 0 then
    core.fail("scaler:fit: the values of column %d lie further apart than the largest number", range:argmax(1):item())
  end
  local constant = range:eq(0) -- becomes 0, not NaN
  local shift, scale = least, range
  if self.kind == "standard" then -- squares of shares of the range neither overflow nor vanish
    local unit = core.where(constant, 1, range)
    shift = least + mean((rows - least) / unit) * unit
    scale = mean(((rows - shift) / unit):square()):sqrt() * unit
  end
  self.shift, self.scale = core.where(constant, least, shift), core.where(constant, 1, scale)
  return self
end

local function fitted(self, fname, x)
  local rows = rows_of.all(fname, x)
  if not self.scale then core.fail("%s: it was not fitted; call scaler:fit(training) first", fname) end
  if #self.scale ~= 1 and #self.scale ~= rows:size(2) then
    core.fail("%s: argument 1: expected %d columns as in fit, got tensor %s", fname, #self.scale, check.shape(x))
  end
end

--- scaler:transform(x) -> tensor of the same shape
---
--- Scales the last axis of x, of the shape that it was fitted to. Errors: a scaler that was not fitted.
---@param x rnn.Tensor
---@return rnn.Tensor
function Scaler:transform(x)
  fitted(self, "scaler:transform", x)
  return origin.same((x - self.shift) / self.scale, x)
end

--- scaler:inverse(x) -> tensor of the same shape
---
--- From scaled values back to those of the data. scaler:column(2):inverse(y) takes forecasts of column 2 back, however
--- many steps ahead they go.
---@param x rnn.Tensor
---@return rnn.Tensor
function Scaler:inverse(x)
  fitted(self, "scaler:inverse", x)
  return x * self.scale + self.shift
end

--- scaler:column(i) -> scaler
---
--- The scaler of column i alone; it fits every shape.
--- Errors: a scaler that was not fitted, a column that it does not have.
---@param i integer
---@return data.Scaler
function Scaler:column(i)
  if not self.scale then core.fail("scaler:column: it was not fitted; call scaler:fit(training) first") end
  i = check.int("scaler:column", "argument 1", i, 1, #self.scale)
  return Scaler { state = { kind = self.kind, shift = self.shift:rows(i, i), scale = self.scale:rows(i, i) } }
end

--- scaler:state() -> table
---
--- All there is to it, as tensors and a string, for saving.
---@return { kind: string, shift: rnn.Tensor, scale: rnn.Tensor }
function Scaler:state()
  if not self.scale then core.fail("scaler:state: it was not fitted; call scaler:fit(training) first") end
  return { kind = self.kind, shift = self.shift, scale = self.scale }
end

return Scaler

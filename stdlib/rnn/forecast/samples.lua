-- samples.lua: windows of many series, some of whose values may be missing, as a dataset.

local core = require "rnn.core"
local class = require "rnn.class"
local nest = require "rnn.nest"
local Batches = require "rnn.data.batches"

-- flat: tensors of a row for each step of all series, one behind the other: inputs (R, C), targets (R, K), seen (R, K)
-- or nil (1 where there is a target), future (R, F) or nil, static (R, S) or nil, id int32 (R) or nil.
-- sizes: length, horizon, targets. normal: "window" puts the targets of each window on a scale of their own.
---@class forecast.Samples
---@field items rnn.Tensor int32, the first rows of windows
---@overload fun(flat: table, sizes: table, starts: integer[], normal: boolean): forecast.Samples
local Samples = class("forecast.Samples")

Samples.fname = "forecast.Samples"

local LEAST <const> = 1e-6 -- of the deviation of a window

function Samples:init(flat, sizes, starts, normal)
  self.flat, self.sizes, self.normal = flat, sizes, normal
  self.items = #starts > 0 and core.tensor(starts, "int32") or core.zeros { 0, type = "int32" }
end

function Samples:__len() return #self.items end

-- Mean and deviation of the targets within windows, (N, 1, K).
local function level_of(series, k)
  local targets = series:slice(3, 1, k)
  local level = targets:mean(2, true)
  return level, (targets - level):square():mean(2, true):sqrt():maximum(LEAST)
end

--- samples:inputs(starts) -> x, level, spread (N, 1, K) or nil
function Samples:inputs(starts)
  local flat, sizes, n = self.flat, self.sizes, #starts
  local series, level, spread = core.windows(flat.inputs, starts, sizes.length), nil, nil
  if self.normal then
    level, spread = level_of(series, sizes.targets)
    local normal = (series:slice(3, 1, sizes.targets) - level) / spread
    local width = series:size(3)
    series = width == sizes.targets and normal
      or core.concat({ normal, series:slice(3, sizes.targets + 1, width) }, 3)
  end
  local x, last = { series = series }, starts + (sizes.length - 1)
  if flat.future then x.future = core.windows(flat.future, starts + sizes.length, sizes.horizon) end
  if flat.static then x.static = flat.static:gather(1, last) end
  if flat.id then x.id = flat.id:gather(1, last):reshape(n, 1) end
  return x, level, spread
end

--- samples:batch(starts) -> x, y (N, horizon K), weights of that shape or nil, level, spread
function Samples:batch(starts)
  local flat, sizes = self.flat, self.sizes
  local x, level, spread = self:inputs(starts)
  local y = core.windows(flat.targets, starts + sizes.length, sizes.horizon)
  if level then y = (y - level) / spread end
  local weights = flat.seen and core.windows(flat.seen, starts + sizes.length, sizes.horizon):reshape(#starts, -1)
  return x, y:reshape(#starts, -1), weights, level, spread
end

--- samples:some(most) -> x, y, weights of at most so many windows
function Samples:some(most) return self:batch(nest.spread(self.items, most)) end

function Samples:batches(options) return Batches(self, options) end

return Samples

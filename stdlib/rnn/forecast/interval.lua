-- interval.lua: the ends of a Forecaster's intervals: conformal calibration, Monte-Carlo dropout, and draws.

local core = require "rnn.core"
local BatchNorm = require "rnn.nn.batchnorm"
local class = require "rnn.class"
local inverse = require "rnn.nn.inverse"

local interval = {}

local MOST <const> = 4000 -- windows that are looked at
local FEW <const> = 40    -- scores of a step; with fewer all steps have one margin

-- The level that stands against level j: 0.95 against 0.05.
local function opposite(self, j)
  for other, q in ipairs(self.levels) do
    if other > j and math.abs(q + self.levels[j] - 1) < 1e-9 then return other end
  end
end

-- The share of scores, a list, with the correction for their number (Vovk et al. 2005); nil where there are none.
local function conformal(scores, share)
  if #scores == 0 then return nil end
  table.sort(scores)
  return scores[math.min(#scores, math.ceil((#scores + 1) * share))]
end

-- By how far actual values lie outside low and high, of each column of (N, columns), as lists.
local function scores_of(low, high, y, weights)
  local rows = (low - y):maximum(y - high):totable()
  local seen = weights and weights:totable()
  local columns, all = {}, {}
  for n, row in ipairs(rows) do
    for c, v in ipairs(row) do
      columns[c] = columns[c] or {}
      if (not seen or seen[n][c] > 0) and v == v then
        table.insert(columns[c], v)
        all[#all + 1] = v
      end
    end
  end
  return columns, all
end

--- interval.calibrate(forecaster, samples)
---
--- Conformalised quantile regression (Romano, Patterson, Candès 2019): the margin of each step ahead is such that the
--- share that is wanted of the values of this span lies within.
function interval.calibrate(self, samples)
  self.margins = nil
  if #samples == 0 then return end
  local x, y, weights = samples:some(MOST)
  local list, raw = self:_levels(x)
  self.margins = {}
  for j in ipairs(self.levels) do self.margins[j] = core.zeros(y:size(2)) end
  for j in ipairs(self.levels) do
    local other = opposite(self, j)
    if other then
      local share = self.levels[other] - self.levels[j]
      local columns, all = scores_of(list[j], list[other], y, weights)
      local pooled, margin = conformal(all, share) or 0, {}
      for c, scores in ipairs(columns) do
        margin[c] = #scores >= FEW and conformal(scores, share) or pooled
      end
      self.margins[j], self.margins[other] = core.tensor(margin), core.tensor(margin)
    end
  end
  if #self.levels > 1 then self.spec.say("intervals are calibrated on %d windows that training did not see", #y) end
  if self.distribution.kind == "point" then -- what a draw adds
    local residuals = y - self.distribution:quantile(raw, 0.5)
    if weights then residuals = residuals * weights end
    self.residuals = residuals
  end
end

--- interval.widen(forecaster, list, doubt): changes a list of levels (N, columns); doubt (N, columns) or nil is the
--- deviation of the forecast itself.
function interval.widen(self, list, doubt)
  local centre, margins = list[self.middle], self.margins or {}
  for j, q in ipairs(self.levels) do
    if j ~= self.middle then
      local t = list[j]
      local far = (t - centre):abs()
      if doubt then far = (far:square() + (doubt * inverse.normal(q)):square()):sqrt() end
      if margins[j] then far = (far + margins[j]):relu() end
      list[j] = j < self.middle and centre - far or centre + far
    end
  end
end

local function dropout_passes(self, x, count)
  local sum, squares, raw_sum
  for i = 1, count do
    local network = self.network.members[(i - 1) % #self.network.members + 1]
    local raw = network(x)
    local centre = self.distribution:quantile(raw, 0.5)
    raw_sum = raw_sum and raw_sum + raw or raw
    sum = sum and sum + centre or centre
    squares = squares and squares + centre:square() or centre:square()
  end
  local mean = sum / count
  return raw_sum / count, (squares / count - mean:square()):relu():sqrt()
end

--- interval.dropout(forecaster, x, count) -> outputs (N, outputs), deviation (N, columns): passes with dropout in force
function interval.dropout(self, x, count)
  local network = self.network
  local before = network.training
  network:train()
  for _, pair in ipairs(network:modules()) do
    if class.is_a(pair[2], BatchNorm) then pair[2]:eval() end
  end
  local ok, raw, doubt = pcall(core.no_grad, dropout_passes, self, x, count)
  network:train(before)
  if not ok then error(raw, 0) end
  return raw, doubt
end

--- interval.draw(forecaster, raw) -> (N, columns), one value for each of what may come
function interval.draw(self, raw)
  local y = self.distribution:sample(raw)
  if not self.residuals then return y end
  return y + self.residuals:gather(1, core.randint(1, #self.residuals, #y))
end

return interval

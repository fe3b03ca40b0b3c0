-- interval.lua: the ends of a Forecaster's intervals: conformal calibration, Monte-Carlo dropout, and draws.

local core = require "rnn.core"
local BatchNorm = require "rnn.nn.batchnorm"
local class = require "rnn.class"
local inverse = require "rnn.nn.inverse"

local interval = {}

local FEW <const> = 40    -- scores of a step; with fewer all steps have one margin

-- The level that stands against level j: 0.95 against 0.05.
local function opposite(self, j)
  for other, q in ipairs(self.levels) do
    if other > j and math.abs(q + self.levels[j] - 1) < 1e-9 then return other end
  end
end

local CAUTION <const> = 0.5 -- standard errors: in two of three cases as many as are wanted lie within

-- How far a value must lie outside for the share that is wanted, by scores in ascending order, with the correction for
-- their number (Vovk et al. 2005). A share that so many independent scores say has a standard error, which is bigger
-- than their number says where windows overlap (as in "Conditional validity of inductive conformal predictors", Vovk
-- 2012).
local function conformal(sorted, share, independent)
  share = math.min(1, share + CAUTION * math.sqrt(share * (1 - share) / independent))
  return sorted[math.max(1, math.min(#sorted, math.ceil((#sorted + 1) * share)))] or 0
end

--- interval.apart(starts, step) -> of windows that begin there, ascending, how many do not overlap up to a step ahead
function interval.apart(starts, step)
  local count, last = 0, -math.huge
  for _, start in ipairs(starts) do
    if start >= last + step then count, last = count + 1, start end
  end
  return math.max(count, 1)
end

-- Scores of y (N, columns): how far it lies outside low and high; nan where there is none.
local function scores_of(low, high, y, weights)
  local scores = (low - y):maximum(y - high)
  return weights and core.where(weights:gt(0), scores, 0 / 0) or scores
end

-- The scores of each column that are there, in ascending order, and those of all.
local function sorted_of(scores)
  local columns, all = {}, {}
  for _, row in ipairs(scores:totable()) do
    for c, v in ipairs(row) do
      columns[c] = columns[c] or {}
      if v == v then
        table.insert(columns[c], v)
        all[#all + 1] = v
      end
    end
  end
  for _, list in ipairs(columns) do table.sort(list) end
  table.sort(all)
  return columns, all
end

--- interval.MOST: so many windows are looked at
interval.MOST = 4000

--- interval.calibrate(forecaster, list, raw, y, weights, starts)
---
--- Conformalised quantile regression (Romano, Patterson, Candès 2019): the margin of each step ahead is such that the
--- share that is wanted of the values y lies within. list, raw: what levels.of says of the same windows, which begin at
--- starts. forecaster.apart: of each step ahead how many of them do not overlap up to it.
function interval.calibrate(self, list, raw, y, weights, starts)
  self.margins, self.scores, self.apart = {}, {}, {}
  for step = 1, self.horizon do self.apart[step] = interval.apart(starts, step) end
  for j in ipairs(self.levels) do self.margins[j], self.scores[j] = core.zeros(y:size(2)), core.zeros(0) end
  for j in ipairs(self.levels) do
    local other = opposite(self, j)
    if other then
      self.scores[j] = scores_of(list[j], list[other], y, weights)
      local columns, all = sorted_of(self.scores[j])
      local share, margin = self.levels[other] - self.levels[j], {}
      for c, scores in ipairs(columns) do
        margin[c] = conformal(#scores >= FEW and scores or all, share, self.apart[math.ceil(c / self.sizes.targets)])
      end
      self.margins[j] = core.tensor(margin)
      self.margins[other] = self.margins[j]
    end
  end
  if self.distribution.kind == "point" then -- what a draw adds
    local residuals = y - self.distribution:quantile(raw, 0.5)
    self.residuals = weights and residuals * weights or residuals
  end
end

local PACE <const> = 0.02 -- of adaptive conformal inference

-- Margins of one column: of origin n by the scores that were known then. rows[n]: of the origin; step: how far ahead;
-- count: of independent scores before.
local function followed(sorted, scores, rows, step, share, count)
  local margins, next_known, wanted = {}, 1, share
  for n, row in ipairs(rows) do
    while next_known < n and rows[next_known] + step <= row do
      local score = scores[next_known]
      if score == score then
        local missed = score > margins[next_known] and 1 or 0
        wanted = math.max(0.5, math.min(0.999, wanted + PACE * (missed - (1 - share))))
        local low, high = 1, #sorted + 1
        while low < high do
          local middle = (low + high) // 2
          if sorted[middle] < score then low = middle + 1 else high = middle end
        end
        table.insert(sorted, low, score)
        count = count + 1 / step
      end
      next_known = next_known + 1
    end
    margins[n] = conformal(sorted, wanted, count)
  end
  return margins
end

--- interval.follow(forecaster, list, y, weights, rows) -> list of (N, columns), margins of each level
---
--- Calibration that goes on: of each origin by all scores that were known then, and with a share that rises after a
--- miss and falls after a hit (Gibbs, Candès 2021, "Adaptive conformal inference under distribution shift"). list:
--- levels without margins at consecutive origins of one series, rows: theirs.
function interval.follow(self, list, y, weights, rows)
  local result, width = {}, y:size(2)
  for j in ipairs(self.levels) do
    local other = opposite(self, j)
    if other then
      local columns, all = sorted_of(self.scores[j])
      local own = scores_of(list[j], list[other], y, weights):transpose(1, 2):totable()
      local margins = {}
      for c = 1, width do
        local sorted = #columns[c] >= FEW and columns[c] or table.move(all, 1, #all, 1, {})
        local step = math.ceil(c / self.sizes.targets)
        margins[c] = followed(sorted, own[c], rows, step, self.levels[other] - self.levels[j],
          self.apart and self.apart[step] or #sorted) -- files of earlier versions do not say
      end
      result[j] = core.tensor(margins):transpose(1, 2)
      result[other] = result[j]
    elseif not result[j] then
      result[j] = core.zeros(#y, width)
    end
  end
  return result
end

--- interval.widen(forecaster, list, doubt, margins): changes a list of levels (N, columns); doubt (N, columns) or nil
--- is the deviation of the forecast itself, margins a list of (N, columns) or (columns), or nil. Levels do not cross:
--- one that lies farther out is never nearer to the middle than the one before.
function interval.widen(self, list, doubt, margins)
  local centre = list[self.middle]
  margins = margins or {}
  for _, way in ipairs { -1, 1 } do
    local inner
    for j = self.middle + way, way < 0 and 1 or #self.levels, way do
      local far = (list[j] - centre):abs()
      if doubt then far = (far:square() + (doubt * inverse.normal(self.levels[j])):square()):sqrt() end
      if margins[j] then far = (far + margins[j]):relu() end
      inner = inner and far:maximum(inner) or far
      list[j] = centre + way * inner
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

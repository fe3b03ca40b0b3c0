-- table.lua: what came of a sweep: its table, and how much each option matters.

local columns = require "rnn.columns"

local tables = {}

-- A figure that is no number is worse than all.
local function better(a, b, largest)
  if a ~= a or b ~= b then return b ~= b and a == a end
  if largest then return a > b end
  return a < b
end

local function sorted(values)
  local list = table.move(values, 1, #values, 1, {})
  table.sort(list, function(a, b) return a < b or a == a and b ~= b end) -- nan last
  return list
end

-- Linear between the two nearest; nan where one of them is.
local function quantile(list, q)
  local at = 1 + q * (#list - 1)
  local low = math.floor(at)
  if low == at then return list[low] end
  return list[low] + (at - low) * (list[low + 1] - list[low])
end

--- tables.median(values) -> number
function tables.median(values) return quantile(sorted(values), 0.5) end

local FEW <const> = 5 -- values of which least and greatest are shown, and not quartiles

local function range(values)
  local list = sorted(values)
  if #list <= FEW then return list[1], list[#list] end
  return quantile(list, 0.25), quantile(list, 0.75)
end

--- tables.order(trials, rung, largest) -> list of trials, the best first
---
--- By the median over the seeds at that rung; of equal ones the first drawn is better. A trial has number, and figures:
--- rung -> list of figures, one for each seed.
---@param trials table[]
---@param rung integer
---@param largest boolean
---@return table[]
function tables.order(trials, rung, largest)
  local list = table.move(trials, 1, #trials, 1, {})
  for _, trial in ipairs(list) do trial.median = tables.median(trial.figures[rung]) end
  table.sort(list, function(a, b)
    if better(a.median, b.median, largest) then return true end
    if better(b.median, a.median, largest) then return false end
    return a.number < b.number
  end)
  return list
end

-- ---- importance ----

local GROUPS <const> = 4

-- Ranks from 1; equal values share theirs; those that are no number are the last.
local function ranks_of(values)
  local order, ranks = {}, {}
  for i = 1, #values do order[i] = i end
  local function value(i) return values[i] == values[i] and values[i] or math.huge end
  table.sort(order, function(a, b)
    if value(a) ~= value(b) then return value(a) < value(b) end
    return a < b
  end)
  local i = 1
  while i <= #order do
    local j = i
    while order[j + 1] and value(order[j + 1]) == value(order[i]) do j = j + 1 end
    for k = i, j do ranks[order[k]] = (i + j) / 2 end
    i = j + 1
  end
  return ranks
end

-- The group that each trial is in by an option: one for each value where there are few, else quarters.
local function groups_of(axis, trials)
  local group = {}
  if axis.list then
    for i, trial in ipairs(trials) do group[i] = trial.values[axis.name] end
    return group
  end
  local values = {}
  for i, trial in ipairs(trials) do values[i] = tonumber(trial.values[axis.name]) end
  for i, rank in ipairs(ranks_of(values)) do group[i] = math.min(GROUPS, (rank - 0.5) * GROUPS // #values + 1) end
  return group
end

--- tables.importance(axes, trials, rung) -> list of { name, share }, the greatest first
---
--- The share of the variance of the trials' ranks that an option explains by itself, less what chance explains: epsilon
--- squared of Kruskal and Wallis's test (1952; Tomczak and Tomczak 2014), with the values of a list as groups, and
--- quarters of a range. All trials count, at the first rung. nil where there are too few.
---@param axes table[]
---@param trials table[]
---@param rung integer
---@return table[]
function tables.importance(axes, trials, rung)
  local medians, list = {}, {}
  for i, trial in ipairs(trials) do medians[i] = tables.median(trial.figures[rung]) end
  local ranks, n = ranks_of(medians), #trials
  local mean, total = (n + 1) / 2, 0
  for _, rank in ipairs(ranks) do total = total + (rank - mean) ^ 2 end
  for _, axis in ipairs(axes) do
    if not axis.list or #axis.list > 1 then
      local sums, counts, k, between = {}, {}, 0, 0
      for i, group in ipairs(groups_of(axis, trials)) do
        if not sums[group] then k = k + 1 end
        sums[group], counts[group] = (sums[group] or 0) + ranks[i], (counts[group] or 0) + 1
      end
      local names = {}
      for group in pairs(sums) do names[#names + 1] = group end
      table.sort(names, function(a, b) return tostring(a) < tostring(b) end) -- a sum has one order
      for _, group in ipairs(names) do between = between + counts[group] * (sums[group] / counts[group] - mean) ^ 2 end
      local share
      if k > 1 and n > k and total > 0 then
        share = math.max(0, 1 - (1 - between / total) * (n - 1) / (n - k))
      end
      list[#list + 1] = { name = axis.name, share = share }
    end
  end
  table.sort(list, function(a, b)
    local x, y = a.share or -1, b.share or -1
    return x > y or x == y and a.name < b.name
  end)
  return list
end

-- ---- text ----

-- Rows of cells as lines with nothing blank at their ends.
local function lined(rows, is_right)
  local lines = columns.lines(rows, is_right)
  for i, line in ipairs(lines) do lines[i] = line:gsub(" +$", "") .. "\n" end
  return table.concat(lines)
end
tables.lined = lined

local function short(value) return value < 1e9 and columns.short(value) or ("%.4g"):format(value) end

local function number(value)
  if value ~= value then return "failed" end
  return (value < 0 and "-" or "") .. short(math.abs(value))
end

local function signed(value) return (value > 0 and "+" or "") .. number(value) end

-- The differences to the best, seed by seed: their median, and the least and the greatest.
local function difference(trial, best, rung)
  local list = {}
  for i, value in ipairs(trial.figures[rung]) do list[i] = value - best.figures[rung][i] end
  local median = tables.median(list)
  if median ~= median then return "" end
  if #list == 1 then return signed(median) end
  local low, high = range(list)
  return ("%s (%s to %s)"):format(signed(median), signed(low), signed(high))
end

-- The last rung that a trial has reached, as a place in rungs.
local function reached(trial, rungs)
  for i = #rungs, 1, -1 do
    if trial.figures[rungs[i]] then return i end
  end
end

--- tables.text(sweep) -> string, winner
---
--- One row a trial, the best first; those that were left at an earlier rung after those that went on. sweep has figure,
--- largest, seeds (their number), axes, trials and rungs (epochs).
---@param sweep table
---@return string
---@return table winner
function tables.text(sweep)
  local rungs, ordered = sweep.rungs, {}
  for i = #rungs, 1, -1 do
    local here = {}
    for _, trial in ipairs(sweep.trials) do
      if reached(trial, rungs) == i then here[#here + 1] = trial end
    end
    for _, trial in ipairs(tables.order(here, rungs[i], sweep.largest)) do ordered[#ordered + 1] = trial end
  end
  local shown = {}
  for _, axis in ipairs(sweep.axes) do
    if not axis.list or #axis.list > 1 then shown[#shown + 1] = axis.name end
  end
  local heading = { "", "trial", table.unpack(shown) }
  local several = sweep.seeds > 1
  heading[#heading + 1] = sweep.figure
  if several then heading[#heading + 1] = sweep.seeds <= FEW and "range" or "quartiles" end
  heading[#heading + 1] = "to the best"
  if #rungs > 1 then heading[#heading + 1] = "epochs" end
  local rows = { heading }
  for place, trial in ipairs(ordered) do
    local at = reached(trial, rungs)
    local rung = rungs[at]
    local row = { tostring(place), tostring(trial.number) }
    for _, name in ipairs(shown) do row[#row + 1] = trial.values[name] end
    row[#row + 1] = number(trial.median)
    if several then
      local low, high = range(trial.figures[rung])
      row[#row + 1] = low == low and ("%s to %s"):format(number(low), number(high)) or ""
    end
    row[#row + 1] = place > 1 and ordered[1].figures[rung] and difference(trial, ordered[1], rung) or ""
    if #rungs > 1 then row[#row + 1] = tostring(rung) end
    rows[#rows + 1] = row
  end
  return lined(rows, function() return true end), ordered[1]
end

--- tables.importance_text(list) -> string
---@param list table[]
---@return string
function tables.importance_text(list)
  local rows = {}
  for i, each in ipairs(list) do
    local share = each.share
    rows[i] = { "  " .. each.name, share and ("%.0f %%"):format(100 * share) or "too few trials to say",
      share and ("#"):rep(math.floor(20 * share + 0.5)) or "" }
  end
  return lined(rows, function(j) return j == 2 end)
end

return tables

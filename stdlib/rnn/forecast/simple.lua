-- simple.lua: the simple forecasts as linear models of a window, to begin with or to stay with where rows held out say
-- that nothing better is known.

local core = require "rnn.core"

local simple = {}

simple.VALUES = 2 -- that a window counts for in a likelihood, of those that do not overlap
simple.LEAST = 0.01 -- share in a mean of forecasts that is not left out

local RATES = { 0.1, 0.2, 0.35, 0.5, 0.7, 1 } -- of exponential smoothing; 1 is the last value

--- simple.all(steps, horizon [, season]) -> list of { label =, weights = (horizon, steps) }
---
--- Forecast j of a window is its last value and the sum over its steps of weights (j, step) times the change of the
--- step against the last one.
function simple.all(steps, horizon, season)
  local list = {}
  -- fill(row, j) sets what is not 0 of the weights of the j-th step ahead
  local function add(label, fill)
    local rows = {}
    for j = 1, horizon do
      local row = {}
      for s = 1, steps do row[s] = 0 end
      fill(row, j)
      rows[j] = row
    end
    list[#list + 1] = { label = label, weights = core.tensor(rows) }
  end
  local function drift(row, j, share)
    if steps > 1 then row[1] = row[1] - share * j / (steps - 1) end
  end
  add("the last value", function() end)
  if steps > 1 then add("drift", function(row, j) drift(row, j, 1) end) end
  for _, rate in ipairs(RATES) do
    local function smooth(row)
      local left = 1
      for s = steps, 2, -1 do row[s], left = left * rate, left * (1 - rate) end
      row[1] = row[1] + left
    end
    if steps > 1 and rate < 1 then
      add("exponential smoothing", smooth)
      add("Theta", function(row, j)
        smooth(row)
        drift(row, j, 0.5)
      end)
    end
  end
  if season and season > 1 and season <= steps then
    for count = 1, steps // season do -- the mean of so many seasons
      if count <= 4 or count == steps // season then
        add(count == 1 and ("the value of %d steps before"):format(season)
          or ("the mean of %d seasons"):format(count), function(row, j)
          for q = 1, count do row[steps - q * season + (j - 1) % season + 1] = 1 / count end
        end)
      end
    end
    local count = steps // season
    for _, rate in ipairs(count > 1 and RATES or {}) do -- of what the mean season leaves
      add("exponential smoothing without the season", function(row, j)
        for q = 1, count do row[steps - q * season + (j - 1) % season + 1] = 1 / count end
        local weight = rate
        for s = steps, steps - count * season + 1, -1 do
          row[s] = row[s] + weight
          for q = 1, count do
            local like = steps - q * season + (s - steps - 1) % season + 1
            row[like] = row[like] - weight / count
          end
          weight = weight * (1 - rate)
        end
      end)
    end
  end
  return list
end

return simple

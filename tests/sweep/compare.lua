-- compare.lua NAME WHOLE HALVED: the winners of two sweeps of the same trials, by their results.json.
local core = require "rnn.core"
local function read(folder) return core.json_decode(assert(core.file_read(folder .. "/results.json"))) end
local name, whole, halved = arg[1], read(arg[2]), read(arg[3])

local function median(list)
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[(n + 1) // 2] or (list[n // 2] + list[n // 2 + 1]) / 2
end

-- The epochs that were trained, and the figure at the last rung by trial.
local function all(results)
  local epochs, last, final = 0, 0, {}
  for _, trial in ipairs(results.trials) do
    local most = 0
    for rung in pairs(trial.figures) do most = math.max(most, tonumber(rung)) end
    epochs, last = epochs + most, math.max(last, most)
  end
  for _, trial in ipairs(results.trials) do
    local values = trial.figures[tostring(last)]
    final[trial.trial] = values and median(values)
  end
  return epochs, final
end

local epochs, final = all(whole)
local fewer = all(halved)
local place = 1
for _, value in pairs(final) do if value < final[halved.winner] then place = place + 1 end end
print(("%s: %s: trial %d of %d, %s; %.0f %% of the epochs"):format(name, whole.winner == halved.winner
  and "the same winner" or "another winner", halved.winner, #whole.trials, place == 1 and "the best"
  or ("place %d of the whole sweep, %.4g against %.4g"):format(place, final[halved.winner], final[whole.winner]),
  100 * fewer / epochs))

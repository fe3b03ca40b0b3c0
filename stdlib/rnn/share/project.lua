-- project.lua: the folder that rnnlua new starts, and where rnnlua run keeps its runs.

local core = require "rnn.core"

local project = {}

local TRAIN = [[
-- %s: tomorrow's value of a series, from the last two weeks.
--
--   rnnlua run                 trains, and keeps the run in runs/1.capsule.zip
--   rnnlua run --units 16      the same with another number of units; rnnlua train.lua --help
--   rnnlua tests/forecast.lua  the test
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local experiment = rnn.experiment {
  about = "Forecasts the series in data/series.csv.",
  epochs = 20,
  units = { 8, "units of the GRU" },
}
local options = experiment.options
rnn.seed(options.seed)

local series = assert(data.csv("data/series.csv"))
local values = series:tensor { "value" } / 100
local last = values:size(1) * 4 // 5
local past = { length = 14 }
local train = data.windows(values:rows(1, last), past)
local valid = data.windows(values:rows(last - 13, values:size(1)), past)

local model = nn.Sequential { nn.GRU(1, options.units, { returns = "last" }), nn.Linear(options.units, 1) }
local history = experiment:fit("gru", model, {
  data = train:batches { size = 32, shuffle = true }, valid = valid, loss = "mse", metrics = { "mae" },
  optimizer = optim.Adam(model:parameters(), { lr = 0.01 }), progress = false,
})
experiment.results:add("gru", { val_mae = history.best.val_mae * 100 })
print(("mean absolute error on the last fifth: %%.1f"):format(history.best.val_mae * 100))
experiment:finish { model = model, extra = { input = "14 values of the series, divided by 100" } }
]]

local TEST = [[
-- The series is read, and the model's output has the shape that it should have.
local rnn = require "rnn"

local series = assert(rnn.data.csv "data/series.csv")
assert(#series == 400, "data/series.csv: expected 400 values")
local model = rnn.nn.Sequential { rnn.nn.GRU(1, 4, { returns = "last" }), rnn.nn.Linear(4, 1) }
local rows, columns = model(rnn.zeros(3, 14, 1)):shape()
assert(rows == 3 and columns == 1)
print "ok"
]]

local README = [[
# %s

`train.lua` learns to forecast the series in `data/series.csv`. Put your own data and model there.

    rnnlua run                        # trains; keeps the run in runs/1.capsule.zip
    rnnlua rerun runs/1.capsule.zip   # repeats it, and says whether it came to the same
    rnnlua show runs/1.capsule.zip    # what is in it
    rnnlua tests/forecast.lua         # the test

Send `runs/1.capsule.zip` to others: it has the script, what it came to, and the names and
fingerprints of the data; `rnnlua capsule --with-data train.lua` packs the data as well.
]]

-- A series with a week and a year in it, the same each time.
local function series()
  local lines, noise = { "day,value" }, 1
  for i = 1, 400 do
    noise = noise * 1103515245 + 12345 & 0x7fffffff
    local week = ({ 40, 42, 41, 45, 60, 90, 80 })[i % 7 + 1]
    lines[i + 1] = ("%d,%d"):format(i, week + math.abs(i % 365 - 182) // 6 + noise % 9)
  end
  return table.concat(lines, "\n") .. "\n"
end

--- project.new(name) -> true | nil, message
---@param name string
---@return true?
---@return string? message
function project.new(name)
  name = name:gsub("/+$", "")
  if core.file_is_there(name) ~= false then return nil, name .. ": there is something of that name" end
  local title = name:match "[^/]*$"
  local files = { ["train.lua"] = TRAIN:format(title), ["tests/forecast.lua"] = TEST,
    ["README.md"] = README:format(title), ["data/series.csv"] = series() }
  for path, text in pairs(files) do
    path = name .. "/" .. path
    local done, message = core.make_folder(path:match "^(.*)/")
    if done then done, message = core.file_write(path, text) end
    if not done then return nil, message end
  end
  io.write(("%s: train.lua, data/series.csv, tests/forecast.lua, README.md\ncd %s && rnnlua run\n"):format(name, name))
  return true
end

--- project.next_run() -> "runs/3.capsule.zip" | nil, message
---@return string?
---@return string? message
function project.next_run()
  if core.file_is_there "train.lua" ~= true then
    return nil, "there is no train.lua here; rnnlua new NAME starts a project"
  end
  local done, message = core.make_folder "runs"
  if not done then return nil, message end
  local n = 1
  while core.file_is_there(("runs/%d.capsule.zip"):format(n)) ~= false do n = n + 1 end
  return ("runs/%d.capsule.zip"):format(n)
end

return project

-- Echo state networks: a random recurrent network that is never trained, and a linear read-out that
-- is solved at once.
--
-- Mackey-Glass, tau 17, is the series of H. Jaeger and H. Haas 2004, "Harnessing nonlinearity:
-- predicting chaotic systems and saving energy in wireless communication": after 3000 steps the
-- network runs free from many places, and its error 84 steps ahead is measured, as a share of the
-- series' deviation (NRMSE84); they have 10^-4.2 with 1000 units. The other series are the daily
-- boardings of Chicago's trains, as in ridership.lua: tomorrow's, by the mean absolute error.
--
--   rnnlua scripts/reservoir.lua --series mackey-glass --units 400 --seeds 5
local rnn = require "rnn"
local nn, data = rnn.nn, rnn.data

local experiment = rnn.experiment {
  about = "Forecasts a chaotic series and Chicago's riders with echo state networks.",
  data = { folder = "cta-ridership",
    source = "https://github.com/ageron/data/tree/main/ridership (City of Chicago, CTA totals)",
    format = [[
for the series ridership this very file is needed; scripts/ridership.lua takes others
service_date,day_type,bus,rail_boardings,total_rides
01/01/2001,U,297192,126455,423647]] },
  epochs = false, save = false, run = false,
  series = { { "mackey-glass", "ridership" }, "forecast these" },
  units = { 400, "units of the reservoir" },
  seeds = 3,
}
local options, results, START = experiment.options, experiment.results, rnn.clock()
local path, message
if options.series.ridership then
  path, message = data.find("cta-ridership", "CTA_-_Ridership_-_Daily_Boarding_Totals.csv",
    { data = options.data, sole = true })
  experiment:check(path or not options.data, message)
  if not path then io.stderr:write("ridership is left out: ", message, "\n") end
end

-- dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x by Runge and Kutta's fourth order, 10 steps in
-- a unit of time; between two of them, the delayed value is that of a cubic. A thousand units pass
-- until the start is forgotten.
local function mackey_glass(count)
  local x, STEP, DELAY, FORGET = {}, 0.1, 170, 1000
  local function slope(now, past) return 0.2 * past / (1 + past ^ 10) - 0.1 * now end
  for i = 1, DELAY + 2 do x[i] = 1.2 end
  for i = #x, #x + (FORGET + count) * 10 do
    local now, a, b = x[i], x[i - DELAY], x[i - DELAY + 1]
    local between = (9 * (a + b) - x[i - DELAY - 1] - x[i - DELAY + 2]) / 16
    local k1 = slope(now, a)
    local k2 = slope(now + STEP / 2 * k1, between)
    local k3 = slope(now + STEP / 2 * k2, between)
    local k4 = slope(now + STEP * k3, b)
    x[i + 1] = now + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
  end
  local list = {}
  for i = 1, count do list[i] = x[#x - (count - i) * 10] end
  return (rnn.tensor(list) - 1):tanh()
end

local TRAIN, TEST, AHEAD, PLACES = 3000, 3000, 84, 50
local WASHOUT = math.min(200, TRAIN // 2)

-- The error 84 steps ahead from places of the rest of the series; returns one free run and what
-- came, too.
local function chaos(series, seed)
  rnn.seed(seed)
  local reservoir = nn.Reservoir(1, options.units, { outputs = 1, radius = 1.1, leak = 0.5 })
  reservoir:fit(series:rows(1, TRAIN):reshape(1, -1, 1),
    series:rows(2, TRAIN + 1):reshape(1, -1, 1), { washout = WASHOUT, ridge = 1e-8 })
  local rest = series:rows(TRAIN + 1, #series)
  local states = reservoir:states(rest:reshape(1, -1, 1)):reshape(#rest, -1)
  local places = rnn.arange(PLACES) * ((#rest - WASHOUT - AHEAD) // PLACES) + (WASHOUT - 1)
  local first = rest:gather(1, places + 1):reshape(-1, 1)
  -- of places + 2 to places + AHEAD
  local said = reservoir:continue(first, AHEAD - 1, { states:gather(1, places) })
  local came = rest:gather(1, places + AHEAD)
  local variance = (rest - rest:mean()):square():mean()
  local far = (said:select(2, AHEAD - 1):reshape(-1) - came):square():mean()
  local error84 = (far / variance):sqrt():item()
  local at = places:get(1)
  return error84, said:select(1, 1):reshape(-1), rest:rows(at + 2, at + AHEAD)
end

local lines = {}
if options.series["mackey-glass"] then
  local series = mackey_glass(TRAIN + TEST)
  for seed in experiment:seeds() do
    local begun = rnn.clock()
    local error84, said, came = chaos(series, seed)
    results:add("mackey-glass", { nrmse84 = error84, seconds = rnn.clock() - begun })
    if seed == options.seed then
      lines = { { label = "the series", y = came }, { label = "running free", y = said } }
    end
  end
  results:add("mackey-glass", { all_seconds = rnn.clock() - START })
end

-- Tomorrow's riders from today's numbers and what kind of day tomorrow is. The periods are those of
-- ridership.lua.
local function ridership()
  local cta = assert(data.csv(path)):sort("service_date"):unique():shift("day_type", -1, "next")
  local rail = cta:tensor { "rail_boardings" } / 1e6
  local two, kinds = cta:tensor { "bus", "rail_boardings" } / 1e6, cta:one_hot("next")
  local inputs = rnn.concat({ two, kinds }, 2)
  local periods = { train = { "2016-01", "2018-12" }, val = { "2019-01", "2019-05" },
    calm = { "2019-06", "2020-02" } }
  local windows = {}
  for name, p in pairs(periods) do
    windows[name] = data.windows(rail:rows(cta:between(p[1], p[2])), { length = 56, target = 1 })
  end
  local from, to = cta:between(table.unpack(periods.train))
  local days = #rail - 1
  for seed in experiment:seeds() do
    rnn.seed(seed)
    local begun = rnn.clock()
    local reservoir = nn.Reservoir(inputs:size(2), options.units, { outputs = 1, radius = 0.9,
      leak = 0.7, input_scale = 0.3 })
    reservoir:fit(inputs:rows(from - 100, to - 1):reshape(1, -1, inputs:size(2)),
      rail:rows(from - 99, to):reshape(1, -1, 1), { ridge = 0.03 })
    local said = rnn.no_grad(function()
      local all = reservoir(inputs:rows(1, days):reshape(1, days, -1))
      return all:reshape(days, 1) -- row t: of day t + 1
    end)
    local figures = { seconds = rnn.clock() - begun }
    for _, name in ipairs { "val", "calm" } do
      local first, last = cta:between(table.unpack(periods[name]))
      local report = rnn.forecast_report { train = windows.train, test = windows[name], season = 7,
        scale = 1e6, forecast = said:rows(first + 55, last - 1), quiet = true }
      figures[name .. "_mae"], figures[name .. "_skill"] = report.mae, report.skill
      for i, b in ipairs { "last", "naive", "linear" } do
        if seed == options.seed then
          results:add(b, { [name .. "_mae"] = report.baselines[i].mae })
        end
      end
    end
    results:add("ridership", figures)
  end
end

if path then ridership() end

print(([[
%d units, medians of %d seed%s. Mackey-Glass: NRMSE84, from %d places. Ridership: mean absolute
error in riders of tomorrow's trains, January to May 2019 and June 2019 to February 2020, and
skill: 1 - error / error of the best of last, naive (same day last week) and linear.]])
  :format(options.units, options.seeds, options.seeds == 1 and "" or "s", PLACES))
io.write(results:table { { "nrmse84", "%.5f", "NRMSE84" }, { "val_mae", "%.0f", "validation" },
  { "val_skill", "%+.3f", "skill" }, { "calm_mae", "%.0f", "calm" },
  { "calm_skill", "%+.3f", "skill" }, { "seconds", "%.2f", "seconds" },
  { "all_seconds", "%.2f", "all seeds" } })
if #lines > 0 then
  assert(rnn.plot.lines(lines, { title = "Mackey-Glass: 83 steps of its own",
    file = options.plot }))
end
experiment:finish {}

-- Forecast honesty: the baselines are what they say, the linear one is the optimum, and false success is named.
local rnn = require "rnn"
local data = rnn.data
local baselines = require "rnn.data.baselines"
local least_squares = require "rnn.data.least_squares"

-- A week's pattern, growing a little, with noise.
local function weekly(n, noise)
  rnn.seed(4)
  local day = rnn.arange(n):to_float()
  local series = (day * (2 * math.pi / 7)):sin() + day * 0.001 + rnn.randn(n) * noise
  return series:reshape(n, 1)
end

local function report(train, test, forecast, more)
  local options = { train = train, test = test, forecast = forecast, quiet = true }
  for key, value in pairs(more or {}) do options[key] = value end
  return rnn.forecast_report(options)
end

local function by_name(r)
  local mae = {}
  for _, b in ipairs(r.baselines) do mae[b.name] = b.mae end
  return mae
end

describe("baselines", function()
  local row = rnn.arange(20):to_float():reshape(20, 1)
  local two = rnn.concat({ row, row + 100 }, 2)

  it("repeat the last value", function()
    local w = data.windows(row, { length = 5, target = 3 })
    assert.same({ 5, 5, 5 }, baselines.last(w)(w.items):rows(1, 1):reshape(-1):totable())
  end)

  it("repeat the last season, as often as needed", function()
    local w = data.windows(row, { length = 5, target = 7 })
    assert.same({ 3, 4, 5, 3, 4, 5, 3 }, baselines.seasonal(w, 3)(w.items):rows(1, 1):reshape(-1):totable())
  end)

  it("know several targets, steps first", function()
    local w = data.windows(two, { length = 4, target = 2 })
    assert.same({ 3, 103, 4, 104 }, baselines.seasonal(w, 2)(w.items):rows(1, 1):reshape(-1):totable())
  end)

  it("find the season", function()
    assert.equal(7, baselines.season(data.windows(weekly(300, 0.1), { length = 20 })))
  end)
end)

describe("least squares", function()
  it("finds the exact solution where there is one", function()
    rnn.seed(2)
    local x = rnn.randn(60, 5) * 3 + 10
    local w = rnn.tensor { { 1, 0 }, { -2, 1 }, { 0.5, 0 }, { 0, 3 }, { 4, -1 } }
    local y = rnn.matmul(x, w) + rnn.tensor { 7, -3 }
    assert.near(0, (least_squares(x, y)(x) - y):abs():max():item(), 2e-3)
  end)

  it("leaves residuals that are orthogonal to every column, also for collinear and constant ones", function()
    rnn.seed(3)
    local x = rnn.randn(200, 6)
    x = rnn.concat({ x, x:slice(2, 1, 1) * 2, rnn.ones(200, 1) }, 2)
    local y = rnn.randn(200, 3)
    local residual = y - least_squares(x, y)(x)
    assert.near(0, rnn.matmul(x:transpose(1, 2), residual):abs():max():item() / 200, 1e-4)
  end)
end)

describe("rnn.forecast_report", function()
  local series = weekly(400, 0.1)
  local train = data.windows(series:rows(1, 300), { length = 21 })
  local test = data.windows(series:rows(301, 400), { length = 21 })
  local _, truth = test:all()

  it("scores on the very windows", function()
    local r = report(train, test, truth)
    local mae = by_name(r)
    local past = test:past(test.items)
    assert.near((past:select(2, 21) - truth):abs():mean():item(), mae.last, 1e-6)
    assert.near((past:select(2, 15) - truth):abs():mean():item(), mae.seasonal, 1e-6)
    assert.is_true(mae.linear < mae.seasonal and mae.seasonal < mae.last)
    assert.equal(0, r.mae)
    assert.equal(1, r.skill)
    assert.equal("linear", r.best)
    assert.equal(7, r.season)
    assert.same({}, r.warnings)
  end)

  it("scales errors, not skill", function()
    local forecast = truth + 0.01
    local a, b = report(train, test, forecast), report(train, test, forecast, { scale = 1000 })
    assert.near(1000 * a.mae, b.mae, 1e-6)
    assert.near(a.skill, b.skill, 1e-9)
    assert.near(10, b.each[1], 1e-3)
    assert.equal(1, #b.each)
    assert.near(1000 * a.baselines[1].mae, b.baselines[1].mae, 1e-6)
  end)

  it("warns of a model that does not beat what is free", function()
    local r = report(train, test, truth * 0)
    assert.is_true(r.skill < 0)
    assert.matches("no better than the linear model", r.warnings[1])
    assert.equal(1, #r.warnings)
  end)

  it("warns of a forecast that is its input shifted by a step", function()
    local r = report(train, test, test:past(test.items):select(2, 21) + 0.01)
    assert.matches("input shifted by a step", r.warnings[2])
  end)

  it("does not call a good forecast of a slow series shifted", function()
    local slow = (rnn.arange(400):to_float() * 0.05):sin():reshape(400, 1)
    local a, b = data.windows(slow:rows(1, 300), { length = 10 }), data.windows(slow:rows(301, 400), { length = 10 })
    local _, y = b:all()
    for _, warning in ipairs(report(a, b, y + 0.001).warnings) do assert.not_matches("shifted", warning) end
  end)

  it("takes the last step of sequence forecasts", function()
    local settings = { length = 21, target = "sequence", ahead = 9 }
    local a, b = data.windows(series:rows(1, 300), settings), data.windows(series:rows(301, 400), settings)
    local _, y = b:all()
    local r = report(a, b, y, { season = 7 })
    assert.equal(0, r.mae)
    assert.equal(9, #r.each)
    assert.same(y:select(2, 21):totable(), r.forecast:totable())
    local plain = { length = 21, target = 9 }
    local c, d = data.windows(series:rows(1, 300), plain), data.windows(series:rows(301, 400), plain)
    local _, z = d:all()
    assert.same(by_name(report(a, b, y, { season = 7 })), by_name(report(c, d, z, { season = 7 })))
  end)

  it("prints a table", function()
    local lines, write = {}, io.write
    io.write = function(text) lines[#lines + 1] = text end -- luacheck: ignore
    local ok, message = pcall(rnn.forecast_report, { train = train, test = test, forecast = truth * 0, name = "zeros" })
    io.write = write -- luacheck: ignore
    assert.is_true(ok, message)
    local text = table.concat(lines)
    assert.matches("forecast of 79 windows, the next step: mean absolute error\n  zeros ", text)
    assert.matches("value of 7 steps before +0%.%d+ +%-%d", text)
    assert.matches("\nwarning: the forecast is no better", text)
  end)

  it("checks its options", function()
    assert.error_matches(function() report(train, test, truth:rows(1, 3)) end,
      "rnn.forecast_report: option 'forecast': expected the forecasts of the test windows, %(79, 1%), got tensor "
        .. "%(3, 1%)")
    assert.error_matches(function() report(train, data.windows(series, { length = 9 }), truth) end,
      "the windows of train and test differ in length")
    assert.error_matches(function() report(series, test, truth) end, "option 'train': expected windows")
    assert.error_matches(function() report(train, test, truth, { season = 22 }) end,
      "option 'season': expected an integer")
  end)
end)

describe("rnn.fit on windows", function()
  it("always compares with the baselines", function()
    local train = data.windows(weekly(200, 0.1), { length = 14 })
    local model = rnn.nn.Sequential { rnn.nn.RNN(1, 2, { returns = "last" }), rnn.nn.Linear(2, 1) }
    local history = rnn.fit(model, { data = train:batches {}, valid = train, loss = "mse", progress = false,
      optimizer = rnn.optim.SGD(model:parameters(), { lr = 1e-6 }) })
    assert.equal(3, #history.forecast.baselines)
    assert.is_true(history.forecast.skill < 0)
    assert.matches("no better than", history.forecast.warnings[1])
  end)
end)

describe("on the CTA ridership", function()
  local path = data.find("cta-ridership", "CTA_-_Ridership_-_Daily_Boarding_Totals.csv")
  if not path then
    pending "the data set cta-ridership is not on this machine (set RNNLUA_DATA)"
    return
  end
  it("the seasonal naive forecast has the error it must have, and the season is the week", function()
    local cta = assert(data.csv(path)):sort("service_date"):unique()
    local rail = cta:tensor { "rail_boardings" } / 1e6
    local train = data.windows(rail:rows(cta:between("2016-01", "2018-12")), { length = 56 })
    local valid = data.windows(rail:rows(cta:between("2019-01", "2019-05")), { length = 56 })
    assert.equal(1040, #train)
    assert.equal(95, #valid)
    local r = report(train, valid, select(2, valid:all()), { scale = 1e6 })
    assert.equal(7, r.season)
    assert.near(41274.3, by_name(r).seasonal, 0.1)
    assert.is_true(by_name(r).linear < 41274)
  end)
end)

-- Forecast honesty: the baselines are what they say, the linear one is the optimum, and false success is named.
local core = require "rnn.core"
local rnn = require "rnn"
local data = rnn.data
local baselines = require "rnn.data.baselines"
local shell = require "support.shell"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"

local FOLDER = debug.getinfo(1, "S").source:match("^@(.-)[^/]*$") .. "../reference/"

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
    local saw = {} -- repeats itself after 7, 14, 21, 28 steps alike
    for t = 1, 100 do saw[t] = t % 7 end
    assert.equal(7, baselines.season(data.windows(rnn.tensor(saw), { length = 30 })))
  end)
end)

-- The series of tests/reference/make_least_squares.py: the same bits.
local function noise(n, seed)
  local list = {}
  for t = 1, n do
    seed = (seed * 1103515245 + 12345) % 2147483648
    list[t] = seed / 2147483648
  end
  return list
end

local function made(kind, n)
  local e, day, week, rows = noise(n, 7), noise(24, 11), noise(168, 13), {}
  local rules = {
    trending = function(t, u) return { 0.37 * t + u } end,
    trending_exact = function(t) return { 0.375 * t } end,
    seasonal = function(_, _, v) return { v } end,
    seasonal_exact = function(_, _, _, season) return { season } end,
    level = function(_, u, _, season) return { 1000 + season + 0.25 * u } end,
    constant = function() return { 5.1 } end,
    constant_then_not = function(t, u) return { t < n * 0.75 and 5.1 or 5.1 + u } end,
    collinear = function(_, _, v) return { v, 3 * v + 1, 2 } end,
    huge = function(_, _, v) return { 1e30 * v } end,
    tiny = function(_, _, v) return { 1e-30 * v } end,
    both = function(_, u, v) return { 1e-20 * v, 1e20 * u } end,
    slow = function(t, u) return { (t % 400) * (400 - t % 400) / 40000 + 0.001 * u } end,
  }
  for t = 0, n - 1 do
    local season, u = day[t % 24 + 1] + week[t % 168 + 1], e[t + 1]
    rows[t + 1] = rules[kind](t, u, season + 0.25 * u, season)
  end
  return rnn.tensor(rows)
end

describe("the linear forecast", function()
  local file <close> = assert(io.open(FOLDER .. "least_squares.json"))
  local reference = assert(rnn.json_decode(file:read "a"))
  for _, case in ipairs(reference.cases) do
    it(("is SciPy's: %s, windows of %d of %d"):format(case.kind, case.width, case.n), function()
      local series, cut, want = made(case.kind, case.n), case.n * 3 // 4, case[rnn.precision()]
      local train = data.windows(series:rows(1, cut), { length = case.width, target_columns = { 1 } })
      local test = data.windows(series:rows(cut + 1, #series), { length = case.width, target_columns = { 1 } })
      local near = case.size * 1e-6
      assert.near(want.mae, by_name(report(train, test)).linear, near)
      local said = baselines.linear(train, test)(nil, 1, math.min(3, #test)):reshape(-1):totable()
      for i, value in ipairs(want.said) do assert.near(value, said[i], near) end
    end)
  end

  it("leaves residuals that are orthogonal to every column, also for collinear and constant ones", function()
    rnn.seed(3)
    local x = rnn.randn(200, 6)
    x = rnn.concat({ x, x:slice(2, 1, 1) * 2, rnn.ones(200, 1) }, 2)
    local y, rows = rnn.randn(200, 3), rnn.arange(200)
    local residual = y - core.linear_forecast(x, rows, 1, y, x, rows)
    assert.near(0, rnn.matmul(x:transpose(1, 2), residual):abs():max():item() / 200, 1e-6)
  end)

  it("knows several targets ahead, of the last steps of very wide windows", function()
    local series = made("trending_exact", 60)
    local wide = series:broadcast_to(60, 1500) * 1
    local settings = { length = 5, target = 20, target_columns = { 1 } }
    local train, test = data.windows(wide:rows(1, 40), settings), data.windows(wide:rows(21, 60), settings)
    local _, y = test:all()
    assert.near(0, (baselines.linear(train, test)(nil, 1, #test) - y):abs():max():item(), 1e-4)
  end)

  it("does not hold all windows in memory", function()
    local series = rnn.randn(60000, 1)
    local w = data.windows(series, { length = 100 })
    collectgarbage()
    rnn.memory_limit(rnn.memory().live + 3000000)
    finally(function() rnn.memory_limit(0) end)
    baselines.linear(w, w)
    assert.is_false(pcall(rnn.windows, series, w.items, 100)) -- all of them at once do not fit
  end)

  it("ends on Ctrl-C", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    sh:write("long.lua", [[
      local rnn = require "rnn"
      local w = rnn.data.windows(rnn.randn(80000, 1), { length = 700 })
      print "ready"
      io.stdout:flush()
      while true do require "rnn.data.baselines".linear(w, w) end]])
    local out, _, code = sh:run(shell.quote(PROGRAM) .. [[ long.lua > said & id=$!
      until test -s said; do sleep 0.1; done
      sleep 0.3; kill -INT $id; before=$(date +%s%N); wait $id; code=$?
      echo $(( ($(date +%s%N) - before) / 1000000 )); exit $code]])
    assert.equal(130, code)
    assert.is_true(tonumber(out) < 1000, out) -- milliseconds; 200 on a machine that does nothing else
  end)

  it("says what does not fit", function()
    local x, starts = rnn.zeros(10, 2), rnn.arange(8)
    local function fails(message, ...)
      local ok, got = pcall(core.linear_forecast, ...)
      assert.is_false(ok)
      assert(got:find(message, 1, true), got)
    end
    fails("starts: id 8 at place 8 is not within 1 to 7", x, starts, 4, x, x, starts)
    fails("starts: id 6 at place 6 is not within 1 to 5", x, starts, 3, x:rows(1, 5), x, starts)
    fails("new_starts: id 5 at place 5 is not within 1 to 4", x, starts, 3, x, x:rows(1, 6), starts)
    fails("new_x has 1 columns, x has 2", x, starts, 3, x, rnn.zeros(10, 1), starts)
    fails("length 0 is not within 1 to the 10 rows of x", x, starts, 0, x, x, starts)
    fails("y: expected 2 axes of " .. rnn.precision() .. ", got (8,) int32", x, starts, 3, starts, x, starts)
    fails("starts: expected 1 axis of int32, got (10, 2)", x, x, 3, x, x, starts)
    fails("starts has no window to fit", x, starts:rows(1, 0), 3, x, x, starts)
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

  it("finds no skill in a constant series, and none in nan", function()
    local constant = rnn.full({ 300, 1 }, 5.1)
    local a = data.windows(constant:rows(1, 200), { length = 10 })
    local b = data.windows(constant:rows(201, 300), { length = 10 })
    local _, y = b:all()
    local right, wrong = report(a, b, y), report(a, b, y + 1)
    assert.equal(0, right.skill)
    assert.equal(-math.huge, wrong.skill)
    for _, r in ipairs { right, wrong, report(train, test, truth * (0 / 0)) } do
      assert.matches("no better than the", r.warnings[1])
    end
  end)

  it("sees a shifted forecast at any scale", function()
    for _, scale in ipairs { 1e-30, 1e30 } do
      local a = data.windows(series:rows(1, 300) * scale, { length = 21 })
      local b = data.windows(series:rows(301, 400) * scale, { length = 21 })
      assert.matches("input shifted by a step", report(a, b, b:past(b.items):select(2, 21)).warnings[2])
    end
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
    assert.equal(6, #history.forecast.baselines)
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

-- rnn.Forecaster: from frames, tensors and lists to forecasts, intervals and backtests in the units of the data.
local rnn = require "rnn"
local data, nn = rnn.data, rnn.nn

local function fails(message, f, ...)
  local ok, got = pcall(f, ...)
  assert.is_false(ok)
  assert(tostring(got):find(message, 1, true), got)
end

local FAST = { epochs = 2, progress = false, patience = 2, seed = 1 }

-- A frame of these lines.
local function frame_of(lines)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
  local frame = assert(data.csv(path))
  os.remove(path)
  return frame
end

local function moment(format, seconds) return os.date(format, 1609459200 + seconds) end

-- A week around 1000, a cap for some days, weather beside it: a frame of days.
local function days(count, holes)
  local lines = { "day,sold,visits,promo,weather" }
  rnn.seed(5)
  local noise = rnn.randn(count):totable()
  for i = 1, count do
    local promo = i % 10 == 0 and 1 or 0
    local sold = 1000 + 200 * math.sin(2 * math.pi * i / 7) + 100 * promo + 10 * noise[i]
    if not (holes and i % 13 == 5) then
      lines[#lines + 1] = ("%s,%s,%d,%d,%s"):format(moment("!%Y-%m-%d", i * 86400),
        holes and i % 17 == 3 and "" or ("%.2f"):format(sold), 50 + i % 7, promo, i % 3 == 0 and "rain" or "sun")
    end
  end
  return frame_of(lines):sort "day"
end

local function make(options)
  options.quiet = true
  return rnn.Forecaster(options)
end

describe("a simple forecast", function()
  local simple = require "rnn.forecast.simple"
  local methods = require "rnn.baselines.methods"

  it("is a linear model of the window that says what the method says", function()
    local x = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8 }
    local steps, horizon, season = #x, 5, 4
    local last = x[steps]
    local changes = rnn.tensor(x) - last
    local found = {}
    for _, each in ipairs(simple.all(steps, horizon, season)) do
      assert.equal("(5, 12)", ("(%d, %d)"):format(each.weights:shape()))
      found[each.label] = found[each.label] or (each.weights:matmul(changes) + last):totable()
    end
    for label, name in pairs { ["the last value"] = "last", ["the value of 4 steps before"] = "seasonal",
      drift = "drift" } do
      local f = methods[name](x, steps, season)
      for h = 1, horizon do assert.near(f(x, steps, h), found[label][h], 1e-5, label) end
    end
    local level = x[1]
    for t = 2, steps do level = level + 0.1 * (x[t] - level) end
    assert.near(level, found["exponential smoothing"][5], 1e-5)
    assert.near((3 + 5 + 5) / 3, found["the mean of 3 seasons"][1], 1e-5)
    assert.near((3 + 5 + 5) / 3, found["the mean of 3 seasons"][5], 1e-5)
    for label, steps_of in pairs(found) do assert.equal(horizon, #steps_of, label) end
    assert.equal(1, #simple.all(1, 2, 7))
  end)

  it("without the season follows the level that the season leaves", function()
    local x = {}
    for t = 1, 16 do x[t] = ({ 0, 5, 1, 2 })[(t - 1) % 4 + 1] + (t > 12 and 8 or 0) end
    local errors = {}
    for _, each in ipairs(simple.all(16, 4, 4)) do
      local f = (each.weights:matmul(rnn.tensor(x) - x[16]) + x[16]):totable()
      if each.label:find "without the season" then errors[#errors + 1] = math.abs(f[1] - 8) + math.abs(f[2] - 13) end
      if each.label == "the mean of 4 seasons" then assert.near(2, f[1], 1e-5) end
    end
    assert.equal(6, #errors)
    for i = 2, 6 do assert(errors[i] < errors[i - 1]) end
    assert(errors[5] < 1)
  end)

  it("and the regression are mixed by their errors, the less the more windows say so", function()
    local Network = require "rnn.forecast.network"
    local function begun(rows)
      rnn.seed(5)
      local x = rnn.randn(rows + 30)
      local sizes = { inputs = 1, targets = 1, length = 8, horizon = 1, future = 0, static = 0, series = 1,
        columns = 1, centre = 1, units = 4, cell = "GRU", layers = 1, dropout = 0 }
      local network = Network(sizes)
      local function windows(from, count)
        local series, y = rnn.unfold(x:slice(1, from, from + count + 7), 1, 8):slice(1, 1, count), {}
        for i = 1, count do y[i] = x:get(from + i + 7) end
        local function some() return { series = series:reshape(count, 8, 1) }, rnn.tensor(y):reshape(count, 1) end
        return setmetatable({ some = some }, { __len = function() return count end })
      end
      local valid = windows(20, rows)
      return network:begin(windows(1, 20), valid)
    end
    local few, many = begun(3), begun(400)
    assert(few.simple and #few.shares > 1)
    assert(#few.shares > #many.shares)
  end)

  it("is what a forecaster stays with where nothing foretells better", function()
    rnn.seed(2)
    local walk, season = rnn.randn(400):cumsum(1), {}
    for t = 1, 60 do season[t] = ({ 3, 1, 4, 1, 5, 9, 2 })[(t - 1) % 7 + 1] end
    local f = make { target = "v", horizon = 3, length = 20 }
    f:fit(walk, FAST)
    local got, last = f:predict(walk, 3).forecast:reshape(-1), walk:get(400)
    for h = 1, 3 do assert.near(last, got:get(h), 1.5) end
    f = make { target = "v", horizon = 7, length = 14, season = 7 }
    f:fit(rnn.tensor(season), FAST)
    got = f:predict(rnn.tensor(season), 7).forecast:reshape(-1)
    for h = 1, 7 do assert.near(season[(60 + h - 1) % 7 + 1], got:get(h), 1e-4) end
  end)

  it("alone needs no training, and is calibrated, saved and loaded", function()
    local frame = days(150)
    local f = make { target = "sold", model = "simple" }
    f:fit(frame:rows(1, 120), FAST)
    assert(table.concat(f.notes, "\n"):find("of the simple forecasts .* foretells rows held out best"))
    local report = f:backtest(frame)
    assert(report.mae < 1.1 * report.rows[3].mae, tostring(report))
    assert(report.coverage > 0.7)
    local path = os.tmpname()
    assert(f:save(path))
    local again = assert(rnn.load_forecaster(path))
    os.remove(path)
    assert.same(f:predict(frame, 7):tensor { "sold" }:totable(), again:predict(frame, 7):tensor { "sold" }:totable())
  end)
end)

describe("rnn.Forecaster", function()
  it("forecasts a frame with dates and an interval, in the units of the data", function()
    local frame = days(400)
    local f = make { target = "sold", past = { "visits", "weather" }, horizon = 7, length = 28 }
    f:fit(frame:rows(1, 320), FAST)
    local coming = f:predict(frame, 7)
    assert.same({ "day", "sold", "sold_low", "sold_high" }, coming:names())
    assert.same(frame:after(7):dates(), coming:dates())
    local low, middle, high = table.unpack(coming:tensor({ "sold_low", "sold", "sold_high" }):transpose(1, 2):totable())
    for i = 1, 7 do
      assert.is_true(low[i] <= middle[i] and middle[i] <= high[i])
      assert.is_true(middle[i] > 700 and middle[i] < 1400)
    end
    local report = f:backtest(frame)
    assert.is_true(report.rows[1].mae < 60)
    assert.same({ "model", "last", "seasonal", "drift", "smoothing", "theta", "linear" }, (function()
      local names = {}
      for i, row in ipairs(report.rows) do names[i] = row.name end
      return names
    end)())
    assert.is_true(report.coverage > 0.8 and report.coverage < 0.99)
    assert.matches("interval", tostring(report))
    assert.matches("noise", report.verdict)
  end)

  it("is told by the errors of the last value what these are", function()
    local frame = days(200)
    local f = make { target = "sold", horizon = 3, length = 14 }
    f:fit(frame:rows(1, 150), FAST)
    local report = f:backtest(frame)
    local y = frame:tensor({ "sold" }):reshape(-1):totable()
    local sum, count = 0, 0
    for t = 150, 199 do sum, count = sum + math.abs(y[t + 1] - y[t]), count + 1 end
    assert.is_true(math.abs(report.rows[2].at[1] - sum / count) < 0.01)
    assert.equal(50, report.origins)
  end)

  it("leaves out what is missing, fills holes between rows, and says how much", function()
    local frame = days(400, true)
    local f = make { target = "sold", past = { "visits" }, horizon = 4, length = 21 }
    f:fit(frame, FAST)
    local said = table.concat(f.notes, "\n")
    assert.matches("of %d+ steps are missing", said)
    assert.matches("%d+ target values of the training span are missing: left out", said)
    assert.equal(1, f:predict(frame).sold.values:tensor():is_finite():min():item())
    local g = make { target = "sold", horizon = 4, length = 21, model = function(sizes)
      assert.is_true(sizes.masked)
      return nn.Sequential { nn.RNN(sizes.inputs, 4, { returns = "last" }), nn.Linear(4, sizes.outputs) }
    end }
    fails("expected", g.fit, g, frame, FAST) -- x is a table
  end)

  it("needs what is known in advance, and reads it from rows behind the target", function()
    local frame = days(300)
    local f = make { target = "sold", future_known = { "promo" }, horizon = 5, length = 14, calendar = false }
    f:fit(frame:rows(1, 250), FAST)
    fails("needs 'promo' in advance", f.predict, f, frame)
    local after = frame:after(5)
    for _, name in ipairs { "sold", "visits" } do after = after:with(name, { 0 / 0, 0 / 0, 0 / 0, 0 / 0, 0 / 0 }) end
    after = after:with("weather", { "sun", "sun", "sun", "sun", "sun" })
    local function with(promo) return f:predict(frame:concat(after:with("promo", promo):select(frame:names()))) end
    local plain, promoted = with { 0, 0, 0, 0, 0 }, with { 0, 0, 1, 0, 0 }
    local difference = (promoted:tensor { "sold" } - plain:tensor { "sold" }):reshape(-1):totable()
    assert.is_true(difference[3] > 40)
    -- Rows known in advance, then what came of them, one by one, and more of them.
    local function known(promo) return after:with("promo", promo):select(frame:names()) end
    local function sold(g) return g:predict():tensor { "sold" } end
    local now, whole = known { 0, 0, 1, 0, 0 }, f:predict(frame:concat(known { 0, 0, 1, 0, 0 })):tensor { "sold" }
    f:update(frame:rows(251, #frame))
    fails("needs 'promo' in advance", f.predict, f)
    assert.equal(0, (sold(f:update(now)) - whole):abs():max():item())
    local actual = now:rows(1, 1):with("sold", { 55 }):with("visits", { 120 })
    local later = known { 0, 0, 1, 0, 0 }:after(1):with("sold", { 0 / 0 }):with("visits", { 0 / 0 })
      :with("weather", { "sun" }):with("promo", { 1 }):select(frame:names())
    local expected = f:predict(frame:concat(actual):concat(now:rows(2, 5)):concat(later)):tensor { "sold" }
    f:update { sold = 55, visits = 120 }
    assert.equal(0, (sold(f:update(later)) - expected):abs():max():item())
    f:update(now:rows(2, 3):with("sold", { 50, 90 }):with("visits", { 110, 130 }))
    assert.equal(3, #f:predict(nil, 3))
  end)

  it("goes on row by row, and beyond its horizon", function()
    local x = rnn.arange(300):to_float()
    local series = (x * (2 * math.pi / 12)):sin() * 5 + 20
    local f = make { horizon = 6, length = 24 }
    f:fit(series:rows(1, 290), FAST)
    for i = 291, 300 do f:update(series:get(i)) end
    local whole, stream = f:predict(series), f:predict()
    assert.is_true((whole.forecast - stream.forecast):abs():max():item() < 1e-4)
    local long = f:predict(series, 20)
    assert.same({ 1, 20, 1 }, { long.forecast:shape() })
    assert.is_true((long.forecast:slice(2, 1, 6) - whole.forecast):abs():max():item() < 1e-5)
    local truth = (rnn.arange(301, 320, 1):to_float() * (2 * math.pi / 12)):sin() * 5 + 20
    assert.is_true((long.forecast:reshape(-1) - truth):abs():mean():item() < 1.5)
  end)

  it("is saved and loaded whole", function()
    local path = os.tmpname()
    local frame = days(300)
    local f = make { target = "sold", past = { "visits", "weather" }, horizon = 5, length = 14, members = 2 }
    f:fit(frame:rows(1, 250), FAST)
    assert(f:save(path))
    local g = assert(rnn.load_forecaster(path))
    for _, steps in ipairs { 2, 5 } do
      assert.equal(0, (f:predict(frame, steps):tensor { "sold", "sold_low" }
        - g:predict(frame, steps):tensor { "sold", "sold_low" }):abs():max():item())
      assert.equal(0, (f:predict(nil, steps):tensor { "sold" } - g:predict(nil, steps):tensor { "sold" }):abs():max()
        :item())
    end
    assert.same(f:predict():dates(), g:predict():dates())
    assert.equal(f:backtest(frame).rows[1].mae, g:backtest(frame).rows[1].mae)
    local file = assert(io.open(path, "w"))
    file:write "no file of ours"
    file:close()
    local none, message = rnn.load_forecaster(path)
    assert.is_nil(none)
    assert.is_string(message)
    os.remove(path)
  end)

  for _, kind in ipairs { "gaussian", "student_t", "negative_binomial", "point" } do
    it("says what may come as " .. kind, function()
      rnn.seed(2)
      local counts = (rnn.rand(300) * 8):floor() + 3
      local f = make { horizon = 2, length = 10, distribution = kind, interval = 0.8 }
      f:fit(counts, FAST)
      local p = f:predict(counts)
      assert.is_true((p.high - p.low):min():item() > 0)
      assert.is_true(p.low:min():item() > -4 and p.high:max():item() < 20)
    end)
  end

  for _, scale in ipairs { "mean", "revin", "none" } do
    it("scales by " .. scale, function()
      local x = rnn.arange(200):to_float()
      local f = make { horizon = 3, length = 12, scale = scale, log = scale == "mean" }
      local series = (x * (2 * math.pi / 6)):sin() + 50
      f:fit(series, FAST)
      local forecast = f:predict(series).forecast
      assert.is_true((forecast:reshape(-1) - ((rnn.arange(201, 203, 1):to_float() * (2 * math.pi / 6)):sin() + 50))
        :abs():max():item() < 2)
    end)
  end

  it("reads many series with one network, also short and unknown ones", function()
    local list = {}
    for i = 1, 4 do
      list[i] = { name = "s" .. i }
      for t = 1, 100 do list[i][t] = i * 10 * (2 + math.sin(t * math.pi / 6)) end
    end
    local f = make { horizon = 4, length = 24, season = 12, balance = true }
    f:fit(list, FAST)
    local p = f:predict(list)
    assert.same({ 4, 4, 1 }, { p.forecast:shape() })
    for i = 1, 4 do assert.is_true(math.abs(p.forecast:get(i, 1, 1) / list[i][1] - 0.9) < 1.2) end
    local few = f:predict { { name = "new", 5, 6, 7 } }
    assert.equal(1, few.forecast:is_finite():min():item())
  end)

  it("widens intervals by Monte-Carlo dropout", function()
    local x = rnn.randn(200)
    local f = make { horizon = 2, length = 8, samples = 20, dropout = 0.5, conformal = false }
    f:fit(x, FAST)
    rnn.seed(1)
    local p = f:predict(x)
    assert.is_true((p.high - p.low):min():item() > 0)
    assert.is_false(f.network.training)
  end)

  it("is trained anew on the way, where that is asked for", function()
    local x = (rnn.arange(160):to_float() * (2 * math.pi / 7)):sin()
    local f = make { horizon = 2, length = 14, season = 7 }
    f:fit(x:rows(1, 130), FAST)
    local report = f:backtest(x, { cuts = 4, refit = 2, from = 120, fit = FAST })
    assert.equal(4, report.origins)
    assert.is_true(report.rows[1].mae < 0.2)
    fails("is in the training span", f.backtest, f, x, { from = 100 })
  end)

  it("has levels that do not cross, whatever margins they get", function()
    local interval = require "rnn.forecast.interval"
    local self = { middle = 3, levels = { 0.05, 0.25, 0.5, 0.75, 0.95 } }
    local list = {}
    for j, v in ipairs { -4, -1, 0, 1, 4 } do list[j] = rnn.tensor { { v } } end
    local outer, inner = rnn.tensor { -3.5 }, rnn.tensor { 2 }
    interval.widen(self, list, nil, { outer, inner, rnn.zeros(1), inner, outer })
    local got = {}
    for j, t in ipairs(list) do got[j] = t:item() end
    assert.same({ -3, -3, 0, 3, 3 }, got)
  end)

  it("has intervals that are wider the fewer windows do not overlap", function()
    local interval = require "rnn.forecast.interval"
    local starts, y = {}, {}
    for n = 1, 60 do starts[n], y[n] = 100 + n, { n, n, n } end
    assert.equal(60, interval.apart(starts, 1))
    assert.equal(3, interval.apart(starts, 20))
    assert.equal(2, interval.apart({ 1, 2, 500 }, 20)) -- of two series
    local self = { levels = { 0.05, 0.5, 0.95 }, horizon = 3, sizes = { targets = 1 }, distribution = {} }
    local zeros = rnn.zeros(60, 3)
    interval.calibrate(self, { zeros, zeros, zeros }, nil, rnn.tensor(y), nil, starts)
    assert.same({ 60, 30, 20 }, self.apart)
    -- 61 times 0.9 and half of the root of 0.09 / 60, 0.09 / 30 and 0.09 / 20: 56.08, 56.57, 56.95; the next score
    assert.same({ 57, 57, 57 }, self.margins[1]:totable())
    for n = 1, 60 do starts[n] = 100 + n // 30 end
    interval.calibrate(self, { zeros, zeros, zeros }, nil, rnn.tensor(y), nil, starts)
    assert.same({ 3, 2, 1 }, self.apart) -- 61 (0.9 + 0.5 sqrt(0.09 / 3)) = 60.2, and there are 60
    assert.same({ 60, 60, 60 }, self.margins[1]:totable())
  end)

  it("has intervals that hold what they say where the horizon is long and the series is short", function()
    local covered, first, seeds = 0.0, 0.0, 8
    for seed = 1, seeds do
      rnn.seed(seed)
      local noise, y, level = rnn.randn(640):totable(), {}, 0
      for t = 1, 640 do
        level = 0.9 * level + noise[t]
        y[t] = 50 + 10 * math.sin(2 * math.pi * t / 24) + level
      end
      y = rnn.tensor(y)
      local f = make { horizon = 24, length = 72, season = 24, model = "simple" }
      f:fit(y:rows(1, 500), FAST)
      assert.matches("only 4 of these windows do not overlap", table.concat(f.notes, "\n"))
      covered = covered + f:backtest(y).coverage / seeds
      first = first + f:backtest(y, { to = 548 }).coverage / seeds
    end
    assert(covered > 0.87 and covered < 0.95, covered)
    assert(first > 0.85, first)
  end)

  it("has intervals that hold what they say of networks that were trained again, however short", function()
    rnn.seed(3)
    local list, shorter, noise = {}, {}, rnn.randn(4, 240):totable()
    for s = 1, 4 do
      list[s] = { name = "s" .. s }
      for t = 1, 240 do
        list[s][t] = t % 7 == 0 and 0 or 1000 * s + 300 * math.sin(t % 7) + 15 * noise[s][t]
      end
      shorter[s] = table.move(list[s], 1, 200, 1, { name = list[s].name })
    end
    local f = make { horizon = 7, length = 28, season = 7 }
    f:fit(shorter, { epochs = 1, progress = false, seed = 1 })
    local report = f:backtest(list)
    assert(report.coverage > 0.85 and report.coverage < 0.99, report.coverage)
    assert(report.width > 0)
  end)

  it("forecasts whole numbers beyond those of floats, and levels far beyond their range", function()
    local frame = days(150)
    local sold = frame:column "sold"
    for _, offset in ipairs { 123456789, 1e12 } do
      local function new() return make { target = "sold", horizon = 7, length = 14 } end
      local f, g = new(), new()
      g:fit(frame, FAST)
      local high = frame:with("sold", sold + offset)
      f:fit(high, FAST)
      local near, far = g:predict(frame).sold.values:totable(), f:predict(high).sold.values:totable()
      for h = 1, 7 do assert.near(near[h] + offset, far[h], 1) end
      local path = os.tmpname()
      assert(f:save(path))
      assert.same(far, assert(rnn.load_forecaster(path)):predict(high).sold.values:totable())
      os.remove(path)
    end
    local bytes = frame:with("sold", sold * 98765432109)
    local f = make { target = "sold", horizon = 3, length = 14 }
    f:fit(bytes:rows(1, 120), FAST)
    local report = f:backtest(bytes)
    assert(report.rows[1].mase < 1, tostring(report))
  end)

  it("measures series that end early, begin late or have no name", function()
    local frame, parts = days(200), {}
    local function series(name, from, to)
      local part, names = frame:rows(from, to), {}
      for i = 1, to - from + 1 do names[i] = name end
      parts[#parts + 1] = part:with("shop", names)
    end
    series("a", 1, 200)
    series("ended", 1, 100)
    series("new", 150, 200)
    series("newest", 198, 200)
    series("", 1, 3)
    local all = parts[1]:concat(table.unpack(parts, 2))
    local f = make { target = "sold", series = "shop", horizon = 3, length = 14 }
    f:fit(all:filter(function(row) return row.day < "2021-06-10" end), FAST)
    assert.matches("3 rows have no 'shop': they are left out", table.concat(f.notes, "\n"))
    assert.same({ a = 159, ended = 100 }, f.ends)
    local report = f:backtest(all)
    assert.equal(41 + 51 - 14, report.origins)
    assert.matches("2 of 4 series have no rows to measure on", table.concat(f.notes, "\n"))
    assert.equal(12, #f:predict(all, 3))
    local lists = { { name = "long" }, { name = "short" } }
    for t = 1, 120 do lists[1][t], lists[2][t] = t % 7, t <= 60 and t % 7 or nil end
    local g = make { horizon = 2, length = 14 }
    g:fit(lists, FAST)
    assert.same({ long = 120, short = 60 }, g.ends)
    for t = 121, 130 do lists[1][t] = t % 7 end
    for t = 61, 70 do lists[2][t] = t % 7 end
    assert.equal(20, g:backtest(lists).origins)
  end)

  it("forecasts seconds of less than a day", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write "at,v\n"
    for i = 0, 119 do file:write(("2024-02-01 00:%02d:%02d,%d\n"):format(i // 60, i % 60, i % 5)) end
    file:close()
    local frame = assert(data.csv(path))
    os.remove(path)
    local f = make { target = "v", horizon = 3, length = 10 }
    f:fit(frame, FAST)
    assert.same({ "2024-02-01 00:02", "2024-02-01 00:02:01", "2024-02-01 00:02:02" }, f:predict():dates())
  end)

  it("takes rows that correct others, in whatever order", function()
    local frame = days(120)
    local f = make { target = "sold", horizon = 3, length = 14 }
    f:fit(frame:rows(1, 100), FAST)
    local wrong = frame:rows(101, 110):with("sold", { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 })
    f:update(wrong)
    f:update(frame:rows(106, 110)):update(frame:rows(99, 105))
    local whole = f:predict(frame:rows(1, 110)):tensor { "sold" }
    assert.equal(0, (f:predict():tensor { "sold" } - whole):abs():max():item())
    fails("salt", f.update, f, { salt = 3 })
  end)

  it("trained anew knows the words and the calendar of its own rows, and makes its own network", function()
    local frame, words = days(560), {}
    for i = 1, 560 do words[i] = i > 540 and "snow" or i % 3 == 0 and "sun" or "rain" end
    frame = frame:with("weather", words)
    local f = make { target = "sold", past = { "weather" }, horizon = 3, length = 14 }
    f:fit(frame:rows(1, 550), FAST)
    local report = f:backtest(frame, { from = 500, cuts = 2, refit = 1, fit = FAST })
    assert.equal(2, report.origins)
    assert(report.mae < 60, tostring(report))
    local h = make { horizon = 2, length = 3, model = nn.Sequential { nn.Linear(1, 2) } }
    h.network, h.horizon = {}, 2 -- as if it was fitted
    fails("was given ready made", h.backtest, h, rnn.randn(50), { refit = 1 })
  end)

  it("sees all hours alike where it leaves windows out, of any number of them and in any season", function()
    local nest = require "rnn.nest"
    for _, season in ipairs { 2, 7, 12, 24, 52, 168, 365 } do
      for _, size in ipairs { 2, 3, 4, 5, 6, 7, 8, 12, 24, 48, 73, 168, 365, 9000 } do
        local counts, least, most = {}, math.huge, 0
        for part = 0, 40 * season - 1 do
          local hour = (part * size + nest.within(part, size)) % season
          counts[hour] = (counts[hour] or 0) + 1
        end
        for hour = 0, season - 1 do
          least, most = math.min(least, counts[hour] or 0), math.max(most, counts[hour] or 0)
        end
        assert(least > 10 and most < 90, ("%d parts of a season have %d to %d items"):format(season, least, most))
      end
    end
    local some = nest.spread(rnn.arange(24000), 1000):totable()
    assert.equal(1000, #some)
    for part, item in ipairs(some) do assert.equal(part - 1, (item - 1) // 24) end
    local lines = { "time,load" }
    for t = 0, 24 * 100 - 1 do
      lines[#lines + 1] = moment("!%Y-%m-%d %H:00", t * 3600) .. "," .. (t % 24) ^ 2 % 17 + t % 24 * 37 % 5
    end
    local frame = frame_of(lines)
    local f = make { target = "load", horizon = 1, length = 2, members = 1 }
    f:fit(frame:rows(1, 2000), { stride = 24, epochs = 1, progress = false, seed = 1 })
    local report = f:backtest(frame, { from = 2001, cuts = 48 })
    assert(report.mae < 0.5, tostring(report))
  end)

  it("gives way to simple forecasts where what it learnt holds no longer, and to nothing before that", function()
    rnn.seed(9)
    local noise, moved, lines = rnn.randn(700):totable(), 500, { "day,sold" }
    for i = 1, 700 do
      local weekday = (i + (i > moved and 3 or 0)) % 7
      lines[#lines + 1] = ("%s,%.2f"):format(moment("!%Y-%m-%d", i * 86400), 100 * (weekday ^ 2 % 5) + noise[i])
    end
    local frame = frame_of(lines)
    local f = make { target = "sold", horizon = 7, length = 7, members = 1 }
    f:fit(frame:rows(1, 450), FAST)
    local lately, asked = require "rnn.forecast.lately", 0
    local change = lately.change
    lately.change = function(...)
      asked = asked + 1
      return change(...)
    end
    local before = f:backtest(frame:rows(1, moved), { from = 451 })
    assert.equal(0, asked)
    local after = f:backtest(frame, { from = 600 })
    lately.change = change
    assert(asked > 0)
    assert(before.mae < 2, tostring(before))
    assert(after.mae < 10, tostring(after))
    local whole = f:predict(frame:rows(1, 620)):tensor { "sold" } -- as a stream says it, row by row
    for i = 451, 620 do f:update(frame:rows(i, i)) end
    assert.equal(0, (f:predict():tensor { "sold" } - whole):abs():max():item())
    assert(#f.recent < 150, #f.recent)
  end)

  it("refuses what contradicts itself", function()
    fails("there is no 0.5", make, { quantiles = { 0.1, 0.9 } })
    fails("unknown option", make, { horizont = 3 })
    fails("counts have no logarithm", make, { distribution = "negative_binomial", log = true })
    local f = make { horizon = 3, length = 20 }
    fails("not fitted", f.predict, f, rnn.zeros(10))
    fails("rows are too few", f.fit, f, rnn.zeros(24))
    fails("expected a frame", f.fit, f, 5)
    local g = make { target = "nothing", horizon = 3, length = 20 }
    fails("nothing", g.fit, g, days(100))
  end)
end)

-- Baselines, measures of forecasts and nn.Distribution against NumPy and SciPy (tests/reference/make_forecast.py).
local rnn = require "rnn"
local metrics, nn = rnn.metrics, rnn.nn

local FOLDER = debug.getinfo(1, "S").source:match("^@(.-)[^/]*$") .. "../reference/"
local file <close> = assert(io.open(FOLDER .. "forecast.json"))
local reference = assert(rnn.json_decode(file:read "a"))

local function near(want, got, tolerance)
  local bound = (tolerance or 2e-5) * math.max(1, math.abs(want))
  assert(math.abs(want - got) <= bound, ("want %g, got %g"):format(want, got))
end

local function all_near(want, got, tolerance)
  want, got = rnn.tensor(want):reshape(-1):totable(), got:reshape(-1):totable()
  assert.equal(#want, #got)
  for i, value in ipairs(want) do near(value, got[i], tolerance) end
end

local function fails(message, f, ...)
  local ok, got = pcall(f, ...)
  assert.is_false(ok)
  assert(got:find(message, 1, true), got)
end

describe("rnn.baselines", function()
  for i, case in ipairs(reference.series) do
    it("forecasts series " .. i .. " as the M4 organisers' code does", function()
      local history = rnn.tensor(case.history)
      for name, forecast in pairs(case.forecasts) do
        all_near(forecast, rnn.baselines[name](history, case.horizon, case.season), 2e-4)
        all_near(forecast[2], rnn.baselines[name](history[2], case.horizon, case.season), 2e-4)
      end
    end)

    it("scales the errors of series " .. i .. " to the OWA", function()
      local f, y, x = rnn.tensor(case.forecast), rnn.tensor(case.actual), rnn.tensor(case.history)
      near(case.smape, metrics.smape(f, y))
      near(case.mase, (metrics.mase(f, y, x, case.season)))
      near(case.owa, metrics.owa(f, y, x, case.season), 1e-4)
      local naive2 = rnn.baselines.naive2(x, case.horizon, case.season)
      near(1, metrics.owa(naive2, y, x, case.season))
      near(1, metrics.owa(f, y, x, case.season, f))
    end)
  end

  it("reads series of other lengths, and the last value for a missing one", function()
    local history = rnn.tensor { { 1, 2, 3, 99 }, { 4, 0 / 0, 6, 0 / 0 } }
    all_near({ { 3, 3 }, { 6, 6 } }, rnn.baselines.last(history:with_lengths { 3, 4 }, 2))
    all_near({ { 4, 5 }, { 20 / 3, 22 / 3 } }, rnn.baselines.drift(history:with_lengths { 3, 4 }, 2), 1e-4)
    all_near({ 5, 5, 5 }, rnn.baselines.theta(rnn.tensor { 5, 5, 5, 5 }, 3))
    all_near({ 5 }, rnn.baselines.smoothing(rnn.tensor { 5 }, 1, 7))
  end)

  it("refuses what is no history", function()
    fails("series 2 has no value", rnn.baselines.last, rnn.tensor { { 1 }, { 0 / 0 } }, 1)
    fails("series (N, T), or one (T)", rnn.baselines.theta, rnn.zeros(2, 2, 2), 1)
    fails("argument 2 (horizon)", rnn.baselines.drift, rnn.zeros(3), 0)
  end)
end)

describe("measures of intervals and distributions", function()
  local s = reference.scores
  local y, quantiles = rnn.tensor(s.actual), rnn.tensor(s.quantiles)
  local low, high = quantiles:select(3, 1), quantiles:select(3, 4)

  it("are those of the formulas", function()
    near(s.pinball, metrics.pinball(quantiles, y, s.q))
    near(s.crps, metrics.crps(rnn.tensor(s.samples), y))
    near(2 * s.pinball, metrics.crps(quantiles, y, s.q))
    near(s.crps_gaussian, metrics.crps_gaussian(rnn.tensor(s.mean), rnn.tensor(s.deviation), y))
    near(s.coverage, metrics.coverage(low, high, y))
    local nan = metrics.coverage(rnn.zeros(2), rnn.ones(2), rnn.tensor { 0.5, 0 / 0 })
    assert.is_true(nan ~= nan)
    near(s.width, metrics.width(low, high))
    near(s.interval_score, metrics.interval_score(low, high, y, 0.8))
  end)

  it("of one sample or quantile are errors of points", function()
    near(metrics.mae(low, y), metrics.crps(low:unsqueeze(3), y))
    near(metrics.mae(low, y) / 2, metrics.pinball(low, y, 0.5))
  end)

  it("leave out what is behind the lengths", function()
    local junk = rnn.concat({ y, rnn.full({ #y, 1 }, 1e30) }, 2):with_lengths { 3, 3, 3, 3 }
    local function longer(t)
      local shape = { t:shape() }
      shape[2] = 1
      return rnn.concat({ t, rnn.full(shape, 7) }, 2)
    end
    near(s.pinball, metrics.pinball(longer(quantiles), junk, s.q))
    near(s.crps, metrics.crps(longer(rnn.tensor(s.samples)), junk))
    near(s.coverage, metrics.coverage(longer(low), longer(high), junk))
    near(s.interval_score, metrics.interval_score(longer(low), longer(high), junk, 0.8))
  end)

  it("refuse shapes that do not fit", function()
    fails("expected forecast (..., 2)", metrics.pinball, quantiles, y, { 0.1, 0.9 })
    fails("numbers above 0", metrics.crps_gaussian, y, rnn.zeros(4, 3), y)
    fails("differ in shape", metrics.coverage, low, y:select(2, 1), y)
    fails("below 1", metrics.interval_score, low, high, y, 1)
  end)
end)

describe("nn.Distribution", function()
  local d = reference.distributions
  local inverse = require "rnn.nn.inverse"

  it("has the likelihoods of SciPy", function()
    local parameters = { rnn.tensor(d.location), rnn.tensor(d.scale), rnn.tensor(d.freedom) }
    all_near(d.student_t_nll, nn.student_t_nll(parameters, rnn.tensor(d.y), { reduction = "none" }), 1e-4)
    parameters = { rnn.tensor(d.mean), rnn.tensor(d.dispersion) }
    all_near(d.negative_binomial_nll, nn.negative_binomial_nll(parameters, rnn.tensor(d.counts),
      { reduction = "none" }), 2e-4)
  end)

  it("has the quantiles of SciPy", function()
    for i, q in ipairs(d.levels) do
      near(d.normal_quantiles[i], inverse.normal(q), 1e-9)
      for k, freedom in ipairs(d.freedom) do
        near(d.student_t_quantiles[i][k], inverse.student_t(q, freedom), 1e-7)
        assert.equal(d.negative_binomial_quantiles[i][k], inverse.negative_binomial(q, d.mean[k], d.dispersion[k]))
      end
    end
  end)

  for _, kind in ipairs { "point", "quantile", "gaussian", "student_t", "negative_binomial" } do
    it("of kind " .. kind .. " has ascending quantiles and leaves out what weighs nothing", function()
      rnn.seed(1)
      local dist = nn.Distribution { kind = kind }
      local raw = (rnn.randn(6, 4 * dist.columns) * 3):requires_grad(true)
      local y = rnn.randint(0, 9, 6, 4):to_float()
      local w = y:ne(3)
      local loss = dist:loss(raw, rnn.where(y:eq(3), 0 / 0, y), w)
      near(loss:item(), dist:loss(raw:detach(), y, w):item())
      loss:backward()
      assert.equal(1, raw.grad:is_finite():min():item())
      local before
      for _, q in ipairs { 0.01, 0.05, 0.2, 0.5, 0.7, 0.95, 0.99 } do
        local value = dist:quantile(raw, q)
        assert.same({ 6, 4 }, { value:shape() })
        if before then assert.is_true((value - before):min():item() >= -1e-5) end
        before = value
      end
      assert.equal(1, dist:sample(raw):is_finite():min():item())
    end)
  end

  it("draws from what it says", function()
    rnn.seed(3)
    for _, kind in ipairs { "gaussian", "student_t", "negative_binomial" } do
      local dist = nn.Distribution { kind = kind }
      local raw = rnn.ones(2000, dist.columns)
      local drawn = dist:sample(raw)
      for _, q in ipairs { 0.1, 0.5, 0.9 } do
        local share = drawn:le(dist:quantile(raw, q)):mean():item()
        assert.is_true(share >= q - 0.03 and (kind == "negative_binomial" or share <= q + 0.03), kind)
      end
    end
  end)

  it("refuses what it cannot be", function()
    fails("ascending order", nn.Distribution, { quantiles = { 0.5, 0.1 } })
    fails("has no effect", nn.Distribution, { kind = "gaussian", quantiles = { 0.5 } })
    fails("3 for each number", nn.Distribution {}.loss, nn.Distribution {}, rnn.zeros(2, 4), rnn.zeros(2, 1))
  end)
end)

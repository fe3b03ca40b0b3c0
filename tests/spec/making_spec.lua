-- Making tensors: rows of numbers, constructors like another tensor, random numbers.
local core = require "rnn.core"
local rnn = require "rnn"

local function values(t) return t:totable() end
local function ints(t) return rnn.tensor(t, "int32") end
local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(message:find(pattern, 1, true), message)
end
local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("expected %g, got %g"):format(expected, got))
end
local function mean(t) return t:to_float():mean():item() end

describe("arange", function()
  it("counts as Lua's for", function()
    for _, case in ipairs {
      { 1, 5 }, { 3, 3 }, { 4, 3 }, { 0, 9, 2 }, { 0, 8, 3 }, { 5, 1, -1 }, { 5, 0, -2 }, { 1, 5, -1 }, { -3, 3 },
      { 1, 4.5 }, { 5, 1.5, -1 }, { 0, 1, 0.25 }, { 1.5, 4 }, { 1, 0, -0.5 }, { 2, 1, 0.5 }, { 0.0, 2 },
      { 2147483646, 2147483647 }, { 1, 2, math.maxinteger }, { 1, -math.huge }, { 3, -5, math.mininteger },
    } do
      local want, from, to, step = {}, case[1], case[2], case[3] or 1
      for i = from, to, step do want[#want + 1] = i end
      local t = rnn.arange(table.unpack(case))
      assert.equal(math.type(from) == "integer" and math.type(step) == "integer" and "int32" or "float", t:type())
      assert.same(want, values(t))
    end
    assert.same({ 1, 2, 3 }, values(rnn.arange(3)))
    assert.same({ 1, 2, 3 }, values(rnn.arange(3.0)))
    assert.same({}, values(rnn.arange(0)))
    assert.equal("int32", rnn.arange(0):type())
  end)

  it("refuses what no tensor holds", function()
    fails("arange: a step of 0", rnn.arange, 1, 2, 0)
    fails("arange: a step of 0", rnn.arange, 1, 2, 0.0)
    fails("too many numbers, or beyond int32", rnn.arange, 1, 2147483648)
    fails("too many numbers, or beyond int32", rnn.arange, -2147483649, 0)
    fails("too many numbers, or beyond int32", rnn.arange, math.mininteger, math.maxinteger)
    fails("too many numbers, or beyond int32", rnn.arange, 1, math.huge)
    fails("too many numbers, or beyond int32", rnn.arange, 0, math.mininteger, -1)
    fails("too many numbers", rnn.arange, 0, 1, 1e-300)
    fails("too many numbers", rnn.arange, 0.5, 0 / 0)
    fails("argument 2 (to): expected a number, got nan", rnn.arange, 1, 0 / 0)
    fails("argument 1 (n): expected an integer from 0", rnn.arange, -1)
    fails("argument 2 (to): expected a number, got nil", rnn.arange, 1, nil, 2)
    fails("expected at most 3 arguments", rnn.arange, 1, 2, 3, 4)
  end)
end)

describe("linspace", function()
  it("meets both ends", function()
    assert.same({ 0, 0.25, 0.5, 0.75, 1 }, values(rnn.linspace(0, 1, 5)))
    assert.same({ 3, 1, -1 }, values(rnn.linspace(3, -1, 3)))
    assert.same({ 2 }, values(rnn.linspace(2, 9, 1)))
    assert.same({}, values(rnn.linspace(2, 9, 0)))
    local t = rnn.linspace(0, 0.3, 4)
    assert.equal(rnn.tensor(0.3):item(), t[-1])
    assert.equal(rnn.tensor(0.1):item(), rnn.linspace(0, 0.1, 1000)[1000])
    fails("linspace: argument 3 (n): expected an integer of at least 0", rnn.linspace, 0, 1, -1)
    fails("linspace: expected two finite numbers", rnn.linspace, 0, 1 / 0, 3)
  end)
end)

describe("constructors", function()
  it("eye", function()
    assert.same({ { 1, 0 }, { 0, 1 } }, values(rnn.eye(2)))
    assert.same({ { 1, 0, 0 }, { 0, 1, 0 } }, values(rnn.eye(2, 3)))
    assert.same({ { 1 }, { 0 } }, values(rnn.eye { 2, 1, type = "int32" }))
    assert.equal("int32", rnn.eye { 2, type = "int32" }:type())
    assert.same({ 0, 0 }, { rnn.eye(0):shape() })
    fails("eye: expected one or two sizes, got 0", rnn.eye)
    fails("eye: expected one or two sizes, got 3", rnn.eye, 1, 2, 3)
    fails("eye: size 1 of the shape", rnn.eye, -1)
  end)

  it("like another tensor: its shape, type and lengths", function()
    local x = rnn.ones(2, 3):with_lengths { 3, 1 }
    local i = ints { { 1, 2 } }
    assert.same({ { 0, 0 } }, values(i:zeros_like()))
    assert.equal("int32", rnn.ones_like(i):type())
    assert.same({ { 7, 7 } }, values(i:full_like(7)))
    assert.same({ 3, 1 }, values(x:zeros_like():lengths()))
    assert.same({ { 2.5, 2.5, 2.5 }, { 2.5, 2.5, 2.5 } }, values(x:full_like(2.5)))
    assert.same({ 2, 3 }, { x:rand_like():shape() })
    assert.same({ 3, 1 }, values(rnn.randn_like(x):lengths()))
    assert.equal(1, rnn.tensor(3):ones_like():item())
    assert.same({ 0, 2 }, { rnn.zeros(0, 2):rand_like():shape() })
    assert.same({ 3, 2 }, { rnn.zeros(2, 3):transpose(1, 2):zeros_like():shape() })
    local w = rnn.ones(2):requires_grad(true)
    assert.is_false((w * 2):zeros_like():requires_grad())
    fails("full_like: argument 2 (value): expected an integer", i.full_like, i, 0.5)
    fails("rand_like: random numbers are float", i.rand_like, i)
    fails("zeros_like: argument 1: expected a tensor", rnn.zeros_like, 3)
  end)
end)

describe("random numbers", function()
  before_each(function() rnn.seed(1) end)

  it("are the same for the same seed, and go on", function()
    local function all()
      return { values(rnn.randint(1, 100, 5)), values(rnn.zeros(3):exponential_()), values(rnn.rand(3):bernoulli()),
        values(rnn.zeros(3):truncated_normal_()), values(rnn.ones(4):multinomial(2)), core.random_position() }
    end
    local first, second = all(), all()
    rnn.seed(1)
    assert.same(first, all())
    assert.not_same(first, second)
  end)

  it("are known ones on every machine", function()
    assert.same({ 6, 5, 6, 4, 4, 6, 1, 1 }, values(rnn.randint(1, 6, 8)))
    assert.same({ 4, 3, 2 }, values(rnn.tensor { 1, 2, 3, 4 }:multinomial(3)))
    assert.same({ 2, 4, 3, 3, 4 }, values(rnn.tensor { 1, 2, 3, 4 }:multinomial(5, true)))
    assert.same({ 0, 0, 1, 0, 0, 0 }, values(rnn.zeros(6):bernoulli_(0.5)))
    assert.same({ 607, 9273, 39, 8 }, values((rnn.zeros(4):exponential_(0.5) * 1000):floor()))
    assert.same({ 1240, 1378, 1456, 1412 }, values((rnn.zeros(4):truncated_normal_(0, 1, 1, 3) * 1000):floor()))
  end)

  it("randint takes both ends", function()
    local t = rnn.randint(-1, 1, 3, 1000)
    assert.same({ 3, 1000 }, { t:shape() })
    assert.equal("int32", t:type())
    for v = -1, 1 do near(1 / 3, mean(t:eq(v)), 0.03) end
    assert.equal(5, rnn.randint(5, 5):item())
    assert.same({ 2, 2 }, { rnn.randint(1, 2, { 2, 2 }):shape() })
    assert.same({ 0 }, { rnn.randint(1, 2, 0):shape() })
    near(0.25, mean(rnn.randint(-2147483648, 2147483647, 4000):ge(1073741824)), 0.03)
    fails("randint: expected low <= high, both int32, got 2 and 1", rnn.randint, 2, 1, 3)
    fails("randint: expected low <= high, both int32", rnn.randint, 0, 2147483648, 3)
    fails("randint: argument 2 (high): expected an integer, got nothing", rnn.randint, 3)
    fails("randint: these numbers are int32, not float", rnn.randint, 1, 2, { 2, type = "float" })
  end)

  it("bernoulli", function()
    local p = rnn.tensor { 0, 0.25, 1 }:reshape(1, 3):broadcast_to(4000, 3)
    local m = p:bernoulli():mean(1)
    assert.equal(0, m[1])
    near(0.25, m[2], 0.03)
    assert.equal(1, m[3])
    local x = rnn.zeros(4000, 2):bernoulli_(rnn.tensor { 0.5, 1 })
    near(0.5, x:mean(1)[1], 0.03)
    assert.equal(1, x:mean(1)[2])
    near(0.5, mean(rnn.zeros(4000):bernoulli_()), 0.03)
    assert.equal(0, rnn.zeros(2, 0):bernoulli():count())
    local batch = rnn.tensor { { 1, 0 / 0 }, { 1, 1 } }:with_lengths { 1, 2 }
    assert.same({ { 1, 0 }, { 1, 1 } }, values(batch:bernoulli()))
    assert.same({ 1, 2 }, values(batch:bernoulli():lengths()))
    local y = rnn.full({ 3 }, 7)
    fails("bernoulli: element 2 of the probabilities is 1.5, not within 0 to 1", y.bernoulli_, y,
      rnn.tensor { 0, 1.5, 0 })
    fails("is nan, not within", y.bernoulli_, y, 0 / 0)
    assert.same({ 7, 7, 7 }, values(y)) -- all or nothing
    fails("expected probabilities (3,)", y.bernoulli_, y, rnn.ones(2))
    fails("random numbers are float", rnn.bernoulli, ints { 1 })
  end)

  it("exponential_", function()
    local t = rnn.zeros(20000):exponential_(2)
    near(0.5, mean(t), 0.015)
    near(0.5, mean(t:gt(math.log(2) / 2)), 0.015) -- the median
    assert.is_true(t:min():item() >= 0)
    near(1, mean(rnn.zeros(20000):exponential_()), 0.03)
    for _, rate in ipairs { 0, -1, 0 / 0, 1 / 0, 1e-320 } do
      fails("exponential_: expected a positive rate", t.exponential_, t, rate)
    end
  end)

  -- Mean and spread of the standard normal distribution between a and b, by many steps.
  local function moments(a, b)
    local sum, first, second, n = 0, 0, 0, 20000
    for k = 0, n - 1 do
      local z = a + (b - a) * (k + 0.5) / n
      local p = math.exp(-(z * z - math.min(a * a, b * b)) / 2)
      sum, first, second = sum + p, first + p * z, second + p * z * z
    end
    return first / sum, math.sqrt(second / sum - (first / sum) ^ 2)
  end

  it("truncated_normal_, in the middle and in both tails", function()
    for _, case in ipairs {
      { -2, 2 }, { -0.5, 0.3 }, { 1, 3 }, { -3, -1 }, { 5, 5.1 }, { 6, 14 }, { -14, -6 }, { 0, 12 }, { -1, 12 },
      { 0.1, 1 },
    } do
      local low, high = case[1], case[2]
      local want, spread = moments(low, high)
      local t = rnn.zeros(20000):truncated_normal_(0, 1, low, high)
      near(want, mean(t), 4 * spread / math.sqrt(20000))
      near(spread, math.sqrt(mean(t:square()) - mean(t) ^ 2), 0.03 * spread + 1e-3)
      assert.is_true(t:min():item() >= rnn.tensor(low):item() and t:max():item() <= rnn.tensor(high):item())
    end
    local t = rnn.zeros(20000):truncated_normal_(10, 3)
    near(10, mean(t), 0.1)
    assert.is_true(t:min():item() >= 4 and t:max():item() <= 16 and t:max():item() > 15.5)
    assert.is_true(rnn.zeros(1000):truncated_normal_(0, 1, 2, math.huge):min():item() >= 2)
    near(0, mean(rnn.zeros(4000):truncated_normal_(0, 1, -math.huge, math.huge)), 0.05)
    assert.equal(1, rnn.zeros(1):truncated_normal_(0, 1e-170, 1, 2):item()) -- 10^170 deviations away
    for _, bad in ipairs { { 0, 0 }, { 0, -1 }, { 0, 1, 2, 1 }, { 0, 1, 0 / 0, 1 }, { 0 / 0, 1 }, { 0, 1, 1, 1 } } do
      fails("truncated_normal_: expected a mean, a positive deviation and low < high", t.truncated_normal_, t,
        table.unpack(bad))
    end
  end)

  it("uniform_ and normal_ have defaults", function()
    local t = rnn.zeros(4000):uniform_()
    near(0.5, mean(t), 0.02)
    assert.is_true(t:min():item() >= 0 and t:max():item() < 1)
    near(0, mean(t:normal_()), 0.06)
    near(1, mean(t:square()), 0.1)
    near(3, mean(t:normal_(3)), 0.06)
  end)

  it("refuse int32 tensors", function()
    for _, name in ipairs { "uniform_", "normal_", "exponential_", "truncated_normal_", "bernoulli_" } do
      local i = ints { 1, 2 }
      fails("expected a float tensor, got int32", i[name], i)
    end
  end)

  it("fill views, with a history too", function()
    local x = rnn.zeros(3, 3)
    x[{ {}, 2 }]:exponential_()
    assert.same({ 0, 0 }, { x[{ {}, 1 }]:sum():item(), x[{ {}, 3 }]:sum():item() })
    assert.is_true(x[{ {}, 2 }]:min():item() > 0)
    local w = rnn.ones(2):requires_grad(true)
    local y = w * 1
    y:rows(1, 1):bernoulli_(1);
    (y * 3):sum():backward()
    assert.same({ 0, 3 }, values(w.grad))
  end)
end)

describe("places drawn by their weights", function()
  before_each(function() rnn.seed(2) end)

  it("with replacement come as often as their weights say", function()
    local ids = rnn.multinomial(rnn.tensor { { 1, 0, 3 }, { 2, 2, 0 } }, 8000, true)
    assert.same({ 2, 8000 }, { ids:shape() })
    assert.equal("int32", ids:type())
    near(0.25, mean(ids[1]:eq(1)), 0.02)
    near(0.75, mean(ids[1]:eq(3)), 0.02)
    near(0.5, mean(ids[2]:eq(1)), 0.02)
    near(0.5, mean(ids[2]:eq(2)), 0.02)
  end)

  it("without replacement come once, the first of them by their weights", function()
    local w = rnn.tensor { 1, 2, 0, 3, 4 }:reshape(1, 5):broadcast_to(8000, 5)
    local ids = w:multinomial(4)
    for _, row in ipairs(ids:rows(1, 50):totable()) do
      table.sort(row)
      assert.same({ 1, 2, 4, 5 }, row)
    end
    for place, p in pairs { 0.1, 0.2, 0, 0.3, 0.4 } do near(p, mean(ids[{ {}, 1 }]:eq(place)), 0.02) end
    -- of a pair, the second: sum over the first of p1 p / (1 - p1)
    local second = 0.2 * 0.1 / 0.8 + 0.3 * 0.1 / 0.7 + 0.4 * 0.1 / 0.6
    near(second, mean(ids[{ {}, 2 }]:eq(1)), 0.02)
    local all = rnn.rand(300):multinomial(300):totable()
    table.sort(all)
    assert.same(values(rnn.arange(300)), all)
  end)

  it("categorical draws one for each row of any shape", function()
    local w = rnn.zeros(4, 5, 3)
    w[{ {}, { 1, 3 }, 2 }] = 1e-30
    w[{ {}, { 4, 5 }, 3 }] = 1e30
    assert.same({ 2, 2, 2, 3, 3 }, values(w:categorical()[4]))
    assert.equal(1, rnn.categorical(rnn.tensor { 2, 0 }):item())
    assert.same({ 0 }, { rnn.ones(0, 3):categorical():shape() })
    assert.same({ 3, 2 }, { (w + 1):transpose(1, 3):categorical():slice(2, 1, 2):shape() })
    assert.same({ 2, 0 }, { rnn.ones(2, 3):multinomial(0):shape() })
  end)

  it("see nothing behind lengths", function()
    local w = rnn.tensor { { { 1, 0 }, { 0 / 0, 1 } }, { { 0, 1 }, { 0, 1 } } }:with_lengths { 1, 2 }
    local ids = w:multinomial(2, true)
    assert.same({ { { 1, 1 }, { 0, 0 } }, { { 2, 2 }, { 2, 2 } } }, values(ids))
    assert.same({ 1, 2 }, values(ids:lengths()))
    assert.same({ { 1, 0 }, { 2, 2 } }, values(w:categorical()))
    local steps = rnn.tensor { { 1, 9, 9 }, { 0, 0, 1 } }:with_lengths { 1, 3 } -- weights of the steps of sequences
    assert.same({ { 1, 1 }, { 3, 3 } }, values(steps:multinomial(2, true)))
  end)

  it("name the row that is wrong, and draw nothing", function()
    local before = core.random_position()
    local good = { 1, 1 }
    fails("multinomial: row 2, place 1: expected a weight of at least 0, got nan", rnn.multinomial,
      rnn.tensor { good, { 0 / 0, 1 } }, 1)
    fails("row 2, place 2: expected a weight of at least 0, got -1", rnn.multinomial, rnn.tensor { good, { 1, -1 } }, 1)
    fails("the weights of row 2 add up to 0", rnn.categorical, rnn.tensor { good, { 0, 0 } })
    fails("the weights of row 1 add up to inf", rnn.categorical, rnn.tensor { { 1 / 0, 0 } })
    fails("row 2 has 1 places with a weight, so 2 cannot be drawn", rnn.multinomial, rnn.tensor { good, { 1, 0 } }, 2)
    fails("of 2 places, 3 cannot be drawn without replacement", rnn.multinomial, rnn.tensor { good }, 3)
    fails("the weights of row 1 add up to 0", rnn.categorical, rnn.ones(1, 0))
    fails("expected weights (..., K), got ()", rnn.categorical, rnn.tensor(1))
    fails("expected a float tensor", rnn.categorical, ints { 1 })
    fails("of 2 places, -1 cannot be drawn", rnn.multinomial, rnn.tensor { good }, -1, true)
    assert.equal(before, core.random_position())
  end)
end)

-- What the last-value forecast of scripts/forecast.lua comes to is a property of the generator, not of any skill: its
-- expectation, by quadrature, is 0.0206. The book's 0.020 is the mean over its own 1,000 test series.
local rnn = require "rnn"

-- E[(A sin(u w) - A sin((u - 1/50) w))^2], u uniform in 0..1, w uniform in low..high: the midpoint rule.
local function wave(A, low, high)
  local n, sum = 400, 0
  for i = 1, n do
    local w = low + (high - low) * (i - 0.5) / n
    for j = 1, n do
      local u = (j - 0.5) / n
      sum = sum + (math.sin(u * w) - math.sin((u - 1 / 50) * w)) ^ 2
    end
  end
  return A * A * sum / (n * n)
end

describe("the last value as a forecast of the book's generated series", function()
  local expected = wave(0.5, 10, 20) + wave(0.2, 20, 40) + 2 * 0.1 ^ 2 / 12

  it("has an expected squared error above the book's figure", function()
    assert.is_true(expected > 0.0205 and expected < 0.0207, expected)
  end)

  it("has it in a sample, too", function()
    rnn.seed(1)
    local n = 40000
    local function random() return rnn.rand(n, 1) end
    local time = (rnn.arange(2):to_float() + 48) / 50
    local series = 0.5 * ((time - random()) * (random() * 10 + 10)):sin()
      + 0.2 * ((time - random()) * (random() * 20 + 20)):sin() + 0.1 * (rnn.rand(n, 2) - 0.5)
    local errors = (series:select(2, 2) - series:select(2, 1)):square()
    local mean = errors:mean():item()
    local deviation = math.sqrt((errors - mean):square():mean():item() / n)
    assert.is_true(math.abs(mean - expected) < 4 * deviation, ("%.5f, expected %.5f"):format(mean, expected))
    -- Means over 1,000 series, as the book's, lie on both sides of 0.020.
    assert.is_true(deviation * math.sqrt(n / 1000) > (expected - 0.02))
  end)
end)

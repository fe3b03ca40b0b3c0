-- rnn.plot.axis and rnn.plot.dates: which values get ticks, and what the labels say.
local axis = require "rnn.plot.axis"
local dates = require "rnn.calendar"

local function labels(scale, count)
  local out = {}
  for i, tick in ipairs(scale.ticks(count)) do out[i] = tick.label end
  return table.concat(out, " ")
end

describe("rnn.plot", function()
  describe("ticks", function()
    it("are multiples of 1, 2, 5 with equal precision", function()
      assert.equal("0 0.2 0.4 0.6 0.8 1.0", labels(axis.linear(0, 1), 5))
      assert.equal("−40 −20 0 20 40 60", labels(axis.linear(-40, 60), 5))
      assert.equal("0 200k 400k 600k", labels(axis.linear(0, 700000), 4))
      assert.equal("0 5e-7 1e-6 1.5e-6", labels(axis.linear(0, 1.6e-6), 4))
      assert.equal("1000000.001 1000000.002", labels(axis.linear(1000000.001, 1000000.002), 1))
      assert.equal("0 1 2 3", labels(axis.linear(0, 3, 1), 20))
    end)

    it("are powers of ten on logarithmic axes", function()
      assert.equal("0.01 0.1 1 10", labels(axis.log(0.005, 20), 5))
      assert.equal("1 2 5 10 20 50 100", labels(axis.log(1, 100), 12))
      assert.equal("1e-240 1e-120 1 1e120 1e240", labels(axis.log(1e-300, 1e300), 5))
    end)

    it("fall on the calendar", function()
      local function scale(from, to) return axis.date(dates.parse(from), dates.parse(to)) end
      assert.equal("31 Dec 2018 14 Jan 2019 28 Jan", labels(scale("2018-12-20", "2019-02-10"), 6))
      assert.equal("Jan 2019 Mar May Jul Sep", labels(scale("2018-11-20", "2019-10-10"), 6))
      assert.equal("2005 2010 2015 2020", labels(scale("2001-01-01", "2021-10-10"), 6))
    end)
  end)

  it("knows the calendar", function()
    assert.equal(0, dates.parse "1970-01-01")
    assert.equal(18321, dates.parse "2020-02-29")
    for _, s in ipairs { "2019-02-29", "2019-13-01", "2019-1-1", "19-01-01", "2019-01-01 " } do
      assert.is_nil(dates.parse(s))
    end
    assert.same({ 1969, 12, 31 }, { dates.from_days(-1) })
  end)
end)

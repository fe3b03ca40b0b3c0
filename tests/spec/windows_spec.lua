-- Windows and batches: every window whole, its target right after it, none across a border, orders that repeat.
local rnn = require "rnn"
local data = rnn.data

-- Rows 1..n; column c holds row + 100 (c - 1).
local function series(n, columns)
  local rows = {}
  for i = 1, n do
    rows[i] = {}
    for c = 1, columns or 1 do rows[i][c] = i + 100 * (c - 1) end
  end
  return rnn.tensor(rows)
end

describe("data.windows", function()
  it("refuses rows out of order, and does not run from one series into the next", function()
    local function frame(days)
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      file:write "d,v\n"
      for i, day in ipairs(days) do file:write(("2024-01-%02d,%d\n"):format(day, i)) end
      file:close()
      local read = assert(data.csv(path))
      os.remove(path)
      return read
    end
    for _, days in ipairs { { 5, 4, 3, 2, 1 }, { 3, 1, 2, 5, 4 } } do
      for _, values in ipairs { frame(days), frame(days):tensor { "v" } } do
        local ok, message = pcall(data.windows, values, { length = 2 })
        assert(not ok and message:find("frame:sort('d')", 1, true), message)
        assert.equal(3, #data.windows(values, { length = 2, across = true }))
      end
      assert.equal(3, #data.windows(frame(days):sort "d", { length = 2 }))
    end
    local two = {}
    for i = 1, 12 do two[i] = (i - 1) % 6 + 1 end -- two series, one behind the other
    assert.same({ 1, 2, 3, 4, 7, 8, 9, 10 }, data.windows(frame(two), { length = 2 }).items:totable())
  end)

  describe("with missing values", function()
    local nan = 0 / 0
    local gappy = { 1, 2, nan, 4, 5, 6, nan, nan, 9, 10, 11, 12 }

    it("refuses them unless the option says so, and names it", function()
      local ok, message = pcall(data.windows, rnn.tensor(gappy), { length = 2 })
      assert(not ok and message:find("missing = true", 1, true), message)
      ok, message = pcall(data.windows, rnn.tensor { 1, 2, math.huge, 4 }, { length = 2, missing = true })
      assert(not ok and message:find("1 infinite value, the first in row 3", 1, true), message)
      ok, message = pcall(data.windows, rnn.tensor { 1, 2, nan, nan }, { length = 2, missing = true })
      assert(not ok and message:find("every target of the 2 windows is missing", 1, true), message)
    end)

    it("gives targets that are missing no weight, and leaves out windows without any", function()
      local w = data.windows(rnn.tensor(gappy), { length = 2, target = 2, missing = true })
      local _, y, weights = w:all()
      assert.equal(3, w.missing)
      assert.same({ 1, 2, 3, 4, 6, 7, 8, 9 }, w.items:totable()) -- both targets of 5 are missing
      assert.same({ { 0, 4 }, { 4, 5 }, { 5, 6 }, { 6, 0 }, { 0, 9 }, { 9, 10 }, { 10, 11 }, { 11, 12 } }, y:totable())
      assert.same({ { 0, 1 }, { 1, 1 }, { 1, 1 }, { 1, 0 }, { 0, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } }, weights:totable())
      w = data.windows(rnn.tensor(gappy), { length = 3, target = "sequence", ahead = 1, missing = true })
      _, y, weights = w:batch(rnn.tensor({ 1, 5 }, "int32"))
      assert.same({ { { 2 }, { 0 }, { 4 } }, { { 6 }, { 0 }, { 0 } } }, y:totable())
      assert.same({ { { 1 }, { 0 }, { 1 } }, { { 1 }, { 0 }, { 0 } } }, weights:totable())
      local joined = w:concat(data.windows(series(6), { length = 3, target = "sequence", ahead = 1 }))
      assert.equal(3, joined.missing)
      _, _, weights = joined:batch(rnn.tensor({ 5, 13 }, "int32"))
      assert.same({ { { 1 }, { 0 }, { 0 } }, { { 1 }, { 1 }, { 1 } } }, weights:totable())
    end)

    it("has inputs as they are, or with a mask and the steps since", function()
      local w = data.windows(rnn.tensor(gappy), { length = 3, missing = true })
      local x = w:batch(rnn.tensor({ 1 }, "int32"))
      assert(x:get(1, 3, 1) ~= x:get(1, 3, 1))
      w = data.windows(rnn.tensor(gappy), { length = 3, missing = "mask", breaks = { 6 } })
      x = w:batch(rnn.tensor({ 2, 7 }, "int32"))
      assert.same({ { { 2, 1, 0 }, { 2, 0, 1 }, { 4, 1, 0 } }, { { 0, 0, 1 }, { 0, 0, 2 }, { 9, 1, 0 } } }, x:totable())
    end)

    it("trains as if the missing targets were not there", function()
      local function trained(rows, missing)
        rnn.seed(3)
        local model = rnn.nn.Sequential { rnn.nn.GRU(1, 4, { returns = "last" }), rnn.nn.Linear(4, 1) }
        local breaks = {}
        for i = 1, #rows // 3 - 1 do breaks[i] = 3 * i end
        local w = data.windows(rnn.tensor(rows), { length = 2, missing = missing, breaks = breaks })
        local h = rnn.fit(model, { data = w:batches { size = 5 }, valid = w, epochs = 3, loss = "mse", progress = false,
          metrics = { "mae" }, optimizer = rnn.optim.SGD(model:parameters(), { lr = 0.1 }) })
        return { h.loss, h.mae, h.val_loss, h.val_mae, rnn.evaluate(model, w, { loss = "mse" }).loss }
      end
      local some, there = {}, {}
      for i = 1, 20 do
        local row = { i / 10, (i * 7 % 5) / 5, i % 3 == 0 and nan or i % 4 }
        table.move(row, 1, 3, #some + 1, some)
        if i % 3 ~= 0 then table.move(row, 1, 3, #there + 1, there) end
      end
      assert.same(trained(there), trained(some, true))
      local w = data.windows(rnn.tensor { { 1, 1 }, { 2, 2 }, { 3, nan }, { 4, 4 } }, { length = 1, missing = true,
        input_columns = { 1 } }) -- one of two targets
      local y = rnn.zeros(3, 2)
      local _, target, weights = w:all()
      assert.near((2 * 2 + 2 * 2 + 3 * 3 + 4 * 4 + 4 * 4) / 5, rnn.mse(y, target, weights):item(), 1e-5)
    end)

    it("says how many, and reports no forecast of them", function()
      local w = data.windows(rnn.tensor(gappy), { length = 2, missing = true })
      local ok, message = pcall(rnn.forecast_report, { train = w, test = w, quiet = true })
      assert(not ok and message:find("3 target values are missing", 1, true), message)
    end)

    it("scales what is there", function()
      local x = rnn.tensor { { 1, 5 }, { nan, 5 }, { 3, nan } }
      local ok, message = pcall(function() data.Scaler():fit(x) end)
      assert(not ok and message:find("missing = true", 1, true), message)
      local scaler = data.Scaler { missing = true }:fit(x)
      assert.same({ 2, 5 }, scaler.shift:totable())
      assert.same({ 1, 1 }, scaler.scale:totable())
      local y = scaler:transform(x)
      assert(y:get(2, 1) ~= y:get(2, 1) and y:get(1, 1) == -1 and y:get(3, 1) == 1)
      ok, message = pcall(function() data.Scaler { missing = true }:fit(rnn.tensor { { 1, nan }, { 2, nan } }) end)
      assert(not ok and message:find("column 2 has no value", 1, true), message)
    end)
  end)

  it("pairs each window with the next value", function()
    local w = data.windows(series(6), { length = 3 })
    assert.equal(3, #w)
    local x, y = w:all()
    assert.same({ { { 1 }, { 2 }, { 3 } }, { { 2 }, { 3 }, { 4 } }, { { 3 }, { 4 }, { 5 } } }, x:totable())
    assert.same({ { 4 }, { 5 }, { 6 } }, y:totable())
  end)

  it("takes a series without columns", function()
    assert.equal(3, #data.windows(rnn.tensor { 1, 2, 3, 4, 5, 6 }, { length = 3 }))
  end)

  it("pairs each window with the next k values", function()
    local w = data.windows(series(7), { length = 3, target = 2 })
    local x, y = w:all()
    assert.equal(3, #w)
    assert.same({ { 3 }, { 4 }, { 5 } }, x:rows(3, 3):reshape(3, 1):totable())
    assert.same({ { 4, 5 }, { 5, 6 }, { 6, 7 } }, y:totable())
  end)

  it("gives every step the k values after it", function()
    local w = data.windows(series(6), { length = 3, target = "sequence", ahead = 2 })
    local x, y = w:all()
    assert.equal(2, #w)
    assert.same({ { { 1 }, { 2 }, { 3 } }, { { 2 }, { 3 }, { 4 } } }, x:totable())
    assert.same({ { { 2, 3 }, { 3, 4 }, { 4, 5 } }, { { 3, 4 }, { 4, 5 }, { 5, 6 } } }, y:totable())
    assert.same({ { 4, 5 }, { 5, 6 } }, w:future(w.items):totable())
  end)

  it("gives some steps only the k values after them", function()
    local settings = { length = 6, target = "sequence", ahead = 2, first = 2, every = 2 }
    local w = data.windows(series(9), settings)
    local x, y = w:all()
    assert.equal(2, #w)
    assert.equal(6, x:size(2))
    assert.same({ { { 3, 4 }, { 5, 6 }, { 7, 8 } }, { { 4, 5 }, { 6, 7 }, { 8, 9 } } }, y:totable())
    assert.same({ { 7, 8 }, { 8, 9 } }, w:future(w.items):totable())
    local joined = w:concat(data.windows(series(8) + 50, settings))
    assert.same({ { { 53, 54 }, { 55, 56 }, { 57, 58 } } }, select(2, joined:batch(joined.items:rows(3, 3))):totable())
    assert.has_error(function() w:concat(data.windows(series(9), { length = 6, target = "sequence", ahead = 2 })) end)
  end)

  it("chooses columns for inputs and targets, earlier steps first", function()
    local w = data.windows(series(5, 3), {
      length = 2, target = 2, input_columns = { 3, 1 }, target_columns = { 1, 2 },
    })
    local x, y = w:all()
    assert.same({ { { 201, 1 }, { 202, 2 } }, { { 202, 2 }, { 203, 3 } } }, x:totable())
    assert.same({ { 3, 103, 4, 104 }, { 4, 104, 5, 105 } }, y:totable())
    assert.same({ { { 1, 101 }, { 2, 102 } } }, w:past(w.items:rows(1, 1)):totable())
  end)

  it("steps by stride", function()
    local w = data.windows(series(10), { length = 3, stride = 4 })
    local x, y = w:all()
    assert.same({ { 1 }, { 5 } }, x:slice(2, 1, 1):reshape(2, 1):totable())
    assert.same({ { 4 }, { 8 } }, y:totable())
    assert.equal(3, #data.windows(series(12), { length = 3, stride = 4 }))
  end)

  it("joins several series without a window across the gap", function()
    local a, b = series(5), series(4) + 50
    local settings = { length = 3 }
    local w = data.windows(a, settings):concat(data.windows(b, settings))
    local x, y = w:all()
    assert.same({ { 1, 2, 3 }, { 2, 3, 4 }, { 51, 52, 53 } }, x:reshape(3, 3):totable())
    assert.same({ { 4 }, { 5 }, { 54 } }, y:totable())
    local three = w:concat(data.windows(series(4) + 70, settings))
    assert.same({ 4, 5, 54, 74 }, select(2, three:all()):reshape(-1):totable())
  end)

  it("joins with sequence targets and strides as well", function()
    local settings = { length = 2, target = "sequence", ahead = 2, stride = 2 }
    local w = data.windows(series(6), settings):concat(data.windows(series(5) + 50, settings))
    local x, y = w:all()
    assert.same({ { 1, 2 }, { 3, 4 }, { 51, 52 } }, x:reshape(3, 2):totable())
    assert.same({ { 53, 54 } }, y:rows(3, 3):slice(2, 2, 2):reshape(1, 2):totable())
  end)

  it("says when a series is too short, holds NaN or is no series", function()
    local ok, message = pcall(function() data.windows(series(56), { length = 56 }) end)
    assert.is_false(ok)
    assert.matches("windows_spec.lua:%d+: data.windows: a series of 56 rows is too short "
      .. "for windows of 56 steps with 1 more", message)
    local holes = series(9, 2)
    holes:set(4, 2, 0 / 0)
    assert.error_matches(function() data.windows(holes, { length = 3 }) end,
      "1 value that are missing or infinite, the first in row 4, column 2")
    assert.error_matches(function() data.windows(series(9), { lenght = 3 }) end,
      "data.windows: unknown option 'lenght'")
    assert.error_matches(function() data.windows(series(9), { length = 3, target = "next" }) end,
      "option 'target': expected a positive integer or 'sequence', got string 'next'")
    assert.error_matches(function() data.windows(series(9), { length = 3, ahead = 2 }) end, "'ahead' goes with")
    assert.error_matches(function() data.windows(series(9), { length = 3, every = 2 }) end,
      "options 'first' and 'every' go with")
    assert.error_matches(function()
      data.windows(series(9), { length = 4, target = "sequence", ahead = 2, every = 2 })
    end, "with first = 1 and every = 2 the last of 4 steps has no target")
    assert.error_matches(function() data.windows(series(9), { length = 3, input_columns = { 2 } }) end,
      "option 'input_columns', entry 1: expected an integer from 1 to 1, got number 2")
    assert.error_matches(function() data.windows({ 1, 2, 3 }, { length = 1 }) end, "expected a float tensor, got table")
    assert.error_matches(function()
      data.windows(series(9), { length = 3 }):concat(data.windows(series(9), { length = 4 }))
    end, "windows:concat: argument 1: expected windows of the same options")
  end)
end)

-- The first targets of every batch of an epoch.
local function targets(batches)
  local list = {}
  for _, y in batches do
    for _, row in ipairs(y:totable()) do list[#list + 1] = row[1] end
  end
  return list
end

describe("batches", function()
  local w = data.windows(series(13), { length = 3 })

  it("cover every window once, in order", function()
    local batches = w:batches { size = 4 }
    assert.equal(3, #batches)
    local sizes = {}
    for x in batches do sizes[#sizes + 1] = #x end
    assert.same({ 4, 4, 2 }, sizes)
    assert.same({ 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 }, targets(batches))
  end)

  it("drop the last, smaller batch when told", function()
    local batches = w:batches { size = 4, drop_last = true }
    assert.equal(2, #batches)
    assert.equal(8, #targets(batches))
    assert.error_matches(function() w:batches { size = 11, drop_last = true } end, "with drop_last nothing is left")
  end)

  it("keep x and y together when shuffled", function()
    for x, y in w:batches { size = 4, shuffle = true, seed = 3 } do
      assert.same(y:totable(), (x:select(2, 3) + 1):totable())
    end
  end)

  it("shuffle anew in each epoch, by seed and epoch alone", function()
    local a, b = w:batches { shuffle = true, seed = 3 }, w:batches { shuffle = true, seed = 3 }
    local first, second = targets(a), targets(a)
    assert.not_same(first, second)
    rnn.rand(7)
    assert.same(first, targets(b))
    assert.same(second, targets(b))
    assert.same(second, targets(b:epoch(2)))
    assert.not_same(first, targets(w:batches { shuffle = true, seed = 4 }))
    table.sort(second)
    assert.same({ 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 }, second)
  end)

  it("follow rnn.seed when they have no seed of their own, and take nothing more from it", function()
    rnn.seed(5)
    local batches = w:batches { shuffle = true }
    local first, next_number = targets(batches), rnn.rand(1):item()
    rnn.seed(5)
    batches = w:batches { shuffle = true }
    assert.equal(next_number, rnn.rand(1):item())
    assert.same(first, targets(batches))
  end)

  it("start anew after a loop that was left", function()
    local batches = w:batches { size = 4 }
    batches(nil, nil) -- the first batch of a loop
    assert.equal(10, #targets(batches))
  end)

  it("are made of plain tensors too", function()
    local x, y = rnn.tensor { { 1 }, { 2 }, { 3 } }, rnn.tensor({ 3, 2, 1 }, "int32")
    local seen = {}
    for a, b in data.arrays(x, y):batches { size = 2 } do seen[#seen + 1] = { a:totable(), b:totable() } end
    assert.same({ { { { 1 }, { 2 } }, { 3, 2 } }, { { { 3 } }, { 1 } } }, seen)
    for a, b in data.arrays(x):batches { size = 3 } do
      assert.equal(3, #a)
      assert.is_nil(b)
    end
    assert.error_matches(function() data.arrays(x, y:rows(1, 2)) end,
      "x and y must have as many rows, got %(3, 1%) and %(2%)")
  end)

  it("refuse wrong options", function()
    assert.error_matches(function() w:batches { size = 0 } end,
      "data.windows:batches: option 'size': expected a positive")
    assert.error_matches(function() w:batches { shufle = true } end, "data.windows:batches: unknown option 'shufle'")
  end)
end)

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

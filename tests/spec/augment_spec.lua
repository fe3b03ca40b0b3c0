-- rnn.augment and data.augment: items that are changed at random, each by a generator of its own.
local rnn = require "rnn"
local fails = require "support.fails"
local goes_on = require "support.goes_on"
local audio, augment, data, nn, optim, text = rnn.audio, rnn.augment, rnn.data, rnn.nn, rnn.optim, rnn.text

-- Sequences of 3 to 9 steps; item i is full of i.
local function sequences(count)
  local xs, ys = {}, {}
  for i = 1, count do xs[i], ys[i] = rnn.ones(2 + i % 7 + 1, 2) * i, i end
  return data.sequences(xs, ys)
end

-- What each item became in an epoch, by its label.
local function items_of(batches, epoch, from)
  local found = {}
  batches:epoch(epoch)
  for x, y in batches, nil, from and batches:seek(from) do
    for i, label in ipairs(y:totable()) do
      found[label] = x:without_lengths():select(1, i):rows(1, x:lengths():get(i)):totable()
    end
  end
  return found
end

describe("data.augment", function()
  local function noisy(x, y) return x + rnn.randn(x:shape()), y end
  local function stretched(x, y) return rnn.augment.spectrum { stretch = 0.4 }(x, y) end

  it("draws for an item what its seed, epoch and number say, whatever the batches are", function()
    local small = data.augment(sequences(20):batches { size = 3, shuffle = true, seed = 5 }, noisy, stretched)
    local large = data.augment(sequences(20):batches { size = 20, seed = 5 }, noisy, stretched)
    rnn.seed(1)
    local first = items_of(small, 2)
    rnn.rand(7)
    assert.same(first, items_of(large, 2))
    assert.not_same(first, items_of(large, 3))
    assert.not_same(first, items_of(data.augment(sequences(20):batches { size = 20, seed = 6 }, noisy, stretched), 2))
    assert.not_same(first[1], first[8])
    local rest = items_of(small, 2, 4)
    for label, rows in pairs(rest) do assert.same(first[label], rows) end
    assert.is_nil(rest[nil])
  end)

  it("takes no random numbers from others, and gives them back after an error", function()
    rnn.seed(3)
    local want = rnn.rand(2):totable()
    rnn.seed(3)
    for _ in data.augment(sequences(4):batches { size = 2, seed = 1 }, noisy) do end
    assert.same(want, rnn.rand(2):totable())
    rnn.seed(3)
    local failing = data.augment(sequences(4):batches { size = 2, seed = 1 }, function() error "no" end)
    assert.is_false(pcall(function() for _ in failing do end end))
    assert.same(want, rnn.rand(2):totable())
  end)

  it("changes tables of tensors, targets and arrays without lengths", function()
    local set = data.arrays({ a = rnn.ones(4, 2), b = rnn.ones(4) }, rnn.arange(4))
    local batches = data.augment(set:batches { size = 4, seed = 1 }, function(x, y)
      return { a = x.a * 2, b = x.b + y:to_float() }, y + 1
    end)
    for x, y in batches do
      assert.same({ { 2, 2 }, { 2, 2 }, { 2, 2 }, { 2, 2 } }, x.a:totable())
      assert.same({ 2, 3, 4, 5 }, x.b:totable())
      assert.same({ 2, 3, 4, 5 }, y:totable())
    end
  end)

  it("trains, and a run that was interrupted goes on with the same items", function()
    assert.same(goes_on(function(folder, epochs)
      rnn.seed(1)
      local model = nn.Sequential { nn.GRU(2, 3, { returns = "last" }), nn.Linear(3, 20) }
      rnn.fit(model, { data = data.augment(sequences(19):batches { size = 6, shuffle = true }, noisy), epochs = epochs,
        loss = "cross_entropy", optimizer = optim.Adam(model:parameters()), progress = false, run = folder })
      return model[2].weight:detach():totable()
    end, 3, 1))
  end)

  it("refuses what are no batches of a dataset, and steps that give nothing", function()
    fails("data.augment: argument 1 %(batches%): expected batches, as", data.augment,
      data.map(sequences(3):batches(), noisy), noisy)
    fails("argument 2 %(step%): expected a function", data.augment, sequences(3):batches())
    fails("the result of step 1: expected x and y of an item", function()
      for _ in data.augment(sequences(3):batches(), function() end) do end
    end)
  end)
end)

-- The frequency of a tone, by its crossings of 0.
local function frequency(x, rate)
  local signs = x:gt(0)
  local ups = (signs:rows(2, #x) - signs:rows(1, #x - 1)):gt(0):sum():item()
  return ups * rate / #x
end

describe("rnn.augment", function()
  before_each(function() rnn.seed(2) end)
  local tone = (rnn.arange(8000):to_float() * (2 * math.pi * 440 / 8000)):sin()

  it("plays faster and higher", function()
    for _ = 1, 4 do
      local y = augment.sound { speed = 0.2 }(tone)
      local factor = 8000 / #y
      assert.is_true(factor > 0.79 and factor < 1.21 and factor ~= 1)
      assert.near(440 * factor, frequency(y:rows(100, #y - 100), 8000), 8)
    end
  end)

  it("plays higher or lower at the same speed, the whole sound, also a short one", function()
    local function loudness(x) return x:square():mean():sqrt():item() end
    for _, n in ipairs { 400, 511, 1000, 2047, 8000, 16000 } do
      for seed = 1, 4 do
        rnn.seed(seed)
        local factor = 2 ^ ((rnn.rand(1):item() - 0.5) * 2)
        local x = ((rnn.arange(n):to_float() - 0.5) * (2 * math.pi / 20)):sin()
        rnn.seed(seed)
        local y = augment.sound { pitch = 12 }(x)
        assert.equal(n, #y)
        assert.near(factor / 20, frequency(y, 1), 1.2 / n + 5e-4)
        assert.near(0.707, loudness(y), 0.06)
        assert.near(0.707, loudness(y:rows(n - 59, n)), 0.1) -- it does not end before
        assert.near(0.707, loudness(y:rows(1, 60)), 0.1)
      end
    end
    -- what happens at a time still happens then: two notes, the second from the middle on
    local low = (rnn.arange(4000):to_float() * (2 * math.pi / 40)):sin()
    local high = (rnn.arange(4000):to_float() * (2 * math.pi / 10)):sin()
    rnn.seed(4)
    local factor = 2 ^ ((rnn.rand(1):item() - 0.5) / 1.5)
    rnn.seed(4)
    local y = augment.sound { pitch = 4 }(rnn.concat({ low, high }, 1))
    assert.near(factor / 40, frequency(y:rows(1, 3900), 1), 1e-3)
    assert.near(factor / 10, frequency(y:rows(4101, 8000), 1), 1e-3)
    for _, n in ipairs { 1, 2, 50, 255 } do
      assert.same({ n, 2 }, { augment.sound { pitch = 12 }(rnn.randn(n, 2)):shape() })
    end
  end)

  it("shifts and adds noise of the wanted strength", function()
    local x = rnn.arange(50):to_float()
    for _ = 1, 5 do
      local y = augment.sound { shift = 20 }(x)
      local k = (y:gt(0):argmax(1):item() - 1) - (y:get(1) > 0 and y:get(1) - 1 or 0)
      assert.is_true(math.abs(k) <= 20)
      assert.equal(50, #y)
      for i = 1, 50 do assert.equal((i - k >= 1 and i - k <= 50) and i - k or 0, y:get(i)) end
    end
    for _ = 1, 5 do
      local noise = augment.sound { noise = 10 }(tone) - tone
      local db = 10 * math.log(tone:square():mean():item() / noise:square():mean():item(), 10)
      assert.is_true(db > 9.5 and db < 40.5, db)
    end
    assert.same({ 100, 2 }, { augment.sound { shift = 3, noise = 0 }(rnn.randn(100, 2)):shape() })
  end)

  it("masks, warps and stretches spectra", function()
    local x = rnn.ones(30, 20)
    local y = augment.spectrum { time = 6, bands = 5, masks = 2 }(x)
    local rows, columns = y:max(2):eq(0):sum():item(), y:max(1):eq(0):sum():item()
    assert.is_true(rows <= 12 and columns <= 10)
    assert.equal((30 - rows) * (20 - columns), y:sum():item())
    local line = rnn.arange(20):to_float():reshape(1, 20):broadcast_to(4, 20)
    local warped = augment.spectrum { warp = 0.3 }(line)
    local slope = warped:get(1, 5) / 5
    assert.is_true(slope > 0.7 and slope < 1.3 and slope ~= 1)
    for b = 1, 20 do assert.near(math.max(1, math.min(20, b * slope)), warped:get(1, b), 1e-4) end
    local z = augment.spectrum { stretch = 0.5 }(rnn.arange(40):to_float():reshape(40, 1))
    assert.is_true(#z >= 20 and #z <= 60 and #z ~= 40)
    assert.near(20.5, z:mean():item(), 0.3)
  end)

  it("turns, stretches and thins strokes, and keeps their beginnings", function()
    local x = rnn.concat({ rnn.randn(50, 2), rnn.arange(50):mod(10):eq(1):reshape(-1, 1) }, 2)
    local y = augment.strokes { rotation = 90 }(x)
    local function reach(t) return t:slice(2, 1, 2):square():sum(2):totable() end
    for i, r in ipairs(reach(x)) do assert.near(r, reach(y)[i], 1e-4) end
    assert.is_true((y - x):abs():max():item() > 0.01)
    y = augment.strokes { drop = 0.5 }(x)
    assert.is_true(#y < 45)
    assert.equal(5, y:slice(2, 3, 3):sum():item())
    y = augment.strokes { scale = 0.5, shear = 0.5 }(rnn.tensor { { 1, 0 }, { 0, 1 } })
    assert.equal(0, y:get(1, 2))
    assert.is_true(y:get(1, 1) >= 0.5 and y:get(1, 1) <= 1.5 and y:get(2, 2) >= 0.5 and y:get(2, 2) <= 1.5)
    assert.is_true(math.abs(y:get(2, 1)) <= 0.75)
  end)

  it("transposes x and y alike and loses no note", function()
    local ks = {}
    for _ = 1, 30 do
      local roll = rnn.zeros(5, 12)
      for t = 1, 5 do roll:set(t, 4 + t, 1) end
      local y, z = augment.transpose { semitones = 6 }(roll, roll:flip(1))
      assert.equal(5, y:sum():item())
      assert.same(y:flip(1):totable(), z:totable())
      ks[math.tointeger(y[1]:argmax(1):item()) - 5] = true
    end
    assert.is_true(ks[-4] and ks[3] and not ks[4] and not ks[-5])
    local pitches = rnn.tensor({ 60, 0, 64, 67 }, "int32")
    for _ = 1, 20 do
      local y, label = augment.transpose { semitones = 12, lowest = 57, highest = 70 }(pitches, rnn.tensor(2, "int32"))
      assert.equal(0, y:get(2))
      assert.is_true(y:get(1) >= 57 and y:get(4) <= 70 and y:get(4) - y:get(1) == 7)
      assert.equal(2, label:item())
    end
  end)

  it("leaves words out at the rate, and never padding", function()
    local ids = rnn.concat({ rnn.full({ 4000 }, 9), rnn.zeros(100) }, 1):to_int()
    local y = augment.words(0.3, 2)(ids)
    assert.near(1200, y:eq(2):sum():item(), 120)
    assert.equal(100, y:eq(0):sum():item())
    assert.equal(4000, y:eq(2):sum():item() + y:eq(9):sum():item())
  end)

  it("cuts words anew with BPE dropout, into the same text", function()
    local vocab = text.bpe(("low lower lowest newer newest wide wider\n"):rep(3), { size = 60 })
    local line = "lowest newer wide\nnewest"
    local ids = rnn.tensor(vocab:encode(line), "int32")
    local whole, parts = augment.bpe(vocab, 0)(ids), augment.bpe(vocab, 0.999999)(ids)
    assert.same(ids:totable(), whole:totable())
    assert.equal(#line + 2, #parts) -- characters, and the blanks that end two lines
    local several = {}
    for _ = 1, 20 do
      local cut = augment.bpe(vocab, 0.3)(ids)
      assert.equal(line, vocab:decode(cut:totable()))
      several[#cut] = true
    end
    assert.is_truthy(next(several, next(several)))
    local odd = rnn.tensor({ vocab.unknown, vocab.start, ids:get(1), vocab.stop }, "int32")
    local kept = augment.bpe(vocab, 0)(odd):totable()
    assert.same({ vocab.unknown, vocab.start }, { kept[1], kept[2] })
    assert.equal(vocab.stop, kept[#kept])
  end)

  it("changes series and keeps their length", function()
    local x = rnn.arange(100):to_float():reshape(100, 1)
    local y = augment.series { warp = 0.2 }(x)
    assert.same({ 100, 1 }, { y:shape() })
    local steps = y:rows(2, 100) - y:rows(1, 99)
    assert.is_true(steps:min():item() >= -1e-3)
    assert.near(1, y:get(1, 1), 1)
    assert.near(100, y:get(100, 1), 1.5)
    assert.is_true(steps:max():item() > 1.5 or steps:min():item() < 0.6)
    y = augment.series { scaling = 0.5 }(rnn.ones(10, 3))
    assert.same(y[1]:totable(), y[10]:totable())
    assert.is_true(y:min():item() >= 0.5 and y:max():item() <= 1.5 and y:get(1, 1) ~= y:get(1, 2))
    y = augment.series { jitter = 0.1 }(rnn.zeros(2000, 1))
    assert.near(0.1, y:std():item(), 0.01)
  end)

  it("says what is no item", function()
    for _, case in ipairs { { augment.sound(), rnn.zeros(0) }, { augment.spectrum { warp = 0.1 }, rnn.zeros(3) },
      { augment.strokes(), rnn.zeros(3, 1) }, { augment.transpose(), rnn.zeros(3) },
      { augment.words(0.1), rnn.ones(2) },
      { augment.series(), rnn.zeros(0, 2) } } do
      fails("augment%..*expected", case[1], case[2])
    end
  end)
end)

describe("audio.cmvn", function()
  it("takes mean and variance of each speaker away", function()
    rnn.seed(1)
    local xs, who = {}, {}
    for i = 1, 8 do
      who[i] = i % 2 == 0 and "ann" or "bob"
      xs[i] = rnn.randn(4 + i, 3) * (i % 2 + 2) + i % 2 * 10
    end
    local ys = audio.cmvn(xs, who)
    for _, name in ipairs { "ann", "bob" } do
      local own = {}
      for i = 1, 8 do own[#own + 1] = who[i] == name and ys[i] or nil end
      local all = rnn.concat(own, 1)
      for k = 1, 3 do
        assert.near(0, all:mean(1):get(k), 1e-4)
        assert.near(1, all:square():mean(1):get(k), 1e-3)
      end
    end
    assert.near(0, audio.cmvn({ xs[1] }, { "x" })[1]:mean():item(), 1e-5)
    assert.equal(0, audio.cmvn({ rnn.ones(3, 2) })[1]:abs():max():item()) -- a silent band is no division by 0
    local alone = audio.cmvn(xs)
    for i = 1, 8 do assert.near(0, alone[i]:mean():item(), 1e-4) end
    fails("audio.cmvn", audio.cmvn, xs, { "ann" })
  end)
end)

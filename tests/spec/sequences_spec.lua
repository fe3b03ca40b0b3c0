-- data.sequences: padded batches, bucketed by length; in rnn.fit, rnn.evaluate and rnn.predict.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local approx = require "support.approx"

-- n lists of ids; list i holds the id i as often as it is long.
local function lists(n, longest)
  local x = {}
  for i = 1, n do
    x[i] = {}
    for t = 1, (i * 7) % (longest + 1) do x[i][t] = i end
  end
  return x
end

-- All batches of an epoch, as tables.
local function epoch(batches)
  local seen = {}
  for x, y in batches do
    seen[#seen + 1] = { x = x:totable(), lengths = x:lengths():totable(), y = y and y:totable(), steps = x:size(2) }
  end
  return seen
end

describe("data.sequences", function()
  it("pads ids with 0 to the longest of a batch", function()
    local d = data.sequences { { 5, 6, 7 }, rnn.tensor({ 8 }, "int32"), {}, { 9, 9 }, {} }
    assert.equal(5, #d)
    local seen = epoch(d:batches { size = 2 })
    assert.same({ { 5, 6, 7 }, { 8, 0, 0 } }, seen[1].x)
    assert.same({ 3, 1 }, seen[1].lengths)
    assert.same({ { 0, 0 }, { 9, 9 } }, seen[2].x)
    assert.same({ { 0 } }, seen[3].x) -- empty sequences alone still have a step
    assert.same({ 0 }, seen[3].lengths)
    local x, y = d:all()
    assert.same({ 3, 1, 0, 2, 0 }, x:lengths():totable())
    assert.same({ 0, 0, 0 }, x:without_lengths()[5]:totable())
    assert.is_nil(y)
  end)

  it("pads features with 0, whatever comes next", function()
    local nan = 0 / 0
    local d = data.sequences({ rnn.tensor { { 1, 2 } }, rnn.full({ 3, 2 }, nan), rnn.zeros(0, 2) }, { 3, 1, 2 })
    local x, y = d:batch(rnn.tensor({ 1, 3 }, "int32"))
    assert.same({ { { 1, 2 } }, { { 0, 0 } } }, x:totable())
    assert.same({ 1, 0 }, x:lengths():totable())
    assert.same({ 3, 2 }, y:totable())
    assert.equal("int32", y:type())
    x = d:batch(rnn.tensor({ 1, 2 }, "int32"))
    assert.same({ { 1, 2 }, { 0, 0 }, { 0, 0 } }, x:without_lengths()[1]:totable())
  end)

  it("gives targets: rows, or sequences with lengths of their own", function()
    local rows = rnn.randn(3, 2)
    local d = data.sequences({ { 1 }, { 2, 2 }, { 3 } }, rows)
    local _, y = d:batch(rnn.tensor({ 3, 1 }, "int32"))
    assert.same(rows:gather(1, rnn.tensor({ 3, 1 }, "int32")):totable(), y:totable())
    d = data.sequences({ { 1 }, { 2, 2 } }, { { 4, 5, 6 }, {} })
    _, y = d:all()
    assert.same({ { 4, 5, 6 }, { 0, 0, 0 } }, y:totable())
    assert.same({ 3, 0 }, y:lengths():totable())
  end)

  it("gives every sequence once an epoch, whatever the options", function()
    local d = data.sequences(lists(53, 9), rnn.arange(53))
    for _, shuffle in ipairs { false, true } do
      for _, bucket in ipairs { false, true } do
        for _, size in ipairs { 1, 4, 53, 100 } do
          local batches = d:batches { size = size, shuffle = shuffle, bucket = bucket, seed = 3 }
          for _ = 1, 2 do
            local ids, count = {}, 0
            for _, batch in ipairs(epoch(batches)) do
              count = count + 1
              for i, id in ipairs(batch.y) do
                assert.is_nil(ids[id])
                ids[id] = true
                assert.equal((id * 7) % 10, batch.lengths[i])
                if batch.lengths[i] > 0 then assert.equal(id, batch.x[i][batch.lengths[i]]) end
              end
            end
            assert.equal(53, #ids)
            assert.equal(#batches, count)
          end
        end
      end
    end
  end)

  it("puts equal lengths together", function()
    local function padding(options)
      local steps, n = 0, 0
      for x in data.sequences(lists(400, 40)):batches(options) do
        steps, n = steps + x:count(), n + x:lengths():to_float():sum():item()
      end
      return steps / n
    end
    assert.is_true(padding { size = 8, shuffle = true, seed = 1 } < 1.1)
    assert.is_true(padding { size = 8, bucket = true } < 1.1)
    assert.is_true(padding { size = 8, shuffle = true, seed = 1, bucket = false } > 1.5)
    assert.is_true(padding { size = 8 } > 1.5)
    -- and so do batches that are shuffled in pools: of 4000 sequences, 50 batches of 8 at a time
    local lengths = {}
    for x in data.sequences(lists(4000, 40)):batches { size = 8, shuffle = true, seed = 1 } do
      lengths[#lengths + 1] = x:size(2)
    end
    local rising = 0
    for i = 2, #lengths do rising = rising + (lengths[i] >= lengths[i - 1] and 1 or 0) end
    assert.is_true(rising > 0.3 * #lengths and rising < 0.7 * #lengths)
  end)

  it("depends on seed and epoch, not on threads or on the random numbers of others", function()
    local d, threads = data.sequences(lists(60, 9)), rnn.threads()
    local function run(seed)
      local batches = d:batches { size = 7, shuffle = true, seed = seed }
      return { epoch(batches), epoch(batches) }
    end
    local first = run(5)
    assert.not_same(first[1], first[2])
    assert.not_same(first, run(6))
    for n = 1, 3 do
      rnn.threads(n)
      rnn.rand(n)
      assert.same(first, run(5))
    end
    rnn.threads(threads)
    assert.same(first[2], epoch(d:batches({ size = 7, shuffle = true, seed = 5 }):epoch(2)))
  end)

  it("drops the same number of sequences, but not the long ones", function()
    local d, seen = data.sequences(lists(50, 9), rnn.arange(50)), {}
    local batches = d:batches { size = 8, shuffle = true, drop_last = true, seed = 1 }
    for _ = 1, 20 do
      local count = 0
      for x, y in batches do
        assert.equal(8, #x)
        count = count + #x
        for i = 1, 8 do seen[y:get(i)] = true end
      end
      assert.equal(48, count)
    end
    assert.equal(50, #seen)
  end)

  it("trains, and predicts in the order of the data", function()
    rnn.seed(2)
    local x, labels = lists(60, 9), {}
    for i, ids in ipairs(x) do
      labels[i] = i % 2 + 1
      for t = 1, #ids do ids[t] = labels[i] * 2 - t % 2 end
    end
    local d = data.sequences(x, labels)
    local embed, gru, head = nn.Embedding(4, 6), nn.GRU(6, 8, { returns = "last" }), nn.Linear(8, 2)
    local model = nn.Sequential { embed, gru, head }
    local history = rnn.fit(model, { data = d:batches { size = 8, shuffle = true, seed = 1 }, valid = d, epochs = 20,
      loss = "cross_entropy", metrics = { "accuracy" }, optimizer = optim.Adam(model:parameters(), { lr = 0.02 }),
      progress = false })
    assert.is_true(history.best.val_accuracy > 0.9) -- the empty ones cannot be told
    local function close(a, b) assert.is_true(math.abs(a - b) < 1e-5) end
    local all, target = d:all()
    local whole = model(all):detach()
    close(nn.cross_entropy(whole, target):item(), rnn.evaluate(model, d, { loss = "cross_entropy" }).loss)
    approx.equal(rnn.predict(model, d, { size = 7 }), whole, "predict")
    approx.equal(rnn.predict(model, d:batches { size = 7, bucket = true }), whole, "predict, bucketed batches")
    assert.has_error(function() rnn.predict(model, d:batches { shuffle = true }) end)
  end)

  it("predicts sequences, padded to the longest", function()
    rnn.seed(3)
    local d = data.sequences(lists(20, 6))
    local model = nn.Sequential { nn.Embedding(20, 3), nn.LSTM(3, 4) }
    local whole = model((d:all())):detach()
    local y = rnn.predict(model, d, { size = 3 })
    assert.same(whole:lengths():totable(), y:lengths():totable())
    approx.equal(y:without_lengths(), whole:without_lengths(), "predict")
  end)

  it("says what is wrong", function()
    local function says(pattern, ...)
      local ok, message = pcall(data.sequences, ...)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    says("argument 1 %(x%): the list is empty", {})
    says("argument 1 %(x%): expected a list of sequences, got tensor %(2%) float", rnn.zeros(2))
    says("argument 1 %(x%), sequence 2: expected a list of ids, an int32 tensor .*, got number 4", { { 1 }, 4 })
    says("sequence 1: expected a list of ids, .*, got tensor %(3%) float", { rnn.zeros(3) })
    says("sequence 1, id 2: expected an id of 0 or more, got number %-1", { { 1, -1 } })
    says("sequence 2, id 1: expected an id of 0 or more, got string 'a'", { { 1 }, { "a" } })
    says("sequence 2: expected ids, as before, got tensor %(1, 2%) float", { { 1 }, rnn.zeros(1, 2) })
    says("sequence 2: expected a float tensor %(T, 2%), as before, got tensor %(1, 3%)",
      { rnn.zeros(1, 2), rnn.zeros(1, 3) })
    says("x has 2 sequences, but y is for 1", { { 1 }, { 2 } }, { 1 })
    says("argument 2 %(y%): expected a list of labels, .*, got string 'x'", { { 1 } }, "x")
    says("argument 2 %(y%), label 1: expected an integer of 0 or more, got number 0.5", { { 1 } }, { 0.5 })
    local ok, message = pcall(function() return data.arrays(rnn.zeros(2)):batches { bucket = true } end)
    assert.is_false(ok)
    assert.matches("data.arrays:batches: option 'bucket' is for sequences", message)
  end)
end)

-- Training in shards, by one process: the gradient is that of the whole batch, what cannot be cut is refused. That
-- ranks give the same bits is tests/mpi.

local rnn = require "rnn"
local core = require "rnn.core"
local shards = require "rnn.shards"
local nn, data, optim, dist, metrics = rnn.nn, rnn.data, rnn.optim, rnn.dist, rnn.metrics

local function fit(model, options)
  local settings = { loss = "mse", progress = false, optimizer = optim.SGD(model:parameters(), { lr = 0.1 }) }
  for name, value in pairs(options) do settings[name] = value end
  return rnn.fit(model, settings)
end

local function weights(model)
  local list = {}
  for i, p in ipairs(model:parameters()) do list[i] = p:detach():copy() end
  return list
end

local function assert_near(a, b, tolerance)
  for i, x in ipairs(a) do assert.is_true((x - b[i]):abs():max():item() <= tolerance) end
end

local function model_of()
  rnn.seed(1)
  return nn.Sequential { nn.LSTM(2, 5, { returns = "last" }), nn.Linear(5, 5), nn.Linear(5, 1) }
end

describe("training in shards", function()
  local x, y
  before_each(function()
    rnn.seed(2)
    x, y = rnn.randn(23, 4, 2), rnn.randn(23, 1)
  end)

  it("cuts rows into shards of two or more, each row once", function()
    for n = 1, 40 do
      for most = 1, 9 do
        local count, next_row = shards.number(most, n), 1
        for s = 0, count - 1 do
          local from, to = shards.rows(s, count, n)
          assert.equal(next_row, from)
          assert.is_true(to - from + 1 >= math.min(2, n))
          next_row = to + 1
        end
        assert.equal(n + 1, next_row)
      end
    end
  end)

  it("has the gradient of the whole batch", function()
    local losses, all = {}, {}
    for i, count in ipairs { 1, 2, 3, 8 } do
      local model = model_of()
      local history = fit(model, { data = data.arrays(x, y):batches { size = 23 }, epochs = 3, shards = count,
        metrics = { "mae" } })
      losses[i], all[i] = history, weights(model)
    end
    for i = 2, 4 do
      assert_near(all[1], all[i], 1e-5)
      for e = 1, 3 do
        assert.near(losses[1].loss[e], losses[i].loss[e], 1e-5)
        assert.near(losses[1].mae[e], losses[i].mae[e], 1e-5)
      end
    end
  end)

  it("counts valid steps, not rows", function()
    local lists, targets = {}, {}
    for i = 1, 12 do
      lists[i], targets[i] = {}, {}
      for t = 1, i do lists[i][t], targets[i][t] = t, (t + i) % 3 + 1 end
    end
    local function run(count)
      rnn.seed(3)
      local model = nn.Sequential { nn.Embedding(12, 4), nn.GRU(4, 5), nn.Linear(5, 3) }
      local history = fit(model, { data = data.sequences(lists, targets):batches { size = 12 }, loss = "cross_entropy",
        shards = count, metrics = { "accuracy", "f1" } })
      return weights(model), history
    end
    local one, history = run(1)
    local four, other = run(4)
    assert_near(one, four, 1e-5)
    for _, name in ipairs { "loss", "accuracy", "f1" } do assert.near(history[name][1], other[name][1], 1e-5) end
  end)

  it("has batch statistics of each shard, and running means of all", function()
    local model = nn.Sequential { nn.BatchNorm(3), nn.Linear(3, 1) }
    local norm = model[1]
    local input = rnn.randn(8, 3) + 5
    local before = norm.running_mean:copy()
    fit(model, { data = data.arrays(input, rnn.zeros(8, 1)):batches { size = 8 }, shards = 2 })
    local mean = input:mean(1) -- of equal shards, the mean of their means
    assert.near(0, (norm.running_mean - (before * 0.99 + mean * 0.01)):abs():max():item(), 1e-6)
  end)

  it("gives groups of batches the gradient of all", function()
    local all = {}
    for i, settings in ipairs { { size = 23 }, { size = 6, accumulate = 4 } } do
      local model = model_of()
      fit(model, { data = data.arrays(x, y):batches { size = settings.size }, accumulate = settings.accumulate,
        shards = 3 })
      all[i] = weights(model)
    end
    assert_near(all[1], all[2], 1e-5)
  end)

  it("draws other numbers in each shard, and others in each step", function()
    local seen = {}
    local Draws = nn.module("ShardDraws", function(self) self.linear = nn.Linear(1, 1) end)
    function Draws:forward(input)
      if self.training then seen[#seen + 1] = ("%.9g %.9g"):format(rnn.rand(1):item(), math.random()) end
      return self.linear(input)
    end
    fit(Draws(), { data = data.arrays(rnn.ones(8, 1), rnn.ones(8, 1)):batches { size = 4 }, shards = 2, epochs = 2 })
    assert.equal(8, #seen)
    local different = {}
    for _, text in ipairs(seen) do
      assert.is_nil(different[text])
      different[text] = true
    end
  end)

  it("goes on from a checkpoint with the same bits, and not with other shards", function()
    local folder = os.tmpname()
    os.remove(folder)
    local function run(name, settings)
      rnn.seed(5)
      local model = nn.Sequential { nn.LSTM(2, 5, { returns = "last" }), nn.BatchNorm(5), nn.Dropout(0.2),
        nn.Linear(5, 1) }
      settings.data = data.arrays(x, y):batches { size = 10, shuffle = true, seed = 1 }
      settings.run, settings.shards = folder .. name, settings.shards or 3
      settings.optimizer = optim.Adam(model:parameters())
      fit(model, settings)
      return weights(model)
    end
    local whole = run("a", { epochs = 4 })
    run("b", { epochs = 4, callbacks = { { on_step = function(_, _, step) return step == 5 end } } })
    local again = run("b", { epochs = 4 })
    for i, w in ipairs(whole) do assert.equal(core.checksum(w), core.checksum(again[i])) end
    assert.error_matches(function() run("b", { epochs = 5, shards = 2 }) end, "shards is 2, but was 3")
    os.execute(("rm -rf %sa %sb"):format(folder, folder))
  end)

  it("refuses by name what it cannot cut", function()
    local batches = data.arrays(x, y):batches { size = 6 }
    local model = model_of()
    assert.error_matches(function()
      fit(model, { data = batches, shards = 2, metrics = { odd = { clear = function() end, add = function() end,
        read = function() return 1 end } } })
    end, "'odd' counts by itself and cannot be added up over shards")
    assert.error_matches(function()
      local a, b = optim.SGD(model[1]:parameters(), { lr = 1 }), optim.SGD(model[3]:parameters(), { lr = 1 })
      fit(model, { data = batches, shards = 2, optimizer = { a, b }, loss = { print, print } })
    end, "several optimisers")
    assert.error_matches(function()
      fit(model, { data = function()
        local given = false
        return function()
          if not given then
            given = true
            return x, y:rows(1, 20)
          end
        end
      end, shards = 2 })
    end, "y of a batch: expected tensors of 23 rows")
    assert.error_matches(function() fit(model, { data = batches, shards = 0 }) end, "shards")
  end)

  it("finds the row of a value that is no number", function()
    x:set(17, 2, 1, 0 / 0)
    local model = model_of()
    assert.error_matches(function()
      fit(model, { data = data.arrays(x, y):batches { size = 12 }, shards = 3 })
    end, "step 2 of 2: the data hold nan at %(1, 2, 1%) of the batch's x, item 17 of the dataset")
  end)
end)

describe("rnn.dist in one process", function()
  it("is one rank", function()
    assert.equal(0, dist.rank)
    assert.equal(1, dist.size)
    assert.same({ { 1, "a" } }, dist.gather { 1, "a" })
  end)

  it("gives the gradient of the mean over a batch", function()
    rnn.seed(1)
    local x, y = rnn.randn(11, 3), rnn.randn(11, 2)
    local model = nn.Linear(3, 2)
    rnn.mse(model(x), y):backward()
    local whole = { model.weight.grad:copy(), model.bias.grad:copy() }
    local rows = 0
    for sx, sy in dist.shards(model, x, y, nil, 3) do
      rows = rows + #sx
      rnn.mse(model(sx), sy):backward()
    end
    dist.gradients(model)
    assert.equal(11, rows)
    assert_near(whole, { model.weight.grad, model.bias.grad }, 1e-6)
    dist.gradients(model) -- without shards: of this rank alone
    assert_near(whole, { model.weight.grad, model.bias.grad }, 1e-6)
    assert.error_matches(function() dist.shards(model, x, y:rows(1, 4))() end,
      "y of a batch: expected tensors of 11 rows")
    assert.error_matches(function() dist.gradients(3) end, "a model")
  end)
end)

describe("metrics that are added up", function()
  it("are those of all batches", function()
    local y, target = rnn.randn(12, 3), (rnn.rand(12) * 3):floor():to_int() + 1
    for _, make in ipairs {
      function() return metrics.F1() end, function() return metrics.Scores { "accuracy", "f1", "top_2", "nats" } end,
      function() return metrics.Mean(function(a, b) return core.cross_entropy(a, b) end) end,
    } do
      local whole, first, second = make(), make(), make()
      for i, m in ipairs { first, second } do
        local from, to = i == 1 and 1 or 8, i == 1 and 7 or 12
        m:add(y:rows(from, to), target:rows(from, to))
        whole:add(y:rows(from, to), target:rows(from, to))
      end
      first:merge(second:state())
      assert.same(whole:read(), first:read())
    end
  end)

  it("keeps no place of batches that are gone", function()
    local batches = rnn.data.arrays(rnn.randn(40, 3), rnn.randn(40, 1)):batches { size = 4 }
    local most, kept = 0, nil
    for items in batches:by_items() do
      local n = 0
      for _ in next, batches.places do n = n + 1 end
      most, kept = math.max(most, n), items
    end
    assert.equal(1, most)
    assert.equal(4, #kept)
  end)
end)

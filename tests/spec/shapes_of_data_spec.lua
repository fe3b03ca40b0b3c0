-- Data of any shape, as a user would write it: several inputs and targets, ids beside numbers, weights of rows, two
-- optimisers, iterators of a script's own.
local rnn = require "rnn"
local nn, optim, data = rnn.nn, rnn.optim, rnn.data

local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.is_truthy(tostring(message):find(text, 1, true), message)
end

-- Demand at a station, and whether it is high: two inputs, one of ids, and two targets.
local Station = nn.module("Station", function(self, stations)
  self.place, self.read = nn.Embedding(stations, 3), nn.GRU(2, 6, { returns = "last" })
  self.demand, self.alarm = nn.Linear(9, 1), nn.Linear(9, 2)
end)
function Station:forward(x)
  local h = rnn.concat({ (self.read(x.series)), self.place(x.station) }, 2)
  return { demand = self.demand(h), alarm = self.alarm(h) }
end

local function stations(n)
  local x = { series = rnn.randn(n, 5, 2), station = rnn.tensor({}, "int32") }
  x.station = (rnn.rand(n) * 4):to_int() + 1
  local sum = x.series:sum(2):sum(2, true) + x.station:to_float():reshape(n, 1)
  return x, { demand = sum, alarm = sum:gt(2):to_int():reshape(n) + 1 }
end

describe("a model of two inputs and two targets", function()
  it("is trained, measured and asked", function()
    rnn.seed(1)
    local model = Station(4)
    local train, test = data.arrays(stations(200)), data.arrays(stations(60))
    local loss = { demand = "mse", alarm = "cross_entropy" }
    local history = rnn.fit(model, {
      data = train:batches { size = 25, shuffle = true }, valid = test, epochs = 12, progress = false,
      loss = loss, loss_weights = { alarm = 2 }, metrics = { demand = { "mae" }, alarm = { "accuracy" } },
      optimizer = optim.Adam(model:parameters(), { lr = 0.03 }),
      callbacks = { rnn.EarlyStopping { monitor = "val_demand_loss", patience = 50 } },
    })
    assert.is_true(history.demand_loss[12] < 0.3 * history.demand_loss[1])
    assert.is_true(history.val_alarm_accuracy[12] > 0.75)
    assert.near(history.demand_loss[12] + 2 * history.alarm_loss[12], history.loss[12], 1e-6)
    local scores = rnn.evaluate(model, test:batches { size = 7 }, { loss = loss, metrics = { demand = { "mae" } } })
    local answers = rnn.predict(model, test.x, { size = 16 })
    assert.near(nn.mae(answers.demand, test.y.demand):item(), scores.demand_mae, 1e-5)
    assert.near(nn.cross_entropy(answers.alarm, test.y.alarm):item(), scores.alarm_loss, 1e-5)
    assert.same({ 60, 2 }, { answers.alarm:shape() })
  end)

  it("is one of sequences, each with its own lengths", function()
    rnn.seed(2)
    local x = { words = { { 1, 2, 3 }, { 4 }, {}, { 2, 2 } }, sound = {}, speaker = { 1, 2, 1, 2 } }
    for i, steps in ipairs { 2, 4, 1, 3 } do x.sound[i] = rnn.randn(steps, 2) end
    local tags = { { 1, 1, 2 }, { 2 }, {}, { 1, 2 } }
    local train = data.sequences(x, { tags = tags, mood = { 1, 2, 2, 1 } }, { mood = rnn.tensor { 1, 0, 2, 1 } })
    assert.same({ 3, 4, 1, 3 }, train.lengths:totable())
    for batch, y, weights in train:batches { size = 4 } do
      assert.same({ 3, 1, 0, 2 }, batch.words:lengths():totable())
      assert.same({ 2, 4, 1, 3 }, batch.sound:lengths():totable())
      assert.same({ 1, 2, 1, 2 }, batch.speaker:totable())
      assert.same({ 3, 1, 0, 2 }, y.tags:lengths():totable())
      assert.same({ 1, 2, 2, 1 }, y.mood:totable())
      assert.same({ 1, 0, 2, 1 }, weights.mood:totable())
    end
    local model = nn.Module { embed = nn.Embedding(4, 3), read = nn.GRU(3, 4), who = nn.Embedding(2, 4),
      listen = nn.GRU(2, 4, { returns = "last" }), tag = nn.Linear(4, 2), mood = nn.Linear(4, 2) }
    function model:forward(item)
      return { tags = self.tag((self.read(self.embed(item.words)))),
        mood = self.mood((self.listen(item.sound)) + self.who(item.speaker)) }
    end
    local history = rnn.fit(model, { data = train:batches { size = 2, shuffle = true }, loss = "cross_entropy",
      epochs = 60, progress = false, optimizer = optim.Adam(model:parameters(), { lr = 0.05 }),
      metrics = { tags = { "accuracy" }, mood = { "accuracy" } } })
    assert.equal(1, history.tags_accuracy[60])
    local answers = rnn.predict(model, train:batches { size = 2, bucket = true })
    assert.same({ 3, 1, 0, 2 }, answers.tags:lengths():totable())
    assert.is_true(nn.cross_entropy(answers.mood, rnn.tensor({ 1, 2, 2, 1 }, "int32"), {
      sample_weights = rnn.tensor { 1, 0, 1, 1 } }):item() < 0.1)
    fails("data.sequences: x has 4 sequences, but y.mood is for 2", data.sequences, x, { mood = { 1, 2 } })
    fails("expected a list of sequences in it, got table", data.sequences, { a = rnn.ones(2) })
  end)

  it("may be numbered, with a variance beside a mean", function()
    rnn.seed(8)
    local model = nn.Module { a = nn.Linear(2, 2), b = nn.Linear(3, 2) }
    function model:forward(x)
      local y = self.a(x[1])
      return { { y:slice(2, 1, 1), y:slice(2, 2, 2):softplus() }, self.b(x[2]) }
    end
    local set = data.arrays({ rnn.randn(12, 2), rnn.randn(12, 3) },
      { rnn.randn(12, 1), (rnn.rand(12) * 2):to_int() + 1 })
    local options = { data = set:batches { size = 4 }, loss = { "gaussian_nll", "cross_entropy" },
      metrics = { { "gaussian_nll" }, { "accuracy" } }, epochs = 3, progress = false, monitor = true,
      optimizer = optim.Adam(model:parameters(), { lr = 0.01 }) }
    local history = rnn.fit(model, options)
    assert.equal(history["1_loss"][3], history["1_gaussian_nll"][3])
    assert.equal(3, #history["2_accuracy"])
    assert.same({ 12, 1 }, { rnn.predict(model, set)[1][2]:shape() })
    options.monitor = nil
    assert.is_true(rnn.find_lr(model, { data = options.data, loss = options.loss, optimizer = options.optimizer,
      steps = 5 }).suggestion > 0)
    set.x[2]:set(5, 1, 0 / 0)
    fails("the data hold nan at (1, 1) of the batch's x.2, item 5 of the dataset", rnn.fit, model, options)
  end)

  it("has ids beside a series", function()
    rnn.seed(9)
    local hours = {}
    for i = 1, 240 do hours[i] = (i - 1) % 24 + 1 end
    local hour = rnn.tensor(hours, "int32")
    local set = data.windows(((hour:to_float() - 12):abs() / 12), { length = 8, target = 1, beside = { hour = hour } })
    local x = set:batch(rnn.tensor({ 3, 30 }, "int32"))
    assert.same({ 2, 8, 1 }, { x.series:shape() })
    assert.same({ { 3, 4, 5, 6, 7, 8, 9, 10 }, { 6, 7, 8, 9, 10, 11, 12, 13 } }, x.hour:totable())
    local model = nn.Module { embed = nn.Embedding(24, 4), read = nn.GRU(5, 8, { returns = "last" }),
      head = nn.Linear(8, 1) }
    function model:forward(item)
      return self.head((self.read(rnn.concat({ item.series, self.embed(item.hour) }, 3))))
    end
    local history = rnn.fit(model, { data = set:batches { shuffle = true }, valid = set, loss = "mse", epochs = 4,
      progress = false, optimizer = optim.Adam(model:parameters(), { lr = 0.02 }) })
    assert.is_true(history.val_loss[4] < 0.5 * history.val_loss[1])
    assert.is_truthy(history.forecast)
    local both = set:concat(set)
    assert.equal(2 * #set, #both)
    local _, later = next { (both:batch(both.items:rows(#both, #both))) }
    local last = set:batch(set.items:rows(#set, #set))
    assert.same(last.hour:totable(), later.hour:totable())
    fails("windows:concat: argument 1", set.concat, set, data.windows(rnn.ones(30), { length = 8 }))
    fails("option 'beside', entry 'hour': expected int32 (30) or float (30, D), a row for each of the series",
      data.windows, rnn.ones(30), { length = 8, beside = { hour = hour } })
    fails("option 'beside': expected a table of tensors by names other than 'series'", data.windows, rnn.ones(30),
      { length = 8, beside = { hour } })
  end)

  it("says what does not fit", function()
    local x, y = stations(8)
    fails("x and y.demand must have as many rows, got (8, 5, 2) and (7, 1)", data.arrays, x,
      { demand = y.demand:rows(1, 7) })
    fails("argument 1 (x).name: expected a tensor, got string 'x'", data.arrays, { name = "x" })
    fails("argument 1 (x): expected a tensor or a table of tensors, got table", data.arrays, {})
    local model = Station(4)
    local function fit(options)
      local all = { data = data.arrays(x, y):batches(), progress = false,
        optimizer = optim.SGD(model:parameters()), loss = { demand = "mse", alarm = "cross_entropy" } }
      for name, value in pairs(options) do all[name] = value end
      return rnn.fit(model, all)
    end
    fails("option 'loss' has none for target 'alarm'", fit, { loss = { demand = "mse" } })
    fails("the model's result for target 'noise': expected a table with an entry for each target", fit,
      { loss = { noise = "mse" } })
    fails("option 'loss_weights': there is no loss 'x'", fit, { loss_weights = { x = 1 } })
    fails("option 'loss_weights': the batch has no target 'c'", fit, { loss = "mse", loss_weights = { c = 1 } })
    fails("option 'padded' has no effect: labels are targets of the loss 'cross_entropy', or of a function", fit,
      { loss = { demand = "mse", alarm = "binary_cross_entropy" }, padded = true })
    fails("option 'loss_weights' goes with a loss for each target", rnn.evaluate, nn.Linear(1, 1),
      data.arrays(rnn.ones(2, 1), rnn.ones(2, 1)), { loss = "mse", loss_weights = { b = 100 } })
    fails("'mae' of which target? Write metrics = { name = { 'mae' } }", fit, { metrics = { "mae" } })
    fails("option 'metrics': there is no target 'x'", fit, { metrics = { x = { "mae" } } })
    fails("there is no 'val_loss' in this run; there are alarm_loss, demand_loss, loss", fit,
      { callbacks = { rnn.EarlyStopping {} } })
  end)
end)

describe("a model with a loss of its own", function()
  it("may return the loss alone", function()
    rnn.seed(3)
    local Auto = nn.module("Auto", function(self) self.down, self.up = nn.Linear(4, 2), nn.Linear(2, 4) end)
    function Auto:loss(x) return nn.mse(self.up(self.down(x)), x) end
    local model = Auto()
    local basis = rnn.randn(2, 4)
    local set = data.arrays(rnn.randn(64, 2):matmul(basis))
    local options = { data = set:batches { size = 16 }, valid = set, epochs = 30, progress = false,
      optimizer = optim.Adam(model:parameters(), { lr = 0.05 }), accumulate = 2 }
    local history = rnn.fit(model, options)
    assert.is_true(history.val_loss[30] < 0.05 * history.val_loss[1])
    assert.near(model:loss(set.x):item(), rnn.evaluate(model, set:batches { size = 9 }).loss, 1e-6)
    options.metrics = { "mae" }
    fails("the model's loss has to return loss, prediction, target", rnn.fit, model, options)
    function Auto:loss() return 3 end -- luacheck: no self
    fails("Auto:loss: its result: expected a tensor of one element, got number 3", rnn.fit, model, options)
  end)

  it("is given the weights of rows", function()
    rnn.seed(4)
    local model = nn.Seq2Seq { encoder = nn.Encoder { vocab = 6, dim = 4, units = 4 },
      decoder = nn.Decoder { vocab = 6, dim = 4, units = 4, start = 1, stop = 2 } }
    local x = rnn.tensor({ { 3, 4 }, { 5, 6 } }, "int32")
    local y = rnn.tensor({ { 1, 3, 4, 2 }, { 1, 5, 6, 2 } }, "int32")
    local scores = rnn.evaluate(model, data.arrays(x, y, rnn.tensor { 1, 0 }), {})
    assert.near(model:loss(x:rows(1, 1), y:rows(1, 1)):item(), scores.loss, 1e-6)
  end)
end)

-- Two parts that learn against each other: what the maker makes should be spread as the data are, around 3.
local Gan = nn.module("Gan", function(self)
  self.maker = nn.Sequential { nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1) }
  self.judge = nn.Sequential { nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1) }
end)
function Gan:make(n) return self.maker(rnn.randn(n, 1)) end
function Gan:judge_loss(x)
  local made = self:make(#x):detach()
  return nn.binary_cross_entropy(self.judge(x), rnn.ones(#x, 1))
    + nn.binary_cross_entropy(self.judge(made), rnn.zeros(#x, 1))
end
function Gan:maker_loss(x) return nn.binary_cross_entropy(self.judge(self:make(#x)), rnn.ones(#x, 1)) end

local function train_gan(more)
  rnn.seed(5)
  local model = Gan()
  local options = { data = data.arrays(rnn.randn(256, 1) * 0.5 + 3):batches { size = 32, shuffle = true, seed = 1 },
    optimizer = { judge = optim.Adam(model.judge:parameters(), { lr = 0.02, beta1 = 0.5 }),
      maker = optim.Adam(model.maker:parameters(), { lr = 0.002, beta1 = 0.5 }) },
    loss = { judge = model.judge_loss, maker = model.maker_loss }, epochs = 100, progress = false }
  for name, value in pairs(more or {}) do options[name] = value end
  return rnn.fit(model, options), model
end

describe("a GAN", function()
  it("has an optimiser for each part", function()
    local history, model = train_gan()
    local made = model:make(500):detach()
    assert.is_true(math.abs(made:mean():item() - 3) < 0.4, made:mean():item())
    assert.near(history.judge_loss[100] + history.maker_loss[100], history.loss[100], 1e-6)
  end)

  it("goes on from a checkpoint as if nothing had been between", function()
    local folder = os.tmpname()
    os.remove(folder)
    local cosine = optim.schedules.cosine
    train_gan { epochs = 3, run = folder, schedule = cosine(), on_epoch = function(e) return e < 2 end }
    os.execute("rm -rf " .. folder)
    local whole, model = train_gan { epochs = 4, schedule = cosine() }
    train_gan { epochs = 4, run = folder, schedule = cosine(), callbacks = { { on_step = function(_, _, step)
      return step == 19
    end } } }
    local history, again = train_gan { epochs = 4, run = folder, schedule = cosine() }
    os.execute("rm -rf " .. folder)
    assert.same(whole.loss, history.loss)
    assert.same(whole.maker_loss, history.maker_loss)
    local state = again:state_dict()
    for name, t in pairs(model:state_dict()) do assert.same(t:totable(), state[name]:totable()) end
  end)

  it("keeps the ratio of the rates when a schedule changes them", function()
    local model, rates = Gan(), {}
    local fast = optim.SGD(model.judge:parameters(), { lr = 0.1 })
    local slow = optim.SGD(model.maker:parameters(), { lr = 0.02 })
    local history = rnn.fit(model, { data = data.arrays(rnn.randn(8, 1)):batches { size = 4 }, epochs = 3,
      progress = false, optimizer = { fast, slow }, loss = { model.judge_loss, model.maker_loss },
      schedule = optim.schedules.cosine(), on_epoch = function(e) rates[e] = { fast.lr, slow.lr } end })
    assert.equal(3, #history["1_loss"])
    assert.is_true(rates[3][1] < rates[1][1])
    for _, pair in ipairs(rates) do assert.near(5, pair[1] / pair[2], 1e-9) end
  end)

  it("says what does not fit", function()
    local model = Gan()
    local both = optim.SGD(model:parameters())
    fails("has a parameter (8) that entry 'a' has as well", train_gan, { optimizer = { a = both, b = both },
      loss = { a = print, b = print } })
    fails("option 'loss', entry 'b': expected a function, got nil", train_gan, { optimizer = { a = both, b = both },
      loss = { a = print } })
    fails("option 'loss', entry 'c': there is no such optimiser", train_gan, { optimizer = { a = both },
      loss = { a = print, c = print } })
    fails("entry 'a': expected an optimiser", train_gan, { optimizer = { a = 3 }, loss = { a = print } })
    fails("option 'accumulate' has no effect: several optimisers", train_gan, { accumulate = 2 })
    fails("it has no parameter of the model", train_gan, { optimizer = { judge = both, maker =
      optim.SGD(nn.Linear(1, 1):parameters()) } })
  end)
end)

describe("an iterator of the script's own", function()
  local function fit(source, more)
    rnn.seed(1)
    local model = nn.Linear(1, 1)
    local options = { data = source, loss = "mse", epochs = 3, progress = false,
      optimizer = optim.SGD(model:parameters(), { lr = 0.1 }) }
    for name, value in pairs(more or {}) do options[name] = value end
    return rnn.fit(model, options), model
  end
  local function batches()
    for i = 1, 4 do coroutine.yield(rnn.full({ 2, 1 }, i), rnn.full({ 2, 1 }, 2 * i)) end
  end

  it("may be a function that makes a coroutine, new in each epoch", function()
    local made = 0
    local history = fit(function()
      made = made + 1
      return coroutine.wrap(batches)
    end)
    assert.equal(3, made)
    assert.equal(3, #history)
    assert.is_true(history.loss[3] < history.loss[1])
    local set = data.arrays(rnn.tensor { { 1 }, { 1 }, { 2 }, { 2 }, { 3 }, { 3 }, { 4 }, { 4 } },
      rnn.tensor { { 2 }, { 2 }, { 4 }, { 4 }, { 6 }, { 6 }, { 8 }, { 8 } })
    assert.same(fit(set:batches { size = 2 }).loss, history.loss)
    assert.same(history.loss, fit(function() return coroutine.create(batches) end).loss)
    assert.same(history.loss, fit(function() return set:batches { size = 2 } end).loss) -- batches are an iterator
    assert.same(history.loss, fit(function() -- the three values that a loop takes
      local list = { 1, 2, 3, 4 }
      local i = 0
      return function(state)
        i = i + 1
        if state[i] then return rnn.full({ 2, 1 }, i), rnn.full({ 2, 1 }, 2 * i) end
      end, list, nil
    end).loss)
  end)

  it("is measured and predicted from, too, and goes on from a checkpoint", function()
    local function source() return coroutine.wrap(batches) end
    local history, model = fit(source, { valid = source, on_epoch = function()
      assert.is_true(rnn.evaluate(nn.Linear(1, 1), source, { loss = "mse" }).loss > 0)
    end })
    assert.near(history.val_loss[3], rnn.evaluate(model, source, { loss = "mse" }).loss, 1e-6)
    assert.same({ 8, 1 }, { rnn.predict(model, source):shape() })
    fails("rnn.predict: argument 2 gave no batch", rnn.predict, model, function() end)
    local folder = os.tmpname()
    os.remove(folder)
    fit(source, { run = folder, callbacks = { { on_step = function(_, _, step) return step == 6 end } } })
    local again = fit(source, { run = folder })
    os.execute("rm -rf " .. folder)
    assert.same(history.loss, again.loss)
  end)

  it("is told what is wrong with it", function()
    fails("option 'data': the coroutine ended in the epoch before; give a function that makes a new one for each epoch",
      fit, coroutine.wrap(batches))
    fails("option 'data' gave no batch in epoch 1", fit, function() return coroutine.wrap(function() end) end)
    fails("option 'data' gave no batch in epoch 1", fit, function() end)
    fails("option 'data': a batch of it: x: expected a tensor or a table of tensors, got number 3", fit, function()
      return coroutine.wrap(function() coroutine.yield(3) end)
    end)
    fails("a batch of it: y: expected a tensor or a table of tensors, got string 'y'", fit, function()
      return rnn.ones(1, 1), "y"
    end)
    fails("a batch of it: x.b: expected a tensor, got boolean true", fit, function()
      return function() return { a = rnn.ones(1), b = true } end
    end)
    fails("out of cheese", fit, function() return coroutine.create(function() error "out of cheese" end) end)
  end)
end)

describe("weights of rows", function()
  it("count as the rows repeated", function()
    local x, y = rnn.randn(6, 2), rnn.randn(6, 1)
    local repeated = rnn.tensor({ 1, 3, 3, 4, 5, 5, 5, 6 }, "int32")
    local function fit(set, size)
      rnn.seed(4)
      local model = nn.Linear(2, 1)
      local history = rnn.fit(model, { data = set:batches { size = size }, valid = set, loss = "mse", epochs = 5,
        progress = false, optimizer = optim.SGD(model:parameters(), { lr = 0.1 }) })
      return history, model
    end
    local weighted, a = fit(data.arrays(x, y, rnn.tensor { 1, 0, 2, 1, 3, 1 }), 6)
    local plain, b = fit(data.arrays(x:gather(1, repeated), y:gather(1, repeated)), 8)
    assert.near(plain.loss[5], weighted.loss[5], 1e-6)
    assert.near(plain.val_loss[5], weighted.val_loss[5], 1e-6)
    assert.is_true((a.weight - b.weight):abs():max():item() < 1e-5)
    -- cut into batches, the mean is still that of all
    local set = data.arrays(x, y, rnn.tensor { 1, 0, 2, 1, 3, 1 })
    assert.near(rnn.evaluate(a, set, { loss = "mse" }).loss,
      rnn.evaluate(a, set:batches { size = 2 }, { loss = "mse" }).loss, 1e-6)
  end)

  it("reach steps, labels and a loss function", function()
    local model = nn.Linear(2, 3)
    local x = rnn.randn(2, 4, 2):with_lengths { 4, 2 }
    local y = rnn.tensor({ { 1, 2, 3, 1 }, { 3, 1, 0, 0 } }, "int32")
    local weights = rnn.tensor { { 1, 0, 2, 1 }, { 1, 3, 9, 9 } }
    local got = rnn.evaluate(model, data.arrays(x, y, weights), { loss = "cross_entropy" }).loss
    assert.near(nn.cross_entropy(model(x), y, { sample_weights = weights }):item(), got, 1e-6)
    got = rnn.evaluate(model, data.arrays(x, y, weights), { loss = function(prediction, target, w)
      return nn.cross_entropy(prediction, target, { sample_weights = w })
    end }).loss
    assert.near(nn.cross_entropy(model(x), y, { sample_weights = weights }):item(), got, 1e-6)
    local mapped = data.map(data.arrays(x, y, weights):batches(), function(a, b, w) return a, b, w * 2 end)
    for _, _, w in mapped do assert.same((weights * 2):totable(), w:totable()) end
  end)

  it("accumulate as one large batch", function()
    local x, y, w = rnn.randn(8, 2), rnn.randn(8, 1), rnn.rand(8)
    local function fit(size, accumulate)
      rnn.seed(4)
      local model = nn.Linear(2, 1)
      rnn.fit(model, { data = data.arrays(x, y, w):batches { size = size }, loss = "mse", epochs = 3, progress = false,
        optimizer = optim.SGD(model:parameters(), { lr = 0.1 }), accumulate = accumulate })
      return model.weight
    end
    assert.is_true((fit(8, 1) - fit(2, 4)):abs():max():item() < 1e-5)
  end)
end)

describe("truncated back-propagation over tables", function()
  it("cuts what has time, and keeps what has none", function()
    rnn.seed(6)
    local Model = nn.module("Biased", function(self)
      self.rnn, self.bias, self.head = nn.GRU(1, 6), nn.Embedding(2, 6), nn.Linear(6, 1)
    end)
    function Model:forward(x, state)
      local y, new = self.rnn(x.series, state)
      return { next = self.head(y + self.bias(x.place):reshape(-1, 1, 6)) }, new
    end
    local model = Model()
    local series = rnn.randn(2, 12, 1)
    local set = data.arrays({ series = series, place = rnn.tensor({ 1, 2 }, "int32") }, { next = series * 0.5 + 1 })
    local history = rnn.fit(model, { data = set:batches(), loss = "mse", tbptt = 4, epochs = 40, progress = false,
      optimizer = optim.Adam(model:parameters(), { lr = 0.03 }) })
    assert.is_true(history.loss[40] < 0.2 * history.loss[1])
    assert.is_true(rnn.evaluate(model, set, { loss = "mse", tbptt = 5 }).loss < history.loss[1])
  end)
end)

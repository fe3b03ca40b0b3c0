-- rnn.monitor: what it records, and that the doctor speaks about sick runs and is silent about healthy ones.
local rnn = require "rnn"
local goes_on = require "support.goes_on"
local nn, optim, data = rnn.nn, rnn.optim, rnn.data

local T = 60

-- The first number of a sequence is to be said at its end.
local function recall(count)
  local x = rnn.rand(count, T, 1)
  return x, x:select(2, 1):copy()
end

local function train(layer, options)
  local model = nn.Sequential { layer, nn.Linear(layer.outputs, 1) }
  local x, y = recall(320)
  if options.scale then x = x * options.scale end
  local Optimizer = options.sgd and optim.SGD or optim.Adam
  local history = rnn.fit(model, { data = data.arrays(x, y):batches { size = 16, shuffle = true }, loss = "mse",
    epochs = options.epochs or 4, clip_norm = options.clip, progress = false, monitor = { every = 4 },
    optimizer = Optimizer(model:parameters(), { lr = options.lr or 1e-3 }), on_nan = "stop", run = options.run })
  local said = {}
  for i, entry in ipairs(history.advice or {}) do said[i] = entry.text end
  return table.concat(said, "\n") .. (history.stopped or ""), history
end

describe("rnn.monitor", function()
  local stderr
  setup(function() -- what it says goes to standard error as well
    stderr = io.stderr
    local function nothing() return true end
    io.stderr = { write = nothing, flush = nothing, setvbuf = nothing } -- luacheck: ignore
  end)
  teardown(function() io.stderr = stderr end) -- luacheck: ignore
  before_each(function() rnn.seed(21) end)

  it("names vanishing gradients", function()
    local layer = nn.RNN(1, 16, { returns = "last", recurrent = "glorot_uniform" })
    assert.matches("gradients vanish in 1.l0", (train(layer, {})))
  end)

  it("names exploding gradients", function()
    local layer = nn.RNN(1, 16, { returns = "last", activation = "identity" })
    layer.weight_hh_l0:assign(layer.weight_hh_l0:detach() * 1.3)
    assert.matches("gradients explode in 1.l0", (train(layer, { lr = 1e-9 })))
  end)

  it("names a learning rate that is ten times too high", function()
    local layer = nn.RNN(1, 16, { returns = "last" })
    local said = train(layer, { sgd = true, lr = 0.5 })
    assert.matches("training exploded: at step %d+ the loss was %S+, %d+ times what it was at first", said)
    assert.matches("lower lr from 0.5 to about 0.05; clip_norm = 1", said)
    assert.not_matches("exploded", (train(nn.RNN(1, 16, { returns = "last" }), { sgd = true, lr = 0.05 })))
  end)

  it("does not call a loss that is no number a jump", function()
    local monitor = rnn.monitor(nn.Linear(1, 1))
    for _, loss in ipairs { 0 / 0, 1, 1 / 0, 1 } do monitor:step { loss = loss } end
    assert.is_nil(monitor:advice())
  end)

  it("names clipping that acts all the time", function()
    local said = train(nn.GRU(1, 16, { returns = "last", chrono = T }), { clip = 1e-4, lr = 0.1, sgd = true })
    assert.matches("clipping acted in %d+ %% of the last %d+ steps: lower lr from 0.1 to about", said)
  end)

  it("names inputs that want scaling", function()
    local said = train(nn.LSTM(1, 8, { returns = "last" }), { scale = 742000, epochs = 1, lr = 1e-5 })
    assert.matches("inputs reach 74%d%d%d%d in size: scale them", said)
  end)

  -- What is said of a training with validation.
  local function advice(model, set, valid, options)
    local settings = { data = set, valid = valid, loss = "cross_entropy", progress = false, monitor = { every = 2 } }
    for name, value in pairs(options) do settings[name] = value end
    local said = {}
    for i, entry in ipairs(rnn.fit(model, settings).advice or {}) do said[i] = entry.text end
    return table.concat(said, "\n")
  end

  it("names cells that run away in one sequence, where validation is the worse for it", function()
    local function said(coupled, first, others, valid)
      rnn.seed(1)
      local layer = nn.LSTM(1, 4, { coupled = coupled, forget_bias = 40 })
      if not coupled then layer.bias_ih_l0:detach():rows(1, 4):fill_(40) end -- i = f = 1: it counts
      local model = nn.Sequential { layer, nn.Linear(4, 2) }
      local function sequences(right)
        local xs, ys = {}, {}
        for i = 1, 8 do
          local steps = i == 1 and first or others
          local other = right == "but one" and i == 1 or right == "bad"
          xs[i], ys[i] = rnn.rand(steps, 1) + 2, rnn.full({ steps }, other and 2 or 1):to_int()
        end
        return data.sequences(xs, ys)
      end
      model[2].bias:detach():set(1, 3)
      return advice(model, sequences "good":batches { size = 8 }, valid and sequences(valid), { epochs = 2,
        optimizer = optim.SGD(model:parameters(), { lr = 1e-4 }) })
    end
    local pattern = "the state of 1 reaches %d%d%S* in size in a sequence of %a+, where %d%S* is usual beside it: "
      .. ".*coupled = true"
    assert.matches(pattern, said(false, 200, 5))
    assert.matches(pattern, said(false, 200, 5, "bad"))
    assert.matches("the state of 1 reaches", said(false, 200, 200, "bad"))
    assert.matches("sequence 1 of validation alone costs %d%S*, where 0.0%d+ is usual, and the state of 1 reaches "
      .. "%d%d%S* in it, .*coupled = true", said(false, 200, 5, "but one"))
    assert.matches("sequence 1 of validation alone costs %d%S*, where 0.0%d+ is usual: look",
      said(true, 200, 5, "but one"))
    assert.equal("", said(false, 200, 5, "good"))
    assert.equal("", said(false, 200, 200)) -- all of them count
    assert.equal("", said(true, 200, 5, "bad"))
    assert.equal("", said(false, 6, 5))
  end)

  it("names dead units", function()
    local function said(shift)
      rnn.seed(1)
      local model = nn.Sequential { nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 2) }
      model[1].bias:detach():rows(1, 20):fill_(shift)
      local x = rnn.rand(40, 3)
      local set = data.arrays(x, x:sum(2):gt(1.5):to_int() + 1)
      return advice(model, set:batches { size = 8 }, nil, { epochs = 4, optimizer = optim.SGD(model:parameters(),
        { lr = 0.01 }) })
    end
    assert.matches("6%d %% of the units of 1.weight had no gradient at all in the last 5 records, so they are dead",
      said(-50))
    assert.equal("", said(0.5))
  end)

  it("names a gap between training and validation, with the first remedy", function()
    local function said(count, dropout)
      rnn.seed(2)
      local model = nn.Sequential { nn.Linear(10, 64), nn.Tanh(), nn.Dropout(dropout), nn.Linear(64, 2) }
      local function set(n)
        local x = rnn.randn(n, 10)
        return data.arrays(x, (x:select(2, 1) + rnn.randn(n)):gt(0):to_int() + 1)
      end
      return advice(model, set(count):batches { size = 10, shuffle = true, seed = 1 }, set(300), { epochs = 12,
        optimizer = optim.Adam(model:parameters(), { lr = 0.02 }) })
    end
    assert.matches("validation has risen from %S+ in epoch %d+ to .*To try: more of nn.Dropout", said(40, 0))
    assert.matches("To try: more examples %(data.augment%)", said(40, 0.1))
    assert.not_matches("has risen", said(3000, 0))
  end)

  -- A sum with noise by a GRU, learnt from so many examples.
  local function noisy(seed, count, noise, options)
    rnn.seed(seed)
    local function set(n)
      local x = rnn.randn(n, 10, 3)
      return data.arrays(x, x:sum(2):sum(2, true):reshape(n, 1) * 0.2 + rnn.randn(n, 1) * noise)
    end
    local model = nn.Sequential { nn.GRU(3, 48, { returns = "last" }), nn.Linear(48, 1) }
    options.loss, options.optimizer = "mse", optim.Adam(model:parameters(), { lr = 0.005 })
    return advice(model, set(count):batches { size = 16, shuffle = true }, set(128), options)
  end

  it("names a gap though one epoch beside the best is nearly as good", function()
    for seed = 1, 2 do assert.matches("learns its examples by heart", noisy(seed, 64, 1, { epochs = 20 })) end
    rnn.seed(1)
    local function random(n) return data.arrays(rnn.randn(n, 10, 3), rnn.randint(1, 4, n)) end
    local model = nn.Sequential { nn.GRU(3, 32, { returns = "last" }), nn.Linear(32, 4) }
    assert.matches("learns its examples by heart", advice(model, random(256):batches { size = 16, shuffle = true },
      random(128), { epochs = 15, optimizer = optim.Adam(model:parameters(), { lr = 0.005 }) }))
  end)

  it("names no gap where validation only trembles near its minimum", function()
    assert.equal("", noisy(1, 800, 0, { epochs = 12 }))
    rnn.seed(1)
    local monitor = rnn.monitor(nn.Linear(1, 1))
    for epoch, loss in ipairs { 0.09, 0.001, 0.0002, 0.0003, 0.0004, 0.00025 } do
      monitor.curve[epoch] = { epoch = epoch, loss = loss * 0.5 / epoch, val_loss = loss }
    end
    assert.is_nil(monitor:advice())
  end)

  it("counts the epochs that were validated", function()
    local monitor = rnn.monitor(nn.Linear(1, 1))
    for epoch = 1, 12 do
      monitor.curve[epoch] = { epoch = epoch, loss = 1 / epoch, val_loss = epoch % 2 == 0 and 1 + epoch / 10 or nil }
    end
    assert.matches("risen from 1.2 in epoch 2 to 2.2 while that of training fell from 0.5 to 0.0833", monitor:advice())
  end)

  -- What is said of a GRU that learns y of x.
  local function said_of(make, options)
    rnn.seed(5)
    local x = rnn.randn(64, 12, 2)
    local inputs, targets = make(x, x:sum(2):sum(2, true) * 0.2)
    local model = nn.Sequential { nn.GRU(2, 12, { returns = "last" }), nn.Linear(12, 1), options.last }
    return advice(model, data.arrays(inputs, targets):batches { size = 16, shuffle = true }, nil, {
      loss = options.loss or "mse", epochs = 8,
      optimizer = optim.Adam(model:parameters(), { lr = options.lr or 0.003 }) })
  end
  local function as_is(x, y) return x, y end

  it("names targets that want scaling", function()
    local function far(x, y) return x, y * 20000 + 250000 end
    for _, loss in ipairs { "mse", "mae", "huber" } do
      assert.matches("^targets reach %d%d%d%d%d%d in size, and the loss is %S+, where an output of 0 costs %S+: scale",
        said_of(far, { loss = loss }))
    end
    assert.matches("^targets reach", said_of(far, { lr = 0.1 })) -- not that the inputs are too large
    assert.equal("", said_of(function(x, y) return x, y * 5 end, {}))
  end)

  it("names targets that the last layer cannot reach", function()
    local function far(x, y) return x, y * 40 end
    assert.matches("^%d+ %% of the targets of a batch lie outside 0 to 1, where nn.Sigmoid, the last layer, never "
      .. "comes: leave it out, or scale the targets", said_of(far, { last = nn.Sigmoid() }))
    assert.matches("lie below 0, where nn.ReLU, the last",
      said_of(function(x, y) return x, y - 5 end, { last = nn.ReLU() }))
    local function recurrent(options)
      rnn.seed(5)
      local x, model = rnn.randn(64, 12, 2), nn.RNN(2, 1, options)
      return advice(model, data.arrays(x, x:sum(2):sum(2, true) * 4):batches { size = 16 }, nil, { loss = "mse",
        epochs = 8, optimizer = optim.Adam(model:parameters()) })
    end
    assert.matches("outside %-1 to 1, where nn.RNN, the last layer, never comes: put nn.Linear behind it",
      recurrent { returns = "last" })
    assert.is_nil(recurrent({ returns = "last", activation = "relu" }):find "never comes")
    assert.equal("", said_of(function(x, y) return x, y:tanh() end, { last = nn.Tanh() }))
  end)

  it("names a learning rate that is too low", function()
    assert.matches("^the loss is %S+ after 5 epochs and was %S+, and an update changes no weight by more than %S+ of "
      .. "its norm: raise lr from 1e%-06; rnn.find_lr suggests one$", said_of(as_is, { lr = 1e-6 }))
    assert.equal("", said_of(as_is, {}))
  end)

  it("names inputs that are all the same", function()
    local function constant(x, y) return x * 0 + 3, y end
    assert.matches("^all inputs of the first batch are 3, so nothing", said_of(constant, {}))
  end)

  it("names the last layer where its activation is dead", function()
    assert.matches("\n100 %% of the units of 2.weight had no gradient .*: no activation behind the last layer", said_of(
      function(x, y) return x, y - 5 end, { last = nn.ReLU(), lr = 0.02 }))
    rnn.seed(1) -- and the first one where that is: the last layer's bias has a gradient
    local model = nn.Sequential { nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 2) }
    model[1].bias:detach():fill_(-50)
    local x = rnn.rand(40, 3)
    assert.matches("100 %% of the units of 1.weight had no gradient", advice(model, data.arrays(x, x:sum(2):gt(1.5)
      :to_int() + 1):batches { size = 8 }, nil, { epochs = 4, optimizer = optim.SGD(model:parameters()) }))
  end)

  it("names gradients that nobody has forgotten", function()
    local function said(zero)
      local model = nn.Sequential { nn.GRU(2, 4, { returns = "last" }), nn.Linear(4, 1) }
      local optimizer, monitor = optim.Adam(model:parameters()), rnn.monitor(model)
      local x = rnn.randn(4, 5, 2)
      for _ = 1, 3 do
        if zero then optimizer:zero_grad() end
        nn.mse(model(x), rnn.ones(4, 1)):backward()
        optim.clip_grad_norm(model:parameters(), 0.01)
        optimizer:step()
        monitor:step {}
      end
      return monitor:advice()
    end
    assert.matches("added to the gradients of the step before: call opt:zero_grad%(%)", said(false))
    assert.is_nil(said(true))
  end)

  it("names a class that is never predicted", function()
    local function said(rare)
      rnn.seed(3)
      local model = nn.Linear(2, 3)
      local function set()
        local x, y = rnn.randn(200, 2), rnn.full({ 200 }, 1)
        y:rows(1, 100):fill_(2)
        y:rows(1, rare):fill_(3)
        return data.arrays(x, y:to_int())
      end
      model.bias:detach():set(3, -4)
      return advice(model, set():batches { size = 20, shuffle = true, seed = 2 }, set(), { epochs = 4,
        optimizer = optim.SGD(model:parameters(), { lr = 0.01 }) })
    end
    assert.matches("class 3, 10 %% of validation, is never predicted", said(20))
    assert.not_matches("never predicted", said(2)) -- too few to say so
  end)

  it("suspects a leak", function()
    local function said(noise, options)
      rnn.seed(4)
      local model = nn.Sequential { nn.Linear(12, 2), options.dropout and nn.Dropout(options.dropout) or nn.Tanh(),
        nn.Linear(2, 2) }
      local function set(n, harder)
        local x = rnn.randn(n, 12)
        return x, (x:select(2, 1) + rnn.randn(n) * harder):gt(0):to_int() + 1
      end
      local x, y = set(400, 1)
      local vx, vy = set(100, noise)
      if options.same then vx, vy = x:rows(1, 100), y:rows(1, 100) end
      return advice(model, data.arrays(x, y):batches { size = 20, shuffle = true, seed = 1 }, data.arrays(vx, vy),
        { epochs = 8, optimizer = optim.Adam(model:parameters(), { lr = 0.02 }) })
    end
    assert.matches("validation is better than training from the first epoch on %(%S+ against %S+ now%)", said(0, {}))
    assert.equal("", said(1, {}))
    assert.not_matches("better than training", said(0, { dropout = 0.3 }))
    local flat = nn.Linear(9, 2)
    local few = data.arrays((rnn.rand(200, 9) * 1.02):floor(), (rnn.rand(200) * 2):floor():to_int() + 1)
    assert.not_matches("are in the training data", advice(flat, few:batches { size = 50 },
      data.arrays(few.x:rows(1, 80), few.y:rows(1, 80)), { optimizer = optim.SGD(flat:parameters()) }))
    assert.matches("100 of the 100 items of validation are in the training data as well", said(1, { same = true }))
  end)

  it("is silent about a healthy run", function()
    assert.equal("", (train(nn.LSTM(1, 16, { returns = "last", chrono = T }), { clip = 1 })))
    assert.equal("", (train(nn.GRU(1, 16, { returns = "last", chrono = T }), {})))
    assert.equal("", (train(nn.LSTM(1, 16, { returns = "last", chrono = T, layer_norm = true }), {})))
  end)

  it("says one thing an epoch at most, and nothing twice", function()
    local layer = nn.RNN(1, 16, { returns = "last", recurrent = "glorot_uniform" })
    local _, history = train(layer, { scale = 1000, epochs = 6 })
    local epochs, texts = {}, {}
    for _, entry in ipairs(history.advice) do
      assert.is_nil(epochs[entry.epoch])
      assert.is_nil(texts[entry.text])
      epochs[entry.epoch], texts[entry.text] = true, true
    end
    assert.is_true(#history.advice >= 2)
    assert.is_nil(history:epoch(1).advice) -- it is no figure of an epoch
  end)

  it("has a report of a run about which there was something to say", function()
    local sh = require "support.shell".new()
    finally(function() sh:remove() end)
    local layer = nn.RNN(1, 16, { returns = "last", recurrent = "glorot_uniform" })
    local _, history = train(layer, { scale = 1000, epochs = 2, run = sh.folder .. "/run" })
    assert.is_true(#history.advice >= 1)
    assert.is_truthy(io.open(sh.folder .. "/run/report.html"))
  end)

  it("records in a loop of one's own, and never more than it can keep", function()
    local model = nn.Sequential { nn.GRU(1, 4, { layers = 2, bidirectional = true }), nn.Linear(8, 1) }
    local optimizer = optim.SGD(model:parameters(), { lr = 0.1 })
    local monitor = rnn.monitor(model, { every = 1, clip = 1 })
    local x = rnn.rand(3, 5, 1)
    for _ = 1, 300 do
      optimizer:zero_grad()
      local loss = nn.mse(model(x), x)
      loss:backward()
      local norm = optim.clip_grad_norm(optimizer.params, 1)
      optimizer:step()
      monitor:step { loss = loss:item(), norm = norm, lr = optimizer.lr }
    end
    assert.is_true(#monitor.records >= 64 and #monitor.records < 128)
    local r = monitor.records[1]
    assert.same({ "1.l0", "1.l0_reverse", "1.l1", "1.l1_reverse" }, { r.layers[1].name, r.layers[2].name,
      r.layers[3].name, r.layers[4].name })
    assert.equal(5, #r.layers[1].norms)
    for _, p in ipairs(r.parameters) do
      assert.is_true(p.weight >= 0 and p.update > 0 and p.gradient > 0, p.name)
      assert.near(p.update, 0.1 * p.gradient, 1e-3 * p.update + 1e-7) -- plain SGD, gradients after clipping
    end
    local maps = monitor:heat_maps()
    assert.equal(4, #maps)
    assert.equal(5, #maps[1].values)
    assert.equal(#maps[1].x, #maps[1].values[1])
    local last = r.layers[1]
    assert.near(math.log(last.norms[5], 10), maps[1].values[1][1], 1e-9) -- the first row is the last step
  end)

  it("goes on from a checkpoint as if nothing had been between", function()
    local whole, parts = goes_on(function(folder, epochs)
      rnn.seed(4)
      local model = nn.Sequential { nn.RNN(1, 6, { returns = "last", recurrent = "glorot_uniform" }), nn.Linear(6, 1) }
      local x, y = recall(70)
      rnn.fit(model, { data = data.arrays(x, y):batches { size = 10, shuffle = true }, loss = "mse", epochs = epochs,
        optimizer = optim.SGD(model:parameters(), { lr = 0.01 }), monitor = { every = 4 }, run = folder, clip_norm = 1,
        progress = false })
      local file <close> = assert(io.open(folder .. "/gradients.json"))
      return file:read "a"
    end, 5, 2)
    assert.equal(whole, parts)
    local records = assert(rnn.json_decode(whole))
    assert.equal(9, #records) -- steps 1, 5, 9 ... 33 of 35
  end)

  it("lets a run go on whose figures are too large for a float", function()
    local folder = os.tmpname()
    os.remove(folder)
    local model = nn.Sequential { nn.RNN(1, 4, { returns = "last" }), nn.Linear(4, 1) }
    local unused = nn.Linear(1, 1) -- a weight whose square is infinite
    unused.weight:fill_(rnn.precision() == "double" and 1e200 or 1e25)
    model.unused = unused
    local x, y = recall(20)
    rnn.fit(model, { data = data.arrays(x, y):batches { size = 10 }, loss = "mse", monitor = true, run = folder,
      optimizer = optim.SGD(model:parameters(), { lr = 0.01 }), progress = false })
    local file <close> = assert(io.open(folder .. "/gradients.json"))
    assert.matches('"weight":"inf"', file:read "a")
    os.execute(("rm -r '%s'"):format(folder))
  end)

  it("draws", function()
    local model = nn.Sequential { nn.RNN(1, 4, { returns = "last" }), nn.Linear(4, 1) }
    local optimizer = optim.SGD(model:parameters(), { lr = 0.1 })
    local monitor = rnn.monitor(model)
    assert.error_matches(function() monitor:plot() end, "monitor:plot: nothing has been recorded yet")
    nn.mse(model(rnn.rand(3, 250, 1)), rnn.rand(3, 1)):backward()
    optimizer:step()
    monitor:step {}
    local name = os.tmpname() .. ".svg"
    assert(monitor:plot { file = name })
    local file = assert(io.open(name))
    assert.matches("gradient of h, by steps back", file:read "a")
    file:close()
    os.remove(name)
  end)

  it("leaves nothing switched on", function()
    local layer = nn.RNN(1, 4, { returns = "last" })
    train(layer, { epochs = 1 })
    layer(rnn.rand(2, 3, 1)):sum():backward()
    assert.same({}, layer:flow())
  end)
end)

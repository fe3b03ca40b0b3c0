-- rnn.monitor: what it records, and that the doctor speaks about sick runs and is silent about healthy ones.
local rnn = require "rnn"
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
    local function run(folder, epochs)
      rnn.seed(4)
      local model = nn.Sequential { nn.RNN(1, 6, { returns = "last", recurrent = "glorot_uniform" }), nn.Linear(6, 1) }
      local x, y = recall(70)
      rnn.fit(model, { data = data.arrays(x, y):batches { size = 10, shuffle = true }, loss = "mse", epochs = epochs,
        optimizer = optim.SGD(model:parameters(), { lr = 0.01 }), monitor = { every = 4 }, run = folder, clip_norm = 1,
        progress = false })
      local file <close> = assert(io.open(folder .. "/gradients.json"))
      return file:read "a"
    end
    local one, two = os.tmpname(), os.tmpname()
    os.remove(one)
    os.remove(two)
    local whole = run(one, 5)
    run(two, 2)
    assert.equal(whole, run(two, 5))
    local records = assert(rnn.json_decode(whole))
    assert.equal(9, #records) -- steps 1, 5, 9 ... 33 of 35
    os.execute(("rm -r '%s' '%s'"):format(one, two))
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

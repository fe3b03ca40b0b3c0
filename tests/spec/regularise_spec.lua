-- What keeps recurrent networks from learning by heart: dropout of weights and of words, penalties, averages of
-- weights; weights that go on learning while they are measured; ensembles.
local rnn = require "rnn"
local fails = require "support.fails"
local goes_on = require "support.goes_on"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text

describe("option weight_dropout", function()
  it("leaves nothing out after an error in a forward of training", function()
    for _, options in ipairs { { weight_dropout = 0.5 }, { weight_dropout = 0.5, layer_norm = true } } do
      rnn.seed(7)
      local layer, x = nn.RNN(3, 16, options), rnn.randn(4, 10, 3)
      layer:eval()
      local expected = layer(x)
      local function no() error "no" end
      layer:train():hear(no)
      fails("no", layer, x)
      layer:hear(no, false)
      assert.equal(0, (layer:eval()(x) - expected):abs():max():item())
    end
  end)

  local variants = { {}, { layer_norm = true }, { layers = 2, bidirectional = true }, { returns = "last" } }

  it("leaves out elements of the recurrent weights, the same for all steps, in training alone", function()
    for _, kind in ipairs { "RNN", "LSTM", "GRU" } do
      for _, options in ipairs(variants) do
        rnn.seed(7)
        local given = { weight_dropout = 0.5 }
        for name, value in pairs(options) do given[name] = value end
        local layer, plain = nn[kind](2, 4, given), nn[kind](2, 4, options)
        plain:load_state_dict(layer:state_dict())
        local x = rnn.randn(3, 5, 2)
        rnn.seed(8)
        local y = layer(x)
        -- what it did: the same layer with the weights that the same draws leave
        rnn.seed(8)
        for _, pair in ipairs(plain:named_parameters()) do
          if pair[1]:find "^weight_hh" then pair[2]:assign(pair[2]:detach():dropout(0.5)) end
        end
        assert.is_true((y - plain(x)):abs():max():item() < 1e-6, kind)
        y:sum():backward()
        assert.equal(0, (layer.weight_hh_l0.grad * plain.weight_hh_l0:detach():eq(0)):abs():max():item())
        assert.is_true((layer(x) - y:detach()):abs():max():item() > 0)
        plain:load_state_dict(layer:state_dict())
        layer:eval()
        plain:eval()
        assert.same(plain(x):totable(), layer(x):totable())
      end
    end
  end)
end)

describe("nn.Embedding", function()
  it("drops words wherever they stand, and enlarges the others", function()
    rnn.seed(2)
    local embed = nn.Embedding(50, 3, { dropout = 0.4 })
    embed.weight:detach():fill_(1)
    local ids = rnn.arange(50):reshape(1, 50)
    local y = embed(rnn.concat({ ids, ids }, 1))
    assert.same(y[1]:totable(), y[2]:totable())
    local dropped = y[1]:eq(0):mean():item()
    assert.is_true(dropped > 0.15 and dropped < 0.65)
    assert.near(1 / 0.6, y:max():item(), 1e-5)
    embed:eval()
    assert.equal(1, embed(ids):min():item())
  end)

  it("shares its weight with the last layer, also in a file", function()
    local model = nn.Sequential { nn.Embedding(9, 4), nn.GRU(4, 4), nn.Linear(4, 9) }
    model[3].weight = model[1].weight
    local path = os.tmpname()
    assert(rnn.save(path, model))
    local loaded = assert(rnn.load(path))
    os.remove(path)
    assert.is_true(rawequal(loaded[3].weight, loaded[1].weight))
  end)
end)

-- Trains for one step of SGD; the history and the model.
local function one_step(layer, penalty, lengths)
  rnn.seed(5)
  local model = nn.Sequential { layer(), nn.Linear(4, 2) }
  local x = rnn.randn(6, 5, 3)
  if lengths then x = x:with_lengths(lengths) end
  local before = model:state_dict()
  local history = rnn.fit(model, { data = data.arrays(x, rnn.randn(6, 5, 2)):batches { size = 6 }, loss = "mse",
    optimizer = optim.SGD(model:parameters(), { lr = 1 }), penalty = penalty, progress = false })
  return model, before, history, x
end

describe("option penalty of rnn.fit", function()
  local function lstm() return nn.LSTM(3, 4) end

  it("is what adds its gradient, and is not in the loss", function()
    local plain, before, history = one_step(lstm, nil)
    local with, _, other = one_step(lstm, { l2 = { recurrent = 0.1 }, l1 = { input = 0.01 } })
    assert.equal(history.loss[1], other.loss[1])
    local function step(model, name) return model:state_dict()[name] - before[name] end
    for _, entry in ipairs(plain:named_parameters()) do
      local name = entry[1]
      local more, w = step(with, name) - step(plain, name), before[name]
      local want = name:find "weight_hh" and w * -0.2 or name:find "bias" and w * 0 or w:sign() * -0.01
      assert.is_true((more - want):abs():max():item() < 1e-5, name)
    end
  end)

  it("holds outputs of recurrent layers, and their changes", function()
    for _, lengths in ipairs { false, { 5, 1, 3, 2, 5, 4 } } do
      local plain, before, history, x = one_step(lstm, nil, lengths)
      local with, _, other = one_step(lstm, { ar = 2, tar = 3 }, lengths)
      assert.equal(history.loss[1], other.loss[1])
      assert.is_nil(with[1].heard)
      -- the same penalty written out
      local again = nn.Sequential { lstm(), nn.Linear(4, 2) }
      again:load_state_dict(before)
      local y = (again[1](x))
      local valid = rnn.ones(6, 5, 1)
      if lengths then valid = valid:with_lengths(lengths):zero_padding():without_lengths() end
      y = y:without_lengths()
      local both = valid:slice(2, 2, 5)
      local change = (y:slice(2, 2, 5) - y:slice(2, 1, 4)) * both
      local total = (y * valid):square():sum() / (valid:sum() * 4) * 2 + change:square():sum() / (both:sum() * 4) * 3
      total:backward()
      for _, entry in ipairs(again[1]:named_parameters()) do
        local name = "1." .. entry[1]
        local more = with:state_dict()[name] - plain:state_dict()[name]
        assert.is_true((more + entry[2].grad):abs():max():item() < 2e-5, name)
      end
    end
  end)

  it("hears nn.Recurrent, stacks and layers of one output", function()
    for _, make in ipairs { function() return nn.Recurrent(rnn.cells.GRU(3, 4)) end,
      function() return nn.GRU(3, 4, { layers = 2 }) end } do
      local plain, _, _ = one_step(make, nil)
      local with = one_step(make, { ar = 5 })
      assert.is_true((plain[1]:parameters()[1] - with[1]:parameters()[1]):abs():max():item() > 1e-6)
    end
  end)

  it("refuses what has no recurrent layer, other kinds and several optimisers", function()
    local model, set = nn.Linear(2, 1), data.arrays(rnn.zeros(4, 2), rnn.zeros(4, 1)):batches()
    local function fit(penalty)
      return rnn.fit(model, { data = set, loss = "mse", optimizer = optim.SGD(model:parameters()), penalty = penalty,
        progress = false })
    end
    fails("'ar' and 'tar' need a recurrent layer", fit, { ar = 1 })
    fails("option 'penalty': unknown option 'l3'", fit, { l3 = 1 })
    fails("option 'l2', name: expected .*got string 'gates'", fit, { l2 = { gates = 1 } })
    fails("option 'l2', entry 'recurrent': nn.Linear.* has no such weights", fit, { l2 = { recurrent = 0.1 } })
    assert.is_truthy(fit { l2 = 0.1 })
    assert.is_truthy(fit { l1 = { input = 0.1, recurrent = 0 } })
  end)
end)

describe("option average of rnn.fit", function()
  -- Weights after each step, or epoch, of a training; and the model that it leaves.
  local function train(average, epochs, hook)
    rnn.seed(3)
    local model = nn.Linear(2, 1)
    local x = rnn.randn(12, 2)
    local set, seen = data.arrays(x, x:sum(2, true) + rnn.randn(12, 1) * 0.3), {}
    rnn.fit(model, { data = set:batches { size = 4 }, valid = set, loss = "mse", epochs = epochs, average = average,
      optimizer = optim.SGD(model:parameters(), { lr = 0.3 }), progress = false,
      callbacks = { hook or { on_step = function(_, run) seen[#seen + 1] = run.model.weight:detach():copy() end } } })
    return model.weight:detach(), seen
  end
  local function mean(list, from, by)
    local sum, n = 0, 0
    for i = from, #list, by do sum, n = sum + list[i], n + 1 end
    return sum / n
  end
  local function close(a, b) assert.is_true((a - b):abs():max():item() < 1e-6) end

  it("is the mean of all steps, or of the ends of epochs, from one on", function()
    local weight, seen = train({ mean = "step" }, 4)
    close(weight, mean(seen, 1, 1))
    weight, seen = train({ mean = "epoch" }, 4)
    close(weight, mean(seen, 3, 3))
    weight, seen = train({ mean = "epoch", start = 3 }, 4)
    close(weight, mean(seen, 9, 3))
    weight, seen = train({ mean = "step", start = 3 }, 4)
    close(weight, mean(seen, 7, 1))
    weight, seen = train({ mean = "epoch", start = 9 }, 2) -- never began
    close(weight, seen[#seen])
    close(train({ decay = 0.5 }, 3), train(0.5, 3))
  end)

  it("begins when validation does not become better, as NT-ASGD", function()
    local losses = { 5, 4, 6, 6, 3, 3 } -- stale for two epochs after the fourth
    local seen = {}
    local hook = { on_epoch = function(_, run, logs) logs.val_loss = losses[run.epoch] end,
      on_step = function(_, run) seen[#seen + 1] = run.model.weight:detach():copy() end }
    local weight = train({ mean = "step", patience = 2 }, 6, hook)
    close(weight, mean(seen, 13, 1))
    seen = {}
    weight = train({ mean = "step", patience = 3 }, 6, hook)
    close(weight, seen[18])
  end)

  it("goes on from a checkpoint as if nothing had been between", function()
    assert.same(goes_on(function(folder, epochs)
      rnn.seed(3)
      local model = nn.Linear(2, 1)
      local x = rnn.randn(12, 2)
      local set = data.arrays(x, x:sum(2, true))
      rnn.fit(model, { data = set:batches { size = 4, shuffle = true }, valid = set, loss = "mse", epochs = epochs,
        average = { mean = "step", start = 2 }, optimizer = optim.SGD(model:parameters(), { lr = 0.1 }),
        progress = false, run = folder })
      return model.weight:detach():totable()
    end, 5, 3))
  end)

  it("refuses options that say nothing together", function()
    local model = nn.Linear(1, 1)
    fails("option 'start' has no effect", rnn.Average, model, { start = 3 })
    fails("option 'decay' has no effect", rnn.Average, model, { mean = "step", decay = 0.5 })
    fails("option 'start' has no effect", rnn.Average, model, { mean = "step", start = 2, patience = 3 })
    fails("'patience' watches val_loss", function()
      rnn.fit(model, { data = data.arrays(rnn.zeros(2, 1), rnn.zeros(2, 1)):batches(), loss = "mse", progress = false,
        average = { mean = "step", patience = 1 }, optimizer = optim.SGD(model:parameters()) })
    end)
  end)
end)

describe("option dynamic of rnn.evaluate", function()
  local story = ("a cat sat on a mat . "):rep(60)
  local vocab = text.chars(story)
  local ids = rnn.tensor(vocab:encode(story), "int32")
  local function stream() return text.stream(ids, { size = 1, length = 20 }) end

  it("goes on learning from what was measured, and leaves the model as it was", function()
    rnn.seed(4)
    local model = nn.Sequential { nn.Embedding(#vocab, 8), nn.GRU(8, 16), nn.Dropout(0.5), nn.Linear(16, #vocab) }
    local options = { loss = "cross_entropy", tbptt = 20 }
    local before, static = model:state_dict(), rnn.evaluate(model, stream(), options).loss
    local function dynamic(lr, decay)
      options.dynamic = { optimizer = optim.SGD(model:parameters(), { lr = lr }), decay = decay, clip_norm = 5 }
      return rnn.evaluate(model, stream(), options).loss
    end
    assert.is_true(dynamic(0.5) < 0.9 * static)
    assert.near(static, dynamic(1e-9), 1e-4)
    assert.near(static, dynamic(0.5, 1), 1e-3) -- all the way back each time
    for name, t in pairs(model:state_dict()) do assert.same(before[name]:totable(), t:totable()) end
    assert.is_true(model.training)
    fails("option 'dynamic'", rnn.evaluate, model, stream(), { loss = "cross_entropy", tbptt = 20, dynamic = {} })
    fails("it has no parameter of the model", rnn.evaluate, model, stream(), { loss = "cross_entropy", tbptt = 20,
      dynamic = { optimizer = optim.SGD(nn.Linear(1, 1):parameters()) } })
  end)

  it("measures each batch before it learns from it", function()
    rnn.seed(4)
    local model, x = nn.Linear(1, 1), rnn.randn(8, 1)
    local set = data.arrays(x, x * 3)
    local want = rnn.evaluate(model, set, { loss = "mse" }).loss
    local got = rnn.evaluate(model, set:batches { size = 8 }, { loss = "mse", -- one batch: nothing was learnt before it
      dynamic = { optimizer = optim.SGD(model:parameters(), { lr = 0.1 }) } }).loss
    assert.near(want, got, 1e-6)
  end)
end)

describe("rnn.Ensemble", function()
  it("trains, answers, is saved and loaded as one", function()
    rnn.seed(2)
    local x = rnn.randn(80, 3)
    local y = x:sum(2):gt(0):to_int() + 1
    local set = data.arrays(x, y)
    local models = {}
    for i = 1, 3 do models[i] = nn.Sequential { nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2) } end
    local ensemble = rnn.Ensemble(models, { mean = "softmax" })
    local given = {}
    local histories = ensemble:fit(function(model, i)
      given[i] = model
      return { data = set:batches { size = 16, shuffle = true }, loss = "cross_entropy", epochs = 5, progress = false,
        optimizer = optim.Adam(model:parameters(), { lr = 0.02 }) }
    end)
    assert.equal(3, #histories)
    assert.is_true(rawequal(given[2], models[2]))
    local mean = 0
    for _, model in ipairs(models) do mean = mean + rnn.predict(model, x):softmax(-1) / 3 end
    assert.is_true((rnn.predict(ensemble, x):softmax(-1) - mean):abs():max():item() < 1e-5)
    local worst = 0
    for _, model in ipairs(models) do
      worst = math.max(worst, rnn.evaluate(model, set, { loss = "cross_entropy" }).loss)
    end
    assert.is_true(rnn.evaluate(ensemble, set, { loss = "cross_entropy" }).loss < worst) -- Jensen's inequality
    local path = os.tmpname()
    assert(rnn.save(path, ensemble))
    local loaded = assert(rnn.load(path))
    os.remove(path)
    assert.same(rnn.predict(ensemble, x):totable(), rnn.predict(loaded, x):totable())
    assert.equal("softmax", loaded.mean)
    assert.is_false(loaded.training == nil)
  end)

  it("means logits of single chances, tables and plain outputs", function()
    local function constant(value)
      local layer = nn.Linear(1, 1)
      layer.weight:detach():fill_(0)
      layer.bias:detach():fill_(value)
      return layer
    end
    local x = rnn.zeros(1, 1)
    assert.near(1, rnn.Ensemble { constant(0), constant(2) }(x):item(), 1e-6)
    local p = (1 / (1 + math.exp(-0)) + 1 / (1 + math.exp(-2))) / 2
    assert.near(p, rnn.Ensemble({ constant(0), constant(2) }, { mean = "sigmoid" })(x):sigmoid():item(), 1e-6)
    for _, logit in ipairs { -60, -20, 30, 90 } do -- nothing is lost at either end
      assert.near(logit, rnn.Ensemble({ constant(logit), constant(logit) }, { mean = "sigmoid" })(x):item(), 1e-4)
    end
    local Two = nn.module("EnsembleTwo", function(self, value) self.one = constant(value) end)
    function Two:forward(z) return { a = self.one(z), b = self.one(z) * 2 } end
    local both = rnn.Ensemble { Two(1), Two(3) }(x)
    assert.near(2, both.a:item(), 1e-6)
    assert.near(4, both.b:item(), 1e-6)
    fails("argument 1 %(models%): expected a list of models", rnn.Ensemble, {})
    fails("entry 2: expected a model", rnn.Ensemble, { constant(1), 3 })
  end)

  it("reads a text in pieces, each model from its state", function()
    rnn.seed(4)
    local function writer() return nn.Sequential { nn.Embedding(5, 3), nn.GRU(3, 4), nn.Linear(4, 5) } end
    local ensemble = rnn.Ensemble({ writer(), writer() }, { mean = "softmax" }):eval()
    local ids = rnn.tensor({ { 1, 2, 3, 4, 5, 1, 2, 3, 4 } }, "int32")
    local first, states = ensemble:stream(ids:slice(2, 1, 4))
    local rest = ensemble:stream(ids:slice(2, 5, 9), states)
    assert.is_true((rnn.concat({ first, rest }, 2) - ensemble(ids)):abs():max():item() < 1e-6)
    local function nats(length)
      return rnn.evaluate(ensemble, text.stream(ids:reshape(-1), { size = 1, length = length }),
        { loss = "cross_entropy", tbptt = length }).loss
    end
    assert.near(nats(8), nats(3), 1e-5)
    fails("argument 2: expected the states of 2 models", ensemble.stream, ensemble, ids, { states[1] })
    assert.is_nil(select(2, rnn.Ensemble { nn.Linear(1, 1) }:stream(rnn.zeros(1, 1))))
  end)

  it("teaches one small model", function()
    rnn.seed(3)
    local x = rnn.randn(200, 2)
    local noisy = (x:select(2, 1) + rnn.randn(200) * 0.7):gt(0):to_int() + 1
    local teacher = nn.Linear(2, 2)
    teacher.weight:assign(rnn.tensor { { -2, 0 }, { 2, 0 } })
    local student = nn.Linear(2, 2)
    local taught = data.map(data.arrays(x, noisy):batches { size = 20, shuffle = true }, function(input, y)
      return input, { label = y, teacher = rnn.no_grad(teacher, input) }
    end)
    rnn.fit(student, { data = taught, epochs = 30, progress = false,
      loss = function(logits, y) return nn.distillation(logits, y.teacher, y.label, { share = 1 }) end,
      optimizer = optim.Adam(student:parameters(), { lr = 0.05 }) })
    local gap = (rnn.predict(student, x):softmax(-1) - rnn.predict(teacher, x):softmax(-1)):abs():max():item()
    assert.is_true(gap < 0.05, gap)
  end)
end)

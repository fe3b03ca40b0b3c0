-- Decoders of numbers, by themselves and in nn.Seq2Seq, with built-in layers and with cells of a script's own.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local approx = require "support.approx"
local differences = require "rnn.differences"

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^ ]*:%d+: ", ""))
end

local function bare(t) return t:lengths() and t:zero_padding():without_lengths() or t end

-- A cell whose state is a table of tables, by name.
local Leaky = nn.cell("LeakyOfDecoderSpec", function(self, inputs, units)
  self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units, { bias = false })
end)
function Leaky:step(x, state)
  local fast = (self.wx(x) + self.wh(state.fast)):tanh()
  local slow = state.memory.slow * 0.5 + fast * 0.5
  return fast + slow, { fast = fast, memory = { slow = slow } }
end
function Leaky:initial_state(batch)
  return { fast = core.zeros(batch, self.units), memory = { slow = core.zeros(batch, self.units) } }
end

-- Layers of `inputs` features: each kind that a decoder may have.
local kinds = {
  RNN = function(inputs) return nn.RNN(inputs, 4) end,
  LSTM = function(inputs) return nn.LSTM(inputs, { 4, 3 }) end,
  GRU = function(inputs) return nn.GRU(inputs, 4, { layers = 2 }) end,
  projected = function(inputs) return nn.LSTM(inputs, 5, { projection = 3 }) end,
  GRUCell = function(inputs) return nn.Recurrent(nn.GRUCell(inputs, 4)) end,
  LSTMCell = function(inputs) return nn.Recurrent(nn.LSTMCell(inputs, 4)) end,
  Leaky = function(inputs) return nn.Recurrent(Leaky(inputs, 4)) end,
  stacked = function(inputs) return nn.Recurrent(Leaky(inputs, 4), { layers = 2, initial_state = "trained" }) end,
}

local LOSSES = { "mse", "mae", "huber", "quantile", "gaussian_nll", "poisson_nll", "binary_cross_entropy" }

-- Parameters off their starts, where zeros would hide mistakes.
local function shaken(model)
  for _, p in ipairs(model:parameters()) do p:assign(p:detach() + core.randn { p:shape() } * 0.2) end
  return model
end

local function forecaster(kind, options, encoder)
  options.outputs, options.inputs = 2, 3
  options.recurrent = kinds[kind](5 + (options.input_feeding and (kind == "LSTM" and 3 or 4) or 0))
  return shaken(nn.Seq2Seq { encoder = encoder or nn.Encoder { inputs = 3, recurrent = nn.GRU(3, 3,
    { bidirectional = true }) }, decoder = nn.Decoder(options), start = { 3, 1 } })
end

local x, known, y
before_each(function()
  core.seed(21)
  x = core.randn(3, 5, 3):with_lengths { 5, 2, 3 }
  known = core.randn(3, 4, 3)
  y = core.rand(3, 4, 2):with_lengths { 4, 1, 3 }
end)

local function numbers_of(prediction) return core.is_tensor(prediction) and prediction or prediction[1] end

for kind in pairs(kinds) do
  describe("a forecaster with " .. kind, function()
    local model
    before_each(function() model = forecaster(kind, {}) end)

    it("computes all steps at once what it computes one by one", function()
      local prediction, target = model({ x, known }, y)
      approx.equal(bare(target), bare(y), "target")
      local state = model:encode { x, known }
      local told = core.concat({ state.start:reshape(3, 1, 2), bare(y):slice(2, 1, 3) }, 2)
      for t = 1, 4 do
        local step
        step, state = model.decoder:step(core.concat({ told:select(2, t), known:select(2, t) }, 2), state)
        local valid = core.ge(y:lengths(), t):reshape(-1, 1)
        approx.equal(step * valid, prediction:without_lengths():select(2, t) * valid, "step " .. t)
      end
    end)

    it("begins with the last valid values of its columns", function()
      local start = model:encode({ x, known }).start
      for n, last in ipairs { 5, 2, 3 } do
        assert.equal(x:without_lengths():get(n, last, 3), start:get(n, 1))
        assert.equal(x:without_lengths():get(n, last, 1), start:get(n, 2))
      end
    end)

    it("is told everything, nothing, or some of it", function()
      local forced = model:loss({ x, known }, y):item()
      local prediction = model({ x, known }, y)
      assert.near(forced, nn.mse(prediction, y):item(), 1e-6)
      local free, own, target = model:loss({ x, known }, y, { teacher_forcing = 0 })
      assert.near(free:item(), nn.mse(own, target):item(), 1e-6)
      local decoded = model:decode { x, known:with_lengths(y:lengths()) }
      assert.equal(0, approx.distance(bare(own), bare(decoded)))
      assert.is_true(math.abs(forced - free:item()) > 1e-6)
      local distinct, count = {}, 0
      for _ = 1, 20 do distinct[model:loss({ x, known }, y, { teacher_forcing = 0.5 }):item()] = true end
      for _ in pairs(distinct) do count = count + 1 end
      assert.is_true(count > 2, count)
      model:eval()
      assert.equal(free:item(), model:loss({ x, known }, y):item())
      assert.equal(free:item(), model:loss({ x, known }, y, { teacher_forcing = 1 }):item())
    end)

    it("comes back from its file with the same bits", function()
      local path = os.tmpname()
      assert(rnn.save(path, model))
      local again = assert(rnn.load(path))
      os.remove(path)
      assert.equal(tostring(model), tostring(again))
      assert.equal(0, approx.distance(model:decode { x, known }, again:decode { x, known }))
      assert.equal(model:loss({ x, known }, y):item(), again:loss({ x, known }, y):item())
    end)

    if core.precision == "double" then
      it("has the gradients of differences, told and free", function()
        local leaves = { x = x:without_lengths():requires_grad(true), known = known:requires_grad(true) }
        for _, pair in ipairs(model:named_parameters()) do leaves[pair[1]] = pair[2] end
        for _, forcing in ipairs { 1, 0.5, 0 } do
          differences.gradcheck(function()
            core.seed(3)
            return (model:loss({ leaves.x:with_lengths { 5, 2, 3 }, leaves.known }, y, { teacher_forcing = forcing }))
          end, leaves, { atol = 1e-8, rtol = 1e-6 })
        end
      end)
    end
  end)
end

describe("losses of a decoder of numbers:", function()
  for _, loss in ipairs(LOSSES) do
    for _, attention in ipairs { "none", "additive" } do
      it(("%s, attention %s"):format(loss, attention), function()
        local model = forecaster("GRU", { loss = loss, attention = attention, input_feeding = attention ~= "none" })
        local value, prediction, target = model:loss({ x, known }, y)
        assert.is_true(value:item() - value:item() == 0)
        local function shape(t) return table.concat({ t:shape() }, " ") end
        assert.equal(loss == "quantile" and "3 4 2 3" or "3 4 2", shape(numbers_of(prediction)))
        assert.same({ 4, 1, 3 }, numbers_of(prediction):lengths():totable())
        assert.equal("3 4 2", shape(target))
        -- Free, in training and in evaluation, what decode gives.
        local _, free = model:loss({ x, known }, y, { teacher_forcing = 0 })
        local outputs, decoded, weights = model:decode { x, known:with_lengths(y:lengths()) }
        assert.equal("3 4 2", shape(outputs))
        assert.equal(0, approx.distance(bare(numbers_of(free)), bare(numbers_of(decoded))))
        assert.equal(attention == "none" and "nil" or "3 4 5", weights and shape(weights) or "nil")
        local expected = loss == "quantile" and decoded:select(-1, 2) or loss == "poisson_nll" and decoded:exp()
          or loss == "binary_cross_entropy" and decoded:sigmoid() or numbers_of(decoded)
        approx.equal(bare(outputs), bare(expected), "outputs")
        if core.precision == "double" and loss ~= "mae" and loss ~= "huber" and loss ~= "quantile" then
          local leaves = {}
          for _, pair in ipairs(model:named_parameters()) do leaves[pair[1]] = pair[2] end
          differences.gradcheck(function()
            return (model:loss({ x, known }, y, { teacher_forcing = 0 }))
          end, leaves, { atol = 1e-8, rtol = 1e-6 })
        end
      end)
    end
  end

  it("any other of the same numbers, or a function", function()
    local model = forecaster("RNN", {})
    local prediction, target = model({ x, known }, y)
    assert.near(nn.mae(prediction, target):item(), model:loss({ x, known }, y, { loss = "mae" }):item(), 1e-6)
    local seen
    local loss = model:loss({ x, known }, y, { loss = function(p, t, w)
      seen = { p, t, w }
      return nn.huber(p, t, 0.1)
    end }, core.ones(3))
    assert.near(nn.huber(prediction, target, 0.1):item(), loss:item(), 1e-6)
    assert.equal(3, #seen)
    assert.matches("'quantile' compares other numbers than 'mse'",
      message_of(model.loss, model, { x, known }, y, { loss = "quantile" }))
  end)

  it("count sequences and steps as often as weights say", function()
    for _, loss in ipairs { "mse", "gaussian_nll", "quantile", "huber" } do
      local model = forecaster("RNN", { loss = loss })
      local whole = model:loss({ x, known }, y, nil, core.tensor { 0, 1, 0 }):item()
      local alone = model:loss({ x:rows(2, 2), known:rows(2, 2) }, y:rows(2, 2)):item()
      assert.near(alone, whole, 1e-5)
    end
  end)

  it("of quantiles, keep the middle one", function()
    local model = nn.Decoder { outputs = 1, condition = 2, units = 3, steps = 4, loss = "quantile",
      quantiles = { 0.9, 0.4, 0.05 } }
    local outputs, prediction = model:decode(core.randn(2, 2), { steps = 3 })
    assert.equal(0, approx.distance(outputs, prediction:select(-1, 2)))
  end)
end)

describe("a decoder of numbers from a vector", function()
  for _, kind in ipairs { "GRU", "Leaky", "LSTM" } do
    for _, as in ipairs { "state", "input", "both" } do
      it(("as %s of %s: gradients, file, free running"):format(as, kind), function()
        local model = shaken(nn.Decoder { outputs = 2, recurrent = kinds[kind](as == "state" and 2 or 5), condition = 3,
          condition_as = as, steps = 4 })
        local v = core.randn(3, 3)
        local free, none = model(v)
        assert.is_nil(none)
        assert.equal(0, approx.distance(free, model:decode(v)))
        local _, own = model:loss(v, y, { teacher_forcing = 0 })
        assert.equal(0, approx.distance(bare(own), bare(free:with_lengths(y:lengths()))))
        local path = os.tmpname()
        assert(rnn.save(path, model))
        local again = assert(rnn.load(path))
        os.remove(path)
        assert.equal(0, approx.distance(free, again(v)))
        assert.equal(as == "input", model.bridge == nil)
        -- Another vector, other numbers: at the first step and, where it is an input, not by the state alone.
        local other = model(v + 1)
        assert.is_true(approx.distance(other:select(2, 1), free:select(2, 1)) > 1e-3)
        if core.precision == "double" then
          local leaves = { v = v:requires_grad(true) }
          for _, pair in ipairs(model:named_parameters()) do leaves[pair[1]] = pair[2] end
          for _, forcing in ipairs { 1, 0 } do
            differences.gradcheck(function() return (model:loss(v, y, { teacher_forcing = forcing })) end, leaves,
              { atol = 1e-8, rtol = 1e-6 })
          end
        end
      end)
    end
  end

  it("learns a curve for each vector", function()
    core.seed(5)
    local v = core.tensor { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }
    local time = core.arange(12):to_float():reshape(1, 12, 1) / 4
    local curves = core.concat({ time:sin(), (time * 2):cos(), time / 3 }, 1)
    local model = nn.Decoder { outputs = 1, recurrent = nn.GRU(4, 24), condition = 3, condition_as = "both",
      steps = 12 }
    local before = rnn.evaluate(model, data.arrays(v, curves), {}).loss
    rnn.fit(model, { data = data.arrays(v, curves):batches { size = 3 }, epochs = 150, loss = { teacher_forcing = 0.5 },
      optimizer = optim.Adam(model:parameters(), { lr = 0.02 }), progress = false })
    local after = rnn.evaluate(model, data.arrays(v, curves), { metrics = { "mae" } })
    assert.is_true(after.loss < 0.02 and after.loss < before / 10, after.loss)
    approx.equal(rnn.predict(model, v), model:decode(v), "predict")
  end)

  it("ends each sequence where stop says", function()
    local model = nn.Decoder { outputs = 2, recurrent = nn.RNN(2, 3), condition = 1, steps = 2 }
    local v, calls = core.randn(3, 1), 0
    local whole = model:decode(v, { steps = 6 })
    local outputs = model:decode(v, { steps = 6, stop = function(step)
      calls = calls + 1
      assert.same({ 3, 2 }, { step:shape() })
      return core.tensor { calls == 2 and 1 or 0, calls == 4 and 1 or 0, calls == 1 and 1 or 0 }
    end })
    assert.equal(4, calls)
    assert.same({ 2, 4, 1 }, outputs:lengths():totable())
    approx.equal(bare(outputs), bare(whole:slice(2, 1, 4):with_lengths { 2, 4, 1 }), "outputs")
    for _, wrong in ipairs { core.zeros(3, 1), core.zeros(2), false } do
      assert.matches("decode: option 'stop': its result: expected a ", message_of(model.decode, model, v,
        { stop = function() return wrong end }))
    end
    local all = model:decode(v, { steps = 3, stop = function() return core.zeros(3) end })
    assert.same({ 3, 3, 3 }, all:lengths():totable())
  end)
end)

describe("a forecaster", function()
  it("takes windows as they are, and is one that rnn.fit, predict and evaluate know", function()
    core.seed(6)
    local series = (core.arange(120):to_float() / 3):sin():reshape(-1, 1)
    local train = data.windows(series:rows(1, 80), { length = 12, target = 5 })
    local valid = data.windows(series:rows(81, 120), { length = 12, target = 5 })
    local model = nn.Seq2Seq { encoder = nn.Encoder { inputs = 1, recurrent = nn.GRU(1, 12) },
      decoder = nn.Decoder { outputs = 1, recurrent = nn.GRU(1, 12), steps = 5 }, start = { 1 } }
    local history = rnn.fit(model, { data = train:batches { size = 16, shuffle = true }, valid = valid,
      loss = { teacher_forcing = 0.3 }, metrics = { "mae" }, epochs = 40, progress = false,
      optimizer = optim.Adam(model:parameters(), { lr = 0.02 }) })
    assert.is_true(history.val_mae[40] < 0.1, history.val_mae[40])
    local forecast = rnn.predict(model, valid)
    assert.same({ #valid, 5, 1 }, { forecast:shape() })
    local _, future = valid:all()
    assert.near(history.val_mae[40], nn.mae(forecast:reshape(-1, 5), future):item(), 1e-4)
    assert.same({ #valid, 9, 1 }, { model:decode(valid:all(), { steps = 9 }):shape() })
  end)

  it("learns from what is known in advance, by itself and after an encoder", function()
    core.seed(7)
    local past, coming, v = core.randn(32, 4, 1), core.randn(32, 5, 2), core.randn(32, 3)
    local sums = coming:sum(3, true)
    for _, case in ipairs {
      { past, nn.Seq2Seq { encoder = nn.Encoder { recurrent = nn.GRU(1, 6) },
        decoder = nn.Decoder { outputs = 1, inputs = 2, recurrent = nn.GRU(3, 6) } } },
      { v, nn.Decoder { outputs = 1, inputs = 2, condition = 3, condition_as = "input", recurrent = nn.GRU(6, 6) } },
    } do
      local input, model = table.unpack(case)
      local set = data.arrays({ input, coming }, sums)
      local before = rnn.evaluate(model, set, {}).loss
      local history = rnn.fit(model, { data = set:batches { size = 16 }, valid = set, epochs = 40, metrics = { "mae" },
        loss = { teacher_forcing = 0.5, loss = "huber" }, progress = false,
        optimizer = optim.Adam(model:parameters(), { lr = 0.02 }) })
      assert.is_true(rnn.evaluate(model, set, {}).loss < before / 4)
      assert.near(history.val_mae[40], nn.mae(rnn.predict(model, { input, coming }), sums):item(), 1e-4)
      assert.same({ 0, 5, 1 }, { model:decode({ input:rows(1, 0), coming:rows(1, 0) }):shape() })
      assert.matches("expected { x, known }", message_of(model.forward, model, input))
    end
  end)

  it("is shown by summary, copied by clone", function()
    local model = forecaster("Leaky", { steps = 3 })
    local copy, written, write = model:clone(), nil, io.write
    io.write = function(text) written = text end -- luacheck: ignore
    local ok, message = pcall(model.summary, model, { x, known })
    io.write = write -- luacheck: ignore
    assert.is_true(ok, message)
    assert.matches("decoder.recurrent", written, 1, true)
    local before = copy:decode { x, known }
    approx.equal(before, model:decode { x, known }, "copy")
    for _, p in ipairs(model:parameters()) do p:detach():fill_(0) end
    assert.equal(0, approx.distance(before, copy:decode { x, known }))
  end)

  it("encodes ids, and numbers go on to ids", function()
    local words = core.tensor({ { 1, 2, 0 }, { 3, 0, 0 } }, "int32"):with_lengths { 2, 1 }
    local rates = nn.Seq2Seq { encoder = nn.Encoder { vocab = 3, recurrent = nn.GRU(4, 3) },
      decoder = nn.Decoder { outputs = 1, recurrent = kinds.Leaky(1), steps = 3, attention = "additive" } }
    assert.same({ 2, 3, 1 }, { rates:decode(words):shape() })
    local teller = nn.Seq2Seq { encoder = nn.Encoder { inputs = 3, recurrent = kinds.Leaky(3) },
      decoder = nn.Decoder { vocab = 6, dim = 2, recurrent = kinds.LSTMCell(2), attention = "multiplicative" } }
    assert.equal(3, #teller:decode(x, { beam = 2, max_length = 4 }))
  end)

  it("hands on the states of layers whatever their cells are", function()
    local function pair(from, to)
      return nn.Seq2Seq { encoder = nn.Encoder { inputs = 3, recurrent = from },
        decoder = nn.Decoder { outputs = 1, recurrent = to, steps = 2 } }
    end
    local lstm, cell = nn.LSTM(3, 4), nn.Recurrent(nn.LSTMCell(3, 4))
    for _, name in ipairs { "weight_ih", "weight_hh", "bias_ih", "bias_hh" } do
      cell.cell[name]:assign(lstm[name .. "_l0"])
    end
    local first, second = pair(lstm, kinds.LSTMCell(1)), pair(cell, kinds.LSTMCell(1))
    second.decoder:load_state_dict(first.decoder:state_dict())
    approx.equal(first:decode(x), second:decode(x), "c goes on as c, h as h")
    assert.is_nil(next(first.bridge))
    local function bridges(from, to)
      local names = {}
      for name in pairs(pair(from, to).bridge) do names[#names + 1] = name end
      table.sort(names)
      return names
    end
    assert.same({ "fast1", "memory/slow1" }, bridges(nn.GRU(3, 5), kinds.Leaky(1)))
    assert.same({}, bridges(kinds.Leaky(3), kinds.stacked(1)))
    local both = nn.Recurrent(Leaky(3, 4), { layers = 2, bidirectional = true })
    assert.same({ "fast1", "fast2", "memory/slow1", "memory/slow2" }, bridges(both, kinds.stacked(1)))
    -- Where sizes agree, the state of each direction is half of what the decoder begins with.
    local model = pair(nn.Recurrent(Leaky(3, 2), { layers = 2, bidirectional = true }), kinds.stacked(1))
    assert.is_nil(next(model.bridge))
    local _, ends = model.encoder(x)
    local begun = model:encode(x).recurrent
    for k = 1, 2 do
      approx.equal(begun[k].fast, core.concat({ ends[2 * k - 1].fast, ends[2 * k].fast }, 2), "layer " .. k)
      approx.equal(begun[k].memory.slow, core.concat({ ends[2 * k - 1].memory.slow, ends[2 * k].memory.slow }, 2),
        "layer " .. k)
    end
  end)
end)

it("layers that encoder and decoder share stay shared in their file", function()
  local shared, path = nn.GRU(1, 4), os.tmpname()
  local model = nn.Seq2Seq { encoder = nn.Encoder { recurrent = shared },
    decoder = nn.Decoder { outputs = 1, recurrent = shared, steps = 3 }, start = { 1 } }
  local series = core.randn(2, 6, 1)
  assert(rnn.save(path, model))
  local again = assert(rnn.load(path))
  os.remove(path)
  assert.equal(#model:parameters(), #again:parameters())
  assert.equal(0, approx.distance(model:decode(series), again:decode(series)))
  assert.equal(1, model.encoder.inputs)
end)

describe("the short form of recurrent layers", function()
  it("makes what they say", function()
    core.seed(8)
    local short = nn.Decoder { vocab = 7, dim = 3, cell = "lstm", units = 4, layers = 2, dropout = 0.2 }
    core.seed(8)
    local long = nn.Decoder { vocab = 7, recurrent = nn.LSTM(3, 4, { layers = 2, dropout = 0.2 }), dropout = 0.2 }
    assert.is_true(long.embed.dim == 3 and tostring(short.recurrent) == tostring(long.recurrent))
    for i, pair in ipairs(short:named_parameters()) do
      assert.equal(pair[1], long:named_parameters()[i][1])
      assert.same({ pair[2]:shape() }, { long:named_parameters()[i][2]:shape() })
    end
  end)
end)

describe("mistakes with decoders of numbers", function()
  local cases = {
    { "nn.Decoder: needs either option 'vocab' %(ids%) or option 'outputs' %(numbers%)", {} },
    { "nn.Decoder: needs either", { vocab = 3, outputs = 2 } },
    { "nn.Decoder: option 'inputs' has no effect: option 'vocab' is for ids", { vocab = 3, inputs = 2 } },
    { "nn.Decoder: option 'tied' has no effect: option 'outputs' is for numbers", { outputs = 2, tied = true } },
    { "option 'outputs': expected a positive integer, got number 0", { outputs = 0 } },
    { "option 'loss': expected one of .*, got string 'l2'", { outputs = 1, loss = "l2" } },
    { "option 'quantiles' has no effect: option 'loss' is 'mse'", { outputs = 1, quantiles = { 0.5 } } },
    { "option 'quantiles', entry 1: expected a number from 0 to 1",
      { outputs = 1, loss = "quantile", quantiles = { 2 } } },
    { "option 'steps': expected a positive integer, got nil", { outputs = 1 } },
    { "option 'condition_as' has no effect", { outputs = 1, condition_as = "input" } },
    { "option 'condition_as': expected one of", { outputs = 1, condition = 2, condition_as = "x" } },
    { "option 'recurrent': expected an nn.RNN, .*, got nn.Linear%(1 %-> 2%)",
      { outputs = 1, steps = 2, recurrent = nn.Linear(1, 2) } },
    { "option 'recurrent': expected layers that take the 1 features of a step, got nn.GRU%(3 %-> 2%)",
      { outputs = 1, steps = 2, recurrent = nn.GRU(3, 2) } },
    { "option 'recurrent': a decoder knows no later steps",
      { outputs = 1, steps = 2, recurrent = nn.GRU(1, 2, { bidirectional = true }) } },
    { "option 'recurrent': expected layers with returns = 'sequence'",
      { outputs = 1, steps = 2, recurrent = nn.GRU(1, 2, { returns = "last" }) } },
    { "option 'hidden' has no effect: option 'recurrent' is the layers",
      { outputs = 1, steps = 2, hidden = 2, recurrent = nn.GRU(1, 2) } },
    { "option 'hidden': expected a positive integer, got string 'x'",
      { outputs = 1, steps = 2, hidden = "x", attention = "additive", input_feeding = true } },
    { "option 'dropout': expected a number from 0 up to but not 1", { outputs = 1, steps = 2, dropout = 1 } },
  }
  for _, case in ipairs(cases) do
    it(case[1], function() assert.matches(case[1], message_of(nn.Decoder, case[2])) end)
  end

  it("in calls", function()
    local model = forecaster("GRU", {})
    local function says(pattern, f, ...) assert.matches(pattern, message_of(f, ...)) end
    says("expected { x, known } with the inputs that are known in advance, %(N, T, 3%), got %(3, 5, 3%)",
      model.decode, model, x)
    says("expected { x, known }.*got %(3, 4, 2%)", model.loss, model, { x, y }, y)
    says("expected target numbers %(N, T, 2%), or %(N, T %* 2%) without lengths, got %(3, 4, 3%)", model.loss, model,
      { x, known }, known)
    says("expected known inputs of 5 steps, got %(3, 4, 3%)", model.decode, model, { x, known }, { steps = 5 })
    says("unknown option 'beam'; known: steps, stop", model.decode, model, { x, known }, { beam = 2 })
    says("loss: option 'teacher_forcing': expected a number from 0 to 1", model.loss, model, { x, known }, y,
      { teacher_forcing = 2 })
    says("expected known inputs of 4 steps, as the target has, got %(3, 3, 3%)", model.loss, model,
      { x, known:slice(2, 1, 3) }, y)
    says("argument 3 %(start%): expected %(N, 2%), got %(3, 1%)", model.decoder.begin, model.decoder, nil,
      core.zeros(3, 2, 6), core.zeros(3, 1))
    says("needs option 'condition'", model.decoder.decode, model.decoder, x)
    says("expected vectors %(N, 2%), got %(1, 3%)", function()
      nn.Decoder { outputs = 1, condition = 2, units = 3, steps = 1 }(core.zeros(1, 3))
    end)
    local function whole(options)
      return function()
        options.encoder = options.encoder or nn.Encoder { inputs = 3, units = 2 }
        options.decoder = options.decoder or nn.Decoder { outputs = 1, units = 2, steps = 2 }
        nn.Seq2Seq(options)
      end
    end
    says("option 'start', entry 1: expected an integer from 1 to 3, got number 4", whole { start = { 4 } })
    says("option 'start': expected a list of 1 columns", whole { start = { 1, 2 } })
    says("option 'start' is for an encoder and a decoder of numbers", whole { start = { 1 },
      encoder = nn.Encoder { vocab = 3, units = 2 } })
    says("begins with a vector", whole { decoder = nn.Decoder { outputs = 1, units = 2, steps = 2, condition = 2 } })
  end)
end)

describe("nn.RepeatVector", function()
  it("gives a vector to every step", function()
    local layer, v = nn.RepeatVector(3), core.randn(2, 4)
    local repeated = layer(v)
    assert.same({ 2, 3, 4 }, { repeated:shape() })
    for t = 1, 3 do assert.equal(0, approx.distance(repeated:select(2, t), v)) end
    assert.same({ 0, 3, 4 }, { layer(core.zeros(0, 4)):shape() })
    assert.same({ { { 1, 2 }, { 1, 2 }, { 1, 2 } } }, layer(core.tensor({ { 1, 2 } }, "int32")):totable())
    assert.matches("argument 1 %(steps%): expected a positive integer, got number 0", message_of(nn.RepeatVector, 0))
    assert.matches("expected a tensor of 2 axes, got tensor %(2, 3, 4%)", message_of(layer, core.zeros(2, 3, 4)))
  end)

  it("in front of a recurrent layer makes sequences of vectors, and comes back from its file", function()
    local model = nn.Sequential { nn.Linear(3, 4), nn.RepeatVector(5), nn.GRU(4, 6),
      nn.TimeDistributed(nn.Linear(6, 2)) }
    local path, v = os.tmpname(), core.randn(2, 3)
    assert.same({ 2, 5, 2 }, { model(v):shape() })
    assert(rnn.save(path, model))
    local again = assert(rnn.load(path))
    os.remove(path)
    assert.equal(tostring(model), tostring(again))
    assert.equal(0, approx.distance(model(v), again(v)))
  end)
end)

describe("nn.TimeDistributed", function()
  it("applies its module to each step", function()
    local inner = nn.Sequential { nn.Conv1d(2, 3, 2), nn.GRU(3, 4, { returns = "last" }) }
    local layer, pictures = nn.TimeDistributed(inner), core.randn(2, 3, 5, 2)
    local found = layer(pictures)
    assert.same({ 2, 3, 4 }, { found:shape() })
    for t = 1, 3 do approx.equal(found:select(2, t), inner(pictures:select(2, t)), "step " .. t) end
    local padded = layer(pictures:with_lengths { 2, 0 })
    assert.same({ 2, 0 }, padded:lengths():totable())
    approx.equal(padded:without_lengths()[1]:rows(1, 2), found[1]:rows(1, 2), "valid steps")
    assert.equal(0, padded:without_lengths()[2]:abs():max():item())
    assert.equal(0, padded:without_lengths()[1]:rows(3, 3):abs():max():item())
  end)

  it("counts valid steps only in the figures of nn.BatchNorm", function()
    local layer, steps = nn.TimeDistributed(nn.BatchNorm(2)), core.randn(2, 3, 2)
    layer(steps:with_lengths { 3, 1 })
    local alone = nn.BatchNorm(2)
    alone(core.concat({ steps[1], steps[2]:rows(1, 1) }, 1))
    approx.equal(layer.module.running_mean, alone.running_mean, "mean")
    approx.equal(layer.module.running_var, alone.running_var, "variance")
  end)

  it("takes ids, and sequences without a valid step", function()
    local layer = nn.TimeDistributed(nn.Embedding(4, 3))
    local ids = core.tensor({ { 1, 2 }, { 4, 0 } }, "int32")
    assert.equal("int32", layer:input_type())
    approx.equal(layer(ids), layer.module(ids), "vectors")
    assert.same({ 2, 2, 3 }, { layer(ids:with_lengths { 0, 0 }):shape() })
    assert.same({ 2, 0, 3 }, { nn.TimeDistributed(nn.Linear(2, 3))(core.zeros(2, 0, 2)):shape() })
  end)

  it("says what is wrong", function()
    assert.matches("argument 1 %(module%): expected a layer, got number 3", message_of(nn.TimeDistributed, 3))
    local layer = nn.TimeDistributed(nn.Linear(2, 3))
    assert.matches("expected input %(N, T, ...%), got %(2%)", message_of(layer, core.zeros(2)))
    local Odd = nn.module("OddOfDecoderSpec", function() end)
    function Odd:forward(rows) return rows:sum() end -- luacheck: no self
    assert.matches("expected of its module a tensor %(6, ...%), an item for each step, got tensor %(%) float",
      message_of(nn.TimeDistributed(Odd()), core.zeros(2, 3, 4)))
  end)
end)

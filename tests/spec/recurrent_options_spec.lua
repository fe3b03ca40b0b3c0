-- The options of nn.RNN, nn.LSTM and nn.GRU that are composed around the engine. The engine's own passes are held
-- against a plain one in tests/c/test_recurrent.c, variants against what they were in variants_spec.lua.
local rnn = require "rnn"
local core = require "rnn.core"
local nn = rnn.nn
local approx = require "support.approx"

local function randomise(layer)
  for _, p in ipairs(layer:parameters()) do p:uniform_(-0.6, 0.6) end
  return layer
end

-- x with each sequence's valid steps in reverse order, by hand.
local function reversed(x)
  local y, lengths = x:without_lengths():copy(), x:lengths()
  local n, t = x:shape()
  for i = 1, n do
    local length = lengths and lengths[i] or t
    for k = 1, length do y[i][k] = x:without_lengths()[i][length + 1 - k]:copy() end
  end
  return lengths and y:with_lengths(lengths) or y
end

-- A layer of one direction with the weights of layer k of another, forwards or backwards.
local function one_direction(layer, k, reverse, inputs)
  local single = nn[getmetatable(layer).__name:match("%a+$")](inputs, layer.widths[k])
  local suffix = ("_l%d%s"):format(k - 1, reverse and "_reverse" or "")
  for _, name in ipairs { "weight_ih", "weight_hh", "bias_ih", "bias_hh" } do
    single[name .. "_l0"]:assign(layer[name .. suffix])
  end
  return single
end

describe("both directions", function()
  for _, name in ipairs { "RNN", "LSTM", "GRU" } do
    for _, lengths in ipairs { false, { 5, 0, 3, 1 } } do
      it(("of nn.%s are two layers, one over the reversed sequence%s"):format(name, lengths and ", with lengths" or ""),
        function()
          core.seed(1)
          local layer = randomise(nn[name](3, 4, { bidirectional = true, returns = "both" }))
          local x = core.randn(4, 5, 3)
          if lengths then x = x:with_lengths(lengths) end
          local y, state, last = layer(x)
          local a, sa = one_direction(layer, 1, false, 3)(x)
          local b, sb = one_direction(layer, 1, true, 3)(reversed(x))
          approx.equal(y, core.concat({ a, reversed(b) }, 3), "y")
          approx.equal(state[1], sa[1], "state forwards")
          approx.equal(state[#sa + 1], sb[1], "state backwards")
          local any = lengths and core.tensor { { 1 }, { 0 }, { 1 }, { 1 } } or 1
          approx.equal(last, core.concat({ sa[1] * any, sb[1] * any }, 2), "last")
        end)
    end
  end

  it("are joined, added or averaged", function()
    core.seed(2)
    local x = core.randn(2, 5, 3)
    local layer = randomise(nn.GRU(3, 4, { bidirectional = true }))
    local y = layer(x)
    local a, b = y:slice(3, 1, 4), y:slice(3, 5, 8)
    for merge, expected in pairs { sum = a + b, mean = (a + b) / 2 } do
      local other = nn.GRU(3, 4, { bidirectional = true, merge = merge })
      other:load_state_dict(layer:state_dict())
      approx.equal(other(x), expected, merge)
    end
  end)
end)

describe("stacks", function()
  it("have a width for each layer", function()
    core.seed(3)
    local layer = randomise(nn.LSTM(3, { 5, 2, 4 }, { returns = "last" }))
    local x = core.randn(2, 6, 3)
    local y, state = layer(x)
    local h = x
    for k, inputs in ipairs { 3, 5, 2 } do h = one_direction(layer, k, false, inputs)(h) end
    approx.equal(y, h:select(2, 6), "y")
    assert.equal(6, #state)
    assert.same({ 2, 5 }, { state[1]:shape() })
    assert.same({ 2, 4 }, { state[6]:shape() })
  end)

  it("add their input with residual", function()
    core.seed(4)
    local x = core.randn(3, 6, 3):with_lengths { 6, 2, 0 }
    local layer = randomise(nn.RNN(3, 4, { layers = 2, residual = true, returns = "both" }))
    local y, _, last = layer(x)
    local h1 = one_direction(layer, 1, false, 3)(x)
    local expected = h1 + one_direction(layer, 2, false, 4)(h1)
    approx.equal(y, expected, "y")
    local bare = expected:without_lengths()
    approx.equal(last, core.stack({ bare[1][6], bare[2][2], core.zeros(4) }, 1), "last")
    local only_last = nn.RNN(3, 4, { layers = 2, residual = true, returns = "last" })
    only_last:load_state_dict(layer:state_dict())
    approx.equal((only_last(x)), last, "returns last")
  end)

  it("refuse a residual that does not fit", function()
    assert.error_matches(function() return nn.RNN(3, { 4, 5 }, { residual = true }) end,
      "nn.RNN: option 'residual': layer 2 makes 5 features of 4, so they cannot be added")
  end)

  it("drop between layers, in training only", function()
    core.seed(5)
    local layer = randomise(nn.GRU(3, 8, { layers = 2, dropout = 0.5 }))
    local x = core.randn(2, 4, 3)
    local plain = nn.GRU(3, 8, { layers = 2 })
    plain:load_state_dict(layer:state_dict())
    assert.is_true(approx.distance(layer(x), plain(x)) > 1e-3)
    layer:eval()
    approx.equal(layer(x), plain(x), "evaluation")
  end)
end)

describe("a trained initial state", function()
  it("starts every sequence and gets a gradient", function()
    core.seed(6)
    local layer = randomise(nn.LSTM(2, 3, { initial_state = "trained" }))
    local x = core.randn(4, 5, 2)
    local y = layer(x)
    local h, c = layer.initial_h_l0:detach(), layer.initial_c_l0:detach()
    local given = layer(x, { h:broadcast_to(4, 3), c:broadcast_to(4, 3) })
    approx.equal(y, given, "y")
    y:sum():backward()
    assert.same({ 1, 3 }, { layer.initial_h_l0.grad:shape() })
    assert.is_true(layer.initial_c_l0.grad:abs():sum():item() > 0)
  end)
end)

describe("recompute", function()
  it("gives the same outputs and gradients", function()
    core.seed(7)
    local plain = randomise(nn.LSTM(3, 4, { layers = 2 }))
    local again = nn.LSTM(3, 4, { layers = 2, recompute = true })
    again:load_state_dict(plain:state_dict())
    local x = core.randn(2, 700, 3)
    for _, layer in ipairs { plain, again } do layer(x):sum():backward() end
    for i, p in ipairs(plain:parameters()) do
      assert.equal(0, approx.distance(again:parameters()[i].grad, p.grad))
    end
  end)

  it("holds less memory", function()
    local function held(layer, x)
      collectgarbage()
      local before = core.memory().live
      local y = layer(x)
      local now = core.memory().live
      return y and now - before
    end
    local x = core.randn(2, 4096, 3)
    local plain = held(nn.LSTM(3, 16, { returns = "last" }), x)
    local again = held(nn.LSTM(3, 16, { returns = "last", recompute = true }), x)
    assert.is_true(again < 0.06 * plain, ("%d of %d bytes"):format(again, plain))
  end)
end)

describe("layer:step", function()
  for _, name in ipairs { "RNN", "LSTM", "GRU" } do
    it("of nn." .. name .. " gives step by step what the sequence gives, in level memory", function()
      core.seed(8)
      local layer = randomise(nn[name](3, { 5, 4 }))
      layer:eval()
      local x = core.randn(2, 6, 3)
      local whole = layer(x)
      local y, state = layer:step(x:select(2, 1):copy())
      approx.equal(y, whole:select(2, 1), "step 1")
      for t = 2, 6 do
        local input = x:select(2, t):copy()
        y, state = layer:step(input, state)
        approx.equal(y, whole:select(2, t), "step " .. t)
      end
      local input, before = x:select(2, 1):copy(), nil
      for t = 1, 3000 do
        state = select(2, layer:step(input, state))
        if t == 1000 then before = core.memory().live end
      end
      assert.is_true(core.memory().live <= before + (1 << 20))
    end)
  end

  it("takes a state from elsewhere, and new weights", function()
    core.seed(9)
    local layer = randomise(nn.LSTM(3, 4))
    layer:eval()
    local x = core.randn(2, 6, 3)
    local _, s = layer(x:slice(2, 1, 5))
    approx.equal((layer:step(x:select(2, 6):copy(), s)), layer(x):select(2, 6), "after a sequence")
    randomise(layer)
    _, s = layer(x:slice(2, 1, 5))
    approx.equal((layer:step(x:select(2, 6):copy(), s)), layer(x):select(2, 6), "with other weights")
  end)

  it("says what does not fit", function()
    assert.error_matches(function() return nn.GRU(3, 4):step(core.zeros(2, 5)) end,
      "nn.GRU%(3 %-> 4%): step: expected input %(N, 3%), got %(2, 5%)")
    assert.error_matches(function() return nn.GRU(3, 4, { bidirectional = true }):step(core.zeros(2, 3)) end,
      "a bidirectional layer needs the whole sequence")
  end)
end)

describe("every option", function()
  it("is in the file of a model", function()
    local path = os.tmpname()
    local x = core.randn(2, 5, 3)
    local options = {
      { "RNN", { layers = 2, bidirectional = true, merge = "sum", layer_norm = true, activation = "softsign" } },
      { "LSTM", { peepholes = true, projection = 3, zoneout = 0.1, zoneout_cell = 0.2, initial_state = "trained" } },
      { "LSTM", { coupled = true, recurrent_dropout = 0.2, recurrent_activation = "hard_sigmoid", layer_norm = true } },
      { "GRU", { reset = "before", returns = "last", recompute = 3 } },
    }
    for _, case in ipairs(options) do
      local layer = randomise(nn[case[1]](3, 4, case[2]))
      layer:eval()
      assert(rnn.save(path, layer))
      local loaded = assert(rnn.load(path))
      loaded:eval()
      assert.equal(0, approx.distance(loaded(x), layer(x)))
    end
    os.remove(path)
  end)
end)

-- Watched layers: the norms that backward records are those of h_t.grad, with the layer run step by step.
local rnn = require "rnn"
local nn = rnn.nn

local TOLERANCE = rnn.precision() == "double" and 1e-11 or 1e-5

-- The loss weighs every output at random; returns ||h_t.grad|| for each t, step by step on the same weights.
local function step_by_step(layer, x, dy)
  local states, outputs, state = {}, {}, nil
  for t = 1, x:size(2) do
    local y
    y, state = layer(x:slice(2, t, t), state)
    state[1]:retain_grad()
    states[t], outputs[t] = state[1], y
  end
  local loss = (rnn.concat(outputs, 2) * dy):sum() + (state[1] * 0.5):sum()
  loss:backward()
  local norms = {}
  -- y of a step is h, too: what arrives there is dy, and at the last step the state's own part besides.
  for t, h in ipairs(states) do
    local g = dy:select(2, t)
    if h.grad then g = g + h.grad end
    norms[t] = g:square():sum():sqrt():item()
  end
  return norms
end

describe("layer:watch", function()
  for _, kind in ipairs { "RNN", "LSTM", "GRU" } do
    for _, options in ipairs { {}, { layer_norm = true } } do
      it(("%s%s: norms of h_t.grad"):format(kind, options.layer_norm and ", layer norm" or ""), function()
        rnn.seed(3)
        local layer = nn[kind](4, 7, options):watch()
        local x, dy = rnn.randn(5, 9, 4), rnn.randn(5, 9, 7)
        local want = step_by_step(layer, x, dy)
        layer:flow()
        local y, state = layer(x);
        ((y * dy):sum() + (state[1] * 0.5):sum()):backward()
        local flow = layer:flow()
        assert.equal(1, #flow)
        assert.equal("l0", flow[1][1])
        for t = 1, 9 do
          local got = flow[1][2]:get(t, 1)
          assert.is_true(math.abs(got - want[t]) <= TOLERANCE * want[t], ("step %d: %.9g, want %.9g"):format(t, got,
            want[t]))
        end
        assert.same({}, layer:flow()) -- reading takes it away
      end)
    end
  end

  it("is the same for any number of threads, and for layers that are run again", function()
    local function figures(threads, recompute)
      rnn.threads(threads)
      rnn.seed(5)
      local layer = nn.GRU(6, 128, { recompute = recompute }):watch()
      layer(rnn.randn(24, 50, 6)):sum():backward()
      return layer:flow()[1][2]:totable()
    end
    local before = rnn.threads()
    local one = figures(1)
    assert.same(one, figures(2))
    assert.same(one, figures(3, 21))
    rnn.threads(before)
  end)

  it("leaves padding out", function()
    rnn.seed(7)
    local layer = nn.LSTM(3, 5):watch()
    local x = rnn.randn(2, 6, 3)
    layer(x:slice(2, 1, 4):with_lengths { 4, 2 }):sum():backward()
    local short = layer:flow()[1][2]:totable()
    layer(x:with_lengths { 4, 2 }):sum():backward()
    local long = layer:flow()[1][2]:totable()
    for t = 1, 4 do assert.same(short[t], long[t]) end
    assert.same({ 0, 0, 0 }, long[5])
  end)

  it("counts what is saturated", function()
    local layer = nn.LSTM(1, 2):watch()
    layer.weight_ih_l0:fill_(0)
    layer.weight_hh_l0:fill_(0)
    layer.bias_ih_l0:assign(rnn.tensor { 9, 0, -9, 0, 0, 9, 0, 0 }) -- i1, f1 and g2 are at an end
    layer(rnn.zeros(3, 4, 1)):sum():backward()
    local f = layer:flow()[1][2]
    assert.near(2 / 6, f:get(2, 2), 1e-6)
    assert.near(1 / 2, f:get(2, 3), 1e-6)
  end)

  it("covers stacks and directions, and can be switched off", function()
    local layer = nn.GRU(3, 4, { layers = 2, bidirectional = true }):watch()
    layer(rnn.randn(2, 5, 3)):sum():backward()
    local names = {}
    for i, entry in ipairs(layer:flow()) do names[i] = entry[1] end
    assert.same({ "l0", "l0_reverse", "l1", "l1_reverse" }, names)
    layer:watch(false)
    layer(rnn.randn(2, 5, 3)):sum():backward()
    assert.same({}, layer:flow())
  end)
end)

-- nn.Conv1d with padding = "causal" in pieces and step by step: what the whole sequence gives.
local rnn = require "rnn"
local core, nn = rnn, rnn.nn
local approx = require "support.approx"

local SIZES = { { 1, 1, 1 }, { 3, 1, 1 }, { 2, 1, 4 }, { 3, 1, 2 }, { 4, 2, 1 }, { 3, 3, 2 }, { 2, 5, 1 }, { 1, 3, 1 } }

local function layer_of(sizes)
  local layer = nn.Conv1d(2, 3, sizes[1], { stride = sizes[2], dilation = sizes[3], padding = "causal",
    activation = "tanh" })
  layer.bias:uniform_(-1, 1)
  return layer
end

-- x in pieces of random lengths, none of them among these.
local function in_pieces(layer, x)
  local parts, at, state = {}, 0, nil
  while at < x:size(2) do
    local n = math.min(math.random(0, 5), x:size(2) - at)
    parts[#parts + 1], state = layer:stream(x:slice(2, at + 1, at + n), state)
    at = at + n
  end
  return core.concat(parts, 2)
end

describe("a causal nn.Conv1d", function()
  before_each(function()
    core.seed(41)
    math.randomseed(41)
  end)

  it("gives in pieces what it gives at once", function()
    for _, sizes in ipairs(SIZES) do
      local layer, x = layer_of(sizes), core.randn(3, 27, 2)
      for _ = 1, 5 do approx.equal(in_pieces(layer, x), layer(x), layer:describe()) end
    end
  end)

  it("has the gradients of the whole sequence through its states", function()
    for _, sizes in ipairs(SIZES) do
      local layer, x = layer_of(sizes), core.randn(3, 13, 2):requires_grad(true)
      local function gradients(run)
        layer:zero_grad()
        x:zero_grad()
        run(layer, x):square():sum():backward()
        return { x.grad:copy(), layer.weight.grad:copy(), layer.bias.grad:copy() }
      end
      local whole, pieces = gradients(function() return layer(x) end), gradients(in_pieces)
      for i = 1, 3 do approx.equal(pieces[i], whole[i], layer:describe()) end
    end
  end)

  it("goes step by step", function()
    local layer, x, state = layer_of { 3, 1, 2 }, core.randn(2, 9, 2), nil
    local y = layer(x)
    for t = 1, 9 do
      local own
      own, state = layer:step(x:select(2, t), state)
      approx.equal(own, y:select(2, t), "step " .. t)
    end
    assert.is_false(state[1]:requires_grad())
  end)

  it("lets each sequence end where its length says", function()
    local layer, x = layer_of { 3, 1, 2 }, core.randn(4, 10, 2)
    local first, second = { 4, 0, 2, 1 }, { 6, 3, 0, 1 }
    local a, state = layer:stream(x:slice(2, 1, 4):with_lengths(first))
    local b = layer:stream(x:slice(2, 5, 10):with_lengths(second), state)
    assert.same(first, a:lengths():totable())
    assert.same(second, b:lengths():totable())
    for n = 1, 4 do
      local row = x:rows(n, n)
      local joined = core.concat({ row:slice(2, 1, first[n]), row:slice(2, 5, 4 + second[n]) }, 2)
      local parts = core.concat({ a:without_lengths():rows(n, n):slice(2, 1, first[n]),
        b:without_lengths():rows(n, n):slice(2, 1, second[n]) }, 2)
      approx.equal(parts, layer(joined), "sequence " .. n)
      if first[n] < 4 then assert.equal(0, a:without_lengths()[n]:rows(first[n] + 1, 4):abs():max():item()) end
    end
  end)

  it("goes on from piece to piece in a Sequential, beside recurrent layers", function()
    local model = nn.Sequential {
      nn.Conv1d(2, 4, 2, { padding = "causal" }), nn.TimeDistributed(nn.Linear(4, 4)), nn.GRU(4, 3),
      nn.Conv1d(3, 3, 3, { padding = "causal", dilation = 3 }), nn.Linear(3, 1),
    }
    local x = core.randn(2, 20, 2)
    approx.equal(in_pieces(model, x), model(x), "y")
    local _, states = model:stream(x)
    assert.equal(3, #states)
    states = nn.detach(states)
    model:stream(x, states)
  end)

  it("trains on windows of a long sequence", function()
    local x = core.randn(4, 12, 2)
    local model = nn.Sequential { nn.Conv1d(2, 3, 3, { padding = "causal" }), nn.RNN(3, 1) }
    local history = rnn.fit(model, { data = rnn.data.arrays(x, x:slice(3, 1, 1)):batches { size = 2 }, loss = "mse",
      tbptt = 3, epochs = 2, progress = false, optimizer = rnn.optim.SGD(model:parameters(), { lr = 0.01 }) })
    assert.equal(2, #history)
  end)

  it("says what is wrong", function()
    local function fails(pattern, f, ...)
      local ok, message = pcall(f, ...)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    local x = core.randn(2, 4, 2)
    local same, strided, layer = nn.Conv1d(2, 3, 2, { padding = "same" }), layer_of { 3, 2, 1 }, layer_of { 3, 1, 1 }
    fails("stream: steps would look at later ones.*padding = 'causal'", same.stream, same, x)
    fails("stream: sequences of different lengths", strided.stream, strided, x:with_lengths { 4, 2 })
    fails("step: with a stride", strided.step, strided, x:select(2, 1))
    fails("step: expected input %(N, 2%), got %(2, 4, 2%)", layer.step, layer, x)
    fails("stream: expected a state %(2, 2, 2%), got %(2, 3, 2%)", layer.stream, layer, x, core.zeros(2, 3, 2))
    fails("stream: expected a state %(2, up to 2, 2%), got boolean false", strided.stream, strided, x, false)
    fails("expected input %(N, T, 2%), got %(2, 4%)", layer.stream, layer, core.zeros(2, 4))
  end)
end)

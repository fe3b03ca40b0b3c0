-- layer:step and the states that scripts hand in: edited ones, those of the stream in another order, wrong ones. And
-- other places where a layer must not depend on what happened before.
local rnn = require "rnn"
local approx = require "support.approx"
local nn, core = rnn.nn, require "rnn.core"

local function values(t) return t:detach():copy() end

describe("layer:step", function()
  local layer, x
  before_each(function()
    rnn.seed(3)
    layer, x = nn.LSTM(3, 4, { layers = 2 }), rnn.randn(1, 3)
  end)

  it("goes on after the list of states was spoilt", function()
    local y, s = layer:step(x)
    local first = values(y)
    for _, wrong in ipairs { "foo", core.zeros(9, 9), false } do
      s[1] = wrong
      local ok, message = pcall(layer.step, layer, x, s)
      if wrong then
        assert.is_false(ok)
        assert.matches("state", message)
      end
      y, s = layer:step(x)
      approx.equal(y, first, "y")
    end
  end)

  it("leaves a state alone that was put into the list", function()
    local _, s = layer:step(x)
    local saved = values(s[1])
    local kept = values(saved)
    s[1] = saved
    local y = layer:step(x, s)
    approx.equal(saved, kept, "saved")
    assert.is_false(rawequal(y, saved))
    assert.is_true(rawequal(s[1], saved)) -- the list is the script's
  end)

  it("reads all states before it writes one", function()
    local _, s = layer:step(x)
    local crossed = { s[3], s[4], s[1], s[2] }
    local copies = {}
    for i, t in ipairs(crossed) do copies[i] = values(t) end
    local y = values((layer:step(x, crossed)))
    approx.equal(y, (layer:step(x, copies)), "y")
  end)

  it("overwrites the state that it is given to write into", function()
    for _, make in ipairs { { nn.LSTM, 40 }, { nn.GRU, 5 }, { nn.RNN, 5 }, { nn.LSTM, 5, true } } do
      for batch = 1, 4 do
        local one = make[1](3, make[2], { layers = 2, layer_norm = make[3] })
        local xs = rnn.randn(batch, 6, 3)
        local whole, last = one(xs)
        local _, s = one:step(xs:select(2, 1))
        local tensors = { table.unpack(s) }
        for t = 2, 6 do
          local y, new = one:step(xs:select(2, t):copy(), s, s)
          approx.equal(y, whole:select(2, t), "y at " .. t)
          assert.is_true(rawequal(new, s))
        end
        for i, tensor in ipairs(tensors) do
          assert.is_true(rawequal(tensor, s[i]))
          approx.equal(tensor, last[i], "state " .. i)
        end
      end
    end
  end)

  it("writes into no state that another layer or a script made, nor twice into one tensor", function()
    local other = nn.LSTM(3, 4, { layers = 2 })
    local _, s = layer:step(x)
    local _, theirs = other:step(x)
    for _, wrong in ipairs { theirs, { s[1], s[2], s[3], s[4] }, 3, s[1] } do
      assert.error_matches(function() layer:step(x, s, wrong) end,
        "argument 3 %(into%): expected a state that this layer made")
    end
    local _, wide = layer:step(rnn.randn(2, 3))
    assert.error_matches(function() layer:step(x, s, wide) end, "expected a state of 4 tensors %(1, 4%)")
    assert.error_matches(function() layer:step(x, s, s, 1) end, "argument")
  end)

  it("takes no memory when it writes into a state", function()
    local _, s = layer:step(x)
    layer:step(x, s, s)
    local before = rnn.memory().allocated
    for _ = 1, 100 do layer:step(x, s, s) end
    assert.equal(before, rnn.memory().allocated)
  end)

  it("adds the input of a residual layer, whatever the places are", function()
    local residual = nn.GRU(4, 4, { layers = 2, residual = true })
    local row = rnn.randn(1, 4)
    local whole = residual(row:reshape(1, 1, 4))
    approx.equal((residual:step(row)), whole:reshape(1, 4), "y")
    local y, s = residual:step(row)
    approx.equal(y, whole:reshape(1, 4), "again")
    assert.equal(2, #s)
  end)
end)

describe("layer:step, which records nothing,", function()
  it("refuses in training what has a history, of which a gradient would be lost", function()
    local Own = nn.cell("Own", function(self, inputs, units) self.a = nn.Linear(inputs + units, units) end)
    function Own:step(x, h) h = self.a(rnn.concat({ x, h }, 2)):tanh() return h, h end
    local x = rnn.ones(2, 3)
    for _, layer in ipairs { nn.RNN(3, 4), nn.LSTM(3, 4), nn.GRU(3, 4), nn.Recurrent(Own(3, 4)),
      nn.Conv1d(3, 4, 2, { padding = "causal" }) } do
      local ok, message = pcall(layer.step, layer, x:copy():requires_grad(true))
      assert.is_false(ok)
      assert.matches("no gradient goes back", message)
      local y, state = layer:step(x)
      assert.is_false(y:requires_grad())
      if layer.units or layer.cell then -- states that forward made have a history
        local _, made = layer(rnn.ones(2, 5, 3))
        assert.is_false((pcall(layer.step, layer, x, made)))
        rnn.no_grad(layer.step, layer, x, made)
      end
      layer:eval()
      layer:step(x:copy():requires_grad(true), state)
    end
  end)
end)

describe("layers", function()
  it("may project to as many units", function()
    local layer = nn.LSTM(2, 4, { projection = 4 })
    assert.same({ 1, 3, 4 }, { layer(rnn.randn(1, 3, 2)):shape() })
    assert.same({ 1, 4 }, { (layer:step(rnn.randn(1, 2))):shape() })
  end)

  it("have outputs for sequences without a step", function()
    local y, _, last = nn.GRU(2, 3, { returns = "both" })(core.zeros(2, 0, 2))
    assert.same({ 2, 0, 3 }, { y:shape() })
    approx.equal(last, core.zeros(2, 3), "last")
  end)

  it("forget what was watched once it was read", function()
    local layer = nn.GRU(2, 8)
    local x, before = rnn.randn(8, 100, 2), nil
    for i = 1, 20 do
      layer:watch(true)
      layer(x):sum():backward()
      assert.equal(1, #layer:flow())
      layer:watch(false)
      collectgarbage()
      if i == 2 then before = rnn.memory().live end
    end
    assert.is_true(rnn.memory().live <= before)
  end)
end)

it("a gradient may go while a place for it is made", function()
  local t = rnn.randn(1 << 14):requires_grad(true)
  local function give() t:square():sum():backward() end
  give()
  for _ = 1, 3000 do
    setmetatable({}, { __gc = function() t:zero_grad() end })
    local _ = t.grad
    if not t.grad then give() end
  end
end)

it("optimisers step through overlapping parameters in order", function()
  local function run(threads)
    local before = rnn.threads()
    rnn.threads(threads)
    rnn.seed(5)
    local n = 1 << 18
    local base = rnn.randn(n + 32)
    local a, b = base:rows(1, n):requires_grad(true), base:rows(33, n + 32):requires_grad(true)
    for _ = 1, 3 do
      (a * a + b * b):sum():backward()
      core.optimizer_step({ kind = "sgd", lr = 0.1, weight_decay = 0.1, step = 1 }, { a, b },
        { core.zeros(n), core.zeros(n) })
      a:zero_grad()
      b:zero_grad()
    end
    rnn.threads(before)
    return base
  end
  assert.equal(0, (run(1) - run(4)):abs():max():item())
end)

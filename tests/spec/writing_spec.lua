-- Writing into tensors: what reaches what, which gradients are left, and what backward notices.
local rnn = require "rnn"
local core = require "rnn.core"
local nn, optim = rnn.nn, rnn.optim

local function values(t) return t:totable() end
local function leaf(...) return rnn.tensor(...):requires_grad(true) end

-- The gradients of leaves after f of them.
local function gradients(f, ...)
  f(...):sum():backward()
  local all = {}
  for i, t in ipairs { ... } do all[i] = t.grad and values(t.grad) or "none" end
  return all
end

describe("a write of values with a history is recorded:", function()
  it("a row", function()
    assert.same({ { 4, 4 } }, gradients(function(w)
      local h, out = w * 2, rnn.zeros(2, 2)
      out[1] = h
      return rnn.stack({ out:sum(), h:sum() }, 1)
    end, leaf { 1, 1 }))
  end)

  it("rows one by one, in any order, some twice", function()
    assert.same({ { 12, 12 } }, gradients(function(w)
      local out = rnn.zeros(3, 2)
      for i, t in ipairs { 3, 1, 3, 2 } do out[t] = w * i end -- 1 is written over by 3, which is the third
      return out + out:rows(3, 3):sum() / 6
    end, leaf { 1, 1 }))
  end)

  it("an element, as x[i], x[i][j] and x:set", function()
    assert.same({ 0, 6, 7 }, gradients(function(w)
      local out = rnn.zeros(2, 3)
      out[1][2] = w:slice(1, 2, 2) * 6
      out:set(2, 3, w:slice(1, 3, 3):sum() * 7)
      return out
    end, leaf { 1, 1, 1 })[1])
  end)

  it("slices of every axis, columns, transposed parts", function()
    assert.same({ { 1, 2 }, { 3, 4 } }, gradients(function(w)
      local out = rnn.zeros(3, 4)
      out:slice(2, 2, 3):rows(1, 2):assign(w)
      return out:rows(1, 2):slice(2, 2, 3) * rnn.tensor { { 1, 2 }, { 3, 4 } }
    end, leaf { { 1, 1 }, { 1, 1 } })[1])
    assert.same({ 5, 7 }, gradients(function(w)
      local out = rnn.ones(2, 2)
      out:transpose(1, 2)[2] = w -- the second column
      return out * rnn.tensor { { 3, 5 }, { 3, 7 } }
    end, leaf { 1, 1 })[1])
  end)

  it("chosen by a mask or by ids", function()
    assert.same({ { 1, 0, 0 }, { 30 } }, gradients(function(w, v)
      local y = w * 1
      y[y:gt(1)] = v
      return y * rnn.tensor { 1, 10, 20 }
    end, leaf { 1, 2, 3 }, leaf { 5 }))
    assert.same({ { { 1, 1 }, { 0, 0 }, { 0, 0 } }, { { 0, 0 }, { 1, 1 }, { 1, 1 } } }, gradients(function(w, v)
      local y = w * 1
      y[rnn.tensor({ 2, 3, 2 }, "int32")] = v -- row 2 twice: the last counts
      return y
    end, leaf { { 1, 1 }, { 1, 1 }, { 1, 1 } }, leaf { { 1, 1 }, { 2, 2 }, { 3, 3 } }))
  end)

  it("of the tensor itself, whose gradient stays", function()
    assert.same({ { 2, 2 } }, gradients(function(w)
      local y = w * 2
      y:assign(y)
      return y
    end, leaf { 1, 1 }))
    assert.same({ { { 4, 4 }, { 0, 0 } } }, gradients(function(w)
      local y = w * 2
      y[2] = y[1]
      y:rows(1, 2):assign(y)
      return y
    end, leaf { { 1, 1 }, { 1, 1 } }))
  end)

  it("chosen in a batch with lengths", function()
    assert.same({ { { 0, 1 }, { 0, 0 } } }, gradients(function(w)
      local y = (w * 1):with_lengths { 2, 1 }
      y[y:gt(1)] = 7
      assert.same({ 7, 7, 7 }, values(y[y:eq(7)]))
      y[rnn.tensor({ 2 }, "int32")] = 9
      return y
    end, leaf { { 2, 1 }, { 2, 2 } }))
  end)

  it("broadcast", function()
    assert.same({ 6, { 2, 2, 2 } }, gradients(function(a, b)
      local out = rnn.zeros(2, 3)
      out:assign(b)
      out = out + a
      return out
    end, leaf(1), leaf { 1, 1, 1 }))
  end)
end)

describe("what is written over", function()
  it("has no gradient any more", function()
    assert.same({ { 2, 0, 2 } }, gradients(function(w)
      local y = w * 2
      y[2] = 0
      return y
    end, leaf { 1, 1, 1 }))
    for _, write in ipairs { function(y) y:fill_(1) end, function(y) y:uniform_(0, 1) end,
      function(y) y:normal_(0, 1) end, function(y) y:assign(rnn.ones(2)) end, function(y) y[y:gt(0)] = 1 end } do
      assert.same({ { 0, 0 } }, gradients(function(w)
        local y = w * 2
        write(y)
        return y
      end, leaf { 1, 1 }))
    end
  end)

  it("has none in views that were taken before, either", function()
    assert.same({ { { 0, 0 }, { 6, 6 } } }, gradients(function(w)
      local y = w * 2
      local first, second = y[1], y[2]
      y[1] = 0
      assert.same({ 0, 0 }, values(first))
      return first + 3 * second
    end, leaf { { 1, 1 }, { 1, 1 } }))
  end)

  it("keeps what was computed from it before", function()
    assert.same({ { 2 + 3, 2 } }, gradients(function(w)
      local y = w * 1
      local before = y * 2
      y[1] = 5
      return before + 3 * rnn.concat({ y:slice(1, 1, 1) * 0 + w:slice(1, 1, 1), y:slice(1, 2, 2) * 0 }, 1)
    end, leaf { 1, 1 }))
  end)

  it("reaches a view whose backward runs under no_grad", function()
    local x, w = rnn.zeros(2, 2), leaf { 1, 1 }
    local view = x:rows(2, 2)
    x[2] = w
    rnn.no_grad(function() view:retain_grad():backward(rnn.ones(1, 2)) end)
    assert.same({ 1, 1 }, values(w.grad))
    assert.same({ { 1, 1 } }, values(view.grad))
  end)

  it("is handed on, so that T rows cost T rows", function()
    local steps = 3000
    local w, out = rnn.ones(64):requires_grad(true), rnn.zeros(steps, 64)
    core.reset_peak()
    for t = 1, steps do out[t] = w end
    local loss, live = out:sum(), rnn.memory().live
    loss:backward()
    assert.equal(steps, w.grad[1])
    assert(rnn.memory().peak < live + 8 * steps * 64 * 4)
  end)
end)

describe("a parameter", function()
  it("takes numbers, and values of others, through parts of every kind", function()
    local lstm = nn.LSTM(2, 3)
    lstm.bias_ih_l0:rows(3, 4):fill_(7)
    lstm.bias_ih_l0[1] = 5
    assert.same({ 5, 0, 7, 7 }, values(lstm.bias_ih_l0:rows(1, 4)))
    local a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    a.weight:assign(b.weight)
    assert.same(values(b.weight), values(a.weight))
    assert.is_true(a.weight:requires_grad())
    a.weight[rnn.tensor({ 2 }, "int32")] = 3
    a.weight[a.weight:lt(3)] = rnn.tensor(4)
    assert.same({ 3, 3 }, values(a.weight[2]))
    assert.is_nil(a.weight.grad)
  end)

  it("has no gradient of what was computed before requires_grad(false)", function()
    local w, v = leaf { 1, 2 }, leaf { 3, 4 }
    local y = (w * v):sum() + w:sum()
    w:requires_grad(false)
    y:backward()
    assert.is_nil(w.grad)
    assert.same({ 1, 2 }, values(v.grad))
  end)

  it("has none either when it became a result since", function()
    local w, v = leaf { 1, 2 }, leaf { 3, 4 }
    local y = (w + w):sum() + v:sum()
    w:requires_grad(false)
    w[1] = v[2]
    y:backward()
    assert.is_nil(w.grad)
    assert.same({ 1, 1 }, values(v.grad))
    w:sum():backward()
    assert.is_nil(w.grad)
    assert.same({ 1, 2 }, values(v.grad))
  end)

  it("takes no history", function()
    local w, v = leaf { 1, 2 }, leaf { 3, 4 }
    for _, write in ipairs { function() w:assign(v * 2) end, function() w:rows(1, 1):assign(v:rows(1, 1) * 2) end,
      function() w[1] = (v * 2):sum() end, function() w[1] = v:sum() end, function() w:rows(1, 2):assign(v) end,
      function() w[w:gt(0)] = v end, function() w[rnn.tensor({ 1, 2 }, "int32")] = v end } do
      assert.error_matches(write, "cannot be written into a parameter")
    end
    rnn.no_grad(function() w:assign(v * 2) end)
    assert.same({ 6, 8 }, values(w))
  end)
end)

it("a result whose history is used up takes numbers in every way", function()
  local w = leaf { 1, 2 }
  local y = w * 2
  y:sum():backward()
  y[1] = 5
  y[y:detach():gt(4.5)] = 6
  y[rnn.tensor({ 2 }, "int32")] = 7
  assert.same({ 6, 7 }, values(y))
  assert.error_matches(function() y[1] = (w * 3):sum() end, "has already *\n*consumed")
end)

describe("a part", function()
  local sharing = {
    rows = function(x) return x:rows(1, 2) end,
    ["x[i]"] = function(x) return x[1] end,
    slice = function(x) return x:slice(2, 2, 3) end,
    select = function(x) return x:select(2, 1) end,
    transpose = function(x) return x:transpose(1, 2) end,
    reshape = function(x) return x:reshape(-1) end,
    detach = function(x) return x:detach() end,
    with_lengths = function(x) return x:with_lengths { 1, 2 } end,
    without_lengths = function(x) return x:without_lengths() end,
    split = function(x) return rnn.split(x, 2, { 1, 2 })[2] end,
    ["of a part"] = function(x) return x:slice(2, 2, 3):transpose(1, 2)[1] end,
  }
  for name, take in pairs(sharing) do
    for _, history in ipairs { "none", "a parameter", "a result" } do
      it("shares memory: " .. name .. ", " .. history, function()
        local x = rnn.zeros(2, 3)
        if history ~= "none" then x:requires_grad(true) end
        if history == "a result" then x = x * 1 end
        local part = take(x)
        part:fill_(7)
        assert.equal(7 * part:count(), x:detach():sum():item())
        x:fill_(2)
        assert.equal(2 * part:count(), part:detach():without_lengths():sum():item())
      end)
    end
  end

  it("that had to be copied refuses to be written into", function()
    local x = rnn.zeros(3, 2)
    local ids = rnn.tensor({ 1, 2 }, "int32")
    for _, copied in ipairs { x:gather(1, ids), x[ids], x[x:eq(0)], x:transpose(1, 2):reshape(6), x:gather(1, ids)[1],
      x:gather(1, ids):detach(), x:windows(ids, 1), x:gather(1, ids):slice(2, 1, 1):detach(),
      x:diag(), x:diag(-1):unsqueeze(1), x:last(), x:take_along_axis(rnn.ones(1, 2):to_int(), 1),
      x:broadcast_to { 2, 3, 2 },
      x[ids]:transpose(1, 2):detach(), x[ids]:slice(2, 2, 1, -1):detach():unsqueeze(1) } do
      assert.error_matches(function() copied:fill_(1) end, "would not reach the tensor that it was taken from")
      assert.error_matches(function() copied:uniform_(0, 1) end, "would not reach")
      assert.error_matches(function() copied[1] = 1 end, "would not reach")
      copied:copy():fill_(1)
    end
    rnn.ones(3):diag():fill_(2) -- a matrix of its own
  end)

  it("may be written into its own whole, overlapping", function()
    local x = rnn.tensor { 1, 2, 3, 4 }
    x:rows(2, 4):assign(x:rows(1, 3))
    assert.same({ 1, 1, 2, 3 }, values(x))
    x = rnn.tensor { { 1, 2 }, { 3, 4 } }
    x:assign(x:transpose(1, 2))
    assert.same({ { 1, 3 }, { 2, 4 } }, values(x))
  end)

  it("in the way of every op gives what a copy gives", function()
    local x = rnn.rand(4, 3):transpose(1, 2)
    local y = x:copy()
    for name, op in pairs(core.methods) do
      local a, b
      local function run(t)
        rnn.seed(1)
        return table.pack(pcall(op, t))
      end
      if not name:find("_$") then a, b = run(x), run(y) end
      if b and b[1] and core.is_tensor(b[2]) then
        assert.is_true(a[1], name)
        assert.same(values(b[2]), values(a[2]), name)
      end
    end
  end)
end)

describe("backward refuses saved values that have changed,", function()
  local function refused(change, x)
    local v = rnn.ones(2):requires_grad(true)
    local y = (x * v):sum()
    change()
    assert.error_matches(function() y:backward() end, "was changed in place")
  end

  it("through every method that changes a tensor", function()
    local arguments = { fill_ = { 3 }, uniform_ = { 0, 1 }, normal_ = { 0, 1 }, orthogonal_ = {}, exponential_ = {},
      truncated_normal_ = {}, bernoulli_ = {}, assign = { rnn.ones(1, 2) }, set = { 1, 1, 3 } }
    for name in pairs(core.methods) do
      if name:find("_$") then assert(arguments[name], name .. " has no case here") end
    end
    for name, list in pairs(arguments) do
      local x = rnn.ones(1, 2)
      refused(function() x[name](x, table.unpack(list)) end, x)
    end
    local x = rnn.ones(2)
    refused(function() x[1] = 4 end, x)
    refused(function() x[{ 1 }] = 4 end, x)
    refused(function() x[{ rnn.tensor({ 1 }, "int32") }] = 4 end, x)
    refused(function() x[x:eq(4)] = 5 end, x)
    refused(function() x[rnn.tensor({ 1 }, "int32")] = 6 end, x)
    refused(function() x:rows(1, 1):fill_(7) end, x)
  end)

  it("through gradients that are added to, clipped and scaled", function()
    local w = rnn.ones(2):requires_grad(true)
    local function add() (w * w):sum():backward() end
    add()
    refused(add, w.grad)
    refused(function() optim.clip_grad_norm({ w }, 0.1) end, w.grad)
    refused(function() optim.clip_grad_value({ w }, 0.01) end, w.grad)
    refused(function() core.scale_grad({ w }, 2) end, w.grad)
  end)

  it("through optimisers, averages and running statistics", function()
    local w = rnn.ones(2):requires_grad(true)
    ;(w * 2):sum():backward()
    local sgd = optim.SGD({ w }, { lr = 0.1, momentum = 0.9 })
    refused(function() sgd:step() end, w)
    refused(function() sgd:step() end, sgd.state[1])
    local average = rnn.ones(2)
    refused(function() core.average_step({ average }, { w }, 0.9) end, average)
    local norm = nn.BatchNorm(2)
    refused(function() norm(rnn.randn(4, 2)) end, norm.running_mean)
  end)
end)

describe("a failed", function()
  it("op has drawn no random numbers", function()
    local x = rnn.ones(64)
    for n = 1, 20 do
      rnn.seed(5)
      core.fail_allocation(n)
      local ok = pcall(core.dropout, x, 0.5, true)
      core.fail_allocation(0)
      if ok then break end
      assert.equal(0, core.random_position())
    end
    rnn.seed(5)
    local first = values(rnn.rand(3))
    rnn.seed(5)
    core.fail_allocation(1)
    pcall(rnn.rand, 3)
    core.fail_allocation(0)
    assert.same(first, values(rnn.rand(3)))
  end)

  it("backward has changed no gradient", function()
    local w, u = rnn.ones(3):requires_grad(true), rnn.ones(3):requires_grad(true)
    ;(w * u):sum():backward()
    local h = w * 2
    local bad = h:exp()
    local loss = (bad:sum() + (u * w):sum())
    rnn.no_grad(function() bad:fill_(1) end) -- noticed when part of the gradients is there
    assert.is_false((pcall(loss.backward, loss)))
    assert.same({ { 1, 1, 1 }, { 1, 1, 1 } }, { values(w.grad), values(u.grad) })
  end)
end)

-- Where numbers end: values and gradients at infinities, NaN, zeros and numbers too large for their squares. In double
-- every number is PyTorch's (tests/reference/make_edges.py).
local rnn = require "rnn"
local core = require "rnn.core"
local nn = rnn.nn
local nan, inf = 0 / 0, math.huge

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(pattern, 1, true), message)
end

local WORDS = { inf = inf, ["-inf"] = -inf, nan = nan, ["-0.0"] = -0.0 }
local function numbers(list)
  local t = {}
  for i, v in ipairs(list) do t[i] = WORDS[v] or v end
  return t
end

-- Equal, NaN to NaN, or within some units of the last place of want, or of unit.
local function same(got, want, unit)
  if want ~= want or got ~= got then return want ~= want and got ~= got end
  return got == want or math.abs(got - want) <= 1e-15 * math.max(math.abs(want), unit or 0)
end

local function compare(case, what, got, want)
  local unit = #want == 3 and 3 or 0 -- softmax and the like, which take differences of terms of about 1
  for i, v in ipairs(want) do
    if not same(got[i], v, unit) then
      error(("%s of %s at %d: %s, PyTorch has %s"):format(what, case, i, got[i], v), 0)
    end
  end
end

local function run(case)
  local xs, all, rest = {}, {}, {}
  for i, x in ipairs(case.x) do xs[i] = core.tensor(numbers(x)):requires_grad(true) end
  for i, value in ipairs(case.rest) do rest[i] = value end
  table.move(xs, 1, #xs, 1, all)
  if rest[1] == "label 2" then
    all = { xs[1]:reshape(1, -1), core.tensor({ 2 }, "int32") }
  else
    table.move(rest, 1, #rest, #xs + 1, all)
  end
  local y = core[case.op](table.unpack(all)):reshape(-1)
  local name = ("%s(%s)"):format(case.op, #case.x[1] < 4 and table.concat(case.x[1], ", ") or "...")
  compare(name, "value", y:totable(), numbers(case.y))
  if #case.dx == 0 or not y:requires_grad() then return end
  y:backward(core.arange(#y):to_float())
  for i, dx in ipairs(case.dx) do
    compare(name, ("gradient by argument %d"):format(i), xs[i].grad:totable(), numbers(dx))
  end
end

describe("at the edge of numbers", function()
  if rnn.precision() == "double" then
    it("values and gradients are those of PyTorch", function()
      local file <close> = assert(io.open("tests/reference/edges.json"))
      local cases = assert(rnn.json_decode(file:read "a")).cases
      assert.is_true(#cases > 100)
      for _, case in ipairs(cases) do run(case) end
    end)
  end

  it("softsign is 1 or -1 at infinity, as op and in the engine", function()
    local x = rnn.tensor { inf, -inf, 0, 1 }:requires_grad(true)
    local y = core.softsign(x)
    assert.same({ 1, -1, 0, 0.5 }, y:totable())
    y:sum():backward()
    assert.same({ 0, 0, 1, 0.25 }, x.grad:totable())
    local cell = nn.RNN(1, 1, { activation = "softsign" })
    for _, p in ipairs(cell:parameters()) do p:fill_(1) end
    cell.bias_ih_l0:fill_(inf)
    assert.equal(1, cell(rnn.zeros(1, 1, 1)):item())
  end)

  it("binary cross entropy of an infinite logit is 0 or infinite", function()
    for _, case in ipairs { { inf, 1, 0, 0 }, { inf, 0, inf, 1 }, { -inf, 0, 0, 0 }, { -inf, 1, inf, -1 },
        { inf, 0.5, inf, 0.5 }, { 1e30, 1, 0, 0 }, { -1e30, 0, 0, 0 }, { nan, 1, nan, nan } } do
      local x = rnn.tensor { case[1] }:requires_grad(true)
      local loss = nn.binary_cross_entropy(x, rnn.tensor { case[2] })
      assert.is_true(same(loss:item(), case[3]), ("%s %s"):format(case[1], case[2]))
      loss:backward()
      assert.is_true(same(x.grad:get(1), case[4]), ("gradient at %s %s"):format(case[1], case[2]))
    end
  end)

  it("a constant row or column with eps 0 becomes 0, with a gradient of 0", function()
    for _, v in ipairs { 0.1, 1 / 3, -7.3, 1e30, 0 } do
      local x = core.full({ 3, 5 }, v):requires_grad(true)
      local y = core.layer_norm(x, rnn.ones(5), rnn.zeros(5), 0)
      assert.equal(0, y:abs():max():item())
      y:sum():backward()
      assert.equal(0, x.grad:abs():max():item())
      x = core.full({ 3, 5 }, v):requires_grad(true)
      y = core.batch_norm(x, rnn.ones(5), rnn.zeros(5), rnn.zeros(5), rnn.ones(5), 0.9, 0, true)
      assert.equal(0, y:abs():max():item())
      y:sum():backward()
      assert.equal(0, x.grad:abs():max():item())
    end
  end)

  it("x^0 is 1 with a gradient of 0 everywhere", function()
    local x = rnn.tensor { 0, -0.0, 2, -3, inf, -inf, nan }:requires_grad(true)
    local y = x ^ 0
    assert.same({ 1, 1, 1, 1, 1, 1, 1 }, y:totable())
    y:sum():backward()
    assert.same({ 0, 0, 0, 0, 0, 0, 0 }, x.grad:totable())
  end)

  it("clamp wants limits in order", function()
    fails("clamp: expected limits low <= high, got 3 and 2", core.clamp, rnn.zeros(1), 3, 2)
    fails("clamp: expected limits low <= high, got nan and 2", core.clamp, rnn.zeros(1), nan, 2)
  end)
end)

describe("numbers that an argument cannot be", function()
  it("a delta of 0, below, or nan", function()
    local x, y = rnn.ones(2), rnn.zeros(2)
    for _, f in ipairs { core.huber, nn.huber } do
      for _, delta in ipairs { 0, -1, nan } do fails("positive", f, x, y, delta) end
    end
    assert.equal(0.5, core.huber(x, y):item())
    assert.equal(0.5, core.huber(x, y, nil):item())
  end)

  it("a blank of 0", function()
    local x, labels = rnn.zeros(1, 3, 4), rnn.tensor({ { 1 } }, "int32")
    fails("the blank, class 0", core.ctc_loss, x, labels, 0)
    assert.equal(core.ctc_loss(x, labels, 4):item(), core.ctc_loss(x, labels):item())
  end)

  it("limits of random numbers that are not in order or not finite", function()
    local x = rnn.zeros(3)
    for _, limits in ipairs { { 1, 0 }, { nan, 1 }, { 0, nan }, { 0, inf }, { -inf, 0 } } do
      fails("uniform_: expected low <= high", x.uniform_, x, limits[1], limits[2])
    end
    for _, of in ipairs { { 0, -1 }, { nan, 1 }, { 0, nan }, { 0, inf }, { inf, 1 } } do
      fails("normal_: expected a mean and a deviation", x.normal_, x, of[1], of[2])
    end
    fails("orthogonal_: expected a finite gain, got nan", function() rnn.zeros(2, 2):orthogonal_(1, nan) end)
    assert.same({ 0, 0, 0 }, x:totable())
    assert.same({ 5, 5, 5 }, x:uniform_(5, 5):totable())
  end)

  it("nan is written without a sign, whatever made it", function()
    local minus = -(0 / 0)
    for _, v in ipairs { nan, minus, inf - inf } do
      local _, message = pcall(core.huber, rnn.ones(1), rnn.ones(1), v)
      assert.truthy(message:find("got nan", 1, true), message)
      _, message = pcall(core.to_int, rnn.tensor { v })
      assert.truthy(message:find("element 1 is nan", 1, true), message)
      _, message = pcall(core.clip_grad_norm, {}, v)
      assert.truthy(message:find("got nan", 1, true), message)
      _, message = pcall(core.dropout, rnn.ones(1), v)
      assert.truthy(message:find("got nan", 1, true), message)
    end
  end)
end)

describe("uniform numbers", function()
  it("never reach their upper limit by rounding", function()
    rnn.seed(1)
    for _, limits in ipairs { { 100, 101 }, { 1e6, 1e6 + 1 }, { -1, 0 }, { 16777215, 16777216 }, { -1e30, 1e30 } } do
      local x = rnn.zeros(1 << 20):uniform_(limits[1], limits[2])
      assert.is_true(x:max():item() < limits[2], limits[2])
      assert.is_true(x:min():item() >= limits[1], limits[1])
    end
  end)

  it("of a normal distribution stay finite", function()
    local most = rnn.precision() == "double" and 2e307 or 3.9e37
    assert.equal(1, rnn.zeros(1 << 20):normal_(0, most):is_finite():min():item())
    fails("normal_:", function() rnn.zeros(1):normal_(0, 10 * most) end)
  end)
end)

describe("what an op does not need for its gradient", function()
  it("is not kept: fifty times y + 1 take the memory of one", function()
    local x = rnn.zeros(1 << 20):requires_grad(true)
    collectgarbage()
    local before = rnn.memory().live
    local y = x
    for _ = 1, 50 do y = y + 1 end
    collectgarbage()
    assert.is_true(rnn.memory().live - before < 3 * 8 << 20)
    y:sum():backward()
    assert.equal(1, x.grad:min():item())
  end)

  it("may change before backward", function()
    local a, w = rnn.ones(3):requires_grad(true), rnn.full({ 3 }, 2)
    local sum, product = a + w, a * 3
    w:fill_(7)
    a:detach():fill_(9)
    ;(sum:sum() + product:sum()):backward()
    assert.same({ 4, 4, 4 }, a.grad:totable())
  end)
end)

describe("a scaler", function()
  for _, size in ipairs { 1e30, 1e-30, 3e37 } do
    it("scales columns of size " .. size, function()
      local x = rnn.tensor { { size, 1 }, { -size, 1 }, { size, 1 }, { -size, 1 } }
      for _, kind in ipairs { "standard", "minmax" } do
        local scaler = rnn.data.Scaler { kind = kind }:fit(x)
        local y = scaler:transform(x):totable()
        assert.equal(1, math.abs(y[1][1]), kind)
        assert.equal(kind == "minmax" and 0 or -1, y[2][1])
        assert.equal(0, y[1][2])
        local back = scaler:inverse(scaler:transform(x))
        assert.is_true(((back - x):abs() / size):max():item() < 1e-6)
      end
    end)
  end

  it("makes a constant column 0, whatever the constant", function()
    for _, v in ipairs { 0.1, 1 / 3, -7.3e20 } do
      local x = core.full({ 7, 1 }, v)
      for _, kind in ipairs { "standard", "minmax" } do
        local scaler = rnn.data.Scaler { kind = kind }:fit(x)
        assert.equal(0, scaler:transform(x):abs():max():item())
        assert.same(x:totable(), scaler:inverse(scaler:transform(x)):totable())
      end
    end
  end)

  it("refuses columns whose range no number holds", function()
    local most = rnn.precision() == "double" and 1.7e308 or 3.3e38
    fails("column 1", function()
      rnn.data.Scaler { kind = "minmax" }:fit(rnn.tensor { { most }, { -most } })
    end)
  end)
end)

describe("a type that differs is named", function()
  it("wherever shapes are compared", function()
    local float, int = rnn.zeros(2), rnn.zeros { 2, type = "int32" }
    local model = nn.Linear(2, 2)
    local state = model:state_dict()
    state.bias = int
    local cases = {
      assign = function() float:assign(int) end,
      row = function() rnn.zeros(2, 2)[1] = int end,
      concat = function() core.concat({ float, int }, 1) end,
      stack = function() core.stack({ float, int }, 1) end,
      optimizer_step = function() core.optimizer_step({ kind = "sgd" }, { float }, { int }) end,
      average_step = function() core.average_step({ float }, { int }, 0.5) end,
      load_state_dict = function() model:load_state_dict(state) end,
      backward = function() (rnn.ones(2):requires_grad(true) * 2):backward(int) end,
      linear = function() core.linear(rnn.ones(1, 2), rnn.zeros(2, 2), int) end,
      layer_norm = function() core.layer_norm(rnn.ones(1, 2), int, float, 0) end,
      mse = function() core.mse(float, int) end,
      gru = function() nn.GRU(2, 2)(rnn.ones(1, 1, 2), { rnn.zeros { 1, 2, type = "int32" } }) end,
    }
    for name, f in pairs(cases) do
      local ok, message = pcall(f)
      assert.is_false(ok, name)
      assert.truthy(message:find("int32", 1, true), name .. ": " .. message)
    end
  end)
end)

-- Coroutines and what the library changes for a while: it is never changed for anybody else.
local core = require "rnn.core"
local nn = require "rnn.nn"
local optim = require "rnn.optim"
local train = require "rnn.train"

local function recorded()
  return (core.ones(2):requires_grad(true) * 2):sum():requires_grad()
end

-- f runs in a coroutine that yields inside of it; what is so then must be as before.
local function yields(f)
  local co = coroutine.create(f)
  local ok, message = coroutine.resume(co, coroutine.yield)
  return ok, message, co
end

describe("recording", function()
  after_each(function()
    assert.is_true(core.recording())
    assert.is_true(recorded())
    assert.is_false(core.check_finite(false))
  end)

  it("is on where a coroutine that yields out of no_grad yields to", function()
    local ok, message = yields(function(yield) core.no_grad(yield, 1) end)
    assert.is_false(ok)
    assert.truthy(message:find("coroutine_spec.lua:%d+: no_grad: a coroutine cannot yield from inside of it"), message)
    ok = yields(function(yield) core.no_grad(function() core.no_grad(yield) end) end)
    assert.is_false(ok)
    ok = yields(function(yield) core.no_grad(function() return pcall(yield) end) yield(1) end)
    assert.is_true(ok)
  end)

  it("is on when a coroutine is dropped, closed or ends with an error", function()
    for _, f in ipairs {
      function() core.no_grad(error, "x") end,
      function(yield) core.no_grad(yield) end,
      function(yield) core.no_grad(function() local _ <close> = setmetatable({}, { __close = yield }) end) end,
      function(yield) core.no_grad(function() coroutine.wrap(function() core.no_grad(yield) end)() end) end,
    } do
      local _, _, co = yields(f)
      coroutine.close(co)
      collectgarbage()
      assert.is_true(core.recording())
    end
    pcall(coroutine.wrap(function() core.no_grad(coroutine.yield) end))
  end)

  it("is off in coroutines that run inside of no_grad", function()
    local off = coroutine.wrap(function()
      while true do coroutine.yield(recorded()) end
    end)
    assert.is_true(off())
    assert.is_false(core.no_grad(off))
    assert.is_false(core.no_grad(function() return coroutine.wrap(recorded)() end))
    assert.is_true(off())
    local seen = {}
    core.no_grad(function()
      for value in coroutine.wrap(function() for i = 1, 2 do coroutine.yield(i) end end) do seen[value] = recorded() end
    end)
    assert.same({ false, false }, seen)
  end)

  it("is on after results and errors of any kind, in a coroutine as well", function()
    assert.same({ 1, nil, 3 }, { core.no_grad(function(...) return ... end, 1, nil, 3) })
    local object = {}
    local _, got = pcall(core.no_grad, error, object)
    assert.equal(object, got)
    assert.is_true(coroutine.wrap(function() return core.no_grad(recorded) == false and recorded() end)())
  end)
end)

describe("a coroutine that yields", function()
  -- Each gets a function to call where the user's code runs, with a model and its data.
  local model, x, y
  before_each(function()
    model = nn.Sequential { nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1) }
    x, y = core.ones(4, 2), core.ones(4, 1)
  end)

  local function batches(yield)
    local given = 0
    return function()
      given = given + 1
      if given == 2 then yield(1) end
      if given <= 3 then return x, y end
      given = 0
    end
  end

  local users = {
    evaluate = function(yield) train.evaluate(model, batches(yield), { loss = "mse" }) end,
    predict = function(yield)
      model[2].forward = function(_, v)
        yield(1)
        return v
      end
      train.predict(model, x)
    end,
    find_lr = function(yield)
      train.find_lr(model, { data = batches(yield), loss = "mse", optimizer = optim.SGD(model:parameters()) })
    end,
    ["find_lr's loss"] = function(yield)
      train.find_lr(model, { data = batches(function() end), loss = function(...)
        yield(1)
        return nn.mse(...)
      end, optimizer = optim.SGD(model:parameters()) })
    end,
    summary = function(yield)
      model[2].forward = function(_, v)
        yield(1)
        return v
      end
      model:summary(4, 2)
    end,
  }
  for name, user in pairs(users) do
    it("out of " .. name .. " is told so and leaves everything as it was", function()
      local before, random = model:state_dict(), core.random_state()
      for key, t in pairs(before) do before[key] = t:copy() end
      local ok, message = yields(user)
      assert.is_false(ok)
      assert.truthy(message:find("a coroutine cannot yield from inside of it", 1, true), message)
      assert.is_true(core.recording())
      for _, pair in ipairs(model:modules()) do assert.is_true(pair[2].training) end
      for key, t in pairs(model:state_dict()) do assert.equal(0, (t - before[key]):abs():max():item()) end
      assert.same(random, core.random_state())
    end)
  end
end)

describe("an error of a wrapped coroutine", function()
  it("has the place where it was raised, and before it a script's own line, but none of the library's", function()
    local function failing() return coroutine.wrap(function() error "of the data" end) end
    local _, plain = pcall(function() failing()() end)
    assert.matches("^%S*coroutine_spec.lua:%d+: %S*coroutine_spec.lua:%d+: of the data$", plain) -- as in Lua
    local _, message = pcall(train.predict, nn.Linear(2, 1), failing())
    assert.matches("^%S*coroutine_spec.lua:%d+: of the data$", message)
  end)
end)

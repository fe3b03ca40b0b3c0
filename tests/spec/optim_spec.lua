-- Optimisers: each against its formula in plain numbers, resuming, clipping, messages.
local core = require "rnn.core"
local nn = require "rnn.nn"
local optim = require "rnn.optim"

local TOLERANCE = core.precision == "double" and 1e-12 or 1e-5

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^ ]*:%d+: ", ""))
end

-- The path of p under gradients 2 p - 1, in steps, through make(params).
local function path(make, steps)
  local p = core.tensor { 0.7 }:requires_grad(true)
  local opt = make { p }
  local values = {}
  for i = 1, steps do
    opt:zero_grad()
    local loss = (p:square() - p):sum()
    loss:backward()
    opt:step()
    values[i] = p:get(1)
  end
  return values, opt
end

-- The same in numbers: update(p, g, step, memory) -> new p.
local function expected(update, steps)
  local p, memory, values = 0.7, {}, {}
  for i = 1, steps do
    p = update(p, 2 * p - 1, i, memory)
    values[i] = p
  end
  return values
end

local function adam(settings)
  return function(p, g, step, s)
    local lr, decay = settings.lr or 0.001, settings.weight_decay or 0
    if settings.decoupled then p = p - lr * decay * p else g = g + decay * p end
    s.m, s.v = 0.9 * (s.m or 0) + 0.1 * g, 0.999 * (s.v or 0) + 0.001 * g * g
    return p - lr * s.m / (1 - 0.9 ^ step) / (math.sqrt(s.v / (1 - 0.999 ^ step)) + 1e-7)
  end
end

local function nadam(p, g, step, s)
  local function mu(t) return 0.9 * (1 - 0.5 * 0.96 ^ (t / 250)) end
  s.m, s.v, s.product = 0.9 * (s.m or 0) + 0.1 * g, 0.999 * (s.v or 0) + 0.001 * g * g, (s.product or 1) * mu(step)
  local m = mu(step + 1) * s.m / (1 - s.product * mu(step + 1)) + (1 - mu(step)) * g / (1 - s.product)
  return p - 0.002 * m / (math.sqrt(s.v / (1 - 0.999 ^ step)) + 1e-7)
end

local cases = {
  { "SGD", {}, function(p, g) return p - 0.01 * g end },
  { "SGD", { lr = 0.1, momentum = 0.9 }, function(p, g, _, s)
    s.v = 0.9 * (s.v or 0) + g
    return p - 0.1 * s.v
  end },
  { "SGD", { lr = 0.1, momentum = 0.9, nesterov = true }, function(p, g, _, s)
    s.v = 0.9 * (s.v or 0) + g
    return p - 0.1 * (g + 0.9 * s.v)
  end },
  { "SGD", { lr = 0.1, weight_decay = 0.01 }, function(p, g) return p - 0.1 * (g + 0.01 * p) end },
  { "RMSprop", { lr = 0.01 }, function(p, g, _, s)
    s.v = 0.9 * (s.v or 0) + 0.1 * g * g
    return p - 0.01 * g / (math.sqrt(s.v) + 1e-7)
  end },
  { "RMSprop", { lr = 0.01, rho = 0.5, momentum = 0.3 }, function(p, g, _, s)
    s.v = 0.5 * (s.v or 0) + 0.5 * g * g
    s.b = 0.3 * (s.b or 0) + g / (math.sqrt(s.v) + 1e-7)
    return p - 0.01 * s.b
  end },
  { "Adam", {}, adam {} },
  { "Adam", { lr = 0.02, weight_decay = 0.1 }, adam { lr = 0.02, weight_decay = 0.1 } },
  { "AdamW", { lr = 0.02 }, adam { lr = 0.02, weight_decay = 0.004, decoupled = true } },
  { "Nadam", { lr = 0.002 }, nadam },
}

describe("optimisers follow their formulas:", function()
  for _, case in ipairs(cases) do
    local name, options, update = case[1], case[2], case[3]
    local keys = {}
    for key, value in pairs(options) do keys[#keys + 1] = ("%s = %s"):format(key, tostring(value)) end
    table.sort(keys)
    it(("%s { %s }"):format(name, table.concat(keys, ", ")), function()
      local got = path(function(params) return optim[name](params, options) end, 4)
      for i, want in ipairs(expected(update, 4)) do assert.near(want, got[i], TOLERANCE) end
    end)
  end

  it("Nadam after many steps, and it arrives", function()
    local got, want = path(function(params) return optim.Nadam(params, { lr = 0.002 }) end, 150), expected(nadam, 150)
    assert.near(want[150], got[150], 10 * TOLERANCE)
    assert.near(0.5, path(function(params) return optim.Nadam(params, { lr = 0.05 }) end, 300)[300], 1e-2)
  end)
end)

describe("an optimiser", function()
  it("uses the lr it has now", function()
    local p = core.tensor { 1 }:requires_grad(true)
    local opt = optim.SGD({ p }, { lr = 0.5 })
    p:sum():backward()
    opt:step()
    assert.near(0.5, p:get(1), 1e-6)
    opt.lr = 0.25
    opt:step()
    assert.near(0.25, p:get(1), 1e-6)
    opt.lr = -1
    assert.equal("optim.SGD:step: field 'lr': expected a number of 0 or more, got number -1", message_of(opt.step, opt))
    assert.equal(2, opt.steps)
    assert.equal("optim.SGD(lr = -1)", tostring(opt))
  end)

  it("leaves parameters without a gradient alone", function()
    local a, b = core.tensor { 1 }:requires_grad(true), core.tensor { 1 }:requires_grad(true)
    local opt = optim.Adam { a, b }
    a:sum():backward()
    opt:step()
    assert.is_true(a:get(1) < 1)
    assert.equal(1, b:get(1))
    opt:zero_grad()
    assert.is_nil(a.grad)
  end)

  it("resumed from its state_dict goes on as if never stopped", function()
    for _, name in ipairs { "SGD", "RMSprop", "Adam", "AdamW", "Nadam" } do
      local options = name == "SGD" and { momentum = 0.9, lr = 0.1 } or { lr = 0.1 }
      local function train(p, opt, steps)
        for _ = 1, steps do
          opt:zero_grad()
          p:square():sum():backward()
          opt:step()
        end
      end
      local function start() return core.tensor { 0.7, -2 }:requires_grad(true) end
      local p, q = start(), start()
      local whole, first = optim[name]({ p }, options), optim[name]({ q }, options)
      train(p, whole, 6)
      train(q, first, 3)
      local saved, stopped = first:state_dict(), q:copy():requires_grad(true)
      train(q, first, 1) -- must not reach into what was saved
      local second = optim[name] { stopped }
      second:load_state_dict(saved)
      train(stopped, second, 3)
      assert.same(p:totable(), stopped:totable(), name)
      assert.equal(6, second.steps)
      assert.equal(0.1, second.lr)
    end
  end)

  it("refuses a state of another kind or of other shapes, and stays as it was", function()
    local function params(...) return { core.zeros(...):requires_grad(true) } end
    local sgd, adam_2, adam_3 = optim.SGD(params(2)), optim.Adam(params(2)), optim.Adam(params(3))
    assert.equal("optim.Adam:load_state_dict: kind: expected 'adam', got string 'sgd'",
      message_of(adam_2.load_state_dict, adam_2, sgd:state_dict()))
    assert.equal("optim.Adam:load_state_dict: state[1]: expected shape (2), got tensor (3) float",
      message_of(adam_2.load_state_dict, adam_2, adam_3:state_dict()))
    local broken = adam_2:state_dict()
    broken.settings.lr = -1
    assert.equal("optim.Adam:load_state_dict: setting 'lr': expected a number of 0 or more, got number -1",
      message_of(adam_2.load_state_dict, adam_2, broken))
    assert.equal(0.001, adam_2.lr)
  end)

  it("says what it wants", function()
    local model = nn.Linear(2, 1)
    local list = "a list of tensors that require a gradient, such as model:parameters()"
    assert.equal(("optim.SGD: argument 1 (params): expected %s, got nn.Linear(2 -> 1)"):format(list),
      message_of(optim.SGD, model))
    assert.equal(("optim.SGD: argument 1 (params): expected %s, got table"):format(list), message_of(optim.SGD, {}))
    assert.equal("optim.SGD: argument 1 (params[2]): expected a tensor that requires a gradient, got number 1",
      message_of(optim.SGD, { model.weight, 1 }))
    assert.equal("optim.SGD: argument 1 (params[1]): expected a tensor that requires a gradient, got one that does "
      .. "not: tensor (2) float", message_of(optim.SGD, { core.zeros(2) }))
    assert.equal("optim.SGD: argument 1 (params[2]) is the same tensor as params[1]",
      message_of(optim.SGD, { model.weight, model.weight }))
    assert.equal("optim.Adam: option 'lr': expected a positive number, got number -0.1",
      message_of(optim.Adam, model:parameters(), { lr = -0.1 }))
    assert.equal("optim.Adam: option 'beta1': expected a number from 0 to below 1, got number 1",
      message_of(optim.Adam, model:parameters(), { beta1 = 1 }))
    assert.equal("optim.SGD: unknown option 'rate'; known: lr, momentum, nesterov, weight_decay",
      message_of(optim.SGD, model:parameters(), { rate = 1 }))
  end)
end)

describe("clipping", function()
  local function with_gradients(...)
    local params = {}
    for i, g in ipairs { ... } do
      params[i] = core.zeros(#g):requires_grad(true)
      local loss = (params[i] * core.tensor(g)):sum()
      loss:backward()
    end
    return params
  end

  it("by norm scales all gradients together to exactly the limit, and only above it", function()
    local params = with_gradients({ 3, 0 }, { 0, 4 })
    assert.near(5, optim.clip_grad_norm(params, 10), 1e-6)
    assert.same({ 3, 0 }, params[1].grad:totable())
    assert.near(5, optim.clip_grad_norm(params, 2), 1e-6)
    assert.near(1.2, params[1].grad[1], 1e-6)
    assert.near(1.6, params[2].grad[2], 1e-6)
    assert.near(2, optim.clip_grad_norm(params, 2), 1e-6)
  end)

  it("by value cuts single elements and counts them", function()
    local params = with_gradients({ 3, -0.5 }, { -4, 1 })
    assert.equal(2, optim.clip_grad_value(params, 1))
    assert.same({ { 1, -0.5 }, { -1, 1 } }, { params[1].grad:totable(), params[2].grad:totable() })
  end)

  it("wants a positive limit and parameters", function()
    local params = with_gradients { 1 }
    assert.equal("optim.clip_grad_norm: argument 2 (max_norm): expected a positive number, got nil",
      message_of(optim.clip_grad_norm, params))
    assert.equal("optim.clip_grad_value: argument 2 (limit): expected a positive number, got number 0",
      message_of(optim.clip_grad_value, params, 0))
    assert.is_truthy(message_of(optim.clip_grad_norm, nn.Linear(1, 1), 1):find("such as model:parameters()", 1, true))
  end)
end)

-- Schedules: PyTorch's rates (tests/reference/make_schedules.py), state, messages.
local rnn = require "rnn"
local optim = rnn.optim
local schedules = optim.schedules

local file = assert(io.open "tests/reference/schedules.json")
local reference = rnn.json_decode(file:read "a")
file:close()

local function new_optimizer()
  return optim.SGD({ rnn.zeros(1):requires_grad(true) }, { lr = 0.5 })
end

local cases = {
  step = function() return schedules.step { every = 5, factor = 0.3 } end,
  exponential = function() return schedules.exponential { factor = 0.9 } end,
  cosine = function() return schedules.cosine { length = 24, final = 0.01 } end,
  warmup = function() return schedules.warmup { length = 7, start = 0.1 } end,
  warm_cosine = function()
    return schedules.warmup { length = 5, start = 0.1, after = schedules.cosine { final = 0.02 } }
  end,
  one_cycle = function() return schedules.one_cycle { length = 25 } end,
  own = function() return schedules.own(function(t) return 1 / (1 + t) end) end,
  plateau = function()
    return schedules.plateau { factor = 0.5, patience = 2, min_delta = 0.05, cooldown = 2, least = 0.05 }
  end,
  plateau_plain = function() return schedules.plateau { patience = 1 } end,
}

-- The rates of a schedule from t = 0 on, saved and loaded into a new one before step `cut`.
local function rates(name, cut)
  local opt, schedule = new_optimizer(), cases[name]()
  schedule:begin(opt, 24)
  local result, losses = {}, reference.losses
  for i = 1, #losses do
    if i == cut then
      local saved = rnn.json_decode(rnn.json_encode(schedule:state()))
      opt, schedule = new_optimizer(), cases[name]()
      schedule:begin(opt, 24)
      schedule:load_state(saved)
    end
    if name:find "plateau" then
      schedule:advance { val_loss = losses[i] }
      result[i] = opt.lr
    else
      result[i] = opt.lr
      schedule:advance()
    end
  end
  return result
end

describe("optim.schedules", function()
  for name in pairs(cases) do
    it(name .. " gives PyTorch's rates, cut anywhere and gone on", function()
      local got = rates(name)
      assert.equal(24, #got)
      for i, want in ipairs(reference[name]) do assert.near(want, got[i], 1e-12, ("t = %d"):format(i - 1)) end
      for _, cut in ipairs { 2, 9, 20 } do assert.same(got, rates(name, cut)) end
    end)
  end

  it("stays where it ends", function()
    local opt = new_optimizer()
    local schedule = schedules.cosine { length = 3, final = 0.5 }:begin(opt)
    for _ = 1, 9 do schedule:advance() end
    assert.near(0.25, opt.lr, 1e-12)
    schedule = schedules.one_cycle { length = 4, rise = 1 }:begin(opt)
    for _ = 1, 9 do schedule:advance() end
    assert.near(0.25 * 4e-6, opt.lr, 1e-12)
  end)

  it("goes on from a new base", function()
    local opt = new_optimizer()
    local schedule = schedules.exponential { factor = 0.5 }:begin(opt)
    schedule:load_state({ t = 2, base = 0.5 }, 8)
    assert.equal(2, opt.lr)
  end)

  it("says what it wants", function()
    assert.error_matches(function() schedules.step {} end,
      "schedules.step: option 'every': expected a positive integer, got nil")
    assert.error_matches(function() schedules.cosine { final = 2 } end, "'final': expected a number from 0 to 1, got")
    assert.error_matches(function() schedules.cosine { per = "batch" } end, "'per': expected one of 'step', 'epoch'")
    assert.error_matches(function() schedules.one_cycle {}:begin(new_optimizer()) end, "give option 'length'")
    assert.error_matches(function() schedules.warmup { length = 3, after = 1 } end, "'after': expected a schedule")
    assert.error_matches(function()
      schedules.warmup { length = 3, after = schedules.cosine() }:begin(new_optimizer())
    end, "how long 'after' shall be is not known")
    assert.error_matches(function() schedules.own(3) end, "argument 1: expected a function, got number 3")
    assert.error_matches(function()
      schedules.own(function() return "x" end):begin(new_optimizer())
    end, "the function's result: expected a number of at least 0, got string 'x'")
    assert.error_matches(function() schedules.plateau { monitor = "val_mae" }:begin(new_optimizer()):advance {} end,
      "there is no 'val_mae' in this run")
    assert.error_matches(function() schedules.cosine { length = 3 }:begin {} end, "expected an optimiser, such as")
  end)
end)

describe("parameter groups", function()
  local function two()
    local a, b = rnn.ones(2):requires_grad(true), rnn.ones(3):requires_grad(true)
    local loss = a:sum() + b:sum() * 2
    loss:backward()
    return a, b
  end

  it("have settings of their own, and an lr in proportion", function()
    local a, b = two()
    local opt = optim.SGD({ { { a }, weight_decay = 0.5 }, { { b }, lr = 0.01 } }, { lr = 0.1 })
    assert.equal(2, #opt.params)
    opt:step()
    assert.near(1 - 0.1 * (1 + 0.5), a:get(1), 1e-6)
    assert.near(1 - 0.01 * 2, b:get(1), 1e-6)
    opt.lr = 0.2
    opt:step()
    assert.near(0.98 - 0.02 * 2, b:get(1), 1e-6)
    opt.groups[1].own.weight_decay = 0
    local before = a:get(1)
    opt:step()
    assert.near(before - 0.2, a:get(1), 1e-6)
  end)

  it("are the same as one group when they say nothing", function()
    local a, b = two()
    local c, d = two()
    local one, other = optim.Adam { a, b }, optim.Adam { { { c } }, { { d } } }
    for _ = 1, 3 do
      one:step()
      other:step()
    end
    assert.same(a:totable(), c:totable())
    assert.same(b:totable(), d:totable())
  end)

  it("resume, settings and all", function()
    local a, b = two()
    local c, d = a:copy():requires_grad(true), b:copy():requires_grad(true)
    local opt = optim.AdamW({ { { a }, weight_decay = 0 }, { { b }, lr = 0.01 } }, { lr = 0.1 })
    opt:step()
    local other = optim.AdamW { { { c } }, { { d } } }
    other:load_state_dict(opt:state_dict())
    c:assign(a)
    d:assign(b)
    local loss = c:sum() + d:sum() * 2
    loss:backward()
    opt:step()
    other:step()
    assert.same(a:totable(), c:totable())
    assert.same(b:totable(), d:totable())
    assert.error_matches(function() optim.AdamW({ c, d }):load_state_dict(opt:state_dict()) end,
      "groups: expected 1, got 2")
  end)

  it("say what they want", function()
    local a, b = two()
    assert.error_matches(function() optim.SGD { { { a }, rate = 1 } } end, "optim.SGD: group 1: unknown option 'rate'")
    assert.error_matches(function() optim.SGD { { { a } }, { { a } } } end,
      "group 2 %(params%[1%]%) is the same tensor as group 1 %(params%[1%]%)")
    assert.error_matches(function() optim.SGD { { { a } }, { b } } end,
      "group 2 %(params%): expected a list of tensors")
    assert.error_matches(function() optim.SGD { { { a }, lr = -1 } } end, "group 1: option 'lr': expected a positive")
  end)
end)

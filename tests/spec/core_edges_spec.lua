-- rnn.core at its edges: what hostile scripts found (tests/fuzz/api.lua), one test each.
local core = require "rnn.core"

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(message:find(pattern, 1, true), message)
end

describe("lengths", function()
  it("are a copy: later changes of the tensor they came from are not followed unchecked", function()
    local lengths = core.tensor({ 1, 2 }, "int32")
    local x = core.zeros(2, 2, 1):with_lengths(lengths)
    lengths:fill_(1000000)
    x:lengths():fill_(1000000)
    assert.same({ 1, 2 }, x:lengths():totable())
    assert.equal(0, x:mean():item())
  end)

  it("do not keep single elements from being set", function()
    local x = core.zeros(2, 2, 1):with_lengths { 1, 2 }
    assert.equal(7, x:set(2, 1, 1, 7):get(2, 1, 1))
  end)

  it("that do not belong to time are no divisor of a loss", function()
    local logits = core.zeros(2, 3):with_lengths { 1, 2 }
    fails("cross_entropy: logits (2, 3)", core.cross_entropy, logits, core.tensor({ 1, 2 }, "int32"))
  end)

  it("of rows that could not be made leave nothing half made", function()
    local x = core.zeros(4, 2, 1):with_lengths { 1, 2, 0, 1 }
    for n = 1, 4 do
      core.fail_allocation(n)
      pcall(x.rows, x, 2, 3)
      core.fail_allocation(0)
      collectgarbage()
    end
    assert.same({ 2, 0 }, x:rows(2, 3):lengths():totable())
  end)
end)

describe("backward", function()
  it("refuses a history that another backward has consumed in part", function()
    local x = core.ones(2):requires_grad(true)
    local trunk = x:square()
    local first, second = trunk:sum(), trunk:mean()
    first:backward()
    fails("was already consumed by another backward", second.backward, second)
  end)

  it("notices a result that was changed in place", function()
    local x = core.ones(2):requires_grad(true)
    local y = x:exp()
    local loss = y:sum()
    y:fill_(3)
    fails("the result (2,) of exp was changed in place", loss.backward, loss)
  end)
end)

describe("numbers that no element can hold", function()
  local cases = {
    fill_ = function(v) return core.zeros { 2, type = "int32" }:fill_(v) end,
    full = function(v) return core.full({ 2, type = "int32" }, v) end,
    assignment = function(v) core.zeros { 2, 2, type = "int32" }[1] = v end,
  }
  for name, f in pairs(cases) do
    it("are an error in " .. name, function()
      for _, v in ipairs { 0 / 0, 2 ^ 31, -1e300, 0.5 } do fails("expected an integer that fits an int32", f, v) end
    end)
  end
end)

describe("sizes", function()
  it("of nothing are bounded, too: they are multiplied and looped over", function()
    fails("impossible shape (0, 4611686018427387904, 4611686018427387904)", core.zeros, 0, 1 << 62, 1 << 62)
    fails("impossible shape (4294967296, 0)", core.zeros, 1 << 32, 0)
    fails("impossible shape (0, 9007199254740992)", core.reshape, core.zeros(0), 0, 1 << 53)
    assert.equal(0, core.zeros(0, 1 << 20):count())
  end)

  it("below 0 are no sizes, and what follows a table of sizes is an error", function()
    fails("zeros: size 1 of the shape: expected an integer of at least 0, got -1", core.zeros, -1)
    fails("zeros: expected nothing after the table of sizes", core.zeros, { 2 }, "int32")
    fails("zeros: unknown option 'tpye'; did you mean 'type'? the option is type", core.zeros, { 2, tpye = "int32" })
    fails("reshape: expected at most 2 arguments, got 3", core.reshape, core.zeros(4), { 2, 2 }, 4)
  end)

  it("at the ends of the integers are within no tensor", function()
    local x = core.zeros(2, 2)
    fails("rows: ", x.rows, x, math.mininteger, 1)
    fails("rows: ", x.rows, x, 1, math.maxinteger)
    local weights = { core.zeros(1, 1), core.zeros(1, 1), core.zeros(1), core.zeros(1) }
    fails("units", core.recurrent, { cell = "gru", units = 1 << 62 }, core.zeros(1, 1, 1), weights)
    fails("recompute", core.recurrent, { cell = "rnn", units = 1, recompute = math.maxinteger }, core.zeros(1, 1, 1),
      weights)
    assert.equal(0, core.zeros(0, 3):orthogonal_(1 << 60):count())
  end)
end)

it("recording survives an assignment that fails", function()
  local x = core.zeros(2, 2)
  for n = 1, 4 do
    core.fail_allocation(n)
    pcall(function() x[1] = 1 end)
    core.fail_allocation(0)
    assert.is_true(core.recording())
  end
end)

it("a stepper wants its weights, and steps only from what it was made for", function()
  local layer = { w = core.zeros(4, 1), u = core.zeros(4, 1), b = core.zeros(4), d = core.zeros(4) }
  local parts = { { description = { cell = "lstm", units = 1 }, names = { "w", "u", "b", "d" } } }
  local kind, step = {}, core.step()
  local function state(...) return setmetatable({ ... }, kind) end
  local x, h = core.zeros(2, 1), core.zeros(2, 1)
  local function refuses(...) assert.equal(0, select("#", step(...))) end
  refuses(layer, x, state(h, h))
  for _, forged in ipairs { io.stdout, core.zeros(1), 7, {} } do
    kind[1] = forged
    refuses(layer, x, state(h, h))
  end
  core.stepper(layer, parts, 2, kind)
  local y, new = step(layer, x, state(h, h))
  assert.equal(y:get(2, 1), new[1]:get(2, 1))
  assert.is_true(not rawequal(y, new[1]) and not rawequal(y, h) and getmetatable(new) == kind)
  refuses(layer, x, { h, h })
  refuses(layer, x, state(h))
  refuses(layer, x, state(h, 1))
  refuses(layer, x, state(h, core.zeros(2, 2)))
  refuses(layer, x, h)
  refuses(layer, core.zeros(3, 1), state(h, h))
  refuses(layer, io.stdout, state(h, h))
  refuses({ w = layer.w, u = layer.u, b = layer.b, d = layer.d }, x, state(h, h))
  refuses(layer)
  refuses()
  local otherwise = core.step(function(...) return { ... } end)
  assert.same({ layer, x, h }, (otherwise(layer, x, h)))
  fails("step: argument 1 (otherwise): expected a function", core.step, 3)
  layer.w = core.zeros(4, 1)
  refuses(layer, x, state(h, h))
  layer.w = nil
  refuses(layer, x, state(h, h))
  fails("weight 1 of part 1 is missing", core.stepper, layer, parts, 2, kind)
  fails("stepper: argument 3 (batch)", core.stepper, layer, parts, 1 << 60, kind)
  fails("stepper: argument 4 (kind)", core.stepper, layer, parts, 2)
  fails("expected 1 to 64 parts, got 0", core.stepper, layer, {}, 1, kind)
  fails("part 1 is no table", core.stepper, layer, { 1 }, 1, kind)
  fails("no list of names", core.stepper, layer, { {} }, 1, kind)
  local many = {}
  for i = 1, 17 do many[i] = "w" end
  fails("more than 16 weights", core.stepper, layer, { { names = many } }, 1, kind)
end)

describe("loading rnn.core again", function()
  it("gives the same module, so tensors keep their context", function()
    local loader = package.preload["rnn.core"] or package.searchers[1]("rnn.core")
    local t = core.rand(10)
    assert.equal(core, loader("rnn.core"))
    collectgarbage()
    collectgarbage()
    assert.equal(10, t:count())
  end)
end)

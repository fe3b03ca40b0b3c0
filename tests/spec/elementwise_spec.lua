-- Functions of one and two tensors, element by element: what int32 and float, masks and numbers give, and broadcasting.
local core = require "rnn"

local function int(values) return core.tensor(values, "int32") end

local function is(got, type, values)
  assert.equal(type, got:type())
  assert.same(values, got:totable())
end

-- NaN is itself here.
local function same(a, b) return a == b or (a ~= a and b ~= b) end

local function fails(message, f)
  local ok, text = pcall(f)
  assert.is_false(ok, "no error; expected " .. message)
  assert.is_truthy(tostring(text):find(message, 1, true), tostring(text))
end

local SOME = { 7, -7, 0, 1, -1, 3, -13, 46340, -2147483648, 2147483647 }

-- All pairs of SOME as two int32 tensors (10, 1) and (10).
local function pairs_of_some() return int(SOME):reshape(#SOME, 1), int(SOME) end

describe("int32", function()
  it("gives int32, or an error that names the element", function()
    local ops = { add = function(x, y) return x + y end, sub = function(x, y) return x - y end,
      mul = function(x, y) return x * y end, floor_div = function(x, y) return x // y end,
      mod = function(x, y) return x % y end, maximum = math.max, minimum = math.min,
      pow = function(x, y)
        if y < 0 then error "none" end
        if x == 0 or x == 1 or x == -1 then return y == 0 and 1 or x == -1 and (y % 2 == 0 and 1 or -1) or x end
        local z = 1
        for _ = 1, y do
          z = z * x
          if math.abs(z) > 2 ^ 32 then break end
        end
        return z
      end }
    for name, f in pairs(ops) do
      for _, x in ipairs(SOME) do
        for _, y in ipairs(SOME) do
          local ok, want = pcall(f, x, y)
          if ok and want >= -2 ^ 31 and want < 2 ^ 31 then
            is(core[name](int { x }, int { y }), "int32", { want })
            is(core[name](int { x }, y), "int32", { want })
            is(core[name](x, int { y, y }), "int32", { want, want })
          else
            fails(name .. ": element 2: " .. x, function() return core[name](int { 1, x }, int { 1, y }) end)
            fails(name .. ": element 1: " .. x, function() return core[name](int { x }, y) end)
          end
        end
      end
    end
  end)

  it("has the operators of Lua", function()
    local x, y = int { 7, -7, 7, -7 }, int { 2, 2, -2, -2 }
    is(x + y, "int32", { 9, -5, 5, -9 })
    is(x - y, "int32", { 5, -9, 9, -5 })
    is(x * y, "int32", { 14, -14, -14, 14 })
    is(x // y, "int32", { 3, -4, -4, 3 })
    is(x % y, "int32", { 1, 1, -1, -1 })
    is(-x, "int32", { -7, 7, -7, 7 })
    is(x / y, "float", { 3.5, -3.5, -3.5, 3.5 })
    is(y ^ 3, "int32", { 8, 8, -8, -8 })
    is(9 // y, "int32", { 4, 4, -5, -5 })
    is(9 % y, "int32", { 1, 1, -1, -1 })
    is(1 - y, "int32", { -1, -1, 3, 3 })
  end)

  it("beside float is float, as Lua's numbers are", function()
    local x = int { 1, 2 }
    is(x * 2, "int32", { 2, 4 })
    is(x * 2.0, "float", { 2, 4 })
    is(x + 0.5, "float", { 1.5, 2.5 })
    is(x + core.tensor { 0.5, 1 }, "float", { 1.5, 3 })
    is(core.tensor { 0.5, 1 } - x, "float", { -0.5, -1 })
    is(core.maximum(x, 1.5), "float", { 1.5, 2 })
    is(x ^ 0.5, "float", { 1, (core.tensor { 2 } ^ 0.5):item() })
    is(x // 1.0, "float", { 1, 2 })
    is(core.atan2(int { 0 }, int { 1 }), "float", { 0 })
  end)

  it("that float would round is an error beside float, named by its place", function()
    local x = int { 1, 16777217 }
    if core.precision() == "double" then
      is(x + 0.5, "float", { 1.5, 16777217.5 })
      return
    end
    fails("add: argument 1: element 2: 16777217", function() return x + 0.5 end)
    fails("mul: argument 2: element 2: 16777217", function() return core.ones(2) * x end)
    fails("div: argument 1: element 2: 16777217", function() return x / int { 1, 1 } end)
    fails("where: argument 3: element 2: 16777217", function() return core.where(core.ones(2), core.ones(2), x) end)
  end)

  it("one by one", function()
    local x = int { -3, 0, 5 }
    is(x:abs(), "int32", { 3, 0, 5 })
    is(x:sign(), "int32", { -1, 0, 1 })
    is(x:square(), "int32", { 9, 0, 25 })
    is(x:floor(), "int32", { -3, 0, 5 })
    is(x:ceil(), "int32", { -3, 0, 5 })
    is(x:round(), "int32", { -3, 0, 5 })
    is(x:clamp(-1, 4), "int32", { -1, 0, 4 })
    is(x:clamp(-math.huge, 4), "int32", { -3, 0, 4 })
    is(x:clamp(0, math.huge), "int32", { 0, 0, 5 })
    fails("abs: element 2: -2147483648", function() return int { 1, -2147483648 }:abs() end)
    fails("neg: element 1", function() return -int { -2147483648 } end)
    fails("square: element 1: 46341", function() return int { 46341 }:square() end)
    fails("clamp: expected limits that are int32", function() return x:clamp(0.5, 2) end)
    fails("clamp: expected limits that are int32", function() return x:clamp(3e9, 4e9) end)
  end)

  it("compares exactly, beside float too", function()
    local x, y = pairs_of_some()
    local compare = { eq = function(a, b) return a == b end, ne = function(a, b) return a ~= b end,
      lt = function(a, b) return a < b end, le = function(a, b) return a <= b end,
      gt = function(a, b) return a > b end, ge = function(a, b) return a >= b end }
    for name, f in pairs(compare) do
      local got = core[name](x, y)
      assert.equal("float", got:type())
      for i, a in ipairs(SOME) do
        for j, b in ipairs(SOME) do assert.equal(f(a, b) and 1.0 or 0.0, got:get(i, j), name) end
      end
      is(core[name](int { 16777217 }, 16777216.0), "float", { f(16777217, 16777216) and 1.0 or 0.0 })
      is(core[name](core.tensor { 16777216 }, int { 16777217 }), "float", { f(16777216, 16777217) and 1.0 or 0.0 })
    end
  end)

  it("overflows unseen behind the lengths of a batch", function()
    local x = int { { 1, 2147483647 }, { 3, 4 } }:with_lengths { 1, 2 }
    assert.equal(2, (x + 1):get(1, 1))
    assert.equal(1, (-x):get(1, 1) * -1)
    assert.equal(1, (x // int { { 1, 0 }, { 1, 1 } }):get(1, 1))
    assert.equal(1, (x + 0.5):get(1, 1) - 0.5)
    fails("add: element 2", function() return x:without_lengths() + 1 end)
    fails("add: element 4", function() return x + int { { 1, 1 }, { 1, 2147483647 } } end)
  end)

  it("of no elements, and one alone", function()
    is(int {} + 1, "int32", {})
    is(int {} // 0, "int32", {})
    is(int { 5 } % int { 3 }, "int32", { 2 })
    is(core.tensor(7, "int32") // 2, "int32", 3)
    assert.same({ 0, 3 }, { (core.zeros { 0, 3, type = "int32" } * int { 1, 2, 3 }):shape() })
  end)
end)

describe("division with a remainder", function()
  -- As the working precision has it.
  local function rounded(v)
    return core.precision() == "double" and v or (string.unpack("f", (string.pack("f", v))))
  end
  local SOME_FLOATS = { 5.5, -5.5, 0.75, -0.75, 2, -2, 0, 1 / 0, -1 / 0, 0 / 0, 1e30, -1e30, 1e-30, 3 }

  it("of floats is as in Lua", function()
    for _, a in ipairs(SOME_FLOATS) do
      for _, b in ipairs(SOME_FLOATS) do
        local x, y = core.tensor { a }, core.tensor { b }
        local fa, fb = x:item(), y:item() -- as the working precision has them
        local quotient = rounded(fa / fb)
        if math.abs(quotient) < 2 ^ 53 then quotient = quotient // 1 end
        assert.is_true(same((x // y):item(), quotient), ("%g // %g is %g"):format(a, b, (x // y):item()))
        local want = rounded(fa % fb)
        assert.is_true(same((x % y):item(), want), ("%g %% %g is %g, not %g"):format(a, b, (x % y):item(), want))
      end
    end
  end)

  it("has gradients of the remainder", function()
    local x, y = core.tensor { 7.5, -7.5, 7.5 }:requires_grad(true), core.tensor { 2, 2, -2 }:requires_grad(true)
    local z = (x % y):sum()
    z:backward()
    is(x.grad, "float", { 1, 1, 1 })
    is(y.grad, "float", { -3, 4, 4 })
    assert.is_false((x // y):requires_grad())
  end)
end)

describe("masks", function()
  local a, b = core.tensor { 1, 1, 0, 0 }, core.tensor { 1, 0, 1, 0 }

  it("are joined by logic", function()
    is(a:logical_and(b), "float", { 1, 0, 0, 0 })
    is(a:logical_or(b), "float", { 1, 1, 1, 0 })
    is(a:logical_xor(b), "float", { 0, 1, 1, 0 })
    is(a:logical_not(), "float", { 0, 0, 1, 1 })
    is(core.tensor { { 1 }, { 0 } }:logical_or(core.tensor { 0, 1 }), "float", { { 1, 1 }, { 0, 1 } })
    assert.equal(0, core.tensor {}:logical_and(core.tensor {}):count())
  end)

  it("hold 0 and 1 and nothing else", function()
    local x, one = core.tensor { 3, 4 }, core.ones(2)
    local takers = {
      function(m) return m:logical_not() end, function(m) return m:logical_and(one) end,
      function(m) return one:logical_or(m) end, function(m) return m:logical_xor(m) end,
      function(m) return core.where(m, 1, 2) end, function(m) return x:masked_fill(m, 0) end,
      function(m) return m:any() end, function(m) return m:all(1) end,
    }
    for _, take in ipairs(takers) do
      for _, junk in ipairs { 2, 0.5, -1, 0 / 0, 1 / 0 } do
        fails("a mask holds 0 and 1, but element 2 is", function() return take(core.tensor { 1, junk }) end)
      end
      fails("expected a float tensor, got int32", function() return take(int { 1, 0 }) end)
      take(core.tensor { 1, -0.0 })
    end
    fails("where: argument 1: a mask holds", function() return core.where(core.tensor { 2 }, 1, 2) end)
    fails("argument 2: a mask holds", function() return one:logical_and(core.tensor { 2, 0 }) end)
    fails("index: a mask holds 0 and 1, but element 2 is nan; ids are int32",
      function() return x[core.tensor { 1, 0 / 0 }] end)
    local padded = core.tensor { { 1, 0 / 0 }, { 0, 1 } }:with_lengths { 1, 2 }
    assert.equal(0, padded:logical_not():get(1, 1)) -- behind the lengths may be anything
    assert.equal(0, padded:logical_and(padded):get(2, 1))
  end)

  it("choose, int32 too", function()
    is(core.where(a, int { 1, 2, 3, 4 }, 0), "int32", { 1, 2, 0, 0 })
    is(core.where(a, 0, int { 1, 2, 3, 4 }), "int32", { 0, 0, 3, 4 })
    is(core.where(a, int { 1, 2, 3, 4 }, int { 9 }), "int32", { 1, 2, 9, 9 })
    is(core.where(a, int { 1, 2, 3, 4 }, 0.5), "float", { 1, 2, 0.5, 0.5 })
    is(core.where(a, 1, 0), "float", { 1, 1, 0, 0 })
    is(core.where(core.tensor { { 1 }, { 0 } }, 1 / 0, core.tensor { 3, 4 }), "float", { { 1 / 0, 1 / 0 }, { 3, 4 } })
  end)
end)

describe("functions", function()
  -- From mpmath, rounded to 17 digits.
  local VALUES = {
    gelu = { [-3] = -0.0040496940948902842, [-0.5] = -0.15426876936299344, [0] = 0, [2] = 1.9544997361036416 },
    silu = { [-3] = -0.14227761953270035, [0] = 0, [2] = 1.7615941559557649 },
    log_sigmoid = { [-3] = -3.0485873515737421, [0] = -0.69314718055994531, [10] = -4.5398899216864647e-05 },
    erf = { [-3] = -0.99997790950300142, [0.5] = 0.52049987781304654, [2] = 0.99532226501895273 },
    log1p = { [-0.5] = -0.69314718055994531, [0] = 0, [1e-10] = 9.9999999995e-11, [2] = 1.0986122886681097 },
    expm1 = { [-0.5] = -0.39346934028736658, [1e-10] = 1.00000000005e-10, [2] = 6.3890560989306502 },
    rsqrt = { [4] = 0.5, [0.25] = 2, [0] = 1 / 0 },
    tan = { [1] = 1.5574077246549022 }, atan = { [1] = 0.78539816339744831, [-2] = -1.1071487177940905 },
    asin = { [0.5] = 0.52359877559829887, [-1] = -1.5707963267948966 },
    acos = { [0.5] = 1.0471975511965977, [-1] = 3.1415926535897932 },
    sinh = { [1] = 1.1752011936438015, [-30] = -5343237290762.2304, [1e-5] = 1.0000000000166667e-5 },
    cosh = { [1] = 1.5430806348152438, [-30] = 5343237290762.2304 },
  }

  it("have their values", function()
    for name, values in pairs(VALUES) do
      for x, want in pairs(values) do
        local got = core[name](core.tensor(x)):item()
        local limit = core.precision() == "double" and 3e-15 or 1e-6
        assert.is_true(got == want or math.abs(got - want) <= limit * math.abs(want),
          ("%s(%g) is %.17g, not %.17g"):format(name, x, got, want))
      end
    end
  end)

  it("round to even, up and down", function()
    local x = core.tensor { -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49, 1 / 0 }
    is(x:round(), "float", { -2, -2, 0, 0, 2, 2, 0, 1 / 0 })
    is(x:ceil(), "float", { -2, -1, 0, 1, 2, 3, 1, 1 / 0 })
    is(x:floor(), "float", { -3, -2, -1, 0, 1, 2, 0, 1 / 0 })
  end)

  it("round straight through on request", function()
    local x = core.tensor { 0.3, 1.7 }:requires_grad(true)
    assert.is_false(x:round():requires_grad())
    assert.is_false(x:round(false):requires_grad())
    local y = (x:round(true) * core.tensor { 2, 3 }):sum()
    assert.equal(6, y:item())
    y:backward()
    is(x.grad, "float", { 2, 3 })
  end)

  it("know the quadrants", function()
    for _, y in ipairs { 0.0, -0.0, 1, -1, 2.5, 1 / 0, -1 / 0 } do
      for _, x in ipairs { 0.0, -0.0, 1, -1, -0.75, 1 / 0, -1 / 0 } do
        local got, want = core.atan2(core.tensor(y), core.tensor(x)):item(), math.atan(y, x)
        assert.is_true(math.abs(got - want) < 1e-6, ("atan2(%g, %g) is %g, not %g"):format(y, x, got, want))
      end
    end
  end)
end)

describe("fma", function()
  it("adds before it rounds, where there are instructions for it", function()
    local e = core.precision() == "double" and 2.0 ^ -27 or 2.0 ^ -12
    local x = core.full({ 19 }, 1 + e)
    local fuses = core.isa() ~= "plain" or os.getenv "RNNLUA_DETERMINISTIC" == "1" -- which fuses in software
    local rest = fuses and e * e or 0
    assert.equal(rest, core.fma(x, x, -1 - 2 * e):max():item())
    assert.equal(rest, x:fma(x, -1 - 2 * e):min():item())
    is(core.fma(int { 1, 2 }, int { 3, 4 }, 1), "float", { 4, 9 })
    is(core.fma(core.zeros(0, 3), 1, 2), "float", {})
    fails("fma: shapes (3,) and (2,) do not fit together", function()
      return core.fma(core.zeros(3), core.zeros(2), 1)
    end)
  end)
end)

describe("broadcasting", function()
  local SHAPES = { { { 3, 4 }, { 4 } }, { { 3, 4 }, { 3, 1 } }, { { 1, 4 }, { 3, 1 } }, { { 2, 1, 3 }, { 4, 1 } },
    { { 5, 300 }, { 300 } }, { { 5, 300 }, { 5, 1 } }, { { 300, 5 }, { 5 } }, { { 300, 5 }, { 300, 1 } },
    { { 2, 3, 4, 5 }, { 3, 1, 5 } }, { { 7, 1, 200 }, { 1, 6, 1 } }, { { 1 }, { 3, 4 } }, { { 700, 130 }, { 130 } },
    { { 700, 130 }, { 700, 1 } }, { { 130, 3000 }, { 1, 3000 } }, { { 2, 1, 1 }, { 1, 3, 1 } }, { { 1, 1 }, { 1 } },
    { { 60000, 3 }, { 3 } }, { { 60000, 3 }, { 60000, 1 } }, { { 9, 1, 400 }, { 1, 50, 1 } }, { { 0, 3 }, { 3 } },
    { { 2, 3, 1, 5 }, { 2, 1, 4, 1 } }, { {}, { 2, 3 } }, { { 0 }, { 1 } } }

  -- The same with both written out.
  local function check(name, f, x, y)
    local got = f(x, y)
    local shape = { got:shape() }
    local want = f(x:broadcast_to(shape):copy(), y:broadcast_to(shape):copy())
    if got:count() > 0 then assert.equal(1, got:eq(want):min():item(), name .. " " .. table.concat(shape, "x")) end
  end

  it("is what writing out would be, on any number of threads", function()
    local before = core.threads()
    for threads = 1, 3, 2 do
      core.threads(threads)
      for _, s in ipairs(SHAPES) do
        for _, kind in ipairs { "float", "int32" } do
          local x, y = core.randn(s[1]) * 5 + 0.5, core.randn(s[2]) * 5 + 0.5
          if kind == "int32" then x, y = (x * 100):to_int(), (y * 100):to_int() end
          for _, name in ipairs { "add", "sub", "mul", "lt", "maximum", "eq" } do
            check(name, core[name], x, y)
            check(name, core[name], y, x)
          end
          local function choose(a, b) return core.where(a:gt(0), a, b) end
          check("where", choose, x, y)
          check("where", choose, y, x)
        end
      end
    end
    core.threads(before)
  end)

  it("has the same gradients on any number of threads", function()
    local function grads(threads)
      core.threads(threads)
      core.seed(1)
      local x, w = core.randn(3000, 100):requires_grad(true), core.randn(100):requires_grad(true)
      local y = (x * w + w:gelu() - x:silu() / (w:square() + 1)):sum()
      y:backward()
      return x.grad, w.grad
    end
    local before = core.threads()
    local dx, dw = grads(1)
    local dx3, dw3 = grads(3)
    core.threads(before)
    assert.equal(1, dx:eq(dx3):min():item())
    assert.equal(1, dw:eq(dw3):min():item())
  end)
end)

describe("x:set", function()
  it("writes one element, seen by views and by backward", function()
    local x = core.zeros(2, 3)
    local part = x[2]
    x:set(2, 3, 0.5)
    x[1][2] = 7
    assert.same({ { 0, 7, 0 }, { 0, 0, 0.5 } }, x:totable())
    assert.equal(0.5, part[3])
    x:transpose(1, 2):set(1, 2, 9)
    assert.equal(9, x:get(2, 1))
    local w = core.ones(2):requires_grad(true)
    local v = core.ones(2)
    local y = (w * v):sum()
    v:set(1, 3)
    fails("changed in place", function() y:backward() end)
  end)

  it("keeps histories", function()
    local w = core.ones(3):requires_grad(true)
    local y = w * 2
    y:set(2, 5)
    local s = y:sum()
    s:backward()
    assert.equal(9, s:item())
    assert.same({ 2, 0, 2 }, w.grad:totable())
  end)
end)

describe("functions made of others", function()
  it("diff", function()
    local x = core.tensor { { 1, 4, 9 }, { 2, 2, 0 } }
    is(x:diff(), "float", { { 3, 5 }, { 0, -2 } })
    is(x:diff(1), "float", { { 1, -2, -9 } })
    is(core.diff(x, -2), "float", { { 1, -2, -9 } })
    is(int { 5, 7, 4 }:diff(), "int32", { 2, -3 })
    assert.equal(0, core.ones(1):diff():count())
    fails("diff: axis -1 of", function() return core.zeros(0):diff() end)
    fails("diff: expected a tensor of at least one axis", function() return core.tensor(1):diff() end)
    fails("diff: argument 2 (axis)", function() return x:diff(3) end)
    fails("diff: argument 2 (axis)", function() return x:diff(0) end)
    local w = core.tensor { 1, 3, 2 }:requires_grad(true)
    local y = (w:diff() * core.tensor { 2, 5 }):sum()
    y:backward()
    is(w.grad, "float", { -2, -3, 5 })
  end)

  it("lerp", function()
    local a, b = core.tensor { 1, 2 }, core.tensor { 3, 6 }
    is(a:lerp(b, 0), "float", { 1, 2 })
    is(a:lerp(b, 1), "float", { 3, 6 })
    is(core.lerp(a, b, core.tensor { 0.5, 0.25 }), "float", { 2, 3 })
    fails("lerp: argument 3 (weight)", function() return a:lerp(b) end)
  end)
end)

-- Reductions: every one over every set of axes, against plain loops over the elements that count; padding, int32,
-- edges, order of summation, messages.
local core = require "rnn.core"

local nan, inf = 0 / 0, math.huge
local double = core.precision == "double"

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(message:find(pattern, 1, true), message)
end

local function bits(environment, options)
  local pipe = assert(io.popen(("env %s %s %s %s tests/spec/support/reduce_bits.lua 2>&1"):format(environment,
    os.getenv "RNNLUA" or arg[-1], double and "--double" or "", options)))
  local text = pipe:read("a")
  assert.is_true(pipe:close(), text)
  return text
end

-- nan is nan, and 1e-5 is near enough.
local function same(expected, got, what)
  local near = expected == got or (expected ~= expected and got ~= got)
    or math.abs(expected - got) <= (double and 1e-11 or 2e-5) * math.max(1, math.abs(expected))
  if not near then error(("%s: expected %s, got %s"):format(what, expected, got), 2) end
end

local function fold(start, f)
  return function(list)
    local y = start
    for _, v in ipairs(list) do y = f(y, v) end
    return y
  end
end

local sum = fold(0, function(a, b) return a + b end)

local function variance(correction)
  return function(list)
    local n, total = #list, 0
    if n <= correction then return nan end
    local mean = sum(list) / n
    for _, v in ipairs(list) do total = total + (v - mean) ^ 2 end
    return total / (n - correction)
  end
end

local function root(f)
  return function(list) return f(list) ^ 0.5 end
end

local function sizes(list)
  local found = {}
  for i, v in ipairs(list) do found[i] = math.abs(v) end
  return found
end

local function norm(p)
  return function(list)
    list = sizes(list)
    if p == inf then return fold(0, math.max)(list) end
    if p == -inf then return fold(inf, math.min)(list) end
    local total = 0
    for _, v in ipairs(list) do total = total + (p ~= 0 and v ^ p or v > 0 and 1 or 0) end
    return p == 0 and total or total ^ (1 / p)
  end
end

-- name = { what it makes of a list of the elements, int32 too, its other arguments }
local reductions = {
  sum = { sum, true },
  mean = { function(list) return #list == 0 and 0 or sum(list) / #list end, true },
  prod = { fold(1, function(a, b) return a * b end), true },
  max = { fold(-inf, math.max), true },
  min = { fold(inf, math.min), true },
  var = { variance(1), true },
  std = { root(variance(1)), true },
  logsumexp = { function(list)
    local total = 0
    for _, v in ipairs(list) do total = total + math.exp(v) end
    return math.log(total)
  end, true },
  ["norm 2"] = { norm(2), true, { 2 } },
  ["norm 1"] = { norm(1), true, { 1 } },
  ["norm 0"] = { norm(0), true, { 0 } },
  ["norm 3"] = { norm(3), true, { 3 } },
  ["norm 0.5"] = { norm(0.5), true, { 0.5 } },
  ["norm inf"] = { norm(inf), true, { inf } },
  ["norm -inf"] = { norm(-inf), true, { -inf } },
}

local keeps_int = { sum = true, prod = true, max = true, min = true }

-- All sets of axes of n, and nil for all of them.
local function axis_sets(n)
  local sets = { false }
  for members = 1, (1 << n) - 1 do
    local set = {}
    for axis = 1, n do
      if members >> (axis - 1) & 1 == 1 then set[#set + 1] = axis end
    end
    sets[#sets + 1] = set
  end
  return sets
end

-- The lists of elements that count, of every place of the result in row order, and its shape with keep and without.
local function lists_of(x, axes, lengths)
  local dims, reduced = { x:shape() }, {}
  for i = 1, #dims do reduced[i] = not axes end
  for _, axis in ipairs(axes or {}) do reduced[axis] = true end
  local kept, short = {}, {}
  for i, n in ipairs(dims) do
    kept[i] = reduced[i] and 1 or n
    if not reduced[i] then short[#short + 1] = n end
  end
  local masks = lengths and reduced[2]
  local lists, index, values = {}, {}, x:without_lengths():copy():reshape(-1):totable()
  local count = 1
  for i = 1, #dims do count = count * kept[i] end
  for i = 1, count do lists[i] = {} end
  for at = 0, #values - 1 do
    local rest = at
    for i = #dims, 1, -1 do
      index[i] = rest % dims[i]
      rest = rest // dims[i]
    end
    local to = 0
    for i = 1, #dims do to = to * kept[i] + (reduced[i] and 0 or index[i]) end
    if not masks or index[2] < lengths[index[1] + 1] then table.insert(lists[to + 1], values[at + 1]) end
  end
  return lists, short, kept
end

local function apply(name, x, axes, keep)
  local all = { table.unpack(reductions[name][3] or {}) }
  local n = #all
  all[n + 1], all[n + 2] = axes or nil, keep
  return core[name:match "%S+"](x, table.unpack(all, 1, n + 2))
end

local function check(name, x, axes, keep, lengths)
  local f = reductions[name][1]
  local what = ("%s over %s of (%s)"):format(name, axes and "{" .. table.concat(axes, ", ") .. "}" or "all",
    table.concat({ x:shape() }, ", "))
  local y = apply(name, x, axes, keep)
  local lists, short, kept = lists_of(x, axes, lengths)
  assert.same(keep and kept or short, { y:shape() }, what)
  local time = not axes or table.concat(axes, ","):find "2"
  assert.equal(lengths and not time and true or nil, y:lengths() and true, what .. ": lengths")
  local got = y:without_lengths():copy():reshape(-1):totable()
  assert.equal(#lists, #got)
  for i = 1, #got do same(f(lists[i]), got[i], what .. ", element " .. i) end
end

describe("every reduction over every set of axes", function()
  for name, r in pairs(reductions) do
    it("of floats: " .. name, function()
      core.seed(3)
      local shapes = { {}, { 5 }, { 1 }, { 0 }, { 2, 3 }, { 3, 0, 2 }, { 2, 3, 4 }, { 3, 1, 2, 5 }, { 2, 2, 3, 1, 2 } }
      for _, dims in ipairs(shapes) do
        local x = core.rand(dims) * 2 - 0.7
        for _, axes in ipairs(axis_sets(#dims)) do
          check(name, x, axes, false)
          check(name, x, axes, true)
        end
      end
    end)

    it("of views: " .. name, function()
      local x = (core.rand(4, 5, 3) + 0.1):transpose(1, 3):slice(2, 2, 4)
      for _, axes in ipairs(axis_sets(3)) do check(name, x, axes, true) end
    end)

    it("of long lines and many columns: " .. name, function()
      core.seed(4)
      for _, dims in ipairs { { 1000 }, { 67, 3 }, { 3, 67 }, { 2, 130, 5 }, { 3, 700 }, { 129, 33 }, { 30, 520 } } do
        local x = core.rand(dims) * 0.02 + 0.99
        for axis = 1, #dims do check(name, x, { axis }, false) end
        check(name, x, false, false)
      end
    end)

    if r[2] then
      it("of int32: " .. name, function()
        for _, dims in ipairs { {}, { 5 }, { 2, 3 }, { 2, 3, 4 }, { 200 }, { 90, 2 } } do
          local x = (core.rand(dims) * 4 - 2):floor():to_int()
          if name == "prod" then x = core.maximum(x, -1) end
          for _, axes in ipairs(axis_sets(#dims)) do check(name, x, axes, false) end
          local y = apply(name, x)
          assert.equal(keeps_int[name] and "int32" or "float", y:type())
        end
      end)
    end

    it("of padded batches: " .. name, function()
      core.seed(5)
      for _, dims in ipairs { { 3, 4 }, { 3, 4, 2 }, { 3, 1, 2 }, { 3, 4, 2, 3 }, { 3, 70, 2 } } do
        local x = core.rand(dims) + 0.2
        local lengths = { dims[2] // 2, 0, dims[2] }
        for n, length in ipairs(lengths) do
          for t = length + 1, dims[2] do x[n][t] = t % 2 == 0 and nan or inf end
        end
        x = x:with_lengths(lengths)
        for _, axes in ipairs(axis_sets(#dims)) do
          local has_batch, has_time = not axes or axes[1] == 1, not axes or axes[1] == 2 or axes[2] == 2
          if has_batch and not has_time then
            fails(name:match "%S+" .. ": over the batch of", check, name, x, axes, false, lengths)
          elseif has_time then
            check(name, x, axes, false, lengths)
            check(name, x, axes, true, lengths)
          elseif axes then
            assert.same(lengths, apply(name, x, axes):lengths():totable())
          end
        end
      end
    end)
  end

  it("takes negative axes, one or several", function()
    local x = core.rand(2, 3, 4)
    assert.same(x:sum(3):totable(), x:sum(-1):totable())
    assert.same(x:sum({ 1, 3 }):totable(), x:sum({ -1, -3 }):totable())
    assert.same({ 1, 3, 1 }, { x:mean({ -3, 3 }, true):shape() })
  end)

  it("says what is wrong with the axes", function()
    local x = core.zeros(2, 3)
    fails("sum: argument 2 (axis): expected 1 to 2 or -1 to -2, got 3", x.sum, x, 3)
    fails("sum: argument 2 (axis): expected 1 to 2 or -1 to -2, got 0", x.sum, x, { 1, 0 })
    fails("sum: argument 2 (axis): expected an integer, got string '1'", x.sum, x, { "1" })
    fails("sum: axis 2 twice", x.sum, x, { 2, -1 })
    fails("sum: argument 2 (axes): expected an axis, or a table of at least one", x.sum, x, {})
    fails("sum: argument 2 (axis): expected an integer, got string 'all'", x.sum, x, "all")
  end)
end)

describe("sums", function()
  it("are carried in double", function()
    assert.equal(16777217 + 3, core.ones(16777220):sum():item())
    local x = core.full({ 4096 }, 0.1):set(1, 1e8)
    local expected = 1e8 + 4095 * core.full({ 1 }, 0.1):item()
    same(core.tensor(expected):item(), x:sum():item(), "sum")
  end)

  it("and all else have the same bits on any number of threads and on every instruction set", function()
    local one = bits("", "--threads 1")
    assert.equal(one, bits("", "--threads 2"))
    assert.equal(one, bits("", "--threads 7"))
    one = bits("", "--deterministic")
    for _, isa in ipairs { "x86-64-v4", "x86-64-v3", "plain" } do
      assert.equal(one, bits("RNNLUA_ISA=" .. isa, "--deterministic --threads 2"), isa)
    end
  end)
end)

describe("extremes", function()
  it("take the first of equals, and NaN before all", function()
    for _, n in ipairs { 5, 40, 200, 3000 } do
      local x = core.zeros(n)
      assert.equal(1, x:argmax():item())
      assert.equal(1, x:argmin():item())
      x[n - 1], x[n] = 3, 3
      assert.equal(n - 1, x:argmax(1):item())
      x[n // 2], x[n // 2 + 1] = nan, nan
      for _, name in ipairs { "argmax", "argmin" } do assert.equal(n // 2, x[name](x):item()) end
      for _, name in ipairs { "max", "min" } do
        local y = x[name](x):item()
        assert.is_true(y ~= y)
      end
    end
    local minus = core.full({ 70 }, -inf)
    assert.equal(1, minus:argmax():item())
    assert.equal(-inf, minus:max():item())
  end)

  it("of nothing: -inf, inf, place 0; int32 has no such number", function()
    local x = core.zeros(2, 0)
    assert.same({ -inf, -inf }, x:max(2):totable())
    assert.same({ inf, inf }, x:min(2):totable())
    assert.same({ 0, 0 }, x:argmax(2):totable())
    assert.equal(0, x:argmin():item())
    fails("max: no element of the int32 tensor (2, 0)", core.max, x:to_int(), 2)
    assert.same({}, x:to_int():max(1):totable())
  end)

  it("along an axis and of everything, in row order", function()
    local x = core.tensor { { 1, 5, 2 }, { 7, 0, 7 } }
    assert.same({ 2, 1 }, x:argmax(2):totable())
    assert.same({ { 2 }, { 1 } }, x:argmax(-1, true):totable())
    assert.equal(4, x:argmax():item())
    assert.equal(5, x:argmin():item())
    assert.same({ { 4 } }, x:argmax(nil, true):totable())
    assert.equal(4, x:to_int():argmax():item())
    assert.equal(1, core.tensor(3):argmax():item())
    local padded = core.tensor { { 1, 9, 9 }, { 2, 4, 9 } }:with_lengths { 1, 2 }
    assert.equal(5, padded:argmax():item())
    assert.equal(1, padded:argmin():item())
    assert.equal(0, padded:with_lengths { 0, 0 }:argmax():item())
  end)

  it("give their gradient to the first place, over several axes too", function()
    local x = core.tensor { { { 1, 2 }, { 3, 0 } }, { { 1, 2 }, { 3, 3 } } }:requires_grad(true)
    x:max({ 1, 3 }):sum():backward()
    assert.same({ { { 0, 1 }, { 1, 0 } }, { { 0, 0 }, { 0, 0 } } }, x.grad:totable())
  end)
end)

describe("int32", function()
  it("sums and products that overflow are errors, but not in padding", function()
    local big = core.tensor({ { 2147483647, 1 }, { 2147483647, 0 } }, "int32")
    fails("sum: element 1 of the result is beyond what an int32 can hold", big.sum, big, 2)
    fails("prod: element 1 of the result is beyond what an int32 can hold", big.prod, big, 1)
    assert.equal(0, big:prod():item())
    assert.same({ 2147483647, 0 }, big:prod(2):totable())
    assert.equal(2147483647, core.tensor({ 2147483647, 2147483647, -2147483647 }, "int32"):sum():item())
    local padded = core.tensor({ { { 1, 1 }, { 2147483647, 2 } } }, "int32"):with_lengths { 1 }
    assert.equal(2, padded:sum(3):get(1, 1))
    assert.equal(2, padded:sum():item())
    assert.same({ { { 1, 2 }, { 2147483647, 0 } } }, padded:cumsum(3):without_lengths():totable())
    fails("cumsum: element 2 of the result is beyond", core.cumsum, core.tensor({ 2147483647, 1 }, "int32"), 1)
  end)
end)

describe("running sums, products and extremes", function()
  it("go along any axis", function()
    local x = core.tensor { { 1, 2, 3 }, { 4, 0, 6 } }
    assert.same({ { 1, 3, 6 }, { 4, 4, 10 } }, x:cumsum(2):totable())
    assert.same({ { 1, 2, 3 }, { 5, 2, 9 } }, x:cumsum(-2):totable())
    assert.same({ { 1, 2, 6 }, { 4, 0, 0 } }, x:cumprod(2):totable())
    assert.same({ { 1, 2, 3 }, { 4, 0, 18 } }, x:cumprod(1):totable())
    assert.same({ { 1, 2, 6 }, { 4, 0, 0 } }, x:to_int():cumprod(2):totable())
    assert.same({ 0, 3 }, { core.zeros(0, 3):cumprod(1):shape() })
  end)

  it("have gradients through zeros", function()
    local x = core.tensor { 2, 0, 3, 0, 5 }:requires_grad(true)
    x:cumprod(1):sum():backward()
    assert.same({ 1, 8, 0, 0, 0 }, x.grad:totable())
    local y = core.tensor { { 2, 0, 3 }, { 0, 0, 5 }, { 1, 2, 3 } }:requires_grad(true)
    y:prod(2):sum():backward()
    assert.same({ { 0, 6, 0 }, { 0, 0, 0 }, { 6, 3, 2 } }, y.grad:totable())
  end)

  it("of extremes have places, the first of equals, and NaN before all", function()
    local function both(f, x, axis)
      local y, ids = f(x, axis)
      return y:totable(), ids:totable()
    end
    local x = core.tensor { { 3, 1, 4, 4 }, { 3, 5, -9, 2 } }
    assert.same({ { { 3, 3, 4, 4 }, { 3, 5, 5, 5 } }, { { 1, 1, 3, 3 }, { 1, 2, 2, 2 } } }, { both(core.cummax, x, 2) })
    assert.same({ { { 3, 1, 1, 1 }, { 3, 3, -9, -9 } }, { { 1, 2, 2, 2 }, { 1, 1, 3, 3 } } },
      { both(core.cummin, x, -1) })
    assert.same({ { { 3, 1, 4, 4 }, { 3, 5, 4, 4 } }, { { 1, 1, 1, 1 }, { 1, 2, 1, 1 } } }, { both(core.cummax, x, 1) })
    local whole, places = x:to_int():cummin(2)
    assert.equal("int32", whole:type())
    assert.same({ { 3, 1, 1, 1 }, { 3, 3, -9, -9 } }, whole:totable())
    assert.same({ { 1, 2, 2, 2 }, { 1, 1, 3, 3 } }, places:totable())
    local y, ids = core.tensor { 1, 0 / 0, 7, -1 / 0 }:cummax(1)
    assert.same({ 0, 1, 1, 1 }, y:ne(y):totable())
    assert.same({ 1, 2, 2, 2 }, ids:totable())
    assert.same({ -math.huge, -math.huge }, (core.tensor { -math.huge, -math.huge }:cummax(1)):totable())
    assert.same({ 0, 3 }, { (core.zeros(0, 3):cummax(1)):shape() })
    assert.same({ 2, 0 }, { (core.zeros(2, 0):cummin(1)):shape() })
    local w = x:copy():requires_grad(true);
    (w:cummax(2) * core.tensor { { 1, 2, 4, 8 }, { 1, 2, 4, 8 } }):sum():backward()
    assert.same({ { 3, 0, 12, 0 }, { 1, 14, 0, 0 } }, w.grad:totable())
    fails("expected 1 to 2 or -1 to -2, got 3", core.cummax, x, 3)
    fails("axis", core.cummax, core.tensor(1), 1)
    local batch = core.zeros(2, 3, 1):with_lengths { 3, 1 }
    assert.same({ 3, 1 }, (batch:cummax(2)):lengths():totable())
    fails("cummax: would", core.cummax, batch, 1)
  end)
end)

describe("variance and standard deviation", function()
  it("of a sample, or of all there is", function()
    local x = core.tensor { 1, 2, 4, 5 }
    same(10 / 3, x:var():item(), "var")
    same(2.5, x:var(nil, false, 0):item(), "var of all")
    same(10 ^ 0.5 / 2 ^ 0.5, x:std(1, false, 2):item(), "std with correction 2")
    fails("std: expected a correction of at least 0, got -1", x.std, x, nil, false, -1)
    same(1, core.tensor({ 1, 2, 3 }, "int32"):std():item(), "std of int32")
  end)

  it("keep their digits beside a large mean", function()
    local x = core.tensor { 4096001, 4096002, 4096003 }
    assert.equal(1, x:std():item())
  end)

  it("are nan where nothing is left, 0 where nothing differs, with a gradient of 0", function()
    local x = core.tensor { { 3 }, { 5 } }
    for _, name in ipairs { "var", "std" } do
      for _, y in ipairs(x[name](x, 2):totable()) do assert.is_true(y ~= y) end
      assert.same({ 0, 0 }, x[name](x, 2, false, 0):totable())
      local z = core.full({ 4 }, 7):requires_grad(true)
      z[name](z):backward()
      assert.same({ 0, 0, 0, 0 }, z.grad:totable())
    end
    local empty = core.zeros(0):std():item()
    assert.is_true(empty ~= empty)
    local padded = core.ones(2, 3):with_lengths { 1, 3 }:std(2):totable()
    assert.is_true(padded[1] ~= padded[1])
    assert.equal(0, padded[2])
  end)
end)

describe("norms", function()
  it("without a p are the second; nan is refused, and shows", function()
    local x = core.tensor { { 3, -4 }, { 0, 0 } }
    assert.equal(5, x:norm():item())
    assert.same({ 5, 0 }, x:norm(nil, 2):totable())
    assert.same({ { 3, 4 } }, x:norm(inf, 1, true):totable())
    assert.same({ 3, 0 }, x:norm(-inf, 2):totable())
    fails("norm: expected a number p, got nan", x.norm, x, nan)
    for _, p in ipairs { 0, 1, 2, 3, inf, -inf } do
      local y = core.tensor({ 1, nan, 2 }):norm(p):item()
      assert.is_true(p == 0 and y == 2 or y ~= y)
    end
    for _, p in ipairs { 0, 1, 2, 3, inf } do assert.equal(0, core.zeros(0):norm(p):item()) end
    assert.equal(inf, core.zeros(0):norm(-inf):item())
  end)

  it("have a gradient of 0 where they are 0; the first largest takes that of inf", function()
    for _, p in ipairs { 1, 2, 3, inf } do
      local x = core.zeros(3):requires_grad(true)
      x:norm(p):backward()
      assert.same({ 0, 0, 0 }, x.grad:totable())
    end
    local x = core.tensor { 1, -3, 3 }:requires_grad(true)
    x:norm(inf):backward()
    assert.same({ 0, -1, 0 }, x.grad:totable())
  end)
end)

describe("logsumexp", function()
  it("overflows nowhere, and knows the infinities", function()
    local log2 = math.log(2)
    same(1000 + log2, core.tensor({ 1000, 1000 }):logsumexp():item(), "large")
    same(-1000 + log2, core.tensor({ -1000, -1000 }):logsumexp():item(), "small")
    assert.equal(-inf, core.tensor({ -inf, -inf }):logsumexp():item())
    assert.equal(-inf, core.zeros(0):logsumexp():item())
    assert.equal(inf, core.tensor({ 1, inf }):logsumexp():item())
    local y = core.tensor({ nan, inf }):logsumexp():item()
    assert.is_true(y ~= y)
    same(log2, core.tensor({ -inf, 0, 0 }):logsumexp():item(), "with -inf")
    for list, grad in pairs { [{ -inf, -inf }] = { 0, 0 }, [{ 1, inf }] = { 0, 1 }, [{ -inf, 3 }] = { 0, 1 } } do
      local x = core.tensor(list):requires_grad(true)
      x:logsumexp():backward()
      assert.same(grad, x.grad:totable())
    end
  end)
end)

describe("any and all", function()
  it("of masks give a mask", function()
    local m = core.tensor { { 1, 0 }, { 1, 1 }, { 0, 0 } }
    for _, mask in ipairs { m, m:transpose(1, 2):copy():transpose(1, 2) } do
      assert.same({ 1, 1, 0 }, mask:any(2):totable())
      assert.same({ 0, 1, 0 }, mask:all(2):totable())
      assert.same({ { 1, 1 } }, mask:any(1, true):totable())
      assert.equal(1, mask:any():item())
      assert.equal(0, mask:all({ 1, 2 }):item())
      assert.equal("float", mask:any():type())
    end
    assert.equal(0, core.zeros(0):any():item())
    assert.equal(1, core.zeros(0):all():item())
    assert.same({ 1, 1 }, core.zeros(2, 0):all(2):totable())
    assert.equal(1, core.tensor(1.0):all():item())
  end)

  it("refuse what is no mask, but not in padding", function()
    for v, text in pairs { [2] = "2", [-1] = "-1", [0.5] = "0.5", [math.huge] = "inf" } do
      fails("any: argument 1: a mask holds 0 and 1, but element 3 is " .. text .. "; x:ne(0) makes one", core.any,
        core.tensor { 0, 1, v })
    end
    fails("all: argument 1: a mask holds 0 and 1, but element 2 is nan", core.all, core.tensor { 1, nan })
    fails("any: argument 1 (mask): expected a tensor, got 1", core.any, 1)
    local m = core.tensor({ { { 1, 1 }, { 5, nan } }, { { 0, 1 }, { 0, 0 } } }):with_lengths { 1, 2 }
    assert.same({ 1, 0 }, m:all({ 2, 3 }):totable())
    assert.same({ { 1, 1 }, { 0, 1 } }, m:any(2):totable())
    assert.equal(1, m:any():item())
    assert.same({ 1, 1, 0 }, { m:all(3):get(1, 1), m:any(3):get(2, 1), m:any(3):get(2, 2) })
  end)
end)

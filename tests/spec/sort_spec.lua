-- Sorting and counting: sort, argsort, topk, unique, median, quantile, searchsorted, bincount, histogram.
local core = require "rnn.core"

local nan, inf = 0 / 0, math.huge

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(message:find(pattern, 1, true), message)
end

local function near(expected, got, what)
  if expected ~= expected and got ~= got then return end
  assert.is_true(expected == got or math.abs(expected - got) <= 2e-6 * math.max(1, math.abs(expected)),
    ("%s: expected %s, got %s"):format(what or "", expected, got))
end

-- Places in order, stable, NaN the largest; Lua's own sort.
local function places(list, descending)
  local function larger(a, b) return a > b or (a ~= a and b == b) end
  local ids = {}
  for i = 1, #list do ids[i] = i end
  table.sort(ids, function(i, j)
    local a, b = list[i], list[j]
    if larger(a, b) then return descending or false end
    if larger(b, a) then return not descending end
    return i < j
  end)
  return ids
end

local function line(n, kind)
  local list = {}
  for i = 1, n do
    local u = core.rand(1):item()
    list[i] = kind == "coarse" and math.floor(u * 5) - 2.0 or kind == "fine" and core.tensor(u * 2e3 - 1e3):item()
      or ({ nan, inf, -inf, 0.0, -0.0, 1e-40, -1e30, 3, 3 })[math.floor(u * 9) + 1]
  end
  return core.tensor(list):totable()
end

describe("sort and argsort", function()
  it("are stable, ascending and descending, short and long", function()
    core.seed(1)
    for _, n in ipairs { 1, 2, 3, 10, 47, 48, 49, 50, 300, 5000 } do
      for _, kind in ipairs { "coarse", "fine", "odd" } do
        local list = line(n, kind)
        local x = core.tensor(list)
        for _, descending in ipairs { false, true } do
          local expected = places(list, descending)
          assert.same(expected, x:argsort(nil, descending):totable())
          local values, ids = x:sort(1, descending)
          assert.same(expected, ids:totable())
          for i, id in ipairs(expected) do assert.is_true(values[i] == list[id] or list[id] ~= list[id]) end
        end
      end
      local ints = (core.rand(n) * 100 - 50):to_int()
      assert.same(places(ints:totable()), ints:argsort():totable())
      assert.equal("int32", ints:sort():type())
    end
    local ends = core.tensor({ 2147483647, -2147483648, 0, -1 }, "int32")
    assert.same({ -2147483648, -1, 0, 2147483647 }, ends:sort():totable())
  end)

  it("go along any axis, the last when none is given", function()
    local x = core.tensor { { 3, 1, 2 }, { 1, 5, 0 } }
    assert.same({ { 1, 2, 3 }, { 0, 1, 5 } }, x:sort():totable())
    assert.same({ { 1, 1, 0 }, { 3, 5, 2 } }, x:sort(1):totable())
    assert.same({ { 2, 1, 2 }, { 1, 2, 1 } }, x:argsort(1):totable())
    assert.same({ { 1, 2, 1 }, { 2, 1, 2 } }, x:argsort(-2, true):totable())
    assert.same({ { 1, 3, 2 }, { 2, 1, 3 } }, x:argsort(-1, true):totable())
    assert.same({ { 1, 3 }, { 1, 5 }, { 0, 2 } }, x:transpose(1, 2):sort():totable())
    local scalar, id = core.tensor(4):sort()
    assert.equal(4, scalar:item())
    assert.equal(1, id:item())
    assert.same({ 0, 3 }, { core.zeros(0, 3):sort(1):shape() })
    assert.same({ 3, 0 }, { core.zeros(3, 0):argsort():shape() })
    fails("sort: argument 2 (axis): expected 1 to 2 or -1 to -2, got 3", x.sort, x, 3)
  end)

  it("bring gradients back to where the elements were", function()
    local x = core.tensor { { 3, 1, 2 } }:requires_grad(true)
    local values, ids = x:sort()
    assert.is_false(ids:requires_grad())
    ids:fill_(1)
    values:mul(core.tensor { 1, 10, 100 }):sum():backward()
    assert.same({ { 100, 1, 10 } }, x.grad:totable())
  end)

  it("of padded batches go along features", function()
    local x = core.tensor { { { 2, 1 }, { nan, 0 } } }:with_lengths { 1 }
    local values, ids = x:sort(3)
    assert.same({ 1 }, values:lengths():totable())
    assert.same({ 1 }, ids:lengths():totable())
    assert.same({ 1, 2 }, values[1][1]:totable())
    fails("sort: along time of (1, 2, 2) with lengths", x.sort, x, 2)
    fails("argsort: along the batch of (1, 2, 2) with lengths", x.argsort, x, 1)
  end)
end)

describe("topk", function()
  it("is the beginning of what argsort gives, largest or smallest", function()
    core.seed(2)
    for _, kind in ipairs { "coarse", "fine", "odd" } do
      local list = line(60, kind)
      for _, k in ipairs { 1, 7, 60 } do
        for _, smallest in ipairs { false, true } do
          local expected = table.move(places(list, not smallest), 1, k, 1, {})
          assert.same(expected, core.tensor(list):topk(k, smallest):totable())
        end
      end
    end
    assert.same({ { 2, 3 }, { 3, 1 } }, core.tensor { { 3, 1, 2 }, { 1, 5, 0 } }:topk(2, true):totable())
  end)
end)

describe("unique", function()
  it("gives values, how often, and which stands where", function()
    local x = core.tensor { { 3, 1, 3 }, { nan, -0.0, 1 }, { 0, nan, 3 } }
    local values, counts, ids = x:unique()
    assert.same({ 0, 1, 3 }, values:rows(1, 3):totable())
    assert.is_true(values[4] ~= values[4])
    assert.same({ 2, 2, 3, 2 }, counts:totable())
    assert.same({ { 3, 2, 3 }, { 4, 1, 2 }, { 1, 4, 3 } }, ids:totable())
    assert.same({ "float", "int32", "int32" }, { values:type(), counts:type(), ids:type() })
    values, counts, ids = core.tensor({ 5, -2, 5 }, "int32"):unique()
    assert.same({ { -2, 5 }, { 1, 2 }, { 2, 1, 2 } }, { values:totable(), counts:totable(), ids:totable() })
    assert.equal("int32", values:type())
    core.seed(3)
    local long = (core.rand(1000) * 30):floor()
    values, counts, ids = long:unique()
    assert.same(long:totable(), values:gather(1, ids):totable())
    assert.equal(1000, counts:sum():item())
  end)

  it("of nothing, of a scalar, of a padded batch", function()
    local values, counts, ids = core.zeros(0):unique()
    assert.same({ 0, 0, 0 }, { #values, #counts, #ids })
    values, counts, ids = core.tensor(7):unique()
    assert.same({ { 7 }, { 1 }, 1 }, { values:totable(), counts:totable(), ids:totable() })
    local x = core.tensor({ { 4, 9, 9 }, { 4, 2, 9 } }, "int32"):with_lengths { 1, 2 }
    values, counts, ids = x:unique()
    assert.same({ { 2, 4 }, { 1, 2 } }, { values:totable(), counts:totable() })
    assert.same({ { 2, 0, 0 }, { 2, 1, 0 } }, ids:without_lengths():totable())
    assert.same({ 1, 2 }, ids:lengths():totable())
  end)
end)

-- NumPy's linear method.
local function quantile(list, q)
  if #list == 0 then return nan end
  for _, v in ipairs(list) do
    if v ~= v then return nan end
  end
  list = table.move(list, 1, #list, 1, {})
  table.sort(list)
  local at = q * (#list - 1)
  local low, share = math.floor(at) + 1, at % 1
  if share == 0 or list[low] == list[low + 1] then return list[low] end
  return list[low] + (list[low + 1] - list[low]) * share
end

describe("median and quantile", function()
  it("lie between elements, linearly", function()
    core.seed(4)
    for _, n in ipairs { 0, 1, 2, 5, 6, 60, 1001 } do
      for _, kind in ipairs { "coarse", "fine" } do
        local list = line(n, kind)
        local x = n == 0 and core.zeros(0) or core.tensor(list)
        for _, q in ipairs { 0, 0.1, 0.25, 0.5, 0.9, 1 } do
          near(quantile(list, q), x:quantile(q):item(), n .. " " .. q)
        end
        near(quantile(list, 0.5), x:median():item())
      end
    end
    near(2.5, core.tensor({ 4, 1, 2, 3 }, "int32"):median():item())
    assert.equal(inf, core.tensor({ inf, 1, inf, inf }):median():item())
    near(nan, core.tensor({ 1, nan, 2 }):median():item())
  end)

  it("go along axes, over valid steps", function()
    local x = core.tensor { { 3, 1, 2 }, { 1, 5, 0 } }
    assert.same({ 2, 1 }, x:median(2):totable())
    assert.same({ { 2, 3, 1 } }, x:median(1, true):totable())
    assert.same({ 3, 5 }, x:quantile(1, -1):totable())
    assert.equal(1.5, x:median({ 1, 2 }):item())
    local padded = core.tensor { { { 1, 2 }, { 5, 4 }, { nan, 9 } }, { { 3, 3 }, { 9, 9 }, { 9, 9 } } }
      :with_lengths { 2, 1 }
    assert.same({ { 3, 3 }, { 3, 3 } }, padded:median(2):totable())
    assert.equal(3, padded:median():item())
    assert.same({ 3, 3 }, padded:median({ 1, 2 }):totable())
    assert.same({ 2, 1 }, padded:median(3):lengths():totable())
    near(nan, padded:with_lengths({ 0, 1 }):median(2):get(1, 1))
    for _, q in ipairs { -0.1, 1.1, nan } do fails("quantile: expected a share q from 0 to 1", x.quantile, x, q) end
  end)

  it("share their gradient among the elements they are made of", function()
    local x = core.tensor { 4, 1, 2, 3 }:requires_grad(true)
    x:median():backward()
    assert.same({ 0, 0, 0.5, 0.5 }, x.grad:totable())
    x:zero_grad()
    x:quantile(0.25):backward()
    assert.same({ 0, 0.25, 0.75, 0 }, x.grad:totable())
  end)
end)

describe("searchsorted", function()
  it("says where elements can be put", function()
    local edges = core.tensor { 1, 3, 3, 7 }
    local x = core.tensor { { 0, 1, 2 }, { 3, 8, nan } }
    assert.same({ { 1, 1, 2 }, { 2, 5, 5 } }, edges:searchsorted(x):totable())
    assert.same({ { 1, 2, 2 }, { 4, 5, 5 } }, edges:searchsorted(x, true):totable())
    assert.same({ 1 }, core.zeros(0):searchsorted(core.ones(1)):totable())
    assert.equal(2, core.tensor({ 1, 5 }, "int32"):searchsorted(core.tensor({ 5 }, "int32")):get(1))
    assert.same({ 1, 0 }, edges:searchsorted(core.ones(2, 3):with_lengths { 1, 0 }):lengths():totable())
    fails("searchsorted: expected ascending elements, but element 2", core.searchsorted, core.tensor { 2, 1 }, x)
    fails("searchsorted: expected two tensors of one type", core.searchsorted, edges, x:ne(0):to_int())
    fails("searchsorted: argument 1: expected 1 axis", core.searchsorted, x, x)
  end)
end)

describe("bincount", function()
  it("counts ids, or adds their weights", function()
    local ids = core.tensor({ { 1, 3, 0 }, { 3, 3, 1 } }, "int32")
    assert.same({ 2, 0, 3 }, ids:bincount():totable())
    assert.same({ 2, 0, 3, 0, 0 }, ids:bincount(5):totable())
    assert.equal("int32", ids:bincount():type())
    local weights = core.tensor { { 1, 2, 9 }, { 3, 4, 5 } }:requires_grad(true)
    local sums = ids:bincount(nil, weights)
    assert.same({ 6, 0, 9 }, sums:totable())
    sums:mul(core.tensor { 1, 10, 100 }):sum():backward()
    assert.same({ { 1, 100, 0 }, { 100, 100, 1 } }, weights.grad:totable())
    assert.same({}, core.zeros { 0, type = "int32" }:bincount():totable())
    assert.same({ 0, 0 }, core.zeros { 3, type = "int32" }:bincount(2):totable())
    assert.same({ 1, 0, 1 }, ids:with_lengths({ 2, 0 }):bincount():totable())
    fails("bincount: id 3 at place 2 is not within 0 to 2", ids.bincount, ids, 2)
    fails("bincount: id -1 at place 1", core.bincount, core.tensor({ -1 }, "int32"))
    fails("bincount: expected a weight for each id of (2, 3), got (2,)", ids.bincount, ids, nil, core.ones(2))
    fails("expected an int32 tensor", core.bincount, weights)
    fails("bincount: expected n of at least 0, got -2", ids.bincount, ids, -2)
  end)
end)

describe("histogram", function()
  it("counts what lies in equal ranges", function()
    local x = core.tensor { 0, 0.5, 1, 1.5, 2, 3, nan, -1, inf }
    local counts, edges = x:histogram(3, 0, 3)
    assert.same({ { 2, 2, 2 }, { 0, 1, 2, 3 } }, { counts:totable(), edges:totable() })
    assert.same({ "int32", "float" }, { counts:type(), edges:type() })
    assert.same({ 1, 0, 1, 2 }, core.tensor({ 1, 5, 4, 3 }, "int32"):histogram(4):totable())
    counts, edges = core.full({ 3 }, 7):histogram(2)
    assert.same({ { 0, 3 }, { 6.5, 7, 7.5 } }, { counts:totable(), edges:totable() })
    assert.equal(10, #core.rand(50):histogram())
    assert.equal(50, core.rand(50):histogram():sum():item())
    counts, edges = core.zeros(0):histogram(2)
    assert.same({ { 0, 0 }, { 0, 0.5, 1 } }, { counts:totable(), edges:totable() })
    assert.same({ 1, 2 }, core.tensor({ { 1, nan, 9 }, { 2, 2, 9 } }):with_lengths({ 1, 2 }):histogram(2):totable())
    fails("histogram: expected at least 1 bin, got 0", x.histogram, x, 0)
    fails("histogram: expected limits low < high, got 3 and 1", x.histogram, x, 2, 3, 1)
    fails("histogram: elements from -1 to inf have no range; give low and high", x.histogram, x)
  end)

  it("puts an edge into the range that it begins, whatever rounding does", function()
    for bins = 1, 60 do
      local _, edges = core.zeros(1):histogram(bins, -0.7, 1.1)
      local counts = edges:histogram(bins, -0.7, 1.1)
      for b = 1, bins - 1 do assert.equal(1, counts[b]) end
      assert.equal(2, counts[bins])
    end
  end)
end)

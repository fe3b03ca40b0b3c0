-- matmul of vectors, dot, bilinear and einsum, against sums that are written out.
local core = require "rnn.core"
local rnn = require "rnn"

local TOLERANCE = core.precision == "double" and 1e-12 or 1e-5

local function near(y, want, name)
  assert.same({ want:shape() }, { y:shape() }, name)
  if want:ndim() == 0 or #want > 0 then assert.is_true((y - want):abs():max():item() <= TOLERANCE, name) end
end

describe("matmul", function()
  it("takes vectors as NumPy does", function()
    local v, w = core.randn(4), core.randn(3)
    local m, b = core.randn(3, 4), core.randn(2, 5, 3, 4)
    near(v:matmul(v), (v * v):sum())
    near(m:matmul(v), (m * v):sum(2))
    near(w:matmul(m), (m * w:reshape(3, 1)):sum(1))
    near(b:matmul(v), (b * v):sum(4))
    near(w:matmul(b), (b * w:reshape(3, 1)):sum(3))
    near(core.zeros(0):matmul(core.zeros(0)), core.tensor(0))
    near(core.zeros(3, 0):matmul(core.zeros(0)), core.zeros(3))
    assert.equal(0, #core.zeros(0, 4):matmul(v))
    assert.same({ 5, 2, 3, 6 }, { core.randn(5, 1, 3, 4):matmul(core.randn(2, 4, 6)):shape() })
  end)

  it("refuses what has no inner axis", function()
    assert.error_matches(function() core.matmul(core.tensor(2), core.randn(3)) end, "got %(%) and %(3,%); a %* b")
    assert.error_matches(function() core.randn(3):matmul(core.randn(4)) end, "inner sizes differ: %(3,%) x %(4,%)")
    assert.error_matches(function() core.randn(3):matmul(core.randn(4, 3)) end, "inner sizes differ: %(3,%) x %(4, 3%)")
    assert.error_matches(function() core.arange(3):matmul(core.arange(3)) end, "expected a float tensor, got int32")
    local padded = core.randn(2, 3):with_lengths { 3, 1 }
    assert.error_matches(function() padded:matmul(core.randn(3)) end, "padding included")
    assert.same({ 3, 1 }, core.randn(2, 3, 4):with_lengths({ 3, 1 }):matmul(core.randn(4)):lengths():totable())
  end)
end)

describe("a weight that is multiplied again", function()
  local function equal(a, b) return a:ne(b):sum():item() == 0 end

  -- Products of x, of so many rows, with w (units, inputs): values, and the gradient of x.
  local function products(rows, w)
    core.seed(7)
    local list = {}
    for name, f in pairs { linear = function(x) return core.linear(x, w) end,
      matmul = function(x) return x:matmul(w) end } do
      local x = core.randn(rows, 40):requires_grad(true)
      local y, again, last = f(x), f(x), f(x)
      ;(y * again * last):sum():backward()
      list[name], list[name .. ", again"], list[name .. ", last"] = y:detach(), again:detach(), last:detach()
      list[name .. ", gradient"] = x.grad
    end
    return list
  end

  local function same(rows, w)
    local want = products(rows, w:detach():copy())
    for turn = 1, 4 do
      for name, t in pairs(products(rows, w)) do
        assert.is_true(equal(t, want[name]), ("%s of %d rows, turn %d"):format(name, rows, turn))
      end
    end
  end

  it("gives the same bits each time", function()
    for _, rows in ipairs { 1, 3, 30, 256, 257 } do same(rows, core.randn(40, 40)) end
  end)

  it("is seen as it is after whatever changed it", function()
    local w, other = core.randn(40, 40):requires_grad(true), core.randn(40, 40)
    local changes, n = {}, 0
    for name in pairs(core.methods) do
      if name:find "_$" then changes[name] = true end
    end
    local arguments = { fill_ = { 3 }, uniform_ = { 0, 1 }, normal_ = { 0, 1 }, exponential_ = {}, bernoulli_ = {},
      orthogonal_ = {}, truncated_normal_ = {} }
    for name in pairs(changes) do
      same(5, w)
      assert(arguments[name], "no arguments for " .. name)
      core.no_grad(function() w[name](w, table.unpack(arguments[name])) end)
      same(5, w)
      n = n + 1
    end
    assert.is_true(n >= 6)
    local optimizer = rnn.optim.SGD({ w }, { lr = 0.1 })
    for _, change in ipairs { function() w:assign(other) end, function() w:rows(2, 3):assign(other:rows(4, 5)) end,
      function() w[7] = 2 end, function() w[w:gt(0.3)] = 1 end, function() w:set(1, 1, 5) end,
      function() w:transpose(1, 2)[3] = 4 end, function() w:reshape(1600):rows(5, 9):fill_(8) end } do
      same(5, w)
      core.no_grad(change)
      same(5, w)
    end
    same(5, w)
    w:square():sum():backward()
    optimizer:step()
    same(5, w)
  end)

  it("needs no memory for that", function()
    local w, x = core.randn(64, 64), core.randn(8, 64)
    local want = core.linear(x, w):copy()
    for n = 1, 8 do
      core.fail_allocation(n)
      local ok, y = pcall(core.linear, x, w)
      core.fail_allocation(0)
      assert.is_true(not ok or equal(y, want))
    end
    assert.is_true(equal(core.linear(x, w), want))
  end)

  if core.precision == "float" then
    it("may be in another form", function()
      local layer, x = rnn.nn.Linear(40, 40), core.randn(3, 40)
      local plain = layer(x):detach()
      for _, form in ipairs { "bf16", "float", "bf16" } do
        layer:to(form)
        local first = layer(x):detach()
        assert.equal(form == "float", equal(first, layer:clone():to "float"(x):detach()))
        for _ = 1, 3 do assert.is_true(equal(layer(x):detach(), first)) end
      end
      assert.is_false(equal(plain, layer(x):detach()))
    end)
  end
end)

describe("dot and bilinear", function()
  it("are sums of products", function()
    local a, b = core.randn(5), core.randn(5)
    near(rnn.dot(a, b), (a * b):sum())
    near(a:dot(b), (a * b):sum())
    local x, y, w, bias = core.randn(2, 3, 4), core.randn(2, 3, 5), core.randn(6, 4, 5), core.randn(6)
    local want = (x:reshape(2, 3, 1, 4, 1) * w * y:reshape(2, 3, 1, 1, 5)):reshape(2, 3, 6, 20):sum(4)
    near(rnn.bilinear(x, y, w), want)
    near(rnn.bilinear(x, y, w, bias), want + bias)
    near(rnn.bilinear(x[1][1], y[1][1], w), want[1][1])
    local padded = rnn.bilinear(x:with_lengths { 3, 1 }, y:with_lengths { 3, 1 }, w, bias)
    assert.same({ 3, 1 }, padded:lengths():totable())
  end)

  it("refuse what does not fit", function()
    assert.error_matches(function() rnn.dot(core.ones(2), core.ones(3)) end, "dot: sizes differ: %(2%) and %(3%)")
    assert.error_matches(function() rnn.dot(core.ones(2, 2), core.ones(2)) end, "expected a float tensor of 1 axis")
    assert.error_matches(function() rnn.bilinear(core.ones(2, 3), core.ones(2, 4), core.ones(5, 4, 3)) end,
      "expected %(..., 4%), %(..., 3%) and bias %(5%) for weight %(5, 4, 3%), got %(2, 3%), %(2, 4%)")
    assert.error_matches(function() rnn.bilinear(core.ones(2, 3), core.ones(1, 4), core.ones(5, 3, 4)) end,
      "bilinear: expected")
  end)
end)

describe("einsum", function()
  it("takes a diagonal that lies in rows as a part, to which one may write", function()
    local x = rnn.ones(3, 3)
    rnn.einsum("ii->i", x):set(2, 5)
    assert.equal(5, x:get(2, 2))
    assert.has_error(function() rnn.einsum("iji->ij", rnn.ones(2, 3, 2)):fill_(0) end) -- a copy
  end)

  it("says when there are too many axes", function()
    local x = rnn.ones(1, 1, 1)
    local ok, message = pcall(rnn.einsum, "abc,def,ghi->abcdefghi", x, x, x)
    assert.is_false(ok)
    assert.matches("products_spec.lua:%d+: einsum: the product of two operands has 9 axes, at most 6", message)
  end)

  -- The sum written out: every label runs through its sizes. Operands as lists; no "...".
  local function written_out(equation, operands)
    local left, right = equation:match "^(.-)%->(.*)$"
    local sizes, order, terms = {}, {}, {}
    for term in (left .. ","):gmatch "(%a*)," do
      terms[#terms + 1] = term
      for k = 1, #term do
        local label, size = term:sub(k, k), operands[#terms]:size(k)
        if not sizes[label] then order[#order + 1] = label end
        sizes[label] = math.max(sizes[label] or 1, size)
      end
    end
    local function offset(term, shape, at)
      local place = 0
      for k = 1, #term do
        local i = shape[k] == 1 and 0 or at[term:sub(k, k)]
        place = place * shape[k] + i
      end
      return place + 1
    end
    local shape, count = {}, 1
    for k = 1, #right do
      shape[k] = sizes[right:sub(k, k)]
      count = count * shape[k]
    end
    local values, lists, shapes = {}, {}, {}
    for i = 1, count do values[i] = 0 end
    for i, x in ipairs(operands) do
      shapes[i] = { x:shape() }
      lists[i] = x:ndim() == 0 and { x:item() } or x:reshape(-1):totable()
    end
    local at = {}
    local function run(level)
      if level > #order then
        local p = 1
        for i, term in ipairs(terms) do p = p * lists[i][offset(term, shapes[i], at)] end
        local place = offset(right, shape, at)
        values[place] = values[place] + p
        return
      end
      for i = 0, sizes[order[level]] - 1 do
        at[order[level]] = i
        run(level + 1)
      end
    end
    run(1)
    local t = core.tensor(values)
    return #shape == 0 and t:reshape {} or t:reshape(shape)
  end

  local SIZES = { a = 2, b = 3, c = 1, d = 4, e = 2 }
  local function tensor_for(term)
    local shape = {}
    for label in term:gmatch "%a" do shape[#shape + 1] = SIZES[label] end
    return core.randn(shape)
  end
  local function operands_for(equation)
    local operands = {}
    for term in (equation:match "^(.-)%->" .. ","):gmatch "(%a*)," do operands[#operands + 1] = tensor_for(term) end
    return operands
  end

  local EQUATIONS = {
    "ab,bd->ad", "ab,bd->da", "ab,bd->", "ab,bd->b", "ab,bd->abd", "a,b->ab", "a,a->a", "a,a->", "ab->ba", "ab->b",
    "ab->", "bb->", "bb->b", "abb->ba", "bbb->b", "abab->ba", "abd,abd->ab", "abd,ade->abe",
    "abd,de,eb->a", "ab,bd,de->ae",
    "ab,,bd->ad", "->", "abcde->edcba", "a,b,d,e->adbe", "ab,ab,ab->ab", "bd,a->ad", "abd,b->dab", "c,ab->abc",
    "ab,ad->bd",
  }

  it("is the sum written out", function()
    for _, equation in ipairs(EQUATIONS) do
      local operands = operands_for(equation)
      near(rnn.einsum(equation, table.unpack(operands)), written_out(equation, operands), equation)
    end
  end)

  it("is so for random equations", function()
    math.randomseed(3)
    local labels = { "a", "b", "c", "d", "e" }
    for _ = 1, 200 do
      local terms, seen, right = {}, {}, {}
      for i = 1, math.random(1, 3) do
        local term = {}
        for k = 1, math.random(0, 3) do
          term[k] = labels[math.random(5)]
          seen[term[k]] = true
        end
        terms[i] = table.concat(term)
      end
      for label in pairs(seen) do
        if math.random() < 0.5 then table.insert(right, math.random(#right + 1), label) end
      end
      local equation = table.concat(terms, ",") .. "->" .. table.concat(right)
      local operands = operands_for(equation)
      near(rnn.einsum(equation, table.unpack(operands)), written_out(equation, operands), equation)
    end
  end)

  -- Each operand stands once, so the value is linear in it: its gradient is a difference, of any step.
  it("has gradients", function()
    for _, equation in ipairs { "ab,bd->ad", "abb->ba", "ab,bd,de->ae", "a,a->a", "abd,b->dab", "bd,a->ad",
      "ab,,bd->ad" } do
      local operands = operands_for(equation)
      for _, x in ipairs(operands) do x:requires_grad(true) end
      local y = rnn.einsum(equation, table.unpack(operands))
      local g = core.randn({ y:shape() });
      (y * g):sum():backward()
      for i, x in ipairs(operands) do
        local others = table.move(operands, 1, #operands, 1, {})
        local flat = x.grad:reshape(-1)
        for k = 1, #flat do
          local unit = core.zeros(#flat)
          unit[k] = 1
          others[i] = unit:reshape({ x:shape() })
          assert.near((written_out(equation, others) * g):sum():item(), flat[k], 1e-4, equation)
        end
      end
    end
  end)

  it("broadcasts ... and sizes of 1", function()
    local x, m, v = core.randn(2, 5, 3, 4), core.randn(4, 6), core.randn(4)
    near(rnn.einsum("...ij,jk->...ik", x, m), x:matmul(m))
    near(rnn.einsum("...ij,j", x, v), x:matmul(v))
    near(rnn.einsum("i...->...", x), x:sum(1))
    near(rnn.einsum("...,...->...", x, core.randn(3, 1) * 0 + 2), x * 2)
    near(rnn.einsum("b...d->d...b", x), x:transpose(1, 4))
    near(rnn.einsum("...ii->...i", core.ones(2, 3, 3)), core.ones(2, 3))
    near(rnn.einsum("ij,ij->ij", core.ones(3, 1), core.ones(1, 4)), core.ones(3, 4))
    near(rnn.einsum("i,i->", core.ones(1), core.ones(3)), core.tensor(3))
    near(rnn.einsum(" i j , j k -> i k ", core.ones(2, 0), core.ones(0, 3)), core.zeros(2, 3))
    near(rnn.einsum("ij,j->i", core.ones(0, 3), core.ones(3)), core.zeros(0))
    near(rnn.einsum("ba", core.randn(2, 3) * 0), core.zeros(3, 2)) -- sorted
    near(rnn.einsum("ii", core.ones(4, 4)), core.tensor(4))
  end)

  it("keeps lengths where each step stays by itself", function()
    local x = core.tensor { { { 1, 2 }, { 3, 4 } }, { { 5, 6 }, { 0 / 0, 0 / 0 } } }:with_lengths { 2, 1 }
    local w = core.ones(2, 3):requires_grad(true)
    local y = rnn.einsum("ntd,dk->ntk", x, w)
    assert.same({ 2, 1 }, y:lengths():totable())
    y:sum():backward()
    assert.same({ { 9, 9, 9 }, { 12, 12, 12 } }, w.grad:totable())
    assert.same({ 2, 1 }, rnn.einsum("ntd,ntd->nt", x, x):lengths():totable())
    for _, equation in ipairs { "ntd->nd", "ntd->tnd", "ntd->ndt", "ntd->" } do
      assert.error_matches(function() rnn.einsum(equation, x) end,
        "padding included; x:zero_padding%(%):without_lengths%(%)")
    end
    assert.error_matches(function() rnn.einsum("ntd,ntd->nt", x, core.ones(2, 2, 2):with_lengths { 1, 1 }) end,
      "different lengths")
  end)

  it("says what it expects", function()
    local a, b = core.ones(2, 3), core.ones(3, 4)
    for message, f in pairs {
      ["'ij,jk%->ik': expected 2 tensors, got 1"] = function() rnn.einsum("ij,jk->ik", a) end,
      ["'ij': expected 1 tensor, got 2"] = function() rnn.einsum("ij", a, b) end,
      ["'ijk%->i': 'ijk' does not name the axes of argument 2, %(2, 3%)"] = function() rnn.einsum("ijk->i", a) end,
      ["'i%->i': 'i' does not name the axes"] = function() rnn.einsum("i->i", a) end,
      ["'ij,ij': j has the sizes 3 and 4"] = function() rnn.einsum("ij,ij", core.ones(3, 3), b) end,
      ["'ij%->ik': no operand has the axis k of the result"] = function() rnn.einsum("ij->ik", a) end,
      ["'ij%->ii': an axis stands twice in the result 'ii'"] = function() rnn.einsum("ij->ii", a) end,
      ["'i1': expected letters and at most one ... in 'i1'"] = function() rnn.einsum("i1", a) end,
      ["'......': expected letters"] = function() rnn.einsum("......", a) end,
      ["einsum: argument 2: expected a float tensor, got tensor %(3%) int32"] = function()
        rnn.einsum("i", core.arange(3))
      end,
      ["einsum: argument 1 %(equation%): expected a string"] = function() rnn.einsum(a, b) end,
    } do
      assert.error_matches(f, message)
    end
  end)
end)

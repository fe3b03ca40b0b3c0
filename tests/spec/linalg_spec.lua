-- rnn.linalg: values against SciPy (tests/reference/make_linalg.py), gradients against differences, what is refused,
-- batches, and our own code, with --deterministic, against LAPACK's.
local rnn = require "rnn"
local approx = require "support.approx"
local shell = require "support.shell"

local linalg = rnn.linalg
local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
local FOLDER = debug.getinfo(1, "S").source:match("^@(.-)[^/]*$") .. "../reference/"
local DOUBLE = rnn.precision() == "double"
local TOLERANCE = DOUBLE and 1e-12 or 1e-6
local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
local function output(command)
  local sh = shell.new()
  local out, err = sh:run("cd " .. quoted(os.getenv "PWD") .. "; " .. command)
  sh:remove()
  return out .. err
end
local DETERMINISTIC = os.getenv "RNNLUA_DETERMINISTIC" == "1"

local function matrix(m, n, seed)
  local rows = {}
  for i = 0, m - 1 do
    rows[i + 1] = {}
    for j = 0, n - 1 do rows[i + 1][j + 1] = (73 * i + 179 * j + 31 * seed + 7 * i * j) % 257 / 128 - 1 end
  end
  return rnn.tensor(rows)
end
local function eye(n) return rnn.one_hot(rnn.arange(n), n) end
local function regular(n, seed) return matrix(n, n, seed) + eye(n) * (2 * math.sqrt(n)) end
local function definite(n, seed)
  local a = matrix(n, n, seed)
  return (a + a:transpose(1, 2)) / 2 + eye(n) * (rnn.arange(n):to_float() / 4 - 0.25 + 2 * math.sqrt(n))
end
-- As make_linalg.py shortens results.
local function short(x)
  if x:count() <= 64 then return x end
  local sums = {}
  for i, row in ipairs(x:reshape(#x, -1):totable()) do
    sums[i] = 0
    for j, value in ipairs(row) do sums[i] = sums[i] + value * j end
  end
  return rnn.tensor(sums)
end

local function leaf(t)
  t:requires_grad(true)
  return t
end

-- want: what SciPy says, shortened; or a tensor.
local function near(want, got, what)
  local t = rnn.is_tensor(want) and want or rnn.tensor(want)
  local distance = approx.distance(t, rnn.is_tensor(want) and got or short(got):reshape(t:shape()))
  if distance > TOLERANCE then error(("%s: off by %.3g"):format(what, distance), 2) end
end

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(pattern, message)
  return message
end

-- An orthogonal or triangular tensor as it should be.
local function orthonormal(q, what) -- columns
  near(eye(q:size(2)), q:transpose(1, 2):matmul(q), what, 10)
end

local file <close> = assert(io.open(FOLDER .. "linalg.json"))
local reference = rnn.json_decode(file:read "a")

describe("rnn.linalg against SciPy", function()
  for _, want in ipairs(reference.rectangular) do
    local name = ("%d x %d"):format(want.m, want.n)
    local a, b = matrix(want.m, want.n, want.seed), matrix(want.m, 2, want.seed + 50)
    local full = want.rank == math.min(want.m, want.n)
    it("qr, least squares " .. name, function()
      local q, r = linalg.qr(a)
      if full then
        near(want.q, q, "q")
        near(want.r, r, "r")
      end
      near(a, q:matmul(r), "a")
      orthonormal(q, "q'q")
      if DETERMINISTIC and not full then return end
      local x, rank = linalg.lstsq(a, b)
      near(want.x, x, "x")
      assert.equal(want.rank, rank:item())
      if want.m <= 100 then near(want.pinv, linalg.pinv(a), "pinv") end
      approx.equal(a, a:matmul(linalg.pinv(a)):matmul(a), "a pinv(a) a")
      near(want.norm.fro, linalg.norm(a), "fro")
      near(want.norm.one, linalg.norm(a, 1), "1")
      near(want.norm.inf, linalg.norm(a, math.huge), "inf")
    end)
    if not DETERMINISTIC then
      it("svd " .. name, function()
        local u, s, vt = linalg.svd(a)
        near(want.s, s, "s")
        if full then
          near(want.u, u, "u")
          near(want.vt, vt, "vt")
        end
        near(a, (u * s):matmul(vt), "a")
        near(want.norm.nuc, linalg.norm(a, "nuc"), "nuc")
        near(want.norm.two, linalg.norm(a, 2), "2")
        assert.equal(want.rank, linalg.matrix_rank(a):item())
      end)
    end
  end

  for _, want in ipairs(reference.square) do
    local name = ("%d x %d"):format(want.n, want.n)
    local a, p, b = regular(want.n, want.seed), definite(want.n, want.seed), matrix(want.n, 2, want.seed + 50)
    it("cholesky, solve, inv, det " .. name, function()
      near(want.cholesky, linalg.cholesky(p), "cholesky")
      near(want.solve, linalg.solve(a, b), "solve")
      near(want.lower, linalg.solve_triangular(a, b), "lower")
      near(want.upper, linalg.solve_triangular(a, b, { upper = true }), "upper")
      near(want.inv, linalg.inv(a), "inv")
      local sign, log = linalg.slogdet(a)
      near(want.sign, sign, "sign")
      near(want.log, log, "log")
      if want.sign > 0 then near(want.log, linalg.logdet(a), "logdet") end
      if want.n <= 32 then near(want.sign * math.exp(want.log), linalg.det(a), "det") end
    end)
    if not DETERMINISTIC then
      it("eigenvalues " .. name, function()
        local w, v = linalg.eigh(p)
        near(want.w, w, "w")
        near(want.v, v, "v")
        near(p, (v * w):matmul(v:transpose(1, 2)), "p")
        local list = linalg.eigvals(a):totable()
        table.sort(list, function(x, y)
          if math.abs(x[1] - y[1]) > 1e-6 then return x[1] < y[1] end
          return x[2] < y[2]
        end)
        near(want.eigvals, rnn.tensor(list), "eigvals")
        near(want.radius, linalg.spectral_radius(a), "radius")
        near(want.cond, linalg.cond(a), "cond")
      end)
    end
  end
end)

if not DETERMINISTIC then
  it("eig: a v = w v, with complex pairs", function()
    local a = matrix(6, 6, 3)
    local w, v = linalg.eig(a)
    local re, im = v:select(3, 1), v:select(3, 2)
    local wr, wi = w:select(2, 1), w:select(2, 2)
    assert.is_true(wi:abs():max():item() > 0.1)
    near((re * wr - im * wi), a:matmul(re), "real")
    near((re * wi + im * wr), a:matmul(im), "imaginary")
    near(rnn.ones(6), (re:square() + im:square()):sum(1), "length")
    near(w:abs():sum(1), linalg.eigvals(a):abs():sum(1), "eigvals") -- their order may be another
  end)

  it("eigenvalues have no gradient, which is said", function()
    local a = leaf(matrix(3, 3, 1))
    fails("linalg.eigvals: has no gradient", linalg.eigvals, a)
    fails("linalg.eig: has no gradient", linalg.eig, a)
    linalg.eigvals(a:detach())
    rnn.no_grad(linalg.eigvals, a)
  end)
end

describe("batches", function()
  local a = rnn.stack({ regular(4, 1), regular(4, 2), regular(4, 3) }, 1)
  local p = rnn.stack({ definite(4, 1), definite(4, 2), definite(4, 3) }, 1)
  it("are their matrices one by one", function()
    local each = { cholesky = { p }, inv = { a }, det = { a }, slogdet = { a }, qr = { a }, solve = { a, p },
      lstsq = { a, p }, solve_triangular = { a, p }, norm = { a } }
    if not DETERMINISTIC then
      for _, name in ipairs { "svd", "eig", "eigvals" } do each[name] = { a } end
      each.eigh, each.pinv, each.matrix_rank, each.cond, each.spectral_radius = { p }, { a }, { a }, { a }, { a }
    end
    for name, args in pairs(each) do
      local whole = { linalg[name](table.unpack(args)) }
      local deep = { linalg[name](args[1]:reshape(3, 1, 4, 4), args[2] and args[2]:reshape(3, 1, 4, 4)) }
      for i = 1, 3 do
        local one = { linalg[name](args[1][i], args[2] and args[2][i]) }
        for k, t in ipairs(one) do
          assert.same(t:reshape(-1):totable(), whole[k]:reshape(3, -1)[i]:reshape(-1):totable(), name)
          assert.same(t:reshape(-1):totable(), deep[k]:reshape(3, -1)[i]:reshape(-1):totable(), name)
        end
      end
    end
  end)
  it("broadcast in solve and lstsq", function()
    local b = matrix(4, 2, 9)
    for _, name in ipairs { "solve", "lstsq" } do
      local x = linalg[name](a, b)
      assert.same({ 3, 4, 2 }, { x:shape() })
      near(linalg[name](a[2], b), x[2], name)
      x = linalg[name](a:reshape(3, 1, 4, 4), rnn.stack({ b, b + 1 }, 1))
      assert.same({ 3, 2, 4, 2 }, { x:shape() })
      near(linalg[name](a[3], b + 1), x[3][2], name)
      x = linalg[name](a, rnn.ones(4))
      assert.same({ 3, 4 }, { x:shape() })
      near(rnn.ones(3, 4), a:matmul(x:reshape(3, 4, 1)):reshape(3, 4), name, 10)
    end
  end)
  it("take views that do not lie in rows", function()
    local t = a:transpose(2, 3)
    near(linalg.inv(t:copy()), linalg.inv(t), "inv")
  end)
  it("without elements give such results", function()
    local none = rnn.zeros(0, 3, 3)
    for name, shapes in pairs { inv = { { 0, 3, 3 } }, cholesky = { { 0, 3, 3 } }, det = { { 0 } },
      slogdet = { { 0 }, { 0 } }, qr = { { 0, 3, 3 }, { 0, 3, 3 } } } do
      for k, t in ipairs { linalg[name](none) } do assert.same(shapes[k], { t:shape() }) end
    end
    assert.equal(1, linalg.det(rnn.zeros(0, 0)):item())
    assert.same({ 1, 1 }, linalg.det(rnn.zeros(2, 0, 0)):totable())
    assert.equal(0, linalg.logdet(rnn.zeros(0, 0)):item())
    local q, r = linalg.qr(rnn.zeros(4, 0))
    assert.same({ 4, 0, 0, 0 }, { q:size(1), q:size(2), r:size(1), r:size(2) })
    assert.same({ 3, 0 }, { linalg.solve(regular(3, 1), rnn.zeros(3, 0)):shape() })
    assert.same({ { 0 }, { 0 } }, linalg.lstsq(rnn.zeros(0, 2), rnn.zeros(0, 1)):totable())
    assert.equal(0, linalg.norm(rnn.zeros(0, 3)):item())
    if DETERMINISTIC then return end
    local u, s, vt = linalg.svd(rnn.zeros(3, 0))
    assert.same({ 3, 0, 0, 0, 0 }, { u:size(1), u:size(2), s:size(1), vt:size(1), vt:size(2) })
    assert.equal(0, linalg.matrix_rank(rnn.zeros(3, 0)):item())
    assert.same({ 0, 2 }, { linalg.eigvals(rnn.zeros(0, 0)):shape() })
  end)
end)

describe("what cannot be done is said", function()
  it("shapes and types", function()
    fails("linalg.inv: argument 1: expected a square matrix %(n, n%), or a batch of them %(..., n, n%), got %(2, 3%)",
      linalg.inv, rnn.zeros(2, 3))
    fails("linalg.svd: argument 1: expected a matrix %(m, n%)", linalg.svd, rnn.zeros(3))
    fails("linalg.qr: argument 1: expected a float tensor, got int32", linalg.qr, rnn.zeros(3, 3):to_int())
    fails("linalg.solve: argument 2: expected right%-hand sides %(3%) or %(..., 3, k%) for matrices %(3, 3%), got "
      .. "%(2, 3%)", linalg.solve, eye(3), rnn.zeros(2, 3))
    fails("the batches of %(2, 3, 3%) and %(4, 3, 1%) do not fit together", linalg.solve, rnn.ones(2, 3, 3),
      rnn.ones(4, 3, 1))
    fails("linalg.det: would lose the lengths", linalg.det, rnn.ones(2, 3, 3):with_lengths { 1, 2 })
    fails("linalg.norm: argument 2 %(order%): expected 'fro', 'nuc', 1, 2 or math.huge, got number 3",
      linalg.norm, eye(2), 3)
    fails("option", linalg.solve_triangular, eye(2), eye(2), { lower = true })
  end)
  it("numbers that are not finite, before LAPACK sees them", function()
    for _, bad in ipairs { 0 / 0, 1 / 0, -1 / 0 } do
      local a = regular(3, 1)
      a:set(2, 3, bad)
      for _, name in ipairs { "cholesky", "inv", "det", "slogdet", "qr", "svd", "eigh", "eig", "eigvals", "pinv",
        "matrix_rank", "spectral_radius", "cond" } do
        fails("argument 1: expected finite numbers, got %-?%l+ at %(2, 3%) of %(3, 3%)", linalg[name], a)
      end
      for _, name in ipairs { "solve", "lstsq", "solve_triangular" } do
        fails("argument 1: expected finite numbers", linalg[name], a, eye(3))
        fails("argument 2: expected finite numbers", linalg[name], eye(3), a)
      end
    end
  end)
  it("matrices that are not positive definite", function()
    fails("linalg.cholesky: the matrix is not positive definite: pivot 2 is %-3", linalg.cholesky,
      rnn.tensor { { 1, 2 }, { 2, 1 } })
    fails("matrix 3 is not positive definite: pivot 1 is 0", linalg.cholesky,
      rnn.stack({ eye(2), eye(2), rnn.zeros(2, 2) }, 1))
  end)
  it("singular matrices", function()
    local a = rnn.tensor { { 1, 2 }, { 2, 4 } }
    fails("linalg.inv: the matrix is singular: pivot 2 is 0", linalg.inv, a)
    fails("linalg.solve: matrix 2 is singular: pivot 1 is 0", linalg.solve, rnn.stack({ eye(2), rnn.zeros(2, 2) }, 1),
      eye(2))
    fails("the matrix is singular: element %(2, 2%) of its diagonal is 0", linalg.solve_triangular,
      rnn.tensor { { 1, 0 }, { 2, 0 } }, eye(2))
    assert.equal(0, linalg.det(a):item())
    local sign, log = linalg.slogdet(a)
    assert.same({ 0, -math.huge }, { sign:item(), log:item() })
    fails("linalg.logdet: matrix 2 has no positive determinant", linalg.logdet, rnn.stack({ eye(2), a }, 1))
    fails("backward of linalg.slogdet: the matrix is singular: its logarithm has no gradient", function()
      select(2, linalg.slogdet(leaf(a:copy()))):backward()
    end)
  end)
  it("gradients that do not exist", function()
    if DETERMINISTIC then return end
    local a = leaf(eye(3))
    fails("singular values 1 and 2 are equal", function() (linalg.svd(a)):sum():backward() end)
    linalg.svdvals(a):sum():backward()
    near(eye(3), a.grad, "of the values alone")
    fails("eigenvalues? 1 and 2 are equal", function() select(2, linalg.eigh(a)):sum():backward() end)
    local low = leaf(rnn.tensor { { 1, 2 }, { 2, 4 }, { 3, 6 } })
    fails("singular value 2 is 0", function() (linalg.svd(low)):sum():backward() end)
    fails("matrix 1 has rank 1, not full rank 2", function() (linalg.lstsq(low, rnn.ones(3))):sum():backward() end)
    fails("has not full rank: element %(2, 2%) of R is 0", function()
      (linalg.qr(leaf(rnn.tensor { { 1, 0 }, { 0, 0 } }))):sum():backward()
    end)
  end)
end)

it("least squares of dependent columns: the least solution", function()
  if DETERMINISTIC then return end
  local a = rnn.tensor { { 1, 2 }, { 2, 4 }, { 3, 6 } }
  local x, rank = linalg.lstsq(a, rnn.tensor { 1, 2, 3 })
  assert.equal(1, rank:item())
  near({ 0.2, 0.4 }, x, "x")
  assert.equal(1, linalg.matrix_rank(a):item())
  assert.equal(2, linalg.matrix_rank(a + rnn.tensor { { 0, 0 }, { 0, 1e-3 }, { 0, 0 } }):item())
  assert.equal(1, linalg.matrix_rank(a + rnn.tensor { { 0, 0 }, { 0, 1e-3 }, { 0, 0 } }, { tolerance = 0.1 }):item())
end)

it("large and small numbers neither overflow nor vanish", function()
  for _, by in ipairs(DOUBLE and { 2.0 ^ 600, 2.0 ^ -600 } or { 2.0 ^ 100, 2.0 ^ -100 }) do
    local a = matrix(5, 3, 5)
    local q, r = linalg.qr(a)
    local q2, r2 = linalg.qr(a * by)
    near(q, q2, "q")
    near(r, r2 / by, "r")
    near(linalg.lstsq(a, rnn.ones(5)), (linalg.lstsq(a * by, rnn.ones(5))) * by, "x")
  end
end)

if DOUBLE then
  describe("gradients", function()
    local function check(f, ...) rnn.gradcheck(f, { ... }, { atol = 1e-8, rtol = 1e-6 }) end
    local a = rnn.stack({ regular(4, 1), regular(4, 2) }, 1)
    it("of all outputs together", function()
      for _, shape in ipairs { { 5, 3 }, { 3, 5 }, { 4, 4 }, { 1, 1 }, { 1, 3 }, { 3, 1 } } do
        local x = matrix(shape[1], shape[2], 5)
        check(linalg.qr, x)
        check(function(m, b) return (linalg.lstsq(m, b)) end, x, matrix(shape[1], 2, 8))
        check(linalg.pinv, x)
        check(linalg.norm, x)
        if not DETERMINISTIC then
          check(linalg.svd, x)
          check(function(m) return linalg.norm(m, "nuc"), linalg.norm(m, 2), linalg.cond(m) end, x)
        end
      end
    end)
    it("of determinants of singular matrices", function()
      if DETERMINISTIC then return end
      for _, x in ipairs { rnn.tensor { { 1, 2 }, { 2, 4 } }, rnn.zeros(1, 1), rnn.zeros(2, 2), rnn.zeros(3, 3),
        rnn.tensor { { 1, 2, 3 }, { 4, 5, 6 }, { 5, 7, 9 } }, rnn.tensor { { 0, 0, 0 }, { 1, 2, 0 }, { 3, 1, 4 } } } do
        check(linalg.det, x)
      end
    end)
    it("of square matrices", function()
      check(linalg.cholesky, a)
      check(linalg.inv, a)
      check(linalg.det, a)
      check(function(x) return select(2, linalg.slogdet(x)) end, a)
      check(linalg.solve, a, matrix(4, 3, 7))
      check(function(x, b) return linalg.solve_triangular(x, b, { upper = true }) end, a, matrix(4, 3, 7))
      if not DETERMINISTIC then check(linalg.eigh, rnn.stack({ definite(4, 1), definite(4, 2) }, 1)) end
    end)
    it("of matrices of more than a panel, in one direction", function()
      local cases = { qr = { matrix(40, 36, 5) }, cholesky = { definite(40, 3) }, inv = { regular(40, 3) },
        solve = { regular(40, 3), matrix(40, 35, 6) }, lstsq = { matrix(50, 40, 5), matrix(50, 35, 6) } }
      if not DETERMINISTIC then cases.svd, cases.eigh = { matrix(40, 36, 5) }, { definite(40, 3) } end
      for name, args in pairs(cases) do
        local x, d = leaf(args[1]), matrix(args[1]:size(1), args[1]:size(2), 9)
        local weights = {}
        local function loss(m)
          local sum = rnn.tensor(0)
          for i, t in ipairs { linalg[name](m, args[2]) } do
            if t:type() == "float" then
              weights[i] = weights[i] or matrix(t:size(1), t:count() // t:size(1), 4 + i):reshape(t:shape())
              sum = sum + (t * weights[i]):sum()
            end
          end
          return sum
        end
        loss(x):backward()
        local got = (x.grad * d):sum():item()
        local function at(h) return loss(x:detach() + d * h):item() end
        local h = 1e-4
        local want = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
        assert.is_true(math.abs(got - want) <= 1e-8 * math.max(math.abs(want), 1), name .. ": " .. got .. ", " .. want)
      end
    end)
  end)
end

describe("--deterministic", function()
  if DETERMINISTIC then return end
  it("gives the same bits on every set of kernels, and refuses what LAPACK alone does", function()
    local code = [[local rnn = require "rnn"
      rnn.seed(3)
      local a, s = rnn.randn(2, 65, 65), 0
      local p = a:matmul(a:transpose(2, 3)) * 0.1 + rnn.one_hot(rnn.arange(65), 65)
      for _, f in ipairs { "inv", "qr" } do
        for _, t in ipairs { rnn.linalg[f](a) } do print(f, t:get(2, 64, 65), t:get(1, 3, 4)) end
      end
      print(rnn.linalg.cholesky(p):get(2, 65, 64), rnn.linalg.solve(a, p):get(1, 2, 3), rnn.linalg.slogdet(a))
      print(rnn.linalg.lstsq(rnn.randn(70, 33), rnn.randn(70)):get(33))
      for _, f in ipairs { "svd", "eigh", "eig", "eigvals", "cond" } do
        local ok, message = pcall(rnn.linalg[f], a)
        assert(not ok and message:find "not with %-%-deterministic", f)
      end
      assert(not pcall(rnn.blas, "openblas"))]]
    local all = {}
    for _, isa in ipairs { "x86-64-v4", "x86-64-v3", "plain" } do
      for _, threads in ipairs { 1, 2 } do
        local out = output(("RNNLUA_ISA=%s %s --deterministic%s --threads %d -e %s"):format(isa, PROGRAM,
          DOUBLE and " --double" or "", threads, quoted(code)))
        all[out] = true
      end
    end
    local text = next(all)
    assert.is_nil(next(all, text))
    assert.matches("^inv", text)
  end)
  it("agrees with LAPACK: this spec passes", function()
    local out = output(("RNNLUA_DETERMINISTIC=1 RNNLUA=%s %s%s tests/spec/support/run.lua %s 2>&1 | tail -3"):format(
      PROGRAM, PROGRAM, DOUBLE and " --double" or "", debug.getinfo(1, "S").source:sub(2)))
    assert.matches("0 failures / 0 errors", out)
  end)
end)

it("nothing is opened before it is used", function()
  local out = output(PROGRAM .. [[ -e 'local rnn = require "rnn"; rnn.randn(4, 4):matmul(rnn.randn(4, 4))
    local function opened()
      for line in io.lines "/proc/self/maps" do if line:find "openblas" then return true end end
    end
    print(opened(), rnn.linalg ~= nil and opened(), rnn.linalg.det(rnn.ones(1, 1)) ~= nil and opened())']])
  assert.equal(DETERMINISTIC and "nil\tnil\tnil\n" or "nil\tnil\ttrue\n", out)
end)

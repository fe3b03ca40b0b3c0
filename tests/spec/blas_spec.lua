-- rnn.blas: who computes large products, and that both give the same to rounding, in every way that products are asked
-- for: transposed, with a bias, added to what is there, of views, in backward.
local rnn = require "rnn"
local approx = require "support.approx"
local shell = require "support.shell"

if os.getenv "RNNLUA_DETERMINISTIC" == "1" then return end

local function with(name, f)
  local before = rnn.blas()
  rnn.blas(name)
  local results = { f() }
  rnn.blas(before)
  return results
end

-- f with both, from the same random numbers.
local function compare(what, f)
  local function run()
    rnn.seed(4)
    return f()
  end
  local own, other = with("own", run), with("openblas", run)
  assert.is_true(#own > 0)
  for i, t in ipairs(own) do approx.equal(t, other[i], what .. " " .. i) end
  return own, other
end

describe("rnn.blas", function()
  it("says and sets who computes", function()
    assert.equal("own", rnn.blas())
    assert.equal("openblas", rnn.blas("openblas"))
    assert.equal("openblas", rnn.blas())
    assert.equal("own", rnn.blas("own"))
    local ok, message = pcall(rnn.blas, "mkl")
    assert.is_false(ok)
    assert.matches("blas: argument 1 %(name%): expected 'own' or 'openblas', got string 'mkl'", message)
  end)

  it("gives the same products to rounding", function()
    local differs = false
    for _, s in ipairs { { 64, 64, 64 }, { 2, 600, 300 }, { 700, 2, 300 }, { 129, 67, 91 }, { 1, 1000, 400 },
      { 1000, 1, 400 }, { 300, 400, 1 }, { 65, 1000, 1100 } } do
      local m, n, k = table.unpack(s)
      local own, other = compare(table.concat(s, "x"), function()
        local a, b = rnn.randn(m, k):requires_grad(true), rnn.randn(k, n):requires_grad(true)
        local y = a:matmul(b)
        y:backward(rnn.randn(m, n))
        return y:detach(), a.grad, b.grad, a:detach():matmul(rnn.randn(n, k):transpose(1, 2)),
          rnn.randn(k, m):transpose(1, 2):matmul(b:detach()), rnn.randn(3, m, k):select(1, 2):matmul(b:detach()),
          rnn.randn(m, 2 * k):slice(2, 2, k + 1):matmul(b:detach())
      end)
      differs = differs or (own[1] - other[1]):abs():max():item() > 0
    end
    assert.is_true(differs) -- it was not our own kernels twice
  end)

  it("gives the same layers and gradients to rounding", function()
    compare("linear", function()
      local layer, x = rnn.nn.Linear(120, 90), rnn.randn(50, 120):requires_grad(true)
      layer.bias:detach():uniform_(-1, 1)
      local y = layer(x)
      y:square():sum():backward()
      y = y:detach()
      return y, x.grad, layer.weight.grad, layer.bias.grad
    end)
    compare("lstm", function()
      local layer, x = rnn.nn.LSTM(60, 64), rnn.randn(20, 30, 60):with_lengths(rnn.arange(20) + 5)
      local y = layer(x)
      y:square():sum():backward()
      return y:detach(), layer.weight_ih_l0.grad, layer.weight_hh_l0.grad, layer.bias_ih_l0.grad
    end)
  end)

  it("keeps to the number of threads", function()
    local threads = rnn.threads()
    for n = 1, 3 do
      rnn.threads(n)
      compare("with " .. n, function() return rnn.randn(300, 310):matmul(rnn.randn(310, 290)) end)
    end
    rnn.threads(threads)
  end)
end)

describe("an OpenBLAS that will not do", function()
  local sh = shell.new()
  teardown(function() sh:remove() end)

  it("is named, with what it lacks", function()
    if os.execute "cc --version > /dev/null 2>&1" ~= true then print "no C compiler: skipped" return end
    sh:write("fake.c", [[
#ifdef VERSION
const char *openblas_get_config(void) { return VERSION; }
#endif
#ifdef LAPACK
#define F(name) void name##_(void) {}
F(dpotrf) F(dgetrf) F(dgetrs) F(dgelqf) F(dorglq) F(dgesdd) F(dgesvd) F(dsyevd) F(dgeev) F(dgelsd) F(sgemm) F(dgemm)
#endif
]])
    for flags, want in pairs {
      ["-DVERSION='\"OpenBLAS 0.3.30 NO_LAPACK\"'"] = "linalg.cholesky: libopenblas.so.0 has no function dpotrf_: this "
        .. "OpenBLAS was built without LAPACK, or is another library; Debian's package libopenblas0 has LAPACK",
      ["-DLAPACK"] = "libopenblas.so.0 has no function openblas_get_config: this OpenBLAS was built without LAPACK, or",
      ["-DLAPACK -DVERSION='\"OpenBLAS 0.3.20 DYNAMIC_ARCH\"'"] = "linalg.cholesky: needs OpenBLAS 0.3.21 or newer, as "
        .. "older ones give wrong results on newer processors; this is: OpenBLAS 0.3.20 DYNAMIC_ARCH",
      ["-DLAPACK -DVERSION='\"Something else\"'"] = "this is: Something else",
    } do
      local _, err, code = sh:run(("cc -shared -fPIC %s fake.c -o libopenblas.so.0 && for i in 1 2; do "
        .. "LD_LIBRARY_PATH=. %s -e 'rnn = require \"rnn\" rnn.linalg.cholesky(rnn.eye(2))'; done"):format(flags,
        shell.quote(os.getenv "RNNLUA")))
      assert.equal(1, code)
      assert.truthy(err:find(want, 1, true), err)
    end
  end)
end)

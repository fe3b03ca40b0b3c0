-- linalg.lua: linear algebra of matrices (..., m, n): leading axes are a batch, each matrix of which is done by itself.
--
-- LAPACK of OpenBLAS does it, opened at the first call, in double in both precisions; results are the same on one
-- machine. With --deterministic cholesky, solve, inv, det, qr and lstsq are our own, with the same bits on every
-- machine, and what needs singular values or eigenvalues is an error. Signs are fixed, so that results agree to
-- rounding between libraries. Ctrl-C waits for the matrix that LAPACK is at: some seconds beyond 2000 rows. Every
-- function refuses what is not finite and batches with lengths.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"

local ops = core._linalg

local linalg = {}

--- linalg.cholesky(a) -> L
---
--- The lower triangle L with a = L L' of positive definite matrices (..., n, n); of what is not quite symmetric,
--- (a + a') / 2 is taken. Has a gradient (Murray 2016). Errors: a matrix that is not positive definite.
---@param a rnn.Tensor
---@return rnn.Tensor
function linalg.cholesky(a) return ops.cholesky(a) end

--- linalg.solve(a, b) -> x
---
--- x with a x = b, for square matrices a (..., n, n) and right-hand sides b, a vector (n) or (..., n, k); batches
--- broadcast. By LU with partial pivoting. Has gradients (Giles 2008). Errors: a singular matrix, sizes that differ.
---@param a rnn.Tensor
---@param b rnn.Tensor
---@return rnn.Tensor
function linalg.solve(a, b) return ops.solve(a, b) end

local TRIANGLE = option.of("linalg.solve_triangular", {
  { "upper", false, check.boolean, "a is an upper triangle" },
})

--- linalg.solve_triangular(a, b [, options]) -> x
---
--- The same where a (..., n, n) is a lower or an upper triangle; what lies on its other side is not read. Has
--- gradients. Errors: a 0 on the diagonal, sizes that differ.
---@param a rnn.Tensor
---@param b rnn.Tensor
---@param options? linalg.solve_triangular.Options
---@return rnn.Tensor
function linalg.solve_triangular(a, b, options)
  return ops.solve_triangular(a, b, TRIANGLE:read(options).upper)
end

--- linalg.inv(a) -> tensor
---
--- The inverses of square matrices (..., n, n). For a x = b solve is quicker and more exact. Has a gradient.
--- Errors: a singular matrix.
---@param a rnn.Tensor
---@return rnn.Tensor
function linalg.inv(a) return ops.inv(a) end

--- linalg.det(a) -> tensor (...)
---
--- The determinants of square matrices (..., n, n); of many rows they overflow: slogdet. Has a gradient; that of
--- singular matrices is an error with --deterministic.
---@param a rnn.Tensor
---@return rnn.Tensor
function linalg.det(a) return ops.det(a) end

--- linalg.slogdet(a) -> sign (...), log (...)
---
--- Signs of the determinants of square matrices (..., n, n), 0 of singular ones, and the logarithms of their sizes,
--- -inf of singular ones. The logarithm has a gradient, but for singular matrices, of which backward is an error.
---@param a rnn.Tensor
---@return rnn.Tensor sign
---@return rnn.Tensor log
function linalg.slogdet(a) return ops.slogdet(a) end

--- linalg.logdet(a) -> tensor (...)
---
--- The logarithms of the determinants of square matrices (..., n, n) that have positive ones. Has a gradient.
--- Errors: a determinant that is not positive.
---@param a rnn.Tensor
---@return rnn.Tensor
function linalg.logdet(a)
  local sign, log = ops.slogdet(a)
  if #sign:reshape(-1) > 0 and sign:min():item() <= 0 then
    core.fail("linalg.logdet: matrix %d has no positive determinant; linalg.slogdet gives sign and logarithm",
      sign:reshape(-1):argmin(1):item())
  end
  return log
end

--- linalg.qr(a) -> q, r
---
--- a = q r for matrices (..., m, n): q (..., m, k) has orthonormal columns, r (..., k, n) is an upper triangle with a
--- diagonal that is not negative; k = min(m, n). By Householder reflections. Has gradients (Walter, Lehmann 2010; wide
--- matrices: Roberts, Roberts 2020), backward of matrices without full rank is an error.
---@param a rnn.Tensor
---@return rnn.Tensor q
---@return rnn.Tensor r
function linalg.qr(a) return ops.qr(a) end

--- linalg.svd(a) -> u, s, vt
---
--- a = u diag(s) vt for matrices (..., m, n): u (..., m, k) has orthonormal columns, the first largest entry of each
--- positive, s (..., k) falls and is not negative, vt (..., k, n) has orthonormal rows; k = min(m, n). Has gradients
--- (Townsend 2016); where singular values are equal, or one without counterpart is 0, those of u and vt do not exist,
--- and backward is an error. Errors: --deterministic.
---@param a rnn.Tensor
---@return rnn.Tensor u
---@return rnn.Tensor s
---@return rnn.Tensor vt
function linalg.svd(a) return ops.svd(a) end

--- linalg.eigh(a) -> w, v
---
--- Eigenvalues w (..., n), from the least up, and eigenvectors v (..., n, n), in columns, the first largest entry of
--- each positive, of symmetric matrices (..., n, n); of what is not quite symmetric, (a + a') / 2 is taken. Has
--- gradients (Giles 2008); where eigenvalues are equal that of v does not exist, and backward is an error. Errors:
--- --deterministic.
---@param a rnn.Tensor
---@return rnn.Tensor w
---@return rnn.Tensor v
function linalg.eigh(a) return ops.eigh(a) end

--- linalg.eig(a) -> w, v
---
--- Eigenvalues w (..., n, 2), real and imaginary parts, and eigenvectors v (..., n, n, 2), in columns of length 1, of
--- square matrices (..., n, n). There is no gradient: one that is asked for is an error, as is --deterministic.
---@param a rnn.Tensor
---@return rnn.Tensor w
---@return rnn.Tensor v
function linalg.eig(a) return ops.eig(a) end

--- linalg.eigvals(a) -> w
---
--- The eigenvalues alone, (..., n, 2). Errors: as eig.
---@param a rnn.Tensor
---@return rnn.Tensor
function linalg.eigvals(a) return ops.eigvals(a) end

--- linalg.spectral_radius(a) -> tensor (...)
---
--- The size of the largest eigenvalue of square matrices (..., n, n). Errors: as eig.
---@param a rnn.Tensor
---@return rnn.Tensor
function linalg.spectral_radius(a)
  return ops.eigvals(a):square():sum(-1):max(-1):sqrt()
end

--- linalg.lstsq(a, b) -> x, rank
---
--- x with the least squares of a x - b, for matrices a (..., m, n) and right-hand sides b, a vector (m) or (..., m, k);
--- of several such x the shortest. rank (...) is int32: singular values below max(m, n) times the precision of the
--- largest count as 0. Has gradients where the rank is full; elsewhere backward is an error. Errors: sizes that differ;
--- with --deterministic matrices without full rank.
---@param a rnn.Tensor
---@param b rnn.Tensor
---@return rnn.Tensor x
---@return rnn.Tensor rank
function linalg.lstsq(a, b) return ops.lstsq(a, b) end

--- linalg.pinv(a) -> tensor (..., n, m)
---
--- The pseudoinverses (Moore, Penrose) of matrices (..., m, n). Gradient, rank and errors: as lstsq.
---@param a rnn.Tensor
---@return rnn.Tensor
function linalg.pinv(a)
  check.tensor("linalg.pinv", "argument 1 (a)", a, "float")
  if a:ndim() < 2 then check.expected("linalg.pinv", "argument 1 (a)", "a matrix (m, n) or a batch of them", a) end
  local m = a:size(-2)
  return (ops.lstsq(a, core.one_hot(core.arange(m), m)))
end

local EPSILON = core.precision == "double" and 2.0 ^ -52 or 2.0 ^ -23

local function values(fname, a)
  check.tensor(fname, "argument 1 (a)", a, "float")
  if a:ndim() < 2 then check.expected(fname, "argument 1 (a)", "a matrix (m, n) or a batch of them", a) end
  local _, s = ops.svd(a)
  return s
end

--- linalg.svdvals(a) -> s
---
--- The singular values alone, (..., min(m, n)), of matrices (..., m, n), from the largest down. Has a gradient.
--- Errors: --deterministic.
---@param a rnn.Tensor
---@return rnn.Tensor
function linalg.svdvals(a) return values("linalg.svdvals", a) end

local RANK = option.of("linalg.matrix_rank", {
  { "tolerance", nil, option.number(0), "by default max(m, n) times the precision of the largest singular value" },
})

--- linalg.matrix_rank(a [, options]) -> int32 tensor (...)
---
--- How many singular values of matrices (..., m, n) are greater than tolerance. Errors: --deterministic.
---@param a rnn.Tensor
---@param options? linalg.matrix_rank.Options
---@return rnn.Tensor
function linalg.matrix_rank(a, options)
  local tolerance = RANK:read(options).tolerance
  local s = values("linalg.matrix_rank", core.is_tensor(a) and a:detach() or a)
  if s:size(-1) == 0 then return s:sum(-1):to_int() end
  local least = tolerance or s:max(-1, true) * (math.max(a:size(-1), a:size(-2)) * EPSILON)
  return s:gt(least):sum(-1):to_int()
end

--- linalg.cond(a) -> tensor (...)
---
--- The condition of matrices (..., m, n): the largest singular value by the least; inf when that is 0. Has a gradient.
--- Errors: matrices without elements, --deterministic.
---@param a rnn.Tensor
---@return rnn.Tensor
function linalg.cond(a)
  local s = values("linalg.cond", a)
  if s:size(-1) == 0 then check.expected("linalg.cond", "argument 1 (a)", "matrices with elements", a) end
  return s:select(-1, 1) / s:select(-1, s:size(-1))
end

local NORMS = {
  fro = function(a) return a:square():sum(-1):sum(-1):sqrt() end,
  nuc = function(a) return values("linalg.norm", a):sum(-1) end,
  [1] = function(a) return a:abs():sum(-2):max(-1) end,
  [2] = function(a) return values("linalg.norm", a):max(-1) end,
  [math.huge] = function(a) return a:abs():sum(-1):max(-1) end,
}

--- linalg.norm(a [, order]) -> tensor (...)
---
--- Norms of matrices (..., m, n): order "fro", the root of the sum of squares, which is the default; "nuc", the sum
--- of the singular values; 1 or math.huge, the largest sum of sizes in a column or in a row; 2, the largest singular
--- value. Has a gradient. Errors: another order; 1, 2 and math.huge of matrices without elements; "nuc" and 2 with
--- --deterministic.
---@param a rnn.Tensor
---@param order? "fro"|"nuc"|number
---@return rnn.Tensor
function linalg.norm(a, order)
  check.tensor("linalg.norm", "argument 1 (a)", a, "float")
  if a:ndim() < 2 then check.expected("linalg.norm", "argument 1 (a)", "a matrix (m, n) or a batch of them", a) end
  local norm = NORMS[order == nil and "fro" or order]
  if not norm then check.expected("linalg.norm", "argument 2 (order)", "'fro', 'nuc', 1, 2 or math.huge", order) end
  if a:lengths() then core.fail("linalg.norm: a has lengths; x:without_lengths() drops them on purpose") end
  return norm(a)
end

return linalg

-- products.lua: products of vectors that are made of other ops.

local core = require "rnn.core"
local check = require "rnn.check"

local products = {}

--- rnn.dot(a, b) -> tensor of one number
---
--- The sum of the products of two vectors (n). matmul multiplies matrices.
--- Errors: what is no vector, sizes that differ, int32.
---@param a rnn.Tensor
---@param b rnn.Tensor
---@return rnn.Tensor
function products.dot(a, b)
  check.tensor("dot", "argument 1", a, "float", 1)
  check.tensor("dot", "argument 2", b, "float", 1)
  if #a ~= #b then core.fail("dot: sizes differ: %s and %s", check.shape(a), check.shape(b)) end
  return core.matmul(a, b)
end

--- rnn.bilinear(x1, x2, weight [, bias]) -> tensor
---
--- x1' W x2 for each of the matrices W of weight, and bias: x1 (..., in1), x2 (..., in2) of the same leading axes,
--- weight (out, in1, in2), bias (out) -> (..., out). As torch.nn.functional.bilinear.
--- Errors: shapes that do not fit together, int32, padded batches (N, T).
---@param x1 rnn.Tensor
---@param x2 rnn.Tensor
---@param weight rnn.Tensor
---@param bias? rnn.Tensor
---@return rnn.Tensor
function products.bilinear(x1, x2, weight, bias)
  check.tensor("bilinear", "argument 1", x1, "float")
  check.tensor("bilinear", "argument 2", x2, "float")
  check.tensor("bilinear", "argument 3 (weight)", weight, "float", 3)
  if bias ~= nil then check.tensor("bilinear", "argument 4 (bias)", bias, "float", 1) end
  local out, in1, in2 = weight:shape()
  local shape1, shape2 = { x1:shape() }, { x2:shape() }
  local last1, last2 = table.remove(shape1), table.remove(shape2)
  if last1 ~= in1 or last2 ~= in2 or bias and #bias ~= out
    or table.concat(shape1, " ") ~= table.concat(shape2, " ") then
    core.fail("bilinear: expected (..., %d), (..., %d) and bias (%d) for weight %s, got %s, %s%s", in1, in2, out,
      check.shape(weight), check.shape(x1), check.shape(x2), bias and " and " .. check.shape(bias) or "")
  end
  shape1[#shape1 + 1], shape1[#shape1 + 2] = out, in2
  local sums = core.linear(x1, weight:permute(1, 3, 2):reshape(out * in2, in1)):reshape(table.unpack(shape1))
  local y = sums:matmul(x2:unsqueeze(-1)):squeeze(-1)
  return bias and y + bias or y
end

--- rnn.cosine_similarity(x1, x2 [, axis = -1]) -> tensor
---
--- The cosine of the angle between vectors along an axis, broadcast: x1 . x2 / (|x1| |x2|), where lengths below 1e-8
--- count as 1e-8. Shape: that of both, without the axis. Errors: shapes that do not fit together, an axis that they do
--- not have, int32.
---@param x1 rnn.Tensor
---@param x2 rnn.Tensor
---@param axis? integer from 1, or from -1 backwards
---@return rnn.Tensor
function products.cosine_similarity(x1, x2, axis)
  check.tensor("cosine_similarity", "argument 1", x1, "float")
  check.tensor("cosine_similarity", "argument 2", x2, "float")
  if axis == nil then axis = -1 end
  local function unit(x) return x / x:norm(2, axis, true):maximum(1e-8) end
  return (unit(x1) * unit(x2)):sum(axis)
end

return products

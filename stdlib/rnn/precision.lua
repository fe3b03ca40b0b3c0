-- precision.lua: what products of matrices are computed in.

local core = require "rnn.core"
local check = require "rnn.check"

local precision = {}

local function choose(name)
  local before = core.bf16() and "bf16" or core.precision
  if name == "bf16" and core.precision ~= "float" then
    core.fail("rnn.precision: bf16 is for single precision; run without --double")
  end
  check.one_of("rnn.precision", "argument 1 (name)", name, { core.precision, "bf16" })
  core.bf16(name == "bf16")
  return before
end

--- rnn.precision([name [, f, ...]]) -> name before | results of f
---
--- What products are computed in: "float", or "bf16", from now on; with f only while f(...) runs. Without arguments it
--- is said: "float", "bf16", or with --double "double", the type of all tensors that are not int32. In bf16 the two
--- factors of a product are rounded to bfloat16 (8 bits of precision instead of 24, the same range), and sums are
--- float: in rnn.linear, rnn.matmul, rnn.conv1d, recurrent layers and compiled cells, and in their gradients (the
--- weight of conv1d has its own in float). States, gates, norms, losses, gradients, weights and optimisers stay float,
--- so nothing else has to change (Kalamkar et al. 2019, "A study of bfloat16 for deep learning training"). backward
--- computes each op as forward has. Fast where the processor has AMX or AVX512_BF16; the bits are the same on all.
--- Errors: another name; "bf16" with --double; those of f, and a yield out of f.
---@param name? "float"|"bf16"
---@param f? function|nn.Module
---@param ... any
---@return any ...
function precision.precision(name, f, ...)
  if name == nil and f == nil then return core.bf16() and "bf16" or core.precision end
  if f == nil then return choose(name) end
  if type(f) ~= "function" and not (getmetatable(f) or {}).__call then
    check.expected("rnn.precision", "argument 2 (f)", "a function", f)
  end
  local before = choose(name)
  return core.finally("rnn.precision", function() choose(before) end, function(...) return f(...) end, ...)
end

return precision

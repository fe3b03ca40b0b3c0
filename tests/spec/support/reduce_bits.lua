-- reduce_bits.lua: prints reductions of tensors of many shapes, bit for bit. For reduce_spec.

local core = require "rnn.core"

local reductions = { "sum", "mean", "prod", "max", "min", "argmax", "argmin", "std", "logsumexp" }
local shapes = {
  { 7 }, { 100 }, { 700001 }, { 600, 1101 }, { 3, 200000 }, { 200000, 3 }, { 40, 41, 300 }, { 90, 7, 30 },
}

core.seed(6)
for _, dims in ipairs(shapes) do
  local x = core.randn(dims) * 0.01 + 1
  for _, name in ipairs(reductions) do
    for axis = 0, #dims do
      local y = core[name](x, axis > 0 and axis or nil):to_float():reshape(-1)
      local text = {}
      for i = 1, #y, math.max(1, #y // 50) do text[#text + 1] = ("%a"):format(y[i]) end
      print(name, axis, table.concat(text, " "))
    end
  end
end

-- Sums of products that lie beside the middle of two floats by less than a double tells, or are subnormal.
local e = core.precision == "float" and 2 ^ -23 or 2 ^ -52
for _, scale in ipairs { 1, -1, 2 ^ -60, 2 ^ -63 } do
  local x = core.tensor { { scale * (1 + e), scale * (1 - e) }, { 3 * 2 ^ -126 * e, scale * scale * 2 ^ -10 } }
  local w = core.tensor { { 1, 1 - e, 1 + e, 2 ^ -75 },
    { e / 2 * (1 + e), e / 2 * (1 - e), e / 2 * scale, 2 ^ -74 * (1 + e) } }
  local y, text = x:matmul(w):reshape(-1), {}
  for i = 1, #y do text[i] = ("%a"):format(y[i]) end
  print("matmul", scale, table.concat(text, " "))
end

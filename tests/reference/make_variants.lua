-- What layers with each option compute, for variants_spec.lua: run by an rnnlua whose engine had hand-written passes
-- for all of them (commit 380a100).
--
--   rnnlua tests/reference/make_variants.lua; rnnlua --double tests/reference/make_variants.lua
package.path = "tests/spec/?.lua;" .. package.path
local variants = require "support.variants"
local core = require "rnn.core"

local tensors = {}
for _, case in ipairs(variants.cases) do
  local forward, gradients = variants.run(case)
  for name, t in pairs(forward) do tensors[case.name .. ": " .. name] = t end
  if core.precision == "double" then
    for name, t in pairs(gradients) do tensors[case.name .. ": gradient of " .. name] = t end
  end
end
assert(core.archive_write(("tests/reference/variants_%s.safetensors"):format(core.precision), tensors, {}))

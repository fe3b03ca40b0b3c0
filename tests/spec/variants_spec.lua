-- Layers with each of their options compute, bit for bit, what they did when the engine had hand-written passes for all
-- of them: earlier models go on as they were. tests/reference/make_variants.lua made the file.
local core = require "rnn.core"
local approx = require "support.approx"
local variants = require "support.variants"

local function read(precision)
  return assert(core.archive_read(("tests/reference/variants_%s.safetensors"):format(precision)))
end

local kept, gradients_kept = read(core.precision), read("double")
local rounding = core.precision == "double" and 1e-12 or 1e-4 -- of gradients, all beside those in double
local exact = core.isa() ~= "plain" -- which rounds a multiply-add twice

describe("the numbers of earlier versions", function()
  for _, case in ipairs(variants.cases) do
    it("of nn." .. case.name, function()
      local forward, gradients = variants.run(case)
      local wrong = {}
      for name, t in pairs(forward) do
        local want = kept[case.name .. ": " .. name]
        local distance = approx.distance(t, want)
        if distance > (exact and 0 or approx.rounding) then
          wrong[#wrong + 1] = ("%s by %.3g"):format(name, distance)
        end
      end
      for name, t in pairs(gradients) do
        local distance = approx.distance(t, gradients_kept[case.name .. ": gradient of " .. name])
        if distance > rounding then wrong[#wrong + 1] = ("gradient of %s by %.3g"):format(name, distance) end
      end
      table.sort(wrong)
      assert(#wrong == 0, "differs: " .. table.concat(wrong, ", "))
    end)
  end
end)

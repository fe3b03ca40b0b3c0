-- A few seconds of tests/fuzz/api.lua: hostile arguments, in each of its ways to collect garbage.
local run = dofile "tests/fuzz/api.lua"

describe("hostile arguments", function()
  for seed = 1, 8 do
    it("give results or messages, and leave nothing behind: seed " .. seed, function()
      local counts = run(seed, 1500)
      assert.equal(1500, counts.calls)
      assert.is_true(counts.succeeded > 500) -- what only fails tests nothing
      assert.is_true(counts.backwards > 5)
    end)
  end
end)

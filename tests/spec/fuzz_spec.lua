-- A few seconds of tests/fuzz/api.lua: hostile arguments, in each of its ways to collect garbage.
local run = dofile "tests/fuzz/api.lua"

describe("hostile arguments", function()
  for seed = 1, 4 do
    it("give results or messages, and leave nothing behind: seed " .. seed, function()
      local counts = run(seed, 700)
      assert.equal(700, counts.calls)
      assert.is_true(counts.succeeded > 200) -- what only fails tests nothing
      assert.is_true(counts.backwards > 5)
    end)
  end
end)

-- One seed gives the same weights, bit for bit, whatever the number of threads; and on every instruction set with
-- --deterministic.
local core = require "rnn.core"

local program = os.getenv "RNNLUA" or arg[-1]
local double = core.precision == "double" and "--double" or ""

local function train(environment, options)
  local pipe = assert(io.popen(("env %s %s %s %s tests/spec/support/train_bits.lua 2>&1"):format(environment, program,
    double, options)))
  local text = pipe:read("a")
  assert.is_true(pipe:close(), text)
  return text
end

describe("the bits of a training run", function()
  it("are the same with 1, 2 and 3 threads", function()
    local one = train("", "--threads 1")
    assert.equal(one, train("", "--threads 2"))
    assert.equal(one, train("", "--threads 3"))
    assert.matches("^%d+\n$", one)
  end)

  it("are the same on every instruction set with --deterministic", function()
    local best = train("", "--deterministic")
    for _, isa in ipairs { "x86-64-v4", "x86-64-v3", "plain" } do
      assert.equal(best, train("RNNLUA_ISA=" .. isa, "--deterministic --threads 2"), isa)
    end
  end)

  it("depend on the seed", function()
    core.seed(1)
    local a = core.randn(5):totable()
    core.seed(2)
    assert.are_not.same(a, core.randn(5):totable())
    core.seed(1)
    assert.are.same(a, core.randn(5):totable())
  end)
end)

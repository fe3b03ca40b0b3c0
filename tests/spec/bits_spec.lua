-- One seed gives the same weights, bit for bit, whatever the number of threads; and on every instruction set with
-- --deterministic.
local rnn = require "rnn"
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

  -- More threads than slices of the batch are worth: then units are cut as well, in panels that fit the gates or not.
  it("of a layer are the same with more threads than samples", function()
    local nn, before = rnn.nn, rnn.threads()
    local function all(Layer, inputs, units, N, T, options, threads)
      rnn.threads(threads)
      rnn.seed(1)
      local layer, x, lengths = Layer(inputs, units, options), rnn.randn(N, T, inputs):requires_grad(true), {}
      for i = 1, N do lengths[i] = 7 * i % (T + 1) end
      local y = layer(x:with_lengths(lengths)):without_lengths()
      y:square():sum():backward()
      local sums = { core.checksum(y), core.checksum(x.grad) }
      for _, p in ipairs(layer:parameters()) do table.insert(sums, core.checksum(p.grad)) end
      return sums
    end
    for _, case in ipairs { { nn.LSTM, 5, 160, 8, 12 }, { nn.LSTM, 3, 150, 40, 12, { recompute = 4 } },
      { nn.GRU, 1, 192, 9, 12 }, { nn.GRU, 4, 150, 12, 12, { bidirectional = true } }, { nn.RNN, 4, 512, 10, 12 } } do
      local one = all(case[1], case[2], case[3], case[4], case[5], case[6], 1)
      for _, threads in ipairs { 2, 5, 24 } do
        local name = ("%d units, %d threads"):format(case[3], threads)
        assert.same(one, all(case[1], case[2], case[3], case[4], case[5], case[6], threads), name)
      end
    end
    rnn.threads(before)
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

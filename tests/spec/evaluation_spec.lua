-- rnn.evaluate and rnn.predict leave the modes of a model as they were, also when they fail.
local rnn = require "rnn"
local nn = rnn.nn

local function model()
  local m = nn.Sequential { nn.Linear(2, 2), nn.BatchNorm(2), nn.Dropout(0.5), nn.Linear(2, 1) }
  m:train()
  m[2]:eval() -- frozen
  return m
end

local function modes(m) return { m.training, m[1].training, m[2].training, m[3].training } end

describe("evaluation", function()
  for name, run in pairs {
    evaluate = function(m, x, y) return rnn.evaluate(m, rnn.data.arrays(x, y), { loss = "mse" }) end,
    predict = function(m, x) return rnn.predict(m, x) end,
  } do
    it("by rnn." .. name .. " leaves every module's mode as it was", function()
      local m = model()
      run(m, rnn.randn(4, 2), rnn.randn(4, 1))
      assert.same({ true, true, false, true }, modes(m))
      assert.is_false(pcall(run, m, rnn.randn(4, 3), rnn.randn(4, 1)))
      assert.same({ true, true, false, true }, modes(m))
      assert.is_true(rnn.recording())
    end)
  end
end)

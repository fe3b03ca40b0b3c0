-- The option chrono of nn.LSTM and nn.GRU (Tallec, Ollivier 2018): where gate biases start.
local rnn = require "rnn"
local nn = rnn.nn

local UNITS, LONGEST = 2000, 100

-- Least and greatest value, and the mean of exp, of a bias that is log(u) with u uniform in 1..LONGEST - 1.
local function check_rates(bias)
  assert.is_true(bias:min():item() >= 0)
  assert.is_true(bias:max():item() <= math.log(LONGEST - 1) + 1e-5)
  assert.near(LONGEST / 2, bias:exp():mean():item(), 4) -- the mean's deviation is 0.6
end

describe("chrono", function()
  before_each(function() rnn.seed(3) end)

  it("spreads the LSTM's forget gates and mirrors them in its input gates", function()
    local bias = nn.LSTM(1, UNITS, { chrono = LONGEST, recurrent = "zeros" }).bias_ih_l0:detach()
    local forget = bias:rows(UNITS + 1, 2 * UNITS)
    check_rates(forget)
    assert.equal(0, (bias:rows(1, UNITS) + forget):abs():max():item())
    assert.equal(0, bias:rows(2 * UNITS + 1, 4 * UNITS):abs():max():item())
  end)

  it("spreads the forget gates of a coupled LSTM, its only ones", function()
    local bias = nn.LSTM(1, UNITS, { chrono = LONGEST, coupled = true, recurrent = "zeros" }).bias_ih_l0:detach()
    check_rates(bias:rows(1, UNITS))
    assert.equal(0, bias:rows(UNITS + 1, 3 * UNITS):abs():max():item())
  end)

  it("spreads the GRU's update gates, in every layer and direction", function()
    local gru = nn.GRU(1, UNITS, { chrono = LONGEST, bidirectional = true, recurrent = "zeros" })
    for _, name in ipairs { "bias_ih_l0", "bias_ih_l0_reverse" } do
      local bias = gru[name]:detach()
      check_rates(bias:rows(UNITS + 1, 2 * UNITS))
      assert.equal(0, bias:rows(1, UNITS):abs():max():item())
      assert.equal(0, bias:rows(2 * UNITS + 1, 3 * UNITS):abs():max():item())
    end
  end)

  it("wants a whole number of steps, at least 2", function()
    for _, class in ipairs { nn.LSTM, nn.GRU } do
      assert.error_matches(function() class(1, 2, { chrono = 1 }) end,
        "option 'chrono': expected an integer of at least 2")
    end
    assert.error_matches(function() nn.RNN(1, 2, { chrono = 9 }) end, "nn.RNN: unknown option 'chrono'")
  end)
end)

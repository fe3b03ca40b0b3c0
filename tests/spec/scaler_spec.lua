-- Scalers: fitted once, exact inverses, safe with constant columns, saved as data.
local rnn = require "rnn"
local data = rnn.data

local x = rnn.tensor { { 1, 10, 5 }, { 2, 30, 5 }, { 3, 20, 5 }, { 6, 40, 5 } }

local function near(expected, tensor)
  for i, row in ipairs(tensor:totable()) do
    for j, value in ipairs(row) do assert.near(expected[i][j], value, 1e-5) end
  end
end

describe("data.Scaler", function()
  it("standardises each column", function()
    local y = data.Scaler():fit(x):transform(x)
    for c = 1, 2 do
      local column = y:select(2, c)
      assert.near(0, column:mean():item(), 1e-6)
      assert.near(1, column:square():mean():item(), 1e-5)
    end
    assert.near(-2 / math.sqrt(3.5), y:get(1, 1), 1e-5)
  end)

  it("maps each column to 0..1", function()
    near({ { 0, 0, 0 }, { 0.2, 2 / 3, 0 }, { 0.4, 1 / 3, 0 }, { 1, 1, 0 } },
      data.Scaler({ kind = "minmax" }):fit(x):transform(x))
  end)

  it("divides by a factor without fitting", function()
    near({ { 0.1, 1, 0.5 } }, data.Scaler({ kind = "factor", factor = 10 }):transform(x:rows(1, 1)))
  end)

  for _, kind in ipairs { "standard", "minmax" } do
    it(kind .. " comes back by inverse, constant columns too", function()
      local scaler = data.Scaler({ kind = kind }):fit(x)
      near(x:totable(), scaler:inverse(scaler:transform(x)))
    end)
  end

  it("takes forecasts of one column back, of any width", function()
    local scaler = data.Scaler():fit(x)
    local second = scaler:transform(x):select(2, 2):reshape(2, 2)
    near({ { 10, 30 }, { 20, 40 } }, scaler:column(2):inverse(second))
  end)

  it("scales sequences (N, T, D) by their last axis", function()
    local scaler = data.Scaler({ kind = "minmax" }):fit(x)
    local y = scaler:transform(x:reshape(2, 2, 3))
    assert.same({ 2, 2, 3 }, { y:shape() })
    assert.near(1, y:get(2, 2, 2), 1e-6)
  end)

  it("is the same again from its state", function()
    local scaler = data.Scaler():fit(x)
    local again = data.Scaler { state = scaler:state() }
    assert.same(scaler:transform(x):totable(), again:transform(x):totable())
  end)

  it("travels beside a model", function()
    local scaler, path = data.Scaler():fit(x), os.tmpname()
    assert(rnn.save(path, rnn.nn.Linear(1, 1), { scaler = scaler:state() }))
    local _, extra = rnn.load(path)
    os.remove(path)
    assert.same(scaler:transform(x):totable(), data.Scaler({ state = extra.scaler }):transform(x):totable())
  end)

  it("is not fitted twice", function()
    local scaler = data.Scaler():fit(x)
    local ok, message = pcall(function() scaler:fit(x) end)
    assert.is_false(ok)
    assert.matches("scaler_spec.lua:%d+: scaler:fit: it was fitted before; fit a scaler once, "
      .. "on the training span only", message)
  end)

  it("asks to be fitted", function()
    assert.error_matches(function() data.Scaler():transform(x) end, "scaler:transform: it was not fitted")
  end)

  it("refuses other widths, missing values and wrong options", function()
    assert.error_matches(function() data.Scaler():fit(x):transform(rnn.zeros(2, 2)) end, "expected 3 columns as in fit")
    assert.error_matches(function() data.Scaler():fit(rnn.tensor { { 0 / 0 } }) end, "expected rows of finite numbers")
    assert.error_matches(function() data.Scaler { kind = "robust" } end, "option 'kind': expected one of 'standard'")
    assert.error_matches(function() data.Scaler { factor = 2 } end, "option 'factor' goes with kind = 'factor' only")
    assert.error_matches(function() data.Scaler { kind = "factor" } end, "expected a positive number, got nil")
  end)
end)

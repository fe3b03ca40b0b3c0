-- nn.Reservoir: the formula, its scale, the read-out against the normal equations, a chaotic series; rnn.ridge.
local rnn = require "rnn"
local approx = require "support.approx"
local shell = require "support.shell"

local nn, linalg = rnn.nn, rnn.linalg
local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
local DETERMINISTIC = os.getenv "RNNLUA_DETERMINISTIC" == "1"

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(pattern, message)
end

describe("rnn.ridge", function()
  it("solves the normal equations", function()
    rnn.seed(1)
    local x, y = rnn.randn(300, 45), rnn.randn(300, 3)
    local w = rnn.ridge(x, y, 0.7)
    local a = x:transpose(1, 2):matmul(x) + rnn.one_hot(rnn.arange(45), 45) * 0.7
    approx.equal(linalg.solve(a, x:transpose(1, 2):matmul(y)), w, "w")
  end)
  it("has an answer for columns that depend on each other, and for fewer rows than columns", function()
    local x = rnn.tensor { { 1, 1 }, { 2, 2 } }
    approx.equal(rnn.tensor { { 5 / 11 }, { 5 / 11 } }, rnn.ridge(x, rnn.tensor { { 1 }, { 2 } }, 1), "w")
    assert.same({ 4, 1 }, { rnn.ridge(rnn.ones(2, 4), rnn.ones(2, 1), 1e-3):shape() })
    assert.same({ 0, 1 }, { rnn.ridge(rnn.zeros(2, 0), rnn.ones(2, 1), 1e-3):shape() })
    assert.same({ { 0 }, { 0 } }, rnn.ridge(rnn.zeros(0, 2), rnn.zeros(0, 1), 1):totable())
  end)
  it("solves for a list of penalties what it solves for each", function()
    rnn.seed(2)
    local x, y = rnn.randn(40, 7), rnn.randn(40, 2)
    local penalties = { 0.1, 3, 1e-6 }
    local all = rnn.ridge(x, y, penalties)
    assert.equal(3, #all)
    for i, penalty in ipairs(penalties) do assert.same(rnn.ridge(x, y, penalty):totable(), all[i]:totable()) end
    fails("ridge: expected a positive penalty, got %-1", rnn.ridge, x, y, { 1, -1 })
    fails("ridge: argument 3 %(penalty%): expected numbers, got string 'a' at place 2", rnn.ridge, x, y, { 1, "a" })
    fails("ridge: argument 3 %(penalty%): expected a number, or 1 to 1000 of them, got table", rnn.ridge, x, y, {})
    fails("a penalty of 1e%-30 is too small", rnn.ridge, rnn.full({ 1, 2 }, 2), rnn.ones(1, 1), { 1, 1e-30 })
  end)
  it("says what it cannot take", function()
    fails("ridge: expected a positive penalty, got 0", rnn.ridge, rnn.ones(2, 1), rnn.ones(2, 1), 0)
    fails("ridge: x has 2 rows, y has 3", rnn.ridge, rnn.ones(2, 1), rnn.ones(3, 1), 1)
    fails("ridge: y: expected 2 axes of ", rnn.ridge, rnn.ones(2, 1), rnn.ones(2), 1)
    fails("expected finite numbers, x has others", rnn.ridge, rnn.full({ 2, 1 }, 0 / 0), rnn.ones(2, 1), 1)
    fails("a penalty of 1e%-30 is too small", rnn.ridge, rnn.full({ 1, 2 }, 2), rnn.ones(1, 1), 1e-30)
  end)
end)

describe("nn.Reservoir", function()
  it("computes leaky units", function()
    rnn.seed(2)
    local layer = nn.Reservoir(3, 5, { leak = 0.3, connections = 2 })
    local x, h = rnn.randn(2, 4, 3), rnn.randn(2, 5)
    local y, state = layer(x, { h })
    for t = 1, 4 do
      local a = x:select(2, t):matmul(layer.weight_ih:transpose(1, 2)) + layer.bias_ih
        + h:matmul(layer.weight_hh:transpose(1, 2))
      h = h * 0.7 + a:tanh() * 0.3
      approx.equal(h, y:select(2, t), "h")
    end
    approx.equal(h, state[1], "state")
  end)
  it("trains nothing without a read-out, and the read-out with one", function()
    assert.same({}, nn.Reservoir(2, 10):parameters())
    assert.equal(2, #nn.Reservoir(2, 10, { outputs = 1 }):parameters())
    local layer = nn.Reservoir(2, 10)
    local x = rnn.randn(1, 3, 2):requires_grad(true)
    layer(x):sum():backward()
    assert.is_true(x.grad:abs():max():item() > 0)
  end)
  it("has the radius and the connections that were asked for", function()
    rnn.seed(3)
    for _, units in ipairs { 1, 40, 300 } do
      local w = nn.Reservoir(1, units, { radius = 1.3, connections = math.min(units, 12) }).weight_hh
      if not DETERMINISTIC then assert.near(1.3, linalg.spectral_radius(w):item(), 1e-3) end
      local share = w:ne(0):sum():item() / units
      assert.is_true(units == 1 or math.abs(share - 12) < 2, share)
    end
    fails("without a cycle", nn.Reservoir, 1, 2, { connections = 1e-9 })
  end)
  it("solves its read-out, leaving washout and padding out", function()
    rnn.seed(4)
    local layer = nn.Reservoir(2, 20, { outputs = 2 })
    local x, y = rnn.randn(3, 50, 2), rnn.randn(3, 50, 2)
    local lengths = { 50, 30, 8 }
    layer:fit(x:with_lengths(lengths), y, { washout = 10, ridge = 0.5 })
    local rows, wanted = {}, {}
    local h = layer:states(x)
    for i, length in ipairs(lengths) do
      for t = 11, length do
        rows[#rows + 1] = rnn.concat({ h[i][t], x[i][t] }, 1)
        wanted[#wanted + 1] = y[i][t]
      end
    end
    local f, t = rnn.stack(rows, 1), rnn.stack(wanted, 1)
    local w = rnn.ridge(f - f:mean(1), t - t:mean(1), 0.5)
    approx.equal(w:transpose(1, 2), layer.weight_out, "weight_out")
    approx.equal(f:matmul(w) - f:mean(1):reshape(1, -1):matmul(w) + t:mean(1),
      rnn.linear(f, layer.weight_out, layer.bias_out), "y")
    fails("none of the 50 steps lies beyond the washout of 50", layer.fit, layer, x, y, { washout = 50 })
    fails("expected targets %(3, 50, 2%), got tensor %(3, 49, 2%)", layer.fit, layer, x, y:slice(2, 1, 49))
    fails("it has no read%-out", function() nn.Reservoir(2, 5):fit(x, y) end)
  end)
  it("goes on by itself", function()
    rnn.seed(5)
    local layer = nn.Reservoir(2, 10, { outputs = 2 })
    layer.weight_out:detach():uniform_(-1, 1)
    local x = rnn.randn(3, 2)
    local y, state = layer:continue(x, 4)
    local s
    for t = 1, 4 do
      local out
      out, s = layer(x:reshape(3, 1, 2), s)
      x = out:reshape(3, 2)
      approx.equal(x, y:select(2, t), "y")
    end
    approx.equal(s[1], state[1], "state")
    local more = layer:continue(x, 2, state)
    approx.equal(layer:continue(y:select(2, 4), 2, s), more, "further")
    fails("1 outputs cannot be 2 inputs", function() nn.Reservoir(2, 5, { outputs = 1 }):continue(x, 1) end)
    fails("expected a state of its own", layer.continue, nn.Reservoir(2, 10, { outputs = 2 }), x, 1, state)
  end)
  it("is the same again from a file", function()
    local layer, path = nn.Reservoir(2, 10, { outputs = 1, leak = 0.4 }), os.tmpname()
    local x = rnn.randn(2, 5, 2)
    layer:fit(x, rnn.randn(2, 5, 1), { washout = 0 })
    assert(rnn.save(path, layer))
    local again = assert(rnn.load(path))
    os.remove(path)
    assert.same(layer(x):totable(), again(x):totable())
    assert.equal(0.4, again.leak)
  end)
end)

it("forecasts Mackey and Glass's series 84 steps ahead, with an error below 0.005", function()
  local sh = shell.new()
  local _, err, code = sh:run(("%s%s %s/scripts/reservoir.lua --series mackey-glass --seeds 2 --result result.json")
    :format(PROGRAM, rnn.precision() == "double" and " --double" or "", os.getenv "PWD"))
  assert.equal(0, code, err)
  local file <close> = assert(io.open(sh.folder .. "/result.json"))
  local figures = rnn.json_decode(file:read "a")
  sh:remove()
  assert.is_true(figures["mackey-glass.nrmse84"] < 0.005, figures["mackey-glass.nrmse84"])
end)

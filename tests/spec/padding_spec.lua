-- More padding never changes a result: layers with their options, losses and reductions over time see the same batch
-- twice, once with more steps of junk behind every sequence, and give the same outputs on valid steps, the same loss,
-- the same gradients.
local rnn = require "rnn"
local core = require "rnn.core"
local nn = require "rnn.nn"
local optim = require "rnn.optim"
local approx = require "support.approx"

local N, T, D, MORE = 4, 5, 3, 4
local LENGTHS = { 5, 2, 0, 3 }

-- x with more steps behind its last; NaN where nothing may even look at them, else finite junk.
local function longer(x, more, junk)
  local dims = { x:shape() }
  dims[2] = more
  local noise = x:type() == "int32" and core.full({ dims[1], more, type = "int32" }, junk or 2)
    or (junk and core.full(dims, junk) or core.randn(dims) * 30)
  return core.concat({ x, noise }, 2)
end

-- (N, T, ...) with 0 in place of padding, without lengths.
local function valid(t)
  local steps = { 1, t:size(2) }
  local mask = core.arange(t:size(2)):reshape(steps):le(t:lengths():reshape(-1, 1))
  steps = { t:size(1), t:size(2) }
  for axis = 3, t:ndim() do steps[axis] = 1 end
  return core.where(mask:reshape(steps), t:without_lengths(), 0)
end

local function equal(long, short, what)
  if short:lengths() then
    assert.same(short:lengths():totable(), long:lengths():totable(), what)
    long, short = valid(long):slice(2, 1, short:size(2)), valid(short)
  end
  approx.equal(long, short, what)
end

-- The gradient of padded input: the same on the steps of both, and 0 behind them.
local function equal_gradient(long, short, what)
  local steps = short:size(2)
  approx.equal(long:slice(2, 1, steps), short, what)
  assert.equal(0, long:slice(2, steps + 1, long:size(2)):abs():sum():item(), what)
end

-- ---- layers ----

-- Everything that a step of training sees: output, states, loss, gradients.
local function step(layer, x, target)
  layer:zero_grad()
  local y, state, last = layer(x)
  local seen = { y = y:detach() }
  local loss = nn.huber(y, target(y))
  local more = core.is_tensor(state) and { state } or { table.unpack(state or {}) }
  more[#more + 1] = last
  for i, t in ipairs(more) do
    seen["result " .. i + 1] = t:detach()
    loss = loss + t:square():mean()
  end
  loss:backward()
  seen.loss = loss:detach()
  for _, pair in ipairs(layer:named_parameters()) do seen["d " .. pair[1]] = pair[2].grad:copy() end
  return seen
end

local function check_layer(make, ids, training)
  core.seed(7)
  local layer, twin = make(), make()
  twin:load_state_dict(layer:state_dict())
  layer:train(training)
  twin:train(training)
  local x = ids and core.to_int(core.rand(N, T) * 5) or core.randn(N, T, D)
  local x_long = longer(x, MORE)
  if not ids then
    x:requires_grad(true)
    x_long:requires_grad(true)
  end
  local goal
  local short = step(layer, x:with_lengths(LENGTHS), function(y)
    goal = core.randn { y:shape() }
    return goal
  end)
  local long = step(twin, x_long:with_lengths(LENGTHS), function(y)
    return y:ndim() > 2 and longer(goal, y:size(2) - goal:size(2)) or goal
  end)
  for what, value in pairs(short) do equal(long[what], value, what) end
  if not ids then equal_gradient(x_long.grad, x.grad, "dx") end
  optim.SGD(layer:parameters(), { lr = 0.1 }):step()
  optim.SGD(twin:parameters(), { lr = 0.1 }):step()
  for name, value in pairs(layer:state_dict()) do approx.equal(twin:state_dict()[name], value, name) end
end

local recurrent = {
  {}, { layers = 2 }, { layers = 3, residual = true }, { returns = "last" }, { returns = "both" },
  { bidirectional = true }, { bidirectional = true, merge = "sum", layers = 2 },
  { bidirectional = true, returns = "last" }, { bidirectional = true, returns = "both", layers = 2, residual = true },
  { layer_norm = true }, { initial_state = "trained" }, { recompute = 2 }, { activation = "relu", returns = "both" },
}
local own = {
  RNN = {},
  LSTM = { { peepholes = true }, { projection = 2, bidirectional = true }, { coupled = true, returns = "last" },
    { layer_norm = true, returns = "both" } },
  GRU = { { reset = "before" }, { reset = "before", returns = "last" } },
}

local function text(options)
  local parts = {}
  for key, value in pairs(options) do parts[#parts + 1] = ("%s = %s"):format(key, value) end
  table.sort(parts)
  return table.concat(parts, ", ")
end

describe("padding and", function()
  for _, name in ipairs { "RNN", "LSTM", "GRU" } do
    for _, options in ipairs(table.move(own[name], 1, #own[name], #recurrent + 1, { table.unpack(recurrent) })) do
      it(("nn.%s { %s }"):format(name, text(options)), function()
        local units = options.residual and not options.bidirectional and D or 4
        check_layer(function() return nn[name](D, units, options) end)
      end)
    end
    for _, returns in ipairs { "sequence", "last" } do
      it(("nn.Recurrent(nn.%sCell) { %s }"):format(name, returns), function()
        check_layer(function() return nn.Recurrent(nn[name .. "Cell"](D, 4), { returns = returns }) end)
      end)
    end
  end

  it("nn.Embedding", function() check_layer(function() return nn.Embedding(6, 3) end, true) end)

  local others = {
    Linear = function() return nn.Linear(D, 2) end,
    LayerNorm = function() return nn.LayerNorm(D) end,
    BatchNorm = function() return nn.BatchNorm(D) end,
    Sequential = function()
      return nn.Sequential { nn.BatchNorm(D), nn.GRU(D, 4), nn.LayerNorm(4), nn.Tanh(), nn.LSTM(4, 3), nn.Linear(3, 1) }
    end,
    ["Sequential with last"] = function()
      return nn.Sequential { nn.Linear(D, 4), nn.GRU(4, 4), nn.RNN(4, 3, { returns = "last" }), nn.Linear(3, 1) }
    end,
    ["Sequential of a convolution"] = function()
      return nn.Sequential { nn.Conv1d(D, 4, 3, { padding = "same" }), nn.GRU(4, 2, { bidirectional = true }) }
    end,
  }
  for _, padding in ipairs { "valid", "causal", "same" } do
    for stride = 1, 2 do
      others[("Conv1d %s, stride %d"):format(padding, stride)] = function()
        return nn.Conv1d(D, 2, 3, { padding = padding, stride = stride })
      end
    end
  end
  for name, make in pairs(others) do
    it("nn." .. name, function() check_layer(make, false, true) end)
    it("nn." .. name .. " in evaluation", function() check_layer(make, false, false) end)
  end
  it("nn.Dropout in evaluation", function()
    check_layer(function() return nn.Sequential { nn.Linear(D, 3), nn.Dropout(0.5) } end, false, false)
  end)
end)

-- ---- losses and reductions: what lies behind a sequence may even be NaN ----

local NAN = 0 / 0

describe("padding and nn.", function()
  local losses = { mse = nn.mse, mae = nn.mae, huber = nn.huber, binary_cross_entropy = nn.binary_cross_entropy }
  for name, loss in pairs(losses) do
    for _, where in ipairs { "prediction", "target", "both" } do
      it(("%s, lengths on %s"):format(name, where), function()
        core.seed(8)
        local y, target = core.randn(N, T, D), core.rand(N, T, D)
        local y_long, target_long = longer(y, MORE, NAN):requires_grad(true), longer(target, MORE, NAN)
        y:requires_grad(true)
        local function of(p, t)
          if where ~= "target" then p = p:with_lengths(LENGTHS) end
          if where ~= "prediction" then t = t:with_lengths(LENGTHS) end
          local value = loss(p, t)
          value:backward()
          return value
        end
        approx.equal(of(y_long, target_long), of(y, target), name)
        equal_gradient(y_long.grad, y.grad, "dy")
      end)
    end
  end

  for _, where in ipairs { "prediction", "target", "both", "label 0 alone" } do
    it("cross_entropy, lengths on " .. where, function()
      core.seed(9)
      local y, labels = core.randn(N, T, 4), core.to_int(core.rand(N, T) * 5)
      local lengths = where ~= "label 0 alone"
      local y_long = longer(y, MORE, NAN):requires_grad(true)
      local labels_long = longer(labels, MORE, lengths and 3 or 0)
      y:requires_grad(true)
      local function of(p, t)
        if lengths and where ~= "target" then p = p:with_lengths(LENGTHS) end
        if lengths and where ~= "prediction" then t = t:with_lengths(LENGTHS) end
        local value = nn.cross_entropy(p, t, { padded = true })
        value:backward()
        return value
      end
      approx.equal(of(y_long, labels_long), of(y, labels), "loss")
      equal_gradient(y_long.grad, y.grad, "dy")
    end)
  end
end)

describe("padding and rnn.evaluate:", function()
  local function source(x, y) -- one batch
    return function(_, last)
      if not last then return x, y end
    end
  end

  for _, where in ipairs { "prediction", "target", "both" } do
    it("loss and metrics, lengths on " .. where, function()
      core.seed(12)
      local function lengths(t, on) return on and t:with_lengths(LENGTHS) or t end
      local function check(loss, metrics, x, y, junk)
        local model = nn.Module { forward = function(_, input) return input end }
        local function evaluate(p, t)
          p, t = lengths(p, where ~= "target"), lengths(t, where ~= "prediction")
          return rnn.evaluate(model, source(p, t), { loss = loss, metrics = metrics })
        end
        local short, long = evaluate(x, y), evaluate(longer(x, MORE, NAN), longer(y, MORE, junk))
        for name, value in pairs(short) do assert.near(value, long[name], 1e-5 * math.abs(value), name) end
      end
      check("mse", { "mae", "last_mae", "rmse" }, core.randn(N, T, D), core.randn(N, T, D), NAN)
      check("binary_cross_entropy", { "accuracy" }, core.randn(N, T, D), core.rand(N, T, D):gt(0.5), NAN)
      check("cross_entropy", { "accuracy" }, core.randn(N, T, 4), core.to_int(core.rand(N, T) * 4) + 1, 3)
    end)
  end
end)

describe("padding and x:", function()
  for _, name in ipairs { "mean", "sum", "max", "min" } do
    for _, axis in ipairs { "all", 2, 3 } do
      it(("%s over %s"):format(name, axis), function()
        core.seed(10)
        local x = core.randn(N, T, D)
        local x_long = longer(x, MORE, NAN):requires_grad(true)
        x:requires_grad(true)
        local function of(t)
          local y = core[name](t:with_lengths(LENGTHS), axis ~= "all" and axis or nil)
          local finite = y:lengths() and valid(y) or y:clamp(-9, 9) -- the extremes of no step are infinite
          finite:sum():backward()
          return finite:detach()
        end
        local short, long = of(x), of(x_long)
        if axis == 3 then long = long:slice(2, 1, T) end
        approx.equal(long, short, name)
        equal_gradient(x_long.grad, x.grad, "dx")
      end)
    end
  end

  it("argmax and argmin over time", function()
    core.seed(11)
    local x = core.randn(N, T, D)
    local x_long = longer(x, MORE, NAN):with_lengths(LENGTHS)
    x = x:with_lengths(LENGTHS)
    for _, name in ipairs { "argmax", "argmin" } do
      assert.same(core[name](x, 2):totable(), core[name](x_long, 2):totable())
    end
  end)
end)

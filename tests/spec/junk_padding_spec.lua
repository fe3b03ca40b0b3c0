-- What lies behind the lengths never reaches a result or a gradient, whatever it holds: every layer, loss, metric and
-- op sees the same batch with zeros there and with junk, and gives the same.
local rnn = require "rnn"
local core = require "rnn.core"
local nn, optim, metrics = rnn.nn, rnn.optim, rnn.metrics
local approx = require "support.approx"
local layer_cases = require "support.layer_cases"

local N, T, D = 3, 4, 2
local LENGTHS = { 4, 1, 2 }
local JUNK = { nan = 0 / 0, inf = 1 / 0, ["-inf"] = -1 / 0, ["1e38"] = 1e38, ["-3e38"] = -3e38 }
local IDS = { [7] = 7, [-5] = -5, [2 ^ 31 - 1] = 2147483647 }

local function inside(t) -- 1 on valid steps, shaped to go along with t (N, T, ...)
  local dims = { N, T }
  for axis = 3, t:ndim() do dims[axis] = 1 end
  return core.arange(T):le(core.tensor(LENGTHS, "int32"):reshape(N, 1)):reshape(dims)
end

-- t (N, T, ...) without lengths, with junk behind them.
local function spoil(t, junk)
  if t:type() == "int32" then
    local mask = inside(t):to_int()
    return t * mask + (1 - mask) * junk
  end
  return core.where(inside(t), t, junk)
end

-- What counts of a result: 0 behind the lengths.
local function seen(t)
  t = t:detach()
  return t:lengths() and t:zero_padding():without_lengths() or t:copy()
end

local function each_tensor(value, f)
  if core.is_tensor(value) then
    if value:type() == "float" then f(value) end
  elseif type(value) == "table" then
    for _, item in pairs(value) do each_tensor(item, f) end
  end
end

-- Everything that a step of training sees, when run(x) is called with x = before(leaf), with lengths.
local function observe(module, leaf, run, before)
  core.seed(11)
  module:zero_grad()
  local is_float = leaf:type() == "float"
  if is_float then leaf:requires_grad(true) end
  local x = leaf:with_lengths(LENGTHS)
  if before then x = before(x) end
  local results, list, loss = { run(module, x) }, {}, 0
  each_tensor(results, function(t)
    list[#list + 1] = seen(t)
    loss = loss + (t * t):mean() + t:sum()
  end)
  loss:backward()
  list.loss = loss:detach()
  for _, pair in ipairs(module:named_parameters()) do list["d " .. pair[1]] = pair[2].grad and pair[2].grad:copy() end
  if is_float then list.dx = leaf.grad end
  return list
end

local function same(got, want, what)
  for key, value in pairs(want) do
    approx.equal(got[key], value, what .. ": " .. key)
  end
end

local function check(make, input, run, before)
  core.seed(3)
  local module, x = make(), input()
  local clean = observe(module, spoil(x, 0), run, before)
  if clean.dx then approx.equal(spoil(clean.dx, 0), clean.dx, "dx behind the lengths") end
  for name, junk in pairs(x:type() == "int32" and IDS or JUNK) do
    core.seed(3)
    same(observe(make(), spoil(x, junk), run, before), clean, tostring(name))
  end
end

local function call(layer, x) return layer(x) end

local SKIPPED = { -- what takes no padded (N, T, ...): cells, and what is told apart below
  RNNCell = true, LSTMCell = true, GRUCell = true, Decoder = true, Dropout = true, Attention = true, Seq2Seq = true,
  RepeatVector = true, Flatten = true,
}

describe("junk behind the lengths and nn.", function()
  for _, name in ipairs(layer_cases.names()) do
    local case = layer_cases.cases[name]
    if not SKIPPED[name] then
      it(name, function() check(case.make, case.input, case.run or call) end)
      it(name .. " in evaluation", function()
        check(function() return case.make():eval() end, case.input, case.run or call)
      end)
    end
  end

  local function float() return core.randn(N, T, D) end
  local options = {
    {}, { layers = 2 }, { layers = 3, residual = true }, { returns = "last" }, { returns = "both" },
    { bidirectional = true }, { bidirectional = true, merge = "sum", layers = 2 },
    { bidirectional = true, returns = "both", layers = 2, residual = true }, { layer_norm = true },
    { initial_state = "trained" }, { recompute = 2 }, { activation = "relu" }, { recurrent_dropout = 0.5 },
    { zoneout = 0.3, layers = 2, dropout = 0.5 }, { layer_norm = true, recompute = true, bidirectional = true },
    { activation = "identity", returns = "last", layer_norm = true },
  }
  local own = {
    RNN = {},
    LSTM = { { peepholes = true }, { projection = 3 }, { projection = 1, bidirectional = true, layer_norm = true },
      { coupled = true, peepholes = true }, { zoneout_cell = 0.4, peepholes = true, layer_norm = true } },
    GRU = { { reset = "before" }, { reset = "before", layer_norm = true, recurrent_dropout = 0.3 } },
  }
  for kind, more in pairs(own) do
    for _, list in ipairs { options, more } do
      for _, o in ipairs(list) do
        local text = {}
        for key, value in pairs(o) do text[#text + 1] = ("%s = %s"):format(key, value) end
        table.sort(text)
        it(("%s { %s }"):format(kind, table.concat(text, ", ")), function()
          check(function() return nn[kind](D, o.residual and not o.bidirectional and D or 4, o) end, float, call)
        end)
      end
    end
    it("Recurrent of " .. kind .. "Cell", function()
      for _, returns in ipairs { "sequence", "last" } do
        check(function() return nn.Recurrent(nn[kind .. "Cell"](D, 3), { returns = returns }) end, float, call)
      end
    end)
  end

  it("Attention, of queries and of memories", function()
    for _, score in ipairs { "additive", "multiplicative" } do
      local function make() return nn.Attention(2, 2, { score = score }) end
      check(make, float, function(layer, x) return layer(x, core.randn(N, 5, 2)) end)
      check(make, float, function(layer, x) return layer(core.randn(N, 5, 2), x) end)
      check(make, float, function(layer, x) return layer(x, x) end)
    end
  end)

  it("Seq2Seq, of sources and of targets", function()
    for _, o in ipairs { {}, { attention = "additive" }, { attention = "multiplicative", input_feeding = true } } do
      local function make()
        o.vocab, o.dim, o.units = 6, 2, 3
        return nn.Seq2Seq { encoder = nn.Encoder { vocab = 5, dim = 2, units = 3, bidirectional = true },
          decoder = nn.Decoder(o) }
      end
      local function source() return core.to_int(core.rand(N, T) * 5) + 1 end
      local function target() return core.tensor({ { 2, 4, 5, 3 }, { 2, 0, 0, 0 }, { 2, 3, 0, 0 } }, "int32") end
      local goal = target():with_lengths(LENGTHS)
      check(make, source, function(model, x) return (model:loss(x, goal)) end)
      check(make, target, function(model, y) return (model:loss(source():with_lengths(LENGTHS), y)) end)
      check(make, target, function(model, y)
        core.seed(2)
        return (model:loss(source():with_lengths(LENGTHS), y, { teacher_forcing = 0.5 }))
      end)
    end
  end)

  it("Seq2Seq of numbers, of histories, of what is known and of targets", function()
    for _, o in ipairs { { loss = "mse" }, { loss = "gaussian_nll", attention = "additive" },
      { loss = "quantile", attention = "multiplicative", input_feeding = true } } do
      local function make()
        o.outputs, o.inputs, o.units = 2, 2, 3
        return nn.Seq2Seq { encoder = nn.Encoder { inputs = D, units = 3 }, decoder = nn.Decoder(o), start = { 2, 1 } }
      end
      local past, goal = float(), float():with_lengths(LENGTHS)
      for _, forcing in ipairs { 1, 0.5, 0 } do
        local function loss(model, x, known, y)
          core.seed(2)
          return (model:loss({ x, known }, y, { teacher_forcing = forcing }))
        end
        check(make, float, function(model, x) return loss(model, x, past, goal) end)
        check(make, float, function(model, known) return loss(model, past, known, goal) end)
        check(make, float, function(model, y) return loss(model, past, past, y) end)
      end
      check(make, float, function(model, known)
        local prediction, none = model { past, known }
        assert.is_nil(none)
        return core.is_tensor(prediction) and prediction or prediction[1] + prediction[2]
      end)
    end
  end)

  it("Dropout", function()
    check(function() return nn.Sequential { nn.Linear(2, 3), nn.Dropout(0.5), nn.GRU(3, 2) } end, float, call)
  end)

  it("layers one after the other, with junk that grows in the middle", function()
    local between = {
      log = function(x) return (x:abs() + 0.1):log() * 1 + x:abs():log() * 0.1 end,
      reciprocal = function(x) return 1 / x + x:reciprocal() end, sqrt = function(x) return x:abs():sqrt() end,
      division = function(x) return x / x:sum(3, true) end, pow = function(x) return x:abs() ^ -1.5 end,
      overflow = function(x) return x * 1e30 / 1e30 * 1e20 / 1e20 end,
    }
    for _, f in pairs(between) do
      for _, kind in ipairs { "LSTM", "Conv1d" } do
        check(function()
          local model = nn.Module { first = nn.Linear(D, 3), norm = nn.LayerNorm(3), batch = nn.BatchNorm(3),
            second = kind == "LSTM" and nn.LSTM(3, 2) or nn.Conv1d(3, 2, 2), last = nn.Linear(2, 2) }
          function model:forward(x) return self.last((self.second(self.batch(self.norm(self.first(f(x))))))) end
          return model
        end, float, call)
      end
    end
  end)
end)

describe("junk behind the lengths and", function()
  -- Ops of x and a parameter that is shared by all steps, or has a value for each.
  local ops = {}
  for _, name in ipairs { "add", "sub", "mul", "div", "mod", "pow", "maximum", "minimum", "atan2" } do
    ops[name] = function(x, w) return core[name](x, w) + core[name](w, x) end
  end
  ops.where = function(x, w) return core.where(x:gt(0), x * w, w) end
  ops.fma = function(x, w) return core.fma(x, w, x) end
  ops.matmul = function(x, w) return x:matmul(core.matmul(w:reshape(2, 1), w:reshape(1, 2))) end
  ops.linear = function(x, w) return core.linear(x, core.concat({ w:reshape(1, 2), w:reshape(1, 2) }, 1), w) end
  ops.concat = function(x, w) return core.concat({ x, x * w }, 3) end
  ops.last = function(x, w) return (x * w):last() + (x * w):reverse_steps():last() end
  ops.rfft = function(x, w) return core.rfft(x * w):sum(4) end
  ops.irfft = function(x, w) return core.irfft(core.concat({ x * w, x }, 3):reshape(N, T, D, 2)) end
  ops.cumsum = function(x, w) return (x * w):cumsum(2) + (x * w):cumsum(3) end
  ops.cumprod = function(x, w) return (x * w):cumprod(2) + (x * w):cumprod(3) end
  ops.cummax = function(x, w) return (x * w):cummax(2) + (x * w):cummin(3) end
  ops.softmax = function(x, w) return (x * w):softmax(3) + (x + w):log_softmax(3) end
  ops.extremes = function(x, w) return (x * w):max(3, true) + (x * w):min(3, true) + (x * w):mean(3, true) end
  ops.rearranged = function(x, w)
    x = x * w
    return x:flip(3) + x:roll(1, 3) + x:pad(3, 1, -1, "reflect") + x:pad(3, 1, 0, "constant", 2):slice(3, 1, 2)
      + x:tile(2):slice(3, 2, 3) + x:repeat_interleave(2, 3):slice(3, 1, -1, 2)
      + x:unsqueeze(4):permute(1, 2, 4, 3):sum(3)
  end
  ops.along = function(x, w)
    local ids = core.randint(1, D, N, T, D)
    x = x * w
    return x:take_along_axis(ids, 3) + x:scatter_add(3, ids, x) + w:reshape(1, 1, D):tile(N, T, 1):scatter(3, ids, x)
      + x:scatter(3, ids, w:reshape(1, 1, D):tile(N, T, 1)) + x:index_add(3, core.tensor({ 2, 1 }, "int32"), x)
  end
  ops.time = function(x, w) return (x * w):max(2) + (x * w):min(2) + (x * w):mean(2) + (x + w):sum(2) end
  ops.prod = function(x, w) return (x * w):prod(2) + (x * w):prod() + (x * w):prod({ 1, 2 }) end
  ops.axes = function(x, w)
    return (x * w):max({ 2, 3 }) + (x * w):min({ 1, 2, 3 }) + (x + w):sum({ 1, 2 }):sum()
  end
  ops.moments = function(x, w)
    local y, s = x * w, 0
    for _, axes in ipairs { { 2 }, { 1, 2 }, { 1, 2, 3 }, { 2, 3 } } do
      s = s + (y:std(axes, false, 0) + y:norm(2, axes) + y:norm(3, axes) + y:logsumexp(axes)):sum()
    end
    return s + (y:var(3, true) + y:norm(1, 3, true) + y:logsumexp(3, true)):sum()
  end
  ops.angles = function(x, w) return (x * w * 0.1):asin() + (x * w * 0.1):acos() end
  ops.quantiles = function(x, w)
    local y = x * w
    return (y:sort(3)) + y:median(2, true):sum() + y:median() + y:quantile(0.3, { 2, 3 }):sum() + y:median(3, true)
  end
  ops.clamp = function(x, w) return (x * w):clamp(-1, 1.5) + w end
  ops.leaky_relu = function(x, w) return (x * w):leaky_relu(0.1) + w end
  ops.layer_norm = function(x, w) return core.layer_norm(x, w, w, 1e-5) end
  for name, f in pairs(ops) do
    it("rnn." .. name, function()
      local function float() return core.rand(N, T, D) + 0.5 end
      local function run(module, x) return f(x, module.w) end
      local function make() return nn.Module { w = (core.rand(D) + 0.5):requires_grad(true) } end
      check(make, float, run)
      if name == "matmul" or name == "linear" or name == "layer_norm" or name == "along" then return end
      check(function() -- a value for each step, without lengths
        return nn.Module { w = (core.rand(N, T, D) + 0.5):requires_grad(true) }
      end, float, run)
    end)
  end

  -- Every op that has a gradient is in the list above, or takes one tensor, or is tested as what it stands for.
  local elsewhere = { "mse", "mae", "huber", "quantile_loss", "cross_entropy", "linear_cross_entropy",
    "binary_cross_entropy", "kl_div", "poisson_nll", "gaussian_nll", "ctc_loss", "recurrent",
    "scan", "conv1d", "batch_norm", "embedding", "dropout", "asin",
    "acos", "softmax", "log_softmax", "max", "min", "cummin", "mean", "sum", "quantile", "bincount",
    "flip", "roll", "pad", "tile", "repeat_interleave", "unsqueeze", "permute", -- ops.rearranged
    "take_along_axis", "scatter", "scatter_add", "index_add" } -- ops.along
  local refusing = { "transpose", "slice", "select", "stack", "gather", "windows", "topk", "reshape", "broadcast_to",
    "index_put", "diag" }
  local flat = { "eq", "ne", "lt", "le", "gt", "ge", "argmax", "argmin", "any", "all", "argsort", "unique", "histogram",
    "searchsorted", "nonzero", "one_hot", "sign", "floor", "ceil", "round", "is_finite", "to_int", "floor_div",
    "logical_and", "logical_or", "logical_xor", "logical_not", "mask" } -- without a gradient

  it("to_int, which no number behind the lengths stops", function()
    for _, junk in ipairs { 0 / 0, 1 / 0, 1e30 } do
      local x = core.tensor { { { 1.5 }, { -2.5 } }, { { 3 }, { junk } } }
      assert.same({ { { 1 }, { -2 } }, { { 3 }, { 0 } } }, x:with_lengths { 2, 1 }:to_int():zero_padding():totable())
      assert.error_matches(function() x:with_lengths { 1, 2 }:to_int() end, "to_int: element 4 is")
    end
  end)

  it("every op", function()
    local known, alone = {}, {}
    for _, list in ipairs { elsewhere, refusing, flat } do
      for _, name in ipairs(list) do known[name] = true end
    end
    for name in pairs(core) do
      if type(core[name]) == "function" and core.op_doc(name) and not ops[name] and not known[name] then
        local x = core.ones(N, T, D):requires_grad(true)
        local ok, y = pcall(core[name], x)
        assert.is_true(ok and y:requires_grad(), name .. " has no case here")
        alone[#alone + 1] = name
      end
    end
    assert.is_true(#alone > 15)
    for name, junk in pairs(JUNK) do
      for _, f in ipairs(alone) do
        local function grads(padding)
          core.seed(1)
          local w, v = (core.rand(D) + 0.5):requires_grad(true), core.ones(N, T, D):requires_grad(true)
          local x = spoil(core.rand(N, T, D) + 0.5, padding):with_lengths(LENGTHS) * w
          local y = (x + core[f](x) * v):sum()
          y:backward()
          return w.grad, v.grad, y:detach()
        end
        local dw, dv, y = grads(0)
        local junk_dw, junk_dv, junk_y = grads(junk)
        approx.equal(junk_dw, dw, f .. name)
        approx.equal(junk_dv, dv, f .. name)
        approx.equal(junk_y, y, f .. name)
      end
    end
  end)

  it("a gradient that is given to backward", function()
    local w = core.ones(D):requires_grad(true)
    local y = core.ones(N, T, D):with_lengths(LENGTHS) * w
    y:backward(spoil(core.ones(N, T, D), 0 / 0))
    assert.same({ 7, 7 }, w.grad:totable())
    local layer = nn.Linear(D, 2)
    local z = layer(core.ones(N, T, D):with_lengths(LENGTHS))
    z:backward(spoil(core.ones(N, T, 2), 0 / 0))
    assert.same({ 7, 7 }, layer.bias.grad:totable())
  end)

  it("ops that would add up steps, or sequences: they refuse", function()
    local x, short = core.randn(N, T, T):with_lengths(LENGTHS), core.randn(N, T):with_lengths(LENGTHS)
    local square, square3 = core.randn(T, T), core.randn(N, T, T)
    for name, f in pairs {
      ["matmul, second"] = function() return core.matmul(square3, x) end,
      ["matmul, first"] = function() return core.matmul(short, square) end,
      ["matmul, flat"] = function() return core.matmul(core.randn(N, N), short) end,
      linear = function() return core.linear(short, square) end,
      Linear = function() return nn.Linear(T, T)(short) end,
      LayerNorm = function() return nn.LayerNorm(T)(short) end,
      BatchNorm = function() return nn.BatchNorm(T)(short) end,
      cumsum = function() return x:cumsum(1) end,
    } do
      local ok, message = pcall(f)
      assert.is_false(ok, name)
      assert.matches("padding included; x:zero_padding():without_lengths() drops its lengths", message, 1, true)
    end
  end)

  it("the check for values that are not finite", function()
    local layer = nn.Sequential { nn.Linear(D, 3), nn.LSTM(3, 2), nn.LayerNorm(2) }
    local x = spoil(core.randn(N, T, D), 0 / 0):with_lengths(LENGTHS)
    local before = core.check_finite(true)
    local ok, message = pcall(function() layer(x):sum():backward() end)
    core.check_finite(before)
    assert.is_true(ok, message)
  end)

  it("values and gradients of finite padding, whose lengths were dropped on purpose", function()
    local w = core.ones(D):requires_grad(true)
    local y = core.full({ N, T, D }, 2):with_lengths(LENGTHS) * w
    y:without_lengths():sum():backward()
    assert.same({ 24, 24 }, w.grad:totable())
  end)

  it("the tensor that with_lengths was called on, which stays as it is", function()
    local x = spoil(core.randn(N, T, D), 1 / 0)
    local sum = x:is_finite():sum():item()
    local layer = nn.Sequential { nn.Linear(D, 3), nn.LSTM(3, 2) }
    layer(x:with_lengths(LENGTHS)):sum():backward()
    assert.equal(sum, x:is_finite():sum():item())
  end)
end)

describe("junk behind the lengths and the loss", function()
  local losses = {
    mse = "float", mae = "float", huber = "float", quantile = "float", binary_cross_entropy = "float",
    kl_div = "float", poisson_nll = "float", gaussian_nll = "float", hinge = "float", cross_entropy = "labels",
    hinge_embedding = "float", focal = "labels", ordinal = "labels", multi_margin = "labels", distillation = "float",
  }
  local more = { quantile = 0.3, gaussian_nll = 0.5 }
  local several = { student_t_nll = 3, negative_binomial_nll = 2 } -- parameters, of one shape with the target
  it("each has its kind here", function()
    for name, f in pairs(require "rnn.nn.loss") do
      if type(f) == "function" and name ~= "loss" then assert.is_truthy(losses[name] or several[name], name) end
    end
  end)
  for name, count in pairs(several) do
    it(name, function()
      local function of(junk)
        core.seed(4)
        local parameters, leaves = {}, {}
        for i = 1, count do
          leaves[i] = (spoil(core.rand(N, T, D), junk) + 0.5):requires_grad(true)
          parameters[i] = leaves[i]:with_lengths(LENGTHS)
        end
        local loss = nn[name](parameters, spoil(core.rand(N, T, D), junk):with_lengths(LENGTHS))
        loss:backward()
        return loss:item(), leaves
      end
      local want, clean = of(0)
      for text, junk in pairs(JUNK) do
        local got, leaves = of(junk)
        assert.near(want, got, 1e-5, text)
        for i, leaf in ipairs(leaves) do approx.equal(leaf.grad, clean[i].grad, text) end
      end
    end)
  end
  for name, kind in pairs(losses) do
    it(name, function()
      for _, where in ipairs { "y", "target", "both" } do
        local function of(junk, id)
          core.seed(2)
          local w = (core.rand(D) + 0.5):requires_grad(true)
          local leaf = spoil(core.rand(N, T, D), junk):requires_grad(true)
          local y = (where ~= "target" and leaf:with_lengths(LENGTHS) or leaf) * w
          local target = kind == "labels" and core.to_int(core.rand(N, T) * 2) + 1
            or name:find "^hinge" and core.sign(core.randn(N, T, D)) or core.rand(N, T, D)
          target = spoil(target, kind == "labels" and id or junk)
          if where ~= "y" then target = target:with_lengths(LENGTHS) end
          local loss = nn[name](y, target, more[name])
          loss:backward()
          -- With lengths on the target alone, nothing says that y, and so w, has padding.
          return loss:detach(), where ~= "target" and w.grad, leaf.grad
        end
        local loss, dw, dy = of(0, 0)
        for text, junk in pairs(JUNK) do
          for _, id in pairs(IDS) do
            local l, w, d = of(junk, id)
            approx.equal(l, loss, name .. text)
            if dw then
              approx.equal(w, dw, name .. text)
              approx.equal(d, dy, name .. text)
            end
          end
        end
      end
    end)
  end

  it("ctc", function()
    local function of(junk, id)
      core.seed(2)
      local w = core.ones(5):requires_grad(true)
      local y = spoil(core.randn(N, T, 5), junk):with_lengths(LENGTHS) * w
      local labels = core.tensor({ { 1, 2 }, { 3, id }, { 4, id } }, "int32"):with_lengths { 2, 1, 1 }
      local loss = rnn.ctc.loss(y, labels)
      loss:backward()
      return loss:detach(), w.grad, y:detach()
    end
    local loss, dw, y = of(0, 0)
    for _, junk in pairs(JUNK) do
      for _, id in pairs(IDS) do
        local l, w, logits = of(junk, id)
        approx.equal(l, loss, "loss")
        approx.equal(w, dw, "dw")
        assert.same(rnn.ctc.greedy(y), rnn.ctc.greedy(logits))
        assert.same(rnn.ctc.beam(y), rnn.ctc.beam(logits))
      end
    end
  end)
end)

describe("junk behind the lengths and training:", function()
  local function source(x, y) return function(_, last) if not last then return x, y end end end
  local function make()
    core.seed(6)
    return nn.Sequential { nn.LayerNorm(D), nn.LSTM(D, 3), nn.BatchNorm(3), nn.Linear(3, D) }
  end
  local function data(junk, id, labels)
    core.seed(5)
    local x = spoil(core.randn(N, T, D), junk):with_lengths(LENGTHS)
    if labels then return x, spoil(core.to_int(core.rand(N, T) * D) + 1, id):with_lengths(LENGTHS) end
    return x, spoil(core.rand(N, T, D), junk):with_lengths(LENGTHS)
  end

  for _, labels in ipairs { false, true } do
    it("fit, evaluate, predict, monitor, of " .. (labels and "labels" or "numbers"), function()
      local function run(junk, id)
        local x, y = data(junk, id, labels)
        local model = make()
        local history = rnn.fit(model, { data = source(x, y), valid = source(x, y), epochs = 3, progress = false,
          loss = labels and "cross_entropy" or "mse", metrics = labels and { "accuracy" } or { "mae", "rmse" },
          optimizer = optim.Adam(model:parameters(), { lr = 0.1 }), tbptt = nil })
        local scores = rnn.evaluate(model, source(x, y), { loss = labels and "cross_entropy" or "mse",
          metrics = labels and { "accuracy" } or { "mae", "rmse" } })
        return { model = model, history = history, scores = scores, y = seen(model(x)) }
      end
      local clean = run(0, 0)
      for name, junk in pairs(JUNK) do
        for _, id in pairs(IDS) do
          local got = run(junk, id)
          for key, value in pairs(clean.scores) do assert.near(value, got.scores[key], 1e-5, name .. key) end
          approx.equal(got.y, clean.y, name)
          for key, t in pairs(clean.model:state_dict()) do approx.equal(got.model:state_dict()[key], t, name .. key) end
          if not labels then break end
        end
      end
    end)
  end

  it("metrics, each of them", function()
    local float = function(f) return { f = f, input = function() return core.rand(N, T) + 0.5 end } end
    local labels = function(f) return { f = f, input = function() return core.randn(N, T, 3) end, classes = 3 } end
    local calls = {
      mae = float(metrics.mae), smape = float(metrics.smape),
      pinball = float(function(y, t) return metrics.pinball(y, t, 0.3) end), width = float(metrics.width),
      crps = float(function(y, t) return metrics.crps(y:unsqueeze(3), t) end),
      crps_gaussian = float(function(y, t) return metrics.crps_gaussian(y, y, t) end),
      coverage = float(function(y, t) return metrics.coverage(y - 0.1, y + 0.2, t) end),
      interval_score = float(function(y, t) return metrics.interval_score(y - 0.1, y + 0.2, t, 0.8) end),
      owa = float(function(y, t, history) return metrics.owa(y, t, history) end),
      mase = float(function(y, t, history) return metrics.mase(y, t, history) end),
      precision = labels(metrics.precision), recall = labels(metrics.recall),
      accuracy = labels(metrics.accuracy), f1 = labels(metrics.f1), nats = labels(metrics.nats),
      perplexity = labels(metrics.perplexity), top_k = labels(function(y, t) return metrics.top_k(y, t, 2) end),
      confusion = labels(function(y, t) return metrics.confusion(y, t):f1() end),
      F1 = labels(function(y, t)
        local metric = metrics.F1()
        metric:clear()
        metric:add(y, t)
        return metric:read()
      end),
      Mean = float(function(y, t)
        local mean = metrics.Mean(function(a, b) return (a - b):abs() end)
        mean:add(y, t)
        return mean:read()
      end),
      Scores = float(function(y, t)
        local scores = metrics.Scores { "rmse", "last_mae", own = function(a, b) return (a - b):abs() end }
        scores:add(y, t)
        local all = scores:read()
        return all.rmse + all.last_mae + all.own
      end),
      measure = labels(function(y, t) return metrics.measure(y, t, { "accuracy", "top_2", "nats" }).accuracy end),
      Confusion = labels(function(y, t)
        local confusion = metrics.Confusion { classes = 3 }
        confusion:add(y:argmax(-1), t)
        return confusion:f1()
      end),
    }
    for name in pairs(getmetatable(metrics) and getmetatable(metrics).names or metrics) do
      assert.is_truthy(calls[name] or name == "bleu" or name == "error_rate", name .. " has no case here")
    end
    for name, case in pairs(calls) do
      local function of(junk, id)
        core.seed(7)
        local y = spoil(case.input(), junk):with_lengths(LENGTHS)
        local target = case.classes and spoil(core.to_int(core.rand(N, T) * case.classes) + 1, id)
          or spoil(case.input(), junk)
        local history = spoil(core.rand(N, T), junk)
        history:slice(2, 1, 2)
        history = (name == "mase" or name == "owa")
          and core.concat({ core.rand(N, 3), history }, 2):with_lengths { 7, 4, 5 } or nil
        return case.f(y, target:with_lengths(LENGTHS), history)
      end
      local want = of(0, 0)
      assert.is_true(want == want, name)
      for text, junk in pairs(JUNK) do
        for _, id in pairs(IDS) do assert.near(want, of(junk, id), 1e-5, name .. text) end
      end
    end
  end)

  it("scalers", function()
    for _, kind in ipairs { "standard", "minmax" } do
      local function of(junk)
        core.seed(8)
        local x = spoil(core.randn(N, T, D), junk):with_lengths(LENGTHS)
        local scaler = rnn.data.Scaler { kind = kind }:fit(x)
        return seen(scaler:transform(x)), seen(scaler:inverse(scaler:transform(x))), scaler
      end
      local y, back, scaler = of(0)
      for name, junk in pairs(JUNK) do
        local z, there = of(junk)
        approx.equal(z, y, kind .. name)
        approx.equal(there, back, kind .. name)
      end
      core.seed(8)
      local rows = core.randn(N, T, D):reshape(-1, D):gather(1, core.tensor({ 1, 2, 3, 4, 5, 9, 10 }, "int32"))
      approx.equal(scaler.shift, rnn.data.Scaler { kind = kind }:fit(rows).shift, "shift")
    end
  end)

  it("windows of truncated back-propagation, the monitor", function()
    local function of(junk)
      local x, y = data(junk, 0, false)
      core.seed(9)
      local model = nn.Sequential { nn.Linear(D, 3), nn.LSTM(3, 3), nn.Linear(3, D) }
      local monitor = rnn.monitor(model, { every = 1 })
      rnn.fit(model, { data = source(x, y), epochs = 3, progress = false, loss = "mse", tbptt = 2,
        callbacks = { monitor }, optimizer = optim.SGD(model:parameters(), { lr = 0.1 }) })
      return seen(model(x)), monitor
    end
    local want, monitor = of(0)
    for name, junk in pairs(JUNK) do
      local got, other = of(junk)
      approx.equal(got, want, name)
      assert.near(monitor.largest, other.largest, 1e-6)
      assert.equal(#monitor.records, #other.records)
      for i, record in ipairs(monitor.records) do
        for k, layer in ipairs(record.layers) do
          for t, norm in ipairs(layer.norms) do assert.near(norm, other.records[i].layers[k].norms[t], 1e-5) end
        end
      end
    end
  end)

  it("what another op gives to the gradient of a tensor without lengths", function()
    local x = core.ones(1, 2, 1):requires_grad(true)
    local batch = core.tensor { { { 1 }, { 0 / 0 } } }:with_lengths { 1 }
    local product = x * batch -- its gradient comes when that of the sum is there
    local loss = x:sum() + product:sum()
    loss:backward()
    assert.same({ { { 2 }, { 1 } } }, x.grad:totable())
  end)

  it("histograms", function()
    local function of(junk)
      core.seed(3)
      return core.histogram(spoil(core.randn(N, T, D), junk):with_lengths(LENGTHS))
    end
    assert.same(of(0), of(0 / 0))
  end)

  it("the search for a nan, which is in the data only where they count", function()
    local x, y = data(0 / 0, 0, false)
    local model = nn.Sequential { nn.LSTM(D, 3), nn.Linear(3, D) }
    model[2].bias:detach():fill_(0 / 0)
    local message = select(2, pcall(rnn.fit, model, { data = source(x, y), epochs = 1, progress = false, loss = "mse",
      optimizer = optim.SGD(model:parameters(), { lr = 0.1 }) }))
    assert.is_nil(tostring(message):find("the data hold", 1, true))
  end)
end)

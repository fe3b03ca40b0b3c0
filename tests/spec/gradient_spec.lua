-- Every layer and every loss: backward against central differences at every coordinate of every parameter, input and
-- state. A layer or a loss without a case fails. Only in the double build.
local core = require "rnn.core"
local differences = require "rnn.differences"
local nn = require "rnn.nn"
local layers = require "support.layer_cases"

if core.precision ~= "double" then return end

local function gradcheck(f, tensors) return differences.gradcheck(f, tensors, { atol = 1e-8, rtol = 1e-6 }) end

-- The parameters of a layer, off their initial values (zero biases, say, would hide mistakes), and its input.
local function leaves(layer, x)
  local tensors = {}
  for _, pair in ipairs(layer:named_parameters()) do
    tensors[pair[1]] = pair[2]
    local noise = core.randn { pair[2]:shape() }
    pair[2]:assign(pair[2]:detach() + noise * 0.1)
  end
  if x:type() == "float" then tensors.x = x:requires_grad(true) end
  return tensors
end

describe("gradients of", function()
  for _, name in ipairs(layers.names()) do
    it("nn." .. name, function()
      local case = assert(layers.cases[name], "no case for nn." .. name .. " in layer_cases.lua")
      core.seed(3)
      local layer = case.make()
      local x = case.input()
      local tensors = leaves(layer, x)
      assert.is_truthy(next(tensors))
      gradcheck(function()
        core.seed(4)
        if case.run then return case.run(layer, x) end
        return layer(x)
      end, tensors)
    end)
  end

  for _, name in ipairs { "RNN", "LSTM", "GRU", "Recurrent" } do
    it("nn." .. name .. " with lengths, from a state, at the last step", function()
      core.seed(5)
      local layer
      if name == "Recurrent" then
        layer = nn.Recurrent(nn.LSTMCell(2, 3), { returns = "last" })
      else
        layer = nn[name](2, 3, { layers = 2, returns = "last" })
      end
      local x = core.randn(4, 3, 2):with_lengths { 3, 1, 0, 2 }
      local tensors = leaves(layer, x)
      local count = name == "Recurrent" and 2 or layer.layers * layer.states
      local state = {}
      for i = 1, count do
        state[i] = core.randn(4, 3):requires_grad(true)
        tensors["state " .. i] = state[i]
      end
      gradcheck(function() return layer(x, state) end, tensors)
    end)
  end

  it("nn.RNN with ReLU", function()
    core.seed(6)
    local layer = nn.RNN(2, 3, { activation = "relu" })
    local x = core.randn(3, 3, 2)
    gradcheck(function() return layer(x) end, leaves(layer, x))
  end)

  it("nn.BatchNorm in evaluation", function()
    core.seed(7)
    local layer = nn.BatchNorm(2):eval()
    layer.running_mean:normal_(0, 1)
    layer.running_var:uniform_(0.5, 2)
    local x = core.randn(3, 4, 2)
    gradcheck(function() return layer(x) end, leaves(layer, x))
  end)

  it("nn.BatchNorm over valid steps only", function()
    core.seed(8)
    local layer = nn.BatchNorm(2)
    local x = core.randn(3, 4, 2):with_lengths { 4, 0, 2 }
    gradcheck(function() return layer(x) end, leaves(layer, x))
  end)

  local labels = core.tensor({ { 1, 3, 0 }, { 2, 2, 1 } }, "int32")
  local target = core.tensor { { { 0.2, 3 }, { -1, 0.4 }, { 1, 1 } }, { { 0, -2.5 }, { 0.7, 0.1 }, { 0.3, -4 } } }
  local chances = target:sigmoid():detach()
  local losses = {
    mse = { nn.mse, target, 2 },
    mae = { nn.mae, target, 2 },
    huber = { function(y, t) return nn.huber(y, t, 0.8) end, target, 2 },
    cross_entropy = { function(y, t) return nn.cross_entropy(y, t, { padded = true }) end, labels, 3 },
    focal = { function(y, t) return nn.focal(y, t, { padded = true }) end, labels, 3 },
    ordinal = { function(y, t) return nn.ordinal(y, t, { padded = true }) end, labels, 2 },
    distillation = { function(y, t) return nn.distillation(y, t) end, target, 2 },
    binary_cross_entropy = { nn.binary_cross_entropy, chances, 2 },
    kl_div = { nn.kl_div, chances, 2 },
    poisson_nll = { nn.poisson_nll, chances, 2 },
    quantile = { function(y, t) return nn.quantile(y, t, 0.3) end, target, 2 },
    gaussian_nll = { function(y, t) return nn.gaussian_nll(y, t, (y:square() + 0.5)) end, target, 2 },
    hinge = { nn.hinge, target:ge(0) * 2 - 1, 2 },
    hinge_embedding = { nn.hinge_embedding, target:ge(0) * 2 - 1, 2 },
    multi_margin = { function(y, t) return nn.multi_margin(y, t, { padded = true, p = 2 }) end, labels, 3 },
    student_t_nll = { function(y, t)
      return nn.student_t_nll({ y, y:square() + 0.5, y:square() * 0.3 + 1.5 }, t)
    end, target, 2 },
    negative_binomial_nll = { function(y, t)
      return nn.negative_binomial_nll({ y:square() + 0.5, y:square() * 0.3 + 0.2 }, t)
    end, chances, 2 },
  }
  for name, loss in pairs(require "rnn.nn.loss") do
    if name ~= "loss" then
      for _, lengths in ipairs { false, { 3, 1 } } do
        it(("nn.%s%s"):format(name, lengths and " with lengths" or ""), function()
          local case = assert(losses[name], "no case for nn." .. name)
          core.seed(9)
          local y, t = core.randn(2, 3, case[3]), case[2]
          if lengths then y, t = y:with_lengths(lengths), t:with_lengths(lengths) end
          gradcheck(function() return case[1](y, t) end, { y = y:requires_grad(true) })
          assert.equal(type(loss), "function")
        end)
      end
    end
  end
end)

describe("losses of two and three vectors", function()
  for name, third in pairs { cosine_embedding = core.tensor { { 1, -1, 1 }, { -1, 1, -1 } },
    triplet_margin = core.tensor { { { 0.2, 3 }, { -1, 0.4 }, { 1, 1 } }, { { 0, -2.5 }, { 0.7, 0.1 }, { 0.3, -4 } } },
    margin_ranking = core.tensor { { { 1, 1 }, { -1, 1 }, { 1, -1 } }, { { 1, 1 }, { -1, 1 }, { 1, -1 } } } } do
    it("nn." .. name, function()
      core.seed(11)
      local a, b = core.randn(2, 3, 2):requires_grad(true), core.randn(2, 3, 2):requires_grad(true)
      gradcheck(function() return nn[name](a, b, third) end, { a = a, b = b })
      gradcheck(function()
        return nn[name](a:with_lengths { 3, 1 }, b, third, { sample_weights = core.tensor { 2, 0.5 } })
      end, { a = a, b = b })
    end)
  end
end)

describe("gradcheck itself", function()
  it("finds a wrong sign, a missing term and a gradient that does not flow", function()
    local x = core.tensor { 0.3, -0.8 }:requires_grad(true)
    assert.has_error(function() gradcheck(function() return -x + x:detach() * 2 end, { x = x }) end)
    assert.has_error(function() gradcheck(function() return x * x:detach() end, { x = x }) end)
    assert.has_error(function() gradcheck(function() return x:detach():square() + 0 * x:square() end, { x = x }) end)
    assert.has_no.errors(function() gradcheck(function() return x * x end, { x = x }) end)
  end)
end)

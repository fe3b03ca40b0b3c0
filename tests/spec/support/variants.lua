-- variants.lua: layers of nn.RNN, nn.LSTM and nn.GRU with each of their options, and what they compute from fixed
-- seeds: for variants_spec.lua and the file that it reads (tests/reference/make_variants.lua).

local core = require "rnn.core"
local nn = require("rnn").nn

local variants = {}

local INPUTS, UNITS, SAMPLES, STEPS = 2, 5, 3, 4
local LENGTHS = { 4, 0, 2 }

-- Further entries of a case: lengths, state (one is given), training, units.
local cases = {}

local function add(kind, options, more)
  local case = { kind = kind, options = options, more = more or {} }
  local names = {}
  for _, t in ipairs { options, case.more } do
    for name, value in pairs(t) do names[#names + 1] = name .. "=" .. tostring(value) end
  end
  table.sort(names)
  case.name = ("%s %s"):format(kind, table.concat(names, " "))
  cases[#cases + 1] = case
end

local activations = { "relu", "sigmoid", "hard_sigmoid", "softsign", "leaky_relu", "selu", "identity" }

for _, kind in ipairs { "RNN", "LSTM", "GRU" } do
  add(kind, {})
  add(kind, { layer_norm = true }, { lengths = true, state = true })
  add(kind, { layer_norm = true, layers = 2, bidirectional = true, returns = "both" }, { lengths = true })
  add(kind, { zoneout = 0.3 }, { lengths = true })
  add(kind, { zoneout = 0.3, bidirectional = true }, { training = true, lengths = true })
  add(kind, { recurrent_dropout = 0.4, layers = 2, dropout = 0.3 }, { training = true, state = true })
  add(kind, { recurrent_dropout = 0.4, zoneout = 0.2, layer_norm = true, residual = true, layers = 2 },
    { training = true })
  for _, f in ipairs(activations) do add(kind, { activation = f }) end
  add(kind, { activation = "softsign", returns = "last", initial_state = "trained" }, { lengths = true })
end
for _, kind in ipairs { "LSTM", "GRU" } do
  for _, f in ipairs { "relu", "hard_sigmoid", "tanh" } do add(kind, { recurrent_activation = f }) end
end
add("LSTM", { peepholes = true }, { lengths = true, state = true })
add("LSTM", { coupled = true }, { state = true })
add("LSTM", { projection = 3 }, { lengths = true, state = true })
add("LSTM", { peepholes = true, coupled = true, projection = 3, bidirectional = true, merge = "mean" },
  { lengths = true })
add("LSTM", { peepholes = true, layer_norm = true, projection = 3 }, { state = true })
add("LSTM", { coupled = true, layer_norm = true, returns = "last" }, { lengths = true })
add("LSTM", { zoneout_cell = 0.3, peepholes = true }, { training = true })
add("LSTM", { zoneout_cell = 0.3, zoneout = 0.2, projection = 3, layer_norm = true, layers = 2 }, { training = true })
add("LSTM", { zoneout_cell = 0.3, zoneout = 0.2 }, { lengths = true })
add("LSTM", { peepholes = true, projection = 7 }, { units = 19 })
add("LSTM", { layer_norm = true }, { units = 19 })
add("GRU", { reset = "before" }, { lengths = true, state = true })
add("GRU", { reset = "before", layer_norm = true }, { state = true })
add("GRU", { reset = "before", recurrent_dropout = 0.3, bidirectional = true }, { training = true, lengths = true })
add("GRU", { reset = "before", zoneout = 0.3, returns = "last" }, { training = true })
add("GRU", { reset = "before" }, { units = 19 })

variants.cases = cases

--- variants.make(case) -> layer, x, state: with values of its seed
function variants.make(case)
  core.seed(11)
  local layer = nn[case.kind](INPUTS, case.more.units or UNITS, case.options)
  local names = {} -- of what is not trained as well
  for name in pairs(layer:state_dict()) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do layer[name]:detach():uniform_(-0.9, 0.9) end
  layer:train(case.more.training == true)
  local x = core.randn(SAMPLES, STEPS, INPUTS):requires_grad(true)
  local state
  if case.more.state then
    state = {}
    for _, part in ipairs(layer.parts) do
      for _, size in ipairs(part.sizes) do state[#state + 1] = core.randn(SAMPLES, size):requires_grad(true) end
    end
  end
  return layer, x, state
end

--- variants.run(case) -> forward, gradients: tensors by name
function variants.run(case)
  local layer, x, state = variants.make(case)
  core.seed(12)
  local y, new, last = layer(case.more.lengths and x:with_lengths(LENGTHS) or x, state)
  local forward, gradients, loss = {}, {}, 0
  local function result(name, t)
    t = t:lengths() and t:without_lengths() or t
    forward[name] = t:detach()
    local weights = core.arange(t:count()):to_float():reshape(t:shape()) * 0.7
    loss = loss + (t * weights:sin()):sum()
  end
  result("y", y)
  if last then result("last", last) end
  for i, t in ipairs(new) do result("state " .. i, t) end
  loss:backward()
  gradients.x = x.grad
  for i, t in ipairs(state or {}) do gradients["state " .. i] = t.grad end
  for name in pairs(layer:state_dict()) do gradients[name] = layer[name].grad end
  return forward, gradients
end

return variants

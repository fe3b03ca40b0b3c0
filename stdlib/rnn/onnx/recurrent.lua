-- recurrent.lua: layers of nn.RNN, nn.LSTM and nn.GRU as ONNX has them, and back: the order of gates, biases, names of
-- activations.
--
--            ours       ONNX
--   LSTM     i f g o    i o f c(= our g); peepholes i f o -> i o f
--   GRU      r z n      z r h(= our n); linear_before_reset = 1 is reset = "after"
--   biases   two        one row, that of W before that of R

local core = require "rnn.core"

local recurrent = {}

local ours = { RNN = { "h" }, LSTM = { "i", "f", "g", "o" }, GRU = { "r", "z", "n" } }
local theirs = { RNN = { "h" }, LSTM = { "i", "o", "f", "g" }, GRU = { "z", "r", "n" } }
local ops = { ["nn.RNN"] = "RNN", ["nn.LSTM"] = "LSTM", ["nn.GRU"] = "GRU" }

-- In single precision, as attributes are.
local function single(x) return (("<f"):unpack(("<f"):pack(x))) end

-- Our names, theirs, alpha and beta; those without numbers have none that could differ.
local ACTIVATIONS = {
  { "tanh", "Tanh" }, { "relu", "Relu" }, { "sigmoid", "Sigmoid" }, { "softsign", "Softsign" },
  { "hard_sigmoid", "HardSigmoid", single(1 / 6), 0.5 }, { "leaky_relu", "LeakyRelu", single(0.2) },
  { "identity", "Affine", 1.0, 0.0 },
}
-- What alpha and beta are where a node does not say.
local DEFAULTS = { HardSigmoid = { single(0.2), 0.5 }, LeakyRelu = { single(0.01) }, Affine = { 1.0, 0.0 },
  Elu = { 1.0 }, ScaledTanh = { 1.0, 1.0 }, ThresholdedRelu = { 1.0 } }
-- What these are without numbers programs do not agree on.
local UNSAID = { affine = true, scaledtanh = true, thresholdedrelu = true }
local of_ours, of_theirs = {}, {}
for _, row in ipairs(ACTIVATIONS) do of_ours[row[1]], of_theirs[row[2]:lower()] = row, row end

-- ---- out ----

--- recurrent.fits(layer) -> can each of its layers be one node?
function recurrent.fits(layer)
  local o = layer.options
  if not ops[getmetatable(layer).__name] or o.layer_norm or (o.projection or 0) > 0 or next(layer.zones) then
    return false
  end
  local gate = o.recurrent_activation or "sigmoid"
  if o.coupled and gate ~= "sigmoid" and gate ~= "hard_sigmoid" then return false end
  return of_ours[o.activation] ~= nil and of_ours[gate] ~= nil
end

-- Rows of gates by their names.
local function parts_of(t, names)
  local list, units = {}, t:size(1) // #names
  for i, name in ipairs(names) do list[name] = core.slice(t, 1, (i - 1) * units + 1, i * units) end
  return list
end

local function join(parts, names)
  local list = {}
  for i, name in ipairs(names) do list[i] = parts[name] end
  return core.concat(list, 1)
end

-- A parameter of gates in their order. Coupled, i = 1 - f is the gate of the negative sums.
local function turned(kind, t, coupled)
  local parts = parts_of(t, coupled and { "f", "g", "o" } or ours[kind])
  if coupled then parts.i = -parts.f end
  return join(parts, theirs[kind])
end

local function stacked(list) return core.stack(list, 1) end

--- recurrent.node(layer, parts) -> { op, W, R, B, P, attributes }: parts as layer:_cells gives them, one or two
function recurrent.node(layer, parts)
  local kind, o = ops[getmetatable(layer).__name], layer.options
  local w, r, b, p, units = {}, {}, {}, {}, nil
  for d, entry in ipairs(parts) do
    local suffix = "_" .. entry[1].name
    units = entry[1].units
    local function of(name) return turned(kind, layer[name .. suffix]:detach(), o.coupled) end
    w[d], r[d], b[d] = of "weight_ih", of "weight_hh", core.concat({ of "bias_ih", of "bias_hh" }, 1)
    if o.peepholes then
      local rows = layer["peephole" .. suffix]:detach()
      local i, f, out = rows:select(1, 1), rows:select(1, 2), rows:select(1, 3)
      p[d] = core.concat({ o.coupled and -f or i, out, f }, 1)
    end
  end
  local gate, names, alpha, beta = o.recurrent_activation or "sigmoid", {}, {}, {}
  local each = kind == "LSTM" and { gate, o.activation, o.activation } or kind == "GRU" and { gate, o.activation }
    or { o.activation }
  for _ = 1, #parts do
    for _, name in ipairs(each) do
      local row = of_ours[name]
      names[#names + 1], alpha[#alpha + 1], beta[#beta + 1] = row[2], row[3], row[4]
    end
  end
  return { op = kind, W = stacked(w), R = stacked(r), B = stacked(b), P = p[1] and stacked(p), attributes = {
    hidden_size = units, direction = #parts == 2 and "bidirectional" or "forward", activations = names,
    activation_alpha = alpha[1] and alpha, activation_beta = beta[1] and beta, input_forget = o.coupled and 1 or nil,
    linear_before_reset = kind == "GRU" and (o.reset == "after" and 1 or 0) or nil } }
end

-- ---- in ----

--- recurrent.number(attributes, which, n) -> the n-th alpha (which = 1) or beta (2) that a node gives, or nil
function recurrent.number(attributes, which, n)
  return (attributes[which == 1 and "activation_alpha" or "activation_beta"] or {})[n]
end

--- recurrent.unsaid(name, number) -> is it an activation that means nothing without that number?
function recurrent.unsaid(name, number) return number == nil and UNSAID[name:lower()] or false end

-- The activations of a node's directions: a list of our names for each; or nil, what cannot be.
local function read_activations(kind, attributes, directions)
  local count = kind == "LSTM" and 3 or kind == "GRU" and 2 or 1
  local names = attributes.activations
  if not names or #names == 0 then
    names = {}
    for d = 0, directions - 1 do
      for i = 1, count do names[d * count + i] = i == 1 and count > 1 and "Sigmoid" or "Tanh" end
    end
  end
  if #names ~= count * directions then
    return nil, ("%d activations, of which it has %d"):format(#names, count * directions)
  end
  local at, list = { 0, 0 }, {}
  local function number(which, default)
    if not default then return nil end
    at[which] = at[which] + 1
    return single(recurrent.number(attributes, which, at[which]) or default)
  end
  for i, name in ipairs(names) do
    local row, known = of_theirs[name:lower()], nil
    for key, defaults in pairs(DEFAULTS) do
      if key:lower() == name:lower() then known = defaults end
    end
    known = known or {}
    for which = 1, 2 do
      if known[which] and recurrent.unsaid(name, recurrent.number(attributes, which, at[which] + 1)) then
        return nil, ("activation '%s' without numbers of its own"):format(name)
      end
    end
    local alpha, beta = number(1, known[1]), number(2, known[2])
    if not row then return nil, ("activation '%s'"):format(name) end
    if alpha ~= row[3] or beta ~= row[4] then
      return nil, ("activation '%s' with alpha = %g; here it is %g"):format(name, alpha, row[3])
    end
    list[i] = row[1]
  end
  for i = 1, #list do
    if list[i] ~= list[(i - 1) % count + 1] then return nil, "directions with activations of their own" end
  end
  if count == 3 and list[2] ~= list[3] then return nil, "activations g and h that differ" end
  return { gate = count > 1 and list[1] or nil, new = list[count] }
end

local KNOWN = { activations = true, activation_alpha = true, activation_beta = true, direction = true,
  hidden_size = true, input_forget = true, linear_before_reset = true, layout = true, output_sequence = true }

--- recurrent.runs(attributes) -> can the node go step by step, by steps.lua, where no layer can be it?
function recurrent.runs(attributes)
  for name in pairs(attributes) do
    if not KNOWN[name] and name ~= "clip" then return false end
  end
  local direction = attributes.direction or "forward"
  return direction == "forward" or direction == "reverse" or direction == "bidirectional"
end

--- recurrent.knows(op) -> is it one of them? Its attributes are looked at here.
function recurrent.knows(op) return theirs[op] ~= nil end

--- recurrent.options(kind, attributes, directions, peepholes) -> options of the layer, reverse | nil, what cannot be
function recurrent.options(kind, attributes, peepholes)
  for name in pairs(attributes) do
    if not KNOWN[name] then return nil, ("attribute '%s'"):format(name) end
  end
  local direction = attributes.direction or "forward"
  if direction ~= "forward" and direction ~= "reverse" and direction ~= "bidirectional" then
    return nil, ("direction '%s'"):format(direction)
  end
  local used, why = read_activations(kind, attributes, direction == "bidirectional" and 2 or 1)
  if not used then return nil, why end
  local options = { activation = used.new, recurrent_activation = used.gate,
    bidirectional = direction == "bidirectional" }
  if kind == "GRU" then options.reset = (attributes.linear_before_reset or 0) ~= 0 and "after" or "before" end
  if kind == "LSTM" then
    options.peepholes, options.coupled = peepholes, (attributes.input_forget or 0) ~= 0
    if options.coupled and used.gate ~= "sigmoid" and used.gate ~= "hard_sigmoid" then
      return nil, ("input_forget with gates of '%s'"):format(used.gate)
    end
  end
  return options, direction == "reverse"
end

-- The reverse of turned.
local function back(kind, t, coupled)
  local parts = parts_of(t, theirs[kind])
  if coupled then parts.f = -parts.i end
  return join(parts, coupled and { "f", "g", "o" } or ours[kind])
end

--- recurrent.fill(layer, kind, W, R, B, P): the weights of a node go into a layer that recurrent.options describe; B
--- and P may be nil.
function recurrent.fill(layer, kind, W, R, B, P)
  local coupled = layer.options.coupled
  core.no_grad(function()
    for d, part in ipairs(layer.parts) do
      local function put(name, value) layer[name .. "_" .. part.name]:detach():assign(value) end
      put("weight_ih", back(kind, W:select(1, d), coupled))
      put("weight_hh", back(kind, R:select(1, d), coupled))
      local row = B and B:select(1, d) or core.zeros(2 * R:size(2))
      local half = row:size(1) // 2
      put("bias_ih", back(kind, core.slice(row, 1, 1, half), coupled))
      put("bias_hh", back(kind, core.slice(row, 1, half + 1, 2 * half), coupled))
      if P then
        local i, out, f = table.unpack(require "rnn.shapes".split(P:select(1, d), 1, 3))
        put("peephole", core.stack({ i, coupled and -i or f, out }, 1))
      end
    end
  end)
end

return recurrent

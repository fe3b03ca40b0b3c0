-- Our numbers against PyTorch's, as tests/reference keeps them: forward, every gradient, optimisers, a training run.
-- tests/reference/README.md says how the files were made.
local core = require "rnn.core"

local FOLDER = debug.getinfo(1, "S").source:match("^@(.-)[^/]*$") .. "../reference/"
local TOLERANCE = core.precision == "double" and 1e-10 or 1e-5

local function load(name)
  local tensors, metadata = core.archive_read(FOLDER .. name .. ".safetensors")
  assert(tensors, metadata)
  return tensors, assert(core.json_decode(metadata.about))
end

-- A leaf of its own with the values of t, that records.
local function leaf(t, lengths)
  t = t:copy()
  if lengths then t = t:with_lengths(lengths) end
  t:requires_grad(true)
  return t
end

local function plain(t)
  t = t:detach()
  return t:lengths() and t:without_lengths() or t
end

local function shape(t) return table.concat({ t:shape() }, ", ") end

-- Collects what differs, so that one failure names every tensor that is wrong and where it is so.
local Report = {}
Report.__index = Report

function Report:compare(name, got, want)
  if not got then
    self[#self + 1] = name .. ": missing"
    return
  end
  if shape(got) ~= shape(want) then
    self[#self + 1] = ("%s: shape (%s), want (%s)"):format(name, shape(got), shape(want))
    return
  end
  local g, w = plain(got):reshape(-1):totable(), want:reshape(-1):totable()
  local scale, worst, at = 0, -1, 0
  for i = 1, #w do scale = math.max(scale, math.abs(w[i])) end
  for i = 1, #w do
    local difference = math.abs(g[i] - w[i])
    if difference > worst or difference ~= difference then worst, at = difference, i end
    if difference ~= difference then break end
  end
  if worst ~= worst or worst > self.tolerance * scale then
    self[#self + 1] = ("%s: element %d of (%s) is %.9g, want %.9g (the largest is %.3g)"):format(name, at, shape(want),
      g[at], w[at], scale)
  end
end

function Report:check() assert(#self == 0, "differs from PyTorch:\n  " .. table.concat(self, "\n  ")) end

local function report(tolerance) return setmetatable({ tolerance = tolerance or TOLERANCE }, Report) end

-- <t, dt> over all elements, the padding included.
local function inner(t, dt) return ((t:lengths() and t:without_lengths() or t) * dt):sum() end

-- Leaves get g as their gradient.
local function give_gradient(p, g)
  p:zero_grad();
  (p * g):sum():backward()
end

-- A stack of layers on the engine, which runs one: four weights a layer; start, final: the states of all layers.
local function stack(about, returns, x, weights, start)
  local per_layer, y, final = about.cell == "lstm" and 2 or 1, x, {}
  for layer = 1, about.layers do
    local state = start and { table.unpack(start, #final + 1, #final + per_layer) }
    local h, own = core.recurrent({ cell = about.cell, activation = about.activation, units = about.units,
      returns = layer == about.layers and returns or "sequence" }, y,
      { table.unpack(weights, 4 * layer - 3, 4 * layer) }, state)
    for _, t in ipairs(own) do final[#final + 1] = t end
    y = h
  end
  return y, final
end

describe("the recurrent engine agrees with PyTorch:", function()
  local WEIGHTS = { "weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l" }

  local function run(file, returns)
    local r, about = load(file)
    local leaves = { x = leaf(r.x, r.lengths) }
    local weights, start, states = {}, {}, {}
    for layer = 0, about.layers - 1 do
      for _, name in ipairs(WEIGHTS) do
        name = name .. layer
        leaves[name] = leaf(r[name])
        weights[#weights + 1] = leaves[name]
      end
      for _, s in ipairs(about.cell == "lstm" and { "h", "c" } or { "h" }) do
        local name = ("%s0_l%d"):format(s, layer)
        leaves[name] = leaf(r[name])
        start[#start + 1] = leaves[name]
        states[#states + 1] = ("%s_l%d"):format(s, layer)
      end
    end

    local last = returns == "last"
    local y, final = stack(about, returns, leaves.x, weights, start)
    local found = report()
    found:compare("y", y, last and r["h_l" .. about.layers - 1] or r.y)
    local loss = inner(y, last and r["last.dy"] or r.dy)
    for i, name in ipairs(states) do
      found:compare(name, final[i], r[name])
      loss = loss + inner(final[i], r["d" .. name])
    end
    loss:backward()
    for name, t in pairs(leaves) do
      local key = (last and "last.d" or "d") .. name
      found:compare(key, t.grad, r[key])
    end
    found:check()
  end

  for _, file in ipairs { "rnn_tanh", "rnn_relu", "lstm", "gru", "rnn_tanh_lengths", "rnn_relu_lengths", "lstm_lengths",
    "gru_lengths" } do
    it(file .. ", sequence", function() run(file, "sequence") end)
    it(file .. ", last", function() run(file, "last") end)
  end
  for _, file in ipairs { "rnn_tanh_wide", "lstm_wide", "gru_wide" } do
    it(file, function() run(file, "sequence") end)
  end
end)

-- One case of a file, "name.argument": f(arguments) gives its result.
local function check_case(r, name, f)
  local a, file = {}, {}
  for key, t in pairs(r) do
    local case, argument = key:match("^([^.]+)%.(.+)$")
    if case == name then file[argument] = t end
  end
  for argument, t in pairs(file) do
    a[argument] = file["d" .. argument] and leaf(t, argument == "x" and file.lengths or nil) or t:copy()
  end
  local y = f(a)
  local found = report()
  found:compare("y", file.mask and plain(y) * file.mask or y, file.y)
  if file.y_lengths then found:compare("lengths of y", y:lengths():to_float(), file.y_lengths:to_float()) end
  inner(y, file.dy):backward()
  for argument in pairs(file) do
    local want = argument ~= "y" and file["d" .. argument]
    if want then found:compare("d" .. argument, a[argument].grad, want) end
  end
  if file.new_running_mean then
    found:compare("running_mean", a.running_mean, file.new_running_mean)
    found:compare("running_var", a.running_var, file.new_running_var_biased)
  end
  found:check()
end

describe("ops agree with PyTorch:", function()
  local r, about = load "ops"

  -- Our momentum is the share of the old statistics, PyTorch's that of the new.
  local function batch_norm(training)
    return function(a)
      return core.batch_norm(a.x, a.gain, a.bias, a.running_mean, a.running_var, 1 - about["batch_norm momentum"],
        about["batch_norm eps"], training)
    end
  end
  local function softmax(name, axis) return function(a) return core[name](a.x, axis) end end
  local function loss(name, ...)
    local more = table.pack(...)
    return function(a) return core[name](a.x, a.target or a.labels, table.unpack(more, 1, more.n)) end
  end
  local function unary(name, ...)
    local more = table.pack(...)
    return function(a) return core[name](a.x, table.unpack(more, 1, more.n)) end
  end

  local cases = {
    layer_norm = function(a) return core.layer_norm(a.x, a.gain, a.bias, about["layer_norm eps"]) end,
    batch_norm = batch_norm(true),
    batch_norm_sequence = batch_norm(true),
    batch_norm_lengths = batch_norm(true),
    batch_norm_eval = batch_norm(false),
    softmax = softmax("softmax", -1),
    softmax_axis2 = softmax("softmax", 2),
    log_softmax = softmax("log_softmax", -1),
    log_softmax_axis2 = softmax("log_softmax", 2),
    cross_entropy = loss("cross_entropy", nil, 0, true),
    cross_entropy_lengths = loss "cross_entropy",
    binary_cross_entropy = loss "binary_cross_entropy",
    binary_cross_entropy_lengths = loss "binary_cross_entropy",
    mse = loss "mse",
    mse_lengths = loss "mse",
    mae = loss "mae",
    mae_lengths = loss "mae",
    huber = loss("huber", about["huber delta"]),
    huber_lengths = loss("huber", about["huber delta"]),
    embedding = function(a) return core.embedding(a.weight, a.ids) end,
    elu = unary "elu",
    selu = unary "selu",
    softplus = unary "softplus",
    leaky_relu = unary("leaky_relu", about["leaky_relu slope"]),
    hard_sigmoid = unary "hard_sigmoid",
  }

  for name, f in pairs(cases) do
    it(name, function() check_case(r, name, f) end)
  end

  it("has a case for every case in the file", function()
    for key in pairs(r) do
      local case = key:match("^[^.]+")
      assert(cases[case], case)
    end
  end)
end)

describe("conv1d agrees with PyTorch:", function()
  local r, about = load "conv"
  for name, o in pairs(about.cases) do
    it(name, function()
      check_case(r, name, function(a) return core.conv1d(a.x, a.weight, a.bias, o.stride, o.dilation, o.padding) end)
    end)
  end
end)

describe("optimisers agree with PyTorch:", function()
  local r, about = load "optim"

  for name, options in pairs(about.cases) do
    it(name, function()
      local params, state = { leaf(r.p1), leaf(r.p2) }, {}
      for _, p in ipairs(params) do
        for _ = 1, options.kind == "sgd" and 1 or 2 do state[#state + 1] = core.zeros(p:shape()) end
      end
      -- A wrong rounding of the factors of one step is small, but the same in all steps.
      local found = report(core.precision == "float" and 2e-6 or nil)
      for step = 1, r.g1:size(1) do
        give_gradient(params[1], r.g1[step])
        give_gradient(params[2], r.g2[step])
        options.step = step
        core.optimizer_step(options, params, state)
        for i, p in ipairs(params) do
          found:compare(("step %d: p%d"):format(step, i), p, r[("%s.p%d"):format(name, i)][step])
        end
        if #found > 0 then break end -- the first step says enough
      end
      found:check()
    end)
  end

  it("clip_grad_norm", function()
    local params = { leaf(core.zeros(r["clip.g1"]:shape())), leaf(core.zeros(r["clip.g2"]:shape())) }
    give_gradient(params[1], r["clip.g1"])
    give_gradient(params[2], r["clip.g2"])
    local found = report()
    local norm = core.clip_grad_norm(params, r["clip.loose_max_norm"]:item())
    found:compare("norm", core.tensor(norm), r["clip.norm"])
    found:compare("g1, not clipped", params[1].grad, r["clip.g1"])
    found:compare("g2, not clipped", params[2].grad, r["clip.g2"])
    norm = core.clip_grad_norm(params, r["clip.max_norm"]:item())
    found:compare("norm before", core.tensor(norm), r["clip.norm"])
    found:compare("g1, clipped", params[1].grad, r["clip.clipped1"])
    found:compare("g2, clipped", params[2].grad, r["clip.clipped2"])
    found:check()
  end)
end)

describe("a training run agrees with PyTorch: ten steps of Adam with clipping,", function()
  -- step(number) trains once and returns loss and norm; parameters is name -> tensor.
  local function run(r, about, step, parameters)
    local found = report()
    for i = 1, about.steps do
      local loss, norm = step(i)
      found:compare("loss of step " .. i, core.tensor { loss }, r.losses:rows(i, i))
      found:compare("norm of step " .. i, core.tensor { norm }, r.norms:rows(i, i))
    end
    for name, p in pairs(parameters) do found:compare("final " .. name, p, r["final." .. name]) end
    found:check()
  end

  it("with the functions of rnn.core", function()
    local r, about = load "training"
    local p, params, state, weights = {}, {}, {}, {}
    for key, t in pairs(r) do
      local name = key:match("^start%.(.+)$")
      if name then
        p[name] = leaf(t)
        params[#params + 1] = p[name]
        for _ = 1, 2 do state[#state + 1] = core.zeros(t:shape()) end
      end
    end
    for layer = 0, about.layers - 1 do
      for _, name in ipairs { "weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l" } do
        weights[#weights + 1] = p["lstm." .. name .. layer]
      end
    end

    local recurrent = { cell = "lstm", layers = about.layers, units = about.units }
    local adam = { kind = "adam", lr = about.adam.lr, beta1 = about.adam.beta1, beta2 = about.adam.beta2,
      epsilon = about.adam.epsilon }
    run(r, about, function(i)
      for _, parameter in ipairs(params) do parameter:zero_grad() end
      local h = stack(recurrent, "sequence", r.x, weights)
      local loss = core.mse(core.linear(h, p["head.weight"], p["head.bias"]), r.target)
      loss:backward()
      local norm = core.clip_grad_norm(params, about.max_norm)
      adam.step = i
      core.optimizer_step(adam, params, state)
      return loss:item(), norm
    end, p)
  end)

  it("with layers and optimisers", function()
    local nn, optim = require("rnn").nn, require("rnn").optim
    local r, about = load "training"
    local lstm = nn.LSTM(r.x:size(-1), about.units, { layers = about.layers })
    for k = 0, about.layers - 1 do lstm["bias_hh_l" .. k]:requires_grad(true) end -- PyTorch trains both biases
    local head = nn.Linear(about.units, r.target:size(-1))
    local parameters = {}
    for prefix, layer in pairs { lstm = lstm, head = head } do
      local start = {}
      for _, pair in ipairs(layer:named_parameters()) do
        start[pair[1]] = r[("start.%s.%s"):format(prefix, pair[1])]
        parameters[prefix .. "." .. pair[1]] = pair[2]
      end
      layer:load_state_dict(start)
    end

    local model = nn.Sequential { lstm, head }
    local optimizer = optim.Adam(model:parameters(), about.adam)
    run(r, about, function()
      optimizer:zero_grad()
      local loss = nn.mse(model(r.x), r.target)
      loss:backward()
      local norm = optim.clip_grad_norm(model:parameters(), about.max_norm)
      optimizer:step()
      return loss:item(), norm
    end, parameters)
  end)
end)

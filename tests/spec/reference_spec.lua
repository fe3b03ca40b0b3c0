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
  if worst ~= worst or worst > TOLERANCE * scale then
    self[#self + 1] = ("%s: element %d of (%s) is %.9g, want %.9g (the largest is %.3g)"):format(name, at, shape(want),
      g[at], w[at], scale)
  end
end

function Report:check() assert(#self == 0, "differs from PyTorch:\n  " .. table.concat(self, "\n  ")) end

local function report() return setmetatable({}, Report) end

-- <t, dt> over all elements, the padding included.
local function inner(t, dt) return ((t:lengths() and t:without_lengths() or t) * dt):sum() end

-- Leaves get g as their gradient.
local function give_gradient(p, g)
  p:zero_grad();
  (p * g):sum():backward()
end

describe("the recurrent engine agrees with PyTorch:", function()
  local LAYERS, UNITS = 2, 6
  local WEIGHTS = { "weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l" }

  local function run(file, options, returns)
    local r = load(file)
    local leaves = { x = leaf(r.x, r.lengths) }
    local weights, start, states = {}, {}, {}
    for layer = 0, LAYERS - 1 do
      for _, name in ipairs(WEIGHTS) do
        name = name .. layer
        leaves[name] = leaf(r[name])
        weights[#weights + 1] = leaves[name]
      end
      for _, s in ipairs(options.cell == "lstm" and { "h", "c" } or { "h" }) do
        local name = ("%s0_l%d"):format(s, layer)
        leaves[name] = leaf(r[name])
        start[#start + 1] = leaves[name]
        states[#states + 1] = ("%s_l%d"):format(s, layer)
      end
    end

    local last = returns == "last"
    local y, final = core.recurrent({ cell = options.cell, activation = options.activation, layers = LAYERS,
      units = UNITS, returns = returns }, leaves.x, weights, start)
    local found = report()
    found:compare("y", y, last and r["h_l" .. LAYERS - 1] or r.y)
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

  for file, options in pairs {
    rnn_tanh = { cell = "rnn", activation = "tanh" },
    rnn_relu = { cell = "rnn", activation = "relu" },
    lstm = { cell = "lstm" },
    gru = { cell = "gru" },
  } do
    for _, returns in ipairs { "sequence", "last" } do
      it(("%s, %s"):format(file, returns), function() run(file, options, returns) end)
      it(("%s with lengths, %s"):format(file, returns), function() run(file .. "_lengths", options, returns) end)
    end
  end
end)

describe("ops agree with PyTorch:", function()
  local r, about = load "ops"

  local function batch_norm(training)
    return function(a)
      return core.batch_norm(a.x, a.gain, a.bias, a.running_mean, a.running_var, about["batch_norm momentum"],
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
    cross_entropy = loss "cross_entropy",
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
    it(name, function()
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
      found:compare("y", y, file.y)
      inner(y, file.dy):backward()
      for argument in pairs(file) do
        local want = argument ~= "y" and file["d" .. argument]
        if want then found:compare("d" .. argument, a[argument].grad, want) end
      end
      for _, statistic in ipairs { "running_mean", "running_var" } do
        if file["new_" .. statistic] then found:compare(statistic, a[statistic], file["new_" .. statistic]) end
      end
      found:check()
    end)
  end

  it("has a case for every case in the file", function()
    for key in pairs(r) do
      local case = key:match("^[^.]+")
      assert(cases[case], case)
    end
  end)
end)

describe("optimisers agree with PyTorch:", function()
  local r, about = load "optim"

  for name, options in pairs(about.cases) do
    it(name, function()
      local params, state = { leaf(r.p1), leaf(r.p2) }, {}
      for _, p in ipairs(params) do
        for _ = 1, options.kind == "sgd" and 1 or 2 do state[#state + 1] = core.zeros(p:shape()) end
      end
      local found = report()
      for step = 1, r.g1:size(1) do
        give_gradient(params[1], r.g1[step])
        give_gradient(params[2], r.g2[step])
        options.step = step
        core.optimizer_step(options, params, state)
        for i, p in ipairs(params) do
          found:compare(("step %d: p%d"):format(step, i), p, r[("%s.p%d"):format(name, i)][step])
        end
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

describe("a training run agrees with PyTorch:", function()
  it("ten steps of Adam with clipping", function()
    local r, about = load "training"
    local names = {}
    for key in pairs(r) do names[#names + 1] = key:match("^start%.(.+)$") end
    table.sort(names)
    local p, params, state = {}, {}, {}
    for i, name in ipairs(names) do
      p[name] = leaf(r["start." .. name])
      params[i] = p[name]
      state[2 * i - 1], state[2 * i] = core.zeros(p[name]:shape()), core.zeros(p[name]:shape())
    end
    local weights = {}
    for layer = 0, about.layers - 1 do
      for _, name in ipairs { "weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l" } do
        weights[#weights + 1] = p["lstm." .. name .. layer]
      end
    end

    local found = report()
    local recurrent = { cell = "lstm", layers = about.layers, units = about.units, returns = "sequence" }
    local adam = { kind = "adam", lr = about.adam.lr, beta1 = about.adam.beta1, beta2 = about.adam.beta2,
      epsilon = about.adam.epsilon }
    for step = 1, about.steps do
      for _, parameter in ipairs(params) do parameter:zero_grad() end
      local h = core.recurrent(recurrent, r.x, weights)
      local loss = core.mse(core.linear(h, p["head.weight"], p["head.bias"]), r.target)
      loss:backward()
      found:compare("loss of step " .. step, loss:reshape(1), r.losses:rows(step, step))
      found:compare("norm of step " .. step, core.tensor { core.clip_grad_norm(params, about.max_norm) },
        r.norms:rows(step, step))
      adam.step = step
      core.optimizer_step(adam, params, state)
    end
    for name, parameter in pairs(p) do found:compare("final " .. name, parameter, r["final." .. name]) end
    found:check()
  end)
end)

-- models.lua FOLDER COUNT SEED: random models as ONNX files, with batches and what comes out of them, for compare.py.
-- What is loaded again has to give the same bits.
local rnn = require "rnn"
local nn, cells = rnn.nn, rnn.cells

local folder, count, seed = arg[1], tonumber(arg[2]), tonumber(arg[3])
rnn.seed(seed)
math.randomseed(seed)

local function pick(...) return (select(math.random(select("#", ...)), ...)) end
local function maybe(share) return math.random() < share end

local ACTIVATIONS = { "tanh", "tanh", "tanh", "relu", "sigmoid", "hard_sigmoid", "softsign", "leaky_relu", "identity" }
local GATES = { "sigmoid", "sigmoid", "sigmoid", "hard_sigmoid" }

-- Options of nn.RNN, nn.LSTM, nn.GRU of so many layers.
local function options_of(kind, layers)
  local o = { layers = layers, bidirectional = maybe(0.35) }
  if o.layers > 1 then o.residual, o.dropout = maybe(0.3), pick(0, 0.2) end
  if o.bidirectional then o.merge = o.residual and pick("sum", "mean") or pick("concat", "sum", "mean") end
  if maybe(0.2) then o.initial_state = "trained" end
  if maybe(0.4) then o.activation = ACTIVATIONS[math.random(#ACTIVATIONS)] end
  if kind ~= "RNN" and maybe(0.3) then o.recurrent_activation = GATES[math.random(#GATES)] end
  if kind == "GRU" then o.reset = pick("after", "before") end
  if kind == "LSTM" then
    o.peepholes, o.coupled = maybe(0.4), maybe(0.25)
    if maybe(0.1) then o.projection = 3 end
  end
  if maybe(0.08) then o.layer_norm = true end
  if maybe(0.08) then o.zoneout = 0.2 end
  return o
end

local ZOO = { "JANET", "MGU", "IndRNN", "UGRNN", "CFN", "Elman", "LSTM", "GRU", "PhasedLSTM", "minGRU", "Clockwork" }

-- Layers behind each other; about: width, streams, last, lengths (can they be given?), least (steps), short (are there
-- few?), depth: how many recurrent layers there may still be, for each enlarges the rounding of those before it.
local function add(list, about)
  local width, kind = about.width, math.random(15)
  local function put(layer, new)
    list[#list + 1] = layer
    about.width = new or width
  end
  if kind <= 6 and not about.last and about.depth > 0 then
    local name = pick("RNN", "LSTM", "LSTM", "GRU", "GRU")
    local units, o = math.random(1, 12), options_of(name, math.min(pick(1, 1, 2, 3), about.depth))
    if o.layer_norm then -- what normalises rows that are nearly the same enlarges rounding, and layers of it more so
      o.layer_norm, o.layers, o.residual, o.dropout = width >= 4 and not about.normed, 1, nil, nil
      units, about.normed = math.random(8, 12), true
    end
    if o.residual and not o.bidirectional and not o.projection then units = math.random(1, 12) end
    if maybe(0.3) then o.returns = "last" end
    if o.residual and o.bidirectional then o.returns = nil end
    local layer = nn[name](width, units, o)
    about.depth = about.depth - layer.layers
    if o.returns == "last" then about.last = true end
    if o.bidirectional then about.streams = false end
    put(layer, layer.outputs)
  elseif kind == 7 and not about.last and about.depth > 0 then
    about.depth = about.depth - 1
    local layer = nn.Recurrent(cells[ZOO[math.random(#ZOO)]](width, 4 * math.random(1, 3)), maybe(0.3)
      and { bidirectional = true, merge = pick("concat", "sum") } or {})
    if layer.directions == 2 then about.streams = false end
    put(layer, layer.outputs)
  elseif kind == 8 and not about.last then
    local o = { padding = pick("causal", "causal", "same", about.short and "same" or "valid"),
      dilation = pick(1, 1, 2), stride = pick(1, 1, 1, 2), activation = pick(nil, "relu", "tanh", "elu"),
      bias = maybe(0.8) }
    if o.padding ~= "causal" or o.stride > 1 then about.streams = false end
    if o.padding == "same" and o.stride > 1 then about.lengths = false end
    local filters = math.random(1, 8)
    about.least = o.stride * about.least + 8
    put(nn.Conv1d(width, filters, math.random(1, 4), o), filters)
  elseif kind == 9 then put(nn.LayerNorm(width))
  elseif kind == 10 then put(nn.BatchNorm(width))
  elseif kind == 11 then put(nn[pick("Tanh", "Sigmoid", "ReLU", "ELU", "SELU", "Softplus", "Softsign", "HardSigmoid",
    "LeakyReLU")]())
  elseif kind == 12 then put(nn.Dropout(0.3))
  elseif kind == 13 and about.last and maybe(0.5) then
    about.last, about.streams, about.lengths, about.short = false, false, false, true
    put(nn.RepeatVector(math.random(2, 5)))
  elseif kind == 14 and not about.last and maybe(0.5) then
    local layer = nn.Reservoir(width, math.random(4, 12), { outputs = pick(nil, 2), leak = pick(1, 0.4) })
    put(layer, layer.outputs or layer.units)
  elseif kind == 15 and not about.last then
    about.streams = false
    if maybe(0.4) then
      about.last = true
      return put(nn[pick("GlobalMaxPool1d", "GlobalAvgPool1d")]())
    end
    local o, size = { padding = about.short and "same" or pick("same", "valid", "valid") }, math.random(1, 4)
    if o.padding == "same" then about.lengths = false end
    o.stride = pick(nil, 1, o.padding == "same" and size or 2)
    local layer = nn[pick("MaxPool1d", "AvgPool1d")](size, o)
    about.least = layer.stride * about.least + 8
    put(layer)
  else
    local units = math.random(1, 9)
    local layer = nn.Linear(width, units, { bias = maybe(0.8) })
    put(not about.last and maybe(0.2) and nn.TimeDistributed(layer) or layer, units)
  end
end

local function shaken(model)
  rnn.no_grad(function()
    for _, pair in ipairs((model:named_tensors())) do
      local p = pair[2]
      if p:type() == "float" and not pair[1]:find "running_var" then p:assign(p + 0.15 * rnn.randn { p:shape() }) end
    end
  end)
  return model
end

local function equal(a, b, mask)
  local same = a:eq(b)
  if mask then same = rnn.maximum(same, 1 - mask:reshape(#a, -1, 1)) end
  return same:count() == 0 or same:min():item() == 1
end

local different = 0
local tally = { sequential = 0, graph = 0, step = 0 }

for k = 1, count do
  local list, about = {}, { width = math.random(1, 6), streams = true, lengths = true, least = 1, depth = 3 }
  local inputs, vocab = about.width, maybe(0.25) and math.random(3, 20)
  if vocab then
    about.width = math.random(1, 6)
    list[1] = nn.Embedding(vocab, about.width)
  end
  for _ = 1, math.random(1, 5) do add(list, about) end
  local idle = true -- dropout alone computes nothing
  for _, layer in ipairs(list) do idle = idle and layer.rate ~= nil end
  if maybe(0.5) or idle then
    list[#list + 1] = nn.Linear(about.width, 3)
    if maybe(0.4) then list[#list + 1] = nn[pick("Softmax", "LogSoftmax")]() end
  end
  local model = shaken(nn.Sequential(list)):eval()
  local options = { lengths = about.lengths and maybe(0.5), inputs = inputs }
  if not about.streams then options.state = nil elseif maybe(0.2) then options.state = false end
  if not vocab and maybe(0.2) then
    options.scaler = rnn.data.Scaler()
    options.scaler:fit(rnn.randn(40, inputs) * 2 + 1)
  end
  local path = ("%s/%d"):format(folder, k)
  local ok, message = pcall(rnn.onnx.save, path .. ".onnx", model, options)
  if not ok then
    print(("%d: %s\n%s"):format(k, tostring(message), tostring(model)))
    os.exit(1)
  end
  local step = about.streams and maybe(0.6)
  if step then
    local scaled = { form = "step", scaler = options.scaler, inputs = inputs }
    assert(rnn.onnx.save(path .. ".step.onnx", model, scaled))
    tally.step = tally.step + 1
  end
  local back, info = assert(rnn.onnx.load(path .. ".onnx"))
  tally[getmetatable(back).__name == "onnx.Graph" and "graph" or "sequential"] =
    tally[getmetatable(back).__name == "onnx.Graph" and "graph" or "sequential"] + 1
  local data, differs = {}, false
  for b = 1, 3 do
    local n, steps = math.random(1, 5), about.least + math.random(0, 9)
    local x = vocab and (rnn.rand(n, steps) * (vocab + 1)):floor():to_int() or rnn.randn(n, steps, inputs)
    local lengths
    if options.lengths then
      lengths = (rnn.rand(n) * (steps + 1)):floor():to_int()
      if maybe(0.3) then lengths[1] = 0 end
      lengths[n] = steps
    end
    local given = options.scaler and options.scaler:transform(x) or x
    local y = rnn.no_grad(function() return model(lengths and given:with_lengths(lengths) or given) end)
    local mask = y:ndim() == 3 and lengths and y:mask() or nil
    if y:lengths() then y = y:without_lengths() end
    data["x" .. b], data["y" .. b], data["lengths" .. b], data["mask" .. b] = x, y, lengths, mask
    -- the same, loaded
    local again
    if getmetatable(back).__name == "onnx.Graph" then
      local args = {}
      for i, input in ipairs(info.inputs) do
        args[i] = i == 1 and x or input.name == "lengths" and lengths
          or (info.metadata["rnnlua.initial"] and rnn.json_decode(info.metadata["rnnlua.initial"])[input.name]
            and rnn.tensor(rnn.json_decode(info.metadata["rnnlua.initial"])[input.name]):reshape(1, -1)
              :broadcast_to(n, input.dims[2]):copy() or rnn.zeros(n, input.dims[2]))
      end
      again = rnn.no_grad(function() return (back:eval()(table.unpack(args))) end)
    else
      again = rnn.no_grad(function() return back:eval()(lengths and x:with_lengths(lengths) or x) end)
      if again:lengths() then again = again:without_lengths() end
    end
    if not equal(again, y, mask) then differs = true end
  end
  if differs then
    different = different + 1
    print(("%d: comes back with other bits: %s"):format(k, (tostring(model):gsub("\n%s*", " "))))
  end
  for name, t in pairs(data) do
    if not t then data[name] = nil end
  end
  assert(rnn.archive_write(path .. ".safetensors", data))
end
print(("%d models: %d come back as nn.Sequential, %d as onnx.Graph; %d have a step form"):format(count,
  tally.sequential, tally.graph, tally.step))
os.exit(different == 0)

-- surface.lua: everything that users can call, found by walking rnn: functions, classes, and the methods of an object
-- of every class. Nothing is listed but how an object of each class is made; a class without that fails the tests.

local core = require "rnn.core"
local rnn = require "rnn"
local public = dofile "docs/public.lua"
local layers = require "support.layer_cases"

local nn, data, optim, metrics, text = rnn.nn, rnn.data, rnn.optim, rnn.metrics, rnn.text

local surface = {}

local function series() return core.randn(20, 2) end
local function linear() return nn.Linear(2, 1) end
local function ids() return core.tensor({ 4, 5, 4, 5, 4, 5, 4, 5 }, "int32") end

local function trained()
  local model = linear()
  return rnn.fit(model, { data = data.arrays(core.randn(4, 2), core.randn(4, 1)):batches(), loss = "mse",
    optimizer = optim.SGD(model:parameters()), progress = false })
end

local function experiment() -- with an empty command line
  local given = _G.arg
  _G.arg = {} -- luacheck: ignore
  local made = rnn.experiment { data = { folder = "none", format = "a\nb\nc" }, split = "80/10/10" }
  _G.arg = given -- luacheck: ignore
  return made
end

local csv = "day,value\n2024-01-01,1\n2024-01-02,2\n2024-01-03,4\n"

-- An object of each class that users meet, by its name.
local makers = {
  ["nn.Module"] = function() return nn.Module { part = nn.Linear(2, 3) } end,
  ["nn.RecurrentBase"] = function() return nn.GRU(2, 3) end,
  ["nn.State"] = function() return nn.State { core.zeros(2, 3) } end,
  ["optim.Schedule"] = function() return optim.schedules.cosine { length = 5 } end,
  ["optim.schedules.cosine"] = function() return optim.schedules.cosine { length = 5 } end,
  ["optim.schedules.exponential"] = function() return optim.schedules.exponential { factor = 0.5 } end,
  ["onnx.Graph"] = function(folder)
    local protobuf, path = require "rnn.protobuf", folder .. "/graph.onnx"
    local x = { name = "x", type = { tensor = { elem_type = 1 } } }
    assert(core.file_write(path, protobuf.encode(require "rnn.onnx.schema".model, { opset_import = { { version = 17 } },
      graph = { node = { { op_type = "Neg", input = { "x" }, output = { "y" }, attribute = {} } }, initializer = {},
        input = { x }, output = { { name = "y" } } } })))
    return (assert(rnn.onnx.load(path)))
  end,
  ["optim.schedules.one_cycle"] = function() return optim.schedules.one_cycle { length = 5 } end,
  ["optim.schedules.own"] = function() return optim.schedules.own(function() return 1 end) end,
  ["optim.schedules.plateau"] = function() return optim.schedules.plateau() end,
  ["optim.schedules.step"] = function() return optim.schedules.step { every = 2 } end,
  ["optim.schedules.warmup"] = function() return optim.schedules.warmup { length = 5 } end,
  ["data.Arrays"] = function() return data.arrays(series(), series()) end,
  ["data.Batches"] = function() return data.arrays(series(), series()):batches() end,
  ["data.Frame"] = function(folder)
    local path = folder .. "/frame.csv"
    assert(core.file_write(path, csv))
    return assert(data.csv(path))
  end,
  ["data.Column"] = function(folder)
    local path = folder .. "/frame.csv"
    assert(core.file_write(path, csv))
    return assert(data.csv(path)).value
  end,
  ["data.Encoder"] = function() return data.Encoder { state = { one_hot = { kind = { "a", "b" } }, ordinal = {} } } end,
  ["data.Scaler"] = function() return data.Scaler():fit(series()) end,
  ["data.PCA"] = function()
    return data.PCA { state = { whiten = true, mean = core.zeros(2), directions = core.ones(1, 2),
      variance = core.ones(1), share = core.ones(1) } }
  end,
  ["data.Sequences"] = function() return data.sequences { ids(), ids() } end,
  ["data.Windows"] = function() return data.windows(series(), { length = 5 }) end,
  ["data.Tokens"] = function() return data.tokens(ids(), { length = 2 }) end,
  ["logs.Writer"] = function(folder) return assert(rnn.logs.writer(folder)) end,
  ["logs.Thinned"] = function() return require "rnn.logs.thinned"() end,
  ["metrics.Confusion"] = function() return metrics.Confusion { classes = 3 } end,
  ["metrics.F1"] = function() return metrics.F1 { classes = 3 } end,
  ["metrics.Mean"] = function() return metrics.Mean(function(y, target) return (y - target):abs() end) end,
  ["metrics.Scores"] = function() return metrics.Scores { "mae", f1 = metrics.F1 { classes = 3 } } end,
  ["rnn.Average"] = function() return rnn.Average(linear()) end,
  ["rnn.Ensemble"] = function() return rnn.Ensemble { linear(), linear() } end,
  ["nn.Distribution"] = function() return nn.Distribution() end,
  ["nn.MixtureDensity"] = function() return nn.MixtureDensity { components = 2 } end,
  ["nn.NeuralCache"] = function() return nn.NeuralCache() end,
  ["rnn.Forecaster"] = function()
    local f = rnn.Forecaster { horizon = 2, length = 4, members = 1, quiet = true }
    return f:fit(core.randn(60), { epochs = 1, progress = false })
  end,
  ["rnn.CSVLog"] = function(folder) return rnn.CSVLog(folder .. "/log.csv") end,
  ["rnn.EarlyStopping"] = function() return rnn.EarlyStopping() end,
  ["rnn.Experiment"] = experiment,
  ["rnn.History"] = trained,
  ["rnn.ModelCheckpoint"] = function(folder) return rnn.ModelCheckpoint(folder .. "/m.safetensors") end,
  ["rnn.Monitor"] = function() return rnn.monitor(nn.LSTM(2, 3)) end,
  ["rnn.Results"] = function() return rnn.results() end,
  ["rnn.TimeLimit"] = function() return rnn.TimeLimit(1) end,
  ["text.Bpe"] = function() return text.bpe("ab ab abc", { size = 20 }) end,
  ["text.Chars"] = function() return text.chars "abc" end,
  ["text.Stream"] = function() return text.stream(ids(), { size = 2, length = 2 }) end,
  ["text.Vocab"] = function() return text.chars "abc" end,
  ["text.Words"] = function() return text.words { "a b", "b c" } end,
}
for name, case in pairs(layers.cases) do makers["nn." .. name] = case.make end
for name in pairs(getmetatable(rnn.cells).names) do
  makers["cells." .. name] = function() return rnn.cells[name](2, 4) end
end
for _, name in ipairs { "SGD", "RMSprop", "Adam", "AdamW", "Nadam" } do
  makers["optim." .. name] = function() return optim[name](linear():parameters()) end
end

local function is_class(value)
  return type(value) == "table" and type(rawget(value, "__name")) == "string" and rawget(value, "__index") ~= nil
end

-- The methods of an object by name: those of its class and of the classes above it.
local function methods_of(object)
  local methods, class = {}, getmetatable(object)
  while type(class) == "table" do
    for name, f in next, class do
      if type(name) == "string" and not name:find("^_") and name ~= "init" and type(f) == "function" then
        methods[name] = methods[name] or f
      end
    end
    class = getmetatable(class) and getmetatable(class).base
  end
  return methods
end

--- surface.entries(folder) -> array of { name, call, own, from }
---
--- own(folder) gives a fresh object of a method, the first argument of call, and nil for functions and constructors;
--- folder is for objects that write. from is the function itself, to ask for its parameters.
function surface.entries(folder)
  local entries, classes = {}, {}
  local function add(name, call, own, from)
    entries[#entries + 1] = { name = name, call = call, own = own, from = from }
  end
  for _, item in ipairs(public()) do
    local class_name, method = item.name:match "^(.*):(.*)$"
    if class_name == "rnn.Tensor" then
      add("tensor:" .. method, item.value, function() return core.randn(2, 3) end, item.value)
    elseif class_name then
      classes[class_name] = true
    elseif is_class(item.value) then
      add(item.name, item.value, nil, item.value.init)
      classes[item.value.__name] = true
    elseif type(item.value) == "function" then
      add(item.name, item.value, nil, item.value)
    end
  end
  for name in pairs(classes) do
    local make = assert(makers[name], "surface.lua does not know how an object of " .. name .. " is made")
    for method, f in pairs(methods_of(make(folder))) do
      add(name .. ":" .. method, function(object, ...) return object[method](object, ...) end, make, f)
    end
  end
  table.sort(entries, function(a, b) return a.name < b.name end)
  return entries
end

--- surface.make(name, folder) -> an object of the class
function surface.make(name, folder) return makers[name](folder) end

return surface

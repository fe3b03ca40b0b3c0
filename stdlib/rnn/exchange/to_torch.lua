-- to_torch.lua: a model as a state dict of PyTorch, and the Python class that it is of.

local core = require "rnn.core"
local chain = require "rnn.exchange.chain"
local tensors = require "rnn.exchange.tensors"

local bool, number = chain.bool, chain.number

local FNAME <const> = "rnn.export_torch_state"

-- What is made: lines of __init__ and of forward, and tensors by name.
local Writer = {}
Writer.__index = Writer

function Writer:init(...) self.made[#self.made + 1] = string.format(...) end
function Writer:run(...) self.runs[#self.runs + 1] = string.format(...) end

-- A new module: its name.
function Writer:module(expression, ...)
  self.count = self.count + 1
  local name = "layer" .. self.count
  self:init("self.%s = " .. expression, name, ...)
  return name
end

local WRITE = {}

function WRITE.Linear(w, layer)
  local name = w:module("nn.Linear(%d, %d, bias=%s)", layer.inputs, layer.units, bool(layer.bias))
  w.state[name .. ".weight"], w.state[name .. ".bias"] = layer.weight, layer.bias
  w:run("x = self.%s(x)", name)
end

function WRITE.Embedding(w, layer)
  w.ids = true
  local name = w:module("nn.Embedding(%d, %d)", layer.vocab, layer.dim)
  w.state[name .. ".weight"] = layer.weight
  w:run("x = self.%s(x)", name)
end

-- Layers first to last of a recurrent layer as one module; its name.
local function module_of(w, layer, class, inputs, units, first, last)
  local options, directions = layer.options, layer.directions
  local more = ""
  if last > first then more = more .. (", num_layers=%d"):format(last - first + 1) end
  if last > first and options.dropout > 0 then more = more .. (", dropout=%s"):format(number(options.dropout)) end
  if directions == 2 then more = more .. ", bidirectional=True" end
  if class == "RNN" then more = more .. (", nonlinearity=%q"):format(options.activation) end
  if (options.projection or 0) > 0 then more = more .. (", proj_size=%d"):format(options.projection) end
  local name = w:module("nn.%s(%d, %d, batch_first=True%s)", class, inputs, units, more)
  for k = first, last do
    for direction = 1, directions do
      local part = layer.parts[(k - 1) * directions + direction]
      for _, full in ipairs(part.names) do
        w.state[("%s.%s"):format(name, full:gsub("_l%d+", "_l" .. k - first, 1))] = layer[full]
      end
    end
  end
  return name
end

local function recurrent(class)
  return function(w, layer)
    local options = layer.options
    chain.plain(FNAME, layer, { projection = true })
    if options.recurrent_activation and options.recurrent_activation ~= "sigmoid" or options.activation ~= "tanh"
      and not (class == "RNN" and options.activation == "relu") then
      chain.refuse(FNAME, layer, "this activation")
    end
    if options.recurrent_dropout > 0 then w:note("recurrent dropout of %s is left out", layer:describe()) end
    local apart = layer.directions == 2 and layer.merge ~= "concat"
    for k = 2, layer.layers do apart = apart or layer.widths[k] ~= layer.widths[1] end
    local inputs = layer.inputs
    for k = 1, apart and layer.layers or 1 do
      local last = apart and k or layer.layers
      local name = module_of(w, layer, class, inputs, layer.widths[k], k, last)
      local width = layer.parts[(k - 1) * layer.directions + 1].width
      local top = last == layer.layers
      if apart and k > 1 and options.dropout > 0 then
        w:run("x = self.%s(x)", w:module("nn.Dropout(%s)", number(options.dropout)))
      end
      w:run("x, state = self.%s(x)", name)
      if top and layer.returns == "last" then
        if layer.directions == 1 then w:run "x = x[:, -1]"
        else
          w:run("h = state%s", class == "LSTM" and "[0]" or "")
          w:run "x = torch.cat((h[-2], h[-1]), 1)"
        end
      end
      if layer.directions == 2 and layer.merge ~= "concat" then
        w:run("x = (x[..., :%d] + x[..., %d:])%s", width, width, layer.merge == "mean" and " / 2" or "")
      end
      inputs = width * (layer.directions == 2 and layer.merge == "concat" and 2 or 1)
    end
  end
end
for _, class in ipairs { "RNN", "LSTM", "GRU" } do WRITE[class] = recurrent(class) end

function WRITE.LayerNorm(w, layer)
  local name = w:module("nn.LayerNorm(%d, eps=%s)", layer.features, number(layer.epsilon))
  w.state[name .. ".weight"], w.state[name .. ".bias"] = layer.weight, layer.bias
  w:run("x = self.%s(x)", name)
end

function WRITE.BatchNorm(w, layer)
  local name = w:module("nn.BatchNorm1d(%d, eps=%s, momentum=%s)", layer.features, number(layer.epsilon),
    number(1 - layer.momentum))
  for _, key in ipairs { "weight", "bias", "running_mean", "running_var" } do
    w.state[name .. "." .. key] = layer[key]
  end
  w.state[name .. ".num_batches_tracked"] = core.tensor(0, "int32")
  w:run("x = self.%s(x.reshape(-1, %d)).reshape(x.shape)", name, layer.features)
end

local function apply(w, class)
  local expressions = { ReLU = "torch.relu(x)", Tanh = "torch.tanh(x)", Sigmoid = "torch.sigmoid(x)",
    HardSigmoid = "F.hardsigmoid(x)", ELU = "F.elu(x)", SELU = "F.selu(x)", GELU = "F.gelu(x)", SiLU = "F.silu(x)",
    Softplus = "F.softplus(x)", Softsign = "F.softsign(x)", Softmax = "torch.softmax(x, -1)",
    LogSoftmax = "torch.log_softmax(x, -1)" }
  w:run("x = %s", expressions[class])
end
for _, class in ipairs { "ReLU", "Tanh", "Sigmoid", "HardSigmoid", "ELU", "SELU", "GELU", "SiLU", "Softplus",
  "Softsign", "Softmax", "LogSoftmax" } do
  WRITE[class] = function(w) apply(w, class) end
end

local BY_NAME = { relu = "ReLU", tanh = "Tanh", sigmoid = "Sigmoid", hard_sigmoid = "HardSigmoid", elu = "ELU",
  selu = "SELU", softplus = "Softplus", softsign = "Softsign" }

function WRITE.LeakyReLU(w, layer) w:run("x = F.leaky_relu(x, %s)", number(layer.slope)) end

function WRITE.Conv1d(w, layer)
  local name = w:module("nn.Conv1d(%d, %d, %d, stride=%d, dilation=%d, bias=%s)", layer.inputs, layer.filters,
    layer.kernel, layer.stride, layer.dilation, bool(layer.bias))
  w.state[name .. ".weight"], w.state[name .. ".bias"] = layer.weight, layer.bias
  local span = (layer.kernel - 1) * layer.dilation
  w:run "x = x.transpose(1, 2)"
  if layer.padding == "causal" then
    w:run("x = F.pad(x, (%d, 0))", span)
  elseif layer.padding == "same" then
    w:run("pad = max((-(-x.shape[2] // %d) - 1) * %d + %d - x.shape[2], 0)", layer.stride, layer.stride, span + 1)
    w:run "x = F.pad(x, (pad // 2, pad - pad // 2))"
  end
  w:run("x = self.%s(x).transpose(1, 2)", name)
  if layer.activation then apply(w, BY_NAME[layer.activation]) end
end

for class, name in pairs { MaxPool1d = "max_pool1d", AvgPool1d = "avg_pool1d" } do
  WRITE[class] = function(w, layer)
    if layer.padding ~= "valid" then chain.refuse(FNAME, layer, "padding = 'same'") end
    w:run("x = F.%s(x.transpose(1, 2), %d, %d).transpose(1, 2)", name, layer.size, layer.stride)
  end
end
function WRITE.GlobalMaxPool1d(w) w:run "x = x.amax(1)" end
function WRITE.GlobalAvgPool1d(w) w:run "x = x.mean(1)" end

function WRITE.Dropout(w, layer) w:run("x = self.%s(x)", w:module("nn.Dropout(%s)", number(layer.rate))) end
function WRITE.Flatten(w) w:run "x = x.flatten(1)" end
function WRITE.RepeatVector(w, layer) w:run("x = x.unsqueeze(1).expand(-1, %d, -1)", layer.steps) end

function WRITE.TimeDistributed(w, layer)
  w.depth = w.depth + 1
  w:run("shape%d = x.shape[:2]", w.depth)
  w:run "x = x.flatten(0, 1)"
  w:layers(layer.module)
  w:run("x = x.reshape(*shape%d, *x.shape[1:])", w.depth)
  w.depth = w.depth - 1
end

function Writer:note(...) self.notes[#self.notes + 1] = string.format(...) end

function Writer:layers(model)
  for _, entry in ipairs(chain.of(model)) do
    local write = WRITE[entry.class]
    if not write then chain.refuse(FNAME, entry.layer, "it") end
    write(self, entry.layer)
  end
end

-- ---- files ----

local STORAGES = { F32 = "FloatStorage", F64 = "DoubleStorage", I32 = "IntStorage" }

-- What torch.load reads: a pickle of an OrderedDict, and the elements of each tensor in a file of their own.
local function archive(names, state)
  local list = {}
  for i, name in ipairs(names) do list[i] = state[name] end
  local parts = tensors.bytes(FNAME, list)
  local function text(s) return string.pack("<c1s4", "X", s) end
  local function integer(n) return string.pack("<c1i4", "J", n) end
  local function tuple(numbers)
    local out = { "(" }
    for i, n in ipairs(numbers) do out[i + 1] = n < 1 << 31 and integer(n) or string.pack("<c1Bi8", "\x8a", 8, n) end
    return table.concat(out) .. "t"
  end
  local out = { "\x80\x02ccollections\nOrderedDict\n)R(" }
  local files = { { name = "model/data.pkl" }, { name = "model/byteorder", bytes = "little" } }
  for i, name in ipairs(names) do
    local part, stride, count = parts[i], {}, 1
    for axis = #part.shape, 1, -1 do stride[axis], count = count, count * part.shape[axis] end
    out[#out + 1] = text(name) .. "ctorch._utils\n_rebuild_tensor_v2\n((" .. text "storage" .. "ctorch\n"
      .. STORAGES[part.element] .. "\n" .. text(tostring(i - 1)) .. text "cpu"
      .. string.pack("<c1Bi8", "\x8a", 8, count) .. "tQ" .. integer(0) .. tuple(part.shape)
      .. tuple(stride) .. "\x89ccollections\nOrderedDict\n)RtR"
    files[#files + 1] = { name = ("model/data/%d"):format(i - 1), bytes = part.bytes }
  end
  files[1].bytes = table.concat(out) .. "u."
  files[#files + 1] = { name = "model/version", bytes = "3\n" }
  return files
end

local HEAD = [[
import torch
import torch.nn.functional as F
from torch import nn
%s
class Model(nn.Module):%s
    def __init__(self):
        super().__init__()
        %s

    def forward(self, x):
        %s
        return x


model = Model()
model.load_state_dict(%s)
model.eval()
]]

--- to_torch(model, path) -> Python | nil, message, code
return function(model, path)
  local w = setmetatable({ made = {}, runs = {}, notes = {}, state = {}, count = 0, depth = 0 }, Writer)
  w:layers(model)
  local names = {}
  for name in pairs(w.state) do names[#names + 1] = name end
  table.sort(names)
  local done, message, code
  local is_archive = not path:find "%.safetensors$"
  if is_archive then done, message, code = core.bundle_write(path, archive(names, w.state))
  else done, message, code = core.archive_write(path, w.state, { format = "pt" }) end
  if not done then return nil, message, code end
  if w.ids then table.insert(w.notes, 1, "ids count from 0: one less than in rnnlua") end
  local doc = #w.notes > 0 and ("\n    \"\"\"%s.\"\"\"\n"):format(table.concat(w.notes, ".\n\n    ")) or ""
  local file = ("%q"):format(path:match "[^/]*$")
  return HEAD:format(is_archive and "" or "from safetensors.torch import load_file\n", doc,
    #w.made > 0 and table.concat(w.made, "\n        ") or "pass", #w.runs > 0 and table.concat(w.runs, "\n        ")
    or "pass", is_archive and ("torch.load(%s, weights_only=True)"):format(file) or ("load_file(%s)"):format(file))
end

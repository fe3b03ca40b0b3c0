-- onnx/load.lua: onnx.load.

local core = require "rnn.core"
local check = require "rnn.check"
local protobuf = require "rnn.protobuf"
local schema = require "rnn.onnx.schema"

local load = {}

-- First states that are not 0, as onnx.save notes them.
local function initial_of(metadata)
  local text, list = metadata["rnnlua.initial"], {}
  local given = text and core.json_decode(text)
  if text and type(given) ~= "table" then core.fail "its first states are no JSON" end
  for name, numbers in pairs(given or {}) do
    local ok, t = pcall(core.tensor, numbers)
    if not ok or t:ndim() ~= 1 or t:type() ~= "float" then
      core.fail("its first state '%s' is no list of numbers", name)
    end
    list[name] = t:reshape(1, -1)
  end
  return list
end

local function read(bytes, folder)
  local message = protobuf.decode(schema.model, bytes)
  local metadata = {}
  for _, pair in ipairs(message.metadata_props) do metadata[pair.key or ""] = pair.value or "" end
  local own = message.producer_name == "rnnlua"
  local made = require "rnn.onnx.read"(message, folder)
  made.initial = own and initial_of(metadata) or {}
  local model = require "rnn.onnx.build"(made)
  local about = { producer = message.producer_name or "", opset = made.opset, inputs = {}, outputs = {},
    metadata = metadata }
  for i, input in ipairs(made.inputs) do
    about.inputs[i] = { name = input.name, type = input.type, dims = input.dims }
  end
  for i, output in ipairs(made.outputs) do about.outputs[i] = { name = output.name } end
  return model, about
end

--- onnx.load(path) -> model, about | nil, message, code
---
--- The model of an ONNX file, with weights that can be trained. Where its nodes are layers one after the other, on
--- batches (N, T, features), or ids (N, T) of a file of onnx.save, it is an nn.Sequential: model(x) gives the file's
--- first output, states that are inputs begin at 0 and go on with model:stream, lengths are those of the batch. Else it
--- is an onnx.Graph, which takes all inputs in their order and gives all outputs. about has producer, opset, inputs,
--- outputs ({ name, type, dims }) and metadata. What onnx.save has written comes back with the same bits, but for cells
--- with operations that ONNX has not (gelu, silu, expm1, log1p, log_sigmoid, rsqrt, selu of a cell).
--- Operators: RNN, LSTM, GRU, Scan, Conv over time, Gemm, MatMul, LayerNormalization, BatchNormalization, Softmax, and
--- those of single elements, shapes, reductions and indices. Errors: a path that is no string. Weights may lie in files
--- beside it. A file that cannot be read, is not sound, or has an operator, attribute or type that is not known gives
--- nil and a message that names the node.
---@param path string
---@return nn.Module|nil
---@return table|string about or message
---@return string? code
function load.load(path)
  check.string("onnx.load", "argument 1 (path)", path)
  local bytes, message, code = core.file_read(path)
  if not bytes then return nil, message, code end
  local ok, model, about = pcall(core.no_grad, read, bytes, path:match "^.*/" or "./")
  if ok then return model, about end
  if type(model) ~= "string" then error(model, 0) end
  return nil, ("onnx.load: '%s': %s"):format(path, (model:gsub("^[^\n]-:%d+: ", "", 1))), "EFORMAT"
end

return load

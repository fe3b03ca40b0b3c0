-- schema.lua: the messages of ONNX files (github.com/onnx/onnx, onnx.proto), of which only the fields that are written
-- or looked at here are named, and its element types.

local schema = {}

local Dim = { { 1, "value", "integer" }, { 2, "param", "bytes" } }
local Shape = { { 1, "dim", Dim, true } }
local TensorType = { { 1, "elem_type", "integer" }, { 2, "shape", Shape } }
local Type = { { 1, "tensor", TensorType } }
local ValueInfo = { { 1, "name", "bytes" }, { 2, "type", Type } }
local Pair = { { 1, "key", "bytes" }, { 2, "value", "bytes" } }
local OperatorSet = { { 1, "domain", "bytes" }, { 2, "version", "integer" } }
local Function = { { 1, "name", "bytes" } }

local Tensor = { { 1, "dims", "integer", true }, { 2, "data_type", "integer" }, { 3, "segment", "bytes" },
  { 4, "float_data", "packed", true }, { 5, "int32_data", "integer", true }, { 7, "int64_data", "integer", true },
  { 8, "name", "bytes" }, { 9, "raw_data", "bytes" }, { 10, "double_data", "packed", true },
  { 11, "uint64_data", "integer", true }, { 13, "external_data", Pair, true }, { 14, "data_location", "integer" } }

local Graph = {}
local Attribute = { { 1, "name", "bytes" }, { 2, "f", "float" }, { 3, "i", "integer" }, { 4, "s", "bytes" },
  { 5, "t", Tensor }, { 6, "g", Graph }, { 7, "floats", "float", true }, { 8, "ints", "integer", true },
  { 9, "strings", "bytes", true }, { 20, "type", "integer" }, { 21, "ref_attr_name", "bytes" } }
local Node = { { 1, "input", "bytes", true }, { 2, "output", "bytes", true }, { 3, "name", "bytes" },
  { 4, "op_type", "bytes" }, { 7, "domain", "bytes" }, { 5, "attribute", Attribute, true } }
for i, row in ipairs { { 1, "node", Node, true }, { 2, "name", "bytes" }, { 5, "initializer", Tensor, true },
  { 11, "input", ValueInfo, true }, { 12, "output", ValueInfo, true }, { 15, "sparse_initializer", "bytes", true } } do
  Graph[i] = row
end

--- schema.model, schema.tensor: the whole file, and what an initializer is.
schema.tensor = Tensor
schema.model = { { 1, "ir_version", "integer" }, { 2, "producer_name", "bytes" }, { 3, "producer_version", "bytes" },
  { 7, "graph", Graph }, { 8, "opset_import", OperatorSet, true }, { 14, "metadata_props", Pair, true },
  { 25, "functions", Function, true } }

--- schema.types: number -> { its name in safetensors files, what an input of the type is here, and true for constants
--- alone, as its sums wrap where ours do not }
schema.types = {
  [1] = { "F32", "float" }, [6] = { "I32", "int32" }, [7] = { "I64", "int32" }, [9] = { "BOOL", "mask" },
  [10] = { "F16", "float" }, [11] = { "F64", "float" }, [16] = { "BF16", "float" },
  [2] = { "U8", "int32", true }, [3] = { "I8", "int32", true }, [4] = { "U16", "int32", true },
  [5] = { "I16", "int32", true }, [12] = { "U32", "int32", true }, [13] = { "U64", "int32", true },
}

--- schema.attribute: the numbers of attributes' types, by the field that they lie in.
schema.attribute = { f = 1, i = 2, s = 3, t = 4, g = 5, floats = 6, ints = 7, strings = 8 }

return schema

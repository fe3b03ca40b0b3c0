-- onnx/save.lua: onnx.save.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local protobuf = require "rnn.protobuf"
local Module = require "rnn.nn.module"
local about = require "rnn.export.about"
local recurrent = require "rnn.onnx.recurrent"
local schema = require "rnn.onnx.schema"

local save = {}

local OPTIONS = option.of("onnx.save", {
  { "form", "sequence", option.one_of { "sequence", "step" }, "whole sequences (N, T, ...), or one step (N, ...)" },
  { "state", nil, check.boolean, "states go in and come out, so that a sequence can come in pieces; where it is not "
    .. "given, of models that can go on from one" },
  { "lengths", false, check.boolean, "the lengths of sequences are an input" },
}, about.rows)

-- Can a sequence come in pieces?
local function streams(made)
  for _, stage in ipairs(made.stages) do
    local layer = stage.layer
    local on = stage.kind == "forward" and not stage.reach or stage.kind == "last"
      or layer and (stage.parts and not stage.parts[2] or not stage.parts and layer.padding == "causal"
        and layer.stride == 1)
    if not on then return false end
  end
  return true
end

local function whole(layer) return layer.kernel ~= nil or recurrent.fits(layer) end

--- onnx.save(path, model [, options]) -> true | nil, message, code
---
--- Writes the model as an ONNX file (opset 17, IR 8) that onnxruntime runs. Inputs: x (N, T, features), float, or int64
--- ids (N, T), from 1 on as in rnnlua, 0 for padding; with lengths = true lengths (N), int32; state_1, state_2 ... (N,
--- width), which begin at 0 (or at the numbers that the file's metadata have, rnnlua.initial). Outputs: y, (N, T,
--- outputs) or (N, outputs); new_state_1 ... N and T may be any. With form = "step" x is (N, features) or (N), and y
--- (N, outputs); a cell whose step takes t has an input t (1, 1), from 1, there, and else counts in a state of its own.
--- nn.RNN, nn.LSTM and nn.GRU become nodes of their own with reset, peepholes, coupled gates, directions, lengths; with
--- layer_norm, projection or zoneout, and cells whose step is a formula, they become a Scan. Layers as in rnn.export_c,
--- without nn.Seq2Seq. Errors: another layer or operation, which is named; form = "step" or state = true of a model
--- that needs the whole sequence; lengths = true of a step; a scaler, labels or vocab of another size than the model
--- has; weights in bf16 or int8; --double. A file that cannot be written gives nil and a message.
---@param path string
---@param model nn.Module
---@param options? onnx.save.Options
---@return true|nil
---@return string? message
---@return string? code
function save.save(path, model, options)
  local fname = "onnx.save"
  check.string(fname, "argument 1 (path)", path)
  if not Module.is(model) then check.expected(fname, "argument 2 (model)", "a model", model) end
  options = OPTIONS:read(options)
  if core.precision ~= "float" then core.fail("%s: these files compute in float; run without --double", fname) end
  local step = options.form == "step"
  OPTIONS:effect(options, "lengths", not step, "a step has no length")
  local message = model:_evaluated(fname, function()
    local made = require "rnn.export.graph".of(fname, model, { inputs = options.inputs, scaler = options.scaler,
      target_scaler = options.target_scaler, whole = not step and whole or nil })
    if step and not made.streams then
      core.fail("%s: %s: option 'form': the model needs the whole sequence, so it cannot go step by step", fname,
        model:describe())
    end
    local state = options.state
    if state == nil then state = streams(made) end
    if state and not streams(made) then
      core.fail("%s: %s: option 'state': the model needs the whole sequence, so nothing can go on from its states",
        fname, model:describe())
    end
    if step and not state then
      core.fail("%s: option 'state' = false: each step would begin anew; it goes with form = 'sequence'", fname)
    end
    local metadata = {}
    for key, list in pairs(about.words(fname, made, options)) do metadata["rnnlua." .. key] = core.json_encode(list) end
    return require "rnn.onnx.write"(made, { form = options.form, state = state, lengths = options.lengths,
      name = model:describe(), metadata = metadata })
  end)
  return core.file_write(path, protobuf.encode(schema.model, message))
end

--- save.file(path, output, options) -> true | nil, message: what rnnlua export does with FILE.onnx; scaler, labels and
--- vocabulary come from the file.
function save.file(path, output, options)
  return about.export(function(model, file, given) return save.save(file, model, given) end, path, output, options)
end

return save

-- graph.lua: onnx.Graph, what a file is that is more than layers one after the other.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local ops = require "rnn.onnx.ops"
local recurrent = require "rnn.onnx.recurrent"

--- onnx.Graph: the model of an ONNX file, which rnn.onnx.load makes
---
--- graph(x, ...) takes the inputs of the file in their order and gives its outputs in theirs; all count as the file
--- does, so that ids begin at 0. inputs and outputs are lists of { name, type, dims }. Layers and constants are
--- parameters that can be trained. rnn.save cannot keep it: the file itself does.
---@class onnx.Graph : nn.Module
---@field inputs { name: string, type: string, dims?: (integer|string)[] }[]
---@field outputs { name: string }[]
local Graph = class("onnx.Graph", Module)

-- ---- instructions ----

local apply = {} -- op -> function(graph, fields, ...) -> results

function apply.layer(graph, fields, x) return (graph.layers[fields.at](x)) end
function apply.fma(_, _, x, y, z) return core.fma(x, y, z) end
function apply.mean(_, _, x, lengths)
  return core.where(lengths:gt(0):reshape(-1, 1), x:with_lengths(lengths):mean(2), 0)
end
function apply.last(_, _, x) return x:select(2, -1) end
function apply.view(_, fields, x)
  if fields.directions then
    local dims = { x:shape() }
    dims[#dims], dims[#dims + 1] = fields.directions, dims[#dims] // fields.directions
    x = x:reshape(dims)
  end
  return x:permute(fields.perm)
end
function apply.merge(_, fields, x)
  local half = x:size(-1) // 2
  local sum = x:slice(-1, 1, half) + x:slice(-1, half + 1, 2 * half)
  return fields.merge == "mean" and sum * 0.5 or sum
end

-- A layer whose weights are values like others.
local function filled(fields, W, R, B, P)
  local width, units = W:size(3), R:size(3)
  local layer = fields.made
  if not layer or layer.inputs ~= width or layer.units ~= units then
    layer = require "rnn.nn.parameter".to_be_loaded(math.huge, function()
      return require "rnn.nn"[fields.class](width, units, fields.options)
    end)
    fields.made = layer
  end
  recurrent.fill(layer, fields.class, W, R, B, P)
  return layer
end

-- The state behind a sequence without steps is 0, as onnxruntime has it, whatever it began with.
local function behind(lengths, state)
  return lengths and state and core.where(lengths:gt(0):reshape(-1, 1), state, 0) or state
end

function apply.recurrent(graph, fields, x, lengths, h, c, W, R, B, P)
  if fields.step then
    if fields.layout == 1 then h, c = h and h:transpose(1, 2), c and c:transpose(1, 2) end
    local y, new, cell = fields.step(x, lengths, h, c, W, R, B, P)
    return y, behind(lengths, new), behind(lengths, cell)
  end
  local layer = fields.at and graph.layers[fields.at] or filled(fields, W, R, B, P)
  local states, directions, samples = fields.states, fields.directions, x:size(1)
  local first
  if h or c then
    first = {}
    for d = 1, directions do
      for k = 1, states do
        local given = k == 1 and h or k == 2 and c
        first[#first + 1] = given and given:select(fields.layout == 1 and 2 or 1, d) or core.zeros(samples, layer.units)
      end
    end
  end
  if lengths then x = x:with_lengths(lengths) end
  if fields.reverse then x = x:reverse_steps() end
  local y, new = layer(x, first)
  if fields.reverse then y = y:reverse_steps() end
  if lengths then y = y:without_lengths() end
  local after = {}
  for k = 1, states do
    after[k] = behind(lengths, directions == 1 and new[k] or core.concat({ new[k], new[states + k] }, 2))
  end
  return y, after[1], after[2]
end

local run

function apply.scan(graph, fields, env, ...)
  local given, states, n = { ... }, {}, fields.states
  for k = 1, n do states[k] = given[k] end
  local steps, lists, axes = nil, {}, {}
  for i = n + 1, #given do
    local axis = fields.axes[i - n] or 0
    axes[i] = axis < 0 and axis + given[i]:ndim() + 1 or axis + 1
    local size = given[i]:size(axes[i])
    if steps and steps ~= size then core.fail("sequences of %d and %d steps", steps, size) end
    steps = size
  end
  if steps == 0 then core.fail "a sequence without steps" end
  for i = n + 1, #fields.after do lists[i] = {} end
  for t = 1, steps do
    for k = 1, n do env[fields.before[k]] = states[k] end
    for i = n + 1, #given do
      env[fields.before[i]] = given[i]:select(axes[i], fields.directions[i - n] == 1 and steps + 1 - t or t)
    end
    run(graph, fields.code, env)
    for k = 1, n do states[k] = env[fields.after[k]] end
    for i = n + 1, #fields.after do
      lists[i][fields.output_directions[i - n] == 1 and steps + 1 - t or t] = env[fields.after[i]]
    end
  end
  for i = n + 1, #fields.after do
    local axis = fields.output_axes[i - n] or 0
    states[i] = core.stack(lists[i], axis < 0 and axis + lists[i][1]:ndim() + 2 or axis + 1)
  end
  return table.unpack(states, 1, #fields.after)
end

-- Calls what an instruction is; errors say which node it was.
local function call(graph, instruction, env)
  local inputs, n = {}, #instruction.inputs
  for i, slot in ipairs(instruction.inputs) do inputs[i] = slot and env[slot] or nil end
  local f = apply[instruction.op]
  if instruction.op == "scan" then return f(graph, instruction.fields, env, table.unpack(inputs, 1, n)) end
  if f then return f(graph, instruction.fields, table.unpack(inputs, 1, n)) end
  return ops[instruction.op](instruction.fields, table.unpack(inputs, 1, n))
end

function run(graph, code, env)
  for _, instruction in ipairs(code) do
    local results = table.pack(pcall(call, graph, instruction, env))
    if not results[1] then
      local message = results[2]
      if type(message) ~= "string" then error(message, 0) end
      core.fail("onnx.Graph: %s: %s", instruction.label, (message:gsub("^[^\n]-:%d+: ", "", 1)))
    end
    for i, slot in ipairs(instruction.outputs) do env[slot] = results[1 + i] end
    for _, slot in ipairs(instruction.free) do env[slot] = nil end
  end
end

-- ---- the graph ----

-- program: inputs { name, type, dims, slot }, outputs { name, slot }, code, constants: { slot = tensor }; layers; named
-- constants that are trained.
function Graph:init(program, layers, constants)
  self.inputs, self.outputs = {}, {}
  for i, input in ipairs(program.inputs) do
    self.inputs[i] = { name = input.name, type = input.type, dims = input.dims }
  end
  for i, output in ipairs(program.outputs) do self.outputs[i] = { name = output.name } end
  self.layers, self.constants = layers, constants
  self.program = function() return program end -- a function is no part of the model's structure
end

-- The tensor that an input is.
local function accept(input, i, x)
  local fits = core.is_tensor(x) and (x:type() == "int32") == (input.type == "int32")
    and (not input.dims or x:ndim() == #input.dims)
  for axis, size in ipairs(fits and input.dims or {}) do
    fits = fits and (type(size) == "string" or size == x:size(axis))
  end
  if fits and x:lengths() then
    core.fail("onnx.Graph: input %d (%s) has lengths, which no file knows: give x:without_lengths(), and the lengths "
      .. "where the file has an input for them", i, input.name)
  end
  if fits then return x end
  check.expected("onnx.Graph", ("input %d (%s)"):format(i, input.name), ("a tensor (%s)%s"):format(
    input.dims and table.concat(input.dims, ", ") or "...", input.type == "float" and "" or " " .. input.type), x)
end

--- graph:forward(x, ...) -> y, ...
---
--- Inputs and outputs as the file has them. Errors: an input of another shape or type, or with lengths; what a node
--- cannot compute, with its name.
---@param ... rnn.Tensor
---@return rnn.Tensor ...
function Graph:forward(...)
  local program, env = self.program(), {}
  for i, input in ipairs(program.inputs) do env[input.slot] = accept(input, i, (select(i, ...))) end
  for slot, t in pairs(program.constants) do env[slot] = t end
  for slot, name in pairs(program.named) do env[slot] = self.constants[name] end
  run(self, program.code, env)
  local results = {}
  for i, output in ipairs(program.outputs) do results[i] = env[output.slot] end
  return table.unpack(results)
end

function Graph:input_type()
  local first = self.inputs[1]
  return first and first.type == "int32" and "int32" or "float"
end

function Graph:describe() return ("onnx.Graph(%d inputs, %d layers)"):format(#self.inputs, #self.layers) end

function Graph:config()
  return nil, ("%s is more than a file of ours can say; keep the ONNX file"):format(self:describe())
end

return Graph

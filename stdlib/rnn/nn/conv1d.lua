-- conv1d.lua: filters that slide over time.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Module = require "rnn.nn.module"
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"

--- nn.Conv1d(inputs, filters, kernel [, options])
---
--- Convolution over time, (N, T, inputs) -> (N, T', filters): each step of y is a linear function of kernel steps of x.
--- In front of a recurrent layer it shortens sequences; stacked with growing dilation it replaces one (van den Oord et
--- al. 2016, "WaveNet"). Options: stride = 1 (steps of x from one step of y to the next), dilation = 1 (steps of x
--- between two taps), bias = true, activation = none ("relu", "tanh", ...), kernel = "glorot_uniform" (a name in
--- nn.initializers or a function), padding = "valid" (only whole windows: T' = (T - (kernel-1) dilation - 1) // stride
--- + 1), "causal" (zeros before the first step, so that no step sees a later one) or "same" (zeros at both ends); with
--- these two T' = ceil(T / stride).
--- Lengths are honoured: steps behind a sequence's length count as the zeros of the padding, and y has lengths by the
--- same formulas. Parameters: weight (filters, inputs, kernel), bias (filters), which starts at 0.
---@class nn.Conv1d : nn.Module
---@field inputs integer
---@field filters integer
---@field kernel integer
---@field stride integer
---@field dilation integer
---@field padding "valid"|"causal"|"same"
---@field activation? string
---@field weight rnn.Tensor
---@field bias? rnn.Tensor
---@overload fun(inputs: integer, filters: integer, kernel: integer, options?: table): nn.Conv1d
local Conv1d = class("nn.Conv1d", Module)

local paddings = { "valid", "causal", "same" }
local code = { valid = 0, causal = 1, same = 2 } -- the op's
local activations = { "relu", "tanh", "sigmoid", "hard_sigmoid", "elu", "selu", "softplus", "softsign" }

function Conv1d:init(inputs, filters, kernel, options)
  local fname = "nn.Conv1d"
  self.inputs = check.int(fname, "argument 1 (inputs)", inputs, 1)
  self.filters = check.int(fname, "argument 2 (filters)", filters, 1)
  self.kernel = check.int(fname, "argument 3 (kernel)", kernel, 1)
  options = check.options(fname, options, { stride = 1, dilation = 1, padding = "valid", bias = true,
    activation = check.none, kernel = "glorot_uniform" })
  self.stride = check.int(fname, "option 'stride'", options.stride, 1)
  self.dilation = check.int(fname, "option 'dilation'", options.dilation, 1)
  self.padding = check.one_of(fname, "option 'padding'", options.padding, paddings)
  if options.activation ~= nil then
    self.activation = check.one_of(fname, "option 'activation'", options.activation, activations)
  end
  self.weight = parameter.new(parameter.initializer(fname, "kernel", options.kernel), self.filters, self.inputs,
    self.kernel)
  if check.boolean(fname, "option 'bias'", options.bias) then
    self.bias = parameter.new(initializers.zeros, self.filters)
  end
end

--- conv1d:forward(x) -> y
---
--- Errors: an x that is not (N, T, inputs), fewer steps than the taps span.
---@param x rnn.Tensor (N, T, inputs)
---@return rnn.Tensor y (N, T', filters)
function Conv1d:forward(x)
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 3 or x:size(3) ~= self.inputs then
    core.fail("%s: expected input (N, T, %d), got %s", self:describe(), self.inputs, check.input(x))
  end
  local y = core.conv1d(x, self.weight, self.bias, self.stride, self.dilation, code[self.padding])
  return self.activation and core[self.activation](y) or y
end

-- In a Sequential whose sequences come in pieces, steps at the border of two would see zeros in place of neighbours.
function Conv1d:stream(_, _)
  core.fail("%s: stream: a convolution needs the whole sequence", self:describe())
end

function Conv1d:describe()
  local more = ""
  if self.stride > 1 then more = more .. (", stride = %d"):format(self.stride) end
  if self.dilation > 1 then more = more .. (", dilation = %d"):format(self.dilation) end
  if self.padding ~= "valid" then more = more .. (", %s"):format(self.padding) end
  if self.activation then more = more .. (", %s"):format(self.activation) end
  if not self.bias then more = more .. ", bias = false" end
  return ("nn.Conv1d(%d -> %d, kernel %d%s)"):format(self.inputs, self.filters, self.kernel, more)
end

function Conv1d:config()
  return { class = "nn.Conv1d", args = { self.inputs, self.filters, self.kernel }, options = {
    stride = self.stride, dilation = self.dilation, padding = self.padding, activation = self.activation,
    bias = self.bias ~= nil,
  } }
end

return Conv1d

-- conv1d.lua: filters that slide over time.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local owner = require "rnn.state"._owner
local parameter = require "rnn.nn.parameter"
local initializers = require "rnn.nn.initializers"

--- nn.Conv1d(inputs, filters, kernel [, options])
---
--- Convolution over time, (N, T, inputs) -> (N, T', filters): each step of y is a linear function of kernel steps of x.
--- In front of a recurrent layer it shortens sequences; stacked with growing dilation it replaces one (van den Oord et
--- al. 2016, "WaveNet").
--- With padding "valid" T' = (T - (kernel-1) dilation - 1) // stride + 1, else T' = ceil(T / stride).
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
---@overload fun(inputs: integer, filters: integer, kernel: integer, options?: nn.Conv1d.Options): nn.Conv1d
local Conv1d = class("nn.Conv1d", Module)

local code = { valid = 0, causal = 1, same = 2 } -- the op's

local OPTIONS = option.of("nn.Conv1d", {
  { "stride", 1, option.int(1), "steps of x from one step of y to the next" },
  { "dilation", 1, option.int(1), "steps of x between two taps" },
  { "padding", "valid", option.one_of { "valid", "causal", "same" }, "only whole windows; zeros before the first step, "
    .. "so that no step sees a later one; or zeros at both ends" },
  { "bias", true, check.boolean, "adds a bias" },
  { "activation", nil, option.one_of { "relu", "tanh", "sigmoid", "hard_sigmoid", "elu", "selu", "softplus",
    "softsign" }, "of the sums" },
  { "kernel", "glorot_uniform", parameter.initializer, "first values of weight" },
})

function Conv1d:init(inputs, filters, kernel, options)
  local fname = "nn.Conv1d"
  self.inputs = check.int(fname, "argument 1 (inputs)", inputs, 1)
  self.filters = check.int(fname, "argument 2 (filters)", filters, 1)
  self.kernel = check.int(fname, "argument 3 (kernel)", kernel, 1)
  options = OPTIONS:read(options)
  self.stride, self.dilation, self.padding = options.stride, options.dilation, options.padding
  self.activation = options.activation
  self.weight = parameter.new(options.kernel, self.filters, self.inputs, self.kernel)
  if options.bias then self.bias = parameter.new(initializers.zeros, self.filters) end
end

local function check_input(self, x)
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 3 or x:size(3) ~= self.inputs then
    core.fail("%s: expected input (N, T, %d), got %s", self:describe(), self.inputs, check.input(x))
  end
end

local function convolve(self, x, padding)
  local y = core.conv1d(x, self.weight, self.bias, self.stride, self.dilation, padding)
  return self.activation and core[self.activation](y) or y
end

--- conv1d:forward(x) -> y
---
--- Errors: an x that is not (N, T, inputs), fewer steps than the taps span.
---@param x rnn.Tensor (N, T, inputs)
---@return rnn.Tensor y (N, T', filters)
function Conv1d:forward(x)
  check_input(self, x)
  return convolve(self, x, code[self.padding])
end

-- The most steps before a piece that its windows may reach back to, or that the stride has passed over: in front of the
-- first step there are so many zeros.
local function reach(self)
  return math.max((self.kernel - 1) * self.dilation, self.stride - 1)
end

-- The last steps of whole (N, W + T, inputs), of sequences of W + length steps, W of them.
local function tail(whole, kept, lengths)
  local batch, steps, width = whole:shape()
  if not lengths then return whole:slice(2, steps - kept + 1, steps) end
  local firsts = (core.arange(batch) - 1) * steps + lengths
  local rows = firsts:reshape(-1, 1) + core.arange(kept):reshape(1, -1)
  return whole:reshape(batch * steps, width):gather(1, rows:reshape(-1)):reshape(batch, kept, width)
end

--- conv1d:stream(x [, state]) -> y, state
---
--- As forward, for sequences that come in pieces of any lengths, with padding = "causal": all pieces together give what
--- the whole sequence gives. The state is a tensor (N, steps, inputs), of the steps that later windows reach back to;
--- nil is those in front of the first, zeros. Errors: another padding; lengths with a stride; a state of another layer
--- or shape.
---@param x rnn.Tensor (N, T, inputs)
---@param state? nn.State|rnn.Tensor[]|rnn.Tensor (N, steps, inputs)
---@return rnn.Tensor y (N, T', filters)
---@return nn.State state
function Conv1d:stream(x, state)
  if self.padding ~= "causal" then
    core.fail("%s: stream: steps would look at later ones, which another piece has; padding = 'causal' looks back only",
      self:describe())
  end
  check_input(self, x)
  local lengths, most = x:lengths(), reach(self)
  if lengths and self.stride > 1 then
    core.fail("%s: stream: sequences of different lengths would each have other steps of y; leave out lengths or the "
      .. "stride", self:describe())
  end
  if lengths then x = x:zero_padding():without_lengths() end
  state = owner.check(self, state)
  if type(state) == "table" then state = state[1] end
  if state == nil then state = core.zeros(#x, most, self.inputs) end
  if not core.is_tensor(state) or state:type() ~= "float" or state:ndim() ~= 3 or #state ~= #x
    or state:size(3) ~= self.inputs or state:size(2) > most or self.stride == 1 and state:size(2) < most then
    core.fail("%s: stream: expected a state (%d, %s%d, %d), got %s", self:describe(), #x,
      self.stride > 1 and "up to " or "", most, self.inputs, check.input(state))
  end
  local whole = core.concat({ state, x }, 2)
  local steps, span = whole:size(2), (self.kernel - 1) * self.dilation + 1
  local count = math.max((steps - most - 1) // self.stride + 1, 0) -- of y; its first window ends at step most + 1
  local after = lengths and tail(whole, most, lengths) or whole:slice(2, count * self.stride + 1, steps)
  local y = core.zeros(#x, 0, self.filters)
  if count > 0 then
    local seen = whole:slice(2, most - span + 2, most + 1 + (count - 1) * self.stride)
    y = convolve(self, lengths and seen:with_lengths(lengths + most) or seen, code.valid)
  elseif lengths then
    y = y:with_lengths(lengths)
  end
  return y, owner.mark(self, { after })
end

--- conv1d:step(x [, state]) -> y, state
---
--- One step of a stream. Nothing is recorded. Errors: as stream; a stride; in training mode, while ops are recorded, an
--- x or a state with a history.
---@param x rnn.Tensor (N, inputs)
---@param state? nn.State|rnn.Tensor[]|rnn.Tensor (N, steps, inputs), what step or stream gave
---@return rnn.Tensor y (N, filters)
---@return nn.State state
function Conv1d:step(x, state)
  if self.stride > 1 then core.fail("%s: step: with a stride not every step of x makes one of y", self:describe()) end
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 2 or x:size(2) ~= self.inputs then
    core.fail("%s: step: expected input (N, %d), got %s", self:describe(), self.inputs, check.input(x))
  end
  owner.check_stream(self, x, state)
  local y, after = core.no_grad(self.stream, self, x:reshape(#x, 1, self.inputs), state)
  return y:select(2, 1), after
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

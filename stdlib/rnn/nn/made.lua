-- made.lua: a joint distribution of many bits: each depends on those before it.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local choice = require "rnn.choice"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local Linear = require "rnn.nn.linear"
local parameter = require "rnn.nn.parameter"
local rows_of = require "rnn.nn.rows"
local initializers = require "rnn.nn.initializers"

--- nn.MADE(inputs, outputs [, options])
---
--- What a context (..., inputs) says of outputs bits together, as of the keys of a chord: p(x) is the product of
--- p(x_i | context, x_1 .. x_i-1), by one hidden layer of which each unit sees a beginning of x only, and by a straight
--- way beside it. Germain, Gregor, Murray, Larochelle 2015, "MADE: masked autoencoder for distribution estimation", on
--- a context as in Boulanger-Lewandowski et al. 2012, RNN-NADE. nn.binary_cross_entropy(made(context, x), x) * outputs
--- is -log p(x) of a row. Parameters: context (units, inputs) and (outputs, inputs) as nn.Linear with the biases,
--- weight_xh (units, outputs), weight_hx (outputs, units), weight_xx (outputs, outputs).
---@class nn.MADE : nn.Module
---@field inputs integer
---@field outputs integer
---@field units integer
---@overload fun(inputs: integer, outputs: integer, options?: nn.MADE.Options): nn.MADE
local MADE = class("nn.MADE", Module)

local OPTIONS = option.of("nn.MADE", {
  { "units", nil, option.int(1), "of the hidden layer; twice outputs by default" },
})

function MADE:init(inputs, outputs, options)
  self.inputs = check.int("nn.MADE", "argument 1 (inputs)", inputs, 1)
  self.outputs = check.int("nn.MADE", "argument 2 (outputs)", outputs, 1)
  self.units = OPTIONS:read(options).units or 2 * self.outputs
  self.hidden, self.direct = Linear(self.inputs, self.units), Linear(self.inputs, self.outputs)
  self.weight_xh = parameter.new(initializers.glorot_uniform, self.units, self.outputs)
  self.weight_hx = parameter.new(initializers.glorot_uniform, self.outputs, self.units)
  self.weight_xx = parameter.new(initializers.zeros, self.outputs, self.outputs)
end

local masks = setmetatable({}, { __mode = "k" })

-- Which weights there are: unit k sees x_1 .. x_m(k), and x_i sees units with m(k) < i.
local function masks_of(self)
  local own = masks[self]
  if own then return own end
  local d, h = self.outputs, self.units
  local seen = (core.arange(h) - 1) % math.max(d - 1, 1) + 1
  own = { seen:reshape(h, 1):ge(core.arange(d):reshape(1, d)), core.arange(d):reshape(d, 1):gt(seen:reshape(1, h)),
    core.arange(d):reshape(d, 1):gt(core.arange(d):reshape(1, d)) }
  masks[self] = own
  return own
end

--- made:forward(context, x) -> logits (..., outputs)
---
--- Of each bit, given the context and the bits before it in x. Errors: shapes that do not fit.
---@param context rnn.Tensor (..., inputs)
---@param x rnn.Tensor (..., outputs), 0 or 1
---@return rnn.Tensor # (..., outputs)
function MADE:forward(context, x)
  for i, given in ipairs { { context, self.inputs, "a context" }, { x, self.outputs, "bits" } } do
    local t = given[1]
    if not core.is_tensor(t) or t:type() ~= "float" or t:ndim() == 0 or t:size(-1) ~= given[2] then
      core.fail("%s: argument %d: expected %s (..., %d), got %s", self:describe(), i, given[3], given[2],
        check.input(t))
    end
  end
  local m = masks_of(self)
  local h = (self.hidden(context) + core.linear(x, self.weight_xh * m[1])):tanh()
  return self.direct(context) + core.linear(h, self.weight_hx * m[2]) + core.linear(x, self.weight_xx * m[3])
end

--- made:sample(context) -> x (..., outputs)
---
--- Bits drawn one after the other with the generator that rnn.seed sets. Nothing is recorded.
--- Errors: another shape, a context or parameters from which come probabilities that are nan.
---@param context rnn.Tensor (..., inputs)
---@return rnn.Tensor # (..., outputs)
function MADE:sample(context)
  check.tensor(self:describe() .. ": sample", "argument 1 (context)", context, "float")
  if context:ndim() == 0 or context:size(-1) ~= self.inputs then
    core.fail("%s: sample: expected a context (..., %d), got %s", self:describe(), self.inputs, check.input(context))
  end
  return core.no_grad(function()
    local rows, back = rows_of(context)
    local x, draws = core.zeros(#rows, self.outputs), core.rand(#rows, self.outputs)
    for i = 1, self.outputs do
      local logits = self:forward(rows, x):slice(2, i, i)
      choice.drawable(self:describe() .. ": sample", back(logits))
      x = core.where(core.arange(self.outputs):eq(i):reshape(1, -1), draws:slice(2, i, i):lt(logits:sigmoid()), x)
    end
    return back(x)
  end)
end

function MADE:describe()
  return ("nn.MADE(%d -> %d, units = %d)"):format(self.inputs, self.outputs, self.units)
end

function MADE:config()
  return { class = "nn.MADE", args = { self.inputs, self.outputs }, options = { units = self.units } }
end

return MADE

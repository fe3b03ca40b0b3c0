-- reservoir.lua: echo state networks: a random recurrent layer that stays as it is, and a linear read-out that is
-- solved.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local owner = require "rnn.state"._owner
local parameter = require "rnn.nn.parameter"
local runner = require "rnn.nn.runner"

--- nn.Reservoir(inputs, units [, options])
---
--- An echo state network (Jaeger 2001, "The 'echo state' approach"; Jaeger, Haas 2004, "Harnessing nonlinearity"): h
--- = (1 - leak) h' + leak tanh(W x + b + U h'), where W, b and a sparse U are random and never trained. local h,
--- state = reservoir(x, state) takes x (N, T, inputs) to h (N, T, units), on which layers may be trained as on any
--- other. With option outputs it has a linear read-out of h and x, y (N, T, outputs), which reservoir:fit(x, y)
--- solves. How to choose the options: Lukosevicius 2012, "A practical guide to applying echo state networks".
--- Buffers: weight_ih (units, inputs), weight_hh (units, units), bias_ih, bias_hh (units); parameters of the read-out:
--- weight_out (outputs, units + inputs), bias_out (outputs), which start at 0.
---@class nn.Reservoir : nn.Module
---@field inputs integer
---@field units integer
---@field outputs? integer
---@overload fun(inputs: integer, units: integer, options?: nn.Reservoir.Options): nn.Reservoir
local Reservoir = class("nn.Reservoir", Module)

local OPTIONS = option.of("nn.Reservoir", {
  { "outputs", nil, option.int(1), "features of the read-out; without it there is none" },
  { "radius", 0.9, check.positive, "spectral radius of U, the size of its largest eigenvalue; below 1 inputs are "
    .. "forgotten" },
  { "connections", 10, check.positive, "how many elements of a row of U are not 0, on average" },
  { "input_scale", 1, check.positive, "W is uniform within ±input_scale" },
  { "bias_scale", 0.2, option.number(0, 1e6), "b is uniform within ±bias_scale" },
  { "leak", 1, option.kind("number", function(fname, argname, value)
    return check.number(fname, argname, check.positive(fname, argname, value), 0, 1)
  end), "above 0 and up to 1; slower units for slower series" },
})

local FIT = option.of("nn.Reservoir:fit", {
  { "washout", 100, option.int(0), "first steps of each sequence that do not count, while its state still tells of its "
    .. "beginning" },
  { "ridge", 1e-6, check.positive, "weight of the read-out's squares; the larger, the smoother and the stabler" },
})

local SQUARINGS = 16

-- The size of the largest eigenvalue of a square matrix: |A^k|^(1/k) comes near it, k = 2^16, to some 1e-5 of it
-- (Gelfand 1941). Products alone, so it is the same on every machine.
local function spectral_radius(a)
  local log = core.zeros(1)
  for j = 0, SQUARINGS do
    local size = a:square():sum():sqrt()
    if size:item() == 0 then return 0 end
    log = log + size:log() * 2.0 ^ -j
    a = a / size
    a = a:matmul(a)
  end
  return log:exp():item()
end

local function sparse(units, connections, radius)
  return function(t)
    t:uniform_(-1, 1)
    t:assign(t * core.rand(units, units):lt(connections / units))
    local now = spectral_radius(t)
    if now == 0 then
      core.fail("nn.Reservoir: U came out without a cycle, so that nothing lasts; give more connections or units")
    end
    t:assign(t * (radius / now))
  end
end

function Reservoir:init(inputs, units, options)
  local fname = "nn.Reservoir"
  self.inputs = check.int(fname, "argument 1 (inputs)", inputs, 1)
  self.units = check.int(fname, "argument 2 (units)", units, 1)
  for name, value in pairs(OPTIONS:read(options)) do self[name] = value end
  local function within(scale)
    return function(t) t:uniform_(-scale, scale) end
  end
  local function fixed(...)
    local t = parameter.new(...)
    return t:requires_grad(false)
  end
  self.weight_ih = fixed(within(self.input_scale), self.units, self.inputs)
  self.weight_hh = fixed(sparse(self.units, self.connections, self.radius), self.units, self.units)
  self.bias_ih = fixed(within(self.bias_scale), self.units)
  self.bias_hh = fixed(within(0), self.units)
  if self.outputs then
    self.weight_out = parameter.new(within(0), self.outputs, self.units + self.inputs)
    self.bias_out = parameter.new(within(0), self.outputs)
  end
end

local function need_input(self, x)
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 3 or x:size(3) ~= self.inputs then
    core.fail("%s: expected input (N, T, %d), got %s", self:describe(), self.inputs, check.input(x))
  end
end

-- A cell whose units keep the share 1 - leak of h; in working precision, so that 1 - share is the same everywhere.
local function leaky(self)
  local share = core.tensor(1 - self.leak):item()
  return { describe = function() return self:describe() end, step = function(_, x, h)
    local new = core.linear(h, self.weight_hh, core.linear(x, self.weight_ih, self.bias_ih + self.bias_hh)):tanh()
    h = share * h + (1 - share) * new
    return h, h
  end }
end

-- The cell, as nn.Recurrent would run it.
function Reservoir:_cell() return leaky(self) end

local parts = setmetatable({}, { __mode = "k" }) -- layer -> what runner keeps of it
local plain = { options = {}, zones = {}, _draws = function() end } -- what runner asks of a layer

local function run(self, x, state)
  owner.check(self, state)
  local n, first = x:size(1), type(state) == "table" and state[1]
  if state ~= nil and not (core.is_tensor(first) and first:ndim() == 2 and first:size(1) == n
      and first:size(2) == self.units) then
    core.fail("%s: expected a state of a tensor (%d, %d), got %s", self:describe(), n, self.units,
      check.describe(first or state))
  end
  local h, new
  if self.leak == 1 or x:size(2) == 0 then
    h, new = core.recurrent({ cell = "rnn", units = self.units }, x,
      { self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh }, state)
  else
    local lengths = x:lengths()
    parts[self] = parts[self] or { calls = 0 }
    h, new = runner.run(plain, parts[self], leaky(self), x, first or core.zeros(n, self.units), lengths)
    h, new = lengths and h:with_lengths(lengths) or h, { new }
  end
  return h, setmetatable(new, owner.kind(self))
end

--- reservoir:states(x [, state]) -> h, state
---
--- The states alone: x (N, T, inputs) to h (N, T, units). A nil state is 0. Errors: as forward.
---@param x rnn.Tensor
---@param state? nn.State
---@return rnn.Tensor h
---@return nn.State state
function Reservoir:states(x, state)
  need_input(self, x)
  return run(self, x, state)
end

--- reservoir:forward(x [, state]) -> y, state
---
--- x (N, T, inputs) to y (N, T, outputs), or without a read-out to the states (N, T, units). A nil state is 0.
--- Errors: a state that another layer made.
---@param x rnn.Tensor
---@param state? nn.State
---@return rnn.Tensor y
---@return nn.State state after the last step
function Reservoir:forward(x, state)
  need_input(self, x)
  local h, new = run(self, x, state)
  if not self.outputs then return h, new end
  return core.linear(core.concat({ h, x }, 3), self.weight_out, self.bias_out), new
end

local function need_outputs(self, what)
  if not self.outputs then
    core.fail("%s: %s: it has no read-out; option outputs gives it one", self:describe(), what)
  end
end

--- reservoir:fit(x, y [, options]) -> reservoir
---
--- Solves the read-out for x (N, T, inputs) and y (N, T, outputs) by ridge regression, in double, whatever the
--- precision; padding does not count. Errors: other shapes, no steps beyond the washout, numbers that are not finite.
---@param x rnn.Tensor
---@param y rnn.Tensor
---@param options? nn.Reservoir.fit.Options
---@return nn.Reservoir
function Reservoir:fit(x, y, options)
  local fname = "nn.Reservoir: fit"
  need_outputs(self, "fit")
  options = FIT:read(options, fname)
  local washout, ridge = options.washout, options.ridge
  need_input(self, x)
  check.tensor(fname, "argument 2 (y)", y, "float", 3)
  if y:size(1) ~= #x or y:size(2) ~= x:size(2) or y:size(3) ~= self.outputs then
    check.expected(fname, "argument 2 (y)", ("targets (%d, %d, %d)"):format(#x, x:size(2), self.outputs), y)
  end
  core.no_grad(function()
    local steps = core.arange(x:size(2))
    local counts = steps:gt(washout):reshape(1, -1)
    local lengths = x:lengths()
    counts = lengths and counts * steps:reshape(1, -1):le(lengths:reshape(-1, 1)) or counts:broadcast_to(#x, x:size(2))
    local ids = counts:reshape(-1):nonzero()
    if #ids == 0 then
      core.fail("%s: none of the %d steps lies beyond the washout of %d", fname, x:size(2), washout)
    end
    local function rows(t)
      if t:lengths() then t = t:zero_padding():without_lengths() end
      return t:reshape(-1, t:size(3)):gather(1, ids)
    end
    local inputs = core.concat({ rows((run(self, x))), rows(x) }, 2)
    local targets = rows(y)
    local centre, middle = inputs:mean(1), targets:mean(1) -- so that the constant is not held small
    local w = core.ridge(inputs - centre, targets - middle, ridge)
    self.weight_out:assign(w:transpose(1, 2))
    self.bias_out:assign(middle - centre:reshape(1, -1):matmul(w):reshape(-1))
  end)
  return self
end

--- reservoir:continue(x, steps [, state]) -> y, state
---
--- Runs free: from the inputs x (N, inputs) and the state before them, each output is the next input; y (N, steps,
--- outputs). Nothing is recorded. Errors: outputs that are not as many as inputs.
---@param x rnn.Tensor
---@param steps integer
---@param state? nn.State
---@return rnn.Tensor y
---@return nn.State state
function Reservoir:continue(x, steps, state)
  local fname = "nn.Reservoir: continue"
  need_outputs(self, "continue")
  check.tensor(fname, "argument 1 (x)", x, "float", 2)
  steps = check.int(fname, "argument 2 (steps)", steps, 1)
  if self.outputs ~= self.inputs then
    core.fail("%s: continue: %d outputs cannot be %d inputs", self:describe(), self.outputs, self.inputs)
  end
  x = x:reshape(#x, 1, -1)
  return core.no_grad(function()
    local list = {}
    for t = 1, steps do
      x, state = self:forward(x, state)
      list[t] = x
    end
    return core.concat(list, 2), state
  end)
end

function Reservoir:describe()
  return ("nn.Reservoir(%d -> %d%s)"):format(self.inputs, self.units,
    self.outputs and (" -> %d"):format(self.outputs) or "")
end

function Reservoir:config()
  return {
    class = "nn.Reservoir",
    args = { self.inputs, self.units },
    options = { outputs = self.outputs, radius = self.radius, connections = self.connections,
      input_scale = self.input_scale, bias_scale = self.bias_scale, leak = self.leak },
  }
end

return Reservoir

-- find_lr.lua: which learning rate? A few steps with rates from far too small to far too large show it.

local core = require "rnn.core"
local check = require "rnn.check"
local beside = require "rnn.beside"
local class = require "rnn.class"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local evaluate = require "rnn.train.evaluate"
local objective = require "rnn.train.objective"
local Weights = require("rnn.train.callbacks").Weights

local SMOOTH = 0.9  -- of the running mean of the loss
local DIVERGED = 4  -- times the least loss: the rates beyond would only make the picture flat

--- What rnn.find_lr gives.
---@class rnn.RateRange
---@field lr number[] the rates that were tried
---@field loss number[] the loss at each, smoothed
---@field suggestion number a tenth of the rate at which the smoothed loss was least
local Range = class("rnn.RateRange")

function Range:init()
  self.lr, self.loss = {}, {}
end

local function choose(self)
  local best = 1
  for i, loss in ipairs(self.loss) do
    if loss < self.loss[best] then best = i end
  end
  self.suggestion = self.lr[best] / 10
end

--- range:plot([options]) -> rnn.Figure
---
--- Draws the smoothed loss over the logarithm of the rate, and the suggestion. Options as plot.lines: file = "lr.svg".
---@param options? table
---@return rnn.Figure? figure
---@return string? message
---@return string? code
function Range:plot(options)
  local x, low, high = {}, math.huge, -math.huge
  for i, lr in ipairs(self.lr) do
    x[i] = math.log(lr, 10)
    low, high = math.min(low, self.loss[i]), math.max(high, self.loss[i])
  end
  local at = math.log(self.suggestion, 10)
  local all = { title = "Loss against learning rate", xlabel = "log10(lr)", ylabel = "loss" }
  for name, value in pairs(options or {}) do all[name] = value end
  return beside.plot().lines({ { x = x, y = self.loss, label = "loss, smoothed" },
    { x = { at, at }, y = { low, high }, label = ("suggestion %.2g"):format(self.suggestion) } }, all)
end

function Range.__tostring(self)
  return ("rnn.RateRange(%.2g to %.2g; suggestion %.2g)"):format(self.lr[1], self.lr[#self.lr], self.suggestion)
end

-- The steps, each with its rate. The mean is corrected for its start at 0, as in Adam.
local function try(self, model, o)
  local mean, least, i = 0, math.huge, 0
  local optimizer = o.optimizer
  while i < o.steps do
    local before = i
    for x, y, weights in o.data do
      optimizer.lr = o.from * (o.to / o.from) ^ (i / (o.steps - 1))
      optimizer:zero_grad()
      local loss = o.objective(model, x, y, weights)
      local value = loss:item()
      i = i + 1
      mean = SMOOTH * mean + (1 - SMOOTH) * value
      local smooth = mean / (1 - SMOOTH ^ i)
      if value - value ~= 0 or smooth > DIVERGED * least and i > 1 then return end
      self.lr[i], self.loss[i], least = optimizer.lr, smooth, math.min(least, smooth)
      loss:backward()
      if o.clip_norm then core.clip_grad_norm(optimizer.params, o.clip_norm) end
      optimizer:step()
      if i == o.steps then return end
    end
    if i == before then
      core.fail("rnn.find_lr: option 'data' gave no batch; an iterator must start anew for every epoch")
    end
  end
end

local OPTIONS = option.of("rnn.find_lr", {
  { "data", nil, option.any, "batches, as for rnn.fit" },
  objective.OPTIONS[1], objective.OPTIONS[2], objective.OPTIONS[3],
  { "optimizer", nil, option.any, "optim.SGD(model:parameters())" },
  { "from", 1e-6, check.positive, "the first rate" },
  { "to", 10, check.positive, "the last rate" },
  { "steps", 100, option.int(2), "rates to try" },
  { "clip_norm", nil, option.unless_false(check.positive), "clips the gradients by their common norm" },
})

--- rnn.find_lr(model, options) -> range
---
--- Trains for up to so many steps, each with a larger learning rate than the last, and stops when the loss explodes
--- (Smith 2017, "Cyclical learning rates for training neural networks"). Then model, optimiser and random numbers are
--- again as they were. range.suggestion is a tenth of the rate with the least loss; range:plot() shows all.
--- Errors: to below from, a loss that is not finite from the start.
---@param model nn.Module
---@param options rnn.find_lr.Options
---@return rnn.RateRange
return { find_lr = function(model, options)
  local fname = "rnn.find_lr"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model (nn.Module)", model) end
  local o = OPTIONS:read(options)
  o.data = evaluate.source(fname, "option 'data'", o.data)
  o.objective = objective.of(fname, model, o)
  local optimizer = o.optimizer
  if type(optimizer) ~= "table" or type(optimizer.state_dict) ~= "function" then
    check.expected(fname, "option 'optimizer'", "an optimiser, such as optim.SGD(model:parameters())", optimizer)
  end
  objective.trains(fname, optimizer, model)
  if o.to <= o.from then
    core.fail("%s: option 'to': expected a rate above 'from', got %g", fname, o.to)
  end

  local weights, state, random, training = Weights(model), optimizer:state_dict(), core.random_state(), model.training
  local number = type(o.data) == "table" and o.data.number
  local range = Range()
  core.finally(fname, function()
    weights:restore()
    optimizer:load_state_dict(state)
    optimizer:zero_grad()
    core.random_state(random)
    model:train(training)
    if number then o.data.number = number end
  end, function()
    model:train()
    try(range, model, o)
  end)
  if #range.lr == 0 then core.fail("%s: the loss is not finite from the start", fname) end
  choose(range)
  return range
end }

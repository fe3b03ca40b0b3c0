-- best.lua: the best epoch so far, and its weights.

local class = require "rnn.class"
local Better = require "rnn.optim.better"
local Weights = require "rnn.train.weights"

--- Best(fname, { monitor =, mode =, min_delta = }, keep)
---@class train.Best
---@field epoch integer the best one, 0 before the first
---@field weights? train.Weights of that epoch, when keep is true
---@overload fun(fname: string, options: table, keep: boolean): train.Best
local Best = class("train.Best")

function Best:init(fname, options, keep)
  self.better, self.keep, self.monitor = Better(fname, options), keep, options.monitor
  self:clear()
end

function Best:clear()
  self.better:clear()
  self.epoch, self.weights = 0, nil
end

--- best:see(run, logs) -> true when this epoch is the best one
function Best:see(run, logs)
  if not self.better:see(logs) then return false end
  self.epoch = run.epoch
  if self.keep then
    if self.weights then self.weights:keep() else self.weights = Weights(run.model) end
  end
  return true
end

function Best:state()
  return { epoch = self.epoch, better = self.better:state(), weights = self.weights and self.weights:state() }
end

function Best:load_state(run, saved)
  self.epoch = saved.epoch
  self.better:load_state(saved.better)
  if self.keep and saved.weights then
    self.weights = Weights(run.model)
    self.weights:load_state(saved.weights)
  end
end

return Best

-- logger.lua: the folder of a run gets event files for TensorBoard and report.html. Neither may end the run, slow it
-- noticeably, or change its numbers: what fails is said once, and the run goes on.

local core = require "rnn.core"
local class = require "rnn.class"
local Thinned = require "rnn.logs.thinned"
local environment = require "rnn.logs.environment"
local open = require "rnn.logs.open"
local report = require "rnn.logs.report"
local run_page = require "rnn.logs.run_page"

-- The page is written after an epoch when its last writing took less than this share of the time since.
local SHARE = 0.02

--- Logger(): a callback of rnn.fit with option run.
---
--- Scalars step/loss, step/lr and, with clip_norm, step/norm, thinned out as the run gets longer (logs.Thinned);
--- epoch/NAME for every figure of the history, and under Custom Scalars training and validation in one card each;
--- histograms weights/NAME and gradients/NAME after the first 16 epochs, then after every second up to 32, every fourth
--- up to 64 and so on; settings for the table that compares runs; the model as text. All are placed at the number of
--- updates. run.writer is the writer, for what other callbacks add. report.html shows the same, and run.heat_maps (see
--- rnn.logs.report), which any callback may set.
---@class train.Logger
---@overload fun(): train.Logger
local Logger = class("train.Logger")

function Logger:init()
  self.steps = Thinned { norm = math.max }
end

-- What the run was told, as { name, value } in order.
local function settings_of(run)
  local list = {}
  for name, value in pairs(run.settings) do list[#list + 1] = { name, value } end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

-- The tags of training and validation that belong into one card.
local function pairs_of(run)
  local cards = { { "loss", "epoch/loss", "epoch/val_loss" } }
  for _, name in ipairs(run.scores.names) do cards[#cards + 1] = { name, "epoch/" .. name, "epoch/val_" .. name } end
  return cards
end

-- What a method of the writer gave; a full disk is said once.
local function note(run, ok, message)
  if not ok then run:warn(("%s; the run goes on"):format(message)) end
end

function Logger:on_begin(run)
  self.idle = run.resumed and (run.ended or run.epoch >= run.epochs and not run.inside) -- it ended before
  if self.idle then return end
  self.settings = settings_of(run)
  self.environment, self.summary = environment.list(), run_page.summary(run)
  self.page_cost, self.page_at = 0, core.clock()
  local message
  self.writer, message = open(run.folder, { after = run.step })
  if not self.writer then
    note(run, false, message)
    return
  end
  run.writer = self.writer
  if run.valid then note(run, self.writer:together(pairs_of(run))) end
  local lines = {}
  for i, pair in ipairs(self.environment) do lines[i] = ("- %s: `%s`\n"):format(pair[1], pair[2]) end
  note(run, self.writer:hparams(run.settings))
  note(run, self.writer:text("run/model", "```\n" .. self.summary .. "```\n", 0))
  note(run, self.writer:text("run/environment", table.concat(lines), 0))
end

function Logger:on_step(run, step, values)
  local steps = self.steps
  if not steps:add(step, values) or not self.writer then return end
  local n = #steps.x
  for name, y in pairs(steps.y) do note(run, self.writer:scalar("step/" .. name, y[n], step)) end
end

-- Every epoch up to 16, every second up to 32, every fourth up to 64 ...
local function is_drawn(epoch)
  local stride = 1
  while epoch > 16 * stride do stride = stride * 2 end
  return epoch % stride == 0
end

local function histograms(self, run)
  for _, pair in ipairs(run.model:named_parameters()) do
    local name, p = pair[1], pair[2]
    note(run, self.writer:histogram("weights/" .. name, p, run.step))
    if p.grad then note(run, self.writer:histogram("gradients/" .. name, p.grad, run.step)) end
  end
end

function Logger:on_epoch(run, logs)
  if self.writer then
    for name, value in pairs(logs) do
      if type(value) == "number" then note(run, self.writer:scalar("epoch/" .. name, value, run.step)) end
    end
    if is_drawn(run.epoch) then histograms(self, run) end
    note(run, self.writer:flush())
  end
  if self.page_cost <= SHARE * (core.clock() - self.page_at) then self:draw(run, "running") end
end

--- logger:draw(run, status): writes report.html.
function Logger:draw(run, status)
  local begun = core.clock()
  self.status = status
  local ok, done, message = pcall(function() return report(run.folder .. "/report.html", run_page.page(run, self)) end)
  if not ok then done, message = nil, done end
  note(run, done, message)
  self.page_at = core.clock()
  self.page_cost = self.page_at - begun
end

local function finish(self, run, status)
  self:draw(run, status)
  if not self.writer then return end
  note(run, self.writer:close())
  self.writer, run.writer = nil, nil
end

function Logger:on_end(run)
  if not self.idle then finish(self, run, run.left and "left" or "finished") end
end

function Logger:on_error(run, message)
  if self.summary and not self.idle then finish(self, run, "ended by: " .. tostring(message)) end
end

function Logger:state() return self.steps:state() end

function Logger:load_state(saved, _) self.steps:load_state(saved) end

return Logger

-- progress.lua: how training is shown: a line that renews itself on a terminal, one plain line an epoch elsewhere.
-- Everything goes to standard error, so that standard output keeps the script's results.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local interruption = require "rnn.train.interruption"

local progress = {}

local REDRAW = 0.1           -- seconds
local BAR, LEAST_BAR = 20, 8 -- columns

-- { "loss 0.0123", "val_loss 0.0100", "mae 0.1000", ... }: the losses first, the rest by name; times and rates have
-- their own place.
local function values(logs)
  local names = {}
  for name in pairs(logs) do
    if name ~= "loss" and name ~= "val_loss" and name ~= "lr" and name ~= "seconds" then names[#names + 1] = name end
  end
  table.sort(names)
  if logs.val_loss then table.insert(names, 1, "val_loss") end
  table.insert(names, 1, "loss")
  for i, name in ipairs(names) do names[i] = ("%s %s"):format(name, check.figure("%.4g", logs[name])) end
  return names
end

local function duration(seconds)
  local s = math.floor(seconds + 0.5)
  if s < 3600 then return ("%d:%02d"):format(s // 60, s % 60) end
  return ("%d:%02d:%02d"):format(s // 3600, s // 60 % 60, s % 60)
end

-- "ended after 70 of 500 epochs: val_loss did not become better for 10 epochs"
local function ending(epoch, epochs, why)
  return ("ended after %d of %d epochs: %s\n"):format(epoch or 0, epochs, why)
end

local function nothing(_, _, _, _) end

local Silent = class("train.Silent")
Silent.init, Silent.step, Silent.epoch, Silent.pause, Silent.done = nothing, nothing, nothing, nothing, nothing

-- One line for every n-th epoch, and for the last.
local Lines = class("train.Lines")

function Lines:init(epochs, every)
  self.epochs, self.every = epochs, every
end

Lines.step = nothing

Lines.pause = nothing

function Lines:epoch(epoch, logs)
  self.shown = epoch
  self.last = ("epoch %d/%d  %s  %.2f s\n"):format(epoch, self.epochs, table.concat(values(logs), "  "),
    logs.seconds)
  if epoch % self.every == 0 then
    io.stderr:write(self.last)
    self.last = nil
  end
end

function Lines:done(why)
  if self.last then io.stderr:write(self.last) end
  self.last = nil
  if why then io.stderr:write(ending(self.shown, self.epochs, why)) end
end

-- The line on a terminal: epoch, share of the whole run, the figures so far, steps per second, time left at most.
local Bar = class("train.Bar")

function Bar:init(epochs, steps)
  self.epochs, self.steps = epochs, steps
  self.begun, self.drawn, self.done_steps, self.figures = interruption.now(), 0, 0, {}
end

function Bar:draw(epoch, share, now)
  self.drawn = now
  local spent = now - self.begun
  local done = (epoch - 1 + share) / self.epochs
  local left = done > 0 and duration(spent / done - spent) or "?"
  self:line(("epoch %d/%d "):format(epoch, self.epochs), done,
    ("  %.0f steps/s  %s left"):format(self.done_steps / math.max(spent, 1e-9), left))
end

-- done: the share of the bar that is full.
function Bar:line(head, done, tail)
  local room = core.terminal_width() - #head - LEAST_BAR - #tail - 1
  local figures = ""
  for _, figure in ipairs(self.figures) do -- as many as there is room for
    if #figures + 2 + #figure > room then break end
    figures = figures .. "  " .. figure
  end
  local bar = math.max(0, math.min(BAR, LEAST_BAR + room - #figures))
  local full = math.floor(done * bar + 0.5)
  io.stderr:write("\r", head, ("━"):rep(full), ("─"):rep(bar - full), figures, tail, "\27[K")
end

-- step: number of the step in its epoch; loss: mean of the epoch so far.
function Bar:step(epoch, step, loss)
  self.done_steps = self.done_steps + 1
  local now = interruption.now()
  if now - self.drawn < REDRAW then return end
  if not self.complete then self.figures[1] = "loss " .. check.figure("%.4g", loss) end
  self:draw(epoch, self.steps and math.min(step / self.steps, 1) or 0, now)
end

function Bar:epoch(epoch, logs)
  self.figures, self.complete = values(logs), true
  local now = interruption.now()
  if now - self.drawn >= REDRAW then self:draw(epoch, 1, now) end
  self.last = epoch
end

-- The line stays, and the next is free.
function Bar:pause()
  if self.last then self:draw(self.last, 1, interruption.now()) end
  io.stderr:write("\n")
end

-- The last line. When training ended before its last epoch the bar is full all the same, and why is said.
function Bar:done(why)
  if not why then return self:pause() end
  if self.last then
    self:line(("epoch %d/%d "):format(self.last, self.epochs), 1, "  " .. duration(interruption.now() - self.begun))
  end
  io.stderr:write("\n", ending(self.last, self.epochs, why))
end

--- progress.new(fname, mode, epochs, steps) -> object with step(epoch, step, loss), epoch(epoch, logs), pause() before
--- something else is written, done(why), where why is nil after the last of all epochs
---
--- mode: nil or true a bar on a terminal and lines elsewhere, "terminal" a bar on a terminal and nothing elsewhere, a
--- number n a line for every n-th epoch, false nothing. steps: batches in an epoch, when known.
---@param fname string
---@param mode nil|boolean|integer|"terminal"
---@param epochs integer
---@param steps? integer
function progress.new(fname, mode, epochs, steps)
  if mode == false then return Silent() end
  if type(mode) == "number" then return Lines(epochs, check.int(fname, "option 'progress'", mode, 1)) end
  if mode ~= nil and mode ~= true and mode ~= "terminal" then
    check.expected(fname, "option 'progress'", "true, false, 'terminal' or a number of epochs", mode)
  end
  if core.isatty(2) then return Bar(epochs, steps) end
  return mode == "terminal" and Silent() or Lines(epochs, 1)
end

return progress

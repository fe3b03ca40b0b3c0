-- progress.lua: how training is shown: a line that renews itself on a terminal, one plain line an epoch elsewhere, and
-- at the end what came out. Everything goes to standard error, so that standard output keeps the script's results.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local interruption = require "rnn.train.interruption"
local terminal = require "rnn.terminal"

local progress = {}

local REDRAW = 0.1           -- seconds
local BAR, LEAST_BAR = 20, 8 -- columns
local STANDSTILL, STANDSTILL_STEPS = 2, 20 -- a step of so many seconds and mean steps was none: the program was stopped

local HIDDEN = { lr = true, seconds = true } -- times and rates have their own place

local function text_width(text) return utf8.len(text) or #text end

local function figure(name, value) return ("%s %s"):format(name, check.figure("%.4g", value)) end

-- The names in logs: loss and val_loss first, then the others by name.
local function names_of(logs)
  local names = {}
  for name in pairs(logs) do
    if name ~= "loss" and name ~= "val_loss" and not HIDDEN[name] then names[#names + 1] = name end
  end
  table.sort(names)
  if logs.val_loss then table.insert(names, 1, "val_loss") end
  table.insert(names, 1, "loss")
  return names
end

local function values(logs)
  local figures = {}
  for i, name in ipairs(names_of(logs)) do figures[i] = figure(name, logs[name]) end
  return figures
end

-- Those of validation first: where there is little room they are what counts.
local function values_by_weight(logs)
  local figures, names = {}, names_of(logs)
  for _, of_validation in ipairs { true, false } do
    for _, name in ipairs(names) do
      if (name:find "^val_" ~= nil) == of_validation then figures[#figures + 1] = figure(name, logs[name]) end
    end
  end
  return figures
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

-- "3 epochs in 0:02; best epoch 2: val_loss 0.01; report: runs/a/report.html"
local function result(history, monitor, report)
  local seconds, epochs = 0, #history
  if epochs == 0 then return "" end
  for e = 1, epochs do
    local spent = history.seconds[e]
    if spent == spent then seconds = seconds + spent end -- nan: not known
  end
  local parts = { ("%d epoch%s in %s"):format(epochs, epochs == 1 and "" or "s", duration(seconds)) }
  local best = history.best
  if best and best[monitor] then
    parts[2] = ("best epoch %d: %s"):format(best.epoch, figure(monitor, best[monitor]))
  end
  if report then parts[#parts + 1] = "report: " .. report end
  return table.concat(parts, "; ") .. "\n"
end

local function nothing(_, _, _, _) end

local Silent = class("train.Silent")
Silent.init, Silent.step, Silent.epoch, Silent.pause, Silent.done, Silent.resume = nothing, nothing, nothing, nothing,
  nothing, nothing

-- One line for every n-th epoch and for the last, or for every improvement; the best one so far is marked.
local Lines = class("train.Lines")

-- every: n, or "best"; better: the Better that says which epoch is.
function Lines:init(epochs, every, better)
  self.epochs, self.every, self.better = epochs, every, better
end

Lines.step = nothing

Lines.pause = nothing

-- Is it the best so far? Not of a figure that a callback adds later.
function Lines:is_best(logs) return logs[self.better.monitor] ~= nil and self.better:see(logs) end

-- After a checkpoint: what was best before.
function Lines:resume(history)
  for e = 1, #history do self:is_best(history:epoch(e)) end
end

-- The line of an epoch, and whether it is to be shown.
function Lines:line(epoch, logs)
  local best = self:is_best(logs)
  local line = ("epoch %d/%d  %s  %.2f s%s\n"):format(epoch, self.epochs, table.concat(values(logs), "  "),
    logs.seconds, best and "  best" or "")
  if self.every == "best" then return line, best end
  return line, epoch % self.every == 0
end

function Lines:epoch(epoch, logs)
  self.shown = epoch
  local line, wanted = self:line(epoch, logs)
  self.last = not wanted and self.every ~= "best" and line or nil
  if wanted then io.stderr:write(terminal.plain(line, 2)) end
end

function Lines:done(why, history, report)
  if self.last then io.stderr:write(terminal.plain(self.last, 2)) end
  self.last = nil
  if why then io.stderr:write(ending(self.shown, self.epochs, why)) end
  if history then io.stderr:write(terminal.plain(result(history, self.better.monitor, report), 2)) end
end

-- The line on a terminal: epoch, share of the whole run, the figures so far, steps per second, time left at most.
local Bar = class("train.Bar")

-- lines: those that stay above, or nil.
function Bar:init(epochs, steps, better, lines)
  self.epochs, self.steps, self.better, self.lines = epochs, steps, better, lines
  self.begun, self.drawn, self.done_steps, self.figures, self.before = interruption.now(), 0, 0, {}, 0
  self.full, self.empty = "━", "─"
  if not terminal.unicode(2) then self.full, self.empty = "#", "-" end
  self.color = terminal.color(2) ~= false
end

-- The epochs of an earlier process took none of this one's time.
function Bar:resume(history)
  self.before = #history
  if self.lines then self.lines:resume(history) end
end

function Bar:draw(epoch, share, now)
  self.drawn = now
  local spent = now - self.begun
  local done = epoch - 1 + share
  local made = done - self.before
  local left = made > 0 and duration(spent / made * (self.epochs - done)) or "?"
  self:line(("epoch %d/%d "):format(epoch, self.epochs), done / self.epochs,
    ("  %.0f steps/s  %s left"):format(self.done_steps / math.max(spent, 1e-9), left))
end

-- done: the share of the bar that is full. Never longer than the terminal is wide, or it could not be drawn over: the
-- figures give way, then the bar, then the tail.
function Bar:line(head, done, tail)
  local width = core.terminal_width(2) - 1
  head = head:sub(1, width)
  if #head + #tail > width then tail = "" end
  local room = width - #head - LEAST_BAR - #tail
  local figures, used = "", 0
  for _, text in ipairs(self.figures) do -- as many as there is room for
    if used + 2 + text_width(text) > room then break end
    figures, used = figures .. "  " .. text, used + 2 + text_width(text)
  end
  local bar = math.max(0, math.min(BAR, LEAST_BAR + room - used))
  local full = math.floor(done * bar + 0.5)
  local filled, rest = self.full:rep(full), self.empty:rep(bar - full)
  if self.color and bar > 0 then filled, rest = "\27[36m" .. filled, "\27[39;2m" .. rest .. "\27[0m" end
  io.stderr:write("\r", head, filled, rest, terminal.plain(figures, 2), tail, "\27[K")
end

-- A step that takes far longer than others was interrupted, by Ctrl-Z or as the machine slept; it does not count.
function Bar:notice_standstill(epoch, now)
  local last = self.last_step
  if last and self.last_epoch == epoch and self.done_steps > 0 then
    local gap, mean = now - last, (last - self.begun) / self.done_steps
    if gap > STANDSTILL and gap > STANDSTILL_STEPS * mean then self.begun = self.begun + gap - mean end
  end
  self.last_step, self.last_epoch = now, epoch
end

-- step: number of the step in its epoch; loss: mean of the epoch so far.
function Bar:step(epoch, step, loss)
  local now = interruption.now()
  self:notice_standstill(epoch, now)
  self.done_steps = self.done_steps + 1
  if now - self.drawn < REDRAW then return end
  if not self.complete then self.figures[1] = figure("loss", loss) end
  self:draw(epoch, self.steps and math.min(step / self.steps, 1) or 0, now)
end

function Bar:epoch(epoch, logs)
  self.figures, self.complete = values_by_weight(logs), true
  local now = interruption.now()
  if self.lines then
    local line, wanted = self.lines:line(epoch, logs)
    if wanted then
      io.stderr:write("\r\27[K", terminal.plain(line, 2))
      self.drawn = 0
    end
  end
  if now - self.drawn >= REDRAW then self:draw(epoch, 1, now) end
  self.last = epoch
end

-- The line stays, and the next is free.
function Bar:pause()
  if self.last then self:draw(self.last, 1, interruption.now()) end
  io.stderr:write("\n")
end

-- The last line: the bar is full, however training ended, and below is why and what came out.
function Bar:done(why, history, report)
  if not history then
    io.stderr:write "\n" -- the line stays
    return
  end
  if self.last then
    self:line(("epoch %d/%d "):format(self.last, self.epochs), 1, "  " .. duration(interruption.now() - self.begun))
    io.stderr:write "\n"
  end
  if why then io.stderr:write(ending(self.last, self.epochs, why)) end
  io.stderr:write(terminal.plain(result(history, self.better.monitor, report), 2))
end

--- progress.new(fname, mode, epochs, steps, better) -> object with step(epoch, step, loss), epoch(epoch, logs),
--- resume(history) after a checkpoint, pause() before something else is written, done(why, history, report), where why
--- is nil after the last of all epochs, history nil when an error ends it, and report the path of a page or nil
---
--- mode: nil or true a bar on a terminal and lines elsewhere, "terminal" a bar on a terminal and nothing elsewhere, a
--- number n a line for every n-th epoch, "best" one for every improvement, both above a bar on a terminal; false
--- nothing. A terminal that cannot go back in its line counts as none. steps: batches in an epoch, when known. better:
--- a Better (optim/better.lua) of its own.
---@param fname string
---@param mode nil|boolean|integer|"terminal"|"best"
---@param epochs integer
---@param steps? integer
---@param better better.Better
function progress.new(fname, mode, epochs, steps, better)
  if mode == false then return Silent() end
  local every = nil
  if mode == "best" then
    every = "best"
  elseif type(mode) == "number" then
    every = check.int(fname, "option 'progress'", mode, 1)
  elseif mode ~= nil and mode ~= true and mode ~= "terminal" then
    check.expected(fname, "option 'progress'", "true, false, 'terminal', 'best' or a number of epochs", mode)
  end
  if terminal.moves(2) then return Bar(epochs, steps, better, every and Lines(epochs, every, better)) end
  return mode == "terminal" and Silent() or Lines(epochs, every or 1, better)
end

return progress

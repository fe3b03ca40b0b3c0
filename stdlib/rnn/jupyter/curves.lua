-- curves.lua: training in a notebook: instead of a line for each epoch, curves that renew themselves.

local class = require "rnn.class"
local core = require "rnn.core"
local plot = require "rnn.plot"
local progress = require "rnn.train.progress"
local terminal = require "rnn.terminal"

local REDRAW = 0.5 -- seconds
local MOST = 6     -- curves

-- What progress.lua's objects are, on top of one of them, which says at the end what came out.
local Curves = class("jupyter.Curves")

local runs = 0

function Curves:init(show, lines, epochs)
  runs = runs + 1
  self.show, self.lines, self.epochs, self.id = show, lines, epochs, ("rnn.fit %d"):format(runs)
  self.values, self.names, self.at, self.drawn = {}, {}, {}, 0
end

function Curves:add(epoch, logs)
  for name, value in pairs(logs) do
    if name:find "loss$" and not self.values[name] and #self.names < MOST then
      self.names[#self.names + 1] = name
      self.values[name] = {}
    end
    if self.values[name] then self.values[name][#self.at + 1] = value end
  end
  self.at[#self.at + 1] = epoch
  table.sort(self.names)
end

function Curves:draw(last)
  local lines, title = {}, { ("epoch %d of %d"):format(self.at[#self.at], self.epochs) }
  for i, name in ipairs(self.names) do
    local y = {}
    for k = 1, #self.at do y[k] = self.values[name][k] or 0 / 0 end
    lines[i] = { x = self.at, y = y, label = name }
    title[#title + 1] = ("%s %.4g"):format(name, y[#y])
  end
  self.drawn = core.clock()
  local display = terminal.display
  terminal.display = function(figure) self.show(figure, self.id, not last) end
  local ok, message = pcall(plot.lines, lines, { title = table.concat(title, "  "), xlabel = "epoch", width = 640,
    height = 300 })
  terminal.display = display
  if not ok then error(message, 0) end
end

local function nothing(_, _, _, _) end
Curves.step, Curves.pause = nothing, nothing

function Curves:resume(history)
  for e = 1, #history do self:add(e, history:epoch(e)) end
end

function Curves:epoch(epoch, logs)
  self:add(epoch, logs)
  if core.clock() - self.drawn >= REDRAW then self:draw(false) end
end

function Curves:done(why, history, report)
  if #self.at > 0 then self:draw(true) end
  self.lines:done(why, history, report)
end

--- curves(show): from now on rnn.fit draws, by show(figure, id, quick), where it would write a line for each epoch.
---@param show function
return function(show)
  local new = progress.new
  function progress.new(fname, mode, epochs, steps, better)
    local lines = new(fname, mode, epochs, steps, better)
    return (mode == nil or mode == true) and Curves(show, lines, epochs) or lines
  end
end

-- line_file.lua: a text file of a run, one line after the other, which a checkpoint can cut back to where it was.
--
-- A place in it is a number of lines: how many bytes they take depends on the times in them.
--
-- Lines wait up to a second and go to the disk together. What a full disk refuses waits longer: nothing is lost while
-- the run goes on, for lines that wait are part of the checkpoint.

local core = require "rnn.core"
local class = require "rnn.class"

local PATIENCE = 1 -- seconds

---@class train.LineFile
---@overload fun(path: string): train.LineFile
local LineFile = class("train.LineFile")

function LineFile:init(path)
  self.path, self.waiting = path, {}
end

--- file:begin(run): starts a new file; a run that is resumed keeps the old one, for load_state.
function LineFile:begin(run)
  self.run, self.lines, self.waiting, self.flushed = run, 0, {}, core.clock()
  if not run.resumed then self:cut(0) end
end

-- How many bytes the first lines take; how many lines those are; a message when there are not so many.
local function measure(path, lines)
  if lines == 0 then return 0, 0 end
  local file, message = io.open(path, "rb")
  if not file then return 0, 0, message end
  local size = 0
  for i = 1, lines do
    local line = file:read "L"
    if not line then
      file:close()
      return size, i - 1, ("%s: expected %d lines or more, got %d"):format(path, lines, i - 1)
    end
    size = size + #line
  end
  file:close()
  return size, lines
end

-- The first lines stay.
function LineFile:cut(lines)
  local size, there, message = measure(self.path, lines)
  if not message then message = select(2, core.file_truncate(self.path, size)) end
  if message then self.run:warn(("%s; the run goes on"):format(message)) end
  self.lines = there
end

function LineFile:add(line)
  self.waiting[#self.waiting + 1] = line .. "\n"
  if core.clock() - self.flushed > PATIENCE then self:flush() end
end

--- file:flush(): everything is on the disk, or there is a warning.
function LineFile:flush()
  self.flushed = core.clock()
  if #self.waiting == 0 then return end
  local size, message = core.file_append(self.path, table.concat(self.waiting))
  if size then
    self.lines, self.waiting = self.lines + #self.waiting, {}
  else
    self.run:warn(("%s; the run goes on and tries again"):format(message))
  end
end

function LineFile:state()
  self:flush()
  return { lines = self.lines, waiting = self.waiting }
end

-- Version 0.1 kept the size.
local function lines_of(path, size)
  local file = io.open(path, "rb")
  if not file then return 0 end
  local _, lines = (file:read(size) or ""):gsub("\n", "")
  file:close()
  return lines
end

function LineFile:load_state(saved)
  self:cut(saved.lines or lines_of(self.path, saved.size))
  for i, line in ipairs(saved.waiting) do self.waiting[i] = line end
end

return LineFile

-- line_file.lua: a text file of a run, one line after the other, which a checkpoint can cut back to where it was.
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
  self.run, self.size, self.waiting, self.flushed = run, 0, {}, core.clock()
  if not run.resumed then self:cut(0) end
end

function LineFile:cut(size)
  local done, message = core.file_truncate(self.path, size)
  if not done then self.run:warn(("%s; the run goes on"):format(message)) end
  self.size = size
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
    self.size, self.waiting = size, {}
  else
    self.run:warn(("%s; the run goes on and tries again"):format(message))
  end
end

function LineFile:state()
  self:flush()
  return { size = self.size, waiting = self.waiting }
end

function LineFile:load_state(saved)
  self:cut(saved.size)
  for i, line in ipairs(saved.waiting) do self.waiting[i] = line end
end

return LineFile

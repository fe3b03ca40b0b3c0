-- records.lua: lines that a run leaves for people to read: a CSV file, metrics.jsonl.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local plain_json = require "rnn.plain_json"
local identity = require "rnn.record"

local records = {}

-- ---- files of lines ----

-- A text file of a run, one line after the other, which a checkpoint can cut back to where it was.
--
-- A place in it is a number of lines: how many bytes they take depends on the times in them.
--
-- Lines wait up to a second and go to the disk together. What a full disk refuses waits longer: nothing is lost while
-- the run goes on, for lines that wait are part of the checkpoint.

local PATIENCE = 1 -- seconds

--- LineFile(path): a callback that lets a derived one add lines.
---@class train.LineFile
---@overload fun(path: string): train.LineFile
local LineFile = class("train.LineFile")

function LineFile:init(path)
  self.path, self.waiting = path, {}
end

-- Starts a new file; a run that is resumed keeps the old one, for load_state.
function LineFile:on_begin(run)
  check.run(self.__name .. ":on_begin", run)
  self.run, self.lines, self.waiting, self.flushed = run, 0, {}, core.clock()
  if not run.resumed then self:_cut(0) end
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
function LineFile:_cut(lines)
  local size, there, message = measure(self.path, lines)
  if not message then message = select(2, core.file_truncate(self.path, size)) end
  if message then self.run:warn(("%s; the run goes on"):format(message)) end
  self.lines = there
end

function LineFile:_add(line)
  self.waiting[#self.waiting + 1] = line .. "\n"
  if core.clock() - self.flushed > PATIENCE then self:on_end() end
end

-- Everything is on the disk, or there is a warning.
function LineFile:on_end(_, _)
  self.flushed = core.clock()
  if #self.waiting == 0 then return end
  local size, message = core.file_append(self.path, table.concat(self.waiting))
  if size then
    self.lines, self.waiting = self.lines + #self.waiting, {}
  else
    self.run:warn(("%s; the run goes on and tries again"):format(message))
  end
end

LineFile.on_error = LineFile.on_end

function LineFile:state()
  self:on_end()
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

function LineFile:load_state(saved, _)
  self:_cut(saved.lines or lines_of(self.path, saved.size))
  for i, line in ipairs(saved.waiting) do self.waiting[i] = line end
end

--- rnn.CSVLog(path)
---
--- A callback that writes one row for each epoch: epoch, then the values of the history in the order of their names. A
--- file that was there is replaced, unless the run goes on from a checkpoint.
---@class rnn.CSVLog
---@overload fun(path: string): rnn.CSVLog
local CSVLog = class("rnn.CSVLog", LineFile)

function CSVLog:init(path)
  LineFile.init(self, check.string("rnn.CSVLog", "argument 1 (path)", path))
end

function CSVLog:on_begin(run)
  self.columns = nil
  LineFile.on_begin(self, run)
end

function CSVLog:on_epoch(run, logs)
  check.run("rnn.CSVLog:on_epoch", run)
  if not self.columns then
    self.columns = {}
    for name in pairs(logs) do self.columns[#self.columns + 1] = name end
    table.sort(self.columns)
    self:_add("epoch," .. table.concat(self.columns, ","))
  end
  local cells = { run.epoch }
  for _, name in ipairs(self.columns) do cells[#cells + 1] = check.figure("%.9g", logs[name]) end
  self:_add(table.concat(cells, ","))
end

function CSVLog:state()
  return { columns = self.columns, file = LineFile.state(self) }
end

function CSVLog:load_state(saved, _)
  self.columns = saved.columns
  LineFile.load_state(self, saved.file)
end

records.CSVLog = CSVLog

-- Metrics.jsonl in the folder of a run: one JSON object a line, for every epoch
-- {"epoch":3,"step":120,"loss":...,"val_loss":...,"lr":...,"seconds":...,"weights":"SHA-256"}, and for every
-- log_every-th step
-- {"step":50,"epoch":2,"loss":...,"lr":...}, loss being that of the step's batch.

---@class train.MetricsLog
local MetricsLog = class("train.MetricsLog", LineFile)

function MetricsLog:init(path, every)
  LineFile.init(self, path)
  self.every = every
end

function MetricsLog:on_step(run, step, values)
  if step % self.every ~= 0 then return end
  local record = { step = step, epoch = run.epoch }
  for name, value in pairs(values) do record[name] = value end
  self:_add(plain_json(record))
end

function MetricsLog:on_epoch(run, logs)
  local record = { step = run.step, epoch = run.epoch, weights = identity.weights(run.model) }
  for name, value in pairs(logs) do record[name] = value end
  self:_add(plain_json(record))
end

records.MetricsLog = MetricsLog

return records

-- csv_log.lua: the history as a CSV file that grows with it.

local class = require "rnn.class"
local check = require "rnn.check"
local LineFile = require "rnn.train.line_file"

--- rnn.CSVLog(path)
---
--- A callback that writes one row for each epoch: epoch, then the values of the history in the order of their names. A
--- file that was there is replaced, unless the run goes on from a checkpoint.
---@class rnn.CSVLog
---@overload fun(path: string): rnn.CSVLog
local CSVLog = class("rnn.CSVLog")

function CSVLog:init(path)
  self.file = LineFile(check.string("rnn.CSVLog", "argument 1 (path)", path))
end

function CSVLog:on_begin(run)
  check.run("rnn.CSVLog:on_begin", run)
  self.columns = nil
  self.file:begin(run)
end

function CSVLog:on_epoch(run, logs)
  check.run("rnn.CSVLog:on_epoch", run)
  if not self.columns then
    self.columns = {}
    for name in pairs(logs) do self.columns[#self.columns + 1] = name end
    table.sort(self.columns)
    self.file:add("epoch," .. table.concat(self.columns, ","))
  end
  local cells = { run.epoch }
  for _, name in ipairs(self.columns) do cells[#cells + 1] = check.figure("%.9g", logs[name]) end
  self.file:add(table.concat(cells, ","))
end

function CSVLog:on_end(_)
  self.file:flush()
end

CSVLog.on_error = CSVLog.on_end

function CSVLog:state()
  return { columns = self.columns, file = self.file:state() }
end

function CSVLog:load_state(saved, _)
  self.columns = saved.columns
  self.file:load_state(saved.file)
end

return { CSVLog = CSVLog }

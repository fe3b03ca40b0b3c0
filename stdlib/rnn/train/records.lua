-- records.lua: what a run leaves for people to read: CSV and JSON lines, event files, report.html.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local environment = require "rnn.logs.environment"
local open = require "rnn.logs.open"
local report = require "rnn.logs.report"
local run_page = require "rnn.logs.run_page"
local Thinned = require "rnn.logs.thinned"
local Run = require "rnn.train.run"

local records = {}

-- ---- files of lines ----

-- A text file of a run, one line after the other, which a checkpoint can cut back to where it was.
--
-- A place in it is a number of lines: how many bytes they take depends on the times in them.
--
-- Lines wait up to a second and go to the disk together. What a full disk refuses waits longer: nothing is lost while
-- the run goes on, for lines that wait are part of the checkpoint.

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
  Run.check("rnn.CSVLog:on_begin", run)
  self.columns = nil
  self.file:begin(run)
end

function CSVLog:on_epoch(run, logs)
  Run.check("rnn.CSVLog:on_epoch", run)
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

records.CSVLog = CSVLog

-- Metrics.jsonl in the folder of a run: one JSON object a line, for every epoch
-- {"epoch":3,"step":120,"loss":...,"val_loss":...,"lr":...,"seconds":...}, and for every log_every-th step
-- {"step":50,"epoch":2,"loss":...,"lr":...}, loss being that of the step's batch.

---@class train.MetricsLog
local MetricsLog = class("train.MetricsLog")

function MetricsLog:init(path, every)
  self.file, self.every = LineFile(path), every
end

function MetricsLog:on_begin(run)
  self.file:begin(run)
end

function MetricsLog:on_step(run, step, values)
  if step % self.every ~= 0 then return end
  local record = { step = step, epoch = run.epoch }
  for name, value in pairs(values) do record[name] = value end
  self.file:add(Run.json(record))
end

function MetricsLog:on_epoch(run, logs)
  local record = { step = run.step, epoch = run.epoch }
  for name, value in pairs(logs) do record[name] = value end
  self.file:add(Run.json(record))
end

function MetricsLog:on_end(_, _)
  self.file:flush()
end

MetricsLog.on_error = MetricsLog.on_end

function MetricsLog:state()
  return self.file:state()
end

function MetricsLog:load_state(saved, _)
  self.file:load_state(saved)
end

records.MetricsLog = MetricsLog

-- ---- TensorBoard and report.html ----

-- The folder of a run gets event files for TensorBoard and report.html. Neither may end the run, slow it
-- noticeably, or change its numbers: what fails is said once, and the run goes on.

-- The page is written after an epoch when its last writing took less than this share of the time since.
local SHARE = 0.02

--- Logger(): a callback of rnn.fit with option run.
---
--- Scalars step/loss, step/lr and, with clip_norm, step/norm, thinned out as the run gets longer (logs.Thinned);
--- epoch/NAME for every figure of the history; histograms weights/NAME and gradients/NAME after the first 16 epochs,
--- then after every second up to 32, every fourth up to 64 and so on; settings for the table that compares runs; the
--- model as text. All are placed at the number of updates. report.html shows the same, and run.heat_maps (see
--- rnn.logs.report), which any callback may set.
---@class train.Logger
---@overload fun(): train.Logger
local Logger = class("train.Logger")

function Logger:init()
  self.steps = Thinned { norm = math.max }
end

-- What the run was told, as { name, value } and by name.
local function settings_of(run)
  local values = { loss = type(run.options.loss) == "string" and run.options.loss or "function", epochs = run.epochs,
    parameters = run_page.parameters(run.model), seed = core.random_state().seed,
    optimizer = run.optimizer.kind or "function" }
  for name, value in pairs(run.given or {}) do values[name] = value end
  for _, name in ipairs { "clip_norm", "clip_value", "accumulate", "average", "tbptt" } do
    if type(run.options[name]) == "number" then values[name] = run.options[name] end
  end
  if type(run.data) == "table" and math.type(run.data.size) == "integer" then values.batch = run.data.size end
  local list = {}
  for name, value in pairs(values) do
    local kind = type(value)
    if kind == "number" or kind == "string" or kind == "boolean" then list[#list + 1] = { name, value }
    else values[name] = nil end
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list, values
end

-- What a method of the writer gave; a full disk is said once.
local function note(run, ok, message)
  if not ok then run:warn(("%s; the run goes on"):format(message)) end
end

function Logger:on_begin(run)
  self.idle = run.resumed and (run.ended or run.epoch >= run.epochs and not run.inside) -- it ended before
  if self.idle then return end
  self.settings, self.values = settings_of(run)
  self.environment, self.summary = environment.list(), run_page.summary(run)
  self.page_cost, self.page_at = 0, core.clock()
  local message
  self.writer, message = open(run.folder, { after = run.step })
  if not self.writer then
    note(run, false, message)
    return
  end
  local lines = {}
  for i, pair in ipairs(self.environment) do lines[i] = ("- %s: `%s`\n"):format(pair[1], pair[2]) end
  note(run, self.writer:hparams(self.values))
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
  self.writer = nil
end

function Logger:on_end(run)
  if not self.idle then finish(self, run, run.left and "left" or "finished") end
end

function Logger:on_error(run, message)
  if self.summary and not self.idle then finish(self, run, "ended by: " .. tostring(message)) end
end

function Logger:state() return self.steps:state() end

function Logger:load_state(saved, _) self.steps:load_state(saved) end

records.Logger = Logger

return records

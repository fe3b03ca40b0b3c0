-- queue.lua: the trainings of a sweep, each a process of its own, so many at a time. What comes of one depends on
-- nothing but its settings and its seed: not on the others, not on how many run beside it or on which machine, and not
-- on whether the sweep was stopped or killed and begun again, for a training goes on in its folder. Several processes
-- may work on the trainings of one folder: each is claimed by a lock beside its folder.

local core = require "rnn.core"
local child = require "rnn.child"
local signals = require "rnn.signals"
local terminal = require "rnn.terminal"

local TIMES <const> = 3 -- one that something kills is begun again so often in all
local NOT_STARTED <const> = 127 -- exit code (child.c)
local LAST <const> = 2000 -- bytes of a log in which its last line is looked for

local queue = {}

-- ---- what a training leaves ----

-- The file of a job as a table, which has values: rung -> figure.
local function read(job)
  local text = core.file_read(job.path .. ".json")
  local file = text and core.json_decode(text)
  if type(file) ~= "table" then file = {} end
  if type(file.values) ~= "table" then file.values = {} end
  return file
end

local function to_figure(value)
  return type(value) == "number" and value or value == "inf" and math.huge or value == "-inf" and -math.huge or 0 / 0
end

--- queue.result(job, rung) -> figure (nan where the training failed), epochs, why it failed | nil when it is to be done
---@param job table
---@param rung integer
function queue.result(job, rung)
  local file = read(job)
  if type(file.failed) == "string" then return 0 / 0, file.epochs, file.failed end
  local value = file.values[tostring(rung)]
  if value ~= nil then return to_figure(value), file.epochs end
end

-- The last line that a training wrote which is no place in a traceback.
local function last_words(job)
  local text = (core.file_read(job.path .. ".log") or ""):sub(-LAST):gsub("\27%[[%d;]*%a", "")
  local found
  for line in text:gmatch "[^\r\n]+" do
    if line:find "^stack traceback" then break end
    if not line:find "^%s" then found = line end
  end
  return found or "it wrote nothing"
end

local function give_up(job, message)
  local file = read(job)
  file.failed, file.seen = message, nil
  assert(core.file_write(job.path .. ".json", core.json_encode(file, { sort = true }) .. "\n"))
end

-- ---- what is shown ----

local function duration(seconds)
  local s = math.ceil(seconds)
  if s < 60 then return ("%d s"):format(s) end
  if s < 3600 then return ("%d min %02d s"):format(s // 60, s % 60) end
  return ("%d h %02d min"):format(s // 3600, s // 60 % 60)
end

local Show = {}
Show.__index = Show

local function line_of(self)
  local left = ""
  if self.spent > 0 and self.open > 0 then
    left = (", about %s left"):format(duration(self.spent / self.weight * self.open / math.max(1, self.jobs)))
  end
  return ("%s%d of %d trainings%s"):format(self.head, self.done, self.all, left)
end

function Show:draw()
  if not self.moves then return end
  local text = line_of(self)
  io.stderr:write("\r\27[K", text:sub(1, core.terminal_width(2) - 1)):flush()
end

function Show:say(text)
  if self.quiet then return end
  if self.moves then io.stderr:write "\r\27[K" end
  io.stderr:write(text, "\n"):flush()
  self:draw()
end

function Show:ended(job, figure, failed)
  self.done, self.open = self.done + 1, self.open - job.weight
  local what = failed and "failed: " .. failed or ("%.6g"):format(figure)
  if self.moves and not failed then return self:draw() end
  self:say(("trial %d, seed %d: %s (%s)"):format(job.trial, job.seed, what, line_of(self)))
end

-- ---- memory ----

-- Bytes that programs may still have, or nil.
local function available()
  local text = core.file_read "/proc/meminfo"
  local kilobytes = text and text:match "MemAvailable:%s*(%d+)"
  return kilobytes and tonumber(kilobytes) * 1024
end

local ROOM <const> = 0.9 -- of it

-- As many at a time as fit into memory, by what one has taken at most; said when they are fewer.
local function fitting(settings, show, count, taken)
  local free = available()
  if not free or taken <= 0 then return settings.jobs end
  local jobs = math.max(1, math.min(settings.jobs, count + math.floor(ROOM * free / taken)))
  if jobs < settings.jobs and not settings.said then
    settings.said = true
    show:say(("a training takes %.1f GB: %d at a time fit into memory"):format(taken / 1e9, jobs))
  end
  return jobs
end

-- ---- running ----

--- queue.lock(path) -> lock, or nil: another process has it, or, with a message, nobody can
---@param path string
---@return userdata?
---@return string? message
function queue.lock(path)
  local lock, message = core.file_lock(path)
  if message and message:find "another process holds it$" then message = nil end
  return lock, message
end

-- The folder of a job is there, it is ours, and nobody of an earlier, killed sweep is still at it.
local function claim(job)
  assert(core.make_folder(job.path))
  local message, lock
  job.claim, message = queue.lock(job.path .. ".claim")
  if job.claim then lock, message = queue.lock(job.path .. ".lock") end
  if message then core.fail("rnnlua sweep: %s", message) end
  if lock then lock:close()
  elseif job.claim then job.claim:close() end
  return lock ~= nil
end

local function start(job, settings)
  local words = { log = job.path .. ".log", trial = core.json_encode(settings.trial(job)) }
  for i, word in ipairs(settings.words(job)) do words[i] = word end
  local number, message = child.start(words)
  if not number then return nil, message end
  job.begun = core.clock()
  return number
end

-- One has ended: true, or nil and why the sweep cannot go on; false when it is to be begun again.
local function ended(job, settings, code, signal)
  local figure, _, failed = queue.result(job, settings.rung)
  if code == NOT_STARTED then return nil, "the program cannot be started: has it been replaced?" end
  if code and code > 128 then code, signal = nil, code - 128 end
  if figure and (code == 0 or failed) then return true end
  if code == 0 then
    local seen = read(job).seen or {}
    return nil, ("the script ended and there was no figure '%s'; there were: %s"):format(settings.figure,
      seen[1] and table.concat(seen, ", ") or "none")
  end
  if signal then
    job.times = (job.times or 0) + 1
    if job.times < TIMES then return false end
  end
  give_up(job, signal and ("signal %d ended it"):format(signal) or last_words(job))
  return true
end

local function stop_all(running)
  for number in pairs(running) do child.stop(number) end
  while next(running) do
    local number = child.wait(0.5)
    if number then running[number] = nil end
  end
end

--- queue.run(jobs, settings) -> true | nil, message
---
--- Runs those that have no result yet, in their order. A job has path, trial, seed and weight, its share of the work;
--- settings: jobs (how many at a time), rung, figure, head (what stands before the progress), quiet (no progress),
--- words(job) and trial(job), what the process gets. What other processes have claimed is waited for. A signal stops
--- them all when they have saved; the message is nil then.
---@param jobs table[]
---@param settings table
---@return true?
---@return string? message
function queue.run(jobs, settings)
  local waiting, running, count, most, taken = {}, {}, 0, settings.jobs, 0
  local show = setmetatable({ head = settings.head, all = #jobs, done = 0, open = 0, weight = 0, spent = 0,
    jobs = settings.jobs, quiet = settings.quiet, moves = not settings.quiet and terminal.moves(2) }, Show)
  for _, job in ipairs(jobs) do
    if queue.result(job, settings.rung) then show.done = show.done + 1
    else waiting[#waiting + 1], show.open = job, show.open + job.weight end
  end
  if #waiting == 0 then return true end
  if show.done > 0 then show:say(("%s%d of %d trainings are done already"):format(show.head, show.done, show.all)) end
  local message
  while next(running) or waiting[1] do
    local at = 1
    while waiting[at] and count < most and not message do
      local job = waiting[at]
      local ours = claim(job)
      local figure, _, failed = queue.result(job, settings.rung)
      if figure then -- another process has it done
        if ours then job.claim:close() end
        table.remove(waiting, at)
        show:ended(job, figure, failed)
      elseif ours then
        table.remove(waiting, at)
        local number
        number, message = start(job, settings)
        if number then running[number], count = job, count + 1 end
      else
        at = at + 1
      end
    end
    show:draw()
    local number, code, signal, bytes = child.wait(0.2)
    if signals.held() or message then
      stop_all(running)
      if show.moves then io.stderr:write "\r\27[K" end
      return nil, message
    end
    local job = number and running[number]
    if job then
      running[number], count, taken = nil, count - 1, math.max(taken, bytes)
      job.claim:close()
      most = fitting(settings, show, count, taken)
      local done
      done, message = ended(job, settings, code, signal)
      if done then
        local figure, _, failed = queue.result(job, settings.rung)
        show.spent, show.weight = show.spent + core.clock() - job.begun, show.weight + job.weight
        show:ended(job, figure, failed)
      elseif done == false then
        table.insert(waiting, 1, job)
      end
    end
  end
  if show.moves then io.stderr:write "\r\27[K" end
  return true
end

queue.duration = duration

return queue

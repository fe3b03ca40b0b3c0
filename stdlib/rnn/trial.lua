-- trial.lua: a script that rnnlua sweep or rnnlua --plan runs. The variable RNNLUA_TRIAL says what is wanted of it, as
-- JSON: { declare = FILE }: only its options; { plan = true }: what its training would cost; else one figure, of which
-- the script gets no further than to where it is known: { file, figure, largest, rung, epochs }.

local core = require "rnn.core"
local plain_json = require "rnn.plain_json"

local text = os.getenv "RNNLUA_TRIAL"
local asked = text and core.json_decode(text)
if type(asked) ~= "table" then asked = {} end

-- Held while this process is there, so that a sweep that was killed and begun again does not meet it.
local lock = asked.file and core.file_lock(asked.file:gsub("%.json$", "") .. ".lock") -- luacheck: ignore

local trial = {
  plan = asked.plan == true, -- rnn.fit is to measure and not to train
}

--- trial.declare(f): when only the options are wanted, writes what f() gives and ends the script.
---@param f fun(): table
function trial.declare(f)
  if not asked.declare then return end
  assert(core.file_write(asked.declare, plain_json(f())))
  os.exit(0, true)
end

-- Does the lr still rise from its beginning? What is worth something then is not told yet.
local function is_rising(schedule)
  if not schedule or not schedule._factor then return false end
  local total, now = schedule.total, schedule:_factor(schedule.t, schedule.total)
  if schedule:_factor(0, total) >= now and schedule.t > 0 then return false end
  return schedule:_factor(schedule.t + 1, total) > now
end

--- trial.pauses(run) -> does the training stop here, to go on in a later rung of the sweep?
---
--- After the epochs of the rung, but not before the lr of a schedule has risen to where it starts from.
---@param run train.Run
---@return boolean
function trial.pauses(run)
  if not asked.epochs or run.inside or run.ended or run.epoch < asked.epochs or run.epoch >= run.epochs then
    return false
  end
  return not is_rising(run.schedule)
end

local file = {} -- what the trial's file will hold

local function write()
  local seen = file.seen and table.move(file.seen, 1, #file.seen, 1, {})
  assert(core.file_write(asked.file, plain_json { values = file.values, epochs = file.epochs, seen = seen } .. "\n"))
end

local function read()
  local kept = core.file_read(asked.file)
  local decoded = kept and core.json_decode(kept)
  file = type(decoded) == "table" and type(decoded.values) == "table" and decoded or { values = {} }
  file.seen = {}
end

-- A figure that the trial has; the names of all are for the message when the one that is wanted never comes.
local function see(name)
  if not file.values then read() end
  if name == "lr" or name:find "seconds$" or file.seen[name] then return end
  file.seen[name] = true
  table.insert(file.seen, name)
  table.sort(file.seen)
end

local function finish(value, epochs)
  file.values[tostring(asked.rung)], file.epochs, file.seen = value, epochs, nil
  write()
  os.exit(0, true)
end

--- trial.learnt(history): a training has ended. The figure is its best value, in any of the epochs.
---@param history rnn.History
function trial.learnt(history)
  if not asked.figure then return end
  trial.epochs = #history
  for name, values in pairs(history) do
    if type(values) == "table" and type(values[1]) == "number" then see(name) end
  end
  local best
  for _, value in ipairs(type(history[asked.figure]) == "table" and history[asked.figure] or {}) do
    if value == value and (not best or asked.largest and value > best or not asked.largest and value < best) then
      best = value
    end
  end
  if history[asked.figure] then finish(best or 0 / 0, #history) end
  write()
end

--- trial.figures(model, figures): the script has noted some, as rnn.Results does. Those of before the training are of
--- models that are not tried.
---@param model string
---@param figures table<string, number>
function trial.figures(model, figures)
  if not asked.figure or not trial.epochs then return end
  local found
  for name, value in pairs(figures) do
    see(name)
    if name == asked.figure or model .. "." .. name == asked.figure then found = value end
  end
  if found then finish(found, trial.epochs) end
  write()
end

return trial

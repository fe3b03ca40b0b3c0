-- sweep/init.lua: rnnlua sweep: a script with many settings, each with some seeds, and a table of what came of them.

local core = require "rnn.core"
local queue = require "rnn.sweep.queue"
local signals = require "rnn.signals"
local space = require "rnn.sweep.space"
local tables = require "rnn.sweep.table"
local child = require "rnn.child"

local TRIALS <const> = 20 -- where there is a range and nobody says how many
local GRID <const> = 100 -- where there are lists only, all of their settings, but not more than so many

-- ---- the script ----

local function child_words(sweep, rest)
  local words = { sweep.program }
  table.move(sweep.before, 1, #sweep.before, 2, words)
  table.move(rest, 1, #rest, #words + 1, words)
  return words
end

-- True when a signal has come.
local function wait_a_moment()
  child.wait(0.1)
  return signals.held() ~= nil
end

local function wait(number)
  while true do
    local ended, code = child.wait(0.5)
    if ended == number then return code end
    if signals.held() then
      child.stop(number, true)
      return nil
    end
  end
end

-- What rnn.experiment declares, or nil and a message.
local function declared_by(sweep)
  local folder <const>, message = core.folder_scratch()
  if not folder then return nil, message end
  local path, log = folder .. "/options.json", folder .. "/log"
  local words = child_words(sweep, { "--", sweep.script })
  words.log, words.trial = log, core.json_encode { declare = path }
  local number
  number, message = child.start(words)
  local code = number and wait(number)
  local text, written = core.file_read(path), core.file_read(log)
  core.folder_remove(folder)
  local list = text and core.json_decode(text)
  if list then return list end
  if code == 0 then
    return nil, ("%s: it declares no options: its command line is to be read by rnn.experiment"):format(sweep.script)
  end
  return nil, message or (written or ""):match "^%s*(.-)%s*$"
end

-- ---- what was asked ----

local function by_name(list)
  local found = {}
  for _, each in ipairs(list) do found[each.name] = each end
  return found
end

-- The epochs of a whole training: those given, else those of the script; nil where it has none of its own.
local function epochs_of(axes, declared)
  local axis, option = by_name(axes).epochs, by_name(declared).epochs
  if not option then return nil end
  if not axis then return option.default end
  return axis.list and #axis.list == 1 and math.tointeger(tonumber(axis.list[1])) or nil
end

-- The rungs of successive halving, as epochs, and how many trials are in each: Jamieson and Talwalkar 2016,
-- "Non-stochastic best arm identification". Two at least are trained to the end.
local function rungs_of(count, epochs, by)
  local rungs, counts = { epochs }, { count }
  while by and counts[#counts] // by >= 2 and rungs[1] // by >= 1 do
    table.insert(rungs, 1, rungs[1] // by)
    counts[#counts + 1] = counts[#counts] // by
  end
  return rungs, counts
end

local function figure_of(own)
  local least, greatest = own.minimise or own.minimize, own.maximise or own.maximize
  if least and greatest then return nil, "--minimise and --maximise: only one of them" end
  local figure = least or greatest or "val_loss"
  if figure:find "^test" or figure:find "%.test" then
    return nil, ("--%s %s: what is chosen by the test is not tested by it: choose by a figure of validation"):format(
      least and "minimise" or "maximise", figure)
  end
  return figure, greatest ~= nil
end

-- Everything that results depend on; nil and a message where the command line is wrong.
local function plan(sweep, words)
  local declared, message = declared_by(sweep)
  if not declared then return nil, message end
  local axes, own = space.read(sweep.script, words, declared)
  if not axes then return nil, own end
  local options = by_name(declared)
  local figure, largest = figure_of(own)
  if not figure then return nil, largest end
  local epochs = epochs_of(axes, declared)
  if own.halve and not epochs then
    return nil, "--halve: needs a script with --epochs, and one number of them"
  elseif own.halve and not options.run then
    return nil, "--halve: needs a script with --run, for trainings go on in their folders"
  end
  local seeds = own.seeds or 1
  if not options.seed and (seeds > 1 or own.seed) then return nil, "--seeds: the script has no option --seed" end
  local size = space.size(axes)
  local count = own.trials or size and math.min(size, GRID) or TRIALS
  sweep.seed = own.seed or options.seed and options.seed.default or 0
  sweep.axes, sweep.figure, sweep.largest, sweep.seeds = axes, figure, largest, seeds
  sweep.jobs, sweep.halve, sweep.options = own.jobs or 1, own.halve, options
  sweep.folder = (own.run or ("runs/%s-sweep"):format(sweep.script:match "[^/]*$":gsub("%.lua$", ""))):gsub("/+$", "")
  sweep.trials = {}
  for i, values in ipairs(space.trials(axes, count, sweep.seed)) do
    sweep.trials[i] = { number = i, values = values, figures = {} }
  end
  sweep.rungs, sweep.counts = rungs_of(#sweep.trials, epochs or 1, own.halve)
  if own.halve and #sweep.rungs == 1 then
    return nil, ("--halve %d: of %d trials with %d epochs nothing can be left out"):format(own.halve, #sweep.trials,
      epochs)
  end
  return true
end

-- ---- the folder ----

local function trial_line(trial)
  return core.json_encode({ trial = trial.number, options = trial.values }, { sort = true }) .. "\n"
end

-- What decides the numbers, for telling whether the folder is of this sweep.
local function description(sweep)
  local axes = {}
  for i, axis in ipairs(sweep.axes) do
    axes[i] = axis.list and { name = axis.name, list = axis.list }
      or { name = axis.name, low = axis.low, high = axis.high, log = axis.log }
  end
  return { script = core.file_sha256(sweep.script), options = axes, figure = sweep.figure,
    largest = sweep.largest, seed = sweep.seed, seeds = sweep.seeds, halve = sweep.halve or false,
    epochs = sweep.rungs[#sweep.rungs], trials = sweep.halve and #sweep.trials or nil, precision = core.precision,
    version = core.version }
end

local CALLED = { script = "the script", figure = "the figure", largest = "--minimise or --maximise", seed = "--seed",
  halve = "--halve", epochs = "--epochs", trials = "--trials", precision = "the precision", options = "the options",
  version = "the version of rnnlua" }

-- Opens the folder: its lock; false when another process has it, which runs the same sweep; or nil and a message. More
-- trials, or more seeds, than the time before are welcome.
local function open(sweep)
  local made, message = core.make_folder(sweep.folder)
  if not made then return nil, message end
  local path, now = sweep.folder .. "/sweep.json", description(sweep)
  local lock, before
  repeat
    lock, message = queue.lock(sweep.folder .. "/lock")
    if message then return nil, message end
    local text = core.file_read(path)
    before = text and core.json_decode(text)
  until lock or type(before) == "table" or wait_a_moment()
  for name, what in pairs(type(before) == "table" and CALLED or {}) do
    local a, b = core.json_encode({ now[name] }, { sort = true }), core.json_encode({ before[name] }, { sort = true })
    if a ~= b then
      return nil, ("%s: there is another sweep in it (not the same: %s): take another folder, with --run, or remove "
        .. "this one"):format(sweep.folder, what)
    end
  end
  if not lock then
    if type(before) ~= "table" then return nil end -- a signal has come
    return false
  end
  local lines = {}
  for i, trial in ipairs(sweep.trials) do lines[i] = trial_line(trial) end
  local done
  done, message = core.file_write(sweep.folder .. "/trials.jsonl", table.concat(lines))
  if done then
    done, message = core.file_write(path, core.json_encode(now, { indent = 1, sort = true }) .. "\n")
  end
  if not done then return nil, message end
  return lock
end

-- ---- running ----

local function job_of(sweep, trial, i, weight)
  local seed = sweep.seed + i - 1
  return { trial = trial.number, seed = seed, weight = weight, values = trial.values,
    path = ("%s/trial-%03d/seed-%d"):format(sweep.folder, trial.number, seed) }
end

-- The words behind the script: the settings, and the seed.
local function script_words(sweep, job)
  local words = space.words(sweep.axes, job.values)
  if sweep.options.seed then table.move({ "--seed", tostring(job.seed) }, 1, 2, #words + 1, words) end
  return words
end

local function command(sweep, job, more)
  local words = child_words(sweep, { "--threads", tostring(sweep.threads), "--", sweep.script })
  for _, list in ipairs { script_words(sweep, job), sweep.options.run and { "--run", job.path } or {}, more or {} } do
    table.move(list, 1, #list, #words + 1, words)
  end
  return words
end

-- All trainings of one rung: true, or nil and a message; the figures are then with the trials.
local function climb(sweep, i, trials)
  local jobs, rung, before = {}, sweep.rungs[i], sweep.rungs[i - 1] or 0
  for _, trial in ipairs(trials) do
    for k = 1, sweep.seeds do jobs[#jobs + 1] = job_of(sweep, trial, k, rung - before) end
  end
  local last = i == #sweep.rungs
  local done, message = queue.run(jobs, { jobs = sweep.jobs, rung = rung, figure = sweep.figure, quiet = sweep.follows,
    head = #sweep.rungs > 1 and ("rung %d of %d, to epoch %d: "):format(i, #sweep.rungs, rung) or "",
    words = function(job) return command(sweep, job) end,
    trial = function(job)
      return { file = job.path .. ".json", figure = sweep.figure, largest = sweep.largest, rung = rung,
        epochs = not last and rung or nil }
    end })
  if not done then return nil, message end
  local good = false
  for at, job in ipairs(jobs) do
    local trial = trials[(at - 1) // sweep.seeds + 1]
    local figure, _, failed = queue.result(job, rung)
    trial.figures[rung] = trial.figures[rung] or {}
    table.insert(trial.figures[rung], figure)
    good, trial.failed = good or figure == figure, trial.failed or failed
  end
  if good then return true end
  return nil, ("no training came to a figure; of trial %d: %s (%s/trial-%03d)"):format(trials[1].number,
    trials[1].failed or "it is no number", sweep.folder, trials[1].number)
end

-- ---- the winner ----

local function quoted(words)
  local list = {}
  for i, word in ipairs(words) do
    list[i] = word:find "^[%w%._/,+:=-]+$" and word or "'" .. word:gsub("'", "'\\''") .. "'"
  end
  return table.concat(list, " ")
end

-- The script to its end, for the winner alone, with each seed: only now does anything see the test. It is kept, so the
-- same command does not do it again. The medians by name, or nil and a message.
local function test(sweep, winner)
  if not sweep.options.result then return {} end
  local by = {}
  for i = 1, sweep.seeds do
    local job = job_of(sweep, winner, i, 1)
    local path = job.path .. "-test.json"
    if not core.file_read(path) then
      io.stderr:write(("the winner's test, seed %d\n"):format(job.seed))
      local words = command(sweep, job, { "--result", path })
      words.log, words.trial = job.path .. "-test.log", "{}"
      local number, message = child.start(words)
      if not number then return nil, message end
      local code = wait(number)
      if not code then return nil end
      if code ~= 0 then return nil, ("the winner's test failed: see %s"):format(words.log) end
    end
    local figures = core.json_decode(core.file_read(path) or "")
    for name, value in pairs(type(figures) == "table" and figures or {}) do
      if (name:find "^test" or name:find "%.test") and type(value) == "number" then
        by[name] = by[name] or {}
        table.insert(by[name], value)
      end
    end
  end
  return by
end

local function tested_text(by)
  local names, rows = {}, {}
  for name in pairs(by) do names[#names + 1] = name end
  table.sort(names)
  local short = require("rnn.columns").short
  for i, name in ipairs(names) do
    local values = table.move(by[name], 1, #by[name], 1, {})
    table.sort(values)
    rows[i] = { "  " .. name, short(tables.median(values)), #values > 1 and ("%s to %s"):format(short(values[1]),
      short(values[#values])) or "" }
  end
  return #rows > 0 and tables.lined(rows, function(j) return j == 2 end)
    or "  the script notes no figure whose name begins with test\n"
end

-- ---- all of it ----

local function head_of(sweep)
  local seeds, medians = "", ""
  if sweep.seeds > 1 then seeds, medians = (" with %d seeds"):format(sweep.seeds), ", medians over the seeds" end
  local text = ("%d trials%s of %s: %s, %s%s\n"):format(#sweep.trials, seeds, sweep.script, sweep.figure, sweep.largest
    and "the largest" or "the least", medians)
  if #sweep.rungs > 1 then
    local parts = {}
    for i, rung in ipairs(sweep.rungs) do parts[i] = ("%d to epoch %d"):format(sweep.counts[i], rung) end
    text = text .. ("Rungs: %s. Those that learn slowly at first may have been left out.\n"):format(table.concat(parts,
      ", "))
  end
  return text
end

local function keep_results(sweep, winner, tested)
  local list = {}
  for i, trial in ipairs(sweep.trials) do
    local figures = {}
    for rung, values in pairs(trial.figures) do figures[tostring(rung)] = values end
    list[i] = { trial = trial.number, options = trial.values, figures = figures }
  end
  return core.file_write(sweep.folder .. "/results.json", require "rnn.plain_json" { figure = sweep.figure,
    trials = list, winner = winner.number, test = tested } .. "\n")
end

local function report(sweep, winner, text, tested)
  local parts = { head_of(sweep), text }
  local failed = 0
  for _, trial in ipairs(sweep.trials) do failed = failed + (trial.failed and 1 or 0) end
  if failed > 0 then
    parts[#parts + 1] = ("%d trial%s failed, with one seed at least: see trial-*/*.log\n"):format(failed,
      failed == 1 and "" or "s")
  end
  local importance = tables.importance_text(tables.importance(sweep.axes, sweep.trials, sweep.rungs[1]))
  if importance ~= "" then
    local at = #sweep.rungs > 1 and (" at epoch %d"):format(sweep.rungs[1]) or ""
    parts[#parts + 1] = ("Importance: share of the differences between trials%s that an option explains alone\n%s")
      :format(at, importance)
  end
  if sweep.options.result then
    parts[#parts + 1] = ("Test of trial %d, the best of %d, computed once%s\n"):format(winner.number, #sweep.trials,
      sweep.seeds > 1 and ": median and range over the seeds" or "") .. tested_text(tested)
  end
  parts[#parts + 1] = ("The winner: rnnlua %s %s\n"):format(quoted { sweep.script },
    quoted(space.words(sweep.axes, winner.values)))
  return table.concat(parts, "\n")
end

local function complain(message)
  io.stderr:write("rnnlua sweep: ", message, "\n")
  return 1
end

-- What a signal ends the sweep with.
local function stopped(sweep)
  local name = signals.held()
  signals.leave(("rnnlua sweep: %s; what was done is kept in %s. The same command goes on from there"):format(name,
    sweep.folder))
end

--- sweep(words, before, program) -> exit code, or nil: show the help
---
--- words: those behind the command; before: options of rnnlua.
---@param words string[]
---@param before string[]
---@param program string
---@return integer?
return function(words, before, program)
  local script = words[1]
  if not script then return nil end
  if script:find "^%-" then return complain(("expected a script, got '%s'"):format(script)) end
  local sweep = { script = script, before = before, program = program }
  signals.hold "save"
  local planned, message = plan(sweep, table.move(words, 2, #words, 1, {}))
  if not planned then return complain(message) end
  sweep.threads = math.max(1, core.threads() // sweep.jobs)
  local lock
  lock, message = open(sweep)
  if lock == nil then return message and complain(message) or stopped(sweep) end
  sweep.follows = not lock
  if sweep.follows then
    io.stderr:write(("rnnlua sweep: takes part in %s, which another process leads\n"):format(sweep.folder))
  end
  local trials = sweep.trials
  for i = 1, #sweep.rungs do
    if i > 1 then
      trials = table.move(tables.order(trials, sweep.rungs[i - 1], sweep.largest), 1, sweep.counts[i], 1, {})
      table.sort(trials, function(a, b) return a.number < b.number end)
    end
    local done
    done, message = climb(sweep, i, trials)
    if not done then return message and complain(message) or stopped(sweep) end
  end
  if sweep.follows then return 0 end -- the table is the leader's
  local text, winner = tables.text(sweep)
  local tested
  tested, message = test(sweep, winner)
  if not tested then return message and complain(message) or stopped(sweep) end
  local whole = report(sweep, winner, text, tested)
  io.write(whole)
  local kept
  kept, message = keep_results(sweep, winner, tested)
  if kept then kept, message = core.file_write(sweep.folder .. "/table.txt", whole) end
  lock:close()
  return kept and 0 or complain(message)
end

-- commands.lua: what begins with % at the prompt.

local core = require "rnn.core"
local check = require "rnn.check"
local terminal = require "rnn.terminal"

local collectgarbage, io_open, loadfile, pairs, ipairs, rawset, tonumber, type = collectgarbage, io.open, loadfile,
  pairs, ipairs, rawset, tonumber, type
local concat, sort, math, globals, getmetatable = table.concat, table.sort, math, _G, debug.getmetatable
local floor, max, min, sqrt = math.floor, math.max, math.min, math.sqrt

local REPEATS = 7       -- of %timeit
local LONG_ENOUGH = 0.1 -- seconds of one of them

local commands = {}

local function bytes(n)
  local size, unit = n, "B"
  for _, next_unit in ipairs { "kB", "MB", "GB" } do
    if size < 999.5 and size > -999.5 then break end
    size, unit = size / 1000, next_unit
  end
  return (unit == "B" and "%d %s" or "%.3g %s"):format(unit == "B" and floor(size) or size, unit)
end

local function seconds(t)
  for _, unit in ipairs { { 1, "s" }, { 1e-3, "ms" }, { 1e-6, "µs" } } do
    if t >= unit[1] then return ("%.3g %s"):format(t / unit[1], unit[2]) end
  end
  return ("%.3g ns"):format(t * 1e9)
end

-- The user's globals, sorted.
local function own_names(session)
  local names = {}
  for name in pairs(globals) do
    if type(name) == "string" and not session.known[name] and name ~= "_" then names[#names + 1] = name end
  end
  sort(names)
  return names
end

--- %time CODE: runs it once; its values, then the time, and how memory has grown.
function commands.time(session, entry)
  core.reset_peak()
  local heap, tensors, begun = collectgarbage "count", core.memory().live, core.clock()
  if not session:run(entry.f) then return end
  local took, memory = core.clock() - begun, core.memory()
  return ("%s   Lua heap %+.0f kB, tensors %s more, at most %s"):format(seconds(took), collectgarbage "count" - heap,
    bytes(memory.live - tensors), bytes(memory.peak))
end

local function time_of(f, count)
  local begun = core.clock()
  for _ = 1, count do f() end
  return core.clock() - begun
end

--- %timeit CODE: mean and deviation over repetitions, each of as many runs as take a tenth of a second.
function commands.timeit(session, entry)
  local report
  session:call(function()
    local count = 1
    local took = time_of(entry.f, count)
    while took < LONG_ENOUGH do
      count = count * max(2, min(10, floor(1.2 * LONG_ENOUGH / max(took, 1e-9))))
      took = time_of(entry.f, count)
    end
    local sum, squares, best = 0, 0, math.huge
    for _ = 1, REPEATS do
      local each = time_of(entry.f, count) / count
      sum, squares, best = sum + each, squares + each * each, min(best, each)
    end
    local mean = sum / REPEATS
    report = ("%s ± %s a run, the best %s (%d times %d runs)"):format(seconds(mean),
      seconds(sqrt(max(0, squares / REPEATS - mean * mean))), seconds(best), REPEATS, count)
  end)
  return report
end

--- %who: the variables of the user, with what they hold; inside a loop those in sight there as well.
function commands.who(session)
  local environment, names, width, lines = session.environment, own_names(session), 0, {}
  if environment ~= globals then
    local seen = {}
    for _, name in ipairs(names) do seen[name] = true end
    for name in pairs(getmetatable(environment).names) do
      if not seen[name] then names[#names + 1] = name end
    end
    sort(names)
  end
  for _, name in ipairs(names) do width = max(width, #name) end
  for i, name in ipairs(names) do
    lines[i] = ("%-" .. width .. "s  %s"):format(name, check.describe(environment[name]))
  end
  return #lines > 0 and concat(lines, "\n") or "no variables yet"
end

--- %mem: memory of tensors and of Lua.
function commands.mem()
  local m = core.memory()
  return ("tensors %s, at most %s; %s kept for new ones. Lua heap %s"):format(bytes(m.live), bytes(m.peak),
    bytes(m.cached), bytes(collectgarbage "count" * 1024))
end

--- %hist [n]: the last n entries of this session, or all.
function commands.hist(session, entry)
  local n = entry.argument ~= "" and math.tointeger(tonumber(entry.argument)) or #session.entries
  local lines = {}
  for i = max(1, #session.entries - n + 1), #session.entries do lines[#lines + 1] = session.entries[i] end
  return concat(lines, "\n")
end

--- %save FILE: the entries of this session, as a script; those that failed are left out.
function commands.save(session, entry)
  if entry.argument == "" then return "a file is wanted: %save session.lua" end
  local existing = io_open(entry.argument)
  if existing then
    existing:close()
    return entry.argument .. " is there already"
  end
  local ok, message = core.file_write(entry.argument, concat(session.scripts, "\n") .. "\n")
  return ok and ("%d entries written to %s"):format(#session.scripts, entry.argument) or message
end

--- %load FILE: runs a file; its global variables stay.
function commands.load(session, entry)
  if entry.argument == "" then return "a file is wanted: %load session.lua" end
  local f, message = loadfile(entry.argument, "t", session.environment)
  if not f then return message end
  session:run(f)
end

local SHOWN <const> = 30 -- lines of %apropos

--- %apropos WORDS: what help and the pages have of them.
function commands.apropos(_, entry)
  if entry.argument == "" then return "words are wanted: %apropos learning rate" end
  local found, lines, width = require "rnn.doc.pages".search(entry.argument), {}, 0
  for i = 1, min(#found, SHOWN) do width = max(width, #found[i][1]) end
  local room = max(20, core.terminal_width() - width - 3)
  for i = 1, min(#found, SHOWN) do
    lines[i] = ("%-" .. width .. "s  %s"):format(found[i][1], terminal.cut(found[i][2], room))
  end
  if #found > SHOWN then lines[#lines + 1] = ("and %d more"):format(#found - SHOWN) end
  return #lines > 0 and concat(lines, "\n") or ("nothing has all of: %s"):format(entry.argument)
end

--- %reset: forgets the user's variables.
function commands.reset(session)
  local names = own_names(session)
  for _, name in ipairs(names) do rawset(globals, name, nil) end
  rawset(globals, "_", nil)
  collectgarbage()
  return ("%d variables forgotten"):format(#names)
end

local function command_names()
  local names = {}
  for name in pairs(commands) do names[#names + 1] = name end
  sort(names)
  return names
end

--- commands.names() -> array of names without %, sorted
---
--- commands.run(session, entry) -> text to be shown, or nil
---
--- session: see session.lua.
---@param session table
---@param entry table
---@return string?
return {
  measures = { time = true, timeit = true },
  names = command_names,
  run = function(session, entry)
    local command = commands[entry.name]
    if not command then
      return ("there is no %%%s; there are %%%s"):format(entry.name, concat(command_names(), " %"))
    end
    if (entry.name == "time" or entry.name == "timeit") and not entry.f then
      return entry.message or ("code is wanted: %%%s x:matmul(x)"):format(entry.name)
    end
    return command(session, entry)
  end,
}

-- repl/init.lua: the prompt. It reads a chunk of one line or more, runs it, shows its values, and never ends by an
-- error. What only C can do is in the table host, which the program passes in:
--
--   host.read(prompt)       a line; nil at the end of input; false after Ctrl-C
--   host.remember(text)     adds an entry to the history
--   host.complete_with(f)   Tab offers what f(text before the cursor) returns
--   host.call(f, ...)       true and the results, or false and a message with traceback; Ctrl-C stops f
--   host.visit_with(f)      Ctrl-C in a loop that trains calls f(thread of the loop); a false result ends the loop

local core = require "rnn.core"
local commands = require "rnn.repl.commands"
local complete = require "rnn.repl.complete"
local frames = require "rnn.repl.frames"
local paint = require "rnn.repl.paint"
local pretty = require "rnn.repl.pretty"
local reading = require "rnn.repl.reading"
local spark = require "rnn.repl.spark"
local top_locals = require "rnn.repl.locals"
local terminal = require "rnn.terminal"
local interruption = require "rnn.train.interruption"

-- The prompt works on when users give these names to things of their own.
local rawget, rawset, require, ipairs, pairs, getmetatable = rawget, rawset, require, ipairs, pairs, debug.getmetatable
local max = math.max
local globals, pack, concat, sort, stdout, stderr = _G, table.pack, table.concat, table.sort, io.stdout, io.stderr
local execute, popen, getenv, type = os.execute, io.popen, os.getenv, type

local CONVENIENCE = { "nn", "optim", "data" } -- fields of rnn that are globals at the prompt

local repl = {}

-- ---- answering ----

local function say(text)
  stdout:write(paint.plain(text), "\n")
  stdout:flush()
end

-- Texts of more lines than this are shown by a pager, where there is a terminal; of more bytes they are not, as they
-- would fill the pipe to a pager that was left early.
local PAGE, PIPE = 24, 60000

-- The pager of the user ($PAGER), or less, which ends by itself when a screen is enough.
local function pager()
  local own = getenv "PAGER"
  if own and own ~= "" then return own end
  return execute "command -v less >/dev/null 2>&1" and "less -FRX" or nil
end

-- Says a long text, page by page.
local function page(text)
  local _, lines = text:gsub("\n", "\n")
  local by = terminal.moves(1) and lines >= PAGE and #text < PIPE and pager()
  local pipe = by and popen(by, "w")
  if not pipe then return say(text) end
  pipe:write(paint.plain(text), "\n")
  pipe:close()
end

-- Our own frames, below those of the entry, are of no interest.
local function report(message)
  message = message:gsub("\n\t%[C%]: in [^\n]*\n\t%[rnn%]/repl/.*", "", 1)
  stdout:flush()
  stderr:write(paint.plain(paint.failure(message), 2), "\n")
  stderr:flush()
end

-- text: what was typed.
local function show(values, text, environment)
  local width, texts, separator = core.terminal_width(), {}, "\t"
  for i = 2, values.n do -- 1 is true
    local value = values[i]
    local bars = spark(value, width, not terminal.unicode(1))
    local shown = type(value) == "function" and require "rnn.repl.help".signature(text, value, environment)
      or core.is_tensor(value) and value:ndim() > 0 and core.tensor_text(value, max(20, width)) or pretty(value, width)
    texts[i - 1] = paint.value(value, shown) .. (bars and "\n" .. bars or "")
    if texts[i - 1]:find("\n") then separator = "\n" end
  end
  say(concat(texts, separator))
end

local function note_locals(text)
  local names = top_locals(text)
  if #names == 0 then return end
  say(("note: local %s ended with this entry; without 'local' it would stay"):format(concat(names, ", ")))
end

-- Runs f of host.call and reports when it fails; all that it returned.
local function call(host, f, ...)
  local values = pack(host.call(f, ...))
  if not values[1] then report(values[2]) end
  return values
end

-- Runs f and shows its values; true when it did not fail.
local function run(host, f, text, environment)
  local values = call(host, f)
  if not values[1] then return false end
  if values.n > 1 then
    if values[2] ~= nil then rawset(globals, "_", values[2]) end
    call(host, show, values, text or "", environment or globals)
  end
  return true
end

local answers = {}

function answers.chunk(host, session, entry)
  if not entry.f then return report(entry.message) end
  if not run(host, entry.f, entry.text, session.environment) then return end
  session.scripts[#session.scripts + 1] = entry.text
  note_locals(entry.text)
end

function answers.help(host, session, entry)
  call(host, function()
    local head, rest = require "rnn.repl.help".of(entry.name, session.environment):match("^([^\n]*)(.*)$")
    page(paint.as("heading", head) .. rest)
  end)
end

function answers.source(host, session, entry)
  call(host, function() page(require "rnn.repl.help".source(entry.name, session.environment, session.entries)) end)
end

function answers.shell(_, _, entry)
  stdout:flush()
  local _, why, code = execute(entry.name)
  if code ~= 0 then say(("(%s %d)"):format(why, code)) end
end

function answers.command(host, session, entry)
  local text
  if commands.measures[entry.name] or entry.name == "load" then
    text = commands.run(session, entry) -- these call host.call themselves
  else
    call(host, function() text = commands.run(session, entry) end)
  end
  if text and text ~= "" then say(text) end
end

-- ---- the session ----

-- Reads and answers until the end of input, or an entry that is one of words, which is returned.
local function converse(host, session, words)
  local entries = session.entries
  while not interruption.held() do -- inside a loop that has been told to end
    local entry = reading.entry(host, session)
    if entry == nil then return nil end
    if entry then
      if entry.text ~= entries[#entries] and entry.text:find("%S") then
        host.remember(entry.text)
        entries[#entries + 1] = entry.text
      end
      local word = entry.text:match("^%s*(%a+)%s*$")
      if words[word] then return word end
      answers[entry.kind](host, session, entry)
    end
  end
end

local function new_session(host, fields)
  local session = { entries = {}, scripts = {}, measures = commands.measures }
  for name, value in pairs(fields) do session[name] = value end
  function session.run(f) return run(host, f) end
  function session.guard(f) return call(host, f)[1] end
  return session
end

local WORDS = { continue = true, stop = true }

-- The prompt inside a loop, whose innermost function of the user waits in thread. True: the loop goes on.
local function visit(host, outer, thread)
  local begun = core.clock()
  local environment, place = frames.environment(thread)
  local names = {}
  for name in pairs(getmetatable(environment).names) do names[#names + 1] = name end
  sort(names)
  say(("\nstopped%s, inside the loop%s\ncontinue goes on, stop ends it; ? for help"):format(
    place and " at " .. place or "", #names > 0 and "; here are " .. concat(names, ", ") or ""))
  host.complete_with(function(before) return complete(before, environment) end)
  local word = converse(host, new_session(host, { prompt = paint.as("prompt", "loop> "), environment = environment,
    known = outer.known, entries = outer.entries, scripts = {} }), WORDS)
  host.complete_with(complete)
  interruption.pause(core.clock() - begun)
  return word ~= "stop"
end

-- ---- the beginning ----

local function banner()
  local threads = core.threads()
  local parts = { "rnnlua " .. core.version, _VERSION, "kernels " .. core.isa(),
    ("%d thread%s"):format(threads, threads == 1 and "" or "s") }
  if core.precision == "double" then parts[#parts + 1] = "double" end
  say(paint.as("heading", concat(parts, " · ")) .. "      ? for help")
end

local function set_globals()
  local function keep(name, value)
    if rawget(globals, name) == nil then rawset(globals, name, value) end
  end
  local rnn = require "rnn"
  keep("rnn", rnn)
  for _, name in ipairs(CONVENIENCE) do keep(name, rnn[name]) end
end

--- repl.run(host)
---
--- Reads and answers until the end of input.
---@param host table
function repl.run(host)
  call(host, banner)
  call(host, set_globals)
  local known = {}
  for name in pairs(globals) do known[name] = true end
  local session = new_session(host, { environment = globals, known = known })
  host.complete_with(complete)
  host.visit_with(function(thread) return visit(host, session, thread) end)
  converse(host, session, {})
  say ""
end

return repl

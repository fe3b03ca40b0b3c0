-- repl/init.lua: the prompt. It reads a chunk of one line or more, runs it, shows its values, and never ends by an
-- error. What only C can do is in the table host, which the program passes in:
--
--   host.read(prompt)       a line; nil at the end of input; false after Ctrl-C
--   host.remember(text)     adds an entry to the history
--   host.complete_with(f)   Tab offers what f(text before the cursor) returns
--   host.call(f, ...)       true and the results, or false and a message with traceback; Ctrl-C stops f
--   host.visit_with(f)      Ctrl-C in a loop that trains calls f(thread of the loop); a false result ends the loop

local core = require "rnn.core"
local complete = require "rnn.repl.complete"
local paint = require "rnn.repl.paint"
local sessions = require "rnn.repl.session"
local terminal = require "rnn.terminal"

-- The prompt works on when users give these names to things of their own.
local rawget, rawset, require, ipairs, pairs = rawget, rawset, require, ipairs, pairs
local globals, concat, stdout, stderr = _G, table.concat, io.stdout, io.stderr
local execute, popen, getenv = os.execute, io.popen, os.getenv

local CONVENIENCE = { "nn", "optim", "data" } -- fields of rnn that are globals at the prompt

local front, repl = {}, {}

-- ---- answering ----

function front.say(text)
  stdout:write(terminal.plain(text), "\n")
  stdout:flush()
end

-- Texts longer than the screen are shown by a pager. Of more bytes than this they are not, as they would fill the pipe
-- to a pager that was left early.
local PIPE = 60000

-- The pager of the user ($PAGER), or less, which ends by itself when a screen is enough.
local function pager()
  local own = getenv "PAGER"
  if own and own ~= "" then return own end
  return execute "command -v less >/dev/null 2>&1" and "less -FRX" or nil
end

-- Says a long text, page by page.
function front.page(text)
  local _, lines = text:gsub("\n", "\n")
  local by = terminal.moves(1) and lines + 2 > core.terminal_rows() and #text < PIPE and pager()
  local pipe = by and popen(by, "w")
  if not pipe then return front.say(text) end
  pipe:write(terminal.plain(text), "\n")
  pipe:close()
end

function front.report(message)
  stdout:flush()
  stderr:write(terminal.plain(paint.failure(message), 2), "\n")
  stderr:flush()
end

function front.show(values, text, environment)
  local texts, separator = {}, "\t"
  for i = 2, values.n do -- 1 is true
    texts[i - 1] = sessions.text(values[i], text, environment)
    if texts[i - 1]:find("\n") then separator = "\n" end
  end
  front.say(concat(texts, separator))
end

-- ---- the beginning ----

local function banner()
  local threads = core.threads()
  local parts = { "rnnlua " .. core.version, _VERSION, "kernels " .. core.isa(),
    ("%d thread%s"):format(threads, threads == 1 and "" or "s") }
  if core.precision == "double" then parts[#parts + 1] = "double" end
  front.say(paint.as("heading", concat(parts, " · ")) .. "      ? for help")
end

--- repl.set_globals(): rnn and what of it is used all the time, where the user has nothing of that name.
function repl.set_globals()
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
  local session = sessions.new(host, front, { environment = globals, known = {} })
  session:call(banner)
  session:call(repl.set_globals)
  for name in pairs(globals) do session.known[name] = true end
  host.complete_with(complete)
  host.visit_with(function(thread) return session:visit(thread) end)
  session:converse { quit = "free", exit = "free" }
  front.say ""
end

return repl

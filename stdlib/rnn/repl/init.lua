-- repl/init.lua: the prompt. It reads a chunk of one line or more, runs it, shows its values, and never ends by an
-- error. What only C can do is in the table host, which the program passes in:
--
--   host.read(prompt)       a line; nil at the end of input; false after Ctrl-C
--   host.remember(text)     adds an entry to the history
--   host.complete_with(f)   Tab offers what f(text before the cursor) returns
--   host.call(f, ...)       true and the results, or false and a message with traceback; Ctrl-C stops f

local core = require "rnn.core"
local complete = require "rnn.repl.complete"
local pretty = require "rnn.repl.pretty"
local top_locals = require "rnn.repl.locals"

-- The prompt works on when users give these names to things of their own.
local load, pcall, rawget, rawset, tostring, require, ipairs = load, pcall, rawget, rawset, tostring, require, ipairs
local globals, pack, concat, stdout, stderr = _G, table.pack, table.concat, io.stdout, io.stderr

local CONVENIENCE = { "nn", "optim", "data" } -- fields of rnn that are globals at the prompt

local repl = {}

-- ---- reading ----

local function prompt(name, default)
  local value = rawget(globals, name)
  if value == nil then return default end
  local ok, text = pcall(tostring, value)
  return ok and text or default
end

local function is_unfinished(message)
  return message:find("<eof>$") ~= nil
end

-- The chunk of text, as an expression when it can be one; or nil, the message, and whether more lines may mend it.
local function compile(text)
  local expression = "return " .. text:gsub("^%s*=", "", 1)
  local f, message = load(expression, "=stdin")
  if f then return f end
  local unfinished = is_unfinished(message)
  f, message = load(text, "=stdin")
  if f then return f end
  return nil, message, unfinished or is_unfinished(message)
end

-- An entry: its text and its function, or its text, nil and the message of the compiler. Text is nil at the end of
-- input and false after Ctrl-C.
local function read_entry(host)
  local text = host.read(prompt("_PROMPT", "> "))
  if not text or text:find("^%s*%?") then return text end
  local f, message, unfinished = compile(text)
  while unfinished do
    local more = host.read(prompt("_PROMPT2", ">> "))
    if more == false then return false end
    if more == nil then break end
    text = text .. "\n" .. more
    f, message, unfinished = compile(text)
  end
  return text, f, message
end

-- ---- answering ----

local function say(text)
  stdout:write(text, "\n")
  stdout:flush()
end

-- Our own frames, below those of the entry, are of no interest.
local function report(message)
  message = message:gsub("\n\t%[C%]: in [^\n]*\n\t%[rnn%]/repl/init%.lua:.*", "\n\t[C]: in ?", 1)
  stdout:flush()
  stderr:write(message, "\n")
  stderr:flush()
end

local function show(values)
  local width, texts, separator = core.terminal_width(), {}, "\t"
  for i = 2, values.n do -- 1 is true
    texts[i - 1] = pretty(values[i], width)
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

local function run_entry(host, text, f)
  local values = call(host, f)
  if not values[1] then return end
  if values.n > 1 then
    if values[2] ~= nil then rawset(globals, "_", values[2]) end
    call(host, show, values)
  end
  note_locals(text)
end

local function answer(host, text, f, message)
  local question = text:match("^%s*%?%s*(.-)%s*$")
  if question then
    call(host, function() say(require "rnn.repl.help"(question)) end)
  elseif f then
    run_entry(host, text, f)
  else
    report(message)
  end
end

-- ---- the session ----

local function banner()
  local threads = core.threads()
  local parts = { "rnnlua " .. core.version, _VERSION, "kernels " .. core.isa(),
    ("%d thread%s"):format(threads, threads == 1 and "" or "s") }
  if core.precision == "double" then parts[#parts + 1] = "double" end
  say(concat(parts, " · ") .. "      ? for help")
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
  local last
  call(host, banner)
  call(host, set_globals)
  host.complete_with(complete)
  while true do
    local text, f, message = read_entry(host)
    if text == nil then break end
    if text then
      if text ~= last and text:find("%S") then host.remember(text) end
      last = text
      answer(host, text, f, message)
    end
  end
  say ""
end

return repl

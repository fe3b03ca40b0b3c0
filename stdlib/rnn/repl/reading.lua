-- reading.lua: entries at the prompt: chunks of one line or more, questions and commands.

local measures = require "rnn.repl.commands".measures
local paint = require "rnn.repl.paint"

local load, tostring, pcall, rawget, globals = load, tostring, pcall, rawget, _G

local reading = { HIDDEN = "_rnnlua_entry" } -- the name of a local variable of every expression

local function is_unfinished(message)
  return message:find("<eof>$") ~= nil
end

-- With a variable that is to be closed a call is no tail call, and so leaves the user's line in messages.
local RETURN = "local " .. reading.HIDDEN .. " <close> = nil return "

local AMBIGUOUS = "^%s*[%(%[{\"']" -- what may as well be the arguments of the line above

-- Statements whose last line, or the last few, are an expression: the chunk that returns its values, the statements
-- and the expression; or nil.
local function ends_in_expression(text, name, environment)
  local starts = {}
  for at in text:gmatch "()[^\n]*\n?" do starts[#starts + 1] = at end
  for i = #starts, 2, -1 do
    local before, rest = text:sub(1, starts[i] - 1), text:sub(starts[i])
    local word = rest:match "^%s*(%S?%S?)"
    if word ~= "" and word ~= "--" and load(RETURN .. rest, name, "t", environment) then
      if not load(before, name, "t", environment) then return nil end
      if rest:find(AMBIGUOUS) and load(text, name, "t", environment) then return nil end
      return load(before .. RETURN .. rest, name, "t", environment), before, rest
    end
  end
end

--- reading.compile(text, environment [, name]) -> function | nil, message, unfinished
---
--- The chunk of text, as an expression when it can be one, or when its end can be; unfinished: more lines may mend it.
---@param text string
---@param environment table
---@param name? string of the chunk; "=stdin"
---@return function?
---@return string? message
---@return boolean? unfinished
function reading.compile(text, environment, name)
  name = name or "=stdin"
  local f, message = load(RETURN .. text:gsub("^%s*=", "", 1), name, "t", environment)
  if f then return f end
  local unfinished = is_unfinished(message)
  f = ends_in_expression(text, name, environment)
  if f then return f end
  f, message = load(text, name, "t", environment)
  if f then return f end
  return nil, message, unfinished or is_unfinished(message)
end

--- reading.script(text, environment, has_value) -> text
---
--- An entry as statements of a script that does the same: an expression that had a value is put into _ and printed.
---@param text string of an entry that was run
---@param environment table
---@param has_value boolean whether the first value was not nil
---@return string
function reading.script(text, environment, has_value)
  local before, rest = "", text:gsub("^%s*=", "", 1)
  if not load(RETURN .. rest, "=stdin", "t", environment) then
    local f, statements, expression = ends_in_expression(text, "=stdin", environment)
    if not f then return text end
    before, rest = statements, expression
  end
  if has_value then return ("%s_ = %s\nprint(_)"):format(before, rest) end
  return before .. (load(rest, "=stdin", "t", environment) and rest or ("print(%s\n)"):format(rest))
end

local function prompt(name, default)
  local value = rawget(globals, name)
  if value == nil then return default end
  local ok, text = pcall(tostring, value)
  return ok and text or default
end

-- What of a first line is no Lua: kind and name of "?nn.LSTM", "nn.LSTM?", "??f", ";ls", "%time f()"; and the code of
-- those commands that take some.
local function special(text, environment)
  local marks, name = text:match("^%s*(%?%??)%s*(.-)%s*$")
  if not marks then name, marks = text:match("^%s*([%a_][%w_.:]*)%s*(%?%??)%s*$") end
  if marks then return marks == "?" and "help" or "source", name end
  if text:find "^%s*help%s*%(?%s*%)?%s*$" and environment.help == nil then return "help", "" end
  local command = text:match("^%s*;%s*([^(].-)%s*$")
  if command and command ~= "" then return "shell", command end
  local code
  command, code = text:match("^%s*%%(%a*)%s*(.*)$")
  if command then return "command", command, code end
end

--- reading.parse(text, environment [, name]) -> entry, unfinished
---
--- An entry: { text =, kind = "chunk", f = or message = }, or kind "help", "source", "shell" or "command" with name,
--- argument and, of a command that measures code, f or message. unfinished: more lines may mend it. name is that of the
--- chunk, for messages.
---@param text string
---@param environment table
---@param name? string
---@return table entry
---@return boolean? unfinished
function reading.parse(text, environment, name)
  local kind, word, code = special(text, environment)
  local entry = { text = text, kind = kind or "chunk", name = word, argument = code }
  if kind and not (kind == "command" and measures[word] and code ~= "") then return entry end
  local unfinished
  entry.f, entry.message, unfinished = reading.compile(kind and code or text, environment, name)
  return entry, unfinished
end

--- reading.entry(host, session) -> entry | nil | false
---
--- Reads an entry of one line or more. nil at the end of input, false after Ctrl-C. session has prompt, the text that
--- asks, or nil, and environment.
---@param host table
---@param session table
---@return table|nil|false
function reading.entry(host, session)
  local text = host.read(session.prompt or prompt("_PROMPT", paint.as("prompt", "> ")))
  if not text then return text end
  local entry, unfinished = reading.parse(text, session.environment)
  while unfinished do
    local more = host.read(prompt("_PROMPT2", paint.as("prompt", ">> ")))
    if more == false then return false end
    if more == nil then break end
    text = text .. "\n" .. more
    entry, unfinished = reading.parse(text, session.environment)
  end
  return entry
end

return reading

-- reading.lua: entries at the prompt: chunks of one line or more, questions and commands.

local paint = require "rnn.repl.paint"

local load, tostring, pcall, rawget, globals = load, tostring, pcall, rawget, _G

local reading = { HIDDEN = "_rnnlua_entry" } -- the name of a local variable of every expression

local function is_unfinished(message)
  return message:find("<eof>$") ~= nil
end

--- reading.compile(text, environment) -> function | nil, message, unfinished
---
--- The chunk of text, as an expression when it can be one; unfinished: more lines may mend it.
---@param text string
---@param environment table
---@return function?
---@return string? message
---@return boolean? unfinished
function reading.compile(text, environment)
  -- With a variable that is to be closed a call is no tail call, and so leaves the user's line in messages.
  local expression = "local " .. reading.HIDDEN .. " <close> = nil return " .. text:gsub("^%s*=", "", 1)
  local f, message = load(expression, "=stdin", "t", environment)
  if f then return f end
  local unfinished = is_unfinished(message)
  f, message = load(text, "=stdin", "t", environment)
  if f then return f end
  return nil, message, unfinished or is_unfinished(message)
end

local function prompt(name, default)
  local value = rawget(globals, name)
  if value == nil then return default end
  local ok, text = pcall(tostring, value)
  return ok and text or default
end

-- What of a first line is no Lua: kind and name of "?nn.LSTM", "nn.LSTM?", "??f", ";ls", "%time f()"; and the code of
-- those commands that take some.
local function special(text)
  local marks, name = text:match("^%s*(%?%??)%s*(.-)%s*$")
  if not marks then name, marks = text:match("^%s*([%a_][%w_.:]*)%s*(%?%??)%s*$") end
  if marks then return marks == "?" and "help" or "source", name end
  local command = text:match("^%s*;%s*([^(].-)%s*$")
  if command and command ~= "" then return "shell", command end
  local code
  command, code = text:match("^%s*%%(%a*)%s*(.*)$")
  if command then return "command", command, code end
end

--- reading.entry(host, session) -> entry | nil | false
---
--- Reads an entry: { text =, kind = "chunk", f = or message = }, or kind "help", "source", "shell" or "command" with
--- name and, of a command that measures code, f or message. nil at the end of input, false after Ctrl-C. session has
--- prompt, the text that asks, environment, and commands, of which measures says that one takes code.
---@param host table
---@param session table
---@return table|nil|false
function reading.entry(host, session)
  local text = host.read(session.prompt or prompt("_PROMPT", paint.as("prompt", "> ")))
  if not text then return text end
  local kind, name, code = special(text)
  local entry = { text = text, kind = kind or "chunk", name = name, argument = code }
  if kind and not (kind == "command" and session.measures[name] and code ~= "") then return entry end
  code = kind and code or text
  local f, message, unfinished = reading.compile(code, session.environment)
  while unfinished do
    local more = host.read(prompt("_PROMPT2", paint.as("prompt", ">> ")))
    if more == false then return false end
    if more == nil then break end
    entry.text, code = entry.text .. "\n" .. more, code .. "\n" .. more
    f, message, unfinished = reading.compile(code, session.environment)
  end
  entry.f, entry.message = f, message
  return entry
end

return reading

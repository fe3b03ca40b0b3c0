-- session.lua: what becomes of an entry at the prompt, or of a cell of a notebook; and the prompt inside a loop.
--
-- host has what only C can do:
--
--   host.call(f, ...)   true and the results, or false and a message with traceback; Ctrl-C stops f
--   host.read(prompt)   a line; nil at the end of input; false after Ctrl-C
--   host.remember(text), host.complete_with(f)   see init.lua
--
-- front shows what comes of it:
--
--   front.say(text)       an answer, front.page(text) a long one
--   front.report(message) an error with its traceback
--   front.show(values, text, environment)   what text, as it was typed, returned: values[2] ... values[values.n]

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
local rawset, require, pairs, getmetatable, setmetatable = rawset, require, pairs, debug.getmetatable, setmetatable
local max = math.max
local globals, pack, concat, sort, stdout = _G, table.pack, table.concat, table.sort, io.stdout
local execute, type = os.execute, type

local Session = {}
Session.__index = Session

--- session.text(value, typed, environment) -> text
---
--- A value as it is shown, for a terminal as wide as this one; typed is what it came from.
local function text_of(value, typed, environment)
  local width = core.terminal_width()
  local bars = spark(value, width, not terminal.unicode(1))
  local shown = type(value) == "function" and require "rnn.repl.help".signature(typed, value, environment)
    or core.is_tensor(value) and value:ndim() > 0 and core.tensor_text(value, max(20, width)) or pretty(value, width)
  return paint.value(value, shown) .. (bars and "\n" .. bars or "")
end

-- Runs f and reports when it fails, without the frames below the entry; all that it returned.
function Session:call(f, ...)
  local values = pack(self.host.call(f, ...))
  if not values[1] then
    self.front.report((values[2]:gsub("\n\t%[C%]: in [^\n]*\n\t%[rnn%]/repl/.*", "", 1)))
  end
  return values
end

--- session:run(f [, text]) -> boolean, boolean: runs f and shows its values; true when it did not fail, and when its
--- first value is not nil
function Session:run(f, text)
  local values = self:call(f)
  if not values[1] then return false end
  if values.n > 1 then
    if values[2] ~= nil then rawset(globals, "_", values[2]) end
    self:call(self.front.show, values, text or "", self.environment)
  end
  return true, values[2] ~= nil
end

local answers = {}

function answers.chunk(self, entry)
  if not entry.f then return self.front.report(entry.message) end
  local ok, has_value = self:run(entry.f, entry.text)
  if not ok then return end
  self.scripts[#self.scripts + 1] = reading.script(entry.text, self.environment, has_value)
  local names = top_locals(entry.text)
  if #names == 0 then return end
  self.front.say(("note: local %s ended with this entry; without 'local' it would stay"):format(concat(names, ", ")))
end

function answers.help(self, entry)
  self:call(function()
    local head, rest = require "rnn.repl.help".of(entry.name, self.environment):match("^([^\n]*)(.*)$")
    self.front.page(paint.as("heading", head) .. rest)
  end)
end

function answers.source(self, entry)
  self:call(function() self.front.page(require "rnn.repl.help".source(entry.name, self.environment, self.entries)) end)
end

function answers.shell(self, entry)
  stdout:flush()
  local _, why, code = execute(entry.name)
  if code ~= 0 then self.front.say(("(%s %d)"):format(why, code)) end
end

function answers.command(self, entry)
  local text
  if commands.measures[entry.name] or entry.name == "load" then
    text = commands.run(self, entry) -- these call host.call themselves
  else
    self:call(function() text = commands.run(self, entry) end)
  end
  if text and text ~= "" then self.front.say(text) end
end

--- session:answer(entry): what reading.entry or reading.parse gave.
function Session:answer(entry) answers[entry.kind](self, entry) end

--- session:converse(words) -> word | nil
---
--- Reads and answers until the end of input, or an entry that is one of words, which is returned; "free": also as a
--- call, and only where nothing has that name.
---@param words table<string, true|"free">
---@return string?
function Session:converse(words)
  local entries = self.entries
  while not interruption.held() do -- inside a loop that has been told to end
    local entry = reading.entry(self.host, self)
    if entry == nil then return nil end
    if entry then
      if entry.text ~= entries[#entries] and entry.text:find("%S") then
        self.host.remember(entry.text)
        entries[#entries + 1] = entry.text
      end
      local word, call = entry.text:match "^%s*(%a+)%s*(%(?%s*%)?)%s*$"
      local kind = words[word]
      if kind == "free" and self.environment[word] == nil or kind == true and call == "" then return word end
      self:answer(entry)
    end
  end
end

local WORDS = { continue = true, stop = true }

local new

--- session:visit(thread) -> boolean
---
--- The prompt inside a loop, whose innermost function of the user waits in thread. True: the loop goes on.
---@param thread thread
---@return boolean
function Session:visit(thread)
  local begun = core.clock()
  local environment, place = frames.environment(thread)
  local names = {}
  for name in pairs(getmetatable(environment).names) do names[#names + 1] = name end
  sort(names)
  self.front.say(("\nstopped%s, inside the loop%s\ncontinue goes on, stop ends it; ? for help"):format(
    place and " at " .. place or "", #names > 0 and "; here are " .. concat(names, ", ") or ""))
  self.host.complete_with(function(before) return complete(before, environment) end)
  local word = new(self.host, self.front, { prompt = paint.as("prompt", "loop> "), environment = environment,
    known = self.known, entries = self.entries }):converse(WORDS)
  self.host.complete_with(complete)
  interruption.pause(core.clock() - begun)
  return word ~= "stop"
end

--- session.new(host, front, fields) -> session
---
--- fields: environment of what is run, known (names of globals that are not the user's), prompt and entries (texts so
--- far), if there are any.
function new(host, front, fields)
  local self = { host = host, front = front, entries = {}, scripts = {} }
  for name, value in pairs(fields) do self[name] = value end
  return setmetatable(self, Session)
end

return { new = new, text = text_of }

-- jupyter/init.lua: what a kernel of Jupyter answers (protocol 5.5). The sockets are C's (bindings/jupyter); host has
--
--   host.receive()                       type and content of the next request; nothing when the kernel shall end
--   host.waiting()                       whether there is one already
--   host.begin()                         the first one received that is not done is being answered
--   host.publish(type, content [, metadata])   to all who look at the notebook
--   host.reply(type, content)            to who asked
--   host.done()                          the request is answered
--   host.may_ask(boolean), host.ask(prompt)    whether lines can be typed; one of them, or nil
--   host.info()                          who we are
--   host.call, host.visit_with           see rnn.repl.session
--
-- where contents are JSON.

local core = require "rnn.core"
local complete = require "rnn.repl.complete"
local help = require "rnn.repl.help"
local mime = require "rnn.jupyter.mime"
local paint = require "rnn.repl.paint"
local reading = require "rnn.repl.reading"
local repl = require "rnn.repl"
local sessions = require "rnn.repl.session"
local terminal = require "rnn.terminal"

-- The kernel works on when users give these names to things of their own.
local ipairs, pairs, pcall, rawget, rawset, setmetatable, tostring, type = ipairs, pairs, pcall, rawget, rawset,
  setmetatable, tostring, type
local utf8_len, utf8_offset, math_type = utf8.len, utf8.offset, math.type
local valid = mime.valid
local globals, stdout, stderr, concat, insert, remove, require = _G, io.stdout, io.stderr, table.concat,
  table.insert, table.remove, require

local kernel = {}

local host, session
local count = 0 -- of executions
local cell      -- what is being executed: { code, silent, ids, shown, payload, failure, inside }
local requests = {} -- received and not answered yet: { kind, text, aborted }

local function list(items) return setmetatable(items, { __json = "array" }) end

local function publish(kind, content, metadata)
  host.publish(kind, core.json_encode(content), metadata and core.json_encode(metadata) or nil)
end

-- ---- errors ----

-- The line of the cell that a message is about.
local function line_of(what)
  local number = what:match "^In%[?%d*%]?:(%d+): "
  if not number or not cell then return nil end
  local at = 0
  for line in (cell.code .. "\n"):gmatch "(.-)\n" do
    at = at + 1
    if tostring(at) == number then return ("----> %s %s"):format(number, line) end
  end
end

-- Name, text and lines of an error, from a message with its traceback.
local function failure_of(message)
  message = valid(message)
  local what, trace = message:match "^(.-)(\nstack traceback:\n.*)$"
  local name = what and "Error" or "SyntaxError"
  what = what or message
  if what:find "interrupted!$" then name = "Interrupted" end
  local source, lines = line_of(what), {}
  for line in (paint.failure(what .. (source and "\n" .. source or "") .. (trace or "")) .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = line
  end
  return { ename = name, evalue = what, traceback = list(lines) }
end

local function with_status(status, content)
  content.status = status
  return content
end

-- ---- what is shown ----

-- Shows value now; with id, what the cell has shown under it is replaced.
local function show(value, id, quick)
  if not cell then return end
  local text = sessions.text(value, "", globals)
  local data, metadata = mime.of(value, text, quick)
  local again = id ~= nil and cell.ids[id]
  if id ~= nil then cell.ids[id] = true end
  cell.shown[value == nil and false or value] = true
  publish(again and "update_display_data" or "display_data", { data = data, metadata = metadata,
    transient = id ~= nil and { display_id = "rnnlua " .. tostring(id) } or {} })
end

local front = {}

function front.say(text)
  stdout:write(text, "\n")
  stdout:flush()
end

function front.page(text)
  if cell.inside then return front.say(text) end
  cell.payload[#cell.payload + 1] = { source = "page", start = 0, data = { ["text/plain"] = valid(text) } }
end

function front.report(message)
  if cell.inside then
    stdout:flush()
    stderr:write(paint.failure(message), "\n")
  else
    cell.failure = cell.failure or failure_of(message)
  end
end

-- Of one value all forms, of several their texts; nothing of nil, and of a figure that its plot function has shown.
function front.show(values, typed, environment)
  local texts, something, separator = {}, false, "\t"
  for i = 2, values.n do
    something = something or values[i] ~= nil
    texts[i - 1] = sessions.text(values[i], typed, environment)
    if texts[i - 1]:find "\n" then separator = "\n" end
  end
  if not something or cell.silent or values.n == 2 and cell.shown[values[2]] then return end
  local data, metadata = mime.of(values.n == 2 and values[2] or nil, concat(texts, separator))
  if cell.inside then publish("display_data", { data = data, metadata = metadata, transient = {} })
  else publish("execute_result", { data = data, metadata = metadata, execution_count = count }) end
end

-- ---- execution ----

-- What f of a user's expression gives, in the form of user_expressions.
local function evaluated(text)
  local f, message = reading.compile(text, globals, "=expression")
  local ok, value
  if f then
    ok, value = host.call(f)
    message = value
  end
  if not ok then return with_status("error", failure_of(tostring(message))) end
  local data, metadata = mime.of(value, sessions.text(value, text, globals))
  return { status = "ok", data = data, metadata = metadata }
end

local answers = {}

function answers.execute(content)
  local code = content.code
  local silent = content.silent == true
  local stored = not silent and content.store_history ~= false and code:find "%S" ~= nil
  if stored then
    count = count + 1
    session.entries[count] = code
  end
  cell = { code = code, silent = silent, ids = {}, shown = {}, payload = list {} }
  if not silent then publish("execute_input", { code = code, execution_count = count }) end
  host.may_ask(content.allow_stdin == true)
  cell.may_ask = content.allow_stdin == true
  session:answer((reading.parse(code, globals, stored and ("=In[%d]"):format(count) or "=In")))
  host.may_ask(false)
  local failure = cell.failure
  local expressions = {}
  local asked = not failure and content.user_expressions
  for name, text in pairs(type(asked) == "table" and asked or {}) do expressions[name] = evaluated(text) end
  local reply = { execution_count = count, payload = cell.payload, user_expressions = expressions }
  cell = nil
  if not failure then return with_status("ok", reply) end
  if not silent then publish("error", failure) end
  while content.stop_on_error ~= false and host.waiting() do -- what was sent before the error was seen
    local kind, text = host.receive()
    if not kind then break end
    requests[#requests + 1] = { kind = kind, text = text, aborted = true }
  end
  for key, value in pairs(failure) do reply[key] = value end
  return with_status("error", reply)
end

-- The text before and behind a position that counts characters.
local function cut(code, position)
  local at = math_type(position) and utf8_offset(code, position + 1) or #code + 1
  return code:sub(1, at - 1), code:sub(at)
end

function answers.complete(content)
  local before = cut(content.code, content.cursor_pos)
  local names, word = complete(before)
  local position = utf8_len(before)
  return { status = "ok", matches = list(names), cursor_start = position - utf8_len(word), cursor_end = position,
    metadata = {} }
end

-- The name at the cursor, else that of the function whose arguments are being written.
local function name_at(before, behind)
  local name = (before:match "[%a_][%w_.:]*$" or "") .. (behind:match "^[%w_]+" or "")
  if name:find "^[%a_]" then return name end
  return before:gsub("%b()", ""):gsub("%b{}", ""):match "([%a_][%w_.:]*)%s*[%(%{][^()]*$"
end

function answers.inspect(content)
  local name = name_at(cut(content.code, content.cursor_pos))
  local text, found = "", false
  if name then text, found = help.of(name, globals) end
  if found and content.detail_level == 1 then text = text .. "\n\n" .. help.source(name, globals, session.entries) end
  return { status = "ok", found = found, data = found and { ["text/plain"] = valid(text) } or {}, metadata = {} }
end

function answers.is_complete(content)
  local entry, unfinished = reading.parse(content.code, globals)
  if unfinished then return { status = "incomplete", indent = "  " } end
  return { status = (entry.f or not entry.message) and "complete" or "invalid" }
end

-- A pattern of a shell, with * and ?, as one of Lua.
local function from_glob(glob)
  return "^" .. glob:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".") .. "$"
end

function answers.history(content)
  local kind, entries, chosen = content.hist_access_type, session.entries, {}
  local first, last = 1, #entries
  if kind == "range" then
    first, last = content.start or 1, (content.stop or #entries + 1) - 1
  end
  local pattern = kind == "search" and from_glob(content.pattern or "*")
  local seen = {}
  for i = last, first, -1 do
    local text = entries[i]
    if text and (not pattern or text:find(pattern)) and not (content.unique == true and seen[text]) then
      seen[text] = true
      insert(chosen, 1, list { 1, i, content.output and list { text, core.null } or text })
    end
    if kind ~= "range" and math_type(content.n) and #chosen >= content.n then break end
  end
  return { status = "ok", history = list(chosen) }
end

function answers.comm_info() return { status = "ok", comms = {} } end

-- ---- life ----

local function answer(request)
  local kind, text = request.kind, request.text
  local name = kind:match "^(.*)_request$"
  if kind == "kernel_info_request" then return host.reply("kernel_info_reply", host.info()) end
  if not name or not answers[name] then return end -- such as comm_msg: nobody here speaks with widgets
  local content, message = core.json_decode(text)
  local ok, reply = content ~= nil, message
  if request.aborted and name == "execute" then
    reply = with_status("aborted", {})
  elseif ok and name == "execute" then -- which calls what is the user's by host.call
    ok, reply = pcall(answers.execute, content)
  elseif ok then
    ok, reply = host.call(answers[name], content)
  end
  if not ok then reply = with_status("error", failure_of(tostring(reply))) end
  host.reply(name .. "_reply", core.json_encode(reply))
end

--- display(value [, id]) -> nothing
---
--- Shows a value below the cell in all its forms: a figure as a picture, a tensor or frame as a table, and what the
--- metamethod __mime of a value returns, such as { ["text/html"] = "<b>x</b>" }. With an id, it takes the place of what
--- the cell has shown under the same one before, so that a loop can renew its picture.
function kernel.display(value, id) show(value, id) end

--- clear_output([wait]): takes away what the cell has shown, with wait when something else is shown.
function kernel.clear_output(wait) publish("clear_output", { wait = wait and true or false }) end

--- kernel.run(host): answers until the kernel shall end.
---@param with table
function kernel.run(with)
  host = with
  host.remember = function() end
  host.complete_with = function() end
  function host.read(prompt) return host.ask(prompt) or "stop" end -- an interrupt while it asks ends the loop
  terminal.display = show
  function terminal.color(stream) return stream == 2 end -- errors only: notebooks show colours
  session = sessions.new(host, front, { environment = globals, known = {} })
  host.call(repl.set_globals)
  for _, name in ipairs { "display", "clear_output" } do
    if rawget(globals, name) == nil then rawset(globals, name, kernel[name]) end
  end
  for name in pairs(globals) do session.known[name] = true end
  require "rnn.jupyter.curves"(show)
  host.visit_with(function(thread)
    if not cell or not cell.may_ask then return false end
    cell.inside = true
    local go_on = session:visit(thread)
    cell.inside = nil
    return go_on
  end)
  while true do
    local request = remove(requests, 1)
    if not request then
      local kind, text = host.receive()
      if not kind then return end
      request = { kind = kind, text = text }
    end
    host.begin()
    answer(request)
    host.done()
  end
end

--- kernel.install(program, ...): see install.lua.
kernel.install = require "rnn.jupyter.install"

return kernel

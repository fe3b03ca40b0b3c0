-- Standard streams that are closed when the program starts: what is printed must not land in any file.
local script = [[
local rnn, folder = require "rnn", os.getenv "FOLDER"
local core = require "rnn.core"
local lock = assert(core.file_lock(folder .. "/lock"))
local events = assert(core.events_open(folder))
local opened = io.open(folder .. "/opened", "w")
for _ = 1, 3 do
  print "LOST"
  io.stdout:write "LOST"
  io.stderr:write "LOST"
end
io.stdout:flush()
assert(events:record "a record")
assert(events:flush())
assert(core.file_append(folder .. "/appended", "x"))
assert(core.archive_write(folder .. "/archive", { x = rnn.ones(3) }, {}))
assert(core.archive_read(folder .. "/archive"))
assert(lock and events and opened)
local done <close> = assert(io.open(folder .. "/done", "w"))
done:write "done"
]]

local function content(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function list(folder)
  local pipe <close> = assert(io.popen("ls " .. folder))
  local names = {}
  for name in pipe:lines() do names[#names + 1] = name end
  return names
end

local program = os.getenv "RNNLUA" or "build/rnnlua"
local module = os.getenv "RNNLUA_MODULE"
local commands = { [("'%s'"):format(program)] = true }
if module and not require "rnn.core".sanitized and os.execute "command -v lua5.4 >/dev/null" then
  commands[("LUA_CPATH='%s' lua5.4"):format(module)] = false -- whose own files may take their numbers
end

describe("closed streams", function()
  for command, opens_any in pairs(commands) do
    for _, closed in ipairs { ">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&-", "<&- >&- 2>&-" } do
      it(("%s %s"):format(command:match "%S+$", closed), function()
        local folder = os.tmpname()
        os.remove(folder)
        assert.is_true(os.execute(("mkdir %s"):format(folder)))
        local path = folder .. "/script.lua"
        do
          local file <close> = assert(io.open(path, "w"))
          file:write(script)
        end
        os.execute(("FOLDER=%s %s %s >/dev/null 2>/dev/null %s"):format(folder, command, path, closed))
        assert.equal("done", content(folder .. "/done"))
        for _, name in ipairs(list(folder)) do
          if name ~= "script.lua" and (opens_any or name ~= "opened") then
            assert.is_nil(content(folder .. "/" .. name):find "LOST", name)
          end
        end
        assert.equal("", content(folder .. "/lock"))
      end)
    end
  end
end)

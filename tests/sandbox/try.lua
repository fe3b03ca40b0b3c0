-- try.lua: runs the attempts of tests/sandbox/attempts, each without the sandbox, where it has to succeed, and in it,
-- where it may not. An attempt is a script; it prints ESCAPED when it has got what it wanted. Its second line says
-- which walls hold it, each alone, or the limits that it runs into. Its arguments are three folders: one that nobody
-- gave it, one to write to, one to read from.

local core = require "rnn.core"

local FOLDER = os.getenv "PWD" .. "/tests/sandbox"
local PROGRAM = (os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"):gsub("[^/]*$", "")

local try = { program = PROGRAM .. "tests/rnnlua_walls", old_kernel = PROGRAM .. "tests/old_kernel" }

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

-- pause, if there is one, is called while the command runs.
local function run(command, pause)
  local pipe = assert(io.popen("exec 2>&1; " .. command))
  if pause then pause() end
  local text = pipe:read "a"
  pipe:close()
  return text
end

--- try.list() -> { { name, path, about, held, limits } }, in order
function try.list()
  local list = {}
  for _, file in ipairs(assert(core.folder_list(FOLDER .. "/attempts"))) do
    local path = FOLDER .. "/attempts/" .. file
    local head = io.open(path):read "a"
    list[#list + 1] = { name = file:match "^(.*)%.lua$", path = path, about = head:match "^%-%- ([^\n]*)",
      held = head:match "\n%-%- held by: ([^\n]*)", limits = head:match "\n%-%- limits: ([^\n]*)" }
  end
  return list
end

-- A folder with what the attempts are after.
local SCENE = [[
cd "$1" && rm -rf outside inside data && mkdir outside inside data && echo secret > outside/secret.txt
echo target > outside/target.txt; printf 'a,b\n1,2\n' > outside/table.csv; echo data > data/data.txt
chmod 644 outside/* data/*; touch -d 2001-01-01 outside/* data/*; ln -s ../outside/secret.txt inside/planted
]]
local SEEN = "cd %s && find outside data -type f -printf '%%p %%s %%m %%T@\\n' | sort; cat outside/* data/*"

--- try.scene(folder): makes it anew
function try.scene(folder) assert(os.execute(("sh -c %s sh %s"):format(quote(SCENE), quote(folder)))) end

--- try.seen(folder) -> what of it an attempt may not change
function try.seen(folder) return (run(SEEN:format(quote(folder)))) end

local function command(attempt, folder, options, before)
  local quoted = quote(folder)
  return (("cd %s && SECRET=hidden HOME=%s/outside %s %s %s %s %s/outside %s/inside %s/data 9< outside/secret.txt"
    .. " | tail -c 20000"):format(quoted, quoted, before, quote(try.program), options, quote(attempt.path), quoted,
    quoted, quoted))
end

--- try.escaped(said): has it got what it wanted, or sent what a terminal obeys?
function try.escaped(out)
  return out:find("ESCAPED", 1, true) ~= nil or out:find "\27[^%[]" ~= nil or out:find "\27%[[%d;]*[^%d;mK]" ~= nil
    or out:find("\194\155", 1, true) ~= nil or out:find("\226\128\174", 1, true) ~= nil
end

--- try.freely(attempt, folder) -> did it succeed?, what it said. One that runs into a limit succeeds by going on.
function try.freely(attempt, folder, pause)
  try.scene(folder)
  local out = run(command(attempt, folder, "", "timeout -s KILL 1.2"), pause)
  return try.escaped(out) or attempt.limits ~= nil and not out:find "rnnlua_walls: ", out
end

--- try.boxed(attempt, folder [, walls [, before]]) -> what it said. walls: those that stand; before: a command
--- around it.
function try.boxed(attempt, folder, walls, before, pause)
  local quoted = quote(folder)
  try.scene(folder)
  local options = ("--sandbox --read %s/data --write %s/inside %s"):format(quoted, quoted, attempt.limits or "")
  return run(command(attempt, folder, options, ("RNNLUA_WALLS=%s %s"):format(walls or "1234", before or "")), pause)
end

return try

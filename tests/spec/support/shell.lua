-- shell.lua: runs shell commands in a folder of their own and says what came of them.

local Shell = {}
Shell.__index = Shell

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function slurp(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

-- A new folder below the system's temporary one.
local function new()
  local pipe = assert(io.popen("mktemp -d"))
  local folder = pipe:read("l")
  pipe:close()
  return setmetatable({ folder = folder }, Shell)
end

function Shell:write(name, text)
  local path = self.folder .. "/" .. name
  os.execute("mkdir -p " .. quote(path:match("^(.*)/")))
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

-- Runs command with an empty standard input (unless it redirects) -> standard output, standard error, exit code.
function Shell:run(command)
  local out, err = self.folder .. "/.out", self.folder .. "/.err"
  local line = ("cd %s && { %s\n} < /dev/null > %s 2> %s"):format(quote(self.folder), command, quote(out), quote(err))
  local _, _, code = os.execute(line)
  return slurp(out), slurp(err), code
end

function Shell:remove()
  os.execute("rm -rf " .. quote(self.folder))
end

return { new = new, quote = quote }

-- files.lua: how the programs of this folder read: words for the shell, whole files, lines that a command prints.

local files = {}

function files.quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- files.read(path) -> text, or nil where there is no such file
function files.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

function files.lines_of(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

return files

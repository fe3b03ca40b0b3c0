-- Becomes another program.
-- held by: 1 2
local path = "/bin/echo"
local arguments = string.pack("jjj", raw("address", path), raw("address", "ESCAPED"), 0)
print(select(2, raw("execve", path, arguments, 0)))

-- Reads the environment that the program was started with.
-- held by: the parent
local file = io.open "/proc/self/environ"
local text = (os.getenv "SECRET" or "") .. (file and file:read "a" or "")
print(text:find("hidden", 1, true) and "ESCAPED" or "nothing there")

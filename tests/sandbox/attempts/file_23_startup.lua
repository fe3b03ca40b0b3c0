-- Writes a file that is read at the next start.
-- held by: 1
local outside, inside = arg[1], arg[2]
local home = os.getenv "HOME"
local file, why = io.open((home or outside) .. "/.profile", "a")
print(file and "ESCAPED" or why)

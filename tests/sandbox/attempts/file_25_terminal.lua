-- Opens the terminal.
-- held by: 1
local file, why = io.open("/dev/tty", "w")
print(file and file:write "typed\n" and file:flush() and "ESCAPED" or why)

-- Writes a file of 5 GiB.
-- limits: --time 1s
local file = assert(io.open(arg[2] .. "/huge", "w"))
file:seek("set", 5 << 30)
file:write "x"
local done, why = file:close()
print(done and "ESCAPED" or why)

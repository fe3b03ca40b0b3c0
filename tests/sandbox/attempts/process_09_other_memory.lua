-- Reads memory by process_vm_readv.
-- held by: 2
local from, to = "secret", ("."):rep(6)
local function vector(s) return string.pack("jj", raw("address", s), 6) end
local n, why = raw("process_vm_readv", raw "getpid", vector(to), 1, vector(from), 1, 0)
print(n == 6 and "ESCAPED" or why)

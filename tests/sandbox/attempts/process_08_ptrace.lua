-- Lets itself be traced.
-- held by: 2
local done, why = raw("ptrace", 0, 0, 0, 0)
print(done == 0 and "ESCAPED" or why)

-- Hides its files in folders that nobody else can list.
-- limits: --time 3s
local AT_FDCWD = -100
local folder = arg[2] .. "/locked"
assert(raw("mkdirat", AT_FDCWD, folder, 192) == 0) -- 0300
assert(io.open(folder .. "/x", "w")):close()
while true do end

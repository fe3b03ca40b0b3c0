-- Hides its files from who counts them, a hundred folders down.
-- limits: --time 30s
local core = require "rnn.core"
local path = arg[2]
for i = 1, 120 do path = path .. "/d" end
assert(core.make_folder(path))
while true do end

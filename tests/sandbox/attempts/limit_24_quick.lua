-- Has made its files and ended before anybody looks.
-- limits: --time 30s
for i = 1, 21000 do assert(io.open(("%s/%d"):format(arg[2], i), "w")):close() end

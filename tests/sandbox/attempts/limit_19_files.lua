-- Makes files until somebody stops it.
-- limits: --time 30s
for i = 1, 1000000 do assert(io.open(("%s/%d"):format(arg[2], i), "w")):close() end
print "ESCAPED"

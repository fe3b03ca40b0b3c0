-- Moves a file of its own out of its folder.
-- held by: 1
local outside, inside = arg[1], arg[2]
assert(io.open(inside .. "/own", "w")):write("x"):close()
local moved, why = os.rename(inside .. "/own", outside .. "/moved")
print(moved and "ESCAPED" or why)

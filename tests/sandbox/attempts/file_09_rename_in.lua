-- Moves a file of somebody else into its folder.
-- held by: 1
local outside, inside = arg[1], arg[2]
local moved, why = os.rename(outside .. "/target.txt", inside .. "/theirs")
print(moved and "ESCAPED" or why)

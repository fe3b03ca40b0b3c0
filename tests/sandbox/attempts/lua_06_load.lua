-- Gets the real globals by load.
-- held by: 1 2 4
local chunk = load "return os.execute()"
print(chunk() and "ESCAPED")

-- Gets the real os by require.
-- held by: 1 2 4
local os = require "os"
local loaded = package.loaded.os or package.loaded._G.os
print((os.execute() or loaded.execute()) and "ESCAPED")

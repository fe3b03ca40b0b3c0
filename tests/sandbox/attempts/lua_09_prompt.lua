-- Takes the functions of the prompt, which look into everything.
-- held by: 4
local frames = require "rnn.repl.frames"
print(frames and "ESCAPED")

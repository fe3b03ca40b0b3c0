-- clock.lua: the seconds of training. Time that passes at a prompt inside a loop is none.

local core = require "rnn.core"

local clock, paused = {}, 0

--- clock.now() -> seconds, from an arbitrary start
function clock.now() return core.clock() - paused end

--- clock.pause(seconds): so many of them were none of training.
function clock.pause(seconds) paused = paused + seconds end

return clock

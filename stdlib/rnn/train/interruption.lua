-- interruption.lua: Ctrl-C and SIGTERM while training can save itself. In the program rnnlua they are held until the
-- step has ended; in a stock lua they do what they do there.

local signals = package.preload["rnn.signals"] and require "rnn.signals"

local interruption = {}

local function nothing() end

--- interruption.hold(on): from now on the first signal is only noted.
interruption.hold = signals and signals.hold or nothing

--- interruption.held() -> "SIGINT", "SIGTERM" or nil
interruption.held = signals and signals.held or nothing

--- interruption.leave(message): ends the program as the signal would have done; at the prompt it is an error.
interruption.leave = signals and signals.leave or error

return interruption

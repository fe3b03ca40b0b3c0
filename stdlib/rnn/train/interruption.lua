-- interruption.lua: what comes between the steps of training: Ctrl-C, and signals that end a program. In the program
-- rnnlua they are held until the step has ended; in a stock lua they do what they do there. A prompt inside the loop
-- takes time that is none of training.

local core = require "rnn.core"

local signals = package.preload["rnn.signals"] and require "rnn.signals"

local interruption = {}

local function nothing() end

--- interruption.hold(how) -> before
---
--- From now on the first signal is only noted: with "stop" Ctrl-C, with "save" also SIGTERM, SIGHUP, SIGUSR1, SIGUSR2,
--- SIGXCPU and SIGPIPE.
interruption.hold = signals and signals.hold or nothing

--- interruption.release(before): as it was before hold. A signal that held has not told of comes again.
interruption.release = signals and signals.release or nothing

--- interruption.held() -> the name of the signal that came, "stop" when a prompt in the loop ended with that, or nil
interruption.held = signals and signals.held or nothing

--- interruption.leave(message): ends the program as the signal would have done; at the prompt Ctrl-C is an error.
interruption.leave = signals and signals.leave or error

local paused = 0

--- interruption.now() -> seconds, from an arbitrary start
function interruption.now() return core.clock() - paused end

--- interruption.pause(seconds): so many of them were none of training.
function interruption.pause(seconds) paused = paused + seconds end

return interruption

-- Times inference: whole sequences without recording, and single steps.
--
--   rnnlua infer.lua [SECONDS]     of each case (0.5); prints the least time of each, in microseconds
--
-- A case is a cell, its inputs, units and layers, N sequences of T steps; T 0 is layer:step, one time step a call, that
-- writes into its state. The threads are those of the program: rnnlua --threads 1 infer.lua.
local rnn = require "rnn"
local nn = rnn.nn

local seconds = tonumber(arg[1]) or 0.5
local CASES = {
  { "lstm", 32, 32, 1, 1, 0 }, { "gru", 32, 32, 1, 1, 0 }, { "lstm", 1, 20, 1, 1, 0 }, { "lstm", 64, 256, 1, 1, 0 },
  { "gru", 64, 256, 1, 1, 0 }, { "lstm", 64, 256, 1, 256, 0 }, { "lstm", 32, 32, 1, 1, 1000 },
  { "gru", 32, 32, 1, 1, 1000 }, { "lstm", 1, 20, 1, 1, 1000 }, { "lstm", 64, 256, 1, 1, 1000 },
  { "lstm", 64, 256, 2, 1, 64 }, { "lstm", 64, 256, 2, 2, 64 }, { "lstm", 64, 256, 2, 4, 64 },
  { "lstm", 64, 256, 2, 8, 64 }, { "lstm", 64, 256, 2, 32, 64 }, { "lstm", 64, 256, 2, 64, 64 },
  { "gru", 64, 256, 2, 32, 64 }, { "lstm", 32, 32, 1, 32, 50 }, { "lstm", 128, 512, 2, 64, 64 },
}

local function least(f)
  local best, finish, times = math.huge, rnn.clock() + seconds, 1
  f()
  repeat
    local start = rnn.clock()
    for _ = 1, times do f() end
    local took = rnn.clock() - start
    best = math.min(best, took / times)
    if took < 2e-4 then times = times * 2 end
  until rnn.clock() > finish
  return best * 1e6
end

print(("%s, %d thread%s"):format(rnn.isa(), rnn.threads(), rnn.threads() == 1 and "" or "s"))
for _, case in ipairs(CASES) do
  local cell, inputs, units, layers, N, T = table.unpack(case)
  local layer = assert(({ lstm = nn.LSTM, gru = nn.GRU })[cell])(inputs, units, { layers = layers }):eval()
  local name = ("%s %d -> %d x %d, N%d, %s"):format(cell, inputs, units, layers, N, T == 0 and "one step" or "T" .. T)
  local x = T == 0 and rnn.randn(N, inputs) or rnn.randn(N, T, inputs)
  local took
  if T == 0 then
    local _, state = layer:step(x)
    took = least(function() layer:step(x, state, state) end)
  else
    took = rnn.no_grad(least, function() layer(x) end)
  end
  print(("%-36s %10.2f%s"):format(name, took, T > 0 and (", %.3f a step"):format(took / T) or ""))
end

-- What recompute = true saves and costs on a long sequence: an LSTM 64 -> 256 over 16,384 steps of 8 sequences, last
-- output. Prints the most bytes beyond the input, the seconds of a forward and a backward pass (the median of three),
-- and whether all gradients are the same to the bit.
--
--   rnnlua recompute.lua [STEPS]
local rnn = require "rnn"
local nn = rnn.nn

local STEPS = tonumber(arg[1]) or 16384
rnn.seed(1)
local x = rnn.randn(8, STEPS, 64)
local layers = { plain = nn.LSTM(64, 256, { returns = "last" }),
  recompute = nn.LSTM(64, 256, { returns = "last", recompute = true }) }
layers.recompute:load_state_dict(layers.plain:state_dict())

local function run(layer)
  local times, peak = {}, nil
  for i = 1, 3 do
    for _, p in ipairs(layer:parameters()) do p:zero_grad() end
    collectgarbage()
    rnn.reset_peak()
    local before, start = rnn.memory().live, rnn.clock()
    layer(x):square():sum():backward()
    times[i], peak = rnn.clock() - start, rnn.memory().peak - before
  end
  table.sort(times)
  return times[2], peak
end

local seconds, bytes = {}, {}
for _, name in ipairs { "plain", "recompute" } do
  seconds[name], bytes[name] = run(layers[name])
  print(("%-9s  %8.1f MB  %6.2f s"):format(name, bytes[name] / 1e6, seconds[name]))
end
local same = true
local other = layers.recompute:parameters()
for i, p in ipairs(layers.plain:parameters()) do
  same = same and (p.grad - other[i].grad):abs():max():item() == 0
end
print(("recompute takes %.1f %% of the memory and %.2f times as long; gradients are %s"):format(
  100 * bytes.recompute / bytes.plain, seconds.recompute / seconds.plain, same and "equal to the bit" or "different"))

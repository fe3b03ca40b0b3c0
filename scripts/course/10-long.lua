-- Long sequences: note the number at the mark (step 1), ignore T - 1 numbers of noise, say it at the end.
--
--   rnnlua scripts/course/10-long.lua        draws it here, and into 10-long.svg
local rnn = require "rnn"
local nn = rnn.nn

local LENGTHS <const> = { 5, 10, 20, 40, 80 }
local MODELS <const> = {
  { "RNN", function() return nn.RNN(2, 16, { returns = "last" }) end },
  { "GRU", function() return nn.GRU(2, 16, { returns = "last" }) end },
  { "LSTM", function() return nn.LSTM(2, 16, { returns = "last" }) end },
  -- biases of the gates for memories of up to T steps (Tallec, Ollivier 2018)
  { "LSTM, chrono = T", function(T) return nn.LSTM(2, 16, { returns = "last", chrono = T }) end },
}

-- count sequences (count, T, 2): a number from -1 to 1, and a mark that is 1 at the first step and then 0.
local function sequences(count, T)
  local number = rnn.rand(count, T, 1) * 2 - 1
  local mark = rnn.zeros(count, T, 1)
  mark:select(2, 1):fill_(1)
  return rnn.concat({ number, mark }, 3), number:select(2, 1)
end

-- The share of the number's variance that a model explains after 300 steps of training: 1 is all, 0 is nothing.
local function remembered(new, T, seed)
  rnn.seed(seed)
  local model = nn.Sequential { new(T), nn.Linear(16, 1) }
  local opt = rnn.optim.Adam(model:parameters(), { lr = 0.01 })
  for _ = 1, 300 do
    local x, number = sequences(32, T)
    local loss = rnn.mse(model(x), number)
    opt:zero_grad()
    loss:backward()
    rnn.optim.clip_grad_norm(model:parameters(), 1)
    opt:step()
  end
  local x, number = sequences(500, T)
  return 1 - rnn.mse(rnn.predict(model, x), number):item() / number:square():mean():item()
end

local lines = {}
print(("%16s"):format "T" .. ("%8d"):rep(#LENGTHS):format(table.unpack(LENGTHS)))
for i, entry in ipairs(MODELS) do
  local y = {}
  for k, T in ipairs(LENGTHS) do                               -- the median of three: one run may be luck
    local shares = { remembered(entry[2], T, 1), remembered(entry[2], T, 2), remembered(entry[2], T, 3) }
    table.sort(shares)
    y[k] = shares[2]
  end
  print(("%16s"):format(entry[1]) .. ("%8.2f"):rep(#y):format(table.unpack(y)))
  lines[i] = { x = LENGTHS, y = y, label = entry[1] }
end
print()
local figure = rnn.plot.lines(lines, { title = "What is left of a number after T steps", xlabel = "T",
  ylabel = "share remembered" })
assert(figure:save "10-long.svg")

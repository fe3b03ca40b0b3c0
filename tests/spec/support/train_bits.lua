-- Trains a small model of every recurrent layer and prints a number made from every bit of its weights, for
-- bits_spec.lua. Large enough that the work is cut among threads.
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim
rnn.seed(3)
local model = nn.Sequential {
  nn.LSTM(5, 67, { layer_norm = true, recurrent_dropout = 0.2 }), nn.GRU(67, 50, { bidirectional = true }),
  nn.RNN(100, 31), nn.LayerNorm(31), nn.Dropout(0.1), nn.Linear(31, 4),
}
local opt = optim.Adam(model:parameters(), { lr = 0.01 })
local x, y = rnn.randn(33, 24, 5), rnn.randn(33, 24, 4)
for _ = 1, 8 do
  opt:zero_grad()
  rnn.mse(model(x), y):backward()
  optim.clip_grad_norm(model:parameters(), 1)
  opt:step()
end
print(dofile(arg[0]:match "^.*/" .. "weight_bits.lua")(model))

-- long.lua FOLDER: a training of some seconds, with a checkpoint every five steps, for kill.sh.
local rnn = require "rnn"
local core = require "rnn.core"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local folder = arg[1]
os.execute(("echo $PPID >%s.pid%d"):format(folder, rnn.dist.rank))
rnn.seed(3)
local x, y = rnn.randn(800, 20, 3), rnn.randn(800, 2)
local model = nn.Sequential { nn.LSTM(3, 32, { returns = "last", recurrent_dropout = 0.1 }), nn.BatchNorm(32),
  nn.Dropout(0.3), nn.Linear(32, 2) }
local epochs = tonumber(os.getenv "EPOCHS") or 120
local history = rnn.fit(model, { data = data.arrays(x, y):batches { size = 30, shuffle = true, seed = 7 },
  valid = data.arrays(x:rows(1, 90), y:rows(1, 90)), loss = "mse", metrics = { "mae" }, clip_norm = 0.5,
  optimizer = optim.Adam(model:parameters(), { lr = 0.003 }), epochs = epochs, progress = 20, run = folder, shards = 8,
  checkpoint = { every_steps = 5 }, callbacks = { rnn.EarlyStopping { patience = 1000 } } })
for _, pair in ipairs((model:named_tensors())) do
  print(pair[1], ("%016x"):format(core.checksum(pair[2]:detach())))
end
for e = 1, #history do print(("%.17g %.17g %.17g"):format(history.loss[e], history.val_loss[e], history.val_mae[e])) end

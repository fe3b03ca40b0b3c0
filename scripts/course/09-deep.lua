-- A deep RNN: three layers, written as the slide writes them, on series of two waves and noise.
--
--   rnnlua scripts/course/09-deep.lua        draws it here, and into 09-deep.svg
local rnn = require "rnn"
local nn = rnn.nn
rnn.seed(9)

-- count series: 50 values to see, and the next one to say. The noise alone makes an error of 0.0008.
local function series(count)
  local function random() return rnn.rand(count, 1) end
  local time = rnn.linspace(0, 1, 51)
  local y = 0.5 * ((time - random()) * (random() * 10 + 10)):sin()
    + 0.2 * ((time - random()) * (random() * 20 + 20)):sin() + 0.1 * (rnn.rand(count, 51) - 0.5)
  return y:slice(2, 1, 50):reshape(count, 50, 1), y:slice(2, 51, 51)
end
local x, y = series(4000)
local new_x, new_y = series(1000)

local Linear = nn.module("Linear", function(self) self.linear = nn.Linear(50, 1) end)
function Linear:forward(v) return self.linear(v:reshape(-1, 50)) end

local models = {
  { "linear", Linear() },
  { "one neuron", nn.RNN(1, 1, { returns = "last" }) },
  { "deep", nn.Sequential {                       -- keras.models.Sequential([
    nn.RNN(1, 20),                                --   SimpleRNN(20, return_sequences=True, input_shape=[None, 1]),
    nn.RNN(20, 20),                               --   SimpleRNN(20, return_sequences=True),
    nn.RNN(20, 1, { returns = "last" }),          --   SimpleRNN(1)])
  } },
  { "deep, Linear on top", nn.Sequential { nn.RNN(1, 20), nn.RNN(20, 20, { returns = "last" }), nn.Linear(20, 1) } },
}

local lines = {}
print(("%-20s %10s  %s"):format("", "parameters", "mean squared error on new series"))
print(("%-20s %10d  %.4f"):format("the last value", 0, rnn.mse(new_x:select(2, 50), new_y):item()))
for i, entry in ipairs(models) do
  local name, model = entry[1], entry[2]
  local count = 0
  for _, p in ipairs(model:parameters()) do count = count + p:count() end
  local history = rnn.fit(model, { data = rnn.data.arrays(x, y):batches { size = 32, shuffle = true },
    valid = rnn.data.arrays(new_x, new_y), loss = "mse", epochs = 12, progress = false,
    optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.003 }) })
  print(("%-20s %10d  %.4f"):format(name, count, history.best.val_loss))
  lines[i] = { y = history.val_loss, label = name }
end
print()
local figure = rnn.plot.lines(lines, { title = "Deep against shallow", xlabel = "epoch", ylabel = "error",
  log_y = true })
assert(figure:save "09-deep.svg")

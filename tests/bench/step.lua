-- Times training steps of a recurrent network in rnnlua: same case, same answer as peer_torch.py, which explains it.
--
--   rnnlua step.lua '{"cell":"lstm","inputs":64,"units":256,"layers":2,"batch":32,"time":64,"last":true,"threads":1}'
local rnn = require "rnn"
local nn, optim = rnn.nn, rnn.optim

local case = assert(rnn.json_decode(arg[1]))
local seconds = case.seconds or 2.0
rnn.threads(case.threads or 1)
rnn.seed(1)

local Layer = assert(({ rnn = nn.RNN, lstm = nn.LSTM, gru = nn.GRU })[case.cell], "cell: rnn, lstm or gru")
local outputs = case.outputs or 1
local layer = Layer(case.inputs, case.units, { layers = case.layers, returns = case.last and "last" or "sequence",
  layer_norm = case.layer_norm, bidirectional = case.bidirectional })
local model = nn.Sequential { layer, nn.Linear(layer.outputs, outputs) }
local params = model:parameters()
local optimizer = optim.Adam(params, { lr = 1e-3 })
local x = rnn.randn(case.batch, case.time, case.inputs)
if case.lengths then x = x:with_lengths(case.lengths) end
local target = case.last and rnn.randn(case.batch, outputs) or rnn.randn(case.batch, case.time, outputs)

-- With "stream": one time step of the layer alone, state in, state out.
local state
local function stream()
  local _
  _, state = layer:step(x, state)
end
if case.stream then
  x = x:select(2, 1):copy()
  layer:eval()
end

local function train()
  optimizer:zero_grad()
  local loss = rnn.mse(model(x), target)
  loss:backward()
  optim.clip_grad_norm(params, 1)
  optimizer:step()
  return loss
end
local step = case.stream and stream or train

local block = case.stream and 100 or 1

local function measure()
  local times, finish = {}, rnn.clock() + seconds
  while #times < 10 or rnn.clock() < finish do
    local start = rnn.clock()
    for _ = 1, block do step() end
    times[#times + 1] = 1e3 * (rnn.clock() - start) / block
  end
  table.sort(times)
  return times
end

measure()
local times = measure()
local middle = #times // 2
print(rnn.json_encode {
  system = ("rnnlua %s, %s"):format(rnn.version, rnn.isa()),
  threads = rnn.threads(), steps = #times,
  median = #times % 2 == 1 and times[middle + 1] or (times[middle] + times[middle + 1]) / 2,
  min = times[1], max = times[#times], peak_bytes = rnn.memory().peak,
})

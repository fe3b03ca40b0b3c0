-- A small training run for resume_spec.lua: resumable.lua FOLDER|- [EVENT ...]. Without a folder it is not kept. An
-- event STEP=COMMAND runs a shell command after that step, in which $PPID is this process; a run that goes on from a
-- checkpoint has none. Prints the history and a number made
-- from every bit of the weights.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local folder = arg[1] ~= "-" and arg[1] or nil
local events = {}
for i = 2, #arg do
  local step, command = arg[i]:match "^(%d+)=(.*)$"
  events[tonumber(step)] = command
end

rnn.seed(3)
local inputs = rnn.randn(40, 6, 2)
local model = nn.Sequential { nn.GRU(2, 16, { returns = "last" }), nn.Dropout(0.3), nn.Linear(16, 1) }
local history = rnn.fit(model, {
  data = data.arrays(inputs, inputs:mean(2):slice(2, 1, 1)):batches { size = 8, shuffle = true },
  loss = "mse", epochs = 4, progress = false, optimizer = optim.Adam(model:parameters(), { lr = 0.01 }),
  run = folder, checkpoint = folder and { every_steps = 3 } or nil, log_every = 2,
  callbacks = { { on_step = function(_, run, step)
    if events[step] and not run.resumed then assert(io.popen(events[step])):close() end
  end } },
})
for e = 1, #history do print(("%a %a"):format(history.loss[e], history.lr[e])) end
local hash = 0
for _, p in ipairs(model:parameters()) do
  for _, v in ipairs(p:reshape(-1):totable()) do
    hash = (hash * 31 + string.unpack("<I8", string.pack("<d", v)) % 2147483647) % 2147483647
  end
end
print(hash)

-- A training run of about a second that uses everything a checkpoint has to hold: dropout, batch norm, shuffling, a
-- schedule, averaged weights, accumulation, early stopping, logs. kill_resume/run.sh kills and restarts it; when it
-- comes to its end, it writes all that must be the same as without killing.
--
--   train.lua FOLDER plain|stream
local core = require "rnn.core"
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local folder, stream = arg[1], arg[2] == "stream"

rnn.seed(7)
local inputs = rnn.randn(240, 12, 3)
local targets = stream and inputs:slice(3, 1, 2) * 0.5 or inputs:mean(2):slice(2, 1, 2)
local function part(from, to) return data.arrays(inputs:rows(from, to):copy(), targets:rows(from, to):copy()) end
local train, valid = part(1, 200), part(201, 240)

local model = nn.Sequential {
  nn.LSTM(3, 24, { recurrent_dropout = 0.1, returns = stream and "sequence" or "last" }), nn.BatchNorm(24),
  nn.Dropout(0.05), nn.Linear(24, 2),
}
local heavy, light = {}, {}
for _, pair in ipairs(model:named_parameters()) do table.insert(pair[2]:ndim() > 1 and heavy or light, pair[2]) end

local history = rnn.fit(model, {
  data = train:batches { size = 16, shuffle = true }, valid = valid:batches { size = 16, shuffle = true },
  loss = "mse", metrics = { "mae" }, epochs = stream and 9 or 25, progress = false,
  optimizer = optim.AdamW({ { heavy, weight_decay = 0.01 }, { light, weight_decay = 0 } }, { lr = 0.01 }),
  schedule = optim.schedules.warmup { length = 10, after = optim.schedules.cosine { length = 200, final = 0.1,
    per = "step" } },
  clip_norm = 1, accumulate = stream and 1 or 2, average = 0.7, tbptt = stream and 5 or nil,
  callbacks = { rnn.CSVLog(folder .. ".csv"),
    rnn.EarlyStopping { monitor = "val_mae", patience = 10, mode = stream and "min" or "max" } },
  run = folder, checkpoint = { every_steps = stream and 4 or 3 }, log_every = 2,
})

-- All bits of the weights, the history without its times, the logs without theirs.
local out = {}
for _, pair in ipairs((model:named_tensors())) do
  local bits = {}
  for i, v in ipairs(pair[2]:reshape(-1):totable()) do bits[i] = ("%a"):format(v) end
  out[#out + 1] = pair[1] .. " " .. table.concat(bits, " ")
end
for e = 1, #history do
  local names, logs = {}, history:epoch(e)
  for name in pairs(logs) do if name ~= "seconds" then names[#names + 1] = name end end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = ("%s %a"):format(name, logs[name]) end
  out[#out + 1] = table.concat(names, " ")
end
out[#out + 1] = ("best %d stopped %s"):format(history.best.epoch, history.stopped)
for text in io.lines(folder .. "/metrics.jsonl") do out[#out + 1] = text:gsub('"seconds":[^,]*,', "") end
for text in io.lines(folder .. ".csv") do
  local cells, i = {}, 0
  for cell in (text .. ","):gmatch "([^,]*)," do
    i = i + 1
    if i ~= 5 then cells[#cells + 1] = cell end -- seconds
  end
  out[#out + 1] = table.concat(cells, ",")
end
assert(core.file_write(folder .. ".result", table.concat(out, "\n") .. "\n"))

-- metrics_log.lua: metrics.jsonl in the folder of a run: one JSON object a line, for every epoch
-- {"epoch":3,"step":120,"loss":...,"val_loss":...,"lr":...,"seconds":...}, and for every log_every-th step
-- {"step":50,"epoch":2,"loss":...,"lr":...}, loss being that of the step's batch.

local class = require "rnn.class"
local LineFile = require "rnn.train.line_file"
local plain_json = require "rnn.plain_json"

---@class train.MetricsLog
local MetricsLog = class("train.MetricsLog")

function MetricsLog:init(path, every)
  self.file, self.every = LineFile(path), every
end

function MetricsLog:on_begin(run)
  self.file:begin(run)
end

function MetricsLog:on_step(run, step, values)
  if step % self.every ~= 0 then return end
  local record = { step = step, epoch = run.epoch }
  for name, value in pairs(values) do record[name] = value end
  self.file:add(plain_json(record))
end

function MetricsLog:on_epoch(run, logs)
  local record = { step = run.step, epoch = run.epoch }
  for name, value in pairs(logs) do record[name] = value end
  self.file:add(plain_json(record))
end

function MetricsLog:on_end(_, _)
  self.file:flush()
end

MetricsLog.on_error = MetricsLog.on_end

function MetricsLog:state()
  return self.file:state()
end

function MetricsLog:load_state(saved, _)
  self.file:load_state(saved)
end

return MetricsLog

-- settings.lua: what a training was told, as plain values: for tables that compare runs.

local core = require "rnn.core"

--- settings(run) -> table<string, number|string|boolean>
---@param run train.Run
---@return table<string, any>
return function(run)
  local count = 0
  for _, p in ipairs(run.model:parameters()) do count = count + p:count() end
  local values = { loss = type(run.options.loss) == "string" and run.options.loss or "function", epochs = run.epochs,
    parameters = count, seed = core.random_state().seed, optimizer = run.optimizer.kind or "function" }
  values.lr = run.given and run.given.lr
  for name, value in pairs(run.given and run.given.own.settings or {}) do
    local kind = type(value)
    if kind == "number" or kind == "string" or kind == "boolean" then values[name] = value end
  end
  for _, name in ipairs { "clip_norm", "clip_value", "accumulate", "average", "tbptt" } do
    if type(run.options[name]) == "number" then values[name] = run.options[name] end
  end
  if type(run.data) == "table" and math.type(run.data.size) == "integer" then values.batch = run.data.size end
  return values
end

-- evaluation.lua: evaluation mode for a while.

local defer = require "rnn.defer"

--- evaluation(model) -> value to be closed
---
--- Puts the model into evaluation mode until the value is closed; then each of its modules is as it was, even when
--- an error ended the while: local _ <close> = evaluation(model).
---@param model nn.Module
return function(model)
  local modules, modes = model:modules(), {}
  for i, pair in ipairs(modules) do modes[i] = rawget(pair[2], "training") end
  model:eval()
  return defer(function()
    for i, pair in ipairs(modules) do pair[2].training = modes[i] end
  end)
end

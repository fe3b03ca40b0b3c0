-- evaluation.lua: evaluation mode for a while.

local core = require "rnn.core"

--- evaluation(fname, model, f, ...) -> results of f
---
--- Calls f(...) with the model in evaluation mode and nothing recorded; then each of its modules is as it was, even
--- when an error ended it.
---@param fname string
---@param model nn.Module
---@param f function
return function(fname, model, f, ...)
  local modules, modes = model:modules(), {}
  for i, pair in ipairs(modules) do modes[i] = rawget(pair[2], "training") end
  return core.finally(fname, function()
    for i, pair in ipairs(modules) do pair[2].training = modes[i] end
  end, function(...)
    model:eval()
    return core.no_grad(f, ...)
  end, ...)
end

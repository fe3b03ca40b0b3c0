-- objective.lua: what a batch comes to: the loss, and what metrics compare.

local metrics = require "rnn.train.metrics"

--- objective(fname, model, loss, padded) -> function (call, x, y) -> loss, prediction, target
---
--- call(x) is the model's prediction, which the loss compares with y. A model with a loss of its own,
--- model:loss(x, y, options) -> loss, prediction, target, is asked for it when loss is nil or a table, the options;
--- padded is one of them.
---@param fname string for messages
---@param model nn.Module
---@param loss string|function|table|nil
---@param padded boolean labels 0 are padding
return function(fname, model, loss, padded)
  if type(model.loss) == "function" and (loss == nil or type(loss) == "table" and not getmetatable(loss)) then
    if padded then
      local options = { padded = true }
      for name, value in pairs(loss or {}) do options[name] = value end
      loss = options
    end
    return function(_, x, y) return model:loss(x, y, loss) end
  end
  local loss_of = metrics.loss(fname, loss, padded)
  return function(call, x, y)
    local prediction = call(x)
    return loss_of(prediction, y), prediction, y
  end
end

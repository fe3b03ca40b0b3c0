-- trains.lua: does an optimiser train the model? One that was made for another, or before the model was made again,
-- changes nothing.

local core = require "rnn.core"

--- trains(fname, optimizer, model) -> array of tensors
---
--- The optimiser's parameters that are not the model's: a loss may have some of its own. None in common is an error; a
--- model that is trained in part is not.
---@param fname string
---@param optimizer optim.Optimizer
---@param model nn.Module
---@return rnn.Tensor[]
return function(fname, optimizer, model)
  local own, others = {}, {}
  for _, entry in ipairs((model:named_tensors())) do own[entry[2]] = true end
  for _, p in ipairs(optimizer.params) do
    if not own[p] then others[#others + 1] = p end
  end
  if #others == #optimizer.params then
    core.fail("%s: option 'optimizer': it has no parameter of the model, %s, which would not be trained; make it with "
      .. "that model's parameters()", fname, model:describe())
  end
  return others
end

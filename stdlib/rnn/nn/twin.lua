-- twin.lua: what layer:record shows of nn.RNN, nn.LSTM and nn.GRU. Their hand-written passes keep no gates, so their
-- twins in rnn.cells run over the same input with the same weights.

local core = require "rnn.core"
local cells = require "rnn.cells"
local Recurrent = require "rnn.nn.recurrent"

local names = { rnn = "Elman", lstm = "LSTM", gru = "GRU" }

--- twin(layer, part, x, state, names) -> { name = tensor (N, T, width) }
---
--- The local variables of the twin's step, for one layer in one direction. Errors: options that draw random numbers.
---@param layer nn.RecurrentBase
---@param part table of layer.parts
---@param x rnn.Tensor (N, T, inputs)
---@param state? rnn.Tensor[]
---@param recorded string[]
---@return table<string, rnn.Tensor>
return function(layer, part, x, state, recorded)
  local d = part.description
  local zoneout = { ["1"] = d.zoneout_h, ["2"] = d.zoneout_c }
  local zones = d.zoneout_h > 0 or (d.zoneout_c or 0) > 0
  if layer.training and (d.recurrent_dropout > 0 or zones) then
    core.fail("%s: record: recurrent_dropout and zoneout draw other random numbers for it in training; layer:eval() "
      .. "first", layer:describe())
  end
  local options = { activation = d.activation, layer_norm = d.layer_norm, kernel = "zeros", recurrent = "zeros" }
  if d.cell ~= "rnn" then options.recurrent_activation = d.gate_activation end
  if d.cell == "gru" and d.reset_before then options.reset = "before" end
  if d.cell == "lstm" then
    options.peepholes, options.coupled = d.peepholes, d.coupled
    options.projection = d.projection > 0 and d.projection or nil
  end
  local cell = cells[names[d.cell]](x:size(3), d.units, options)
  for _, name in ipairs(part.names) do cell[name:match "^(.*)_l%d"] = layer[name] end
  local twin = Recurrent(cell, { zoneout = zones and zoneout or 0 }):eval():record(recorded)
  twin.parts[1].reverse = d.reverse
  core.no_grad(twin.forward, twin, x, state)
  return twin:recorded()
end

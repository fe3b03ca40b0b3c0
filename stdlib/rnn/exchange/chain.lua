-- chain.lua: a model as the layers that run one after the other, for those that write it for other programs.

local core = require "rnn.core"

local chain = {}

--- chain.of(model) -> list of layers: { layer, class, name }, name the path of its parameters
function chain.of(model)
  local list = {}
  local function add(layer, name)
    local class = getmetatable(layer).__name:match "^nn%.(%w+)$"
    if class == "Sequential" and getmetatable(layer) == require("rnn.nn").Sequential then
      for i = 1, #layer do add(layer[i], name == "" and tostring(i) or name .. "." .. i) end
    else
      list[#list + 1] = { layer = layer, class = class, name = name }
    end
  end
  add(model, "")
  return list
end

--- chain.refuse(fname, layer, what)
function chain.refuse(fname, layer, what)
  core.fail("%s: %s: %s has no counterpart there", fname, layer:describe(), what)
end

--- chain.plain(fname, layer, extra): raises where a recurrent layer has options that few programs know, but those in
--- extra, { peepholes = true }
function chain.plain(fname, layer, extra)
  local options = layer.options
  for _, name in ipairs { "layer_norm", "peepholes", "coupled", "residual" } do
    if options[name] then chain.refuse(fname, layer, ("option '%s'"):format(name)) end
  end
  for _, name in ipairs { "zoneout", "zoneout_cell" } do
    if (options[name] or 0) > 0 then chain.refuse(fname, layer, ("option '%s'"):format(name)) end
  end
  if options.initial_state == "trained" then chain.refuse(fname, layer, "a trained initial state") end
  if (options.projection or 0) > 0 and not extra.projection then chain.refuse(fname, layer, "option 'projection'") end
  if options.reset == "before" and not extra.reset then chain.refuse(fname, layer, "reset = 'before'") end
end

--- chain.bool(value), chain.number(value): as Python has them
function chain.bool(value) return value and "True" or "False" end

function chain.number(value)
  local text = ("%.9g"):format(value)
  return tonumber(text) == value and text or ("%.17g"):format(value)
end

return chain

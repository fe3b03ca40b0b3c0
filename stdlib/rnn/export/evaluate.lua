-- evaluate.lua: what stages compute, by ordinary ops on one row: the numbers that an exported program has to give.

local core = require "rnn.core"
local graph = require "rnn.export.graph"

local apply = {
  concat = function(_, ...) return core.concat({ ... }, 2) end,
  part = function(v, x) return core.slice(x, 2, v.from + 1, v.from + v.width) end,
  layer_norm = function(v, x, gain, bias) return core.layer_norm(x, gain, bias, v.numbers[1]) end,
  leaky_relu = function(v, x) return core.leaky_relu(x, v.numbers[1]) end,
  clamp = function(v, x) return core.clamp(x, v.numbers[1], v.numbers[2]) end,
  softmax = function(_, x) return core.softmax(x, 2) end,
  log_softmax = function(_, x) return core.log_softmax(x, 2) end,
  embedding = function(_, id, rows) return core.embedding(rows, id) end,
}
for _, name in ipairs { "sum", "mean", "max", "min" } do
  apply[name] = function(_, x) return core[name](x, 2, true) end
end

-- The step of a graph as a function: row, number of the step -> row.
local function stepper(g)
  local list, states = graph.order(g), {}
  for k, start in ipairs(g.start) do states[k] = start end
  return function(x, t)
    local now = {}
    for _, v in ipairs(list) do
      if v.kind == "x" then now[v] = x
      elseif v.kind == "t" then now[v] = core.full({ 1, 1 }, t)
      elseif v.kind == "state" then now[v] = states[v.index]
      elseif v.kind == "constant" then now[v] = v.tensor
      elseif v.kind == "number" then now[v] = core.tensor(v.value + 0.0)
      else
        local inputs = {}
        for i, input in ipairs(v.inputs) do inputs[i] = now[input] end
        if apply[v.op] then now[v] = apply[v.op](v, table.unpack(inputs))
        else now[v] = core[v.op](table.unpack(inputs)) end
      end
    end
    local after = {}
    for k, v in ipairs(g.new) do after[k] = now[v] end
    states = after
    return now[g.y]
  end
end

local merges = {
  concat = function(f, b) return core.concat({ f, b }, 2) end,
  sum = function(f, b) return f + b end,
  mean = function(f, b) return (f + b) * 0.5 end,
}

local stages = {}

function stages.forward(stage, rows)
  local step, result = stepper(stage.graph), {}
  if not stage.reach then
    for t, row in ipairs(rows) do result[t] = step(row, t) end
    return result
  end
  local reach, stride, n = stage.reach, stage.stride, #rows
  local padded = stage.padding ~= "valid"
  local made = padded and (n + stride - 1) // stride or math.max(0, (n - reach - 1) // stride + 1)
  local left = stage.padding == "causal" and reach
    or padded and math.max(0, (made - 1) * stride + reach + 1 - n) // 2 or 0
  for t = 0, made > 0 and reach - left + (made - 1) * stride or -1 do
    local y = step(rows[t + 1] or core.zeros(1, stage.graph.x.width), t + 1)
    local from = t - (reach - left)
    if from >= 0 and from % stride == 0 then result[from // stride + 1] = y end
  end
  return result
end

function stages.both(stage, rows)
  local forward, backward, merge, result = stepper(stage.graph), stepper(stage.backward), merges[stage.merge], {}
  local f, b = {}, {}
  for t = 1, #rows do f[t] = forward(rows[t], t) end
  for t = #rows, 1, -1 do b[t] = backward(rows[t], t) end
  if stage.last then return { merge(f[#rows], b[1]) } end
  for t, row in ipairs(rows) do
    result[t] = merge(f[t], b[t])
    if stage.residual then result[t] = result[t] + row end
  end
  return result
end

local function pool(stage, rows)
  local y, result = stage.layer(core.stack(rows, 2)), {}
  if y:ndim() == 2 then return { y } end
  for t = 1, y:size(2) do result[t] = y:select(2, t) end
  return result
end
stages["pool"], stages["pool all"] = pool, pool

stages["last"] = function(_, rows) return { rows[#rows] } end
stages["repeat"] = function(stage, rows)
  local result = {}
  for t = 1, stage.steps do result[t] = rows[1] end
  return result
end

--- evaluate(made, x) -> (rows, width): made of graph.of; x (T, width), or int32 ids (T)
return function(made, x)
  return core.no_grad(function()
    local rows = {}
    for t = 1, #x do rows[t] = x:slice(1, t, t) end
    for _, stage in ipairs(made.stages) do rows = stages[stage.kind](stage, rows) end
    if made.last then rows = { rows[#rows] } end
    return core.concat(rows, 1)
  end)
end

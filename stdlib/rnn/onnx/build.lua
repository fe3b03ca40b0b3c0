-- build.lua: instructions (read.lua) as a model: an nn.Sequential where they are layers one after the other, else an
-- onnx.Graph.

local core = require "rnn.core"
local parameter = require "rnn.nn.parameter"

-- A layer, with further options.
local function make(fields, more)
  local nn, options = require "rnn.nn", nil
  if fields.options or more then
    options = {}
    for key, value in pairs(fields.options or {}) do options[key] = value end
    for key, value in pairs(more or {}) do options[key] = value end
  end
  local args = { table.unpack(fields.args) }
  args[#args + 1] = options
  local layer = nn[fields.class](table.unpack(args))
  fields.fill(layer)
  return layer
end

-- ---- one after the other ----

local PASSES = { Unsqueeze = true, Squeeze = true, Expand = true, Reshape = true, view = true, Gather = true,
  Slice = true, Split = true }

-- Where a first state comes from: a list, of each direction, of a tensor (1, width), false where it is 0, or the name
-- of an input; nil where it is computed.
local function start_of(value, made)
  if not value then return { false } end
  if value.input then
    if value.input == 1 then return nil end -- what the layers take
    return { made.initial[made.inputs[value.input].name] or false }
  end
  local t = value.constant
  if t then
    if t:count() == 0 or t:abs():max():item() == 0 then return { false } end
    return t:ndim() == 2 and t:size(1) == 1 and { t } or nil
  end
  local by = value.by
  if not by then return nil end
  if by.op == "ConstantOfShape" then
    local fill = by.fields.value
    return (not fill or fill:abs():max():item() == 0) and { false } or nil
  end
  if by.op == "Concat" then
    local list = {}
    for _, input in ipairs(by.inputs) do
      local own = start_of(input, made)
      if not own or #own ~= 1 then return nil end
      list[#list + 1] = own[1]
    end
    return list
  end
  return PASSES[by.op] and start_of(by.inputs[1], made) or nil
end

-- The options that say how a layer begins, or nil, false where it cannot.
local function beginning(instruction, made)
  local fields, lists, any = instruction.fields, {}, false
  for k = 1, fields.states do
    lists[k] = start_of(instruction.inputs[2 + k], made)
    if not lists[k] then return nil, false end
    for _, t in ipairs(lists[k]) do
      any = any or t
      if t and #lists[k] ~= fields.directions then return nil, false end
    end
  end
  if not any then return {}, true end
  for k = 1, fields.states do
    for d = 1, fields.directions do
      local t = lists[k][d]
      if t and t:count() ~= fields.units then return nil, false end
    end
  end
  return { initial_state = "trained" }, true, function(layer)
    for k = 1, fields.states do
      for d, part in ipairs(layer.parts) do
        local t = lists[k][d]
        if t then layer[part.initial[k]]:detach():assign(t:reshape(1, -1)) end
      end
    end
  end
end

-- Is a value the state that a recurrent layer leaves, or a part of it?
local function is_state(value)
  local by = value.by
  if not by then return false end
  if by.op == "recurrent" then return value.index > 1 end
  if by.op == "Concat" then
    for _, input in ipairs(by.inputs) do
      if not is_state(input) then return false end
    end
    return true
  end
  return PASSES[by.op] and is_state(by.inputs[1]) or false
end

-- The layers in their order, { fields, more, after }; or nil.
local function chain(made)
  local first = made.inputs[1]
  for i = 2, #made.outputs do
    if not is_state(made.outputs[i].value) then return nil end
  end
  local list, value, more, lengths, plain = {}, made.outputs[1].value, nil, nil, false
  local kinds = { last = "last", merge = "merge" }
  while not value.input do
    local by = value.by
    if not by or value.index > 1 and by.op ~= "recurrent" then return nil end
    if by.op == "recurrent" then
      local fields = by.fields
      local start, ok, after = beginning(by, made)
      if not ok or fields.reverse or not fields.at or value.index > 2 or value.index == 2 and more and more.returns then
        return nil
      end
      -- The last row is the last output where all sequences are as long as they can be and none goes backwards.
      if value.index == 1 and more and more.returns and (by.inputs[2] or fields.directions > 1) then return nil end
      if by.inputs[2] then
        local input = by.inputs[2].input
        if not input or input == 1 or lengths and lengths ~= input then return nil end
        lengths = input
      else
        plain = true
      end
      for key, option in pairs(more or {}) do start[key] = option end
      if value.index == 2 then start.returns = "last" end
      more = nil
      table.insert(list, 1, { fields = fields, more = start, after = after })
    elseif more then return nil -- the last step, or directions, of what is no recurrent layer
    elseif by.op == "layer" then table.insert(list, 1, { fields = by.fields })
    elseif kinds[by.op] then
      more = more or {}
      if by.op == "last" then more.returns = "last" else more.merge = by.fields.merge end
    else return nil end
    value = by.inputs[1]
    if by.op == "merge" and value.by and value.by.op ~= "recurrent" then return nil end
  end
  local rank = first and first.dims and #first.dims
  local ids = list[1] and list[1].fields.class == "Embedding"
  if value.input ~= 1 or more or not list[1] or lengths and plain or rank ~= (ids and 2 or 3)
    or (first.type == "int32") ~= ids then
    return nil
  end
  return list
end

-- ---- a graph ----

-- Instructions that something needs, with numbers in the place of values.
local function compile(made, total)
  local slots, count, needed = {}, 0, {}
  local program = { inputs = {}, outputs = {}, constants = {}, named = {}, code = nil }
  local layers, constants, unnamed = {}, {}, 0
  local function slot(value)
    if not value then return false end
    if not slots[value] then
      count = count + 1
      slots[value] = count
      local t = value.constant
      if t and t:type() == "float" and t:count() > 1 then
        unnamed = unnamed + 1
        local name = ("constant_%d"):format(unnamed)
        constants[name], program.named[count] = t:copy():requires_grad(true), name
      elseif t then program.constants[count] = t end
    end
    return slots[value]
  end
  local function need(value)
    local by = value and value.by
    if not by or needed[by] then return end
    needed[by] = true
    for _, input in ipairs(by.inputs) do need(input) end
    if by.op == "scan" then
      for _, after in ipairs(by.fields.after) do need(after) end
      for _, inner in ipairs(by.fields.code) do
        for _, input in ipairs(inner.inputs) do need(input) end
      end
    end
  end
  for _, output in ipairs(made.outputs) do need(output.value) end
  local function translate(code)
    local list, last = {}, {}
    for _, instruction in ipairs(code) do
      if needed[instruction] then
        local fields, inputs, outputs = {}, {}, {}
        for key, value in pairs(instruction.fields) do fields[key] = value end
        for i, value in ipairs(instruction.inputs) do inputs[i] = slot(value) end
        for i, value in ipairs(instruction.outputs) do outputs[i] = slot(value) end
        if fields.at then
          layers[#layers + 1] = make(instruction.fields)
          fields.at = #layers
        end
        if instruction.op == "scan" then
          fields.code, fields.before, fields.after = translate(fields.code), {}, {}
          for i, value in ipairs(instruction.fields.before) do fields.before[i] = slot(value) end
          for i, value in ipairs(instruction.fields.after) do fields.after[i] = slot(value) end
        end
        list[#list + 1] = { op = instruction.op, fields = fields, inputs = inputs, outputs = outputs, free = {},
          label = instruction.label }
      end
    end
    return list, last
  end
  local function body()
    program.code = translate(made.code)
    for i, input in ipairs(made.inputs) do
      program.inputs[i] = { name = input.name, type = input.type, dims = input.dims, slot = slot(input.value) }
    end
    for i, output in ipairs(made.outputs) do
      program.outputs[i] = { name = output.name, slot = slot(output.value) }
    end
  end
  parameter.to_be_loaded(total, body)
  -- What nothing reads any more is let go: outside of scans, which read what lies around them.
  local last, kept = {}, {}
  for _, output in ipairs(program.outputs) do kept[output.slot] = true end
  local function read(code, at)
    for i, instruction in ipairs(code) do
      for _, place in ipairs(instruction.inputs) do last[place] = at or i end
      if instruction.op == "scan" then
        read(instruction.fields.code, at or i)
        for _, place in ipairs(instruction.fields.after) do last[place] = at or i end
      end
    end
  end
  read(program.code)
  for place, i in pairs(last) do
    if place and not kept[place] then table.insert(program.code[i].free, place) end
  end
  return program, layers, constants
end

--- build(made) -> model: made of read, with initial, tensors of first states by names of inputs
return function(made)
  local total = 0
  local function number(code)
    for _, instruction in ipairs(code) do
      local fields = instruction.fields
      if fields.fill then
        total = total + fields.numbers
        fields.at = true
      end
      if instruction.op == "scan" then number(fields.code) end
    end
  end
  number(made.code)
  local list = chain(made)
  if not list then return require "rnn.onnx.graph"(compile(made, total)) end
  return parameter.to_be_loaded(total, function()
    local layers = {}
    for i, entry in ipairs(list) do
      layers[i] = make(entry.fields, entry.more)
      if entry.after then core.no_grad(entry.after, layers[i]) end
    end
    return require "rnn.nn".Sequential(layers)
  end)
end

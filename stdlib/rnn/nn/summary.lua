-- summary.lua: the table that model:summary prints, in the manner of Keras.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local columns = require "rnn.columns"
local guard = require "rnn.guard"
local nest = require "rnn.nest"
local Cell = require("rnn.nn.cell").Cell

-- The arguments of the run: tensors and tables of them as they are, a shape as zeros.
local function inputs_of(model, ...)
  local first = ...
  if core.is_tensor(first) or nest.is_table(first) and core.is_tensor(nest.first(first)) then return ... end
  local size = { ... }
  if #size == 0 then check.expected("model:summary", "arguments", "the shape of the input, summary(N, T, D)", first) end
  for i, n in ipairs(size) do check.int("model:summary", ("argument %d"):format(i), n, 0) end
  size.type = model:input_type()
  return core.zeros(size)
end

-- A module's shape of output, as text; further results (states) do not count.
local function shape_text(value)
  if core.is_tensor(value) then return check.shape(value) end
  if not nest.is_table(value) then return check.describe(value) end
  local texts = {}
  for i, key in ipairs(nest.keys(value)) do texts[i] = ("%s %s"):format(key, shape_text(value[key])) end
  return table.concat(texts, ", ")
end

-- Runs the model and returns the modules in the order of their first call, and their outputs' shapes. Each object
-- gets a forward (a cell a step) of its own for the time of the run.
local function trace(model, ...)
  local order, shape, undo = {}, {}, {}
  for _, pair in ipairs(model:modules()) do
    local m = pair[2]
    local method = class.is_a(m, Cell) and "step" or "forward"
    local run, own, training = guard.inner(m[method]), rawget(m, method), rawget(m, "training")
    undo[#undo + 1] = function() m[method], m.training = own, training end
    m[method] = function(self, ...)
      if not shape[m] then
        order[#order + 1], shape[m] = m, "-"
      end
      local results = table.pack(run(self, ...))
      if shape[m] == "-" then shape[m] = shape_text(results[1]) end
      return table.unpack(results, 1, results.n)
    end
  end
  core.finally("model:summary", function()
    for _, f in ipairs(undo) do f() end
  end, function(...)
    model:eval() -- running statistics must not see the zeros
    core.no_grad(model.forward, model, ...)
  end, ...)
  return order, shape
end

local function bytes_text(n)
  if n < 1024 then return ("%d B"):format(n) end
  if n < 1024 * 1024 then return ("%.1f KB"):format(n / 1024) end
  return ("%.1f MB"):format(n / 1024 / 1024)
end

-- Elements of the tensors that belong to the module at path itself, not to one below it.
local function own_count(path, tensors, owners)
  local count = 0
  for _, pair in ipairs(tensors) do
    if owners[pair[1]] == path then count = count + pair[2]:count() end
  end
  return count
end

-- The path of the innermost module that each tensor name lies in.
local function owners_of(tensors, modules)
  local known, owners = {}, {}
  for _, pair in ipairs(modules) do known[pair[1]] = true end
  for _, pair in ipairs(tensors) do
    local path = pair[1]
    repeat
      path = path:match("^(.*)%.[^.]*$") or ""
    until known[path]
    owners[pair[1]] = path
  end
  return owners
end

--- summary(model, ...) -> text of the table
---@param model nn.Module
---@return string
return function(model, ...)
  local order, shape = trace(model, inputs_of(model, ...))
  local modules, tensors = model:modules(), (model:named_tensors())
  local thousands = columns.thousands
  local owners, path_of = owners_of(tensors, modules), {}
  for _, pair in ipairs(modules) do
    path_of[pair[2]] = pair[1]
    if not shape[pair[2]] then
      order[#order + 1], shape[pair[2]] = pair[2], "not called"
    end
  end
  local rows = { { "Name", "Layer", "Output", "Parameters" } }
  for _, m in ipairs(order) do
    local path = path_of[m]
    local count = own_count(path, tensors, owners)
    local leaf = #m:modules() == 1
    if path ~= "" or leaf or count > 0 then
      rows[#rows + 1] = { path, m:describe(), shape[m], thousands(count) }
    end
  end
  local lines = columns.lines(rows, function(j) return j == 4 end)
  local rule = ("-"):rep(utf8.len(lines[1]))
  table.insert(lines, 2, rule)
  lines[#lines + 1] = rule
  local total, trainable, bytes = 0, 0, 0
  for _, pair in ipairs(tensors) do
    local count = pair[2]:count()
    total = total + count
    if pair[2]:requires_grad() then trainable = trainable + count end
    bytes = bytes + count * (core.precision == "double" and pair[2]:type() == "float" and 8 or 4)
  end
  lines[#lines + 1] = ("Total parameters: %s (%s)"):format(thousands(total), bytes_text(bytes))
  if trainable ~= total then
    lines[#lines + 1] = ("Trainable: %s, not trainable: %s"):format(thousands(trainable), thousands(total - trainable))
  end
  return table.concat(lines, "\n") .. "\n"
end

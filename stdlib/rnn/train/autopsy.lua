-- autopsy.lua: where a NaN comes from. The step that met it is run once more, from the state before it, with every
-- result checked: the first op that gives one stops it, and what is on the stack then says which layer asked for it.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local nest = require "rnn.nest"
local Batches = require "rnn.data.batches"
local RecurrentBase = require "rnn.nn.recurrent_base"

-- What is not finite in t: "nan at (3, 17, 1)" and its sample and time step; or nothing.
local function bad_element(t)
  if not core.is_tensor(t) or t:type() ~= "float" then return end
  t = t:zero_padding():without_lengths()
  local bad = t:is_finite():eq(0):reshape(-1)
  if bad:max():item() == 0 then return end
  local n = bad:argmax(1):item()
  local value, index = t:reshape(-1):get(n), check.index({ t:shape() }, n)
  return ("%s at (%s)"):format(value ~= value and "nan" or tostring(value), table.concat(index, ", ")), index
end

-- Which item of the dataset a sample of the batch at hand is. (Series are looked at before they are cut into windows.)
local function origin(run, index)
  local data = run.data
  if run.reader or not class.is_a(data, Batches) then return "" end
  return (", item %d of the dataset"):format((run.items or data:items(run.input)):get(index[1]))
end

local function bad_data(run)
  local found
  for _, entry in ipairs { { "x", run.input }, { "y", run.target }, { "weights", run.weights } } do
    nest.each(entry[2], function(t, path)
      local text, index = bad_element(t)
      if not text or found then return end
      found = ("the data hold %s of the batch's %s%s"):format(text, path, origin(run, index))
    end, entry[1])
  end
  return found
end

local function norm(tensors)
  local sum = 0
  for _, t in ipairs(tensors) do
    if t:type() == "float" then sum = sum + t:detach():square():sum():item() end
  end
  return math.sqrt(sum)
end

-- Weights that have run away are the cause, whatever op overflows first.
local function runaway(run)
  local now, before = norm(run.start:live()), norm(run.start.kept)
  if now < 100 * before and now == now then return end
  local lr = run.lr or run.optimizer.lr
  return ("the weights have grown from a norm of %.3g before this epoch to %.3g, so the steps are too long: lower " ..
    "lr from %g, or clip with clip_norm"):format(before, now, lr)
end

-- The path of the innermost module on the stack (its forward, or a cell's step), and the time step at which a loop over
-- a cell is: nn.Recurrent counts it in t.
local function layer_and_time(names)
  local path, time
  for level = 3, 200 do
    if not debug.getinfo(level, "f") then break end
    local _, self = debug.getlocal(level, 1)
    if type(self) == "table" and names[self] then
      if not path and names[self] ~= "" then path = names[self] end
      for i = 2, class.is_a(self, RecurrentBase) and 60 or 1 do
        local name, value = debug.getlocal(level, i)
        if name == "t" and math.type(value) == "integer" then time = value end
      end
    end
  end
  return path, time
end

-- From here on a state has exploded: its square is beyond the numbers of a loss.
local FAR = 1e6

-- Hears the states of all recurrent layers while f runs, and returns what it returns and a clause on the layer whose
-- state went furthest, if it is far.
local function with_states(run, f)
  local furthest, heard = { size = FAR }, {}
  for _, entry in ipairs(run.model:modules()) do
    local name, layer = entry[1], entry[2]
    if class.is_a(layer, RecurrentBase) then
      local function hear(y)
        local size = core.no_grad(function() return y:abs():max():item() end)
        if size > furthest.size then furthest = { size = size, name = name == "" and layer:describe() or name } end
      end
      heard[layer] = hear
      layer:hear(hear)
    end
  end
  local ok, message = core.finally("rnn.fit", function()
    for layer, hear in pairs(heard) do layer:hear(hear, false) end
  end, f)
  return ok, message, furthest.name and (", after the state of layer '%s' has grown to %.3g: its recurrent weights "
    .. "are too large (recurrent = \"orthogonal\", activation = \"tanh\", or nn.LSTM keep it in bounds)"):format(
    furthest.name, furthest.size)
end

-- Runs the step with checks; returns what stopped it, or nil.
local function replay(run, position)
  local names, path, time = {}, nil, nil
  for _, entry in ipairs(run.model:modules()) do names[entry[2]] = entry[1] end
  local random = core.random_state()
  core.random_state { seed = random.seed, position = position }
  run.optimizer:zero_grad()
  local before = core.check_finite(true)
  local ok, message, state = with_states(run, function()
    return core.finally("rnn.fit", function()
      core.check_finite(before)
      core.random_state(random)
      run.optimizer:zero_grad()
    end, xpcall, function()
      local loss = run.objective(run.reader or run.model, run.input, run.target, run.weights)
      loss:backward()
    end, function(text)
      path, time = layer_and_time(names)
      return tostring(text)
    end)
  end)
  if ok then return nil end
  message = message .. (state or "")
  if time then message = ("%s, at time step %d"):format(message, time) end
  return path and ("%s, in layer '%s'"):format(message, path) or message
end

-- Batch and weights in the run's folder; says so.
local function keep(run)
  if not run.folder then return "" end
  local path, tensors = run.folder .. "/nan.safetensors", {}
  for name, value in pairs { x = run.input, y = run.target, sample_weights = run.weights } do
    nest.each(value, function(t, at)
      if not core.is_tensor(t) then return end
      if t:lengths() then tensors[at .. "_lengths"], t = t:lengths(), t:without_lengths() end
      tensors[at] = t
    end, name)
  end
  for _, pair in ipairs((run.model:named_tensors())) do tensors["weights." .. pair[1]] = pair[2] end
  local about = { about = "the batch of the step that failed, and the weights before it" }
  local ok, message = core.archive_write(path, tensors, about)
  return ok and ("Batch and weights of that step are in %s. "):format(path)
    or ("They could not be saved: %s. "):format(message)
end

--- autopsy(run, position) -> cause, place
---
--- cause: one clause that says where the first value that is not finite comes from: the data (and the row), the op with
--- the layer's path, the sample and time step, and the user's line, or weights that ran away; place: a sentence on
--- where the batch was saved, or "".
---@param run train.Run
---@param position integer of the random numbers before the step
---@return string cause
---@return string place
return function(run, position)
  local place = keep(run)
  local cause = bad_data(run)
  if cause then return cause, place end
  local grown = runaway(run)
  local message = replay(run, position)
  if grown then return message and ("%s (%s)"):format(grown, message) or grown, place end
  if message then return message, place end
  return "run again, the step was finite, so it depends on something that changes; a smaller lr or clip_norm may help",
    place
end

-- quantise.lua: a trained model with weights of eight bits.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local evaluate = require "rnn.train.evaluate"
local nest = require "rnn.nest"
local objective = require "rnn.train.objective"

local FNAME = "rnn.quantise"

local OPTIONS = option.of(FNAME, {
  { "data", nil, option.any, "batches or a dataset on which loss and metrics are measured before and after, as "
    .. "rnn.evaluate does" },
  { "quiet", false, check.boolean, "prints nothing" },
}, objective.OPTIONS)

-- Layers with products in integers, and which of their tensors take part.
local function weight() return { "weight" } end
local function of_parts(layer)
  local names = {}
  for _, part in ipairs(layer.parts) do
    names[#names + 1], names[#names + 2] = part.names[1], part.names[2]
  end
  return names
end
local KINDS = { ["nn.Linear"] = weight, ["nn.Embedding"] = weight, ["nn.RNN"] = of_parts, ["nn.LSTM"] = of_parts,
  ["nn.GRU"] = of_parts }

-- The weights that become int8, and those that stay float with the layers that have them.
local function choose(model)
  local chosen, left, seen, where = {}, {}, {}, {}
  for _, pair in ipairs(model:modules()) do
    local layer = pair[2]
    local kind = KINDS[getmetatable(layer).__name]
    for _, name in ipairs(kind and kind(layer) or {}) do where[layer[name]] = true end
  end
  for _, pair in ipairs((model:named_tensors())) do
    local name, t = pair[1], pair[2]
    if t:type() == "float" and t:ndim() >= 2 and not seen[t] then
      seen[t] = true
      table.insert(where[t] and t:size(2) <= 65536 and chosen or left, { name, t })
    end
  end
  return chosen, left
end

-- Bytes of a list of tensors in a form.
local function bytes(list, each)
  local sum = 0
  for _, pair in ipairs(list) do sum = sum + pair[2]:count() * each end
  return sum
end

local function measured(model, options)
  if options.data == nil then return nil end
  local given = {}
  for key, value in pairs(options) do
    if key ~= "data" and key ~= "quiet" then given[key] = value end
  end
  return evaluate.evaluate(model, options.data, given)
end

local function text_of(report)
  local lines = { ("int8: %d weights, %.2f MB instead of %.2f MB"):format(#report.quantised, report.bytes / 1e6,
    report.bytes_before / 1e6) }
  if #report.left > 0 then lines[1] = lines[1] .. "; in float stay " .. table.concat(report.left, ", ") end
  for _, name in ipairs(report.before and nest.keys(report.before) or {}) do
    local before, after = report.before[name], report.after[name]
    if type(before) == "number" and type(after) == "number" then
      lines[#lines + 1] = ("%-12s float %.6g, int8 %.6g (%+.3g)"):format(name, before, after, after - before)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

--- rnn.quantise(model [, options]) -> report
---
--- Turns the weights of a trained model into whole numbers of -127 to 127 with a scale for each unit, for inference:
--- those of nn.Linear, nn.Embedding, nn.RNN, nn.LSTM and nn.GRU (but for the projection of an LSTM). Their products are
--- then sums of integers, exact and so the same on every machine: inputs and states are rounded to eight bits, with
--- a scale for each row, as they enter a product. All else stays float: biases, gates, states, and the weights of other
--- layers, which are named. The weights are frozen; files of rnn.save have a quarter of the size. What is recorded for
--- backward is computed in float with the rounded weights. model:quantise(options) is the same.
---
--- With data, loss and metrics before and after are printed and returned. Method: one scale for each unit and row, to
--- nearest even, without training anew (Alvarez et al. 2016, "On the efficient representation and execution of deep
--- acoustic models"). Errors: a model without such weights, a weight that is not finite, --double.
---@param model nn.Module
---@param options? rnn.quantise.Options
---@return { quantised: string[], left: string[], bytes: integer, bytes_before: integer, before?: table, after?: table }
local function quantise(model, options)
  if not Module.is(model) then check.expected(FNAME, "argument 1 (model)", "a model (nn.Module)", model) end
  options = OPTIONS:read(options)
  if core.precision ~= "float" then core.fail("%s: int8 is for single precision; run without --double", FNAME) end
  local chosen, left = choose(model)
  if #chosen == 0 then
    core.fail("%s: %s has no layer with products in int8: these are nn.Linear, nn.Embedding, nn.RNN, nn.LSTM and "
      .. "nn.GRU", FNAME, model:describe())
  end
  for _, pair in ipairs(chosen) do
    if pair[2]:is_finite():all():item() == 0 then core.fail("%s: '%s' is not finite", FNAME, pair[1]) end
  end
  local before = measured(model, options)
  local report = { quantised = {}, left = {}, before = before, bytes_before = bytes(chosen, 4) + bytes(left, 4) }
  for i, pair in ipairs(chosen) do
    core.form(pair[2], "int8")
    report.quantised[i] = pair[1]
  end
  for i, pair in ipairs(left) do report.left[i] = pair[1] end
  model:_freeze(report.quantised)
  report.bytes = bytes(chosen, 1) + bytes(left, 4)
  for _, pair in ipairs(chosen) do report.bytes = report.bytes + 4 * pair[2]:size(1) end
  report.after = measured(model, options)
  if not options.quiet then io.write(text_of(report)) end
  return report
end

return quantise

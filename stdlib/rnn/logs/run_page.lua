-- run_page.lua: what rnn.logs.report shows of a run of rnn.fit.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local Batches = require "rnn.data.batches"
local thousands = require("rnn.columns").thousands
local summary = require "rnn.nn.summary"

local run_page = {}

local UNITS = {
  mse = "mean squared error", mae = "mean absolute error, in units of the target",
  last_mae = "mean absolute error of the last step, in units of the target",
  rmse = "root of the mean squared error, in units of the target", huber = "Huber, delta 1",
  cross_entropy = "cross entropy in nats", binary_cross_entropy = "binary cross entropy in nats",
  accuracy = "share of right answers", nats = "nats", perplexity = "exp of the nats",
  smape = "symmetric error in percent, 0 to 200",
}

local REFRESH = 10 -- seconds from one look of the browser at a running training to the next

local NO_CURVES = { advice = true, best = true, forecast = true, lr = true, seconds = true }

local function duration(seconds)
  if seconds < 60 then return ("%.1f s"):format(seconds) end
  local s = math.floor(seconds + 0.5)
  if s < 3600 then return ("%d min %02d s"):format(s // 60, s % 60) end
  return ("%d h %02d min"):format(s // 3600, s // 60 % 60)
end

--- run_page.parameters(model) -> number of elements that are trained
---@param model nn.Module
---@return integer
function run_page.parameters(model)
  local count = 0
  for _, p in ipairs(model:parameters()) do count = count + p:count() end
  return count
end

local LONGEST = 1000000 -- elements of an item that is worth running only to see shapes

--- run_page.summary(run) -> the table of model:summary, for one item of the data, or the model's own description where
--- the data do not tell the shape or an item is very long. Changes nothing that training depends on.
---@param run train.Run
---@return string
function run_page.summary(run)
  local random = core.random_state()
  local ok, text = pcall(function()
    local dataset = class.is_a(run.data, Batches) and run.data.dataset
    local x = dataset:batch(dataset.items:rows(1, 1))
    return x:count() <= LONGEST and summary(run.model, x)
  end)
  core.random_state(random)
  return ok and text or tostring(run.model) .. "\n"
end

-- Names of the history without val_, sorted, loss first.
local function names_of(history)
  local known, names = {}, {}
  for name, values in pairs(history) do
    local base = name:gsub("^val_", "")
    if type(values) == "table" and not NO_CURVES[name] and not known[base] then
      known[base] = true
      names[#names + 1] = base
    end
  end
  table.sort(names, function(a, b)
    if (a == "loss") ~= (b == "loss") then return a == "loss" end
    return a < b
  end)
  return names
end

local function epoch_charts(run, x)
  local history, charts, best = run.history, {}, run.best and run.best.best_epoch or 0
  for _, name in ipairs(names_of(history)) do
    local loss = run.options.loss
    local kind = name ~= "loss" and name or type(loss) == "string" and loss or nil
    local series = {}
    if history[name] then series[1] = { label = "training", y = history[name] } end
    if history["val_" .. name] then series[#series + 1] = { label = "validation", y = history["val_" .. name] } end
    charts[#charts + 1] = {
      title = name == "loss" and "Loss" or name, unit = kind and UNITS[kind] or nil, x = x,
      series = series, wide = name == "loss", mark = best > 0 and { x = best, label = "best: " .. best } or nil,
    }
  end
  charts[#charts + 1] = { title = "Learning rate", x = x, log = false,
    series = { { label = "lr", y = history.lr } } }
  return charts
end

local function step_charts(run, steps)
  local charts, stride = {}, steps.stride
  if #steps.x < 2 then return charts end
  local each = stride == 1 and "each step" or ("%%s %d steps"):format(stride)
  charts[1] = { title = "Loss of the steps", unit = each:format("mean of"), xlabel = "step", x = steps.x,
    series = { { label = "training", y = steps.y.loss } } }
  if steps.y.norm then
    local clip = run.options.clip_norm
    charts[2] = { title = "Norm of the gradient", xlabel = "step", x = steps.x, series = { { label = "norm",
      y = steps.y.norm } },
      unit = each:format("largest of") .. (clip and (", before it was clipped to %g"):format(clip) or "") }
  end
  return charts
end

local function facts(run, seconds)
  local history, best, epochs = run.history, run.best and run.best.best_epoch or 0, #run.history
  local list = {}
  if best > 0 then
    local monitor = run.best.monitor
    list[1] = { "best " .. monitor:gsub("^val_", "validation "), check.figure("%.4g", history[monitor][best]) }
    list[2] = { "at epoch", ("%s of %s"):format(thousands(best), thousands(epochs)) }
  end
  if epochs > 0 then list[#list + 1] = { "last training loss", check.figure("%.4g", history.loss[epochs]) } end
  list[#list + 1] = { "updates", thousands(run.step) }
  list[#list + 1] = { "time", duration(seconds) }
  list[#list + 1] = { "parameters", thousands(run_page.parameters(run.model)) }
  return list
end

local function with_memory(environment)
  local list = table.move(environment, 1, #environment, 1, {})
  list[#list + 1] = { "tensors", ("%.1f MB at most"):format(core.memory().peak / 2 ^ 20) }
  return list
end

--- run_page.page(run, logged) -> what rnn.logs.report takes
---
--- logged: status ("running", "finished", "ended: ..."), steps (logs.Thinned), summary, settings and environment (lists
--- of pairs). run.heat_maps, if there, are those of logs.report.
---@param run train.Run
---@param logged table
---@return table
function run_page.page(run, logged)
  local x, seconds = {}, 0
  for e = 1, #run.history do
    x[e] = e
    local spent = run.history.seconds[e]
    if spent == spent then seconds = seconds + spent end -- nan: not known
  end
  local charts = #x > 0 and epoch_charts(run, x) or {}
  for _, chart in ipairs(step_charts(run, logged.steps)) do charts[#charts + 1] = chart end
  return {
    title = run.folder, refresh = logged.status == "running" and REFRESH or nil,
    status = ("%s: epoch %s of %s%s"):format(logged.status, thousands(#x),
      thousands(run.epochs), run.history.stopped and "; " .. run.history.stopped or ""),
    facts = facts(run, seconds), charts = charts, heat_maps = run.heat_maps,
    sections = {
      { title = "Model", text = logged.summary },
      { title = "Settings", pairs = logged.settings },
      { title = "Environment", pairs = with_memory(logged.environment) },
    },
  }
end

return run_page

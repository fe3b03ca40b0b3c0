-- results.lua: figures of an experiment over several seeds: their medians, a table, a JSON file.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local terminal = require "rnn.terminal"
local text = require "rnn.columns"
local record = require "rnn.record"
local trial = require "rnn.trial"

--- rnn.results() -> results
---
--- Collects figures: results:add("rnn32", { val_mae = 29011, seconds = 0.4 }) for each seed. results:median, :best and
--- :table read them, results:write(path) puts the median of each into one flat JSON object with keys "rnn32.val_mae".
---@class rnn.Results
---@overload fun(): rnn.Results
local Results = class("rnn.Results")

function Results:init()
  self.order, self.figures = {}, {}
end

--- results:add(model, figures): figures by name, of one more seed. Those of the model "" are of the whole run: they
--- are in no row of the table, and their names in the file are bare: results:add("", { seconds = 3 }). Errors: a figure
--- that is no number; nan is one.
---@param model string
---@param figures table<string, number>
function Results:add(model, figures)
  check.string("results:add", "argument 1 (model)", model)
  check.table("results:add", "argument 2 (figures)", figures)
  if not self.figures[model] then
    if model ~= "" then self.order[#self.order + 1] = model end
    self.figures[model] = {}
  end
  for name, value in pairs(figures) do
    if not math.type(value) then check.expected("results:add", ("figure '%s'"):format(name), "a number", value) end
    local values = self.figures[model][name] or {}
    self.figures[model][name] = values
    values[#values + 1] = value
  end
  record.figures(model, figures)
  trial.figures(model, figures)
end

local Training = class("rnn.results.training")

function Training:init(results)
  self.results = results
end

function Training:on_begin(_)
  self.losses = {}
end

function Training:on_step(_, _, values)
  self.losses[#self.losses + 1] = values.loss
end

function Training:on_end(run)
  check.run("rnn.results.training:on_end", run)
  local losses, by_epoch = self.losses, run.history.loss
  local function mean(from, to)
    local sum = 0
    for i = from, to do sum = sum + losses[i] end
    return sum / (to - from + 1)
  end
  local tenth = math.max(1, #losses // 10)
  local several = #by_epoch > 1 or #losses == 0 -- a run that had ended before takes no steps
  self.results:add("train", { first_loss = several and by_epoch[1] or mean(1, tenth),
    last_loss = several and by_epoch[#by_epoch] or mean(#losses - tenth + 1, #losses) })
end

--- results:training() -> callback of rnn.fit
---
--- Adds train.first_loss and train.last_loss when training ends: the mean losses of the first and the last epoch, or of
--- the first and the last tenth of the steps where there was one epoch. They show whether anything was learnt.
function Results:training()
  return Training(self)
end

-- Sorted values of a figure, or nil.
local function sorted(self, model, name)
  local values = self.figures[model] and self.figures[model][name]
  if not values then return nil end
  values = table.move(values, 1, #values, 1, {})
  table.sort(values, function(a, b) return a < b or a == a and b ~= b end) -- nan last
  return values
end

--- results:median(model, figure) -> number, or nil when there is none
---
--- The median over the seeds.
---@return number?
function Results:median(model, name)
  check.string("results:median", "argument 1 (model)", model)
  check.string("results:median", "argument 2 (figure)", name)
  local values = sorted(self, model, name)
  if not values then return nil end
  local n = #values
  return n % 2 == 1 and values[n // 2 + 1] or (values[n // 2] + values[n // 2 + 1]) / 2
end

--- results:least(model, figure) -> number, or nil when there is none
---
--- The least over the seeds.
---@return number?
function Results:least(model, name)
  check.string("results:least", "argument 1 (model)", model)
  check.string("results:least", "argument 2 (figure)", name)
  local values = sorted(self, model, name)
  return values and values[1]
end

--- results:table { { "val_mae", "%.0f", "MAE, validation" }, ... } -> string
---
--- One row for each model that has any of the figures, in the order they came, one column for each figure with its
--- format and heading.
---@param columns { [1]: string, [2]: string, [3]: string }[]
---@return string
function Results:table(columns)
  local fname = "results:table"
  check.table(fname, "argument 1 (columns)", columns)
  for i, column in ipairs(columns) do
    check.table(fname, ("column %d"):format(i), column)
    for k, what in ipairs { "figure", "format", "heading" } do
      check.string(fname, ("column %d, its %s"):format(i, what), column[k])
    end
  end
  local rows = { { "model" } }
  for _, column in ipairs(columns) do table.insert(rows[1], column[3]) end
  for _, model in ipairs(self.order) do
    local row, any = { model }, false
    for _, column in ipairs(columns) do
      local value = self:median(model, column[1])
      any = any or value ~= nil
      row[#row + 1] = value and record.keeps(column[1]) and column[2]:format(value) or "–"
    end
    if any then rows[#rows + 1] = row end
  end
  return terminal.plain(table.concat(text.lines(rows, text.all_but_first), "\n") .. "\n")
end

--- results:write(path) -> true | nil, message, code
---
--- The medians of all figures as one flat JSON object, null for those that are nan or infinite.
---@param path string
---@return true?
---@return string? message
---@return string? code
function Results:write(path)
  local flat = {}
  for model, figures in pairs(self.figures) do
    for name in pairs(figures) do
      local value = self:median(model, name)
      flat[model == "" and name or model .. "." .. name] = value - value == 0 and value or core.null
    end
  end
  return core.file_write(path, core.json_encode(flat, { indent = 2, sort = true }) .. "\n")
end

return Results

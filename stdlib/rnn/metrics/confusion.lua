-- confusion.lua: which label got which answer, counted over any number of batches.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local columns = require "rnn.columns"
local option = require "rnn.option"
local valid = require "rnn.metrics.valid"

local AT_ONCE = 1 << 22 -- elements of a one-hot tensor

--- metrics.Confusion([options]) -> confusion
---
--- Counts answers: confusion:add(y, labels) for each batch, with y logits (..., V) or answers int32 (...), labels from
--- 1; with padded = true, or lengths, 0 is padding. print(confusion) shows a row for each label, a column for each
--- answer, precision and recall. counts is the table, int32 (V, V), label by answer. Errors: names and classes of
--- unequal number.
---@class metrics.Confusion
---@field counts? rnn.Tensor
---@overload fun(options?: metrics.Confusion.Options): metrics.Confusion
local Confusion = class("metrics.Confusion")

Confusion._averages = { "macro", "micro", "weighted", "none" }

-- Rows of options (see rnn.option) of all that counts answers.
Confusion._options = {
  { "classes", nil, option.int(1), "how many there are; logits tell, labels as answers do not" },
  { "names", nil, option.kind("string[]", function(fname, argname, value)
    for i, name in ipairs(check.table(fname, argname, value)) do check.string(fname, ("name %d"):format(i), name) end
    return value
  end), "what the classes are called" },
  { "padded", false, check.boolean, "labels 0 are padding; without it an error, but behind lengths" },
}

local OPTIONS = option.of("metrics.Confusion", Confusion._options)

function Confusion:init(options)
  local fname = self.__name
  options = OPTIONS:read(options, fname)
  self.padded, self.names = options.padded, options.names
  self.classes = options.classes or options.names and #options.names
  if self.names and #self.names ~= self.classes then
    core.fail("%s: %d names in option 'names', but option 'classes' is %d", fname, #self.names, self.classes)
  end
  self:clear()
end

--- confusion:clear(): nothing counted.
function Confusion:clear()
  self.counts = self.classes and core.zeros { self.classes, self.classes, type = "int32" } or nil
end

--- confusion:add(y, labels): one batch.
--- y is (..., V) of numbers for the classes or labels of the shape of labels, int32. Errors: shapes that differ, labels
--- outside 0 .. classes.
---@param y rnn.Tensor
---@param labels rnn.Tensor
function Confusion:add(y, labels)
  self:_add(self.__name .. ":add", y, labels)
end

-- add, for a function of that name.
function Confusion:_add(fname, y, labels)
  local place
  y, labels, place = valid.labels(fname, y, labels, self.padded)
  local classes = y:type() == "float" and y:size(-1) or self.classes
  if not classes then core.fail("%s: option 'classes' is needed for answers that are labels", fname) end
  if self.classes and classes ~= self.classes then
    core.fail("%s: logits of %d classes, but there are %d", fname, classes, self.classes)
  end
  if not self.counts then
    self.classes = classes
    self:clear()
  end
  y = valid.answers(fname, y, labels, place)
  local rows = math.max(AT_ONCE // classes, 1)
  for from = 1, #labels, rows do
    local to = math.min(from + rows - 1, #labels)
    local truth, answer = labels:rows(from, to):one_hot(classes), y:rows(from, to):one_hot(classes)
    self.counts = self.counts + truth:transpose(1, 2):matmul(answer):to_int()
  end
end

-- Right answers, labels and answers of each class, as lists.
local function sums(self)
  if not self.counts then core.fail("%s: nothing was added", self.__name) end
  local right, labels, answers = {}, {}, {}
  for i = 1, self.classes do labels[i], answers[i] = 0, 0 end
  for i, row in ipairs(self.counts:totable()) do
    right[i] = row[i]
    for j, count in ipairs(row) do labels[i], answers[j] = labels[i] + count, answers[j] + count end
  end
  return right, labels, answers
end

local function ratios(above, below)
  local list = {}
  for i, count in ipairs(above) do list[i] = below[i] > 0 and count / below[i] or 0.0 end
  return list
end

local function total(list)
  local sum = 0
  for _, value in ipairs(list) do sum = sum + value end
  return sum
end

--- confusion:accuracy() -> number; nan when nothing was counted
---
--- The share of all labels that was right.
---@return number
function Confusion:accuracy()
  local right, labels = sums(self)
  return total(right) / total(labels)
end

-- shares(self, method, average, of) -> a list of the classes' shares or their average; of(right, labels, answers) gives
-- what stands above and below the line.
local function shares(self, method, average, of)
  check.one_of(self.__name .. ":" .. method, "option 'average'", average, Confusion._averages)
  if average == "micro" then return self:accuracy() end
  local right, labels, answers = sums(self)
  local list, present, sum, weighted = ratios(of(right, labels, answers)), 0, 0.0, 0.0
  if average == "none" then return list end
  for i, value in ipairs(list) do
    if labels[i] + answers[i] > 0 then sum, present = sum + value, present + 1 end
    weighted = weighted + value * labels[i]
  end
  return average == "macro" and sum / present or weighted / total(labels)
end

--- confusion:recall([average = "none"]) -> list | number: the share of each class's labels that was found
---
--- 0 for a class without labels; in the order of the classes, or the average that metrics.recall says.
---@param average? "macro"|"micro"|"weighted"|"none"
---@return number[]|number
function Confusion:recall(average)
  return shares(self, "recall", average or "none", function(right, labels) return right, labels end)
end

--- confusion:precision([average = "none"]) -> list | number: the share of each class's answers that was right
---
--- 0 for a class without answers; in the order of the classes, or the average that metrics.precision says.
---@param average? "macro"|"micro"|"weighted"|"none"
---@return number[]|number
function Confusion:precision(average)
  return shares(self, "precision", average or "none", function(right, _, answers) return right, answers end)
end

--- confusion:f1([average = "macro"]) -> number | list
---
--- As metrics.f1 says.
---@param average? "macro"|"micro"|"weighted"|"none"
---@return number|number[]
function Confusion:f1(average)
  return shares(self, "f1", average or "macro", function(right, labels, answers)
    local twice, both = {}, {}
    for i, count in ipairs(right) do twice[i], both[i] = 2 * count, labels[i] + answers[i] end
    return twice, both
  end)
end

--- confusion:state() -> what a checkpoint keeps; confusion:load_state(saved) takes it back.
function Confusion:state()
  return { counts = self.counts, classes = self.classes }
end

--- confusion:merge(saved): adds what another one has counted, as its state says.
function Confusion:merge(saved)
  if not saved.counts then return end
  if self.counts and self.classes ~= saved.classes then
    core.fail("%s: counts of %d classes and of %d", self.__name, self.classes, saved.classes)
  end
  self.classes = saved.classes
  self.counts = self.counts and self.counts + saved.counts or saved.counts
end

function Confusion:load_state(saved)
  self.counts, self.classes = saved.counts, saved.classes
end

function Confusion:__tostring()
  if not self.counts then return self.__name .. " (nothing was added)" end
  local recall, precision = self:recall(), self:precision()
  local rows, last = { { "label \\ answer" } }, { "precision" }
  for i, row in ipairs(self.counts:totable()) do
    local name = self.names and self.names[i] or tostring(i)
    rows[1][i + 1], last[i + 1] = name, ("%.3f"):format(precision[i])
    local line = { name }
    for j, count in ipairs(row) do line[j + 1] = tostring(count) end
    line[#line + 1] = ("%.3f"):format(recall[i])
    rows[#rows + 1] = line
  end
  table.insert(rows[1], "recall")
  last[#last + 1] = ("%.3f"):format(self:accuracy())
  rows[#rows + 1] = last
  return table.concat(columns.lines(rows, columns.all_but_first), "\n")
end

--- metrics.F1([options]) -> metric
---
--- For rnn.fit and rnn.evaluate: metrics = { f1 = rnn.metrics.F1 {} }; F1 of an epoch is that of all its answers, not a
--- mean over batches. "f1" alone stands for the macro average. It is a metrics.Confusion as well.
---@class metrics.F1: metrics.Confusion
---@overload fun(options?: metrics.F1.Options): metrics.F1
local F1 = class("metrics.F1", Confusion)

local CLASSES, _, PADDED = table.unpack(Confusion._options)
local F1_OPTIONS = option.of("metrics.F1", {
  { "average", "macro", option.one_of { "macro", "micro", "weighted" }, "as metrics.f1" },
  CLASSES, PADDED,
})

function F1:init(options)
  options = F1_OPTIONS:read(options)
  self.average = options.average
  Confusion.init(self, { classes = options.classes, padded = options.padded })
end

--- f1:read() -> number
---
--- The figure over all that was added.
function F1:read()
  return self:f1(self.average)
end

return { Confusion = Confusion, F1 = F1 }

-- f1.lua: F1 as a metric of rnn.fit.

local class = require "rnn.class"
local option = require "rnn.option"
local Confusion = require "rnn.metrics.confusion"

--- metrics.F1([options]) -> metric
---
--- For rnn.fit and rnn.evaluate: metrics = { f1 = rnn.metrics.F1 {} }; F1 of an epoch is that of all its answers, not a
--- mean over batches. "f1" alone stands for the macro average. It is a metrics.Confusion as well.
---@class metrics.F1: metrics.Confusion
---@overload fun(options?: metrics.F1.Options): metrics.F1
local F1 = class("metrics.F1", Confusion)

local CLASSES, _, PADDED = table.unpack(Confusion._options)
local OPTIONS = option.of("metrics.F1", {
  { "average", "macro", option.one_of { "macro", "micro" }, "mean over the classes that occur, or all answers "
    .. "together" },
  CLASSES, PADDED,
})

function F1:init(options)
  options = OPTIONS:read(options)
  self.average = options.average
  Confusion.init(self, { classes = options.classes, padded = options.padded })
end

--- f1:read() -> number
---
--- The figure over all that was added.
function F1:read()
  return self:f1(self.average)
end

--- f1:state() -> what a checkpoint keeps; f1:load_state(saved) takes it back.
function F1:state()
  return { counts = self.counts, classes = self.classes }
end

function F1:load_state(saved)
  self.counts, self.classes = saved.counts, saved.classes
end

return F1

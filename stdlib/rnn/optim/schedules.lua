-- optim/schedules.lua: learning rates that change in training. A schedule is a factor of the optimiser's lr: the lr
-- that optim.SGD(params, { lr = 0.1 }) was made with is where every factor is 1.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Better = require "rnn.optim.better"

local schedules = {}

--- optim.schedules
---
--- rnn.fit takes one as option schedule; a loop of one's own begins it and advances it:
---
---   local schedule = optim.schedules.cosine { length = 1000, per = "step" }:begin(opt)
---   for ... do ... opt:step() schedule:advance() end
---
--- Every schedule counts t from 0, in steps of the optimiser or in epochs: option per, "step" or "epoch", says which,
--- and with what fit advances it. length is how many of them the schedule takes; without it, it lasts as long as fit.
---@class optim.Schedule
---@field per "step"|"epoch"
---@field t integer steps or epochs done
---@field base number the lr whose factor it gives
local Schedule = class("optim.Schedule")

local function per(default) return { "per", default, option.one_of { "step", "epoch" }, "what t counts" } end

local LENGTH = { "length", nil, option.int(1), "steps or epochs from beginning to end; nil: as long as rnn.fit trains" }
local SHARE = option.number(0, 1)

-- init takes the checked options of a schedule; _factor(t, length) is its formula.
local function define(name, rows, init, factor)
  local cls = class("optim.schedules." .. name, Schedule)
  local declaration = option.of(cls.__name, rows)
  function cls:init(options)
    options = declaration:read(options)
    self.per, self.length = options.per, options.length
    init(self, options, declaration)
  end
  cls._factor = factor
  schedules[name] = cls
  return cls
end

local function check_optimizer(self, opt)
  local fname = getmetatable(self).__name .. ":begin"
  if type(opt) ~= "table" or type(opt.lr) ~= "number" then
    check.expected(fname, "argument 1", "an optimiser, such as optim.SGD(model:parameters())", opt)
  end
  return fname
end

--- schedule:begin(opt [, total]) -> schedule
---
--- Starts at t = 0 with the lr that opt has now. total stands in for a missing length.
--- Errors: an opt that is no optimiser, a schedule whose length is not known.
---@param opt optim.Optimizer
---@param total? integer steps or epochs
---@return optim.Schedule
function Schedule:begin(opt, total)
  local fname = check_optimizer(self, opt)
  self.opt, self.t, self.base, self.total = opt, 0, opt.lr, self.length or total
  if self.needs_length and not self.total then
    core.fail("%s: how long it shall be is not known; give option 'length'", fname)
  end
  self:_apply()
  return self
end

function Schedule:_apply()
  self.opt.lr = self.base * self:_factor(self.t, self.total)
end

--- schedule:advance([logs])
---
--- One step or epoch is done: sets opt.lr. logs are those of the epoch, for plateau. Errors: a schedule that has not
--- begun.
---@param logs? table<string, number>
function Schedule:advance(_)
  if not self.opt then core.fail("%s:advance: it has not begun; schedule:begin(opt) comes first", self.__name) end
  self.t = self.t + 1
  self:_apply()
end

--- schedule:state() -> table, schedule:load_state(saved): what a checkpoint keeps. A base that is given wins over the
--- saved one.
function Schedule:state()
  return { t = self.t, base = self.base }
end

function Schedule:load_state(saved, base)
  self.t, self.base = saved.t, base or saved.base
  self:_apply()
end

--- optim.schedules.step(options)
---
--- Multiplies the lr by factor at every every-th epoch.
---@overload fun(options: optim.schedules.step.Options): optim.Schedule
define("step", {
  { "every", nil, option.int(1), "epochs, or steps, from one change to the next", required = true },
  { "factor", 0.1, check.positive, "of each change" },
  per "epoch",
}, function(self, options) self.every, self.by = options.every, options.factor end,
  function(self, t, _) return self.by ^ (t // self.every) end)

--- optim.schedules.exponential(options)
---
--- Multiplies the lr by factor after each epoch.
---@overload fun(options: optim.schedules.exponential.Options): optim.Schedule
define("exponential", {
  { "factor", nil, check.positive, "of each epoch, or step: 0.95", required = true },
  per "epoch",
}, function(self, options) self.by = options.factor end, function(self, t, _) return self.by ^ t end)

local function half_cosine(from, to, part)
  return to + (from - to) * (1 + math.cos(math.pi * part)) / 2
end

--- optim.schedules.cosine([options])
---
--- Half a wave of a cosine from 1 down to final, where it stays. Loshchilov, Hutter 2017, "SGDR".
---@overload fun(options?: optim.schedules.cosine.Options): optim.Schedule
define("cosine", { LENGTH, { "final", 0, SHARE, "the last factor, 0 to 1" }, per "epoch" },
  function(self, options) self.final = options.final end,
  function(self, t, length) return half_cosine(1, self.final, math.min(t / length, 1)) end).needs_length = true

--- optim.schedules.one_cycle([options])
---
--- Up from start to 1, the optimiser's lr, in a share rise of the steps, and down to final in the rest, both along a
--- cosine. Smith, Topin 2018, "Super-convergence". The momentum stays as it is.
---@overload fun(options?: optim.schedules.one_cycle.Options): optim.Schedule
define("one_cycle", {
  LENGTH,
  { "rise", 0.3, SHARE, "share of the steps that go up, 0 to 1" },
  { "start", 1 / 25, SHARE, "the first factor, 0 to 1" },
  { "final", 4e-6, SHARE, "the last factor, 0 to 1" },
  per "step",
}, function(self, options) self.rise, self.start, self.final = options.rise, options.start, options.final end,
  function(self, t, length)
    local top, last = self.rise * length - 1, length - 1
    if t < top then return half_cosine(self.start, 1, t / top) end
    if t == top then return 1 end
    return half_cosine(1, self.final, math.min((t - top) / (last - top), 1))
  end).needs_length = true

--- optim.schedules.warmup(options)
---
--- In a straight line from start to 1, then as the schedule after says, whose t counts from there; its per is the one
--- that counts.
---@overload fun(options: optim.schedules.warmup.Options): optim.Schedule
local warmup = define("warmup", {
  { "length", nil, option.int(1), "steps or epochs of the line: 500", required = true },
  { "start", 0.01, SHARE, "the first factor, 0 to 1" },
  { "after", nil, option.kind("optim.Schedule", function(fname, argname, value)
    if not class.is_a(value, Schedule) or class.is_a(value, schedules.plateau) then
      check.expected(fname, argname, "a schedule other than plateau", value)
    end
    return value
  end), "the schedule that follows, any but plateau; nil: the lr stays" },
  per "step",
}, function(self, options, declaration)
  self.start, self.after = options.start, options.after
  if not self.after then return end
  declaration:effect(options, "per", options.per == self.after.per, "that of option 'after' counts")
  self.per = self.after.per
end, function(self, t, total)
  if t < self.length then return self.start + (1 - self.start) * t / self.length end
  if not self.after then return 1 end
  return self.after:_factor(t - self.length, self.after.length or total)
end)

function warmup:begin(opt, total)
  local after = self.after
  Schedule.begin(self, opt, total)
  self.total = after and (after.length or total and math.max(total - self.length, 1))
  if after and after.needs_length and not self.total then
    core.fail("optim.schedules.warmup:begin: how long 'after' shall be is not known; give it an option 'length'")
  end
  return self
end

--- optim.schedules.plateau([options])
---
--- Multiplies the lr by factor when monitor has not become better, by more than min_delta, for more than patience
--- epochs; then waits cooldown epochs. The lr does not fall below least. It is per epoch: a loop of one's own calls
--- schedule:advance { val_loss = ... }.
---@overload fun(options?: optim.schedules.plateau.Options): optim.Schedule
local plateau = define("plateau", {
  { "factor", 0.1, SHARE, "of each change, 0 to 1" },
  { "patience", 10, option.int(0), "epochs without improvement that change nothing" },
  { "cooldown", 0, option.int(0), "epochs after a change that do not count" },
  { "least", 0, option.number(0), "the lr that is the lowest" },
  per "epoch",
  table.unpack(Better.OPTIONS),
}, function(self, options)
  if self.per ~= "epoch" then core.fail("optim.schedules.plateau: option 'per': it is per epoch only") end
  self.better = Better("optim.schedules.plateau", options)
  self.watched = self.better
  self.by, self.patience, self.cooldown, self.least = options.factor, options.patience, options.cooldown, options.least
end)

function plateau:begin(opt, _)
  check_optimizer(self, opt)
  self.opt, self.t, self.bad, self.waiting = opt, 0, 0, 0
  self.better:clear()
  return self
end

function plateau:advance(logs)
  if not self.opt then core.fail("%s:advance: it has not begun; schedule:begin(opt) comes first", self.__name) end
  self.t = self.t + 1
  if self.better:see(logs) then self.bad = 0 else self.bad = self.bad + 1 end
  if self.waiting > 0 then self.waiting, self.bad = self.waiting - 1, 0 end
  if self.bad <= self.patience then return end
  self.opt.lr = math.max(self.opt.lr * self.by, math.min(self.least, self.opt.lr))
  self.waiting, self.bad = self.cooldown, 0
end

function plateau:state()
  return { t = self.t, bad = self.bad, waiting = self.waiting, better = self.better:state(),
    lr = self.opt and self.opt.lr }
end

function plateau:load_state(saved, lr)
  self.t, self.bad, self.waiting, self.opt.lr = saved.t, saved.bad, saved.waiting, lr or saved.lr
  self.better:load_state(saved.better)
end

local OWN = option.of("optim.schedules.own", { per "step" })

--- optim.schedules.own(f [, options])
---
--- f(t) is the factor after t steps or epochs: own(function(t) return 1 / (1 + t / 1000) end).
---@param f fun(t: integer): number
---@param options? optim.schedules.own.Options
---@return optim.Schedule
local Own = class("optim.schedules.own", Schedule)
schedules.own = Own

function Own:init(f, options)
  self.f = check.callback("optim.schedules.own", "argument 1", f)
  self.per = OWN:read(options).per
end

function Own:_factor(t, _)
  local factor = self.f(t)
  return check.number("optim.schedules.own", "the function's result", factor, 0)
end

schedules.Schedule = Schedule

return schedules

-- optim/schedules.lua: learning rates that change in training. A schedule is a factor of the optimiser's lr: the lr
-- that optim.SGD(params, { lr = 0.1 }) was made with is where every factor is 1.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"

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

-- Every schedule's own options are checked by its init; _factor(t, length) is its formula.
local function define(name, per, defaults, init, factor)
  local cls = class("optim.schedules." .. name, Schedule)
  local known = { per = per }
  for key, value in pairs(defaults) do known[key] = value end
  function cls:init(options)
    local fname = cls.__name
    options = check.options(fname, options, known)
    self.per = check.one_of(fname, "option 'per'", options.per, { "step", "epoch" })
    if options.length ~= nil then self.length = check.int(fname, "option 'length'", options.length, 1) end
    init(self, options, fname)
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

local function share(fname, name, value)
  return check.number(fname, ("option '%s'"):format(name), value, 0, 1)
end

--- optim.schedules.step { every = 30, factor = 0.1, per = "epoch" }
---
--- Multiplies the lr by factor at every every-th epoch.
---@overload fun(options: table): optim.Schedule
define("step", "epoch", { every = check.none, factor = 0.1 }, function(self, options, fname)
  self.every = check.int(fname, "option 'every'", options.every, 1)
  self.by = check.positive(fname, "option 'factor'", options.factor)
end, function(self, t, _) return self.by ^ (t // self.every) end)

--- optim.schedules.exponential { factor = 0.95, per = "epoch" }
---
--- Multiplies the lr by factor after each epoch.
---@overload fun(options: table): optim.Schedule
define("exponential", "epoch", { factor = check.none }, function(self, options, fname)
  self.by = check.positive(fname, "option 'factor'", options.factor)
end, function(self, t, _) return self.by ^ t end)

local function half_cosine(from, to, part)
  return to + (from - to) * (1 + math.cos(math.pi * part)) / 2
end

--- optim.schedules.cosine { length = nil, final = 0, per = "epoch" }
---
--- Half a wave of a cosine from 1 down to final, where it stays. Loshchilov, Hutter 2017, "SGDR".
---@overload fun(options?: table): optim.Schedule
define("cosine", "epoch", { length = check.none, final = 0 }, function(self, options, fname)
  self.final = share(fname, "final", options.final)
end, function(self, t, length)
  return half_cosine(1, self.final, math.min(t / length, 1))
end).needs_length = true

--- optim.schedules.one_cycle { length = nil, rise = 0.3, start = 1 / 25, final = 4e-6, per = "step" }
---
--- Up from start to 1, the optimiser's lr, in a share rise of the steps, and down to final in the rest, both along a
--- cosine. Smith, Topin 2018, "Super-convergence". The momentum stays as it is.
---@overload fun(options?: table): optim.Schedule
define("one_cycle", "step", { length = check.none, rise = 0.3, start = 1 / 25, final = 4e-6 },
  function(self, options, fname)
    self.rise = share(fname, "rise", options.rise)
    self.start, self.final = share(fname, "start", options.start), share(fname, "final", options.final)
  end, function(self, t, length)
    local top, last = self.rise * length - 1, length - 1
    if t < top then return half_cosine(self.start, 1, t / top) end
    if t == top then return 1 end
    return half_cosine(1, self.final, math.min((t - top) / (last - top), 1))
  end).needs_length = true

--- optim.schedules.warmup { length = 500, start = 0.01, after = nil, per = "step" }
---
--- In a straight line from start to 1, then as the schedule after says, whose t counts from there; its per is the one
--- that counts.
---@overload fun(options: table): optim.Schedule
local warmup = define("warmup", "step", { length = check.none, start = 0.01, after = check.none },
  function(self, options, fname)
    self.length = check.int(fname, "option 'length'", options.length, 1)
    self.start, self.after = share(fname, "start", options.start), options.after
    if self.after == nil then return end
    if not class.is_a(self.after, Schedule) or class.is_a(self.after, schedules.plateau) then
      check.expected(fname, "option 'after'", "a schedule other than plateau", self.after)
    end
    if options.per ~= "step" and options.per ~= self.after.per then
      core.fail("%s: option 'per' has no effect: that of option 'after' counts", fname)
    end
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

--- optim.schedules.plateau { monitor = "val_loss", mode = nil, factor = 0.1, patience = 10, min_delta = 0,
---                           cooldown = 0, least = 0, per = "epoch" }
---
--- Multiplies the lr by factor when monitor has not become better, by more than min_delta, for more than patience
--- epochs; then waits cooldown epochs. The lr does not fall below least. mode "min" or "max" says what better means; by
--- default less, but more for accuracy. It is per epoch: a loop of one's own calls schedule:advance { val_loss = ... }.
---@overload fun(options?: table): optim.Schedule
local plateau = define("plateau", "epoch", {
  monitor = "val_loss", mode = check.none, factor = 0.1, patience = 10, min_delta = 0, cooldown = 0, least = 0,
}, function(self, options, fname)
  self.better = require "rnn.optim.better"(fname, options)
  self.watched = self.better
  self.by = share(fname, "factor", options.factor)
  self.patience = check.int(fname, "option 'patience'", options.patience, 0)
  self.cooldown = check.int(fname, "option 'cooldown'", options.cooldown, 0)
  self.least = check.number(fname, "option 'least'", options.least, 0)
  if self.per ~= "epoch" then core.fail("%s: option 'per': it is per epoch only", fname) end
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

--- optim.schedules.own(f [, { per = "step" }])
---
--- f(t) is the factor after t steps or epochs: own(function(t) return 1 / (1 + t / 1000) end).
---@param f fun(t: integer): number
---@param options? table
---@return optim.Schedule
local Own = class("optim.schedules.own", Schedule)
schedules.own = Own

function Own:init(f, options)
  self.f = check.callback("optim.schedules.own", "argument 1", f)
  self.per = check.one_of("optim.schedules.own", "option 'per'",
    check.options("optim.schedules.own", options, { per = "step" }).per, { "step", "epoch" })
end

function Own:_factor(t, _)
  local factor = self.f(t)
  return check.number("optim.schedules.own", "the function's result", factor, 0)
end

schedules.Schedule = Schedule

return schedules

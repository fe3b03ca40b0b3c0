-- optim/init.lua: optimisers and gradient clipping. The arithmetic is one pass of the core over all parameters; here
-- are the options, whose defaults are those of Keras, and the state.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"

local optim = {}

local WANTED = "a list of tensors that require a gradient, such as model:parameters()"

local function check_parameters(fname, params, where, seen)
  if type(params) == "table" and core.is_tensor((params.params or {})[1]) then
    core.fail("%s: parameters are written without a name: { model:parameters(), lr = 0.1 } is a group, and argument 1 "
      .. "a list of parameters or of groups", fname)
  end
  where = where or "argument 1 (params"
  if type(params) ~= "table" or getmetatable(params) or #params == 0 then
    check.expected(fname, where .. ")", WANTED, params)
  end
  seen = seen or {}
  for i, p in ipairs(params) do
    local argname = ("%s[%d])"):format(where, i)
    if not core.is_tensor(p) then check.expected(fname, argname, "a tensor that requires a gradient", p) end
    if not p:requires_grad() then
      core.fail("%s: %s: expected a tensor that requires a gradient, got one that does not: %s", fname, argname,
        check.describe(p))
    end
    if seen[p] then core.fail("%s: %s is the same tensor as %s", fname, argname, seen[p]) end
    seen[p] = argname:gsub("^argument 1 %((.*)%)$", "%1")
  end
  return params
end

--- optim.Optimizer
---
--- What all optimisers have. Fields: lr, which may be changed at any time, and steps, the number of steps taken. A
--- parameter that backward did not reach is left alone.
---
--- Instead of a list of parameters each takes a list of groups, { params, lr = ..., weight_decay = ... }, with settings
--- of their own; what a group does not say is the optimiser's. A group's lr keeps its ratio to the optimiser's, so that
--- schedules act on all groups. groups[i].own may be changed at any time.
---@class optim.Optimizer
---@field lr number
---@field steps integer
---@field params rnn.Tensor[] of all groups
---@field groups { params: rnn.Tensor[], own: table<string, any> }[]
local Optimizer = class("optim.Optimizer")

local not_negative = option.kind("number", function(fname, argname, value)
  if type(value) ~= "number" or not (value >= 0 and value < math.huge) then
    check.expected(fname, argname, "a number of 0 or more", value)
  end
  return value
end)

-- { { params, setting = value ... }, ... } from the first argument, which may be one list of parameters.
local function given_groups(fname, params)
  local first = type(params) == "table" and not getmetatable(params) and params[1]
  if type(first) ~= "table" or getmetatable(first) then
    return { { check_parameters(fname, params) } }
  end
  local seen = {}
  for i, group in ipairs(params) do
    check.table(fname, ("argument 1 (group %d)"):format(i), group)
    check_parameters(fname, group[1] or group, ("group %d (params"):format(i), seen)
  end
  return params
end

-- The settings that a group gives, checked.
local function settings_given(self, from, fname, i)
  local given = {}
  for name, value in pairs(from) do
    if name ~= 1 then given[name] = value end
  end
  local checked = self._options:read(given, ("%s: group %d"):format(fname, i))
  for name in pairs(given) do given[name] = checked[name] end
  return given
end

-- kind, slots (state tensors for each parameter) and _options (their declaration) are fields of the derived class.
function Optimizer:init(params, options)
  local fname = getmetatable(self).__name
  local given = given_groups(fname, params)
  options = self._options:read(options)
  for name, value in pairs(options) do self[name] = value end
  self._options:effect(options, "nesterov", options.momentum and options.momentum > 0,
    "it looks ahead along the momentum, which is 0")
  self.steps = 0
  self.params, self.state, self.groups = {}, {}, {}
  for i, from in ipairs(given) do
    local group = { params = from[1], state = {}, own = settings_given(self, from, fname, i),
      settings = { kind = self.kind } }
    group.ratio = group.own.lr and group.own.lr / self.lr or 1
    group.own.lr = nil
    for k, p in ipairs(group.params) do
      if not p:is_leaf() then
        core.fail("%s: argument 1 (params[%d]): expected a parameter, got the result of an op, which no step "
          .. "can change: %s", fname, k, check.describe(p))
      end
      self.params[#self.params + 1] = p
      for _ = 1, self.slots do
        local state = core.zeros { p:shape() }
        self.state[#self.state + 1], group.state[#group.state + 1] = state, state
      end
    end
    self.groups[i] = group
  end
end

-- What the core wants to know; the table is made once.
local function settings_of(self, group)
  local settings, own = group.settings, group.own
  for _, row in ipairs(self._options.rows) do
    local name = row[1]
    local value = own[name]
    if value == nil then value = self[name] end
    settings[name] = value
  end
  settings.lr, settings.step = self.lr * group.ratio, self.steps + 1
  settings.beta2 = settings.rho or settings.beta2 -- the core has one field for both
  return settings
end

local function no_gradient(fname)
  core.fail("%s: none of the parameters has a gradient, so nothing would be trained; backward comes before, of a loss "
    .. "that depends on these parameters", fname)
end

--- opt:step()
---
--- Updates every parameter from its gradient. Errors: no parameter has one, as when they are another model's.
function Optimizer:step()
  local lr = self.lr
  if type(lr) ~= "number" or not (lr >= 0 and lr < math.huge) then -- schedules and scripts change it
    check.expected(getmetatable(self).__name .. ":step", "field 'lr'", "a number of 0 or more", lr)
  end
  local any = false
  for _, group in ipairs(self.groups) do
    any = core.optimizer_step(settings_of(self, group), group.params, group.state) or any
  end
  if not any then no_gradient(getmetatable(self).__name .. ":step") end
  self.steps = self.steps + 1
end

--- opt:zero_grad()
---
--- Forgets the gradients of all parameters; backward adds to what is there.
function Optimizer:zero_grad()
  for _, p in ipairs(self.params) do p:zero_grad() end
end

-- A copy of the part of a state_dict that scripts give, in its form.
function Optimizer:_settings()
  local given = { settings = {}, groups = {} }
  for _, row in ipairs(self._options.rows) do given.settings[row[1]] = self[row[1]] end
  for i, group in ipairs(self.groups) do
    local own = { ratio = group.ratio }
    for name, value in pairs(group.own) do own[name] = value end
    given.groups[i] = own
  end
  return given
end

--- opt:state_dict() -> table
---
--- A copy of everything that the next step depends on: settings, number of steps, moments. rnn.save takes it as extra.
---@return table
function Optimizer:state_dict()
  local saved = self:_settings()
  saved.kind, saved.steps, saved.state = self.kind, self.steps, {}
  for i, t in ipairs(self.state) do saved.state[i] = t:copy() end
  return saved
end

--- opt:load_state_dict(saved)
---
--- Goes on where the optimiser that made saved stopped. It must be of the same kind, over parameters of the same
--- shapes in the same order and groups. Nothing is changed when it fails.
---@param saved table
function Optimizer:load_state_dict(saved)
  local fname = getmetatable(self).__name .. ":load_state_dict"
  check.table(fname, "argument 1", saved)
  if saved.kind ~= self.kind then check.expected(fname, "kind", ("'%s'"):format(self.kind), saved.kind) end
  local steps = check.int(fname, "steps", saved.steps, 0)
  local settings, known = {}, self._options.by_name
  for name, row in pairs(known) do settings[name] = row[2] end
  for name, value in pairs(check.table(fname, "settings", saved.settings)) do
    local valid = name == "lr" and not_negative or known[name] and known[name][3] -- schedules end at 0
    if not valid then core.fail("%s: unknown setting '%s'", fname, tostring(name)) end
    settings[name] = valid(fname, ("setting '%s'"):format(name), value)
  end
  check.table(fname, "state", saved.state)
  if #saved.state ~= #self.state then
    core.fail("%s: state: expected %d tensors, got %d", fname, #self.state, #saved.state)
  end
  for i, t in ipairs(self.state) do
    local given = check.tensor(fname, ("state[%d]"):format(i), saved.state[i], "float")
    if check.shape(given) ~= check.shape(t) then
      check.expected(fname, ("state[%d]"):format(i), "shape " .. check.shape(t), given)
    end
  end
  local groups = check.table(fname, "groups", saved.groups)
  if #groups ~= #self.groups then core.fail("%s: groups: expected %d, got %d", fname, #self.groups, #groups) end
  for i, own in ipairs(groups) do
    for name, value in pairs(check.table(fname, ("groups[%d]"):format(i), own)) do
      local valid = name == "ratio" and check.positive or known[name] and known[name][3]
      if not valid then core.fail("%s: groups[%d]: unknown setting '%s'", fname, i, tostring(name)) end
      valid(fname, ("groups[%d]: setting '%s'"):format(i, name), value)
    end
    check.positive(fname, ("groups[%d]: setting 'ratio'"):format(i), own.ratio)
  end
  self.steps = steps
  for name, value in pairs(settings) do self[name] = value end
  for i, group in ipairs(self.groups) do
    group.own = {}
    for name, value in pairs(groups[i]) do group.own[name] = value end
    group.ratio, group.own.ratio = group.own.ratio, nil
  end
  for i, t in ipairs(self.state) do t:assign(saved.state[i]) end
end

function Optimizer:describe()
  return ("%s(lr = %g)"):format(getmetatable(self).__name, self.lr)
end

Optimizer.__tostring = Optimizer.describe

local fraction = option.kind("number", function(fname, argname, value)
  if type(value) ~= "number" or not (value >= 0 and value < 1) then
    check.expected(fname, argname, "a number from 0 to below 1", value)
  end
  return value
end)

local function lr(default) return { "lr", default, check.positive, "learning rate" } end

local MOMENTUM = { "momentum", 0, fraction, "how much of the step before goes into this one" }
local EPSILON = { "epsilon", 1e-7, check.positive, "added to the root that the step is divided by" }

local function weight_decay(default, meaning) return { "weight_decay", default, not_negative, meaning } end

local DECAY = weight_decay(0, "that many times the parameter is added to its gradient")

local ADAM = {
  lr(0.001),
  { "beta1", 0.9, fraction, "how much of the running mean stays in each step" },
  { "beta2", 0.999, fraction, "how much of the running mean square stays" },
  EPSILON, DECAY,
}

local function define(name, kind, slots, ...)
  local cls = class("optim." .. name, Optimizer)
  cls.kind, cls.slots, cls._options = kind, slots, option.of("optim." .. name, ...)
  optim[name] = cls
end

--- optim.SGD(params [, options])
---
--- Stochastic gradient descent: v = momentum * v + g, p = p - lr * v. Robbins, Monro 1951.
--- Errors: parameters that require no gradient, or are there twice.
--- params may be groups with settings of their own: { { head:parameters(), lr = 1e-4 }, { body:parameters() } }.
---@class optim.SGD : optim.Optimizer
---@overload fun(params: rnn.Tensor[], options?: optim.SGD.Options): optim.SGD
define("SGD", "sgd", 1, {
  lr(0.01), MOMENTUM,
  { "nesterov", false, check.boolean, "looks ahead along v (Nesterov 1983); only with a momentum" },
  DECAY,
})

--- optim.RMSprop(params [, options])
---
--- Divides each step by a running root mean square of the gradient. Tieleman, Hinton 2012, lecture 6.5 of "Neural
--- networks for machine learning". Errors: parameters that require no gradient, or are there twice.
--- params may be groups with settings of their own: { { head:parameters(), lr = 1e-4 }, { body:parameters() } }.
---@class optim.RMSprop : optim.Optimizer
---@overload fun(params: rnn.Tensor[], options?: optim.RMSprop.Options): optim.RMSprop
define("RMSprop", "rmsprop", 2, {
  lr(0.001), { "rho", 0.9, fraction, "how much of the running mean square stays in each step" }, MOMENTUM, EPSILON,
  DECAY,
})

--- optim.Adam(params [, options])
---
--- Running mean and mean square of the gradient, corrected for their start at 0. Kingma, Ba 2015, "Adam: a method for
--- stochastic optimization". Errors: parameters that require no gradient, or are there twice.
--- params may be groups with settings of their own: { { head:parameters(), lr = 1e-4 }, { body:parameters() } }.
---@class optim.Adam : optim.Optimizer
---@overload fun(params: rnn.Tensor[], options?: optim.Adam.Options): optim.Adam
define("Adam", "adam", 2, ADAM)

--- optim.AdamW(params [, options])
---
--- Adam with weight decay applied to the parameters, not to the gradient. Loshchilov, Hutter 2019, "Decoupled weight
--- decay regularization". Errors: parameters that require no gradient, or are there twice.
--- params may be groups with settings of their own: { { head:parameters(), lr = 1e-4 }, { body:parameters() } }.
---@class optim.AdamW : optim.Optimizer
---@overload fun(params: rnn.Tensor[], options?: optim.AdamW.Options): optim.AdamW
define("AdamW", "adamw", 2, ADAM, { weight_decay(0.004, "lr times that is the share of the parameter that it loses") })

--- optim.Nadam(params [, options])
---
--- Adam with Nesterov's momentum, which rises from beta1 / 2 to beta1: beta1 * (1 - 0.5 * 0.96 ^ (t / 250)) at step t.
--- Dozat 2016, "Incorporating Nesterov momentum into Adam". Errors: parameters that require no gradient, or are there
--- twice.
--- params may be groups with settings of their own: { { head:parameters(), lr = 1e-4 }, { body:parameters() } }.
---@class optim.Nadam : optim.Optimizer
---@overload fun(params: rnn.Tensor[], options?: optim.Nadam.Options): optim.Nadam
define("Nadam", "nadam", 2, ADAM)

--- optim.clip_grad_norm(params, max_norm) -> norm
---
--- Scales all gradients together so that their common Euclidean norm is at most max_norm, and returns what it was
--- before. Pascanu et al. 2013, "On the difficulty of training recurrent neural networks". The direction stays; a norm
--- that is not finite scales nothing. Parameters are of any shape. Errors: none of them has a gradient.
---@param params rnn.Tensor[]
---@param max_norm number
---@return number norm
function optim.clip_grad_norm(params, max_norm)
  check_parameters("optim.clip_grad_norm", params)
  check.positive("optim.clip_grad_norm", "argument 2 (max_norm)", max_norm)
  local norm, any = core.clip_grad_norm(params, max_norm)
  if not any then no_gradient "optim.clip_grad_norm" end
  return norm
end

--- optim.clip_grad_value(params, limit) -> count
---
--- Cuts every element of the gradients to [-limit, limit] and returns how many were outside. Errors: no gradient.
---@param params rnn.Tensor[]
---@param limit number
---@return integer count
function optim.clip_grad_value(params, limit)
  check_parameters("optim.clip_grad_value", params)
  check.positive("optim.clip_grad_value", "argument 2 (limit)", limit)
  local count, any = core.clip_grad_value(params, limit)
  if not any then no_gradient "optim.clip_grad_value" end
  return count
end

return require "rnn.lazy"("optim.", optim, { schedules = "rnn.optim.schedules" }, {})

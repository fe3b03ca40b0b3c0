-- distribution.lua: what stands behind the last layer of a network that says how sure it is.

local core = require "rnn.core"
local check = require "rnn.check"
local choice = require "rnn.choice"
local class = require "rnn.class"
local option = require "rnn.option"
local inverse = require "rnn.nn.inverse"
local losses = require "rnn.nn.loss"

local FNAME = "nn.Distribution"

--- nn.Distribution([options]) -> distribution
---
--- What a network's outputs say of numbers to come. For each number it reads distribution.columns outputs: raw (...,
--- outputs columns), the columns of a number side by side, as nn.Linear(units, outputs * distribution.columns) gives
--- them:
---
---   local d = nn.Distribution { kind = "student_t" }
---   local head = nn.Linear(64, 24 * d.columns)
---   rnn.fit(model, { data = batches, loss = function(raw, y, weights) return d:loss(raw, y, weights) end, ... })
---   local low, high = d:quantile(raw, 0.05), d:quantile(raw, 0.95)
---
--- It has no parameters of its own. Errors: quantiles that are not in order, or of another kind.
---@class nn.Distribution
---@field kind "point"|"quantile"|"gaussian"|"student_t"|"negative_binomial"
---@field columns integer
---@field quantiles? number[] of kind "quantile"
---@overload fun(options?: nn.Distribution.Options): nn.Distribution
local Distribution = class("nn.Distribution")

local OPTIONS = option.of(FNAME, {
  { "kind", "quantile", option.one_of { "point", "quantile", "gaussian", "student_t", "negative_binomial" },
    "quantiles that cannot cross; a Gaussian; Student's t, with heavier tails; counts; \"point\": one number, by its "
    .. "absolute error" },
  { "quantiles", nil, option.kind("number[]", function(fname, argname, list)
    if type(list) ~= "table" or getmetatable(list) or #list == 0 then
      check.expected(fname, argname, "a list of numbers between 0 and 1", list)
    end
    for i, q in ipairs(list) do
      check.number(fname, ("%s, entry %d"):format(argname, i), q, 0, 1)
      if q == 0 or q == 1 or i > 1 and q <= list[i - 1] then
        check.expected(fname, argname, "numbers between 0 and 1 in ascending order", q)
      end
    end
    return table.move(list, 1, #list, 1, {})
  end), "of kind \"quantile\": { 0.05, 0.5, 0.95 } where they are not given" },
})

local LEAST <const> = 1e-4 -- of deviations and dispersions

local COLUMNS = { point = 1, gaussian = 2, student_t = 3, negative_binomial = 2 }

function Distribution:init(options)
  options = OPTIONS:read(options)
  self.kind = options.kind
  OPTIONS:effect(options, "quantiles", self.kind == "quantile", ("option 'kind' is '%s'"):format(self.kind))
  if self.kind == "quantile" then
    self.quantiles, self.middle = options.quantiles or { 0.05, 0.5, 0.95 }, 1
    for i, q in ipairs(self.quantiles) do
      if math.abs(q - 0.5) < math.abs(self.quantiles[self.middle] - 0.5) then self.middle = i end
    end
  end
  self.columns = COLUMNS[self.kind] or #self.quantiles
end

local function check_raw(self, fname, raw)
  check.tensor(fname, "argument 1 (raw)", raw, "float")
  if raw:ndim() == 0 or raw:size(-1) % self.columns ~= 0 then
    core.fail("%s: expected outputs (..., %d for each number), got %s", fname, self.columns, check.shape(raw))
  end
  local shape = { raw:shape() }
  shape[#shape], shape[#shape + 1] = shape[#shape] // self.columns, self.columns
  local lengths = raw:lengths()
  local bare = raw:without_lengths():reshape(table.unpack(shape))
  return lengths and bare:with_lengths(lengths) or bare
end

--- distribution:parameters(raw) -> tensor | table
---
--- Of quantiles (..., outputs, Q), ascending; of kind "point" (..., outputs); of a Gaussian { mean, variance }, of
--- Student's t { location, scale, freedom }, of a negative binomial distribution { mean, dispersion }, each (...,
--- outputs).
---@param raw rnn.Tensor (..., outputs columns)
---@return rnn.Tensor|rnn.Tensor[]
function Distribution:parameters(raw)
  local x = check_raw(self, "distribution:parameters", raw)
  local function column(k) return x:select(-1, k) end
  if self.kind == "point" then return column(1) end
  if self.kind == "gaussian" then return { column(1), (column(2):softplus() + LEAST):square() } end
  if self.kind == "student_t" then
    return { column(1), column(2):softplus() + LEAST, column(3):softplus() + 2 }
  end
  if self.kind == "negative_binomial" then return { column(1):softplus() + LEAST, column(2):softplus() + LEAST } end
  local list, middle = {}, self.middle -- each lies as far beyond the one before as softplus says
  list[middle] = column(middle)
  for k = middle + 1, self.columns do list[k] = list[k - 1] + column(k):softplus() end
  for k = middle - 1, 1, -1 do list[k] = list[k + 1] - column(k):softplus() end
  return core.stack(list, x:ndim())
end

--- distribution:loss(raw, target [, weights]) -> scalar
---
--- What training makes small: the mean pinball loss of quantiles, the mean absolute error of points, the negative log
--- likelihood of the others. weights of 0 leave elements out, whatever they hold.
---@param raw rnn.Tensor (..., outputs columns)
---@param target rnn.Tensor (..., outputs)
---@param weights? rnn.Tensor with the first axes of target
---@return rnn.Tensor
function Distribution:loss(raw, target, weights)
  local options = weights ~= nil and { sample_weights = weights } or nil
  local p = self:parameters(raw)
  if self.kind == "point" then return losses.mae(p, target, options) end
  if self.kind == "quantile" then return losses.quantile(p, target, self.quantiles, options) end
  if self.kind == "gaussian" then return losses.gaussian_nll(p, target, nil, options) end
  if self.kind == "student_t" then return losses.student_t_nll(p, target, options) end
  return losses.negative_binomial_nll(p, target, options)
end

-- f of each element of tensors of one shape.
local function each(f, ...)
  local lists = {}
  for i, t in ipairs { ... } do lists[i] = t:reshape(-1):totable() end
  local out = {}
  for i = 1, #lists[1] do out[i] = f(lists[1][i], lists[2] and lists[2][i], lists[3] and lists[3][i]) end
  return core.tensor(out):reshape((...):shape())
end

-- Quantile u (one for each element) of quantiles (..., Q): straight lines between them and, beyond, as the last two.
local function between(self, p, u)
  local q, n = self.quantiles, #self.quantiles
  if n == 1 then return p:select(-1, 1) end
  local value
  for k = 1, n - 1 do
    local low, high = p:select(-1, k), p:select(-1, k + 1)
    local here = low + (high - low) * ((u - q[k]) / (q[k + 1] - q[k]))
    value = value and core.where(u:gt(q[k]), here, value) or here
  end
  return value
end

-- Quantile u, a tensor (..., outputs) of shares, of each number.
local function quantiles_at(self, p, u)
  if self.kind == "point" then return p end
  if self.kind == "quantile" then return between(self, p, u) end
  if self.kind == "gaussian" then return p[1] + p[2]:sqrt() * each(inverse.normal, u) end
  if self.kind == "student_t" then
    local seen = {} -- degrees of freedom differ little
    return p[1] + p[2] * each(function(q, v)
      local key = q .. "/" .. v
      seen[key] = seen[key] or inverse.student_t(q, v)
      return seen[key]
    end, u, p[3])
  end
  return each(inverse.negative_binomial, u, p[1], p[2])
end

--- distribution:quantile(raw, q) -> tensor (..., outputs)
---
--- Below it lies the share q of what may come. Between the quantiles of kind "quantile" straight lines are taken, and
--- of kind "point" every quantile is that number. Outputs that are nan have quantiles that are nan. Nothing is recorded
--- for gradients.
---@param raw rnn.Tensor (..., outputs columns)
---@param q number between 0 and 1
---@return rnn.Tensor # (..., outputs)
function Distribution:quantile(raw, q)
  check.number("distribution:quantile", "argument 2 (q)", q, 0, 1)
  local p = self:parameters(check.tensor("distribution:quantile", "argument 1 (raw)", raw, "float"):detach())
  for k, known in ipairs(self.quantiles or {}) do
    if math.abs(known - q) < 1e-9 then return p:select(-1, k) end
  end
  local like = core.is_tensor(p) and p or p[1]
  if self.kind == "quantile" then like = p:select(-1, 1) end
  if self.kind == "gaussian" then return p[1] + p[2]:sqrt() * inverse.normal(q) end
  return quantiles_at(self, p, core.full({ like:shape() }, q))
end

--- distribution:sample(raw) -> tensor (..., outputs)
---
--- One number for each output, drawn with the generator that rnn.seed sets. Errors: outputs that hold nan.
---@param raw rnn.Tensor (..., outputs columns)
---@return rnn.Tensor # (..., outputs)
function Distribution:sample(raw)
  local p = self:parameters(check.tensor("distribution:sample", "argument 1 (raw)", raw, "float"):detach())
  choice.drawable("distribution:sample", raw)
  local like = core.is_tensor(p) and p or p[1]
  if self.kind == "quantile" then like = p:select(-1, 1) end
  return quantiles_at(self, p, core.rand(like:shape()):clamp(1e-6, 1 - 1e-6))
end

return Distribution

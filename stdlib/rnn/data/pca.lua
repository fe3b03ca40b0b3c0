-- pca.lua: principal components: the directions in which rows differ most, and rows as so much of each.
--
-- Like a scaler it is fitted once, on the training span.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local rows = require "rnn.data.rows"

--- data.PCA([options]) -> pca
---
--- Principal component analysis (Pearson 1901; Hotelling 1933), by singular values of the centred rows. After fit it
--- has mean (D), directions (K, D), orthonormal rows whose first largest entry is positive, variance (K), of each
--- component over R - 1, and share (K), that of the whole. pca:state() goes beside the weights (rnn.save's extra);
--- data.PCA { state = saved } is the same again. Errors: --deterministic, at fit.
---@class data.PCA
---@field mean? rnn.Tensor (D)
---@field directions? rnn.Tensor (K, D)
---@field variance? rnn.Tensor (K)
---@field share? rnn.Tensor (K)
---@overload fun(options?: data.PCA.Options): data.PCA
local PCA = class("data.PCA")

local OPTIONS = option.of("data.PCA", {
  { "components", nil, option.kind("number", function(fname, argname, value)
    local share = type(value) == "number" and value > 0 and value < 1
    return share and value or check.int(fname, argname, value, 1)
  end), "how many are kept; below 1, the share of the variance that they have to explain; nil: all" },
  { "whiten", false, check.boolean, "divides each component by its deviation" },
  { "state", nil, check.table, "what pca:state() gave; nothing else counts then" },
})

function PCA:init(options)
  local fname = "data.PCA"
  options = OPTIONS:read(options)
  local state = options.state
  if state then
    self.whiten = check.boolean(fname, "option 'state': whiten", state.whiten)
    self.mean = check.tensor(fname, "option 'state': mean", state.mean, "float", 1)
    self.directions = check.tensor(fname, "option 'state': directions", state.directions, "float", 2)
    self.variance = check.tensor(fname, "option 'state': variance", state.variance, "float", 1)
    self.share = check.tensor(fname, "option 'state': share", state.share, "float", 1)
    return
  end
  self.whiten, self.components = options.whiten, options.components
end

-- How many components are kept: the first so many whose shares add up to what is wanted.
local function count_of(self, share, most)
  if not self.components then return most end
  if self.components >= 1 then
    if self.components > most then
      core.fail("pca:fit: %d components were asked for, but these rows have %d at most", self.components, most)
    end
    return self.components
  end
  return math.min(most, share:cumsum(1):lt(self.components):sum():to_int():item() + 1)
end

--- pca:fit(x) -> pca
---
--- Learns mean and directions of the rows of the training span, x (..., D); steps behind the lengths of a batch
--- (N, T, D) do not count. Errors: a second fit, fewer than two rows, values that are not finite, fewer components than
--- were asked for.
---@param x rnn.Tensor
---@return data.PCA
function PCA:fit(x)
  local r = rows.valid("pca:fit", x):detach()
  if self.mean then core.fail("pca:fit: it was fitted before; fit it once, on the training span only") end
  if #r < 2 or r:size(2) == 0 or r:is_finite():min():item() == 0 then
    check.expected("pca:fit", "argument 1", "two rows or more of finite numbers", x)
  end
  local mean = r:mean(1)
  local _, s, directions = require("rnn.linalg").svd(r - mean)
  local variance = s:square() / (#r - 1)
  local whole = variance:sum()
  local share = whole:item() > 0 and variance / whole or variance
  local n = count_of(self, share, #s)
  local largest = directions:abs():argmax(2):reshape(-1, 1) -- of equals the first
  local at = core.one_hot(largest:reshape(-1), directions:size(2))
  directions = directions * ((directions * at):sum(2, true):lt(0) * -2 + 1)
  self.mean, self.directions = mean, directions:rows(1, n):copy()
  self.variance, self.share = variance:rows(1, n):copy(), share:rows(1, n):copy()
  return self
end

local function fitted(self, fname, x, width)
  local r = rows.all(fname, x)
  if not self.mean then core.fail("%s: it was not fitted; call pca:fit(training) first", fname) end
  if r:size(2) ~= self.directions:size(width) then
    core.fail("%s: argument 1: expected %d columns, got tensor %s", fname, self.directions:size(width), check.shape(x))
  end
end

-- What a component is divided by; one without variance is 0 and stays so.
local function deviation(self)
  return core.where(self.variance:gt(0), self.variance:sqrt(), 1)
end

--- pca:transform(x) -> tensor (..., K)
---
--- Rows of x (..., D) as so much of each component. Has a gradient. Errors: a pca that was not fitted.
---@param x rnn.Tensor
---@return rnn.Tensor
function PCA:transform(x)
  fitted(self, "pca:transform", x, 2)
  local y = core.linear(x - self.mean, self.directions)
  return self.whiten and y / deviation(self) or y
end

--- pca:inverse(y) -> tensor (..., D)
---
--- From components (..., K) back to rows of the data, but for what the others had. Errors: a pca that was not fitted.
---@param y rnn.Tensor
---@return rnn.Tensor
function PCA:inverse(y)
  fitted(self, "pca:inverse", y, 1)
  if self.whiten then y = y * deviation(self) end
  return core.linear(y, self.directions:transpose(1, 2)) + self.mean
end

--- pca:state() -> table
---
--- All there is to it, as tensors and a boolean, for saving. Errors: a pca that was not fitted.
---@return table
function PCA:state()
  if not self.mean then core.fail("pca:state: it was not fitted; call pca:fit(training) first") end
  return { whiten = self.whiten, mean = self.mean, directions = self.directions, variance = self.variance,
    share = self.share }
end

return PCA

-- near.lua: losses of two or three vectors, such as the last states of sequences: what belongs together comes to lie
-- near, what does not far apart.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local products = require "rnn.products"
local weigh = require "rnn.nn.weigh"

local near = {}

local COSINE = option.of("nn.cosine_embedding", {
  { "margin", 0, option.number(-1, 1), "the cosine up to which what does not belong together costs nothing" },
}, weigh.OPTIONS)
local RANKING = option.of("nn.margin_ranking", {
  { "margin", 0, option.number(), "by how much the larger one has to lead" },
}, weigh.OPTIONS)
local TRIPLET = option.of("nn.triplet_margin", {
  { "margin", 1, option.number(0), "by how much the negative has to be farther away" },
  { "p", 2, option.number(0), "of the norm that is the distance" },
  { "swap", false, check.boolean, "takes the negative's distance from the positive where that is smaller (Balntas et "
    .. "al. 2016)" },
}, weigh.OPTIONS)

local function counted(fname, names, tensors, target, vectors, options)
  for i, name in ipairs(names) do check.tensor(fname, ("argument %d (%s)"):format(i, name), tensors[i], "float") end
  return weigh.counted(fname, names, tensors, target, vectors, options)
end

-- The same of two, with a target of 1 and -1.
local function pair(fname, x1, x2, target, vectors, options)
  check.tensor(fname, "argument 3 (target)", target)
  local x, t, reduce = counted(fname, { "x1", "x2" }, { x1, x2 }, target, vectors, options)
  if t:abs():ne(1):any():item() == 1 then check.expected(fname, "argument 3 (target)", "1 and -1", target) end
  return x[1], x[2], t, reduce
end

--- nn.cosine_embedding(x1, x2, target [, options]) -> scalar
---
--- 1 - cos of the angle between two vectors that belong together, target 1; max(0, cos - margin) of two that do not,
--- target -1. As torch.nn.CosineEmbeddingLoss; of siamese networks, Bromley et al. 1993.
--- Errors: shapes that differ, targets that are neither 1 nor -1.
---@param x1 rnn.Tensor (..., D)
---@param x2 rnn.Tensor (..., D)
---@param target rnn.Tensor (...), float or int32
---@param options? nn.cosine_embedding.Options
---@return rnn.Tensor
function near.cosine_embedding(x1, x2, target, options)
  local o = COSINE:read(options)
  local a, b, t, reduce = pair("nn.cosine_embedding", x1, x2, target, true, o)
  local cos = products.cosine_similarity(a, b)
  return reduce(core.where(t:gt(0), 1 - cos, (cos - o.margin):relu()))
end

--- nn.margin_ranking(x1, x2, target [, options]) -> scalar
---
--- max(0, margin - t (x1 - x2)) of scores: with target 1 the first is to be larger, with -1 the second. As
--- torch.nn.MarginRankingLoss; Herbrich, Graepel, Obermayer 1999. Tensors of one shape.
--- Errors: shapes that differ, targets that are neither 1 nor -1.
---@param x1 rnn.Tensor
---@param x2 rnn.Tensor of equal shape
---@param target rnn.Tensor of equal shape, float or int32
---@param options? nn.margin_ranking.Options
---@return rnn.Tensor
function near.margin_ranking(x1, x2, target, options)
  local o = RANKING:read(options)
  local a, b, t, reduce = pair("nn.margin_ranking", x1, x2, target, false, o)
  return reduce((o.margin - t * (a - b)):relu())
end

--- nn.triplet_margin(anchor, positive, negative [, options]) -> scalar
---
--- max(0, margin + d(anchor, positive) - d(anchor, negative)), d the norm of the difference: what is of the kind of
--- the anchor comes nearer than what is not. As torch.nn.TripletMarginLoss, whose differences have 1e-6 added, too;
--- Weinberger, Saul 2009; Schroff, Kalenichenko, Philbin 2015. Errors: shapes that differ.
---@param anchor rnn.Tensor (..., D)
---@param positive rnn.Tensor (..., D)
---@param negative rnn.Tensor (..., D)
---@param options? nn.triplet_margin.Options
---@return rnn.Tensor
function near.triplet_margin(anchor, positive, negative, options)
  local o = TRIPLET:read(options)
  local x, _, reduce = counted("nn.triplet_margin", { "anchor", "positive", "negative" },
    { anchor, positive, negative }, nil, true, o)
  local function distance(a, b) return (x[a] - x[b] + 1e-6):norm(o.p, -1) end
  local far = distance(1, 3)
  if o.swap then far = far:minimum(distance(2, 3)) end
  return reduce((o.margin + distance(1, 2) - far):relu())
end

return require "rnn.guard".all("nn.", near)

-- weigh.lua: what losses that are made of ops have in common: how much each element counts, and what becomes of all.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"

local weigh = {}

weigh.OPTIONS = {
  { "sample_weights", nil, option.kind("rnn.Tensor", function(fname, argname, value)
    return check.tensor(fname, argname, value, "float")
  end), "float, with the first axes of the target, (N), (N, T) ...: how many times each item, step or element counts; "
    .. "one of weight 0 is left out, whatever it holds" },
  { "reduction", "mean", option.one_of { "mean", "sum", "none" }, "the sum of weight times value over the sum of the "
    .. "weights; the sum; or weight times value of each element (of each label), 0 behind the lengths" },
}

--- weigh.of(fname, shape, lengths, sample_weights) -> float tensor of that shape, or nil where all count alike
---
--- What the losses of the core raise for sample weights, too.
function weigh.of(fname, shape, lengths, sample_weights)
  local weights = sample_weights and sample_weights:without_lengths()
  if weights then
    if weights:requires_grad() then
      core.fail("%s: the sample weights must not require a gradient; detach them", fname)
    end
    for axis = 1, weights:ndim() do
      if weights:size(axis) ~= shape[axis] then
        core.fail("%s: sample weights %s do not have the first axes of (%s)", fname, check.shape(weights),
          table.concat(shape, ", "))
      end
    end
    while weights:ndim() < #shape do weights = weights:unsqueeze(-1) end
    weights = weights:broadcast_to(shape)
  end
  if lengths then weights = (weights or core.ones(shape)):with_lengths(lengths):zero_padding():without_lengths() end
  local right = sample_weights and weights:ge(0) * weights:lt(math.huge)
  if right and right:all():item() == 0 then
    local wrong = weights:flatten()[right:argmin():item()]
    core.fail("%s: a sample weight is %s", fname, check.figure("%g", wrong))
  end
  return weights
end

--- weigh.reducer(shape, lengths, weights, reduction) -> function(loss)
---
--- What makes one of the losses of all elements, which have no lengths.
function weigh.reducer(shape, lengths, weights, reduction)
  return function(loss)
    loss = loss:reshape(shape)
    if weights then loss = loss * weights end
    if reduction == "none" then return lengths and loss:with_lengths(lengths) or loss end
    if reduction == "sum" then return loss:sum() end
    if not weights then return loss:mean() end
    local total = weights:sum()
    return loss:sum() / core.where(total:eq(0), 1, total)
  end
end

--- weigh.counted(fname, names, tensors, target, vectors, options) -> tensors, target, function(loss)
---
--- Tensors of one shape and a target, which may be nil, as far as they count: without lengths, and with ones for what
--- weighs 0. vectors: the tensors are (..., D), and the target and what is weighed (...). The function as from reducer.
function weigh.counted(fname, names, tensors, target, vectors, options)
  local first, weights = tensors[1], options.sample_weights
  local lengths = target and target:lengths() or weights and weights:lengths()
  for i, t in ipairs(tensors) do
    if check.shape(t) ~= check.shape(first) then
      core.fail("%s: %s %s and %s %s differ in shape", fname, names[1], check.shape(first), names[i], check.shape(t))
    end
    lengths = lengths or t:lengths()
  end
  local shape = { first:shape() }
  if vectors and not table.remove(shape) then check.expected(fname, names[1], "vectors (..., D)", first) end
  if target and check.shape(target) ~= "(" .. table.concat(shape, ", ") .. ")" then
    core.fail("%s: expected a target (%s) for %s %s, got %s", fname, table.concat(shape, ", "), names[1],
      check.shape(first), check.shape(target))
  end
  weights = weigh.of(fname, shape, lengths, weights)
  local counts = weights and weights:gt(0)
  local function clear(t)
    if not counts then return t end
    return core.where(t:ndim() > #shape and counts:unsqueeze(-1) or counts, t:without_lengths(), 1)
  end
  local cleared = {}
  for i, t in ipairs(tensors) do cleared[i] = clear(t) end
  return cleared, target and clear(target), weigh.reducer(shape, lengths, weights, options.reduction)
end

return weigh

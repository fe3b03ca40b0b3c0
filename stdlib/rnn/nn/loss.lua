-- loss.lua: what training makes small. Each gives one number, the mean over all valid steps: padding and ids 0 do not
-- count, so more padding never changes a loss.

local core = require "rnn.core"
local check = require "rnn.check"
local guard = require "rnn.guard"
local option = require "rnn.option"
local weigh = require "rnn.nn.weigh"

local losses = {}

local COMMON = weigh.OPTIONS

local OPTIONS = {}
for _, name in ipairs { "mse", "mae", "huber", "quantile", "kl_div", "poisson_nll", "gaussian_nll", "student_t_nll",
  "negative_binomial_nll", "hinge" } do
  OPTIONS["nn." .. name] = option.of("nn." .. name, COMMON)
end
local PADDED = { "padded", false, check.boolean, "labels 0 are padding, also before the end of a sequence" }
local CROSS_ENTROPY = option.of("nn.cross_entropy", {
  { "weights", nil, option.kind("rnn.Tensor|number[]", function(fname, argname, value)
    return check.tensor(fname, argname, type(value) == "table" and core.tensor(value) or value, "float", 1)
  end), "(V), how many times each class counts: the mean is the sum of weights[label] times the loss over the sum of "
    .. "weights[label]" },
  { "label_smoothing", 0, option.number(0, 1), "e gives each class e / V of the target and the label 1 - e more "
    .. "(Szegedy et al. 2016, \"Rethinking the Inception Architecture\")" },
  PADDED,
}, COMMON)

local FOCAL = option.of("nn.focal", { { "gamma", 2, option.number(0), "0 is the cross-entropy" }, PADDED }, COMMON)
local MULTI_MARGIN = option.of("nn.multi_margin", {
  { "margin", 1, option.number(), "by how much the label has to lead" },
  { "p", 1, option.kind("1|2", function(fname, argname, value)
    return check.int(fname, argname, value, 1, 2)
  end), "the power of what is missing" },
  PADDED,
}, COMMON)
local HINGE_EMBEDDING = option.of("nn.hinge_embedding", {
  { "margin", 1, option.number(), "the distance beyond which what does not belong together costs nothing" },
}, COMMON)
local BINARY = option.of("nn.binary_cross_entropy", {
  { "pos_weight", nil, option.kind("rnn.Tensor|number", function(fname, argname, value)
    return type(value) == "number" and check.positive(fname, argname, value)
      or check.tensor(fname, argname, value, "float")
  end), "how many times a target 1 counts beside a target 0, or (C), for each of C columns; the mean is over all as "
    .. "without it" },
}, COMMON)
local ORDINAL = option.of("nn.ordinal", { PADDED }, COMMON)
local DISTILLATION = option.of("nn.distillation", {
  { "temperature", 2, check.positive, "T: above 1 the teacher's small chances count more" },
  { "share", 0.5, option.number(0, 1), "of the teacher; the rest is the label's" },
}, COMMON)

local function check_tensors(fname, y, y_name, target, target_name)
  check.tensor(fname, ("argument 1 (%s)"):format(y_name), y)
  check.tensor(fname, ("argument 2 (%s)"):format(target_name), target)
end

-- Checks what losses take, two tensors and options; sample_weights and reduction, or nothing where there are none.
local function checked(fname, y, y_name, target, target_name, options)
  check_tensors(fname, y, y_name, target, target_name)
  if options == nil then return end
  options = OPTIONS[fname]:read(options)
  return options.sample_weights, options.reduction
end

--- nn.mse(y, target [, options]) -> scalar
---
--- Mean squared error. Tensors of any shape; the result is a scalar.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape
---@param options? nn.mse.Options
---@return rnn.Tensor
function losses.mse(y, target, options)
  return core.mse(y, target, checked("nn.mse", y, "y", target, "target", options))
end

--- nn.mae(y, target [, options]) -> scalar
---
--- Mean absolute error. Tensors of any shape; the result is a scalar.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape
---@param options? nn.mae.Options
---@return rnn.Tensor
function losses.mae(y, target, options)
  return core.mae(y, target, checked("nn.mae", y, "y", target, "target", options))
end

--- nn.huber(y, target [, delta = 1 [, options]]) -> scalar
---
--- e^2 / 2 for errors within delta, delta (|e| - delta / 2) beyond: the MSE that outliers cannot rule. Huber 1964.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape
---@param delta? number
---@param options? nn.huber.Options
---@return rnn.Tensor
function losses.huber(y, target, delta, options)
  if delta ~= nil then check.positive("nn.huber", "argument 3 (delta)", delta) end
  return core.huber(y, target, delta or 1, checked("nn.huber", y, "y", target, "target", options))
end

--- nn.quantile(y, target, q [, options]) -> scalar
---
--- The pinball loss: q (target - y) where y is below its target, (1 - q) (y - target) above, so that the best y is the
--- quantile q of the targets. Koenker, Bassett 1978. Several quantiles at once: q is a list, and the last axis of y has
--- a column for each, of a target without that axis or with one column in it; then the loss is the mean over them.
--- Errors: a q outside 0 .. 1, a y without a column for each.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape, or (..., 1) or (...) for y (..., Q)
---@param q number|number[] between 0 and 1
---@param options? nn.quantile.Options
---@return rnn.Tensor
function losses.quantile(y, target, q, options)
  local fname = "nn.quantile"
  local weights, reduction = checked(fname, y, "y", target, "target", options)
  if type(q) ~= "table" then
    check.number(fname, "argument 3 (q)", q, 0, 1)
    return core.quantile_loss(y, target, q, weights, reduction)
  end
  if #q == 0 then check.expected(fname, "argument 3 (q)", "a number between 0 and 1 or a list of such", q) end
  if y:ndim() == 0 or y:size(-1) ~= #q then
    core.fail("%s: %d quantiles want a y with as many columns, got %s", fname, #q, check.shape(y))
  end
  if target:ndim() == y:ndim() and target:size(-1) == 1 then target = target:select(-1, 1) end
  local columns = {}
  for k, level in ipairs(q) do
    check.number(fname, ("argument 3 (q[%d])"):format(k), level, 0, 1)
    columns[k] = core.quantile_loss(y:select(-1, k), target, level, weights, reduction)
  end
  if reduction == "none" then return core.stack(columns, columns[1]:ndim() + 1) end
  local total = columns[1]
  for k = 2, #columns do total = total + columns[k] end
  return reduction == "sum" and total or total / #columns
end

--- nn.kl_div(log_probabilities, target [, options]) -> scalar
---
--- t (log t - y) of log-probabilities y, such as x:log_softmax(-1), and probabilities t, both (..., V): by element, as
--- in PyTorch. The Kullback-Leibler divergence of whole distributions is the sum of their elements: with reduction
--- "sum", divided by their number.
---@param log_probabilities rnn.Tensor
---@param target rnn.Tensor of equal shape
---@param options? nn.kl_div.Options
---@return rnn.Tensor
function losses.kl_div(log_probabilities, target, options)
  return core.kl_div(log_probabilities, target,
    checked("nn.kl_div", log_probabilities, "log_probabilities", target, "target", options))
end

--- nn.poisson_nll(log_rate, target [, options]) -> scalar
---
--- e^y - t y: -log of the probability of counts t of a Poisson distribution of rate e^y, without the part that depends
--- on t alone. Tensors of any shape; of a rate r, r:log() is what it takes.
---@param log_rate rnn.Tensor
---@param target rnn.Tensor of equal shape, 0 or more
---@param options? nn.poisson_nll.Options
---@return rnn.Tensor
function losses.poisson_nll(log_rate, target, options)
  return core.poisson_nll(log_rate, target, checked("nn.poisson_nll", log_rate, "log_rate", target, "target", options))
end

--- nn.gaussian_nll(mean, target, variance [, options]) -> scalar
---
--- (log v + (mean - t)^2 / v) / 2: -log of the normal density of targets t, without its constant, for networks that say
--- how sure they are (Nix, Weigend 1994). The variance v, such as x:softplus() gives, is at least 0, and counts as 1e-6
--- below that. Tensors of any shape; the variance is broadcast to that of the mean. Instead of mean and variance the
--- first argument may be a table { mean, variance }, as a model for rnn.fit returns it.
--- Errors: a negative variance, shapes that do not fit.
---@param mean rnn.Tensor|rnn.Tensor[]
---@param target rnn.Tensor of the shape of mean
---@param variance? rnn.Tensor|number
---@param options? nn.gaussian_nll.Options
---@return rnn.Tensor
function losses.gaussian_nll(mean, target, variance, options)
  local fname = "nn.gaussian_nll"
  if type(mean) == "table" and not getmetatable(mean) then
    if #mean ~= 2 or variance ~= nil then
      check.expected(fname, "argument 1", "the mean, or { mean, variance } without argument 3", mean)
    end
    mean, variance = table.unpack(mean)
  end
  local weights, reduction = checked(fname, mean, "mean", target, "target", options)
  if type(variance) == "number" then variance = core.full({}, variance) end
  check.tensor(fname, "argument 3 (variance)", variance, "float")
  if check.shape(variance) ~= check.shape(mean) then variance = variance:broadcast_to(mean:shape()) end
  return core.gaussian_nll(mean, target, variance, weights, reduction)
end

-- ---- distributions that are made of several parameters ----

-- log of the gamma function of x > 0: Stirling's series at x + 6.
local function log_gamma(x)
  local z = x + 6
  local r = z:reciprocal()
  local r2 = r:square()
  local series = r * (1 / 12 - r2 * (1 / 360 - r2 * (1 / 1260)))
  return (z - 0.5) * z:log() - z + series + 0.5 * math.log(2 * math.pi) - (x * (x + 1) * (x + 2)):log()
    - ((x + 3) * (x + 4) * (x + 5)):log()
end

-- weigh.counted of the parameters of a distribution.
local function distribution(fname, names, parameters, target, options)
  if type(parameters) ~= "table" or getmetatable(parameters) or #parameters ~= #names then
    check.expected(fname, "argument 1", "{ " .. table.concat(names, ", ") .. " }", parameters)
  end
  check.tensor(fname, "argument 2 (target)", target, "float")
  for i, name in ipairs(names) do check.tensor(fname, "argument 1: " .. name, parameters[i], "float") end
  return weigh.counted(fname, names, parameters, target, false, OPTIONS[fname]:read(options))
end

--- nn.student_t_nll({ location, scale, freedom }, target [, options]) -> scalar
---
--- -log of the density of Student's t distribution, moved to location and stretched by scale, with freedom degrees of
--- freedom: a Gaussian with heavy tails, which outliers cannot rule (Lange, Little, Taylor 1989). scale and freedom are
--- above 0, as x:softplus() is. Tensors of one shape.
--- Errors: other parameters than these three, shapes that differ.
---@param parameters rnn.Tensor[] location, scale, freedom
---@param target rnn.Tensor of equal shape
---@param options? nn.student_t_nll.Options
---@return rnn.Tensor
function losses.student_t_nll(parameters, target, options)
  local p, t, reduce = distribution("nn.student_t_nll", { "location", "scale", "freedom" }, parameters, target, options)
  local location, scale, v = p[1], p[2], p[3]
  local half = (v + 1) * 0.5
  return reduce(log_gamma(v * 0.5) - log_gamma(half) + 0.5 * (v * math.pi):log() + scale:log()
    + half * (((t - location) / scale):square() / v):log1p())
end

--- nn.negative_binomial_nll({ mean, dispersion }, target [, options]) -> scalar
---
--- -log of the probability of counts, of which the variance is mean + dispersion mean^2: a Poisson distribution of a
--- rate that varies (Cameron, Trivedi 1986, NB2). mean and dispersion are above 0, as x:softplus() is. Tensors of one
--- shape. Errors: other parameters than these two, shapes that differ, negative targets.
---@param parameters rnn.Tensor[] mean, dispersion
---@param target rnn.Tensor of equal shape, 0 or more
---@param options? nn.negative_binomial_nll.Options
---@return rnn.Tensor
function losses.negative_binomial_nll(parameters, target, options)
  local fname = "nn.negative_binomial_nll"
  local p, t, reduce = distribution(fname, { "mean", "dispersion" }, parameters, target, options)
  if t:lt(0):sum():item() > 0 then check.expected(fname, "argument 2 (target)", "counts, 0 or more", target) end
  local m, r = p[1], p[2]:reciprocal()
  return reduce(log_gamma(r) + log_gamma(t + 1) - log_gamma(t + r) + r * (m / r):log1p() + t * (r / m):log1p())
end

-- Logits (..., C) and targets as rows: labels int32 (...), or with columns distributions float (..., columns); what
-- weighs each row, nil for all alike; what makes one of the losses of rows. A row that does not count has logits 0 and
-- the target 0, whatever was there.
local function rows_of(fname, logits, target, columns, options)
  local lengths, shape = target:lengths() or logits:lengths(), { logits:shape() }
  local classes = table.remove(shape)
  if target:type() == "float" then shape[#shape + 1] = columns end
  local wanted = {}
  for i, size in ipairs(shape) do wanted[i] = tostring(size) end
  if not classes or check.shape(target) ~= "(" .. table.concat(wanted, ", ") .. ")" then
    local labels = target:type() == "float" and columns and classes
      and check.shape(target) == "(" .. table.concat(wanted, ", ", 1, #wanted - 1) .. ")"
    core.fail("%s: logits %s want a target (%s), got %s%s", fname, check.shape(logits), table.concat(wanted, ", "),
      check.describe(target), labels and "; labels are int32: y:to_int() converts" or "")
  end
  if target:type() == "float" then shape[#shape] = nil end
  local function clear(t)
    return (lengths and t:without_lengths():with_lengths(lengths):zero_padding() or t):without_lengths()
  end
  local weights = weigh.of(fname, shape, lengths, options.sample_weights)
  if target:type() == "int32" and options.padded then -- labels 0 do not count
    weights = (weights or core.ones(shape)) * target:without_lengths():ne(0)
  end
  local reduce = weigh.reducer(shape, lengths, weights, options.reduction)
  logits = clear(logits):reshape(-1, classes)
  target = clear(target)
  if target:type() == "float" then target = target:reshape(-1, columns) else target = target:reshape(-1) end
  if weights then
    weights = weights:reshape(-1)
    local counts = weights:gt(0)
    logits = core.where(counts:reshape(-1, 1), logits, 0)
    target = core.where(target:type() == "float" and counts:reshape(-1, 1) or counts, target, 0)
  end
  return logits, target, weights, reduce
end

-- Labels of rows that count are 1 .. classes.
local function check_labels(fname, labels, weights, classes)
  local wrong = labels:lt(1):logical_or(labels:gt(classes))
  if weights then wrong = wrong * weights:gt(0) end
  if labels:count() > 0 and wrong:max():item() > 0 then
    core.fail("%s: argument 2: labels are 1 to %d, got %d", fname, classes, labels:get(wrong:argmax(1):item()))
  end
end

-- Rows (R, V) of logits, their labels (R), each of 1 to V + more, the options as declared, and what reduces losses (R).
local function labelled(fname, logits, labels, declared, options, more)
  check_tensors(fname, logits, "logits", labels, "labels")
  check.tensor(fname, "argument 2 (labels)", labels, "int32")
  options = declared:read(options)
  local rows, target, weights, reduce = rows_of(fname, logits, labels, nil, options)
  check_labels(fname, target, weights, rows:size(2) + more)
  return rows, target, options, reduce
end

-- -sum of p log softmax(logits) of distributions p.
local function soft_cross_entropy(logits, target, options)
  local fname, classes = "nn.cross_entropy", logits:ndim() > 0 and logits:size(-1) or 0
  core.need_logits(fname, logits, "softmax")
  local rows, p, _, reduce = rows_of(fname, logits, target, classes, options)
  local e = options.label_smoothing
  if e > 0 then p = p * (1 - e) + e / classes end
  if options.weights then p = p * options.weights:reshape(1, -1) end
  local logs = rows:log_softmax(-1)
  logs = core.where(p:eq(0) * logs:eq(-math.huge), 0, logs) -- 0 log 0 is 0
  return reduce(-(p * logs):sum(2))
end

--- nn.cross_entropy(logits, labels [, options]) -> scalar
---
--- -log softmax(logits)[label]. logits (..., V) are plain sums, not probabilities; labels int32 (...) count from 1. A
--- label 0 is padding: it is not counted, and before the end of a sequence it is an error where padded = true does not
--- say that there may be some (labels that were counted from 0 would pass for half of the data). labels may also be
--- distributions, float (..., V), such as what several people said or a teacher says: then -sum p log softmax(logits),
--- the mean over rows (Geng 2016, "Label distribution learning"). weights and label_smoothing are as in PyTorch. Logits
--- that a softmax has made are an error, as it would be taken twice.
---@param logits rnn.Tensor
---@param labels rnn.Tensor
---@param options? nn.cross_entropy.Options
---@return rnn.Tensor
function losses.cross_entropy(logits, labels, options)
  check_tensors("nn.cross_entropy", logits, "logits", labels, "labels")
  if labels:type() == "float" then return soft_cross_entropy(logits, labels, CROSS_ENTROPY:read(options)) end
  if options == nil then return core.cross_entropy(logits, labels) end
  local o = CROSS_ENTROPY:read(options)
  return core.cross_entropy(logits, labels, o.weights, o.label_smoothing, o.padded, o.sample_weights, o.reduction)
end

--- nn.focal(logits, labels [, options]) -> scalar
---
--- (1 - p)^gamma times the cross-entropy -log p of the label: what is easy counts less, so that rare classes are not
--- drowned. Lin, Goyal, Girshick, He, Dollár 2017, "Focal loss for dense object detection". logits (..., V), labels
--- int32 (...) from 1. Errors: labels outside 1 .. V; 0 is padding behind lengths,
--- or where padded = true says that there may be some.
---@param logits rnn.Tensor
---@param labels rnn.Tensor
---@param options? nn.focal.Options
---@return rnn.Tensor
function losses.focal(logits, labels, options)
  local rows, target, o, reduce = labelled("nn.focal", logits, labels, FOCAL, options, 0)
  core.need_logits("nn.focal", logits, "softmax")
  local log_p = core.where(core.one_hot(target, rows:size(2)), rows:log_softmax(-1), 0):sum(2) -- logits may be -inf
  local loss = -log_p
  if o.gamma > 0 then loss = loss * (1 - log_p:exp()):maximum(1e-7) ^ o.gamma end
  return reduce(loss)
end

--- nn.multi_margin(logits, labels [, options]) -> scalar
---
--- The mean over all V classes but the label of max(0, margin - x[label] + x[other])^p, divided by V as in
--- torch.nn.MultiMarginLoss: what is right by a margin costs nothing. Crammer, Singer 2001. logits (..., V), labels
--- int32 (...) from 1. Errors: labels outside 1 .. V; 0 is padding where lengths or padded = true say that there may be
--- some.
---@param logits rnn.Tensor
---@param labels rnn.Tensor
---@param options? nn.multi_margin.Options
---@return rnn.Tensor
function losses.multi_margin(logits, labels, options)
  local rows, target, o, reduce = labelled("nn.multi_margin", logits, labels, MULTI_MARGIN, options, 0)
  local is_label = core.one_hot(target, rows:size(2))
  local missing = core.where(is_label, 0, o.margin + rows - core.where(is_label, rows, 0):sum(2, true)):relu()
  return reduce((o.p == 2 and missing:square() or missing):mean(2))
end

--- nn.ordinal(logits, labels [, options]) -> scalar
---
--- Classes that are in an order, such as stars: logits (..., K - 1), of which number k says how likely the label is
--- above k; labels int32 (...), 1 .. K. The sum of the K - 1 binary cross-entropies; the answer is
--- logits:gt(0):sum(-1) + 1. Frank, Hall 2001; Cheng, Wang, Pollastri 2008, "A neural network approach to ordinal
--- regression". With a last layer of one column and a bias for each k it is McCullagh's (1980) proportional odds.
--- Errors: labels outside 1 .. K; 0 is padding behind lengths, or where padded = true says that there may be some.
---@param logits rnn.Tensor
---@param labels rnn.Tensor
---@param options? nn.ordinal.Options
---@return rnn.Tensor
function losses.ordinal(logits, labels, options)
  local rows, target, _, reduce = labelled("nn.ordinal", logits, labels, ORDINAL, options, 1)
  core.need_logits("nn.ordinal", logits, "sigmoid")
  local above = target:reshape(-1, 1):gt(core.arange(rows:size(2)):reshape(1, -1))
  return reduce(core.binary_cross_entropy(rows, above, nil, "none"):sum(2))
end

--- nn.distillation(logits, teacher, labels [, options]) -> scalar
---
--- A small model learns what a large one, or an rnn.Ensemble, says of each item, and the label: share of T^2 times the
--- cross-entropy of softmax(logits / T) to softmax(teacher / T), the rest of the cross-entropy to the label. Hinton,
--- Vinyals, Dean 2015, "Distilling the knowledge in a neural network". logits and teacher (..., V); labels int32 (...),
--- or nil, when the teacher alone is followed. Errors: other shapes, a label that is not within 1 to V.
---@param logits rnn.Tensor
---@param teacher rnn.Tensor
---@param labels? rnn.Tensor
---@param options? nn.distillation.Options
---@return rnn.Tensor
function losses.distillation(logits, teacher, labels, options)
  local fname = "nn.distillation"
  check_tensors(fname, logits, "logits", teacher, "teacher")
  core.need_logits(fname, logits, "softmax")
  if check.shape(logits) ~= check.shape(teacher) then
    core.fail("%s: logits %s and teacher %s differ in shape", fname, check.shape(logits), check.shape(teacher))
  end
  local o = DISTILLATION:read(options)
  local hot, own = o.temperature, { sample_weights = o.sample_weights, reduction = o.reduction }
  local soft = losses.cross_entropy(logits / hot, (teacher:detach() / hot):softmax(-1), own) * (hot * hot)
  if labels == nil then return soft end
  return soft * o.share + losses.cross_entropy(logits, labels, own) * (1 - o.share)
end

--- nn.binary_cross_entropy(logits, targets [, options]) -> scalar
---
--- -t log p - (1 - t) log(1 - p) with p = sigmoid(logits), safe for large logits; targets are 0, 1 or between.
--- Logits that a sigmoid has made are an error, as it would be taken twice.
---@param logits rnn.Tensor
---@param targets rnn.Tensor of equal shape
---@param options? nn.binary_cross_entropy.Options
---@return rnn.Tensor
function losses.binary_cross_entropy(logits, targets, options)
  local fname = "nn.binary_cross_entropy"
  check_tensors(fname, logits, "logits", targets, "targets")
  if options == nil then return core.binary_cross_entropy(logits, targets) end
  local o = BINARY:read(options)
  if not o.pos_weight then return core.binary_cross_entropy(logits, targets, o.sample_weights, o.reduction) end
  check.tensor(fname, "argument 1 (logits)", logits, "float")
  core.need_logits(fname, logits, "sigmoid")
  local x, t, reduce = weigh.counted(fname, { "logits" }, { logits }, targets, false, o)
  local rest = (o.pos_weight - 1) * t * core.softplus(-x[1])
  return reduce(core.binary_cross_entropy(x[1], t, nil, "none") + rest)
end

-- weigh.counted of y and a target of -1 and 1.
local function of_signs(fname, y, name, target, options)
  check_tensors(fname, y, name, target, "target")
  check.tensor(fname, ("argument 1 (%s)"):format(name), y, "float")
  local x, t, reduce = weigh.counted(fname, { name }, { y }, target, false, options)
  if t:abs():ne(1):any():item() == 1 then check.expected(fname, "argument 2 (target)", "classes -1 and 1", target) end
  return x[1], t, reduce
end

--- nn.hinge(y, target [, options]) -> scalar
---
--- max(0, 1 - t y) of scores y and targets t, -1 or 1: what is right by a margin of 1 costs nothing. Cortes, Vapnik
--- 1995, "Support-vector networks". Errors: shapes that differ, targets that are neither -1 nor 1.
---@param y rnn.Tensor
---@param target rnn.Tensor of equal shape, float or int32
---@param options? nn.hinge.Options
---@return rnn.Tensor
function losses.hinge(y, target, options)
  local x, t, reduce = of_signs("nn.hinge", y, "y", target, OPTIONS["nn.hinge"]:read(options))
  return reduce((1 - t * x):relu())
end

--- nn.hinge_embedding(distance, target [, options]) -> scalar
---
--- The distance of what belongs together, target 1; max(0, margin - distance) of what does not, target -1. As
--- torch.nn.HingeEmbeddingLoss; with squares it is the contrastive loss of Hadsell, Chopra, LeCun 2006.
--- Errors: shapes that differ, targets that are neither -1 nor 1.
---@param distance rnn.Tensor
---@param target rnn.Tensor of equal shape, float or int32
---@param options? nn.hinge_embedding.Options
---@return rnn.Tensor
function losses.hinge_embedding(distance, target, options)
  local o = HINGE_EMBEDDING:read(options)
  local x, t, reduce = of_signs("nn.hinge_embedding", distance, "distance", target, o)
  return reduce(core.where(t:gt(0), x, (o.margin - x):relu()))
end

local names = {}
for name in pairs(losses) do names[#names + 1] = name end
table.sort(names)

--- nn.loss(name) -> function
---
--- The loss of that name; a function is returned as it is, so that options may be either.
---@param name string|function
---@return function
function losses.loss(name)
  if type(name) == "function" then return name end
  return losses[check.one_of("nn.loss", "argument 1 (name)", name, names)]
end

return guard.all("nn.", losses)

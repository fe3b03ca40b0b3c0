-- names.lua: what to say of a name that does not exist: the one that it has here, for who comes from PyTorch, NumPy,
-- Keras or Torch7, or the one that it is a misspelling of. Loaded by the first mistake.

local core = require "rnn.core"
local beside = require "rnn.beside"
local check = require "rnn.check"

-- Names of ours, of which the first that exists is meant, or a sentence.
local OPS = {
  reshape = "view view_as reshape_as resize resize_ resizeAs",
  flatten = "ravel",
  copy = "clone contiguous deepcopy ascontiguousarray",
  transpose = "t T mT swapaxes swapdims transpose_",
  permute = "movedim moveaxis rollaxis",
  unsqueeze = "expand_dims newaxis addSingletonDimension",
  flip = "fliplr flipud reverse",
  tile = "repeat",
  ndim = "dim ndimension nDimension rank",
  count = "numel nElement nelement",
  type = "dtype",
  to_int = "long int integer int32 int64 short byte",
  to_float = "float double float32 float64",
  totable = "numpy tolist toTable storage",
  concat = "cat concatenate hstack vstack row_stack append insert",
  chunk = "array_split tensor_split",
  split = "hsplit vsplit dsplit",
  diag = "diagonal diagflat",
  stack = "dstack column_stack",
  slice = "narrow",
  gather = "index_select index take gather_nd gather_rows embedding_lookup",
  take_along_axis = "take_along_dim",
  scatter = "put_along_axis index_copy index_fill",
  index_add = "index_add_ scatter_reduce",
  searchsorted = "bucketize digitize",
  padded = "pad_sequence pad_sequences",
  matmul = "mm bmm mv inner addmv baddbmm vecdot",
  linear = "addmm",
  einsum = "tensordot kron",
  logical_and = "bitwise_and",
  logical_or = "bitwise_or",
  logical_not = "bitwise_not invert",
  floor_div = "floor_divide",
  mod = "remainder fmod",
  quantile = "percentile",
  acos = "arccos",
  asin = "arcsin",
  atan = "arctan",
  atan2 = "arctan2",
  silu = "swish",
  zeros_like = "empty_like new_zeros",
  mul = "multiply times cmul",
  add = "cadd",
  sub = "subtract csub",
  div = "divide true_divide cdiv",
  neg = "negative",
  abs = "absolute fabs",
  gt = "greater",
  ge = "greater_equal",
  lt = "less",
  le = "less_equal",
  eq = "equal equals",
  ne = "not_equal",
  max = "amax reduce_max",
  maximum = "fmax",
  min = "amin reduce_min",
  minimum = "fmin",
  sum = "reduce_sum",
  cummax = "maximum_accumulate",
  cummin = "minimum_accumulate",
  mean = "reduce_mean",
  clamp = "clip clip_by_value clamp_min clamp_max hardtanh relu6",
  is_finite = "isfinite",
  histogram = "histc hist",
  fill_ = "fill zero zero_",
  assign = "copy_ set_ put_",
  nonzero = "argwhere",
  requires_grad = "requires_grad_ requiresGrad",
  on_grad = "register_hook register_full_backward_hook",
  is_leaf = "grad_fn",
  broadcast_to = "expand expand_as expandAs broadcast",
  one_hot = "onehot to_categorical",
  topk = "top_k",
  item = "scalar",
  uniform_ = "uniform rand_",
  normal_ = "normal randn_",
  orthogonal_ = "orthogonal",
  with_lengths = "pack_padded_sequence pack",
  mask = "sequence_mask",
  reverse_steps = "reverse_sequence",
  rfft = "fft",
  irfft = "ifft",
  without_lengths = "pad_packed_sequence unpack",
  hard_sigmoid = "hardsigmoid",
  log_softmax = "logsoftmax LogSoftMax",
  binary_cross_entropy = "binary_cross_entropy_with_logits bce_loss",
  mse = "mse_loss mean_squared_error",
  mae = "l1_loss mean_absolute_error",
  huber = "smooth_l1_loss huber_loss",
  linear_cross_entropy = "fused_linear_cross_entropy LigerFusedLinearCrossEntropyLoss",
  cross_entropy = "nll_loss categorical_crossentropy sparse_categorical_crossentropy",
  ["rnn.optim.clip_grad_norm"] = "clip_grad_norm_",
  ["rnn.nn.hinge_embedding"] = "hinge_embedding_loss",
  ["rnn.nn.multi_margin"] = "multi_margin_loss",
  ["rnn.nn.cosine_embedding"] = "cosine_embedding_loss",
  ["rnn.nn.margin_ranking"] = "margin_ranking_loss",
  ["rnn.nn.triplet_margin"] = "triplet_margin_loss triplet_loss",
  ["x:to_int() and x:to_float() convert"] = "astype cast type_as typeAs",
  ["x[mask] has these elements"] = "masked_select boolean_mask compress",
  ["x[i] is row i; for i, row in ipairs(x) goes over all"] = "unbind unstack rows_of",
  ["(x - y):abs():max() < 1e-6 says whether two are close"] = "isclose allclose array_equal",
  ["x:log() / math.log(2)"] = "log2",
  ["x:log() / math.log(10)"] = "log10",
  ["2 ^ x"] = "exp2",
  ["x:ne(x) is 1 where x is nan"] = "isnan is_nan",
  ["x:abs():eq(math.huge) is 1 where x is infinite"] = "isinf is_inf",
  ["x:masked_fill(x:ne(x), 0) has 0 for nan"] = "nan_to_num",
  ["x[x:is_finite()] has the finite elements"] = "nansum nanmean nanstd nanvar nanmax nanmin nanmedian nanquantile",
  ["x:sign() * x:abs():floor()"] = "trunc fix",
  ["x - x:sign() * x:abs():floor()"] = "frac",
  ["rnn.stack({ x, y }, 1):logsumexp(1)"] = "logaddexp",
  ["x + c * y * z, with operators"] = "addcmul addcdiv",
  ["1 - x:erf()"] = "erfc",
  ["(x ^ 2 + y ^ 2):sqrt()"] = "hypot",
  ["x:gt(0)"] = "heaviside",
  ["x * (math.pi / 180)"] = "deg2rad",
  ["(x / (1 - x)):log()"] = "logit",
  ["x * x:softplus():tanh()"] = "mish",
  ["p * p:maximum(1e-30):log()"] = "xlogy",
  ["(x - y):norm()"] = "dist",
  ["(x - y):norm(2, -1)"] = "pairwise_distance",
  ["((x - (-rnn.rand_like(x):log()):log()) / tau):softmax(-1)"] = "gumbel_softmax",
  ["(q:matmul(k:transpose(-1, -2)) / math.sqrt(d)):softmax(-1):matmul(v)"] = "scaled_dot_product_attention",
  ["x:unfold(2, size, stride):max(-1)"] = "max_pool1d",
  ["x:unfold(2, size, stride):mean(-1)"] = "avg_pool1d",
  ["x:flatten():nonzero()"] = "flatnonzero",
  ["rnn.ones(n, n):tril():nonzero()"] = "tril_indices",
  ["rnn.ones(n, n):triu():nonzero()"] = "triu_indices",
  ["x[mask] = y"] = "masked_scatter",
  ["x:sort(axis), of which it is place k"] = "kthvalue partition",
  ["rows d = (x - mean) / norm, d:matmul(d:transpose(1, 2))"] = "corrcoef",
  ["rnn.linalg.lstsq of the powers of x"] = "polyfit vander",
  ["searchsorted finds the places, lerp goes between them"] = "interp",
  ["x:eq(a):logical_or(x:eq(b))"] = "isin in1d",
  ["x:ne(0):sum()"] = "count_nonzero",
  ["x:max() - x:min()"] = "ptp aminmax",
  ["x:std() and x:mean()"] = "std_mean var_mean",
  ["10 ^ rnn.linspace(a, b, n)"] = "logspace",
  ["x:mean(), or with weights (x * w):sum() / w:sum()"] = "average",
  ["x:unfold(1, n):matmul(w:flip(1))"] = "convolve",
  ["x:unfold(1, n):matmul(w)"] = "correlate",
  ["rnn.stft(x, n, hop) has Hann's window"] = "hann_window",
  ["rnn.npy_write(path, x) writes what NumPy reads"] = "savetxt tofile",
  ["x:diag():sum()"] = "trace",
  ["x:sum() - (x[1] + x[-1]) / 2"] = "trapezoid trapz",
  ["(x:unsqueeze(2) - y:unsqueeze(1)):norm(2, 3)"] = "cdist",
  ["x / x:norm(2, -1, true)"] = "normalize",
  ["d = x - x:mean(2, true), d:matmul(d:transpose(1, 2)) / (n - 1)"] = "cov",
  ["halves by x:chunk(-1, 2): a * b:sigmoid()"] = "glu",
  ["x[rnn.tensor({ 1, 3 }, \"int32\")] keeps places 1 and 3"] = "delete",
  ["of place k: (k - 1) // columns + 1 and (k - 1) % columns + 1"] = "unravel_index",
  ["write x[ids] = y"] = "index_copy_ index_put_ index_fill_",
  ["ops work on all elements; for a function of your own, x:totable() gives numbers"] = "apply map apply_ map_",
  ["rnn.linalg.inv"] = "inverse",
  ["rnn.linalg.pinv"] = "pinverse",
  ["rnn.linalg.eigh"] = "symeig",
  ["there are no devices: tensors are in main memory"] = "cuda cpu to device is_cuda gpu pin_memory",
  ["the precision is that of the program: float, or double with rnnlua --double"] = "half bfloat16 float16",
}

local RNN = {
  tensor = "from_numpy as_tensor array asarray Tensor FloatTensor DoubleTensor LongTensor IntTensor constant",
  zeros = "empty",
  arange = "range",
  rand = "random uniform random_uniform",
  randn = "normal random_normal standard_normal",
  seed = "manual_seed manualSeed set_seed random_seed",
  multinomial = "choice",
  eye = "identity",
  recording = "set_grad_enabled enable_grad is_grad_enabled",
  no_grad = "inference_mode stop_gradient GradientTape",
  threads = "set_num_threads get_num_threads setnumthreads getnumthreads",
  custom = "Function custom_gradient autograd",
  gradcheck = "check_grad check_gradients",
  grad = "gradients gradient jacobian",
  hvp = "hessian",
  padded = "pad_sequence",
  npz_write = "savez savez_compressed",
  fit = "train compile",
  ["rnn.data.csv"] = "loadtxt genfromtxt read_csv",
  ["rnn.ctc.loss"] = "CTCLoss CTCCriterion",
  ["rnn.data"] = "utils DataLoader Dataset TensorDataset",
  ["x:backward()"] = "backward",
  ["functions are in rnn: rnn.relu(x)"] = "functional F",
  ["types are \"float\" and \"int32\": rnn.zeros { 2, 3, type = \"int32\" }"] = "int32 int64 long float32 float64 bool",
}

local NN = {
  Linear = "Dense LinearLayer",
  mse = "MSELoss MSECriterion",
  mae = "L1Loss AbsCriterion",
  huber = "SmoothL1Loss SmoothL1Criterion HuberLoss",
  cross_entropy = "CrossEntropyLoss CrossEntropyCriterion ClassNLLCriterion NLLLoss",
  binary_cross_entropy = "BCELoss BCEWithLogitsLoss BCECriterion SoftMarginLoss MultiLabelSoftMarginLoss",
  hinge = "MarginCriterion HingeLoss",
  hinge_embedding = "HingeEmbeddingLoss HingeEmbeddingCriterion",
  multi_margin = "MultiMarginLoss MultiMarginCriterion",
  cosine_embedding = "CosineEmbeddingLoss CosineEmbeddingCriterion",
  margin_ranking = "MarginRankingLoss MarginRankingCriterion",
  triplet_margin = "TripletMarginLoss TripletMarginWithDistanceLoss triplet_loss",
  BatchNorm = "BatchNorm1d BatchNormalization",
  LayerNorm = "LayerNormalization",
  Embedding = "LookupTable EmbeddingBag",
  RNN = "SimpleRNN Elman SeqRNN",
  LSTM = "SeqLSTM FastLSTM CudnnLSTM",
  GRU = "SeqGRU",
  Conv1d = "Conv1D TemporalConvolution",
  ["lists of layers are tables in fields: self.layers = { nn.Linear(2, 3), nn.Linear(3, 1) }"] =
    "ModuleList ModuleDict Container ParameterList",
  Attention = "MultiheadAttention MultiHeadAttention AdditiveAttention BahdanauAttention LuongAttention",
  Dropout = "Dropout1d SpatialDropout1D",
  Tanh = "TanH",
  Softmax = "SoftMax",
  LogSoftmax = "LogSoftMax",
  Softplus = "SoftPlus",
  initializers = "init",
  ["rnn.optim"] = "optim",
  ["rnn.optim.clip_grad_norm"] = "utils clip_grad_norm_",
  ["rnn.ctc.loss"] = "CTCLoss CTCCriterion",
  ["rnn.concat"] = "JoinTable Concatenate",
  ["a parameter is a tensor in a field of the module: nn.Module { weight = rnn.randn(3):requires_grad(true) }"] =
    "Parameter",
  ["functions are in rnn: rnn.relu(x)"] = "functional F",
  ["an option of each recurrent layer: nn.LSTM(3, 4, { bidirectional = true })"] = "Bidirectional BiSequencer",
  ["layers take (N, T, D): each step by itself"] = "TimeDistributed Sequencer",
}

local OPTIM = {
  schedules = "lr_scheduler LearningRateScheduler",
  clip_grad_norm = "clip_grad_norm_ clip_by_global_norm",
  clip_grad_value = "clip_grad_value_",
  SGD = "sgd Momentum",
}

-- Of options: the first that a function has is meant.
local OPTIONS = {
  returns = "return_sequences return_state",
  layers = "num_layers n_layers nlayers",
  units = "hidden_size d_model",
  size = "batch_size batchsize bs",
  epochs = "num_epochs n_epochs nb_epoch max_epochs",
  data = "train_data dataset dataloader train_loader training_data",
  valid = "validation_data val_data validation val_loader eval_data",
  optimizer = "optim opt",
  loss = "criterion loss_fn loss_function",
  callbacks = "callback",
  clip_norm = "clipnorm global_clipnorm max_grad_norm grad_clip gradient_clip_val clip",
  clip_value = "clipvalue",
  schedule = "scheduler lr_scheduler",
  progress = "verbose",
  seed = "random_state random_seed",
  epsilon = "eps",
  lr = "learning_rate",
  weight_decay = "decay l2 wd",
  dropout = "dropout_rate",
  kernel = "kernel_initializer weight_init",
  recurrent = "recurrent_initializer",
  bias = "use_bias",
  activation = "nonlinearity",
  bidirectional = "bidir",
  reduction = "size_average reduce",
  weights = "weight class_weight class_weights",
  length = "window seq_len sequence_length lookback timesteps window_size",
  separator = "sep delimiter delim",
  columns = "usecols names",
  types = "dtype parse_dates date_format",
  missing = "na_values",
}

-- Name there -> names or sentence here.
local function turned(list)
  local by_name = {}
  for ours, theirs in pairs(list) do
    for name in theirs:gmatch "%S+" do by_name[name] = ours end
  end
  return by_name
end

local MODULES = { "nn", "cells", "optim", "linalg", "data", "metrics", "text", "plot", "ctc", "decode", "logs", "music",
  "audio" }

local names = { foreign = { ops = turned(OPS), rnn = turned(RNN), nn = turned(NN), optim = turned(OPTIM),
  options = turned(OPTIONS) } }

local function rnn() return beside.rnn end

-- The names of a module's fields, also those that are not loaded yet.
local function fields(module)
  local list, meta = {}, getmetatable(module)
  for key in next, module do list[key] = true end
  for key in next, meta and rawget(meta, "names") or {} do list[key] = true end
  return list
end

-- Where a name is: "x:copy", "rnn.randn", "rnn.nn.Linear", beginning with the modules in order; or nil.
local function home_of(name, order)
  for _, place in ipairs(order) do
    if place == "tensor" then
      if rawget(core.methods, name) then return "x:" .. name end
    elseif place == "rnn" then
      if fields(rnn())[name] then return "rnn." .. name end
    else
      local module = rnn()[place]
      if type(module) == "table" and fields(module)[name] then return ("rnn.%s.%s"):format(place, name) end
    end
  end
end

local function did_you_mean(name) return name and ("; did you mean %s?"):format(name) end

-- What stands in the lists of foreign names.
local function translated(name, lists, order)
  for _, list in ipairs(lists) do
    local ours = names.foreign[list][name]
    if ours and (not ours:find "^[%w_ .]+$" or ours:find " .* ") then return "; " .. ours end
    for candidate in (ours or ""):gmatch "%S+" do
      local home = candidate:find "%." and candidate or home_of(candidate, order)
      if home then return did_you_mean(home) end
    end
  end
end

local function sorted(list)
  local known = {}
  for key in next, list do
    if type(key) == "string" and not key:find "^_" then known[#known + 1] = key end
  end
  table.sort(known)
  return known
end

-- One of a table's names in other letters, capital or small.
local function folded(name, prefix, list)
  for _, key in ipairs(sorted(list)) do
    if key:lower() == name:lower() then return did_you_mean(prefix .. key) end
  end
end

-- A misspelling of one of a table's names.
local function misspelt(name, prefix, list)
  local nearest = check.closest(name, sorted(list))
  return did_you_mean(nearest and prefix .. nearest)
end

local function order_of(...)
  local order = { ... }
  for _, module in ipairs(MODULES) do order[#order + 1] = module end
  return order
end

--- names.option(name, known) -> name | nil
---
--- What of the known options another library calls name.
---@param name string
---@param known table<string, any>
---@return string?
function names.option(name, known)
  local ours = names.foreign.options[name]
  return ours and known[ours] and ours
end

--- names.method(name)
---
--- Raises: a tensor has no method of that name.
---@param name string
function names.method(name)
  local order = order_of("tensor", "rnn")
  local without = name:match "^(.+)_$"
  local hint = translated(name, { "ops", "rnn" }, order) or folded(name, "x:", core.methods)
    or did_you_mean(home_of(name, order))
  if not hint and without and rawget(core.methods, without) then
    hint = ("; x:%s() gives a new tensor, and x:assign(x:%s()) changes x"):format(without, without)
  end
  core.fail("a tensor has no method or field '%s'%s", name, hint or misspelt(name, "x:", core.methods) or "")
end

--- names.field(prefix, module, name)
---
--- Raises: a module, rnn when prefix is "" or rnn.nn when it is "nn.", has no field of that name.
---@param prefix string
---@param module table
---@param name string
function names.field(prefix, module, name)
  local whole = prefix == "rnn." and "rnn" or ("rnn." .. prefix):sub(1, -2)
  local own = prefix:match "^(%w+)%.$"
  local lists = { "rnn", "ops", "nn", "optim" }
  if own and names.foreign[own] then table.insert(lists, 1, own) end
  local order = order_of(own or "rnn", "rnn", "tensor")
  local known = fields(module)
  core.fail("%s has no field '%s'%s", whole, name, translated(name, lists, order) or did_you_mean(home_of(name, order))
    or folded(name, whole .. ".", known) or misspelt(name, whole .. ".", known) or "")
end

--- names.meant(object, name) -> string
---
--- What to add to Lua's error when an object has no method of that name: which one was meant, or "".
---@param object any
---@param name string
---@return string
function names.meant(object, name)
  local known, seen, at = {}, {}, object
  while at and not seen[at] do
    seen[at] = true
    for key, value in next, type(at) == "table" and at or {} do
      if type(value) == "function" then known[key] = true end
    end
    local meta = debug.getmetatable(at)
    at = meta and rawget(meta, "__index")
  end
  return folded(name, "x:", known) or misspelt(name, "x:", known) or did_you_mean(home_of(name, order_of "rnn")) or ""
end

return names

-- init.lua: the module rnn. Everything of the core is here at once; the rest is loaded when it is first used, so that
-- require "rnn" takes a few milliseconds.

local core = require "rnn.core"
local lazy = require "rnn.lazy"
local beside = require "rnn.beside"

-- Variables of the environment whose value means nothing would be without effect.
local function integer(most)
  return function(text)
    local n = math.tointeger(tonumber(text))
    return n and n >= 1 and n <= most
  end
end
local function word(...)
  local words = {}
  for _, w in ipairs { ... } do words[w] = true end
  return function(text) return words[text] end
end
for _, v in ipairs {
  { "RNNLUA_THREADS", integer(256), "a number from 1 to 256" },
  { "RNNLUA_SHARDS", integer(math.maxinteger), "a number of 1 or more" },
  { "RNNLUA_ISA", word("plain", "neon", "x86-64-v3", "x86-64-v4", "avx512-dot", "amx"),
    "plain, neon, x86-64-v3, x86-64-v4, avx512-dot or amx" },
  { "RNNLUA_DETERMINISTIC", word "1", "1" },
  { "RNNLUA_DOUBLE", word("0", "1"), "1, or 0, as without it" },
  { "RNNLUA_MPI", word("off", "openmpi", "mpich"), "off, openmpi or mpich" },
} do
  local value = os.getenv(v[1])
  if value and value ~= "" and not v[2](value) then
    error(("the variable %s of the environment: expected %s, got '%s'"):format(v[1], v[3], value), 0)
  end
end

-- In a job of several processes they find each other before anything else.
if os.getenv "OMPI_COMM_WORLD_SIZE" or os.getenv "PMI_SIZE" or os.getenv "PMIX_RANK" or os.getenv "PMI_RANK" then
  require "rnn.ranks".open()
end

-- What the library needs of the core, and its users do not: it stays in rnn.core.
local inner = {}
for name in ([[
  average_step audio_features audio_read audio_resample audio_write bf16 built_with bundle_read bundle_write checksum
  clip_grad_norm clip_grad_value date_read events_open fail fail_allocation file_append file_is_there file_kind
  file_lock file_read file_sha256 file_sweep file_truncate file_write files_used folder_files folder_list
  folder_remove folder_scratch form finally grads_finite inflate is_numbers isatty linear_forecast make_folder methods
  need_logits op_doc optimizer_step png_encode pdf_write peak png_write precision program random_position recurrent
  regions scan sha256 shard_add shard_give shard_take step stepper tensor_address tensor_bytes tensor_fill
  tensor_of_bytes tensor_text terminal_rows terminal_width trace trace_alike trace_apply trace_captured trace_nodes
  trace_numbers trace_place trace_results trace_same watched _linalg archive_map npy_map low_isa file_status unicode
]]):gmatch "%S+" do
  inner[name] = true
end

local rnn = {}
beside.rnn = rnn
for name, value in pairs(core) do
  if not inner[name] then rnn[name] = value end
end

--- rnn.version: the version of rnnlua, as text.

--- rnn.null: what stands for null in JSON; Lua's nil would not stay in a table.

--- rnn.clip_grad_norm(params, max_norm) -> norm
---
--- optim.clip_grad_norm, by its name in version 0.1. Tensors of any shape. Errors: as there.

--- rnn.clip_grad_value(params, limit)
---
--- optim.clip_grad_value, by its name in version 0.1. Tensors of any shape. Errors: as there.

--- rnn.sanitized: true in builds under AddressSanitizer, which keep freed memory; false in all others.

local whole = {
  nn = "rnn.nn",
  cells = "rnn.cells",
  optim = "rnn.optim",
  data = "rnn.data",
  augment = "rnn.augment",
  plot = "rnn.plot",
  einsum = "rnn.einsum",
  padded = "rnn.padded",
  results = "rnn.results",
  experiment = "rnn.experiment",
  logs = "rnn.logs",
  metrics = "rnn.metrics",
  onnx = "rnn.onnx",
  ctc = "rnn.ctc",
  decode = "rnn.decode",
  doc = "rnn.doc",
  linalg = "rnn.linalg",
  baselines = "rnn.baselines",
  Forecaster = "rnn.forecast.forecaster",
  audio = "rnn.audio",
  music = "rnn.music",
  strokes = "rnn.strokes",
  text = "rnn.text",
  monitor = "rnn.monitor",
  Ensemble = "rnn.nn.ensemble",
  dist = "rnn.dist",
}

local parts = {
  cell_check = "rnn.cell_check",
  gradcheck = "rnn.differences",
  hvp = "rnn.differences",
  save = "rnn.save",
  load = "rnn.save",
  export_c = "rnn.export",
  export_torch_state = "rnn.exchange",
  export_keras_weights = "rnn.exchange",
  fit = "rnn.train",
  quantise = "rnn.train",
  evaluate = "rnn.train",
  predict = "rnn.train",
  forecast_report = "rnn.train",
  EarlyStopping = "rnn.train",
  TimeLimit = "rnn.train",
  ModelCheckpoint = "rnn.train",
  CSVLog = "rnn.train",
  Average = "rnn.train",
  find_lr = "rnn.train",
  load_forecaster = "rnn.forecast.load",
  args = "rnn.args",
  precision = "rnn.precision",
  meshgrid = "rnn.shapes",
  clip_grad_norm = "rnn.optim", -- their names in version 0.1
  clip_grad_value = "rnn.optim",
}

-- Functions made of other ops, which are methods of tensors as well.
for module, names in pairs {
  ["rnn.shapes"] = { "split", "chunk", "flatten", "outer", "unfold", "masked_fill" },
  ["rnn.elements"] = { "lerp", "diff" },
  ["rnn.products"] = { "dot", "bilinear", "cosine_similarity" },
  ["rnn.stft"] = { "stft" },
} do
  for _, name in ipairs(names) do
    parts[name] = module
    core.methods[name] = function(...) return rnn[name](...) end
  end
end

function beside.plot() return require "rnn.plot" end
function beside.logger() return require "rnn.logs.logger"() end
function beside.quantise() return rnn.quantise end

setmetatable(core.methods, { __index = function(_, name) return require "rnn.names".method(name) end })

return lazy("", rnn, whole, parts)

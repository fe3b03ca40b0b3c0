-- init.lua: the module rnn. Everything of the core is here at once; the rest is loaded when it is first used, so that
-- require "rnn" takes a few milliseconds.

local core = require "rnn.core"
local lazy = require "rnn.lazy"
local beside = require "rnn.beside"

-- What the library needs of the core, and its users do not: it stays in rnn.core.
local inner = {}
for name in ([[
  average_step audio_features audio_read audio_resample audio_write bf16 built_with bundle_read bundle_write
  checksum events_open fail fail_allocation file_append file_is_there file_kind file_lock file_read file_sha256
  file_sweep file_truncate file_write files_used folder_files folder_list folder_remove folder_scratch form
  finally grads_finite is_numbers isatty linear_forecast low_isa make_folder methods op_doc optimizer_step
  pdf_write png_encode png_write precision program random_position recurrent scan sha256 step stepper tensor_text
  terminal_width trace trace_alike trace_apply trace_captured trace_nodes trace_place trace_results trace_same watched
  _linalg
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

--- rnn.sanitized: true in builds under AddressSanitizer, which keep freed memory; false in all others.

local whole = {
  nn = "rnn.nn",
  cells = "rnn.cells",
  optim = "rnn.optim",
  data = "rnn.data",
  plot = "rnn.plot",
  einsum = "rnn.einsum",
  padded = "rnn.padded",
  results = "rnn.results",
  experiment = "rnn.experiment",
  logs = "rnn.logs",
  metrics = "rnn.metrics",
  ctc = "rnn.ctc",
  decode = "rnn.decode",
  doc = "rnn.doc",
  linalg = "rnn.linalg",
  baselines = "rnn.baselines",
  Forecaster = "rnn.forecast.forecaster",
  audio = "rnn.audio",
  music = "rnn.music",
  text = "rnn.text",
  monitor = "rnn.monitor",
}

local parts = {
  cell_check = "rnn.cell_check",
  gradcheck = "rnn.differences",
  hvp = "rnn.differences",
  save = "rnn.save",
  load = "rnn.save",
  export_c = "rnn.export",
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
}

-- Functions made of other ops, which are methods of tensors as well.
for module, names in pairs {
  ["rnn.shapes"] = { "split", "chunk", "flatten", "outer", "unfold", "masked_fill" },
  ["rnn.elements"] = { "lerp", "diff" },
  ["rnn.products"] = { "dot", "bilinear" },
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

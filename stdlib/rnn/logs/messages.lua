-- messages.lua: the messages of TensorBoard's event files: TensorFlow's event.proto, summary.proto, tensor.proto and
-- TensorBoard's plugins/hparams/api.proto, of which only the fields that are written here are named.

local pb = require "rnn.protobuf"

local integer, double, float, bytes, doubles = pb.integer, pb.double, pb.float, pb.bytes, pb.doubles

local messages = {}

-- Event { wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7 }
local function event(wall, step, content)
  return double(1, wall) .. (step ~= 0 and integer(2, step) or "") .. content
end

--- The first record of every file.
function messages.version(wall) return event(wall, 0, bytes(3, "brain.Event:2")) end

--- SessionLog { status = 1: START = 1 }: what other files of the run have of step and later is void.
function messages.start(wall, step) return event(wall, step, bytes(7, integer(1, 1))) end

-- Summary { value = 1 { tag = 1, simple_value = 2, image = 4, histo = 5, tensor = 8, metadata = 9 } }
local function summary(wall, step, tag, content)
  return event(wall, step, bytes(5, bytes(1, bytes(1, tag) .. content)))
end

function messages.scalar(wall, step, tag, value) return summary(wall, step, tag, float(2, value)) end

--- Image { height = 1, width = 2, colorspace = 3 (the number of channels), encoded_image_string = 4 }
function messages.image(wall, step, tag, height, width, channels, png)
  return summary(wall, step, tag, bytes(4, integer(1, height) .. integer(2, width) .. integer(3, channels)
    .. bytes(4, png)))
end

--- HistogramProto { min = 1, max = 2, num = 3, sum = 4, sum_squares = 5, bucket_limit = 6, bucket = 7 }; h: what
--- core.histogram gives
function messages.histogram(wall, step, tag, h)
  return summary(wall, step, tag, bytes(5, double(1, h.min) .. double(2, h.max) .. double(3, h.count)
    .. double(4, h.sum) .. double(5, h.sum_squares) .. doubles(6, h.limits) .. doubles(7, h.counts)))
end

-- SummaryMetadata { plugin_data = 1 { plugin_name = 1, content = 2 } }
local function metadata(plugin, content)
  return bytes(9, bytes(1, bytes(1, plugin) .. (content ~= "" and bytes(2, content) or "")))
end

--- TensorProto { dtype = 1: DT_STRING = 7, tensor_shape = 2 { dim = 2 { size = 1 } }, string_val = 8 }
function messages.text(wall, step, tag, text)
  local tensor = integer(1, 7) .. bytes(2, bytes(2, integer(1, 1))) .. bytes(8, text)
  return summary(wall, step, tag, bytes(8, tensor) .. metadata("text", ""))
end

--- plugins/custom_scalar/layout.proto: Layout { category = 2 { title = 1, chart = 2 { title = 1, multiline = 2 {
--- tag = 1 } } } }; cards: { { title, tag, tag ... }, ... }
function messages.together(wall, cards)
  local charts = {}
  for i, card in ipairs(cards) do
    local tags = {}
    for k = 2, #card do tags[k - 1] = bytes(1, "^" .. card[k]:gsub("[^%w_/]", "\\%0") .. "$") end
    charts[i] = bytes(2, bytes(1, card[1]) .. bytes(2, table.concat(tags)))
  end
  local layout = bytes(2, bytes(1, "training and validation") .. table.concat(charts))
  local tensor = integer(1, 7) .. bytes(2, "") .. bytes(8, layout)
  return summary(wall, 0, "custom_scalars__config__", bytes(8, tensor) .. metadata("custom_scalars", ""))
end

-- HParamsPluginData { experiment = 2, session_start_info = 3, session_end_info = 4 }
local function hparams(wall, name, field, content)
  return summary(wall, 0, "_hparams_/" .. name, metadata("hparams", bytes(field, content)))
end

-- google.protobuf.Value { number_value = 2, string_value = 3, bool_value = 4 }, and the number of its
-- HParamInfo.type { string 1, bool 2, float64 3 }
local function value_of(v)
  if type(v) == "number" then return double(2, v), 3 end
  if type(v) == "boolean" then return integer(4, v and 1 or 0), 2 end
  return bytes(3, v), 1
end

--- Experiment { hparam_infos = 4 { name = 1, type = 4 }, metric_infos = 5 { name = 1 { tag = 2 } } }; names: those of
--- values, sorted
function messages.experiment(wall, names, values, metrics)
  local parts = {}
  for _, name in ipairs(names) do
    local _, kind = value_of(values[name])
    parts[#parts + 1] = bytes(4, bytes(1, name) .. integer(4, kind))
  end
  for _, tag in ipairs(metrics) do parts[#parts + 1] = bytes(5, bytes(1, bytes(2, tag))) end
  return hparams(wall, "experiment", 2, table.concat(parts))
end

--- SessionStartInfo { hparams = 1 map { 1 = 2 }, start_time_secs = 5 }
function messages.session_start(wall, names, values)
  local parts = {}
  for i, name in ipairs(names) do
    parts[i] = bytes(1, bytes(1, name) .. bytes(2, (value_of(values[name]))))
  end
  return hparams(wall, "session_start_info", 3, table.concat(parts) .. double(5, wall))
end

--- SessionEndInfo { status = 1: SUCCESS = 1, end_time_secs = 2 }
function messages.session_end(wall)
  return hparams(wall, "session_end_info", 4, integer(1, 1) .. double(2, wall))
end

return messages

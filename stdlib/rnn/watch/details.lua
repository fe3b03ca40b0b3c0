-- details.lua: what the page shows of a run that is ticked: its curves, the heat maps of its report, and the samples
-- that a script put beside them (run.writer:text and :image).

local core = require "rnn.core"
local class = require "rnn.class"
local plain_json = require "rnn.plain_json"
local scan = require "rnn.watch.scan"

local LIMIT <const> = 1000 -- points of a curve, up to twice as many
local SAMPLES <const> = 3 -- of each kind, the last ones
local LARGEST <const> = 4 << 20 -- bytes of a sample, and of what a report holds
local NO_CURVES = { epoch = true, step = true, seconds = true, weights = true }

---@class watch.Details
---@overload fun(path: string, limit?: integer): watch.Details
local Details = class("watch.Details")

--- Details(path, limit): of a run. A curve has up to twice limit points.
function Details:init(path, limit)
  self.path, self.limit, self.samples, self.events = path, limit or LIMIT, {}, {}
  self:_clear()
end

function Details:_clear()
  self.read, self.x, self.y, self.stride, self.seen = 0, {}, {}, 1, 0
  self.step_x, self.step_y, self.step_stride, self.steps = {}, {}, 1, 0
end

-- Every second point of x and of the curves by name.
local function halve(x, curves)
  local n = #x
  for i = 1, n // 2 do
    x[i] = x[2 * i - 1]
    for _, y in pairs(curves) do y[i] = y[2 * i - 1] end
  end
  for i = n // 2 + 1, n do
    x[i] = nil
    for _, y in pairs(curves) do y[i] = nil end
  end
end

local function add_epoch(self, record)
  self.seen = self.seen + 1
  if (self.seen - 1) % self.stride ~= 0 then return end
  local n = #self.x + 1
  self.x[n] = type(record.epoch) == "number" and record.epoch or self.seen
  for name, value in pairs(record) do
    if not NO_CURVES[name] and (type(value) == "number" or value == "nan" or value == "inf" or value == "-inf") then
      local y = self.y[name] or {}
      self.y[name] = y
      y[n] = type(value) == "number" and value - value == 0 and value or nil
    end
  end
  if n < 2 * self.limit then return end
  halve(self.x, self.y)
  self.stride = 2 * self.stride
end

local function add_step(self, line)
  local step, loss = line:match '"step":(%d+)', line:match '"loss":([^,}]+)'
  if not step then return end
  self.steps = self.steps + 1
  if (self.steps - 1) % self.step_stride ~= 0 then return end
  local n = #self.step_x + 1
  self.step_x[n], self.step_y[n] = tonumber(step), tonumber(loss)
  if n < 2 * self.limit then return end
  halve(self.step_x, { self.step_y })
  self.step_stride = 2 * self.step_stride
end

local function look_at_curves(self)
  local path = self.path .. "/metrics.jsonl"
  local size, changed, id = core.file_status(path)
  if not size or size == self.size and changed == self.changed and id == self.id then return end
  if size < self.read or id ~= self.id then self:_clear() end
  self.read = scan.read_lines(path, self.read, function(text)
    for line in text:gmatch "[^\n]+" do
      if scan.is_epoch(line) then
        local record = core.json_decode(line)
        if type(record) == "table" then add_epoch(self, record) end
      else
        add_step(self, line)
      end
    end
  end)
  self.size, self.changed, self.id, self.json = size, changed, id, nil
end

-- The report is one file that is replaced as a whole; its data are JSON.
local function look_at_report(self)
  local path = self.path .. "/report.html"
  local size, changed = core.file_status(path)
  if not size or changed == self.report_changed then return end
  self.report_changed = changed
  local text = size <= LARGEST and core.file_read(path) or ""
  local data = text:match '<script type="application/json" id="data">(.-)</script>'
  local decoded = data and core.json_decode(data)
  local heat = type(decoded) == "table" and decoded.heat
  heat = type(heat) == "table" and heat[1] and core.json_encode(heat) or nil
  if heat ~= self.heat then self.heat, self.json = heat, nil end
end

-- ---- event files ----

-- The fields of a message of protocol buffers, by their numbers; of those that are there twice the last.
local function fields_of(bytes)
  local fields, at = {}, 1
  local function varint()
    local value, shift = 0, 0
    while true do
      local byte = bytes:byte(at)
      if not byte then error "cut off" end
      at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
      if byte < 128 then return value end
    end
  end
  while at <= #bytes do
    local tag = varint()
    local kind = tag & 7
    if kind == 0 then fields[tag >> 3] = varint()
    elseif kind == 2 then
      local size = varint()
      fields[tag >> 3], at = bytes:sub(at, at + size - 1), at + size
    else
      at = at + (kind == 1 and 8 or 4)
    end
  end
  return fields
end

local ALPHABET <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    for k = 0, 3 do
      local place = n >> (18 - 6 * k) & 63
      out[#out + 1] = k > (c and 3 or b and 2 or 1) and "=" or ALPHABET:sub(place + 1, place + 1)
    end
  end
  return table.concat(out)
end

-- Event { step = 2, summary = 5 { value = 1 { tag = 1, image = 4 { png = 4 }, tensor = 8 { string = 8 } } } }
local function sample_of(bytes)
  local event = fields_of(bytes)
  local value = fields_of(fields_of(event[5] or "")[1] or "")
  local tag, text = value[1], nil
  if not tag or tag:find "^run/" or tag:find "^custom_scalars" or tag:find "^_hparams_" then return nil end
  local image = value[4] and fields_of(value[4])[4]
  if value[8] then text = fields_of(value[8])[8] end
  if not image and not text then return nil end
  if text and not utf8.len(text) then text = text:gsub("[\x80-\xff]", "?") end
  return { tag = tag, step = event[2] or 0, text = text, image = image and base64(image) }
end

local function add_sample(self, sample)
  local count = 0
  for _, each in ipairs(self.samples) do count = count + (each.tag == sample.tag and 1 or 0) end
  for i, each in ipairs(self.samples) do
    if count >= SAMPLES and each.tag == sample.tag then
      table.remove(self.samples, i)
      break
    end
  end
  self.samples[#self.samples + 1] = sample
end

-- A record: its length, a checksum of that, itself, a checksum. The last one may be half written.
local function read_events(self, path)
  local file <close> = io.open(path, "rb")
  if not file then return end
  local at = self.events[path] or 0
  file:seek("set", at)
  while true do
    local head = file:read(12)
    if not head or #head < 12 then break end
    local length = string.unpack("<I8", head)
    if length < 0 or length > LARGEST then break end
    local bytes = file:read(length + 4)
    if not bytes or #bytes < length + 4 then break end
    at = at + 16 + length
    if bytes:find("text", 1, true) or bytes:find("\137PNG", 1, true) then
      local ok, sample = pcall(sample_of, bytes:sub(1, length))
      if ok and sample then
        add_sample(self, sample)
        self.json = nil
      end
    end
  end
  self.events[path] = at
end

local function look_at_events(self)
  for _, name in ipairs(core.folder_list(self.path) or {}) do
    if name:find "^events%.out%.tfevents" then read_events(self, self.path .. "/" .. name) end
  end
end

-- ---- all ----

-- Curves may have holes: JSON's null.
local function array(values, n)
  local out = {}
  for i = 1, n do out[i] = values[i] and ("%.6g"):format(values[i]) or "null" end
  return "[" .. table.concat(out, ",") .. "]"
end

--- details:text(only_curves) -> JSON for the page
---@param only_curves? boolean
---@return string
function Details:text(only_curves)
  look_at_curves(self)
  if not only_curves then
    look_at_report(self)
    look_at_events(self)
  end
  if self.json then return self.json end
  local curves, names = {}, {}
  for name in pairs(self.y) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    curves[i] = ("%s:%s"):format(core.json_encode(name), array(self.y[name], #self.x))
  end
  self.json = ('{"x":%s,"curves":{%s},"step_x":%s,"step_loss":%s,"heat":%s,"samples":%s}'):format(
    array(self.x, #self.x), table.concat(curves, ","), array(self.step_x, #self.step_x),
    array(self.step_y, #self.step_x), self.heat or "[]", self.samples[1] and plain_json(self.samples) or "[]")
  return self.json
end

return Details

-- files.lua: a Forecaster in one safetensors file, and back.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local option = require "rnn.option"
local Frame = require "rnn.data.frame".Frame
local Flat = require "rnn.forecast.flat"
local Forecaster = require "rnn.forecast.forecaster"
local save = require "rnn.save"

local files = {}

local OF_SPEC = { "targets", "past", "future_known", "static", "series", "time", "step", "words", "calendar", "holidays" }
local PLAIN = { "horizon", "length", "season", "scaling", "sizes", "margins", "scores", "residuals", "ends", "trained_to" }

-- A frame as tables of texts and numbers.
local function columns_of(frame)
  local list = {}
  for i, name in ipairs(frame:names()) do
    local column = frame[name]
    local values
    if column.type == "date" then values = frame:dates(name)
    elseif column.type == "number" then values = column.values:totable()
    else
      values = {}
      for row, id in ipairs(column.values:totable()) do values[row] = column.words[id] or "" end
    end
    list[i] = { name = name, type = column.type, zone = column.zone, values = values }
  end
  return list
end

local function frame_of(list, time)
  local columns = {}
  for i, column in ipairs(list) do columns[i] = column end
  local frame = require("rnn.data").frame(columns)
  return time and frame:sort(time) or frame
end

--- files.save(forecaster, path) -> true | nil, message, code
function files.save(self, path)
  check.string("forecaster:save", "argument 1 (path)", path)
  local state = { kind = "rnn.Forecaster", spec = {}, options = {}, notes = self.notes }
  for _, name in ipairs(OF_SPEC) do state.spec[name] = self.spec[name] end
  for _, name in ipairs(PLAIN) do state[name] = self[name] end
  for name, value in pairs(self.options) do
    if type(value) ~= "function" and (type(value) ~= "table" or not getmetatable(value)) then
      state.options[name] = value
    end
  end
  if class.is_a(self.recent, Frame) then state.columns = columns_of(self.recent) else state.recent = self.recent end
  return save.save(path, self.network, state)
end

local LOAD = option.of("rnn.load_forecaster", {
  { "classes", nil, check.table, "classes of the model, where it is the script's own; see rnn.load" },
})

--- rnn.load_forecaster(path [, options]) -> forecaster | nil, message, code
---
--- What forecaster:save wrote: it predicts, goes on from its last rows and is tested as before.
---@param path string
---@param options? rnn.load_forecaster.Options
---@return rnn.Forecaster|nil
---@return string? message
---@return string? code
function files.load_forecaster(path, options)
  check.string("rnn.load_forecaster", "argument 1 (path)", path)
  options = LOAD:read(options)
  require "rnn.forecast.network"
  local network, state, code = save.load(path, options.classes and { classes = options.classes } or nil)
  if not network then return nil, state, code end
  if type(state) ~= "table" or state.kind ~= "rnn.Forecaster" then
    return nil, ("rnn.load_forecaster: '%s': expected what forecaster:save wrote"):format(path), "EFORMAT"
  end
  local given = state.options
  given.quiet = true
  local ok, self = pcall(Forecaster, given)
  if not ok then return nil, ("rnn.load_forecaster: '%s': %s"):format(path, tostring(self)), "EFORMAT" end
  for _, name in ipairs(OF_SPEC) do self.spec[name] = state.spec[name] end
  for _, name in ipairs(PLAIN) do self[name] = state[name] end
  self.notes, self.network = state.notes, network
  self.network:eval()
  self.flat = Flat(self)
  self.recent = state.columns and frame_of(state.columns, self.spec.time) or state.recent
  return self
end

return files

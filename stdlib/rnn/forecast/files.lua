-- files.lua: a Forecaster in one safetensors file, and back.

local core = require "rnn.core"
local check = require "rnn.check"
local class = require "rnn.class"
local Frame = require "rnn.data.frame".Frame
local Flat = require "rnn.forecast.flat"
local panel = require "rnn.forecast.panel"
local save = require "rnn.save"

local files = {}

local OF_SPEC = { "targets", "past", "future_known", "static", "series", "time", "step", "words", "calendar",
  "holidays", "offsets" }
local PLAIN = { "horizon", "length", "season", "scaling", "sizes", "margins", "scores", "apart", "residuals",
  "ends", "trained_to" }

-- A frame as tables, numbers and tensors.
local function columns_of(frame)
  local list = {}
  for i, column in ipairs(frame.columns) do
    local values = column.values
    list[i] = { name = column.name, type = column.type, zone = column.zone, words = column.words,
      values = core.is_numbers(values) and values:totable() or values }
  end
  return list
end

local function frame_of(list, order)
  local rows = #list[1].values
  local none = Frame({}, rows)
  for _, column in ipairs(list) do
    if type(column.values) == "table" then -- numbers
      column.values = panel.column(none:with(column.name, column.values), column.name).values
    end
  end
  return Frame(list, rows, order)
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

--- files.fill(forecaster, state, network): what was saved, back in its place.
function files.fill(self, state, network)
  for _, name in ipairs(OF_SPEC) do self.spec[name] = state.spec[name] end
  for _, name in ipairs(PLAIN) do self[name] = state[name] end
  self.notes, self.network = state.notes, network
  self.network:eval()
  self.flat = Flat(self)
  self.recent = state.columns and frame_of(state.columns, self.spec.time) or state.recent
end

return files

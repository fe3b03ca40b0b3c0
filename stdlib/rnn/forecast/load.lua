-- load.lua: a saved Forecaster as an object again.

local check = require "rnn.check"
local option = require "rnn.option"
local files = require "rnn.forecast.files"
local Forecaster = require "rnn.forecast.forecaster"
local save = require "rnn.save"

local load = {}

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
function load.load_forecaster(path, options)
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
  files.fill(self, state, network)
  return self
end

return load

-- args.lua: an earlier name: scripts that were written for version 0.1 still read their command lines with it.

local Experiment = require "rnn.experiment"

local said = false

--- rnn.args { about = "...", epochs = 500, model = { { "rnn", "gru" }, "help" } } -> options
---
--- The earlier name of rnn.experiment { ... }.options, which it says once. data and load may be false, and --load is
--- --evaluate now. Errors: as rnn.experiment.
---@param spec table
---@return table
local function args(spec)
  if not said then io.stderr:write "rnn.args is an earlier name; write rnn.experiment { ... }.options\n" end
  said = true
  local given = {}
  for name, value in pairs(type(spec) == "table" and spec or {}) do given[name] = value end
  if given.data == false then given.data = nil else given.data = {} end
  given.load = nil
  local options = Experiment(type(spec) == "table" and given or spec).options
  options.load = options.evaluate
  if options.data == nil and type(spec.data) == "string" then options.data = spec.data end
  return options
end

return { args = args }

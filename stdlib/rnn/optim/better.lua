-- better.lua: is this epoch the best so far? What early stopping, plateaus and the best weights ask.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"

local function is_more_better(name)
  for _, part in ipairs { "accuracy", "f1", "top_%d", "bleu" } do
    if name:find(part) then return true end
  end
  return false
end

--- Better(fname, { monitor = "val_loss", mode = nil, min_delta = 0 })
---
--- mode "min" or "max" says what better means; by default less, but more for accuracy, F1, top-k and BLEU.
---@class train.Better
---@field value number the best so far, its sign turned for "max"
---@overload fun(fname: string, options: table): train.Better
local Better = class("train.Better")

function Better:init(fname, options)
  self.fname = fname
  self.monitor = check.string(fname, "option 'monitor'", options.monitor)
  self.mode = options.mode or (is_more_better(self.monitor) and "max" or "min")
  check.one_of(fname, "option 'mode'", self.mode, { "min", "max" })
  self.min_delta = check.number(fname, "option 'min_delta'", options.min_delta or 0, 0)
  self:clear()
end

function Better:clear()
  self.value = math.huge
end

--- better:check(names): one of the names is monitored, or it is an error.
---@param names string[]
function Better:check(names)
  for _, name in ipairs(names) do
    if name == self.monitor then return end
  end
  table.sort(names)
  core.fail("%s: option 'monitor': there is no '%s' in this run; there are %s%s", self.fname, self.monitor,
    table.concat(names, ", "), check.nearest(self.monitor, names))
end

--- better:see(logs) -> true when monitor is better than in every epoch before
function Better:see(logs)
  local value = logs and logs[self.monitor]
  if value == nil then
    local names = {}
    for name in pairs(logs or {}) do names[#names + 1] = name end
    self:check(names)
  end
  if self.mode == "max" then value = -value end
  local better = value < self.value - self.min_delta -- not so of nan
  if better then self.value = value end
  return better
end

function Better:state()
  return { value = self.value, monitor = self.monitor, mode = self.mode }
end

function Better:load_state(saved)
  for _, name in ipairs { "monitor", "mode" } do
    if saved[name] and saved[name] ~= self[name] then -- values of one say nothing about the other
      core.fail("%s: option '%s' is '%s', but was '%s' when the checkpoint was written", self.fname, name, self[name],
        saved[name])
    end
  end
  self.value = saved.value
end

return Better

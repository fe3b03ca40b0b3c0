-- thinned.lua: curves over the steps of a run, however long it is, in at most LIMIT points.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"

local LIMIT = 1024

--- Thinned { norm = math.max }
---
--- Takes the values of every step and keeps points, each of stride steps: their mean, or what the function given for
--- that name makes of them two by two. When there are 1024 points, each two become one and stride doubles, so what is
--- kept depends on the values alone. x[i] is the last step of point i, y.NAME[i] its value, NaN where it had none.
---@class logs.Thinned
---@field stride integer
---@field x integer[]
---@field y table<string, number[]>
---@overload fun(joins?: table<string, fun(a: number, b: number): number>): logs.Thinned
local Thinned = class("logs.Thinned")

function Thinned:init(joins)
  self.joins = joins or {}
  self.stride, self.count, self.open, self.x, self.y = 1, 0, {}, {}, {}
end

-- As a checkpoint keeps it: a run that goes on has no more digits.
local function kept(value)
  return core.precision == "float" and string.unpack("f", string.pack("f", value)) or value
end

local function halve(self)
  local x, n = self.x, #self.x // 2
  for i = 1, n do x[i] = x[2 * i] end
  for i = 2 * n, n + 1, -1 do x[i] = nil end
  for name, y in pairs(self.y) do
    local join = self.joins[name]
    for i = 1, n do
      local a, b = kept(y[2 * i - 1]), kept(y[2 * i])
      y[i] = join and join(a, b) or (a + b) / 2
    end
    for i = 2 * n, n + 1, -1 do y[i] = nil end
  end
  self.stride = 2 * self.stride
end

local function close_point(self, step)
  local x, y, n = self.x, self.y, #self.x + 1
  x[n] = step
  for name, value in pairs(self.open) do
    if not y[name] then
      y[name] = {}
      for i = 1, n - 1 do y[name][i] = 0 / 0 end
    end
    y[name][n] = self.joins[name] and value or value / self.count
  end
  for name in pairs(y) do
    if not self.open[name] then y[name][n] = 0 / 0 end
    self.open[name] = nil
  end
  self.count = 0
end

--- thinned:add(step, values) -> true when a point became complete, which is then the last one
---
--- One point of a curve, kept or dropped so that its length stays bounded. Errors: values that are no numbers.
---@param step integer
---@param values table<string, number>
---@return boolean
function Thinned:add(step, values)
  check.int("logs.Thinned:add", "argument 1 (step)", step)
  for name, value in pairs(check.table("logs.Thinned:add", "argument 2 (values)", values)) do
    if type(value) ~= "number" then
      check.expected("logs.Thinned:add", ("value '%s'"):format(name), "a number", value)
    end
  end
  if #self.x == LIMIT then halve(self) end
  local open, joins = self.open, self.joins
  for name, value in pairs(values) do
    local before = open[name]
    if before then value = joins[name] and joins[name](before, value) or before + value end
    open[name] = value
  end
  self.count = self.count + 1
  if self.count < self.stride then return false end
  close_point(self, step)
  return true
end

-- Points as tensors: thousands of numbers are then no work for whoever saves them.
function Thinned:state()
  local saved = { stride = self.stride, count = self.count, open = {}, y = {} }
  for name, value in pairs(self.open) do saved.open[name] = value end
  if #self.x > 0 then saved.x = core.tensor(self.x, "int32") end
  for name, y in pairs(self.y) do saved.y[name] = core.tensor(y) end
  return saved
end

function Thinned:load_state(saved)
  self.stride, self.count, self.open, self.y = saved.stride, saved.count, saved.open, {}
  self.x = saved.x and saved.x:totable() or {}
  for name, y in pairs(saved.y) do self.y[name] = y:totable() end
end

return Thinned

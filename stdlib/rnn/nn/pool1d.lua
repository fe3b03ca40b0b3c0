-- pool1d.lua: the largest or the mean of each feature over windows of time, or over all of it.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local unfold = require "rnn.shapes".unfold

local pools = {}

local function check_input(self, x)
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() ~= 3 then
    core.fail("%s: expected input (N, T, features), got %s", self:describe(), check.input(x))
  end
end

-- x with more steps before and behind it.
local function padded(x, before, behind, value)
  return before + behind > 0 and x:pad(2, before, behind, "constant", value) or x
end

-- What windows have of each feature; the mean is of the steps that are no padding.
local REDUCE = {
  max = function(x, size, stride, before, behind)
    return unfold(padded(x, before, behind, -math.huge), 2, size, stride):max(-1)
  end,
  mean = function(x, size, stride, before, behind)
    local sums = unfold(padded(x, before, behind, 0), 2, size, stride):sum(-1)
    if before + behind == 0 then return sums / size end
    return sums / unfold(padded(core.ones(1, x:size(2), 1), before, behind, 0), 2, size, stride):sum(-1)
  end,
}

local PADDING = option.one_of { "valid", "same" }

-- A layer of windows.
local function windows(name, kind)
  local fname = "nn." .. name
  local cls = class(fname, Module)
  local OPTIONS = option.of(fname, {
    { "stride", nil, option.int(1), "steps of x from one window to the next; nil: size, so that none overlap" },
    { "padding", "valid", PADDING, "only whole windows; or also those that reach over both ends, of which the steps "
      .. "of x alone count" },
  })

  function cls:init(size, options)
    self.size = check.int(fname, "argument 1 (size)", size, 1)
    options = OPTIONS:read(options)
    self.stride, self.padding = options.stride or self.size, options.padding
  end

  function cls:forward(x)
    check_input(self, x)
    local steps, lengths, before, behind = x:size(2), x:lengths(), 0, 0
    if self.padding == "same" then
      if lengths then
        core.fail("%s: sequences of different lengths would have windows at different places; padding = 'valid'",
          self:describe())
      end
      local more = math.max((-(-steps // self.stride) - 1) * self.stride + self.size - steps, 0)
      before, behind = more // 2, more - more // 2
    elseif steps < self.size then
      core.fail("%s: expected %d steps or more, got input %s", self:describe(), self.size, check.shape(x))
    end
    local y = REDUCE[kind](x:without_lengths(), self.size, self.stride, before, behind)
    if not lengths then return y end
    local last = (lengths - self.size):maximum(-self.stride) -- where the last whole window begins, from 0
    local counts = core.to_int((last:to_float() / self.stride):floor()) + 1
    return y:with_lengths(counts):zero_padding()
  end

  function cls:describe()
    local more = self.stride ~= self.size and (", stride = %d"):format(self.stride) or ""
    if self.padding ~= "valid" then more = more .. (", %s"):format(self.padding) end
    return ("%s(%d%s)"):format(fname, self.size, more)
  end

  function cls:config()
    return { class = fname, args = { self.size }, options = { stride = self.stride, padding = self.padding } }
  end

  pools[name] = cls
end

-- A layer of all steps.
local function global(name, reduce)
  local fname = "nn." .. name
  local cls = class(fname, Module)

  function cls:init(value) -- luacheck: no self
    if value ~= nil then check.expected(fname, "argument 1", "no argument", value) end
  end

  function cls:forward(x)
    check_input(self, x)
    local lengths = x:lengths()
    if not lengths then return reduce(x) end
    return core.where(lengths:gt(0):reshape(-1, 1), reduce(x), 0)
  end

  function cls:describe() -- luacheck: no self
    return fname .. "()"
  end

  function cls:config() -- luacheck: no self
    return { class = fname }
  end

  pools[name] = cls
end

--- nn.MaxPool1d(size [, options])
---
--- (N, T, C) -> (N, T', C): of each feature the largest in each window of size steps, which shortens sequences in front
--- of a recurrent layer. With padding "valid" T' = (T - size) // stride + 1, else ceil(T / stride). Lengths are
--- honoured: y has those windows alone that lie within a sequence. Errors: fewer steps than a window has; lengths with
--- padding "same".
---@class nn.MaxPool1d : nn.Module
---@field size integer
---@field stride integer
---@field padding "valid"|"same"
---@overload fun(size: integer, options?: nn.MaxPool1d.Options): nn.MaxPool1d
windows("MaxPool1d", "max")

--- nn.AvgPool1d(size [, options])
---
--- As nn.MaxPool1d, with the mean of each window.
---@class nn.AvgPool1d : nn.Module
---@field size integer
---@field stride integer
---@field padding "valid"|"same"
---@overload fun(size: integer, options?: nn.AvgPool1d.Options): nn.AvgPool1d
windows("AvgPool1d", "mean")

--- nn.GlobalMaxPool1d()
---
--- (N, T, C) -> (N, C): of each feature the largest of all steps within the lengths; 0 of a sequence without steps.
--- Errors: an argument.
---@class nn.GlobalMaxPool1d : nn.Module
---@overload fun(): nn.GlobalMaxPool1d
global("GlobalMaxPool1d", function(x) return x:max(2) end)

--- nn.GlobalAvgPool1d()
---
--- (N, T, C) -> (N, C): of each feature the mean of all steps within the lengths; 0 of a sequence without steps.
--- Errors: an argument.
---@class nn.GlobalAvgPool1d : nn.Module
---@overload fun(): nn.GlobalAvgPool1d
global("GlobalAvgPool1d", function(x) return x:mean(2) end)

return pools

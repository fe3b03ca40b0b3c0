-- tbptt.lua: truncated back-propagation through time. Long sequences are cut into windows; the state goes from window
-- to window, its history does not (Williams, Peng 1990).

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local State = require "rnn.state"

local tbptt = {}

--- Windows(source, length): an iterator over the windows of a source's batches, in the order of time. Batches of a
--- source whose field continues is true go on where the last one stopped, so the state is kept between them.
---@class train.Windows
---@field begins boolean the window given last is the first of its sequences
local Windows = class("train.Windows")
tbptt.Windows = Windows

function Windows:init(fname, source, length)
  self.fname, self.source, self.length = fname, source, length
  self.continues = type(source) == "table" and source.continues == true
end

-- Rows from .. to of the time axis, (N, T, ...) -> (N, to - from + 1, ...); lengths become those within the window.
local function cut(x, from, to)
  local lengths = x:lengths()
  if not lengths then return x:slice(2, from, to) end
  local left = lengths:totable()
  for n, length in ipairs(left) do left[n] = math.max(0, math.min(length - from + 1, to - from + 1)) end
  return x:without_lengths():slice(2, from, to):with_lengths(left)
end

local function longest(x)
  local lengths = x:lengths()
  return lengths and math.max(0, table.unpack(lengths:totable())) or x:size(2)
end

-- The first tensor in it that is a sequence of that many steps, or of any number.
local function sequence_in(value, steps)
  local found
  nest.each(value, function(t)
    local has_time = core.is_tensor(t) and t:ndim() >= (t:type() == "float" and 3 or 2)
    if has_time and (not steps or t:size(2) == steps) then found = found or t end
  end)
  return found
end

-- A window of every tensor that has the time axis; what has none belongs to all windows. least is the number of axes
-- that a float tensor with one has.
local function window(value, steps, from, to, least)
  return value ~= nil and nest.map(value, function(t)
    local has_time = t:ndim() >= (t:type() == "float" and least or 2) and t:size(2) == steps
    return has_time and cut(t, from, to) or t
  end) or nil
end

local function next_batch(self)
  local x, y, weights = self.source(nil, self.control)
  self.control = x
  if x == nil then return false end
  local sequence = sequence_in(x)
  local target = sequence and sequence_in(y, sequence:size(2))
  if not target then
    core.fail("%s: option 'tbptt' needs sequences (N, T, ...) with a target for each step, got %s and %s", self.fname,
      check.describe(x), check.describe(y))
  end
  self.x, self.y, self.weights, self.at, self.time = x, y, weights, 0, sequence:size(2)
  self.steps = math.max(longest(sequence), longest(target))
  return true
end

function Windows.__call(self, _, x)
  local begins = x == nil
  if begins then self.x, self.control = nil, nil end
  while not self.x or self.at >= self.steps do -- a batch of empty sequences has no window
    if not next_batch(self) then return nil end
    begins = begins or not self.continues
  end
  local from, to = self.at + 1, math.min(self.at + self.length, self.steps)
  self.at, self.begins = to, begins
  return window(self.x, self.time, from, to, 3), window(self.y, self.time, from, to, 3),
    window(self.weights, self.time, from, to, 2)
end

--- Reader(model, windows): what is called instead of the model: reader(x) -> y, with the state behind it.
---@class train.Reader
---@field state any what the next window starts from
local Reader = class("train.Reader")
tbptt.Reader = Reader

function Reader:init(fname, model, windows)
  self.fname, self.model, self.windows = fname, model, windows
  self.run = model.stream or model.forward
end

function Reader.__call(self, x)
  if self.windows.begins then self.state = nil end
  local y, state = self.run(self.model, x, self.state)
  if state == nil then
    core.fail("%s: option 'tbptt': %s gave no state; its forward must be (x, state) -> y, state", self.fname,
      self.model:describe())
  end
  self.state = State.detach(state)
  return y
end

return tbptt

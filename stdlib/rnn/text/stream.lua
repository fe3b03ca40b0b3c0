-- stream.lua: one long text as batches in which each row goes on where it stopped in the batch before: what truncated
-- back-propagation through time learns from.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local nest = require "rnn.nest"
local option = require "rnn.option"
local place = require "rnn.place"

--- text.stream(ids [, options]) -> stream
---
--- Cuts a text into `size` parts, equally long, one for each row, and gives windows of `length` steps of all of them:
--- `for x, y in stream do ... end`, x and y int32 (size, length), y the ids that follow those of x. Row n of a window
--- goes on where row n of the window before ended, so a state can be carried from one to the next; every loop begins
--- anew, at the start of the parts. Every id but the first is in y once: only the last window is shorter, and where the
--- parts cannot be equally long, its rows have lengths. #stream is the number of windows. A text of fewer ids than
--- size + 1 raises an error.
---
--- rnn.fit(model, { data = stream, tbptt = 64, ... }) carries the state.
---@class text.Stream
---@field continues boolean true: rows go on from window to window
---@field size integer
---@field length integer
---@overload fun(ids: integer[]|rnn.Tensor, options?: text.stream.Options): text.Stream
local Stream = class("text.Stream")

Stream.continues = true

local fname = "text.stream"

local OPTIONS = option.of(fname, {
  { "size", 32, option.int(1), "rows: parts of the text that are read side by side", was = "batch" },
  { "length", 64, option.int(1), "steps of a window", was = "time" },
})

function Stream:init(ids, options)
  if type(ids) == "table" and not getmetatable(ids) then
    for i, id in ipairs(ids) do check.int(fname, ("argument 1 (ids), entry %d"):format(i), id, 0) end
    ids = core.tensor(ids, "int32")
  end
  check.tensor(fname, "argument 1 (ids)", ids, "int32", 1)
  options = OPTIONS:read(options)
  self.size, self.length = options.size, options.length
  local pairs_ = #ids - 1 -- of an id and the next one
  if pairs_ < self.size then
    core.fail("%s: %d ids are too few for %d rows with one to learn and one to foretell each", fname, #ids, self.size)
  end
  -- Parts of `least` steps, the first `longer` of them with one more.
  local least, longer = pairs_ // self.size, pairs_ % self.size
  local row = core.arange(self.size)
  self.ids = ids:reshape(-1, 1) -- no copy: they may lie in a file
  self.starts = (row - 1) * least + (row - 1):minimum(longer)
  self.lengths = row:le(longer):to_int() + least
  self.least, self.steps = least, longer > 0 and least + 1 or least
  self.places = place.new()
end

--- #stream -> number of windows in an epoch
function Stream:__len()
  return (self.steps + self.length - 1) // self.length
end

--- stream:settings() -> table
---
--- By name, the plain values that the windows depend on. A run that goes on must find the same.
---@return table<string, integer>
function Stream:settings()
  return { ids = #self.ids, batch = self.size, time = self.length }
end

-- As that of data.Batches.
function Stream:_fingerprint() return nest.checksum(nest.spread(self.ids, 1 << 22)) end

-- What `for` calls: x, the value before, is nil when a loop begins. A place is the number of steps given out.
function Stream.__call(self, ...)
  local x = place.before("stream", ...)
  local from = x == nil and 0 or place.of(self.places, "stream", x)
  if from >= self.steps then return nil end
  local time = math.min(self.length, self.steps - from)
  local to = from + time
  local starts = self.starts + (from + 1)
  local function window(at)
    if to <= self.least then return core.windows(self.ids, at, time):reshape(self.size, time) end
    local places = at:reshape(-1, 1) + (core.arange(time) - 1) -- one may be behind the last id, where nothing counts
    return self.ids:gather(1, places:minimum(#self.ids):reshape(-1)):reshape(self.size, time)
  end
  x = window(starts)
  local y = window(starts + 1)
  if to > self.least then
    local lengths = self.lengths - from
    local valid = core.arange(time):reshape(1, time):le(lengths:reshape(-1, 1)):to_int()
    x, y = (x * valid):with_lengths(lengths), (y * valid):with_lengths(lengths)
  end
  return place.keep(self.places, "stream", x, to), y
end

return Stream

-- tokens.lua: windows of a long text, each by itself, as a dataset.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Batches = require "rnn.data.batches"

local fname = "data.tokens"

--- data.tokens(ids [, options]) -> dataset
---
--- Windows of `length` ids, for models that begin each of them anew: `data.tokens(ids):batches { size = 32, shuffle =
--- true }` gives x and y int32 (N, length), y the ids that follow those of x. The next window begins stride ids
--- further on (length); what is left at the end and fills no window is left out. ids may lie in a file (data.open,
--- data.spool_text): only what a batch needs is read. Errors: a text too short for a window.
---@class data.Tokens
---@field length integer
---@field stride integer
---@field items rnn.Tensor int32 (N)
---@overload fun(ids: integer[]|rnn.Tensor, options?: data.tokens.Options): data.Tokens
local Windows = class("data.Tokens")

Windows.fname = fname

option.of("data.Tokens:batches", Batches._options)

local OPTIONS = option.of(fname, {
  { "length", 64, option.int(1), "ids of a window" },
  { "stride", nil, option.int(1), "ids from one window to the next; by default length" },
})

function Windows:init(ids, options)
  if type(ids) == "table" and not getmetatable(ids) then
    for i, id in ipairs(ids) do check.int(fname, ("argument 1 (ids), entry %d"):format(i), id, 0) end
    ids = core.tensor(ids, "int32")
  end
  check.tensor(fname, "argument 1 (ids)", ids, "int32", 1)
  options = OPTIONS:read(options)
  self.length, self.stride = options.length, options.stride or options.length
  local room = #ids - self.length
  if room < 1 then
    core.fail("%s: %d ids are too few for a window of %d and the one behind it", fname, #ids, self.length)
  end
  self.ids, self.items = ids:reshape(-1, 1), core.arange((room - 1) // self.stride + 1)
end

--- #windows -> number of windows
function Windows:__len()
  return #self.items
end

--- windows:batch(items) -> x, y
---
--- The windows that items (int32) name.
---@param items rnn.Tensor
---@return rnn.Tensor x int32 (N, length)
---@return rnn.Tensor y int32 (N, length)
function Windows:batch(items)
  check.tensor(fname .. ":batch", "argument 1 (items)", items, "int32", 1)
  local starts = (items - 1) * self.stride + 1
  local both = core.windows(self.ids, starts, self.length + 1):reshape(#items, self.length + 1)
  return both:slice(2, 1, self.length), both:slice(2, 2, self.length + 1)
end

--- windows:all() -> x, y
---
--- Every window.
---@return rnn.Tensor x int32 (N, length)
---@return rnn.Tensor y int32 (N, length)
function Windows:all()
  return self:batch(self.items)
end

--- windows:batches([options]) -> batches
---
--- Mini-batches, as data.Batches.
---@param options? data.Tokens.batches.Options
---@return data.Batches
function Windows:batches(options)
  return Batches(self, options)
end

return Windows

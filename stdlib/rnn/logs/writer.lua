-- writer.lua: what a run tells TensorBoard. A log must never end the run it tells of: a disk that refuses gives
-- nil, message, and what it refused is tried again with the next record.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local messages = require "rnn.logs.messages"

--- logs.Writer
---
--- What rnn.logs.writer gives. All methods give true, or nil, message, code when the disk refuses.
---@class logs.Writer
---@field folder string
---@field path string of the file
local Writer = class("logs.Writer")

-- Seconds since 1970 are whole in Lua; core.clock has the rest.
function Writer:init(folder, file)
  self.folder, self.file, self.path = folder, file, file:path()
  self.offset = os.time() - core.clock()
end

local function wall(self) return self.offset + core.clock() end

-- The checked arguments of all methods.
local function arguments(fname, self, tag, step)
  if not self.file then core.fail("%s: the writer is closed", fname) end
  check.string(fname, "argument 1 (tag)", tag)
  return check.int(fname, "argument 3 (step)", step, 0)
end

--- writer:scalar(tag, value, step) -> true | nil, message, code
---
--- One point of a curve; a/b and a/c stand in one group. The value, a number or a tensor of one element, is kept as a
--- float; NaN and infinities are shown as such.
---@param tag string
---@param value number|rnn.Tensor
---@param step integer
---@return true?
---@return string? message
---@return string? code
function Writer:scalar(tag, value, step)
  local fname = "writer:scalar"
  step = arguments(fname, self, tag, step)
  if core.is_tensor(value) and value:count() == 1 then value = value:item() end
  if type(value) ~= "number" then check.expected(fname, "argument 2 (value)", "a number", value) end
  return self.file:record(messages.scalar(wall(self), step, tag, value))
end

--- writer:histogram(tag, x, step) -> true | nil, message, code
---
--- How the values of a tensor are distributed. Padding does not count. When some values are not finite, the scalar
--- TAG/not_finite says how many.
---@param tag string
---@param x rnn.Tensor
---@param step integer
---@return true?
---@return string? message
---@return string? code
function Writer:histogram(tag, x, step)
  local fname = "writer:histogram"
  step = arguments(fname, self, tag, step)
  local h = core.histogram(check.tensor(fname, "argument 2 (x)", x))
  if h.not_finite > 0 then
    local ok, message, code = self:scalar(tag .. "/not_finite", h.not_finite, step)
    if not ok then return nil, message, code end
  end
  return self.file:record(messages.histogram(wall(self), step, tag, h))
end

--- writer:image(tag, x, step) -> true | nil, message, code
---
--- A picture (H, W), grey, or (H, W, C) with C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA: floats from 0 to 1 or
--- integers from 0 to 255; what is beyond is cut off, NaN is black.
---@param tag string
---@param x rnn.Tensor
---@param step integer
---@return true?
---@return string? message
---@return string? code
function Writer:image(tag, x, step)
  local fname = "writer:image"
  step = arguments(fname, self, tag, step)
  check.tensor(fname, "argument 2 (x)", x)
  local height, width, channels = x:shape()
  channels = channels or 1
  if x:ndim() < 2 or x:ndim() > 3 or channels < 1 or channels > 4 or x:count() == 0 then
    check.expected(fname, "argument 2 (x)", "a picture (H, W) or (H, W, 1 to 4)", x)
  end
  return self.file:record(messages.image(wall(self), step, tag, height, width, channels, core.png_encode(x)))
end

--- writer:text(tag, text, step) -> true | nil, message, code
---
--- A text, which TensorBoard reads as Markdown.
---@param tag string
---@param text string
---@param step integer
---@return true?
---@return string? message
---@return string? code
function Writer:text(tag, text, step)
  local fname = "writer:text"
  step = arguments(fname, self, tag, step)
  check.string(fname, "argument 2 (text)", text)
  return self.file:record(messages.text(wall(self), step, tag, text))
end

--- writer:together(cards) -> true | nil, message, code
---
--- Which curves share a card, under Custom Scalars: { { "loss", "epoch/loss", "epoch/val_loss" }, ... }, of each card
--- the title and the tags. A folder has one such list.
---@param cards string[][]
---@return true?
---@return string? message
---@return string? code
function Writer:together(cards)
  local fname = "writer:together"
  if not self.file then core.fail("%s: the writer is closed", fname) end
  for i, card in ipairs(check.table(fname, "argument 1 (cards)", cards)) do
    local argname = ("cards[%d]"):format(i)
    check.table(fname, argname, card)
    for k = 1, math.max(2, #card) do check.string(fname, ("%s[%d]"):format(argname, k), card[k]) end
  end
  return self.file:record(messages.together(wall(self), cards))
end

local function check_hparams(fname, values)
  local names = {}
  for name, value in pairs(check.table(fname, "argument 1 (values)", values)) do
    check.string(fname, "argument 1 (values): a name", name)
    local kind = type(value)
    if kind ~= "number" and kind ~= "string" and kind ~= "boolean" then
      check.expected(fname, ("argument 1 (values): '%s'"):format(name), "a number, string or boolean", value)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- writer:hparams(values [, metrics]) -> true | nil, message, code
---
--- The settings of this run, once in a folder, for the table that compares runs: { lr = 0.01, cell = "gru" }. metrics
--- lists the tags of the scalars that the table shall show; without it, it has all scalars. close says that the run is
--- over.
---@param values table<string, number|string|boolean>
---@param metrics? string[]
---@return true?
---@return string? message
---@return string? code
function Writer:hparams(values, metrics)
  local fname = "writer:hparams"
  if not self.file then core.fail("%s: the writer is closed", fname) end
  local names = check_hparams(fname, values)
  if metrics ~= nil then
    for i, tag in ipairs(check.table(fname, "argument 2 (metrics)", metrics)) do
      check.string(fname, ("argument 2 (metrics[%d])"):format(i), tag)
    end
    -- An experiment would also fix the columns of the settings for every run beside this one; without it TensorBoard
    -- shows those of all.
    local ok, message, code = self.file:record(messages.experiment(wall(self), names, values, metrics))
    if not ok then return nil, message, code end
  end
  self.has_hparams = true
  return self.file:record(messages.session_start(wall(self), names, values))
end

--- writer:flush() -> true | nil, message, code
---
--- Writes what waits; it never waits longer than a second while records come.
---@return true?
---@return string? message
---@return string? code
function Writer:flush()
  if not self.file then core.fail("writer:flush: the writer is closed") end
  return self.file:flush()
end

--- writer:close() -> true | nil, message, code
---
--- Writes what waits and closes the file. Closing again does nothing.
---@return true?
---@return string? message
---@return string? code
function Writer:close()
  local file = self.file
  if not file then return true end
  self.file = nil
  if self.has_hparams then
    local ok, message, code = file:record(messages.session_end(wall(self)))
    if not ok then
      file:close()
      return nil, message, code
    end
  end
  return file:close()
end

Writer.__close = Writer.close

function Writer:__tostring() return ("logs.Writer(%s)"):format(self.path) end

return Writer

-- read.lua: a text file.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local characters = require "rnn.text.characters"

local OPTIONS = option.of("text.read", {
  { "invalid", "error", option.one_of { "error", "replace" }, "bytes that are no UTF-8 are an error that says where "
    .. "the first one is (the file is in another encoding, or is no text), or become U+FFFD" },
})

--- text.read(path [, options]) -> string | nil, message
---
--- The whole of a text file in UTF-8, without a byte order mark.
---@param path string
---@param options? text.read.Options
---@return string?
---@return string? message
return function(path, options)
  check.string("text.read", "argument 1 (path)", path)
  local invalid = OPTIONS:read(options).invalid
  local s, message = core.file_read(path)
  if not s then return nil, "text.read: " .. message end
  local kind = core.file_kind(s)
  if kind then return nil, ("text.read: %s: expected text in UTF-8, but the file is %s"):format(path, kind) end
  s = s:gsub("^\xEF\xBB\xBF", "")
  local at = characters.invalid(s)
  if not at or invalid == "replace" then return characters.clean(s) end
  local before = s:sub(1, at - 1)
  local _, lines = before:gsub("\n", "")
  return nil, ("text.read: %s: line %d, byte %d: 0x%02X is no UTF-8"):format(path, lines + 1,
    #before:match "[^\n]*$" + 1, s:byte(at))
end

-- spool_text.lua: a text file as ids in a file, for texts larger than memory.

local core = require "rnn.core"
local check = require "rnn.check"
local spool = require("rnn.data.open").spool

local fname = "data.spool_text"
local PART <const> = 1 << 20 -- bytes

--- data.spool_text(path, vocab, into) -> ids | nil, message, code
---
--- Encodes a text file part by part and keeps the ids, int32 (n), in a .npy file: for text.stream and data.tokens.
--- A part ends where a line does, before one that begins with no blank; the ids are those of the whole text, where
--- a token does not reach over such a place. Errors: a vocabulary that is none, a path that is no string. What
--- cannot be read or written gives nil and a message.
---@param path string a text file in UTF-8
---@param vocab text.Vocab
---@param into string the file of ids, which ends in .npy
---@return rnn.Tensor? ids int32 (n)
---@return string? message
---@return string? code
return function(path, vocab, into)
  check.string(fname, "argument 1 (path)", path)
  check.string(fname, "argument 3 (into)", into)
  if type(vocab) ~= "table" or type(vocab.encode) ~= "function" then
    check.expected(fname, "argument 2 (vocab)", "a vocabulary, such as text.chars(sample)", vocab)
  end
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local held, ended = "", false -- what the part before has left
  local function next_part()
    local parts, size = { held }, #held
    while not ended do
      local line = file:read "L"
      if not line then
        ended = true
      elseif size >= PART and parts[#parts]:find "\n$" and not line:find "^%s" then
        held = line
        return core.tensor(vocab:encode(table.concat(parts)), "int32")
      else
        parts[#parts + 1], size = line, size + #line
      end
    end
    local text = table.concat(parts)
    held = ""
    return text ~= "" and core.tensor(vocab:encode(text), "int32") or nil
  end
  local ids, why, code = spool(into, next_part)
  file:close()
  return ids, why, code
end

-- characters.lua: UTF-8, whatever bytes come. A byte that belongs to no character becomes U+FFFD; surrogates, code
-- points beyond U+10FFFF and overlong forms are no characters.

local characters = {}

--- characters.REPLACEMENT: what stands for a byte that is no character, and for an unknown one in decoded text
characters.REPLACEMENT = "\u{FFFD}"

--- characters.invalid(s) -> position of the first byte that belongs to no character, or nil
---@param s string
---@return integer?
function characters.invalid(s)
  local length, position = utf8.len(s)
  if length then return nil end
  return position
end

--- characters.clean(s) -> s with U+FFFD in place of each byte that belongs to no character
---@param s string
---@return string
function characters.clean(s)
  local length, position = utf8.len(s)
  if length then return s end
  local parts, from = {}, 1
  while position do
    parts[#parts + 1] = s:sub(from, position - 1)
    from = position + 1
    if from > #s then break end
    position = select(2, utf8.len(s, from))
  end
  parts[#parts + 1] = s:sub(from)
  return table.concat(parts, characters.REPLACEMENT)
end

-- Unicode's white space beyond ASCII, as patterns of UTF-8.
local SPACES = { "\xC2[\x85\xA0]", "\xE1\x9A\x80", "\xE2\x80[\x80-\x8A\xA8\xA9\xAF]", "\xE2\x81\x9F", "\xE3\x80\x80" }

--- characters.blanks(s) -> s with a blank in place of each white space beyond ASCII
---@param s string
---@return string
function characters.blanks(s)
  if not s:find "[\x80-\xFF]" then return s end
  for _, space in ipairs(SPACES) do s = s:gsub(space, " ") end
  return s
end

--- characters.CHUNK: the pattern of a run without white space of ASCII, in any locale
characters.CHUNK = "[^ \t\n\v\f\r]+"

return characters

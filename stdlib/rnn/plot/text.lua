-- Text that every back end can show, and how wide it is. Labels come from users' data: they may hold anything.
local text = {}

---Valid UTF-8 without control characters: safe in a terminal, in XML and for cairo.
---@param s string
---@return string
function text.clean(s)
  if not utf8.len(s) then s = s:gsub("[\128-\255]", "?") end
  s = s:gsub("\u{FFFE}", "?"):gsub("\u{FFFF}", "?"):gsub("\xC2[\x80-\x9F]", " "):gsub("%c", " ")
  return s
end

local WIDE = {
  { 0x1100, 0x115F }, { 0x2E80, 0xA4CF }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF }, { 0xFE30, 0xFE6F },
  { 0xFF01, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1FAFF }, { 0x20000, 0x3FFFD },
}
local NONE = { { 0x0300, 0x036F }, { 0x200B, 0x200F }, { 0xFE00, 0xFE0F } } -- drawn over their neighbour

local function within(code, ranges)
  for _, range in ipairs(ranges) do
    if code >= range[1] and code <= range[2] then return true end
  end
  return false
end

---Terminal columns that one character takes: 0, 1 or 2.
---@param code integer
---@return integer
function text.columns_of(code)
  if code < 0x300 then return 1 end
  if within(code, NONE) then return 0 end
  return within(code, WIDE) and 2 or 1
end

---Terminal columns that s takes.
---@param s string
---@return integer
function text.columns(s)
  local n = 0
  for _, code in utf8.codes(s) do n = n + text.columns_of(code) end
  return n
end

-- Widths in em, of a sans-serif between Arial and the wider DejaVu Sans: viewers choose the font, so an estimate is
-- all there is, and labels have to keep some air around them.
local EM = { [" "] = 0.32, m = 0.92, w = 0.78, M = 0.86, W = 0.98, r = 0.4, f = 0.36, t = 0.38 }
for c in ("ijl.,:;'|!()"):gmatch "." do EM[c] = 0.3 end
for c in ("ABCDEFGHKNOPQRSTUVXYZ%@&+=<>"):gmatch "." do EM[c] = 0.7 end

---Estimated width in pixels of s set in a sans-serif font.
---@param s string
---@param size number font size in pixels
---@param bold? boolean
---@return number
function text.width(s, size, bold)
  local em = 0
  for _, code in utf8.codes(s) do
    local columns = text.columns_of(code)
    em = em + (columns == 1 and (code < 128 and EM[string.char(code)] or 0.58) or columns * 0.5)
  end
  return em * size * (bold and 1.1 or 1)
end

---Cuts s so that measure(s) is at most room; the cut shows as an ellipsis.
---@param s string
---@param room number
---@param measure fun(s: string): number
---@return string
function text.fit(s, room, measure)
  if measure(s) <= room then return s end
  local n = utf8.len(s)
  repeat
    n = n - 1
    local cut = s:sub(1, utf8.offset(s, n + 1) - 1):gsub(" +$", "") .. "…"
    if measure(cut) <= room then return cut end
  until n <= 0
  return ""
end

return text

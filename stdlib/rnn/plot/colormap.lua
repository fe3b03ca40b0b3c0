-- From a share 0..1 to a colour. The maps are made of the colours of series (style.lua), so they are told apart with
-- every common kind of colour vision, and their lightness only rises or falls on each side of their middle.
local colormap = {}

-- Colours at equal distances.
local STOPS = {
  sequential = { "#ffffff", "#66aad1", "#0072b2", "#003a5c" },
  diverging = { "#003a5c", "#0072b2", "#66aad1", "#ffffff", "#e8a06a", "#d55e00", "#6b2f00" },
  gray = { "#000000", "#ffffff" },
}
colormap.names = { "sequential", "diverging", "gray" }

-- An even number, for the middle of a map. More cannot be told apart, and cells of one colour are drawn together.
local STEPS <const> = 254

---@param rgb string "#rrggbb"
---@return integer red
---@return integer green
---@return integer blue
function colormap.parts(rgb)
  local v = tonumber(rgb:sub(2), 16)
  return v >> 16, v >> 8 & 255, v & 255
end

---@param map string one of colormap.names
---@param share number from 0 to 1
---@return string rgb
function colormap.color(map, share)
  local stops = STOPS[map]
  share = math.floor(share * STEPS + 0.5) / STEPS * (#stops - 1)
  local i = math.min(math.floor(share), #stops - 2)
  local part = share - i
  local r1, g1, b1 = colormap.parts(stops[i + 1])
  local r2, g2, b2 = colormap.parts(stops[i + 2])
  local function between(a, b) return math.floor(a + part * (b - a) + 0.5) end
  return ("#%02x%02x%02x"):format(between(r1, r2), between(g1, g2), between(b1, b2))
end

local function linear(v)
  v = v / 255
  return v <= 0.04045 and v / 12.92 or ((v + 0.055) / 1.055) ^ 2.4
end

---Relative luminance (WCAG 2.1): 0 black, 1 white.
---@param rgb string
---@return number
function colormap.luminance(rgb)
  local r, g, b = colormap.parts(rgb)
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
end

---Black or white, whichever is read better on a colour.
---@param rgb string
---@return string
function colormap.ink(rgb) return colormap.luminance(rgb) > 0.179 and "#000000" or "#ffffff" end

---The nearest of the 256 colours of terminals: of the cube 6 x 6 x 6, or a gray.
---@param rgb string
---@return integer
function colormap.ansi(rgb)
  local r, g, b = colormap.parts(rgb)
  if math.max(r, g, b) - math.min(r, g, b) < 8 then
    local gray = (r + g + b) // 3
    if gray < 4 then return 16 elseif gray > 246 then return 231 end
    return 232 + math.min(23, math.max(0, (gray - 3) // 10))
  end
  local function level(v) return v < 48 and 0 or v < 115 and 1 or (v - 35) // 40 end
  return 16 + 36 * level(r) + 6 * level(g) + level(b)
end

return colormap

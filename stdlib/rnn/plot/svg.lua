-- The SVG back end: a display list as a document that stands alone: no scripts, no style sheet, any sans-serif font.
local style = require "rnn.plot.style"

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }
local FONTS <const> = "system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"

local function escape(s) return (s:gsub("[&<>\"']", ESCAPES)) end

-- At most two decimals, none of them superfluous.
local function num(v)
  local s = ("%.2f"):format(v):gsub("%.?0+$", "", 1)
  return s == "-0" and "0" or s
end

local writers = {}

function writers.rect(p)
  return ('<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>'):format(num(p.x), num(p.y), num(p.w), num(p.h),
    p.color)
end

local function dashes(p)
  if not p.dash then return "" end
  local lengths = {}
  for i, length in ipairs(p.dash) do lengths[i] = num(length * p.width) end
  return (' stroke-dasharray="%s"'):format(table.concat(lengths, " "))
end

-- The ends of dashes are flat: round ones would fill the gaps.
local function cap(p) return p.dash and "butt" or "round" end

function writers.line(p)
  return ('<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="%s"%s%s/>'):format(num(p.x1), num(p.y1),
    num(p.x2), num(p.y2), p.color, num(p.width), p.round and (' stroke-linecap="%s"'):format(cap(p)) or "", dashes(p))
end

function writers.boxes(p)
  local path, b = {}, p.boxes
  for i = 1, #b, 4 do
    local w, h = num(b[i + 2]), num(b[i + 3])
    path[#path + 1] = ("M%s %sh%sv%sh-%sz"):format(num(b[i]), num(b[i + 1]), w, h, w)
  end
  return ('<path fill="%s" d="%s"/>'):format(p.color, table.concat(path))
end

-- Points are lines of no length with large ends.
function writers.points(p)
  local path = {}
  for i = 1, #p.points, 2 do path[#path + 1] = ("M%s %sh0"):format(num(p.points[i]), num(p.points[i + 1])) end
  return ('<path fill="none" stroke="%s" stroke-width="%s" stroke-linecap="%s" d="%s"/>'):format(p.color, num(p.size),
    p.square and "square" or "round", table.concat(path))
end

local function points_of(p)
  local points = {}
  for i = 1, #p.points, 2 do points[#points + 1] = num(p.points[i]) .. "," .. num(p.points[i + 1]) end
  return table.concat(points, " ")
end

function writers.polyline(p)
  return ('<polyline points="%s" fill="none" stroke="%s" stroke-width="%s" %s/>'):format(points_of(p), p.color,
    num(p.width), ('stroke-linecap="%s" stroke-linejoin="round"'):format(cap(p)) .. dashes(p))
end

function writers.polygon(p) return ('<polygon points="%s" fill="%s"/>'):format(points_of(p), p.color) end

function writers.text(p)
  local anchor = p.anchor == "start" and "" or (' text-anchor="%s"'):format(p.anchor)
  local turned = p.turned and (' transform="rotate(-90 %s %s)"'):format(num(p.x), num(p.y)) or ""
  return ('<text x="%s" y="%s" font-size="%s" fill="%s"%s%s%s>%s</text>'):format(num(p.x), num(p.y), num(p.size),
    p.color, anchor, p.bold and ' font-weight="600"' or "", turned, escape(p.text))
end

---A display list, made for style.image, as an SVG document.
---@param list table
---@return string
return function(list)
  local w, h = num(list.width), num(list.height)
  local out = {
    ('<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" role="img" font-family="%s">')
      :format(w, h, w, h, FONTS),
  }
  if list.title then out[#out + 1] = ("<title>%s</title>"):format(escape(list.title)) end
  out[#out + 1] = ('<rect width="%s" height="%s" fill="%s"/>'):format(w, h, style.background)
  for _, p in ipairs(list) do out[#out + 1] = writers[p.op](p) end
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

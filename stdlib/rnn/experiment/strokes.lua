-- strokes.lua: the movement of a pen as people write it down.

local core = require "rnn.core"

local function point(x, y)
  x, y = tonumber(x), tonumber(y)
  return x and y and math.abs(x) < 1e30 and math.abs(y) < 1e30 and { x, y } or nil
end

-- "[[[x, x ...], [y, y ...]], ...]", a pair of lists for each stroke.
local function of_json(text)
  local list, strokes = core.json_decode(text), {}
  for i, stroke in ipairs(type(list) == "table" and list or {}) do
    local xs, ys = type(stroke) == "table" and stroke[1], type(stroke) == "table" and stroke[2]
    if type(xs) ~= "table" or type(ys) ~= "table" or #xs ~= #ys or #xs == 0 then return nil end
    strokes[i] = {}
    for k = 1, #xs do
      strokes[i][k] = point(xs[k], ys[k])
      if not strokes[i][k] then return nil end
    end
  end
  return strokes[1] and strokes
end

--- strokes(text) -> list of strokes, lists of points { x, y } | nil; see experiment:strokes
return function(text)
  if text:find "^%s*%[" then return of_json(text) end
  local strokes = {}
  for part in text:gmatch "[^|]+" do
    local list, x = {}, nil
    for cell in part:gmatch "[^%s,]+" do
      if not x then x = cell
      else
        list[#list + 1] = point(x, cell) or false
        if not list[#list] then return nil end
        x = nil
      end
    end
    if x then return nil end
    if list[1] then strokes[#strokes + 1] = list end
  end
  return strokes[1] and strokes
end

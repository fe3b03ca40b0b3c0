-- Users' numbers as plain Lua arrays: from arrays and from tensors, with errors that name the argument.
local check = require "rnn.check"
local core = require "rnn.core"
local dates = require "rnn.calendar"

local values = {}

local function is_array(v) return type(v) == "table" and (#v > 0 or next(v) == nil) end

-- The numbers of a frame as an array; all else as it is.
local function plain(v) return core.is_numbers(v) and v:totable() or v end

local function flatten(fname, name, t, out)
  for i = 1, #t do
    local v = t[i]
    if type(v) == "number" then
      out[#out + 1] = v + 0.0 -- integers would wrap round in differences
    elseif type(v) == "table" and not core.is_tensor(v) then
      flatten(fname, name, v, out)
    else
      check.expected(fname, ("%s[%d]"):format(name, i), "a number", v)
    end
  end
  return out
end

local function one_axis(tensor)
  local shape = { tensor:shape() }
  for axis = 2, #shape do
    if shape[axis] ~= 1 then return false end
  end
  return #shape > 0
end

---An array of numbers from an array or a tensor of one axis (further axes of size 1 do not count).
---@param fname string
---@param name string
---@param v any
---@return number[]
function values.numbers(fname, name, v)
  v = plain(v)
  if core.is_tensor(v) then
    if one_axis(v) then return flatten(fname, name, v:totable(), {}) end
  elseif is_array(v) and type(v[1]) ~= "table" then
    return flatten(fname, name, v, {})
  end
  return check.expected(fname, name, "an array of numbers or a tensor of one axis", v)
end

---All numbers of an array, nested or not, or of a tensor of any shape.
---@param fname string
---@param name string
---@param v any
---@return number[]
function values.all(fname, name, v)
  v = plain(v)
  if core.is_tensor(v) then
    if v:lengths() then
      core.fail("%s: %s: the tensor is padded and its padding would count; drop the lengths with :without_lengths()",
        fname, name)
    end
    local t = v:totable()
    return flatten(fname, name, type(t) == "table" and t or { t }, {})
  elseif is_array(v) then
    return flatten(fname, name, v, {})
  end
  return check.expected(fname, name, "an array of numbers or a tensor", v)
end

---Positions on the x axis and their kind: "date" for an array of "YYYY-MM-DD", "whole" for whole numbers, or "number".
---@param fname string
---@param name string
---@param v any
---@return number[]
---@return string kind
function values.positions(fname, name, v)
  v = plain(v)
  if is_array(v) and type(v[1]) == "string" then
    local out = {}
    for i = 1, #v do
      out[i] = dates.parse(v[i])
        or check.expected(fname, ("%s[%d]"):format(name, i), "a date 'YYYY-MM-DD' like the first", v[i])
    end
    return out, "date"
  elseif not core.is_tensor(v) and not is_array(v) then
    check.expected(fname, name, "numbers or dates 'YYYY-MM-DD', in an array or a tensor", v)
  end
  local out, kind = values.numbers(fname, name, v), "whole"
  for i = 1, #out do
    if out[i] ~= out[i] // 1 then kind = "number" end
  end
  return out, kind
end

return values

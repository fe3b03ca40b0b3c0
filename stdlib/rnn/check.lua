-- check.lua: checks of arguments for everything that users call. A failed check raises at the user's line and says
-- the function, the argument, what was expected and what came:
--
--   nn.LSTM: argument 2 (units): expected a positive integer, got string 'x'
--
-- fname is the function as users write it, argname says which argument: "argument 2 (units)", "option 'lr'".

local core = require "rnn.core"

local check = {}

--- check.shape(x) -> "(32, 56, 1)"
---@param x rnn.Tensor
---@return string
function check.shape(x)
  return "(" .. table.concat({ x:shape() }, ", ") .. ")"
end

--- check.index(shape, n) -> list: where the n-th element of a tensor of that shape lies, by axis
---@param shape integer[]
---@param n integer
---@return integer[]
function check.index(shape, n)
  local index, rest = {}, n - 1
  for axis = #shape, 1, -1 do
    index[axis], rest = rest % shape[axis] + 1, rest // shape[axis]
  end
  return index
end

-- What an object says of itself in a line: its metamethod __describe, or its method describe.
local function line_of(value, meta)
  local says = rawget(meta, "__describe") or value.describe
  return type(says) == "function" and says(value) or nil
end

--- check.describe(value) -> string
---
--- What a value is, for the "got ..." of a message: "string 'x'", "tensor (32, 10) int32", "nn.LSTM(1 -> 32)".
---@param value any
---@return string
function check.describe(value)
  local kind = type(value)
  if kind == "string" then
    return #value <= 40 and ("string '%s'"):format(value) or ("string '%s...'"):format(value:sub(1, 37))
  elseif value ~= value then
    return "number nan" -- C may write -nan
  elseif kind == "number" or kind == "boolean" then
    return kind .. " " .. tostring(value)
  elseif core.is_tensor(value) then
    return ("tensor %s %s"):format(check.shape(value), value:type())
  elseif core.is_numbers(value) then
    return "numbers of a frame, of which numbers:tensor() makes a tensor"
  end
  local meta = kind == "table" and getmetatable(value)
  if type(meta) ~= "table" then return kind end
  if rawget(value, "__name") and rawget(value, "__index") == value then return tostring(value) end -- a class
  local ok, line = pcall(line_of, value, meta) -- objects of others may do what they like
  if ok and type(line) == "string" then return line end
  local name = rawget(meta, "__name")
  return type(name) == "string" and name or "table"
end

--- check.figure(format, value) -> string
---
--- A number as a figure to read: string.format, but nan has no sign, which C may write.
function check.figure(format, value)
  return value ~= value and "nan" or format:format(value)
end

--- check.input(x) -> string
---
--- For "expected input (N, T, 64), got ...": the bare shape of a float tensor, the description of all else.
---@param x any
---@return string
function check.input(x)
  return core.is_tensor(x) and x:type() == "float" and check.shape(x) or check.describe(x)
end

--- check.expected(fname, argname, what, value)
---
--- Raises "fname: argname: expected what, got value".
---@param fname string
---@param argname string
---@param what string
---@param value any
function check.expected(fname, argname, what, value)
  core.fail("%s: %s: expected %s, got %s", fname, argname, what, check.describe(value))
end

local function range_text(noun, min, max)
  if min and max then return ("%s from %s to %s"):format(noun, min, max) end
  if min then return ("%s of at least %s"):format(noun, min) end
  if max then return ("%s of at most %s"):format(noun, max) end
  return noun
end

--- check.int(fname, argname, value [, min [, max]]) -> integer
---
--- An integer within closed bounds; a float that is whole (64.0) is taken as one.
---@param fname string
---@param argname string
---@param value any
---@param min? integer
---@param max? integer
---@return integer
function check.int(fname, argname, value, min, max)
  local n = type(value) == "number" and math.tointeger(value)
  if not n or (min and n < min) or (max and n > max) then
    local what = range_text("an integer", min, max)
    if not max and min == 1 then what = "a positive integer" end
    if not max and min == 0 then what = "an integer of 0 or more" end
    check.expected(fname, argname, what, value)
  end
  return n
end

--- check.number(fname, argname, value [, min [, max]]) -> number
---
--- A number within closed bounds. NaN never passes, an infinite number only where the bounds let it.
---@param fname string
---@param argname string
---@param value any
---@param min? number
---@param max? number
---@return number
function check.number(fname, argname, value, min, max)
  if type(value) ~= "number" or value ~= value or (min and value < min) or (max and value > max) then
    check.expected(fname, argname, range_text("a number", min, max), value)
  end
  return value
end

--- check.positive(fname, argname, value) -> number
---
--- A finite number greater than 0: learning rates, limits.
---@param fname string
---@param argname string
---@param value any
---@return number
function check.positive(fname, argname, value)
  if type(value) ~= "number" or not (value > 0 and value < math.huge) then
    check.expected(fname, argname, "a positive number", value)
  end
  return value
end

--- check.rate(fname, argname, value) -> number
---
--- A share of elements that are left out: from 0 up to but not 1.
---@param fname string
---@param argname string
---@param value any
---@return number
function check.rate(fname, argname, value)
  if type(value) ~= "number" or not (value >= 0 and value < 1) then
    check.expected(fname, argname, "a number from 0 up to but not 1", value)
  end
  return value
end

local function of_type(kind, what)
  return function(fname, argname, value)
    if type(value) ~= kind then check.expected(fname, argname, what, value) end
    return value
  end
end

--- check.boolean(fname, argname, value) -> boolean
check.boolean = of_type("boolean", "true or false")
--- check.string(fname, argname, value) -> string
check.string = of_type("string", "a string")
--- check.table(fname, argname, value) -> table
check.table = of_type("table", "a table")
--- check.callback(fname, argname, value) -> function
check.callback = of_type("function", "a function")

--- check.run(fname, run): the run that rnn.fit hands to its callbacks (train/run.lua).
function check.run(fname, run)
  local meta = type(run) == "table" and getmetatable(run)
  if type(meta) ~= "table" or meta.__name ~= "train.Run" then
    check.expected(fname, "argument 1 (run)", "the run that rnn.fit hands out", run)
  end
end

--- check.one_of(fname, argname, value, choices) -> value
---
--- One of a list of strings.
---@param fname string
---@param argname string
---@param value any
---@param choices string[]
---@return string
function check.one_of(fname, argname, value, choices)
  for _, choice in ipairs(choices) do
    if value == choice then return value end
  end
  local quoted = {}
  for i, choice in ipairs(choices) do quoted[i] = ("'%s'"):format(choice) end
  check.expected(fname, argname, "one of " .. table.concat(quoted, ", "), value)
end

--- check.tensor(fname, argname, value [, type [, ndim]]) -> tensor
---
--- A tensor, of a type ("float", "int32") and a number of axes when they are given.
---@param fname string
---@param argname string
---@param value any
---@param kind? string
---@param ndim? integer
---@return rnn.Tensor
function check.tensor(fname, argname, value, kind, ndim)
  if not core.is_tensor(value) or (kind and value:type() ~= kind) or (ndim and value:ndim() ~= ndim) then
    local what = "a tensor"
    if kind then what = kind == "int32" and "an int32 tensor" or "a float tensor" end
    if ndim then what = ("%s of %d ax%ss"):format(what, ndim, ndim == 1 and "i" or "e") end
    check.expected(fname, argname, what, value)
  end
  return value
end

--- check.closest(word, names) -> name | nil
---
--- The one of the names that word is a misspelling of.
---@param word string
---@param names string[]
---@return string?
check.closest = core._closest

--- check.nearest(word, names) -> text
---
--- "; did you mean 'val_mae'?" for the one of the names that word is a misspelling of, or "".
---@param word string
---@param names string[]
---@return string
function check.nearest(word, names)
  local best = check.closest(word, names)
  return best and ("; did you mean '%s'?"):format(best) or ""
end

return check

-- check.lua: runs programs and compares what they leave behind with PyTorch's answers.
--
--   rnnlua --double tests/differential/check.lua FILE     prints each difference and "N programs, M differences"
--
-- Each line of FILE is JSON: lua, the program, one statement a line; answers, a list of { name, type, shape, lengths,
-- values, gradient or null or "unsure" } for every tensor; stop, the line on which the program must end with an error,
-- or null; otherwise, the answers in case that it does not, where that is right as well.

local rnn = require "rnn"
local core = require "rnn.core"

local TOLERANCE = 1e-9

local function different(what, expected, got) return ("%s: PyTorch %s, rnnlua %s"):format(what, expected, got) end

-- Largest magnitude: what rounding is measured by.
local function scale_of(list)
  local most = 1
  for i = 1, #list do most = math.max(most, math.abs(list[i])) end
  return most
end

-- Is element i of a padded batch behind the end of its sequence?
local function is_padding(i, shape, count, lengths)
  local row = (i - 1) // (count // (shape[1] * shape[2]))
  return row % shape[2] >= lengths[row // shape[2] + 1]
end

local function compare_values(what, expected, got, shape, lengths)
  local limit = TOLERANCE * scale_of(expected)
  for i = 1, #expected do
    local near = math.abs(expected[i] - got[i]) <= limit -- false for nan
    if not near and not (lengths and is_padding(i, shape, #expected, lengths)) then
      return different(("%s, element %d"):format(what, i), expected[i], got[i])
    end
  end
end

local function flat(x) return x:detach():without_lengths():copy():reshape(-1):totable() end

local function list(t) return "(" .. table.concat(t, ", ") .. ")" end

local function lengths_of(x)
  local lengths = x:lengths()
  return lengths and lengths:totable()
end

local function compare_gradient(name, expected, x)
  if expected == "unsure" then return end
  local got = x.grad and flat(x.grad)
  if not expected and not got then return end
  local zeros = {} -- no gradient is one of zeros
  for i = 1, x:count() do zeros[i] = 0 end
  return compare_values(name .. ".grad", expected or zeros, got or zeros)
end

local function compare(answer, x)
  local name, type, shape, lengths, values, gradient = table.unpack(answer, 1, 6)
  if not x then return name .. " is missing" end
  if x:type() ~= type then return different(name .. ", type", type, x:type()) end
  if list(shape) ~= list { x:shape() } then return different(name .. ", shape", list(shape), list { x:shape() }) end
  local own = lengths_of(x)
  lengths = lengths ~= rnn.null and lengths or nil
  if list(lengths or {}) ~= list(own or {}) then
    return different(name .. ", lengths", list(lengths or {}), list(own or {}))
  end
  return compare_values(name, values, flat(x), shape, lengths)
    or compare_gradient(name, gradient ~= rnn.null and gradient, x)
end

-- nil, or what differs.
local function check(task)
  local env = setmetatable({ rnn = rnn, core = core }, { __index = _G })
  local program = assert(load(task.lua, "=program", "t", env))
  local ok, message = pcall(program)
  local line = not ok and tonumber(tostring(message):match "^program:(%d+):")
  local stop = task.stop ~= rnn.null and task.stop
  if not ok and line ~= stop then
    return ("line %s: %s%s"):format(line, message, stop and ", but PyTorch refuses line " .. stop or "")
  end
  if ok and stop and not task.otherwise then return ("line %d: no error, but PyTorch refuses"):format(stop) end
  for _, answer in ipairs(ok and task.otherwise or task.answers) do
    local difference = compare(answer, rawget(env, answer[1]))
    if difference then return difference end
  end
end

local file = assert(io.open(arg[1]))
local programs, differences = 0, 0
for text in file:lines() do
  programs = programs + 1
  local difference = check(assert(rnn.json_decode(text)))
  if difference then
    differences = differences + 1
    print(("program %d: %s"):format(programs, difference))
  end
end
print(("%d programs, %d differences"):format(programs, differences))
os.exit(differences == 0)

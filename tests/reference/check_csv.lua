-- Reads frames of make_csv.py, a line each, from standard input or a file, writes each as the CSV file that it is, and
-- compares what data.csv makes of it. Ends with 1 when one differs.
--
--   rnnlua tests/reference/check_csv.lua [FILE]
local core = require "rnn.core"
local rnn = require "rnn"

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local places = {}
for i = 1, 64 do places[ALPHABET:byte(i)] = i - 1 end

local function decode(text)
  local out = {}
  for i = 1, #text, 4 do
    local a, b, c, d = text:byte(i, i + 3)
    local bits = places[a] << 18 | places[b] << 12 | (places[c] or 0) << 6 | (places[d] or 0)
    out[#out + 1] = string.char(bits >> 16, bits >> 8 & 255, bits & 255):sub(1, c == 61 and 1 or d == 61 and 2 or 3)
  end
  return table.concat(out)
end

local path = os.tmpname()

local function same(column, kind, expected)
  if column.type ~= kind then return ("type %s, expected %s"):format(column.type, kind) end
  local values = column.values
  for i, text in ipairs(expected) do
    local got, want = column:get(i), text
    if text == rnn.null then want = nil end
    if kind == "number" then
      want = want and (math.tointeger(want) or tonumber(want))
      if got ~= got then got = nil end
    elseif kind == "date" then
      want = want and math.tointeger(want)
      got = got and (core.is_tensor(values) and values:get(i) * 86400000000 or values:get(i))
    end
    if got ~= want then return ("row %d: %s, expected %s"):format(i, got, want) end
  end
end

local function check(line)
  local case = rnn.json_decode(line)
  local file = assert(io.open(path, "wb"))
  file:write(decode(case.bytes))
  file:close()
  local options = case.options
  local frame, message = rnn.data.csv(path, options)
  if not frame then return message end
  for i, column in ipairs(case.columns) do
    local have = frame.columns[i]
    if not have or have.name ~= column.name then return ("column %d is no '%s'"):format(i, column.name) end
    local what = same(have, column.type, column.values)
    if what then return column.name .. ": " .. what end
  end
end

local count, bad = 0, 0
for line in io.lines(arg[1] or "/dev/stdin") do
  count = count + 1
  local ok, what = pcall(check, line)
  if not ok or what then
    bad = bad + 1
    if bad <= 10 then print("seed " .. tostring(line:match '"seed": (%d+)') .. ": " .. tostring(what)) end
  end
end
os.remove(path)
print(("%d frames, %d differ"):format(count, bad))
os.exit(bad == 0)

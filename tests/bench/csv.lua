-- How fast core.csv_read is: writes a file like the ridership table of the lecture, reads it, all columns and two of
-- five, and prints MB/s and the peak of tensor memory.
--
--   rnnlua csv.lua [MEGABYTES [FILE]]        default 200, a file in $TMPDIR that is removed afterwards
local core = require "rnn.core"

local MEGABYTES = math.tointeger(arg[1] or 200) or error "csv.lua: MEGABYTES must be an integer"
local FILE = arg[2] or (os.getenv "TMPDIR" or "/tmp") .. "/rnn-bench-" .. os.time() .. ".csv"
local ROUNDS = 3

local function write_table(path, bytes)
  local f = assert(io.open(path, "wb"))
  f:setvbuf("full", 1 << 20)
  assert(f:write("service_date,day_type,bus,rail_boardings,total_rides\n"))
  local block, size, row = {}, 0, 0
  while size < bytes do
    for i = 1, 10000 do
      local day = row % 336
      local bus, rail = math.random(100000, 999999), math.random(10000, 9999999) / 10
      block[i] = ("%02d/%02d/%d,%s,%d,%.1f,%.2f\n"):format(day // 28 + 1, day % 28 + 1, 2001 + row // 336 % 20,
        ("WAU"):sub(row % 3 + 1, row % 3 + 1), bus, rail, bus + rail)
      row = row + 1
    end
    local text = table.concat(block)
    assert(f:write(text))
    size = size + #text
  end
  assert(f:close())
  return row
end

local function measure(name, options)
  local best, rows, peak = math.huge, nil, nil
  for _ = 1, ROUNDS do
    collectgarbage()
    collectgarbage()
    core.reset_peak()
    local before, start = core.memory().live, core.clock()
    local result = assert(core.csv_read(FILE, options))
    best = math.min(best, core.clock() - start)
    peak = core.memory().peak - before
    rows = result.rows
  end
  local f = assert(io.open(FILE, "rb"))
  local bytes = f:seek "end"
  f:close()
  print(("%-24s %8.1f MB/s %8.2f s   %d rows   peak %.1f MB"):format(name, bytes / best / 1e6, best, rows, peak / 1e6))
end

math.randomseed(1)
write_table(FILE, MEGABYTES * 1000000)
print(("%d MB, %s, best of %d, the file in the page cache"):format(MEGABYTES, core.precision, ROUNDS))
measure("2 of 5 columns", { columns = { "service_date", "rail_boardings" } })
measure("1 of 5 columns, text", { columns = { "day_type" } })
measure("5 of 5 columns", {})
if not arg[2] then os.remove(FILE) end

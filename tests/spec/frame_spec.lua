-- Frames: sorting, repeated and missing rows, spans of dates, and the way to tensors.
local rnn = require "rnn"
local data = rnn.data

local function csv(text, options)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local frame = assert(data.csv(path, options))
  os.remove(path)
  return frame
end

local DAYS = [[
date,kind,riders,note
2016-01-03,U,30,a
2016-01-01,W,10,b
2016-01-02,A,20,c
2016-01-01,W,10,b
2016-02-29,W,,d
2016-03-01,W,60,e
]]

local function column(frame, name) return frame:column(name):totable() end

describe("data.csv", function()
  it("gives a frame of typed columns", function()
    local frame = csv(DAYS)
    assert.equal(6, #frame)
    assert.same({ "date", "kind", "riders", "note" }, frame:names())
    assert.same({ "U", "W", "A" }, frame:words "kind")
    assert.same({ 1, 2, 3, 2, 2, 2 }, column(frame, "kind"))
  end)

  it("keeps the columns that are asked for", function()
    assert.same({ "date", "riders" }, csv(DAYS, { columns = { "date", "riders" } }):names())
  end)

  it("reads other separators", function()
    assert.same({ 1, 3 }, column(csv("a;b\n1;2\n3;4\n", { separator = ";" }), "a"))
  end)

  it("returns nil and a message for a file that is not there", function()
    local frame, message, code = data.csv "/no/such/file.csv"
    assert.is_nil(frame)
    assert.matches("/no/such/file.csv", message, 1, true)
    assert.equal("EIO", code)
  end)

  it("refuses unknown options", function()
    assert.error_matches(function() data.csv("x.csv", { seperator = ";" }) end, "data.csv: unknown option 'seperator'")
  end)
end)

describe("frame:sort and frame:unique", function()
  it("sorts all columns together", function()
    local frame = csv(DAYS):sort "date"
    assert.same({ "2016-01-01", "2016-01-01", "2016-01-02", "2016-01-03", "2016-02-29", "2016-03-01" }, frame:dates())
    assert.same({ "b", "b", "c", "a", "d", "e" }, (function()
      local words, out = frame:words "note", {}
      for i, id in ipairs(column(frame, "note")) do out[i] = words[id] end
      return out
    end)())
  end)

  it("puts missing numbers last", function()
    local values = column(csv(DAYS):sort "riders", "riders")
    assert.same({ 10, 10, 20, 30, 60 }, table.move(values, 1, 5, 1, {}))
    assert.is_true(values[6] ~= values[6])
  end)

  it("sorts in descending order, equal rows in their order and missing ones last", function()
    local down = csv(DAYS):sort("riders", { descending = true })
    local values = column(down, "riders")
    assert.same({ 60, 30, 20, 10, 10 }, table.move(values, 1, 5, 1, {}))
    assert.is_true(values[6] ~= values[6])
    local days = csv("d,v\n2024-01-02,1\n2024-01-03,2\n,3\n2024-01-02,4\n"):sort("d", { descending = true })
    assert.same({ 2, 1, 4, 3 }, column(days, "v"))
    local clock = csv("d,v\n2024-01-02 10:00,1\n2024-01-02 11:00,2\n"):sort("d", { descending = true })
    assert.same({ 2, 1 }, column(clock, "v"))
    local large = csv("v\n9007199254740993\n9007199254740992\n-9223372036854775807\n"):sort("v", { descending = true })
    assert.same({ 9007199254740993, 9007199254740992, -9223372036854775807 }, column(large, "v"))
  end)

  it("drops whole rows that are repeated, the later ones", function()
    assert.equal(5, #csv(DAYS):unique())
    assert.same({ "2016-01-03", "2016-01-01", "2016-01-02", "2016-02-29", "2016-03-01" }, csv(DAYS):unique():dates())
  end)

  it("keeps rows that differ in one cell", function()
    assert.same({ 1, 2 }, column(csv("k,v\na,1\na,2\na,1\n"):unique(), "v"))
  end)

  it("keeps the first row of each value of one column", function()
    assert.same({ 1, 3 }, column(csv("k,v\na,1\na,2\nb,3\n"):unique "k", "v"))
  end)

  it("takes two missing cells for equal", function()
    assert.equal(2, #csv("k,v\na,\na,\nb,1\n"):unique())
  end)

  it("does not sort words", function()
    assert.error_matches(function() csv(DAYS):sort "kind" end,
      "frame:sort: expected a number or date column, but 'kind'")
  end)

  it("lists the columns when one is not there", function()
    local frame = csv(DAYS)
    local ok, message = pcall(function() frame:sort "dates" end)
    assert.is_false(ok)
    assert.matches("frame_spec.lua:%d+: frame:sort: there is no column 'dates'; "
      .. "the columns are 'date', 'kind', 'riders', 'note'",
      message)
  end)
end)

describe("frame:pivot and frame:melt", function()
  local LONG = "day,shop,sold\n2024-01-02,b,1\n2024-01-01,a,2\n2024-01-02,a,3\n2024-01-03,b,\n"

  it("go from long to wide and back", function()
    local wide = csv(LONG):pivot("day", "shop", "sold")
    assert.same({ "day", "b", "a" }, wide:names())
    assert.same({ "2024-01-02", "2024-01-01", "2024-01-03" }, wide:dates())
    assert.same({ 2, 1 }, { wide:missing "b", wide:missing "a" })
    assert.same({ 1, 3 }, { wide.b[1], wide.a[1] })
    local long = wide:melt("day", { name = "shop", value = "sold" }):drop_missing "sold"
    assert.same({ "b", "a", "a" }, long.shop:totable())
    assert.same({ 1, 3, 2 }, column(long, "sold"))
  end)

  it("take several keys, numbers as names and values of any type", function()
    local frame = csv "k,l,n,w\n1,x,7,u\n1,y,7,v\n1,x,8,w\n"
    local wide = frame:pivot({ "k", "l" }, "n", "w")
    assert.same({ "k", "l", "7", "8" }, wide:names())
    assert.same({ "u", "v" }, wide.columns["7"]:totable())
    assert.same({ "w", false }, wide.columns["8"]:totable())
    assert.same({ "7", "7", "8", "8" }, wide:melt({ "k", "l" }).name:totable())
  end)

  it("of no rows have the keys alone", function()
    assert.same({ "day" }, csv(LONG):filter("sold > 100"):pivot("day", "shop", "sold"):names())
  end)

  it("refuse what has no place", function()
    local frame = csv(LONG)
    assert.error_matches(function() frame:concat(frame):pivot("day", "shop", "sold") end,
      "frame:pivot: row 5 has the key and the 'shop' of a row before")
    assert.error_matches(function() csv("day,shop,sold\n1,a,2\n2,,3\n"):pivot("day", "shop", "sold") end,
      "frame:pivot: row 2 has no 'shop'")
    assert.error_matches(function() csv("a,n,v\n1,a,2\n"):pivot("a", "n", "v") end, "two columns 'a'")
    assert.error_matches(function() frame:pivot("day", "shp", "sold") end, "there is no column 'shp'")
    assert.error_matches(function() frame:melt("day") end, "expected a text column, but 'value'")
    assert.error_matches(function() frame:melt({ "day", "shop" }, { value = "day" }) end,
      "there is a column 'day' already")
    assert.error_matches(function() frame:melt(frame:names()) end, "no column but the keys")
  end)
end)

describe("a column", function()
  local frame = csv "d,v,w\n2024-01-03,1,a\n2024-01-01,2,b\n2024-01-02,,c\n2024-01-04,6,d\n"

  it("has sums of its cells, of which missing ones do not count", function()
    assert.same({ 3, 9, 2, 1, 6 },
      { frame.v:mean(), frame.v:sum(), frame.v:median(), frame.v:min(), frame.v:max() })
    assert.near(math.sqrt(7), frame.v:std(), 1e-12)
    assert.same({ "2024-01-01", "2024-01-04" }, { frame.d:min(), frame.d:max() })
    local none = frame:filter "v > 9"
    assert.is_true(none.v:mean() ~= none.v:mean())
    assert.is_nil(none.d:max())
    assert.error_matches(function() return frame.w:max() end, "'w' holds texts, of which there is no max")
    assert.error_matches(function() return frame.d:mean() end, "'d' holds dates, of which there is no mean")
  end)

  it("has powers", function()
    local list = (frame.v ^ 2):totable()
    assert.same({ 1, 4, 36 }, { list[1], list[2], list[4] })
    assert.is_true(list[3] ~= list[3])
    assert.equal(64, (2 ^ frame.v):get(4))
    assert.equal(46656, (frame.v ^ frame.v):get(4))
    assert.near(math.sqrt(6), (frame.v ^ 0.5):get(4), 1e-15)
  end)

  it("is a tensor when asked", function()
    local list = frame.v:tensor():totable()
    assert.same({ 1, 2, 6 }, { list[1], list[2], list[4] })
    assert.is_true(list[3] ~= list[3])
    assert.error_matches(function() return frame.w:tensor() end, "the column 'w' holds words, not numbers")
    assert.error_matches(function() return rnn.tensor(frame.v) end,
      "expected a number or a table of numbers, got the column 'v' of a frame, of which frame:tensor { 'v' } makes a")
  end)
end)

describe("whole numbers beyond 2^53", function()
  local LARGE <const> = 9007199254740993 -- 2^53 + 1, which no double is
  local large, small = csv("id,v\n9007199254740993,1\n"), csv("id,v\n9007199254740992.0,2\n,3\n")

  it("stay what they are beside smaller ones and missing ones", function()
    local ids = column(large:concat(small), "id")
    assert.same({ LARGE, LARGE - 1 }, { ids[1], ids[2] })
    assert.equal("integer", math.type(ids[1]))
    assert.is_true(ids[3] ~= ids[3])
    assert.same({ LARGE, 1 }, column(csv("k,a,b\nx,9007199254740993,1\n"):melt "k", "value"))
    assert.same({ LARGE, LARGE + 1 }, column(csv("id\n9007199254740993\n\"\"\n"):fill("id", LARGE + 1), "id"))
    assert.same({ LARGE, 2 }, column(csv("k\n1\n2\n"):with("id", { LARGE, 2 }), "id"))
    assert.same({ LARGE + 1 }, column(large:with("next", "id + 1"), "next"))
    assert.same({ -0x1p63 }, column(large:with("least", { math.mininteger }), "least"))
  end)

  it("cannot stand beside fractions", function()
    local fractions = csv("id,v\n1.5,2\n")
    local message = "column 'id': row 1 has the integer 9007199254740993, which no double is, and row 2 has 1.5"
    assert.error_matches(function() large:concat(fractions) end, "frame:concat: " .. message)
    assert.error_matches(function() large:join(fractions:rename { v = "w" }, "id") end, "frame:join: " .. message)
    assert.error_matches(function() small:with("id", { LARGE, 1.5 }) end, "frame:with: " .. message)
    assert.error_matches(function() csv("k,a,b\nx,9007199254740993,1.5\n"):melt "k" end,
      "frame:melt: column 'value': row 1 has the integer")
    assert.error_matches(function() small:fill("id", LARGE) end,
      "fill: the numbers are doubles, of which none is 9007199254740993")
  end)

  it("are compared, joined and named without rounding", function()
    local id = large:column "id"
    for op, value in pairs { eq = 0, ne = 1, lt = 0, le = 0, gt = 1, ge = 1 } do
      assert.equal(value, id[op](id, LARGE - 1.0):item(), op)
    end
    assert.equal(1, id:lt(0x1p63):item())
    assert.equal(1, id:gt(-1 / 0):item())
    assert.equal(0, id:eq(0 / 0):item())
    assert.same({ -1, -2 }, column(csv("v\n-1\n-2\n"):filter(csv("v\n-1\n-2\n").v:le(-0.5)), "v"))
    assert.equal(0, #large:join(small:drop_missing():rename { v = "w" }, "id", { missing = "drop" }))
    local wide = csv("k,n,v\na,9007199254740993,1\na,9007199254740992,2\n"):pivot("k", "n", "v")
    assert.same({ "k", "9007199254740993", "9007199254740992" }, wide:names())
    assert.equal("9007199254740993x", (large.id .. "x"):get(1))
  end)

  it("are missing only where they are the very mark", function()
    local marked = csv("id\n9007199254740993\n9007199254740992\n", { missing = LARGE - 1 })
    assert.same({ 1 }, marked:column("id"):missing():ne(1):nonzero():totable())
  end)

  it("reach from the least double of 64 bits to the greatest integer", function()
    assert.truthy(tostring(csv "id\n-9223372036854775808\n-5\n"):find("-9223372036854775808", 1, true))
    assert.error_matches(function() csv "id\n9223372036854775807\n-9223372036854775808\n" end,
      "a whole number from -(2^63 - 1) to 2^63 - 1", nil, true)
  end)
end)

describe("frame:between", function()
  local frame = csv(DAYS):sort("date"):unique()

  it("takes whole months and years", function()
    assert.same({ 1, 3 }, { frame:between("2016-01", "2016-01") })
    assert.same({ 4, 4 }, { frame:between("2016-02", "2016-02") })
    assert.same({ 1, 5 }, { frame:between("2016", "2016") })
    assert.same({ 2, 3 }, { frame:between("2016-01-02", "2016-02-28") })
  end)

  it("leaves an end open", function()
    assert.same({ 4, 5 }, { frame:between("2016-02") })
    assert.same({ 1, 4 }, { frame:between(nil, "2016-02") })
  end)

  it("gives what tensor:rows takes", function()
    local riders = frame:fill("riders", 0):tensor { "riders" }
    assert.same({ { 20 }, { 30 } }, riders:rows(frame:between("2016-01-02", "2016-01")):totable())
    assert.equal(2, #frame:rows(frame:between("2016-01-02", "2016-01")))
  end)

  it("asks for order", function()
    assert.error_matches(function() csv(DAYS):between("2016", "2016") end,
      "not in order of 'date'; use frame:sort%('date'%)")
  end)

  it("says what there is when nothing is between", function()
    assert.error_matches(function() frame:between("2017", "2018") end,
      "no row has a 'date' between 2017 and 2018; there are rows from 2016%-01%-01 to 2016%-03%-01")
  end)

  it("refuses what is no date", function()
    for _, text in ipairs { "2016-13", "2016-02-30", "16-01", "2016-1", "" } do
      assert.error_matches(function() frame:between(text, "2016") end,
        "frame:between: argument 1 %(from%): expected a date")
    end
    assert.error_matches(function() frame:between("2016", 2016) end, "argument 2 %(to%).* got number 2016")
  end)
end)

describe("tensors of a frame", function()
  local frame = csv("date,kind,a,b\n2016-01-01,x,1,5\n2016-01-02,y,,6\n2016-01-03,,3,\n")

  it("stand side by side", function()
    assert.same({ { 5, 1 }, { 6, 0 } }, frame:fill("a", 0):rows(1, 2):tensor { "b", "a" }:totable())
  end)

  it("are refused with missing values, saying where and what to do", function()
    assert.error_matches(function() frame:tensor { "a" } end,
      "frame:tensor: column 'a' has 1 missing value, the first in row 2 %(2016%-01%-02%); .*fill%('a', 'previous'%)")
  end)

  it("are refused of words", function()
    assert.error_matches(function() frame:tensor { "kind" } end, "expected a number column, but 'kind' holds words")
  end)

  it("make words one-hot, a missing one zeros", function()
    local hot, words = frame:one_hot "kind"
    assert.same({ { 1, 0 }, { 0, 1 }, { 0, 0 } }, hot:totable())
    assert.same({ "x", "y" }, words)
  end)

  it("can be filled from the row before or by a number", function()
    assert.same({ 1, 1, 3 }, column(frame:fill("a", "previous"), "a"))
    assert.same({ 5, 6, -1 }, column(frame:fill("b", -1), "b"))
    assert.same({ 7, 7, 7, 8, 8 }, column(csv("x,y\n7,1\n,1\n,1\n8,1\n,1\n"):fill("x", "previous"), "x"))
  end)

  it("cannot be filled from before the first row", function()
    assert.error_matches(function() csv("x,y\n,1\n2,1\n"):fill("x", "previous") end,
      "frame:fill: nothing comes before the missing value of column 'x' in row 1")
  end)

  it("count and drop missing rows", function()
    assert.equal(1, frame:missing "a")
    assert.equal(1, frame:missing "kind")
    assert.equal(0, frame:missing "date")
    assert.same({ "2016-01-01" }, frame:drop_missing():dates())
    assert.same({ "2016-01-01", "2016-01-02" }, frame:drop_missing("b"):dates())
  end)
end)

describe("frame:shift", function()
  local frame = csv("date,kind,a\n2016-01-01,x,1\n2016-01-02,y,2\n2016-01-03,x,3\n")

  it("brings tomorrow's value up", function()
    assert.same({ 2, 1, 0 }, column(frame:shift("kind", -1, "next"), "next"))
    assert.same({ "x", "y" }, frame:shift("kind", -1, "next"):words "next")
  end)

  it("brings yesterday's value down", function()
    local shifted = column(frame:shift("a", 2, "before"), "before")
    assert.is_true(shifted[1] ~= shifted[1] and shifted[2] ~= shifted[2])
    assert.equal(1, shifted[3])
    assert.same({ "missing", "2016-01-01", "2016-01-02" }, frame:shift("date", 1, "yesterday"):dates "yesterday")
  end)

  it("may be longer than the frame, or 0", function()
    assert.equal(3, frame:shift("a", 9, "b"):missing "b")
    assert.same({ 1, 2, 3 }, column(frame:shift("a", 0, "b"), "b"))
  end)

  it("leaves the frame itself alone", function()
    frame:shift("a", 1, "a")
    assert.same({ 1, 2, 3 }, column(frame, "a"))
  end)
end)

describe("tostring(frame)", function()
  it("shows size, names and first rows", function()
    assert.equal("2 rows × 2 columns\n"
      .. "  date              a\n"
      .. "  2016-01-01      1.5\n"
      .. "  2016-01-02  missing", tostring(csv("date,a\n2016-01-01,1.5\n2016-01-02,\n")))
  end)
end)

describe("the CTA ridership file", function()
  local path = data.find("cta-ridership", "CTA_-_Ridership_-_Daily_Boarding_Totals.csv")
  if not path then
    pending "the data set cta-ridership is not on this machine (set RNNLUA_DATA)"
    return
  end
  it("has 62 repeated days and a naive error of 42,143.3 in the book's period", function()
    local raw = assert(data.csv(path))
    local cta = raw:sort("service_date"):unique()
    assert.equal(7701, #raw)
    assert.equal(7639, #cta)
    assert.same({ "U", "W", "A" }, cta:words "day_type")
    local rail = cta:tensor { "rail_boardings" }
    local from, to = cta:between("2019-03", "2019-05")
    assert.equal(92, to - from + 1)
    assert.near(42143.3, (rail:rows(from, to) - rail:rows(from - 7, to - 7)):abs():mean():item(), 0.05)
  end)
end)

describe("data.find", function()
  local file = os.tmpname()
  local folder, name = file:match "^(.*)/([^/]+)$"
  assert(io.open(file, "w")):write("a\n1\n"):close()
  teardown(function() os.remove(file) end)

  it("takes a file under its own name, or looks into a folder", function()
    assert.equal(file, data.find("set", name, { data = file }))
    assert.equal(file, data.find("set", name, { data = folder }))
    assert.equal(folder .. "/", data.find("set", "recordings/", { data = folder, sole = true }))
    assert.is_nil((data.find("set", "recordings/", { data = folder })))
  end)

  it("gives one file for two names only where any will do", function()
    local path, message = data.find("set", "other.csv", { data = file })
    assert.is_nil(path)
    assert.equal(file .. " is a file, but other.csv is needed: give the folder that has it", message)
    assert.is_nil((data.find("set", name:sub(2), { data = file })))
    assert.equal(file, data.find("set", "other.csv", { data = file, sole = true }))
  end)

  it("gives the path alone, which data.csv takes as it is", function()
    assert.equal(1, #assert(data.csv(data.find("set", name, { data = file }))))
  end)

  it("knows a file by its content", function()
    local function known(fingerprint)
      return select(2, data.find("set", name, { data = file, fingerprint = fingerprint }))
    end
    assert.is_true(known "4:310a6111605ec3c2")
    assert.is_false(known "4:310a6111605ec3c3")
    assert.is_nil(known())
  end)

  it("says where it looked and where the file is to be had", function()
    local path, message = data.find("set", "none.csv", { data = folder, source = "https://example.org" })
    assert.is_nil(path)
    assert.equal(("no file set/none.csv in %s\nIt is to be had from https://example.org"):format(folder), message)
  end)
end)

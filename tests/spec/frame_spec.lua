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

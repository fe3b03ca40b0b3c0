-- Frames with time: zones and the hours of daylight saving, steps, holes, windows, resampling, groups, joins; and CSV
-- as the world writes it.
local core = require "rnn.core"
local rnn = require "rnn"
local data = rnn.data

local function csv(text, options)
  local path = os.tmpname()
  assert(core.file_write(path, text))
  local frame, message = data.csv(path, options)
  os.remove(path)
  return frame, message
end

local function refused(part, text, options)
  local frame, message = csv(text, options)
  assert.is_nil(frame)
  assert(message:find(part, 1, true), message)
end

local HOURS = "t,v\n2022-10-30 01:00,1\n2022-10-30 02:00,2\n2022-10-30 02:00,3\n2022-10-30 03:00,4\n"

describe("CSV as it is written", function()
  it("has other separators and decimals, or is refused with the option", function()
    local german = "Zeit;Wert\n31.01.2024;1.299,5\n01.02.2024;2,25\n"
    refused('decimal = ","', german)
    local f = assert(csv(german, { decimal = "," }))
    assert.same({ 1299.5, 2.25 }, f:column("Wert"):totable())
    assert.same({ "2024-01-31", "2024-02-01" }, f:dates())
    assert.same({ "read with ';'; 2 columns" }, f.notes)
    assert.same({ 1234, 2000 }, assert(csv('a,b\n"1,234",1\n"2,000",2\n', { thousands = "," })):column("a"):totable())
    refused("separator", "a,b;c\n1,2;3\n4,5;6\n")
    assert.equal("text", assert(csv('a,b\n"1,23,4",1\n', { thousands = "," })).a.type)
  end)

  it("has no names, comments, another encoding, own marks of what is missing", function()
    refused("header = false", "1,2\n3,4\n")
    assert.same({ "column1", "column2" }, assert(csv("1,2\n3,4\n", { header = false })):names())
    assert.equal(2, #assert(csv("1,2\n3,4\n", { header = false })))
    assert.same({ "1", "2" }, assert(csv("1,2\n3,4\n", { header = true })):names())
    assert.equal(1, #assert(csv("# x\na,b\n#,\n1,2\n", { comment = "#" })))
    refused("windows-1252", "a,b\nK\xF6ln,1\n")
    assert.same({ "Köln" }, assert(csv("a,b\nK\xF6ln,1\n", { encoding = "latin1" })):words "a")
    assert.same({ "€" }, assert(csv("a,b\n\x80,1\n", { encoding = "windows-1252" })):words "a")
    assert.same({ 1 }, assert(csv("\xFF\xFEa\0\n\0001\0\n\0", { encoding = "utf-16" })):column("a"):totable())
    assert.equal(1, assert(csv("a,b\n-999,1\n2,?\n", { missing = { "-999", "?" } })):missing "a")
    assert.equal(1700000060, assert(csv("t,v\n1700000000,1\n1700000060,2\n")):column("t"):get(2))
    local f = assert(csv("t,v\n1700000000,1\n1700000060,2\n", { types = { t = "seconds" } }))
    assert.same({ "2023-11-14 22:13:20+00:00", "2023-11-14 22:14:20+00:00" }, f:dates())
    assert.error_matches(function() csv("t,v\n1700000000,1\n1700000060,2\n"):dates() end, "seconds since 1970")
  end)

  it("comes in parts, with types and words of the first", function()
    local path = os.tmpname()
    assert(core.file_write(path, "k,v\n" .. ("a,1\nb,2\n"):rep(50000)))
    local rows, parts = 0, 0
    for part in assert(data.csv_stream(path, { rows = 20000 })) do
      rows, parts = rows + #part, parts + 1
      assert.same({ "a", "b" }, part:words "k")
    end
    os.remove(path)
    assert.equal(100000, rows)
    assert.is_true(parts > 3)
  end)

  it("comes in parts with types of some columns", function()
    local path = os.tmpname()
    assert(core.file_write(path, "a,b\nx,1\n"))
    for part in assert(data.csv_stream(path, { types = { a = "text" } })) do assert.same({ 1 }, part.b:totable()) end
    for part in assert(data.csv_stream(path, { types = { a = "text", b = "text" } })) do
      assert.same({ "1" }, part.b:totable())
    end
    os.remove(path)
  end)

  it("may have columns without a name in which nothing stands", function()
    local f = assert(csv("Date;v;;\n10/03/2004;2,5;;\n31/03/2004;3;;\n", { decimal = "," }))
    assert.same({ "Date", "v" }, f:names())
    assert.same({ 2.5, 3 }, f.v:totable())
    refused('several columns are called ""', "a,b,,\n1,2,,\n1,2,,3\n")
    assert.same({ "a", "b" }, assert(csv("a,b,,\n1,2,,\n1,2,,3\n", { columns = { "a", "b" } })):names())
  end)

  it("has what spreadsheets write for nothing, and another minus", function()
    local f = assert(csv("a,b\n#DIV/0!,−5\n#WERT!,1\nNaT,2.5\n#NA,−1e−3\n7,3\n"))
    assert.equal(4, f:missing "a")
    assert.same({ -5, 1, 2.5, -1e-3, 3 }, f.b:totable())
    assert.equal(1, assert(csv("a,b\n-9999,1\n2,3\n", { missing = "-9999" })):missing "a")
    assert.equal(1, assert(csv("a,b\n-9999,1\n2,3\n", { missing = -9999 })):missing "a")
    refused("cp932", "a,b\n\x83\x65\x81\x5B,1\n")
    assert.same({ "テー" }, assert(csv("a,b\n\x83\x65\x81\x5B,1\n", { encoding = "cp932" })):words "a")
    assert.error_matches(function() csv("a,b\n1,2\n", { types = { a = "int" } }) end, "data.csv: option types")
  end)
end)

describe("times", function()
  it("of a zone tell the doubled hour apart", function()
    local f = assert(csv(HOURS, { zone = "Europe/Berlin" }))
    assert.same({ "2022-10-30 01:00+02:00", "2022-10-30 02:00+02:00", "2022-10-30 02:00+01:00",
      "2022-10-30 03:00+01:00" }, f:dates())
    assert.equal("1h", f:step())
    assert.equal(0, #f:holes() + #f:doubles())
    assert.same({ 1, 2, 2, 3 }, f:calendar({ "hour" }).hour:totable())
    assert.same({ "2022-10-30 04:00+01:00" }, f:after(1):dates())
    f = assert(csv(HOURS))
    assert.equal(3, f:doubles()[1].row)
    assert.error_matches(function() f:regular() end, "zone = ")
    refused("does not exist", "t,v\n2022-03-27 01:00,1\n2022-03-27 02:30,2\n", { zone = "Europe/Berlin" })
    assert.error_matches(function() csv(HOURS, { zone = "Europe/Berlim" }) end, "no time zone 'Europe/Berlim'")
  end)

  it("with offsets are moments, shown in UTC where the offsets differ", function()
    local text = "t,v\n2022-10-30T02:00:00+02:00,1\n2022-10-30T02:00:00+01:00,2\n"
    assert.same({ "2022-10-30 00:00+00:00", "2022-10-30 01:00+00:00" }, assert(csv(text)):dates())
    assert.same({ "2022-10-30 02:00+02:00", "2022-10-30 02:00+01:00" },
      assert(csv(text, { zone = "Europe/Berlin" })):dates())
    assert.same({ 1, 2 }, { assert(csv(text)):between("2022-10-30 00", "2022-10-30 01:00") })
  end)

  it("have a step of the calendar", function()
    local function step(...) return (csv("t,v\n" .. table.concat({ ... }, ",1\n") .. ",1\n"):step()) end
    assert.equal("1 month", step("2024-01-31", "2024-02-29", "2024-03-31"))
    assert.equal("1 month", step("2024-01-01", "2024-02-01", "2024-04-01", "2024-05-01"))
    assert.equal("3 months", step("2023-Q1", "2023-Q2", "2023-Q3"))
    assert.equal("1 year", step("2001-01-01", "2002-01-01", "2003-01-01"))
    assert.equal("7d", step("2024-W01", "2024-W02", "2024-W04", "2024-W05"))
    assert.equal("15min", step("2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:30"))
    assert.equal("1 business day", step("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10",
      "2024-01-11"))
    assert.is_nil(step("2024-01-01 00:00", "2024-01-01 00:07", "2024-01-01 01:30", "2024-01-01 01:31:13"))
    assert.equal(12, csv("t,v\n2024-01-01,1\n2024-02-01,1\n2024-03-01,2\n"):season())
    local zoned = assert(csv("t,v\n2022-10-29 06:00,1\n2022-10-30 06:00,1\n2022-10-31 06:00,1\n",
      { zone = "Europe/Berlin" })) -- 24 and 25 hours
    assert.equal("1d", (zoned:step()))
    assert.same({ "2022-11-01 06:00+01:00" }, zoned:after(1):dates())
  end)
end)

describe("a hole in time", function()
  local DAYS = "d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-06,6\n2024-01-07,7\n2024-01-08,8\n"

  it("is found, and nothing counts across it", function()
    local f = assert(csv(DAYS))
    assert.same({ { row = 3, from = "2024-01-03", to = "2024-01-06", missing = 2 } }, f:holes())
    assert.same({ 3 }, f:breaks())
    local shifted = f:shift("v", 1, "w"):column("w"):totable()
    assert.is_true(shifted[4] ~= shifted[4])
    assert.same({ 1, 2 }, { shifted[2], shifted[3] })
    local rolled = f:rolling("v", 2, "mean").v_mean2:totable()
    assert.is_true(rolled[1] ~= rolled[1] and rolled[4] ~= rolled[4])
    assert.equal(6.5, rolled[5])
    local series = f:tensor { "v" }
    for _, w in ipairs { data.windows(series, { length = 2 }), data.windows(f, { length = 2 }),
      data.windows(data.Scaler { kind = "factor", factor = 1 }:transform(series), { length = 2 }),
      data.windows(series * 1, { length = 2, breaks = f:breaks() }) } do
      local x = w:all()
      assert.same({ { { 1 }, { 2 } }, { { 6 }, { 7 } } }, x:totable())
    end
    assert.equal(4, #data.windows(f, { length = 2, across = true }))
    assert.error_matches(function() data.windows(f, { length = 3 }) end, "too short .* holes in time")
  end)

  it("cannot be told of rows that are not in order", function()
    local f = assert(csv("d,v\n2024-01-03,3\n2024-01-02,2\n2024-01-01,1\n"))
    for _, g in ipairs { f, (assert(csv("d,v\n2024-01-03,3\n2024-01-01,1\n2024-01-09,2\n"))) } do -- without a step
      for name, arguments in pairs { lag = { "v", 1 }, diff = { "v" }, shift = { "v", 1, "w" },
        rolling = { "v", 2, "mean" } } do
        assert.error_matches(function() g[name](g, table.unpack(arguments)) end,
          "frame:" .. name .. ": the rows are not in order of 'd'; use frame:sort%('d'%) first")
      end
    end
    assert.same({ 1, 2 }, table.move(f:sort("d"):lag("v", 1).v_lag1:totable(), 2, 3, 1, {}))
  end)

  it("is closed by regular", function()
    local f = assert(csv(DAYS)):regular { fill = "linear", mark = true }
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8 }, f.v:totable())
    assert.same({ 0, 0, 0, 1, 1, 0, 0, 0 }, f.filled:totable())
    assert.same({ 1, 2, 3, 3, 3, 6, 7, 8 }, assert(csv(DAYS)):regular({ fill = "last" }).v:totable())
    assert.equal(2, assert(csv(DAYS)):regular():missing "v")
  end)
end)

describe("frames", function()
  local f = assert(csv("d,k,a,b\n2024-01-01,x,1,10\n2024-01-01,y,2,20\n2024-01-02,x,3,\n2024-01-02,y,4,40\n"))

  it("name their columns", function()
    assert.equal(3, f.a:get(3))
    assert.equal("y", f.k:get(2))
    assert.error_matches(function() return f.aa end, "a frame has no column or method 'aa'")
    assert.same({ 1, 2 }, f:head(2).a:totable())
    assert.same({ 4 }, f:tail(1).a:totable())
    assert.same({ "a", "d" }, f:select({ "a", "d" }):names())
    assert.same({ "d", "k", "b" }, f:drop({ "a" }):names())
    assert.same({ "d", "k", "z", "b" }, f:rename({ a = "z" }):names())
  end)

  it("are filtered and get columns", function()
    for _, how in ipairs { "a > 1 and k == 'y'", function(r) return r.a > 1 and r.k == "y" end,
      f.a:gt(1) * f.k:eq "y" } do
      assert.same({ 2, 4 }, f:filter(how).a:totable())
    end
    assert.same({ 3, 4 }, f:filter(f.d:gt "2024-01-01").a:totable())
    for _, how in ipairs { "a * 2", function(r) return r.a * 2 end, f.a * 2, { 2, 4, 6, 8 },
      rnn.tensor { 2, 4, 6, 8 } } do
      assert.same({ 2, 4, 6, 8 }, f:with("c", how).c:totable())
    end
    assert.error_matches(function() f:filter "q > 1" end, "there is no column 'q'")
    assert.error_matches(function() f:with("c", { 1, 2, 3, 4, 5 }) end, "5 values for 4 rows")
  end)

  it("are grouped, joined, split and resampled", function()
    local g = f:group("k", { a = "sum", b = { "mean", "count" } })
    assert.same({ "k", "a", "b_mean", "b_count" }, g:names())
    assert.same({ { 4, 6 }, { 10, 30 }, { 1, 2 } }, { g.a:totable(), g.b_mean:totable(), g.b_count:totable() })
    local other = assert(csv("k,z\ny,7\nw,8\n"))
    local joined = f:join(other, "k")
    assert.same({ 7, 7 }, { joined.z:get(2), joined.z:get(4) })
    assert.equal(2, joined:missing "z")
    assert.equal(2, #f:join(other, "k", { missing = "drop" }))
    assert.error_matches(function() f:join(f:select({ "k" }), "k") end, "is there before")
    assert.same({ "x", "y" }, { f:split("k")[1].key, f:split("k")[2].key })
    local r = f:sort("d"):resample("1d", "mean")
    assert.same({ 1.5, 3.5 }, r.a:totable())
    assert.same({ "2024-01-01", "2024-01-02" }, r:dates())
    assert.equal(8, #f:concat(f))
  end)

  it("never change, and no column takes the place of another unasked", function()
    assert.error_matches(function() f.a = f.a * 10 end, 'frame.a = ...: a frame never changes; frame = frame:with%("a"')
    assert.error_matches(function() f.a[1] = 10 end, "a frame never changes")
    assert.same({ 1, 2, 3, 4 }, f.a:totable())
    local g = assert(csv("day,v,v_lag1,month\n2024-01-01,1,2,3\n2024-01-02,2,3,4\n"))
    for _, call in ipairs { function() g:calendar { "day" } end, function() g:calendar { "month" } end,
      function() g:lag("v", 1) end,
      function() g:rename({ v_lag1 = "v_diff1" }):diff "v" end,
      function() g:rename({ v_lag1 = "v_mean2" }):rolling("v", 2, "mean") end,
      function() g:rename({ v_lag1 = "filled" }):regular { mark = true, step = "1d" } end } do
      assert.error_matches(call, "there is a column '[%w_]+' already; frame:rename or frame:drop first")
    end
    for _, part in ipairs { "hour", "minute" } do
      assert.error_matches(function() g:calendar { part } end, "'day' has days without a time of day, which have no "
        .. part)
    end
    assert.same({ 1, 1 }, g:drop({ "month" }):calendar({ "month" }).month:totable())
  end)

  it("take the first and the last cell that is there", function()
    local g = assert(csv("d,k,v,t\n2024-01-01,a,,\n2024-01-01,a,2,x\n2024-01-01,a,,\n2024-01-03,b,5,u\n"
      .. "2024-01-03,b,6,\n2024-01-03,c,,\n"))
    local s = g:group("k", { v = { "first", "last" }, t = { "first", "last" } })
    assert.same({ 2, 5 }, { s.v_first:get(1), s.v_first:get(2) })
    assert.same({ 2, 6 }, { s.v_last:get(1), s.v_last:get(2) })
    assert.same({ { "x", "u", false }, { "x", "u", false } }, { s.t_first:totable(), s.t_last:totable() })
    assert.equal(1, s:missing "v_last")
    local r = g:resample("1d", { v = "last", t = "first" })
    assert.same({ { 2, 6 }, { "x", false, "u" }, 1 }, { { r.v:get(1), r.v:get(3) }, r.t:totable(), r:missing "v" })
  end)

  it("have columns by any name, which are lists, and join as text", function()
    local g = assert(csv("date,time,v,w\n2024-01-01,18.00.00,1,a\n2024-01-02,11.30.00,2,\n"))
    assert.same({ "18.00.00", "11.30.00" }, g.columns.time:totable())
    assert.is_nil(g.columns.nothing)
    local cells = {}
    for i, cell in ipairs(g.w) do cells[i] = cell end
    assert.same({ "a", false }, cells)
    assert.equal(2, #data.classes(f.k))
    local when = g:with("when", g.date .. " " .. g.columns.time)
    assert.same({ "2024-01-01 18:00", "2024-01-02 11:30" }, when:dates "when")
    local parts = assert(csv("y,m,d\n2024,1,5\n2024,12,25\n"))
    assert.same({ "2024-01-05", "2024-12-25" }, parts:with("day", parts.y .. "-" .. parts.m .. "-" .. parts.d):dates())
    assert.same({ "a1", false }, (g.w .. g.v):totable())
    assert.same({ "v1", "v2" }, ("v" .. g.v):totable())
    local either = assert(csv("a,b\n1/02,1\n3/04,1\n"))
    assert.same({ "1/02/2024", "3/04/2024" }, (either.a .. "/2024"):totable()) -- of January or of February
    assert.same({ "2024-02-01", "2024-04-30" }, (assert(csv("a,b\n1/02,1\n30/04,1\n")).a .. "/2024"):totable())
    assert.error_matches(function() return g.w .. {} end, "expected a string")
    assert.error_matches(function() return rnn.metrics.mae(g.v, g.v) end, "got the column 'v' of a frame")
  end)

  it("add up and subtract in any order", function()
    local g = assert(csv("a,b,c\n1,2,4\n3,5,8\n"))
    assert.same({ { 7, 16 }, { 4, 11 }, { -0.5, -0.4 }, { -1, -3 }, { 5, 11 }, { 2, 1 }, { 0, 0 } }, {
      (g.a + g.b + g.c):totable(), (g.a * 2 + g.b):totable(), ((g.a - g.b) / g.b):totable(), (-g.a):totable(),
      (g.c - -g.a):totable(), ((g.c - g.a + 1) // g.b):totable(), ((g.a + g.b) % g.c % g.a):totable() })
    assert.error_matches(function() return g.a * 2 + assert(csv("t,u\nx,1\n")).t end,
      "arithmetic: the column 't' holds texts")
  end)

  it("are put one behind the other where a column is empty in one", function()
    local empty, full = assert(csv("k,t,d\n1,,\n2,,\n")), assert(csv("k,t,d\n3,x,2024-01-01\n4,y,2024-01-02\n"))
    assert.same({ false, false, "x", "y" }, empty:concat(full).t:totable())
    assert.same({ "x", "y", false, false }, full:concat(empty).t:totable())
    assert.same({ "missing", "missing", "2024-01-01", "2024-01-02" }, empty:concat(full):dates())
    assert.error_matches(function() full:concat(full:with("t", { 1, 2 })) end, "frame:concat: expected a text column")
    assert.error_matches(function() full:join(assert(csv("k,z\na,1\n")), "k") end,
      "frame:join: expected a number column")
  end)

  it("encode words as at training", function()
    local encoder = data.Encoder { one_hot = { "k" } }:fit(f:head(1))
    local again = data.Encoder { state = encoder:state() }
    assert.same({ 1, 0, 1, 0 }, again:transform(f)["k=x"]:totable())
    assert.error_matches(function()
      data.Encoder({ one_hot = { "k" }, unknown = "error" }):fit(f:head(1)):transform(f)
    end, "'y' in row 2")
  end)

  it("are written and read back", function()
    local path = os.tmpname()
    for _, options in ipairs { {}, { separator = ";", decimal = "," } } do
      assert(f:with("w", { 0.1, 1e-7, 2.5, 12345678.25 }):to_csv(path, options))
      local back = assert(data.csv(path, options.decimal and { decimal = "," } or nil))
      assert.same({ 0.1, 1e-7, 2.5, 12345678.25 }, back.w:totable())
      assert.same(f:dates(), back:dates())
      assert.same(f.k:totable(), back.k:totable())
    end
    os.remove(path)
  end)

  it("say what they are", function()
    local facts = f:describe { quiet = true }
    assert.equal(1, facts[4].missing)
    assert.same({ "2024-01-01", "2024-01-02", 2 }, { facts[1].least, facts[1].most, facts[1].distinct })
    assert.same({ text = "x", row = 2 }, facts[2].odd)
  end)
end)

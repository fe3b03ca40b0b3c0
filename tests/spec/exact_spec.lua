-- Numbers of files stay what the file says; a tensor takes them as its precision can hold them, or not at all.
local rnn = require "rnn"
local data = rnn.data
local shell = require "support.shell"

local float = rnn.precision() == "float"

local function csv(text, options)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local frame, message = data.csv(path, options)
  os.remove(path)
  return frame, message
end

-- Every way for a number of a script into a float tensor, and for one of a column.
local doors = {
  tensor = function(v) return rnn.tensor(v) end,
  ["tensor of a table"] = function(v) return rnn.tensor({ { 0, v } }):get(1, 2) end,
  full = function(v) return rnn.full({ 2 }, v) end,
  fill_ = function(v) return rnn.zeros(2):fill_(v) end,
  set = function(v) return rnn.zeros(2, 2):set(2, 1, v) end,
  ["x[i] = v"] = function(v)
    local x = rnn.zeros(2)
    x[2] = v
  end,
  ["row = v"] = function(v)
    local x = rnn.zeros(2, 2)
    x[2] = v
  end,
  ["frame:tensor"] = function(v) return assert(csv(("v\n1\n%s\n"):format(v))):tensor { "v" } end,
  ["numbers:tensor"] = function(v) return assert(csv(("v\n1\n%s\n"):format(v))):column("v"):tensor() end,
}

describe("what tensors take", function()
  it("is the same rule at every door", function()
    local whole = "16777217 is a whole number that float would round to 16777216"
    for name, put in pairs(doors) do
      for _, case in ipairs { { 16777217, whole }, { 2.0 ^ 24 + 1, "16777216" },
        { 1e39, "1e+39 is beyond the range of float" },
        { -123456789, "-123456789 is a whole number that float would round to -123456792" } } do
        local ok, message = pcall(put, case[1])
        assert.equal(not float, ok, name)
        if not ok then assert(message:find(case[2], 1, true), name .. ": " .. message) end
      end
      for _, v in ipairs { 16777216, 0.1, -1e30, 1 / 0, -1 / 0, 33554432, 1e-300 } do
        assert(pcall(put, v))
      end
    end
    assert(pcall(rnn.tensor, 0 / 0))
  end)

  it("covers int32 tensors that become float, and integers beside tensors", function()
    local ok, message = pcall(function() return rnn.tensor({ 1, 16777217 }, "int32"):to_float() end)
    assert.equal(not float, ok)
    if float then assert(message:find("to_float: element 2: 16777217 is a whole", 1, true), message) end
    assert.equal(not float, (pcall(function() return rnn.zeros(1) + 16777217 end)))
    assert.equal(16777218, (rnn.tensor({ 1 }, "int32") + 16777217):item())
    assert.near(1e12, (rnn.zeros(1) + 1e12):item(), 1e5) -- a float is an approximation
  end)

  it("says at the user's line where in the column the number is", function()
    if not float then return end
    local frame = assert(csv "v\n1\n16777217\n")
    local ok, message = pcall(function() return frame:tensor { "v" }, nil end)
    assert.is_false(ok)
    assert(message:find("^[^\n]*exact_spec%.lua:%d+: frame:tensor: column 'v': row 2: 16777217 is a whole"), message)
    assert.same({ 0, 16777216 }, (frame:column "v" - 1):tensor():totable()) -- the remedy
    assert.same({ 0.25, 4194304.25 }, (frame:column "v" / 4):totable())
  end)

  it("holds for safetensors of 64 bits", function()
    local path = os.tmpname()
    local function read(dtype, format, v)
      local header = ('{"x":{"dtype":"%s","shape":[1],"data_offsets":[0,8]}}'):format(dtype)
      local file = assert(io.open(path, "wb"))
      file:write(("<I8"):pack(#header), header, (format):pack(v))
      file:close()
      local t, message = rnn.archive_read(path)
      return t and t.x:item(), message
    end
    for _, v in ipairs { 16777217.0, 1e300 } do
      local got, message = read("F64", "<d", v)
      if float then
        assert.is_nil(got)
        assert(message:find("tensor 'x': element 1: ", 1, true), message)
      else
        assert.equal(v, got)
      end
    end
    assert.near(0.1, read("F64", "<d", 0.1), 1e-8)
    assert.equal(7, read("U64", "<I8", 7))
    for _, case in ipairs { { "I64", "<i8", -2 ^ 31 - 1 | 0 }, { "U64", "<I8", -1 } } do
      local got, message = read(table.unpack(case))
      assert.is_nil(got)
      assert(message:find("outside int32, the type that " .. case[1] .. " becomes", 1, true), message)
    end
    os.remove(path)
  end)

  it("gives the tensors of known types of a file, and an error for one of another type", function()
    local path = os.tmpname()
    local header = '{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],'
      .. '"data_offsets":[2,3]}}'
    local file = assert(io.open(path, "wb"))
    file:write(("<I8"):pack(#header), header, "\1\2\7")
    file:close()
    local t = assert(rnn.archive_read(path))
    assert.equal(7, t.b:item())
    assert.is_nil(t.c)
    local ok, message = pcall(function() return t.a end)
    assert.is_false(ok)
    assert(message:find("exact_spec.lua:", 1, true) and message:find("'a' has dtype F8_E4M3", 1, true), message)
    local model = rnn.nn.Linear(1, 1)
    model.a = rnn.zeros(2)
    assert.is_nil((rnn.load(path, model)))
    os.remove(path)
  end)
end)

describe("columns of a frame", function()
  it("keep seconds since 1970 and 64-bit integers", function()
    local frame = assert(csv [[
time,id,value
1700000060,9007199254740993,0.1
1700000000,9007199254740992,12.8
1700000060,9007199254740993,1e-7
1700000061,,
]])
    assert.equal("double", frame:column "time":type())
    assert.equal("int64", frame:column "id":type())
    assert.same({ 1700000060, 1700000000, 1700000060, 1700000061 }, frame:column "time":totable())
    assert.equal(9007199254740993, frame:column("id"):get(1))
    assert.equal(9007199254740992, frame:column("id")[2])
    assert.equal(0.1, frame:column("value"):get(1))
    assert.equal(3, #frame:unique "time")
    assert.equal(3, #frame:unique "id")
    assert.equal(4, #frame:unique())
    local sorted = frame:sort "id"
    assert.same({ 9007199254740992, 9007199254740993, 9007199254740993 },
      { table.unpack(sorted:column("id"):totable(), 1, 3) })
    assert.equal(1, frame:missing "id")
    assert.equal(5, frame:fill("id", 5):column("id"):get(4))
    assert.equal(9007199254740993, frame:fill("id", "previous"):column("id"):get(4))
    assert.equal(9007199254740992, frame:shift("id", -1, "next"):column("next"):get(1))
    assert.equal(3, #frame:drop_missing "id")
    assert.equal(9007199254740993, frame:rows(3, 4):column("id"):get(1))
  end)

  it("sort doubles as Lua does, missing ones last", function()
    local list, lines = { 0.0, -0.5, 1e300, -1e300, 1 / 0, -1 / 0, 2.0 ^ 53, 1e-320, -1e-320, 3.0 }, { "v" }
    for _, v in ipairs(list) do lines[#lines + 1] = ("%.17g"):format(v) end
    lines[#lines + 1] = "NA"
    local got = assert(csv(table.concat(lines, "\n"))):sort("v"):column("v"):totable()
    table.sort(list)
    for i, v in ipairs(list) do assert.equal(v, got[i]) end
    assert.is_true(got[11] ~= got[11])
  end)

  it("refuse what they cannot hold, and say where", function()
    local frame, message = csv "v\n0.5\n9007199254740993\n"
    assert.is_nil(frame)
    assert(message:find('row 3, column "v": expected a number that a double holds', 1, true), message)
    assert.same("text", assert(csv "v\n1\n123456789012345678901\n").columns[1].type)
  end)

  it("print as the shortest text that reads back", function()
    local text = tostring(assert(csv "v\n12.8\n0.1\n1700000000\n1e-7\n0.30000000000000004\n"))
    for _, number in ipairs { " 12.8\n", " 0.1\n", " 1700000000\n", " 1e-07\n", "0.30000000000000004" } do
      assert(text:find(number, 1, true), text)
    end
  end)

  it("name the cell that made them text", function()
    local frame = assert(csv "a,b,c\n1,2016-01-01,x\n-,2016-02-30,y\n")
    for _, case in ipairs { { "a", "('-' in row 3 of the file)" }, { "b", "('2016-02-30' in row 3" },
      { "c", "('x' in row 2" } } do
      for _, use in ipairs { function() return frame:tensor { case[1] } end, function() return frame:sort(case[1]) end,
        function() return frame:shift(case[1], 1, "z"):tensor { "z" } end } do
        local ok, message = pcall(use)
        assert.is_false(ok)
        assert(message:find(case[2], 1, true), message)
      end
    end
  end)
end)

describe("dates of a column", function()
  it("are read in the one order that fits all", function()
    assert.same({ "2014-12-31", "2011-03-10" }, assert(csv "d\n31/12/2014\n10/03/2011\n"):dates())
    assert.same({ "2011-03-10", "2014-12-31" }, assert(csv "d\n10/03/2011\n31/12/2014\n"):dates())
    assert.same({ "2014-12-31", "2011-10-03" }, assert(csv "d\n12/31/2014\n10/03/2011\n"):dates())
    assert.same({ "2014-12-31", "missing" }, assert(csv("d,e\n31/12/2014,1\n,2\n", { types = { d = "date" } })):dates())
    assert.same({ "2014-05-05" }, assert(csv "d\n05/05/2014\n"):dates()) -- the same day both ways
    assert.equal("text", assert(csv "d\n12/31/2014\n31/12/2014\n").columns[1].type)
    assert.equal("text", assert(csv "d\n2014-12-31\n12/31/2014\n").columns[1].type)
  end)

  it("are refused when either order fits, unless a format says which", function()
    for _, options in ipairs { {}, { types = { d = "date" } } } do
      local frame, message = csv("d,v\n05/05/2014,0\n01/12/2014,1\n10/03/2011,2\n", options)
      assert.is_nil(frame)
      assert(message:find('row 3, column "d": 01/12/2014 is a date, but which is the month?', 1, true), message)
      assert(message:find('types = {["d"] = "%d/%m/%Y"} or "%m/%d/%Y"', 1, true), message)
    end
    local text = "d\n01/12/2014\n10/03/2011\n"
    assert.same({ "2014-12-01", "2011-03-10" }, assert(csv(text, { types = { d = "%d/%m/%Y" } })):dates())
    assert.same({ "2014-01-12", "2011-10-03" }, assert(csv(text, { types = { d = "%m/%d/%Y" } })):dates())
    assert.same({ "2014-12-01" }, assert(csv("d\n1.12.2014 00:00\n", { types = { d = "%d.%m.%Y" } })):dates())
    local frame, message = csv(text, { types = { d = "%Y-%m-%d" } })
    assert.is_nil(frame)
    assert(message:find('row 2, column "d": expected %Y-%m-%d, got "01/12/2014"', 1, true), message)
    for _, format in ipairs { "%d/%m", "%d/%m/%Y%Y", "%Y-%m-%d %", "%Y-%Q-%d" } do
      local ok, what = pcall(csv, text, { types = { d = format } })
      assert.is_false(ok)
      assert(what:find("must have %Y, %m and %d, each once", 1, true), what)
    end
  end)

  it("are years, months and days without signs where types says that they are dates", function()
    for _, case in ipairs { { "1950\n1951", "%Y", "1951-01-01", "1 year" },
      { "1950\n1951", "date", "1951-01-01", "1 year" },
      { "195012\n195101", "date", "1951-01-01", "1 month" }, { "19501231\n19510101", "date", "1951-01-01", "1d" } } do
      local frame = assert(csv("d\n" .. case[1] .. "\n", { types = { d = case[2] } }))
      assert.equal(case[3], frame:dates()[2])
      assert.equal(case[4], frame:step())
    end
    assert.equal("number", assert(csv "d\n1950\n1951\n").columns[1].type)
    assert.is_nil((csv("d\n1950\n19\n", { types = { d = "date" } })))
  end)

  it("are refused with the format that reads them, whatever their years and clocks are", function()
    for _, case in ipairs { { "01/02/23", "%d/%m/%y" }, { "01-02-2023T10:05Z", "%d-%m-%YT%H:%M%z" },
      { "01/02/2023 10:05:07.5 pm", "%d/%m/%Y %I:%M:%S %p" } } do
      local text = ("d\n%s\n"):format(case[1])
      local frame, message = csv(text)
      assert.is_nil(frame)
      local format = message:match 'types = {%["d"%] = "(.-)"}'
      assert.equal(case[2], format)
      assert.equal("2023-02-01", assert(csv(text, { types = { d = format } })):dates()[1]:sub(1, 10))
    end
  end)
end)

describe("a file of the world", function()
  it("names in errors of its columns what reads them", function()
    for _, case in ipairs { { "1 299", 'thousands = " "' }, { "1\u{a0}299,5", 'thousands = " " with decimal = \',\'' },
      { "1'299.5", 'thousands = "\'"' }, { '"1,299"', "thousands = ','" } } do
      local ok, message = pcall(function() return assert(csv("w,v\n1,2\n" .. '1,"' .. case[1]:gsub('"', "") .. '"\n'))
        :tensor { "v" } end)
      assert(not ok and message:find(case[2], 1, true), message)
    end
    local frame = assert(csv "d,v\n2023-02-28,1\n2023-02-29,2\n")
    local ok, message = pcall(frame.between, frame, "2023-02-28", "2023-03-01")
    assert(not ok and message:find("'d' would be dates without '2023-02-29' in row 3 of the file", 1, true), message)
    frame = assert(csv("d,v\n2023-02-28,1\n2023-02-29,2\n", { types = { d = "date" }, missing = { "2023-02-29" } }))
    assert.same({ "2023-02-28", "missing" }, frame:dates())
    frame = assert(csv "y,v\n1950,1\n1951,2\n")
    ok, message = pcall(frame.after, frame, 2)
    assert(not ok and message:find('\'y\' may be years; types = { ["y"] = "%Y" }', 1, true), message)
  end)

  local function refused(text, ...)
    local frame, message = csv(text)
    assert.is_nil(frame)
    for _, part in ipairs { ... } do assert(message:find(part, 1, true), message) end
  end
  local function numbers(text, options, name) return assert(csv(text, options)):column(name):totable() end

  it("says which point is meant where all of a column may be of thousands", function()
    local text = "d;v\n01.02.2024;1.299\n02.02.2024;980\n"
    refused(text, '"1.299" in row 2', 'decimal = "."', 'decimal = ","')
    assert.same({ 1299, 980 }, numbers(text, { decimal = "," }, "v"))
    assert.same({ 1.299, 980 }, numbers(text, { decimal = "." }, "v"))
    for _, clear in ipairs { "d;v\n1;1.299\n2;0.299\n", "d;v\n1;1.299\n2;1.5\n", "d;v\n1;1.299\n2;1299\n",
      "d;v\n2.5;1.299\n2;12.001\n", "d,v\n1,1.299\n2,980\n" } do
      assert.equal(1.299, numbers(clear, nil, "v")[1])
    end
  end)

  it("is read past the line sep=; of spreadsheets", function()
    for _, first in ipairs { "sep=;", "SEP=;\r", '"sep=;"', "\xEF\xBB\xBFsep=;" } do
      for _, options in ipairs { {}, { separator = ";" } } do
        assert.same({ "a", "b" }, assert(csv(first .. "\na;b\n1;2\n", options)):names())
      end
    end
    assert.same({ "sep=" }, assert(csv "sep=\n1\n"):names())
  end)

  it("does not lose a first row of data that has a word in it", function()
    refused("2024-01-01,5,a\n2024-01-02,6,b\n", '"2024-01-01"', "header = false", "header = true")
    refused("b,2.5\na,1.5\n", '"2.5"', "header = false")
    refused("b,7,3\na,1,2\n", '"7"', "header = false")
    assert.equal(2, #assert(csv("b,2.5\na,1.5\n", { header = false })))
    assert.equal(1, #assert(csv("b,2.5\na,1.5\n", { header = true })))
    for _, wide in ipairs { "c,2019,2020\na,1,2\n", "c,2020\na,1\n", "Country,1/22/20,1/23/20\nX,1,2\n",
      "c,1,2,3\na,1,2,3\n", "id,V2,3\nW1,1,2\n" } do
      assert.equal(1, #assert(csv(wide)))
    end
  end)

  it("without names has commas in its numbers where each stands between two digits", function()
    assert.same({ 5.1, 6.2 },
      numbers("13.01.2024;5,1\n14.01.2024;6,2\n", { header = false, decimal = "," }, "column2"))
    refused("13.01.2024;5,1\n14.01.2024;6,2\n", "header = false")
    refused("a b;c,d\ne f;g,h\n", 'separator = ","')
  end)

  it("names the option for comments, and says what may be a title", function()
    refused("# mine\na,b\n1,2\n", 'comment = "#"')
    refused("% mine\na,b\n1,2\n", 'comment = "%"')
    refused("Sales\n\na,b\n1,2\n", "is row 1 a title?")
  end)

  it("has missing numbers written in every way", function()
    local v = numbers("v\n-999\n-999.0\n-9.99e2\n999\n", { missing = { -999 } }, "v")
    assert.equal(999, v[4])
    for i = 1, 3 do assert(v[i] ~= v[i], i) end
    v = numbers("v\n-999,5\n1,5\n", { missing = { "-999,5" }, decimal = ",", separator = ";" }, "v")
    assert(v[1] ~= v[1] and v[2] == 1.5)
  end)

  it("has thousands parted by any blank", function()
    for _, blank in ipairs { " ", "\u{a0}", "\u{202f}" } do
      assert.same({ 1299.5, 980.1 }, numbers(("v\n1%s299,5\n980,1\n"):format(blank),
        { decimal = ",", thousands = " ", separator = ";" }, "v"))
    end
    assert.equal("text", assert(csv("v\n1 29\n", { thousands = " " })).columns[1].type)
  end)

  it("in UTF-16 without a mark is read in the order that it has", function()
    assert.same({ 2 }, numbers("\0a\0,\0b\0\n\0001\0,\0002\0\n", { encoding = "utf-16" }, "b"))
    assert.same({ 2 }, numbers("a\0,\0b\0\n\0001\0,\0002\0\n\0", { encoding = "UTF-16" }, "b"))
  end)
end)

describe("bytes", function()
  it("of another encoding are refused at the door, whatever column they stand in", function()
    for _, case in ipairs { { "stadt,v\na,1\nK\xF6ln,2\n", 'row 3, column "stadt": byte 2 of the cell is 0xF6' },
      { "st\xE4dte,v\na,1\n", "row 1, column 1: byte 3 of the cell is 0xE4" },
      { "v\n1\n2\n\xA0\n", 'row 4, column "v"' }, { "v\n\xC0\x80\n", "byte 1 of the cell is 0xC0" },
      { "v\n\xED\xA0\x80\n", "byte 1" }, { "v\nx\xE2\x82\n", "byte 2" } } do
      local frame, message = csv(case[1])
      assert.is_nil(frame)
      assert(message:find(case[2], 1, true) and message:find("no UTF-8; convert", 1, true), message)
    end
    assert.same({ "Köln", "€", "𝄞" }, assert(csv "v\nKöln\n€\n𝄞\n"):words "v")
  end)

  it("that gzip packed are read, also in parts", function()
    local sh = shell.new()
    local path = sh:write("a.csv", "a,b\n" .. ("1,2\n"):rep(100000))
    sh:run "gzip -k a.csv"
    sh:run "head -n 1 a.csv | gzip > b.gz; tail -n +2 a.csv | gzip >> b.gz; head -c 400 a.csv.gz > cut.gz"
    for _, name in ipairs { ".gz", "/../b.gz" } do
      local frame = assert(data.csv(name == ".gz" and path .. name or sh.folder .. "/b.gz"))
      assert.equal(100000, #frame)
    end
    local frame, message = data.csv(sh.folder .. "/cut.gz")
    assert.is_nil(frame)
    assert(message:find("cut short", 1, true), message)
    local text, why = rnn.text.read(path .. ".gz")
    assert.is_nil(text)
    assert(why:find("compressed by gzip", 1, true), why)
    for bytes, kind in pairs { ["PK\3\4\0\0"] = "ZIP", ["PAR1\21\0"] = "Parquet", ["%PDF-1.4"] = "PDF",
      ["\xFD7zXZ\0"] = "xz", ["\xFF\xFEa\0"] = "UTF-16" } do
      frame, message = csv(bytes)
      assert.is_nil(frame)
      assert(message:find(kind, 1, true), message)
    end
    assert.same({ "PAR1", "v" }, assert(csv "PAR1,v\n1,2\n"):names())
    sh:remove()
  end)
end)

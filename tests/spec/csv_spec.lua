-- core.csv_read: what comes back, what is misuse (raised at the caller), what is the fault of the file (nil, message).
-- The format itself is tested in tests/c/test_csv.c.
local core = require "rnn.core"

describe("csv_read", function()
  local path

  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function write(text)
    local f = assert(io.open(path, "wb"))
    assert(f:write(text))
    f:close()
    return path
  end

  local function refused(part, code, ...)
    local result, message, came = core.csv_read(...)
    assert.is_nil(result)
    assert.truthy(message:find(part, 1, true), ("'%s' is not in: %s"):format(part, message))
    assert.equal(code, came)
  end

  local function raises(part, ...)
    local arguments = table.pack(...)
    local ok, message = pcall(function()
      local result = core.csv_read(table.unpack(arguments, 1, arguments.n)) -- no tail call: the line stays on the stack
      return result
    end)
    assert.is_false(ok)
    assert.truthy(message:find("^[^\n]*csv_spec%.lua:%d+: data%.csv: "), message)
    assert.truthy(message:find(part, 1, true), ("'%s' is not in: %s"):format(part, message))
  end

  it("gives columns in the order of the file", function()
    local t = assert(core.csv_read(write(
      "service_date,day_type,rail_boardings\n01/13/2001,U,126455\n01/02/2001,W,\n01/03/2001,W,502952.5\n")))
    assert.equal(3, t.rows)
    assert.equal(3, #t)

    assert.equal("service_date", t[1].name)
    assert.equal("date", t[1].type)
    assert.equal("int32", t[1].values:type())
    assert.same({ 11335, 11324, 11325 }, t[1].values:totable())
    assert.is_nil(t[1].words)

    assert.equal("day_type", t[2].name)
    assert.equal("text", t[2].type)
    assert.same({ 1, 2, 2 }, t[2].values:totable())
    assert.same({ "U", "W" }, t[2].words)

    assert.equal("number", t[3].type)
    assert.equal("double", t[3].values:type())
    assert.equal(126455, t[3].values:get(1))
    assert.is_true(t[3].values:get(2) ~= t[3].values:get(2)) -- missing
    assert.equal(502952.5, t[3].values:get(3))
  end)

  it("keeps the columns that are named, in that order", function()
    local t = assert(core.csv_read(write "a;b;c\n1;2;3\n", { separator = ";", columns = { "c", "a" } }))
    assert.same({ "c", "a" }, { t[1].name, t[2].name })
    assert.equal(2, #t)
    assert.equal(3, t[1].values:get(1))
  end)

  it("takes types for some columns and finds the others", function()
    local t = assert(core.csv_read(write "zip,n,m\n00501,1,1\n", { types = { zip = "text", m = "text" } }))
    assert.same({ "zip", "n", "m" }, { t[1].name, t[2].name, t[3].name })
    assert.same({ "text", "number", "text" }, { t[1].type, t[2].type, t[3].type })
    assert.same({ "00501" }, t[1].words)
    t = assert(core.csv_read(path, { columns = { "n", "zip" }, types = { zip = "text" } }))
    assert.same({ "number", "text" }, { t[1].type, t[2].type })
    t = assert(core.csv_read(path, { types = {} }))
    assert.equal(3, #t)
    t = assert(core.csv_read(path, { columns = {} }))
    assert.equal(0, #t)
    assert.equal(1, t.rows)
  end)

  it("reads a header alone", function()
    local t = assert(core.csv_read(write "a,b\n"))
    assert.equal(0, t.rows)
    assert.equal(0, #t[2].values)
  end)

  it("keeps tensors alive after everything else is gone", function()
    local values = assert(core.csv_read(write "a,b\n1,x\n2,y\n"))[1].values
    collectgarbage()
    collectgarbage()
    assert.equal(2, values:get(2))
  end)

  it("gives memory back", function()
    local lines = { "a,b" }
    for i = 1, 20000 do lines[#lines + 1] = ("%d,w%d"):format(i, i) end
    write(table.concat(lines, "\n"))
    collectgarbage()
    collectgarbage()
    local before = core.memory().live
    for _ = 1, 20 do assert(core.csv_read(path)) end
    refused("no column", "EFORMAT", path, { columns = { "c" } })
    collectgarbage()
    collectgarbage()
    assert.equal(before, core.memory().live)
  end)

  it("reports what is wrong with a file", function()
    refused("none.csv: No such file or directory", "EIO", path .. "none.csv")
    refused("it is a folder, not a regular file", "EIO", "/")
    refused("empty; expected a row of column names", "EFORMAT", write "")
    refused("row 3, column \"b\": expected 2 cells, as in row 1, got 1", "EFORMAT", write "a,b\n1,2\n3\n")
    refused("row 2, column \"b\": a quoted cell without", "EFORMAT", write 'a,b\n1,"2\n3,4\n')
    refused("row 2, column \"a\": a NUL byte", "EFORMAT", write "a,b\n\0,2\n")
    refused('no column "rail"; its 2 columns are "date", "bus"', "EFORMAT", write "date,bus\n",
      { columns = { "rail" } })
    refused('no column "rail"', "EFORMAT", path, { types = { rail = "text" } })
    refused('several columns are called "a"', "EFORMAT", write "a,a\n")
    refused('row 2, column "a": expected a number, got "%s%n"', "EFORMAT", write "a\n%s%n\n",
      { types = { a = "number" } })
    refused(path .. ": row 2", "EFORMAT", path, { types = { a = "number" } })
  end)

  it("finds a wrong type in row 900,001 and tells the remedy", function()
    local f = assert(io.open(path, "wb"))
    f:write "service_date,bus\n"
    for _ = 1, 899999 // 9 do f:write(("01/31/2001,126455\n"):rep(9)) end
    f:write(("01/31/2001,126455\n"):rep(899999 % 9), "01/31/2001,closed\n")
    f:close()
    refused('row 900001, column "bus": expected a number, as in the cells before, got "closed"; '
      .. 'types = {["bus"] = "text"} reads the column as text', "EFORMAT", path)
    refused('row 900001, column "bus": expected a number, got "closed"', "EFORMAT", path,
      { types = { bus = "number" } })
    local t = assert(core.csv_read(path, { types = { ["bus"] = "text" } }))
    assert.equal(900000, t.rows)
    assert.same({ "126455", "closed" }, t[2].words)
    assert.equal(2, t[2].values:get(900000))
  end)

  it("raises what is misuse", function()
    write "a,b\n1,2\n"
    raises "argument 1 (path): expected a string"
    raises("argument 1 (path): expected a string", 5)
    raises("has a zero byte", "a\0b")
    raises("argument 2 (options): expected a table", path, "a")
    raises("unknown option 'column'; did you mean 'columns'? the options are separator, columns, ", path,
      { column = { "a" } })
    raises("unknown option 'quote'; the options are separator, columns, types, header, decimal, thousands, comment, "
      .. "missing and encoding", path, { quote = "'" })
    raises("option decimal: expected a string of one byte, got 'ab'", path, { decimal = "ab" })
    raises("option header: expected true or false, got string", path, { header = "no" })
    raises("option missing: expected a table of strings, but element 1 is a number", path, { missing = { 5 } })
    raises("option encoding: expected a string, got boolean", path, { encoding = true })
    raises("unknown option '1'", path, { "a" })
    raises("option separator: expected a string of one byte, got 'ab'", path, { separator = "ab" })
    raises("option separator: expected a string of one byte, got ''", path, { separator = "" })
    raises("option separator: expected a string of one byte", path, { separator = "\0" })
    raises("cannot be the separator", path, { separator = '"' })
    raises("option columns: expected a table of names, got string", path, { columns = "a" })
    raises("option columns: expected a table of names, but element 2 is a number", path, { columns = { "a", 2 } })
    raises("has a NUL byte", path, { columns = { "a\0" } })
    raises('column "a" is named twice', path, { columns = { "a", "a" } })
    raises("option types: expected a table", path, { types = "text" })
    local expected = 'option types: expected "number", "date", "text", a format of dates like "%d/%m/%Y", '
      .. 'or "seconds" or "milliseconds" since 1970 for ' .. "'a', got "
    raises(expected .. "'float'", path, { types = { a = "float" } })
    raises(expected .. "'5'", path, { types = { a = 5 } })
    raises("got a key that is a number", path, { types = { "text" } })
    raises("'b' is not among the columns to keep", path, { columns = { "a" }, types = { b = "text" } })
  end)

  it("bears a finaliser that takes the options away", function()
    write "aaa,b\n1,2\n"
    for _ = 1, 200 do
      local name = ("a"):rep(3)
      local options = { columns = { name, "b" }, types = { aaa = "text" } }
      for _ = 1, 20 do
        setmetatable({}, { __gc = function() options.columns, options.types = nil, nil end })
      end
      collectgarbage "step"
      assert(core.csv_read(path, options))
    end
  end)
end)

-- Files that somebody else wrote: what is dropped is counted and said, what is there decides about sizes.
local rnn = require "rnn"
local data, music = rnn.data, rnn.music
local shell = require "support.shell"

local sh
setup(function() sh = shell.new() end)
teardown(function() sh:remove() end)

-- What f writes to standard error, and its results.
local function said(f, ...)
  local file, old = assert(io.tmpfile()), io.stderr
  io.stderr = file -- luacheck: ignore
  local results = table.pack(pcall(f, ...))
  io.stderr = old -- luacheck: ignore
  file:seek "set"
  local text = file:read "a"
  file:close()
  assert(results[1], results[2])
  return text, table.unpack(results, 2, results.n)
end

local function number(line) return tonumber(line) end

describe("data.lines", function()
  it("gives what is read, in order, and nothing to say when all lines match", function()
    local path = sh:write("all.txt", "\xEF\xBB\xBFhead\r\n1\r\n\r\n2")
    local text, list = said(data.lines, path, "a number", number, { header = true })
    assert.same({ 1, 2 }, list)
    assert.equal("", text)
  end)

  it("goes on where a line ends within quotes, as far as that makes cells like those of the first line", function()
    local function all(text, quoted)
      local list = {}
      for n, line in require("rnn.data.lines").each(text, quoted) do list[#list + 1] = n .. ":" .. line end
      return list
    end
    local text = 'a,b\r\n"x\r\ny",2\n3,"q ""z""\n\nw"\n5,6'
    assert.same({ "1:a,b", '2:"x\ny",2', '4:3,"q ""z""\n\nw"', "7:5,6" }, all(text, ","))
    assert.same({ "1:a,b", '2:"x', '3:y",2' }, { table.unpack(all(text), 1, 3) })
    local open = 'a,b\n"x,2\n3,4\n"5,6\n7,8' -- quotes that nobody closed
    assert.same({ "1:a,b", '2:"x,2', "3:3,4", '4:"5,6', "5:7,8" }, all(open, ","))
    local path = sh:write("quoted.csv", 'a,b\n"x\ny",2\n')
    assert.same({ '"x\ny",2' }, select(2, said(data.lines, path, "a,b", function(line) return line end,
      { header = true, quoted = "," })))
  end)

  it("takes a first line that cannot be read for a heading, when that may be", function()
    local maybe = { header = "maybe" }
    assert.same({ "", { 1, 2 } }, { said(data.lines, sh:write("head.txt", "n\n1\n2\n"), "a number", number, maybe) })
    assert.same({ "", { 1, 2 } }, { said(data.lines, sh:write("bare.txt", "1\n2\n"), "a number", number, maybe) })
    assert.matches("1 of 2 lines read", (said(data.lines, sh:write("odd.txt", "n\nm\n1\n"), "a number", number, maybe)))
  end)

  it("counts and says what it drops", function()
    local path = sh:write("some.txt", "1\nč" .. ("x"):rep(100) .. "\n2\nb\n")
    local text, list = said(data.lines, path, "a number", number)
    assert.same({ 1, 2 }, list)
    assert.equal(path .. ": 2 of 4 lines read 'a number'; the others are left out, the first of them is line 2: č"
      .. ("x"):rep(56) .. "...\n", text)
  end)

  it("is a message when no line matches, and for what is no text", function()
    local path = sh:write("none.txt", "a\nb\nc\n")
    assert.same({ nil, path .. ": 0 of 3 lines read 'a number'; the first is line 1: a" },
      { data.lines(path, "a number", number) })
    assert.same({ nil, path .. ": 0 of 2 lines read 'a number'; the first is line 2: b" },
      { data.lines(path, "a number", number, { header = true }) })
    assert.matches("0 of 0 lines", select(2, data.lines(sh:write("empty.txt", ""), "a number", number)))
    assert.matches("0xE9 is no UTF%-8", select(2, data.lines(sh:write("latin.txt", "1\ncaf\xE9\n"), "a", number)))
    assert.matches("No such file", select(2, data.lines(sh.folder .. "/missing.txt", "a", number)))
  end)
end)

describe("data.keep", function()
  it("counts and says what it drops; nothing kept is a message", function()
    local function even(n) return n % 2 == 0, "the " .. n end
    local text, list = said(data.keep, "x", "numbers are even", { 1, 2, 3, 4 }, even)
    assert.same({ 2, 4 }, list)
    assert.equal("x: 2 of 4 numbers are even; the others are left out, the first of them is the 1\n", text)
    assert.equal("", (said(data.keep, "x", "numbers are even", { 2, 4 }, even)))
    assert.same({ nil, "x: 0 of 2 numbers are even; the first is the 3" },
      { data.keep("x", "numbers are even", { 3, 5 }, even) })
    assert.same({ nil, "x: 0 of 0 numbers are even" }, { data.keep("x", "numbers are even", {}, even) })
  end)
end)

describe("data.classes", function()
  it("puts labels in order: as numbers when all are", function()
    assert.same({ "-1", "2", "010", "10" }, (data.classes { "10", "2", "-1", "2", "010" }))
    local names, ids = data.classes { "b", "10", "a", "2", "b" }
    assert.same({ "10", "2", "a", "b" }, names)
    assert.same({ ["10"] = 1, ["2"] = 2, a = 3, b = 4 }, ids)
    assert.same({ "x" }, (data.classes({ { sign = "x" } }, "sign")))
    assert.error_matches(function() data.classes({ {} }, "sign") end, "entry 1: expected a string, got nil")
    assert.error_matches(function() data.classes { "b", "caf\xE9" } end,
      "data.classes: argument 1 %(labels%), entry 2: byte 4 is 0xE9, which is no UTF%-8")
  end)
end)

describe("data.files", function()
  it("names the files of a folder", function()
    sh:write("it's/b.csv", "")
    sh:write("it's/a.csv", "")
    assert.same({ "a.csv", "b.csv" }, data.files(sh.folder .. "/it's/"))
    assert.matches("cannot be read", select(2, data.files(sh.folder .. "/missing")))
  end)
end)

describe("music", function()
  it("reads piano rolls", function()
    local path = sh:write("rolls.txt", "60 64\n-\n\n\n21\nnoise\n127 128\n")
    local text, pieces, lowest, highest = said(music.read_rolls, path)
    assert.matches("3 of 5 lines read 'MIDI numbers, or %-'", text)
    assert.same({ 2, 1, 21, 64 }, { #pieces[1], #pieces[2], lowest, highest })
    assert.same({ 61, 65 }, pieces[1][1]:nonzero():totable())
    assert.equal(0, pieces[1][2]:sum():item())
    assert.equal(2, #pieces)
  end)

  it("reads chords, and says which file is none", function()
    sh:write("tunes/2.csv", "a,b\n0,90\n62,0\n")
    sh:write("tunes/1.csv", "a,b\n60,61\n")
    local pieces, lowest, highest = music.read_chords(sh.folder .. "/tunes/")
    assert.same({ { { 60, 61 } }, { { 0, 90 }, { 62, 0 } } }, { pieces[1]:totable(), pieces[2]:totable() })
    assert.same({ 60, 90 }, { lowest, highest })
    for _, row in ipairs { "1,2,3", "1,1.5", "1,128", "1,-1", "1,x", "1," } do
      sh:write("tunes/3.csv", ("%s\n%s\n"):format(row == "1,2,3" and "a,b,c" or "a,b", row))
      local none, message = music.read_chords(sh.folder .. "/tunes/")
      assert.is_nil(none)
      assert.matches("tunes/3.csv: expected MIDI numbers from 0 to 127 of 2 voices", message)
    end
    sh:write("none/3.txt", "")
    assert.matches("has no CSV file", select(2, music.read_chords(sh.folder .. "/none/")))
  end)
end)

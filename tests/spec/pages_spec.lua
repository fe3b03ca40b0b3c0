-- README.md and the pages of docs/: their Lua blocks run and print what the pages say; the course is complete, in both
-- languages; and docs/check.lua, which sees to that, finds what is wrong.
local rnn = require "rnn"
local shell = require "support.shell"

local FOLDER = os.getenv "PWD"
local PROGRAM = os.getenv "RNNLUA" or FOLDER .. "/build/rnnlua"
local CHECK = shell.quote(PROGRAM) .. " " .. shell.quote(FOLDER .. "/docs/check.lua")

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function list(pattern)
  local names, pipe = {}, assert(io.popen("ls " .. pattern))
  for name in pipe:lines() do names[#names + 1] = name end
  pipe:close()
  return names
end

describe("docs/", function()
  it("has blocks that run and print what it says", function()
    local pipe = assert(io.popen(("RNNLUA=%s %s 2>&1"):format(shell.quote(PROGRAM), CHECK)))
    local out = pipe:read "a"
    print(out)
    assert(pipe:close(), out)
  end)

  it("has tables of the course that are up to date", function()
    local pipe = assert(io.popen(("%s docs/course.lua --check 2>&1"):format(shell.quote(PROGRAM))))
    local out = pipe:read "a"
    assert(pipe:close(), out)
    assert.equal("", out)
  end)
end)

describe("the course", function()
  local scripts = list "scripts/course/*.lua"

  it("has scripts of 20 to 60 lines without options", function()
    assert.is_true(#scripts >= 14)
    for _, path in ipairs(scripts) do
      local text = read(path)
      local _, lines = text:gsub("\n", "")
      assert.is_true(lines >= 20 and lines <= 60, ("%s has %d lines"):format(path, lines))
      assert.is_nil(text:find "%f[%w]arg%f[%W]", path)
    end
  end)

  it("has a page for each in both languages, with everything that a lesson has", function()
    for _, path in ipairs(scripts) do
      local name = path:match "([^/]*)%.lua$"
      local links = read "docs/course/README.md"
      assert(links:find("(" .. name .. ".md)", 1, true), name .. " is not among the lessons")
      for ending, count in pairs { [""] = 3, [".pt"] = 3 } do
        local page = read(("docs/course/%s%s.md"):format(name, ending))
        local where = name .. ending
        assert(page:find("<!-- file: " .. path .. " -->", 1, true), where .. " does not have the script")
        for _, block in ipairs { "\n```text\n", "\n```output\n", "\n```python\n" } do
          assert(page:find(block, 1, true), where .. ": " .. block)
        end
        assert(page:find("%(" .. name:gsub("%-", "%%-") .. "%.svg%)"), where .. " shows no picture")
        local _, exercises = page:gsub("\n%d%. ", "")
        local _, solutions = page:gsub("\n%*%*%d%.%*%* ", "")
        assert.equal(count, exercises, where)
        assert.equal(count, solutions, where)
      end
    end
  end)

end)

describe("README.md and docs/", function()
  local pages = list "README*.md docs/*.md docs/*/*.md"

  it("have small pictures and links that lead somewhere", function()
    for _, path in ipairs(pages) do
      local folder = path:match "^(.*/)" or ""
      for target in read(path):gsub("```.-\n```", ""):gsub("`[^`\n]*`", ""):gmatch "%]%(([^)#]+)" do
        local file = io.open(folder .. target, "rb")
        assert(file, ("%s: there is no %s"):format(path, target))
        assert.is_true(not target:find "%.svg$" or file:seek "end" < 70000, target .. " is large")
        file:close()
      end
    end
  end)

  it("mark in Portuguese what is linked to and is English", function()
    for _, path in ipairs(pages) do
      if path:find "%.pt%.md$" then
        local own = path:match "([^/]*)%.pt%.md$"
        for line in read(path):gsub("%[English%]%b()", ""):gsub("\n([^%s|])", " %1"):gmatch "[^\n]+" do
          for target in line:gmatch "%]%(([^)]+%.md)[)#]" do
            local name = target:match "[^/]*$"
            assert(name:find "%.pt%.md$" or name == own .. ".md" or name == "glossary.md"
              or line:find("em inglês", 1, true), ("%s: %s is not marked"):format(path, target))
          end
        end
      end
    end
  end)

  it("have a glossary whose rows say what a word means in both languages", function()
    local rows = 0
    for line in read "docs/glossary.md":gmatch "\n(| [^\n]*)" do
      local _, cells = line:gsub(" | ", "")
      assert.equal(4, cells, line)
      rows = rows + 1
    end
    assert.is_true(rows > 60)
  end)

  it("name nothing that help does not know", function()
    local doc, topics = require "rnn.doc", require "rnn.doc.pages"
    for _, path in ipairs(pages) do
      if not path:find "manual%.md$" and not path:find "phrasebook%.md$" then
        local text = read(path):gsub("```.-\n```", "")
        for name in text:gmatch "`%?([%w_.:]+)`" do
          assert(name == "name" or doc.entry(name) or topics.find(name), ("%s: ?%s"):format(path, name))
        end
        for name in text:gmatch "`(rnn%.[%l_]+)[`(]" do
          assert(doc.entry(name) or rnn[name:sub(5)], ("%s: %s"):format(path, name))
        end
      end
    end
  end)

  it("begin with a README of at most 120 lines", function()
    for _, path in ipairs(list "README*.md") do
      local _, lines = read(path):gsub("\n", "")
      assert.is_true(lines <= 120, ("%s has %d lines"):format(path, lines))
    end
  end)
end)

describe("--help of the scripts", function()
  it("is in Portuguese where the terminal is, whole, and nothing is translated that none of them says", function()
    local catalogue, said = dofile "scripts/pt.lua", {}
    for _, path in ipairs(list "scripts/*.lua") do
      local pipe = assert(io.popen(("LC_ALL= LC_MESSAGES= LANG=pt_BR.UTF-8 %s %s --help 2>&1"):format(
        shell.quote(PROGRAM), path)))
      local help = pipe:read "a"
      pipe:close()
      if path ~= "scripts/pt.lua" then
        assert.matches("uso: rnnlua scripts/.- %[opções%]", help)
        assert.is_nil(help:find("em inglês", 1, true), help)
        said[#said + 1] = help:gsub("\n  ", "\n")
      end
    end
    local all = table.concat(said)
    for english, portuguese in pairs(catalogue) do
      assert(all:find(portuguese, 1, true), "no script says: " .. english)
    end
  end)
end)

describe("docs/check.lua", function()
  local function fence(language, text) return ("```%s\n%s```\n"):format(language, text) end
  local PAGE <const> = "# A page\n\nText.\n\n" .. fence("lua", "print(1 + 1)\n") .. "\n" .. fence("output", "2\n")

  -- What it says of pages: { name = text }, and whether it is content; sh:run's folder holds them.
  local function check(sh, pages, options)
    for name, text in pairs(pages) do sh:write("docs/" .. name, text) end
    local out, _, code = sh:run(("RNNLUA=%s %s %s"):format(shell.quote(PROGRAM), CHECK, options or ""))
    return out, code == 0
  end

  local function fresh()
    local sh = shell.new()
    finally(function() sh:remove() end)
    return sh
  end

  it("is content with a page that is right", function()
    local out, ok = check(fresh(), { ["a.md"] = PAGE })
    assert.is_true(ok, out)
    assert.matches("1 blocks of 1 pages ran", out)
  end)

  it("finds an output that is wrong, by a byte, and mends it", function()
    for _, wrong in ipairs { "3\n", "2 \n", "2\n\n", "" } do
      local sh = fresh()
      local page = PAGE:gsub("2\n```\n$", wrong .. "```\n")
      local out, ok = check(sh, { ["a.md"] = page })
      assert.is_false(ok, out)
      assert.matches("docs/a.md:5: line %d is", out)
      assert.equal(page, read(sh.folder .. "/docs/a.md"))
      out, ok = check(sh, {}, "--fix")
      assert.is_true(ok, out)
      assert.equal(PAGE, read(sh.folder .. "/docs/a.md"))
    end
  end)

  it("finds a block that fails, one that should fail and does not, and the message of one that fails", function()
    local out, ok = check(fresh(), { ["a.md"] = fence("lua", "error 'no'\n") })
    assert.is_false(ok)
    assert.matches("docs/a.md:1: block.lua:1: no", out)
    out, ok = check(fresh(), { ["a.md"] = "<!-- fails -->\n" .. fence("lua", "print(1)\n") })
    assert.is_false(ok, out)
    out, ok = check(fresh(), { ["a.md"] = fence("lua", "require('rnn').nn.Encoder { vocab = 9, hidden = 4 }\n") })
    assert.is_false(ok, out)
    assert.matches("'hidden' is an earlier name", out)
    local failing = "<!-- fails -->\n" .. fence("lua", "print(1)\nerror 'no'\n")
    out, ok = check(fresh(), { ["a.md"] = failing .. "\n" .. fence("output", "1\nblock.lua:2: no\n") })
    assert.is_true(ok, out)
    out, ok = check(fresh(), { ["a.md"] = failing .. "\n" .. fence("output", "1\nblock.lua:2: yes\n") })
    assert.is_false(ok, out)
  end)

  it("runs each block in a folder and with names of its own", function()
    local out, ok = check(fresh(), { ["a.md"] = fence("lua", "x = 1\nio.open('file', 'w'):close()\n")
      .. fence("lua", "print(x, (io.open 'file'))\n") .. "\n" .. fence("output", "nil\tnil\n") })
    assert.is_true(ok, out)
  end)

  it("goes on in the folder of the block before, and runs commands there", function()
    local sh = fresh()
    local page = "<!-- as: make.lua -->\n" .. fence("lua", "io.open('file', 'w'):write 'x':close()\n")
      .. "\n<!-- goes on -->\n" .. fence("lua", "print(io.open 'file':read 'a')\n") .. "\n" .. fence("output", "x\n")
      .. "\n" .. fence("console", "$ cat file; rm file\nx$ rnnlua make.lua && cat file\n") .. "\n"
    local out, ok = check(sh, { ["a.md"] = page })
    assert.is_false(ok, out) -- the second command stands in the output of the first
    out, ok = check(sh, { ["a.md"] = page:gsub("x%$ rnnlua.-\n", "x\n") }, "--fix")
    assert.is_true(ok, out)
    out, ok = check(fresh(), { ["a.md"] = fence("console", "$ echo one\none\n$ echo two\nthree\n") })
    assert.is_false(ok, out)
    out, ok = check(fresh(), { ["a.md"] = fence("console", "$ echo one\none\n$ echo two\ntwo\n") })
    assert.is_true(ok, out)
    out, ok = check(fresh(), { ["a.md"] = fence("console", "$ false\n") })
    assert.is_false(ok, out)
    assert.matches("false ends with 1", out)
  end)

  it("says what it leaves out and why, and wants a reason", function()
    local block = fence("lua", "listen()\n")
    local out, ok = check(fresh(), { ["a.md"] = "<!-- not run: it asks for a microphone -->\n" .. block })
    assert.is_true(ok, out)
    assert.matches("left out: docs/a.md:2: it asks for a microphone", out)
    out, ok = check(fresh(), { ["a.md"] = "<!-- not run: -->\n" .. block })
    assert.is_false(ok, out)
    out, ok = check(fresh(), { ["a.md"] = "<!-- needs: no-such-data -->\n" .. block })
    assert.is_true(ok, out)
    assert.matches("no no%-such%-data below RNNLUA_DATA", out)
  end)

  it("fails when a page has fewer blocks than before", function()
    local sh = fresh()
    assert.is_true(select(2, check(sh, { ["a.md"] = PAGE, ["b.md"] = PAGE }, "--fix")))
    local out, ok = check(sh, { ["b.md"] = "# Nothing\n" })
    assert.is_false(ok)
    assert.matches("docs/b.md: 0 blocks, there were 1", out)
    sh:run "rm docs/b.md"
    assert.is_false(select(2, check(sh, {})))
    assert.is_true(select(2, check(sh, {}, "--fix")))
    assert.is_true(select(2, check(sh, {})))
  end)

  it("compares a block with its file and a picture with the one that it draws", function()
    local sh = fresh()
    local script = "local f = io.open('a.svg', 'w')\nf:write '<svg/>'\nf:close()\n"
    sh:write("draw.lua", script)
    local page = "<!-- file: draw.lua -->\n" .. fence("lua", "print(1)\n") .. "\n![a](a.svg)\n"
    assert.is_false(select(2, check(sh, { ["a.md"] = page })))
    assert.is_true(select(2, check(sh, {}, "--fix")))
    assert.equal("<svg/>", read(sh.folder .. "/docs/a.svg"))
    assert(read(sh.folder .. "/docs/a.md"):find(script, 1, true))
    assert.is_true(select(2, check(sh, {})))
    sh:write("docs/a.svg", "<svg />")
    local out, ok = check(sh, {})
    assert.is_false(ok)
    assert.matches("a.svg is not the picture that it makes", out)
  end)

  it("compares a translation with its original", function()
    local sh = fresh()
    local english = PAGE:gsub("Text%.", "This is a sentence that nobody has translated so far.")
    local out, ok = check(sh, { ["a.md"] = english, ["a.pt.md"] = PAGE:gsub("Text", "Texto") })
    assert.is_true(ok, out)
    for name, page in pairs { ["the block is not"] = PAGE:gsub("1 %+ 1", "1  + 1"), ["not translated"] = english,
      ["blocks, the original"] = "# Uma\n", ["headings"] = PAGE .. "\n## Mais\n" } do
      out, ok = check(sh, { ["a.pt.md"] = page })
      assert.is_false(ok, name)
      assert(out:find(name, 1, true), out)
    end
    local function equation(words) return PAGE .. "\n" .. fence("text", words) end
    out, ok = check(sh, { ["a.md"] = equation "the sum\n", ["a.pt.md"] = equation "a soma\n" })
    assert.is_true(ok, out)
    out, ok = check(sh, { ["a.md"] = english, ["a.pt.md"] = english:gsub("This", "<!-- untranslated -->\nThis") })
    assert.is_true(ok, out)
  end)
end)

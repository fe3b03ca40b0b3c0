-- tests/checks/layers.lua finds what is planted in a copy of the sources: wrong arrows, circles, stale lines.
local shell = require "support.shell"

local program, here = os.getenv "RNNLUA", io.popen "pwd":read "l"
if not program then return end

describe("the borders between parts", function()
  local copy

  before_each(function()
    copy = shell.new()
    copy:run(("cp -r %s/core %s/bindings %s/stdlib . && mkdir docs && cp %s/docs/architecture.svg docs")
      :gsub("%%s", function() return shell.quote(here) end))
  end)
  after_each(function() copy:remove() end)

  local function check()
    local out, err, code = copy:run(("%s %s/tests/checks/layers.lua ."):format(program, shell.quote(here)))
    assert.equal("", err)
    local wrong = {}
    for line in out:gmatch "wrong: ([^\n]*)" do wrong[#wrong + 1] = line end
    assert.equal(#wrong == 0 and 0 or 1, code)
    return wrong
  end

  local function plant(name, pattern, by)
    local file = assert(io.open(copy.folder .. "/" .. name))
    local text = file:read "a"
    file:close()
    local changed, count = text:gsub(pattern, by, 1)
    assert.equal(1, count)
    copy:write(name, changed)
  end

  local function first_line(text) return "^", text .. "\n" end

  it("are kept", function() assert.same({}, check()) end)

  it("are not crossed by a require at the top of a file", function()
    plant("stdlib/rnn/nn/linear.lua", first_line 'local fit = require "rnn.train.fit"')
    local wrong = check()
    assert.matches("nn/linear.lua uses stdlib/rnn/train/fit.lua .*: nn may not use train", wrong[1])
  end)

  for how, text in pairs {
    ["inside a function"] = 'local function f() return require("rnn.plot").lines end',
    ["in another quoting"] = "local plot = pcall(require, 'rnn.plot')",
    ["of a name that is put together"] = 'local function f(x) return require("rnn.plot." .. x) end',
  } do
    it("are not crossed by a require " .. how, function()
      plant("stdlib/rnn/data/windows.lua", first_line(text))
      assert.matches("data/windows.lua uses stdlib/rnn/plot/%w+.lua .*: data may not use plot", check()[1])
    end)
  end

  it("are not crossed by comments and texts", function()
    plant("stdlib/rnn/nn/linear.lua", first_line '-- require "rnn.train"\n--[[ require "rnn.plot" ]]')
    plant("stdlib/rnn/nn/linear.lua", first_line [[local s = "a \"require 'rnn.train'\" in a text"]])
    plant("core/optim.c", first_line '/* #include "recurrent/engine.h" and rnni_watch_open(ctx) */')
    assert.same({}, check())
  end)

  it("are not crossed by an #include", function()
    plant("core/tensor.c", '#include "internal.h"', '#include "internal.h"\n#include "tape.h"')
    assert.same({ "core/tensor.c uses core/tape.h (#include tape.h): tensors may not use tape" }, check())
  end)

  it("are not crossed by an #include that goes up a folder", function()
    plant("core/ops/sort.c", '#include "lines.h"', '#include "lines.h"\n#include "../recurrent/engine.h"')
    assert.matches("core/ops/sort.c uses core/recurrent/engine.h .*: ops may not use engine", check()[1])
  end)

  it("are not crossed by a call of what a common header declares", function()
    plant("core/mem.c", "rnni_fail%(", "rnni_fill_by(ctx, NULL, NULL, NULL) + rnni_fail(")
    assert.matches("core/mem.c uses core/assign.c %(rnni_fill_by%): context may not use tape", check()[1])
    plant("core/internal.h", "RNN_MUST_USE static inline rnn_status rnni_pace%b() {", "%0\n  rnn_backward(ctx, 0, 0);")
    assert.matches("core/internal.h uses core/backward.c", table.concat(check(), "\n"))
  end)

  it("are not crossed by bindings that reach behind rnn.h", function()
    plant("bindings/box.c", '#include "binding.h"', '#include "binding.h"\n#include "internal.h"')
    assert.matches("bindings/box.c uses core/internal.h .*: arguments may not use context", check()[1])
  end)

  it("leave no circle between the files of a part", function()
    plant("bindings/error.c", "lrnn_context%(L%)", '(lrnn_check_tensor(L, "x", 1), lrnn_context(L))')
    assert.matches("a circle: .*bindings/error.c", table.concat(check(), "\n"))
    plant("stdlib/rnn/text/characters.lua", first_line 'local read = require "rnn.text.read"')
    assert.matches("a circle: [^\n]*text/read.lua", table.concat(check(), "\n"))
  end)

  it("name every file, and no file that is gone", function()
    copy:write("core/another.c", "int x;\n")
    copy:write("stdlib/rnn/another.lua", "return 1\n")
    os.remove(copy.folder .. "/stdlib/rnn/music.lua")
    local wrong = table.concat(check(), "\n")
    assert.matches("core/another.c: is in no part", wrong)
    assert.matches("stdlib/rnn/another.lua: is in no part", wrong)
    assert.matches("there is no stdlib/rnn/music", wrong)
  end)

  it("have a picture that is current", function()
    copy:write("docs/architecture.svg", "<svg/>")
    assert.matches("architecture.svg is not that of this table", check()[1])
  end)
end)

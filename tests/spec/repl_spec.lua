-- The prompt without a terminal: what it prints for the lines it is given. In a terminal: tests/c/test_prompt.c.
local complete = require "rnn.repl.complete"
local pretty = require "rnn.repl.pretty"
local top_locals = require "rnn.repl.locals"
local rnn = require "rnn"
local shell = require "support.shell"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"

-- What the prompt says to lines, without banner and prompts -> standard output, standard error.
local function talk(lines, options)
  local sh = shell.new()
  sh:write("lines", lines)
  local out, err, code = sh:run(("%s -i %s -e '_PROMPT, _PROMPT2 = \"\", \"\"' < lines"):format(shell.quote(PROGRAM),
    options or ""))
  sh:remove()
  assert.equal(0, code)
  return out:gsub("^[^\n]*\n", "", 1):gsub("\n$", ""), err
end

local function says(expected, lines)
  local out, err = talk(lines)
  assert.same({ expected, "" }, { out, err })
end

describe("the prompt", function()
  it("introduces itself", function()
    local sh = shell.new()
    local out = sh:run(shell.quote(PROGRAM) .. " -i --double --threads 1")
    sh:remove()
    assert.matches("^rnnlua [%d.]+ · Lua 5.4 · kernels [%w-]+ · 1 thread · double      %? for help\n> \n$", out)
  end)

  it("shows values", function()
    says("1\n", "1")
    says("2\n", "= 1 + 1")
    says("1\tnil\ta\n", "1, nil, 'a'")
    says("nil\n", "x")
    says("", "x = 1\n\n   \nlocal_ = 2")
    says("{ 1 }\n{ 2 }\n", "{ 1 }\n{ 2 }")
    -- the child computes in float
    says(tostring(rnn.zeros(2, 3)):gsub("double", "float") .. "\n", "rnn.zeros(2, 3)")
  end)

  it("breaks vectors and cuts the rows of matrices that are too long for a line", function()
    local out = talk "rnn.arange(100)\nrnn.ones(2, 30)"
    local rows = 0
    for line in out:gmatch("[^\n]+") do
      if line:find("%d") then assert.is_true(#line <= 80) end
      rows = rows + 1
    end
    assert.equal(1 + 6 + 1 + 1 + 2, rows) -- heads, 100 numbers by 19, bars, two rows
    assert.matches("\n    1   2   3", out)
    assert.matches("\n  1.0000[ 1.0]+ ... [1.0 ]+\n", out)
  end)

  it("ends at the words of other prompts, and answers help, unless these are names of the user", function()
    for _, word in ipairs { "quit()", "exit()", "quit", "exit" } do says("1\n", "1\n" .. word .. "\n2") end
    says("7\n2\n", "function quit() return 7 end\nquit()\n2")
    for _, text in ipairs { "help", "help()" } do assert.matches("^The prompt\n", (talk(text))) end
    says("3\n", "help = 3\nhelp")
  end)

  it("keeps the last value in _", function()
    says("6\n42\n42\n", "6\n_ * 7\nprint(_)")
    says("1\nnil\n1\n", "1\nnil\n_")
  end)

  it("reads on while an entry is unfinished", function()
    says("3\n", "function add(a, b)\n  return a + b\nend\nadd(1,\n2)")
    says("{ 1, 2 }\n", "{ 1,\n\n2 }")
    says("a\nb\n", "[[a\nb]]")
  end)

  it("has rnn, nn, optim and data", function()
    says("true\ttrue\ttrue\ttrue\n",
      'rnn == require "rnn", nn == rnn.nn, optim == rnn.optim, data == rnn.data')
  end)

  it("survives errors and shows where they are", function()
    local out, err = talk("error('first')\nx = = 1\nerror({})\nrnn.zeros(2):matmul(rnn.zeros(3))\n40 + 2")
    assert.equal("42\n", out)
    assert.matches("^stdin:1: first\n\tstdin:1: in main chunk\ninside:\n\t%[C%]: in function 'error'\n"
      .. "stdin:1: unexpected symbol near '='\n%(error object is a table value%)\n", err)
    assert.matches("\nstdin:1: matmul: ", err)
    assert.is_nil(err:find("repl"))
  end)

  it("has the user's line in every message, also that of a call that is the whole entry", function()
    local _, err = talk "nn.LSTM(3)\nfunction f(n) local x = nn.LSTM(n) return x end\nf(2)"
    assert.matches("^stdin:1: nn.LSTM: argument 2 .-\n\tstdin:1: in main chunk\ninside:\n", err)
    assert.matches("\n\tstdin:1: in function 'f'\n\tstdin:1: in main chunk\ninside:\n", err)
    says("1\t2\t3\n", "(function() return 1, 2, 3 end)()")
    says("2\n", "_rnnlua = 2\n_rnnlua")
  end)

  it("shows functions with their parameters", function()
    says("f(a, ...)   stdin:1\n", "function f(a, ...) end\nf")
    says("function(b)   stdin:1\n", "(function(b) end)")
    assert.matches("^rnn.fit%(model, options%) %-> history\n$", (talk "rnn.fit"))
    assert.matches("^print: a function made in C", (talk "print"))
  end)

  it("does not depend on globals that users may redefine", function()
    says("{ 1 }\n", "load, tostring, print, pcall, require, type, table, next, string, math, core = nil\n{ 1 }")
  end)

  it("tells of locals that are gone", function()
    says("note: local x ended with this entry; without 'local' it would stay\nnil\n", "local x = 1\nx")
  end)

  it("helps", function()
    assert.matches("Ctrl%-D +leaves", (talk "?"))
    assert.matches("^rnn.matmul%(", (talk "?matmul"))
    assert.matches("^rnn.fit", (talk " ? rnn.fit"))
    assert.equal("no help for 'nothing.here'; ? alone tells what can be asked\n", (talk "?nothing.here"))
    assert.equal("f(a, ...)   stdin:1\n", (talk "function f(a, ...) end\n?f"))
    assert.equal("t: a table\n{ 1 }\n", (talk "t = { 1 }\n?t"))
  end)
end)

describe("a block of several lines", function()
  local compile = require("rnn.repl.reading").compile

  local function values(text)
    local f, message = compile(text, setmetatable({}, { __index = _G }))
    assert(f, message)
    return table.concat({ f() }, " ")
  end

  it("gives the values of the expression that it ends with", function()
    assert.equal("3", values "x = 1\nx + 2")
    assert.equal("1 2", values "local a, b = 1, 2\na, b")
    assert.equal("6", values "t = { 1, 2, 3 }\n-- their sum\nt[1]\n  + t[2]\n  + t[3]\n\n-- so much\n")
    assert.equal("a\nb", values "s = [[\na\nb]]\ns")
    assert.equal("4", values "f = function(x)\n  return x\nend\nf(\n  4\n)")
  end)

  it("gives none where it ends with a statement, and means what it means to Lua", function()
    for _, text in ipairs { "x = 1\nx = 2", "for i = 1, 2 do\n  tostring(i)\nend", "x =\n1", "x = {\n1,\n2 }",
      "x = [[\na\n]]", "if true then\n  x = 1\nend", "x = 1 --[[\nx\n]]", "x = tostring\n(1)",
      "x = tostring\n'1'", "do\n  local y = 1\nend" } do
      assert.equal("", values(text), text)
    end
    local environment = setmetatable({}, { __index = _G })
    compile("x = tostring\n(1)", environment)()
    assert.equal("1", environment.x)
  end)

  it("names the line of an error", function()
    local _, message = pcall(compile("x = 1\nx.y.z", {}))
    assert.matches("^stdin:2: ", message)
    assert.matches("^stdin:2: ", (select(2, compile("x = 1\nx = =", {}))))
  end)
end)

describe("tensors in lines of so many columns", function()
  local core = require "rnn.core"
  local function widest(text)
    local most = 0
    for line in text:gmatch "[^\n]+" do most = math.max(most, utf8.len(line)) end
    return most
  end

  it("fit, whatever they hold", function()
    local tensors = { rnn.ones(2, 7), rnn.randn(3, 200), rnn.randn(2, 3, 50), rnn.randn(50, 50), rnn.arange(500),
      rnn.randn(3, 4) * 1e30, rnn.zeros(2, 0), rnn.zeros(0, 2), rnn.ones(1, 1), rnn.ones() }
    for _, x in ipairs(tensors) do
      for _, columns in ipairs { 20, 33, 60, 80, 200 } do
        assert.is_true(widest(core.tensor_text(x, columns)) <= columns, columns)
      end
    end
  end)

  it("are cut in the middle of a row, and only where they must be", function()
    local x = rnn.arange(12):reshape(1, 12)
    assert.equal("1×12 int32\n   1  2  3  4  5  6  7  8  9 10 11 12", core.tensor_text(x, 37))
    assert.equal("1×12 int32\n   1  2  3  4  5 ...  8  9 10 11 12", core.tensor_text(x, 36))
    assert.equal("1×12 int32\n   1  2  3 ... 11 12", core.tensor_text(x, 20))
    assert.equal(tostring(x), core.tensor_text(x, 80))
  end)

  it("says what is wrong", function()
    assert.error_matches(function() core.tensor_text(rnn.ones(2), 19) end, "20 to 100000 columns")
    assert.error_matches(function() core.tensor_text({}, 80) end, "tensor_text: argument 1")
  end)
end)

describe("commands of the prompt", function()
  it("measure time and memory", function()
    assert.matches("^3\n%S+ %S+   Lua heap [+-]%d+ kB, tensors %d+ B more, at most %d+ B\n", (talk "%time 1 + 2"))
    assert.matches("^%S+ %S+ ± %S+ %S+ a run, the best .* %(7 times %d+ runs%)\n$", (talk "%timeit x = 1"))
    assert.matches("^tensors .*, at most .* Lua heap", (talk "%mem"))
    assert.matches("^code is wanted", (talk "%time"))
    assert.matches("unfinished, 3\n", (talk "%time print('unfinished, ' ..\n1 + 2)"))
  end)

  it("list, save, load and forget", function()
    local path = os.tmpname()
    os.remove(path)
    assert.equal("x  number 1\nx = 1\n%who\n%hist\n", (talk "x = 1\n%who\n%hist"))
    assert.equal("%hist 1\n", (talk "x = 1\n%hist 1"))
    assert.equal("2 entries written to " .. path .. "\n", (talk("x = 41\ny = x + 1\n%save " .. path)))
    assert.equal("42\n", (talk("%load " .. path .. "\ny")))
    assert.equal(path .. " is there already\n", (talk("%save " .. path)))
    os.remove(path)
    local typed = { "6 -- six", "_ * 7", "= _ + 1", "x, y = 2, 3", "x, y", "nil", "print(x)", "z", "math.max(x, 9)",
      "function f()\n  return _\nend\nf() + 1", "for i = 1, 2 do z = i end" }
    local all = table.concat(typed, "\n") .. "\n"
    local out, err = talk(all .. "%save " .. path)
    assert.equal("", err)
    assert.matches("12 entries written", out)
    out, err = talk("%load " .. path .. "\nz, _, y, x")
    assert.equal("", err)
    assert.equal("6\n42\n43\n2\nnil\n2\nnil\n9\n10\n2\t10\t3\t2\n", out)
    os.remove(path)
    assert.equal("1 variables forgotten\nnil\n", (talk "x = 1\n%reset\nx"))
    assert.matches("^there is no %%fly; there are %%apropos %%hist", (talk "%fly"))
  end)

  it("run in the shell", function()
    assert.equal("42\n", (talk ";echo 42"))
    assert.equal("(exit 3)\n", (talk ";exit 3"))
  end)

  it("show sources", function()
    assert.equal("-- stdin:1\nfunction f(a)\n  return a\nend\n", (talk "function f(a)\n  return a\nend\n??f"))
    assert.matches("function shapes%.split%(x, axis, sizes%)", (talk "??rnn.split"))
    assert.matches("^%-%- lstm.lua", (talk "nn.LSTM??"))
    assert.equal("rnn.zeros is made in C; ?rnn.zeros tells what it does\n", (talk "??rnn.zeros"))
  end)

  it("draw vectors", function()
    assert.matches("\n ▁▅█\n$", (talk "rnn.arange(3)"))
    assert.matches("\n ▁ █\n$", (talk "rnn.tensor { 1, 0/0, 2 }"))
    assert.matches("\n [▁▂▃▄▅▆▇█]+\n$", (talk "rnn.arange(10000)"))
  end)
end)

describe("the variables of a waiting function", function()
  local frames = require "rnn.repl.frames"

  it("are read and changed", function()
    local outer, seen = "outer", {}
    local co = coroutine.create(function(argument)
      local x = 1
      local inner = "hidden"
      do
        local inner = "in sight" -- luacheck: ignore 421
        coroutine.yield()
        seen.inner = inner
      end
      seen.x, seen.outer, seen.argument = x, outer, argument
      return inner
    end)
    coroutine.resume(co, "given")
    local environment, place = frames.environment(co)
    assert.matches("repl_spec.lua:%d+$", place)
    assert.same({ 1, "in sight", "outer", "given", print }, { environment.x, environment.inner, environment.outer,
      environment.argument, environment.print })
    for _, name in ipairs { "x", "inner", "outer", "argument", "seen" } do
      assert.is_true(getmetatable(environment).names[name])
    end
    environment.x, environment.inner, environment.outer = 2, "changed", "changed too"
    environment.new_global = 3
    assert.equal(3, rawget(_G, "new_global"))
    rawset(_G, "new_global", nil)
    local _, hidden = coroutine.resume(co)
    assert.same({ x = 2, inner = "changed", outer = "changed too", argument = "given" }, seen)
    assert.equal("hidden", hidden)
  end)
end)

describe("pretty", function()
  it("shows plain values as they are", function()
    assert.equal("text", pretty("text"))
    assert.equal("1.0", pretty(1.0))
    assert.equal("nil", pretty(nil))
  end)

  it("opens tables: the array, then names, numbers and the rest", function()
    assert.equal("{}", pretty {})
    assert.equal('{ 1, "a\\n", a = true, b = {}, ["c d"] = 1, ["end"] = 2, [2.5] = 3, [true] = 4 }',
      pretty { 1, "a\n", b = {}, a = true, ["c d"] = 1, ["end"] = 2, [2.5] = 3, [true] = 4 })
  end)

  it("marks cycles, but not what merely occurs twice", function()
    local shared, t = { 1 }, {}
    t.a, t.b, t.me = shared, shared, t
    assert.equal("{ a = { 1 }, b = { 1 }, me = <cycle> }", pretty(t))
  end)

  it("stops at a depth and at a number of items", function()
    assert.equal("{ { { { {…} } } } }", pretty { { { { { 1 } } } } })
    local long = {}
    for i = 1, 1000 do long[i] = i end
    assert.matches("30, … 970 more }$", pretty(long, 1000))
    local wide = {}
    for i = 1, 30 do wide[i] = { i, { i }, { i }, { i }, { i }, { i }, { i }, { i } } end
    assert.is_true(#pretty(wide) < 10000)
    assert.matches("^{ \"x+\"… %(1000 bytes%) }$", pretty({ ("x"):rep(1000) }, 1000))
  end)

  it("breaks lines at the width", function()
    local words = {}
    for i = 1, 20 do words[i] = ("word"):rep(3) end
    local text = pretty({ words, key = words }, 60)
    for line in text:gmatch("[^\n]+") do assert.is_true(#line <= 60) end
    assert.equal(text:match("^{\n"), "{\n")
  end)

  it("lets objects speak for themselves, in one line inside tables", function()
    assert.equal(("{ 2×3 %s, x = me }"):format(rnn.precision()), pretty { rnn.zeros(2, 3),
      x = setmetatable({ 1 }, { __tostring = function() return "me\nmore" end }) })
  end)

  it("names what a lazy table has not loaded", function()
    local lazy = setmetatable({ b = 1 }, { names = { a = true, b = true, c = true } })
    assert.equal("{ b = 1, a = …, c = … }", pretty(lazy))
  end)
end)

describe("completion", function()
  local function completes(before, ...) assert.same({ ... }, complete(before)) end

  it("knows globals and keywords", function()
    completes("rawe", "rawequal")
    completes("repe", "repeat")
    completes("nosuch")
    completes("x = f(rawe", "rawequal")
    completes("'a'..rawe", "rawequal")
  end)

  it("follows fields and __index tables", function()
    completes("string.form", "format")
    completes("print(a..string.form", "format")
    completes("f().form")
    local base = setmetatable({ field_b = print }, { __index = { field_c = 2 } })
    _G.object = setmetatable({ field_a = 1 }, { __index = base })
    completes("object.field_", "field_a", "field_b", "field_c")
    completes("object:field_", "field_b")
    _G.object = nil
  end)

  it("never calls a function, and ends on cycles", function()
    local called
    _G.object = setmetatable({}, { __index = function() called = true end })
    completes("object.x")
    completes("object.x.y")
    local cycle = {}
    _G.object = setmetatable(cycle, cycle)
    cycle.__index = cycle
    completes("object.x")
    completes("object.x.y")
    _G.object = nil
    assert.is_nil(called)
  end)

  it("knows lazy modules and tensors", function()
    _G.rnn, _G.x = rnn, rnn.zeros(1)
    completes("rnn.EarlySt", "EarlyStopping")
    completes("x:matm", "matmul")
    completes("x:with_", "with_lengths")
    _G.rnn, _G.x = nil, nil
  end)

  it("knows the options of what is called", function()
    _G.nn, _G.opt, _G.optim = rnn.nn, nil, rnn.optim
    completes("nn.LSTM(3, 4, { la", "layer_norm = ", "layers = ")
    completes("m = nn.LSTM(f(3), 4, { layers = 2, dro", "dropout = ")
    completes("nn.Linear(3, 4, { bias = { la")
    completes("nn.LSTM(3, 4, { layers = 2, merge = ", '"concat"', '"mean"', '"sum"')
    completes("nn.LSTM(3, 4, { merge = su", '"sum"')
    completes("nn.LSTM(3, 4, { peepholes = t", "true")
    completes("optim.SGD(params, {", "lr = ", "momentum = ", "nesterov = ", "weight_decay = ")
    _G.nn, _G.opt, _G.optim = nil, nil, nil
    completes("require 'rnn.nn.lst", "rnn.nn.lstm")
    completes("f('rawe")
    completes("f('it\\'s rawe")
    completes("f('a') .. rawe", "rawequal")
  end)

  it("knows the values of an option in a string that is begun", function()
    completes('nn.Linear(1, 2, { kernel = "glo', "glorot_normal", "glorot_uniform")
    completes("nn.LSTM(1, 2, { units = 3, kernel = 'ze", "zeros")
    completes('nn.Linear(1, 2, { kernel = "none')
    completes('print { kernel = "glo')
  end)

  it("knows the commands", function()
    completes("%ti", "time", "timeit")
    completes("  %who", "who")
    completes("x = 5 %who")
  end)

  it("knows the variables of a loop", function()
    local environment = setmetatable({}, { names = { loss_here = true }, __index = { loss_here = { item = 1 } } })
    assert.same({ "loss_here" }, complete("loss_", environment))
    assert.same({ "item" }, complete("loss_here.it", environment))
  end)

  it("hides names with an underscore until they are asked for", function()
    _G.object = { _hidden = 1, shown = 2 }
    completes("object.", "shown")
    completes("object._", "_hidden")
    _G.object = nil
  end)
end)

describe("top-level locals", function()
  local function has(text, ...) assert.same({ ... }, top_locals(text)) end

  it("are found", function()
    has("local x = 1", "x")
    has("local a <const>, b <close> = 1, nil local function f() local inner end", "a", "b", "f")
    has("x = 1; local y", "y")
    has("if x then y() end repeat local no until true for i = 1, 2 do local no end local yes", "yes")
  end)

  it("are not seen in blocks, strings and comments", function()
    has("do local x end")
    has("function f() local x end")
    has([[x = "local a = 1" .. 'it\'s local b' -- local c]])
    has("x = [==[ local a ]] ]==] --[[ local b ]] --[=[ local\nc ]=]")
    has("x.local_ = 1 locals = 2")
    has([[x = "\\" local a]], "a")
  end)
end)

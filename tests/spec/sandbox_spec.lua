-- rnnlua --sandbox: what a script may do in it, what it may not, and what is said. The attempts to get out are in
-- tests/sandbox/attempts.
local core = require "rnn.core"
local shell = require "support.shell"
package.path = os.getenv "PWD" .. "/tests/sandbox/?.lua;" .. package.path
local try = require "try"

local PROGRAM = os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"

if core.sanitized then
  print "the sandbox is not tried under a sanitizer, which wants terabytes of addresses and files of its own"
  return
end

local sh
local function boxed(options, text)
  sh:write("script.lua", text)
  return sh:run(("mkdir -p w; %s --sandbox --write w %s script.lua"):format(shell.quote(PROGRAM), options))
end

local function old_kernel(abi, options, text)
  sh:write("script.lua", text)
  return sh:run(("mkdir -p w; %s %d %s --sandbox --write w %s script.lua"):format(shell.quote(try.old_kernel), abi,
    shell.quote(PROGRAM), options))
end

-- Without the kernel's walls here, the rest cannot be tried.
local _, why, code = (function()
  sh = shell.new()
  return boxed("", "print(1)")
end)()
if code == 3 then
  print("the sandbox cannot be tried here: " .. why)
  return
end
sh:remove()

-- Of x86-64: the calls of walls.c, but for rt_sigreturn, exit, exit_group and those whose arguments decide.
local CALLS = "0 1 3 5 7 8 11 12 13 14 17 18 19 20 21 24 25 28 35 39 63 73 74 75 77 79 82 83 84 87 89 96 98 99 100 "
  .. "102 104 107 108 131 138 186 201 202 204 217 218 219 228 229 230 258 262 263 264 267 269 271 273 309 316 318 332 "
  .. "334 439 "

describe("the sandbox holds", function()
  setup(function() sh = shell.new() end)
  teardown(function() sh:remove() end)

  local limited = {}
  for _, attempt in ipairs(try.list()) do
    if attempt.limits then
      limited[#limited + 1] = attempt
    else
      it(("%s: %s"):format(attempt.name, attempt.about), function()
        local folder = sh.folder .. "/scene"
        core.make_folder(folder)
        local free, said = try.freely(attempt, folder)
        if not free then print(("%s is not tried here: %s"):format(attempt.name, said:gsub("%s+", " "))) end
        try.scene(folder)
        local before = try.seen(folder)
        local out = try.boxed(attempt, folder)
        assert.is_false(try.escaped(out), out)
        assert.equal(before, try.seen(folder))
        assert.matches("sandbox: ended after", out)
        for wall in attempt.held:gmatch "%d" do
          out = try.boxed(attempt, folder, wall)
          assert.is_false(free and try.escaped(out), ("wall %s alone: %s"):format(wall, out))
        end
        out = try.boxed(attempt, folder, nil, shell.quote(try.old_kernel) .. " 2")
        assert.is_false(try.escaped(out), "with Landlock as of Linux 5.19: " .. out)
        assert.equal(before, try.seen(folder))
      end)
    end
  end

  -- Those that are answered are in bindings/host/walls.c; with arguments that are none, they do no harm.
  it("and the kernel answers no call but those of a list", function()
    local folder = sh.folder .. "/scene"
    core.make_folder(folder)
    sh:write("calls.lua", [=[
      -- rt_sigreturn, exit, exit_group; uretprobe and uprobe, which no filter sees and which end who makes them up
      local ends = { [15] = true, [60] = true, [231] = true, [335] = true, [336] = true }
      local odd = { [202] = "futex", [334] = "rseq" } -- say themselves that there is no such thing
      for number = 0, 600 do
        local _, why = raw(ends[number] and 1000 or number, -1, -1, -1, -1, -1, -1)
        if why ~= "ENOSYS" and why ~= "EPERM" or odd[number] then io.write(number, " ") end
      end
    ]=])
    local out = try.boxed({ path = sh.folder .. "/calls.lua" }, folder)
    local x32 = try.boxed({ path = sh:write("x32.lua", [=[
      for number = 0, 600 do assert(select(2, raw(number | 1 << 30, -1, -1, -1, -1, -1, -1)) == "ENOSYS") end
      print "none"
    ]=]) }, folder)
    if io.popen("uname -m"):read "l" ~= "x86_64" then return end
    assert.equal(CALLS, out:match "0 1 [%d ]+", out)
    assert.matches("none", x32)
  end)

  it("what takes time and memory, within two seconds of its limit", function()
    local free, held = {}, {}
    for _, attempt in ipairs(limited) do
      local folder = sh.folder .. "/" .. attempt.name
      core.make_folder(folder .. "/free")
      core.make_folder(folder .. "/box")
      free[attempt] = coroutine.wrap(function() return try.freely(attempt, folder .. "/free", coroutine.yield) end)
      held[attempt] = coroutine.wrap(function()
        return try.boxed(attempt, folder .. "/box", nil, nil, coroutine.yield)
      end)
      free[attempt]()
      held[attempt]()
    end
    for _, attempt in ipairs(limited) do
      local ok, said = free[attempt]()
      if not ok then print(("%s is not tried here: %s"):format(attempt.name, said:gsub("%s+", " "):sub(1, 200))) end
      local out = held[attempt]()
      assert.is_false(try.escaped(out), attempt.name)
      local seconds, limit = tonumber(out:match "after ([%d.]+) s"), tonumber(attempt.limits:match "time (%d+)s") or 8
      assert(seconds, attempt.name .. ": " .. out)
      assert.is_true(seconds <= limit + 2, ("%s: ended after %g s"):format(attempt.name, seconds))
      local named = out:find "wall [34]" or out:find "not enough memory" or out:find "too large"
      assert(named, attempt.name .. ": " .. out)
    end
  end)
end)

describe("the sandbox", function()
  before_each(function() sh = shell.new() end)
  after_each(function() sh:remove() end)

  it("lets a script do its work", function()
    sh:write("d/t.csv", "a,b\n1,2\n3,4\n")
    sh:write("lib/deep/mod.lua", "return { name = ..., os = os.execute }")
    sh:write("own.lua", "return _ENV")
    local out, err, exit = boxed("--read d --seed 3 --threads 2 -W", [[
      local rnn = require "rnn"
      local mod = require "lib.deep.mod"
      print(mod.name, (select(2, pcall(mod.os, "true"))), require "own" == _ENV, package.loaded.own == _ENV)
      package.preload.pre = function(name, where) return { name, where } end
      print(table.concat(require "pre", " "))
      print(#arg, arg[0], ...)
      print(rnn.data.csv("d/t.csv").count, table.concat(rnn.data.files "d", " "))
      local x = rnn.randn(400, 400)
      print((x:matmul(x)):size(1), rnn.linalg.solve(x, x):size(2), rnn.threads())
      local m = rnn.nn.LSTM(2, 3)
      print(rnn.save("w/m.safetensors", m), rnn.save("w/m.safetensors", m), rnn.load("w/m.safetensors", m) ~= nil)
      rnn.plot.lines({ { x = { 1, 2 }, y = { 1, 2 } } }, { file = "w/p.png", title = "Title" })
      print(io.open("w/p.png", "rb"):read(8) == "\137PNG\r\n\26\n", os.date("%Y", 0))
      print(load("return load, debug.traceback")(), load("return x", "c", "t", { x = 7 })())
      assert(io.open(os.tmpname(), "w")):write "x"
      print(os.rename("w/p.png", "w/q.png"), os.remove "w/q.png", tostring(os.getenv "HOME"))
    ]])
    assert.equal(0, exit, err)
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.matches("^lib.deep.mod\tos.execute .*wall 4.*\ttrue\ttrue$", lines[1])
    assert.same({ "pre :preload:", "0\tscript.lua", "2\tt.csv", "400\t400\t2", "true\ttrue\ttrue", "true\t1970" },
      { table.unpack(lines, 2, 7) })
    assert.equal("true\ttrue\tnil", lines[9])
    assert.matches("^rnnlua: sandbox: ended after [%d.]+ s; w has 2 new files, 0.0 MB\n$", err)
  end)

  it("gives the bits that there are without it", function()
    local text = [[
      local rnn = require "rnn"
      rnn.seed(5)
      local m = rnn.nn.Sequential { rnn.nn.LSTM(1, 16, { returns = "last" }), rnn.nn.Linear(16, 1) }
      local windows = rnn.data.windows(rnn.randn(300, 1), { length = 20, target = 1 })
      local h = rnn.fit(m, { data = windows:batches { size = 10 }, epochs = 2, loss = "mse", progress = false,
        optimizer = rnn.optim.Adam(m:parameters()) })
      print(math.random(), ("%a"):format(h.loss[2]))
    ]]
    local free = (sh:write("script.lua", text) and sh:run(shell.quote(PROGRAM) .. " --seed 3 script.lua"))
    local out, err = boxed("--seed 3", text)
    assert.equal(free, out, err)
    assert.matches("0x", out)
  end)

  it("passes on how the script ended", function()
    assert.equal(0, select(3, boxed("", "print 'done'")))
    local _, err, exit = boxed("", "error 'mine'")
    assert.equal(1, exit)
    assert.matches("script.lua:1: mine\nstack traceback", err)
    local out
    out, err, exit = boxed("--time 1", "print 'begun' while true do end")
    assert.equal(124, exit)
    assert.equal("begun\n", out)
    assert.matches("sandbox: stopped after 1%.%d s: wall 3, limits: its time is over %(%-%-time%)", err)
    sh:write("script.lua", "while true do end")
    _, err, exit = sh:run(("%s --sandbox script.lua & sleep 0.5; kill -INT $!; wait $!"):format(shell.quote(PROGRAM)))
    assert.equal(130, exit)
    assert.matches("interrupted!", err)
    out, err, exit = boxed("", "io.write 'a line that does not end' io.stderr:write 'nor this' os.exit(3, true)")
    assert.equal(3, exit)
    assert.equal("a line that does not end", out)
    assert.matches("^nor this\nrnnlua: sandbox: ended after", err)
  end)

  it("ends a script that takes every signal for itself, at the second one", function()
    sh:write("script.lua", [[
      local signals = require "rnn.signals"
      while true do
        local before = signals.hold "save"
        while not signals.held() do end
        signals.release(before)
      end]])
    local out, err, exit = sh:run(([[%s --sandbox --time 30 script.lua & sleep 1; kill -INT $!; sleep 0.3
      kill -0 $! && echo goes on; kill -INT $!; wait $!]]):format(shell.quote(PROGRAM)))
    assert.equal("goes on\n", out)
    assert.equal(124, exit)
    assert.matches("wall 3, limits: it did not end when it was asked to, twice", err)
  end)

  it("shows the library's own environment to nobody", function()
    local _, err, exit = boxed("", [[
      local function look(a, b) error(a) end -- called with what the library compares
      require "rnn.nn.scripted".module(setmetatable({}, { __eq = look }))
      assert(not pcall(require, "rnn.repl.session") and not package.loaded["rnn.repl.session"])
    ]])
    assert.equal(0, exit, err)
  end)

  it("keeps its limits when nobody reads what the script writes", function()
    sh:write("script.lua", "while true do io.write(('x'):rep(10000)) end")
    local _, err = sh:run(("%s --sandbox --time 1 script.lua | sleep 2.5"):format(shell.quote(PROGRAM)))
    assert(tonumber(err:match "stopped after ([%d.]+) s") < 2.4, err)
  end)

  it("leaves no rights of root to the child, and lets Ctrl-Z stop it", function()
    sh:write("script.lua", "while true do end")
    local out = sh:run(([[%s --sandbox --time 20 script.lua & sleep 0.4; child=$(pgrep -P $!)
      grep CapEff /proc/$child/status; kill -TSTP $!; sleep 0.1; grep State /proc/$child/status
      kill -CONT $!; sleep 0.1; grep State /proc/$child/status; kill -INT $!; wait $!; echo $?]]):format(
      shell.quote(PROGRAM)))
    local rights, stopped, goes_on, exit = out:match "CapEff:%s+(%x+).*State:%s+(%a).*State:%s+(%a).*\n(%d+)\n$"
    assert(rights, out)
    assert.equal(0, tonumber(rights, 16) & ~0xe) -- CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
    assert.equal("T", stopped)
    assert.not_equal("T", goes_on)
    assert.equal("130", exit)
  end)

  it("lets training save itself when its time is over", function()
    local _, err, exit = boxed("--time 1", [[
      local rnn = require "rnn"
      local m = rnn.nn.Sequential { rnn.nn.LSTM(1, 4, { returns = "last" }), rnn.nn.Linear(4, 1) }
      local windows = rnn.data.windows(rnn.randn(300, 1), { length = 20, target = 1 })
      rnn.fit(m, { data = windows:batches { size = 10 }, epochs = 1000000, loss = "mse", progress = false,
        optimizer = rnn.optim.Adam(m:parameters()), run = "w/run" })
    ]])
    assert.equal(124, exit)
    assert.equal(0, select(3, sh:run "test -s w/run/checkpoint.safetensors"), err)
  end)

  it("refuses to begin where a wall or a folder is missing", function()
    local marked = "assert(io.open('w/marker', 'w')):close()"
    sh:run "rm -rf w"
    for abi, what in pairs { [0] = "this kernel has no Landlock", [-1] = "switched off in this kernel",
      [1] = "version 1, and 2 is needed" } do
      local _, err, exit = old_kernel(abi, "", marked)
      if exit == 77 then
        print "an older kernel cannot be played here"
        return
      end
      assert.equal(3, exit, err)
      assert.matches("refused, nothing has run: .*" .. what, err)
      assert.matches("bwrap", err)
      assert.equal(1, select(3, sh:run "test -e w/marker"))
      _, err, exit = sh:run(("%s %d %s --sandbox=best-effort --write w script.lua; rm w/marker"):format(
        shell.quote(try.old_kernel), abi, shell.quote(PROGRAM)))
      assert.equal(0, exit, err)
      assert.matches("a wall is missing: .*" .. what, err)
    end
    for _, options in ipairs { "--read no/such", "--write no/such" } do
      local _, err, exit = boxed(options, marked)
      assert.equal(3, exit)
      assert.matches(options .. ": No such file", err)
    end
    assert.equal(3, select(3, sh:run(shell.quote(PROGRAM) .. " --sandbox no.lua")))
  end)

  it("refuses a command line that makes no sense", function()
    for options, what in pairs {
      ["--sandbox"] = "expected a script", ["--sandbox -"] = "expected a script",
      ["--sandbox -e 1 script.lua"] = "without %-e",
      ["--sandbox -l x script.lua"] = "without %-e", ["--sandbox --time 0 script.lua"] = "%-%-time: expected a time",
      ["--sandbox --time 3y script.lua"] = "got '3y'", ["--sandbox --memory 2X script.lua"] = "got '2X'",
      ["--sandbox --memory 99999999999T script.lua"] = "%-%-memory: expected a size",
      ["--read d script.lua"] = "are for %-%-sandbox",
      ["--sandbox=no script.lua"] = "unrecognized option", ["--sandbox --read"] = "expected a folder",
    } do
      local _, err, exit = sh:run(shell.quote(PROGRAM) .. " " .. options)
      assert.equal(1, exit, options)
      assert.matches(what, err, options)
    end
  end)

  it("makes a folder of its own where none is given, which goes when it stays empty", function()
    sh:write("script.lua", "if arg[1] then assert(io.open(os.getenv 'TMPDIR' .. '/x', 'w')):close() end")
    local command = ("TMPDIR=$PWD/t %s --sandbox script.lua"):format(shell.quote(PROGRAM))
    local _, err = sh:run("mkdir t; " .. command)
    assert.matches("it wrote nothing\n$", err)
    assert.equal("", (sh:run "ls t"))
    _, err = sh:run(command .. " 1")
    assert.matches("t/rnnlua%-%w+ has 1 new file", err)
    assert.matches("^t/rnnlua%-%w+/x\n$", (sh:run "ls -d t/*/*"))
  end)

  it("reads no modules through links, and none elsewhere", function()
    local away = shell.new()
    finally(function() away:remove() end)
    away:write("secret.lua", "return 1")
    sh:run(("ln -s %s/secret.lua linked.lua; ln -s %s there"):format(away.folder, away.folder))
    for _, name in ipairs { "linked", "there.secret", "rnn.repl", "socket" } do
      local _, err, exit = boxed("", ("require %q"):format(name))
      assert.equal(1, exit, name)
      assert.matches("wall 4", err)
    end
  end)

  it("lets colours, accents and the line of progress through, and nothing that a terminal obeys", function()
    local good = "\27[1;31mred\27[0m\r\27[K\27[2Kok\tÜ – 日本 🙂\27[38;5;8m\27[48;2;8;8;8m\27[m\n"
    local bad = "\27]0;title\7\27[8mhidden\27[2J\27[1;1H\27P\127\0\155\194\155\226\128\174\239\191\255\27[?25l"
      .. "\27[5;8mhidden\27[38;9;8m"
      .. "\27[9999999999999"
    sh:write("text", good .. bad .. ("\27[" .. ("1"):rep(100) .. "m") .. good)
    local out = boxed("--read text", "for c in io.open('text', 'rb'):read('a'):gmatch '.' do io.write(c):flush() end")
    assert.equal(good, out:sub(1, #good))
    assert.equal(good, out:sub(-#good))
    assert.is_nil(out:sub(#good + 1, -#good - 1):find "8m")
    assert.is_false(try.escaped(out), out)
    assert.is_nil(out:find "[\0-\8\11\12\14-\26\127]")
  end)
end)

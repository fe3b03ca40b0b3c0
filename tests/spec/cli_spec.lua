-- The command line: as that of lua5.4 where both have it, then what is our own.
local shell = require "support.shell"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
local MODULE = os.getenv("RNNLUA_MODULE") or os.getenv("PWD") .. "/build/module/rnn.so"

-- Both programs are called "lua" in folders of their own, so that their messages can be equal.
local sh

setup(function()
  sh = shell.new()
  sh:run("mkdir ours theirs; ln -s " .. shell.quote(PROGRAM) .. " ours/lua; ln -s $(command -v lua5.4) theirs/lua")
  sh:write("show.lua", "print(#arg, arg[0], ...) for i = -6, -1 do io.write(tostring(arg[i]), ' ') end")
  sh:write("hash.lua", "#!/usr/bin/env lua\nprint(debug.getinfo(1, 'l').currentline)")
  sh:write("mod.lua", "print('mod', ...) return { name = 'mod' }")
  sh:write("broken.lua", "x = = 1")
  sh:write("fails.lua", "local function f() error('deep') end\nlocal function g() f() return 1 end\ng()")
  sh:write("init.lua", "print('init file') seen = true")
  sh:write("binary.luac", string.dump(function() print "ran" end))
end)

teardown(function() sh:remove() end)

local clean = "unset LUA_INIT LUA_INIT_5_4 LUA_PATH LUA_PATH_5_4 RNNLUA_PATH;"

local function ours(command) return sh:run(clean .. "PATH=$PWD/ours:$PATH;" .. command) end
local function theirs(command) return sh:run(clean .. "PATH=$PWD/theirs:$PATH;" .. command) end
local has_lua = select(3, shell.new():run("command -v lua5.4")) == 0

local SAME = {
  "lua -e 'print(1)' -e 'print(2)'",
  "lua -e'print(1)' -- show.lua a",
  "lua show.lua a 'b c' ''",
  "lua -W -e 'x = 1' show.lua -e 1",
  "lua -- show.lua -x",
  "lua - a b < show.lua",
  "lua < show.lua",
  "lua -e 'print(...)' < /dev/null",
  "echo 'print(1)' | lua",
  "echo 'print(' | lua -",
  "lua hash.lua",
  "lua < hash.lua",
  "lua nothere.lua",
  "lua .",
  "lua broken.lua",
  "lua fails.lua",
  "lua -e 'arg = nil' show.lua",
  "lua -e 'arg = { 7, 8 }' show.lua a",
  "lua -e 'print(arg[0], arg[1], arg[-1], #arg)'",
  "lua -l mod -e 'print(mod.name)'",
  "lua -lmod -e 'print(mod.name)'",
  "lua -l m=mod -e 'print(m.name, mod)'",
  "lua -l broken",
  "lua -W -e 'warn(\"a\", \"b\")'",
  "lua -e 'warn(\"a\")'",
  "lua -e 'error(\"text\")'",
  "lua -e 'error(\"text\", 0)'",
  "lua -e 'error({})'",
  "lua -e 'error()'",
  "lua -e 'error(12)'",
  "lua -e 'error(setmetatable({}, { __tostring = function() return \"me\" end }))'",
  "lua -e 'error(setmetatable({}, { __name = \"My.Type\" }))'",
  "lua -e 'local x <close> = setmetatable({}, { __close = function() print(1) end }) error(\"e\")'",
  "lua -e 'setmetatable({}, { __gc = function() print(\"gc\") end })'",
  "lua -e 'os.exit(3)'", "lua -e 'os.exit(true)'", "lua -e 'os.exit(false)'", "lua -e 'os.exit(0, true)'",
  "lua -e 'print(collectgarbage(\"incremental\"))'",
  "LUA_INIT='print(1)' lua -e 'print(2)'",
  "LUA_INIT='print(1)' LUA_INIT_5_4='print(3)' lua -e 'print(2)'",
  "LUA_INIT=@init.lua lua -e 'print(seen)'",
  "LUA_INIT=@nothere.lua lua -e 'print(seen)'",
  "LUA_INIT='x =' lua -e 'print(2)'",
  "LUA_INIT='error(1)' lua show.lua",
  "LUA_INIT='print(1)' lua -E -e 'print(debug.getregistry().LUA_NOENV)'",
  "LUA_PATH='x/?.lua;;' lua -e 'print(package.path)'",
  "LUA_PATH='x/?.lua' lua -E -e 'print(package.path)'",
  "lua -E show.lua a",
  -- coroutines
  [[lua -e 'local co = coroutine.create(function(...) print(...) print(coroutine.yield(1, 2)) return 3 end)
    print(coroutine.resume(co, "a", nil)) print(coroutine.resume(co, "b")) print(coroutine.resume(co))']],
  [[lua -e 'local f = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) error("e" .. b) end)
    print(f(1)) print(pcall(f, 2)) print(pcall(f))']],
  [[lua -e 'local function close() print("closed") end
    local f = coroutine.wrap(function() local x <close> = setmetatable({}, { __close = close }) error({}) end)
    print(type(select(2, pcall(f))))']],
  [[lua -e 'print(coroutine.resume(coroutine.running())) print(pcall(coroutine.resume, 1), pcall(coroutine.wrap))
    local f f = coroutine.wrap(function() f() end) print(pcall(f))']],
  [[lua -e 'print(coroutine.resume(coroutine.create(function() return table.unpack({}, 1, 2e5) end)) )
    print(select("#", coroutine.resume(coroutine.create(function() return table.unpack({}, 1, 1e5) end))))']],
  "lua -e 'coroutine.wrap(function() error(\"deep\") end)()'",
  -- load, loadfile, dofile
  [[lua -e 'print(load("return 1, ...")(2), load("x ="))']],
  [[lua -e 'print(load("return x", "=c", "t", { x = 5 })(), pcall(load("return x.y", "@c", nil, nil)))']],
  [[lua -e 'local t = { "return ", "1", "+ 1" } local i = 0
    print(load(function() i = i + 1 return t[i] end)())']],
  [[lua -e 'print(load(function() error("no") end)) print(load(function() return {} end))']],
  [[lua -e 'print(pcall(load)) print(pcall(load, {})) print(pcall(load, "1", {}))']],
  [[lua -e 'print(load("return 1", "=x", "b"))' | sed 's/mode.*//; s/attempt to load a text chunk (//']],
  [[lua -e 'print(loadfile("nothere.lua")) print(loadfile("broken.lua")) print(loadfile("mod.lua")(1).name)']],
  [[lua -e 'loadfile("show.lua", "t", { print = print, arg = {}, io = io, tostring = tostring })(9)']],
  [[lua -e 'print(dofile("mod.lua").name, pcall(dofile, "nothere.lua")) print(pcall(dofile, "broken.lua"))']],
  [[lua -e 'print(dofile())' < mod.lua | sed 's/0x[0-9a-f]*//']],
  [[echo 'coroutine.yield(1) return 2' > yields.lua
    lua -e 'local f = coroutine.wrap(dofile) print(f("yields.lua"), f())']],
  [[lua -e 'print(require "mod".name, select(2, require "mod")) print(pcall(require, "broken"))']],
  [[lua -e 'print(pcall(require, "no.such"))']],
  [[lua -e 'package.path = nil print(pcall(require, "mod"))']],
  [[lua -e 'package.path = 7 print(pcall(require, "mod"))']],
}

describe("rnnlua does as lua5.4:", function()
  for _, command in ipairs(SAME) do
    it(command, function()
      if not has_lua then return pending("lua5.4 is not here to compare with") end
      local out, err, code = theirs(command)
      local our_out, our_err, our_code = ours(command)
      assert.same({ out, err, code }, { our_out, our_err, our_code })
    end)
  end
end)

describe("a wrong command line", function()
  local function refused(arguments, message)
    local out, err, code = ours("lua " .. arguments)
    assert.equal("", out)
    assert.equal(message, err:match("^[^\n]*"))
    assert.equal(1, code)
  end

  it("is refused with usage", function()
    refused("-z", "lua: unrecognized option '-z'")
    refused("-vv", "lua: unrecognized option '-vv'")
    refused("--fast", "lua: unrecognized option '--fast'")
    refused("--doubles", "lua: unrecognized option '--doubles'")
    refused("-e", "lua: '-e' needs argument")
    refused("-l -e x", "lua: '-l' needs argument")
    assert.matches("\nusage: lua %[options%]", (select(2, ours "lua -z")))
  end)

  it("says what a number must be", function()
    refused("--threads 0 show.lua", "lua: --threads: expected an integer between 1 and 256, got '0'")
    refused("--threads=two show.lua", "lua: --threads: expected an integer between 1 and 256, got 'two'")
    refused("--blas mkl show.lua", "lua: --blas: expected 'own' or 'openblas', got 'mkl'")
    refused("--blas", "lua: --blas: expected 'own' or 'openblas', got 'nothing'")
    refused("--blas openblas --deterministic show.lua", "lua: --blas openblas: not with --deterministic")
    refused("--threads", "lua: --threads: expected an integer between 1 and 256, got nothing")
    refused("--threads= show.lua", "lua: --threads: expected an integer between 1 and 256, got ''")
    refused("--seed 1.5", "lua: --seed: expected an integer between 0 and 9223372036854775807, got '1.5'")
    refused("--seed -1", "lua: --seed: expected an integer between 0 and 9223372036854775807, got '-1'")
    refused("--seed 9223372036854775808",
      "lua: --seed: expected an integer between 0 and 9223372036854775807, got '9223372036854775808'")
  end)
end)

describe("our own options", function()
  it("show the version and the usage", function()
    local version = "^rnnlua %d+%.%d+%.%d+  Lua 5%.4%.%d  Copyright.-\n$"
    local first, second = (ours "lua --version"):match "^(.-\n)(.*)$"
    assert.matches(version, first)
    assert.matches("^linear algebra: OpenBLAS 0%.%d+%.%d+.-\n$", second)
    assert.matches(version, (ours "lua -v"))
    local out, err, code = ours "lua --help"
    assert.matches("^usage: lua %[options%]", out)
    assert.same({ "", 0 }, { err, code })
  end)

  it("are variables of the environment too, whose values are looked at", function()
    local function says(variable, pattern)
      local out, err, code = ours(("%s lua -e 'require \"rnn\"'"):format(variable))
      assert.equal(1, code, out)
      assert.is_truthy((out .. err):find(pattern, 1, true), out .. err)
    end
    says("RNNLUA_THREADS=two",
      "the variable RNNLUA_THREADS of the environment: expected a number from 1 to 256, got 'two'")
    says("RNNLUA_ISA=avx", "expected plain, neon, x86-64-v3, x86-64-v4, avx512-dot or amx, got 'avx'")
    says("RNNLUA_DETERMINISTIC=0", "expected 1, got '0'")
    says("RNNLUA_SHARDS=0", "expected a number of 1 or more, got '0'")
  end)

  it("set threads and seed", function()
    local out = ours [[lua --threads 3 --seed=7 -e 'local r = require "rnn" print(r.threads())
      print(r.rand(1):item())']]
    assert.equal(out, (ours [[lua --threads=3 -e 'local r = require "rnn" r.seed(7) print(r.threads())
      print(r.rand(1):item())']]))
    assert.matches("^3\n", out)
  end)

  it("seed Lua's own numbers as well", function()
    local command = "lua --seed 3 -e 'print(math.random())'"
    assert.equal((ours(command)), (ours(command)))
    local seed = [[lua -e 'require("rnn").seed(3) print(math.random())']]
    assert.equal((ours(command)), (ours(seed)))
    assert.equal((ours "lua --seed 3 -e 'print(math.random(), require(\"rnn\").rand(1):item())'"),
      (ours "lua -e 'local r = require \"rnn\" r.seed(3) print(math.random(), r.rand(1):item())'"))
  end)

  it("seed: a shuffle leaves math.random alone", function()
    assert.equal("true\n", (ours [[lua -e 'local rnn = require "rnn" rnn.seed(3) math.random()
      local second = math.random() rnn.seed(3) math.random()
      for _ in rnn.data.arrays(rnn.ones(4, 1)):batches { shuffle = true } do end
      print(second == math.random())']]))
  end)

  it("choose the precision", function()
    assert.equal("float\n", (ours [[lua -e 'print(require("rnn").precision())']]))
    assert.equal("double\n", (ours [[lua --double -e 'print(require("rnn").precision())']]))
  end)

  it("stand before the script, as all options, and are in arg", function()
    assert.equal("1\tshow.lua\t--double\nnil nil nil ours/lua --seed 5 ",
      (ours "ours/lua --seed 5 show.lua --double"))
  end)
end)

describe("Lua is loaded as text only:", function()
  local function refused(command)
    local out, err, code = ours(command)
    assert.matches("attempt to load a binary chunk", err)
    assert.same({ "", 1 }, { out, code })
  end

  it("scripts, standard input, LUA_INIT", function()
    refused "lua binary.luac"
    refused "lua < binary.luac"
    refused "lua - < binary.luac"
    refused "LUA_INIT=@binary.luac lua -e 'print(1)'"
  end)

  it("require", function()
    refused [[lua -e 'package.path = "./?.luac" require "binary"']]
    refused "LUA_PATH='./?.luac' lua -l binary"
  end)

  it("load, loadfile, dofile, whatever the mode", function()
    local code = [[lua -e 'local s = string.dump(function() print "ran" end)
      print(load(s)) print(load(s, "=s", "bt")) print(load(s, "=s", "b"))
      local once = s print(load(function() local piece = once once = nil return piece end))
      print(loadfile("binary.luac")) print(loadfile("binary.luac", "bt")) print(loadfile("binary.luac", "b"))
      print(pcall(dofile, "binary.luac"))']]
    local out = ours(code)
    assert.equal(8, select(2, out:gsub("binary chunk", "")))
    assert.is_nil(out:find("ran"))
  end)
end)

describe("modules", function()
  it("beside the script are found from anywhere", function()
    sh:write("far/main.lua", "print((require 'near'), (require 'pack'))")
    sh:write("far/near.lua", "return 'near'")
    sh:write("far/pack/init.lua", "return 'pack'")
    assert.equal("near\tpack\n", (ours "lua far/main.lua"))
    assert.equal("near\tpack\n", (ours "cd far && ../ours/lua main.lua"))
  end)

  it("beside the script are not looked for with -E", function()
    assert.equal(1, (select(3, ours "lua -E far/main.lua")))
  end)

  it("of the library can be replaced by files in RNNLUA_PATH", function()
    sh:write("over/rnn/lazy.lua", "return function(_, t) t.replaced = debug.getinfo(1, 'S').source return t end")
    sh:write("over/rnn/extra/init.lua", "return debug.getinfo(1, 'S').source")
    local command = [[-e 'print(rawget(require "rnn", "replaced"), pcall(require, "rnn.extra"))']]
    assert.equal("@[rnn]/lazy.lua\ttrue\t@[rnn]/extra/init.lua\tRNNLUA_PATH\n",
      (ours("RNNLUA_PATH=$PWD/over lua " .. command):gsub("RNNLUA_PATH\n", "RNNLUA_PATH\n")))
    assert.matches("^nil\tfalse", (ours("RNNLUA_PATH=$PWD/over lua -E " .. command)))
    sh:write("over/rnn/lazy.lua", "return = 1")
    assert.matches("%[rnn%]/lazy.lua:1: unexpected symbol", (select(2, ours("RNNLUA_PATH=$PWD/over lua " .. command))))
  end)

  it("of the library load into a stock lua5.4", function()
    local folder = MODULE:match("^(.*)/")
    local script = [['local rnn = require "rnn" print(rnn.precision(), rnn.ones(2):sum():item())']]
    local run = ("LUA_CPATH=%s/?.so lua5.4 -e %s"):format(folder, script)
    local out, err = ours(run)
    if not has_lua or err:find("ASan runtime", 1, true) then return pending("not in this build") end
    assert.equal("float\t2.0\n", out)
    assert.equal("double\t2.0\n", (ours("RNNLUA_DOUBLE=1 " .. run)))
  end)
end)

describe("a mistake at the command line", function()
  it("is told the commands where a word is neither one nor a script", function()
    for _, command in ipairs { "swep show.lua", "help nn.LSTM" } do
      local _, err, code = ours("lua " .. command)
      assert.equal(1, code)
      assert.matches("^lua: cannot open %a+: No such file or directory; commands are new run .* sweep .*; help on a "
        .. "name is at the prompt", err)
    end
  end)

  it("is told to ask for the library in a script that does not", function()
    for name, hint in pairs { rnn = 'local rnn = require "rnn"', nn = 'local rnn = require "rnn" local nn = rnn.nn' } do
      local _, err = ours(("lua -e 'print(%s.zeros)'"):format(name))
      assert.matches(("(global '%s'); a script begins with %s\n"):format(name, hint), err, 1, true)
    end
    assert.is_nil((select(2, ours "lua -e 'print(other.zeros)'")):find "begins")
  end)
end)

describe("signals", function()
  it("SIGINT ends a script with 130 and a traceback", function()
    sh:write("loop.lua", "io.open('ready', 'w'):close()\nwhile true do end")
    local _, err, code = ours [[rm -f ready; lua loop.lua & while [ ! -e ready ]; do sleep 0.05; done
      sleep 0.1; kill -INT $!; wait $!]]
    assert.matches("^lua: loop.lua:2: interrupted!\nstack traceback:\n", err)
    assert.equal(130, code)
  end)

  it("SIGPIPE ends it quietly, even when the parent ignores it", function()
    local out, err = ours [[trap '' PIPE; (lua -e 'for i = 1, 1e6 do print(i) end'; echo $? >&2) | head -n 1]]
    assert.same({ "1\n", "141\n" }, { out, err })
  end)
end)

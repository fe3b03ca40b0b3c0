-- What makes a script's numbers repeat outside the kernels: the order of pairs, math.random, and what is noted.
local core = require "rnn.core"
local shell = require "support.shell"

local PROGRAM = os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"
local DOUBLE = core.precision == "double" and " --double " or " "

local sh
setup(function() sh = shell.new() end)
teardown(function() sh:remove() end)

local function run(options, text)
  sh:write("script.lua", text)
  local out, err, code = sh:run(shell.quote(PROGRAM) .. DOUBLE .. options .. " script.lua")
  assert.equal(0, code, err)
  return out
end

local function repeated(text) return run("--deterministic", text) end

describe("pairs with --deterministic", function()
  it("walks numbers, then strings by their bytes, then the rest", function()
    assert.equal("-inf -2 1 2 2.5 3 9007199254740993 inf  \0 A B a a\0b aa é false true\n", repeated [[
      local t = { 1, 2, 3, [2.5] = 1, [-2] = 1, [9007199254740993] = 1, [1 / 0] = 1, [-1 / 0] = 1, a = 1,
        ["é"] = 1, B = 1, A = 1, aa = 1,
        [""] = 1, ["\0"] = 1, ["a\0b"] = 1, [true] = 1, [false] = 1 }
      local seen = {}
      for k in pairs(t) do seen[#seen + 1] = tostring(k) end
      print(table.concat(seen, " "))
    ]])
  end)

  it("gives every key once, whatever is taken away or changed on the way", function()
    assert.equal("a1 c3 d4 \nnil\na b c \n", repeated [[
      local t = { d = 4, c = 3, b = 2, a = 1 }
      for k, v in pairs(t) do
        io.write(k, v, " ")
        t[k], t.b = nil, nil
      end
      print()
      print(next(t))
      t = { c = 1, b = 1, a = 1 }
      local f, s, k = pairs(t)
      k = f(s, k) f(s, "c") k = nil -- in any order, as next
      for key in f, s, k do io.write(key, " ") end
      print()
    ]])
    assert.equal("0 1 5000\n", repeated [[
      local t, n, before, ordered = {}, 0, "", 1
      for i = 1, 5000 do t["k" .. i * 7919 % 5000] = i end
      for k, v in pairs(t) do
        n = n + 1
        if k <= before then ordered = 0 end
        before = k
      end
      local empty = 0
      for _ in pairs {} do empty = 1 end
      print(empty, ordered, n)
    ]]:gsub("\t", " "))
  end)

  it("heeds __pairs, and refuses what Lua's own refuses", function()
    assert.equal("mine\nbad argument #1 to 'for iterator' (table expected, got nil)\n", repeated [[
      local own = { __pairs = function(t) return function(_, k) return not k and "mine" or nil end, t end }
      for k in pairs(setmetatable({}, own)) do print(k) end
      print((select(2, pcall(function() for _ in pairs(nil) do end end)):gsub("^.-: ", "")))
    ]])
  end)

  it("makes a vocabulary the same in every process", function()
    local text = [[
      local counts, names = {}, {}
      for word in ("the cat sat on the mat and the dog ran after the cat into a house"):gmatch "%a+" do
        counts[word] = (counts[word] or 0) + 1
      end
      for word in pairs(counts) do names[#names + 1] = word end
      print(table.concat(names, " "))
    ]]
    local first, others = repeated(text), {}
    for _ = 1, 5 do
      assert.equal(first, repeated(text))
      others[run("", text)] = true
    end
    local count = 0
    for _ in pairs(others) do count = count + 1 end
    assert.is_true(count > 1, "without it Lua gives one order: this test shows nothing")
  end)
end)

describe("math.random", function()
  it("begins with the seed, 0 without one", function()
    local text = "print(math.random(), math.random(1000))"
    assert.equal(repeated(text), repeated(text))
    assert.equal(run("--seed 0", text), repeated(text))
    assert.equal(run("--seed 7", text), run("--seed 7 --deterministic", text))
    if not core.sanitized then -- whose addresses, of which Lua makes its first number, are always the same
      assert.are_not.equal(run("", text), run("", text))
    end
  end)

  it("goes on from a state that was kept", function()
    local before = core.random_state()
    local numbers = { math.random(), math.random(100), math.random(0) }
    core.randn(3)
    core.random_state(before)
    assert.same(numbers, { math.random(), math.random(100), math.random(0) })
    core.random_state { seed = 1, position = 0 } -- without lua it stays
    local own = math.random
    rawset(math, "random", function() return 4 end)
    assert.is_nil(core.random_state().lua)
    core.random_state(before)
    rawset(math, "random", own)
    for lua, what in pairs { [{ 1, 2, 3 }] = "got nil", [3] = "got 3" } do
      local function set() core.random_state { seed = 1, position = 1, lua = lua } end
      assert.error_matches(set, "four integers, " .. what)
    end
    core.random_state(before)
  end)

  it("is kept with checkpoints", function()
    local text = [[
      local rnn = require "rnn"
      local stop = tonumber(arg[1])
      local model = rnn.nn.Sequential { rnn.nn.RNN(1, 2, { returns = "last" }), rnn.nn.Linear(2, 1) }
      local windows = rnn.data.windows(rnn.randn(40, 1), { length = 5, target = 1 })
      rnn.fit(model, { data = windows:batches { size = 10 }, epochs = 4, loss = "mse", progress = false, run = arg[2],
        optimizer = rnn.optim.SGD(model:parameters()), callbacks = { { on_epoch = function(_, run)
          io.write(("%d %a\n"):format(run.epoch, math.random()))
          if run.epoch == stop then run:stop "enough" end
        end } } })
    ]]
    sh:write("script.lua", text)
    local command = shell.quote(PROGRAM) .. DOUBLE .. "--seed 3 script.lua "
    local whole = sh:run(command .. "9 whole")
    assert.equal(4, select(2, whole:gsub("\n", "")))
    sh:write("cut.lua", (text:gsub("run:stop \"enough\"", "error 'cut'")))
    local cut = sh:run(shell.quote(PROGRAM) .. DOUBLE .. "--seed 3 cut.lua 3 half")
    local rest, err = sh:run(command .. "9 half")
    assert.equal(whole:match "4 [^\n]*\n$", rest:match "4 [^\n]*\n$", cut .. rest .. err)
  end)
end)

describe("rnn.repeats.doubts", function()
  it("names what may spoil repetition, with its line", function()
    assert.equal([[
script.lua:1 math.exp
script.lua:2 pairs
script.lua:3 next
]], repeated [[for _ = 1, 3 do math.exp(1) math.sqrt(2) math.floor(2.5) end
for _ in pairs { [print] = 1, [{}] = 2 } do end
for _ in next, { a = 1, b = 2 } do end
for _ in pairs { 1, 2, a = 3 } do end for _ in next, { 1, 2 } do end local _ = next { a = 1 }
local rnn = require "rnn"
rnn.nn.LSTM(2, 3)(rnn.randn(1, 2, 2))
for _, doubt in ipairs(require "rnn.repeats".doubts()) do print(doubt.where .. " " .. doubt.what) end]])
    assert.matches("glibc %d+%.%d+", repeated [[math.log(3) print(require "rnn.repeats".doubts()[1].why)]])
  end)

  it("is empty without --deterministic, and never longer than a hundred", function()
    assert.equal("0\n", run("", "math.exp(1) print(#require 'rnn.repeats'.doubts())"))
    local lines = {}
    for i = 1, 300 do lines[i] = "math.sin(1)\n" end
    assert.equal("100\n", repeated(table.concat(lines) .. "print(#require 'rnn.repeats'.doubts())"))
  end)

  it("leaves the functions as they are", function()
    assert.equal("bad argument #1 to 'exp' (number expected, got table)\n1.0\t0.0\t1\t2\n", repeated [[
      print((select(2, pcall(function() return math.exp {} end)):gsub("^.-: ", "")))
      print(math.exp(0), math.log(8, 2) - 3, next { 2 })
    ]])
  end)
end)

describe("rnnlua capsule --verify", function()
  local TRAINING = [[
    local rnn = require "rnn"
    local model = rnn.nn.Sequential { rnn.nn.RNN(1, 2, { returns = "last" }), rnn.nn.Linear(2, 1) }
    local x = rnn.randn(40, 1) + %s
    local windows = rnn.data.windows(x, { length = 5, target = 1 })
    rnn.fit(model, { data = windows:batches { size = 10 }, epochs = 3, loss = "mse", progress = false,
      optimizer = rnn.optim.SGD(model:parameters()) })
    print "trained"
  ]]

  local function capsule(text)
    sh:write("train.lua", text)
    return sh:run(shell.quote(PROGRAM) .. " capsule --verify -o t.zip" .. DOUBLE .. "--seed 3 train.lua")
  end

  it("makes a capsule when two processes give the same bits", function()
    local out, err, code = capsule(TRAINING:format "math.random()")
    assert.equal(0, code, err)
    assert.equal("trained\n", out)
    assert.matches("verified: 1 of 1 epoch, .*same bits in two processes", err)
    assert.equal(0, select(3, sh:run "test -s t.zip"))
  end)

  it("makes none when they do not, and says where", function()
    sh:run "rm -f t.zip"
    for _, source in ipairs { "tonumber(tostring(print):match '0x(%x+)', 16) % 997 / 1000",
      "io.open('/proc/self/stat'):read 'n' % 997 / 1000" } do
      local _, err, code = capsule(TRAINING:format(source))
      assert.equal(2, code, err)
      assert.matches("two processes do not give the same bits: first difference in epoch 1 of training 1", err)
      assert.equal(1, select(3, sh:run "test -e t.zip"))
    end
    local _, err, code = capsule "error 'mine'"
    assert.equal(1, code)
    assert.matches("train.lua:1: mine", err)
  end)
end)

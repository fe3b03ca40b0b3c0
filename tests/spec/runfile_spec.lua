-- Files of a run that grow, their lock, and what killed writes leave: core.file_append, _truncate, _lock, _sweep; and
-- the arithmetic of training that is not an optimiser's: scale_grad, average_step.
local core = require "rnn.core"
local rnn = require "rnn"
local Shell = require "support.shell"

local sh
before_each(function() sh = Shell.new() end)
after_each(function()
  sh:run("umount small 2> /dev/null")
  sh:remove()
end)

local function content(name)
  local file = assert(io.open(sh.folder .. "/" .. name, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

describe("file_append", function()
  it("makes a file and adds to it", function()
    local path = sh.folder .. "/log"
    assert.equal(3, core.file_append(path, "one"))
    assert.equal(7, core.file_append(path, "\0two"))
    assert.equal(7, core.file_append(path, ""))
    assert.equal("one\0two", content "log")
  end)

  it("says why it cannot", function()
    local size, message, code = core.file_append(sh.folder .. "/none/log", "x")
    assert.is_nil(size)
    assert.matches("cannot write .*/none/log: No such file or directory", message)
    assert.equal("EIO", code)
    assert.error_matches(function() core.file_append("a\0b", "x") end, "file_append: the path has a zero byte")
  end)

  it("leaves nothing of what did not fit on the disk", function()
    local _, err, mounted = sh:run("mkdir small && mount -t tmpfs -o size=16k none small")
    if mounted ~= 0 then return pending("a small file system cannot be mounted here: " .. err) end
    local path = sh.folder .. "/small/log"
    assert.equal(5, core.file_append(path, "whole"))
    local size, message = core.file_append(path, ("x"):rep(100000))
    assert.is_nil(size)
    assert.matches("No space left on device", message)
    assert.equal("whole", content "small/log")
    assert.equal(6, core.file_append(path, "!"))
  end)
end)

describe("file_truncate", function()
  it("cuts a file, and never makes it longer", function()
    local path = sh:write("log", "abcdef")
    assert.is_true(core.file_truncate(path, 4))
    assert.equal("abcd", content "log")
    local done, message, code = core.file_truncate(path, 5)
    assert.is_nil(done)
    assert.matches("log: expected at least 5 bytes, got 4", message)
    assert.equal("EFORMAT", code)
    assert.is_true(core.file_truncate(sh.folder .. "/none", 0))
    assert.is_nil((core.file_truncate(sh.folder .. "/none", 1)))
    assert.error_matches(function() core.file_truncate(path, -1) end, "file_truncate: argument 2 %(size%)")
  end)
end)

describe("file_lock", function()
  it("is had by one, until it is closed", function()
    local path = sh.folder .. "/lock"
    local lock = assert(core.file_lock(path))
    local second, message = core.file_lock(path)
    assert.is_nil(second)
    assert.matches("lock: another process holds it", message)
    lock:close()
    lock:close()
    lock = assert(core.file_lock(path))
    lock:close()
  end)
end)

describe("file_sweep", function()
  it("removes leftovers of one file only", function()
    local path = sh:write("x.bin", "good")
    sh:write("x.bin.tmp-12-0", "half")
    sh:write("x.bin.tmp-3456-1", "half")
    sh:write("y.bin.tmp-1-0", "another's")
    core.file_sweep(path)
    core.file_sweep(sh.folder .. "/none/x.bin")
    assert.equal("x.bin\ny.bin.tmp-1-0\n", (sh:run("ls")))
  end)
end)

describe("scale_grad", function()
  it("multiplies all gradients, and wants a number", function()
    local a, b, none = rnn.ones(2):requires_grad(true), rnn.ones(1):requires_grad(true), rnn.ones(1):requires_grad(true)
    local loss = a:sum() * 3 + b:sum()
    loss:backward()
    core.scale_grad({ a, b, none }, 0.5)
    assert.same({ 1.5, 1.5 }, a.grad:totable())
    assert.same({ 0.5 }, b.grad:totable())
    assert.is_nil(none.grad)
    assert.error_matches(function() core.scale_grad({ a }, 0 / 0) end, "scale_grad: expected a finite factor")
  end)
end)

describe("average_step", function()
  it("moves averages, copies whole numbers, and changes nothing when it fails", function()
    local average, live = rnn.tensor { 1, 2 }, rnn.tensor { 3, 6 }
    local ids, count = rnn.tensor({ 1 }, "int32"), rnn.tensor({ 7 }, "int32")
    core.average_step({ average, ids }, { live, count }, 0.75)
    assert.same({ 1.5, 3 }, average:totable())
    assert.same({ 7 }, ids:totable())
    assert.error_matches(function() core.average_step({ average, ids }, { live }, 0.5) end, "as many tensors in both")
    assert.error_matches(function() core.average_step({ average }, { live }, 1.5) end, "expected a decay from 0 to 1")
    assert.error_matches(function() core.average_step({ average, ids }, { live, live }, 0.5) end, "average 2 should be")
    assert.error_matches(function() core.average_step({ live }, { live }, 0.5) end, "average 1 should be another")
    assert.same({ 1.5, 3 }, average:totable())
  end)
end)

-- rnnlua --sandbox: what a script may do in it, what it may not, and what is said. The attempts to get out are in
-- tests/sandbox/attempts.
local core = require "rnn.core"
local shell = require "support.shell"
package.path = os.getenv "PWD" .. "/tests/sandbox/?.lua;" .. package.path
local try = require "try"

local PROGRAM = os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"

if core.precision == "double" then return end -- the sandbox is the same
if core.sanitized then
  print "the sandbox is not tried under a sanitizer, which wants terabytes of addresses and files of its own"
  return
end

local sh
setup(function() sh = shell.new() end)
teardown(function() sh:remove() end)

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

describe("the sandbox holds", function()
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

  it("what takes time and memory, within two seconds of its limit", function()
    local free, held = {}, {}
    for _, attempt in ipairs(limited) do
      local folder = sh.folder .. "/" .. attempt.name
      core.make_folder(folder .. "/free")
      core.make_folder(folder .. "/box")
      free[attempt] = coroutine.wrap(function() return try.freely(attempt, folder .. "/free", coroutine.yield) end)
      held[attempt] = coroutine.wrap(function() return try.boxed(attempt, folder .. "/box", nil, nil, coroutine.yield) end)
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
      assert(out:find "wall 3" or out:find "not enough memory" or out:find "wall 4" or out:find "too large", attempt.name .. ": " .. out)
    end
  end)
end)

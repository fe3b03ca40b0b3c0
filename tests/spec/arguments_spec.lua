-- Arguments of everything that users can call, found by walking rnn: more of them than a function has, of the wrong
-- type, or with an option that it does not know, are errors at the user's line. None comes from inside the library.
local core = require "rnn.core"
local doc = require "rnn.doc"
local guard = require "rnn.guard"
local rnn = require "rnn"
local surface = require "support.surface"

local folder = os.tmpname()
os.remove(folder)
assert(core.make_folder(folder))
local entries = surface.entries(folder)

local function restore() -- what a call may have switched
  core.memory_limit(0)
  core.fail_allocation(0)
  core.recording(true)
  core.check_finite(false)
end

-- What a call gives; an error when an object among it cannot be printed: it was made of what it cannot be made of.
local function printed(...)
  for i = 1, select("#", ...) do tostring((select(i, ...))) end
end

-- The message of the error of a call, or nil; what is no string is about the user's data, not about the call.
local function message_of(entry, ...)
  local ok, message
  if entry.own then
    local object = entry.own(folder)
    ok, message = pcall(function(...) printed(entry.call(object, ...)) end, ...)
  else
    ok, message = pcall(function(...) printed(entry.call(...)) end, ...)
  end
  restore()
  return not ok and type(message) == "string" and message or nil
end

-- Nothing that is called writes or reads the command line of the tests.
local stdout, output, arguments = io.stdout, io.output(), _G.arg
setup(function()
  io.stdout = assert(io.open("/dev/null", "w")) -- luacheck: ignore
  io.output(io.stdout)
  _G.arg = { [0] = "spec" } -- luacheck: ignore
end)
teardown(function()
  io.stdout, _G.arg = stdout, arguments -- luacheck: ignore
  io.output(output)
  os.execute("rm -rf " .. folder)
end)

-- At the line of the tests (of surface.lua where a function made in C stands between), and not Lua's own words about
-- the library's inside.
local function is_argument_error(message)
  return message:find "^[^ ]*tests/spec/[%w_/]*%.lua:%d+: %S.*: " and not message:find "attempt to"
    and not message:find "bad argument" and not message:find "%[rnn%]"
end

local function clean(list) return table.concat(list, "\n") end

-- Functions with any number of arguments: they look at all of them.
local ANY = { ["rnn.fail"] = true, ["rnn.no_grad"] = true, ["nn.State:map"] = true, ["nn.Module:summary"] = true }

describe("everything that users can call", function()
  it("refuses surplus arguments", function()
    local faults, tried = {}, 0
    for _, entry in ipairs(entries) do
      if not ANY[entry.name] then
        tried = tried + 1
        -- ten numbers are more than any function takes, and the first may be a wrong argument as well
        local most = { entry.own and 1 or nil }
        for i = 1, 10 do most[i] = i end
        local message = message_of(entry, table.unpack(most))
        if not message or not is_argument_error(message) then
          faults[#faults + 1] = ("%s: %s"):format(entry.name, message or "no error")
        end
      end
    end
    assert.equal("", clean(faults))
    assert.is_true(tried > 400)
  end)

  local weight = core.ones(1):requires_grad(true);
  (weight * 2):backward()

  -- With the arguments that fit, and one more.
  local fitting = {
    { "rnn.randperm", { 1 } }, { "rnn.exp", { core.ones(1) } }, { "nn.Linear", { 2, 3, {} } }, { "rnn.clock", {} },
    { "nn.mse", { core.ones(1), core.ones(1) } }, { "rnn.split", { core.ones(2), 1, 2 } },
    { "metrics.mae", { core.ones(2), core.ones(2) } }, { "optim.clip_grad_norm", { { weight }, 1 } },
    { "nn.Linear:forward", { core.ones(1, 2) } }, { "nn.Module:parameters", {} }, { "optim.SGD:zero_grad", {} },
    { "tensor:sum", { 1, true } }, { "tensor:get", { 1, 1 } }, { "tensor:set", { 1, 1, 1 } }, { "tensor:copy", {} },
    { "nn.LSTM:step", { core.ones(1, 2), nil } }, { "data.Batches:epoch", { 1 } }, { "tensor:neg", {} },
    { "nn.State:copy", {} }, { "rnn.zeros", { { 2 } } },
  }
  for _, case in ipairs(fitting) do
    it("counts them: " .. case[1], function()
      local entry
      for _, each in ipairs(entries) do entry = each.name == case[1] and each or entry end
      local n = case[1] == "nn.LSTM:step" and 2 or #case[2]
      assert.is_nil(message_of(entry, table.unpack(case[2], 1, n)))
      local given = { table.unpack(case[2], 1, n) }
      given[n + 1] = 7
      assert.matches("%.lua:%d+: .*expected ",
        message_of(entry, table.unpack(given, 1, n + 1)))
      given[n + 1] = nil
      assert.is_nil(message_of(entry, table.unpack(given, 1, n + 1))) -- a nil is no argument
    end)
  end

  it("is called by metamethods and loops with more than it declares", function()
    local x = core.ones(2)
    assert.same({ -1, -1 }, (-x):totable())
    assert.equal(2, #x)
    local batches = rnn.data.arrays(core.ones(3, 1)):batches { size = 1 }
    local n = 0
    for _ in batches do n = n + 1 end
    assert.equal(3, n)
  end)

  -- Every argument may be anything; the others, too. Two of a kind each, so that they can fit.
  local VALUES = {
    false, true, 3, -0.5, "/dev/null/x", {}, { 1, 2 }, { {} }, { no_such_option = 1 }, core.randn(2, 3),
    core.tensor({ { 1, 2, 3 } }, "int32"), core.tensor(1), function() end, rnn.nn.Linear(2, 3), setmetatable({}, {}),
  }

  it("says what is wrong with arguments of a wrong type", function()
    local faults, seen, calls = {}, {}, 0
    local function try(entry, ...)
      calls = calls + 1
      local message = message_of(entry, ...)
      if message and not is_argument_error(message) and not seen[entry.name] and entry.name ~= "rnn.fail" then
        seen[entry.name] = true
        faults[#faults + 1] = ("%s: %s"):format(entry.name, message)
      end
    end
    for _, entry in ipairs(entries) do
      try(entry)
      for i = 0, #VALUES do
        try(entry, VALUES[i])
        try(entry, VALUES[i], VALUES[(i * 7 + 3) % #VALUES + 1])
        try(entry, VALUES[i], VALUES[(i * 4 + 1) % #VALUES + 1], VALUES[(i * 2 + 5) % #VALUES + 1])
      end
    end
    assert.equal("", clean(faults))
    assert.is_true(calls > 20000)
  end)

  it("wants an object before the colon", function()
    local faults = {}
    for _, entry in ipairs(entries) do
      local f = entry.own and guard.inner(entry.from)
      if f and debug.getinfo(f, "S").what ~= "C" and debug.getlocal(f, 1) == "self" then
        for _, value in ipairs { 3, "x", {}, setmetatable({}, {}), core.ones(1) } do
          local ok, message = pcall(entry.from, value)
          if ok or not is_argument_error(message) then
            faults[#faults + 1] = ("%s: %s"):format(entry.name, ok and "no error" or message)
          end
        end
      end
    end
    assert.equal("", clean(faults))
  end)

  it("does not take an unknown option", function()
    local faults, tried = {}, 0
    for _, entry in ipairs(entries) do
      local described = doc.entry(entry.name)
      for i, param in ipairs(described and described.params or {}) do
        if param.name == "options" then
          tried = tried + 1
          local given = {}
          given[i] = { no_such_option = 1 }
          local message = message_of(entry, table.unpack(given, 1, i))
          if not message or not is_argument_error(message) then
            faults[#faults + 1] = ("%s: %s"):format(entry.name, message or "no error")
          end
        end
      end
    end
    assert.equal("", clean(faults))
    assert.is_true(tried > 30)
  end)
end)

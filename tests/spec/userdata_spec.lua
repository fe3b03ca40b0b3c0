-- What scripts can do with the userdata of the library: every metamethod and method is called with every kind of wrong
-- value. Nothing may be freed or read that is not what it is taken for; a fault here ends the program.
local core = require "rnn.core"
local nn = require "rnn.nn"

local function scratch(content)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "wb"))
  file:write(content or "")
  return path
end

-- Userdata of the classes that scripts get to see. Of the others, which live while a function runs, the class is made.
local function make_all()
  local path, folder = scratch "a,b\n1,2\n", scratch()
  os.remove(folder)
  assert(core.make_folder(folder))
  local made = { tensor = core.ones(2), lock = assert(core.file_lock(path)), events = assert(core.events_open(folder)) }
  local stepper = core.stepper
  core.stepper = function(...)
    made.stepper = stepper(...)
    return made.stepper
  end
  nn.GRU(2, 3):step(core.ones(1, 2))
  core.stepper = stepper
  assert(core.csv_read(scratch "a,b\n1,2\n"))
  assert(core.archive_write(path, { x = core.ones(2) }, {}))
  assert(core.archive_read(path))
  assert(core.json_decode "[1]")
  if core.png_write then pcall(core.png_write, path, 1, 1, {}) end
  return made
end

-- Class -> its functions: metamethods and the methods of __index.
local function classes()
  local found = { ["rnn.Tensor"] = debug.getmetatable(core.ones(1)) }
  for key, metatable in pairs(debug.getregistry()) do
    if type(key) == "string" and key:find "^rnn%.%u" then found[key] = metatable end
  end
  for class, metatable in pairs(found) do
    local functions = {}
    for name, f in pairs(metatable) do functions[name] = type(f) == "function" and f or nil end
    local methods = class == "rnn.Tensor" and core.methods or metatable.__index
    for name, f in pairs(type(methods) == "table" and methods or {}) do functions[name] = f end
    found[class] = functions
  end
  return found
end

local function foreign_values()
  local closed = io.tmpfile()
  closed:close()
  local _, light = debug.getupvalue(core.add, 1) -- of a C function
  return { true, 7, 0.5, "x", {}, print, coroutine.create(print), io.tmpfile(), closed, core.null, light,
    setmetatable({}, debug.getmetatable(core.ones(1))) }
end

describe("a class of userdata", function()
  local made = make_all()
  local known = classes()

  it("has a finaliser that refuses everything but its own", function()
    local count = 0
    for class, functions in pairs(known) do
      count = count + 1
      -- In the program's own memory tensors end without one.
      local refuses = class ~= "rnn.Tensor" or functions.__gc
      if refuses then
        assert.is_function(functions.__gc, class)
        assert.is_false(pcall(functions.__gc), class)
      end
      for _, value in ipairs(refuses and foreign_values() or {}) do
        local ok, message = pcall(functions.__gc, value)
        assert.is_false(ok, class)
        local name = class == "rnn.Lock" and "close" or "__gc"
        assert.truthy(message:find(name .. ": argument 1: expected ", 1, true), message)
      end
    end
    assert.is_true(count >= (core.png_write and 9 or 8), count)
  end)

  it("survives that its functions are called with foreign values", function()
    local values = foreign_values()
    for _, value in pairs(made) do values[#values + 1] = value end
    for class, functions in pairs(known) do
      for name, f in pairs(functions) do
        pcall(f)
        for _, value in ipairs(values) do
          if debug.getmetatable(value) ~= debug.getmetatable(core.ones(1)) and debug.getmetatable(value) ~=
            debug.getregistry()[class] then
            pcall(f, value)
            pcall(f, value, value)
            pcall(f, value, 1, 1)
          end
          if class == "rnn.Tensor" and not name:find "^__gc" then pcall(f, core.ones(2, 2), value) end
        end
      end
    end
    assert.equal(2, made.tensor:sum():item())
    assert.is_true(made.events:close())
  end)

  it("survives light userdata that pass for its own", function()
    local _, light = debug.getupvalue(core.add, 1)
    if type(light) ~= "userdata" then light = core.null end
    for class, functions in pairs(known) do
      local metatable = class == "rnn.Tensor" and debug.getmetatable(core.ones(1)) or debug.getregistry()[class]
      debug.setmetatable(light, metatable)
      for _, f in pairs(functions) do pcall(f, light) end
    end
    debug.setmetatable(light, nil)
  end)

  it("survives that one is used after its end", function()
    for _, value in pairs(make_all()) do
      local metatable = debug.getmetatable(value)
      for _ = 1, metatable.__gc and 2 or 0 do metatable.__gc(value) end
      for _, functions in pairs(known) do
        for _, f in pairs(functions) do
          pcall(f, value)
          pcall(f, value, core.ones(2), {}, {}, {})
          pcall(f, core.ones(2), value)
        end
      end
    end
  end)

  it("survives that an op of another value is called for", function()
    local f = core.exp
    local index, value = debug.getupvalue(f, 1)
    for _, wrong in ipairs { -1, 1e9, "x", {}, core.null } do
      debug.setupvalue(f, 1, wrong)
      pcall(f, core.ones(2))
    end
    debug.setupvalue(f, 1, value)
    assert.truthy(index)
    assert.equal(1, f(core.zeros(1)):item())
  end)

  it("of the program itself is in no table that scripts reach", function()
    for name, value in pairs(core) do assert.is_true(type(value) ~= "userdata" or value == core.null, name) end
    core._interrupt = core.null
    assert.equal(core, package.preload["rnn.core"] and package.preload["rnn.core"]() or core)
    core._interrupt = nil
  end)
end)

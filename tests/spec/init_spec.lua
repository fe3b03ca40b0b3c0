-- The module rnn: what it has, what it loads and when; classes and argument checks that everything else uses.
local rnn = require "rnn"
local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local class = require "rnn.class"

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^ ]*:%d+: ", ""))
end

describe("rnn", function()
  it("has of the core what users need, and an error for a name that is not there", function()
    for name, value in pairs(core) do assert.is_true(rawget(rnn, name) == nil or rawequal(value, rnn[name]), name) end
    assert.equal(core.matmul, rnn.matmul)
    for _, name in ipairs { "fail_allocation", "file_lock", "stepper", "trace" } do
      assert.is_not_nil(core[name], name)
      assert.has_error(function() return rnn[name] end)
    end
    assert.has_error(function() return rnn.nothing end)
    assert.has_error(function() return rnn.nn.Liner end)
  end)

  it("has every name that it says it has", function()
    for _, t in ipairs { rnn, rnn.nn } do
      for name in pairs(getmetatable(t).names) do assert.is_not_nil(t[name], name) end
    end
  end)

  it("loads parts when they are used, not before", function()
    local loaded = {}
    for name, value in pairs(package.loaded) do
      if name:find("^rnn%.") and name ~= "rnn.core" then
        loaded[name], package.loaded[name] = value, nil
      end
    end
    local before = package.loaded.rnn
    package.loaded.rnn = nil
    local fresh = require "rnn"
    local early = { rnn_nn = package.loaded["rnn.nn"], rnn_train = package.loaded["rnn.train"] }
    local nn = fresh.nn
    local linear_early = package.loaded["rnn.nn.linear"]
    local linear = nn.Linear
    local linear_late, lstm_late = package.loaded["rnn.nn.linear"], package.loaded["rnn.nn.lstm"]
    for name in pairs(package.loaded) do
      if name:find("^rnn%.") and name ~= "rnn.core" then package.loaded[name] = nil end
    end
    for name, value in pairs(loaded) do package.loaded[name] = value end
    package.loaded.rnn = before
    assert.is_nil(next(early))
    assert.is_nil(linear_early)
    assert.equal(linear, linear_late)
    assert.is_nil(lstm_late)
  end)
end)

describe("rnn.split", function()
  it("cuts by sizes or into equal parts, with gradients", function()
    local x = rnn.tensor { { 1, 2, 3, 4 } }:requires_grad(true)
    local parts = rnn.split(x, 2, { 1, 3 })
    assert.same({ { { 1 } }, { { 2, 3, 4 } } }, { parts[1]:totable(), parts[2]:totable() })
    parts = rnn.split(x, -1, 2)
    assert.same({ { 3, 4 } }, parts[2]:totable())
    parts[2]:sum():backward()
    assert.same({ { 0, 0, 1, 1 } }, x.grad:totable())
    assert.equal("split: axis 2 of size 4 does not divide into 3 equal parts", message_of(rnn.split, x, 2, 3))
    assert.equal("split: sizes {1, 2} do not add up to 4, axis 2 of (1, 4)", message_of(rnn.split, x, 2, { 1, 2 }))
    assert.equal("split: argument 1: expected a tensor, got nil", message_of(rnn.split))
  end)
end)

describe("class", function()
  it("constructs, inherits methods and metamethods, and knows its objects", function()
    local Animal = class("Animal")
    function Animal:init(name) self.name = name end
    function Animal:who() return self.name end
    Animal.__len = function() return 4 end
    local Dog = class("Dog", Animal)
    function Dog:who() return "dog " .. Animal.who(self) end
    local rex = Dog("rex")
    assert.equal("dog rex", rex:who())
    assert.equal(4, #rex)
    assert.is_true(class.is_a(rex, Animal))
    assert.is_true(class.is_a(rex, Dog))
    assert.is_false(class.is_a(Animal("cat"), Dog))
    for _, other in ipairs { {}, 1, "x", print, setmetatable({}, { __metatable = "locked" }) } do
      assert.is_false(class.is_a(other, Animal))
    end
    assert.equal("class Dog", tostring(Dog))
  end)
end)

describe("check", function()
  it("takes what fits and returns it", function()
    assert.equal(3, check.int("f", "n", 3.0, 1))
    assert.equal("integer", math.type(check.int("f", "n", 3.0, 1)))
    assert.equal(0.5, check.number("f", "n", 0.5, 0, 1))
    assert.equal("b", check.one_of("f", "n", "b", { "a", "b" }))
    local options = option.of("f of init_spec", { { "a", 1, option.int(0) }, { "b", true, check.boolean },
      { "c", nil, check.string } })
    assert.same({ a = 1, b = false }, options:read { b = false })
    assert.same({ a = 2, b = true, c = "x" }, options:read { a = 2, c = "x" })
    assert.same({ a = 1, b = true }, options:read(nil))
  end)

  it("says function, argument, what was expected and what came", function()
    for _, case in ipairs {
      { "f: n: expected a positive integer, got number 1.5", check.int, 1.5, 1 },
      { "f: n: expected a positive integer, got string '3'", check.int, "3", 1 },
      { "f: n: expected an integer of 0 or more, got number -1", check.int, -1, 0 },
      { "f: n: expected an integer from 2 to 5, got number 6", check.int, 6, 2, 5 },
      { "f: n: expected an integer, got nil", check.int, nil },
      { "f: n: expected a number, got number nan", check.number, 0 / 0 },
      { "f: n: expected a number of at least 0, got number -1", check.number, -1, 0 },
      { "f: n: expected a number of at most 1, got number 2", check.number, 2, nil, 1 },
      { "f: n: expected a positive number, got number inf", check.positive, math.huge },
      { "f: n: expected true or false, got nil", check.boolean, nil },
      { "f: n: expected a string, got table", check.string, {} },
      { "f: n: expected one of 'a', 'b', got string 'c'", check.one_of, "c", { "a", "b" } },
      { "f: n: expected an int32 tensor of 2 axes, got tensor (2) float", check.tensor, core.zeros(2), "int32", 2 },
      { "f: n: expected a tensor, got string 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'", check.tensor, ("a"):rep(99) },
    } do
      assert.equal(case[1], message_of(case[2], "f", "n", table.unpack(case, 3)))
    end
    local options = option.of("f of init_spec", { { "a", 1, option.int(0) }, { "length", nil, check.string } })
    local read = getmetatable(options).__index.read
    local function refused(given) return message_of(read, options, given, "f") end
    assert.equal("f: unknown option 'zzz'; known: a, length", refused { zzz = 1 })
    assert.equal("f: unknown option 'lenght'; did you mean 'length'? known: a, length", refused { lenght = "1" })
    assert.equal("f: option 'a': expected an integer of 0 or more, got number -1", refused { a = -1 })
    assert.equal("f: options: expected a table, got number 3", refused(3))
    assert.equal("f: options: expected a table, got nn.Linear(1 -> 1)", refused(rnn.nn.Linear(1, 1)))
  end)

  it("blames the user's line", function()
    local _, message = pcall(rnn.nn.Linear, 0, 1)
    assert.is_truthy(message:find("init_spec.lua:%d+: nn.Linear: argument 1"))
  end)
end)

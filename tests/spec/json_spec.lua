-- core.json_encode and json_decode.
local core = require "rnn.core"
local encode, decode, null = core.json_encode, core.json_decode, core.null

local function array(t) return setmetatable(t, { __json = "array" }) end

local function raises(part, ...)
  local arguments = table.pack(...)
  local ok, message = pcall(function()
    local result = encode(table.unpack(arguments, 1, arguments.n)) -- no tail call: the line stays on the stack
    return result
  end)
  assert.is_false(ok)
  assert.truthy(message:find("^[^\n]*json_spec%.lua:%d+: json_encode: "), message)
  assert.truthy(message:find(part, 1, true), ("'%s' is not in: %s"):format(part, message))
end

local function nested(depth)
  local t = {}
  for _ = 2, depth do t = { t } end
  return t
end

describe("json_encode", function()
  it("writes every kind of value", function()
    assert.equal("true", encode(true))
    assert.equal("false", encode(false))
    assert.equal("null", encode(null))
    assert.equal('"a\\"\\\\/\\n\\u0001é"', encode 'a"\\/\n\1é')
    assert.equal('"a\\u0000b"', encode "a\0b")
    assert.equal("[1,2,3]", encode { 1, 2, 3 })
    assert.equal('{"a":[],"b":{},"c":[null,true]}', encode { a = array {}, b = {}, c = { null, true } })
  end)

  it("keeps integers and floats apart", function()
    assert.equal("3", encode(3))
    assert.equal("3.0", encode(3.0))
    assert.equal("-0.0", encode(-0.0))
    assert.equal("9223372036854775807", encode(math.maxinteger))
    assert.equal("-9223372036854775808", encode(math.mininteger))
    for _, x in ipairs { 0.1, 1e300, 5e-324, -1 / 3, math.pi, 1e15, 2.0 ^ 53 } do
      local back = decode(encode(x))
      assert.equal(x, back)
      assert.equal("float", math.type(back))
    end
  end)

  it("sorts keys, unless told otherwise, and indents", function()
    local t = {}
    for i = 20, 1, -1 do t[("k%02d"):format(i)] = i end
    local names = {}
    for name in encode(t):gmatch '"(k%d+)"' do names[#names + 1] = name end
    assert.equal(20, #names)
    for i, name in ipairs(names) do assert.equal(("k%02d"):format(i), name) end
    assert.same(t, decode(encode(t, { sort = false })))
    assert.equal('{\n  "a": 1,\n  "b": [\n    2\n  ]\n}', encode({ b = { 2 }, a = 1 }, { indent = 2 }))
    assert.equal('{"a":1}', encode({ a = 1 }, { indent = 0 }))
  end)

  it("refuses what JSON cannot hold, and says where it stands", function()
    raises("NaN is no number in JSON (at value)", 0 / 0)
    raises("an infinity is no number in JSON (at value.loss[2])", { loss = { 1, math.huge } })
    raises("an infinity is no number in JSON (at value)", -math.huge)
    raises("JSON has no form for a function (at value.a.b)", { a = { b = print } })
    raises("JSON has no form for a thread (at value)", coroutine.create(print))
    raises("JSON has no form for a nil (at value)", nil)
    raises("JSON has no form for a tensor: give its totable() (at value[1])", { core.ones(2) })
    raises("a string must be valid UTF-8 (at value[1])", { "\xff" })
    raises("a string must be valid UTF-8", "\xed\xa0\x80") -- a surrogate
    raises("a key must be valid UTF-8", { ["\xc0\x80"] = 1 })
    raises("a key must not have zero bytes", { ["a\0b"] = 1 })
  end)

  it("refuses tables that are neither array nor object", function()
    local text = "the keys of a table must be 1..n without holes, or all strings"
    raises(text, { 1, 2, a = 3 })
    raises(text, { 1, nil, 3 })
    raises(text, { [0] = 1 })
    raises(text, { [2] = 1 })
    raises(text, { [1.5] = 1 })
    raises(text, { [true] = 1 })
    raises(text .. " (at value.x)", { x = { [-1] = 1, a = 2 } })
    raises(text, { [math.maxinteger] = 1 })
  end)

  it("takes a table twice, but not inside itself", function()
    local shared = { 1 }
    assert.equal("[[1],[1]]", encode { shared, shared })
    local t = { a = {} }
    t.a.b = t
    raises("the table contains itself (at value.a.b)", t)
    raises("the table contains itself", t.a)
  end)

  it("goes 200 tables deep", function()
    assert.equal(("["):rep(199) .. "{}" .. ("]"):rep(199), encode(nested(200)))
    raises("tables nested too deeply", nested(201))
    raises("tables nested too deeply", nested(100000))
  end)

  it("raises for misuse", function()
    raises "argument 1 (value): expected a value, got nothing"
    raises("argument 2 (options): expected a table, got 2", 1, 2)
    raises("option indent: expected 0 to 31, got 32", 1, { indent = 32 })
    raises("option indent: expected 0 to 31, got -1", 1, { indent = -1 })
    raises("option indent: expected an integer, got boolean", 1, { indent = true })
    raises("option sort: expected true or false, got 1", 1, { sort = 1 })
  end)

  it("leaves the metamethods of tables alone", function()
    local loud = { __index = error, __len = error, __pairs = error }
    assert.equal('[1,{"a":2}]', encode(setmetatable({ 1, setmetatable({ a = 2 }, loud) }, loud)))
  end)
end)

describe("json_decode", function()
  local function refused(part, text)
    local value, message, code = decode(text)
    assert.is_nil(value)
    assert.truthy(message:find("json_decode: ", 1, true) == 1, message)
    assert.truthy(message:find(part, 1, true), ("'%s' is not in: %s"):format(part, message))
    assert.equal("EFORMAT", code)
  end

  it("reads every kind of value", function()
    assert.same({ a = { 1, 2.5, "x\0é\n", true, false, null }, b = {} },
      decode ' {"a": [1, 2.5, "x\\u0000\\u00e9\\n", true, false, null], "b": {}} ')
    assert.equal(7, decode "7")
    assert.equal("x", decode '"x"')
    assert.equal(null, decode "null")
    assert.is_false(decode "false")
    assert.equal("integer", math.type(decode "3"))
    assert.equal("float", math.type(decode "3.0"))
    assert.equal("float", math.type(decode "1e2"))
    assert.equal(math.mininteger, decode "-9223372036854775808")
  end)

  it("keeps empty arrays and empty objects apart", function()
    local text = '{"a":[],"b":{},"c":[[]]}'
    assert.equal(text, encode(decode(text)))
  end)

  it("says where the text is wrong", function()
    refused("line 1, column 0: ", "")
    refused("line 2, column 3: ", "[1,\n 2}")
    refused("end of file expected near 'x'", "1 x")
    refused("duplicate object key", '{"a":1,"a":2}')
    refused("too big integer", "9223372036854775808")
    refused("real number overflow", "1e999")
    refused("", "NaN")
    refused("", "{'a':1}")
    refused("unable to decode byte 0xff", '"\xff"')
    refused("", '{"a\\u0000b":1}')
    refused("", "[1,]")
  end)

  it("goes 200 levels deep", function()
    local function text(n) return ("["):rep(n) .. ("]"):rep(n) end
    assert.equal(text(200), encode(decode(text(200))))
    refused("nested too deeply", text(201))
    refused("depth", text(100000))
  end)

  it("raises for misuse", function()
    local ok, message = pcall(function()
      local result = decode(7)
      return result
    end)
    assert.is_false(ok)
    assert.truthy(message:find "json_spec%.lua:%d+: json_decode: argument 1 %(text%): expected a string, got 7")
  end)
end)

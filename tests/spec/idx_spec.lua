-- data.idx: every type of number, and files that are none.
local rnn = require "rnn"
local idx = rnn.data.idx

local path = os.tmpname()

local function write(bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  return path
end

describe("data.idx", function()
  teardown(function() os.remove(path) end)

  it("reads every type", function()
    for kind, case in pairs { [8] = { "B", { 0, 7, 255 } }, [9] = { "b", { -128, 0, 127 } },
      [11] = { ">i2", { -32768, 5, 32767 } }, [12] = { ">i4", { -2 ^ 31 | 0, 6, 2 ^ 31 - 1 | 0 } },
      [13] = { ">f", { -0.5, 0.25, 1024 } }, [14] = { ">d", { -0.5, 0.25, 1024 } } } do
      local body = ""
      for _, value in ipairs(case[2]) do body = body .. case[1]:pack(value) end
      local t = assert(idx(write((">I2BBI4"):pack(0, kind, 1, 3) .. body)))
      assert.equal(kind < 13 and "int32" or "float", t:type())
      assert.same(case[2], t:totable())
    end
  end)

  it("keeps shapes, also of large and empty arrays", function()
    local bytes = {}
    for i = 1, 5 * 41 * 61 do bytes[i] = string.char(i % 251) end
    local t = assert(idx(write((">I2BBI4I4I4"):pack(0, 8, 3, 5, 41, 61) .. table.concat(bytes))))
    assert.same({ 5, 41, 61 }, { t:shape() })
    assert.equal((2 * 41 * 61 + 3 * 61 + 5) % 251, t:get(3, 4, 5))
    assert.same({ 0, 4 }, { assert(idx(write((">I2BBI4I4"):pack(0, 8, 2, 0, 4)))):shape() })
  end)

  it("says what is wrong with a file", function()
    local function fails(message, bytes)
      local t, got = idx(write(bytes))
      assert.is_nil(t)
      assert(got:find(path .. ": " .. message, 1, true), got)
    end
    fails("is no IDX file", "")
    fails("is no IDX file", "\0\0\8")
    fails("is no IDX file", "text, not numbers")
    fails("is no IDX file", "\0\0\8\2\0\0\0\1")
    fails("is no IDX file", "\0\0\7\1\0\0\0\1x")
    fails("has 2 bytes of numbers, but its head says 3 of 1 bytes", "\0\0\8\1\0\0\0\3ab")
    fails("has 4 bytes of numbers, but its head says 4294967295 x 2 of 2 bytes",
      "\0\0\11\2\255\255\255\255\0\0\0\2abcd")
    fails("has 0 bytes of numbers, but its head says 2147483648 x 2147483648 x 4 of 1 bytes",
      "\0\0\8\3\128\0\0\0\128\0\0\0\0\0\0\4") -- 2^64
    local t, message = idx "/no/such/file"
    assert.is_nil(t)
    assert(message:find("/no/such/file", 1, true), message)
    assert.is_nil((idx "."))
  end)
end)

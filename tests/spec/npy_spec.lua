-- rnn.npy_read, npy_write, npz_read, npz_write: what goes in comes out, NumPy reads it, misuse raises at its line. The
-- formats are tested in tests/c/test_npy.c.
local core = require "rnn.core"

local NUMPY = "tests/reference/numpy/"

describe("NumPy's files", function()
  local path

  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function same(a, b)
    assert.equal(a:type(), b:type())
    assert.same({ a:shape() }, { b:shape() })
    assert.same(a:totable(), b:totable())
  end

  -- Every type, shape and order of memory that a tensor has.
  local function tensors()
    return {
      matrix = core.tensor { { 1.5, -2 }, { 3, 4 }, { 5, 6 } },
      ids = core.tensor({ 1, 0, -7 }, "int32"),
      scalar = core.tensor(2.5),
      turned = core.arange(24):reshape(2, 3, 4):transpose(1, 3),
      part = core.randn(4, 5):slice(2, 2, 4),
      ["a/b é"] = core.tensor { 1 },
      none = core.zeros(0),
    }
  end

  it("keep values, shapes and types", function()
    local all = tensors()
    all.none = nil
    for _, t in pairs(all) do
      assert.is_true(core.npy_write(path, t))
      same(t, assert(core.npy_read(path)))
    end
    for _, options in ipairs { {}, { compress = true } } do
      assert.is_true(core.npz_write(path, all, options))
      local read = assert(core.npz_read(path))
      for name, t in pairs(all) do
        same(t, read[name])
        read[name] = nil
      end
      assert.is_nil(next(read))
    end
    assert(core.npy_write(path, core.zeros(3, 0)))
    assert.same({ 3, 0 }, { core.npy_read(path):shape() })
    assert(core.npz_write(path, {}))
    assert.same({}, core.npz_read(path))
  end)

  it("give the same bytes for the same content, and fewer compressed", function()
    local function write(options)
      assert(core.npz_write(path, { a = core.zeros(1000), b = core.ones(3), c = core.ones(2) }, options))
      return assert(core.file_read(path))
    end
    assert.equal(write(), write())
    assert.equal(write(), write { compress = false })
    assert.is_true(#write { compress = true } < #write() / 2)
  end)

  it("of bool are masks", function()
    local text = "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3), }\n"
    assert(core.file_write(path, "\x93NUMPY\1\0" .. ("<s2"):pack(text) .. "\1\0\1\0\0\2"))
    local m, x = assert(core.npy_read(path)), core.arange(6):to_float():reshape(2, 3)
    same(core.tensor { { 1, 0, 1 }, { 0, 0, 1 } }, m)
    same(core.tensor { 1, 3, 6 }, x[m])
    same(core.tensor { { 1, 0, 3 }, { 0, 0, 6 } }, core.where(m, x, 0))
    same(core.tensor { 0, 0 }, m:all(2))
    same(core.tensor { 1, 1, 0 }, m:logical_not():any(1))
  end)

  it("are read by NumPy", function()
    local pipe = io.popen "python3 -c 'import numpy' 2>&1"
    local missing = pipe:read "a"
    pipe:close()
    if missing ~= "" then return pending("python3 has no NumPy: " .. missing) end
    local all, lines = tensors(), { "import numpy as np" }
    assert(core.npz_write(path, all))
    lines[#lines + 1] = ("z = np.load(%q)"):format(path)
    for name, t in pairs(all) do
      local kind = t:type() == "int32" and "int32" or core.precision == "double" and "float64" or "float32"
      lines[#lines + 1] = ("a = z[%q]; assert a.dtype == %q and a.shape == (%s), (a.dtype, a.shape)"):format(name, kind,
        table.concat({ t:shape() }, ",") .. (t:ndim() > 0 and "," or ""))
      local values = {}
      if #{ t:shape() } == 0 then values[1] = t:item() elseif name ~= "none" then values = t:reshape(-1):totable() end
      for i, v in ipairs(values) do values[i] = ("%.17g"):format(v) end
      lines[#lines + 1] = ("assert a.ravel().tolist() == [%s], a"):format(table.concat(values, ","))
    end
    for name, t in pairs(all) do
      local single = os.tmpname()
      assert(core.npy_write(single, t))
      lines[#lines + 1] = ("b = np.load(%q); assert b.dtype == z[%q].dtype and b.tolist() == z[%q].tolist()"):format(
        single, name, name)
      lines[#lines + 1] = ("import os; os.remove(%q)"):format(single)
    end
    local program = os.tmpname()
    assert(core.file_write(program, table.concat(lines, "\n") .. "\nprint('read')\n"))
    pipe = io.popen("python3 " .. program .. " 2>&1")
    local said = pipe:read "a"
    pipe:close()
    os.remove(program)
    assert.equal("read\n", said)
  end)

  it("have arrays that cannot be read, and others that can", function()
    local z = assert(core.npz_read(NUMPY .. "stored.npz"))
    assert.same({ 0, 1, 2, 3, 4 }, z.x:totable())
    assert.equal(3, z.arr_0:item())
    assert.is_nil(z.nothing)
    assert.error_matches(function() return z.text end, "stored%.npz: 'text' is of type '<U1' %(text%)")
    local t, message, code = core.npy_read(NUMPY .. "object.npy")
    assert.is_nil(t)
    assert.truthy(message:find("object.npy: elements of type '|O' (Python objects", 1, true), message)
    assert.equal("EFORMAT", code)
  end)

  it("leave the old file when they cannot be written", function()
    assert(core.file_write(path, "old"))
    local ok = pcall(core.npz_write, path, { a = core.ones(2, 3):with_lengths { 1, 3 } })
    assert.is_false(ok)
    assert.equal("old", core.file_read(path))
    local wrote, message, code = core.npy_write("/no/such/folder/a.npy", core.ones(1))
    assert.is_nil(wrote)
    assert.truthy(message:find("/no/such/folder", 1, true))
    assert.equal("EIO", code)
  end)

  it("give back every byte", function()
    local function run(n)
      for _ = 1, n do
        assert(core.npz_write(path, { a = core.ones(100), b = core.arange(9):reshape(3, 3):transpose(1, 2) },
          { compress = true }))
        assert(core.npz_read(path))
        assert(core.npy_read(NUMPY .. "fortran_order.npy"))
        core.npy_read(NUMPY .. "text.npy")
      end
      collectgarbage()
      collectgarbage()
      return core.memory().live
    end
    local before = run(10)
    assert.equal(before, run(50))
  end)

  it("raise for misuse", function()
    local function raises(part, f, ...)
      local arguments = table.pack(...)
      local ok, message = pcall(function()
        local result = f(table.unpack(arguments, 1, arguments.n))
        return result
      end)
      assert.is_false(ok)
      assert.truthy(message:find("^[^\n]*npy_spec%.lua:%d+: "), message)
      assert.truthy(message:find(part, 1, true), ("'%s' is not in: %s"):format(part, message))
    end
    local padded = core.ones(1, 2):with_lengths { 1 }
    raises("npy_read: argument 1 (path): expected a string, got nothing", core.npy_read)
    raises("npy_write: argument 2: expected a tensor, got table", core.npy_write, path, {})
    raises("npy_write: (1, 2) has lengths", core.npy_write, path, padded)
    raises("npz_read: argument 1 (path): expected a string, got 3", core.npz_read, 3)
    raises("npz_write: argument 2 (tensors): expected a table, got nothing", core.npz_write, path)
    raises("npz_write: 'a': expected a tensor, got number", core.npz_write, path, { a = 1 })
    raises("npz_write: a tensor's name must be a string, got number", core.npz_write, path, { core.ones(1) })
    raises("npz_write: unknown option 'compressed'", core.npz_write, path, {}, { compressed = true })
    raises("npz_write: '\xff' must be UTF-8", core.npz_write, path, { ["\xff"] = core.ones(1) })
    raises("npz_write: (1, 2) has lengths", core.npz_write, path, { x = padded })
  end)
end)

-- core.archive_read, archive_write, file_write: what goes in comes out; misuse raises at the caller's line, what the
-- file system or the file itself refuses is nil, message, code. The format is tested in tests/c/test_safetensors.c.
local core = require "rnn.core"

describe("files", function()
  local path

  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function content()
    local f = assert(io.open(path, "rb"))
    local bytes = f:read "a"
    f:close()
    return bytes
  end

  local function refused(part, code, result, message, came)
    assert.is_nil(result)
    assert.truthy(message:find(part, 1, true), ("'%s' is not in: %s"):format(part, message))
    assert.equal(code, came)
  end

  local function raises(part, f, ...)
    local arguments = table.pack(...)
    local ok, message = pcall(function()
      local result = f(table.unpack(arguments, 1, arguments.n)) -- no tail call: the line stays on the stack
      return result
    end)
    assert.is_false(ok)
    assert.truthy(message:find("^[^\n]*archive_spec%.lua:%d+: "), message)
    assert.truthy(message:find(part, 1, true), ("'%s' is not in: %s"):format(part, message))
  end

  describe("archive_write and archive_read", function()
    it("keep values, shapes, types and metadata", function()
      local tensors = {
        ["layer.weight"] = core.tensor { { 1.5, -2 }, { 3, 4 }, { 5, 6 } },
        ids = core.tensor({ 1, 0, -7 }, "int32"),
        scalar = core.tensor(2.5),
        empty = core.zeros(3, 0),
        ["é"] = core.tensor { 1 },
      }
      assert.is_true(core.archive_write(path, tensors, { format = "rnnlua", ["key with spaces"] = "line\nline" }))
      local read, metadata = core.archive_read(path)
      assert.same({ format = "rnnlua", ["key with spaces"] = "line\nline" }, metadata)
      for name, t in pairs(tensors) do
        assert.equal(t:type(), read[name]:type())
        assert.same({ t:shape() }, { read[name]:shape() })
        if name ~= "empty" then assert.same(t:totable(), read[name]:totable()) end
        read[name] = nil
      end
      assert.is_nil(next(read))
    end)

    it("may be empty, and metadata may be left out", function()
      assert.is_true(core.archive_write(path, {}))
      local read, metadata = core.archive_read(path)
      assert.same({}, read)
      assert.same({}, metadata)
    end)

    it("write the same bytes for the same content", function()
      local function write(from, to, step)
        local tensors, metadata = {}, {}
        for i = from, to, step do
          tensors["t" .. i] = core.full({ i }, i)
          metadata["k" .. i] = tostring(i)
        end
        assert(core.archive_write(path, tensors, metadata))
        return content()
      end
      assert.equal(write(1, 40, 1), write(40, 1, -1))
    end)

    it("keep the mode of a private file", function()
      assert(core.file_write(path, "old"))
      os.execute("chmod 600 " .. path)
      assert(core.archive_write(path, { x = core.ones(2) }))
      local pipe = io.popen("stat -c %a " .. path)
      assert.equal("600", pipe:read "l")
      pipe:close()
    end)

    it("give back every byte", function()
      assert(core.archive_write(path, { a = core.ones(1000), b = core.ones(1000) }, { k = "v" }))
      local function run(n)
        for _ = 1, n do assert(core.archive_read(path)) end
        collectgarbage()
        collectgarbage()
        return core.memory().live
      end
      local before = run(10)
      assert.equal(before, run(100))
    end)

    it("say nil for what the file system or the file refuses", function()
      refused("/none: Not a directory", "EIO", core.archive_read(path .. "/none"))
      os.remove(path)
      refused(path .. ": No such file or directory", "EIO", core.archive_read(path))
      refused("it is a folder", "EIO", core.archive_read("/"))
      refused("it is a folder", "EIO", core.archive_write("/", {}))
      assert(core.file_write(path, "return 1 -- a Lua script"))
      refused("not a safetensors file", "EFORMAT", core.archive_read(path))
    end)

    it("leave the old file when they fail", function()
      assert(core.file_write(path, "old"))
      raises("cannot be called '__metadata__'", core.archive_write, path, { __metadata__ = core.ones(1) })
      assert.equal("old", content())
    end)

    it("raise for misuse", function()
      raises("archive_read: argument 1 (path): expected a string, got nothing", core.archive_read)
      raises("archive_read: the path has a zero byte", core.archive_read, "a\0b")
      raises("archive_write: argument 1 (path): expected a string, got table", core.archive_write, {}, {})
      raises("archive_write: argument 2 (tensors): expected a table, got nothing", core.archive_write, path)
      raises("archive_write: argument 3 (metadata): expected a table, got string", core.archive_write, path, {}, "x")
      raises("archive_write: 'a': expected a tensor, got number", core.archive_write, path, { a = 1 })
      raises("archive_write: a tensor's name must be a string, got number", core.archive_write, path, { core.ones(1) })
      raises("archive_write: a tensor's name has a zero byte", core.archive_write, path, { ["a\0b"] = core.ones(1) })
      raises("archive_write: a metadata key must be a string, got number", core.archive_write, path, {}, { "a" })
      raises("archive_write: a metadata value must be a string, got number", core.archive_write, path, {}, { a = 1 })
      raises("archive_write: a metadata value has a zero byte", core.archive_write, path, {}, { a = "\0" })
      raises("safetensors_write: '\xff' must be UTF-8", core.archive_write, path, { ["\xff"] = core.ones(1) })
      raises("cannot be called '__metadata__'", core.archive_write, path, { __metadata__ = core.ones(1) })
      raises("tensor 'x' has lengths", core.archive_write, path, { x = core.ones(1, 2):with_lengths { 1 } })
    end)
  end)

  describe("file_write", function()
    it("writes every byte", function()
      assert.is_true(core.file_write(path, "a\0b\r\n\xff"))
      assert.equal("a\0b\r\n\xff", content())
      assert.is_true(core.file_write(path, ""))
      assert.equal("", content())
    end)

    it("says nil when it cannot", function()
      refused("it is a device", "EIO", core.file_write("/dev/null", "x"))
      refused("/nowhere/a: No such file or directory", "EIO", core.file_write("/nowhere/a", "x"))
    end)

    it("raises for misuse", function()
      raises("file_write: argument 2 (content): expected a string, got 3", core.file_write, path, 3)
      raises("file_write: argument 1 (path): expected a string, got nothing", core.file_write)
    end)
  end)
end)

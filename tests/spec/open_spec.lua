-- Data that stay in their files: tensors of data.open, what data.spool writes, and datasets of both.

local rnn = require "rnn"
local core = require "rnn.core"
local data, text = rnn.data, rnn.text

describe("data that stay in their files", function()
  local folder

  setup(function() folder = assert(core.folder_scratch()) end)
  teardown(function() core.folder_remove(folder) end)

  local function same(a, b)
    assert.same({ a:shape() }, { b:shape() })
    assert.equal(a:type(), b:type())
    assert.equal(core.checksum(a), core.checksum(b))
  end

  it("are the tensors that were written", function()
    local x, ids = rnn.randn(7, 3), rnn.tensor({ 3, 1, 2 }, "int32")
    assert(rnn.npy_write(folder .. "/x.npy", x))
    same(x, assert(data.open(folder .. "/x.npy")))
    assert(core.archive_write(folder .. "/both.safetensors", { x = x, ids = ids, none = rnn.zeros(0, 2) }))
    local both = assert(data.open(folder .. "/both.safetensors"))
    same(x, both.x)
    same(ids, both.ids)
    assert.equal(0, #both.none)
  end)

  it("outlive their names, and a change stays in memory", function()
    assert(rnn.npy_write(folder .. "/y.npy", rnn.ones(5)))
    local y = assert(data.open(folder .. "/y.npy"))
    local part = y:slice(1, 2, 4)
    y:set(3, 9)
    y = nil -- luacheck: ignore
    collectgarbage()
    assert.same({ 1, 9, 1 }, part:totable())
    assert.same({ 1, 1, 1, 1, 1 }, assert(data.open(folder .. "/y.npy")):totable())
  end)

  it("of a file that is cut short are an error of the op that meets it, and others live on", function()
    local path = folder .. "/cut.npy"
    assert(core.npy_write(path, rnn.ones(300000)))
    local kept = assert(data.open(path))
    local x = assert(data.open(path))
    assert.equal(300000, kept:sum():item())
    assert(core.file_truncate(path, 4096))
    local fine = assert(core.npy_write(folder .. "/fine.npy", rnn.ones(5))) and data.open(folder .. "/fine.npy")
    for _ = 1, 2 do
      local ok, message = pcall(function() return (x * 2):sum() end)
      assert.is_false(ok)
      assert.matches("mul: the file that argument 1 lies in has been cut short", message)
    end
    assert.equal(5, fine:sum():item())
    assert.has_error(function() return rnn.nn.Linear(300000, 1)(kept:reshape(1, -1)) end)
  end)

  it("are refused by name where they do not lie in the file as in memory", function()
    local function npy(descr, shape, bytes, order)
      local head = ("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }"):format(descr, order or "False", shape)
      head = head .. (" "):rep(117 - #head) .. "\n"
      assert(core.file_write(folder .. "/other.npy", "\x93NUMPY\1\0" .. string.pack("<I2", #head) .. head .. bytes))
      return data.open(folder .. "/other.npy")
    end
    local double = core.precision == "double"
    for _, case in ipairs {
      { double and "<f4" or "<f8", "(2,)", ("\0"):rep(double and 8 or 16) }, { "<i8", "(2,)", ("\0"):rep(16) },
      { ">i4", "(2,)", ("\0"):rep(8) }, { "<i4", "(2, 2)", ("\0"):rep(16), "True" },
    } do
      local x, message = npy(table.unpack(case))
      assert.is_nil(x)
      assert.matches("cannot stay in the file: float32", message)
    end
    local x, message = npy("<i4", "(3,)", ("\0"):rep(8))
    assert.is_nil(x)
    assert.matches("cut off", message)
    same(rnn.zeros { 2, type = "int32" }, npy("<i4", "(2,)", ("\0"):rep(8)))
    assert.is_nil(data.open(folder .. "/nowhere.npy"))
    assert.is_nil(data.open(folder .. "/nowhere.safetensors"))
    assert.has_error(function() data.open(3) end)
    assert(core.file_write(folder .. "/half.safetensors", string.pack("<I8", 64)
      .. ('{"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}'):sub(1, 64) .. (" "):rep(10) .. "\0\0\0\0"))
    local half = assert(data.open(folder .. "/half.safetensors"))
    assert.error_matches(function() return half.h end, "'h' has dtype F16, which cannot stay in the file")
  end)

  it("are written part by part", function()
    local x, at = rnn.randn(100, 4), 0
    local y = assert(data.spool(folder .. "/spooled.npy", function()
      if at >= 100 then return nil end
      at = at + 30
      return x:rows(at - 29, math.min(at, 100))
    end))
    same(x, y)
    same(x, assert(rnn.npy_read(folder .. "/spooled.npy")))
    local n, message = data.spool(folder .. "/none.npy", function() end)
    assert.is_nil(n)
    assert.matches("no part", message)
    assert.is_false(core.file_is_there(folder .. "/none.npy"))
    local k = 0
    assert.error_matches(function()
      data.spool(folder .. "/odd.npy", function()
        k = k + 1
        return rnn.ones(2, k)
      end)
    end, "rows as those before")
    assert.error_matches(function() data.spool(folder .. "/x.csv", function() end) end, "ends in .npy")
    assert.is_nil(data.spool(folder .. "/no/where.npy", function() end))
  end)

  it("come from a CSV file in parts", function()
    local lines = { "a,b" }
    for i = 1, 500 do lines[#lines + 1] = ("%d,%g"):format(i, i / 4) end
    assert(core.file_write(folder .. "/t.csv", table.concat(lines, "\n") .. "\n"))
    local parts = assert(data.csv_stream(folder .. "/t.csv", { rows = 64 }))
    local x = assert(data.spool(folder .. "/t.npy", function()
      local part = parts()
      return part and part:tensor { "a", "b" }
    end))
    same(assert(data.csv(folder .. "/t.csv")):tensor { "a", "b" }, x)
  end)

  it("are texts as ids, whatever their parts", function()
    local lines = {}
    for i = 1, 60000 do lines[i] = ("line %d of árvores\n"):format(i) .. (i % 7 == 0 and "\n  and more\n" or "") end
    local whole = table.concat(lines)
    assert.is_true(#whole > 1 << 20)
    assert(core.file_write(folder .. "/t.txt", whole))
    local vocab = text.chars(whole)
    local ids = assert(data.spool_text(folder .. "/t.txt", vocab, folder .. "/ids.npy"))
    same(rnn.tensor(vocab:encode(whole), "int32"), ids)
    assert.is_nil(data.spool_text(folder .. "/nowhere.txt", vocab, folder .. "/ids2.npy"))
    assert.is_nil(data.spool_text(folder .. "/t.txt", vocab, folder .. "/no/ids.npy"))
  end)

  it("give the batches that tensors give", function()
    local ids = (rnn.rand(1003) * 50):floor():to_int() + 1
    local series = rnn.randn(300, 3)
    assert(rnn.npy_write(folder .. "/i.npy", ids))
    assert(rnn.npy_write(folder .. "/s.npy", series))
    local their_ids, their_series = assert(data.open(folder .. "/i.npy")), assert(data.open(folder .. "/s.npy"))
    local lists, lengths, at = {}, {}, 1
    while at <= #ids do
      local n = math.min((at * 13) % 9, #ids - at + 1)
      lists[#lists + 1], lengths[#lengths + 1] = ids:rows(at, at + n - 1):totable(), n
      at = at + math.max(n, 0)
      if n == 0 then lists[#lists + 1], lengths[#lengths + 1] = { ids:get(at) }, 1 at = at + 1 end
    end
    local options = { size = 10, shuffle = true, seed = 4 }
    local function all(source)
      local sums = {}
      for x, y in source do
        sums[#sums + 1] = ("%016x %016x %s"):format(core.checksum(x:without_lengths()),
          y and core.checksum(y:without_lengths()) or 0, x:lengths() and table.concat(x:lengths():totable(), ","))
      end
      return sums
    end
    for _, pair in ipairs {
      { text.stream(ids, { size = 7, length = 16 }), text.stream(their_ids, { size = 7, length = 16 }) },
      { data.tokens(ids, { length = 20, stride = 11 }):batches(options),
        data.tokens(their_ids, { length = 20, stride = 11 }):batches(options) },
      { data.windows(series, { length = 12 }):batches(options), data.windows(their_series, { length = 12 })
        :batches(options) },
      { data.arrays(series, series):batches(options), data.arrays(their_series, their_series):batches(options) },
      { data.sequences(lists):batches(options), data.sequences(data.packed(their_ids, lengths)):batches(options) },
    } do
      local one, other = all(pair[1]), all(pair[2])
      assert.is_true(#one > 2)
      assert.same(one, other)
    end
  end)

  it("has windows of ids with what follows them", function()
    local set = data.tokens({ 1, 2, 3, 4, 5, 6, 7, 8 }, { length = 3, stride = 2 })
    assert.equal(3, #set)
    local x, y = set:all()
    assert.same({ { 1, 2, 3 }, { 3, 4, 5 }, { 5, 6, 7 } }, x:totable())
    assert.same({ { 2, 3, 4 }, { 4, 5, 6 }, { 6, 7, 8 } }, y:totable())
    assert.equal(1, #data.tokens({ 1, 2 }, { length = 1 }))
    assert.error_matches(function() data.tokens({ 1, 2, 3 }, { length = 3 }) end, "too few")
    assert.error_matches(function() data.packed(rnn.ones { 3, type = "int32" }, { 2 }) end, "add up to 2, but .* 3")
  end)
end)

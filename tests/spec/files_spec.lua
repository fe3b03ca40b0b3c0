-- Files that are no regular files, or lie about what they hold, are answered soon and with little memory.
local rnn = require "rnn"
local shell = require "support.shell"
local quote = shell.quote

-- Names of all public functions whose first argument is a path, and no other must be given but what a writer writes.
local function with_path()
  local names = {}
  for line in io.lines "stdlib/rnn/meta.lua" do
    local name = line:match "^function ([%w_.]+)%(path[,)]"
    if name then names[#names + 1] = (name:find "^rnn" or name:find "^core") and name or "rnn." .. name end
  end
  return names
end

describe("special files", function()
  it("are refused by every function that takes a path, at once", function()
    local names = with_path()
    assert.is_true(#names >= 10)
    local sh = shell.new()
    sh:run "mkfifo fifo; mkdir folder"
    sh:write("try.lua", [[
local rnn = require "rnn"
local function find(name)
  local at = _G
  for part in name:gmatch "[^.]+" do at = at[part] end
  return at
end
_G.rnn, _G.core = rnn, require "rnn.core"
for _, module in ipairs { "nn", "data", "text", "audio", "music", "logs", "optim" } do _G[module] = rnn[module] end
for i = 2, #arg do
  local f = find(arg[i])
  if not f then error("there is no " .. arg[i]) end
  local more = arg[i]:find "save$" and rnn.nn.Linear(1, 1) or arg[i]:find "archive_write" and {}
    or arg[i]:find "file_write" and "x" or nil
  local ok, result = pcall(f, arg[1], more)
  print(arg[i], ok and result and "TAKEN" or "refused")
end
]])
    for _, path in ipairs { "/dev/zero", sh.folder .. "/fifo", sh.folder .. "/folder", "/dev/full" } do
      local list = {}
      for _, name in ipairs(names) do
        -- These make, watch or remove files beside the path, or ask whether there is one; they do not read it.
        if not name:find "folder" and not name:find "file_sweep" and not name:find "lock"
          and not name:find "append" and not name:find "Writer" and not name:find "is_there"
          and not name:find "file_status" then
          list[#list + 1] = quote(name)
        end
      end
      local out, err, code = sh:run(("timeout 20 %s %s try.lua %s %s"):format(quote(os.getenv "RNNLUA"),
        rnn.precision() == "double" and "--double" or "", quote(path), table.concat(list, " ")))
      assert.equal(0, code, path .. "\n" .. out .. err)
      assert.is_nil(out:find("TAKEN", 1, true), path .. "\n" .. out)
    end
    sh:remove()
  end)

  it("that are open pipes are read as CSV and as text", function()
    local sh = shell.new()
    sh:write("a.lua", [[
local csv = require("rnn").data.csv
print(#assert(csv "/dev/stdin"), #assert(csv(arg[1])))]])
    local out, err = sh:run(("bash -c 'printf \"a\\n1\\n2\\n\" | %s a.lua <(sleep 0.3; printf \"a\\n1\\n\")'"):format(
      os.getenv "RNNLUA"))
    assert.equal("2\t1\n", out, err)
    sh:write("t.lua", 'io.write(assert(require("rnn").text.read "/dev/stdin"))')
    assert.equal("hello", (sh:run(("printf hello | %s t.lua"):format(quote(os.getenv "RNNLUA")))))
    sh:remove()
  end)
end)

describe("a model file", function()
  local path = os.tmpname()
  teardown(function() os.remove(path) end)

  local function slurp()
    local file = assert(io.open(path, "rb"))
    local bytes = file:read "a"
    file:close()
    return bytes
  end

  local function spit(bytes)
    local file = assert(io.open(path, "wb"))
    file:write(bytes)
    file:close()
  end

  -- rnn.load with the file: the peak of memory, in MB, and what came.
  local function load()
    collectgarbage()
    collectgarbage()
    rnn.reset_peak()
    local live = rnn.memory().live
    local ok, model, message = pcall(rnn.load, path)
    return (rnn.memory().peak - live) / 2 ^ 20, ok, model, message
  end

  local function models()
    local nn = rnn.nn
    return {
      nn.Sequential { nn.LSTM(3, 4, { layers = 2 }), nn.Linear(4, 2) },
      nn.Sequential { nn.Embedding(5, 3), nn.GRU(3, 4, { bidirectional = true }), nn.BatchNorm(8), nn.Linear(8, 2) },
      nn.Sequential { nn.Conv1d(2, 3, 3), nn.LayerNorm(3), nn.Recurrent(nn.LSTMCell(3, 4)) },
      nn.Seq2Seq { encoder = nn.Encoder { vocab = 7, dim = 3, cell = "gru", units = 4 },
        decoder = nn.Decoder { vocab = 6, dim = 3, cell = "gru", units = 4, attention = "additive" } },
    }
  end

  it("with an architecture larger than its tensors takes no memory", function()
    for _, model in ipairs(models()) do
      assert(rnn.save(path, model))
      assert((rnn.load(path)))
      local bytes = slurp()
      local first, last = 9, 8 + ("<I8"):unpack(bytes)
      local header, body = bytes:sub(first, last), bytes:sub(last + 1)
      local tried = 0
      local from, to = header:find('"rnnlua.config":".-[^\\]",?')
      local config = header:sub(from, to)
      for at, digits in config:gmatch "()(%d+)" do -- each number of the architecture in turn
        for _, other in ipairs { "16000", "5000000", "100000000000", "0", "1.5", "9223372036854775807" } do
          local changed = header:sub(1, from - 1) .. config:sub(1, at - 1) .. other .. config:sub(at + #digits)
            .. header:sub(to + 1)
          spit(("<I8"):pack(#changed) .. changed .. body)
          local peak, ok, loaded, message = load()
          assert.is_true(ok)
          if not loaded then assert.equal("string", type(message)) end
          assert.is_true(peak < 16, ("%s makes %.0f MB of memory"):format(config:sub(1, at - 1) .. other, peak))
          tried = tried + 1
        end
      end
      assert.is_true(tried >= 12)
    end
  end)

  it("with any byte changed is answered with a model or a message", function()
    local random = 1
    local function draw(n) -- the same files in every run
      random = (random * 1103515245 + 12345) % 2 ^ 31 | 0
      return random // 65536 % n + 1
    end
    for _, model in ipairs(models()) do
      assert(rnn.save(path, model, { scaler = { 1, 2.5 }, note = "x" }))
      local bytes = slurp()
      local head = 8 + ("<I8"):unpack(bytes)
      for _ = 1, 100 do
        local at = draw(head)
        local changed = bytes:sub(1, at - 1) .. string.char(draw(256) - 1) .. bytes:sub(at + draw(3))
        spit(draw(4) == 1 and changed:sub(1, draw(#changed)) or changed)
        local peak, ok, loaded, message = load()
        assert.is_true(ok, tostring(loaded))
        if not loaded then assert.equal("string", type(message)) end
        assert.is_true(peak < 16)
      end
    end
  end)
end)

describe("data.idx", function()
  local path = os.tmpname()
  teardown(function() os.remove(path) end)

  it("gives nil and a message for whatever a file holds", function()
    local random = 7
    local function draw(n)
      random = (random * 1103515245 + 12345) % 2 ^ 31 | 0
      return random // 65536 % n
    end
    local good = (">I2BBI4I4"):pack(0, 14, 2, 1, 2) .. (">dd"):pack(1e300, 16777217)
    local many = (">I2BB"):pack(0, 8, 7) .. (">I4"):pack(1):rep(7) .. "\1" -- seven axes
    for i = 1, 300 do
      local bytes = i == 1 and good or i == 2 and many or good:sub(1, draw(#good)) .. string.char(draw(256), draw(16))
        .. good:sub(draw(#good) + 1)
      local file = assert(io.open(path, "wb"))
      file:write(bytes)
      file:close()
      local ok, t, message = pcall(rnn.data.idx, path)
      assert.is_true(ok, tostring(t))
      if not t then assert(message:find(path, 1, true), message) end
      if i == 1 then assert.equal(rnn.precision() == "double", t ~= nil) end
      if i == 2 then assert.is_nil(t) end
    end
  end)
end)

describe("a WAV file", function()
  local path = os.tmpname()
  teardown(function() os.remove(path) end)

  -- RIFF and data sizes that are off by so much, and bytes of samples that are there.
  local function read(riff, size, there)
    local body = ("\0\16"):rep(200)
    local file = assert(io.open(path, "wb"))
    file:write("RIFF", ("<I4"):pack(36 + #body + riff), "WAVEfmt ",
      ("<I4I2I2I4I4I2I2"):pack(16, 1, 1, 8000, 16000, 2, 16), "data", ("<I4"):pack(#body + size), body:sub(1, there))
    file:close()
    local sound, message = rnn.audio.read(path)
    return sound and #sound, message
  end

  it("with one size that is wrong is read, and one cut short is not", function()
    for _, riff in ipairs { 0, 8, 1, 44, 100000, -8 } do assert.equal(200, read(riff, 0, 400)) end
    assert.equal(200, read(0, 8, 400))
    for _, there in ipairs { 398, 399, 300, 2, 0 } do
      local sound, message = read(0, 0, there)
      assert.is_nil(sound)
      assert(message:find("cut short", 1, true), message)
    end
  end)
end)

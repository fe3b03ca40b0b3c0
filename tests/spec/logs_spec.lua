-- rnn.logs.writer: the bytes are those of TensorBoard's own protocol buffers; a disk that refuses ends nothing.
-- (tests/tensorboard has the files read by TensorBoard itself.)
local core = require "rnn.core"
local rnn = require "rnn"
local messages = require "rnn.logs.messages"

local WALL = 1234567890.25

local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

local function contents(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "a"
  file:close()
  return bytes
end

-- The records of an event file, without checksums, which tests/c/test_events.c has.
local function records(path)
  local bytes, list, at = contents(path), {}, 1
  while at <= #bytes do
    local size = ("<I8"):unpack(bytes, at)
    list[#list + 1] = bytes:sub(at + 12, at + 11 + size)
    at = at + size + 16
  end
  return list
end

-- Takes the wall time out of an event and checks it.
local function at_wall(event)
  local wall = ("<d"):unpack(event, 2)
  assert.is_true(math.abs(wall - os.time()) < 100)
  return event:sub(1, 1) .. ("<d"):pack(WALL) .. event:sub(10)
end

describe("rnn.logs.messages", function()
  local h = { min = -1.5, max = 2, count = 3, sum = 1.5, sum_squares = 8.5, limits = { -2, -1, 2.25 },
    counts = { 0, 1, 2 } }
  local names, values = { "bias", "cell", "lr" }, { bias = false, cell = "gru", lr = 0.1 }
  local written = {
    version = messages.version(WALL),
    start = messages.start(WALL, 301),
    scalar = messages.scalar(WALL, 300, "step/loss", 0.1),
    scalar_large_step = messages.scalar(WALL, 1 << 40, "x", -2),
    image = messages.image(WALL, 5, "picture", 300, 2, 3, "\x89PNG\0\xff"),
    histogram = messages.histogram(WALL, 7, "weights/h", h),
    text = messages.text(WALL, 8, "sample", "olá *x*"),
    experiment = messages.experiment(WALL, names, values, { "epoch/loss" }),
    session_start = messages.session_start(WALL, names, values),
    session_end = messages.session_end(WALL),
  }
  local reference = assert(rnn.json_decode(contents "tests/reference/logs.json"))

  it("encode as TensorBoard's protocol buffers do", function()
    for name, bytes in pairs(reference) do assert.equal(bytes, hex(written[name]), name) end
    for name in pairs(written) do assert.is_string(reference[name], name) end
  end)
end)

describe("rnn.logs.writer", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
  end)
  after_each(function() os.execute(("rm -rf '%s'"):format(folder)) end)

  it("makes its folder and a file that begins with the version", function()
    local w = assert(rnn.logs.writer(folder .. "/a/b"))
    assert.matches("/a/b/events%.out%.tfevents%.%d%d%d%d%d%d%d%d%d%d%..*%.0$", w.path)
    assert.is_true(w:close())
    local list = records(w.path)
    assert.equal(1, #list)
    assert.equal(messages.version(WALL), at_wall(list[1]))
  end)

  it("writes scalars, histograms, images and texts", function()
    local w = assert(rnn.logs.writer(folder))
    local x = rnn.tensor { { 0, 0.5 }, { 1, 0.25 } }
    assert.is_true(w:scalar("a", 0.5, 1))
    assert.is_true(w:scalar("a", rnn.tensor { 0.25 }, 2.0))
    assert.is_true(w:histogram("h", x, 3))
    assert.is_true(w:image("i", x, 4))
    assert.is_true(w:text("t", "olá", 0))
    assert.is_true(w:close())
    local list = records(w.path)
    assert.equal(6, #list)
    assert.equal(messages.scalar(WALL, 1, "a", 0.5), at_wall(list[2]))
    assert.equal(messages.scalar(WALL, 2, "a", 0.25), at_wall(list[3]))
    assert.equal(messages.histogram(WALL, 3, "h", rnn.histogram(x)), at_wall(list[4]))
    assert.equal(messages.image(WALL, 4, "i", 2, 2, 1, core.png_encode(x)), at_wall(list[5]))
    assert.equal(messages.text(WALL, 0, "t", "olá"), at_wall(list[6]))
  end)

  it("counts values that are not finite, and leaves padding out of histograms", function()
    local w = assert(rnn.logs.writer(folder))
    local x = rnn.tensor { { { 1.0 }, { 0 / 0 } }, { { 3.0 }, { 1 / 0 } } }
    w:histogram("h", x, 1)
    w:histogram("h", x:with_lengths { 1, 1 }, 2)
    w:close()
    local list = records(w.path)
    assert.equal(4, #list)
    assert.equal(messages.scalar(WALL, 1, "h/not_finite", 2), at_wall(list[2]))
    assert.equal(at_wall(list[3]):sub(12), at_wall(list[4]):sub(12)) -- all but the steps
  end)

  it("tells of settings, and at its end that the run is over", function()
    local values = { bias = false, cell = "gru", lr = 0.1 }
    local w = assert(rnn.logs.writer(folder))
    assert.is_true(w:hparams(values))
    assert.is_true(w:close())
    assert.is_true(w:close())
    local list = records(w.path)
    assert.equal(3, #list)
    assert.is_truthy(list[2]:find("_hparams_/session_start_info", 1, true))
    assert.is_truthy(list[3]:find("_hparams_/session_end_info", 1, true))
    do
      local again <close> = assert(rnn.logs.writer(folder))
      again:hparams(values, { "epoch/loss" })
      w = again
    end
    list = records(w.path)
    assert.equal(4, #list)
    assert.equal(messages.experiment(WALL, { "bias", "cell", "lr" }, values, { "epoch/loss" }), at_wall(list[2]))
  end)

  it("begins a new file, behind the old one, when a run goes on", function()
    local first = assert(rnn.logs.writer(folder))
    local second = assert(rnn.logs.writer(folder, { after = 12 }))
    second:close()
    first:close()
    assert.is_true(first.path < second.path)
    assert.equal(messages.start(WALL, 13), at_wall(records(second.path)[2]))
  end)

  it("gives nil and a message where there is no writing", function()
    local w, message, code = rnn.logs.writer "/proc/none/such"
    assert.is_nil(w)
    assert.matches("cannot make the folder /proc/none", message)
    assert.equal("EIO", code)
    assert.is_true(core.file_write(folder, "a file"))
    w, message = rnn.logs.writer(folder)
    assert.is_nil(w)
    assert.matches("File exists", message)
  end)

  it("says what is wrong with an argument", function()
    local w = assert(rnn.logs.writer(folder))
    local function says(pattern, f, ...)
      local ok, message = pcall(f, ...)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    says("rnn.logs.writer: argument 1 %(folder%): expected a string, got number 3", rnn.logs.writer, 3)
    says("rnn.logs.writer: unknown option 'step'; known: after", rnn.logs.writer, folder, { step = 1 })
    says("writer:scalar: argument 1 %(tag%): expected a string, got nil", w.scalar, w)
    says("writer:scalar: argument 3 %(step%): expected an integer of 0 or more, got nil", w.scalar, w, "a", 1)
    says("writer:scalar: argument 2 %(value%): expected a number, got string 'x'", w.scalar, w, "a", "x", 1)
    says("writer:scalar: argument 2 %(value%): expected a number, got tensor %(2%)", w.scalar, w, "a", rnn.ones(2), 1)
    says("writer:histogram: argument 2 %(x%): expected a tensor, got number 1", w.histogram, w, "a", 1, 1)
    says("writer:image: argument 2 %(x%): expected a picture %(H, W%) or %(H, W, 1 to 4%), got tensor %(2, 2, 5%)",
      w.image, w, "a", rnn.ones(2, 2, 5), 1)
    says("writer:image: .* got tensor %(4%)", w.image, w, "a", rnn.ones(4), 1)
    says("writer:text: argument 2 %(text%): expected a string, got number 1", w.text, w, "a", 1, 1)
    says("writer:hparams: argument 1 %(values%): 'x': expected a number, string or boolean, got table", w.hparams, w,
      { x = {} })
    says("writer:hparams: argument 2 %(metrics%[1%]%): expected a string", w.hparams, w, { x = 1 }, { 1 })
    w:close()
    says("writer:scalar: the writer is closed", w.scalar, w, "a", 1, 1)
    says("writer:flush: the writer is closed", w.flush, w)
    says("png_encode: a picture is a tensor %(H, W%)", core.png_encode, rnn.ones(3))
    says("histogram: argument 1 %(x%): expected a tensor", rnn.histogram, 1)
    says("record: the event file is closed", function()
      local file = assert(core.events_open(folder))
      file:close()
      file:record "x"
    end)
  end)
end)

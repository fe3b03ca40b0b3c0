-- rnn.audio: features against librosa (tests/reference/make_audio.py), files, resampling, and what cannot be read.
local rnn = require "rnn"
local audio = rnn.audio

local FOLDER = debug.getinfo(1, "S").source:match("^@(.-)[^/]*$") .. "../reference/"
local reference = assert(rnn.archive_read(FOLDER .. "audio.safetensors"))
local signal = reference.signal

local CASES = {
  speech = { rate = 8000 }, -- the defaults: 25 ms, 10 ms, 40 bands, an FFT of 256
  narrow = { rate = 8000, window = 512, hop = 128, bands = 26, fmin = 100, fmax = 3000 },
  odd = { rate = 16000, window = 401, hop = 133, fft = 600, bands = 20 },
}

-- Largest difference, relative to the largest value.
local function apart(want, got)
  assert.same({ want:shape() }, { got:shape() })
  return ((got - want):abs():max() / want:abs():max()):item()
end

local function near(want, got)
  local difference = apart(want, got)
  assert(difference < 2e-5, ("relative difference %g"):format(difference))
end

local function fails(message, f, ...)
  local ok, got = pcall(f, ...)
  assert.is_false(ok)
  assert(got:find(message, 1, true), got)
  assert(got:find("audio_spec.lua", 1, true), got)
end

local function scratch(content)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "wb"))
  file:write(content or "")
  return path
end

local function bytes_of(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function sine(hz, rate, count)
  local samples = {}
  for i = 1, count do samples[i] = math.sin(2 * math.pi * hz * (i - 1) / rate) end
  return rnn.tensor(samples)
end

describe("features of sound", function()
  for name, options in pairs(CASES) do
    it("agree with librosa: " .. name, function()
      near(reference[name .. ".log_mel"], audio.log_mel(signal, options))
      options.top_db = false
      near(reference[name .. ".log_mel_all"], audio.log_mel(signal, options))
      options.top_db = nil
      near(reference[name .. ".mfcc"], audio.mfcc(signal, options))
      options.deltas = 2
      near(rnn.concat({ reference[name .. ".mfcc"], reference[name .. ".delta"], reference[name .. ".delta2"] }, 2),
        audio.mfcc(signal, options))
      options.deltas = nil
    end)
  end

  it("have differences of any odd width", function()
    near(reference["narrow.delta_5"], audio.deltas(reference["narrow.mfcc"], { width = 5 }))
    local line = rnn.arange(9):to_float() * 3
    near(rnn.full({ 9, 2 }, 3), audio.deltas(rnn.stack({ line, line }, 2)))
  end)

  it("are those of the parts of a recording that a frame sees", function()
    local whole, changed = audio.log_mel(signal, CASES.speech), signal:copy()
    changed:rows(3001, 4000):fill_(0)
    local cut = audio.log_mel(changed, CASES.speech)
    assert.equal(0, apart(whole:rows(1, 36), cut:rows(1, 36)))
    assert.is_true(apart(whole:rows(37, 40), cut:rows(37, 40)) > 1e-4)
  end)

  it("exist for silence and a single sample", function()
    assert.equal(0, (audio.log_mel(rnn.zeros(100), { rate = 8000 }) + 100):abs():max():item())
    assert.same({ 1, 13 }, { audio.mfcc(rnn.ones(1), { rate = 8000 }):shape() })
  end)

  it("refuse what makes no sense", function()
    local nan = signal:copy()
    nan:set(1000, 0 / 0)
    fails("audio.log_mel: sample 1000 is nan", audio.log_mel, nan, { rate = 8000 })
    nan:set(1000, math.huge)
    fails("audio.mfcc: sample 1000 is infinite", audio.mfcc, nan, { rate = 8000 })
    fails("audio.log_mel: the recording has no samples", audio.log_mel, rnn.zeros(0), { rate = 8000 })
    fails("audio.log_mel: expected one channel (L), got (8, 2): x:mean(2) mixes them", audio.log_mel, rnn.zeros(8, 2),
      { rate = 8000 })
    fails("audio.log_mel: option 'rate': expected a positive number, got number 0", audio.log_mel, signal, { rate = 0 })
    fails("audio.log_mel: option 'rate': expected a positive number, got nil", audio.log_mel, signal, {})
    fails("unknown option 'mels'", audio.log_mel, signal, { rate = 8000, mels = 3 })
    fails("audio.log_mel: band 1 of 200, 0 to", audio.log_mel, signal, { rate = 8000, bands = 200 })
    fails("option 'fmax': expected a number from 0 to 4000", audio.log_mel, signal, { rate = 8000, fmax = 5000 })
    fails("option 'fft': expected an integer of at least 200", audio.log_mel, signal, { rate = 8000, fft = 128 })
    fails("settings do not fit together", audio.log_mel, signal, { rate = 8000, fft = 257 })
    fails("settings do not fit together", audio.log_mel, signal, { rate = 8000, fmin = 3000, fmax = 2000 })
    fails("option 'coefficients': expected an integer from 1 to 40", audio.mfcc, signal,
      { rate = 8000, coefficients = 41 })
    fails("expected a float tensor, got tensor (3) int32", audio.log_mel, rnn.arange(3), { rate = 8000 })
    fails("audio.deltas: x has 8 steps, but width 9 needs as many", audio.deltas, rnn.zeros(8, 2))
    fails("option 'width': expected an odd number", audio.deltas, rnn.zeros(8, 2), { width = 4 })
    fails("got a padded batch", audio.log_mel, rnn.zeros(2, 8):with_lengths { 3, 4 }, { rate = 8000 })
  end)
end)

describe("sound files", function()
  it("of other programs are read", function()
    local x, rate = assert(audio.read(FOLDER .. "audio.wav"))
    assert.equal(11025, rate)
    local n = rnn.arange(100):to_float() - 1
    assert.equal(0, apart(rnn.stack({ n, n * n * -1 }, 2) / 32768, x))
  end)

  it("come back as they were written", function()
    local path = scratch()
    local x = rnn.tensor { -1, -0.5, 0, 1 / 32768, 0.25, 32767 / 32768 }
    assert.is_true(audio.write(path, x, 8000))
    local y, rate = assert(audio.read(path))
    assert.equal(8000, rate)
    assert.equal(0, apart(x, y))
    assert.is_true(audio.write(path, rnn.tensor { { 2, -2 }, { 0, 0.5 } }, 44100)) -- two channels; cut off at 1
    assert.equal(0, apart(rnn.tensor { { 32767 / 32768, -1 }, { 0, 0.5 } }, (assert(audio.read(path)))))
    assert.is_true(audio.write(path, rnn.zeros(0), 8000))
    assert.same({ 0 }, { assert(audio.read(path)):shape() })
    local long = rnn.rand(70000) - 0.5 -- more than is read at a time
    assert.is_true(audio.write(path, long, 8000))
    y = assert(audio.read(path))
    assert.equal(70000, #y)
    assert.is_true((y - long):abs():max():item() <= 0.5 / 32768 + 1e-7)
    os.remove(path)
  end)

  it("can be brought to another rate while they are read", function()
    local path = scratch()
    assert.is_true(audio.write(path, sine(440, 8000, 800) * 0.5, 8000))
    local x, rate = assert(audio.read(path, { rate = 16000 }))
    assert.same({ 1600, 16000 }, { #x, rate })
    os.remove(path)
  end)

  it("that are none, or not whole, give nil and a message", function()
    local function refused(message, path)
      local x, got, code = audio.read(path)
      assert.is_nil(x)
      assert(got:find(message, 1, true), got)
      assert(code == "EIO" or code == "EFORMAT", code)
    end
    refused("No such file", FOLDER .. "nowhere.wav")
    refused("it is a folder", FOLDER)
    refused("it is a device, pipe or socket, not a regular file", "/dev/null")
    local path = scratch()
    refused("is empty, not a sound file", path)
    local whole = bytes_of(FOLDER .. "audio.wav")
    for _, size in ipairs { 43, 44, 45, 100, #whole - 1 } do
      local cut = scratch(whole:sub(1, size))
      refused("is cut short: its header promises 444 bytes, but it has " .. size, cut)
      os.remove(cut)
    end
    for _, content in ipairs { "no sound at all", "RIFF", whole:sub(1, 7), "RIFF\0\0\0\0WAVE", ("\0"):rep(1000),
      "RIFF\255\255\255\255WAVEfmt " .. ("\255"):rep(100) } do
      local junk = scratch(content)
      refused("is not a sound file that libsndfile knows", junk)
      os.remove(junk)
    end
    os.remove(path)
  end)

  it("of random bytes never do more than fail", function()
    local whole = bytes_of(FOLDER .. "audio.wav")
    for i = 1, 60 do
      local at = rnn.randperm(60):totable()
      local damaged = whole
      for k = 1, 3 do
        damaged = damaged:sub(1, at[k] - 1) .. string.char((i * 37 + k * 91) % 256) .. damaged:sub(at[k] + 1)
      end
      local path = scratch(damaged)
      local x, rate, code = audio.read(path)
      assert.is_true(rnn.is_tensor(x) and rate > 0 or code == "EFORMAT")
      os.remove(path)
    end
  end)

  it("are not written when something is wrong", function()
    local path = scratch "before"
    fails("audio.write: sample 2 is nan", audio.write, path, rnn.tensor { 0, 0 / 0 }, 8000)
    fails("audio.write: argument 3 (rate): expected a positive integer, got 0", audio.write, path, rnn.zeros(3), 0)
    fails("audio.write: expected samples (L) or (L, channels), got (3,) int32", audio.write, path, rnn.arange(3), 8000)
    assert.equal("before", bytes_of(path))
    os.remove(path)
    local ok, message, code = audio.write("/nowhere/x.wav", rnn.zeros(3), 8000)
    assert.same({ false, "EIO" }, { ok or false, code })
    assert(message:find("cannot write /nowhere/x.wav", 1, true), message)
    ok, message = audio.write(FOLDER, rnn.zeros(3), 8000)
    assert.is_nil(ok)
    assert(message:find("it is a folder", 1, true), message)
  end)
end)

describe("resampling", function()
  it("keeps a sine what it is", function()
    for _, rates in ipairs { { 8000, 16000 }, { 16000, 8000 }, { 8000, 11025 } } do
      local from, to = rates[1], rates[2]
      local y = audio.resample(sine(440, from, from), from, to)
      assert.equal(to, #y)
      local middle, last = to // 4, 3 * to // 4 -- away from the ends
      assert.is_true(apart(sine(440, to, to):rows(middle, last), y:rows(middle, last)) < 1e-4)
    end
  end)

  it("leaves out what the new rate cannot hold", function()
    local y = audio.resample(sine(6000, 16000, 16000), 16000, 8000)
    assert.is_true(y:rows(2000, 6000):abs():max():item() < 1e-4)
  end)

  it("takes channels one by one, and nothing at all", function()
    local a, b = sine(440, 8000, 20000), sine(300, 8000, 20000) -- more than one piece
    local both = audio.resample(rnn.stack({ a, b }, 2), 8000, 6000)
    assert.is_true(apart(audio.resample(a, 8000, 6000), both:select(2, 1)) < 1e-6)
    assert.is_true(apart(audio.resample(b, 8000, 6000), both:select(2, 2)) < 1e-6)
    assert.same({ 0 }, { audio.resample(rnn.zeros(0), 8000, 16000):shape() })
    assert.same({ 2 }, { audio.resample(rnn.zeros(1), 8000, 16000):shape() })
  end)

  it("refuses rates that are none", function()
    fails("argument 2 (from): expected a positive number, got number 0", audio.resample, signal, 0, 8000)
    fails("argument 3 (to): expected a positive number, got number -1", audio.resample, signal, 8000, -1)
    fails("their ratio from 1/256 to 256", audio.resample, signal, 1, 8000)
    fails("audio.resample: sample 2 is nan", audio.resample, rnn.tensor { 0, 0 / 0 }, 8000, 16000)
  end)
end)

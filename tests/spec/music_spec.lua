-- rnn.music: chords to notes, to sound, to MIDI files.
local rnn = require "rnn"
local music, audio = rnn.music, rnn.audio

local function fails(message, f, ...)
  local ok, got = pcall(f, ...)
  assert.is_false(ok)
  assert(got:find(message, 1, true), got)
end

local chords = rnn.tensor({ { 69, 57 }, { 69, 0 }, { 71, 57 }, { 71, 57 } }, "int32")
local notes = {
  { pitch = 69, start = 0, length = 2, voice = 1 }, { pitch = 71, start = 2, length = 2, voice = 1 },
  { pitch = 57, start = 0, length = 1, voice = 2 }, { pitch = 57, start = 2, length = 2, voice = 2 },
}

describe("music", function()
  it("holds a note while a voice keeps its pitch", function()
    local got, steps = music.notes(chords)
    assert.same(notes, got)
    assert.equal(4, steps)
    assert.same({}, (music.notes(rnn.zeros { 3, 4, type = "int32" })))
  end)

  it("turns chords into piano rolls and back", function()
    local roll = music.roll(rnn.tensor({ { 60, 64, 60 }, { 0, 127, 1 }, { 0, 0, 0 } }, "int32"))
    assert.same({ 3, 128 }, { roll:shape() })
    assert.same({ 2, 2, 0 }, roll:sum(2):totable())
    assert.same({ { 64, 60 }, { 127, 1 }, { 0, 0 } }, music.voices(roll, 2):totable())
    assert.same({ { 64 }, { 127 }, { 0 } }, music.voices(roll, 1):totable())
    fails("expected a piano roll (T, 128)", music.voices, rnn.zeros(3, 88), 2)
    fails("music.roll: argument 1 (chords)", music.roll, rnn.zeros(3, 2))
  end)

  it("sounds at the right pitch and time", function()
    local x = music.sound({ { pitch = 69, start = 0, length = 4 } }, { rate = 8000, step = 0.25 })
    assert.equal(8000, #x)
    assert(math.abs(x:abs():max():item() - 0.9) < 1e-6)
    -- 440 Hz: what comes back after ten periods is nearly the same, after ten and a half is not.
    local function alike(lag)
      local a, b = x:rows(1001, 3000), x:rows(1001 + lag, 3000 + lag)
      return ((a * b):sum() / ((a * a):sum() * (b * b):sum()):sqrt()):item()
    end
    assert(alike(182) > 0.98, alike(182)) -- 8000 / 440 * 10 = 181.8
    assert(alike(191) < 0.5, alike(191))
    local late = music.sound({ { pitch = 60, start = 2, length = 1 } }, { rate = 8000, step = 0.25 })
    assert.equal(6000, #late)
    assert.equal(0, late:rows(1, 4000):abs():max():item())
    assert.equal(0, #music.sound({}))
  end)

  it("has names", function()
    assert.same({ "C4", "F#3", "A4", "-" }, { music.name(60), music.name(54), music.name(69), music.name(0) })
    assert.equal(440, music.hz(69))
    fails("music.name: argument 1 (pitch): expected an integer from 0 to 127", music.name, 128)
  end)

  it("can be written as a WAV file", function()
    local path = os.tmpname()
    local x = music.sound(notes)
    assert.is_true(audio.write(path, x, 16000))
    assert(((assert(audio.read(path))) - x):abs():max():item() < 1e-4)
    os.remove(path)
  end)

  it("writes MIDI files, byte by byte", function()
    local path = os.tmpname()
    assert.is_true(music.midi(path, notes, { step = 0.125, instrument = 1 }))
    local file <close> = assert(io.open(path, "rb"))
    local track = "\0\xFF\x51\x03\x07\xA1\x20" -- 0.5 s a beat
      .. "\0\xC0\0\0\xC1\0" .. "\0\x90\69\80" .. "\0\x91\57\80" .. "\96\x81\57\0"
      .. "\96\x80\69\0" .. "\0\x90\71\80" .. "\0\x91\57\80"
      .. "\x81\x40\x80\71\0" .. "\0\x81\57\0" .. "\0\xFF\x2F\0" -- 192 ticks need two bytes
    assert.equal("MThd\0\0\0\6\0\0\0\1\1\x80MTrk" .. (">s4"):pack(track), file:read "a")
    os.remove(path)
    local ok, message, code = music.midi("/nowhere/x.mid", notes)
    assert.same({ false, "EIO" }, { ok or false, code })
    assert(message:find("/nowhere/x.mid", 1, true), message)
  end)

  it("refuses what are no notes", function()
    fails("music.notes: step 1, voice 2: expected a pitch from 0 to 127, got 128", music.notes,
      rnn.tensor({ { 1, 128 } }, "int32"))
    fails("music.notes: argument 1 (chords): expected an int32 tensor of 2 axes", music.notes, rnn.zeros(2, 2))
    fails("music.sound: note 2, pitch: expected an integer from 0 to 127, got number 200", music.sound,
      { notes[1], { pitch = 200, start = 0, length = 1 } })
    fails("music.sound: note 1: expected a list of notes { pitch, start, length }, got number 3", music.sound, { 3 })
    fails("music.midi: note 1, start: expected a number from 0 to", music.midi, "x",
      { { pitch = 60, start = -1, length = 1 } })
    fails("music.sound: option 'step': expected a positive number, got number 0", music.sound, notes, { step = 0 })
  end)
end)

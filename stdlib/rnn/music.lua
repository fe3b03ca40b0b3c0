-- music.lua: chords from files; chords of models as notes, as sound and as MIDI files.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local Frame = require "rnn.data.csv"
local lines = require "rnn.data.lines"

local music = {}

local function chord_of(line)
  local chord = {}
  if line == "-" then return chord end
  for word in line:gmatch "%S+" do
    if not word:find "^%d+$" or tonumber(word) > 127 then return nil end
    chord[#chord + 1] = tonumber(word)
  end
  return chord[1] and chord
end

-- Pieces of at least so many steps; others are said.
local function long_ones(where, pieces, least)
  return lines.keep(where, ("pieces have %d steps or more"):format(least), pieces, function(piece)
    return #piece >= least
  end)
end

--- music.read_rolls(path [, least = 1]) -> pieces, lowest, highest | nil, message
---
--- Piano rolls as text: a line for each chord with the MIDI numbers that sound, or "-"; an empty line between pieces. A
--- piece is a tensor (T, 128) that is 1 where the pitch of the column, from 0 on, sounds. Lines that read otherwise are
--- left out and said, and so are pieces of less than least chords. lowest and highest are the pitches that occur, nil
--- when all are silent.
---@param path string
---@param least? integer
---@return rnn.Tensor[]?
---@return integer|string|nil lowest or message
---@return integer? highest
function music.read_rolls(path, least)
  check.string("music.read_rolls", "argument 1 (path)", path)
  least = least and check.int("music.read_rolls", "argument 2 (least)", least, 1) or 1
  local pieces, ended, lowest, highest = {}, true, nil, nil
  local ok, message = lines.lines(path, "MIDI numbers, or -", function(line)
    local chord = chord_of(line)
    if chord and ended then pieces[#pieces + 1] = {} end
    if chord then table.insert(pieces[#pieces], chord) end
    ended = line == "" or ended and not chord
    return chord
  end)
  if not ok then return nil, message end
  for i, piece in ipairs(pieces) do
    local roll = core.zeros(#piece, 128)
    for t, chord in ipairs(piece) do
      for _, pitch in ipairs(chord) do
        roll:set(t, pitch + 1, 1)
        lowest, highest = math.min(lowest or pitch, pitch), math.max(highest or pitch, pitch)
      end
    end
    pieces[i] = roll
  end
  pieces, message = long_ones(path, pieces, least)
  if not pieces then return nil, message end
  return pieces, lowest, highest
end

--- music.voices(roll, voices) -> int32 (T, voices)
---
--- The highest pitches of each chord of a piano roll (T, 128), as music.read_rolls gives them, the highest first; 0
--- where fewer sound. Errors: another shape.
---@param roll rnn.Tensor (T, 128)
---@param voices integer 1 to 128
---@return rnn.Tensor
function music.voices(roll, voices)
  check.tensor("music.voices", "argument 1 (roll)", roll, "float", 2)
  if roll:size(2) ~= 128 then check.expected("music.voices", "argument 1 (roll)", "a piano roll (T, 128)", roll) end
  check.int("music.voices", "argument 2 (voices)", voices, 1, 128)
  local pitches = roll:detach():gt(0) * (core.arange(128):to_float() - 1)
  return (pitches:sort(2, true)):slice(2, 1, voices):to_int()
end

--- music.roll(chords) -> (T, 128)
---
--- The piano roll of chords int32 (T, voices), a MIDI number each, 0 for silence. Errors: numbers that are none.
---@param chords rnn.Tensor int32 (T, voices)
---@return rnn.Tensor
function music.roll(chords)
  check.tensor("music.roll", "argument 1 (chords)", chords, "int32", 2)
  local roll = core.zeros(#chords, 128)
  for voice = 1, chords:size(2) do roll = roll:maximum(core.one_hot(chords:select(2, voice) + 1, 128)) end
  return roll * core.arange(128):gt(1)
end

--- music.read_chords(folder [, least = 1]) -> pieces, lowest, highest | nil, message
---
--- The CSV files of a folder in the order of their names, a piece each: a header and a row for each step with the MIDI
--- number of every voice, 0 for silence. A piece is int32 (T, voices); all have equally many voices. Pieces of less
--- than least steps are left out, which is said. lowest and highest are the pitches, 127 and 0 when all are silent.
---@param folder string ends in "/"
---@param least? integer
---@return rnn.Tensor[]?
---@return integer|string lowest or message
---@return integer? highest
function music.read_chords(folder, least)
  check.string("music.read_chords", "argument 1 (folder)", folder)
  least = least and check.int("music.read_chords", "argument 2 (least)", least, 1) or 1
  local names, message = lines.files(folder)
  if not names then return nil, message end
  local pieces, lowest, highest = {}, 127, 0
  for _, name in ipairs(names) do
    if name:find "%.csv$" then
      local frame, reason = Frame.csv(folder .. name)
      if not frame then return nil, reason end
      local ok, values = pcall(frame.tensor, frame, frame:names())
      local whole = ok and values:to_int()
      if not ok or values:ne(whole):max():item() > 0 or values:lt(0):max():item() > 0 or values:gt(127):max():item() > 0
        or pieces[1] and whole:size(2) ~= pieces[1]:size(2) then
        return nil, ("music.read_chords: %s%s: expected MIDI numbers from 0 to 127 of %s"):format(folder, name,
          pieces[1] and pieces[1]:size(2) .. " voices" or "every voice")
      end
      pieces[#pieces + 1] = whole
      lowest = math.min(lowest, math.tointeger((values + values:eq(0) * 127):min():item()))
      highest = math.max(highest, math.tointeger(values:max():item()))
    end
  end
  if not pieces[1] then return nil, ("music.read_chords: %s has no CSV file"):format(folder) end
  pieces, message = long_ones(folder, pieces, least)
  if not pieces then return nil, message end
  return pieces, lowest, highest
end

local NOTES = "a list of notes { pitch, start, length }"

--- music.notes(chords) -> notes, steps
---
--- Notes from chords int32 (T, voices), a row for each step: pitches as MIDI numbers (60 is middle C), 0 for silence. A
--- voice that keeps its pitch holds one note. A note is { pitch = 60, start = 0, length = 4, voice = 1 }, start and
--- length in steps; notes come voice by voice, in order of time. Errors: pitches outside 0 .. 127.
---@param chords rnn.Tensor
---@return table[] notes
---@return integer steps T
function music.notes(chords)
  check.tensor("music.notes", "argument 1 (chords)", chords, "int32", 2)
  local notes, rows = {}, chords:totable()
  for voice = 1, chords:size(2) do
    local note
    for t, row in ipairs(rows) do
      local pitch = row[voice]
      if pitch < 0 or pitch > 127 then
        core.fail("music.notes: step %d, voice %d: expected a pitch from 0 to 127, got %d", t, voice, pitch)
      end
      if note and note.pitch == pitch then
        note.length = note.length + 1
      else
        note = pitch > 0 and { pitch = pitch, start = t - 1, length = 1, voice = voice } or nil
        notes[#notes + 1] = note
      end
    end
  end
  return notes, #rows
end

local function check_notes(fname, notes)
  check.table(fname, "the notes", notes)
  for i, note in ipairs(notes) do
    local what = ("note %d"):format(i)
    if type(note) ~= "table" then check.expected(fname, what, NOTES, note) end
    check.int(fname, what .. ", pitch", note.pitch, 0, 127)
    check.number(fname, what .. ", start", note.start, 0, 1e6)
    check.number(fname, what .. ", length", note.length, 0, 1e6)
  end
end

--- music.hz(pitch) -> number
---
--- The frequency of a MIDI number, equal temperament, A above middle C (69) at 440 Hz.
---@param pitch number
---@return number
function music.hz(pitch)
  return 440 * 2 ^ ((check.number("music.hz", "argument 1 (pitch)", pitch) - 69) / 12)
end

local NAMES = { [0] = "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B" }

--- music.name(pitch) -> "C4", "F#3" ...; "-" for 0, silence
---
--- The name of a MIDI number.
---@param pitch integer
---@return string
function music.name(pitch)
  check.int("music.name", "argument 1 (pitch)", pitch, 0, 127)
  return pitch == 0 and "-" or ("%s%d"):format(NAMES[pitch % 12], pitch // 12 - 1)
end

-- Strength of each multiple of a note's frequency: something like a small organ.
local HARMONICS = { 1, 0.5, 0.3, 0.15, 0.1 }
local ATTACK, RELEASE = 0.02, 0.05 -- seconds

-- A note of so many samples: it rises quickly, fades slowly, and ends without a click.
local function tone(hz, count, rate)
  local t = (core.arange(count):to_float() - 1) / rate
  local wave = 0
  for k, strength in ipairs(HARMONICS) do
    if k * hz < rate / 2 then wave = wave + (t * (2 * math.pi * k * hz)):sin() * strength end
  end
  local rise, fall = (t / ATTACK):minimum(1), ((count / rate - t) / RELEASE):minimum(1)
  return wave * rise * fall * (t * -0.8):exp()
end

local SOUND = option.of("music.sound", {
  { "rate", 16000, check.positive, "samples a second" },
  { "step", 0.15, check.positive, "seconds of a step" },
})

--- music.sound(notes [, options]) -> samples (L)
---
--- Notes as sound, for audio.write: sums of harmonics. The loudest sample is 0.9. The result is (L).
---@param notes table[]
---@param options? music.sound.Options
---@return rnn.Tensor
function music.sound(notes, options)
  check_notes("music.sound", notes)
  options = SOUND:read(options)
  local rate, samples = options.rate, options.step * options.rate
  local last = 0
  for _, note in ipairs(notes) do last = math.max(last, note.start + note.length) end
  local sound = core.zeros(math.floor(last * samples))
  for _, note in ipairs(notes) do
    local from, to = math.floor(note.start * samples) + 1, math.floor((note.start + note.length) * samples)
    if to >= from then
      local part = sound:rows(from, to)
      part:assign(part + tone(music.hz(note.pitch), to - from + 1, rate))
    end
  end
  local loudest = #sound > 0 and sound:abs():max():item() or 0
  return loudest > 0 and sound * (0.9 / loudest) or sound
end

-- A number in the MIDI file's own way: seven bits a byte, all but the last with the eighth set.
local function variable(n)
  local bytes = string.char(n & 127)
  while n > 127 do
    n = n >> 7
    bytes = string.char(n & 127 | 128) .. bytes
  end
  return bytes
end

local TICKS = 96 -- of a step

local MIDI = option.of("music.midi", {
  { "step", 0.15, option.number(1e-3, 4), "seconds of a step" },
  { "instrument", 20, option.int(1, 128), "General MIDI program from 1 on; 20 is a church organ" },
})

--- music.midi(path, notes [, options]) -> true | nil, message, code
---
--- Writes notes as a standard MIDI file of format 0, which players and notation programs open. A step is a quarter of a
--- beat. Every voice has its channel.
---@param path string
---@param notes table[]
---@param options? music.midi.Options
---@return true?
---@return string? message
---@return string? code
function music.midi(path, notes, options)
  check.string("music.midi", "argument 1 (path)", path)
  check_notes("music.midi", notes)
  options = MIDI:read(options)
  local step, instrument = options.step, options.instrument - 1
  local events, channels = {}, {}
  local function add(at, kind, channel, pitch, velocity)
    events[#events + 1] = { at = math.floor(at * TICKS + 0.5), order = #events,
      bytes = string.char(kind | channel, pitch, velocity), ends = kind == 0x80 }
  end
  for _, note in ipairs(notes) do
    local channel = check.int("music.midi", "a note's voice", note.voice or 1, 1, 9) - 1 -- channel 10 has drums
    channels[channel] = true
    add(note.start, 0x90, channel, note.pitch, 80)
    add(note.start + note.length, 0x80, channel, note.pitch, 0)
  end
  table.sort(events, function(a, b) -- of one moment, ends first: the same pitch may begin again
    if a.at ~= b.at then return a.at < b.at end
    if a.ends ~= b.ends then return a.ends end
    return a.order < b.order
  end)
  local track, now = { "\0\xFF\x51\x03", (">I3"):pack(math.floor(step * 4e6 + 0.5)) }, 0
  for channel = 0, 8 do
    if channels[channel] then track[#track + 1] = "\0" .. string.char(0xC0 | channel, instrument) end
  end
  for _, event in ipairs(events) do
    track[#track + 1] = variable(event.at - now) .. event.bytes
    now = event.at
  end
  track = table.concat(track) .. "\0\xFF\x2F\0"
  return core.file_write(path, "MThd" .. (">I4I2I2I2"):pack(6, 0, 1, 4 * TICKS) .. "MTrk" .. (">s4"):pack(track))
end

return music

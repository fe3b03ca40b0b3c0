-- Folk tunes in the form of scripts/chorales.lua, made up: chords of three keys below a melody, in two repeated halves,
-- in any of twelve keys; a line for each eighth. rnnlua tests/experiments/tunes.lua FOLDER [PIECES [ODD]]: as many for
-- training, a quarter as many for validation and for the test. ODD: what one piece of validation and one of the test
-- is beside them, as some are in collections: drone (one chord for 1,500 eighths), long (a tune of 3,000), silence (a
-- tune, then 800 without a key), high (three octaves up), cluster (all white keys at once in every second eighth).
local folder, pieces, odd = arg[1], tonumber(arg[2] or 120), arg[3]
math.randomseed(7)

local SCALE <const> = { 0, 2, 4, 5, 7, 9, 11 }
local CHORDS <const> = { { 1, 4, 5, 1 }, { 1, 1, 4, 5 }, { 1, 6, 4, 5 }, { 1, 5, 1, 5 }, { 2, 5, 1, 1 },
  { 6, 4, 1, 5 } }

local function pitch(tonic, degree) -- degree 1 is the tonic
  return tonic + 12 * ((degree - 1) // 7) + SCALE[(degree - 1) % 7 + 1]
end

-- bars of length eighths: lists of pitches, low ones first.
local function half(tonic, bars, length)
  local rows, at, row = {}, 8 + math.random(0, 4), nil
  for bar = 1, bars do
    row = (bar - 1) % 4 == 0 and CHORDS[math.random(#CHORDS)] or row
    local root = row[(bar - 1) % 4 + 1]
    local left = 0
    for step = 1, length do
      if left == 0 then
        left = math.random() < 0.6 and 1 or 2
        at = step == 1 and root + 7 + 2 * math.random(0, 2) or at + math.random(-2, 2)
        at = math.max(6, math.min(18, at))
      end
      left = left - 1
      local chord = { pitch(tonic - 12, root), pitch(tonic - 12, root + 2), pitch(tonic - 12, root + 4) }
      chord[4] = math.random() > 0.03 and pitch(tonic, at) or nil
      rows[#rows + 1] = chord
    end
  end
  return rows
end

local function tune(bars)
  local tonic, length, rows = 55 + math.random(0, 11), math.random() < 0.5 and 6 or 8, {}
  for _ = 1, 2 do
    local own = half(tonic, bars, length)
    for _ = 1, 2 do table.move(own, 1, #own, #rows + 1, rows) end
  end
  return rows
end

local ODD = {
  drone = function()
    local rows = {}
    for i = 1, 1500 do rows[i] = { 43, 50, 55, 71 } end
    return rows
  end,
  long = function() return tune(100) end,
  silence = function()
    local rows = tune(4)
    for _ = 1, 800 do rows[#rows + 1] = {} end
    return rows
  end,
  high = function()
    local rows = tune(8)
    for i, row in ipairs(rows) do
      rows[i] = {}
      for k, p in ipairs(row) do rows[i][k] = math.min(p + 36, 108) end
    end
    return rows
  end,
  cluster = function()
    local rows = {}
    for i = 1, 600 do
      rows[i] = {}
      for p = 40, i % 2 == 0 and 100 or 0 do rows[i][#rows[i] + 1] = p end
    end
    return rows
  end,
}

local function write(name, count)
  local file <close> = assert(io.open(("%s/pianoroll/%s.txt"):format(folder, name), "w"))
  for i = 1, count do
    local rows = odd and i == 2 and name ~= "train" and ODD[odd]() or tune(({ 4, 4, 4, 8 })[math.random(4)])
    for _, row in ipairs(rows) do file:write(row[1] and table.concat(row, " ") or "-", "\n") end
    file:write("\n")
  end
end
os.execute(("mkdir -p '%s/pianoroll'"):format(folder))
write("train", pieces)
write("valid", pieces // 4)
write("test", pieces // 4)

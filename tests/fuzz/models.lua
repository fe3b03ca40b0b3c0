-- models.lua: imports models that somebody has tampered with: .pt, .keras and .h5. Whatever is in one, the answer is a
-- model or a message, and no more memory than the file bears out. Meant for the sanitizer build.
--
--   rnnlua tests/fuzz/models.lua SEED FILES      what a seed does is always the same
--   dofile("tests/fuzz/models.lua")(seed, count) -> { read =, refused = }
--
-- Bytes are changed, cut off, doubled and moved; those of an archive in its members, so that checksums are right.

local core = require "rnn.core"
local exchange = require "rnn.exchange"

local FOLDER = "tests/reference/exchange/"

local place
local function random(from, to)
  place = place * 6364136223846793005 + 1442695040888963407
  return from + ((place >> 33) % (to - from + 1))
end
local function pick(list) return list[random(1, #list)] end

local WORDS = { "\0\0\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\0\0\0\x80", "\1\0\0\0",
  "TREE", "SNOD", "HEAP", "GCOL", "cos\nsystem\n", "(", ")", "t", "R", "b", "u", "}", "]", "\x93", "\x81" }

local function tamper(text)
  for _ = 1, random(1, 6) do
    local at = random(1, math.max(#text, 1))
    local kind = random(1, 6)
    if kind == 1 then text = text:sub(1, at - 1) .. string.char(random(0, 255)) .. text:sub(at + 1)
    elseif kind == 2 then
      local word = pick(WORDS)
      text = text:sub(1, at - 1) .. word .. text:sub(at + #word)
    elseif kind == 3 then text = text:sub(1, at - 1) .. pick(WORDS) .. text:sub(at)
    elseif kind == 4 then text = text:sub(1, at - 1) .. text:sub(at + random(1, 40))
    elseif kind == 5 then
      local from = random(1, math.max(#text, 1))
      text = text:sub(1, at) .. text:sub(from, from + random(1, 60)) .. text:sub(at + 1)
    elseif random(1, 10) == 1 then text = text:sub(1, at) end
  end
  return text
end

local SOURCES = {
  { "torch.pt", { chain = "embed=Embedding lstm final norm=LayerNorm fc" }, "/data.pkl$" },
  { "checkpoint.pt", { chain = "embed=Embedding lstm final norm=LayerNorm fc" }, "/data.pkl$" },
  { "views.pt", { chain = "a b" }, "/data.pkl$" },
  { "keras.keras", {}, "%.h5$" },
  { "masked.keras", {}, "%.json$" },
  { "keras.h5", {} },
  { "keras.weights.h5", { config = FOLDER .. "keras.json" } },
}

local function fuzz(seed, count)
  place = seed
  local folder = assert(core.folder_scratch())
  local found = { read = 0, refused = 0 }
  local originals = {}
  for i, source in ipairs(SOURCES) do
    originals[i] = source[3] and assert(core.bundle_read(FOLDER .. source[1], 1 << 30, true))
      or assert(core.file_read(FOLDER .. source[1]))
  end
  for _ = 1, count do
    local i = random(1, #SOURCES)
    local source, original = SOURCES[i], originals[i]
    local path = folder .. "/" .. source[1]
    if source[3] then
      local members = {}
      for k, file in ipairs(original) do
        members[k] = { name = file.name, bytes = file.name:find(source[3]) and tamper(file.bytes) or file.bytes }
      end
      assert(core.bundle_write(path, members))
    else
      assert(core.file_write(path, tamper(original)))
    end
    local model, message = exchange.bring(path, source[2])
    if model then
      found.read = found.read + 1
    else
      found.refused = found.refused + 1
      if type(message) ~= "string" or #message == 0 or #message > 2000 or message:find "attempt to" then
        error(("seed %d: %s: %s"):format(seed, source[1], tostring(message)))
      end
    end
    os.remove(path)
  end
  core.folder_remove(folder)
  return found
end

if arg and arg[0] and arg[0]:find "fuzz/models%.lua$" then
  local found = fuzz(math.tointeger(arg[1]), math.tointeger(arg[2]))
  print(("%d read, %d refused"):format(found.read, found.refused))
end

return fuzz

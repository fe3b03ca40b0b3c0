-- capsule.lua: reads capsules that somebody has tampered with. Whatever is in one, the answer is a capsule that is
-- whole, or a message; nothing is written but into the folder that it is unpacked into. Meant for the sanitizer build.
--
--   rnnlua tests/fuzz/capsule.lua SEED CAPSULES      what a seed does is always the same
--   dofile("tests/fuzz/capsule.lua")(seed, count) -> { read =, refused = }
--
-- Half of them have bytes changed, cut off, doubled or moved. The others are sound ZIP archives, as far as the lies
-- allow it: names that lead out, twice the same, links, sizes, checksums and offsets that are not true, bombs; or a
-- manifest with other values, whose fingerprints are right.

local core = require "rnn.core"
local capsule = require "rnn.share.capsule"
local show = require "rnn.share.show"
local unpack = require "rnn.share.unpack"

local place
local function random(from, to)
  place = place * 6364136223846793005 + 1442695040888963407
  return from + ((place >> 33) % (to - from + 1))
end
local function chance(percent) return random(1, 100) <= percent end
local function pick(list) return list[random(1, #list)] end

local GOLDEN = "tests/golden/forecast.capsule.zip"

-- ---- ZIP archives with lies in them ----

local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and 0xedb88320 ~ c >> 1 or c >> 1 end
  crc_table[i] = c
end

local crcs = setmetatable({}, { __mode = "k" })
local function crc32(text)
  if crcs[text] then return crcs[text] end
  local c = 0xffffffff
  for i = 1, #text do c = crc_table[(c ~ text:byte(i)) & 255] ~ c >> 8 end
  crcs[text] = c ~ 0xffffffff
  return crcs[text]
end

local HOSTILE = { "../evil", "script/../../evil", "/tmp/rnnlua-evil", "script\\..\\evil", "C:\\evil",
  "script/./train.lua",
  "script//train.lua", "script/", ".", "..", "", "SCRIPT/TRAIN.LUA", "script/train.lua/x", "capsule.json", "mimetype",
  "data/\0/x", "data/\27[2J", "data/" .. ("a"):rep(2000), "script/\xff\xfe", "evil.sh", "trainings/1/metrics.jsonl" }

-- files as bundle_read gives them, each with lies: flags, method, crc, packed, size, header, attributes, local_name,
-- gap.
local function zip(files)
  local parts, directory, at = {}, {}, 0
  for _, file in ipairs(files) do
    local lies, bytes, name = file.lies or {}, file.bytes, file.name
    local crc = lies.crc or crc32(bytes)
    local gap = lies.gap or ""
    at = at + #gap
    local local_name = lies.local_name or name
    local header = ("<I4I2I2I2I2I2I4I4I4I2I2"):pack(0x04034b50, 20, lies.flags or 0, lies.method or 0, 0, 33, crc,
      (lies.packed or #bytes) & 0xffffffff, (lies.size or #bytes) & 0xffffffff, #local_name, 0)
    parts[#parts + 1] = gap .. header .. local_name .. bytes
    directory[#directory + 1] = ("<I4I2I2I2I2I2I2I4I4I4I2I2I2I2I2I4I4"):pack(0x02014b50,
      lies.attributes and 0x314 or 20, 20, lies.flags or 0, lies.method or 0, 0, 33, crc,
      (lies.packed or #bytes) & 0xffffffff, (lies.size or #bytes) & 0xffffffff, #name, 0, 0, 0, 0, lies.attributes or 0,
      (lies.header or at) & 0xffffffff) .. name
    at = at + #header + #local_name + #bytes
  end
  local central = table.concat(directory)
  return table.concat(parts) .. central .. ("<I4I2I2I2I2I4I4I2"):pack(0x06054b50, 0, 0, #files, #files, #central, at, 0)
end

local SIZES = { 0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 5 << 30 }

local function lie(files)
  local file = pick(files)
  file.lies = file.lies or {}
  local kind = random(1, 12)
  if kind == 1 then file.name = pick(HOSTILE)
  elseif kind == 2 then table.insert(files, random(1, #files + 1), { name = file.name, bytes = "twice" })
  elseif kind == 3 then
    file.lies.attributes = pick { 0xa1ff, 0x41ed, 0x21b6, 0x11b6, 0xc1ff, 0x81ff } << 16 | random(0, 0x3f)
  elseif kind == 4 then file.lies.size = pick(SIZES)
  elseif kind == 5 then file.lies.packed = pick(SIZES)
  elseif kind == 6 then file.lies.header = pick(SIZES)
  elseif kind == 7 then file.lies.crc = random(0, 0xffffffff)
  elseif kind == 8 then file.lies.flags = 1 << random(0, 15)
  elseif kind == 9 then file.lies.method = pick { 8, 12, 14, 99 }
  elseif kind == 10 then file.lies.local_name = pick(HOSTILE)
  elseif kind == 11 then file.lies.gap = ("x"):rep(random(1, 50))
  else table.insert(files, { name = pick(HOSTILE), bytes = "evil" }) end
end

-- ---- manifests ----

local VALUES = { 0, -1, 1.5, 2 ^ 53, "", "x", "../evil", "/etc/passwd", ("0"):rep(64), true, core.null }

-- Another value somewhere in a table; nil takes it away.
local function disturb(value, depth)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  if #keys == 0 then
    value[chance(50) and "x" or 1] = pick(VALUES)
    return
  end
  local key = pick(keys)
  if type(value[key]) == "table" and depth < 4 and chance(75) then return disturb(value[key], depth + 1) end
  local kind = random(1, 6)
  if kind == 1 and #value == 0 then value[key] = nil
  elseif kind == 2 then value[key] = {}
  elseif kind == 3 then value[key] = { value[key] }
  elseif kind == 4 and #value > 0 then table.insert(value, value[1])
  else value[key] = pick(VALUES) end
end

-- An entry with other bytes, of which the manifest tells the truth.
local function replace(files, manifest)
  local file = files[random(3, #files)]
  file.bytes = pick { "", "{}", "[]", "null", "\0", ("["):rep(2000), '{"epoch":1,"weights":3}\n', '{"a":"b"}', "x" }
  for _, each in ipairs(manifest.entries) do
    if each.path == file.name then each.size, each.sha256 = #file.bytes, core.sha256(file.bytes) end
  end
  for _, each in ipairs(manifest.files) do
    if "script/" .. each.path == file.name then each.size, each.sha256 = #file.bytes, core.sha256(file.bytes) end
  end
end

local function other_manifest(files)
  local manifest = assert(core.json_decode(files[2].bytes))
  if chance(30) then replace(files, manifest) end
  if chance(80) then disturb(manifest, 0) end
  files[2].bytes = core.json_encode(manifest, { sort = true })
end

-- ---- bytes ----

local function spoil(bytes)
  local kind = random(1, 6)
  if kind <= 2 then
    for _ = 1, random(1, 4) do
      local at = chance(50) and random(1, #bytes) or random(math.max(1, #bytes - 1200), #bytes)
      bytes = bytes:sub(1, at - 1) .. string.char(random(0, 255)) .. bytes:sub(at + 1)
    end
  elseif kind == 3 then bytes = bytes:sub(1, random(0, #bytes))
  elseif kind == 4 then bytes = bytes:sub(random(1, #bytes))
  elseif kind == 5 then
    local from = random(1, #bytes)
    bytes = bytes:sub(1, from) .. bytes:sub(random(1, #bytes), random(1, #bytes)) .. bytes:sub(from + 1)
  else bytes = bytes .. ("x"):rep(random(1, 70000)) end
  return bytes
end

local function bombs(folder)
  local zeros = ("\0"):rep(64 << 20)
  local many = {}
  for i = 1, 20000 do many[i] = { name = ("data/%d"):format(i), bytes = "" } end
  for _, files in ipairs { { { name = "data/bomb", bytes = zeros, compress = true } }, many } do
    local path = folder .. "/bomb.zip"
    assert(core.bundle_write(path, files))
    local before = collectgarbage "count"
    local read, message = capsule.read(path)
    assert(not read and type(message) == "string")
    assert(collectgarbage "count" - before < 40 << 10, "a bomb has taken memory")
  end
end

-- ---- the check ----

-- Everything that anybody does with a capsule but running it.
local function use(path, inside)
  local read, message = capsule.read(path)
  if not read then
    assert(type(message) == "string" and #message > 10, "a refusal without a message")
    assert(utf8.len(message) or true)
    return false
  end
  local written = io.write
  io.write = function() end -- luacheck: ignore
  local ok, problem = pcall(show.show, path)
  io.write = written -- luacheck: ignore
  assert(ok, problem)
  local compared, what = pcall(require("rnn.share.compare").results, read, read)
  assert(compared, what)
  unpack.to(read, inside)
  return true
end

local function run(seed, count)
  place = seed * 2654435761 + 97
  local files, message = core.bundle_read(GOLDEN, 1 << 30)
  assert(files, message)
  local golden = assert(core.file_read(GOLDEN))
  local folder = assert(core.folder_scratch())
  local inside, path = folder .. "/inside", folder .. "/x.capsule.zip"
  bombs(folder)
  local result = { read = 0, refused = 0 }
  for _ = 1, count do
    local bytes
    if chance(50) then
      bytes = spoil(golden)
    else
      local copy = {}
      for i, file in ipairs(files) do copy[i] = { name = file.name, bytes = file.bytes } end
      if chance(60) then other_manifest(copy) else for _ = 1, random(1, 2) do lie(copy) end end
      bytes = zip(copy)
    end
    local file <close> = assert(io.open(path, "wb"))
    file:write(bytes)
    file:flush()
    assert(core.make_folder(inside))
    local good = use(path, inside)
    local kind = good and "read" or "refused"
    result[kind] = result[kind] + 1
    if good then
      for each in pairs(assert(core.folder_files(folder))) do
        local expected = each:find(inside .. "/", 1, true) == 1 or each == path or each:find "bomb"
        assert(expected, each .. " was written outside")
      end
      core.folder_remove(inside)
    end
  end
  assert(core.file_is_there "/tmp/rnnlua-evil" == false)
  assert(core.folder_remove(folder))
  return result
end

if arg and (arg[0] or ""):find "fuzz/capsule%.lua$" then
  local result = run(math.tointeger(tonumber(arg[1])) or 1, math.tointeger(tonumber(arg[2])) or 20000)
  print(("%d read, %d refused"):format(result.read, result.refused))
end

return run

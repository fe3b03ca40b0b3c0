-- rerun.lua: repeats what a capsule is of, in a fresh folder and in the sandbox, and says whether it came to the same.

local core = require "rnn.core"
local capsule = require "rnn.share.capsule"
local child = require "rnn.share.child"
local compare = require "rnn.share.compare"
local texts = require "rnn.share.texts"

local CODES = { same = 0, close = 1, differs = 2, nothing = 3 }
local COULD_NOT = 3

local function write(path, bytes)
  local done, message = core.make_folder(path:match "^(.*)/")
  if not done then return nil, message end
  local file
  file, message = io.open(path, "wb")
  if not file then return nil, message end
  done, message = file:write(bytes)
  file:close()
  return done, message
end

-- The places to look for data in.
local function roots_of(folder)
  local roots = { folder }
  for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do roots[#roots + 1] = root end
  roots[#roots + 1] = "."
  return roots
end

-- Where the bytes of wanted are: under its name, or, in the folder that was given, under any.
local function find(wanted, folder, sizes)
  local found
  local function try(path)
    local sha256, size = core.file_sha256(path)
    if sha256 == wanted.sha256 then return path end
    if sha256 then found = found or { path = path, sha256 = sha256, size = size } end
  end
  for _, root in ipairs(roots_of(folder)) do
    for _, name in ipairs { wanted.name, wanted.name:match "[^/]*$" } do
      local path = try(root .. "/" .. name)
      if path then return path end
    end
  end
  for path, size in pairs(sizes) do
    if size == wanted.size then
      local same = try(path)
      if same then return same end
    end
  end
  return nil, found
end

local function missing(wanted, other)
  local name = ("%s, %d bytes, SHA-256 %s"):format(wanted.name, wanted.size, wanted.sha256)
  if other and other.size == wanted.size or other and other.path:match "[^/]*$" == wanted.name:match "[^/]*$" then
    return ("%s is not the file that was read: %d bytes, SHA-256 %s, where it was %s"):format(other.path, other.size,
      other.sha256, name)
  end
  return ("data are missing: %s%s; say where they are by --data FOLDER"):format(name, wanted.source
    and ", to be had from " .. wanted.source or "")
end

local DATA = "rnnlua-data" -- stands for RNNLUA_DATA in the folder of the script

-- Scripts and data, as the script wants them, below folder; or nil, message.
local function unpack(read, folder, data)
  for _, each in ipairs(read.manifest.files) do
    local done, message = write(folder .. "/" .. each.path, read.content["script/" .. each.path])
    if not done then return nil, message end
  end
  local sizes, problem = {}, nil
  if data then
    sizes, problem = core.folder_files(data)
    if not sizes then return nil, problem end
  end
  for _, each in ipairs(read.manifest.data) do
    local bytes, message = each.included and read.content["data/" .. each.name], nil
    if not bytes then
      local path, other = find(each, data, sizes)
      if not path then return nil, missing(each, other) end
      bytes, message = core.file_read(path)
      if not bytes then return nil, message end
      if core.sha256(bytes) ~= each.sha256 then return nil, missing(each) end
    end
    local done
    done, message = write(("%s/%s%s"):format(folder, each.from == "RNNLUA_DATA" and DATA .. "/" or "", each.name), bytes)
    if not done then return nil, message end
  end
  return true
end

-- The options that keep a stranger's script inside its folder.
local function walls(folder)
  return { "--sandbox", "--read", folder, "--write", folder }
end

local function environment_of(manifest)
  local has_root = false
  for _, each in ipairs(manifest.data) do has_root = has_root or each.from == "RNNLUA_DATA" end
  return { RNNLUA_DATA = has_root and DATA or nil, RNNLUA_PATH = nil }
end

local function run(read, options, folder)
  local manifest = read.manifest
  local ok, message = unpack(read, folder, options.data)
  if not ok then return nil, message end
  local record = folder .. "/.record"
  assert(core.make_folder(record))
  local before = options.trust and {} or walls(folder)
  table.move(manifest.program_options, 1, #manifest.program_options, #before + 1, before)
  if manifest.precision == "double" and not table.concat(before, " "):find "--double" then before[#before + 1] = "--double" end
  -- A script may ask for a folder to write in, which has to be there, as it was.
  for _, word in ipairs(manifest.arguments) do
    local value = word:match "^%-%-[%w_-]+=(.*)$" or word
    local above = value:match "^([%w_][^:]*)/[^/]*$"
    if above and not ("/" .. above .. "/"):find "/%.%./" then core.make_folder(folder .. "/" .. above) end
  end
  return child { program = options.program, before = before, script = manifest.script, arguments = manifest.arguments,
    folder = folder, record = record, environment = environment_of(manifest), epochs = options.epochs }
end

--- rerun(path, options) -> exit code
---
--- 0: same bits, 1: close, 2: differs, 3: could not run. options: data, a folder to look in for data; epochs, how many of
--- a training are enough; trust: outside of the sandbox; program: this one.
---@param path string
---@param options table
---@return integer
return function(path, options)
  local function could_not(message)
    io.stderr:write("rnnlua rerun: could not run: ", message, "\n")
    return COULD_NOT
  end
  local read, message = capsule.read(path)
  if not read then return could_not(message) end
  io.stderr:write(("repeats: %s\n"):format(texts.command(read.manifest)))
  local folder
  folder, message = core.folder_scratch()
  if not folder then return could_not(message) end
  local made
  made, message = run(read, options, folder)
  core.folder_remove(folder)
  if not made then return could_not(message) end
  made.content = {}
  for _, file in ipairs(made.files) do made.content[file.name] = file.bytes end
  local verdict, text = compare.results(read, made, options.epochs ~= nil)
  for _, doubt in ipairs(verdict ~= "same" and read.manifest.doubts or {}) do
    io.write("doubt: ", texts.doubt(doubt), "\n")
  end
  local heading = verdict == "same" and "reproduced" or verdict == "nothing" and "could not run" or verdict
  io.write(("%s: %s\n"):format(heading, text))
  return CODES[verdict]
end

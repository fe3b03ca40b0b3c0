-- rerun.lua: repeats what a capsule is of, in a fresh folder and in the sandbox, and says whether it came to the same.

local core = require "rnn.core"
local capsule = require "rnn.share.capsule"
local child = require "rnn.share.child"
local compare = require "rnn.share.compare"
local texts = require "rnn.share.texts"
local unpack = require "rnn.share.unpack"

local clean = texts.clean

local CODES = { same = 0, close = 1, differs = 2, nothing = 3 }
local COULD_NOT = 3
local LONGEST = 1 << 16 -- bytes of arguments: the shell takes not much more

-- The options that keep a stranger's script inside its folder.
local function walls(options, folder)
  local words = { "--sandbox", "--read", folder, "--write", folder }
  for _, name in ipairs { "time", "memory" } do
    if options[name] then words[#words + 1] = ("--%s=%s"):format(name, options[name]) end
  end
  return words
end

local function environment_of(manifest)
  local has_root = false
  for _, each in ipairs(manifest.data) do has_root = has_root or each.from == "RNNLUA_DATA" end
  return { RNNLUA_DATA = has_root and unpack.DATA or nil }
end

local function run(read, options, folder)
  local manifest = read.manifest
  if #table.concat(manifest.arguments) > LONGEST then return nil, "its command line is longer than 64 KB" end
  local ok, message = unpack.to(read, folder, options.data)
  if not ok then return nil, message end
  local record = folder .. "/.record"
  assert(core.make_folder(record))
  local before = options.trust and {} or walls(options, folder)
  table.move(manifest.program_options, 1, #manifest.program_options, #before + 1, before)
  -- A script may ask for a folder to write in, which has to be there, as it was.
  for _, word in ipairs(manifest.arguments) do
    local value = word:match "^%-%-[%w_-]+=(.*)$" or word
    local above = value:match "^([%w_][^:]*)/[^/]*$"
    if above and not ("/" .. above .. "/"):find "/%.%./" then core.make_folder(folder .. "/" .. above) end
  end
  local most = 64 << 20
  for _, bytes in pairs(read.content) do most = most + 2 * #bytes end
  return child { program = options.program, most = most, before = before, script = manifest.script,
    arguments = manifest.arguments, folder = folder, record = record, environment = environment_of(manifest),
    epochs = options.epochs }
end

--- rerun(path, options) -> exit code
---
--- 0: same bits, 1: close, 2: differs, 3: could not run. options: data, a folder to look in for data; epochs, how many
--- of a training are enough; trust: outside of the sandbox; time, memory: its limits, as rnnlua
--- --sandbox takes them; program: this one.
---@param path string
---@param options table
---@return integer
return function(path, options)
  local function could_not(message)
    io.stderr:write("rnnlua rerun: could not run: ", clean(message), "\n")
    return COULD_NOT
  end
  local read, message = capsule.read(path)
  if not read then return could_not(message) end
  io.stderr:write(("repeats: %s\n"):format(clean(texts.command(read.manifest))))
  local folder
  folder, message = core.folder_scratch()
  if not folder then return could_not(message) end
  local made
  local ok, verdict, text
  ok, made, message = pcall(run, read, options, folder) -- what a stranger's script has left may be anything
  core.folder_remove(folder)
  if not ok then made, message = nil, made end
  if not made then return could_not(tostring(message)) end
  made.content = {}
  for _, file in ipairs(made.files) do made.content[file.name] = file.bytes end
  ok, verdict, text = pcall(compare.results, read, made, options.epochs ~= nil)
  if not ok then return could_not(tostring(verdict)) end
  for _, doubt in ipairs(verdict ~= "same" and read.manifest.doubts or {}) do
    io.write("doubt: ", clean(texts.doubt(doubt)), "\n")
  end
  local heading = verdict == "same" and "reproduced" or verdict == "nothing" and "could not run" or verdict
  io.write(("%s: %s\n"):format(heading, clean(text)))
  return CODES[verdict]
end

-- scripts.lua: every script of scripts/ in the sandbox, with its data to read and a folder to write: the same bits,
-- pictures and pages as without, in the same time. Takes minutes.
--
--   RNNLUA_DATA=... rnnlua tests/sandbox/scripts.lua [script ...]
package.path = "tests/spec/?.lua;" .. package.path
local core = require "rnn.core"
local cases = require "support.script_cases"

local ROOT = os.getenv "PWD"
local PROGRAM = os.getenv "RNNLUA" or ROOT .. "/build/rnnlua"
local DATA = os.getenv "RNNLUA_DATA" or ""

local function quote(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

-- Whether it went well, what it wrote, and the processor's seconds: those of the clock depend on what else runs.
local function run(command)
  local pipe = assert(io.popen("bash -c " .. quote(("exec 2>&1; TIMEFORMAT='%%U %%S'; time { %s; }"):format(command))))
  local text = pipe:read "a"
  local good = pipe:close()
  local user, system = text:match "([%d.]+) ([%d.]+)\n$"
  return good, text:gsub("[^\n]*\n$", ""), user + system
end

local folder = os.tmpname()
os.remove(folder)

-- One run with all that a script can write. The two are at the same place one after the other, for it is in the files.
local function once(name, options, before, kept)
  local out = quote(folder .. "/out")
  run(("rm -rf %s; mkdir -p %s"):format(out, out))
  local command = "cd %s; %s %s %s/scripts/%s.lua %s --result %s/result.json" -- some write to the folder where they are
  local good, text, seconds = run(command:format(out, PROGRAM, before, quote(ROOT), name, options, out))
  if not good then return nil, text end
  run(("mv %s %s"):format(out, quote(folder .. "/" .. kept)))
  return seconds
end

local function files(path, list, prefix)
  list, prefix = list or {}, prefix or ""
  for _, name in ipairs(core.folder_list(path) or {}) do
    if name:sub(-1) == "/" then files(path .. "/" .. name, list, prefix .. name)
    else list[prefix .. name] = path .. "/" .. name end
  end
  return list
end

-- A file's bytes without times and the process's number.
local function content(path)
  local file <close> = assert(io.open(path, "rb"))
  local text = file:read "a"
  if path:find "%.json" then
    text = text:gsub('("[^"\n]*seconds[^"]*": ?)[%d.e+-]+', "%1"):gsub('"time": ?[%d.e+-]+', "")
  end
  return text
end

-- Times are in them: that they are there is enough.
local SKIPPED = { ["times.json"] = true, ["report.html"] = true, ["run.json"] = true }

local function differences(name)
  local a, b, list = files(("%s/%s.free"):format(folder, name)), files(("%s/%s.box"):format(folder, name)), {}
  local count = 0
  for path, where in pairs(a) do
    local last = path:match "[^/]*$"
    if last:find "^events%.out" then goto next_file end -- a name with the time
    count = count + 1
    if not b[path] then list[#list + 1] = path .. " is missing"
    elseif not SKIPPED[last] and content(where) ~= content(b[path]) then list[#list + 1] = path .. " differs" end
    ::next_file::
  end
  table.sort(list)
  return list, count
end

local names = { table.unpack(arg) }
if #names == 0 then
  for name in pairs(cases) do names[#names + 1] = name end
  table.sort(names)
end

local bad, free_all, box_all = 0, 0, 0
print "script         free, s  sandbox, s  files  what differs"
for _, name in ipairs(names) do
  local case = cases[name]
  local options = case[1] .. " --threads 1"
  local _, help = run(("%s %s/scripts/%s.lua --help"):format(PROGRAM, quote(ROOT), name))
  local written = { run = "run", wav = "sound.wav", midi = "notes.mid", plot = name ~= "cells" and "plot.png" or nil }
  for option, file in pairs(written) do
    if help:find("\n  --" .. option .. " ", 1, true) then
      options = ("%s --%s %s/out/%s"):format(options, option, folder, file)
    end
  end
  local free, why = once(name, options, "", name .. ".free")
  if not free then
    print(("%-13s  not run: %s"):format(name, why:match "[^\n]*"))
    goto next_script
  end
  local sandbox = ("--sandbox --read %s --write %s/out"):format(quote(DATA), quote(folder))
  local box, said = once(name, options, sandbox, name .. ".box")
  local list, count = differences(name)
  if not box then list = { said:sub(-300) } end
  if #list > 0 then bad = bad + 1 end
  free_all, box_all = free_all + free, box_all + (box or 0)
  print(("%-13s  %7.2f  %10.2f  %5d  %s"):format(name, free, box or 0, count, table.concat(list, ", ")))
  ::next_script::
end
print(("%-13s  %7.2f  %10.2f         %+.1f %%"):format("all", free_all, box_all, 100 * (box_all / free_all - 1)))
run("rm -rf " .. quote(folder))
os.exit(bad == 0)

-- Runs experiments (see tests/run_experiments) and keeps what came of them in docs/experiments.json, each as soon as it
-- has ended: whoever stops it begins again with those that are missing.
local core = require "rnn.core"
local rnn = require "rnn"

local FOLDER = arg[0]:match "^(.*/)" or "./"
local PROGRAM, JSON, MARKDOWN = arg[-1], "docs/experiments.json", "docs/experiments.md"
local LIST, make_table = dofile(FOLDER .. "list.lua"), dofile(FOLDER .. "table.lua")

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function slurp(path)
  local file <close> = io.open(path, "rb")
  return file and file:read("a")
end

local function line_count(text) return select(2, text:gsub("\n", "")) end

-- The folder of a data set.
local function data_folder(name)
  for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do
    if slurp(("%s/%s/README.md"):format(root, name)) then return root .. "/" .. name end
  end
  error(("no data set %s in RNNLUA_DATA"):format(name), 0)
end

-- What the program does before the script: when it ends, it writes down the most memory it ever had, in kilobytes.
local WATCH = [[
WATCH = setmetatable({}, { __gc = function()
  local status <close> = assert(io.open("/proc/self/status"))
  local to <close> = assert(io.open(os.getenv "WATCH", "w"))
  to:write(status:read("a"):match "VmHWM:%s*(%d+)")
end })]]

-- Runs one experiment -> its entry, or nil and what went wrong.
local function run(experiment)
  local name, script, options = table.unpack(experiment)
  local path = ("scripts/%s.lua"):format(script)
  local text = slurp(path)
  if not text then return nil, "there is no " .. path end
  local expanded = options:gsub("@([%w-]+)", function(folder) return quote(data_folder(folder)) end)
  local result, peak = os.tmpname(), os.tmpname()
  print(("---- %s: %s %s"):format(name, path, options))
  local begun = rnn.clock()
  local ok = os.execute(("WATCH=%s %s -e %s %s %s --result %s < /dev/null"):format(peak, quote(PROGRAM), quote(WATCH),
    path, expanded, result))
  local entry = { command = ("rnnlua %s %s"):format(path, options):gsub("%s+$", ""), seconds = rnn.clock() - begun,
    megabytes = (tonumber(slurp(peak)) or 0) / 1024, lines = line_count(text), date = os.date "%Y-%m-%d",
    figures = rnn.json_decode(slurp(result)) }
  os.remove(result)
  os.remove(peak)
  if not ok or not entry.figures then return nil, "it failed" end
  return entry
end

local wanted, known = {}, {}
for _, experiment in ipairs(LIST) do known[experiment[1]] = true end
for _, name in ipairs(arg) do
  if not known[name] then
    io.stderr:write(("run_experiments: there is no experiment '%s'\n"):format(name))
    os.exit(2, true)
  end
  wanted[name] = true
end

local old = slurp(JSON)
local entries, failures = old and assert(rnn.json_decode(old)) or {}, {}
for _, experiment in ipairs(LIST) do
  local name = experiment[1]
  if #arg == 0 or wanted[name] then
    local entry, message = run(experiment)
    if entry then
      entries[name] = entry
      assert(core.file_write(JSON, rnn.json_encode(entries, { indent = 2, sort = true }) .. "\n"))
      assert(core.file_write(MARKDOWN, make_table(LIST, entries)))
    else
      failures[#failures + 1] = ("%s: %s"):format(name, message)
    end
  end
end
print(make_table(LIST, entries))
if #failures > 0 then
  io.stderr:write("run_experiments: ", table.concat(failures, "; "), "\n")
  os.exit(1, true)
end

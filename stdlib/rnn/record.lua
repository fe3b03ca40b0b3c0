-- record.lua: what a run is: which script, with which arguments, from which data, by which program. Training keeps that
-- in the folder of a run, and everything that the script does in the folder of the variable RNNLUA_RECORD, of which
-- rnnlua capsule and rerun make their use (share/).
--
-- Nothing in it tells where or by whom the script was run: paths that are absolute, or lead upward, become names in a
-- folder data, and the arguments that led there say so too.

local core = require "rnn.core"
local plain_json = require "rnn.plain_json"

local record = {
  folder = os.getenv "RNNLUA_RECORD", -- a capsule is in the making
  epochs = math.tointeger(tonumber(os.getenv "RNNLUA_RECORD_EPOCHS")), -- the script ends where a training has so many
  trainings = 0, -- calls of rnn.fit so far
}

-- ---- paths ----

-- A path below the folder that it starts from, without what means nothing; or nil.
local function below(path)
  if path:find "^/" then return nil end
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part == ".." then
      if #parts == 0 then return nil end
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return #parts > 0 and table.concat(parts, "/") or nil
end

local function last_part(path) return path:gsub("/+$", ""):match "[^/]*$" end

-- What is left of a path in a folder, or nil.
local function within(path, folder)
  folder = folder:gsub("/+$", "") .. "/"
  return path:sub(1, #folder) == folder and path:sub(#folder + 1) or nil
end

-- ---- scripts ----

-- { path =, module =, text = } of all Lua files, the script first, with the paths that they have in a capsule.
local function scripts()
  local _, loaded = core.files_used()
  local main = (arg or {})[0]
  local folder = main and main:match "^(.*)/"
  local list, known = {}, {}
  for _, each in ipairs(loaded) do
    local path = below(each.path)
    if not path then
      local inside = folder and within(each.path, folder)
      local tail = each.path:find "/init%.lua$" and "/init.lua" or ".lua"
      path = inside and below(inside) or each.module and each.module:gsub("%.", "/") .. tail or last_part(each.path)
    end
    if not known[path] then
      known[path] = true
      list[#list + 1] = { path = path, module = each.module, text = each.text, from = each.path }
    end
  end
  for i, each in ipairs(list) do
    if each.from == main then table.insert(list, 1, table.remove(list, i)) end
  end
  return list, list[1] and list[1].from == main
end

-- ---- data ----

local hashes = {} -- by path: a run reads its data once, and so do we

local function hash(path)
  if hashes[path] == nil then
    local sha256, size = core.file_sha256(path)
    hashes[path] = sha256 and { sha256 = sha256, size = size } or false
  end
  return hashes[path]
end

-- A name in the folder data for a path that leads elsewhere. taken: path by name, of what has one; no two have one.
local function stand_in(path, taken)
  local last, n = last_part(path), 1
  local name = "data/" .. last
  local function is_taken()
    for each, of in pairs(taken) do
      if of ~= path and (each == name or within(each, name) or within(name, each)) then return true end
    end
    return false
  end
  while is_taken() do
    n = n + 1
    name = ("data/%d/%s"):format(n, last)
  end
  taken[name] = path
  return name
end

-- The argument i as option=, value.
local function value_of(word)
  local name, value = word:match "^(%-%-[%w_-]+=)(.*)$"
  return name or "", value or word
end

-- Where the arguments lead: list of { root, name }; and the arguments with names instead.
local function arguments(taken)
  local list, roots = {}, {}
  for i, word in ipairs(arg or {}) do
    local option, value = value_of(tostring(word))
    if value:find "/" and not below(value) then
      roots[#roots + 1] = { value, stand_in(value, taken), i }
      list[i] = option .. last_part(value)
    else
      list[i] = option .. value
    end
  end
  return list, roots
end

-- All data that were read, with the names that they have for others; the paths of those that are nowhere else; of those
-- that were written afterwards. Arguments that led to some are changed.
-- skipped: set of files; folders: array of those whose files do not count.
local function data(files, taken, skipped, folders, list, roots)
  local found, odd, changed, paths = {}, {}, {}, {}
  local function name_of(path)
    for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do
      local name = within(path, root)
      if name and below(name) then return below(name), "RNNLUA_DATA" end
    end
    local name = below(path)
    if name then return name end
    for _, root in ipairs(roots) do
      local rest = path == root[1] and "" or within(path, root[1])
      if rest then
        list[root[3]] = value_of(arg[root[3]]) .. root[2]
        return below(root[2] .. "/" .. rest)
      end
    end
    odd[#odd + 1] = path
    return stand_in(path, taken)
  end
  for path in pairs(files) do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local use = files[path]
    local ours = path:find "^/proc/" or path:find "^/sys/" or path:find "^/dev/" or path:find "^/etc/" or skipped[path]
    for _, folder in ipairs(folders) do ours = ours or path == folder or within(path, folder) end
    if use == "changed" and not ours then changed[#changed + 1] = path end
    local known = use == "read" and not ours and hash(path)
    if known then
      local name, from = name_of(path)
      found[#found + 1] = { name = name, from = from, size = known.size, sha256 = known.sha256, path = path }
    end
  end
  table.sort(found, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    return a.path < b.path
  end)
  for i = #found, 2, -1 do -- ./a and a
    if found[i].name == found[i - 1].name and found[i].from == found[i - 1].from then table.remove(found, i) end
  end
  return found, odd, changed
end

-- ---- doubts ----

local SUSPECTS = {
  { "os%.time", "the time of day" }, { "os%.clock", "the time that was used" }, { "os%.date", "the time of day" },
  { "rnn%.clock", "the time that was used" },
  { "os%.getenv", "a variable of the environment" }, { "os%.tmpname", "a name that is another one each time" },
  { "os%.execute", "another program" }, { "io%.popen", "another program" }, { "io%.read", "standard input" },
  { "io%.stdin", "standard input" }, { "/dev/stdin", "standard input" }, { "/dev/u?random", "chance" },
  { "package%.loadlib", "machine code" }, { "math%.randomseed%s*%(%s*%)", "a seed that is another one each time" },
  { "require%s*%(?%s*[\"']socket", "the network" }, { "require%s*%(?%s*[\"']ssl", "the network" },
  { "collectgarbage", "the memory that is in use" },
}

-- Lua without its comments; strings stay, and lines.
local function code_of(text)
  return (text:gsub("%-%-%[%[.-%]%]", function(s) return (s:gsub("[^\n]", "")) end):gsub("%-%-[^\n]*", ""))
end

-- What in a script may be another thing each time: array of { name, line, why }; kept, as texts stay the same.
local suspected = {}
local function suspects_of(text)
  local list = suspected[text]
  if list then return list end
  list = {}
  local function look(code, pattern, name, why)
    local number = 0
    for line in (code .. "\n"):gmatch "(.-)\n" do
      number = number + 1
      if line:find(pattern) then list[#list + 1] = { name, number, why } end
    end
  end
  local code = code_of(text)
  for _, suspect in ipairs(SUSPECTS) do
    if code:find(suspect[1]) then
      look(code, suspect[1], suspect[1]:gsub("%%s.*", ""):gsub("%%", ""):gsub("%[.*", ""), suspect[2])
    end
  end
  if code:find "%f[%w]pairs%s*%(" then look(code, "%f[%w]pairs%s*%(", "pairs") end
  suspected[text] = list
  return list
end

local function doubts(list, deterministic, odd, changed)
  local found, known = {}, {}
  local function doubt(what, where, why)
    if known[what .. "\0" .. where] then return end
    known[what .. "\0" .. where] = true
    found[#found + 1] = { what = what, where = where, why = why }
  end
  local repeats = package.preload["rnn.repeats"] and require "rnn.repeats"
  for _, each in ipairs(repeats and repeats.doubts() or {}) do
    doubt(each.what, each.where:gsub("^.-([^/]+:%d+)$", "%1"), each.why)
  end
  for _, each in ipairs(list) do
    for _, seen in ipairs(suspects_of(each.text)) do
      local where = ("%s:%d"):format(last_part(each.path), seen[2])
      if seen[3] then doubt(seen[1], where, seen[3])
      elseif not deterministic then
        doubt("pairs", where, "the order of names is another one each time, but with --deterministic")
      end
    end
  end
  for name in pairs(package.loaded) do
    local searched = not name:find "^rnn" and not _G[name] and name ~= "_G" and package.searchpath(name, package.cpath)
    if searched then doubt(name, "require", "machine code, which is not included") end
  end
  for _, path in ipairs(odd) do doubt(last_part(path), "data", "its place is written in the script") end
  for _, path in ipairs(changed) do
    doubt(last_part(path), "data", "it was read, and then written: what was read is gone")
  end
  local i = -1
  while arg and arg[i] do
    if arg[i] == "-e" or arg[i] == "-l" or arg[i] == "-i" then
      doubt(arg[i], "command line", "what it ran is not included")
    end
    i = i - 1
  end
  table.sort(found, function(a, b)
    if a.where ~= b.where then return a.where < b.where end
    return a.what < b.what
  end)
  return found
end

-- ---- program and machine ----

-- The first match in a file, or nil.
local function find(path, pattern)
  local file <close> = io.open(path)
  return file and (file:read "a" or ""):match(pattern)
end

--- record.machine() -> processor, system: names, "unknown" where there is none
function record.machine()
  return find("/proc/cpuinfo", "model name%s*:%s*([^\n]+)") or "unknown",
    find("/etc/os-release", 'PRETTY_NAME="?([^"\n]+)') or "unknown"
end

-- The same in UTF-8, as JSON has it; whether anything was not.
local function in_utf8(value)
  if type(value) == "string" and not utf8.len(value) then return value:gsub("[\x80-\xff]", "?"), true end
  if type(value) ~= "table" then return value, false end
  local result, any = {}, false
  for key, each in pairs(value) do
    local changed
    result[key], changed = in_utf8(each)
    any = any or changed
  end
  return result, any
end

local stdlib

-- One fingerprint of all Lua files of the program.
local function stdlib_hash()
  if stdlib then return stdlib end
  local ok, sources = pcall(require, "rnn.sources")
  local names, parts = ok and sources() or {}, {}
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = ("%s %s"):format(name, core.sha256(sources(name))) end
  stdlib = core.sha256(table.concat(parts, "\n"))
  return stdlib
end

-- The options before the script on which numbers depend.
local function program_options()
  local list, first = {}, 0
  while arg and arg[first - 1] do first = first - 1 end
  for i = first + 1, -1 do
    local word = arg[i]
    if word == "--double" or word:find "^%-%-seed=" or word:find "^%-%-blas=" then list[#list + 1] = word
    elseif word == "--seed" or word == "--blas" then list[#list + 1] = word .. "=" .. tostring(arg[i + 1]) end
  end
  return list
end

-- ---- what is kept ----

--- record.options: what rnn.experiment made of the command line.
record.options = nil

--- record.source: where the data are to be had, as rnn.experiment says.
record.source = nil

local function plain(value)
  local kind = type(value)
  if kind == "table" then
    local names = {}
    for name in pairs(value) do names[#names + 1] = tostring(name) end
    table.sort(names)
    return table.concat(names, ",")
  end
  if kind == "string" and value:find "/" and not below(value) then return last_part(value) end
  return kind == "number" and value - value ~= 0 and tostring(value) or value
end

--- record.identity([folder]) -> what decides the numbers of this process, and its scripts with their texts
---
--- What lies in folder, the run's own, is none of its data.
---@param folder? string
---@return table
---@return { path: string, text: string }[]
function record.identity(folder)
  local list, complete = scripts()
  local skipped = {}
  for _, each in ipairs(list) do skipped[each.from] = true end
  local folders = { folder }
  folders[#folders + 1] = record.folder
  local files_used, taken = core.files_used(), {}
  for path in pairs(files_used) do
    local name = below(path)
    if name then taken[name] = path end
  end
  local words, roots = arguments(taken)
  local found, odd, changed = data(files_used, taken, skipped, folders, words, roots)
  local deterministic = os.getenv "RNNLUA_DETERMINISTIC" ~= nil
  local processor, system = record.machine()
  local compiler, libc = core.built_with()
  local files, read, options, environment = {}, {}, {}, {}
  for i, each in ipairs(list) do
    files[i] = { path = each.path, module = each.module, size = #each.text, sha256 = core.sha256(each.text) }
  end
  for i, each in ipairs(found) do
    read[i] = { name = each.name, from = each.from, size = each.size, sha256 = each.sha256, source = record.source }
  end
  for name, value in pairs(record.options or {}) do options[name] = plain(value) end
  for _, name in ipairs { "TZ", "LANG", "LC_ALL", "LC_NUMERIC", "RNNLUA_ISA" } do
    environment[name] = os.getenv(name)
  end
  return {
    script = complete and list[1].path or core.null, arguments = words, program_options = program_options(),
    options = options, seed = core.random_state().seed, precision = core.precision, threads = core.threads(),
    deterministic = deterministic, kernels = core.isa(), blas = core.blas(), environment = environment,
    program = { version = core.version, lua = _VERSION, stdlib = stdlib_hash(), compiler = compiler, libc = libc },
    machine = { processor = processor, system = system }, files = files, data = read,
    doubts = doubts(list, deterministic, odd, changed),
  }, list, found
end

--- record.weights(model) -> one fingerprint of all parameters and buffers, and that of each by name
---@param model nn.Module
---@return string
---@return table<string, string>
function record.weights(model)
  local lines, each = {}, {}
  for i, pair in ipairs((model:named_tensors())) do
    each[pair[1]] = core.sha256(pair[2]:detach())
    lines[i] = ("%s %s"):format(pair[1], each[pair[1]])
  end
  table.sort(lines)
  return core.sha256(table.concat(lines, "\n")), each
end

--- record.provenance(run) -> what a model file says of the run that it comes from
---@param run? string the name of its folder
---@return table
function record.provenance(run)
  local list, complete = scripts()
  return { run = run and last_part(run), script = complete and last_part(list[1].path) or nil,
    sha256 = complete and core.sha256(list[1].text) or nil, seed = core.random_state().seed }
end

-- A file that may be made again at any time: it need not wait for the disk.
local function put(path, text)
  local file, message = io.open(path, "wb")
  if not file then return nil, message end
  local done
  done, message = file:write(text)
  local closed, why = file:close()
  if not done or not closed then return nil, ("cannot write %s: %s"):format(path, message or why) end
  return true
end

--- record.write(folder, fields) -> true | nil, message
---
--- run.json in the folder, with fields beside the identity, and script/ with all Lua files.
---@param folder string
---@param fields table
---@return true?
---@return string? message
function record.write(folder, fields)
  local identity, list, found = record.identity(fields.folder)
  local odd
  identity, odd = in_utf8(identity)
  if odd then
    table.insert(identity.doubts, { what = "a name", where = "command line or data",
      why = "it is not in UTF-8, and has question marks here" })
  end
  for name, value in pairs(fields) do identity[name] = value end
  identity.folder = nil
  for _, each in ipairs(list) do
    local path = ("%s/script/%s"):format(folder, each.path)
    local done, message = core.make_folder(path:match "^(.*)/")
    if done then done, message = put(path, each.text) end
    if not done then return nil, message end
  end
  if record.folder == folder then -- where rnnlua capsule finds the bytes, if it is to take them
    local places = {}
    for _, each in ipairs(found) do
      if utf8.len(each.name) and utf8.len(each.path) then places[each.name] = each.path end
    end
    put(folder .. "/places.json", core.json_encode(places, { sort = true }))
  end
  return put(folder .. "/run.json", core.json_encode(identity, { indent = 1, sort = true }) .. "\n")
end

local figures = {}

--- record.keeps(figure): not of what took time, which is another number each time; what is recorded is the same.
function record.keeps(name) return not (record.folder and name:find "seconds$") end

--- record.figures(model, figures): of rnn.Results, one more seed.
function record.figures(model, values)
  if not record.folder then return end
  local line = { model = model, figures = {} }
  for name, value in pairs(values) do
    if record.keeps(name) then line.figures[name] = value end
  end
  figures[#figures + 1] = line
end

--- record.finish(): the script ends.
function record.finish()
  if not record.folder or record.finished then return end
  record.finished = true
  local lines = {}
  for i, line in ipairs(figures) do lines[i] = plain_json(line) .. "\n" end
  assert(put(record.folder .. "/figures.jsonl", table.concat(lines)))
  assert(record.write(record.folder, { trainings = record.trainings }))
end

--- record.begin(): the script begins; it may end by os.exit.
function record.begin()
  local exit = os.exit
  os.exit = function(...) -- luacheck: ignore
    record.finish()
    return exit(...)
  end
end

return record

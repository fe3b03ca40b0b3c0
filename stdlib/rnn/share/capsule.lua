-- capsule.lua: the file in which an experiment is handed on: x.capsule.zip.
--
--   mimetype                     first and stored: application/vnd.rnnlua.capsule+zip
--   README.txt, report.html      for people without rnnlua
--   capsule.json                 the manifest: what decided the numbers, what came of them, SHA-256 of all else
--   ro-crate-metadata.json       the same for archives (Process Run Crate 0.5)
--   script/...                   every Lua file that was loaded, as it was loaded
--   trainings/N/metrics.jsonl    of each rnn.fit: figures and SHA-256 of the weights, epoch by epoch
--   trainings/N/weights.safetensors   the model as it was left
--   results/figures.json, results/stdout.txt
--   data/...                     only with --with-data
--
-- Nothing in it depends on when, where or by whom it was made: equal runs give equal bytes. Text is deflated.

local core = require "rnn.core"
local plain_json = require "rnn.plain_json"
local texts = require "rnn.share.texts"

local capsule = {}

local FORMAT = 1
local MIME = "application/vnd.rnnlua.capsule+zip"
local MOST = 4 << 30 -- bytes of all files together

local function read_json(path)
  local text, message = core.file_read(path)
  if not text then return nil, message end
  local value
  value, message = core.json_decode(text)
  if type(value) ~= "table" then return nil, ("%s: %s"):format(path, message or "not a JSON object") end
  return value
end

-- ---- what is in one ----

local HASH, NAME, OPTION = "hash", "name", "option"

-- What a manifest is made of: the type of a field; a list of one kind, { kind }; fields of a table. ? means that it may
-- be missing.
local RUN = {
  script = NAME, arguments = { "string" }, program_options = { OPTION }, seed = "integer",
  precision = "string", threads = "integer", deterministic = "boolean", kernels = "string", blas = "string",
  ["run?"] = "string",
  program = { version = "string", lua = "string", stdlib = HASH, compiler = "string", libc = "string" },
  machine = { processor = "string", system = "string" },
  files = { { path = NAME, size = "integer", sha256 = HASH, ["module?"] = "string" } },
  data = { { name = NAME, size = "integer", sha256 = HASH, ["from?"] = "string", ["source?"] = "string",
    ["included?"] = "boolean" } },
  doubts = { { what = "string", where = "string", why = "string" } },
}

local TRAINING = { seed = "integer", epochs = "integer", of_epochs = "integer", ["best?"] = "integer",
  ["stopped?"] = "string", ["weights?"] = HASH, ["tensors?"] = "table" }

local CAPSULE = {
  capsule = "integer", entries = { { path = NAME, size = "integer", sha256 = HASH } },
  trainings = { { number = "integer", seed = "integer", epochs = "integer", of_epochs = "integer",
    ["best?"] = "integer", ["stopped?"] = "string", weights = HASH, tensors = "table" } },
}

local function is_name(value)
  if type(value) ~= "string" or value == "" or value:find "[%c\\]" or value:find "^/" then return false end
  for part in (value .. "/"):gmatch "(.-)/" do
    if part == "" or part == "." or part == ".." then return false end
  end
  return true
end

local function fits(value, kind, path)
  if type(kind) == "table" then
    if type(value) ~= "table" then return nil, path .. " is no table" end
    if kind[1] then
      for key, item in pairs(value) do
        if math.type(key) ~= "integer" or key < 1 or key > #value then return nil, path .. " is no list" end
        local ok, message = fits(item, kind[1], ("%s[%d]"):format(path, key))
        if not ok then return nil, message end
      end
      return true
    end
    for name, each in pairs(kind) do
      local optional = name:find "%?$"
      local field = value[name:gsub("%?$", "")]
      if field ~= nil or not optional then
        local ok, message = fits(field, each, path == "" and name or ("%s.%s"):format(path, name))
        if not ok then return nil, message end
      end
    end
    return true
  end
  local good = (math.type(value) or type(value)) == kind
  if kind == HASH then good = type(value) == "string" and value:find "^%x+$" and #value == 64 end
  if kind == NAME then
    good = is_name(value)
    if not good and type(value) == "string" then return nil, ("%s: '%s' is no name for a file"):format(path, value) end
  end
  if kind == OPTION then -- of rnnlua, on which numbers depend; no other one
    good = value == "--double" or value == "--blas=own" or value == "--blas=openblas"
      or type(value) == "string" and value:find "^%-%-seed=%d+$"
  end
  if kind == "integer" then good = good and value >= 0 end
  return good and true or nil, ("%s: expected %s, got %s"):format(path, kind, type(value))
end

-- ---- making one ----

-- The lines of epochs of a metrics.jsonl, without what is another number each time.
local function epochs_of(path)
  local text, message = core.file_read(path)
  if not text then return nil, message end
  local lines, epochs = {}, {}
  for line in text:gmatch "[^\n]+" do
    local each = core.json_decode(line)
    if type(each) == "table" and type(each.weights) == "string" then
      each.seconds = nil
      epochs[#epochs + 1] = each
      lines[#lines + 1] = plain_json(each) .. "\n"
    end
  end
  return epochs, table.concat(lines)
end

local FIELDS = { "seed", "epochs", "of_epochs", "best", "stopped", "weights", "tensors" }

-- One training, from its folder: what the manifest says of it; its files are added.
local function training_of(folder, number, files, partial)
  local run, message = read_json(folder .. "/run.json")
  if not run then return nil, message end
  local good
  good, message = fits(run, TRAINING, "")
  if not good then return nil, ("%s/run.json: %s"):format(folder, message) end
  if not run.ended and not partial then return nil, ("%s: this training has not ended"):format(folder) end
  if run.resumed and number then
    return nil, ("training %d went on from a checkpoint that was there before: take another folder for the run, or "
      .. "pack that one"):format(number)
  end
  local epochs, lines = epochs_of(folder .. "/metrics.jsonl")
  if not epochs then return nil, lines end
  local weights
  weights, message = core.file_read(folder .. "/model.safetensors")
  if not weights and run.ended then return nil, message end
  number = number or run.training
  files[#files + 1] = { name = ("trainings/%d/metrics.jsonl"):format(number), bytes = lines, compress = true }
  if weights then
    files[#files + 1] = { name = ("trainings/%d/weights.safetensors"):format(number), bytes = weights }
  end
  local training = { number = number }
  for _, name in ipairs(FIELDS) do training[name] = run[name] end
  return training
end

local function figures_of(folder)
  local figures = {}
  for line in (core.file_read(folder .. "/figures.jsonl") or ""):gmatch "[^\n]+" do
    local each = core.json_decode(line)
    for name, value in pairs(type(each) == "table" and type(each.figures) == "table" and each.figures or {}) do
      local key = each.model == "" and name or each.model .. "." .. name
      figures[key] = figures[key] or {}
      table.insert(figures[key], value)
    end
  end
  return figures
end

-- The Lua files of a run in the folder script beside it, which must still be those that ran.
local function add_scripts(folder, manifest, files)
  for _, each in ipairs(manifest.files) do
    local path = ("%s/script/%s"):format(folder, each.path)
    local text, message = core.file_read(path)
    if not text then return nil, message end
    if core.sha256(text) ~= each.sha256 then return nil, path .. ": this is not the file that ran" end
    files[#files + 1] = { name = "script/" .. each.path, bytes = text, compress = true }
  end
  return true
end

local function add_data(manifest, places, files)
  for i, each in ipairs(manifest.data) do -- in the order of their names
    if i > 1 and manifest.data[i - 1].name == each.name then
      return nil, ("%s: two data have this name, one below RNNLUA_DATA"):format(each.name)
    end
    local bytes, message = core.file_read(places[each.name] or each.name)
    if not bytes then return nil, message end
    if core.sha256(bytes) ~= each.sha256 then return nil, each.name .. ": it has changed since it was read" end
    files[#files + 1] = { name = "data/" .. each.name, bytes = bytes, compress = true }
    each.included = true
  end
  return true
end

--- capsule.assemble(folder [, options]) -> { manifest =, files = } | nil, message
---
--- What is in the folder of a run, or, with recorded = true, in that of everything that a script did; stdout is what it
--- wrote. with_data: the data too; partial: trainings may have been left.
---@param folder string
---@param options? { recorded?: boolean, partial?: boolean, stdout?: string, with_data?: boolean }
---@return table?
---@return string? message
function capsule.assemble(folder, options)
  options = options or {}
  local manifest, message = read_json(folder .. "/run.json")
  if not manifest then return nil, message end
  if type(manifest.script) ~= "string" then
    return nil, "the script is missing: it came from standard input, or from -e"
  end
  local files, trainings = {}, {}
  local done
  done, message = fits(manifest, RUN, "")
  if not done then return nil, ("%s/run.json: %s"):format(folder, message) end
  done, message = add_scripts(folder, manifest, files)
  if not done then return nil, message end
  for number = 1, options.recorded and manifest.trainings or 1 do
    local training
    training, message = training_of(options.recorded and ("%s/%d"):format(folder, number) or folder,
      options.recorded and number or nil, files, options.partial)
    if not training then return nil, message end
    trainings[number] = training
  end
  local figures = options.recorded and figures_of(folder) or {}
  if options.with_data then
    done, message = add_data(manifest, options.recorded and read_json(folder .. "/places.json") or {}, files)
    if not done then return nil, message end
  end
  files[#files + 1] = { name = "results/figures.json", compress = true,
    bytes = core.json_encode(figures, { indent = 1, sort = true }) .. "\n" }
  if options.stdout then
    files[#files + 1] = { name = "results/stdout.txt", bytes = options.stdout, compress = true }
  end
  for _, name in ipairs(FIELDS) do manifest[name] = name == "seed" and manifest.seed or nil end
  for _, name in ipairs { "training", "ended", "resumed", "settings", "left" } do manifest[name] = nil end
  manifest.run = not options.recorded and folder:gsub("/+$", ""):match "[^/]*$" or nil
  manifest.capsule, manifest.trainings = FORMAT, trainings
  return { manifest = manifest, files = files }
end

--- capsule.write(path, made) -> true | nil, message, code: of what capsule.assemble gave.
---@param path string
---@param made table
function capsule.write(path, made)
  local manifest, files = made.manifest, table.move(made.files, 1, #made.files, 1, {})
  files[#files + 1] = { name = "README.txt", bytes = texts.readme(manifest), compress = true }
  local page, message = texts.page(manifest, made.files)
  if not page then return nil, message end
  files[#files + 1] = { name = "report.html", bytes = page, compress = true }
  files[#files + 1] = { name = "ro-crate-metadata.json", bytes = texts.crate(manifest, files), compress = true }
  table.sort(files, function(a, b) return a.name < b.name end)
  manifest.entries = {}
  for i, file in ipairs(files) do
    manifest.entries[i] = { path = file.name, size = #file.bytes, sha256 = core.sha256(file.bytes) }
  end
  table.insert(files, 1, { name = "capsule.json", compress = true,
    bytes = core.json_encode(manifest, { indent = 1, sort = true }) .. "\n" })
  table.insert(files, 1, { name = "mimetype", bytes = MIME })
  return core.bundle_write(path, files)
end

-- ---- reading one ----

local KNOWN = { "^README%.txt$", "^report%.html$", "^ro%-crate%-metadata%.json$", "^script/.", "^data/.",
  "^trainings/%d+/metrics%.jsonl$", "^trainings/%d+/weights%.safetensors$", "^results/figures%.json$",
  "^results/stdout%.txt$" }

local function check_entries(manifest, files)
  local bytes, left = {}, 0
  for i = 3, #files do
    bytes[files[i].name] = files[i].bytes
    left = left + 1
  end
  for _, entry in ipairs(manifest.entries) do
    local is_known, content = false, bytes[entry.path]
    for _, pattern in ipairs(KNOWN) do is_known = is_known or entry.path:find(pattern) ~= nil end
    if not is_known then return nil, ("it has '%s', which belongs in no capsule"):format(entry.path) end
    if not content then return nil, ("'%s' is missing, or named twice"):format(entry.path) end
    if #content ~= entry.size or core.sha256(content) ~= entry.sha256 then
      return nil, ("'%s' is not as it was written"):format(entry.path)
    end
    bytes[entry.path], left = nil, left - 1
  end
  if left > 0 then return nil, ("it has '%s', of which its manifest says nothing"):format(next(bytes)) end
  return true
end

-- What the manifest says is there, is, and what it says of files is true.
local function check_parts(manifest, content)
  local has_script = false
  for _, each in ipairs(manifest.files) do
    local text = content["script/" .. each.path]
    if not text or core.sha256(text) ~= each.sha256 then
      return nil, ("the script '%s' is missing, or is another one"):format(each.path)
    end
    has_script = has_script or each.path == manifest.script
  end
  if not has_script then return nil, ("the script '%s' is missing"):format(manifest.script) end
  for _, each in ipairs(manifest.data) do
    local bytes = content["data/" .. each.name]
    if each.included and (not bytes or core.sha256(bytes) ~= each.sha256) then
      return nil, ("the data '%s' are missing, or are others"):format(each.name)
    end
  end
  for _, each in ipairs(manifest.trainings) do
    if not content[("trainings/%d/metrics.jsonl"):format(each.number)]
      or not content[("trainings/%d/weights.safetensors"):format(each.number)] then
      return nil, ("the files of training %d are missing"):format(each.number)
    end
    for name, hash in pairs(each.tensors) do
      if type(name) ~= "string" or type(hash) ~= "string" then return nil, "tensors: expected names and SHA-256" end
    end
  end
  return true
end

--- capsule.parse(files) -> { manifest =, content = } | nil, message: of what core.bundle_read gave.
local function parse(files)
  if not files[1] or files[1].name ~= "mimetype" or files[1].bytes ~= MIME or not files[2]
    or files[2].name ~= "capsule.json" then
    return nil, "a ZIP archive, but no capsule: it does not begin with mimetype and capsule.json"
  end
  local manifest, message = core.json_decode(files[2].bytes)
  if type(manifest) ~= "table" then return nil, "capsule.json: " .. (message or "not a JSON object") end
  if math.type(manifest.capsule) == "integer" and manifest.capsule > FORMAT then
    return nil, ("a capsule of a newer version: format %d, and this program knows formats up to %d"):format(
      manifest.capsule, FORMAT)
  end
  local ok
  ok, message = fits(manifest, RUN, "")
  if ok then ok, message = fits(manifest, CAPSULE, "") end
  if not ok then return nil, "capsule.json: " .. message end
  ok, message = check_entries(manifest, files)
  if not ok then return nil, message end
  local content = {}
  for i = 3, #files do content[files[i].name] = files[i].bytes end
  ok, message = check_parts(manifest, content)
  if not ok then return nil, message end
  return { manifest = manifest, content = content }
end

--- capsule.read(path) -> { manifest =, content = bytes by name } | nil, message
---
--- All of a capsule, after everything in it has been checked. Nothing is written or run.
---@param path string
---@return table?
---@return string? message
function capsule.read(path)
  local files, message = core.bundle_read(path, MOST)
  if not files then return nil, message end
  local read
  read, message = parse(files)
  if not read then return nil, ("%s: %s"):format(path, message) end
  return read
end

return capsule

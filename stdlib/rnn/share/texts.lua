-- texts.lua: what is in a capsule for people and programs that are not rnnlua.

local core = require "rnn.core"
local report = require "rnn.logs.report"
local content = require "rnn.share.content"

local texts = {}

-- Characters of Unicode that a terminal obeys, or that turn the direction of what is around them.
local ODD = { { 0x80, 0x9f }, { 0x61c, 0x61c }, { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 } }

-- "?" for one of those, nil for another character.
local function marked(character)
  local code = utf8.codepoint(character)
  for _, range in ipairs(ODD) do
    if code >= range[1] and code <= range[2] then return "?" end
  end
end

--- texts.clean(value) -> what comes from a stranger and goes to a terminal, in one line, without what a terminal obeys
function texts.clean(value)
  local text = tostring(value):gsub("[%c\x7f]", "?")
  if not utf8.len(text) then return (text:gsub("[\x80-\xff]", "?")) end
  return (text:gsub("[\xc2\xd8\xe2][\x80-\xbf]+", marked))
end

-- A word as a shell takes it.
function texts.quoted(word)
  return word:find "^[%w%-_./=,:+@%%]+$" and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

--- texts.command(manifest) -> the command line that made it
function texts.command(manifest)
  local words = { "rnnlua", table.unpack(manifest.program_options) }
  words[#words + 1] = manifest.script
  for _, word in ipairs(manifest.arguments) do words[#words + 1] = word end
  for i, word in ipairs(words) do words[i] = texts.quoted(word) end
  return table.concat(words, " ")
end

local function list(items, format, none)
  local lines = {}
  for i, item in ipairs(items) do lines[i] = "  " .. format(item) .. "\n" end
  return #lines > 0 and table.concat(lines) or "  " .. none .. "\n"
end

texts.list = list

function texts.data(each)
  return ("%s  %d bytes, SHA-256 %s%s%s"):format(each.name, each.size, each.sha256:sub(1, 16) .. "...",
    each.included and ", included" or "", each.source and ", from " .. each.source or "")
end

function texts.doubt(each) return ("%s: %s, %s"):format(each.where, each.what, each.why) end

--- texts.readme(manifest) -> README.txt
function texts.readme(manifest)
  return ([[
This is an experiment with recurrent networks that was made with rnnlua %s,
packed so that others can look at it and repeat it. It is a ZIP archive.

It was made by

  %s

report.html        curves and figures, in any browser
script/            the programs, in Lua 5.4
trainings/         figures and weights (safetensors, which PyTorch reads too)
results/           what came of it
capsule.json       everything that decided the numbers, with SHA-256 of all files

Data that it read:
%s
What may be another number elsewhere:
%s
To repeat it, with rnnlua:

  rnnlua show FILE            what is inside; runs nothing
  rnnlua rerun FILE --data FOLDER
]]):format(manifest.program.version, texts.command(manifest), list(manifest.data, texts.data, "none"),
    list(manifest.doubts, texts.doubt, "nothing is known"))
end

local HIDDEN = { epoch = true, step = true, weights = true, lr = true }

local function charts_of(number, several, epochs)
  local names, charts, x = {}, {}, {}
  for e, each in ipairs(epochs) do
    x[e] = e
    for name, value in pairs(each) do
      if type(value) == "number" and not HIDDEN[name] then names[name:gsub("^val_", "")] = true end
    end
  end
  local sorted = {}
  for name in pairs(names) do sorted[#sorted + 1] = name end
  table.sort(sorted)
  local function values(name)
    local y, any = {}, false
    for e, each in ipairs(epochs) do
      y[e] = type(each[name]) == "number" and each[name] or 0 / 0
      any = any or y[e] == y[e]
    end
    return any and y
  end
  for _, name in ipairs(sorted) do
    local training, validation, series = values(name), values("val_" .. name), {}
    if training then series[1] = { label = "training", y = training } end
    if validation then series[#series + 1] = { label = "validation", y = validation } end
    charts[#charts + 1] = { title = several and ("%s, training %d"):format(name, number) or name, x = x,
      series = series }
  end
  return charts
end

--- texts.page(manifest, files) -> report.html | nil, message
function texts.page(manifest, files)
  local named, charts = {}, {}
  for _, file in ipairs(files) do named[file.name] = file.bytes end
  for _, training in ipairs(manifest.trainings) do
    local epochs = content.epochs(named, training.number)
    if #charts < 60 then
      table.move(charts_of(training.number, #manifest.trainings > 1, epochs), 1, 60, #charts + 1, charts)
    end
  end
  local figures, names = {}, {}
  for name in pairs(content.figures(named)) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local values = {}
    for k, value in ipairs(content.figures(named)[name]) do
      values[k] = type(value) == "number" and ("%.6g"):format(value) or tostring(value)
    end
    figures[i] = { name, table.concat(values, ", ") }
  end
  local function pairs_of(items, name, value)
    local rows = {}
    for i, each in ipairs(items) do rows[i] = { each[name], value(each) } end
    return rows
  end
  local program, folder = manifest.program, assert(core.folder_scratch())
  local path = folder .. "/report.html"
  local done, message = report(path, { title = manifest.script, status = texts.command(manifest), dated = false,
    charts = charts,
    facts = { { "seed", tostring(manifest.seed) }, { "trainings", tostring(#manifest.trainings) } },
    sections = {
      { title = "Figures", pairs = figures },
      { title = "Data", pairs = pairs_of(manifest.data, "name", function(each) return "SHA-256 " .. each.sha256 end) },
      { title = "What may be another number elsewhere", pairs = pairs_of(manifest.doubts, "where", function(each)
        return ("%s: %s"):format(each.what, each.why)
      end) },
      { title = "Made by", pairs = { { "rnnlua", ("%s, %s, %s"):format(program.version, manifest.precision,
        program.lua) }, { "kernels", manifest.kernels }, { "C library", program.libc },
        { "processor", manifest.machine.processor }, { "system", manifest.machine.system } } },
    } })
  local text
  if done then text, message = core.file_read(path) end
  core.folder_remove(folder)
  return text, message
end

local KINDS = { json = "application/json", jsonl = "application/jsonlines", lua = "text/x-lua", txt = "text/plain",
  html = "text/html", safetensors = "application/octet-stream", csv = "text/csv" }

--- texts.crate(manifest, files) -> ro-crate-metadata.json: RO-Crate 1.1, Process Run Crate 0.5
function texts.crate(manifest, files)
  local graph, parts, results, objects = {}, {}, {}, {}
  local function id(name) return { ["@id"] = name } end
  for _, file in ipairs(files) do
    local entity = { ["@id"] = file.name, ["@type"] = "File", name = file.name, contentSize = tostring(#file.bytes),
      sha256 = core.sha256(file.bytes), encodingFormat = KINDS[file.name:match "%.(%w+)$" or ""]
        or "application/octet-stream" }
    if file.name == "script/" .. manifest.script then
      entity["@type"] = { "File", "SoftwareSourceCode" }
      entity.programmingLanguage = "Lua"
    end
    parts[#parts + 1] = id(file.name)
    graph[#graph + 1] = entity
    if file.name:find "^trainings/" or file.name:find "^results/" then results[#results + 1] = id(file.name) end
  end
  for _, each in ipairs(manifest.data) do
    if each.included then
      objects[#objects + 1] = id("data/" .. each.name)
    else
      objects[#objects + 1] = id("#data-" .. each.sha256)
      graph[#graph + 1] = { ["@id"] = "#data-" .. each.sha256, ["@type"] = "CreativeWork", name = each.name,
        description = ("%d bytes, not included"):format(each.size), sha256 = each.sha256, isBasedOn = each.source }
    end
  end
  local profile = "https://w3id.org/ro/wfrun/process/0.5"
  graph[#graph + 1] = { ["@id"] = "#rnnlua", ["@type"] = "SoftwareApplication", name = "rnnlua",
    softwareVersion = manifest.program.version }
  graph[#graph + 1] = { ["@id"] = profile, ["@type"] = "CreativeWork", name = "Process Run Crate", version = "0.5" }
  graph[#graph + 1] = { ["@id"] = "#run", ["@type"] = "CreateAction", name = texts.command(manifest),
    instrument = id("script/" .. manifest.script), object = objects, result = results,
    actionStatus = id "http://schema.org/CompletedActionStatus" }
  graph[#graph + 1] = { ["@id"] = "ro-crate-metadata.json", ["@type"] = "CreativeWork", about = id "./",
    conformsTo = id "https://w3id.org/ro/crate/1.1" }
  graph[#graph + 1] = { ["@id"] = "./", ["@type"] = "Dataset", name = "An experiment: " .. manifest.script,
    description = "Script, figures and weights of an experiment with recurrent networks, to be repeated with rnnlua",
    datePublished = "1980-01-01", license = "see the script", hasPart = parts, mentions = id "#run",
    conformsTo = id(profile) }
  table.sort(graph, function(a, b) return a["@id"] < b["@id"] end)
  return core.json_encode({ ["@context"] = "https://w3id.org/ro/crate/1.1/context", ["@graph"] = graph },
    { indent = 1, sort = true }) .. "\n"
end

return texts

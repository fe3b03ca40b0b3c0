-- show.lua: what is in a capsule, in a model file, or in the folder of a run. It runs nothing.

local core = require "rnn.core"
local capsule = require "rnn.share.capsule"
local content = require "rnn.share.content"
local texts = require "rnn.share.texts"

local show = {}

local clean = texts.clean

local function say(format, ...) io.write(clean(format:format(...)), "\n") end

local function number(value) return type(value) == "number" and ("%.6g"):format(value) or clean(value) end

local function sorted(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  return names
end

-- ---- capsules ----

local function last_line(epochs)
  local parts, last = {}, epochs[#epochs] or {}
  for _, name in ipairs(sorted(last)) do
    if name ~= "weights" and name ~= "epoch" and name ~= "step" then
      parts[#parts + 1] = ("%s %s"):format(name, number(last[name]))
    end
  end
  return table.concat(parts, ", ")
end

local function tick(is, text) say("  [%s] %s", is and "x" or " ", text) end

-- The five of "The ML code completeness checklist" (Papers with Code).
local function ticks(manifest, figures)
  local included = true
  for _, each in ipairs(manifest.data) do included = included and (each.included or each.source ~= nil) end
  tick(manifest.program.version ~= "", "what it needs: rnnlua " .. manifest.program.version)
  tick(#manifest.trainings > 0, "the training")
  tick(next(figures) ~= nil, "the evaluation, with its figures")
  tick(#manifest.trainings > 0, "the weights")
  tick(included, "the data: included, or where they are to be had")
end

local function show_capsule(path, read)
  local manifest, files = read.manifest, read.content
  local program = manifest.program
  say("%s: a capsule, everything in it is as it was written", path)
  say("made by   %s", texts.command(manifest))
  say("program   rnnlua %s, %s, %s, kernels %s, %s, %s", program.version, manifest.precision, program.lua,
    manifest.kernels, program.libc, program.compiler)
  say("machine   %s, %s", manifest.machine.processor, manifest.machine.system)
  say("seed      %d%s", manifest.seed, manifest.deterministic and ", deterministic" or ", not deterministic")
  io.write "script\n"
  for _, each in ipairs(manifest.files) do say("  %s  %d bytes", each.path, each.size) end
  io.write "reads\n"
  if #manifest.data == 0 then io.write "  no data\n" end
  for _, each in ipairs(manifest.data) do say("  %s", texts.data(each)) end
  io.write "came to\n"
  for _, each in ipairs(manifest.trainings) do
    say("  training %d: %d epochs, weights %s...%s", each.number, each.epochs, each.weights:sub(1, 16), each.stopped
      and "; " .. each.stopped or "")
    say("    %s", last_line(content.epochs(files, each.number)))
  end
  local figures = content.figures(files)
  for _, name in ipairs(sorted(figures)) do
    local values = {}
    for i, value in ipairs(type(figures[name]) == "table" and figures[name] or {}) do values[i] = number(value) end
    say("  %s: %s", name, table.concat(values, ", "))
  end
  io.write "what may be another number elsewhere\n"
  if #manifest.doubts == 0 then io.write "  nothing is known\n" end
  for _, each in ipairs(manifest.doubts) do say("  %s", texts.doubt(each)) end
  io.write "complete?\n"
  ticks(manifest, figures)
end

-- ---- models ----

local function tree(config, indent, name)
  if type(config) ~= "table" then return end
  local class = config.class
  if type(class) ~= "string" then class = "" end
  local parts = {}
  for _, group in ipairs { "args", "options", "fields" } do
    for _, key in ipairs(sorted(type(config[group]) == "table" and config[group] or {})) do
      local value = config[group][key]
      if type(value) ~= "table" and value ~= core.null then
        parts[#parts + 1] = math.type(key) and clean(value) or ("%s = %s"):format(clean(key), clean(value))
      end
    end
  end
  local inside = #parts > 0 and " (" .. table.concat(parts, ", ") .. ")" or ""
  say("%s%s%s%s", ("  "):rep(indent), name and name .. ": " or "", class, inside)
  for _, group in ipairs { "layers", "args", "fields", "options" } do
    for _, key in ipairs(sorted(type(config[group]) == "table" and config[group] or {})) do
      local each = config[group][key]
      if type(each) == "table" and each.class ~= nil then
        tree(each, indent + 1, clean(key))
      elseif type(each) == "table" then
        for _, k in ipairs(sorted(each)) do
          local layer = type(each[k]) == "table" and each[k].class ~= nil and each[k]
          if layer then tree(layer, indent + 1, clean(key) .. "." .. clean(k)) end
        end
      end
    end
  end
end

local function describe(value)
  if core.is_tensor(value) then return ("tensor (%s)"):format(table.concat({ value:shape() }, ", ")) end
  if type(value) ~= "table" then return clean(value) end
  local meta = getmetatable(value)
  if meta then return type(meta) == "table" and not meta.__tostring and clean(meta.__name) or clean(value) end
  local parts = {}
  for _, key in ipairs(sorted(value)) do
    local text = describe(value[key])
    parts[#parts + 1] = #value > 0 and text or ("%s = %s"):format(clean(key), text)
    if #parts == 12 and next(value, key) then
      parts[#parts + 1] = "..."
      break
    end
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function show_model(path, tensors, metadata)
  local function decoded(name)
    local value = metadata[name] and core.json_decode(metadata[name])
    return type(value) == "table" and value or nil
  end
  say("%s: a model%s", path, metadata["rnnlua.version"] and ", saved by rnnlua " .. metadata["rnnlua.version"] or "")
  local config = decoded "rnnlua.config"
  io.write "architecture\n"
  if config then tree(config, 1)
  else say("  %s", metadata["rnnlua.no_config"] or "not in the file, which rnn.save has not written") end
  io.write "tensors\n"
  local count, bytes = 0, 0
  for _, name in ipairs(sorted(tensors)) do
    if not name:find "^extra/" then
      local t = tensors[name]
      say("  %-32s (%s) %s", name, table.concat({ t:shape() }, ", "), t:type())
      local size = t:type() == "float" and core.precision == "double" and 8 or 4
      count, bytes = count + t:count(), bytes + t:count() * size
    end
  end
  say("  %d numbers, %.1f kB", count, bytes / 1000)
  local extra = decoded "rnnlua.extra"
  if extra then
    io.write "extra\n"
    local ok, loaded = pcall(require("rnn.save.pack").load, extra, tensors)
    for _, name in ipairs(sorted(ok and loaded or {})) do
      if name ~= "checkpoint" then say("  %s: %s", clean(name), describe(loaded[name])) end
    end
    if not ok then say("  %s", loaded) end
  end
  local run = decoded "rnnlua.run"
  io.write "comes from\n"
  if not run then io.write "  not in the file\n" end
  for _, name in ipairs(sorted(run or {})) do say("  %s: %s", clean(name), describe(run[name])) end
end

--- show.show(path) -> true | nil, message
---@param path string
---@return true?
---@return string? message
function show.show(path)
  local head <close> = io.open(path, "rb")
  local first = head and head:read(2)
  if head and not first then -- a folder, or empty
    local made, message = capsule.assemble(path)
    if not made then return nil, message end
    made.content = {}
    for _, file in ipairs(made.files) do made.content[file.name] = file.bytes end
    show_capsule(path, made)
    return true
  end
  if first == "PK" then
    local read, message = capsule.read(path)
    if not read then return nil, message end
    show_capsule(path, read)
    return true
  end
  local tensors, metadata = core.archive_read(path)
  if not tensors then return nil, metadata end
  show_model(path, tensors, metadata)
  return true
end

-- ---- two capsules ----

local function fields(a, b, names, title)
  for _, name in ipairs(names) do
    local x, y = a[name], b[name]
    if x ~= y then say("%s %s: %s | %s", title, clean(name), clean(x), clean(y)) end
  end
end

-- What differs of two texts, line by line, up to so many lines.
local function lines(path, a, b)
  local function split(text)
    local list = {}
    for line in (text or ""):gmatch "[^\n]*" do list[#list + 1] = line end
    return list
  end
  local x, y = split(a), split(b)
  local from = 1
  while x[from] and x[from] == y[from] do from = from + 1 end
  local to_x, to_y = #x, #y
  while to_x >= from and to_y >= from and x[to_x] == y[to_y] do to_x, to_y = to_x - 1, to_y - 1 end
  say("script %s, line %d", path, from)
  for _, part in ipairs { { "-", x, to_x }, { "+", y, to_y } } do
    for i = from, math.min(part[3], from + 19) do
      say("  %s %s", part[1], part[2][i])
    end
    if part[3] > from + 19 then say("  %s ... %d lines", part[1], part[3] - from - 19) end
  end
end

--- show.diff(a, b) -> exit code: 0 the same, 1 close, 2 they differ, 3 one cannot be read
---@param one string
---@param two string
---@return integer
function show.diff(one, two)
  local a, message = capsule.read(one)
  local b
  if a then b, message = capsule.read(two) end
  if not b then
    io.stderr:write("rnnlua diff: ", clean(message), "\n")
    return 3
  end
  local x, y = a.manifest, b.manifest
  fields({ command = texts.command(x) }, { command = texts.command(y) }, { "command" }, "the")
  fields(x, y, { "seed", "precision", "kernels", "deterministic" }, "the")
  fields(x.program, y.program, sorted(x.program), "program")
  fields(x.machine, y.machine, sorted(x.machine), "machine")
  if type(x.options) == "table" and type(y.options) == "table" then
    local names = {}
    for name in pairs(x.options) do names[name] = true end
    for name in pairs(y.options) do names[name] = true end
    fields(x.options, y.options, sorted(names), "option")
  end
  local function by_name(list, name)
    local result = {}
    for _, each in ipairs(list) do result[each[name]] = each.sha256 end
    return result
  end
  local scripts_a, scripts_b = by_name(x.files, "path"), by_name(y.files, "path")
  for _, path in ipairs(sorted(scripts_a)) do
    if not scripts_b[path] then say("script %s: only in the first", path)
    elseif scripts_b[path] ~= scripts_a[path] then
      lines(path, a.content["script/" .. path], b.content["script/" .. path])
    end
  end
  for _, path in ipairs(sorted(scripts_b)) do
    if not scripts_a[path] then say("script %s: only in the second", path) end
  end
  local data_a, data_b = by_name(x.data, "name"), by_name(y.data, "name")
  for _, name in ipairs(sorted(data_a)) do
    if data_b[name] ~= data_a[name] then
      say("data %s: %s", name, data_b[name] and "others" or "only in the first")
    end
  end
  for _, name in ipairs(sorted(data_b)) do
    if not data_a[name] then say("data %s: only in the second", name) end
  end
  local f, g = content.figures(a.content), content.figures(b.content)
  for _, name in ipairs(sorted(f)) do
    local u, v = describe(f[name]), describe(g[name] or {})
    if u ~= v then say("figure %s: %s | %s", name, u, v) end
  end
  local verdict, text = require("rnn.share.compare").results(a, b)
  say("%s: %s", verdict == "same" and "the same result" or verdict, text)
  return ({ same = 0, close = 1, differs = 2, nothing = 0 })[verdict]
end

return show

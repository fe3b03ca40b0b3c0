-- layers.lua: which part of the program may use which. It reads every require and every #include, and which C file uses
-- what another one defines. It fails on an arrow that the table does not have, on a circle between files, and on what
-- nothing needs any more. A require inside a function counts like any other.
--
--   rnnlua tests/checks/layers.lua [ROOT]           prints the table; ROOT is the folder of the sources
--   rnnlua tests/checks/layers.lua --write [ROOT]   draws docs/architecture.svg as well

-- ---- the table ----

-- A part: its name; its files, where a name that ends with / is a folder and the longest name decides; the parts that
-- it may use, which stand above it. In Lua nn is the module rnn.nn with all of its folder, and init the module rnn.
local BANDS = {
  { "core, in C", {
    { "interface", "core/rnn.h", "" },
    { "context", "core/internal.h core/library core/ctx core/status core/mem core/thread core/math core/philox "
      .. "core/kernels/", "interface" },
    { "tensors", "core/tensor core/map core/move core/form", "context" },
    { "products", "core/product core/linalg/ core/fft", "context, tensors" },
    { "ops", "core/ops/ core/padding core/finite", "context, tensors, products" },
    { "engine", "core/recurrent/", "context, tensors, products, ops" },
    { "op list", "core/ops/table core/ops/ops.h core/ops/ops.def", "interface, context, ops, engine" },
    { "tape", "core/tape core/backward core/assign core/custom core/hooks core/trace",
      "context, tensors, ops, engine, op list" },
    { "random", "core/random", "context, tensors, products, ops, tape" },
    { "numbers", "core/numbers core/columns core/times", "context, tensors, ops, op list, tape" },
    { "fits", "core/least_squares", "context, tensors, products, ops" },
    { "optimisers", "core/optim", "context, tensors" },
    { "shards", "core/shards", "context, tensors, tape" },
    { "files", "core/io/", "context, tensors, ops, numbers" },
    { "sound", "core/audio/", "context, tensors, products, files" },
  } },
  { "bindings, in C", {
    { "memory", "bindings/pool bindings/host/pool", "" },
    { "arguments", "bindings/binding.h bindings/userdata bindings/error bindings/check bindings/box bindings/terminal",
      "interface, memory" },
    { "functions", "bindings/tensors/ bindings/files/ bindings/system bindings/locale",
      "interface, context, op list, arguments" },
    { "module", "bindings/module bindings/host/embedded bindings/host/lua_module bindings/host/interrupt.h",
      "interface, arguments, functions" },
    { "program", "bindings/host/", "interface, arguments, module, memory" },
    { "mpi", "bindings/mpi/", "" },
    { "kernel", "bindings/jupyter/", "interface, memory, program" },
  } },
  { "stdlib, in Lua", {
    { "base", "beside calendar check choice class columns guard lazy lowercase names nest option place plain_json "
      .. "precision protobuf ranks record shapes shards state terminal trial", "" },
    { "functions of tensors", "ctc differences einsum elements linalg padded products stft", "base" },
    { "text", "text", "base" },
    { "data", "data augment strokes", "base, functions of tensors, text" },
    { "baselines", "baselines", "base" },
    { "optim", "optim", "base" },
    { "decode", "decode", "base" },
    { "nn", "nn", "base, functions of tensors, data, decode" },
    { "metrics", "metrics", "base, text, nn, baselines" },
    { "cells", "cells", "base, nn" },
    { "save", "save", "base, text, data, nn, cells" },
    { "cell_check", "cell_check", "base, functions of tensors, nn, save" },
    { "monitor", "monitor", "base, nn" },
    { "train", "train results", "base, data, baselines, metrics, optim, nn, save, monitor" },
    { "forecast", "forecast", "base, data, baselines, optim, nn, save, train" },
    { "export", "export", "base, data, nn, save" },
    { "onnx", "onnx", "base, nn, export" },
    { "exchange", "exchange", "base, nn, save" },
    -- Beside rnn: they may use it, and nothing of it uses them. The table rnn itself names them all.
    { "plot", "plot", "base" },
    { "logs", "logs", "base, data, nn" },
    { "audio", "audio", "base" },
    { "music", "music", "base, data" },
    { "doc", "doc", "base" },
    { "dist", "dist", "base" },
    { "experiment", "experiment args", "base, text, data, train, save, plot" },
    { "rnn", "init", "everything" },
    { "sweep", "sweep", "base, experiment" },
    { "watch", "watch", "base, logs" },
    { "share", "share", "base, save, logs, export, onnx, exchange, sweep, watch" },
    { "repl", "repl", "base, train, doc, rnn" },
    { "notebook", "jupyter", "base, data, plot, train, repl" },
  } },
}

-- Files that break the rules, what they use, and why that stays.
local EXCEPTIONS = {
  { "core/tape.c", "core/assign.c", "applying an op first renews the history of its views, which is recorded" },
  { "core/tape.c", "core/trace.c", "an op that meets a formula is noted and not computed" },
  { "core/recurrent/program.c", "core/ops/table.c", "a program names its ops, and the list has the engine's own two" },
  { "stdlib/rnn/nn/recurrent_base.lua", "stdlib/rnn/cells/", "a variant of nn.LSTM runs the step of its cell" },
  { "stdlib/rnn/nn/cell.lua", "stdlib/rnn/nn/recurrent.lua", "cell:explain() explains the layer around it" },
  { "stdlib/rnn/nn/module.lua", "stdlib/rnn/nn/summary.lua", "model:summary() is loaded when it is called" },
  { "stdlib/rnn/logs/resource.lua", "stdlib/rnn/logs/", "the names of files that are not Lua, such as page.css" },
}

-- ---- reading the sources ----

local write = arg[1] == "--write"
local root = arg[write and 2 or 1] or "."

local function read(path)
  local file = assert(io.open(root .. "/" .. path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function list(folder)
  local pipe = assert(io.popen(("cd '%s' && find %s -type f | LC_ALL=C sort"):format(root, folder)))
  local paths = {}
  for path in pipe:lines() do paths[#paths + 1] = path end
  assert(pipe:close())
  return paths
end

local arrows = {} -- from -> to -> what stands there
local function arrow(from, to, what)
  if from == to then return end
  arrows[from] = arrows[from] or {}
  arrows[from][to] = arrows[from][to] or what
end

-- Lua without comments: f(text before, string) for each string.
local function strings(text, f)
  local at, code = 1, ""
  while true do
    local from = text:find("[\"'%[%-]", at)
    if not from then return end
    local rest = text:sub(from, from + 1)
    local level = text:match("^%-%-%[(=*)%[", from) or text:match("^%[(=*)%[", from)
    code = code .. text:sub(at, from - 1)
    if level then
      at = select(2, text:find("]" .. level .. "]", from, true)) + 1
    elseif rest == "--" then
      at = text:find("\n", from, true) or #text + 1
    elseif rest:find "^[\"']" then
      local to = from + 1
      while text:sub(to, to) ~= rest:sub(1, 1) do
        if to > #text then error("a string without an end: " .. rest) end
        to = to + (text:sub(to, to) == "\\" and 2 or 1)
      end
      f(code:sub(-40), text:sub(from + 1, to - 1), text:sub(to + 1, to + 20))
      at, code = to + 1, ""
    else
      at, code = from + 1, code .. text:sub(from, from)
    end
  end
end

-- A string that names a module is an arrow, but "rnn" only after require; one that begins a name, "rnn.cells." .. x, is
-- an arrow to all of them. Keys of tables are none.
local function read_lua()
  local modules = {}
  for _, path in ipairs(list "stdlib/rnn") do
    local name = path:match "^stdlib/(.*)%.lua$"
    if name and name ~= "rnn/meta" then modules[name:gsub("/init$", ""):gsub("/", ".")] = path end
  end
  for _, path in pairs(modules) do
    strings(read(path), function(before, text, behind)
      if not text:find "^rnn" or behind:find "^%]%s*=" then return end
      if modules[text] and (text ~= "rnn" or before:find "require[%s(,]*$") then arrow(path, modules[text], text) end
      if text:find "%.$" and behind:find "^%s*%.%." and before:find "require" then
        for name, to in pairs(modules) do
          if name:find(text, 1, true) == 1 then arrow(path, to, text .. "...") end
        end
      end
    end)
  end
end

local function without_comments(text)
  return (text:gsub("/%*.-%*/", function(s) return (s:gsub("[^\n]", "")) end))
end

-- The identifiers of ours in a text.
local function names_in(text)
  local found = {}
  for name in text:gmatch "%f[%w_]l?rnni?_[%w_]+" do found[name] = true end
  for name in text:gmatch "%f[%w_]L?RNNI?_[%w_]+" do found[name] = true end
  return found
end

local function read_c()
  local paths, texts, home, macros = {}, {}, {}, {}
  for _, folder in ipairs { "core", "bindings" } do
    for _, path in ipairs(list(folder)) do
      if path:find "%.[ch]$" or path:find "%.def$" then
        paths[#paths + 1], texts[path] = path, without_comments(read(path))
      end
    end
  end
  -- #include: beside the file, or from core or bindings.
  for _, path in ipairs(paths) do
    for name in texts[path]:gmatch '#include "([^"]+)"' do
      local beside = path:match "^(.*)/" .. "/" .. name
      repeat
        local before = beside
        beside = beside:gsub("[^/]+/%.%./", "", 1)
      until beside == before
      for _, to in ipairs { beside, "core/" .. name, "bindings/" .. name } do
        if texts[to] then
          arrow(path, to, "#include " .. name)
          break
        end
      end
    end
  end
  -- What a file defines: functions and values that are not static; ops, as ops.def says; macros that mention others.
  for _, path in ipairs(paths) do
    local text = texts[path]:gsub('"[^"\n]*"', '""')
    if path:find "%.c$" then
      for line in ("\n" .. text):gmatch "\n(%a[^\n;{}=#]*%([^;{}#]-%)%s*){" do
        local name = line:match "%f[%w_](l?rnni?_[%w_]+)%s*%("
        if name and not line:find "^static" then home[name] = path end
      end
      for line in ("\n" .. text):gmatch "\n(%a[^\n;{}()=#]*)=" do
        local name = line:match "^.*%f[%w_](l?rnni?_[%w_]+)[%[%]%w_%s]*$"
        if name and not line:find "^static" and not line:find "^extern" then home[name] = path end
      end
    end
    for name, body in text:gsub("\\\n", " "):gmatch "#define%s+([%w_]+)([^\n]*)" do
      if path:find "%.h$" then macros[name] = names_in(body) end
    end
    texts[path] = text
  end
  local family, listed = nil, {}
  for line in read "core/ops/ops.def":gmatch "[^\n]+" do
    family = line:match "^/%* ([%w_./]+%.c)" or family
    for name in line:gmatch "RNNI_OP%((%w+)%)" do
      name = "rnni_op_" .. name
      listed[name], home[name] = true, home[name] or ("core/ops/" .. family):gsub("ops/%.%./", "")
    end
  end
  local public = names_in(texts["core/rnn.h"])
  for _, path in ipairs(paths) do
    local text = texts[path]
    if path:find "%.h$" then -- only what stands in braces is used: functions that are inline
      local inside = {}
      for body in text:gsub("#define.-[^\\]\n", "\n"):gmatch "%)%s*(%b{})" do inside[#inside + 1] = body end
      text = table.concat(inside, "\n")
    end
    local used = path:find "%.def$" and {} or names_in(text)
    for name in pairs(names_in(text)) do
      for inner in pairs(macros[name] or {}) do used[inner] = true end
    end
    if path:find "%.c$" and (arrows[path] or {})["core/ops/ops.def"] then
      for name in pairs(listed) do used[name] = true end
    end
    for name in pairs(used) do
      -- The bindings see core/rnn.h and core/ops/ops.h; who keeps their promises is the core's business.
      if path:find "^bindings/" and public[name] then arrow(path, "core/rnn.h", name)
      elseif path:find "^bindings/" and name:find "^rnni_op_" then arrow(path, "core/ops/ops.h", name)
      elseif home[name] then arrow(path, home[name], name) end
    end
  end
end

-- ---- judging ----

local problems, used = {}, {}
local function problem(...) problems[#problems + 1] = (...):format(select(2, ...)) end

local order, parts, patterns = {}, {}, {}
for _, band in ipairs(BANDS) do
  for _, row in ipairs(band[2]) do
    local part = { name = row[1], band = band[1], may = {}, uses = {}, files = 0, at = #order + 1 }
    for name in row[3]:gmatch "[^,]+" do
      name = name:match "^%s*(.-)%s*$"
      if name == "everything" then
        for _, other in ipairs(order) do part.may[other] = other.band == band[1] or nil end
      else
        local other = parts[band[1] .. name] or parts[BANDS[1][1] .. name]
        if other then part.may[other] = true
        else problem("the table: %s may use '%s', which does not stand above it", part.name, name) end
      end
    end
    order[#order + 1], parts[band[1] .. part.name] = part, part
    for file in row[2]:gmatch "%S+" do
      if not file:find "^%l+/" then file = "stdlib/rnn/" .. file end
      patterns[#patterns + 1] = { file, part }
    end
  end
end

-- The longest name that fits decides.
local part_cache = {}
local function part_of(path)
  if part_cache[path] ~= nil then return part_cache[path] end
  local best, length = nil, -1
  for _, pattern in ipairs(patterns) do
    local file = pattern[1]
    local fits = path == file or path:find(file .. (file:find "^stdlib" and "/" or "."), 1, true) == 1
      or path == file .. ".lua" or file:find "/$" and path:find(file, 1, true) == 1
    if fits and #file > length then best, length = pattern, #file end
  end
  if not best then
    problem("%s: is in no part of the table", path)
    part_cache[path] = false
    return false
  end
  best[3], best[2].files = true, best[2].files + 1
  part_cache[path] = best[2]
  return best[2]
end

local function is_excepted(from, to)
  for _, e in ipairs(EXCEPTIONS) do
    if e[1] == from and (e[2] == to or e[2]:find "/$" and to:find(e[2], 1, true) == 1) then
      used[e] = true
      return true
    end
  end
  return false
end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

read_lua()
read_c()
for _, folder in ipairs { "core", "bindings", "stdlib/rnn" } do
  for _, path in ipairs(list(folder)) do
    local is_source = path:find "%.[ch]$" or path:find "%.def$" or path:find "%.lua$"
    if is_source and path ~= "stdlib/rnn/meta.lua" then part_of(path) end
  end
end
for _, from in ipairs(sorted(arrows)) do
  for _, to in ipairs(sorted(arrows[from])) do
    local a, b = part_of(from), part_of(to)
    if is_excepted(from, to) then
      arrows[from][to] = nil
    elseif a and b and a ~= b then
      if a.may[b] then a.uses[b] = true
      else problem("%s uses %s (%s): %s may not use %s", from, to, arrows[from][to], a.name, b.name) end
    end
  end
end

-- Circles between files: from each file depth first, with the way to it.
local done, on_way = {}, {}
local function visit(path, way)
  if done[path] then return end
  way[#way + 1], on_way[path] = path, #way + 1
  for _, to in ipairs(sorted(arrows[path] or {})) do
    local own = path:find "%.h$" and to:find "%.c$" -- what a header declares, a file that includes it defines
    if own then goto continue end
    if on_way[to] then problem("a circle: %s -> %s", table.concat(way, " -> ", on_way[to]), to)
    else visit(to, way) end
    ::continue::
  end
  way[#way], on_way[path], done[path] = nil, nil, true
end
for _, path in ipairs(sorted(arrows)) do visit(path, {}) end

for _, pattern in ipairs(patterns) do
  if not pattern[3] then problem("the table: there is no %s", pattern[1]) end
end
for _, part in ipairs(order) do
  for other in pairs(part.may) do
    if not part.uses[other] then problem("the table: %s does not use %s any more", part.name, other.name) end
  end
end
for _, e in ipairs(EXCEPTIONS) do
  if not used[e] then problem("the table: %s does not use %s any more", e[1], e[2]) end
end

-- ---- the table as text and as a picture ----

for _, band in ipairs(BANDS) do
  print(("%s\n  %-22s%5s  may use"):format(band[1], "part", "files"))
  for _, row in ipairs(band[2]) do print(("  %-22s%5d  %s"):format(row[1], parts[band[1] .. row[1]].files, row[3])) end
end
print "exceptions"
for _, e in ipairs(EXCEPTIONS) do print(("  %s -> %s: %s"):format(e[1], e[2], e[3])) end

-- Does a use b by way of another part that it uses?
local function by_way(a, b)
  for middle in pairs(a.may) do
    if middle ~= b and (middle.may[b] or by_way(middle, b)) then return true end
  end
  return false
end

-- Each part stands one row above the highest that it uses; lines that follow from others are left out.
local function picture()
  local WIDTH, HIGH, STEP, MARGIN = 960, 28, 62, 16
  local lines, boxes, y = {}, {}, MARGIN
  for b = #BANDS, 1, -1 do
    local name, levels = BANDS[b][1], {}
    for _, part in ipairs(order) do
      if part.band == name then
        part.level = 1
        for other in pairs(part.may) do
          if other.band == name then part.level = math.max(part.level, other.level + 1) end
        end
        levels[part.level] = levels[part.level] or {}
        table.insert(levels[part.level], part)
      end
    end
    local height = #levels * STEP + 20
    boxes[#boxes + 1] = ('<rect x="4" y="%d" width="%d" height="%d" rx="8" fill="#f4f4f4"/><text x="14" y="%d" '
      .. 'font-style="italic" text-anchor="start">%s</text>'):format(y, WIDTH - 8, height, y + 20, name)
    for level, row in ipairs(levels) do
      for i, part in ipairs(row) do
        local half = 4 * #part.name + 10
        part.x = math.max(half + 12, math.floor(WIDTH * (i - 0.5) / #row + (level % 2 - 0.5) * 60))
        part.y = y + height - level * STEP + 14
        boxes[#boxes + 1] = ('<rect x="%d" y="%d" width="%d" height="%d" rx="5" fill="#fff" stroke="#345"/>'
          .. '<text x="%d" y="%d">%s</text>'):format(part.x - half, part.y, 2 * half, HIGH, part.x, part.y + 19,
          part.name)
      end
    end
    y = y + height + 10
  end
  for _, part in ipairs(order) do
    for _, other in ipairs(order) do
      if part.may[other] and part.band == other.band and not by_way(part, other) then
        lines[#lines + 1] = ('<line x1="%d" y1="%d" x2="%d" y2="%d"/>'):format(part.x, part.y + HIGH, other.x, other.y)
      end
    end
  end
  local backs = {}
  for i = #boxes, 1, -1 do
    if boxes[i]:find "f4f4f4" then table.insert(backs, 1, table.remove(boxes, i)) end
  end
  return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" '
    .. 'text-anchor="middle">\n%s\n<g stroke="#89a" stroke-width="1.2">\n%s\n</g>\n%s\n</svg>\n'):format(WIDTH, y,
    table.concat(backs, "\n"), table.concat(lines, "\n"), table.concat(boxes, "\n"))
end

if #problems == 0 then
  local svg, path = picture(), root .. "/docs/architecture.svg"
  if write then
    local file = assert(io.open(path, "wb"))
    assert(file:write(svg))
    assert(file:close())
  end
  local file = io.open(path, "rb")
  if not file or file:read "a" ~= svg then
    problem("docs/architecture.svg is not that of this table; rnnlua tests/checks/layers.lua --write draws it")
  end
end

for _, text in ipairs(problems) do print("wrong: " .. text) end
os.exit(#problems == 0)

-- generate.lua: stdlib/rnn/meta.lua, which tells editors and help what is made in C, and docs/manual.md, with a page
-- for each topic in docs/manual/.
--
--   build/rnnlua docs/generate.lua            writes both
--   build/rnnlua docs/generate.lua --check    says which is not up to date; tests/spec/doc_spec.lua asks
--
-- The texts are those beside the code: comments that begin with /*--- in bindings/*.c, the lines of the ops in
-- core/ops/, and the docstrings of stdlib/.

local core = require "rnn.core"
local option = require "rnn.option"
local files = dofile "docs/files.lua"
local parse = dofile "docs/parse.lua"
local public = dofile "docs/public.lua"

local function read(path) return assert(files.read(path), path) end

-- ---- meta.lua ----

-- What the letters of an op's signature stand for: type and text.
local KINDS = {
  t = { "rnn.Tensor|number", "" }, T = { "rnn.Tensor", "" }, m = { "rnn.Tensor", "of 0 and 1" }, L = { "rnn.Tensor[]", "" },
  i = { "integer", "" }, n = { "number", "" }, b = { "boolean", "" },
  x = { "integer", "from 1, or from -1 backwards" }, X = { "integer", "from 1, or from -1 backwards" },
  s = { "integer[]", "sizes, in a table or one by one" },
  a = { "integer[]", "axes from 1, or from -1 backwards, in a table or one by one" },
  A = { "integer|integer[]", "from 1, or from -1 backwards" },
}

-- "(x, axis [, keep = 1]) -> int32. Text." -> names of the arguments, what stands in brackets, result, text
local function split_op(text)
  local arguments, rest = text:match("^(%b())(.*)$")
  local result, words = rest:match("^ %-> ([%w_]+, [^.]*)%. (.*)$")
  if not result then result, words = rest:match("^ %-> ([%w_]+)[^.]*%. (.*)$") end
  if not words then result, words = rest:match("^ %-> ([%w_]+)[^.]*%.$"), "" end
  if not result then words = rest:match("^%. (.*)$") end
  local names = {}
  local plain = arguments:sub(2, -2):gsub("{.-}", "tensors"):gsub("= *%S+", ""):gsub("or nil", "")
  for name in plain:gmatch("[%a_][%w_]*") do
    names[#names + 1] = name
  end
  return arguments, names, result, words or ""
end

-- The lines of an op's block and its field of rnn.Tensor.
local function op_block(name)
  local text, signature, choices = core.op_doc(name)
  local arguments, names, result, words = split_op(text)
  local lines = { ("--- rnn.%s%s -> %s"):format(name, arguments, result or "tensor"), "---" }
  local line = ""
  for word in words:gmatch("%S+") do
    if #line + #word > 114 then
      lines[#lines + 1], line = "--- " .. line:gsub(" $", ""), ""
    end
    line = line .. word .. " "
  end
  lines[#lines + 1] = "--- " .. line:gsub(" $", "")
  local list, types, i, optional = {}, {}, 0, false
  for letter in signature:gmatch(".") do
    if letter == "?" then
      optional = true
    else
      i = i + 1
      local kind, argument = KINDS[letter], names[i]
      if letter == "c" then kind = { '"' .. table.concat(choices, '"|"') .. '"', "" } end
      local mark = (optional or letter == "X" or letter == "A") and "?" or ""
      lines[#lines + 1] = ("---@param %s%s %s %s"):format(argument, mark, kind[1], kind[2]):gsub(" $", "")
      list[i], types[i], optional = argument, ("%s%s: %s"):format(argument, mark, kind[1]), false
    end
  end
  local _, more = (result or ""):gsub(",", "")
  local returns = ("rnn.Tensor, "):rep(more) .. "rnn.Tensor"
  for _ = 0, more do lines[#lines + 1] = "---@return rnn.Tensor" end
  lines[#lines + 1] = ("function rnn.%s(%s) end"):format(name, table.concat(list, ", "))
  table.remove(types, 1)
  table.insert(types, 1, "self: rnn.Tensor")
  local field = signature:find("^L") and nil
    or ("---@field %s fun(%s): %s"):format(name, table.concat(types, ", "), returns)
  return table.concat(lines, "\n"), field
end

local function code_below(block)
  local name, arguments = block:match("^%-%-%- ([%w_.:]+)(%b())")
  local list = {}
  for parameter in block:gmatch("\n%-%-%-@param ([%w_.]+)") do list[#list + 1] = parameter end
  assert(name and arguments, block)
  name = name:gsub("^x:", "Tensor:")
  return ("function %s(%s) end"):format(name, table.concat(list, ", "))
end

local function op_names()
  local names = {}
  for name in pairs(core.methods) do
    if core.op_doc(name) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- The type of a documented function: "fun(y: rnn.Tensor, delta?: number): rnn.Tensor".
local function function_type(entry)
  local arguments, returns = {}, {}
  for i, param in ipairs(entry.params) do
    arguments[i] = param.name == "..." and "..." or ("%s%s: %s"):format(param.name, param.optional and "?" or "",
      param.type)
  end
  for i, result in ipairs(entry.returns) do returns[i] = result.type end
  return ("fun(%s)%s"):format(table.concat(arguments, ", "), #returns > 0 and ": " .. table.concat(returns, ", ") or "")
end

-- What rnn.nn, rnn.optim and the others hold, for completion: their tables are filled when they are used.
local function modules()
  local doc, rnn, chapters, order = require "rnn.doc", require "rnn", {}, {}
  for _, item in ipairs(public()) do
    local module, name = item.name:match("^([%l_]+)%.([%w_]+)$")
    local entry = doc.entry(item.name)
    if module and entry and entry.module ~= "rnn.meta" and (module == "rnn" or pcall(function() return rnn[module] end)) then
      if not chapters[module] then
        chapters[module], order[#order + 1] = {}, module
      end
      local kind = entry.class or type(item.value) == "function" and function_type(entry)
        or type(item.value)
      table.insert(chapters[module], ("---@field %s %s"):format(name, kind))
    end
  end
  local blocks, fields = {}, chapters.rnn
  for _, module in ipairs(order) do
    if module ~= "rnn" then
      fields[#fields + 1] = ("---@field %s rnn.%s"):format(module, module)
      blocks[#blocks + 1] = ("---@class rnn.%s\n%s\n"):format(module, table.concat(chapters[module], "\n"))
    end
  end
  return table.concat(fields, "\n"), table.concat(blocks, "\n")
end

-- The tables of options as types: of what is public, and of methods whose annotations name them.
local function option_types()
  local doc, blocks, seen = require "rnn.doc", {}, {}
  local function add(declaration)
    if not declaration or seen[declaration] then return end
    seen[declaration] = true
    local lines = { ("---@class %s.Options"):format((declaration.fname:gsub(":", "."))) }
    for _, row in ipairs(declaration.rows) do
      lines[#lines + 1] = ("---@field %s%s %s %s"):format(row[1], row.required and "" or "?", (option.type_of(row)), row[4])
    end
    blocks[#blocks + 1] = table.concat(lines, "\n") .. "\n"
  end
  for _, item in ipairs(public()) do add(doc.declaration(item.name)) end
  for _, path in ipairs(files.lines_of("ls stdlib/rnn/*/*.lua")) do
    for name in read(path):gmatch "%f[%w_]([%w_.]+)%.Options" do
      add(option.declared(name:gsub("%.([%w_]+)$", ":%1")))
    end
  end
  return table.concat(blocks, "\n")
end

local TENSOR = [[
--- Numbers of one type, "float" (the working precision) or "int32", in up to 6 axes, batch first. Operators + - * / ^
--- and unary - work element by element, with broadcasting; x[i] is an element of a vector or row i of anything else; #x
--- is the size of the first axis; ipairs(x) and pairs(x) go over x[1] to x[#x]. < <= > >= compare the numbers of tensors
--- of one element, also with numbers; x:lt(y) compares element by element, as x:eq(y) does, for == asks whether both are
--- the same tensor. In .. and string.format a tensor of one element is its number; Lua's other functions of numbers take
--- x:item(). Every op is a function and a method: rnn.tanh(x), x:tanh().]]

-- What users do not see of the core has its name there.
local function named(block)
  local name = block:match "^%-%-%- rnn%.([%w_]+)"
  return name and core[name] ~= nil and rawget(require "rnn", name) == nil and block:gsub("rnn%." .. name, "core." .. name)
    or block
end

local function meta()
  local functions, methods, fields = {}, {}, {}
  for _, path in ipairs(files.lines_of "ls bindings/*.c bindings/*/*.c") do
    for _, block in ipairs(parse.c(read(path))) do
      block = named(block)
      local list = block:find("^%-%-%- x:") and methods or functions
      list[#list + 1] = block .. "\n" .. code_below(block)
    end
  end
  for _, name in ipairs(op_names()) do
    local block, field = op_block(name)
    functions[#functions + 1] = block
    fields[#fields + 1] = field
  end
  local whole, parts = modules()
  return table.concat({
    "---@meta rnn", "-- luacheck: ignore", "",
    "-- What is made in C, for editors and for help. Made by docs/generate.lua from the comments in bindings/ and the",
    "-- texts of the ops in core/ops/: change those.", "",
    "---@class rnn", whole, "local rnn = {}", "", parts, option_types(),
    "---@class rnn.Numbers a column of numbers of a frame, exact as the file has them\n",
    TENSOR,
    "---@class rnn.Tensor",
    "---@field grad rnn.Tensor? what backward has added up, of the same shape",
    table.concat(fields, "\n"),
    "local Tensor = {}", "local core = {}", "",
    table.concat(functions, "\n\n"), "",
    table.concat(methods, "\n\n"), "",
    "return rnn", "",
  }, "\n")
end

-- ---- manual.md ----

local HEAD = [[
# rnnlua: the manual

Made by docs/generate.lua from the comments in the code; at the prompt, `?name` shows the same.

Axes, indices, labels and ids count from 1; id 0 is padding. Sequences are batch-first: (N, T, D) is N sequences of T
steps of D features. Sizes are given by position, everything else in one table of options, of which an unknown one is an
error. Misuse raises an error at the caller's line that says function, argument, what was expected and what came; what
the text of a function says about errors comes on top of that. Files and the outside world give nil, a message and a
code.

What takes a part of a tensor or shows it in another shape (x[i], x[{ ... }], rows, slice, select, split, chunk,
transpose, permute, reshape, squeeze, unsqueeze, detach, with_lengths) shares memory with x, with or without gradients,
so a write into it is a write into x; every other op gives values of its own. What picks places by ids or a mask
(gather, x[ids], x[mask], take_along_axis), last, diag of matrices, broadcast_to and reshape after transpose have to
copy, and a write into their result, which could not reach x, is an error: write x[ids] = y, or into x:copy(). Writes
of values with a history (x[i] = h, x:set, x:assign, also into parts) are recorded: h gets the gradient of its new
place, and what was overwritten none.

x[{ ... }] has an entry for each of the first axes: a place, whose axis goes; { from, to } or { from, to, step }, both
included; {}, all of it; int32 ids or a mask. x[{ {}, -1 }] is the last column, x[{ { 1, 3 }, { -1, 1, -1 } }] the first
three rows backwards. Places given as numbers count from 1, or from -1 backwards. "..." stands for all of the axes that
have no other entry, x[{ "...", -1 }], and "newaxis" for a new one of size 1, x[{ {}, "newaxis" }]. Several entries of
ids choose together, one place for each element of them, broadcast: x[{ rnn.arange(n), labels }] is one number of each
row. Their axes stand where those of the ids were, and first where these do not lie side by side, as in NumPy.

x[i] of a vector, and x[{ ... }] with a place for every axis, is a number; of what has a history, while ops are
recorded, it is a scalar tensor that keeps it, a copy. x:get(i, j) is a number always.
]]

-- The pages of the manual, in the order of a first course: file, title, and what they have: patterns of the names, of
-- the module that the entry is from after an @, or the family of an op (its file in core/ops/) after a #.
-- The first that fits a name has it.
local TOPICS = {
  { "forecast", "Forecasting", "@rnn%.forecast", "@rnn%.baselines", "^rnn%.forecast_report" },
  { "training", "Training and prediction", "^rnn%.fit", "^rnn%.evaluate", "^rnn%.predict", "^rnn%.History",
    "^rnn%.find_lr", "^rnn%.RateRange", "@rnn%.train", "^rnn%.Average" },
  { "watching", "Watching training: monitor, logs, reports", "^rnn%.[Mm]onitor", "^logs%." },
  { "optimisers", "Optimisers and schedules", "^optim%." },
  { "recurrent", "Recurrent layers and states", "^nn%.RNN%f[%W]", "^nn%.LSTM%f[%W]", "^nn%.GRU%f[%W]", "^nn%.Recurrent",
    "^nn%.State", "^nn%.cell$", "^nn%.Cell", "^nn%.%w+Cell", "^nn%.Reservoir", "^rnn%.cell_check" },
  { "cells", "Cells from the literature", "^cells%." },
  { "seq2seq", "Encoder, decoder, attention, decoding", "^nn%.Encoder", "^nn%.Decoder", "^nn%.Seq2Seq", "^nn%.Attention",
    "^decode%.", "^ctc%." },
  { "modules", "Models: modules, parameters, first values", "^nn%.Module", "^nn%.module$", "^nn%.Sequential",
    "^nn%.initializers", "^nn%.TimeDistributed", "^nn%.RepeatVector", "^rnn%.Ensemble" },
  { "losses", "Losses and distributions", "@rnn%.nn%.loss", "^nn%.Distribution", "^nn%.MixtureDensity",
    "#loss", "#ctc" },
  { "layers", "Layers and activations", "^nn%.", "#norm", "#conv" },
  { "metrics", "Metrics", "^metrics%." },
  { "frames", "CSV files and frames", "^data%.csv", "^data%.Frame", "^frame", "^data%.Column", "^data%.Encoder",
    "^data%.find", "^data%.lines", "^data%.keep", "^data%.classes", "^data%.files" },
  { "data", "Datasets, batches, scalers", "^data%.", "^augment%.", "^strokes%.", "^rnn%.padded" },
  { "text", "Text", "^text%." },
  { "sound", "Sound and music", "^audio%.", "^music%.", "^rnn%.stft", ":stft" },
  { "plots", "Plots", "^plot%." },
  { "files", "Saving and files", "^rnn%.save", "^rnn%.load", "^onnx%.", "npy", "npz", "safetensors", "json", "[.:]_?read", "[.:]write",
    "^rnn%.null" },
  { "linalg", "Linear algebra", "^linalg%.", "#matmul", "@rnn%.products", "einsum", "outer", "#linalg", "cross_product" },
  { "gradients", "Gradients", "grad", "backward", "^rnn%.custom", "hvp", "retain", "hook", "detach", "clip_" },
  { "random", "Random numbers", "seed", "rand", "bernoulli", "multinomial", "shuffle", "normal", "uniform", "poisson",
    "exponential", "gamma", "random", "choice" },
  { "shapes", "Shapes, parts and places", "#shape", "#rearrange", "#index", "@rnn%.shapes", "[.:]rows", "[.:]shape", "[.:]size",
    "contiguous", "view", "ndim", "narrow" },
  { "elementwise", "Mathematics, element by element", "#elementwise", "#binary", "@rnn%.elements" },
  { "reductions", "Sums, extremes, sorting, counting", "#reduce", "#moments", "#scan", "#sort", "#count", "#softmax" },
  { "sequences", "Sequences and lengths", "#steps", "#padding", "lengths", "padding", "#spectral", "steps", "mask", "windows" },
  { "experiments", "Experiments as tools", "^rnn%.[Ee]xperiment", "^rnn%.Results", "^rnn%.args" },
  { "making", "Making, reading and writing tensors", "^rnn%.Tensor", "^rnn%.[%l_]+$" },
  { "rest", "What else there is", "" },
}

-- name of an op -> its family: the file in core/ops/ that ops.def names before it.
local function families()
  local family, list = nil, {}
  for line in read "core/ops/ops.def":gmatch "[^\n]+" do
    family = line:match "^/%* [./%w]-([%w_]+)%.c" or family
    for name in line:gmatch "RNNI_OP%(([%w_]+)%)" do list[name] = family end
  end
  return list
end

local function topic_of(name, entry, family)
  local op = name:match "^rnn%.([%w_]+)$" or name:match "^rnn%.Tensor:([%w_]+)$"
  for _, topic in ipairs(TOPICS) do
    for i = 3, #topic do
      local kind, pattern = topic[i]:match "^([@#]?)(.*)$"
      if kind == "@" and entry.module:find(pattern) or kind == "#" and op and family[op] == pattern
        or kind == "" and name:find(pattern) then
        return topic
      end
    end
  end
end

local function is_public(name, entry)
  return not name:find("[.:]_") and entry.module:find("^rnn%.%w+") ~= nil and not name:find("^train%.")
end

-- Methods that classes have from bases which are not public themselves: base -> the names that users know.
local INHERITED = { ["nn.RecurrentBase"] = "nn.RNN nn.LSTM nn.GRU", ["optim.Optimizer"] = "optim.Optimizer",
  ["nn.Conv1d"] = "nn.Conv1d", ["nn.Sequential"] = "nn.Sequential", ["nn.Cell"] = "nn.Cell" }

-- An example of several names stands at the first of a page; shown: example -> that name.
local function markdown(entry, name, shown)
  local first = entry.example and shown[entry.example]
  local text = require "rnn.doc".text(entry)
  if first then text = text:gsub("\nexample\n\n.*$", "\nexample   at " .. first) end
  if entry.example and not first then shown[entry.example] = name end
  return ("## `%s`\n\n```\n%s\n```\n"):format(name, text)
end

-- The address of "### `name`" in a page.
local function anchor(name) return (name:lower():gsub("[^%w_-]", "")) end

-- -> { path = text }
local function manual()
  local doc = require "rnn.doc"
  local family, items, printed, pages = families(), {}, {}, {}
  for _, item in ipairs(public()) do
    local entry = doc.entry(item.name)
    if entry and is_public(item.name, entry) then items[#items + 1] = { item.name, entry } end
  end
  for _, name in ipairs(doc.names()) do
    local base, method = name:match "^(.-)(:%l.*)$"
    for class in (INHERITED[base or ""] or ""):gmatch "%S+" do items[#items + 1] = { class .. method, doc.entry(name) } end
  end
  table.sort(items, function(a, b) return a[1] < b[1] end)
  for i = #items, 2, -1 do
    if items[i][1] == items[i - 1][1] then table.remove(items, i) end
  end
  -- A text stands once: under the function where x:f() is rnn.f(x), under the base where a method is inherited.
  for _, item in ipairs(items) do
    local name, entry = item[1], item[2]
    if name == entry.name or not printed[entry] then printed[entry] = name end
  end
  local index = {}
  for _, item in ipairs(items) do
    local name, entry = item[1], item[2]
    local topic = topic_of(printed[entry], entry, family)
    topic.items = topic.items or {}
    if printed[entry] == name then table.insert(topic.items, item) end
    local short = name:gsub("^rnn%.Tensor", "x")
    index[#index + 1] = { short, ("[`%s`](manual/%s.md#%s)"):format(short, topic[1], anchor(printed[entry])) }
  end
  local lines = { HEAD, "## Topics", "" }
  for _, topic in ipairs(TOPICS) do
    if topic.items and #topic.items > 0 then
      lines[#lines + 1] = ("- [%s](manual/%s.md)"):format(topic[2], topic[1])
      local page = { ("# %s\n\n[Manual](../manual.md) · made by docs/generate.lua from the comments in the code.\n"):format(topic[2]) }
      local shown = {}
      for _, item in ipairs(topic.items) do page[#page + 1] = markdown(item[2], item[1], shown) end
      pages[("docs/manual/%s.md"):format(topic[1])] = table.concat(page, "\n")
    end
  end
  table.sort(index, function(a, b)
    local la, lb = a[1]:lower(), b[1]:lower()
    return la < lb or la == lb and a[1] < b[1]
  end)
  lines[#lines + 1] = "\n## Index\n"
  local letter, words = nil, {}
  local function flush()
    if letter then lines[#lines + 1] = ("### %s\n\n%s\n"):format(letter, table.concat(words, " ·\n")) end
    words = {}
  end
  for _, word in ipairs(index) do
    local first = (word[1]:match "^[%w_]+" or word[1])
    if first ~= letter then
      flush()
      letter = first
    end
    words[#words + 1] = word[2]
  end
  flush()
  pages["docs/manual.md"] = table.concat(lines, "\n")
  return pages
end

-- ---- ----

local check = arg[1] == "--check"
local current = true

local function put(path, text)
  local file = io.open(path, "rb")
  local old = file and file:read("a")
  if file then file:close() end
  if old == text then return end
  if check then
    print(path .. " is not up to date; build/rnnlua docs/generate.lua makes it anew")
    current = false
  else
    assert(core.file_write(path, text))
  end
end

-- The manual is made of the new meta.lua, and of the files of stdlib/, for the program has them without descriptions.
local new_meta = meta()
local modules = { { "rnn.meta", new_meta } }
for _, name in ipairs(require "rnn.sources"()) do
  local path = "stdlib/" .. name:gsub("%.", "/")
  local text = files.read(path .. ".lua") or files.read(path .. "/init.lua")
  if text then modules[#modules + 1] = { name, text } end
end
local entries = parse.all(modules)
parse.examples(entries, read "docs/examples.md")
package.loaded["rnn.doc.entries"] = entries

put("stdlib/rnn/meta.lua", new_meta)
for path, text in pairs(manual()) do put(path, text) end
os.exit(current)

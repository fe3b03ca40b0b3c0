-- generate.lua: stdlib/rnn/meta.lua, which tells editors and help what is made in C, and docs/manual.md.
--
--   build/rnnlua docs/generate.lua            writes both
--   build/rnnlua docs/generate.lua --check    says which is not up to date; tests/spec/doc_spec.lua asks
--
-- The texts are those beside the code: comments that begin with /*--- in bindings/*.c, the lines of the ops in
-- core/ops/, and the docstrings of stdlib/.

local core = require "rnn.core"
local option = require "rnn.option"
local parse = dofile "docs/parse.lua"
local public = dofile "docs/public.lua"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local function files(pattern)
  local list, pipe = {}, assert(io.popen("ls " .. pattern))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

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

-- The tables of options as types.
local function option_types()
  local doc, blocks = require "rnn.doc", {}
  for _, item in ipairs(public()) do
    local declaration = doc.declaration(item.name)
    if declaration then
      local lines = { ("---@class %s.Options"):format((declaration.fname:gsub(":", "."))) }
      for _, row in ipairs(declaration.rows) do
        lines[#lines + 1] = ("---@field %s%s %s %s"):format(row[1], row.required and "" or "?", (option.type_of(row)), row[4])
      end
      blocks[#blocks + 1] = table.concat(lines, "\n") .. "\n"
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
  for _, path in ipairs(files("bindings/*.c bindings/*/*.c")) do
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
(gather, x[ids], x[mask], also reshape after transpose) has to copy, and a write into its result, which could not reach
x, is an error: write x[ids] = y, or into x:copy(). Writes of values with a history (x[i] = h, x:set, x:assign, also
into parts) are recorded: h gets the gradient of its new place, and what was overwritten none.

x[{ ... }] has an entry for each of the first axes: a place, whose axis goes; { from, to } or { from, to, step }, both
included; {}, all of it; int32 ids or a mask. x[{ {}, -1 }] is the last column, x[{ { 1, 3 }, { -1, 1, -1 } }] the first
three rows backwards. Places given as numbers count from 1, or from -1 backwards.
]]

-- In the order of a first course; what is not named here comes by its name after the rest.
local CHAPTERS = { "rnn", "rnn.Tensor", "nn", "cells", "optim", "data", "metrics", "text", "decode", "ctc", "audio",
  "plot", "logs" }

local function is_public(name, entry)
  return not name:find("[.:]_") and entry.module:find("^rnn%.%w+") ~= nil and not name:find("^train%.")
end

local function markdown(entry, name)
  local doc = require "rnn.doc"
  local lines = { "### `" .. name .. "`", "", "```", doc.text(entry), "```", "" }
  return table.concat(lines, "\n")
end

local function manual()
  local doc = require "rnn.doc"
  local chapters, ranks = {}, {}
  for i, title in ipairs(CHAPTERS) do ranks[title] = i end
  for _, item in ipairs(public()) do
    local entry = doc.entry(item.name)
    if entry and is_public(item.name, entry) then
      local chapter = item.name:match("^rnn%.Tensor") or item.name:match("^([%w_]+)%.")
      chapters[chapter] = chapters[chapter] or {}
      table.insert(chapters[chapter], { item.name, entry })
    end
  end
  local titles = {}
  for title in pairs(chapters) do titles[#titles + 1] = title end
  table.sort(titles, function(a, b)
    local ra, rb = ranks[a] or 100, ranks[b] or 100
    if ra ~= rb then return ra < rb end
    return a < b
  end)
  local parts = { HEAD }
  for _, title in ipairs(titles) do
    parts[#parts + 1] = "## " .. title .. "\n"
    for _, pair in ipairs(chapters[title]) do parts[#parts + 1] = markdown(pair[2], pair[1]) end
  end
  return table.concat(parts, "\n")
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

-- The manual is made of the new meta.lua, not of the one that this program was built with.
local new_meta, sources = meta(), require "rnn.sources"
local modules = { { "rnn.meta", new_meta } }
for _, name in ipairs(sources()) do
  local text = sources(name)
  if not text:find "^return %[=" then modules[#modules + 1] = { name, text } end -- a file that is not Lua
end
package.loaded["rnn.doc.entries"] = parse.all(modules)

put("stdlib/rnn/meta.lua", new_meta)
put("docs/manual.md", manual())
os.exit(current)

-- phrasebook.lua: docs/phrasebook.md, made of docs/phrases.lua.
--
--   build/rnnlua docs/phrasebook.lua            writes it
--   build/rnnlua docs/phrasebook.lua --check    says whether it is up to date; tests/spec/phrasebook_spec.lua asks

local core = require "rnn.core"
local rnn = require "rnn"
local phrases = dofile "docs/phrases.lua"

local HEAD = [[
# rnnlua: the phrasebook

What you write in NumPy, PyTorch, Keras and Torch7, and what you write here: %d lines of tensors, %d of models,
training, data and of Torch7. Made by docs/phrasebook.lua of docs/phrases.lua. tests/spec/phrasebook_spec.lua runs every
line of ours in both precisions and compares it with what NumPy, PyTorch and Keras computed (make_phrasebook.py in
tests/reference); those of Torch7, which is no longer made, are written from memory and do not run.

Axes, positions, ids and labels count from 1 here and from 0 there; negative ones count from the end in both. A mask is
a float tensor of 0 and 1, as comparisons give it, and what an array of bool in a file becomes. Most functions are
methods, too: `x:sum()` is `rnn.sum(x)`. What starts with `nn.`, `optim.` and `data.` here are the tables of `rnn`.
`docs/manual.md` has the rest.

In the lines x, y, p are (3, 4), p positive, a (3, 3), b (2, 3, 4), v (4), u (3), s (8), i and k integers, mask and q
masks, ids, labels and places positions, lengths numbers of steps, W (2, 4) and c (2) weights, t (3, 2) targets, z has
nan and inf; model is a linear layer from 4 to 2, opt its optimiser, path a file.
]]

local NAMES = { numpy = "NumPy", torch = "PyTorch", keras = "Keras", torch7 = "Torch7", ours = "rnnlua" }

local function code(line) return line and "`" .. line:gsub("|", "\\|") .. "`" or "–" end

local function section_text(section)
  local rows, widths = { {} }, {}
  for _, column in ipairs(section.columns) do table.insert(rows[1], NAMES[column]) end
  table.insert(rows[1], "")
  for _, entry in ipairs(section.entries) do
    local row = {}
    for _, column in ipairs(section.columns) do row[#row + 1] = code(entry[column]) end
    row[#row + 1] = entry.note or ""
    rows[#rows + 1] = row
  end
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 3, utf8.len(cell)) end
  end
  local lines = { "## " .. section.title, "" }
  for number, row in ipairs(rows) do
    local cells, rule = {}, {}
    for i, cell in ipairs(row) do
      cells[i] = cell .. (" "):rep(widths[i] - utf8.len(cell))
      rule[i] = ("-"):rep(widths[i])
    end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
    if number == 1 then lines[#lines + 1] = "| " .. table.concat(rule, " | ") .. " |" end
  end
  return table.concat(lines, "\n")
end

local parts, tensors, others = {}, 0, 0
for i, section in ipairs(phrases.sections) do
  parts[i] = section_text(section)
  if section.columns[1] == "numpy" then
    tensors = tensors + #section.entries
  else
    others = others + #section.entries
  end
end
local text = HEAD:format(tensors, others) .. "\n" .. table.concat(parts, "\n\n") .. "\n"

if arg[1] == "--check" then
  local file = io.open("docs/phrasebook.md", "rb")
  local current = file and file:read("a") == text
  if file then file:close() end
  if not current then print "docs/phrasebook.md is not up to date; build/rnnlua docs/phrasebook.lua makes it anew" end
  os.exit(current)
end
assert(core.file_write("docs/phrasebook.md", text))

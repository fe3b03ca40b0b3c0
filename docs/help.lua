-- help.lua: what "?" shows, as data. CMake runs it when the program is built, with the files of stdlib/.
--
--   lua docs/help.lua OUT ROOT FILE ...       writes a Lua file: name -> entry, see docs/parse.lua
--
-- Examples come from docs/examples.md.

local folder = arg[0]:match "^(.*)/" or "."
local parse = dofile(folder .. "/parse.lua")

local out, root, modules = arg[1], arg[2], {}
for i = 3, #arg do
  local module = arg[i]:sub(#root + 2):match "^(.*)%.lua$"
  if module then
    local file = assert(io.open(arg[i], "rb"))
    modules[#modules + 1] = { module:gsub("/init$", ""):gsub("/", "."), file:read "a" }
    file:close()
  end
end

local examples = {} -- several names may have one

local function written(value)
  if examples[value] then return examples[value] end
  if type(value) == "string" then return (("%q"):format(value):gsub("\\\n", "\\n")) end
  if type(value) ~= "table" then return tostring(value) end
  local keys, parts = {}, {}
  for key in pairs(value) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for i, item in ipairs(value) do parts[i] = written(item) end
  for _, key in ipairs(keys) do parts[#parts + 1] = ("%s = %s"):format(key, written(value[key])) end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local entries, names, known = parse.all(modules), {}, {}
local page = assert(io.open(folder .. "/examples.md", "rb"))
parse.examples(entries, page:read "a")
page:close()
for name in pairs(entries) do
  if not name:find "%.Options$" then names[#names + 1] = name end -- types for editors: help asks rnn.option
end
table.sort(names)
local lines, count = { "local e, x = {}, {}" }, 0
for _, name in ipairs(names) do
  local entry = entries[name]
  if entry.example and not examples[entry.example] then
    count = count + 1
    lines[#lines + 1] = ("x[%d] = %s"):format(count, written(entry.example))
    examples[entry.example] = ("x[%d]"):format(count)
  end
  lines[#lines + 1] = ("e[%q] = %s"):format(name, known[entry] and ("e[%q]"):format(known[entry]) or written(entry))
  known[entry] = known[entry] or name
end
lines[#lines + 1] = "return e\n"
local file = assert(io.open(out, "wb"))
assert(file:write(table.concat(lines, "\n")))
assert(file:close())

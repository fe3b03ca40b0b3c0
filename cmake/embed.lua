-- embed.lua: writes modules as C, for bindings/host/embedded.c: name, what gzip makes of the source, size of that, size of
-- the source.
--
--   build_lua cmake/embed.lua OUT ROOT HELP PAGES FILE ...
--
-- FILEs lie below ROOT. One that is not Lua becomes a module that is its text: rnn/logs/page.css is rnn.logs.page_css.
-- HELP is the module rnn.doc.entries, PAGES rnn.doc.page_texts; meta.lua is for editors only. The descriptions of
-- functions, ---, are left out, for HELP has them. Their lines are empty: messages name the same lines.

local OUT, ROOT, HELP, PAGES = table.unpack(arg, 1, 4)

local function read(path, mode)
  local file <close> = assert(io.open(path, mode))
  return file:read "a"
end

-- Where the string ends that begins at i.
local function string_end(source, i)
  local quote, at = source:sub(i, i), i + 1
  while true do
    at = source:find("[\\" .. quote .. "]", at)
    if source:sub(at, at) == quote then return at end
    at = at + 2
  end
end

-- Where the long bracket ends that begins at i, if there is one.
local function bracket_end(source, i)
  local equals = source:match("^%[(=*)%[", i)
  return equals and select(2, source:find("]" .. equals .. "]", i, true))
end

local function without_descriptions(source)
  local out, at = {}, 1
  while at <= #source do
    local i = source:find("[\"'%-%[]", at)
    if not i then break end
    local c = source:sub(i, i)
    if source:find("^%-%-", i) then
      local last = bracket_end(source, i + 2) or (source:find("\n", i, true) or #source + 1) - 1
      local described = source:find("^%-%-%-", i)
      out[#out + 1] = described and source:sub(at, i - 1):gsub(" +$", "") or source:sub(at, last)
      at = last + 1
    else
      local last = c == "-" and i or c == "[" and (bracket_end(source, i) or i) or string_end(source, i)
      out[#out + 1] = source:sub(at, last)
      at = last + 1
    end
  end
  return table.concat(out) .. source:sub(at)
end

local modules = { { "rnn.doc.entries", read(HELP) }, { "rnn.doc.page_texts", read(PAGES) } }
for i = 5, #arg do
  local name = arg[i]:sub(#ROOT + 2)
  if name:find "%.lua$" and name ~= "rnn/meta.lua" then
    local text = without_descriptions(read(arg[i]))
    assert(load(text, "=" .. name, "t"))
    modules[#modules + 1] = { name:gsub("%.lua$", ""):gsub("/init$", ""), text }
  elseif not name:find "%.lua$" then
    modules[#modules + 1] = { name:gsub("%.", "_"), ("return [======[\n%s]======]"):format(read(arg[i])) }
  end
end
table.sort(modules, function(a, b) return a[1] < b[1] end)

local text, rows = { '#include "embedded.h"\n' }, {}
local plain, packed = OUT .. ".txt", OUT .. ".gz"
for n, module in ipairs(modules) do
  local file = assert(io.open(plain, "wb"))
  assert(file:write(module[2]))
  file:close()
  assert(os.execute(("gzip -9n < '%s' > '%s'"):format(plain, packed)))
  local bytes = read(packed, "rb")
  text[#text + 1] = ("static const unsigned char chunk%d[] = {%s};\n"):format(n,
    bytes:gsub(".", function(c) return c:byte() .. "," end))
  rows[#rows + 1] = ("  {\"%s\", chunk%d, %d, %d},\n"):format(module[1]:gsub("/", "."), n, #bytes, #module[2])
end
os.remove(plain)
os.remove(packed)
local out <close> = assert(io.open(OUT, "w"))
assert(out:write(table.concat(text), "\nconst struct rnnlua_chunk rnnlua_stdlib[] = {\n", table.concat(rows),
  "  {0, 0, 0, 0}};\n"))

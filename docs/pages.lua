-- pages.lua: the tutorial, the how-tos, the questions, the course, the glossary and the phrasebook as data, for "?padding"
-- and "%apropos" at the prompt. CMake runs it when the program is built.
--
--   lua docs/pages.lua OUT PAGE.md ...       writes a Lua file: { { name = "howto/padding", title =, text = }, ... }

-- What a terminal shows of Markdown: no comments, no line that is a link to another language, and of other links and of
-- pictures their words.
local function plain(text)
  local parts, code = {}, false
  for line in text:gmatch "([^\n]*)\n" do
    if line:find "^```" then
      code = not code
      line = nil
    elseif code then
      line = "    " .. line
    else
      line = line:gsub("<!%-%-.-%-%->", ""):gsub("^%[[^%]]*%]%([%w.-]+%)$", ""):gsub("!?%[([^%]]*)%]%([^)]*%)", "%1")
    end
    if line and not (line == "" and parts[#parts] == "") then parts[#parts + 1] = line end
  end
  return table.concat(parts, "\n")
end

local out, pages = arg[1], {}
for i = 2, #arg do
  local file = assert(io.open(arg[i], "rb"))
  local text = file:read "a"
  file:close()
  pages[#pages + 1] = ("{ name = %q, title = %q, text = %q },"):format(arg[i]:match ".*docs/(.*)%.md$",
    text:match "^# ([^\n]*)", plain(text))
end
table.sort(pages)
local file = assert(io.open(out, "wb"))
assert(file:write("return {\n", table.concat(pages, "\n"), "\n}\n"))
assert(file:close())

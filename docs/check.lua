-- check.lua: the Lua blocks of the pages run, and print what the pages say.
--
--   build/rnnlua docs/check.lua [--fix] [PAGE ...]     README.md, its translation and all of docs/ where none is named
--
-- Each ```lua block runs by itself, sandboxed in a new folder, on one thread, with --deterministic: our numbers are
-- then the same bits everywhere. An ```output block directly below is compared exactly with what it printed, and a
-- picture of the page, ![...](name.svg), with the file of that name that it wrote. --fix writes what came out into the
-- pages instead. A block may use 20 s of processor time. Comments directly above a block say more about it:
--
--   <!-- file: scripts/course/01-loop.lua -->   the block is that file
--   <!-- needs: cta-ridership -->               folders of RNNLUA_DATA; without them it is left out, which is said
--   <!-- fails -->                              it ends with an error, whose message is the last of its output
--   <!-- as: make.lua -->                       the name of its file, for commands below it
--   <!-- goes on -->                            it runs in the folder of the block before it
--   <!-- any bits: LAPACK rounds -->            it runs without --deterministic, and why
--   <!-- not run: it asks for a microphone -->  and why
--
-- The blocks of a page that says <!-- together --> run in one process, each as a chunk with globals and random numbers of
-- its own, but for those with comments; one that has ended the process runs again alone.
--
-- In a ```console block, "$ " begins a command of the shell, and what is below it is what it prints. It runs in the folder
-- of the Lua block before it, which has the scripts of the project as scripts/.
--
-- name.pt.md is the translation of name.md: its blocks are the same, byte for byte, but for ```text, such as equations;
-- it has as many headings, and a paragraph that is still English stands below <!-- untranslated -->.
--
-- docs/blocks.txt has how many blocks each page had the last time; fewer are an error until --fix has written it anew.

local core = require "rnn.core"

local PROGRAM = os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"
local COUNTS <const> = "docs/blocks.txt"
local SECONDS <const> = 20

local fix, pages, whole = false, {}, false
for _, word in ipairs(arg) do
  if word == "--fix" then fix = true else pages[#pages + 1] = word end
end

local files = dofile((arg[0]:match "^(.*/)" or "./") .. "files.lua")
local quote, read, lines_of = files.quote, files.read, files.lines_of

if #pages == 0 then
  whole = true
  pages = lines_of "find . -path './README*.md' -o -path './docs/*.md' | sed 's/^..//' | LC_ALL=C sort"
end

local problems = 0
local function problem(...)
  problems = problems + 1
  print("wrong: " .. string.format(...))
end

-- ---- pages ----

-- A page as parts, in their order: { kind = "text" | "code", text, language, line, fence, note = { name = value } }.
-- Joined, they are the page again.
local function parse(page)
  local parts, text, number, code = {}, {}, 0, nil
  local function flush()
    if #text > 0 then parts[#parts + 1] = { kind = "text", text = table.concat(text) } end
    text = {}
  end
  for line in page:gmatch "[^\n]*\n?" do
    number = number + 1
    local fence, language = line:match "^(```+)(%w*)%s*$"
    if code then
      if fence == code.fence and language == "" then
        code.text, parts[#parts + 1], code = table.concat(code.lines), code, nil
      else
        table.insert(code.lines, line)
      end
    elseif fence then
      local before = table.concat(text)
      flush()
      code = { kind = "code", fence = fence, language = language, lines = {}, line = number, note = {} }
      local comments = before:match "\n?([^\n]*<!%-%-[^\n]*%-%->\n*)$"
      while comments do -- those directly above, from the last one up
        local name, value = comments:match "<!%-%-%s*([%l ]+):?%s*(.-)%s*%-%->"
        if name then code.note[name:gsub("%s+$", "")] = value end
        before = before:sub(1, #before - #comments)
        comments = before:match "\n?(<!%-%-[^\n]*%-%->\n*)$"
      end
    else
      text[#text + 1] = line
    end
  end
  flush()
  return parts, code
end

local function join(parts)
  local out = {}
  for _, part in ipairs(parts) do
    out[#out + 1] = part.kind == "text" and part.text
      or ("%s%s\n%s%s\n"):format(part.fence, part.language, part.text, part.fence)
  end
  return table.concat(out)
end

-- ---- running ----

-- A block may read the data and write into its folder.
local STRICT <const> = "--deterministic --threads 1"
local OPTIONS = STRICT .. " --sandbox=best-effort --write ."
for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do OPTIONS = OPTIONS .. " --read " .. quote(root) end

local HERE = os.getenv "PWD"
local work = lines_of "mktemp -d"[1]
-- rnnlua, as commands of a console find it.
assert(core.make_folder(work .. "/bin"))
assert(core.file_write(work .. "/bin/rnnlua", ([[
#!/bin/sh
case $1 in
  new|run|capsule|pack|show|diff|rerun) exec %s "$@" ;;
  *) exec %s %s "$@" ;;
esac
]]):format(quote(PROGRAM), quote(PROGRAM), STRICT)))
os.execute("chmod +x " .. quote(work .. "/bin/rnnlua"))

local ran = {} -- what came of a block, by its text and those that it goes on from: translations have the same
local folders = 0

local function limited(folder, command, out, err)
  return os.execute(("ulimit -t %d; cd %s && LC_ALL=C.UTF-8 PATH=%s:$PATH %s >%s 2>%s </dev/null"):format(SECONDS,
    quote(folder), quote(work .. "/bin"), command, out, err))
end

-- The commands of a console with what they print: "$ command\nits output\n$ ...".
local function console(result, text)
  local out = {}
  os.execute(("ln -sfn %s %s"):format(quote(HERE .. "/scripts"), quote(result.folder .. "/scripts")))
  for line in text:gmatch "[^\n]+" do
    local command = line:match "^%$ (.*)"
    if command then
      local ok, _, code = limited(result.folder, "sh -c " .. quote(command), ".out", ".err")
      out[#out + 1] = line .. "\n" .. read(result.folder .. "/.out")
      if not ok then result.failed = ("%s ends with %d: %s"):format(command, code, read(result.folder .. "/.err")) end
    end
  end
  return table.concat(out)
end

local function script(result, block)
  local name = block.note.as or "block.lua"
  local options = block.note["any bits"] and OPTIONS:gsub("%-%-deterministic", "", 1) or OPTIONS
  assert(core.file_write(result.folder .. "/" .. name, block.text))
  local ok, _, code = limited(result.folder, ("%s %s %s"):format(quote(PROGRAM), options, quote(name)), ".out", ".err")
  local out, message = read(result.folder .. "/.out"), read(result.folder .. "/.err")
  message = message:gsub("[^\n]*rnnlua: sandbox:[^\n]*\n", ""):gsub("\nstack traceback:.*$", "\n")
    :gsub("^[^\n]*rnnlua: ", "")
  if not ok then
    if block.note.fails then return out .. message end
    result.failed = message ~= "" and message or ("it ended with %d, after %d s at most"):format(code, SECONDS)
  elseif block.note.fails then
    result.failed = "it does not fail\n"
  end
  result.failed = result.failed or message:match "[^\n]*is an earlier name[^\n]*\n"
  return out
end

local function new_folder()
  folders = folders + 1
  local folder = ("%s/%d"):format(work, folders)
  assert(core.make_folder(folder))
  return folder
end

local function key_of(block, before)
  return ("%s%s:%s\0"):format(before and before.key or "", block.note.fails and "fails" or "", block.text)
end

-- What runs many blocks: it prints what they print, each between its number and its error, if there is one, in brackets
-- that no block has.
local TOGETHER <const> = [[
local rnn = require "rnn"
local start = rnn.random_state()
for i, text in ipairs(dofile "blocks.lua") do
  rnn.random_state(start)
  io.write("⟦block ", i, "⟧")
  local ok, message = pcall(assert(load(text, "@block.lua", "t", setmetatable({ arg = { [0] = "block.lua" } }, { __index = _G }))))
  io.write("⟦", ok and "" or tostring(message), "⟧")
end
]]

local function run_together(blocks)
  local folder, texts, list = new_folder(), {}, {}
  for _, block in ipairs(blocks) do
    if block.language == "lua" and not next(block.note) then
      list[#list + 1] = block
      texts[#list] = ("%q,\n"):format(block.text)
    end
  end
  assert(core.file_write(folder .. "/blocks.lua", "return {\n" .. table.concat(texts) .. "}\n"))
  assert(core.file_write(folder .. "/together.lua", TOGETHER))
  limited(folder, ("%s %s together.lua"):format(quote(PROGRAM), OPTIONS), ".out", ".err")
  for number, out, message in read(folder .. "/.out"):gmatch "⟦block (%d+)⟧(.-)⟦(.-)⟧" do
    local key = key_of(list[tonumber(number)])
    ran[key] = { out = out, failed = message ~= "" and message .. "\n" or nil, files = {}, folder = folder, key = key }
  end
end

-- -> { out, failed = message, files = { name = bytes }, folder, key }; before is what came of the block before it.
local function run(block, before)
  before = (block.note["goes on"] or block.language == "console") and before or nil
  local key = key_of(block, before)
  if ran[key] then return ran[key] end
  local result = { files = {}, key = key, folder = before and before.folder or new_folder() }
  if block.language == "console" then result.out = console(result, block.text)
  else result.out = script(result, block) end
  for _, name in ipairs(lines_of("ls " .. quote(result.folder))) do
    if name:find "%.svg$" then result.files[name] = read(result.folder .. "/" .. name) end
  end
  ran[key] = result
  return result
end

local function found(folder)
  for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do
    local handle = io.open(root .. "/" .. folder)
    if handle then
      handle:close()
      return true
    end
  end
  return false
end

-- Why a block is left out, or nil.
local function left_out(block)
  if block.note["not run"] then return block.note["not run"] end
  for folder in (block.note.needs or ""):gmatch "%S+" do
    if not found(folder) then return "no " .. folder .. " below RNNLUA_DATA" end
  end
end

-- The first line that differs.
local function difference(got, want)
  local a, b, number = got:gmatch "[^\n]*\n?", want:gmatch "[^\n]*\n?", 0
  while true do
    local one, other = a(), b()
    number = number + 1
    if one ~= other or not one then
      return ("line %d is %q, the page has %q"):format(number, one or "missing", other or "nothing")
    end
  end
end

local function directly_below(parts, i)
  local between, after = parts[i + 1], parts[i + 2]
  if between and between.kind == "code" then return between.language == "output" and between or nil end
  if between and not between.text:find "%S" and after and after.language == "output" then return after end
end

-- ---- a translation ----

local function headings(parts)
  local count = 0
  for _, part in ipairs(parts) do
    if part.kind == "text" then count = count + select(2, ("\n" .. part.text):gsub("\n#+ ", "")) end
  end
  return count
end

local function codes(parts)
  local list = {}
  for _, part in ipairs(parts) do
    if part.kind == "code" then list[#list + 1] = part end
  end
  return list
end

local function check_translation(path, parts, original)
  local ours, theirs = codes(parts), codes(original)
  if #ours ~= #theirs then
    problem("%s: %d blocks, the original has %d", path, #ours, #theirs)
    return
  end
  for i, block in ipairs(ours) do
    local same = block.text == theirs[i].text or block.language == "text"
    if block.language ~= theirs[i].language or not same then
      if fix then block.text, block.language = theirs[i].text, theirs[i].language
      else problem("%s:%d: the block is not that of the original", path, block.line) end
    end
  end
  if headings(parts) ~= headings(original) then
    problem("%s: %d headings, the original has %d", path, headings(parts), headings(original))
  end
  local english = {}
  for _, part in ipairs(original) do
    for paragraph in (part.kind == "text" and part.text or ""):gmatch "[^\n]+" do english[paragraph] = true end
  end
  for _, part in ipairs(parts) do
    local marked = false
    for line in (part.kind == "text" and part.text or ""):gmatch "[^\n]*" do
      if line:find "<!%-%- untranslated %-%->" then marked = true
      elseif line == "" then marked = false
      elseif not marked and english[line] and select(2, line:gsub("%a+", "")) > 6 and not line:find "^[|<!]" then
        problem("%s: not translated, and not marked so: %s", path, line)
      end
    end
  end
end

-- ---- everything ----

local counts, blocks, skipped, total = {}, 0, 0, 0
for _, path in ipairs(pages) do
  local page = read(path)
  if not page then
    problem("%s: there is no such page", path)
    goto continue
  end
  local parts, open = parse(page)
  if open then
    problem("%s:%d: the block does not end", path, open.line)
    goto continue
  end
  local original = path:find "%.pt%.md$" and read((path:gsub("%.pt%.md$", ".md")))
  if path:find "%.pt%.md$" then
    if original then check_translation(path, parts, (parse(original)))
    else problem("%s: it is a translation of nothing", path) end
  end
  counts[path] = 0
  if page:find("\n<!-- together -->\n", 1, true) then run_together(parts) end
  local before
  for i, block in ipairs(parts) do
    if block.language ~= "lua" and block.language ~= "console" then goto next end
    local where = ("%s:%d"):format(path, block.line)
    local source = block.note.file and read(block.note.file)
    if block.note.file and not source then problem("%s: there is no %s", where, block.note.file)
    elseif source and source ~= block.text then
      if fix then block.text = source else problem("%s: the block is not %s", where, block.note.file) end
    end
    counts[path] = counts[path] + (block.note["not run"] and 0 or 1)
    local reason = left_out(block)
    if reason then
      print(("left out: %s: %s"):format(where, reason))
      skipped = skipped + 1
      if reason == "" then problem("%s: it does not say why it is not run", where) end
      goto next
    end
    blocks = blocks + 1
    local result = run(block, before)
    before = result
    if result.failed then
      problem("%s: %s", where, result.failed)
      goto next
    end
    local output = block.language == "console" and block or directly_below(parts, i)
    if output and output.text ~= result.out then
      if fix then output.text = result.out
      else problem("%s: %s", where, difference(result.out, output.text)) end
    end
    local folder = path:match "^(.*/)" or ""
    for name in page:gmatch "!%[[^\n]-%]%(([%w_.-]+)%)" do
      local made = result.files[name]
      if made and made ~= read(folder .. name) then
        if fix then assert(core.file_write(folder .. name, made))
        else problem("%s: %s is not the picture that it makes", where, folder .. name) end
      end
    end
    ::next::
  end
  if fix and join(parts) ~= page then assert(core.file_write(path, join(parts))) end
  total = total + 1
  ::continue::
end

if whole then
  local list, before = {}, read(COUNTS) or ""
  for path, count in before:gmatch "(%S+) (%d+)\n" do
    if (counts[path] or 0) < tonumber(count) and not fix then
      problem("%s: %d blocks, there were %s; docs/check.lua --fix accepts it", path, counts[path] or 0, count)
    end
  end
  for path, count in pairs(counts) do
    if count > 0 then list[#list + 1] = ("%s %d\n"):format(path, count) end
  end
  table.sort(list)
  if fix and table.concat(list) ~= before then assert(core.file_write(COUNTS, table.concat(list))) end
end
local distinct = 0
for _ in pairs(ran) do distinct = distinct + 1 end
os.execute("rm -rf " .. quote(work))
print(("%d blocks of %d pages ran (%d different ones), %d left out, %d wrong"):format(blocks, total, distinct,
  skipped, problems))
os.exit(problems == 0)

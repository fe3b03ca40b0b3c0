-- parallel.lua: sentences and their translations: two columns of a table, or two files with a line for a line.

local files = require "rnn.experiment.files"
local lines = require "rnn.data.lines"
local records = require "rnn.experiment.records"
local read_text = require "rnn.text.read"

local parallel = {}

local CODES <const> = "%f[%a](%a%a%a?)[-_](%a%a%a?)%f[%A]"
local NO_LANGUAGE = { txt = true, tsv = true, csv = true, ids = true, xml = true, gz = true, zip = true, md = true,
  log = true, sh = true, py = true, lua = true, pdf = true }

-- The languages that the name of a file, or else that of its folder, ends in.
local function languages_of(path)
  local first, second = (path:match "[^/]*$"):match(CODES)
  if not first then first, second = (path:match "([^/]*)/[^/]*$" or ""):match(CODES .. "$") end
  return first, second
end

-- The two columns with sentences: the first two in which most cells have letters. Attributions come last, numbers count
-- for nothing.
local function columns_of(text, separator, quoted)
  local counts, rows, found = {}, 0, {}
  for _, line in lines.each(text, quoted) do
    for i, cell in ipairs(records.cells(line, separator)) do
      counts[i] = (counts[i] or 0) + (cell:find "[%a\x80-\xFF]" and 1 or 0)
    end
    rows = rows + 1
    if rows == 1000 then break end
  end
  for i, count in ipairs(counts) do
    if count * 2 > rows - 1 then found[#found + 1] = i end
  end
  return found[1] or 1, found[2] or 2
end

local function is_word(cell) return #cell <= 20 and not cell:find "[%s%p]" end

-- A table with a sentence and its translation in each line.
local function of_table(path, first, second)
  local text, message = read_text(path)
  if not text then return nil, message end
  local separator = path:lower():find "%.csv$" and records.separator(records.top(text) or "") or "\t"
  local quoted = separator ~= "\t" and separator or nil
  local a, b = columns_of(text, separator, quoted)
  local head, line = records.top(text)
  local names = records.cells(head or "", separator)
  local is_heading = quoted and names[a] and names[b] and is_word(names[a]) and is_word(names[b])
    and not is_word(records.cells(line or "", separator)[a] or "")
  local shown = separator == "\t" and "<TAB>" or separator
  return lines.lines(path, (first or "first") .. shown .. (second or "second"), function(each)
    local cells = records.cells(each, separator)
    if cells[a] and cells[b] and cells[a]:find "%S" and cells[b]:find "%S" then return { cells[a], cells[b] } end
  end, { header = is_heading or nil, quoted = quoted })
end

-- Two files, of which line n of one is the translation of line n of the other.
local function of_two(path, first, second)
  local texts = {}
  for k, code in ipairs { first, second } do
    local text, message = read_text(path .. "." .. code)
    if not text then return nil, message end
    texts[k] = {}
    for _, line in lines.each(text) do table.insert(texts[k], line) end
    if texts[k][#texts[k]] == "" then table.remove(texts[k]) end
  end
  if #texts[1] ~= #texts[2] then
    return nil, ("%s.%s has %d lines and %s.%s %d: a line of one is the translation of that of the other"):format(path,
      first, #texts[1], path, second, #texts[2])
  end
  local list = {}
  for i, line in ipairs(texts[1]) do list[i] = { line, texts[2][i], number = i } end
  return lines.keep(path, "lines have a sentence in both files", list, function(pair)
    return pair[1]:find "%S" and pair[2]:find "%S", "line " .. pair.number
  end)
end

-- The files of a folder that come in twos, train.de and train.fr: paths by part, without the languages, and these.
local function twos(folder)
  local of, stems = {}, {}
  for _, name in ipairs(lines.files(folder) or {}) do
    local stem, code = name:match "^(.*)%.(%a%a%a?[-_]?%a*)$"
    if stem and not NO_LANGUAGE[code:lower()] then
      if not of[stem] then of[stem], stems[#stems + 1] = {}, stem end
      table.insert(of[stem], code)
    end
  end
  local found, first, second = {}, nil, nil
  for _, stem in ipairs(stems) do
    local codes = of[stem]
    if #codes == 2 and (not first or codes[1] == first and codes[2] == second) then
      first, second = codes[1], codes[2]
      local part = files.part_of(stem, true) or "all"
      if not found[part] or #found[part] > #folder + 1 + #stem then found[part] = folder .. "/" .. stem end
    end
  end
  if found.train or found.test then found.all = nil end
  if not (found.all or found.train or found.test) then return nil end
  local one, other = languages_of(found.all or found.train or found.test)
  if one == second and other == first then first, second = second, first end
  return found, first, second
end

--- parallel.read(experiment) -> { train, dev, test, all }, first, second | nil, message
---
--- Lists of { sentence, translation }, and the names of the two languages, nil where no name tells them.
function parallel.read(experiment)
  local place, message = files.place(experiment)
  if not place then return nil, message end
  local tables, spare, found, first, second = {}, {}, nil, nil, nil
  if files.is_folder(place) then found, first, second = twos(place) end
  local read = found and of_two or of_table
  if not found then
    found, spare = files(experiment, { "tsv", "txt", "csv" })
    if not found then return nil, spare end
    first, second = languages_of(found.all or found.train or found.test or found.dev)
  end
  for part, path in pairs(found) do
    tables[part], message = read(path, first, second)
    if not tables[part] then return nil, message end
  end
  for _, path in ipairs(spare) do -- train-more.tsv beside train.tsv
    local more = files.part_of(path:match "[^/]*$", true) == "train" and read(path, first, second)
    io.stderr:write(("%s: %s\n"):format(path, more and ("%d more to learn from"):format(#more) or "left out"))
    if more then table.move(more, 1, #more, #tables.train + 1, tables.train) end
  end
  return tables, first, second
end

return parallel

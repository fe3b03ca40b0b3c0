-- frame.lua: a CSV file of the user's as a frame: what its cells mean is guessed, tried, and said with the option that
-- says otherwise.

local cells = require "rnn.experiment.cells"
local csv = require "rnn.data.csv".csv

local GROUPED <const> = cells.GROUPED

local function say(...) io.stderr:write(("  " .. select(1, ...) .. "\n"):format(select(2, ...))) end

-- "a, b" -> { "a", "b" }
local function listed(text)
  local list = {}
  for name in (text or ""):gmatch "[^,]+" do list[#list + 1] = name:match "^%s*(.-)%s*$" end
  return list
end

local WORTH <const> = { text = 0, number = 1, date = 2 }

-- Do more columns hold what is no text, or dates?
local function is_better(frame, than)
  local function count(f)
    local n = 0
    for _, column in ipairs(f.columns) do n = n + WORTH[column.type] end
    return n
  end
  return frame and count(frame) > count(than)
end

-- ---- guesses: of a frame, or why there is none, to options of data.csv and what is said of them ----

-- Numbers with a decimal comma, where nothing else fits.
local function decimal(frame, message, given)
  if given.decimal then return nil end
  local sure = message and message:find("decimal = \",\"", 1, true)
    and not message:find("decimal = \".\"", 1, true)
  for _, column in ipairs(frame and frame.columns or {}) do
    local cell = column.odd and column.odd.text or ""
    sure = sure or cell:find "^[-+]?%d+,%d+$" and not cell:find(GROUPED)
  end
  return sure and { decimal = "," } or nil, "numbers have decimal commas (--decimal .)"
end

-- Two bytes for a character, as the file itself says.
local function encoding(_, message, given)
  if message and not given.encoding and message:find("encoding = \"utf-16\"", 1, true) then
    return { encoding = "utf-16" }, "the file is in UTF-16"
  end
end

-- 1,234.5 or 1 234: groups of digits.
local function groups(frame, _, given)
  if not frame or given.thousands then return nil end
  for _, column in ipairs(frame.columns) do
    local cell = column.odd and column.odd.text or ""
    if cell:find(GROUPED) and (cell:find(".", 1, true) or select(2, cell:gsub(",", "")) > 1) and not given.decimal then
      return { thousands = "," }, ("numbers have groups of digits, '%s' (--thousands)"):format(cell)
    end
    local sign = cell:match "^[-+]?%d%d?%d?(['\u{2019}\u{a0}\u{202f} ]+)%d%d%d"
    if sign then
      local comma = given.decimal or cell:find ",%d+$" and "," or nil
      return { thousands = sign == "'" and sign or " ", decimal = comma },
        ("numbers have groups of digits, '%s' (--thousands)"):format(cell)
    end
  end
end

-- What cells are beside marks, such as missing ones.
local function also_missing(given, marks)
  local missing = table.move(given.missing or {}, 1, #(given.missing or {}), 1, {})
  return { missing = table.move(marks, 1, #marks, #missing + 1, missing) }
end

local function is_number(word) return word:find "^[-+]?[%d.,]+$" end

-- A second row of units, as in kW.
local function units(frame, _, given)
  local marks = {}
  for _, column in ipairs(frame and frame.columns or {}) do
    local odd, second = column.odd, column.words and column.words[2] or ""
    if odd and odd.row == 2 and odd.text:find "[%a%%\xB0-\xFF]" and (is_number(second) or cells.is_date(second)) then
      marks[#marks + 1] = odd.text
    end
  end
  if #marks == 0 then return nil end
  return also_missing(given, marks), ("row 2 has units, '%s', no values"):format(table.concat(marks, "', '"))
end

-- One sign without letters or digits among numbers, as "-" or "?", stands for none; a word or two among dates is none.
local function marks(frame, _, given)
  local all, text = {}, nil
  for _, column in ipairs(frame and frame.columns or {}) do
    local words, strange = column.words or {}, {}
    local first = words[column.odd and column.odd.row == 2 and 2 or 1] or ""
    local test = cells.is_date(first) and cells.is_date or is_number
    for _, word in ipairs(words) do
      if not test(word) then strange[#strange + 1] = word end
    end
    local one = #strange == 1 and #words > 1
    if one and test == is_number and not strange[1]:find "[%w\x80-\xFF]"
      or (one or #strange == 2) and test == cells.is_date and #words >= 10 then
      table.move(strange, 1, #strange, #all + 1, all)
      text = text or ("'%s' in '%s' is taken as missing (--missing)"):format(table.concat(strange, "', '"), column.name)
    end
  end
  if text then return also_missing(given, all), text end
end

-- Numbers since 1970.
local function epoch(frame, _, given, options)
  if not frame or given.types then return nil end
  local _, hint = pcall(frame.dates, frame) -- without a column of dates it says what may be one
  local name, format = tostring(hint):match "types = { %[\"(.-)\"%] = \"(.-)\" }"
  if not name or name == options.target then return nil end
  for _, ignored in ipairs(listed(options.ignore)) do
    if ignored == name then return nil end
  end
  return { types = { [name] = format } },
    ("'%s' is taken as times, %s (--ignore %s leaves it out)"):format(name, format, name)
end

-- The dates that the user says how to read.
local function given_dates(frame, message, _, options)
  if (options.dates or "") == "" then return nil end
  local name = not frame and message:match "types = {%[\"(.-)\"%]"
  local number = not options.dates:find "[-/. :]" -- seconds, %Y, %Y%m%d
  for _, c in ipairs(frame and frame.columns or {}) do
    name = name or c.name ~= options.target and (number or c.type ~= "number") and c.name
  end
  return name and { types = { [name] = options.dates } }
end

-- What data.csv says, with the options of a script.
local function on_command_line(message)
  return (message:gsub("types = {%[\".-\"%] = \"(.-)\"}", "--dates \"%1\"")
    :gsub("header = false", "--headless"):gsub(", header = true as names", "")
    :gsub("(%l+) = (\".-\")", "--%1 %2"))
end

--- frame(experiment, path) -> frame | nil, message
---
--- See experiment:frame.
return function(experiment, path)
  local options, given = experiment.options, {}
  for _, name in ipairs { "zone", "encoding", "comment", "decimal", "thousands", "separator" } do
    if (options[name] or "") ~= "" then given[name] = options[name] end
  end
  if (options.missing or "") ~= "" then given.missing = listed(options.missing) end
  if options.headless then given.header = false end
  local frame, message = csv(path, given)
  local sign = frame and (frame.notes[1] or ""):match "^read with '(.-)'"
  if sign then given.separator = sign:gsub("\\t", "\t") end -- which has been said
  for _, guess in ipairs { encoding, decimal, given_dates, units, marks, decimal, groups, marks,
    epoch } do
    local more, text = guess(frame, message, given, options)
    if more then
      local all = {}
      for key, value in pairs(given) do all[key] = value end
      for key, value in pairs(more) do all[key] = value end
      local again, why = csv(path, all)
      if again and (not frame or is_better(again, frame)) or guess == given_dates then
        if text then say("%s", text) end
        frame, message, given = again, why, all
      elseif not frame then message = why end
    end
  end
  if not frame then return nil, on_command_line(message) end
  frame = cells.understood(frame, given, listed(options.ignore), say)
  local time = frame:time()
  local unknown = time and frame:missing(time) or 0
  if unknown > 0 and unknown < #frame then
    say("%d of %d rows have no '%s': they are left out", unknown, #frame, time)
    frame = frame:drop_missing(time)
  end
  return frame
end

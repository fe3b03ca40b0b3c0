-- frame.lua: a CSV file of the user's as a frame: what its cells mean is guessed, tried, and said with the option that
-- says otherwise.

local core = require "rnn.core"
local base = require "rnn.data.frame_base"
local csv = require "rnn.data.csv".csv
local dates = require "rnn.data.dates"

local GROUPED <const> = "^[-+]?%d%d?%d?,%d%d%d[,%d]*%.?%d*$" -- 1,234.5
local HOURS = { hour = true, hr = true, hours = true, stunde = true, std = true, heure = true, hora = true, ora = true }

local function say(...) io.stderr:write(("  " .. select(1, ...) .. "\n"):format(select(2, ...))) end

-- "a, b" -> { "a", "b" }
local function listed(text)
  local list = {}
  for name in (text or ""):gmatch "[^,]+" do list[#list + 1] = name:match "^%s*(.-)%s*$" end
  return list
end

local function column_of(frame, name)
  for _, column in ipairs(frame.columns) do
    if column.name == name then return column end
  end
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
      sign = sign == "'" and sign or " "
      return { thousands = sign }, ("numbers have groups of digits, '%s' (--thousands)"):format(cell)
    end
  end
end

-- A second row of units, as in kW.
local function units(frame, _, given)
  local marks = {}
  for _, column in ipairs(frame and frame.columns or {}) do
    local odd, second = column.odd, column.words and column.words[2] or ""
    if odd and odd.row == 2 and (second:find "^[-+]?[%d.,]+$" or core.date_read(second)) then
      marks[#marks + 1] = odd.text
    end
  end
  if #marks == 0 then return nil end
  local missing = table.move(given.missing or {}, 1, #(given.missing or {}), 1, {})
  table.move(marks, 1, #marks, #missing + 1, missing)
  return { missing = missing }, ("row 2 has units, '%s', no values"):format(table.concat(marks, "', '"))
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

-- ---- what is made of the frame ----

-- Numbers with the same sign before or behind them in all cells, 12.5 % or $5.
local function bare(frame)
  for _, column in ipairs(frame.columns) do
    local first = column.type == "text" and column.words[1] or ""
    local before, behind = first:match "^([^%d+.-]*)", first:match "([^%d.]*)$"
    if before .. behind ~= "" and #before <= 5 and #behind <= 8 and first:find "%d" then
      local numbers, all = {}, true
      for id, word in ipairs(column.words) do
        local digits = word:sub(1, #before) == before and word:sub(-#behind - 1):find(behind, 1, true)
          and word:sub(#before + 1, #word - #behind)
        if digits and digits:find(GROUPED) then digits = digits:gsub(",", "") end
        numbers[id] = digits and tonumber(digits)
        all = all and numbers[id]
      end
      if all then
        local values = column.values:totable()
        for i, id in ipairs(values) do values[i] = numbers[id] or 0 / 0 end
        say("'%s': numbers without '%s'", column.name, before .. behind)
        frame = frame:with(column.name, values)
      end
    end
  end
  return frame
end

-- Days in one column and the time of day, or the hour, in another.
local function joined(frame)
  local time = frame:time()
  local column = time and column_of(frame, time)
  if not column or column:_is_clock() then return frame end
  local days = column.values
  if #frame:unique(time) == #frame then return frame end
  for _, other in ipairs(frame.columns) do
    local micros = {}
    if other.type == "text" then
      for id, word in ipairs(other.words) do
        micros[id] = word:find "^%s*%d%d?:%d%d" and core.date_read("1970-01-01 " .. word) or nil
        if not micros[id] then break end
      end
      micros = #micros == #other.words and micros or nil
    else
      local last = other.type == "number" and HOURS[other.name:lower()] and 23 or -1
      for hour = 0, last do micros[hour] = hour * 3600000000 end
    end
    if micros and next(micros) then
      local at, all = days:totable(), true
      for i, cell in ipairs(other.values:totable()) do
        local clock = micros[math.tointeger(cell)]
        at[i], all = clock and at[i] ~= dates.MISSING and at[i] * dates.DAY + clock or 0, all and clock
      end
      if all then
        say("'%s' is the time of day of '%s'", other.name, time)
        return base.put(frame, base.with_values(column, core.numbers(at))):drop { other.name }
      end
    end
  end
  return frame
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
  for _, guess in ipairs { encoding, decimal, given_dates, units, decimal, groups, epoch } do
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
  frame = joined(bare(frame))
  local time = frame:time()
  local unknown = time and frame:missing(time) or 0
  if unknown > 0 and unknown < #frame then
    say("%d of %d rows have no '%s': they are left out", unknown, #frame, time)
    frame = frame:drop_missing(time)
  end
  return frame
end

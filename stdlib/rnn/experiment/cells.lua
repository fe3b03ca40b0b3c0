-- cells.lua: what is made of the columns of a frame that was read: numbers with signs around them, and moments that
-- stand in several columns, or that are spans.

local core = require "rnn.core"
local base = require "rnn.data.frame_base"
local dates = require "rnn.data.dates"
local times = require "rnn.experiment.times"

local HOUR <const> = dates.DAY // 24 -- microseconds

local cells = {}

--- cells.GROUPED: 1,234.5
cells.GROUPED = "^[-+]?%d%d?%d?,%d%d%d[,%d]*%.?%d*$"
local POINTED <const> = "^[-+]?%d%d?%d?%.%d%d%d[.%d]*,?%d*$" -- 1.234,5

--- cells.is_date(text): with the month or the day first
function cells.is_date(text)
  local month_first, day_first = core.date_read(text)
  return month_first or day_first
end

-- ---- numbers ----

local READINGS = {
  ["."] = function(text) return tonumber(text:find(cells.GROUPED) and text:gsub(",", "") or text) end,
  [","] = function(text)
    if text:find(POINTED) then text = text:gsub("%.", "") end
    return not text:find(".", 1, true) and tonumber((text:gsub(",", "."))) or nil
  end,
}

local BLANKS <const> = { " ", "\u{a0}", "\u{202f}", "'", "\u{2019}" } -- between groups of digits

-- The numbers of words with these signs before and behind, or in parentheses, which are below 0; nil where one is none.
local function numbers_of(words, before, behind, decimal)
  local numbers = {}
  for id, word in ipairs(words) do
    local sign, digits = 1, word
    local bracketed = word:match "^%((.*)%)$"
    if bracketed then sign, digits = -1, bracketed end
    local minus = before ~= "" and digits:match "^[-+]" or "" -- -$5
    digits = digits:sub(#minus + 1)
    if digits:sub(1, #before) ~= before or behind ~= "" and digits:sub(-#behind) ~= behind then return nil end
    digits = minus .. digits:sub(#before + 1, #digits - #behind):match "^%s*(.-)%s*$"
    for _, blank in ipairs(BLANKS) do
      if digits:find("%d" .. blank .. "%d%d%d") then digits = digits:gsub(blank, "") end
    end
    local value = digits:find "^[-+]?[%d.,]+$" and READINGS[decimal](digits)
    if not value then return nil end
    numbers[id] = sign * value
  end
  return numbers
end

-- Numbers with the same sign before or behind them in all cells, 12.5 %, 1.234,50 € or $5, or in parentheses.
local function bare(frame, given, say)
  for _, column in ipairs(frame.columns) do
    local words = column.type == "text" and column.words or {}
    local first = (words[1] or ""):gsub("^%((.*)%)$", "%1"):gsub("^[-+]", "")
    local before, behind = first:match "^([^%d+.,-]*)", first:match "([^%d.,]*)$"
    local bracketed
    for _, word in ipairs(words) do bracketed = bracketed or word:find "^%(.*%d.*%)$" and word end
    if first:find "%d" and #before <= 5 and #behind <= 8 and (before .. behind ~= "" or bracketed) then
      local found, other = numbers_of(words, before, behind, "."), numbers_of(words, before, behind, ",")
      if found and other and not given.decimal then -- do they differ?
        local same = true
        for id, value in ipairs(found) do same = same and value == other[id] end
        if not same then
          say("'%s': is '%s' with a decimal comma or with groups of digits? --decimal , or --decimal . says which",
            column.name, words[1])
          found, other = nil, nil
        end
      end
      if given.decimal == "," then found = other else found = found or other end
      if found then
        local values = column.values:totable()
        for i, id in ipairs(values) do values[i] = found[id] or 0 / 0 end
        if before .. behind ~= "" then
          say("'%s': numbers without '%s'%s", column.name, before .. behind,
            found == other and given.decimal ~= "," and " and with decimal commas (--decimal .)" or "")
        end
        if bracketed then say("'%s': '%s' is less than 0", column.name, bracketed) end
        frame = frame:with(column.name, values)
      end
    end
  end
  return frame
end

-- ---- moments ----

-- The first moment of texts "01.02.2024 00:00 - 01.02.2024 01:00".
local function begun(frame, say)
  if frame:time() then return frame end
  for _, column in ipairs(frame.columns) do
    local starts, found = {}, nil
    for id, word in ipairs(column.type == "text" and column.words or {}) do
      local from, to = word:match "^(.-%d)%s+%-%s+(%d.*)$"
      if not from then from, to = word:match "^(.-[%dZ])/(%d.*)$" end
      if not (from and cells.is_date(from) and cells.is_date(to)) then break end
      starts[id], found = from, id == #column.words
    end
    if found then
      local day_first, message = times.day_first(starts)
      if day_first == nil then
        say("'%s': %s", column.name, message)
        return frame
      end
      local moments = {}
      for id, text in ipairs(starts) do
        local day, clock = times.read(text, day_first)
        moments[id] = day * dates.DAY + math.floor(clock * dates.DAY + 0.5)
      end
      local at, missing = column.values:totable(), 0
      for i, id in ipairs(at) do
        at[i] = moments[id] or 0
        missing = missing + (moments[id] and 0 or 1)
      end
      if missing > 0 then return frame end
      say("'%s' has spans of time, which are taken by their beginnings", column.name)
      local put = base.with_values(column, core.numbers(at))
      put.type, put.words, put.odd = "date", nil, nil
      return base.put(frame, put)
    end
  end
  return frame
end

local PARTS = {
  { "year", "yr", "jahr", "ano", "año", "annee", "année", "anno" },
  { "month", "mo", "mon", "monat", "mes", "mês", "mois", "mese" },
  { "day", "dy", "tag", "dia", "día", "jour", "giorno" },
  { "hour", "hr", "hours", "stunde", "std", "heure", "hora", "ora" },
  { "minute", "min", "minuto" },
}

-- The column of whole numbers that stands for a part of dates, by its name.
local function part_of(frame, part, least, most)
  for _, name in ipairs(PARTS[part]) do
    for _, column in ipairs(frame.columns) do
      if column.type == "number" and column.name:lower() == name then
        local d = column.values:describe()
        if d.missing == 0 and d.least and d.least >= least and d.most <= most then return column end
      end
    end
  end
end

-- Year, month and day, perhaps hour and minute, in columns of their own.
local function gathered(frame, say)
  local year, month = part_of(frame, 1, 1000, 2999), part_of(frame, 2, 1, 12)
  if frame:time() or not (year and month) then return frame end
  local day = part_of(frame, 3, 1, 31)
  local hour = day and part_of(frame, 4, 0, 24)
  local minute = hour and part_of(frame, 5, 0, 59)
  local used, names, values = { year, month, day, hour, minute }, {}, {}
  for k, column in ipairs(used) do names[k], values[k] = column.name, column.values:totable() end
  local at = {}
  for i = 1, #frame do
    local micros = core.date_read(("%04d-%02d-%02d"):format(values[1][i] | 0, values[2][i] | 0,
      day and values[3][i] | 0 or 1))
    if not micros then return frame end
    at[i] = micros + (hour and values[4][i] | 0 or 0) * HOUR + (minute and values[5][i] | 0 or 0) * (HOUR // 60)
  end
  say("'%s' are taken as the times of rows", table.concat(names, "', '"))
  local column = base.with_values(year, core.numbers(at))
  column.type = "date"
  return base.put(frame, column):drop { table.unpack(names, 2) }
end

-- Days in one column and the time of day, or the hour, in another.
local function joined(frame, say)
  local time = frame:time()
  local column = time and base.find(frame, "cells.understood", time)
  if not column or column:_is_clock() then return frame end
  local days = column.values
  if #frame:unique(time) == #frame then return frame end
  local hours = {}
  for _, name in ipairs(PARTS[4]) do hours[name] = true end
  for _, other in ipairs(frame.columns) do
    local micros = {}
    if other.type == "text" then
      for id, word in ipairs(other.words) do
        micros[id] = word:find "^%s*%d%d?[:.]%d%d" and core.date_read("1970-01-01 " .. word) or nil
        if not micros[id] then break end
      end
      micros = #micros == #other.words and micros or nil
    else
      local last = other.type == "number" and hours[other.name:lower()] and 23 or -1
      for hour = 0, last do micros[hour] = hour * HOUR end
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

-- Of several columns of dates the first that has nearly all of them tells when rows are.
local function first_of(frame, ignored, say)
  local left_out, found, others = {}, nil, {}
  for _, name in ipairs(ignored) do left_out[name] = true end
  for _, column in ipairs(frame.columns) do
    local name = column.name
    if column.type == "date" then
      if not found and not left_out[name] and frame:missing(name) * 20 < #frame then found = name
      else others[#others + 1] = name end
    end
  end
  if not found or #others == 0 then return frame end
  say("'%s' says when rows are, '%s' no more (--ignore %s: another one does)", found, table.concat(others, "', '"),
    found)
  return frame:drop(others)
end

--- cells.understood(frame, given, ignored, say) -> frame
---
--- given: the options it was read with; ignored: columns that the user leaves out; say(format, ...) is told what was
--- guessed.
function cells.understood(frame, given, ignored, say)
  frame = gathered(begun(bare(frame, given, say), say), say)
  return joined(first_of(frame, ignored, say), say)
end

return cells

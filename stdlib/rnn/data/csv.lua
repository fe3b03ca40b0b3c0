-- csv.lua: frames of CSV files, whole or in parts. What was guessed is said on standard error and stays in frame.notes.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local Frame = require("rnn.data.frame").Frame

local MARKS = option.kind("table|string|number", function(fname, argname, value)
  if type(value) == "string" or type(value) == "number" then return { value } end
  return check.table(fname, argname, value)
end)

local ROWS = {
  { "columns", nil, check.table, "keeps only these, { \"a\", \"b\" }" },
  { "types", nil, check.table, "of columns by name, \"number\", \"date\" or \"text\": { zip = \"text\" }; or how dates "
    .. "are written: { when = \"%d/%m/%Y %H:%M\", year = \"%Y\" }, as in strftime, or \"seconds\" or \"milliseconds\" "
    .. "since 1970" },
  { "separator", nil, check.string, "between cells, one byte; by default the one of comma, semicolon, tab and | that "
    .. "cuts the first lines into equally many cells" },
  { "decimal", nil, check.string, "sign in numbers, \",\" or by default \".\"" },
  { "thousands", nil, check.string, "what stands between groups of three digits, \" \" for any blank; by default "
    .. "a point where decimal is a comma, else nothing" },
  { "header", nil, check.boolean, "whether row 1 has the names of the columns; by default it has, but values alone are "
    .. "refused. false: they are called column1, column2 ..." },
  { "encoding", nil, check.string, "\"latin1\", \"windows-1252\", \"cp932\", \"utf-16\" or another one that the C "
    .. "library knows; UTF-8 by default" },
  { "comment", nil, check.string, "lines that begin with this byte are left out" },
  { "missing", nil, MARKS, "cells that mean missing, -999 or { \"-\", \"?\", -999 }, beside the empty one and NA, NaN, "
    .. "NaT, null, None, N/A, and errors of spreadsheets such as #DIV/0!; of a number all ways to write it" },
  { "zone", nil, check.string, "whose clocks the times of day are of, \"Europe/Berlin\" or \"+02:00\"; times with an "
    .. "offset from UTC are shown as of this zone" },
}

local CSV, STREAM = option.of("data.csv", ROWS), option.of("data.csv_stream", ROWS, {
  { "rows", 100000, option.int(1), "of a part, about" },
})

-- The options as the core has them, and the zone.
local function split(options)
  local zone = options.zone
  if zone then core.numbers({ 0 }):to_wall(zone) end -- is it one?
  options.zone, options.rows = nil, nil
  for i, mark in ipairs(options.missing or {}) do
    if type(mark) == "number" then
      options.missing = table.move(options.missing, 1, #options.missing, 1, {})
      options.missing[i] = math.type(mark) == "integer" and tostring(mark) or ("%.17g"):format(mark)
    end
  end
  return options, zone
end

-- A column of times gets the zone that the user names. nil and a message: a time that its clocks never showed.
local function set_zone(path, column, zone)
  if not column.zone then
    local values, message = column.values:to_utc(zone)
    if not values then return nil, ("%s: column \"%s\": %s"):format(path, column.name, message) end
    column.values = values
  end
  column.zone = zone
  return true
end

-- What came of the file as a frame, and what is to be said about it.
local function frame_of(path, columns, options, zone)
  local rows, notes = columns.rows, {}
  if not options.separator and columns.separator ~= "," then
    notes[1] = ("read with '%s'; %d column%s"):format(columns.separator:gsub("\t", "\\t"), #columns,
      #columns == 1 and "" or "s")
  end
  for _, column in ipairs(columns) do
    if column.type == "date" and core.is_numbers(column.values) then
      if column.offsets_differ and not zone then
        notes[#notes + 1] = ("the times of '%s' have several offsets from UTC and are shown in UTC; zone = "
          .. "\"Europe/Berlin\" or its like shows those of a place"):format(column.name)
      end
      if zone then
        local ok, message = set_zone(path, column, zone)
        if not ok then return nil, message, "EFORMAT" end
      end
    end
    column.offsets_differ = nil
  end
  columns.rows, columns.separator = nil, nil
  local frame = Frame(columns, rows)
  table.move(notes, 1, #notes, 1, frame.notes)
  return frame
end

local function say(path, notes)
  for _, note in ipairs(notes) do io.stderr:write(path, ": ", note, "\n") end
end

local function source(fname, path)
  check.string(fname, "argument 1 (path)", path)
  return path == "-" and "/dev/stdin" or path
end

--- data.csv(path [, options]) -> frame | nil, message, code
---
--- Reads a CSV file with a header line, packed by gzip or not; "-" and "/dev/stdin" are standard input. A column of
--- which every cell is a date, with or without a time of day, or a number becomes one, any other is text; types says
--- otherwise. Dates are YYYY-MM-DD, also with slashes, MM/DD/YYYY or DD/MM/YYYY as all of the column has it,
--- DD.MM.YYYY, 31 Dec 2014, 2024-W05 or 2024-Q1; times 13:05, 13:05:59.5 or 1:05 PM, perhaps with Z or +02:00 behind.
--- What is guessed is said on standard error and kept in frame.notes; what several readings would fit is refused with
--- the option that decides. A file that cannot be read gives nil and a message that names file, row and column:
--- assert(data.csv(path)). frame:describe() shows what was understood.
---@param path string
---@param options? data.csv.Options
---@return data.Frame?
---@return string? message
---@return string? code
local function csv(path, options)
  path = source("data.csv", path)
  local given, zone = split(CSV:read(options))
  local columns, message, code = core.csv_read(path, given)
  if not columns then return nil, message, code end
  local frame
  frame, message, code = frame_of(path, columns, given, zone)
  if not frame then return nil, message, code end
  say(path, frame.notes)
  return frame
end

--- data.csv_stream(path [, options]) -> iterator | nil, message, code
---
--- A CSV file in frames of about as many rows as the option rows says, for files larger than memory:
---
---   for part in assert(data.csv_stream("big.csv", { rows = 1e6 })) do ... end
---
--- Types are decided by the first part. Each frame's text columns have the words of all parts so far. A fault in the
--- file is raised when its part is read.
---@param path string
---@param options? data.csv_stream.Options
---@return fun(): data.Frame? next
---@return string? message
---@return string? code
local function csv_stream(path, options)
  path = source("data.csv_stream", path)
  options = STREAM:read(options)
  local rows = options.rows
  local given, zone = split(options)
  local next_part, message, code = core.csv_open(path, given)
  if not next_part then return nil, message, code end
  local said = false
  return function()
    if not next_part then return nil end
    local columns, what = next_part(rows)
    if not columns then core.fail("data.csv_stream: %s", what) end
    if columns.rows == 0 then
      next_part()
      next_part = nil
      return nil
    end
    local frame
    frame, what = frame_of(path, columns, given, zone)
    if not frame then core.fail("data.csv_stream: %s", what) end
    if not said then say(path, frame.notes) end
    said = true
    return frame
  end
end

return { csv = csv, csv_stream = csv_stream }

-- arguments.lua: the command line of a script. Every script has the same options beside its own.

local core = require "rnn.core"
local check = require "rnn.check"
local terminal = require "rnn.terminal"

local COMMON = {
  { "data", "PATH", "a file or folder of data, see below (default: the public data in RNNLUA_DATA)" },
  { "split", "A/B/C", "what of data in one piece is for training, to choose by, and for the test" },
  { "epochs", "N", "train for at most so many epochs" },
  { "seed", "N", "seed of the random numbers" },
  { "seeds", "N", "train every model with so many seeds, counted from --seed on, and give medians" },
  { "threads", "N", "use so many processors" },
  { "save", "FILE", "save the trained model there" },
  { "evaluate", "FILE", "train nothing: what does the model do that --save put there?" },
  { "run", "FOLDER", "keep checkpoints and a report of each training there; the same command goes on" },
  { "plot", "FILE", "draw what came of it into an .svg or .png file" },
  { "result", "FILE", "write the figures to a JSON file" },
}

-- Of scripts that read a CSV file (csv = true), what experiment:frame asks.
local CSV = {
  decimal = { "", "sign in numbers, such as a comma; guessed" },
  thousands = { "", "what stands between groups of three digits, such as a comma; guessed" },
  separator = { "", "between cells; guessed" },
  encoding = { "", "such as latin1; UTF-8" },
  comment = { "", "lines that begin with this sign are left out" },
  missing = { "", "cells that mean missing, such as -999: a,b" },
  headless = { false, "the first row has values; columns are called column1, column2 ..." },
  dates = { "", "how dates are written, such as %d/%m/%Y %H:%M" },
  zone = { "", "where the clock stands, such as Europe/Berlin" },
}

-- What numbers mean the same in every script may be, in words too.
local LIMITS = {
  lr = { "a number above 0", function(value) return value > 0 and value < math.huge end },
  dropout = { "a share from 0 to less than 1", function(value) return value >= 0 and value < 1 end },
  clip = { "a number of 0 or more", function(value) return value >= 0 end },
}

local args = {}

-- What the specification has beside options.
local NO_OPTION = { about = true, data = true, csv = true }

-- What gives a text of --help in the language of the terminal: Portuguese ones are in rnn.experiment.pt, those of a
-- script in pt.lua beside it, English = translation. What a catalogue of a script does not have is marked.
local function translator(script)
  if not terminal.portuguese() then return function(text) return text end end
  local common, catalogue = require "rnn.experiment.pt", loadfile((script:match "^.*/" or "") .. "pt.lua", "t", {})
  local own = catalogue and catalogue()
  return function(text) return own and own[text] or common[text] or own and "(em inglês) " .. text or text end
end

-- The options as a list of { name, value shown in help, help, default }, and by name.
local function describe(spec)
  local list, by_name, own, common, is_common, all = {}, {}, {}, {}, {}, {}
  local function add(name, shown, help, default)
    local row = all[name]
    by_name[name] = { name, shown, help, default, type(row) == "table" and not NO_OPTION[name] and row[3] or nil }
    list[#list + 1] = by_name[name]
  end
  for i, option in ipairs(COMMON) do common[i], is_common[option[1]] = option[1], true end
  for name, value in pairs(spec.csv and CSV or {}) do all[name] = value end
  for name, value in pairs(spec) do all[name] = value end
  for name, value in pairs(all) do
    local argname = ("option '%s'"):format(name)
    if type(value) == "table" and not NO_OPTION[name] then
      check.string("rnn.experiment: " .. argname, "its help", value[2])
      own[#own + 1] = name
    elseif not is_common[name] and not NO_OPTION[name] then
      core.fail("rnn.experiment: %s: expected { default, help }, as it is none of %s%s", argname,
        table.concat(common, ", "),
        check.nearest(tostring(name), common))
    end
  end
  table.sort(own)
  for _, name in ipairs(own) do
    local default, help = all[name][1], all[name][2]
    add(name, type(default) == "table" and "NAMES" or type(default) == "number" and "N"
      or type(default) == "string" and "NAME", help, default)
  end
  local defaults = { seed = 42, seeds = 1, epochs = 1, evaluate = spec.save }
  for _, option in ipairs(COMMON) do
    local name, default = option[1], spec[option[1]]
    if default == nil then default = defaults[name] end
    if name == "data" and spec.data then default = nil elseif name == "data" then default = false end
    if name == "split" and default == nil then default = false end
    if default ~= false then add(name, option[2], option[3], default) end
  end
  return list, by_name
end

local function help(spec, list, script)
  local said = translator(script)
  local lines = { said "usage: rnnlua %s [options]":format(script), spec.about and said(spec.about), "" }
  if not spec.about then table.remove(lines) end
  local function left(option) return ("  --%s%s "):format(option[1], option[2] and " " .. said(option[2]) or "") end
  local width = 19
  for _, option in ipairs(list) do width = math.max(width, #left(option)) end
  for _, option in ipairs(list) do
    local shown, text, default = option[2], said(option[3]), option[4]
    if shown == "NAMES" then text, default = ("%s: %s"):format(text, table.concat(default, ", ")), said "all" end
    default = default ~= nil and default ~= "" and (" [%s]"):format(default) or ""
    lines[#lines + 1] = ("%-" .. width .. "s%s%s"):format(left(option), text, default)
  end
  lines[#lines + 1] = ("%-" .. width .. "s%s"):format("  --help", said "show this")
  local format = spec.data and spec.data.format
  if format then lines[#lines + 1] = "\n" .. said "Data: " .. said(format):gsub("\n", "\n  ") end
  return table.concat(lines, "\n") .. "\n"
end

--- args.shares("80/10/10") -> 80, 10, 10 | nil
function args.shares(text)
  local a, b, c = text:match "^(%d+)/(%d+)/(%d+)$"
  a, b, c = math.tointeger(a), math.tointeger(b), math.tointeger(c)
  if a and a + b + c > 0 then return a, b, c end
end

-- Names with commas between as a set, or nil and what is wrong.
local function choose(option, text)
  local known, chosen = {}, {}
  for _, name in ipairs(option[4]) do known[name] = true end
  if text == "all" then return known end
  for name in (text .. ","):gmatch "([^,]*)," do
    if not known[name] then
      return nil, ("--%s: '%s' is none of %s, all"):format(option[1], name, table.concat(option[4], ", "))
    end
    chosen[name] = true
  end
  return chosen
end

-- text as the kind of value that the option holds, or nil and what is wrong.
local function convert(option, text)
  if option[2] == "NAMES" then return choose(option, text) end
  if option[2] == "A/B/C" and not args.shares(text) then
    return nil, ("--%s: expected three shares such as 80/10/10, got '%s'"):format(option[1], text)
  end
  if option[2] ~= "N" then return text end
  local value, expected = tonumber(text), "a number"
  if math.type(option[4]) ~= "float" then
    local least = option[5] or (option[1] == "seed" or option[4] == 0) and 0 or 1 -- a default is as good as any
    value, expected = math.tointeger(value), least == 1 and "a positive integer" or ("an integer of %d or more"):format(
      least)
    if value and value < least then value = nil end
  end
  local limits = LIMITS[option[1]]
  if limits and value and not limits[2](value) then value, expected = nil, limits[1] end
  if value then return value end
  return nil, ("--%s: expected %s, got '%s'"):format(option[1], expected, text)
end

-- What would fail only when all is done: nil, or what is wrong.
local function check_outputs(options)
  for _, name in ipairs { "save", "run", "plot", "result" } do
    local path = options[name]
    local folder = type(path) == "string" and path:match "^(.*)/[^/]*$"
    local found <close> = folder and io.open(folder .. "/.") or nil
    if folder and not found then return ("--%s: there is no folder %s"):format(name, folder) end
  end
  local kind = type(options.plot) == "string" and options.plot:lower():match "%.(%w+)$"
  if type(options.plot) == "string" and kind ~= "svg" and kind ~= "png" then
    return ("--plot: expected a name that ends in .svg or .png, got '%s'"):format(options.plot)
  end
end

--- args.declared(spec) -> list of { name, what its value is, help, default }
---
--- What a value is: nil for a switch, NAMES of the list that is the default, N for a number, else a text.
---@param spec table
---@return table[]
function args.declared(spec)
  local list = {}
  for i, option in ipairs(describe(spec)) do
    list[i] = { name = option[1], shown = option[2], help = option[3], default = option[4], least = option[5] }
  end
  return list
end

--- args.value(option, text) -> value | nil, message: what a command line's text is to an option of args.declared.
---@param option table
---@param text string
---@return any
---@return string? message
function args.value(option, text)
  return convert({ option.name, option.shown, option.help, option.default, option.least }, text)
end

--- args.parse(spec, argv) -> options, given | nil, message | nil, nil, help text
---
--- The options of a command line by name, each of the type of its default; given: the script's own ones that the
--- command line has, by name.
---@param spec table
---@param argv string[] with the script's name at [0]
function args.parse(spec, argv)
  local list, by_name = describe(spec)
  local options, given, i = {}, {}, 1
  for _, option in ipairs(list) do options[option[1]] = option[2] == "NAMES" and choose(option, "all") or option[4] end
  while i <= #argv do
    local word = argv[i]
    local name, value = word:match "^%-%-([%w_-]+)=(.*)$"
    name = name or word:match "^%-%-([%w_-]+)$"
    if name == "help" or word == "-h" then
      return nil, nil, help(spec, list, argv[0] or "SCRIPT")
    end
    local option = by_name[name]
    if not option then return nil, ("unknown option '%s'; --help lists the known ones"):format(word) end
    given[name] = type(spec[name]) == "table" or nil
    if not option[2] then
      if value then return nil, ("--%s: takes no value"):format(name) end
      options[name] = true
    else
      if not value then
        i = i + 1
        value = argv[i]
        if not value then return nil, ("--%s: a value is missing"):format(name) end
      end
      local converted, message = convert(option, value)
      if converted == nil then return nil, message end
      options[name] = converted
    end
    i = i + 1
  end
  local message = check_outputs(options)
  if message then return nil, message end
  return options, given
end

return args

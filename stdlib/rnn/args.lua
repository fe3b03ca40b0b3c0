-- args.lua: the command line of a script. Every script has the same options beside its own.

local core = require "rnn.core"
local check = require "rnn.check"

local COMMON = {
  { "data", "FILE", "the data file, or a folder that has it (default: the folders of RNNLUA_DATA)" },
  { "epochs", "N", "train for at most so many epochs" },
  { "seed", "N", "seed of the random numbers" },
  { "seeds", "N", "train every model with so many seeds, counted from --seed on, and give medians" },
  { "threads", "N", "use so many processors" },
  { "save", "FILE", "save the trained model there" },
  { "load", "FILE", "take the model from there instead of training one" },
  { "plot", "FILE", "draw what came of it into an .svg or .png file" },
  { "result", "FILE", "write the figures to a JSON file" },
}

local args = {}

-- The options as a list of { name, value shown in help, help, default }, and by name.
local function describe(spec)
  local list, by_name = {}, {}
  local function add(name, shown, help, default)
    by_name[name] = { name, shown, help, default }
    list[#list + 1] = by_name[name]
  end
  local own = {}
  for name, value in pairs(spec) do
    if name ~= "about" and type(value) == "table" then own[#own + 1] = name end
  end
  table.sort(own)
  local common = {}
  for _, option in ipairs(COMMON) do common[#common + 1] = option[1] end
  for name, value in pairs(spec) do
    local argname = ("option '%s'"):format(name)
    if name ~= "about" and type(value) == "table" then
      check.string("rnn.args", argname .. ", its help", value[2])
    elseif name ~= "about" and not table.concat(common, " "):find("%f[%w]" .. tostring(name) .. "%f[%W]") then
      core.fail("rnn.args: %s: expected { default, help }, as it is none of %s%s", argname, table.concat(common, ", "),
        check.nearest(tostring(name), common))
    end
  end
  for _, name in ipairs(own) do
    local default, help = spec[name][1], spec[name][2]
    if type(default) == "table" then
      add(name, "NAMES", ("%s: %s"):format(help, table.concat(default, ", ")), default)
    else
      add(name, type(default) == "number" and "N" or type(default) == "string" and "NAME", help, default)
    end
  end
  local defaults = { seed = 42, seeds = 1, epochs = 1 }
  for _, option in ipairs(COMMON) do
    local name, default = option[1], spec[option[1]]
    if default == nil then default = defaults[name] end
    if default ~= false then add(name, option[2], option[3], default) end
  end
  return list, by_name
end

local function help(spec, list, script)
  local lines = { ("usage: rnnlua %s [options]"):format(script), spec.about or nil, "" }
  if not spec.about then table.remove(lines) end
  for _, option in ipairs(list) do
    local left = ("  --%s%s"):format(option[1], option[2] and " " .. option[2] or "")
    local default = option[2] == "NAMES" and "all" or option[4]
    default = default ~= nil and (" [%s]"):format(default) or ""
    lines[#lines + 1] = ("%-18s %s%s"):format(left, option[3], default)
  end
  lines[#lines + 1] = ("%-18s %s"):format("  --help", "show this")
  return table.concat(lines, "\n") .. "\n"
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
  if option[2] ~= "N" then return text end
  local value, expected = tonumber(text), "a number"
  if math.type(option[4]) ~= "float" then
    local least = (option[1] == "seed" or option[4] == 0) and 0 or 1 -- a default is a value as good as any
    value, expected = math.tointeger(value), least == 0 and "an integer of 0 or more" or "a positive integer"
    if value and value < least then value = nil end
  end
  if value then return value end
  return nil, ("--%s: expected %s, got '%s'"):format(option[1], expected, text)
end

-- What would fail only when all is done: nil, or what is wrong.
local function check_outputs(options)
  for _, name in ipairs { "save", "plot", "result" } do
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

--- args.parse(spec, argv) -> options | nil, message | nil, nil, help text
---
--- What rnn.args does, without printing and leaving.
---@param spec table
---@param argv string[] with the script's name at [0]
function args.parse(spec, argv)
  local list, by_name = describe(spec)
  local options, i = {}, 1
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
  return options
end

--- rnn.args { about = "...", epochs = 500, model = { { "rnn", "gru" }, "help" } } -> options
---
--- Reads the script's command line: --data, --epochs, --seed, --seeds, --threads, --save, --load, --plot and --result,
--- for which the table gives defaults, or false where the script has no use for one, and the script's own options,
--- given as { default, help }; the default says the type: a number, a string, false for a switch, or a list of names,
--- of which the user chooses some (--model rnn,gru; all by default): options.model.gru is then true. --help shows them
--- and ends the program; so does a mistake, such as a folder to save in that is not there, with exit code 2. --threads
--- is put into effect.
---@param spec table
---@return table
function args.args(spec)
  check.table("rnn.args", "argument 1", spec)
  local argv = arg or {}
  local options, message, help_text = args.parse(spec, argv)
  if help_text then
    io.write(help_text)
    os.exit(0, true)
  elseif not options then
    io.stderr:write(argv[0] or "rnnlua", ": ", message, "\n")
    os.exit(2, true)
  end
  if options.threads then core.threads(options.threads) end
  return options
end

return args

-- space.lua: what a sweep tries: the words of its command line as ranges, lists and fixed values of the script's own
-- options, and the trials that are drawn from them.

local check = require "rnn.check"
local arguments = require "rnn.experiment.arguments"

local space = {}

-- The sweep's own options: what their value is.
local OWN = { trials = "count", seeds = "count", jobs = "count", halve = "count", minimise = "figure",
  minimize = "figure", maximise = "figure", maximize = "figure", run = "folder", seed = "number" }

-- Options of scripts that the sweep has its own use for.
local TAKEN = { save = "the winner's command, which is printed at the end, takes it",
  evaluate = "a sweep trains", plot = "the winner's command, which is printed at the end, takes it",
  result = "the sweep writes results.json" }

local ON = { on = true, yes = true, off = false, no = false }

-- ---- one option ----

local function words_of(text)
  local list = {}
  for word in (text .. ","):gmatch "([^,]*)," do list[#list + 1] = word end
  return list
end

-- "1e-4..1e-1" of a number as { low, high, is logarithmic, is of integers }, or nil and what is wrong.
local function range_of(option, text, low, high)
  local from, message = arguments.value(option, low)
  local to
  if from then to, message = arguments.value(option, high) end
  if not to then return nil, message end
  if from >= to or from ~= from or to ~= to then
    return nil, ("--%s: expected a range from low to high, got '%s'"):format(option.name, text)
  end
  return { name = option.name, low = from, high = to, log = from > 0 and to / from >= 10,
    whole = math.type(option.default) ~= "float" }
end

-- A switch: on, off, or both in turn.
local function switch_of(option, text)
  local list = {}
  for i, word in ipairs(words_of(text)) do
    if ON[word] == nil then
      return nil, ("--%s: expected nothing, on, off or on,off, got '%s'"):format(option.name, text)
    end
    list[i] = ON[word] and "on" or "off"
  end
  return { name = option.name, list = list, switch = true }
end

-- text as what is tried of an option: { name, list } or a range; nil and a message.
local function axis_of(option, text)
  if not option.shown then return switch_of(option, text) end
  if option.shown == "N" then
    local low, high = text:match "^(.-)%.%.(.+)$"
    if low then return range_of(option, text, low, high) end
  end
  local axis = { name = option.name, list = words_of(text), known = {} }
  if option.shown == "NAMES" and text == "all" then axis.list = option.default end
  for _, word in ipairs(axis.list) do
    local value, message = arguments.value(option, word)
    if value == nil then return nil, message end
    if axis.known[word] then return nil, ("--%s: %s is there twice"):format(option.name, word) end
    axis.known[word] = true
  end
  axis.known = nil
  return axis
end

-- ---- the command line ----

local function own_value(name, text)
  local kind = OWN[name]
  if kind == "figure" or kind == "folder" then return text end
  local least = kind == "number" and 0 or name == "halve" and 2 or 1
  local value = math.tointeger(tonumber(text))
  if value and value >= least then return value end
  return nil, ("--%s: expected an integer of at least %d, got '%s'"):format(name, least, text)
end

local function unknown(name, script, by_name)
  local names = {}
  for each in pairs(by_name) do names[#names + 1] = each end
  for each in pairs(OWN) do names[#names + 1] = each end
  table.sort(names)
  local nearest = check.closest(name, names)
  return ("%s has no option --%s%s"):format(script, name, nearest and ("; did you mean --%s?"):format(nearest)
    or "; rnnlua " .. script .. " --help lists those it has")
end

-- The value behind a word: after =, or the next word; a switch needs none.
local function value_of(words, i, value, option)
  if value then return value, i end
  local following = words[i + 1]
  if option and not option.shown then
    local first = following and following:match "^(%l+)"
    if first and ON[first] ~= nil and following:find "^[onfyes,]+$" then return following, i + 1 end
    return "on", i
  end
  return following, i + 1
end

--- space.read(script, words, declared) -> axes, own options | nil, message
---
--- words are those behind the script on the command line; declared is what args.declared gave. axes are in the order of
--- their names; those with one value are fixed.
---@param script string
---@param words string[]
---@param declared table[]
---@return table[]?
---@return table|string
function space.read(script, words, declared)
  local by_name, axes, own, given = {}, {}, {}, {}
  for _, option in ipairs(declared) do by_name[option.name] = option end
  local i = 1
  while i <= #words do
    local name, value = words[i]:match "^%-%-([%w_-]+)=(.*)$"
    name = name or words[i]:match "^%-%-([%w_-]+)$"
    if not name then return nil, ("expected an option such as --lr 1e-4..1e-1, got '%s'"):format(words[i]) end
    local is_own = OWN[name] and (name == "seed" or name == "seeds" or name == "run" or not by_name[name])
    local option = by_name[name]
    if not is_own and not option then return nil, unknown(name, script, by_name) end
    if TAKEN[name] then return nil, ("--%s: not in a sweep: %s"):format(name, TAKEN[name]) end
    if given[name] then return nil, ("--%s: it is given twice"):format(name) end
    given[name] = true
    value, i = value_of(words, i, value, not is_own and option or nil)
    if not value then return nil, ("--%s: a value is missing"):format(name) end
    local read, message = (is_own and own_value or axis_of)(is_own and name or option, value)
    if not read then return nil, message end
    if is_own then own[name] = read else axes[#axes + 1] = read end
    i = i + 1
  end
  for _, option in ipairs(declared) do
    if option.shown == "NAMES" and not given[option.name] and #option.default > 1 then
      return nil, ("--%s: a trial trains one; choose it, or some to try: --%s %s"):format(option.name, option.name,
        table.concat(option.default, ","))
    end
  end
  table.sort(axes, function(a, b) return a.name < b.name end)
  return axes, own, by_name
end

-- ---- trials ----

-- Four digits say a rate as exactly as anybody needs, and stand in the table and on the command line as they are.
local function draw(axis)
  local u = math.random()
  if axis.list then return axis.list[math.floor(u * #axis.list) + 1] end
  local low, high = axis.low, axis.high
  if axis.whole then
    if not axis.log then return ("%d"):format(low + math.floor(u * (high - low + 1))) end
    local a, b = math.log(low - 0.5), math.log(high + 0.5)
    return ("%d"):format(math.max(low, math.min(high, math.floor(math.exp(a + u * (b - a)) + 0.5))))
  end
  local value = axis.log and math.exp(math.log(low) + u * (math.log(high) - math.log(low))) or low + u * (high - low)
  return ("%.4g"):format(math.max(low, math.min(high, value)))
end

--- space.size(axes) -> how many different settings there are, or nil where a range is drawn from
---@param axes table[]
---@return integer?
function space.size(axes)
  local size = 1
  for _, axis in ipairs(axes) do
    if not axis.list or size > 1000000 then return nil end
    size = size * #axis.list
  end
  return size
end

-- The settings of number n, from 0, of all that lists have.
local function place(axes, n)
  local values = {}
  for _, axis in ipairs(axes) do
    values[axis.name] = axis.list[n % #axis.list + 1]
    n = n // #axis.list
  end
  return values
end

local function key(axes, values)
  local parts = {}
  for i, axis in ipairs(axes) do parts[i] = values[axis.name] end
  return table.concat(parts, "\0")
end

local TRIES <const> = 100 -- draws for a trial that is not there yet

--- space.trials(axes, count, seed) -> list of { name = text }
---
--- Trial t depends on the seed and on those before it alone, so more of them begin with the same ones. No two are
--- equal; there are fewer than count where no more are found.
---@param axes table[]
---@param count integer
---@param seed integer
---@return table<string, string>[]
function space.trials(axes, count, seed)
  local trials, size = {}, space.size(axes)
  if size then
    local order = {}
    for i = 1, size do order[i] = i - 1 end
    math.randomseed(seed, 0)
    for i = size, 2, -1 do
      local j = math.random(i)
      order[i], order[j] = order[j], order[i]
    end
    for i = 1, math.min(count, size) do trials[i] = place(axes, order[i]) end
    return trials
  end
  local known = {}
  for t = 1, count do
    local values
    for try = 0, TRIES do
      math.randomseed(seed, t << 16 | try)
      values = {}
      for _, axis in ipairs(axes) do values[axis.name] = draw(axis) end
      if not known[key(axes, values)] then break end
      values = nil
    end
    if not values then break end
    known[key(axes, values)], trials[t] = true, values
  end
  return trials
end

--- space.words(axes, values) -> words of a command line
---@param axes table[]
---@param values table<string, string>
---@return string[]
function space.words(axes, values)
  local words = {}
  for _, axis in ipairs(axes) do
    local value = values[axis.name]
    if axis.switch then
      if value == "on" then words[#words + 1] = "--" .. axis.name end
    else
      words[#words + 1] = "--" .. axis.name
      words[#words + 1] = value
    end
  end
  return words
end

return space

-- frames.lua: the variables of a function that waits, as the globals of another chunk: they can be read and changed.

local debug, rawget, type, setmetatable, globals = debug, rawget, type, setmetatable, _G

local hidden = require("rnn.repl.reading").HIDDEN

local frames = {}

local function is_users(info)
  return info.what ~= "C" and not info.source:find("^@%[rnn%]")
end

-- What training by rnn.fit offers under names of its own, below the user's variables.
local function offers(run)
  return { run = run, model = run.model, opt = run.optimizer, history = run.history }
end

-- The level of the innermost function of a user, or nil, and the run of rnn.fit, if there is one above it.
local function look(thread)
  local level, run = 0, nil
  while true do
    local info = debug.getinfo(thread, level, "S")
    if not info then return nil, run end
    if info.source == "@[rnn]/train/safe_place.lua" then
      local _, value = debug.getlocal(thread, level, 1)
      run = value
    end
    if is_users(info) then return level, run end
    level = level + 1
  end
end

-- Where the variable name of the level is: a number of a local, or nil. The last of equal names is the one in sight.
local function local_index(thread, level, name)
  local found
  local i = 1
  while true do
    local here = debug.getlocal(thread, level, i)
    if not here then return found end
    if here == name then found = i end
    i = i + 1
  end
end

local function upvalue_index(f, name)
  local i = 1
  while true do
    local here = debug.getupvalue(f, i)
    if not here then return nil end
    if here == name and name ~= "_ENV" then return i end
    i = i + 1
  end
end

-- The names of all variables in sight.
local function names_of(thread, level, f, offered)
  local names = {}
  for name in pairs(offered) do names[name] = true end
  for i = 1, math.huge do
    local name = level and debug.getlocal(thread, level, i)
    if not name then break end
    if name:find("^[%a_][%w_]*$") and name ~= hidden then names[name] = true end
  end
  for i = 1, math.huge do
    local name = f and debug.getupvalue(f, i)
    if not name then break end
    if name:find("^[%a_][%w_]*$") and name ~= "_ENV" then names[name] = true end
  end
  return names
end

--- frames.environment(thread) -> environment, place
---
--- A table to be the globals of chunks: the local variables and upvalues of the innermost function of a user that waits
--- in thread, in front of the real globals; assigning changes the variable. place says where it waits: "train.lua:41".
--- getmetatable(environment).names holds the names, for completion.
---@param thread thread
---@return table
---@return string?
function frames.environment(thread)
  local level, run = look(thread)
  local info = level and debug.getinfo(thread, level, "Slf")
  local f = info and info.func
  local offered = type(run) == "table" and offers(run) or {}
  local meta = { names = names_of(thread, level, f, offered) }
  function meta.__index(_, name)
    local i = level and local_index(thread, level, name)
    if i then
      local _, value = debug.getlocal(thread, level, i)
      return value
    end
    i = f and upvalue_index(f, name)
    if i then
      local _, value = debug.getupvalue(f, i)
      return value
    end
    local value = globals[name]
    if value ~= nil then return value end
    return rawget(offered, name)
  end
  function meta.__newindex(_, name, value)
    local i = level and local_index(thread, level, name)
    if i then
      debug.setlocal(thread, level, i, value)
      return
    end
    i = f and upvalue_index(f, name)
    if i then
      debug.setupvalue(f, i, value)
      return
    end
    globals[name] = value
  end
  local place
  if run then
    place = ("epoch %d, step %d of rnn.fit"):format(run.epoch, run.batch)
  elseif info then
    place = ("%s:%d"):format(info.short_src, info.currentline)
  end
  return setmetatable({}, meta), place
end

return frames

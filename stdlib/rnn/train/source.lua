-- source.lua: batches that a script's own function gives. It is called when an epoch begins, and may be an iterator,
-- which gives the batches itself, call by call, or make one: a function that returns what the loop `for x, y in ...`
-- takes, or a coroutine that yields x, y.

local core = require "rnn.core"
local class = require "rnn.class"
local nest = require "rnn.nest"

--- Source(fname, argname, f): called like batches, source(nil, nil) begins an epoch.
---@class train.Source
---@field plain boolean f is an iterator itself, which has but one place
---@overload fun(fname: string, argname: string, f: function): train.Source
local Source = class("train.Source")

function Source:init(fname, argname, f)
  self.fname, self.argname, self.f, self.plain = fname, argname, f, false
end

local function is_iterator(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(value) == "table" and type(meta) == "table" and meta.__call ~= nil
end

-- The next batch of a coroutine; its error is one of the caller's.
local function resume(thread)
  local ok, x, y, weights = coroutine.resume(thread)
  if not ok then error(x, 0) end
  if coroutine.status(thread) == "dead" then return nil end
  return x, y, weights
end

-- Objects are the script's own affair: its model knows them.
local function check_part(self, name, value)
  if value == nil or type(value) == "table" and getmetatable(value) then return end
  nest.check(self.fname, ("%s: a batch of it: %s"):format(self.argname, name), value)
end

-- x, y and weights as they are, or an error that says what is wrong with them.
local function checked(self, x, y, weights)
  check_part(self, "x", x)
  check_part(self, "y", y)
  check_part(self, "weights", weights)
  return x, y, weights
end

-- The first call in an epoch.
local function begin(self)
  local ok, a, b, c = pcall(self.f, nil, nil)
  if not ok then
    if tostring(a):find("cannot resume dead coroutine", 1, true) then
      core.fail("%s: %s: the coroutine ended in the epoch before; give a function that makes a new one for each epoch: "
        .. "function() return coroutine.wrap(f) end", self.fname, self.argname)
    end
    error(a, 0)
  end
  self.plain = false
  if type(a) == "thread" then
    self.next, self.state, self.control = function() return resume(a) end, nil, nil
  elseif is_iterator(a) then
    self.next, self.state, self.control = a, b, c
  else
    self.next, self.state, self.plain = self.f, nil, true
    return a, b, c
  end
  return self.next(self.state, self.control)
end

function Source.__call(self, _, before)
  if before == nil then
    self.next = nil
    return checked(self, begin(self))
  end
  return checked(self, self.next(self.state, before))
end

return Source

-- place.lua: where a loop over data is. `for x, y in batches do` hands an iterator nothing but the value before, x, so
-- the place is kept by x: every loop has its own, however many go over the same batches at once.

local core = require "rnn.core"
local check = require "rnn.check"

local place = {}

--- place.new() -> places: what places are kept in; each is forgotten with its x.
function place.new() return setmetatable({}, { __mode = "k" }) end

--- place.before(fname, state, x) -> x
---
--- What a loop hands an iterator beside itself; called as f() it would begin again each time.
function place.before(fname, ...)
  if select("#", ...) < 2 then
    core.fail("%s: a call without the batch before begins an epoch each time; write for x, y in batches do ... end, or "
      .. "x, y = batches(nil, x), with an x that is nil at first", fname)
  end
  return (select(2, ...))
end

--- place.of(places, fname, x) -> the place that was kept by x
function place.of(places, fname, x)
  local found = places[x]
  if found == nil then check.expected(fname, "the value before", "a batch that this iterator gave", x) end
  return found
end

-- The same values under a handle of its own.
local function another(fname, x)
  if core.is_tensor(x) then return x:requires_grad() and x * 1 or x:copy() end
  if type(x) ~= "table" then check.expected(fname, "the first value of a batch", "a tensor or a table", x) end
  local copy = {}
  for key, value in pairs(x) do copy[key] = value end
  return setmetatable(copy, getmetatable(x))
end

--- place.keep(places, fname, x, at) -> x
---
--- Keeps a place by x; by a copy where x is that of a place already, when a script gives one tensor again and again.
function place.keep(places, fname, x, at)
  if places[x] ~= nil or type(x) ~= "table" and not core.is_tensor(x) then x = another(fname, x) end
  places[x] = at
  return x
end

return place

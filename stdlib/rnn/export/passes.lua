-- passes.lua: one loop over elements as several, each with one function like tanh. A function is a long chain of
-- operations that wait for each other; a processor overlaps such chains of neighbouring elements when little else is in
-- the loop. What goes from pass to pass lies in columns that nobody reads any more, so that it costs no memory.

local LONG = {}
for _, name in ipairs { "exp", "tanh", "sigmoid", "log", "log1p", "softplus", "log_sigmoid", "gelu", "silu", "erf",
  "expm1", "elu", "selu", "sin", "cos" } do
  LONG[name] = true
end

-- Of each value its pass, and how many there are: a function is alone in one, other values are where they are needed
-- first, or where their inputs are ready.
local function order(values, base_of)
  local ready, pass, count, users = {}, {}, 0, {}
  for _, v in ipairs(values) do
    ready[v] = 1
    for _, input in ipairs(v.inputs) do
      local base = base_of(input)
      ready[v] = math.max(ready[v], ready[base] or 1)
      users[base] = users[base] or {}
      table.insert(users[base], v)
    end
    if LONG[v.op] then
      count = count + 1
      ready[v] = count
    end
  end
  for i = #values, 1, -1 do
    local v = values[i]
    local first = math.huge
    for _, user in ipairs(users[v] or {}) do first = math.min(first, pass[user]) end
    pass[v] = (LONG[v.op] or first == math.huge) and ready[v] or first
  end
  return pass, count
end

--- passes(values, width, base_of, homes_of, is_spare) -> { { values }, ... }, place of each value that lies in spare
--- columns; or nil: it has to be one loop
---
--- base_of(value) -> what it lies in, from which column on; homes_of(value) -> the places that it is written to;
--- is_spare(base) -> the place, when nobody reads it after this loop. A place is
--- text of C, with its first column.
return function(values, width, base_of, homes_of, is_spare)
  local pass, count = order(values, base_of)
  if count < 2 then return nil end
  local own, reads, until_pass = {}, {}, {}
  for _, v in ipairs(values) do own[v] = true end
  for _, v in ipairs(values) do
    for _, input in ipairs(v.inputs) do
      local base, from = base_of(input)
      if own[base] then
        until_pass[base] = math.max(until_pass[base] or 0, pass[v])
      elseif base.kind == "op" or base.kind == "state" then
        reads[#reads + 1] = { base = base, from = from, to = from + input.width, pass = pass[v] }
      end
    end
  end
  -- May what is read as those columns be written over in that pass, column by column?
  local function is_free(base, from, at)
    for _, r in ipairs(reads) do
      local apart = r.base ~= base or r.to <= from or r.from >= from + width
      if not apart and (r.pass > at or r.pass == at and (r.from ~= from or r.to ~= from + width)) then return false end
    end
    return true
  end
  local places = {}
  for _, v in ipairs(values) do
    local homes = homes_of(v)
    for _, base in ipairs(homes) do -- of states that are read as they were
      if base.kind and not is_free(base, 0, pass[v]) then return nil end
    end
    if (until_pass[v] or 0) > pass[v] and #homes == 0 then
      for _, r in ipairs(reads) do
        local place = r.to - r.from == width and is_spare(r.base)
        if place and is_free(r.base, r.from, pass[v]) then
          places[v] = r.from > 0 and ("%s + %d"):format(place, r.from) or place
          reads[#reads + 1] = { base = r.base, from = r.from, to = r.to, pass = until_pass[v] }
          break
        end
      end
      if not places[v] then return nil end
    end
  end
  local list = {}
  for at = 1, count do list[at] = {} end
  for _, v in ipairs(values) do table.insert(list[pass[v]], v) end
  return list, places
end

-- locals.lua: which names does a chunk declare local at its top level? They are gone when the chunk ends, which at the
-- prompt is the end of the line.

local opens = { ["do"] = true, ["function"] = true, ["if"] = true, ["repeat"] = true }
local closes = { ["end"] = true, ["until"] = true }

-- The position after the comment or string that begins at position i, or nil when none does.
local function skip(text, i)
  local level = text:match("^%-%-%[(=*)%[", i) or text:match("^%[(=*)%[", i)
  if level then
    local _, last = text:find("]" .. level .. "]", i, true)
    return (last or #text) + 1
  end
  if text:find("^%-%-", i) then return (text:find("\n", i, true) or #text) + 1 end
  local quote = text:match("^[\"']", i)
  if not quote then return nil end
  repeat
    i = text:find("[\\" .. quote .. "]", i + 1) or #text
    local escaped = text:sub(i, i) == "\\"
    if escaped then i = i + 1 end
  until not escaped or i >= #text
  return i + 1
end

-- All words of a chunk outside comments and strings, and single characters for the rest.
local function tokens(text)
  local list, i = {}, 1
  while i <= #text do
    local after = skip(text, i)
    if not after then
      local token = text:match("^[%a_][%w_]*", i) or text:sub(i, i)
      if not token:find("^%s") then list[#list + 1] = token end
      after = i + #token
    end
    i = after
  end
  return list
end

-- The names that the declaration after position i of the tokens makes: f of "function f", a and b of "a <const>, b".
local function declared(list, i, names)
  if list[i] == "function" then i = i + 1 end
  repeat
    names[#names + 1] = list[i]
    i = i + 1
    if list[i] == "<" then i = i + 3 end
    local comma = list[i] == ","
    i = i + 1
  until not comma
end

--- top_locals(text) -> names
---
--- The names that a correct chunk declares with local outside every block, in their order.
---@param text string
---@return string[]
local function top_locals(text)
  local names, depth, list = {}, 0, tokens(text)
  for i, token in ipairs(list) do
    if token == "local" and depth == 0 then declared(list, i + 1, names) end
    if opens[token] then depth = depth + 1 end
    if closes[token] then depth = depth - 1 end
  end
  return names
end

return top_locals

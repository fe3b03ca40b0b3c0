-- split.lua: text without white space as words, numbers and punctuation.

local special = require("rnn.text.vocab")._special

-- Characters beyond ASCII that are tokens by themselves: punctuation, symbols, emoji and, as no blanks are written
-- between them, ideographs. First and last code point of each run.
local ALONE = {
  0xA1, 0xA9, 0xAB, 0xB1, 0xB4, 0xB4, 0xB6, 0xB8, 0xBB, 0xBB, 0xBF, 0xBF, 0xD7, 0xD7, 0xF7, 0xF7, 0x37E, 0x37E,
  0x387, 0x387, 0x55A, 0x55F, 0x589, 0x58A, 0x5BE, 0x5BE, 0x5F3, 0x5F4, 0x60C, 0x60D, 0x61B, 0x61F, 0x66A, 0x66D,
  0x6D4, 0x6D4, 0x964, 0x965, 0xE3F, 0xE3F, 0x2010, 0x205E, 0x20A0, 0x20CF, 0x2190, 0x245F, 0x2500, 0x2BFF,
  0x2E00, 0x2E7F, 0x3001, 0x303F, 0x3400, 0x4DBF, 0x4E00, 0x9FFF, 0xF900, 0xFAFF, 0xFE10, 0xFE1F, 0xFE30, 0xFE6F,
  0xFF01, 0xFF0F, 0xFF1A, 0xFF20, 0xFF3B, 0xFF40, 0xFF5B, 0xFF65, 0xFFE0, 0xFFFD, 0x1F000, 0x1F3FA, 0x1F400, 0x1FAFF,
  0x20000, 0x3FFFF,
}

-- Characters that belong to the one before them: combining marks, variation selectors, skin colours.
local ATTACHED = { 0x300, 0x36F, 0x1AB0, 0x1AFF, 0x20D0, 0x20FF, 0xFE00, 0xFE0F, 0x1F3FB, 0x1F3FF, 0xE0020, 0xE007F }

local JOINER = "\u{200D}" -- between the parts of an emoji

-- Characters that stay inside a word when a letter, or inside a number when a digit, is on both sides.
local INNER = { ["'"] = "letter", ["’"] = "letter", ["."] = "digit", [","] = "digit" }

local function within(runs, code)
  for i = 1, #runs, 2 do
    if code < runs[i] then return false end
    if code <= runs[i + 1] then return true end
  end
  return false
end

-- The kind of each character met so far: "letter", "digit", "alone" or "attached".
local kinds = setmetatable({}, {
  __index = function(self, character)
    local code, kind = utf8.codepoint(character), "letter"
    if code < 0x80 then
      kind = character:find "[0-9]" and "digit" or character:find "[A-Za-z_]" and "letter" or "alone"
    elseif within(ATTACHED, code) or character == JOINER then
      kind = "attached"
    elseif within(ALONE, code) then
      kind = "alone"
    end
    self[character] = kind
    return kind
  end,
})

local function cut(chunk, list)
  local n = #list
  if not chunk:find "[^A-Za-z0-9_]" then
    list[n + 1] = chunk
    return
  end
  local all = {}
  for character in chunk:gmatch(utf8.charpattern) do all[#all + 1] = character end
  local from, word, last = 1, false, nil -- where the token begins; whether it is a word; kind of the last character
  for i, character in ipairs(all) do
    local kind, goes_on = kinds[character], word
    if kind == "attached" or all[i - 1] == JOINER then
      goes_on = true
    elseif kind == "alone" then
      goes_on = word and INNER[character] == last and i < #all and kinds[all[i + 1]] == last
      word = goes_on
    else
      word = true
    end
    if kind ~= "attached" then last = kind end
    if not goes_on and i > from then
      n = n + 1
      list[n] = table.concat(all, "", from, i - 1)
      from = i
    end
  end
  list[n + 1] = table.concat(all, "", from)
end

--- split(chunk, list): appends the tokens of a run without white space, in valid UTF-8, to list; <unk>, <s> and </s>
--- are such
---@param chunk string
---@param list string[]
return function(chunk, list)
  if not chunk:find("<", 1, true) then return cut(chunk, list) end
  local from = 1
  for at, word, after in chunk:gmatch "()(</?[a-z]+>)()" do
    if special[word] then
      if at > from then cut(chunk:sub(from, at - 1), list) end
      list[#list + 1], from = word, after
    end
  end
  if from <= #chunk then cut(chunk:sub(from), list) end
end

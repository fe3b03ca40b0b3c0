-- pages.lua: the tutorial, the how-tos, the questions and the course at the prompt. The texts are data,
-- rnn.doc.page_texts, made of docs/ when the program is built (docs/pages.lua).

local check = require "rnn.check"
local doc = require "rnn.doc"
local terminal = require "rnn.terminal"

local pages = {}

local function texts() return require "rnn.doc.page_texts" end

local ALIASES <const> = { course = "course/README", curso = "course/README.pt", howto = "howto/README",
  howtos = "howto/README", questions = "faq", labels = "faq", nan = "howto/debugging", state = "howto/padding",
  tbptt = "howto/long-sequences", freezing = "howto/fine-tuning", sandbox = "howto/capsules",
  onnx = "howto/export" }

--- pages.find(name) -> page | nil
---
--- A page by its name, "howto/padding", by the last part of that, "padding", or by a word of it, "neuron"; by the
--- number of a lesson, "02"; or by a word of its title, as "preenchimento" for Portuguese ones. A page is { name =,
--- title =, text = }.
---@param name string
---@return { name: string, title: string, text: string }?
function pages.find(name)
  check.string("doc.pages.find", "argument 1 (name)", name)
  local wanted = name:lower():gsub("_", "-")
  wanted = (ALIASES[wanted] or wanted):lower()
  local by_word, by_title
  for _, page in ipairs(texts()) do
    local whole = page.name:lower()
    local last = whole:match "[^/]*$"
    if whole == wanted or last == wanted or last:gsub("^%d%d%-", "") == wanted then return page end
    if #wanted > 1 and ("-" .. last .. "-"):find("[-/]" .. wanted:gsub("%p", "%%%0") .. "[-]") then
      by_word = by_word or page
    end
    local title = page.title:lower():gsub("[%s%p]+", " ") .. " "
    if #wanted > 4 and (" " .. title):find(" " .. wanted .. " ", 1, true) then by_title = by_title or page end
  end
  return by_word or by_title
end

-- The first sentence of a text.
local function first_sentence(text)
  text = text:gsub("%s+", " ")
  return text:match "^(.-%.) " or text
end

--- pages.search(words) -> array of { "?nn.LSTM", sentence }
---
--- Names of help and lines of pages that have all the words, in any case. Those with a word in their name come first,
--- and pages in another language than the terminal's last.
---@param words string
---@return { [1]: string, [2]: string }[]
function pages.search(words)
  check.string("doc.pages.search", "argument 1 (words)", words)
  local wanted, found = {}, {}
  for word in words:lower():gmatch "%S+" do wanted[#wanted + 1] = word end
  local function has_all(text)
    text = text:lower()
    for _, word in ipairs(wanted) do
      if not text:find(word, 1, true) then return false end
    end
    return #wanted > 0
  end
  local seen, is_portuguese = {}, terminal.portuguese()
  for _, name in ipairs(doc.names()) do
    local entry = doc.entry(name)
    if doc.is_public(name) and not seen[entry] and has_all(name .. " " .. entry.text) then
      seen[entry] = true
      found[#found + 1] = { "?" .. name, first_sentence(entry.text), has_all(name) and 1 or 3 }
    end
  end
  for _, page in ipairs(texts()) do
    if has_all(page.title .. "\n" .. page.text) then
      local line
      for each in page.text:gmatch "[^\n]+" do -- of tables the text of the cells, and only where there is no other
        if has_all(each) and (not line or line:find "^|" and not each:find "^|") then line = each end
      end
      line = (line or page.title):gsub("^|%s*", ""):gsub("%s*|$", ""):gsub("%s*|%s*", ": ")
      local rank = has_all(page.title) and 0 or 2
      if page.name:find "%.pt$" and not is_portuguese then rank = 4 end
      found[#found + 1] = { "?" .. page.name, line:match "^[#%s]*(.*)", rank }
    end
  end
  table.sort(found, function(a, b) return a[3] < b[3] or a[3] == b[3] and a[1] < b[1] end)
  return found
end

return pages

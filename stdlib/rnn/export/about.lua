-- export/about.lua: what belongs to a model that leaves: scalers, names of outputs, words. Options of what exports, and
-- the same from the file that rnn.save has written.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"

local about = {}

local beside = setmetatable({}, { __mode = "k" }) -- lists that were beside a model in its file

local function scaler(fname, argname, value)
  if class.is_a(value, require("rnn.data").Scaler) and value.scale then return value end
  check.expected(fname, argname, "a data.Scaler that was fitted", value)
end

local function strings(fname, argname, value)
  if type(value) == "table" and type(value.tokens) == "table" then value = value.tokens end
  check.table(fname, argname, value)
  for i, word in ipairs(value) do check.string(fname, ("%s, entry %d"):format(argname, i), word) end
  return value
end

about.rows = {
  { "scaler", nil, option.kind("data.Scaler", scaler), "the inputs are raw, and scaled there" },
  { "target_scaler", nil, option.kind("data.Scaler", scaler), "the outputs are taken back by it there" },
  { "labels", nil, option.kind("string[]", strings), "names of the outputs" },
  { "vocab", nil, option.kind("string[]|text.Vocab", strings), "the words of ids" },
  { "inputs", nil, option.int(1), "features of a step, where the first layer does not say it" },
}

-- What rnn.save's extra has for it: entries of these names, or the only one of its kind.
local function take(extra, names, is)
  for _, name in ipairs(names) do
    if is(extra[name]) then return extra[name] end
  end
  local found
  for _, value in pairs(extra) do
    if is(value) then
      if found then return nil end
      found = value
    end
  end
  return found
end

local function is_strings(value)
  if type(value) ~= "table" or getmetatable(value) or #value == 0 then return false end
  for _, word in ipairs(value) do
    if type(word) ~= "string" then return false end
  end
  return true
end

-- Scaler, target_scaler, labels and vocab of what rnn.save kept beside a model.
local function of_file(extra)
  extra = type(extra) == "table" and extra or {}
  local options, vocab = {}
  local function is_scaler(value) return class.is_a(value, require("rnn.data").Scaler) end
  local function is_vocab(value) return type(value) == "table" and type(value.tokens) == "table" end
  options.target_scaler = is_scaler(extra.target_scaler) and extra.target_scaler or nil
  local others = {}
  for key, value in pairs(extra) do others[key] = key ~= "target_scaler" and value or nil end
  options.scaler = take(others, { "scaler", "input_scaler" }, is_scaler)
  vocab = take(others, { "vocab" }, is_vocab)
  options.vocab = vocab and vocab.tokens
  options.labels = take(others, { "labels", "classes", "names" }, is_strings)
  for _, list in pairs { options.vocab, options.labels } do beside[list] = true end
  return options
end

--- about.words(fname, made, options) -> { labels =, vocab = }
---
--- The words that go with a graph. Errors: labels of another count than the outputs, a vocabulary where there are
--- neither ids nor as many outputs; of what a file has beside the model, such words are left out, which is said.
function about.words(fname, made, options)
  local words, outputs = {}, made.width
  for name, list in pairs { labels = options.labels, vocab = options.vocab } do
    local fits = #list == outputs or name == "vocab" and (made.x.ids or made.decoder)
    local why = ("%s: option '%s' has %d words, the model %d outputs"):format(fname, name, #list, outputs)
    words[name] = fits and list or nil
    if not fits and not beside[list] then core.fail("%s", why) end
    if not fits then io.stderr:write(why, ": left out\n") end
  end
  return words
end

--- about.export(f, path, output, options) -> results of f | nil, message
---
--- Calls f(model, output, options) with the model of a file of rnn.save, and with what it kept beside it.
function about.export(f, path, output, options)
  local model, extra = require "rnn.save".load(path)
  if not model then return nil, extra end
  for name, value in pairs(of_file(extra)) do options[name] = value end
  local ok, result, message = pcall(f, model, output, options)
  if not ok then return nil, (tostring(result):gsub("^[^\n]-:%d+: ", "", 1)) end
  return result, message
end

return about

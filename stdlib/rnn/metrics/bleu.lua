-- bleu.lua: BLEU (Papineni et al. 2002) as sacreBLEU computes it (Post 2018): corpus level, groups of up to four words,
-- 13a tokens, exponential smoothing, any number of references.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local lowercase = require "rnn.lowercase"
local characters = require "rnn.text.characters"

local ORDER = 4

-- White space as blanks, none at the end. Newlines stay: 13a treats them apart.
local function plain_spaces(s)
  return (characters.blanks(s):gsub("[\t\v\f\r\x1C-\x1F]", " "):gsub("[ \n]+$", ""))
end

-- sacreBLEU's "13a": what NIST's mteval-v13a.pl does, punctuation apart but within numbers.
local function tokenize_13a(s)
  s = s:gsub("<skipped>", ""):gsub("%-\n", ""):gsub("\n", " ")
  s = s:gsub("&quot;", '"'):gsub("&amp;", "&"):gsub("&lt;", "<"):gsub("&gt;", ">")
  return (" " .. s .. " "):gsub("[{-~[-` -&(-+:-@/]", " %0 "):gsub("([^0-9])([.,])", "%1 %2 ")
    :gsub("([.,])([^0-9])", " %1 %2"):gsub("([0-9])(%-)", "%1 %2 ")
end

local function same(s) return s end
local TOKENIZERS = { ["13a"] = tokenize_13a, none = same }

local OPTIONS = option.of("metrics.bleu", {
  { "tokenize", "13a", option.kind("string|function", function(fname, argname, value)
    if type(value) ~= "function" and not TOKENIZERS[value] then
      check.expected(fname, argname, "'13a', 'none' or a function", value)
    end
    return value
  end, { '"13a"', '"none"' }), "as sacreBLEU by default, at white space only, or a function from a string to a list of "
    .. "tokens or a string with blanks between them" },
  { "lowercase", false, check.boolean, "all text, before it is cut" },
})

-- text -> list of tokens, as the options say.
local function tokenizer(fname, options)
  local own = type(options.tokenize) == "function"
  local split = own and options.tokenize or TOKENIZERS[options.tokenize]
  return function(s)
    if options.lowercase then s = lowercase(s) end
    local tokens = split(own and s or plain_spaces(s))
    if type(tokens) == "table" then return tokens end
    if type(tokens) ~= "string" then
      check.expected(fname, "option 'tokenize': its result", "a list of tokens or a string", tokens)
    end
    local list = {}
    for token in plain_spaces(tokens):gmatch "[^ \n]+" do list[#list + 1] = token end
    return list
  end
end

-- How often each group of n tokens stands in a list. A group's key has the length of each token before it, so that
-- different groups have different keys whatever the tokens are.
local function groups(tokens, n)
  local counts, keys = {}, {}
  for i, token in ipairs(tokens) do keys[i] = #token .. " " .. token end
  for i = 1, #tokens - n + 1 do
    local key = table.concat(keys, "", i, i + n - 1)
    counts[key] = (counts[key] or 0) + 1
  end
  return counts
end

-- Adds a hypothesis to the sums: its length, its groups, and how many of them a reference has.
local function add(sums, hypothesis, references)
  local nearest = #references[1]
  for _, reference in ipairs(references) do
    local far, near = math.abs(#reference - #hypothesis), math.abs(nearest - #hypothesis)
    if far < near or (far == near and #reference < nearest) then nearest = #reference end
  end
  sums.hypothesis_length, sums.reference_length = sums.hypothesis_length + #hypothesis, sums.reference_length + nearest
  for n = 1, ORDER do
    local most = {}
    for _, reference in ipairs(references) do
      for key, count in pairs(groups(reference, n)) do most[key] = math.max(most[key] or 0, count) end
    end
    for key, count in pairs(groups(hypothesis, n)) do
      sums.totals[n] = sums.totals[n] + count
      sums.counts[n] = sums.counts[n] + math.min(count, most[key] or 0)
    end
  end
end

-- The score of the sums, as sacreBLEU's compute_bleu with smoothing "exp": a precision of 0 counts as 1/2, 1/4 ... of a
-- match; an order of which the hypotheses have no group makes the score 0.
local function score(sums)
  local hypotheses, references = sums.hypothesis_length, sums.reference_length
  sums.precisions, sums.brevity = { 0.0, 0.0, 0.0, 0.0 }, 1.0
  if hypotheses < references then sums.brevity = hypotheses > 0 and math.exp(1 - references / hypotheses) or 0.0 end
  local matches = 0
  for n = 1, ORDER do matches = matches + sums.counts[n] end
  if matches == 0 then return 0.0, sums end
  local share, logs = 1, 0.0
  for n = 1, ORDER do
    if sums.totals[n] == 0 then return 0.0, sums end
    if sums.counts[n] == 0 then
      share = share * 2
      sums.precisions[n] = 100 / (share * sums.totals[n])
    else
      sums.precisions[n] = 100 * sums.counts[n] / sums.totals[n]
    end
    logs = logs + math.log(sums.precisions[n])
  end
  return sums.brevity * math.exp(logs / ORDER), sums
end

--- metrics.bleu(hypotheses, references [, options]) -> number, details
---
--- BLEU of a corpus, 0 to 100. hypotheses: a list of strings; references: for each of them a string or a list of
--- strings. details has precisions (four), brevity (the penalty), counts and totals (matching and all groups of 1 to
--- 4), hypothesis_length and reference_length (in tokens; of the nearest reference each).
---
--- Papineni et al. 2002, "BLEU"; Post 2018, "A Call for Clarity in Reporting BLEU Scores"; equals sacreBLEU 2.6
--- "nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp".
--- Errors: no hypothesis, unequal numbers of hypotheses and references.
---@param hypotheses string[]
---@param references (string|string[])[]
---@param options? metrics.bleu.Options
---@return number
---@return table details
local function bleu(hypotheses, references, options)
  local fname = "metrics.bleu"
  check.table(fname, "argument 1 (hypotheses)", hypotheses)
  check.table(fname, "argument 2 (references)", references)
  local tokens = tokenizer(fname, OPTIONS:read(options))
  if #hypotheses == 0 then core.fail("%s: argument 1 (hypotheses): there is none", fname) end
  if #hypotheses ~= #references then
    core.fail("%s: there are %d hypotheses and %d references; every hypothesis needs a string or a list of strings",
      fname, #hypotheses, #references)
  end
  local sums = { counts = { 0, 0, 0, 0 }, totals = { 0, 0, 0, 0 }, hypothesis_length = 0, reference_length = 0 }
  for i, hypothesis in ipairs(hypotheses) do
    check.string(fname, ("hypothesis %d"):format(i), hypothesis)
    local own = references[i]
    if type(own) == "string" then own = { own } end
    if type(own) ~= "table" or #own == 0 then
      check.expected(fname, ("references of hypothesis %d"):format(i), "a string or a list of strings", own)
    end
    local lists = {}
    for j, reference in ipairs(own) do
      lists[j] = tokens(check.string(fname, ("reference %d of hypothesis %d"):format(j, i), reference))
    end
    add(sums, tokens(hypothesis), lists)
  end
  return score(sums)
end

return bleu

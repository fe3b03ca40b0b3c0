-- options.lua: rows of options that whatever writes sequences of ids has.

local check = require "rnn.check"
local option = require "rnn.option"

local function check_ids(fname, argname, ids)
  for i, id in ipairs(check.table(fname, argname, ids)) do
    check.int(fname, ("%s, entry %d"):format(argname, i), id, 1)
  end
  return ids
end

local options = {}

--- How ids are drawn.
options.sampling = {
  { "temperature", nil, option.number(0), "what logits are divided by: below 1 likely ids become likelier, 0 takes the "
    .. "likeliest" },
  { "top_k", nil, option.int(1), "keeps so many of the likeliest ids" },
  { "top_p", nil, option.kind("number", function(fname, argname, value)
    check.number(fname, argname, value, 0, 1)
    if value == 0 then check.expected(fname, argname, "a number above 0 and up to 1", value) end
    return value
  end), "keeps the likeliest ids whose probabilities together reach it (the nucleus of Holtzman et al. 2020)" },
}

--- Which sequences are looked for.
options.search = {
  { "max_length", 100, option.int(1), "ids in a sequence at most, with the prefix, without start and stop" },
  { "beam", nil, option.int(1), "beam search with so many hypotheses a sequence" },
  { "length_penalty", 1, option.number(0), "hypotheses are compared by log probability / length ^ length_penalty; the "
    .. "stop counts" },
  { "prefix", nil, option.kind("integer[]|integer[][]", function(fname, argname, value)
    if type(check.table(fname, argname, value)[1]) ~= "table" then return check_ids(fname, argname, value) end
    for row, ids in ipairs(value) do check_ids(fname, ("%s, row %d"):format(argname, row), ids) end
    return value
  end), "ids that the sequences must begin with: a list for all, or a list of lists, one for each" },
  { "on_token", nil, check.callback, "(id, row, position) is called at once for each id that was chosen; false ends "
    .. "that row" },
}

return options

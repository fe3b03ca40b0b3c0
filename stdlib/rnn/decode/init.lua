-- rnn.decode: sequences from whatever gives the next id's logits, many at once, in one search. Where ids are drawn,
-- each sequence has one hypothesis, which goes on by the id drawn; greedy is drawing at temperature 0. A beam search
-- keeps the `beam` best: of their continuations by every id the best 2 * beam are looked at, since at most one
-- continuation of each is the stop.

local core = require "rnn.core"
local check = require "rnn.check"
local choice = require "rnn.choice"
local option = require "rnn.option"
local State = require "rnn.state"

local decode = {}

-- ---- options ----

local function check_ids(fname, argname, ids)
  for i, id in ipairs(check.table(fname, argname, ids)) do
    check.int(fname, ("%s, entry %d"):format(argname, i), id, 1)
  end
  return ids
end

local SAMPLING = {
  { "temperature", nil, option.number(0), "what logits are divided by: below 1 likely ids become likelier, 0 takes the "
    .. "likeliest" },
  { "top_k", nil, option.int(1), "keeps so many of the likeliest ids" },
  { "top_p", nil, option.kind("number", function(fname, argname, value)
    check.number(fname, argname, value, 0, 1)
    if value == 0 then check.expected(fname, argname, "a number above 0 and up to 1", value) end
    return value
  end), "keeps the likeliest ids whose probabilities together reach it (the nucleus of Holtzman et al. 2020)" },
}

local SEARCH = {
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

local GENERATE = option.of("decode.generate", {
  { "step", nil, check.callback, "function (ids, state) -> logits (N, V), new state; ids int32 (N) are those chosen "
    .. "last", required = true },
  { "state", nil, option.any, "the first step's: a tensor, or tables of tensors, with a row for each sequence" },
  { "start", nil, option.kind("integer|rnn.Tensor", function(fname, argname, value)
    if core.is_tensor(value) then return check.tensor(fname, argname, value, "int32", 1) end
    return check.int(fname, argname, value, 1)
  end), "id that the first step gets, or an int32 (N); without it the prefix begins the sequences" },
  { "stop", nil, option.int(1), "id that ends a sequence; without it all have max_length ids" },
}, SEARCH, SAMPLING)

local SAMPLE = option.of("decode.sample", SAMPLING, { { "temperature", 1, SAMPLING[1][3], SAMPLING[1][4] } })

-- ---- one id for each row ----

local COLDEST = 1e-30 -- no float divides by less

local function check_sampling(fname, options)
  for _, name in ipairs { "top_k", "top_p" } do
    SAMPLE:effect(options, name, options.temperature ~= 0, "temperature 0 takes the likeliest id", fname)
  end
end

-- int32 (N) from logits (N, V).
local function draw(logits, temperature, top_k, top_p)
  if temperature < COLDEST then return logits:argmax(-1) end
  local rows, k = logits:shape()
  if temperature ~= 1 then logits = (logits - logits:max(-1, true)) / temperature end
  local ids -- of the columns, where they are not 1 .. V
  if top_k and top_k < k or top_p then
    k = math.min(top_k or k, k)
    ids = logits:topk(k)
    logits = logits:take_along_axis(ids, 2)
  end
  if top_p then
    local p = logits:softmax(-1)
    logits = core.where((p:cumsum(-1) - p):lt(top_p), logits, -math.huge)
  end
  -- The largest of logits + Gumbel noise is a draw from their softmax; noise of -inf or logits of -inf never win.
  local place = (logits - (-core.rand(rows, k):log()):log()):argmax(-1)
  return ids and ids:take_along_axis(place:reshape(rows, 1), 2):reshape(rows) or place
end

--- decode.sample(logits [, options]) -> ids
---
--- Draws one id for each row from softmax(logits / temperature). Both top_k and top_p may be given. The numbers are
--- those of rnn.seed.
--- Errors: logits of no id, rows of logits that hold nan, +inf, or -inf alone.
---@param logits rnn.Tensor (N, V)
---@param options? decode.sample.Options
---@return rnn.Tensor ids int32 (N)
function decode.sample(logits, options)
  local fname = "decode.sample"
  check.tensor(fname, "argument 1 (logits)", logits, "float", 2)
  if logits:count() == 0 then check.expected(fname, "argument 1 (logits)", "logits of an id or more", logits) end
  options = SAMPLE:read(options)
  check_sampling(fname, options)
  logits = (logits:lengths() and logits:without_lengths() or logits):detach()
  choice.check(fname, logits, nil, choice.place { #logits })
  return core.no_grad(draw, logits, options.temperature, options.top_k, options.top_p)
end

-- ---- the search ----
--
-- A sequence is { row, prefix, living, found, index: its place among those that the last step was asked for }. A
-- hypothesis is { id, logp, count of ids scored, slot: the place of the one that it goes on from }. Where ids are drawn
-- it has its ids as well; in a beam search, where several go on from one, it is a chain from the last id to the first,
-- by before.

-- Puts a hypothesis among those that its sequence has found, best first.
local function finish(run, sequence, hypothesis, stopped)
  local found, logp, count, ids = sequence.found, hypothesis.logp, hypothesis.count, hypothesis.ids
  if not ids then
    local at, shift = stopped and hypothesis.before or hypothesis, run.from - 1 -- 1: the first id is the sequence's own
    ids = {}
    for place = at.count + shift, 1, -1 do ids[place], at = at.id, at.before end
  end
  local score, place = count == 0 and 0 or logp / count ^ run.length_penalty, #found + 1
  while place > 1 and found[place - 1].score < score do place = place - 1 end
  table.insert(found, place, { ids = ids, score = score, logp = logp, count = count, finished = stopped })
end

-- Each sequence's hypothesis goes on by an id drawn from its logits, or by the prefix's, which neither stops nor ends
-- it. Gives these ids.
local function draw_on(run, sequences, logits, logp, position)
  local ids = draw(logits, run.temperature, run.top_k, run.top_p):totable()
  for i, sequence in ipairs(sequences) do ids[i] = sequence.prefix[position] or ids[i] end
  local chosen = core.tensor(ids, "int32")
  local gained = logp:take_along_axis(chosen:reshape(#ids, 1), 2):reshape(#ids):totable()
  for i, sequence in ipairs(sequences) do
    local hypothesis, id, forced = sequence.living[1], ids[i], sequence.prefix[position]
    local stopped = id == run.stop and not forced
    hypothesis.id, hypothesis.logp, hypothesis.count = id, hypothesis.logp + gained[i], hypothesis.count + 1
    if not stopped then hypothesis.ids[position] = id end
    if stopped or run.on_token and not forced and run.on_token(id, sequence.row, position) == false then
      finish(run, sequence, hypothesis, stopped)
      sequence.living = {}
    end
  end
  return chosen
end

-- Each sequence's best continuations live on; those that stop among the first `beam` are finished, and when so many
-- have finished, none lives. The prefix goes on from all. total: the scores of all continuations (N, hypotheses *
-- vocabulary).
local function branch(run, sequences, total, vocabulary, position)
  local best = total:topk(math.min(2 * run.beam, total:size(2)))
  local places, scores = best:totable(), total:take_along_axis(best, 2):totable()
  for i, sequence in ipairs(sequences) do
    local before, living, forced = sequence.living, {}, sequence.prefix[position]
    for rank = 1, forced and #before or #places[i] do
      local slot, id = rank, forced
      if not forced then slot, id = (places[i][rank] - 1) // vocabulary + 1, (places[i][rank] - 1) % vocabulary + 1 end
      local logp = forced and total[i]:get((slot - 1) * vocabulary + id) or scores[i][rank]
      if not forced and (logp == -math.huge or #living == run.beam) then break end
      local hypothesis = { id = id, logp = logp, count = before[slot].count + 1, slot = slot, before = before[slot] }
      if forced or id ~= run.stop then
        living[#living + 1] = hypothesis
      elseif rank <= run.beam then
        finish(run, sequence, hypothesis, true)
      end
    end
    sequence.living = #sequence.found < run.beam and living or {}
  end
end

-- What the next step is asked for, width rows a sequence: ids, the state's rows, and scores. Where fewer hypotheses
-- live, the first is repeated with a score that nothing can come from. asked: { rows, width } of the last step.
local function rows_of(sequences, width, state, asked)
  local ids, parents, scores, moved = {}, {}, {}, #sequences * width ~= asked.rows
  for i, sequence in ipairs(sequences) do
    for slot = 1, width do
      local hypothesis, at = sequence.living[slot] or sequence.living[1], #ids + 1
      ids[at], parents[at] = hypothesis.id, (sequence.index - 1) * asked.width + hypothesis.slot
      scores[at] = sequence.living[slot] and hypothesis.logp or -math.huge
      moved = moved or parents[at] ~= at
    end
    sequence.index = i
  end
  if moved and state ~= nil then state = State._gather(state, core.tensor(parents, "int32")) end
  return core.tensor(ids, "int32"), state, scores
end

-- Log probabilities from what the step gave for rows of sequences, checked.
local function log_probabilities(run, logits, rows, sequences, position)
  if not core.is_tensor(logits) or logits:type() ~= "float" or logits:ndim() ~= 2 or #logits ~= rows
    or logits:size(2) == 0 then
    check.expected(run.fname, "option 'step': its result", ("logits (%d, V)"):format(rows), logits)
  end
  local logp = logits:log_softmax(-1)
  local first = logp:select(2, 1) -- one log probability is nan where all are
  if first:ne(first):sum():item() > 0 then
    choice.check(run.fname, logits, nil, function(i)
      return ("row %d, step %d"):format(sequences[(i - 1) * #sequences // rows + 1].row, position)
    end)
  end
  for i = 1, run.prefix and #sequences or 0 do
    local forced = sequences[i].prefix[position]
    if forced and forced > logits:size(2) then
      core.fail("%s: option 'prefix', row %d, entry %d: expected an id from 1 to %d, as the logits have, got %d",
        run.fname, sequences[i].row, position, logits:size(2), forced)
    end
  end
  return logp
end

local function search(run)
  local sequences, state, position, asked = run.sequences, run.state, run.from, { rows = #run.sequences, width = 1 }
  local found_ids, found_scores, details, ids = {}, {}, {}, nil
  while true do
    local going = {}
    for _, sequence in ipairs(sequences) do
      if position <= run.max_length and #sequence.living > 0 then
        going[#going + 1] = sequence
      else
        local row = sequence.row
        for _, hypothesis in ipairs(sequence.living) do finish(run, sequence, hypothesis, false) end
        local top = sequence.found[1] or { ids = {}, score = 0, logp = -math.huge, count = 0, finished = false }
        found_ids[row], found_scores[row] = top.ids, top.score
        details[row] = { ids = top.ids, logp = top.logp, count = top.count, finished = top.finished,
          beams = run.beam and table.move(sequence.found, 1, run.beam, 1, {}) or nil }
      end
    end
    if #going == 0 then return found_ids, found_scores, details end
    local width, scores = position == run.from and 1 or run.beam or 1, nil
    if not ids or #going < #sequences then ids, state, scores = rows_of(going, width, state, asked) end
    local logits, after = run.step(ids, state)
    local logp = log_probabilities(run, logits, #ids, going, position)
    if run.beam then
      local total = (logp + core.tensor(scores):reshape(-1, 1)):reshape(#going, -1)
      branch(run, going, total, logp:size(2), position)
      ids = nil
    else
      ids = draw_on(run, going, logits, logp, position)
    end
    sequences, state, position, asked = going, after, position + 1, { rows = #logits, width = width }
  end
end

-- ---- what it is asked for ----

-- How many rows the first tensor of a state has; nil for no state.
local function count_rows(state)
  if core.is_tensor(state) then return state:ndim() > 0 and #state or nil end
  if type(state) ~= "table" then return nil end
  for _, value in pairs(state) do
    local rows = count_rows(value)
    if rows then return rows end
  end
end

-- The rows of options that whoever decodes by _run reads.
decode._options = { SEARCH, SAMPLING }

-- decode.generate after its options, those of GENERATE, have been read.
function decode._run(fname, options)
  local run, prefix, start, rows = {}, options.prefix or {}, options.start, count_rows(options.state)
  local lists = type(prefix[1]) == "table"
  for _, given in ipairs { { "start", core.is_tensor(start) and start }, { "prefix", lists and prefix } } do
    if given[2] and rows and #given[2] ~= rows then
      core.fail("%s: option '%s' is for %d sequences, but there are %d", fname, given[1], #given[2], rows)
    end
    rows = given[2] and #given[2] or rows
  end
  for name, value in pairs(options) do run[name] = value end
  run.fname, run.sequences, run.from = fname, {}, start and 1 or 2
  local first = core.is_tensor(start) and start:totable()
  for row = 1, rows or 1 do
    local own = lists and prefix[row] or not lists and prefix
    if #own > run.max_length then
      core.fail("%s: option 'prefix': %d ids, more than max_length %d", fname, #own, run.max_length)
    end
    local root = { id = first and first[row] or start or own[1], slot = 1, logp = 0, count = 0 }
    if not run.beam then root.ids = { not start and root.id or nil } end
    run.sequences[row] = { row = row, index = row, prefix = own, living = { root }, found = {} }
  end
  for _, sequence in ipairs(run.sequences) do
    if not sequence.living[1].id then
      core.fail("%s: needs option 'start', or a prefix of one id or more for each row", fname)
    end
  end
  if run.temperature or run.top_k or run.top_p then
    check_sampling(fname, run)
    if run.beam then core.fail("%s: option 'beam' excludes temperature, top_k and top_p", fname) end
    run.temperature = run.temperature or 1
  end
  run.temperature = run.temperature or 0
  if run.beam and run.on_token then
    core.fail("%s: option 'on_token': a beam search knows its ids only at the end; leave beam out", fname)
  end
  return core.no_grad(search, run)
end

--- decode.generate { step = f, state = s, start = id, stop = id, ... } -> ids, scores, details
---
--- Sequences from a model that gives the next id's logits, many at once. With temperature, top_k or top_p ids are
--- drawn, as decode.sample does; without them the likeliest id is taken. Returns the ids of each sequence (lists, with
--- the prefix, without start and stop), its score (log probability / length ^ length_penalty) and details: { logp,
--- count (ids scored), finished (stopped by itself), and with beam: beams = { { ids, score, logp, finished }, ... },
--- best first }. Rows that have ended are taken out of ids and state, so step must not rely on their number. Records
--- nothing.
---@param options decode.generate.Options
---@return integer[][] ids
---@return number[] scores
---@return table[] details
function decode.generate(options)
  return decode._run("decode.generate", GENERATE:read(options))
end

return decode

-- generate.lua: sequences from a step function: what the options say, checked; then a walk or a beam search.

local core = require "rnn.core"
local check = require "rnn.check"
local sample = require "rnn.decode.sample"
local search = require "rnn.decode.search"

local OPTIONS = {
  step = check.none, state = check.none, start = check.none, stop = check.none, max_length = 100, beam = check.none,
  length_penalty = 1, prefix = check.none, on_token = check.none, temperature = check.none, top_k = check.none,
  top_p = check.none,
}

local fname = "decode.generate"

-- How many rows the first tensor of a state has; nil for no state.
local function rows_of(state)
  if core.is_tensor(state) then return state:ndim() > 0 and #state or nil end
  if type(state) ~= "table" then return nil end
  for _, value in pairs(state) do
    local rows = rows_of(value)
    if rows then return rows end
  end
end

local function id_list(argname, ids)
  check.table(fname, argname, ids)
  for i, id in ipairs(ids) do check.int(fname, ("%s, entry %d"):format(argname, i), id, 1) end
  return ids
end

-- The forced ids of each row, and their number of rows where the option says it.
local function read_prefix(prefix)
  if prefix == nil then return {}, nil end
  check.table(fname, "option 'prefix'", prefix)
  if type(prefix[1]) ~= "table" then return { all = id_list("option 'prefix'", prefix) }, nil end
  for row, ids in ipairs(prefix) do id_list(("option 'prefix', row %d"):format(row), ids) end
  return prefix, #prefix
end

local function equal_rows(rows, other, what)
  if rows and other and rows ~= other then
    core.fail("%s: option '%s' is for %d sequences, but there are %d", fname, what, other, rows)
  end
  return rows or other
end

-- Which ids the first step gets, and where in the sequences its answer stands.
local function begin(run, start)
  if start ~= nil then
    run.first = core.is_tensor(start) and start or core.full({ run.rows, type = "int32" }, start)
    run.position, run.scored_first = 1, true
    return
  end
  local first = {}
  for row = 1, run.rows do
    first[row] = run.prefix[row][1]
    if not first[row] then core.fail("%s: needs option 'start', or a prefix of one id or more for each row", fname) end
    run.found[row].ids[1] = first[row]
  end
  run.first, run.position, run.scored_first = core.tensor(first, "int32"), 2, false
end

local function prepare(options)
  options = check.options(fname, options, OPTIONS)
  local run = { fname = fname, step = check.callback(fname, "option 'step'", options.step), state = options.state }
  run.max_length = check.int(fname, "option 'max_length'", options.max_length, 1)
  run.stop = options.stop ~= nil and check.int(fname, "option 'stop'", options.stop, 1) or nil
  run.length_penalty = check.number(fname, "option 'length_penalty'", options.length_penalty, 0)
  run.on_token = options.on_token ~= nil and check.callback(fname, "option 'on_token'", options.on_token) or nil
  local start = options.start
  if core.is_tensor(start) then
    check.tensor(fname, "option 'start'", start, "int32", 1)
  elseif start ~= nil then
    check.int(fname, "option 'start'", start, 1)
  end
  local prefix, prefix_rows = read_prefix(options.prefix)
  local rows = equal_rows(rows_of(run.state), core.is_tensor(start) and #start or nil, "start")
  run.rows = equal_rows(rows, prefix_rows, "prefix") or 1
  run.prefix, run.found = {}, {}
  for row = 1, run.rows do
    run.prefix[row] = prefix[row] or prefix.all or {}
    if #run.prefix[row] > run.max_length then
      core.fail("%s: option 'prefix': %d ids, more than max_length %d", fname, #run.prefix[row], run.max_length)
    end
    run.found[row] = { ids = {}, logp = 0, count = 0, finished = false }
  end
  begin(run, start)
  if options.temperature or options.top_k or options.top_p then run.sampling = sample.settings(fname, options) end
  if options.beam ~= nil then
    run.beam = check.int(fname, "option 'beam'", options.beam, 1)
    if run.sampling then core.fail("%s: option 'beam' excludes temperature, top_k and top_p", fname) end
    if run.on_token then
      core.fail("%s: option 'on_token': a beam search knows its ids only at the end; leave beam out", fname)
    end
  end
  return run
end

--- decode.generate { step = f, state = s, start = id, stop = id, ... } -> ids, scores, details
---
--- Sequences from a model that gives the next id's logits, many at once. Options:
---   step         function (ids, state) -> logits (N, V), new state. ids int32 (N): the ids chosen last
---   state        the first step's state: nil, a tensor, or tables of tensors, with a row for each sequence
---   start        the id that the first step gets, or an int32 (N); without it the prefix begins the sequences
---   stop         the id that ends a sequence (nil: all have max_length ids)
---   max_length   ids in a sequence at most, with the prefix, without start and stop (100)
---   temperature, top_k, top_p    draws ids, as decode.sample does; without them the likeliest id is taken
---   beam         beam search with so many hypotheses a sequence
---   length_penalty    hypotheses are compared by log probability / length ^ length_penalty (1); the stop counts
---   prefix       ids that the sequences must begin with: a list for all, or a list of lists, one for each
---   on_token     function (id, row, position), called at once for each id that was chosen; false ends that row
--- Returns the ids of each sequence (lists, with the prefix, without start and stop), its score (log probability /
--- length ^ length_penalty) and details: { logp, count (ids scored), finished (stopped by itself), and with beam:
--- beams = { { ids, score, logp, finished }, ... }, best first }.
--- Rows that have ended are taken out of ids and state, so step must not rely on their number. Records nothing.
---@param options table
---@return integer[][] ids
---@return number[] scores
---@return table[] details
return function(options)
  local run = prepare(options)
  if run.position <= run.max_length then
    core.no_grad(require(run.beam and "rnn.decode.beam" or "rnn.decode.walk"), run)
  end
  local ids, scores = {}, {}
  for row, sequence in ipairs(run.found) do
    ids[row], scores[row] = sequence.ids, search.score(run, sequence.logp, sequence.count)
  end
  return ids, scores, run.found
end

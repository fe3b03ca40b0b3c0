-- generate.lua: sequences from a step function: what the options say, checked; then a walk or a beam search.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local shared = require "rnn.decode.options"
local sample = require "rnn.decode.sample"
local search = require "rnn.decode.search"

local fname = "decode.generate"

local OPTIONS = option.of(fname, {
  { "step", nil, check.callback, "function (ids, state) -> logits (N, V), new state; ids int32 (N) are those chosen "
    .. "last", required = true },
  { "state", nil, option.any, "the first step's: a tensor, or tables of tensors, with a row for each sequence" },
  { "start", nil, option.kind("integer|rnn.Tensor", function(_, argname, value)
    if core.is_tensor(value) then return check.tensor(fname, argname, value, "int32", 1) end
    return check.int(fname, argname, value, 1)
  end), "id that the first step gets, or an int32 (N); without it the prefix begins the sequences" },
  { "stop", nil, option.int(1), "id that ends a sequence; without it all have max_length ids" },
}, shared.search, shared.sampling)

-- How many rows the first tensor of a state has; nil for no state.
local function rows_of(state)
  if core.is_tensor(state) then return state:ndim() > 0 and #state or nil end
  if type(state) ~= "table" then return nil end
  for _, value in pairs(state) do
    local rows = rows_of(value)
    if rows then return rows end
  end
end

-- The forced ids of each row, and their number of rows where the option says it.
local function read_prefix(prefix)
  if prefix == nil then return {}, nil end
  if type(prefix[1]) ~= "table" then return { all = prefix }, nil end
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
  options = OPTIONS:read(options)
  local run = { fname = fname, step = options.step, state = options.state,
    stop = options.stop, max_length = options.max_length, length_penalty = options.length_penalty,
    beam = options.beam, on_token = options.on_token }
  local start = options.start
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
  if options.temperature or options.top_k or options.top_p then run.sampling = sample.settings(OPTIONS, options) end
  if run.beam then
    if run.sampling then core.fail("%s: option 'beam' excludes temperature, top_k and top_p", fname) end
    if run.on_token then
      core.fail("%s: option 'on_token': a beam search knows its ids only at the end; leave beam out", fname)
    end
  end
  return run
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

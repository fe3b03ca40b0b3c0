-- ctc.lua: labels without times: connectionist temporal classification (Graves, Fernández, Gomez, Schmidhuber 2006).
--
-- A network gives each frame a label or "blank"; repeated classes are merged, then blanks dropped: 1 1 _ 1 2 2 reads
-- 1 1 2. The loss sums over all frames' readings of the labels, decoding looks for the likeliest labels. The blank is
-- by default the last class, so with V labels the layer before is nn.Linear(units, V + 1).

local core = require "rnn.core"
local check = require "rnn.check"
local choice = require "rnn.choice"
local option = require "rnn.option"

local ctc = {}

local BLANK = { "blank", nil, option.int(1), "class of the blank; the last where it is not given" }

local LOSS = option.of("ctc.loss", {
  BLANK,
  { "skip_impossible", false, check.boolean, "leaves sequences out whose labels have more frames than there are" },
  { "padded", false, check.boolean, "labels 0 are padding, also before the end of a sequence" },
  { "sample_weights", nil, option.kind("rnn.Tensor", function(fname, argname, value)
    return check.tensor(fname, argname, value, "float", 1)
  end), "float (N), how many times each sequence counts; one of weight 0 is left out, whatever it holds" },
  { "reduction", "mean", option.one_of { "mean", "sum", "none" }, "by label, the sum over the sequences over the "
    .. "number of all labels; the sum; or the value of each sequence, (N)" },
})
local GREEDY = option.of("ctc.greedy", { BLANK })
local BEAM = option.of("ctc.beam", { { "width", 16, option.int(1), "how many beginnings are followed" }, BLANK })

local function blank_of(fname, options, classes)
  return options.blank == nil and classes or check.int(fname, "option 'blank'", options.blank, 1, classes)
end

--- ctc.loss(logits, labels [, options]) -> scalar
---
--- -log of the probability of the labels, by label: the sum over the sequences divided by the number of all labels.
--- logits (N, T, C) are plain sums; with lengths, what is behind them does not count. labels int32 (N, S) from 1,
--- with lengths, or with padded = true padded with 0. labels that have more frames than there are (one each, and a
--- blank between two equal ones) are impossible: an error, or with skip_impossible that sequence is left out.
---@param logits rnn.Tensor
---@param labels rnn.Tensor
---@param options? ctc.loss.Options
---@return rnn.Tensor
function ctc.loss(logits, labels, options)
  local fname = "ctc.loss"
  check.tensor(fname, "argument 1 (logits)", logits, "float", 3)
  check.tensor(fname, "argument 2 (labels)", labels, "int32", 2)
  options = LOSS:read(options)
  return core.ctc_loss(logits, labels, blank_of(fname, options, logits:size(3)), options.skip_impossible and 1 or 0,
    options.padded, options.sample_weights, options.reduction)
end

-- Logits as rows (N * T, C) without history. Errors: a frame of a sequence that allows no choice.
local function frames_of(fname, logits)
  local batch, steps, classes = logits:shape()
  local lengths, counts = logits:lengths(), nil
  if lengths then counts = core.arange(steps):reshape(1, steps):le(lengths:reshape(batch, 1)):reshape(-1) end
  local rows = logits:detach():without_lengths():reshape(-1, classes)
  choice.check(fname, rows, counts, choice.place { batch, steps })
  return rows
end

-- Each sequence's frames: f(n, its first frame, its number of frames), frames counted over the batch.
local function each(logits, f)
  local batch, steps = logits:size(1), logits:size(2)
  local lengths, results, scores = logits:lengths(), {}, {}
  for n = 1, batch do
    results[n], scores[n] = f((n - 1) * steps, lengths and lengths:get(n) or steps)
  end
  return results, scores
end

--- ctc.greedy(logits [, options]) -> list of lists of labels
---
--- The likeliest class of each frame, read as labels: "best path decoding", quick and not always the likeliest labels.
--- Errors: a frame whose logits hold nan, +inf, or -inf alone.
---@param logits rnn.Tensor (N, T, C), with lengths or without
---@param options? ctc.greedy.Options
---@return integer[][]
function ctc.greedy(logits, options)
  local fname = "ctc.greedy"
  check.tensor(fname, "argument 1 (logits)", logits, "float", 3)
  local blank = blank_of(fname, GREEDY:read(options), logits:size(3))
  local best = frames_of(fname, logits):argmax(-1):totable()
  return (each(logits, function(before, frames)
    local labels, last = {}, blank
    for t = before + 1, before + frames do
      local class = best[t]
      if class ~= last and class ~= blank then labels[#labels + 1] = class end
      last = class
    end
    return labels
  end))
end

local NEVER = -math.huge

local function log_add(a, b)
  if a < b then a, b = b, a end
  return b == NEVER and a or a + math.log(1 + math.exp(b - a))
end

-- Puts a beginning into a list of the width likeliest, the likeliest first; of equally likely ones that of lower order.
local function insert(best, width, candidate)
  local total, order, at = candidate.total, candidate.order, #best
  if total == NEVER then return end
  while at > 0 and (best[at].total < total or best[at].total == total and best[at].order > order) do
    best[at + 1], at = best[at], at - 1
  end
  best[at + 1] = candidate
  best[width + 1] = nil
end

-- Prefix beam search over rows of log-probabilities and, of each, the width + 2 likeliest classes; returns the best
-- beginning after the last frame. A beginning is { prefix, blank, own, total, order }: the chances that the frames so
-- far read so and end in a blank, or in the last label, and both. A prefix { parent, label, longer, turn }, of which
-- there is one for the same labels, knows those one label longer that a beam has had. Of a prefix that is not in the
-- beam only its parent says something, and of these no more than the width likeliest can get into the next beam: blank
-- and the own label apart, they are among the likeliest classes.
local function search(rows, likeliest, before, frames, blank, width)
  local turns = 0 -- prefixes that were followed
  local beam = { { prefix = {}, blank = 0, own = NEVER, total = 0, order = 0 } }
  for t = before + 1, before + frames do
    local row, best, now = rows[t], {}, {}
    for _, one in ipairs(beam) do
      local prefix = one.prefix
      now[prefix] = one
      if not prefix.turn then
        turns = turns + 1
        prefix.turn, prefix.longer = turns, {}
      end
    end
    for _, one in ipairs(beam) do -- as long as before
      local prefix, own = one.prefix, NEVER
      local label, shorter = prefix.label, now[prefix.parent]
      if label then own = one.own + row[label] end
      if shorter then
        own = log_add(own, (label == shorter.prefix.label and shorter.blank or shorter.total) + row[label])
      end
      local by_blank = one.total + row[blank]
      insert(best, width, { prefix = prefix, blank = by_blank, own = own, total = log_add(by_blank, own),
        order = one.order })
    end
    for _, one in ipairs(beam) do -- a label longer; two equal ones need a blank between
      local prefix = one.prefix
      for _, class in ipairs(likeliest[t]) do
        local worst, known = best[width], prefix.longer[class]
        if worst and one.total + row[class] < worst.total then break end
        if class ~= blank and not now[known] then
          local total = (class == prefix.label and one.blank or one.total) + row[class]
          insert(best, width, { prefix = known, parent = prefix, label = class, blank = NEVER, own = total,
            total = total, order = prefix.turn * #row + class })
        end
      end
    end
    for _, one in ipairs(best) do
      if not one.prefix then
        one.prefix = { parent = one.parent, label = one.label }
        one.parent.longer[one.label] = one.prefix
      end
    end
    beam = best
  end
  return beam[1]
end

--- ctc.beam(logits [, options]) -> list of lists of labels, list of log-probabilities
---
--- Prefix beam search: the chances of all frames' readings of the same labels are added, and the width likeliest
--- beginnings are followed (Graves 2008, section 7.5; Hannun et al. 2014). The second result is the logarithm of the
--- probability of each sequence's labels, as far as the beam has followed it: never more than the true one.
--- Errors: a frame whose logits hold nan, +inf, or -inf alone.
---@param logits rnn.Tensor (N, T, C), with lengths or without
---@param options? ctc.beam.Options
---@return integer[][]
---@return number[]
function ctc.beam(logits, options)
  local fname = "ctc.beam"
  check.tensor(fname, "argument 1 (logits)", logits, "float", 3)
  options = BEAM:read(options)
  local width, blank = options.width, blank_of(fname, options, logits:size(3))
  local rows = frames_of(fname, logits):log_softmax(-1)
  local likeliest = rows:topk(math.min(width + 2, rows:size(2))):totable()
  rows = rows:totable()
  return each(logits, function(before, frames)
    local best, labels = search(rows, likeliest, before, frames, blank, width), {}
    local prefix = best.prefix
    while prefix.parent do
      table.insert(labels, 1, prefix.label)
      prefix = prefix.parent
    end
    return labels, best.total
  end)
end

return ctc

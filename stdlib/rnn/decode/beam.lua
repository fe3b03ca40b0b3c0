-- beam.lua: beam search, all sequences of the batch at once.
--
-- Each sequence keeps the `beam` best hypotheses. Of their continuations by every id the best 2 * beam are looked at,
-- since at most one continuation of each hypothesis is the stop: those that end among the best `beam` are finished, the
-- others live on. A sequence is done when as many as `beam` have finished; what lives at max_length competes as it is.
-- With one hypothesis this is the greedy walk.

local core = require "rnn.core"
local search = require "rnn.decode.search"

-- A hypothesis is a chain of its ids from the last to the first: { id, before, logp, count }. ids_of gives its ids
-- after first, which was there before it, and without the stop.
local function ids_of(hypothesis, stopped, first)
  local ids, shift = { first }, first and 1 or 0
  local at = stopped and hypothesis.before or hypothesis
  for place = at.count + shift, 1 + shift, -1 do
    ids[place] = at.id
    at = at.before
  end
  return ids
end

local function finish(run, sentence, hypothesis, stopped)
  local found = sentence.finished
  found[#found + 1] = { hypothesis = hypothesis, stopped = stopped, order = #found,
    score = search.score(run, hypothesis.logp, hypothesis.count) }
end

local function extend(before, id, logp)
  return { id = id, before = before, logp = logp, count = before.count + 1 }
end

-- The living hypotheses of a sentence after one more id, each with .slot, the place of the one before it.
local function continue(run, sentence, places, scores, total, vocabulary, position)
  local forced, living = run.prefix[sentence.row][position], {}
  if forced then
    for slot, before in ipairs(sentence.living) do
      living[slot] = extend(before, forced, total:get((slot - 1) * vocabulary + forced))
      living[slot].slot = slot
    end
    return living
  end
  for rank, place in ipairs(places) do
    if scores[rank] == -math.huge or #living == run.beam then break end
    local slot, id = (place - 1) // vocabulary + 1, (place - 1) % vocabulary + 1
    local hypothesis = extend(sentence.living[slot], id, scores[rank])
    if id ~= run.stop then
      hypothesis.slot = slot
      living[#living + 1] = hypothesis
    elseif rank <= run.beam then
      finish(run, sentence, hypothesis, true)
    end
  end
  return #sentence.finished >= run.beam and {} or living
end

-- Sorts what a sentence has found and puts it into run.found.
local function settle(run, sentence)
  local list, beams = sentence.finished, {}
  table.sort(list, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.order < b.order
  end)
  for i = 1, math.min(#list, run.beam) do
    local entry = list[i]
    local first = not run.scored_first and run.prefix[sentence.row][1] or nil
    beams[i] = { ids = ids_of(entry.hypothesis, entry.stopped, first), score = entry.score,
      logp = entry.hypothesis.logp, count = entry.hypothesis.count, finished = entry.stopped }
  end
  local best = beams[1] or { ids = {}, logp = -math.huge, count = 0, finished = false }
  run.found[sentence.row] = { ids = best.ids, logp = best.logp, count = best.count, finished = best.finished,
    beams = beams }
end

-- What the next step is asked for: `beam` rows a sentence; where fewer live, the first is repeated with a score that
-- nothing can come from.
local function rows_of(run, sentences, width)
  local ids, parents, scores = {}, {}, {}
  for _, sentence in ipairs(sentences) do
    for slot = 1, run.beam do
      local hypothesis = sentence.living[slot]
      local at = #ids + 1
      ids[at] = (hypothesis or sentence.living[1]).id
      parents[at] = (sentence.index - 1) * width + (hypothesis or sentence.living[1]).slot
      scores[at] = hypothesis and hypothesis.logp or -math.huge
    end
  end
  return core.tensor(ids, "int32"), core.tensor(parents, "int32"), core.tensor(scores)
end

--- beam(run): fills run.found[row] = { ids, logp, count, finished, beams }.
return function(run)
  local sentences, state, ids = {}, run.state, run.first
  for row = 1, run.rows do
    sentences[row] = { row = row, finished = {}, living = { { logp = 0, count = 0 } } }
  end
  local scores, width, position = core.zeros(run.rows), 1, run.position
  while #sentences > 0 do
    local logp
    logp, state = search.step(run, ids, state, position, function(i) return sentences[(i - 1) // width + 1].row end)
    local count, vocabulary = #sentences, logp:size(2)
    local total = (logp + scores:reshape(-1, 1)):reshape(count, width * vocabulary)
    local places = total:topk(math.min(2 * run.beam, width * vocabulary))
    local best = total:take_along_axis(places, 2):totable()
    places = places:totable()
    local still = {}
    for i, sentence in ipairs(sentences) do
      sentence.index = i
      sentence.living = continue(run, sentence, places[i], best[i], total[i], vocabulary, position)
      if position == run.max_length then
        for _, hypothesis in ipairs(sentence.living) do finish(run, sentence, hypothesis, false) end
        sentence.living = {}
      end
      if #sentence.living > 0 then still[#still + 1] = sentence else settle(run, sentence) end
    end
    if #still > 0 then
      local parents
      ids, parents, scores = rows_of(run, still, width)
      state = search.gather(state, parents)
    end
    sentences, width, position = still, run.beam, position + 1
  end
end

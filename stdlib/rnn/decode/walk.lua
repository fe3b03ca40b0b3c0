-- walk.lua: one sequence a row, an id at a time: the likeliest (greedy), or a draw.

local core = require "rnn.core"
local sample = require "rnn.decode.sample"
local search = require "rnn.decode.search"

-- The next id of every living row, as a table; forced ones are where the prefix has them.
local function choose(run, logits, living, position)
  local ids = run.sampling and sample.draw(logits, run.sampling) or logits:argmax(-1)
  ids = ids:totable()
  for i, row in ipairs(living) do ids[i] = run.prefix[row][position] or ids[i] end
  return ids
end

-- Appends id to the row's sequence; false when that ends it.
local function append(run, row, id, logp, position)
  local sequence, forced = run.found[row], run.prefix[row][position]
  sequence.logp, sequence.count = sequence.logp + logp, sequence.count + 1
  if id == run.stop and not forced then
    sequence.finished = true
    return false
  end
  sequence.ids[position] = id
  if run.on_token and not forced and run.on_token(id, row, position) == false then return false end
  return position < run.max_length
end

--- walk(run): fills run.found[row] = { ids, logp, count, finished }.
return function(run)
  local living, state, ids = {}, run.state, run.first
  for row = 1, run.rows do living[row] = row end
  local position = run.position
  while #living > 0 do
    local logp, logits
    logp, state, logits = search.step(run, ids, state, position, function(i) return living[i] end)
    local chosen = choose(run, logits, living, position)
    ids = core.tensor(chosen, "int32")
    local gained = logp:take_along_axis(ids:reshape(#chosen, 1), 2):reshape(#chosen):totable()
    local still, rows = {}, {}
    for i, row in ipairs(living) do
      if append(run, row, chosen[i], gained[i], position) then
        still[#still + 1], rows[#rows + 1] = row, i
      end
    end
    if #still < #living and #still > 0 then -- ended rows cost nothing more
      rows = core.tensor(rows, "int32")
      ids, state = ids:gather(1, rows), search.gather(state, rows)
    end
    living, position = still, position + 1
  end
end

-- search.lua: what both ways of decoding share: asking the user's step, choosing rows of a state.

local core = require "rnn.core"
local check = require "rnn.check"
local choice = require "rnn.choice"
local State = require "rnn.state"

local search = {}

--- search.step(run, ids, state, position, row_of) -> log probabilities (rows, V), new state, logits
---
--- Calls the user's step and checks what it returned; row_of(i) is the sequence that row i belongs to.
function search.step(run, ids, state, position, row_of)
  local logits, new_state = run.step(ids, state)
  if not core.is_tensor(logits) or logits:type() ~= "float" or logits:ndim() ~= 2 or #logits ~= #ids
    or logits:size(2) == 0 then
    check.expected(run.fname, "option 'step': its result", ("logits (%d, V)"):format(#ids), logits)
  end
  local logp = logits:log_softmax(-1)
  local first = logp:select(2, 1) -- one log probability is nan where all are
  if first:ne(first):sum():item() > 0 then
    choice.check(run.fname, logits, nil, function(i) return ("row %d, step %d"):format(row_of(i), position) end)
  end
  return logp, new_state, logits
end

--- search.gather(state, rows) -> state
---
--- The rows (int32) of every tensor of a state; nil stays nil.
function search.gather(state, rows)
  if state == nil then return nil end
  return State.map(function(t) return core.gather(t, 1, rows) end, state)
end

--- search.score(run, logp, count) -> number
---
--- What sequences of different length are compared by.
function search.score(run, logp, count)
  return count == 0 and 0 or logp / count ^ run.length_penalty
end

return search

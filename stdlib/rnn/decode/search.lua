-- search.lua: what both ways of decoding share: asking the user's step, choosing rows of a state.

local core = require "rnn.core"
local check = require "rnn.check"
local State = require "rnn.nn.state"

local search = {}

--- search.step(run, ids, state) -> log probabilities (rows, V), new state, logits
---
--- Calls the user's step and checks what it returned.
function search.step(run, ids, state)
  local logits, new_state = run.step(ids, state)
  if not core.is_tensor(logits) or logits:type() ~= "float" or logits:ndim() ~= 2 or #logits ~= #ids then
    check.expected(run.fname, "option 'step': its result", ("logits (%d, V)"):format(#ids), logits)
  end
  return logits:log_softmax(-1), new_state, logits
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

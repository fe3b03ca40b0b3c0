-- sample.lua: one id for each row of logits, drawn at random.

local core = require "rnn.core"
local check = require "rnn.check"
local choice = require "rnn.choice"

local sample = {}

sample.OPTIONS = { temperature = check.none, top_k = check.none, top_p = check.none }

local COLDEST = 1e-30 -- no float divides by less

--- sample.settings(fname, options) -> options, checked; a top_k or top_p alone has the temperature 1.
function sample.settings(fname, options)
  local temperature, top_k, top_p = options.temperature, options.top_k, options.top_p
  if temperature ~= nil then check.number(fname, "option 'temperature'", temperature, 0) end
  if top_k ~= nil then top_k = check.int(fname, "option 'top_k'", top_k, 1) end
  if top_p ~= nil then
    check.number(fname, "option 'top_p'", top_p, 0, 1)
    if top_p == 0 then check.expected(fname, "option 'top_p'", "a number above 0 and up to 1", top_p) end
  end
  for _, name in ipairs { "top_k", "top_p" } do
    check.effect(fname, options, sample.OPTIONS, name, temperature ~= 0, "temperature 0 takes the likeliest id")
  end
  return { temperature = temperature or 1, top_k = top_k, top_p = top_p }
end

--- sample.draw(logits, settings) -> int32 (N); settings as sample.settings gives them.
function sample.draw(logits, settings)
  if settings.temperature < COLDEST then return logits:argmax(-1) end
  local rows, k = logits:shape()
  if settings.temperature ~= 1 then logits = (logits - logits:max(-1, true)) / settings.temperature end
  local ids -- of the columns, where they are not 1 .. V
  if settings.top_k and settings.top_k < k or settings.top_p then
    k = math.min(settings.top_k or k, k)
    ids = logits:topk(k)
    logits = logits:take_along_axis(ids, 2)
  end
  if settings.top_p then
    local p = logits:softmax(-1)
    logits = core.where((p:cumsum(-1) - p):lt(settings.top_p), logits, -math.huge)
  end
  -- The largest of logits + Gumbel noise is a draw from their softmax; noise of -inf or logits of -inf never win.
  local place = (logits - (-core.rand(rows, k):log()):log()):argmax(-1)
  return ids and ids:take_along_axis(place:reshape(rows, 1), 2):reshape(rows) or place
end

--- decode.sample(logits [, { temperature = 1, top_k = nil, top_p = nil }]) -> ids
---
--- Draws one id for each row from softmax(logits / temperature): below 1 likely ids become likelier, 0 takes the
--- likeliest. top_k keeps the k likeliest ids only; top_p keeps the likeliest ids whose probabilities together reach
--- top_p (the nucleus of Holtzman et al. 2020). Both may be given. The numbers are those of rnn.seed.
--- Errors: logits of no id, rows of logits that hold nan, +inf, or -inf alone.
---@param logits rnn.Tensor (N, V)
---@param options? { temperature?: number, top_k?: integer, top_p?: number }
---@return rnn.Tensor ids int32 (N)
function sample.sample(logits, options)
  local fname = "decode.sample"
  check.tensor(fname, "argument 1 (logits)", logits, "float", 2)
  if logits:count() == 0 then check.expected(fname, "argument 1 (logits)", "logits of an id or more", logits) end
  local settings = sample.settings(fname, check.options(fname, options, sample.OPTIONS))
  logits = (logits:lengths() and logits:without_lengths() or logits):detach()
  choice.check(fname, logits, nil, choice.place { #logits })
  return core.no_grad(sample.draw, logits, settings)
end

return sample

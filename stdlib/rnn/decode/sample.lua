-- sample.lua: one id for each row of logits, drawn at random.

local core = require "rnn.core"
local check = require "rnn.check"
local choice = require "rnn.choice"
local option = require "rnn.option"
local sampling = require("rnn.decode.options").sampling

local sample = {}

local OPTIONS = option.of("decode.sample", sampling, { { "temperature", 1, sampling[1][3], sampling[1][4] } })

local COLDEST = 1e-30 -- no float divides by less

--- sample.settings(declaration, options) -> settings of what it has read; a top_k or top_p alone has the temperature 1.
function sample.settings(declaration, options)
  for _, name in ipairs { "top_k", "top_p" } do
    declaration:effect(options, name, options.temperature ~= 0, "temperature 0 takes the likeliest id")
  end
  return { temperature = options.temperature or 1, top_k = options.top_k, top_p = options.top_p }
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

--- decode.sample(logits [, options]) -> ids
---
--- Draws one id for each row from softmax(logits / temperature). Both top_k and top_p may be given. The numbers are
--- those of rnn.seed.
--- Errors: logits of no id, rows of logits that hold nan, +inf, or -inf alone.
---@param logits rnn.Tensor (N, V)
---@param options? decode.sample.Options
---@return rnn.Tensor ids int32 (N)
function sample.sample(logits, options)
  local fname = "decode.sample"
  check.tensor(fname, "argument 1 (logits)", logits, "float", 2)
  if logits:count() == 0 then check.expected(fname, "argument 1 (logits)", "logits of an id or more", logits) end
  local settings = sample.settings(OPTIONS, OPTIONS:read(options))
  logits = (logits:lengths() and logits:without_lengths() or logits):detach()
  choice.check(fname, logits, nil, choice.place { #logits })
  return core.no_grad(sample.draw, logits, settings)
end

return sample

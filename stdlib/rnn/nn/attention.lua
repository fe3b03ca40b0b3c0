-- attention.lua: which of many vectors to look at: weights over a memory for every query, and its mean by them.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local Linear = require "rnn.nn.linear"

--- nn.Attention(queries, keys [, options])
---
--- Scores every step k of a memory (N, S, keys) for every query q (N, T, queries); softmax over the memory's valid
--- steps gives the weights, and the context is the mean of the memory by them.
--- Parameters: key.weight, and for the additive score query.weight, key.bias and energy.weight (v).
--- Errors: option units with a score that has none.
---@class nn.Attention : nn.Module
---@field queries integer
---@field keys integer
---@field score string
---@overload fun(queries: integer, keys: integer, options?: nn.Attention.Options): nn.Attention
local Attention = class("nn.Attention", Module)

local OPTIONS = option.of("nn.Attention", {
  { "score", "multiplicative", option.one_of { "multiplicative", "additive" }, 'q . W k ("general" of Luong et al. '
    .. "2015), or v . tanh(W q + U k + b) (Bahdanau et al. 2015)" },
  { "units", nil, option.int(1), "width of the additive score; queries where it is not given" },
})

function Attention:init(queries, keys, options)
  local fname = "nn.Attention"
  self.queries = check.int(fname, "argument 1 (queries)", queries, 1)
  self.keys = check.int(fname, "argument 2 (keys)", keys, 1)
  options = OPTIONS:read(options)
  self.score = options.score
  if self.score == "multiplicative" then
    if options.units ~= nil then core.fail("%s: option 'units' belongs to the additive score", fname) end
    self.key = Linear(self.keys, self.queries, { bias = false })
  else
    self.units = options.units or self.queries
    self.query = Linear(self.queries, self.units, { bias = false })
    self.key = Linear(self.keys, self.units)
    self.energy = Linear(self.units, 1, { bias = false })
  end
end

--- attention:prepare(memory) -> table of tensors
---
--- What does not depend on the queries, for attend: { keys, values, valid }, the batch first in each; valid is 0 for
--- steps past the memory's lengths. Errors: a memory that is not (N, S, keys).
---@param memory rnn.Tensor (N, S, keys)
---@return table
function Attention:prepare(memory)
  if not core.is_tensor(memory) or memory:type() ~= "float" or memory:ndim() ~= 3 or memory:size(3) ~= self.keys then
    core.fail("%s: expected a memory (N, S, %d), got %s", self:describe(), self.keys, check.input(memory))
  end
  local lengths, valid = memory:lengths(), nil
  if lengths then
    memory = memory:zero_padding():without_lengths()
    local steps = memory:size(2)
    valid = core.arange(steps):le(lengths:reshape(-1, 1)):reshape(-1, 1, steps)
  end
  return { keys = self.key(memory), values = memory, valid = valid }
end

-- Scores (N, T, S).
local function scores(self, query, keys)
  if self.score == "multiplicative" then return query:matmul(keys:transpose(2, 3)) end
  local batch, steps, units = keys:shape()
  local asked = query:size(2)
  local sums = self.query(query):reshape(batch, asked, 1, units) + keys:reshape(batch, 1, steps, units)
  return self.energy(sums:tanh()):reshape(batch, asked, steps)
end

--- attention:attend(query, prepared) -> context, weights
---
--- What calling does, with the table that prepare gave: for decoders, which ask the same memory step after step.
--- Errors: queries that are not (N, T, queries), or not as many as memories.
---@param query rnn.Tensor (N, T, queries)
---@param prepared table
---@return rnn.Tensor context (N, T, keys)
---@return rnn.Tensor weights (N, T, S); they add up to 1, or are 0 for a memory of length 0
function Attention:attend(query, prepared)
  if not core.is_tensor(query) or query:type() ~= "float" or query:ndim() ~= 3 or query:size(3) ~= self.queries then
    core.fail("%s: expected queries (N, T, %d), got %s", self:describe(), self.queries, check.input(query))
  end
  if #query ~= #prepared.values then
    core.fail("%s: queries for %d sequences, but a memory of %d", self:describe(), #query, #prepared.values)
  end
  local lengths = query:lengths()
  if lengths then query = query:zero_padding():without_lengths() end
  local energy = scores(self, query, prepared.keys)
  local valid, weights = prepared.valid
  if valid then -- the factor is for memories without any step: their context is 0
    weights = (energy + (valid - 1) * 1e9):softmax(-1) * valid
  else
    weights = energy:softmax(-1)
  end
  local context = weights:matmul(prepared.values)
  if lengths then context = context:with_lengths(lengths) end
  return context, weights
end

--- attention:forward(query, memory) -> context, weights
---
--- Prepares the memory and attends to it in one.
---@param query rnn.Tensor (N, T, queries)
---@param memory rnn.Tensor (N, S, keys), with lengths where it is padded
---@return rnn.Tensor context (N, T, keys)
---@return rnn.Tensor weights (N, T, S)
function Attention:forward(query, memory)
  return self:attend(query, self:prepare(memory))
end

function Attention:describe()
  return ("nn.Attention(%d, %d, %s)"):format(self.queries, self.keys, self.score)
end

function Attention:config()
  return { class = "nn.Attention", args = { self.queries, self.keys }, options = { score = self.score,
    units = self.units } }
end

return Attention

-- softmaxes.lua: a head of language models that is no single softmax.

local core = require "rnn.core"
local class = require "rnn.class"
local check = require "rnn.check"
local option = require "rnn.option"
local Module = require "rnn.nn.module"
local Linear = require "rnn.nn.linear"
local rows_of = require "rnn.nn.rows"

--- nn.MixtureOfSoftmaxes(inputs, vocab [, options])
---
--- (..., inputs) -> log-probabilities (..., vocab), which losses and metrics take as logits: a mean of several
--- softmaxes by weights of their own. One softmax of few inputs cannot say every distribution of many words. Yang, Dai,
--- Salakhutdinov, Cohen 2018, "Breaking the softmax bottleneck", MoS. Layers: prior, latent and out, a
--- nn.Linear(dim, vocab), whose weight may be that of an nn.Embedding.
---@class nn.MixtureOfSoftmaxes : nn.Module
---@field out nn.Linear
---@overload fun(inputs: integer, vocab: integer, options?: nn.MixtureOfSoftmaxes.Options): nn.MixtureOfSoftmaxes
local Mixture = class("nn.MixtureOfSoftmaxes", Module)

local OPTIONS = option.of("nn.MixtureOfSoftmaxes", {
  { "mixtures", 3, option.int(1), "how many softmaxes" },
  { "dim", nil, option.int(1), "the width before each; inputs by default" },
})

function Mixture:init(inputs, vocab, options)
  local fname = "nn.MixtureOfSoftmaxes"
  self.inputs = check.int(fname, "argument 1 (inputs)", inputs, 1)
  self.vocab = check.int(fname, "argument 2 (vocab)", vocab, 1)
  options = OPTIONS:read(options)
  self.mixtures, self.dim = options.mixtures, options.dim or self.inputs
  self.prior = Linear(self.inputs, self.mixtures, { bias = false })
  self.latent = Linear(self.inputs, self.mixtures * self.dim)
  self.out = Linear(self.dim, self.vocab)
end

--- mixture:forward(x) -> log-probabilities (..., vocab)
---
--- Errors: an x whose last axis is not inputs.
---@param x rnn.Tensor (..., inputs)
---@return rnn.Tensor
function Mixture:forward(x)
  if not core.is_tensor(x) or x:type() ~= "float" or x:ndim() == 0 or x:size(-1) ~= self.inputs then
    core.fail("%s: expected input (..., %d), got %s", self:describe(), self.inputs, check.input(x))
  end
  local rows, back = rows_of(x)
  local n = #rows
  local logits = self.out(self.latent(rows):tanh():reshape(n, self.mixtures, self.dim))
  return back((logits:log_softmax(-1) + self.prior(rows):log_softmax(-1):reshape(n, self.mixtures, 1)):logsumexp(2))
end

function Mixture:describe()
  return ("nn.MixtureOfSoftmaxes(%d -> %d, mixtures = %d)"):format(self.inputs, self.vocab, self.mixtures)
end

function Mixture:config()
  return { class = "nn.MixtureOfSoftmaxes", args = { self.inputs, self.vocab },
    options = { mixtures = self.mixtures, dim = self.dim } }
end

return Mixture

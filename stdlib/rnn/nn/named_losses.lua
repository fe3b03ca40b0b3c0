-- named_losses.lua: the losses that need nothing but a name, as training calls them: function (y, target,
-- sample_weights [, padded]).

local core = require "rnn.core"

return {
  mse = core.mse,
  mae = core.mae,
  huber = function(y, target, weights) return core.huber(y, target, 1, weights) end,
  cross_entropy = function(y, target, weights, padded)
    if core.is_tensor(target) and target:type() == "float" then -- distributions
      return require("rnn.nn.loss").cross_entropy(y, target, { sample_weights = weights })
    end
    return core.cross_entropy(y, target, nil, 0, padded, weights)
  end,
  binary_cross_entropy = core.binary_cross_entropy,
  kl_div = core.kl_div,
  poisson_nll = core.poisson_nll,
  gaussian_nll = function(y, target, weights)
    return require("rnn.nn.loss").gaussian_nll(y, target, nil, { sample_weights = weights })
  end,
}

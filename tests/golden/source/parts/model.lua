local nn = require("rnn").nn

return function(units)
  return nn.Sequential { nn.GRU(1, units, { returns = "last" }), nn.Dropout(0.1), nn.Linear(units, 1) }
end

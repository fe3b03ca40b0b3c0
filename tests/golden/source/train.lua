-- What tests/golden/forecast.capsule.zip was made of: a series, a module, sorted words, a scaler.
local rnn = require "rnn"
local model_of = require "parts.model"

local options = rnn.experiment { epochs = 4, units = { 4, "units of the GRU" } }.options
rnn.seed(options.seed)
local values = assert(rnn.data.csv "data/series.csv"):tensor { "value" }
local scaler = rnn.data.Scaler()
local windows = rnn.data.windows(scaler:fit(values):transform(values), { length = 7 })
local model = model_of(options.units)
local history = rnn.fit(model, {
  data = windows:batches { size = 8, shuffle = true }, loss = "mse", epochs = options.epochs,
  optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.02 }), progress = false,
})
local results = rnn.results()
results:add("gru", { loss = history.loss[#history] })
print(("loss %.9g"):format(history.loss[#history]))
if options.save then
  assert(rnn.save(options.save, model, { scaler = scaler, labels = { "low", "high" }, vocabulary = rnn.text.chars "abc",
    input = "7 days, scaled" }))
end

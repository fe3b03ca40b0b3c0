-- Does normalising help? Batch norm on the inputs, layer norm inside the cell, on inputs of two scales.
--
--   rnnlua scripts/course/13-normalise.lua   draws it here, and into 13-normalise.svg
local rnn = require "rnn"
local nn, data = rnn.nn, rnn.data

local path = assert(data.find("cta-ridership", "CTA_-_Ridership_-_Daily_Boarding_Totals.csv"))
local frame = assert(data.csv(path)):sort("service_date"):unique()
local rail = frame:tensor { "rail_boardings" } / 1e6

-- Windows of 56 days to the next one; the input times factor, the target in millions, so that errors compare.
local function windows(from, to, factor)
  local series = rail:rows(frame:between(from, to))
  return data.windows(rnn.concat({ series * factor, series }, 2), { length = 56, input_columns = { 1 },
    target_columns = { 2 } })
end

-- The slide's cell: a simple RNN whose sum is normalised over the units at each step, before tanh.
local LNCell = nn.cell("LNCell", function(self, inputs, units)
  self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units, { bias = false })
  self.norm = nn.LayerNorm(units)
end)
function LNCell:step(x, h)
  h = self.norm(self.wx(x) + self.wh(h)):tanh()
  return h, h
end

local LAST <const> = { returns = "last" }
local MODELS <const> = {
  { "plain", function() return nn.RNN(1, 32, LAST) end },
  { "batch norm on the inputs", function() return nn.Sequential { nn.BatchNorm(1), nn.RNN(1, 32, LAST) } end },
  { "layer norm inside the cell", function() return nn.Recurrent(LNCell(1, 32), LAST) end },
}

local lines = {}
print "mean absolute error, riders a day; inputs in  millions   ten thousands"
for i, entry in ipairs(MODELS) do
  local errors = {}
  for k, factor in ipairs { 1, 100 } do
    rnn.seed(13)
    local model = nn.Sequential { entry[2](), nn.Linear(32, 1) }
    local history = rnn.fit(model, { data = windows("2016-01", "2018-12", factor):batches { size = 32, shuffle = true },
      valid = windows("2019-01", "2019-05", factor), loss = "huber", metrics = { "mae" }, epochs = 30,
      optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.002 }), progress = false })
    errors[k] = math.huge
    for _, mae in ipairs(history.val_mae) do errors[k] = math.min(errors[k], mae) end
    if factor == 100 then lines[i] = { y = history.val_mae, label = entry[1] } end
  end
  print(("%-36s %15.0f %15.0f"):format(entry[1], errors[1] * 1e6, errors[2] * 1e6))
end
print()
local figure = rnn.plot.lines(lines, { title = "Inputs in ten thousands", xlabel = "epoch", ylabel = "validation error",
  log_y = true })
assert(figure:save "13-normalise.svg")

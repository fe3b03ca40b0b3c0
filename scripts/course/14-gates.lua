-- Short memory: one LSTM unit and one GRU unit learn to keep the last marked number, and we watch their gates do it.
--
--   rnnlua scripts/course/14-gates.lua       draws it here, and into 14-gates.svg and 14-memory.svg
local rnn = require "rnn"
local nn = rnn.nn

local T <const> = 40

-- Two features a step: a number from -1 to 1, and a mark, 1 at one step in eight. To be said at each step: the last
-- number that was marked. The one before it must be erased, and numbers without a mark must not get in.
local function sequences(count)
  local number, mark = rnn.rand(count, T) * 2 - 1, rnn.rand(count, T):lt(0.125)
  mark:select(2, 1):fill_(1)
  local kept = { number:select(2, 1) }
  for t = 2, T do kept[t] = rnn.where(mark:select(2, t), number:select(2, t), kept[t - 1]) end
  return rnn.stack({ number, mark }, 3), rnn.stack(kept, 2):reshape(count, T, 1)
end

local rows, names, lines = {}, {}, {}
local function show(name, values)
  rows[#rows + 1], names[#names + 1] = values, name
end

for _, case in ipairs { { "LSTM", { "f", "i", "o", "c" } }, { "GRU", { "z", "r", "h" } } } do
  local kind, local_names = case[1], case[2]
  rnn.seed(14)
  local layer = nn[kind](2, 1)                                 -- one unit: one number to remember
  local model = nn.Sequential { layer, nn.Linear(1, 1) }
  local opt = rnn.optim.Adam(model:parameters(), { lr = 0.02 })
  for _ = 1, 600 do
    local x, y = sequences(32)
    local loss = rnn.mse(model(x), y)
    opt:zero_grad()
    loss:backward()
    rnn.optim.clip_grad_norm(model:parameters(), 1)
    opt:step()
  end

  rnn.seed(2)
  local x, y = sequences(200)
  layer:record(local_names)                                    -- keep these variables of the cell over time
  local said = rnn.predict(model, x)
  print(("%s: error %.4f, without memory %.4f; its gates on average"):format(kind, rnn.mse(said, y):item(),
    y:square():mean():item()))
  local mark, recorded = x:slice(3, 2, 2), layer:recorded()
  if #rows == 0 then show("mark", mark[1]:reshape(T)) end
  for k, name in ipairs(local_names) do
    local v = recorded[name]
    if k < #local_names then
      print(("  %s  %.2f at marks, %.2f at other steps"):format(name, (v * mark):sum():item() / mark:sum():item(),
        (v * (1 - mark)):sum():item() / (1 - mark):sum():item()))
      show(kind .. " " .. name, v[1]:reshape(T))
    else lines[#lines + 1] = { y = v[1]:reshape(T), label = kind .. ": " .. name .. "(t)" } end
  end
  if kind == "GRU" then lines[3] = { y = y[1]:reshape(T), label = "the number to keep" } end
end
local gates = rnn.plot.matrix(rnn.stack(rows, 1), { rows = names, title = "Gates over time: dark is 1, open" })
local memory = rnn.plot.lines(lines, { title = "What the units keep", xlabel = "t" })
assert(gates:save "14-gates.svg" and memory:save "14-memory.svg")

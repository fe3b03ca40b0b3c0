-- models.lua: models that have learnt something, exported as C, for run.sh.
--
--   rnnlua tests/export/models.lua FOLDER [SAVED.safetensors ...]
--
-- Saved models become FOLDER/NAME.c and, by --int8, FOLDER/NAME_int8.c. Beside them there are an echo state network and
-- five cells of the zoo, which learn here for some seconds to say what a sine was three steps before.

local rnn = require "rnn"
local nn, cells, optim = rnn.nn, rnn.cells, rnn.optim

local folder = assert(arg[1], "models.lua: expected a folder")

local function export(model, name, options)
  for _, int8 in ipairs { false, true } do
    options.int8 = int8
    local path = ("%s/%s%s.c"):format(folder, name, int8 and "_int8" or "")
    local sizes = assert(rnn.export_c(model, path, options))
    print(("%s: %d bytes of constants, %d of RAM, %d multiply-adds"):format(path, sizes.const, sizes.ram, sizes.macs))
  end
end

for i = 2, #arg do
  local name = arg[i]:match "([^/]*)%.safetensors$"
  for _, int8 in ipairs { false, true } do
    local path = ("%s/%s%s.c"):format(folder, name, int8 and "_int8" or "")
    local sizes, message = require "rnn.export".file(arg[i], path, { int8 = int8 })
    print(sizes and ("%s: %d bytes of constants, %d of RAM, %d multiply-adds"):format(path, sizes.const, sizes.ram,
      sizes.macs) or "not exported: " .. message)
  end
end

rnn.seed(1)
local steps = rnn.arange(1600):to_float():reshape(8, 200, 1) * 0.37
local x, y = steps:sin() + 0.1 * rnn.randn(8, 200, 1), (steps - 3 * 0.37):sin()

local echo = nn.Reservoir(1, 24, { outputs = 1, leak = 0.5 })
echo:fit(x, y)
export(echo, "echo", {})

for name, cell in pairs { janet = cells.JANET(1, 10), lmu = cells.LMU(1, 10), slstm = cells.sLSTM(1, 10),
  mgu = cells.MGU(1, 10), indrnn = cells.IndRNN(1, 10) } do
  local model = nn.Sequential { nn.Recurrent(cell), nn.Linear(10, 1) }
  local adam = optim.Adam(model:parameters(), { lr = 0.01 })
  for _ = 1, 30 do
    adam:zero_grad()
    local loss = rnn.mse(model(x), y)
    loss:backward()
    adam:step()
  end
  export(model, name, {})
end

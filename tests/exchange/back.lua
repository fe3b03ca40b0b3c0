-- back.lua: writes an imported model for PyTorch and for Keras: NAME.torch.py, NAME.keras.py and their weights.
--
--   rnnlua tests/exchange/back.lua NAME      of NAME.safetensors, as rnnlua import has written it

local rnn = require "rnn"

local name = arg[1]
local model = assert(rnn.load(name .. ".safetensors"))
local steps = tonumber(arg[2] or "") or 12

local function write(kind, f, ...)
  local ok, code = pcall(f, model, ...)
  if not ok then
    print(("%s: %s"):format(kind, tostring(code):gsub("^[^\n]-:%d+: ", "", 1)))
    return
  end
  local file = assert(io.open(("%s.%s.py"):format(name, kind), "w"))
  file:write(code)
  file:close()
end

write("torch", rnn.export_torch_state, name .. ".pt")
write("keras", rnn.export_keras_weights, name .. ".weights.h5", { steps = steps })

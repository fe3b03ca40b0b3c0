-- hops.lua: how far a reader has to go: the files and functions of the library that one call runs through, and how deep
-- they call each other.
--
--   build/rnnlua tests/checks/hops.lua            counts rnn.fit and seq2seq:decode; fails above the limits below
--   build/rnnlua tests/checks/hops.lua --list     names them as well
--
-- What is called for the first time, and what runs while modules load, is counted out: a first call comes before.

local rnn = require "rnn"

local nn, optim, data = rnn.nn, rnn.optim, rnn.data

local LIMITS = { fit = { 12, 60, 7 }, decode = { 6, 25, 6 } } -- files, functions, depth

-- f() -> { files = set, functions = set, depth = of functions of the library within each other }
local function count(f)
  local found = { files = {}, functions = {}, depth = 0, first = {} }
  local stack = {}
  local function look(event)
    local info = debug.getinfo(2, "Sl")
    local file = info.source:match "^@%[rnn%]/(.*)$"
    if event == "return" then
      stack[#stack] = nil
      return
    end
    if event == "tail call" then stack[#stack] = nil end
    stack[#stack + 1] = file or false
    if not file or file == "guard.lua" or file == "class.lua" then return end -- stand before every call
    local depth = 0
    for _, each in ipairs(stack) do
      if each and each ~= "guard.lua" and each ~= "class.lua" then depth = depth + 1 end
    end
    found.depth = math.max(found.depth, depth)
    found.files[file] = true
    found.functions[("%s:%d"):format(file, info.linedefined)] = true
  end
  debug.sethook(look, "cr")
  f()
  debug.sethook()
  return found
end

local function names(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function fit()
  local model = nn.Sequential { nn.LSTM(1, 4, { returns = "last" }), nn.Linear(4, 1) }
  local x, y = rnn.randn(64, 8, 1), rnn.randn(64, 1)
  local train, valid = data.arrays(x, y):batches { size = 16, shuffle = true }, data.arrays(x, y):batches { size = 16 }
  local opt, early = optim.Adam(model:parameters()), rnn.EarlyStopping { patience = 2 }
  return function()
    rnn.fit(model, { data = train, valid = valid, loss = "mse", optimizer = opt, epochs = 3, callbacks = { early },
      progress = false })
  end
end

local function decode()
  local model = nn.Seq2Seq { encoder = nn.Encoder { vocab = 8, dim = 4, units = 6 },
    decoder = nn.Decoder { vocab = 8, dim = 4, units = 6 } }
  local x = rnn.tensor({ { 4, 5, 6 }, { 5, 6, 7 } }, "int32")
  return function() model:decode(x, { beam = 2, max_length = 5 }) end
end

local failed = false
for _, case in ipairs { { "fit", fit }, { "decode", decode } } do
  local f = case[2]()
  f() -- loads what is loaded at its first use
  local found, limits = count(f), LIMITS[case[1]]
  local files, functions = names(found.files), names(found.functions)
  print(("%-7s %d files, %d functions, depth %d; limits %d, %d, %d"):format(case[1], #files, #functions, found.depth,
    table.unpack(limits)))
  if arg[1] == "--list" then
    for _, name in ipairs(functions) do print("  " .. name) end
  end
  failed = failed or #files > limits[1] or #functions > limits[2] or found.depth > limits[3]
end
os.exit(not failed)

-- nodes.lua FOLDER: runs what nodes.py has written through rnn.onnx.load. A wrong number is a failure, and so are a
-- test of RNN, LSTM, GRU or of an op in NEEDED that does not pass, and a model that is loaded and then does not run;
-- what is refused with a reason is counted.
local rnn = require "rnn"

local verbose = arg[2] == "-v"
local NEEDED = {}
for name in ([[RNN LSTM GRU MatMul Gemm Add Sub Mul Div Gather Reshape Transpose Squeeze Unsqueeze Slice Concat Softmax
  LogSoftmax Tanh Sigmoid Relu Identity Constant Flatten Expand Split Where Clip Elu Selu LeakyRelu HardSigmoid Softplus
  Softsign ReduceSum ReduceMean ReduceMax ReduceMin LayerNormalization]]):gmatch "%S+" do NEEDED[name] = true end

-- Of ops that are needed what is beyond us, with the reason.
local BEYOND = { "is of type", "beyond int32", "is no tensor" }
local EXCEPT = { test_reduce_max_empty_set_bool = "truth is a number here, and the largest of none is -inf" }

local passed, refused, wrong, of_op = 0, 0, 0, {}

local function split(text)
  local list = {}
  for path in text:gmatch "[^;]+" do list[#list + 1] = path end
  return list
end

local function close(a, b, rtol, atol)
  if not rnn.is_tensor(a) then return false, "no tensor" end
  if a:ndim() ~= b:ndim() then return false, ("%d axes, expected %d"):format(a:ndim(), b:ndim()) end
  for i = 1, a:ndim() do
    if a:size(i) ~= b:size(i) then return false, ("axis %d is %d, expected %d"):format(i, a:size(i), b:size(i)) end
  end
  if a:count() == 0 then return true end
  if a:type() == "int32" then a = a:to_float() end
  if b:type() == "int32" then b = b:to_float() end
  local equal = a:eq(b) + a:ne(a) * b:ne(b)
  local far = (a - b):abs() - (rtol * b:abs() + atol)
  far = rnn.where(equal:gt(0), -1, far)
  return far:le(0):min():item() == 1, ("by %g"):format((a - b):abs():max():item())
end

for line in io.lines(arg[1] .. "/cases.txt") do
  local name, path, ops, inputs, outputs, rtol, atol = line:match "^(.-)\t(.-)\t(.-)\t(.-)\t(.-)\t(.-)\t(.-)$"
  local function say(what, why)
    if verbose or what ~= "refused" then print(("%s: %s (%s): %s"):format(what, name, ops, why or "")) end
  end
  local needed = true
  for op in ops:gmatch "[^,]+" do needed = needed and NEEDED[op] or false end
  local model, why = rnn.onnx.load(path)
  local args, wanted = {}, {}
  local read = true
  for i, file in ipairs(split(inputs)) do
    args[i] = rnn.npy_read(file)
    read = read and args[i]
  end
  for i, file in ipairs(split(outputs)) do
    wanted[i] = rnn.npy_read(file)
    read = read and wanted[i]
  end
  local results, ran = nil, true
  if model and not read then model, why = nil, "integers beyond int32" end
  if model then
    results = table.pack(pcall(model:eval().forward, model, table.unpack(args)))
    ran = results[1]
    if not ran then model, why = nil, results[2] end
  end
  if not model then
    refused = refused + 1
    local beyond = false
    for _, text in ipairs(BEYOND) do beyond = beyond or why:find(text, 1, true) end
    if needed and not beyond or not ran then
      wrong = wrong + 1
      say(ran and "needed" or "does not run", why)
    else
      say("refused", why)
    end
  else
    local good, how = true, nil
    for i, b in ipairs(wanted) do
      if good then good, how = close(results[1 + i], b, tonumber(rtol), math.max(tonumber(atol), 1e-6)) end
    end
    if EXCEPT[name] then
      refused = refused + 1
      say("refused", EXCEPT[name])
    elseif good then
      passed = passed + 1
      for op in ops:gmatch "[^,]+" do of_op[op] = (of_op[op] or 0) + 1 end
    else
      wrong = wrong + 1
      say("wrong", how)
    end
  end
end
local list = {}
for op, n in pairs(of_op) do list[#list + 1] = ("%s %d"):format(op, n) end
table.sort(list)
print(table.concat(list, ", "))
print(("%d pass, %d are refused with a reason, %d are wrong or needed"):format(passed, refused, wrong))
os.exit(wrong == 0 and passed > 200)

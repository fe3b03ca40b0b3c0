-- Mistakes as users make them: every message starts with the user's line and says the function, the argument, what was
-- expected and what came.
--
-- A case is: a line before, the wrong line (the third of the chunk "user.lua"), and a Lua pattern for the whole
-- message.

local HEAD = [[local rnn = require "rnn" local nn, data, optim = rnn.nn, rnn.data, rnn.optim]]

-- What is spelt out again and again.
local LINEAR = "local m = nn.Linear(10, 2)"
local MATRIX = "local x = rnn.zeros(2, 3)"
local PADDED = "local x = rnn.zeros(2, 3, 4):with_lengths { 1, 2 }"
local LEAF = "local x = rnn.ones(2):requires_grad(true)"
local SERIES = "local s = rnn.randn(20, 2)"
local FIT = "local m = nn.Linear(2, 1) local o = optim.SGD(m:parameters()) "
  .. "local b = data.arrays(rnn.randn(8, 2), rnn.randn(8, 1)):batches()"

local groups = {}

groups["constructors"] = {
  { "", "nn.Linear('10', 2)", "nn.Linear: argument 1 %(inputs%): expected a positive integer, got string '10'" },
  { "", "nn.Linear(10)", "nn.Linear: argument 2 %(units%): expected a positive integer, got nil" },
  { "", "nn.Linear(10, 2, true)", "nn.Linear: options: expected a table, got boolean true" },
  { "", "nn.Linear(10, 2, { act = 1 })", "nn.Linear: unknown option 'act'; known: bias, kernel" },
  { "", "nn.LSTM(10, 2.5)", "nn.LSTM: argument 2 %(units%): expected a positive integer.*, got number 2.5" },
  { "", "nn.LSTM(10, 4, 2)", "nn.LSTM: options: expected a table, got number 2" },
  { "", "nn.LSTM(10, 4, { layer = 2 })", "nn.LSTM: unknown option 'layer'; did you mean 'layers'%? known: .*layers.*" },
  { "", "nn.LSTM(10, 4, { layers = '2' })", "nn.LSTM: option 'layers': expected an integer.*, got string '2'" },
  { "", "nn.LSTM(10, 4, { returns = 'all' })", "nn.LSTM: option 'returns': expected one of .*, got string 'all'" },
  { "", "nn.GRU(10, 4, { dropout = 1 })", "nn.GRU: option 'dropout': expected a number from 0 .*, got number 1" },
  { "", "nn.RNN { 10, 4 }", "nn.RNN: argument 1 %(inputs%): expected a positive integer, got table" },
  { "", "nn.GRU(1, 4, { kernel = 'x' })", "nn.GRU: option 'kernel': expected one of .*, got string 'x'" },
  { "", "nn.Dropout(0 / 0)", "nn.Dropout: argument 1 %(rate%): expected a number from 0 .*, got number nan" },
  { "", "nn.Embedding(0, 8)", "nn.Embedding: argument 1 %(vocab%): expected a positive integer, got number 0" },
  { "", "nn.Conv1d(2, 2)", "nn.Conv1d: argument 3 %(kernel%): expected a positive integer, got nil" },
  { "", "nn.Sequential(nn.Tanh())", "nn.Sequential: argument 1: expected a table with .*, got nn.Tanh%(%)" },
  { "", "nn.Sequential(nn.Tanh(), nn.Tanh(), nn.Tanh())", "nn.Sequential: layers go into one table: .* { a, b, c }" },
  { "", "nn.Sequential { nn.Tanh }", "nn.Sequential: layer 1: expected a layer, got class nn.Tanh" },
  { "", "nn.Sequential { nn.Tanh(), nil, nn.Tanh() }", "nn.Sequential: layer 2: expected a layer, got nil" },
  { "", "nn.Recurrent(nn.GRU(2, 2))", "nn.Recurrent: argument 1 %(cell%): expected a cell.*, got nn.GRU%(2 %-> 2%)" },
  { "", "nn.cell('C')", "nn.cell: argument 2 %(init%): expected a function, got nil" },
}

groups["names of other libraries"] = {
  { "", "nn.LSTM(3, 4, { return_sequences = true })",
    "nn.LSTM: unknown option 'return_sequences'; did you mean 'returns'%?.*" },
  { "", "nn.LSTM(3, 4, { num_layers = 2 })", "nn.LSTM: unknown option 'num_layers'; did you mean 'layers'%?.*" },
  { LINEAR, "optim.Adam(m:parameters(), { eps = 1 })",
    "optim.Adam: unknown option 'eps'; did you mean 'epsilon'%? known: .*" },
  { LINEAR, "optim.Adam(m:parameters(), { learning_rate = 1 })",
    "optim.Adam: unknown option 'learning_rate'; did you mean 'lr'%? known: .*" },
  { FIT, "rnn.fit(m, { b, b })", "rnn.fit: options: expected name = value, got an entry without a name; known: .*" },
  { "", "nn.ModuleList {}", "rnn.nn has no field 'ModuleList'; lists of layers are tables in fields: .*" },
  { LINEAR .. " local o = optim.SGD(m:parameters())", "o.step()",
    "optim.Optimizer:step: expected an object of optim.Optimizer before the colon, got nil; write optimizer:step%(%), "
      .. "with a colon" },
  { LINEAR, "m.eval()", "nn.Module:eval: expected .*, got nil; write module:eval%(%), with a colon" },
  { LEAF, "x.backward()", "backward: expected a tensor, got nothing; write x:backward%(%), with a colon" },
  { LINEAR, "optim.Adam { params = m:parameters(), lr = 1 }", "optim.Adam: parameters are written without a name: .*" },
  { LINEAR, "optim.Adam { { params = m:parameters(), lr = 1 } }",
    "optim.Adam: parameters are written without a name: .* is a group, .*" },
  { "", "rnn.tensor { rnn.ones(2), rnn.ones(2) }",
    "tensor: element 1: expected a number, got tensor %(2,%) %l+; rnn.stack makes one tensor of many, .*" },
  { "", "rnn.cross_entropy(rnn.zeros(2, 3), rnn.tensor({ 1, 4 }, 'int32'))",
    "cross_entropy: label 4 at place 2 is not within 0 to 3, the number of classes in logits %(2, 3%)" },
  { "", "nn.cross_entropy(rnn.zeros(2, 3), rnn.ones(2))", "nn.cross_entropy: .*; labels are int32: y:to_int%(%) .*" },
  { "local m = nn.Recurrent(rnn.cells.LSTM(3, 4))", "m(rnn.zeros(2, 5, 3), { rnn.zeros(2, 4), 0 })",
    ".*: expected a state of tensors, got number 0 in entry 2" },
}

groups["calling layers"] = {
  { LINEAR, "m(rnn.zeros(4, 9))", "nn.Linear%(10 %-> 2%): expected input %(..., 10%), got %(4, 9%)" },
  { LINEAR, "m({ 1 })", "nn.Linear%(10 %-> 2%): expected input %(..., 10%), got table" },
  { LINEAR, "m(rnn.zeros { 1, 10, type = 'int32' })",
    "linear: argument 1: expected a float tensor, got int32 %(1, 10%).*" },
  { "local m = nn.LSTM(3, 4)", "m(rnn.zeros(2, 3))", "nn.LSTM%(3 %-> 4%): expected input %(N, T, 3%), got %(2, 3%)" },
  { "local m = nn.LSTM(3, 4)", "m(rnn.zeros(2, 5, 3), rnn.zeros(2, 4))",
    "nn.LSTM%(3 %-> 4%): expected a state of 2 tensors %(2, 4%), %(2, 4%), got tensor %(2, 4%) float" },
  { "local m = nn.GRU(3, 4)", "m(rnn.zeros(2, 5, 3), 'zero')",
    "nn.GRU%(3 %-> 4%): expected a state of 1 tensor %(2, 4%), got string 'zero'" },
  { "local m = nn.LSTMCell(3, 4)", "m(rnn.zeros(2, 3), rnn.zeros(2, 4))",
    "nn.LSTMCell%(3 %-> 4%): state: expected {h, c}, got tensor %(2, 4%) float" },
  { "local m = nn.Embedding(5, 2)", "m(rnn.tensor({ 1, 6 }, 'int32'))",
    "embedding: id 6 at place 2 is not within 0 to 5" },
  { "local m = nn.Embedding(5, 2)", "m(rnn.tensor { 1 })",
    "nn.Embedding%(5 %-> 2%): expected an int32 tensor of ids.*, got tensor %(1%) float" },
  { "local m = nn.Module { a = nn.Tanh() }", "m(rnn.zeros(2))", "nn.Module: has no forward of its own.*" },
  { LINEAR, "m:load_state_dict { weight = rnn.zeros(2, 10) }", "nn.Linear.*load_state_dict: .*missing.*: bias.*" },
  { LINEAR, "m:train('yes')", "nn.Linear.*:train: argument 1: expected true or false, got string 'yes'" },
}

groups["making tensors"] = {
  { "", "rnn.tensor { { 1, 2 }, { 3 } }",
    "tensor: the tables are ragged: .*expected a table of 2, got table of 1; rnn.padded takes .*" },
  { "", "rnn.tensor { 1, 'a' }", "tensor: element 2: expected a number, got string 'a'" },
  { "", "rnn.tensor({ 1.5 }, 'int32')", "tensor: element 1: 1.5 is not an int32" },
  { "", "rnn.tensor({ 1 }, 'double')",
    'tensor: argument 2 %(type%): expected "float" or "int32", got string \'double\'' },
  { "", "rnn.zeros(2, -1)", "zeros: size 2 of the shape: expected an integer of at least 0, got %-1" },
  { "", "rnn.zeros({ 2 }, 'int32')", "zeros: expected nothing after the table of sizes, .*type = \"int32\".*" },
  { "", "rnn.full({ 2, type = 'int32' }, 0 / 0)", "full: argument 2 %(value%): expected an integer .*, got nan" },
  { "", "rnn.arange(-1)", "arange: argument 1 %(n%): expected an integer from 0 .*, got %-1" },
}

groups["operations on tensors"] = {
  { MATRIX, "local y = x + rnn.zeros(4, 3)", "add: shapes %(2, 3%) and %(4, 3%) do not fit together" },
  { MATRIX, "local y = x + nil", "add: argument 2 %(b%): expected a tensor or a number, got nil" },
  { MATRIX, "local y = x:to_int():exp()",
    "exp: argument 1: expected a float tensor, got int32 %(2, 3%); x:to_float%(%) converts" },
  { MATRIX, "local y = x:to_int() // 0", "floor_div: element 1: %-?%d // 0 is no int32; x:to_float%(%) .*" },
  { MATRIX, "local y = (x:to_int() * 0 + 65536):square()", "square: element 1: 65536 .* beyond int32; .*" },
  { MATRIX, "local y = rnn.where(x + 2, x, x)", "where: argument 1: a mask holds 0 and 1, but element 1 is .*" },
  { MATRIX, "local y = (x + 2):logical_and(x:gt(0))", "logical_and: argument 1: a mask holds 0 and 1, .*" },
  { MATRIX, "x:matmul(x)", "matmul: inner sizes differ: %(2, 3%) x %(2, 3%)" },
  { MATRIX, "x:sum(3)", "sum: argument 2 %(axis%): expected 1 to 2 or %-1 to %-2, got 3" },
  { MATRIX, "x:sum(2, 1)", "sum: argument 3 %(keep%): expected true or false, got 1" },
  { MATRIX, "x:argmax(0)", "argmax: argument 2 %(axis%): expected 1 to 2 or %-1 to %-2, got 0" },
  { MATRIX, "x:reshape(4)", "reshape: %(2, 3%) has 6 elements, %(4,%) has 4" },
  { MATRIX, "x:reshape({ 2, 3 }, 1)", "reshape: expected at most 2 arguments, got 3" },
  { MATRIX, "x:slice(2, 2, 4)", "slice: 2 to 4 is not within 1 to 3, axis 2 of %(2, 3%)" },
  { MATRIX, "x:rows(0, 1)", "rows: 0 to 1 is not within 1 to 2" },
  { MATRIX, "x:slice(2, 1, 3, 0)", "slice: a step of 0 leads nowhere" },
  { MATRIX, "x:permute(1)", "permute: expected each of the 2 axes of %(2, 3%) once" },
  { MATRIX, "x:squeeze(1)", "squeeze: axis 1 of %(2, 3%) has size 2, not 1" },
  { MATRIX, "x:transpose(1)", "transpose: argument 3 %(axis%): expected an integer, got nil" },
  { MATRIX, "x:gather(1, rnn.arange(3))", "gather: id 3 at place 3 is not within 1 to 2" },
  { MATRIX, "x:gather(1, { 1 })", "gather: argument 3 %(ids%): expected a tensor, got table" },
  { MATRIX, "x:gather(1, rnn.ones(1))", "gather: argument 3: expected an int32 tensor, got .* %(1,%); .*" },
  { MATRIX, "rnn.concat(x, x, 1)", "concat: argument 1: expected a table, got tensor %(2, 3%) .*" },
  { MATRIX, "rnn.concat({}, 1)", "concat: argument 1: expected a table of at least one tensor, got table" },
  { MATRIX, "rnn.stack({ x, 3 }, 1)", "stack: argument 1: expected a table of tensors, but element 2 is number" },
  { MATRIX, "x:split(2, 2)", "split: axis 2 of size 3 does not divide into 2 equal parts" },
  { MATRIX, "x:assign(rnn.zeros(4))", "assign: expected %(2, 3%), or what can be broadcast to it, got %(4,%) .*" },
  { MATRIX, "x:softmx(2)", "a tensor has no method or field 'softmx'; did you mean x:softmax%?" },
  { MATRIX, "x:item()", "item: expected a tensor of one element, got %(2, 3%) .*" },
  { MATRIX, "(x / 0):to_int()", "to_int: element 1 is .*nan, which no int32 can hold" },
}

groups["indexing"] = {
  { MATRIX, "local y = x[3]", "index 3 is not within 1 to 2, the first axis of %(2, 3%) .*" },
  { MATRIX, "local y = x[1][0]", "index 0 is not within 1 to 3, the first axis of %(3,%) .*" },
  { MATRIX, "local y = x[1.5]",
    "index: argument 2: expected an integer, a table of places, int32 ids, a mask or a name, got 1.5" },
  { MATRIX, "local y = x[-3]", "index %-3 is not within 1 to 2, the first axis of %(2, 3%) .*" },
  { MATRIX, "local y = x[{ 1, { 2 } }]",
    "index: entry 2: expected an integer, {}, .*, int32 ids, a mask, .*, got table" },
  { MATRIX, "x[{ {}, 4 }] = 1", "index: 4 is not within 1 to 3, axis 2 of %(2, 3%) .*" },
  { MATRIX, "x[1] = rnn.zeros(4)", "assign: expected %(3,%), .*, got %(4,%) .*" },
  { MATRIX, "x.name = 'x'", "a tensor has no fields to change, got 'name'; x:.*" },
  { MATRIX, "x:get(1)", "get: argument 3 %(index of axis 2%): expected an integer, got nothing" },
  { MATRIX, "x:get(1, 4)", "get: index 4 of axis 2 is not within 1 to 3, %(2, 3%) .*" },
  { MATRIX, "x:set(1, 1)", "set: argument 4 %(value%): expected a number, got nothing" },
}

groups["lengths"] = {
  { MATRIX, "x:with_lengths { 3, 4 }", "with_lengths: length 4 of sequence 2 is not within 0 to 3" },
  { MATRIX, "x:with_lengths { 3 }", "with_lengths: expected %(2,%) int32 lengths for %(2, 3%), got %(1,%) int32" },
  { PADDED, "x:reshape(-1)", "reshape: would lose the lengths of its argument %(2, 3, 4%); x:without_lengths%(%) .*" },
  { PADDED, "x:slice(2, 1, 2)", "slice: would lose the lengths of its argument %(2, 3, 4%); .*" },
  { PADDED, "x:softmax(2)", "softmax: along time of %(2, 3, 4%) with lengths; .*" },
  { PADDED, "x:softmax(1)", "softmax: over the batch of %(2, 3, 4%) with lengths; .*" },
  { PADDED, "x:log_softmax(-3)", "log_softmax: over the batch of %(2, 3, 4%) with lengths; .*" },
  { PADDED, "nn.softmax(x, 1)", "softmax: over the batch of %(2, 3, 4%) with lengths; .*" },
  { PADDED, "local y = x + rnn.zeros(2, 3, 4):with_lengths { 2, 2 }",
    "add: the arguments have different lengths: sequence 1 has 1 and 2 steps" },
  { PADDED, "nn.mse(x, rnn.zeros(2, 3, 4):with_lengths { 1, 3 })",
    "mse: the arguments have different lengths: sequence 2 has 2 and 3 steps" },
}

groups["gradients"] = {
  { LEAF, "x:backward()", "backward: expected a loss of one element, got %(2,%); .*" },
  { "", "rnn.ones(2):sum():backward()", "backward: the result %(%) does not depend on a parameter.*" },
  { LEAF .. " local l = x:sum() l:backward()", "l:backward()",
    "backward: the history .* was already consumed by backward" },
  { LEAF .. " local y = x * 2 y:sum():backward()", "local z = y + 1",
    "add: argument 1 %(2,%) is a result .* that backward has already consumed; .*" },
  { LEAF .. " local y = x * x local l = y:mean() y:sum():backward()", "l:backward()",
    "backward: the result %(2,%) of mul, .* was already consumed by another backward; .*" },
  { "local m = nn.GRU(1, 2) local y, s = m(rnn.ones(1, 3, 1)) y:sum():backward()", "m(rnn.ones(1, 3, 1), s)",
    "recurrent: state h %(1, 2%) is a result .* already consumed; .*nn.detach%(state%)" },
  { LEAF .. " local l = x:square():sum() x:fill_(3)", "l:backward()",
    "backward: argument 1 of square, %(2,%), was changed in place after it was used" },
  { LEAF .. " local y = x:exp() local l = y:sum() y:fill_(3)", "l:backward()",
    "backward: the result %(2,%) of exp was changed in place before backward" },
  { LEAF .. " local y = x * 2", "y:backward(rnn.ones(3))",
    "backward: expected a float gradient %(2,%), got %(3,%) .*" },
  { LEAF .. " local y = x * 2", "y:requires_grad(false)", "requires_grad: %(2,%) is a result of an op; .*" },
  { LEAF, "x:requires_grad(0)", "requires_grad: argument 2 %(on%): expected true or false, got 0" },
  { "", "rnn.arange(3):requires_grad(true)", "requires_grad: only float tensors have gradients, this is int32 %(3,%)" },
}

groups["losses"] = {
  { "", "nn.mse(rnn.zeros(3), rnn.zeros(3, 1))", "mse: prediction %(3,%) and target %(3, 1%) differ in shape" },
  { "", "nn.mse(rnn.zeros(3))", "nn.mse: argument 2 %(target%): expected a tensor, got nil" },
  { "", "nn.huber(rnn.zeros(3), rnn.zeros(3), 0)",
    "nn.huber: argument 3 %(delta%): expected a positive number, got number 0" },
  { "", "nn.cross_entropy(rnn.zeros(3, 4), rnn.zeros(3))",
    "nn.cross_entropy: logits %(3, 4%) want a target %(3, 4%), got tensor %(3%) float; labels .*" },
  { "", "nn.cross_entropy(rnn.zeros(3, 2), rnn.arange(3))",
    "cross_entropy: label 3 at place 3 is not within 0 to 2, the number of classes in logits %(3, 2%)" },
  { "", "nn.loss('l2')", "nn.loss: argument 1 %(name%): expected one of 'binary_cross_entropy', .*, got string 'l2'" },
}

groups["optimisers"] = {
  { LINEAR, "optim.SGD(m)",
    "optim.SGD: argument 1 %(params%): expected a list of tensors .*, got nn.Linear%(10 %-> 2%)" },
  { LINEAR, "optim.SGD(m:parameters(), 0.1)", "optim.SGD: options: expected a table, got number 0.1" },
  { LINEAR, "optim.SGD(m:parameters(), { lr = -1 })",
    "optim.SGD: option 'lr': expected a positive number, got number %-1" },
  { LINEAR, "optim.Adam(m:parameters(), { rate = 1 })", "optim.Adam: unknown option 'rate'; known: .*lr.*" },
  { "", "optim.SGD { rnn.zeros(2) }",
    "optim.SGD: argument 1 %(params%[1%]%): expected a tensor that requires a gradient, .*" },
  { LINEAR, "optim.clip_grad_norm(m:parameters())",
    "optim.clip_grad_norm: argument 2 %(max_norm%): expected a positive number, got nil" },
  { LINEAR .. " local o = optim.SGD(m:parameters()) o.lr = 'x'", "o:step()",
    "optim.SGD:step: field 'lr': expected a number of 0 or more, got string 'x'" },
}

groups["data"] = {
  { "", "data.csv()", "data.csv: argument 1 %(path%): expected a string, got nil" },
  { "", "data.csv('x', { delimiter = ';' })",
    "data.csv: unknown option 'delimiter'; did you mean 'separator'%? known: "
      .. "columns, comment, decimal, encoding, header, "
      .. "missing, separator, thousands, types, zone" },
  { SERIES, "data.windows(s, 5)", "data.windows: options: expected a table, got number 5" },
  { SERIES, "data.windows(s, {})", "data.windows: option 'length': expected a positive integer, got nil" },
  { SERIES, "data.windows(s, { length = 25 })", "data.windows: a series of 20 rows is too short for windows of 25 .*" },
  { SERIES .. " s:set(4, 2, 0 / 0)", "data.windows(s, { length = 5 })",
    "data.windows: the series has 1 value .* missing or infinite, the first in row 4, column 2; .*" },
  { SERIES, "data.windows(s, { length = 5, target_columns = { 3 } })",
    "data.windows: option 'target_columns', entry 1: expected an integer from 1 to 2, got number 3" },
  { SERIES, "data.windows(s, { length = 5 }):batches { batch_size = 4 }",
    "data.windows:batches: unknown option 'batch_size'; did you mean 'size'%? known: .*size" },
  { "", "data.arrays(rnn.zeros(3, 2), rnn.zeros(2))",
    "data.arrays: x and y must have as many rows, got %(3, 2%) and %(2%)" },
  { SERIES, "data.Scaler():transform(s)", "scaler:transform: it was not fitted; .*" },
  { SERIES, "data.Scaler():fit(s):transform(rnn.zeros(3, 3))",
    "scaler:transform: argument 1: expected 2 columns .*, got .*" },
}

groups["rnn.fit"] = {
  { FIT, "rnn.fit(m)", "rnn.fit: option 'data': expected batches, .*, got nil" },
  { FIT, "rnn.fit({}, m)", "rnn.fit: argument 1 %(model%): expected a model .*, got table" },
  { FIT, "rnn.fit(m, { data = b, loss = 'l2', optimizer = o })",
    "rnn.fit: option 'loss': expected .*, got string 'l2'" },
  { FIT, "rnn.fit(m, { data = b, loss = 'mse', optimizer = 'adam' })",
    "rnn.fit: option 'optimizer': expected an optimiser, .*, got string 'adam'" },
  { FIT, "rnn.fit(m, { data = b, loss = 'mse', optimizer = o, epoch = 3 })",
    "rnn.fit: unknown option 'epoch'; did you mean 'epochs'%? known: .*" },
  { FIT, "rnn.fit(m, { data = b, loss = function(y, t) return y - t end, optimizer = o, progress = false })",
    "rnn.fit: option 'loss': its result: expected a tensor of one element, got tensor %(8, 1%) .*" },
  { FIT .. " b.dataset.x:set(1, 1, 0 / 0)", "rnn.fit(m, { data = b, loss = 'mse', optimizer = o, progress = false })",
    "rnn.fit: the loss is nan in epoch 1, step 1 of 1: the data hold nan at .*" },
  { FIT .. " m = nn.Linear(3, 1) o = optim.SGD(m:parameters())",
    "rnn.fit(m, { data = b, loss = 'mse', optimizer = o, progress = false })",
    "nn.Linear%(3 %-> 1%): expected input %(..., 3%), got %(8, 2%)" },
  { FIT, "rnn.evaluate(m, 3, { loss = 'mse' })",
    "rnn.evaluate: argument 2 %(data%): expected batches, .*, got number 3" },
  { "", "rnn.EarlyStopping { patience = 0 }",
    "rnn.EarlyStopping: option 'patience': expected a positive integer, got number 0" },
}

-- m and o are a model and its optimiser, b batches; other is another model.
local OTHER = FIT .. "local other = nn.Linear(2, 1) local wrong = optim.SGD(other:parameters()) "
  .. "local function fit(t) t.data, t.loss, t.progress = b, 'mse', false t.optimizer = t.optimizer or o "
  .. "return rnn.fit(m, t) end"

groups["another model"] = {
  { OTHER, "fit { optimizer = wrong }", "rnn.fit: option 'optimizer': it has no parameter of the model, "
    .. "nn.Linear%(2 %-> 1%), which would not be trained; .*" },
  { OTHER, "rnn.find_lr(m, { data = b, loss = 'mse', optimizer = wrong })",
    "rnn.find_lr: option 'optimizer': it has no parameter of the model, .*" },
  { OTHER .. " m(rnn.ones(1, 2)):sum():backward()", "wrong:step()",
    "optim.SGD:step: none of the parameters has a gradient, .*" },
  { OTHER .. " m(rnn.ones(1, 2)):sum():backward()", "optim.clip_grad_norm(other:parameters(), 1)",
    "optim.clip_grad_norm: none of the parameters has a gradient, .*" },
  { OTHER .. " m(rnn.ones(1, 2)):sum():backward()", "optim.clip_grad_value(other:parameters(), 1)",
    "optim.clip_grad_value: none of the parameters has a gradient, .*" },
  { OTHER, "fit { callbacks = { rnn.monitor(other) } }",
    "rnn.monitor: it watches another model than nn.Linear%(2 %-> 1%), which is trained" },
  -- in part is allowed
  { OTHER .. " local part = optim.SGD { m.weight }",
    "error(('%d epoch'):format(#fit { optimizer = part }))", "1 epoch" },
  { OTHER .. " local both = optim.SGD { m.weight, other.weight }",
    "error(('%d epoch'):format(#fit { optimizer = both }))",
    "1 epoch" },
}

groups["callbacks and what they monitor"] = {
  { OTHER, "fit { callbacks = { { on_epoch_end = print } } }",
    "rnn.fit: option 'callbacks', entry 1: nothing calls its 'on_epoch_end'; .*; known: on_begin, .*" },
  { OTHER, "fit { callbacks = { { on_epcoh = print } } }",
    ".*: nothing calls its 'on_epcoh'; did you mean 'on_epoch'.*" },
  { OTHER, "fit { callbacks = { { every = 3 } } }", ".*: it has none of the methods that are called: on_begin, .*" },
  { OTHER, "fit { callbacks = { { on_epoch = 3 } } }", ".*: on_epoch: expected a function, got number 3" },
  { OTHER, "fit { callbacks = { rnn.EarlyStopping() } }",
    "rnn.EarlyStopping: option 'monitor': there is no 'val_loss' in this run; there are loss, lr, seconds.*" },
  { OTHER, "fit { valid = b, metrics = { 'mae' }, callbacks = { rnn.EarlyStopping { monitor = 'val_mea' } } }",
    "rnn.EarlyStopping: option 'monitor': there is no 'val_mea' in this run; .*; did you mean 'val_mae'%?" },
  { OTHER, "fit { callbacks = { rnn.ModelCheckpoint('/nowhere/x', { monitor = 'lossy' }) } }",
    "rnn.ModelCheckpoint: option 'monitor': there is no 'lossy' in this run; .*; did you mean 'loss'%?" },
  { OTHER, "fit { schedule = optim.schedules.plateau() }",
    "optim.schedules.plateau: option 'monitor': there is no 'val_loss' in this run.*" },
}

local GIVEN_STEP = "local function step() return rnn.zeros(1, 3) end"

groups["options without effect"] = {
  { "", "nn.LSTM(2, 3, { dropout = 0.1 })",
    "nn.LSTM: option 'dropout' has no effect: it acts between layers, and there is one" },
  { "", "nn.GRU(2, 3, { residual = true })", "nn.GRU: option 'residual' has no effect: .*" },
  { "", "nn.RNN(2, 3, { merge = 'sum' })", "nn.RNN: option 'merge' has no effect: it joins two directions; .*" },
  { "", "nn.LSTM(2, 3, { forget_bias = 2, chrono = 10 })", "nn.LSTM: option 'forget_bias' has no effect: .*chrono.*" },
  { "", "nn.Encoder { inputs = 2, dim = 3 }", "nn.Encoder: option 'dim' has no effect: .*" },
  { "", "nn.Encoder { inputs = 2, word_dropout = 0.1 }", "nn.Encoder: option 'word_dropout' has no effect: .*" },
  { "", "nn.Decoder { vocab = 5, memory = 3 }", "nn.Decoder: option 'memory' has no effect: .*" },
  { "", "nn.Attention(2, 3, { units = 4 })", "nn.Attention: option 'units' belongs to the additive score" },
  { LINEAR, "optim.SGD(m:parameters(), { nesterov = true })",
    "optim.SGD: option 'nesterov' has no effect: it looks ahead along the momentum, which is 0" },
  { "local later = optim.schedules.step { every = 1, per = 'step' }",
    "optim.schedules.warmup { length = 2, after = later, per = 'epoch' }",
    "optim.schedules.warmup: option 'per' has no effect: that of option 'after' counts" },
  { "", "rnn.ModelCheckpoint('x', { best_only = false, monitor = 'loss' })",
    "rnn.ModelCheckpoint: option 'monitor' has no effect: .*" },
  { OTHER, "fit { log_every = 5 }", "rnn.fit: option 'log_every' has no effect: option 'run', .* is not given" },
  { OTHER, "fit { resume = false }", "rnn.fit: option 'resume' has no effect: option 'run', .* is not given" },
  { GIVEN_STEP, "rnn.decode.generate { step = step, start = 1, temperature = 0, top_k = 2 }",
    "decode.generate: option 'top_k' has no effect: temperature 0 takes the likeliest id" },
  { "", "rnn.decode.sample(rnn.zeros(1, 3), { temperature = 0, top_p = 0.5 })",
    "decode.sample: option 'top_p' has no effect: .*" },
}

groups["files and settings"] = {
  { LINEAR, "rnn.save(m, 'x')", "rnn.save: argument 1 %(path%): expected a string, got nn.Linear%(10 %-> 2%)" },
  { "", "rnn.load(3)", "rnn.load: argument 1 %(path%): expected a string, got number 3" },
  { "", "assert(rnn.load('/nowhere/m'))", "cannot open /nowhere/m: No such file or directory" },
  { "", "assert(rnn.load(arg[0]))", ".*support/run.lua: .*safetensors.*" },
  { LINEAR, "assert(rnn.save('/nowhere/m', m))", "cannot write /nowhere/m: No such file or directory" },
  { "", "rnn.threads(300)", "threads: argument 1 %(n%): expected an integer from 1 to 256, got 300" },
  { "", "rnn.no_grad(3)", "no_grad: argument 1 %(f%): expected a function, got 3" },
}

local function message_of(before, line)
  local chunk = assert(load(("%s\n%s\n%s rnn.clock()"):format(HEAD, before, line:gsub("^%(", "; (")), "@user.lua"))
  local ok, message = pcall(chunk)
  return not ok and message or "no error"
end

for name, cases in pairs(groups) do
  describe(name .. ":", function()
    for _, case in ipairs(cases) do
      it(case[2], function()
        assert.matches("^user%.lua:3: " .. case[3] .. "$", message_of(case[1], case[2]))
      end)
    end
  end)
end

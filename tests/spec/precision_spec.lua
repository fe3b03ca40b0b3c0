-- Products in bf16 and int8: rnn.precision, model:to, rnn.fit's precision, rnn.quantise, and their files.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, optim, data = rnn.nn, rnn.optim, rnn.data

local program = os.getenv "RNNLUA" or arg[-1]
local FOLDER = os.tmpname()
os.remove(FOLDER)
assert(core.make_folder(FOLDER))

local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(pattern, tostring(message))
end

if rnn.precision() == "double" then
  describe("in double precision", function()
    it("bf16 and int8 are refused", function()
      raises("rnn.precision: bf16 is for single precision", rnn.precision, "bf16")
      raises("nn.Linear.*:to: bf16 is for single precision", function() nn.Linear(2, 2):to "bf16" end)
      raises("rnn.quantise: int8 is for single precision", rnn.quantise, nn.Linear(2, 2))
      local m = nn.Linear(2, 2)
      raises("precision': bf16 is for single precision", rnn.fit, m, { precision = "bf16", loss = "mse",
        data = data.arrays(rnn.ones(2, 2), rnn.ones(2, 2)):batches(),
        optimizer = optim.SGD(m:parameters(), { lr = 1 }) })
      assert.equal("double", rnn.precision())
      assert.equal("double", rnn.precision "double")
    end)
  end)
  return
end

local function equal_bits(a, b) assert.equal(core.checksum(a), core.checksum(b)) end
local function bf16(x)
  x = x:copy()
  core.form(x, "bf16")
  core.form(x, "float")
  return x
end
local function close(a, b, tolerance)
  assert.is_true((a - b):abs():max():item() <= tolerance * math.max(1, b:abs():max():item()))
end

-- The checksum line of a script's run in an environment.
local function bits(environment, options)
  local command = ("env %s %s %s tests/spec/support/low_bits.lua 2>&1"):format(environment, program, options)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  assert.is_true(pipe:close(), text)
  return text
end

describe("rounding to bf16", function()
  it("is to nearest even, and keeps what bf16 has", function()
    local x = rnn.tensor { 1, -2.5, 1 + 2 ^ -8, 1 + 3 * 2 ^ -8, 1 + 2 ^ -8 + 2 ^ -20, 0, 3.0e38, -1e-40, 65280 }
    assert.are.same({ 1, -2.5, 1, 1 + 2 ^ -6, 1 + 2 ^ -7, 0, bf16(rnn.tensor { 3.0e38 }):item(),
      bf16(rnn.tensor { -1e-40 }):item(), 65280 }, bf16(x):totable())
    equal_bits(bf16(x), bf16(bf16(x)))
    local odd = bf16(rnn.tensor { 0 / 0, math.huge, -math.huge }):totable()
    assert.is_true(odd[1] ~= odd[1])
    assert.are.same({ math.huge, -math.huge }, { odd[2], odd[3] })
  end)
end)

describe("rnn.precision", function()
  it("computes products of rounded factors, sums in float", function()
    for _, size in ipairs { { 1, 1, 1 }, { 3, 5, 700 }, { 40, 33, 64 }, { 16, 32, 32 }, { 2, 3, 0 }, { 0, 3, 4 } } do
      local a, b = rnn.randn(size[1], size[3]), rnn.randn(size[3], size[2])
      local y = rnn.precision("bf16", rnn.matmul, a, b)
      assert.are.same({ size[1], size[2] }, { y:shape() })
      if y:count() > 0 then close(y, rnn.matmul(bf16(a), bf16(b)), 1e-5) end
    end
    local whole = rnn.tensor { { 1, 2, 3 }, { -4, 5, 6 } } -- exact in both
    assert.are.same(rnn.matmul(whole, whole:transpose(1, 2)):totable(),
      rnn.precision("bf16", rnn.matmul, whole, whole:transpose(1, 2)):totable())
  end)

  it("carries NaN and infinity on", function()
    local x = rnn.tensor { { 0 / 0, 1 }, { math.huge, 1 }, { 1, 1 } }
    local y = rnn.precision("bf16", rnn.matmul, x, rnn.ones(2, 40))
    local rows = y:select(2, 1):totable()
    assert.is_true(rows[1] ~= rows[1])
    assert.are.same({ math.huge, 2 }, { rows[2], rows[3] })
  end)

  it("is that of forward in backward", function()
    local function gradient(forward, backward)
      rnn.seed(1)
      local w, x = rnn.randn(6, 40):requires_grad(true), rnn.randn(9, 40)
      rnn.precision(forward)
      local loss = (rnn.linear(x, w) ^ 2):sum()
      rnn.precision(backward)
      loss:backward()
      rnn.precision "float"
      return w.grad
    end
    equal_bits(gradient("bf16", "bf16"), gradient("bf16", "float"))
    equal_bits(gradient("float", "float"), gradient("float", "bf16"))
    close(gradient("bf16", "bf16"), gradient("float", "float"), 0.02)
  end)

  it("says what it was, and goes back, also after an error", function()
    assert.equal("float", rnn.precision())
    assert.equal("float", rnn.precision "bf16")
    assert.equal("bf16", rnn.precision "float")
    assert.equal("bf16", rnn.precision("bf16", function() return rnn.precision() end))
    raises("no way", rnn.precision, "bf16", error, "no way")
    assert.equal("float", rnn.precision())
    raises("rnn.precision: argument 1 %(name%): expected one of .*got string 'half'", rnn.precision, "half")
    raises("rnn.precision: argument 2 %(f%): expected a function", rnn.precision, "bf16", 3)
    assert.equal("float", rnn.precision())
  end)

  it("leaves float as it was", function()
    local x, w = rnn.randn(8, 30), rnn.randn(5, 30)
    local before = rnn.linear(x, w)
    rnn.precision("bf16", rnn.linear, x, w)
    equal_bits(before, rnn.linear(x, w))
  end)
end)

describe("the bits of bf16 and int8", function()
  it("are the same for all sets of instructions and threads", function()
    local best = bits("", "--deterministic --threads 1")
    for _, isa in ipairs { "avx512-dot", "x86-64-v4", "x86-64-v3", "plain" } do
      assert.equal(best, bits("RNNLUA_ISA=" .. isa, "--deterministic --threads 2"), isa)
    end
  end)
end)

describe("model:to", function()
  local function model()
    rnn.seed(2)
    return nn.Sequential { nn.LSTM(12, 40, { layers = 2 }), nn.LayerNorm(40), nn.Linear(40, 7) }
  end

  it("computes with rounded weights wherever they are used", function()
    local m, x = model():to "bf16", rnn.randn(3, 9, 12)
    local all = rnn.precision("bf16", rnn.no_grad, m, x)
    equal_bits(all, rnn.no_grad(m, x))
    assert.equal("bf16", core.form(m[1].weight_ih_l0))
    assert.equal("float", core.form(m[1].bias_ih_l0))
    local same = model():to("bf16"):to "float"
    close(rnn.no_grad(m, x), rnn.no_grad(same, x), 0.02)
    assert.equal("float", core.form(same[3].weight))
  end)

  it("has streams with the bits of whole sequences", function()
    for _, kind in ipairs { "RNN", "LSTM", "GRU" } do
      local layer, x, state, y = nn[kind](12, 40, { layers = 2 }):to "bf16", rnn.randn(3, 9, 12)
      for t = 1, 9 do y, state = layer:step(x:select(2, t), state) end
      equal_bits(rnn.no_grad(layer, x):select(2, 9):copy(), y)
      layer:to "float"
      y = layer:step(x:select(2, 1))
      equal_bits(rnn.no_grad(layer, x):select(2, 1):copy(), y)
    end
  end)

  it("is in files of half the size, which come back exactly", function()
    local m, x, paths = model(), rnn.randn(3, 9, 12), {}
    for i = 1, 3 do paths[i] = ("%s/%d.safetensors"):format(FOLDER, i) end
    assert(rnn.save(paths[1], m))
    m:to "bf16"
    assert(rnn.save(paths[2], m))
    local function size(path)
      local file = assert(io.open(path))
      local n = file:seek "end"
      file:close()
      return n
    end
    assert.is_true(size(paths[2]) < 0.6 * size(paths[1]))
    local loaded = assert(rnn.load(paths[2]))
    equal_bits(rnn.no_grad(m, x), rnn.no_grad(loaded, x))
    assert(rnn.save(paths[3], loaded))
    assert.equal(core.file_read(paths[2]), core.file_read(paths[3]))
    local float = model()
    float:load_state_dict((core.archive_read(paths[2])))
    assert.equal("float", core.form(float[3].weight))
    equal_bits(float[3].weight, m[3].weight)
  end)

  it("stays with clones, and is trained on float values", function()
    local m = model():to "bf16"
    assert.equal("bf16", core.form(m:clone()[3].weight))
    local optimizer, x = optim.SGD(m:parameters(), { lr = 1e-4 }), rnn.randn(3, 9, 12)
    local before = m[3].weight:copy()
    m(x):sum():backward()
    optimizer:step()
    local moved = m[3].weight:copy():detach()
    assert.is_true((moved - before):abs():max():item() > 0)
    assert.is_true((moved - bf16(moved)):abs():max():item() > 0)
  end)

  it("refuses what it does not know", function()
    local m = nn.Linear(2, 2)
    raises("nn.Linear%(2 %-> 2%):to: argument 1 %(precision%): expected one of", m.to, m, "f16")
  end)
end)

describe("rnn.fit in bf16", function()
  local function train(precision)
    rnn.seed(4)
    local x = rnn.randn(64, 10, 3)
    local y = x:sum(2):sum(2, true) * 0.3
    local m = nn.Sequential { nn.GRU(3, 24, { returns = "last" }), nn.Linear(24, 1) }
    local history = rnn.fit(m, { data = data.arrays(x, y):batches { size = 16 }, loss = "mse", epochs = 30,
      optimizer = optim.Adam(m:parameters(), { lr = 0.01 }), precision = precision, progress = false })
    return history.loss[30]
  end
  it("learns as well as in float, and leaves the precision as it was", function()
    local low, float = train "bf16", train "float"
    assert.is_true(low < 0.1 and low < 1.5 * float + 0.01, ("%g %g"):format(low, float))
    assert.equal("float", rnn.precision())
    assert.is_true(low ~= float)
    raises("option 'precision': expected one of", train, "half")
  end)
end)

describe("rnn.quantise", function()
  local function model()
    rnn.seed(6)
    local lstm = nn.LSTM(16, 48, { layers = 2 })
    return nn.Sequential { nn.Embedding(30, 16), lstm, nn.GRU(48, 20), nn.Linear(20, 5) }:eval()
  end
  local ids = (rnn.rand(7, 12) * 30):floor():to_int() + 1

  it("says what is lost, on data of the user's", function()
    local m = model()
    local y = rnn.no_grad(m, ids)
    local report = m:quantise { data = data.arrays(ids, y):batches { size = 3 }, loss = "mse", metrics = { "mae" },
      quiet = true }
    assert.equal(0, report.before.mae)
    assert.is_true(report.after.mae > 0 and report.after.mae < 0.01 * y:abs():max():item())
    assert.equal(8, #report.quantised)
    assert.are.same({}, report.left)
    assert.is_true(report.bytes < 0.35 * report.bytes_before)
    assert.are.same(report.quantised, m:frozen())
  end)

  it("has the bits of whole sequences in streams, and of each sample alone, also in other cells", function()
    for _, options in ipairs { { "RNN" }, { "LSTM" }, { "GRU" }, { "LSTM", layer_norm = true, peepholes = true },
      { "GRU", recurrent_dropout = 0.1, zoneout = 0.2 }, { "LSTM", projection = 9 } } do
      local kind = table.remove(options, 1)
      options.layers = 2
      local layer, x, state, y = nn[kind](12, 40, options), rnn.randn(11, 9, 12), nil, nil
      local float = rnn.no_grad(layer:eval(), x)
      rnn.quantise(layer, { quiet = true })
      close(rnn.no_grad(layer, x), float, 0.3)
      assert.is_true((rnn.no_grad(layer, x) - float):abs():max():item() > 0)
      for t = 1, 9 do y, state = layer:step(x:select(2, t), state) end
      local whole = rnn.no_grad(layer, x)
      equal_bits(whole:select(2, 9):copy(), y)
      equal_bits(whole:rows(4, 4), rnn.no_grad(layer, x:rows(4, 4)))
    end
  end)

  it("is saved and loaded, bit by bit", function()
    local m, path, again = model(), FOLDER .. "/q.safetensors", FOLDER .. "/q2.safetensors"
    m:quantise { quiet = true }
    assert(rnn.save(path, m, { note = "eight bits" }))
    local loaded, extra = rnn.load(path)
    assert(loaded, extra):eval()
    assert.equal("eight bits", extra.note)
    equal_bits(rnn.no_grad(m, ids), rnn.no_grad(loaded, ids))
    assert.are.same(m:frozen(), loaded:frozen())
    assert(rnn.save(again, loaded, extra))
    assert.equal(core.file_read(path), core.file_read(again))
    equal_bits(rnn.no_grad(m:clone(), ids), rnn.no_grad(m, ids))
  end)

  it("computes in integers only where nothing is recorded", function()
    local layer = nn.Linear(33, 4)
    layer:quantise { quiet = true }
    local x = rnn.randn(5, 33)
    close(layer(x), rnn.linear(x, layer.weight:copy(), layer.bias), 0.05)
    local recorded = layer(x:copy():requires_grad(true))
    equal_bits(recorded:detach(), rnn.no_grad(rnn.linear, x, layer.weight:copy(), layer.bias))
  end)

  it("carries on what is not finite, and zeros", function()
    local layer = nn.Linear(70, 33, { bias = false })
    layer:quantise { quiet = true }
    local x = rnn.randn(4, 70)
    x[2][3], x[3][70] = 0 / 0, math.huge
    x:rows(4, 4):fill_(0)
    local y = rnn.no_grad(layer, x):totable()
    assert.is_true(y[1][1] == y[1][1] and y[2][1] ~= y[2][1] and y[3][33] ~= y[3][33])
    assert.equal(0, y[4][5])
  end)

  it("names what stays in float, and refuses what has no form in int8", function()
    local m = nn.Sequential { nn.LSTM(4, 6, { projection = 3 }), nn.Conv1d(3, 6, 2), nn.Linear(6, 2) }
    assert.are.same({ "1.weight_hr_l0", "2.weight" }, rnn.quantise(m, { quiet = true }).left)
    raises("has no layer with products in int8", rnn.quantise, nn.Sequential { nn.Conv1d(2, 2, 3) })
    raises("rnn.quantise: argument 1 %(model%): expected a model", rnn.quantise, 3)
    raises("unknown option 'date'", rnn.quantise, nn.Linear(2, 2), { date = 1 })
    local broken = nn.Linear(2, 2)
    broken.weight:detach():fill_(0 / 0)
    raises("'weight' is not finite", rnn.quantise, broken)
    assert.equal("float", core.form(broken.weight))
  end)

  it("refuses a file whose numbers do not fit together", function()
    local m, path = nn.Linear(3, 2), FOLDER .. "/b.safetensors"
    m:quantise { quiet = true }
    assert(rnn.save(path, m))
    local tensors, metadata = core.archive_read(path)
    tensors["scales/weight"] = rnn.ones(3)
    assert(core.archive_write(path, tensors, metadata))
    local loaded, message = rnn.load(path)
    assert.is_nil(loaded)
    assert.matches("'weight' is said to be int8", message)
    tensors["scales/weight"], metadata["rnnlua.forms"] = rnn.ones(2), '{"weight":"int4"}'
    assert(core.archive_write(path, tensors, metadata))
    assert.matches("the form of a tensor", (select(2, rnn.load(path))))
  end)
end)

describe("what is written for other programs computes in float", function()
  local function seq2seq()
    return nn.Seq2Seq { encoder = nn.Encoder { vocab = 5, dim = 2, recurrent = nn.GRU(2, 3) },
      decoder = nn.Decoder { vocab = 5, dim = 2, recurrent = nn.GRU(2, 3), start = 1, stop = 2 } }
  end
  local WRITERS = {
    c = function(m) return rnn.export_c(m, FOLDER .. "/w.c") end,
    int8 = function(m) return rnn.export_c(m, FOLDER .. "/w.c", { int8 = true }) end,
    onnx = function(m) return rnn.onnx.save(FOLDER .. "/w.onnx", m) end,
    torch = function(m) return rnn.export_torch_state(m, FOLDER .. "/w.pt") end,
    keras = function(m) return rnn.export_keras_weights(m, FOLDER .. "/w.weights.h5") end,
  }

  it("and is refused of models that do not", function()
    local function model() return nn.Sequential { nn.LSTM(4, 8), nn.Linear(8, 2) } end
    local low, eight = model():to "bf16", model()
    eight:quantise { quiet = true }
    for _, write in pairs(WRITERS) do
      raises("'1.weight_hh_l0' are in bf16, as model:to \"bf16\" makes them", write, low)
      raises("'1.weight_hh_l0' are in int8, as rnn.quantise makes them", write, eight)
    end
    local translator = seq2seq():to "bf16"
    raises("are in bf16", WRITERS.c, translator)
    for _, name in ipairs { "w.c", "w.onnx", "w.pt", "w.weights.h5" } do
      assert.is_nil((core.file_read(FOLDER .. "/" .. name)))
    end
    assert(rnn.save(FOLDER .. "/eight.safetensors", eight))
    local pipe = assert(io.popen(("%s export %s/eight.safetensors -o %s/w.c 2>&1"):format(program, FOLDER, FOLDER)))
    assert.matches("'1.weight_hh_l0' are in int8", pipe:read "a")
    assert.is_nil(pipe:close())
  end)

  it("with the rounded weights behind model:to \"float\", and whatever rnn.precision is", function()
    local m, x = nn.Linear(4, 2), rnn.randn(3, 4)
    m:quantise { quiet = true }
    m:to "float"
    assert(WRITERS.onnx(m))
    equal_bits(rnn.no_grad(m, x), rnn.no_grad(assert(rnn.onnx.load(FOLDER .. "/w.onnx")), x))
    for _, made in ipairs { m, seq2seq() } do
      assert(WRITERS.c(made))
      local text = core.file_read(FOLDER .. "/w.c")
      assert(rnn.precision("bf16", WRITERS.c, made))
      assert.equal(text, (core.file_read(FOLDER .. "/w.c")))
    end
    local folder = "tests/reference/exchange/"
    assert(rnn.precision("bf16", require("rnn.exchange").bring, folder .. "torch.pt", { check = folder .. "torch.npz",
      chain = "embed=Embedding lstm final norm=LayerNorm fc relu" }))
  end)
end)

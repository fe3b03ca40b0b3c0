-- rnn.onnx: models as ONNX files and back. That other programs understand the files tests/onnx/run.sh holds.
local rnn = require "rnn"
local core = require "rnn.core"
local protobuf = require "rnn.protobuf"
local schema = require "rnn.onnx.schema"
local shell = require "support.shell"
local nn, cells, onnx = rnn.nn, rnn.cells, rnn.onnx

local GOLDEN = "tests/golden/lstm.onnx"
local sh, path

setup(function()
  sh = shell.new()
  path = sh.folder .. "/m.onnx"
end)
teardown(function() sh:remove() end)

-- Without the sync of core.file_write, for there are many.
local function write(bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

-- Numbers that a float holds in both precisions.
local function plain(...) return (rnn.randn(...) * 64):round() / 64 end

-- ---- files made by hand ----

local function pack(values, format)
  local list = {}
  for i, x in ipairs(values) do list[i] = (format or "<f"):pack(x) end
  return table.concat(list)
end

local function floats(name, dims, values)
  return { name = name, dims = dims, data_type = 1, raw_data = pack(values) }
end
local function longs(name, values, dims)
  return { name = name, dims = dims or { #values }, data_type = 7, raw_data = pack(values, "<i8") }
end
local function info(name, dims, type)
  local list = {}
  for i, size in ipairs(dims or {}) do list[i] = math.type(size) and { value = size } or { param = size } end
  return { name = name, type = { tensor = { elem_type = type or 1, shape = { dim = list } } } }
end
local function node(op, inputs, outputs, attributes)
  local list = {}
  for name, value in pairs(attributes or {}) do
    local field = math.type(value) == "integer" and "i" or type(value) == "number" and "f" or type(value) == "string"
      and "s" or value.node and "g" or value.dims and "t" or type(value[1]) == "string" and "strings" or "ints"
    list[#list + 1] = { name = name, [field] = value, type = schema.attribute[field] }
  end
  return { op_type = op, name = "the " .. op, input = inputs, output = outputs or { "y" }, attribute = list }
end
local function message(nodes, more)
  more = more or {}
  return { ir_version = 8, producer_name = more.producer, opset_import = { { version = more.opset or 17 } },
    graph = { node = nodes, initializer = more.tensors or {}, input = more.inputs or { info("x", { "N", 2 }) },
      output = more.outputs or { info("y") } } }
end
local function load_message(m)
  write(protobuf.encode(schema.model, m))
  return onnx.load(path)
end
local function refused(m, ...)
  local model, text, code = load_message(m)
  assert.is_nil(model)
  assert.equal("EFORMAT", code)
  for _, part in ipairs { ... } do assert.is_truthy(text:find(part, 1, true), text) end
end
local function same(a, b)
  assert.equal(table.concat({ a:shape() }, " "), table.concat({ b:shape() }, " "))
  assert.equal(1, a:eq(b):min():item())
end

describe("onnx.load refuses, and names", function()
  it("operators that it does not know, with their nodes", function()
    refused(message({ node("Loop", { "x" }, { "a" }), node("Foo", { "a" }) }), "Loop (node 'the Loop')",
      "Foo (node 'the Foo')")
    local other = node("Relu", { "x" })
    other.domain = "com.example"
    refused(message({ other }), "Relu of com.example (node 'the Relu')")
  end)

  it("attributes that it does not know", function()
    refused(message({ node("Relu", { "x" }, nil, { shape = 3 }) }), "node 'the Relu'", "attribute 'shape'")
    refused(message({ node("LSTM", { "x", "w", "w" }, nil, { clap = 1 }) },
      { tensors = { floats("w", { 1, 4, 1 }, { 0, 0, 0, 0 }) } }), "node 'the LSTM'", "clap")
  end)

  it("values of attributes that it does not know, and not only when it runs", function()
    local w = floats("w", { 2, 1, 1 }, { 1, 2 })
    for _, case in ipairs { { "Conv", { "x", "w" }, "auto_pad", "SAME" },
      { "Conv", { "x", "w" }, "kernel_shape", { 1, 1 } },
      { "BatchNormalization", { "x", "v", "v", "v", "v" }, "training_mode", 1 }, { "Pad", { "x" }, "mode", "other" },
      { "Cast", { "x" }, "to", 3 }, { "Gelu", { "x" }, "approximate", "erf" },
      { "ReverseSequence", { "x", "v" }, "time_axis", 2 } } do
      local m = message({ node(case[1], case[2], nil, { [case[3]] = case[4] }) },
        { tensors = { w, floats("v", { 1 }, { 1 }) } })
      refused(m, ("node 'the %s'"):format(case[1]), ("attribute '%s' is"):format(case[3]), "not known")
    end
    refused(message({ node("Conv", { "x", "w" }) }, { tensors = { floats("w", { 1, 1, 1, 1 }, { 1 }) } }),
      "over 2 axes")
  end)

  it("attributes and first states that are not what they should be", function()
    local wrong = node("Gather", { "x", "x" })
    wrong.attribute = { { name = "axis", s = "0", type = 3 } }
    refused(message({ wrong }), "node 'the Gather'", "attribute 'axis' is of type 3")
    wrong.attribute = { { name = "axis", i = 0, type = 2 }, { name = "axis", i = 1, type = 2 } }
    refused(message({ wrong }), "attribute 'axis' is there twice")
    local m = message({ node("Relu", { "x" }) }, { producer = "rnnlua" })
    for _, text in ipairs { "{", '{"x": "a"}', '{"x": [[1], [2]]}' } do
      m.metadata_props = { { key = "rnnlua.initial", value = text } }
      refused(m, "first state")
    end
    m = protobuf.decode(schema.model, core.file_read(GOLDEN))
    m.metadata_props = { { key = "rnnlua.initial", value = '{"state_1": [1, 2]}' } }
    local model = load_message(m) -- of another width: not a layer's
    assert.equal("onnx.Graph", getmetatable(model).__name)
  end)

  it("circles, names that nothing makes, and names made twice", function()
    refused(message({ node("Relu", { "b" }, { "a" }), node("Relu", { "a" }, { "b" }) }), "the Relu", "'b'")
    refused(message({ node("Relu", { "nowhere" }) }), "'nowhere'")
    refused(message({ node("Add", { "x", "" }) }), "the Add", "input 2 is missing")
    refused(message({ node("Shape", {}) }), "the Shape", "input 1 is missing")
    refused(message({ node("Relu", { "x" }), node("Tanh", { "x" }) }), "'y' is there twice")
    refused(message({ node("Relu", { "x" }, { "a" }) }), "output 'y'")
    refused(message({ node("Relu", { "x" }, { "x" }) }), "'x' is there twice")
  end)

  it("weights in other files, of other types, and of fewer bytes than they say", function()
    local outside = floats("w", { 1 << 40 }, {})
    outside.raw_data, outside.data_location = nil, 1
    for _, place in ipairs { "/etc/passwd", "../x", "a/../../x", "" } do
      outside.external_data = { { key = "location", value = place } }
      refused(message({ node("Add", { "x", "w" }) }, { tensors = { outside } }), "initializer 'w'", "no file beside")
    end
    outside.external_data = { { key = "location", value = "m.onnx" }, { key = "offset", value = "1000000" } }
    refused(message({ node("Add", { "x", "w" }) }, { tensors = { outside } }), "initializer 'w'", "outside of 'm.onnx'")
    for _, dims in ipairs { { 3 }, { 1 << 40 }, { 1 << 31, 1 << 31, 4 }, { -1 }, { 1, 1, 1, 1, 1, 1, 1 },
      { 1 << 62, 4 } } do
      refused(message({ node("Add", { "x", "w" }) }, { tensors = { floats("w", dims, { 1, 2 }) } }), "initializer 'w'")
    end
    local text = floats("w", { 1 }, { 1 })
    text.data_type = 8
    refused(message({ node("Add", { "x", "w" }) }, { tensors = { text } }), "type 8")
    local twice = floats("w", { 1 }, { 1 })
    twice.float_data = { pack { 1 } }
    refused(message({ node("Add", { "x", "w" }) }, { tensors = { twice } }), "twice")
  end)

  it("weights of recurrent nodes that do not fit together", function()
    local function lstm(w, r, b)
      local tensors = { floats("w", w, {}), floats("r", r, {}), b and floats("b", b, {}) or nil }
      for _, t in ipairs(tensors) do
        local n = 1
        for _, size in ipairs(t.dims) do n = n * size end
        t.raw_data = ("\0"):rep(4 * n)
      end
      return message({ node("LSTM", { "x", "w", "r", b and "b" or "" }, nil, { hidden_size = 2 }) }, {
        tensors = tensors, inputs = { info("x", { "T", "N", 3 }) } })
    end
    assert(load_message(lstm({ 1, 8, 3 }, { 1, 8, 2 }, { 1, 16 })))
    refused(lstm({ 1, 9, 3 }, { 1, 8, 2 }), "the LSTM", "W is")
    refused(lstm({ 1, 8, 3 }, { 1, 8, 3 }), "the LSTM", "hidden_size")
    refused(lstm({ 1, 8, 3 }, { 1, 8, 2 }, { 1, 8 }), "the LSTM", "B is")
    refused(lstm({ 2, 8, 3 }, { 2, 8, 2 }), "the LSTM", "R is")
    refused(lstm({ 8, 3 }, { 8, 2 }), "the LSTM")
  end)

  it("what no recurrent node can be", function()
    local function rnn_of(attributes)
      return message({ node("RNN", { "x", "w", "r" }, nil, attributes) }, { tensors = { floats("w", { 1, 1, 1 }, { 1 }),
        floats("r", { 1, 1, 1 }, { 1 }) }, inputs = { info("x", { "T", "N", 1 }) } })
    end
    refused(rnn_of { activations = { "Swish" } }, "Swish")
    refused(rnn_of { activations = { "Tanh", "Tanh" } }, "activations")
    refused(rnn_of { direction = "sideways" }, "sideways")
  end)

  it("graphs within graphs without end, and files that are none", function()
    local body = { node = {}, initializer = {}, input = { info("a") }, output = { info("a") } }
    for _ = 1, 12 do
      body = { node = { node("Scan", { "a" }, { "a2" }, { body = body, num_scan_inputs = 1 }) }, initializer = {},
        input = { info("a") }, output = { info("a2") } }
    end
    refused(message({ node("Scan", { "x" }, { "y" }, { body = body, num_scan_inputs = 1 }) }), "deep")
    refused({ opset_import = { { version = 17 } } }, "no graph")
    refused({ graph = message({ node("Relu", { "x" }) }).graph, opset_import = {} }, "version")
    refused(message({ node("Relu", { "x" }) }, { opset = 3 }), "version 3")
    write(("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff"):rep(9))
    assert.is_nil((onnx.load(path)))
    assert.is_nil((onnx.load(sh.folder .. "/missing.onnx")))
  end)

  it("every truncated file, and takes no harm from any changed byte", function()
    local bytes = core.file_read(GOLDEN)
    for n = 0, #bytes - 1, 3 do
      write(bytes:sub(1, n))
      local model, text = onnx.load(path)
      assert.is_nil(model)
      assert.is_truthy(type(text) == "string")
    end
    for k = 1, #bytes, 5 do
      for _, to in ipairs { "\0", "\x7f", "\xff", string.char(bytes:byte(k) ~ 1) } do
        write(bytes:sub(1, k - 1) .. to .. bytes:sub(k + 1))
        local ok, model = pcall(onnx.load, path)
        assert.is_truthy(ok, model)
        if model then pcall(model, rnn.zeros(2, 3, 2)) end
      end
    end
  end)
end)

describe("onnx.load", function()
  it("reads what onnx.save once wrote", function()
    local model, about = assert(onnx.load(GOLDEN))
    assert.equal("nn.Sequential", getmetatable(model).__name)
    assert.equal("rnnlua", about.producer)
    assert.equal(17, about.opset)
    local y = model:eval()(rnn.tensor { { { 0.5, -1 }, { 0.25, 2 }, { -0.75, 0.125 } } })
    if core.precision == "float" then
      assert.equal("-0x1.ae0ffep-4 0x1.b9e86cp-4", ("%a %a"):format(table.unpack(y:reshape(-1):totable())))
    end
  end)

  it("leaves random numbers alone, and what it gives can be trained", function()
    rnn.seed(5)
    local first = rnn.rand(3)
    rnn.seed(5)
    local model = assert(onnx.load(GOLDEN))
    same(first, rnn.rand(3))
    model(rnn.randn(2, 3, 2)):sum():backward()
    for _, pair in ipairs(model:named_parameters()) do
      assert.is_truthy(core.is_tensor(pair[2].grad), pair[1])
    end
  end)

  it("makes layers of files of others: PyTorch's way to write an LSTM with a head", function()
    local w, r, b, head = plain(1, 8, 3), plain(1, 8, 2), plain(1, 16), plain(4, 2)
    local function tensor(name, t) return floats(name, { t:shape() }, t:reshape(-1):totable()) end
    local m = message({ node("Transpose", { "x" }, { "t" }, { perm = { 1, 0, 2 } }),
      node("Shape", { "t" }, { "s" }), node("Gather", { "s", "one" }, { "n" }, { axis = 0 }),
      node("Unsqueeze", { "n", "zero" }, { "n1" }), node("Concat", { "first", "n1", "size" }, { "hs" }, { axis = 0 }),
      node("ConstantOfShape", { "hs" }, { "h" }),
      node("LSTM", { "t", "w", "r", "b", "", "h", "h" }, { "Y", "H", "C" }, { hidden_size = 2 }),
      node("Squeeze", { "Y", "one1" }, { "sq" }), node("Transpose", { "sq" }, { "u" }, { perm = { 1, 0, 2 } }),
      node("Gather", { "u", "end" }, { "last" }, { axis = 1 }),
      node("Gemm", { "last", "head", "bias" }, { "y" }, { transB = 1 }) },
      { tensors = { tensor("w", w), tensor("r", r), tensor("b", b), tensor("head", head),
        floats("bias", { 4 }, { 1, 2, 3, 4 }), longs("one", { 1 }, {}), longs("one1", { 1 }), longs("zero", { 0 }),
        longs("first", { 1 }), longs("size", { 2 }), longs("end", { -1 }, {}) },
        inputs = { info("x", { "N", "T", 3 }) } })
    local model = assert(load_message(m))
    assert.equal("nn.Sequential {\n  nn.LSTM(3 -> 2, returns = \"last\"),\n  nn.Linear(2 -> 4),\n}", tostring(model))
    -- gates i o f c there, i f g o here
    local lstm, i = model[1], { 1, 2, 5, 6, 7, 8, 3, 4 }
    same(lstm.weight_ih_l0, w:reshape(8, 3):gather(1, rnn.tensor(i, "int32")))
    same(lstm.bias_hh_l0, b:reshape(16):slice(1, 9, 16):gather(1, rnn.tensor(i, "int32")))
    -- the cell once more, written down
    local x = rnn.randn(5, 4, 3)
    local function gate(t, k) return t:reshape(8, -1):slice(1, 2 * k - 1, 2 * k) end
    local h, c = rnn.zeros(5, 2), rnn.zeros(5, 2)
    for t = 1, 4 do
      local function sum(k)
        return x:select(2, t):matmul(gate(w, k):transpose(1, 2)) + h:matmul(gate(r, k):transpose(1, 2))
          + b:reshape(16):slice(1, 2 * k - 1, 2 * k) + b:reshape(16):slice(1, 8 + 2 * k - 1, 8 + 2 * k)
      end
      local input, out, forget, new = sum(1):sigmoid(), sum(2):sigmoid(), sum(3):sigmoid(), sum(4):tanh()
      c = forget * c + input * new
      h = out * c:tanh()
    end
    local wanted = h:matmul(head:transpose(1, 2)) + rnn.tensor { 1, 2, 3, 4 }
    assert.is_truthy((model:eval()(x) - wanted):abs():max():item() < 1e-5)
  end)

  it("makes a graph of what is no chain, which counts ids as the file does", function()
    local graph, about = load_message(message({ node("Gather", { "rows", "x" }, { "e" }), node("ReduceMean", { "e" },
      { "y" }, { axes = { 1 }, keepdims = 0 }), node("Shape", { "e" }, { "s" }) }, {
      tensors = { floats("rows", { 3, 2 }, { 0, 0, 1, 2, 3, 4 }) }, inputs = { info("x", { "N", "T" }, 7) },
      outputs = { info("y"), info("s", {}, 7) } }))
    assert.equal("onnx.Graph", getmetatable(graph).__name)
    assert.equal("int32", about.inputs[1].type)
    local y, shape = graph(rnn.tensor({ { 1, 2 }, { 0, -1 } }, "int32"))
    same(y, rnn.tensor { { 2, 3 }, { 1.5, 2 } })
    same(shape, rnn.tensor({ 2, 2, 2 }, "int32"))
    assert.error_matches(function() graph(rnn.randn(2, 2)) end, "input 1 %(x%)")
    assert.error_matches(function() graph(rnn.tensor({ { 3 } }, "int32")) end, "node 'the Gather'")
    assert.error_matches(function() graph(rnn.tensor({ { 1 } }, "int32"):with_lengths { 1 }) end, "has lengths")
    assert.is_nil((graph:config()))
  end)

  it("reads options that few use", function()
    local x = rnn.tensor { { 1, -2, 3, 3 }, { -0.25, 0, 2, -1 } }
    local function run(wanted, op, attributes, more, opset)
      local inputs, tensors = { "x" }, {}
      for i, t in ipairs(more or {}) do inputs[i + 1], tensors[i] = t.name, t end
      local model = assert(load_message(message({ node(op, inputs, nil, attributes) },
        { tensors = tensors, opset = opset, inputs = { info("x", { x:shape() }) } })))
      local y = model(x)
      y = y:type() == "int32" and y:to_float() or y
      assert.is_true((y - rnn.tensor(wanted)):abs():max():item() < 1e-5, op)
    end
    -- What onnxruntime 1.32 makes of it.
    local axis = longs("axis", { 1 })
    run({ { 0, 1, -1, 2 }, { 0, -0.25, -0.25, 1.75 } }, "CumSum", { exclusive = 1 }, { axis })
    run({ { 4, 6, 3, 0 }, { 1, 1, -1, 0 } }, "CumSum", { exclusive = 1, reverse = 1 }, { axis })
    local cumsum = require("rnn.onnx.ops").CumSum -- before the first stands 0, whatever the first is
    local sums = cumsum({ exclusive = 1 }, rnn.tensor { math.huge, 2 }, rnn.tensor(0, "int32"))
    assert.same({ 0, math.huge }, sums:totable())
    run({ { 3 }, { 2 } }, "ArgMax", { axis = 1, select_last_index = 1 })
    run({ { 1 }, { 3 } }, "ArgMin", { axis = 1, select_last_index = 1 })
    run({ { 0, 0, 1, 0 }, { 0, 0, 1, 0 } }, "Hardmax", { axis = 1 })
    run({ { 1, -1.264241, 3, 3 }, { -0.235006, 0, 2, -0.786939 } }, "Celu", { alpha = 2.0 })
    run({ { 0.865098, -0.252502, 2.986535, 2.986535 }, { -0.129927, 0, 1.943959, -0.303401 } }, "Mish", {}, nil, 18)
    run({ { 0, -1.5, 2.5, 2.5 }, { 0, 0, 1.5, 0 } }, "Shrink", { lambd = 1.0, bias = 0.5 })
    run({ { 1, -2, 3, 3, 7.5 }, { -0.25, 0, 2, -1, 7.5 } }, "Pad", { pads = { 0, 0, 0, 1 }, value = 7.5 }, nil, 10)
    x = x:reshape(1, 2, 4)
    run({ { { 0.5, 0, 5, 3.5 }, { -0.25, 2, 1, -1 } } }, "Conv", { group = 2, pads = { 0, 1 }, kernel_shape = { 2 } },
      { floats("w", { 2, 1, 2 }, { 1, 0.5, 1, 1 }), floats("b", { 2 }, { 0.5, 0 }) })
  end)

  it("adds a bias along the axis that it is of", function()
    local weight = { tensors = { floats("w", { 2, 2 }, { 1, 2, 3, 4 }), floats("b", { 2 }, { 10, 20 }),
      floats("c", { 2, 1 }, { 10, 20 }) }, inputs = { info("x", { 2, 2 }) } }
    local x = rnn.tensor { { 1, 0 }, { 0, 1 } }
    local product = { node("MatMul", { "x", "w" }, { "p" }), node("Transpose", { "p" }, { "t" }, { perm = { 1, 0 } }),
      node("Add", { "t", "b" }) }
    same(assert(load_message(message(product, weight)))(x), rnn.tensor { { 11, 23 }, { 12, 24 } })
    product = { node("MatMul", { "x", "w" }, { "p" }), node("Add", { "b", "p" }) }
    same(assert(load_message(message(product, weight)))(x), rnn.tensor { { 11, 22 }, { 13, 24 } })
    same(assert(load_message(message({ node("Gemm", { "x", "w", "c" }) }, weight)))(x),
      rnn.tensor { { 11, 12 }, { 23, 24 } })
    -- what is needed twice stays as it is
    product = { node("MatMul", { "x", "w" }, { "p" }), node("Add", { "p", "b" }, { "q" }), node("Sub", { "q", "p" }) }
    same(assert(load_message(message(product, weight)))(x), rnn.tensor { { 10, 20 }, { 10, 20 } })
  end)

  it("reads backward layers, states and lengths as ONNX has them", function()
    local w, r = plain(1, 6, 2), plain(1, 6, 2)
    local m = message({ node("GRU", { "x", "w", "r", "", "len", "h" }, { "Y", "H" }, { direction = "reverse",
      hidden_size = 2, linear_before_reset = 1 }) }, { tensors = { floats("w", { 1, 6, 2 }, w:reshape(-1):totable()),
      floats("r", { 1, 6, 2 }, r:reshape(-1):totable()) },
      inputs = { info("x", { "T", "N", 2 }), info("len", { "N" }, 6), info("h", { 1, "N", 2 }) },
      outputs = { info("Y"), info("H") } })
    local graph = assert(load_message(m))
    local x, lengths, h0 = rnn.randn(4, 3, 2), rnn.tensor({ 4, 0, 2 }, "int32"), rnn.randn(1, 3, 2)
    local y, h = graph(x, lengths, h0)
    assert.equal("4 1 3 2", table.concat({ y:shape() }, " "))
    same(y:select(1, 1):select(1, 1), h:reshape(3, 2) * lengths:gt(0):reshape(3, 1))
    same(h:select(2, 2), rnn.zeros(1, 2)) -- of an empty sequence, as onnxruntime has it
    same(y:select(1, 3):select(2, 3), rnn.zeros(1, 2)) -- behind the end of one
    local flipped = x:select(2, 3):slice(1, 2, 1, -1)
    local forward = m
    forward.graph.node[1].attribute = { { name = "hidden_size", i = 2, type = 2 },
      { name = "linear_before_reset", i = 1, type = 2 } }
    local _, again = assert(load_message(forward))(flipped:reshape(2, 1, 2), rnn.tensor({ 2 }, "int32"),
      h0:slice(2, 3, 3))
    same(again:reshape(2), h:select(2, 3):reshape(2))
  end)
end)

if core.precision == "double" then
  it("onnx.save is refused in double", function()
    assert.error_matches(function() onnx.save(path, nn.Linear(2, 1)) end, "without %-%-double")
  end)
  return
end

-- ---- there and back ----

-- Weights of all sizes, none of them 0.
describe("what would be passed over in silence", function()
  local function recurrent(op, gates, directions, attributes, tail, more)
    attributes.hidden_size = 2
    local tensors = { floats("W", { directions, gates * 2, 2 }, plain(directions * gates * 4):totable()),
      floats("R", { directions, gates * 2, 2 }, plain(directions * gates * 4):totable()), longs("last", { -1 }, {}),
      longs("shape", { 0, 0, -1 }) }
    local nodes = { node(op, { "x", "W", "R", "", more and "lengths" or nil }, { "h_all", "h" }, attributes) }
    table.move(tail, 1, #tail, 2, nodes)
    return message(nodes, { tensors = tensors, inputs = { info("x", { "T", "N", 2 }), more } })
  end

  it("the last row is that of a step, not the last output", function()
    local last = { node("Transpose", { "h_all" }, { "a" }, { perm = { 2, 0, 1, 3 } }),
      node("Reshape", { "a", "shape" }, { "b" }), node("Gather", { "b", "last" }, { "y" }, { axis = 1 }) }
    local x, lengths = plain(4, 3, 2), rnn.tensor({ 4, 2, 0 }, "int32")
    local two = load_message(recurrent("GRU", 3, 2, { direction = "bidirectional" }, last))
    assert.equal("onnx.Graph", getmetatable(two).__name)
    local one = load_message(recurrent("GRU", 3, 1, {}, last, info("lengths", { "N" }, 6)))
    assert.equal("onnx.Graph", getmetatable(one).__name)
    local y = one(x, lengths)
    assert.same({ { 0, 0 }, { 0, 0 } }, y:slice(1, 2, 3):totable())
    assert.is_true(y:slice(1, 1, 1):abs():min():item() > 0)
  end)

  it("an activation whose numbers nobody gives", function()
    for _, name in ipairs { "Affine", "ScaledTanh", "ThresholdedRelu" } do
      refused(recurrent("RNN", 1, 1, { activations = { name } }, { node("Identity", { "h_all" }) }),
        "activation '" .. name)
    end
  end)

  it("numbers in a file beside the model, and a cast to 16 bits", function()
    local file = assert(io.open(sh.folder .. "/weights.bin", "wb"))
    file:write("...", pack { 1.5, -2 })
    file:close()
    local w = { name = "w", dims = { 2 }, data_type = 1, data_location = 1, external_data = {
      { key = "location", value = "weights.bin" }, { key = "offset", value = "3" }, { key = "length", value = "8" } } }
    local model = load_message(message({ node("Cast", { "x" }, { "a" }, { to = 10 }), node("Add", { "a", "w" }) },
      { tensors = { w } }))
    local y = model(rnn.tensor { { 1 / 3, 1e-7 }, { 70000, 2049 } })
    assert.same({ { 0.333251953125 + 1.5, 2.0 ^ -23 - 2 }, { math.huge, 2046.0 } }, y:totable())
  end)
end)

local function shaken(model)
  rnn.no_grad(function()
    for _, p in ipairs(model:parameters()) do p:assign(p + 0.3 * rnn.randn { p:shape() }) end
  end)
  return model:eval()
end

local chains = {
  ridership = function() return nn.Sequential { nn.RNN(2, 32, { returns = "last" }), nn.Linear(32, 1) } end,
  lstm = function() return nn.Sequential { nn.LSTM(2, { 24, 10 }), nn.LayerNorm(10), nn.Linear(10, 2) } end,
  gru = function()
    return nn.Sequential { nn.GRU(2, 20, { initial_state = "trained" }), nn.ELU(), nn.Linear(20, 1, { bias = false }) }
  end,
  char_lm = function()
    return nn.Sequential { nn.Embedding(9, 8), nn.GRU(8, 12), nn.Linear(12, 9), nn.LogSoftmax() }
  end,
  digits = function()
    return nn.Sequential { nn.LSTM(2, 20, { bidirectional = true, returns = "last" }), nn.Dropout(0.5),
      nn.Linear(40, 10), nn.Softmax() }
  end,
  variants = function()
    return nn.Sequential { nn.LSTM(2, 5, { peepholes = true, coupled = true, recurrent_activation = "hard_sigmoid" }),
      nn.LSTM(5, 4, { peepholes = true, activation = "leaky_relu", bidirectional = true, merge = "mean" }),
      nn.GRU(4, 6, { reset = "before", activation = "softsign", bidirectional = true, merge = "sum" }),
      nn.RNN(6, 3, { activation = "identity", initial_state = "trained", bidirectional = true }), nn.Tanh() }
  end,
  convolutions = function()
    return nn.Sequential { nn.Conv1d(2, 8, 5, { stride = 2, padding = "same" }), nn.ReLU(),
      nn.Conv1d(8, 6, 2, { dilation = 2 }), nn.LSTM(6, 7, { returns = "last" }), nn.Linear(7, 3), nn.SELU() }
  end,
  ["pooling of the whole"] = function()
    return nn.Sequential { nn.MaxPool1d(3, { stride = 2, padding = "same" }), nn.GRU(2, 5),
      nn.AvgPool1d(4, { padding = "same" }), nn.Linear(5, 4), nn.GlobalAvgPool1d() }
  end,
  pooling = function()
    return nn.Sequential { nn.MaxPool1d(2), nn.GRU(2, 5), nn.AvgPool1d(3, { stride = 1 }), nn.Linear(5, 4),
      nn.AvgPool1d(1, { stride = 2 }), nn.MaxPool1d(1) }
  end,
  largest = function() return nn.Sequential { nn.Embedding(9, 6), nn.GlobalMaxPool1d(), nn.Linear(6, 2) } end,
  means = function() return nn.Sequential { nn.Linear(2, 6), nn.GlobalAvgPool1d(), nn.ReLU() } end,
}
local graphs = {
  residual = function()
    return nn.Sequential { nn.GRU(2, 4, { bidirectional = true, layers = 2, merge = "sum", residual = true }),
      nn.BatchNorm(4) }
  end,
  scans = function()
    return nn.Sequential { nn.LSTM(2, 12, { layer_norm = true, projection = 5, zoneout = 0.1, zoneout_cell = 0.2 }),
      nn.Recurrent(cells.PhasedLSTM(5, 4), { bidirectional = true, merge = "sum" }),
      nn.Reservoir(4, 9, { outputs = 2, leak = 0.4 }) }
  end,
  repeated = function()
    return nn.Sequential { nn.GRU(2, 8, { returns = "last" }), nn.RepeatVector(5), nn.GRU(8, 6), nn.Linear(6, 2) }
  end,
  causal = function()
    return nn.Sequential { nn.Conv1d(2, 9, 4, { padding = "causal", dilation = 2, activation = "relu" }), nn.GRU(9, 6) }
  end,
}

local function input_of(model, n, steps)
  if model[1].vocab then return (rnn.rand(n, steps) * (model[1].vocab + 1)):floor():to_int() end
  return rnn.randn(n, steps, 2)
end

-- The arguments of a loaded graph: x, zeros for states.
local function call(graph, about, x, lengths)
  local args = {}
  for i, input in ipairs(about.inputs) do
    args[i] = i == 1 and x or input.name == "lengths" and lengths or rnn.zeros(#x, input.dims[2])
  end
  return graph(table.unpack(args, 1, #about.inputs))
end

describe("onnx.save and onnx.load give the same bits:", function()
  for name, make in pairs(chains) do
    it(name, function()
      rnn.seed(3)
      local model = shaken(make())
      assert(onnx.save(path, model))
      local back = assert(onnx.load(path)):eval()
      assert.equal("nn.Sequential", getmetatable(back).__name)
      for steps = 8, 10 do
        local x = input_of(model, steps - 7, steps)
        same(model(x), back(x))
      end
      if name == "convolutions" or name == "pooling of the whole" then
        assert.error_matches(function() onnx.save(path, model, { lengths = true }) end, "each sequence's length")
        return
      end
      assert(onnx.save(path, model, { lengths = true }))
      local x, lengths = input_of(model, 4, 6), rnn.tensor({ 6, 1, 0, 4 }, "int32")
      local graph, about = assert(onnx.load(path))
      local y = model(x:with_lengths(lengths))
      local z = getmetatable(graph).__name == "onnx.Graph" and name ~= "gru" and call(graph:eval(), about, x, lengths)
        or graph:eval()(x:with_lengths(lengths))
      same(y:zero_padding(), (y:ndim() == 3 and z:with_lengths(y:lengths()) or z):zero_padding())
    end)
  end

  for name, make in pairs(graphs) do
    it(name, function()
      rnn.seed(4)
      local model = shaken(make())
      assert(onnx.save(path, model))
      local graph, about = assert(onnx.load(path))
      local x = input_of(model, 3, 7)
      same(model(x), (call(graph:eval(), about, x)))
      if name == "repeated" then return end
      assert(onnx.save(path, model, { lengths = true }))
      graph, about = assert(onnx.load(path))
      local lengths = rnn.tensor({ 7, 0, 2 }, "int32")
      same(model(x:with_lengths(lengths)):zero_padding(), call(graph:eval(), about, x, lengths):with_lengths(lengths)
        :zero_padding())
    end)
  end

  it("but windows that leave steps out are refused with padding", function()
    local model = nn.Sequential { nn.MaxPool1d(2, { stride = 3, padding = "same" }), nn.Linear(2, 1) }
    assert.error_matches(function() onnx.save(path, model) end, "leave steps out")
  end)

  it("step by step, and in pieces", function()
    rnn.seed(5)
    local model = shaken(nn.Sequential { nn.Conv1d(2, 5, 3, { padding = "causal" }),
      nn.LSTM(5, 6, { peepholes = true, layers = 2, residual = true, initial_state = "trained" }),
      nn.GRU(6, 4, { layer_norm = true }), nn.Recurrent(cells.PhasedLSTM(4, 4)), nn.Linear(4, 3) })
    local x = rnn.randn(2, 5, 2)
    local y = model(x)
    assert(onnx.save(path, model, { form = "step" }))
    local step, about = assert(onnx.load(path))
    local initial = rnn.json_decode(about.metadata["rnnlua.initial"])
    local states, t_at = {}, nil
    for i, input in ipairs(about.inputs) do
      local start = initial[input.name]
      if input.name == "t" then t_at = i
      elseif i > 1 then
        states[#states + 1] = start and rnn.tensor(start):reshape(1, -1):broadcast_to(2, #start):copy()
          or rnn.zeros(2, input.dims[2])
      end
    end
    assert.equal(2, t_at)
    for t = 1, 5 do
      local results = { step:eval()(x:select(2, t), rnn.full({ 1, 1 }, t), table.unpack(states)) }
      same(y:select(2, t), results[1])
      states = { table.unpack(results, 2) }
    end
    assert(onnx.save(path, model))
    local whole, of = assert(onnx.load(path))
    states = {}
    for i = 2, #of.inputs do
      local start = initial[of.inputs[i].name] or rnn.zeros(of.inputs[i].dims[2]):totable()
      states[i - 1] = rnn.tensor(start):reshape(1, -1):broadcast_to(2, #start):copy()
    end
    local first = { whole:eval()(x:slice(2, 1, 2), table.unpack(states)) }
    same(y:slice(2, 1, 2), first[1])
    same(y:slice(2, 3, 5), (whole(x:slice(2, 3, 5), table.unpack(first, 2)))) -- the steps are counted on
  end)

  it("with scalers, and with what rnn.save kept beside the model", function()
    rnn.seed(6)
    local model = shaken(nn.Sequential { nn.GRU(2, 5, { returns = "last" }), nn.Linear(5, 1) })
    local scaler, target = rnn.data.Scaler(), rnn.data.Scaler()
    local x = rnn.randn(6, 4, 2) * 3 + 5
    scaler:fit(x)
    target:fit(rnn.randn(20, 1) * 7 - 2)
    assert(rnn.save(sh.folder .. "/m.safetensors", model,
      { scaler = scaler, target_scaler = target, labels = { "up" } }))
    local program = os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"
    local out, err, code = sh:run(program .. " export m.safetensors -o m.onnx")
    assert.equal(0, code, out .. err)
    local graph, about = assert(onnx.load(path))
    same(target:inverse(model(scaler:transform(x))), (call(graph:eval(), about, x)))
    assert.equal('["up"]', about.metadata["rnnlua.labels"])
    local _, said, failed = sh:run(program .. " export m.safetensors -o m.onnx --int8")
    assert.equal(1, failed)
    assert.is_truthy(said:find("--int8", 1, true), said)
  end)

  it("and the file is what it was", function()
    local golden = protobuf.decode(schema.model, core.file_read(GOLDEN))
    assert(onnx.save(path, (assert(onnx.load(GOLDEN)))))
    local now = protobuf.decode(schema.model, core.file_read(path))
    golden.producer_version = now.producer_version
    assert.equal(protobuf.encode(schema.model, golden), protobuf.encode(schema.model, now))
  end)
end)

describe("onnx.save refuses", function()
  it("layers that it cannot say, by name", function()
    assert.error_matches(function() onnx.save(path, nn.Seq2Seq(9, 9, { units = 4 })) end, "nn.Seq2Seq")
    assert.error_matches(function() onnx.save(path, nn.Sequential { nn.Attention(4) }) end, "nn.Attention")
    assert.error_matches(function() onnx.save(path, nn.LSTM(2, 3, { returns = "both" })) end, "both")
    local Own = nn.cell("OnnxOwn", function(self) self.w = nn.Linear(2, 2) end)
    function Own:step(x, h) return self.w(x):tan(), h end
    assert.error_matches(function() onnx.save(path, nn.Recurrent(Own(2, 2))) end, "onnx_spec.*tan: this operation")
  end)

  it("scalers and words of another size", function()
    local scaler = rnn.data.Scaler():fit(rnn.randn(9, 3))
    for option, value in pairs { scaler = scaler, target_scaler = scaler, labels = { "a" }, vocab = { "a" } } do
      local ok, said = pcall(onnx.save, path, nn.GRU(2, 4), { [option] = value })
      assert.is_false(ok)
      assert.is_truthy(said:find(("option '%s'"):format(option), 1, true), said)
    end
    assert(onnx.save(path, nn.GRU(2, 4), { scaler = scaler:column(2), vocab = { "a", "b", "c", "d" } }))
  end)

  it("to go on where nothing can", function()
    local both = nn.GRU(2, 3, { bidirectional = true })
    assert.error_matches(function() onnx.save(path, both, { form = "step" }) end, "option 'form'.*whole sequence")
    assert.error_matches(function() onnx.save(path, both, { state = true }) end, "option 'state'.*whole sequence")
    assert.error_matches(function() onnx.save(path, nn.GRU(2, 3), { form = "step", lengths = true }) end, "'lengths'")
    assert.error_matches(function() onnx.save(path, nn.GRU(2, 3), { form = "step", state = false }) end, "'state'")
  end)

  it("a path that cannot be written, which is no error", function()
    local done, text = onnx.save("/nowhere/m.onnx", nn.Linear(2, 1))
    assert.is_nil(done)
    assert.is_truthy(type(text) == "string")
  end)
end)

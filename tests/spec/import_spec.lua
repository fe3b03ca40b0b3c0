-- Models of PyTorch and Keras: rnnlua import, and rnn.export_torch_state and rnn.export_keras_weights back again. The
-- files are made by tests/reference/make_exchange.py; tests/exchange/run.py does the same with many random models.
local rnn = require "rnn"
local core = require "rnn.core"
local shell = require "support.shell"
local exchange = require "rnn.exchange"
local hdf5 = require "rnn.exchange.hdf5"
local hdf5_writer = require "rnn.exchange.hdf5_writer"
local pickle = require "rnn.exchange.pickle"
local torch_file = require "rnn.exchange.torch_file"
local tensors = require "rnn.exchange.tensors"
local nn = rnn.nn

local FOLDER = "tests/reference/exchange/"
local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
local CHAIN = "embed=Embedding lstm final norm=LayerNorm fc relu"

local function bring(name, options)
  options = options or {}
  if options.check then options.check = FOLDER .. options.check end
  if options.config then options.config = FOLDER .. options.config end
  return exchange.bring(FOLDER .. name, options)
end

local function refused(pattern, name, options)
  local model, message = bring(name, options)
  assert.is_nil(model, name)
  assert.is_truthy(message:find(pattern), ("%s: '%s' is not in: %s"):format(name, pattern, message))
end

describe("a state dict of PyTorch", function()
  it("becomes the model that was recorded", function()
    local model, about = assert(bring("torch.pt", { check = "torch.npz" }))
    assert.equal("nn.Sequential", model:describe())
    assert.equal("nn.LSTM(3 -> 4, layers = 2, bidirectional, returns = \"last\")", model[2]:describe())
    assert.is_true(about.worst < 1e-6)
    assert.is_truthy(about.verified:find "^Verified: on a batch its outputs differ from those of PyTorch 2")
    assert.is_true(about.ids)
    assert.is_false(model.training)
  end)

  it("is the same by a chain, from every kind of file", function()
    for _, case in ipairs { { "torch.pt" }, { "torch.safetensors" }, { "checkpoint.pt", "model" },
      { "old.pt" } } do
      local _, about = assert(bring(case[1], { chain = CHAIN, key = case[2], check = "torch.npz" }))
      assert.is_true(about.worst < 1e-6)
      local _, unchecked = assert(bring(case[1], { chain = CHAIN, key = case[2] }))
      assert.is_false(unchecked.verified)
    end
  end)

  it("does not say what runs when, and nothing is guessed", function()
    refused("embed: Embedding or Linear of %(9, 3%).*lstm: LSTM of.*%-%-chain \"embed=Embedding lstm", "torch.pt")
    refused("'embed': its tensors do not say whether it is Embedding or Linear", "torch.pt",
      { chain = "embed lstm final norm=LayerNorm fc" })
    refused("'norm': its tensors do not say", "torch.pt", { chain = "embed=Embedding lstm final norm fc" })
    refused("'fc' has tensors, and nothing in the chain uses it", "torch.pt",
      { chain = "embed=Embedding lstm final norm=LayerNorm" })
    refused("'dense' is no module of the file", "torch.pt", { chain = "dense" })
    refused("'lstm': nn.Bilinear has no counterpart", "torch.pt", { chain = "lstm=Bilinear" })
    refused("'fc' has no weight_ih_l0", "torch.pt", { chain = "fc=GRU" })
  end)

  it("is another model when a step of the chain is left out or added", function()
    refused("another model: its outputs differ", "torch.pt", { chain = CHAIN:gsub(" relu", ""), check = "torch.npz" })
    refused("another model: its outputs differ", "torch.pt", { chain = CHAIN .. " tanh", check = "torch.npz" })
    refused("y%[:, %-1%].*final", "torch.pt", { chain = CHAIN:gsub("final", "last") })
    refused("the model makes %(3, 5, 3%) of the batch, and made %(3, 3%)", "torch.pt",
      { chain = CHAIN:gsub("final ", ""), check = "torch.npz" })
  end)

  it("is compared with less where the batch is in half precision, and says so", function()
    local sh = shell.new()
    local path, check = sh.folder .. "/m.safetensors", sh.folder .. "/m.npz"
    local function brought(weight, kind, numbers)
      local header = ("{'descr': '%s', 'fortran_order': False, 'shape': (1, 2), }\n"):format(kind)
      assert(core.npz_write(sh.folder .. "/x.npz", { x = rnn.ones(1, 1) }))
      local files = assert(core.bundle_read(sh.folder .. "/x.npz", 1e6 // 1 | 0, true))
      files[2] = { name = "y.npy", bytes = "\x93NUMPY\1\0" .. ("<s2"):pack(header) .. numbers }
      assert(core.bundle_write(check, files))
      assert(core.archive_write(path, { ["fc.weight"] = rnn.tensor { { weight }, { -0.5 } } }))
      return exchange.bring(path, { chain = "fc=Linear", check = check })
    end
    local halves, floats = "\0\x3c\0\xb8", ("<ff"):pack(1, -0.5)
    local _, about = assert(brought(1.001, "<f2", halves))
    assert.is_truthy(about.verified:find("of PyTorch, which are float16, by at most 0.001, of 1.", 1, true))
    assert.is_nil((brought(1.02, "<f2", halves)))
    assert.is_nil((brought(1.001, "<f4", floats)))
    _, about = assert(brought(1, "<f4", floats))
    assert.is_truthy(about.verified:find("of PyTorch by at most 0, of 1.", 1, true))
    sh:remove()
  end)

  it("says little, and a chain is taken at its word", function()
    local _, about = assert(bring("torch.pt", { chain = CHAIN }))
    assert.is_truthy(about.notes[1]:find "'norm': a state dict does not say eps")
    assert.equal(0, #select(2, assert(bring("torch.pt", { chain = CHAIN:gsub("LayerNorm", "%0(eps=1e-5)") }))).notes)
    refused("'norm' has no option 'epsilon'", "torch.pt", { chain = CHAIN:gsub("LayerNorm", "%0(epsilon=1e-5)") })
    refused("alpha = 0.5 has no", "torch.pt", { chain = CHAIN .. " elu(0.5)" })

    local sh = shell.new()
    local path, v, g = sh.folder .. "/m.safetensors", rnn.randn(3, 4), rnn.rand(3, 1) + 0.5
    assert(core.archive_write(path, { ["module.fc.weight_v"] = v, ["module.fc.weight_g"] = g }))
    local model = assert(exchange.bring(path, { chain = "fc=Linear" }))
    local x = rnn.randn(2, 4)
    local wanted = x:linear(v * g / v:square():sum(2, true):sqrt())
    assert.is_true((model(x) - wanted):abs():max():item() < 1e-6)

    local conv, fc = rnn.randn(3, 2, 1), rnn.randn(1, 12)
    assert(core.archive_write(path, { ["conv.weight"] = conv, ["conv.bias"] = rnn.zeros(3), ["fc.weight"] = fc }))
    x = rnn.randn(1, 4, 2)
    local y = x:linear(conv:reshape(3, 2)) -- (1, T, C)
    for order, flat in pairs { nct = y:transpose(2, 3), ntc = y } do
      model = assert(exchange.bring(path, { chain = ("conv flatten(%s) fc=Linear"):format(order) }))
      assert.is_true((model(x) - flat:reshape(1, 12):linear(fc)):abs():max():item() < 1e-5)
    end
    local none, message = exchange.bring(path, { chain = "conv flatten fc=Linear" })
    assert.is_nil(none)
    assert.is_truthy(message:find("flatten(nct)", 1, true))
    sh:remove()
  end)

  it("stands anywhere in a checkpoint, beside values of all kinds", function()
    local sh = shell.new()
    local path = sh.folder .. "/m.pt"
    assert(rnn.export_torch_state(nn.Linear(2, 3), path))
    local files = assert(core.bundle_read(path, 1 << 20, true))
    local state = files[1].bytes:sub(3, -2)
    local function text(s) return ("<c1s4"):pack("X", s) end
    local function dict(...) return "}(" .. table.concat { ... } .. "u" end
    local function read(pickled, key)
      files[1].bytes = "\x80\x02" .. pickled .. "."
      assert(core.bundle_write(path, files))
      local ok, tensors_read, _, taken = pcall(torch_file.read, path, key)
      return ok and table.concat({ tensors_read["layer1.weight"]:shape() }, ", ") or tensors_read, taken
    end
    local device = "ctorch\ndevice\n" .. text "cuda" .. "K\0\x86R"
    local layout = "ctorch.serialization\n_get_layout\n" .. text "torch.strided" .. "\x85R"
    local beside = dict(text "model", state, text "d", device, text "t", "ctorch\nfloat32\n", text "l", layout)
    assert.same({ "3, 2", "model" }, { read(beside) })
    assert.same({ "3, 2", "a.b" }, { read(dict(text "a", dict(text "b", state))) })
    assert.same({ "3, 2", "0" }, { read(state .. "K\3\x86") })
    local two = dict(text "x", dict(text "y", state, text "z", state))
    assert.is_truthy(read(two):find("several dictionaries of tensors, x.y, x.z: say which with --key", 1, true))
    assert.equal("3, 2", (read(two, "x.z")))
    assert.equal("3, 2", (read(two:gsub("^}", "]"):gsub("u$", "e"), "1.y")))
    assert.is_truthy(read(two, "x.w"):find("--key x.w: it is no dictionary of tensors", 1, true))
    assert.is_truthy(read(dict(text "a", "K\3")):find("no dictionary of tensors alone", 1, true))
    local odd = dict(text "d", "ctorch\ndevice\nK\0\x85R")
    assert.is_truthy(read(odd):find("a device or a layout that is no text", 1, true))
    sh:remove()
  end)

  it("has tensors that are parts of others", function()
    local read, names = torch_file.read(FOLDER .. "views.pt")
    assert.same({ "a.weight", "a.bias", "b.weight", "b.bias" }, names)
    local base = (rnn.arange(24) - 1):to_float():reshape(4, 6)
    local b = base:slice(1, 2, 3)
    for name, want in pairs { ["a.weight"] = base:transpose(1, 2), ["a.bias"] = base:select(1, 1),
      ["b.weight"] = b:slice(2, 3, 4), ["b.bias"] = b:select(2, 2) } do
      assert.same(want:totable(), read[name]:totable(), name)
    end
  end)

  it("has few names that its pickle may call, and no others run", function()
    local list = pickle.read "\x80\x02]q\0(K\x01NX\1\0\0\0aG?\xf0\0\0\0\0\0\0e."
    assert.same({ 1, core.null, "a", 1.0, kind = "list" }, list)
    assert.equal(-2, pickle.read "\x80\x02\x8a\1\xfe.")
    assert.equal(2.0 ^ 70, pickle.read "\x80\x02\x8a\x09\0\0\0\0\0\0\0\0\x40.")
  end)
end)

describe("a recording of PyTorch", function()
  local sh
  setup(function() sh = shell.new() end)
  teardown(function() sh:remove() end)

  -- Calls one behind the other, where they do not say on what: what is brought, with y as the output.
  local function recorded(state, calls, x, y)
    for i, call in ipairs(calls) do
      call.id, call.options = tostring(i), call.options or {}
      call.args = call.args or { { t = i == 1 and "0" or ("%d.0"):format(i - 1) }, table.unpack(call.more or {}) }
      call.shapes = call.shapes or { { y:shape() } }
    end
    local text = core.json_encode { torch = "2", x = "0", y = ("%d.0"):format(#calls), calls = calls }
    assert(core.archive_write(sh.folder .. "/m.safetensors", state))
    local bytes = core.tensor({ text:byte(1, -1) }, "int32")
    assert(core.npz_write(sh.folder .. "/m.npz", { x = x, y = y, recorded = bytes }))
    return exchange.bring(sh.folder .. "/m.safetensors", { check = sh.folder .. "/m.npz" })
  end

  local x, w = rnn.tensor { { 1, -2 }, { 0.5, 3 } }, rnn.tensor { { 1, 0.5 }, { -1, 2 } }
  local linear = { module = "fc", class = "Linear", options = { in_features = 2, out_features = 2, training = false } }
  local function behind(call, y) return recorded({ ["fc.weight"] = w }, { linear, call }, x, y) end

  it("is of classes, whatever a module is called", function()
    local z = x:linear(w)
    local good = { LeakyReLU = { z:leaky_relu(0.2), { negative_slope = 0.2, inplace = false } },
      LogSoftmax = { z:log_softmax(2), { dim = -1 } }, Identity = { z }, Hardsigmoid = { z:hard_sigmoid() },
      SELU = { z:selu(), { inplace = true } }, Softplus = { z:softplus(), { beta = 1, threshold = 20 } },
      Sigmoid = { z:sigmoid() } }
    for name in ("relu tanh softmax identity dropout flatten last final pad act"):gmatch "%S+" do
      for class, case in pairs(good) do
        local model, why = behind({ module = name, class = class, options = case[2] }, case[1])
        assert.is_truthy(model, ("%s = %s: %s"):format(name, class, why))
      end
      for _, class in ipairs { "ReLU6", "Hardtanh", "Hardshrink", "Softmin", "RReLU", "Tanhshrink" } do
        local model, why = behind({ module = name, class = class }, z)
        assert.is_nil(model, name .. " = " .. class)
        assert.is_truthy(why:find(("'%s' (nn.%s) has no counterpart"):format(name, class), 1, true), why)
      end
    end
    local state = { ["fc.weight"] = w, ["tanh.weight"] = w }
    local model, why = recorded(state, { linear, { module = "tanh", class = "Linear" }, { ["function"] = "tanh" } }, x,
      z:linear(w):tanh())
    assert.is_truthy(model, why) -- a function is none of the modules
    assert(exchange.bring(sh.folder .. "/m.safetensors", { chain = "fc=Linear tanh=Linear act=Tanh",
      check = sh.folder .. "/m.npz" }))
  end)

  it("has the last step, and the last state, in all the ways in which people write them", function()
    local seq, all, N <const>, H <const> = rnn.randn(2, 3, 2), { slice = { core.null, core.null, core.null } }, 2, 3
    local function from(n, to) return { slice = { n, to or core.null, core.null } } end
    local function try(layers, both, calls)
      local options = { layers = layers, bidirectional = both, returns = "last" }
      local gru, state = nn.GRU(2, H, options):eval(), {}
      for name, value in pairs(gru:state_dict()) do state["g." .. name] = value end
      local D = both and 2 or 1
      local g = { module = "g", class = "GRU", options = { batch_first = true, bidirectional = both,
        num_layers = layers }, args = { { t = "0" } }, shapes = { { N, 3, D * H }, { layers * D, N, H } } }
      local list = { g }
      for i, call in ipairs(calls) do
        local args = { call.on or { t = i == 1 and "1.1" or ("%d.0"):format(i) }, table.unpack(call, 2) }
        list[i + 1] = { ["function"] = call[1], args = args, shapes = call.shapes or { call.shape } }
      end
      return recorded(state, list, seq, gru(seq))
    end
    local function y(call) call.on = { t = "1.0" } return call end
    local last = { N, H }
    for i, calls in ipairs {
      { { "__getitem__", -1, shape = last } }, { { "__getitem__", { -1, all, all }, shape = last } },
      { { "__getitem__", { { ellipsis = true }, 1, all, all }, shape = last } }, { { "select", 0, 1, shape = last } },
      { { "__getitem__", from(-1), shape = { 1, N, H } }, { "squeeze", 0, shape = last } },
      { { "__getitem__", from(-1), shape = { 1, N, H } } },
      { { "narrow", 0, 1, 1, shape = { 1, N, H } }, { "view", -1, H, shape = last } },
      { { "transpose", 0, 1, shape = { N, 2, H } }, { "__getitem__", { all, -1 }, shape = last } },
      { { "view", 2, 1, N, H, shape = { 2, 1, N, H } }, { "__getitem__", { -1, 0 }, shape = last } },
      { y { "__getitem__", { all, -1 }, shape = last } }, { y { "__getitem__", { all, 2, all }, shape = last } },
      { y { "__getitem__", { { ellipsis = true }, -1, all }, shape = last } },
      { y { "__getitem__", { all, from(-1) }, shape = { N, 1, H } }, { "squeeze", 1, shape = last } },
      { y { "__getitem__", { all, from(2, 3), all }, shape = { N, 1, H } }, { "flatten", 1, shape = last } },
      { y { "select", 1, 2, shape = last } },
    } do
      local model, why = try(2, false, calls)
      assert.is_truthy(model, ("case %d: %s"):format(i, why))
    end
    local parts, wide = { last, last }, { N, 2 * H }
    local both = { "__getitem__", from(-2), shape = { 2, N, H } }
    for i, calls in ipairs {
      { both, { "unbind", 0, shapes = parts }, { "cat", { { t = "3.0" }, { t = "3.1" } }, 1, on = {}, shape = wide } },
      { both, { "transpose", 0, 1, shape = { N, 2, H } }, { "reshape", N, -1, shape = wide } },
      { { "view", 2, 2, N, H, shape = { 2, 2, N, H } }, { "__getitem__", -1, shape = { 2, N, H } },
        { "unbind", shapes = parts }, { "hstack", { { t = "4.0" }, { t = "4.1" } }, on = {}, shape = wide } },
    } do
      local model, why = try(2, true, calls)
      assert.is_truthy(model, ("case %d: %s"):format(i, why))
    end
    for i, calls in ipairs { -- and nothing else is
      { { "__getitem__", 0, shape = last } }, { { "__getitem__", from(core.null, 1), shape = { 1, N, H } } },
      { y { "__getitem__", { all, { slice = { core.null, -1, core.null } } }, shape = { N, 2, H } } },
      { y { "__getitem__", { all, from(0, 1) }, shape = { N, 1, H } }, { "squeeze", 1, shape = last } },
      { y { "__getitem__", { all, from(-2) }, shape = { N, 2, H } } }, { y { "select", 1, 1, shape = last } },
      { y { "__getitem__", { all, "..." }, shape = last } },
    } do
      assert.is_nil((try(2, false, calls)), i)
    end
    assert.is_nil((try(2, true, { both, { "unbind", 0, shapes = parts },
      { "cat", { { t = "3.1" }, { t = "3.0" } }, 1, on = {}, shape = wide } })))
    assert(behind({ ["function"] = "relu_" }, x:linear(w):relu()))
  end)

  it("has weights that weight_norm computes, in the new way and the old one", function()
    local v, g = rnn.randn(2, 2), rnn.rand(1, 2) + 0.5
    local z = x:linear(v * g / v:square():sum(1, true):sqrt())
    local fc = { module = "fc", class = "Linear", options = { training = false, weight = { t = "?" } } }
    for _, names in ipairs { { "parametrizations.weight.original0", "parametrizations.weight.original1" },
      { "weight_g", "weight_v" } } do
      local model, about = assert(recorded({ ["fc." .. names[1]] = g, ["fc." .. names[2]] = v }, { linear }, x, z))
      assert.is_true(about.worst < 1e-6)
      assert.equal("nn.Linear(2 -> 2, bias = false)", model[1]:describe())
      assert.is_truthy(about.notes[1]:find("'fc.weight' was taken as weight_norm has it", 1, true))
    end
    for _, name in ipairs { "parametrizations.weight.original", "weight_orig" } do
      local model, why = recorded({ ["fc." .. name] = v }, { linear }, x, z)
      assert.is_nil(model)
      assert.is_truthy(why:find("'fc.weight' is computed of others.*remove_parametrizations"), why)
    end
    assert.is_truthy(select(2, recorded({ ["fc.weight"] = w }, { fc }, x, z)):find("weight = a tensor has no", 1, true))
    fc.options.weight = { 5 }
    assert.is_truthy(select(2, recorded({ ["fc.weight"] = w }, { fc }, x, z)):find("weight = [5] has no", 1, true))
  end)

  it("has no option that is passed over", function()
    local z = x:linear(w)
    for _, case in ipairs { { "Softplus", "threshold", 1 }, { "Softplus", "beta", 2 }, { "ELU", "alpha", 0.5 },
      { "GELU", "approximate", "tanh" }, { "Dropout", "p", 1 }, { "Tanh", "other", 1 },
      { "Dropout", "training", true } } do
      local class, name, value = table.unpack(case)
      local model, why = behind({ module = "a", class = class, options = { [name] = value } }, z)
      assert.is_nil(model, class)
      assert.is_truthy(why:find(("'a': %s = %s has no counterpart"):format(name, value), 1, true), why)
    end
    for _, case in ipairs { { "softplus", { 1, 1 }, "threshold = 1" }, { "elu", { 0.5 }, "alpha = 0.5" },
      { "dropout", { 0.5, true }, "training = true" }, { "tanh", { 7 }, "1 = 7" } } do
      local model, why = behind({ ["function"] = case[1], more = case[2] }, z)
      assert.is_nil(model, case[1])
      assert.is_truthy(why:find(("'%s': %s has no counterpart"):format(case[1], case[3]), 1, true), why)
    end
    assert(behind({ ["function"] = "softplus", more = { 1, 20 } }, z:softplus()))
    assert(behind({ ["function"] = "relu", more = { true } }, z:relu()))
    assert(behind({ ["function"] = "leaky_relu", more = { 0.3 } }, z:leaky_relu(0.3)))
    local bad = { module = "fc", class = "Linear", options = { other = 3 } }
    assert.is_truthy(select(2, recorded({ ["fc.weight"] = w }, { bad }, x, z)):find("'fc': other = 3", 1, true))
  end)
end)

describe("a model of Keras", function()
  it("becomes the same model, from every kind of file", function()
    for _, case in ipairs { { "keras.keras" }, { "keras.h5" }, { "keras.weights.h5", "keras.json" },
      { "latest.weights.h5", "keras.json" }, { "chunks.weights.h5", "keras.json" } } do
      local model, about = assert(bring(case[1], { config = case[2], check = "keras.npz" }))
      assert.is_true(about.worst < 1e-6, case[1])
      assert.equal("nn.GRU(4 -> 3, bidirectional)", model[3]:describe())
      assert.equal("mean", model[3].merge)
      assert.is_false(about.ids or false)
    end
  end)

  it("may be of Keras 2", function()
    local model, about = assert(bring("keras2.h5", { check = "keras2.npz" }))
    assert.is_true(about.worst < 1e-6)
    assert.equal("Keras 2.11.0", about.from)
    assert.equal("nn.LSTM(6 -> 2, returns = \"last\")", model[2]:describe())
  end)

  it("masks what its embedding masks", function()
    local model, about = assert(bring("masked.keras", { check = "masked.npz" }))
    assert.is_true(about.worst < 1e-6)
    assert.equal("before", model[3].options.reset)
    local check = assert(core.npz_read(FOLDER .. "masked.npz"))
    assert.same({ 6, 4, 6 }, model[1](check.x + 1):lengths():totable())
  end)

  it("needs its architecture", function()
    refused("write model.to_json%(%)", "keras.weights.h5")
    refused("%-%-config: ", "keras.weights.h5", { config = "torch.npz" })
  end)
end)

describe("a file that attacks", function()
  local ATTACKS = {
    ["system.pt"] = "refused: it names posix.system", ["eval.pt"] = "refused: it names builtins.eval",
    ["getattr.pt"] = "refused: it names __builtin__.getattr", ["inst.pt"] = "refused: its instruction STRING",
    ["newobj.pt"] = "refused: it names datetime.date", ["obj.pt"] = "refused: it names os.system",
    ["build.pt"] = "refused: it changes the attributes", ["stack_global.pt"] = "refused: it names os.system",
    ["extension.pt"] = "refused: its instruction EXT1", ["persistent.pt"] = "refused: its instruction PERSID",
    ["function_of_text.pt"] = "refused: it calls something", ["module_as_storage.pt"] = "refused: it names os.system",
    ["huge_shape.pt"] = "elements that its storage does not have", ["outside.pt"] = "elements that its storage",
    ["far_stride.pt"] = "elements that its storage", ["negative.pt"] = "no natural number",
    ["expanded.pt"] = "elements that its storage", ["long_text.pt"] = "cut off", ["long_number.pt"] = "cut off",
    ["memo.pt"] = "recalls what it has not kept", ["no_mark.pt"] = "no mark", ["empty_stack.pt"] = "not there",
    ["frame_lies.pt"] = "no dictionary of tensors", ["laughs.pt"] = "no dictionary of tensors",
    ["whole_model.pt"] = "refused: it needs the class __main__.Net", ["torchscript.pt"] = "refused: a program",
    ["old_cut.pt"] = "cut off", ["old_count.pt"] = "cut off", ["tar.pt"] = "a tar archive",
    ["big_endian.pt"] = "byte order 'big'", ["twice.pt"] = "data.pkl twice",
    ["no_storage.pt"] = "no data/0", ["short_storage.pt"] = "has 12 bytes", ["bomb.pt"] = "would take more than",
    ["h5_external_link.keras"] = "refused: .* is an external link", ["h5_soft_link.keras"] = "refused: .* a soft link",
    ["h5_external_storage.keras"] = "refused: .* in another file", ["h5_chunked_bomb.keras"] = "lacks .* of its chunks",
    ["h5_deflate_bomb.keras"] = "far larger than the file",
    ["h5_unallocated.keras"] = "and none are stored", ["h5_compressed.keras"] = "compressed by filter 32000 %(lzf%)",
    ["h5_virtual.keras"] = "refused: .* virtual", ["h5_text_array.keras"] = "is of text",
    ["h5_wrong_shape.keras"] = "is expected", ["h5_missing.keras"] = "no weights layers/dense/vars/0",
    ["h5_circle.keras"] = "is no array", ["config_with_lambda.keras"] = "refused: .* Lambda layer",
    ["config_with_class.keras"] = "refused: .* class of its own, subprocess.Popen",
    ["config_with_registered.keras"] = "refused: .* Custom>Dense",
    ["config_with_function.keras"] = "refused: .* function of its own, system",
    ["config_with_huge_units.keras"] = "is expected", ["config_with_huge_vocabulary.keras"] = "is expected",
    ["config_with_deep.keras"] = "more than 8 deep", ["config_with_unknown.keras"] = "MultiHeadAttention has no",
    ["yaml.keras"] = "config.json",
  }

  it("is refused, and nothing of it runs", function()
    local names, id = core.folder_list(FOLDER .. "evil")
    assert.truthy(id)
    assert.equal(55, #names)
    local before = core.memory().current
    for _, name in ipairs(names) do
      assert.is_truthy(ATTACKS[name], name)
      refused(ATTACKS[name], "evil/" .. name)
    end
    assert.is_nil(io.open "pwned")
    assert.is_nil(io.open(FOLDER .. "pwned"))
    collectgarbage()
    assert.is_true((core.memory().current or 0) - (before or 0) < 1 << 24)
  end)

  it("gives a message wherever it is cut off", function()
    local sh = shell.new()
    for _, case in ipairs { { "torch.pt", { chain = CHAIN } }, { "keras.h5", {} }, { "keras.weights.h5",
      { config = FOLDER .. "keras.json" } } } do
      local text = assert(core.file_read(FOLDER .. case[1]))
      for at = 0, #text - 1, #text // 25 do
        local path = sh:write(case[1], text:sub(1, at))
        local model, message = exchange.bring(path, case[2])
        assert.is_true(model ~= nil or type(message) == "string" and not message:find "attempt to", message)
        if case[1] == "torch.pt" then assert.is_nil(model) end
      end
    end
    sh:remove()
  end)

  it("says so where the end of an HDF5 file is missing", function()
    for _, name in ipairs { "keras.h5", "latest.weights.h5" } do -- of both versions of its first block
      local text = assert(core.file_read(FOLDER .. name))
      local message = ("HDF5: cut off: it has %d of %d bytes"):format(#text - 1, #text)
      local ok, said = pcall(hdf5.read, text:sub(1, -2))
      assert.is_false(ok)
      assert.is_truthy(said:find(message, 1, true), said)
      assert(hdf5.read(text))
    end
  end)

  it("gives a model or a message when its bytes are changed", function()
    local found = dofile "tests/fuzz/models.lua"(7, 40)
    assert.equal(40, found.read + found.refused)
  end)
end)

describe("rnnlua import", function()
  local sh
  setup(function() sh = shell.new() end)
  teardown(function() sh:remove() end)

  local function run(arguments)
    return sh:run(("%s import %s"):format(PROGRAM, arguments))
  end
  local here = os.getenv "PWD" .. "/" .. FOLDER

  it("writes a model and the Lua that builds it", function()
    local out, err, code = run(("%skeras.keras --check %skeras.npz -o got"):format(here, here))
    assert.equal(0, code, err)
    assert.equal("", out)
    assert.is_truthy(err:find "got.safetensors, got.lua: Verified: on a batch its outputs differ from those of Keras 3")
    sh:write("use.lua", [[
local rnn = require "rnn"
local model = require "got"
local same = assert(rnn.load "got.safetensors"):eval()
local check = assert(rnn.npz_read(arg[1]))
local y = model(check.x)
print((y - check.y):abs():max():item() < 1e-6, (y - same(check.x)):abs():max():item())
]])
    assert.equal("true\t0.0\n", (sh:run(("%s use.lua %skeras.npz"):format(PROGRAM, here))))
    local shown = sh:run(PROGRAM .. " show got.safetensors")
    assert.is_truthy(shown:find("verified = Verified", 1, true), shown)
  end)

  it("marks what was not compared, and says how", function()
    local out, err, code = run(("%smasked.keras -o open"):format(here))
    assert.equal(0, code, err)
    assert.is_truthy(err:find("UNVERIFIED.*rnnlua import %-%-recipe keras prints"), err)
    assert.equal("", out)
    local file = assert(io.open(sh.folder .. "/open.lua")):read "a"
    assert.is_truthy(file:find "^%-%- open.lua: masked.keras, a model of Keras 3[^\n]*\n%-%- UNVERIFIED")
    assert.is_truthy(file:find("Ids count from 1 here", 1, true))
  end)

  it("writes nothing where something is wrong", function()
    local _, err, code = run(("%storch.pt --chain \"%s tanh\" --check %storch.npz -o bad"):format(here, CHAIN, here))
    assert.equal(1, code)
    assert.is_truthy(err:find("another model", 1, true))
    assert.is_nil(io.open(sh.folder .. "/bad.lua"))
    assert.is_nil(io.open(sh.folder .. "/bad.safetensors"))
    for _, name in ipairs { "text.pt", "text.keras", "text.safetensors", "text.h5", "none.pt", "none.h5" } do
      if name:find "text" then sh:write(name, "xx") end
      _, err, code = run(name)
      assert.equal(1, code)
      assert.equal(1, select(2, err:gsub(name:gsub("%.", "%%.") .. ":", "")), err)
    end
    for _, words in ipairs { "nowhere.pt", "--recipe other", "x.onnx.txt", "" } do
      assert.equal(1, (select(3, run(words))), words)
    end
  end)

  it("writes over what it has written, and nothing else", function()
    sh:write("mine.lua", "print(1)\n")
    local _, err, code = run(here .. "keras.keras -o mine")
    assert.equal(1, code)
    assert.is_truthy(err:find("mine.lua is there already", 1, true))
    assert.equal("print(1)\n", assert(io.open(sh.folder .. "/mine.lua")):read "a")
    for _ = 1, 2 do assert.equal(0, (select(3, run(here .. "keras.keras -o twice")))) end
  end)

  it("lets no name of a file become code", function()
    assert.equal(0, (select(3, run(here .. "newline.keras -o line"))))
    assert.equal(0, (select(3, sh:run(PROGRAM .. " line.lua"))))
    assert.is_nil(io.open(sh.folder .. "/pwned"))
    assert.is_truthy(assert(io.open(sh.folder .. "/line.lua")):read "a":find("-- dense?os.execute", 1, true))
  end)

  it("prints recipes", function()
    for _, kind in ipairs { "keras", "torch" } do
      local out, _, code = run("--recipe " .. kind)
      assert.equal(0, code)
      assert.is_truthy(out:find("np.savez(\"check.npz\"", 1, true))
    end
  end)
end)

describe("back again", function()
  local sh
  setup(function() sh = shell.new() end)
  teardown(function() sh:remove() end)

  local function shaken(model)
    rnn.no_grad(function()
      for _, p in ipairs(model:parameters()) do p:assign(p + 0.3 * rnn.randn { p:shape() }) end
    end)
    return model:eval()
  end

  it("a state dict of ours is one of PyTorch's", function()
    rnn.seed(1)
    local model = shaken(nn.Sequential { nn.Embedding(9, 3), nn.LSTM(3, 5, { layers = 2, bidirectional = true,
      returns = "last" }), nn.LayerNorm(10, { epsilon = 1e-5 }), nn.Linear(10, 2, { bias = false }), nn.Softmax() })
    local ids = rnn.randint(1, 9, 4, 6)
    for _, name in ipairs { "back.pt", "back.safetensors" } do
      local path = sh.folder .. "/" .. name
      local code = assert(rnn.export_torch_state(model, path))
      assert.is_truthy(code:find("nn.LSTM(3, 5, batch_first=True, num_layers=2, bidirectional=True)", 1, true))
      assert.is_truthy(code:find(name, 1, true))
      local again = assert(exchange.bring(path,
        { chain = "layer1=Embedding layer2 final layer3=LayerNorm layer4=Linear softmax" }))
      assert.same(model(ids):totable(), again(ids):totable())
    end
  end)

  it("an HDF5 file of ours has the weights as Keras wants them", function()
    rnn.seed(2)
    local model = shaken(nn.Sequential { nn.GRU(2, 3, { bidirectional = true }), nn.Conv1d(6, 4, 3), nn.Linear(4, 2),
      nn.TimeDistributed(nn.Linear(2, 5)), nn.GRU(5, 2, { reset = "before", returns = "last" }) })
    local path = sh.folder .. "/back.weights.h5"
    local code = assert(rnn.export_keras_weights(model, path))
    assert.is_truthy(code:find("layers.Bidirectional(layers.GRU(3, return_sequences=True, reset_after=True)", 1, true))
    local root = hdf5.read(assert(core.file_read(path)))
    local function read(place) return tensors.read({ root:get(place):array() })[1] end
    assert.same(model[3].weight:transpose(1, 2):totable(), read "layers/dense/vars/0":totable())
    assert.same(model[2].weight:permute(3, 2, 1):totable(), read "layers/conv1d/vars/0":totable())
    assert.same(model[4].module.weight:transpose(1, 2):totable(), read "layers/time_distributed/layer/vars/0":totable())
    assert.same({ 2, 9 }, { read "layers/bidirectional/forward_layer/cell/vars/2":shape() })
    assert.same({ 6 }, { read "layers/gru/cell/vars/2":shape() })
    local z = model[1].weight_ih_l0_reverse:slice(1, 4, 6):transpose(1, 2)
    assert.same(z:totable(), read "layers/bidirectional/backward_layer/cell/vars/0":slice(2, 1, 3):totable())
  end)

  it("files of our writer are read as they were written", function()
    local list = { rnn.randn(2, 3), rnn.tensor(4.5), rnn.zeros(0, 2), rnn.tensor({ 1, -7 }, "int32") }
    local parts = tensors.bytes("test", list)
    local root = hdf5.read(hdf5_writer.text { a = { b = parts[1], c = { d = parts[2] } }, e = parts[3], f = parts[4],
      [("x"):rep(300)] = {} })
    for i, place in ipairs { "a/b", "a/c/d", "e", "f" } do
      local read = tensors.read({ root:get(place):array() })[1]
      assert.same({ list[i]:shape() }, { read:shape() })
      assert.equal(list[i]:type(), read:type())
      assert.same(list[i]:totable(), read:totable())
    end
    assert.same({ "a", "e", "f", ("x"):rep(300) }, root:names())
    assert.is_nil(root:get "a/x")
  end)

  it("counts for Keras the steps that pooling leaves to nn.Flatten", function()
    local function shape(pool, left)
      local model = nn.Sequential { pool, nn.Flatten(), nn.Linear(left * 3, 1) }
      return rnn.export_keras_weights(model, sh.folder .. "/f.weights.h5", { steps = 12 }):match "shape=(%b())"
    end
    assert.equal("(12, 3)", shape(nn.MaxPool1d(5), 2))
    assert.equal("(12, 3)", shape(nn.AvgPool1d(5, { stride = 2 }), 4))
    assert.equal("(12, 3)", shape(nn.MaxPool1d(5, { padding = "same" }), 3))
    assert.equal("(12, 3)", shape(nn.GlobalMaxPool1d(), 1))
  end)

  it("refuses by name what the other side has not", function()
    local function no(pattern, f, model, path, ...)
      local ok, message = pcall(f, model, sh.folder .. "/" .. path, ...)
      assert.is_false(ok)
      assert.is_truthy(message:find(pattern), message)
    end
    local torch, keras = rnn.export_torch_state, rnn.export_keras_weights
    no("nn.GRU%(2 %-> 3%): reset = 'before' has no", torch, nn.GRU(2, 3, { reset = "before" }), "x.pt")
    no("option 'peepholes'", torch, nn.LSTM(2, 3, { peepholes = true }), "x.pt")
    no("nn.Masking%(%): it has no", torch, nn.Sequential { nn.Masking(), nn.RNN(2, 3) }, "x.pt")
    no("nn.Reservoir", torch, nn.Reservoir(2, 3), "x.pt")
    no("option 'projection'", keras, nn.LSTM(2, 3, { projection = 2 }), "x.weights.h5")
    no("option 'layer_norm'", keras, nn.LSTM(2, 3, { layer_norm = true }), "x.weights.h5")
    no("a trained initial state", keras, nn.LSTM(2, 3, { initial_state = "trained" }), "x.weights.h5")
    no("ends in .weights.h5", keras, nn.LSTM(2, 3), "x.h5")
    no("option 'steps'", keras, nn.Sequential { nn.Flatten(), nn.Linear(6, 1) }, "x.weights.h5")
    assert.is_nil(io.open(sh.folder .. "/x.pt"))
    assert.is_nil((torch(nn.Linear(2, 1), "/nowhere/x.pt")))
    assert.is_nil((keras(nn.Linear(2, 1), "/nowhere/x.weights.h5")))
  end)
end)

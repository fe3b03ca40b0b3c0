-- conv1d and nn.Conv1d: against plain sums, lengths, causality, shapes, threads, messages.
local rnn = require "rnn"
local core, nn = rnn, rnn.nn
local approx = require "support.approx"

local PADDINGS = { "valid", "causal", "same" }

local function shape(t) return table.concat({ t:shape() }, ",") end

local function bare(t) return t:lengths() and t:without_lengths() or t end

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^ ]*:%d+: ", ""))
end

-- Calls f(layer) for layers of all paddings and of several kernels, strides and dilations.
local function each_layer(f)
  for _, padding in ipairs(PADDINGS) do
    for _, sizes in ipairs { { 1, 1, 1 }, { 3, 1, 1 }, { 4, 2, 1 }, { 2, 1, 4 }, { 3, 3, 2 }, { 2, 5, 1 } } do
      core.seed(31)
      local layer = nn.Conv1d(2, 3, sizes[1], { stride = sizes[2], dilation = sizes[3], padding = padding })
      layer.bias:uniform_(-1, 1)
      f(layer)
    end
  end
end

-- The output of a single sequence (T, inputs), straight from the definition in Keras' terms.
local function plain(layer, x)
  local steps, span = #x, (layer.kernel - 1) * layer.dilation + 1
  local out, left = math.max((steps - span + layer.stride) // layer.stride, 0), 0
  if layer.padding ~= "valid" then
    out = math.ceil(steps / layer.stride)
    left = layer.padding == "causal" and span - 1
      or math.max((out - 1) * layer.stride + span - steps, 0) // 2
  end
  local y = {}
  for t = 1, out do
    y[t] = layer.bias:totable()
    for u = 1, layer.filters do
      for k = 1, layer.kernel do
        local row = x[(t - 1) * layer.stride + (k - 1) * layer.dilation - left + 1]
        for d = 1, row and layer.inputs or 0 do y[t][u] = y[t][u] + row[d] * layer.weight:get(u, d, k) end
      end
    end
  end
  return y
end

-- What a loss sees of (y, x, parameters) where padding is masked: y itself, and the gradients of a projection of it.
local function results(layer, x, lengths)
  layer:zero_grad()
  x = x:copy():requires_grad(true)
  local y = layer(lengths and x:with_lengths(lengths) or x)
  nn.mse(y, core.full({ y:shape() }, 0.3)):backward()
  local found = { y = bare(y:detach()), x = x.grad, lengths = y:lengths() and y:lengths():totable() }
  for _, pair in ipairs(layer:named_parameters()) do found[pair[1]] = pair[2].grad:copy() end
  return found
end

describe("conv1d", function()
  it("is the sum that its name says, with lengths and without", function()
    each_layer(function(layer)
      for _, lengths in ipairs { false, { 11, 0, 9, 1, 10 } } do
        local x = core.randn(5, 11, 2)
        local y = layer(lengths and x:with_lengths(lengths) or x)
        for n = 1, 5 do
          local length = lengths and lengths[n] or 11
          local want = plain(layer, x[n]:rows(1, length):totable())
          if lengths then assert.equal(#want, y:lengths():get(n)) else assert.equal(#want, y:size(2)) end
          local own = bare(y)[n]
          if #want > 0 then approx.equal(own:rows(1, #want), core.tensor(want), tostring(layer)) end
          if #want < #own then assert.equal(0, own:rows(#want + 1, #own):abs():max():item()) end
        end
      end
    end)
  end)

  it("does not look at padding, nor at how much there is of it", function()
    local lengths = { 7, 2, 0, 5 }
    each_layer(function(layer)
      local x = core.randn(4, 7, 2)
      local noise = core.concat({ x, core.full({ 4, 6, 2 }, 1e3) }, 2)
      for n, length in ipairs(lengths) do
        if length < 7 then noise[n]:rows(length + 1, 7):fill_(-1e3) end
      end
      local a, b = results(layer, x, lengths), results(layer, noise, lengths)
      assert.same(a.lengths, b.lengths)
      if a.y:size(2) > 0 then approx.equal(b.y:slice(2, 1, a.y:size(2)), a.y, "y") end
      approx.equal(b.x:slice(2, 1, 7), a.x, "dx")
      assert.equal(0, b.x:slice(2, 8, 13):abs():max():item())
      approx.equal(b.weight, a.weight, "dweight")
      approx.equal(b.bias, a.bias, "dbias")
    end)
  end)

  it("ignores gradients that reach padding", function()
    local layer = nn.Conv1d(2, 3, 2, { padding = "same" })
    local x = core.randn(2, 5, 2):requires_grad(true)
    local y = layer(x:with_lengths { 0, 0 })
    y:backward(core.ones(2, 5, 3))
    for _, t in ipairs { x, layer.weight, layer.bias } do assert.equal(0, t.grad:abs():max():item()) end
  end)

  it("makes an empty batch of sequences that are all too short", function()
    local layer = nn.Conv1d(2, 3, 4)
    local y = layer(core.randn(2, 3, 2):with_lengths { 3, 2 })
    assert.equal("2,0,3", shape(y))
    assert.same({ 0, 0 }, y:lengths():totable())
    assert.equal("0,2,3", shape(layer(core.zeros(0, 5, 2))))
    assert.equal("3,0,3", shape(nn.Conv1d(2, 3, 4, { padding = "same" })(core.zeros(3, 0, 2))))
  end)

  it("gives the same bits on any number of threads", function()
    local before = core.threads()
    local found = {}
    for i, threads in ipairs { 1, 2, 3, 7 } do
      core.threads(threads)
      core.seed(32)
      local layer = nn.Conv1d(37, 45, 3, { padding = "causal", dilation = 2 })
      found[i] = results(layer, core.randn(9, 301, 37))
    end
    core.threads(before)
    for i = 2, #found do
      for _, name in ipairs { "y", "x", "weight", "bias" } do
        assert.equal(0, (found[i][name] - found[1][name]):abs():max():item(), name)
      end
    end
  end)
end)

describe("nn.Conv1d", function()
  it("with padding = 'causal' looks at no later step", function()
    core.seed(33)
    local model = nn.Sequential {
      nn.Conv1d(2, 4, 2, { padding = "causal", activation = "relu" }),
      nn.Conv1d(4, 4, 3, { padding = "causal", dilation = 2, activation = "tanh" }),
    }
    local x = core.randn(2, 10, 2)
    local y = model(x)
    for t = 1, 10 do
      local changed = x:copy()
      for n = 1, 2 do changed[n]:rows(t, t):fill_(9) end
      local z = model(changed)
      if t > 1 then assert.equal(0, approx.distance(z:slice(2, 1, t - 1), y:slice(2, 1, t - 1))) end
      assert.is_true(approx.distance(z:slice(2, t, t), y:slice(2, t, t)) > 0)
    end
  end)

  it("makes as many steps as Keras", function()
    for _, c in ipairs {
      { 112, 4, 2, 1, "valid", 55 }, { 112, 4, 2, 1, "same", 56 }, { 112, 4, 2, 1, "causal", 56 },
      { 111, 4, 2, 1, "valid", 54 }, { 111, 4, 2, 1, "same", 56 }, { 111, 2, 1, 8, "causal", 111 },
      { 111, 2, 1, 8, "valid", 103 }, { 4, 4, 3, 1, "valid", 1 }, { 1, 4, 3, 1, "same", 1 },
    } do
      local layer = nn.Conv1d(1, 2, c[2], { stride = c[3], dilation = c[4], padding = c[5] })
      assert.equal(("3,%d,2"):format(c[6]), shape(layer(core.zeros(3, c[1], 1))), tostring(layer))
    end
  end)

  it("starts as Keras does", function()
    core.seed(34)
    local layer = nn.Conv1d(20, 30, 5)
    local limit, largest = math.sqrt(6 / (20 * 5 + 30 * 5)), layer.weight:abs():max():item()
    assert.is_true(largest <= limit and largest > 0.99 * limit)
    assert.equal("30,20,5", shape(layer.weight))
    assert.equal(0, layer.bias:abs():max():item())
    local w = nn.Conv1d(4, 6, 3, { kernel = "orthogonal" }).weight:detach():reshape(6, 12)
    assert.is_true(approx.distance(w:matmul(w:transpose(1, 2)), core.one_hot(core.arange(6), 6)) < 1e-5)
    w = nn.Conv1d(200, 30, 4, { kernel = "he_normal" }).weight
    assert.near(math.sqrt(2 / 800), math.sqrt(w:square():mean():item()), 0.02 * math.sqrt(2 / 800))
  end)

  it("applies its activation, and can do without a bias", function()
    core.seed(35)
    local layer, x = nn.Conv1d(2, 3, 2, { bias = false, activation = "softsign" }), core.randn(2, 5, 2)
    assert.equal(1, #layer:parameters())
    approx.equal(layer(x), core.conv1d(x, layer.weight, nil, 1, 1, 0):softsign(), "y")
  end)

  it("says what it is, also in a summary, and comes back from a file", function()
    local layer = nn.Conv1d(5, 32, 4, { stride = 2, dilation = 3, padding = "same", activation = "relu", bias = false })
    assert.equal("nn.Conv1d(5 -> 32, kernel 4, stride = 2, dilation = 3, same, relu, bias = false)", tostring(layer))
    local model = nn.Sequential { nn.Conv1d(5, 32, 4, { stride = 2 }), nn.GRU(32, 8) }
    local text = require "rnn.nn.summary"(model, 1, 112, 5)
    assert.is_truthy(text:find("nn.Conv1d(5 -> 32, kernel 4, stride = 2)  (1, 55, 32)         672", 1, true), text)
    local path = os.tmpname()
    assert(rnn.save(path, layer))
    local again = assert(rnn.load(path))
    os.remove(path)
    assert.equal(tostring(layer), tostring(again))
    assert.same(layer.weight:totable(), again.weight:totable())
  end)

  it("feeds a recurrent layer with sequences of different lengths", function()
    core.seed(36)
    local conv, gru = nn.Conv1d(2, 4, 3, { stride = 2 }), nn.GRU(4, 3, { returns = "last" })
    local x = core.randn(3, 9, 2)
    local y = gru(conv(x:with_lengths { 9, 4, 7 }))
    for n, length in ipairs { 9, 4, 7 } do
      approx.equal(gru(conv(x:rows(n, n):slice(2, 1, length))), y:rows(n, n), "row " .. n)
    end
  end)

  it("says what it expected", function()
    local layer = nn.Conv1d(3, 2, 4)
    assert.equal("nn.Conv1d(3 -> 2, kernel 4): expected input (N, T, 3), got (4, 2, 2)",
      message_of(layer, core.zeros(4, 2, 2)))
    assert.equal("nn.Conv1d(3 -> 2, kernel 4): expected input (N, T, 3), got (4, 3)",
      message_of(layer, core.zeros(4, 3)))
    assert.equal("conv1d: (2, 3, 3) has fewer steps than the 4 that the taps of weight (2, 3, 4) span",
      message_of(layer, core.zeros(2, 3, 3)))
    assert.equal("nn.Conv1d: argument 3 (kernel): expected a positive integer, got nil", message_of(nn.Conv1d, 3, 2))
    assert.equal("nn.Conv1d: option 'padding': expected one of 'valid', 'causal', 'same', got string 'full'",
      message_of(nn.Conv1d, 3, 2, 4, { padding = "full" }))
    assert.equal("nn.Conv1d: option 'stride': expected a positive integer, got number 0",
      message_of(nn.Conv1d, 3, 2, 4, { stride = 0 }))
    assert.is_truthy(message_of(nn.Conv1d, 3, 2, 4, { activation = "linear" }):find(
      "nn.Conv1d: option 'activation': expected one of 'relu', 'tanh'", 1, true))
    local x, w = core.zeros(2, 5, 3), core.zeros(4, 3, 2)
    assert.equal("conv1d: expected input (N, T, 3) for weight (4, 3, 2), got (2, 5)",
      message_of(core.conv1d, core.zeros(2, 5), w, nil, 1, 1, 0))
    assert.equal("conv1d: argument 2: expected 3 axes, got (4, 3)",
      message_of(core.conv1d, x, core.zeros(4, 3), nil, 1, 1, 0))
    assert.equal("conv1d: expected bias (4,) for weight (4, 3, 2), got (3,) int32",
      message_of(core.conv1d, x, w, core.arange(3), 1, 1, 0))
    assert.equal("conv1d: expected a stride and a dilation of at least 1, got 1 and 0",
      message_of(core.conv1d, x, w, nil, 1, 0, 0))
    assert.equal("conv1d: expected padding 0 (valid), 1 (causal) or 2 (same), got 3",
      message_of(core.conv1d, x, w, nil, 1, 1, 3))
    assert.equal("conv1d: expected weight (filters, inputs, taps) with at least one tap, got (4, 3, 0)",
      message_of(core.conv1d, x, core.zeros(4, 3, 0), nil, 1, 1, 0))
  end)

  it("takes a dilation that reaches far beyond everything", function()
    local w = core.ones(1, 1, 3)
    local y = core.conv1d(core.ones(1, 4, 1), w, nil, 1, 2 ^ 31 - 1, 1)
    assert.same({ 1, 1, 1, 1 }, y:reshape(-1):totable())
    assert.is_truthy(message_of(core.conv1d, core.ones(1, 4, 1), w, nil, 1, 2 ^ 31, 1):find("at least 1", 1, true))
  end)
end)

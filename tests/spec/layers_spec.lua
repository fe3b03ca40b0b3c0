-- Layers: the engine against cells of ordinary ops, shapes, padding, initial values, messages.
local core = require "rnn.core"
local nn = require "rnn.nn"
local approx = require "support.approx"
local layers = require "support.layer_cases"

local function shape(t) return table.concat({ t:shape() }, ",") end

-- The text of the error that f raises, without its position.
local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^ ]*:%d+: ", ""))
end

-- ---- the engine against its twins ----

-- nn.Recurrent over cells with the parameters of an engine layer: one for each layer of the stack.
local function twins_of(layer)
  local cells = {}
  for k = 1, layer.layers do
    local cell = nn[getmetatable(layer).__name:match("%a+$") .. "Cell"](k == 1 and layer.inputs or layer.units,
      layer.units, layer.cell == "rnn" and { activation = layer.activation } or nil)
    for _, name in ipairs { "weight_ih", "weight_hh", "bias_ih", "bias_hh" } do
      cell[name]:assign(layer[("%s_l%d"):format(name, k - 1)])
    end
    cells[k] = nn.Recurrent(cell, { returns = k == layer.layers and layer.returns or "sequence" })
  end
  return cells
end

-- Runs f on leaves of equal values and returns its results and the gradients of a fixed projection of all of them.
local function run(f, x, state)
  x = x:copy():requires_grad(true)
  for i, t in ipairs(state or {}) do state[i] = t:copy():requires_grad(true) end
  local y, new_state = f(x, state)
  local sum = core.tensor(0)
  local results = { y }
  for _, t in ipairs(new_state) do results[#results + 1] = t end
  for i, t in ipairs(results) do
    local bare = t:lengths() and t:without_lengths() or t
    core.seed(100 + i)
    sum = sum + (bare * core.randn { bare:shape() }):sum()
  end
  sum:backward()
  return results, x.grad, state
end

local function compare(layer, x, state)
  local cells = twins_of(layer)
  local results, dx, dstate = run(layer, x, state and { table.unpack(state) })
  local twin_results, twin_dx, twin_dstate = run(function(input, s)
    local y, states = input, {}
    for k, cell in ipairs(cells) do
      local given
      if s then given = layer.states == 2 and { s[2 * k - 1], s[2 * k] } or s[k] end
      local new
      y, new = cell(y, given)
      if layer.states == 1 then new = { new } end
      for _, t in ipairs(new) do states[#states + 1] = t end
    end
    return y, states
  end, x, state and { table.unpack(state) })
  assert.equal(#twin_results, #results)
  for i, t in ipairs(results) do approx.equal(t, twin_results[i], "result " .. i) end
  approx.equal(dx, twin_dx, "dx")
  for i, t in ipairs(dstate or {}) do approx.equal(t.grad, twin_dstate[i].grad, "gradient of state " .. i) end
  for k, cell in ipairs(cells) do
    for _, name in ipairs { "weight_ih", "weight_hh", "bias_ih", "bias_hh" } do
      local own = ("%s_l%d"):format(name, k - 1)
      approx.equal(layer[own].grad, cell.cell[name].grad, "gradient of " .. own)
    end
  end
end

local function randomise(layer)
  for _, part in ipairs(layer.parts or {}) do layer[part.names[4]]:requires_grad(true) end -- bias_hh, as the cells have
  for _, p in ipairs(layer:parameters()) do p:uniform_(-0.6, 0.6) end
  return layer
end

describe("the engine and cells of ordinary ops agree", function()
  local kinds = { { "RNN" }, { "RNN", "relu" }, { "LSTM" }, { "GRU" } }
  for _, kind in ipairs(kinds) do
    for _, stack in ipairs { 1, 3 } do
      for _, returns in ipairs { "sequence", "last" } do
        for _, lengths in ipairs { false, true } do
          it(("%s %s, %d layers, %s%s"):format(kind[1], kind[2] or "", stack, returns, lengths and ", lengths" or ""),
            function()
              core.seed(11)
              local layer = randomise(nn[kind[1]](5, 7, { layers = stack, returns = returns, activation = kind[2] }))
              local x = core.randn(6, 9, 5)
              if lengths then x = x:with_lengths { 9, 1, 0, 4, 8, 9 } end
              local state = {}
              for i = 1, stack * layer.states do state[i] = core.randn(6, 7) end
              compare(layer, x, state)
              layer:zero_grad()
              compare(layer, x)
            end)
        end
      end
    end
  end

  it("at the sizes where kernels change their ways", function()
    for _, n in ipairs { 1, 2, 33 } do
      core.seed(n)
      compare(randomise(nn.LSTM(n, 31, { layers = 2 })), core.randn(n, 5, n))
      compare(randomise(nn.GRU(3, n)), core.randn(17, 3, 3))
    end
  end)
end)

-- ---- state ----

describe("state", function()
  local function piecewise(layer, x)
    local whole, last = layer(x)
    local first, state = layer(x:slice(2, 1, 4))
    local second, state_2 = layer(x:slice(2, 5, 9), state)
    approx.equal(core.concat({ first, second }, 2), whole, "y in two pieces")
    if core.is_tensor(last) then last, state_2 = { last }, { state_2 } end
    for i, t in ipairs(last) do approx.equal(state_2[i], t, "state " .. i) end
  end

  it("carried from window to window gives the whole sequence", function()
    core.seed(12)
    local x = core.randn(3, 9, 2)
    piecewise(nn.RNN(2, 4), x)
    piecewise(nn.LSTM(2, 4, { layers = 2 }), x)
    piecewise(nn.GRU(2, 4), x)
    piecewise(nn.Recurrent(nn.LSTMCell(2, 4)), x)
    piecewise(nn.Recurrent(nn.RNNCell(2, 4)), x)
  end)

  it("may be one tensor where there is one", function()
    core.seed(13)
    local gru, x, h = nn.GRU(2, 4), core.randn(3, 5, 2), core.randn(3, 4)
    approx.equal(gru(x, h), (gru(x, { h })), "y")
  end)

  it("is split, joined, gathered, cut, copied and detached by its batch", function()
    core.seed(14)
    local lstm, x = nn.LSTM(2, 4), core.randn(5, 3, 2)
    local _, s = lstm(x)
    assert.equal("nn.State { (5, 4), (5, 4) }", tostring(s))
    local parts = s:split { 2, 3 }
    assert.equal("2,4", shape(parts[1][1]))
    assert.equal("3,4", shape(parts[2][2]))
    local joined = nn.State.join(parts)
    for i = 1, 2 do assert.equal(0, approx.distance(joined[i], s[i])) end
    assert.equal(5, #s:split(5))
    assert.equal(0, approx.distance(s:rows(3, 5)[2], parts[2][2]))
    assert.same(s[1][4]:totable(), s:gather(core.tensor({ 4, 4, 1 }, "int32"))[1][2]:totable())
    assert.is_true(s[1]:requires_grad())
    assert.is_false(s:detach()[1]:requires_grad())
    assert.is_false(nn.detach(s)[2]:requires_grad())
    assert.is_nil(nn.detach(nil))
    local copy = s:copy()
    copy[1]:fill_(0)
    assert.is_true(s[1]:abs():sum():item() > 0)
    local nested = nn.detach { a = s[1], b = { s[2] } }
    assert.is_false(nested.b[1]:requires_grad())
  end)

  it("that does not fit is refused with the shapes", function()
    local lstm = nn.LSTM(2, 4)
    local x = core.zeros(3, 5, 2)
    assert.equal("nn.LSTM(2 -> 4): expected a state of 2 tensors (3, 4), (3, 4), got tensor (3, 4) float",
      message_of(lstm, x, core.zeros(3, 4)))
    local _, s = lstm(core.zeros(2, 5, 2))
    assert.equal("nn.LSTM(2 -> 4): expected a state of 2 tensors (3, 4), (3, 4), " ..
      "got tensor (2, 4) float, tensor (2, 4) float",
      message_of(lstm, x, s))
    assert.equal("nn.State: expected a tensor or a table of tensors, got number 3", message_of(nn.detach, 3))
    assert.equal("split: axis 1 of size 2 does not divide into 3 equal parts", message_of(s.split, s, 3))
  end)
end)

-- ---- padding ----

-- x with more steps, of noise, behind the valid ones.
local function padded(x, lengths, more)
  local noise = x:type() == "int32" and core.full({ x:size(1), more, type = "int32" }, 2)
    or core.full({ x:size(1), more, x:size(3) }, 50) * core.randn(x:size(1), more, x:size(3))
  return core.concat({ x, noise }, 2):with_lengths(lengths)
end

describe("more padding never changes a result:", function()
  local lengths = { 4, 2, 0 }
  for _, name in ipairs(layers.names()) do
    local case = layers.cases[name]
    if case and case.sequences then
      it("nn." .. name, function()
        core.seed(15)
        local x = case.input()
        core.seed(16)
        local a, b = case.make(), case.make()
        b:load_state_dict(a:state_dict())
        local same_x = x:copy()
        if x:type() == "float" then
          x:requires_grad(true)
          same_x:requires_grad(true)
        end
        local call = case.run or function(layer, input) return layer(input) end
        local y = call(a, x:with_lengths(lengths))
        local z = call(b, padded(same_x, lengths, 3))
        assert.same(lengths, y:lengths():totable())
        assert.same(lengths, z:lengths():totable())
        -- What padded steps hold is nobody's business, so they are masked before the comparison.
        local function valid(t)
          local steps = core.arange(t:size(2)):reshape(1, t:size(2))
          local mask = core.le(steps, core.tensor(lengths, "int32"):reshape(3, 1)):reshape(3, t:size(2), 1)
          return core.where(mask, t:without_lengths(), 0)
        end
        approx.equal(valid(z):slice(2, 1, 4), valid(y), "y")
        nn.mse(y, y:detach() * 0):backward()
        nn.mse(z, z:detach() * 0):backward()
        if x.grad then approx.equal(same_x.grad, x.grad, "dx") end
        for i, p in ipairs(a:parameters()) do
          approx.equal(b:parameters()[i].grad, p.grad, a:named_parameters()[i][1])
        end
        for at, value in pairs(a:state_dict()) do approx.equal(b:state_dict()[at], value, at) end
      end)
    end
  end

  for _, name in ipairs { "RNN", "LSTM", "GRU", "Recurrent" } do
    it("the last output and the state of nn." .. name, function()
      core.seed(17)
      local options = { returns = "last" }
      local layer = name == "Recurrent" and nn.Recurrent(nn.GRUCell(2, 3), options) or nn[name](2, 3, options)
      local x = core.randn(3, 4, 2)
      local y, s = layer(x:with_lengths(lengths))
      local z, r = layer(padded(x, lengths, 2))
      approx.equal(z, y, "last output")
      for row, length in ipairs(lengths) do -- and every row is as if it were alone
        if length > 0 then
          approx.equal(layer(x:rows(row, row):slice(2, 1, length)), y:rows(row, row), "row " .. row)
        else
          assert.equal(0, y:rows(row, row):abs():sum():item())
        end
      end
      if core.is_tensor(s) then s, r = { s }, { r } end
      for i, t in ipairs(s) do approx.equal(r[i], t, "state " .. i) end
    end)
  end
end)

-- ---- one by one ----

describe("nn.Linear", function()
  it("works on the last axis of any number", function()
    local layer = nn.Linear(3, 2)
    for _, size in ipairs { { 3 }, { 4, 3 }, { 4, 5, 3 }, { 0, 3 } } do
      local x = core.zeros(size)
      size[#size] = 2
      assert.equal(table.concat(size, ","), shape(layer(x)))
    end
  end)

  it("can do without a bias", function()
    local layer = nn.Linear(3, 2, { bias = false })
    assert.is_nil(layer.bias)
    assert.equal(1, #layer:parameters())
    assert.equal("nn.Linear(3 -> 2, bias = false)", tostring(layer))
  end)

  it("says what it expected", function()
    local layer = nn.Linear(3, 2)
    assert.equal("nn.Linear(3 -> 2): expected input (..., 3), got (4, 2)", message_of(layer, core.zeros(4, 2)))
    assert.equal("nn.Linear(3 -> 2): expected input (..., 3), got nil", message_of(layer))
    assert.equal("nn.Linear: argument 1 (inputs): expected a positive integer, got number 0",
      message_of(nn.Linear, 0, 2))
    assert.equal("nn.Linear: option 'bias': expected true or false, got string 'no'",
      message_of(nn.Linear, 1, 2, { bias = "no" }))
    assert.is_truthy(message_of(nn.Linear, 1, 2, { kernel = "xavier" }):find(
      "nn.Linear: option 'kernel': expected one of 'glorot_normal', 'glorot_uniform', 'he_normal'", 1, true))
  end)
end)

describe("nn.Embedding", function()
  it("gives a vector for each id, zeros for id 0, and keeps lengths", function()
    local layer = nn.Embedding(4, 3)
    local padded_y = layer(core.tensor({ { 2, 4, 0 } }, "int32"):with_lengths { 2 })
    assert.same({ 2 }, padded_y:lengths():totable())
    local y = padded_y:without_lengths()
    assert.equal("1,3,3", shape(y))
    assert.same(layer.weight[4]:totable(), y[1][2]:totable())
    assert.same({ 0, 0, 0 }, y[1][3]:totable())
  end)

  it("wants int32 ids", function()
    assert.equal("nn.Embedding(4 -> 3): expected an int32 tensor of ids from 0 to 4, got tensor (2) float",
      message_of(nn.Embedding(4, 3), core.zeros(2)))
  end)
end)

describe("nn.RNN, nn.LSTM, nn.GRU", function()
  it("give sequences or last outputs, and the state", function()
    for name, states in pairs { RNN = 1, LSTM = 2, GRU = 1 } do
      local y, s = nn[name](3, 5, { layers = 2 })(core.zeros(4, 6, 3))
      assert.equal("4,6,5", shape(y))
      assert.equal(2 * states, #s)
      assert.equal("4,5", shape(s[1]))
      assert.equal("4,5", shape((nn[name](3, 5, { returns = "last" })(core.zeros(4, 6, 3)))))
    end
  end)

  it("take a batch of none and a sequence of no steps", function()
    assert.equal("0,6,5", shape((nn.LSTM(3, 5)(core.zeros(0, 6, 3)))))
    assert.equal("4,0,5", shape((nn.GRU(3, 5)(core.zeros(4, 0, 3)))))
    assert.equal("4,5", shape((nn.GRU(3, 5, { returns = "last" })(core.zeros(4, 0, 3)))))
  end)

  it("start as Keras does", function()
    core.seed(1)
    local lstm = nn.LSTM(20, 30)
    local limit = math.sqrt(6 / (20 + 4 * 30))
    local largest = lstm.weight_ih_l0:abs():max():item()
    assert.is_true(largest <= limit and largest > 0.99 * limit)
    local u = lstm.weight_hh_l0:detach() -- the whole (units, 4 units) kernel of Keras has orthonormal rows
    local product = core.matmul(u:transpose(1, 2), u)
    local eye = core.one_hot(core.arange(30), 30)
    assert.is_true(approx.distance(product, eye) < 1e-5)
    assert.same({ 0, 1, 1, 0 }, {
      lstm.bias_ih_l0:get(30), lstm.bias_ih_l0:get(31), lstm.bias_ih_l0:get(60), lstm.bias_ih_l0:get(61),
    })
    assert.equal(30, lstm.bias_ih_l0:sum():item())
    assert.equal(0, lstm.bias_hh_l0:abs():sum():item())
    assert.equal(0, nn.LSTM(2, 3, { forget_bias = 0 }).bias_ih_l0:sum():item())
    assert.equal(5, nn.RNN(2, 3, { kernel = function(t) t:fill_(5) end }).weight_ih_l0:get(1, 1))
  end)

  it("say what they expected", function()
    assert.equal("nn.LSTM: argument 2 (units): expected a positive integer, got string 'x'",
      message_of(nn.LSTM, 64, "x"))
    assert.matches("^nn.LSTM: unknown option 'dropuot'; did you mean 'dropout'%? known: activation, bidirectional, "
      .. "chrono, coupled, dropout, ",
      message_of(nn.LSTM, 64, 8, { dropuot = 0.1 }))
    assert.equal("nn.LSTM(64 -> 8): expected input (N, T, 64), got (32, 56, 32)",
      message_of(nn.LSTM(64, 8), core.zeros(32, 56, 32)))
    assert.equal("nn.GRU(2 -> 8): expected input (N, T, 2), got tensor (3, 4, 2) int32",
      message_of(nn.GRU(2, 8), core.zeros { 3, 4, 2, type = "int32" }))
    assert.equal("nn.RNN: option 'returns': expected one of 'sequence', 'last', 'both', got boolean true",
      message_of(nn.RNN, 1, 1, { returns = true }))
    assert.matches("nn.RNN: option 'activation': expected one of 'tanh', 'relu', .*'identity', got string 'sine'",
      message_of(nn.RNN, 1, 1, { activation = "sine" }))
    assert.equal("nn.GRU: option 'layers': expected an integer from 1 to 32, got number 0",
      message_of(nn.GRU, 1, 1, { layers = 0 }))
  end)
end)

describe("initializers", function()
  it("have the spread that their papers say", function()
    core.seed(22)
    local function spread(name)
      local t = nn.initializers[name](core.zeros(200, 300)) -- (outputs, inputs)
      assert.is_true(t:mean():abs():item() < 0.01)
      return math.sqrt(t:square():mean():item())
    end
    for name, want in pairs {
      glorot_uniform = math.sqrt(2 / 500), glorot_normal = math.sqrt(2 / 500), he_uniform = math.sqrt(2 / 300),
      he_normal = math.sqrt(2 / 300), uniform = 0.05 / math.sqrt(3), normal = 0.05, zeros = 0,
      orthogonal = math.sqrt(1 / 300),
    } do
      assert.near(want, spread(name), 0.02 * want, name)
    end
    assert.equal(1, nn.initializers.ones(core.zeros(3)):min():item())
    assert.is_true(nn.initializers.glorot_uniform(core.zeros(2)):abs():max():item() > 0)
  end)
end)

describe("nn.cell and nn.Recurrent", function()
  -- The slides' layer-normalised simple RNN.
  local LNCell = nn.cell("LNCell", function(self, inputs, units)
    self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units, { bias = false })
    self.norm = nn.LayerNorm(units)
  end)
  function LNCell:step(x, h)
    h = self.norm(self.wx(x) + self.wh(h)):tanh()
    return h, h
  end

  it("run a script's own cell", function()
    core.seed(2)
    local layer = nn.Recurrent(LNCell(5, 8))
    local y, h = layer(core.randn(3, 4, 5))
    assert.equal("3,4,8", shape(y))
    assert.equal(0, approx.distance(y:select(2, 4), h))
    local names = {}
    for i, pair in ipairs(layer:named_parameters()) do names[i] = pair[1] end
    assert.same({ "cell.norm.bias", "cell.norm.weight", "cell.wh.weight", "cell.wx.bias", "cell.wx.weight" }, names)
    y:sum():backward()
    for _, pair in ipairs(layer:named_parameters()) do assert.is_truthy(pair[2].grad, pair[1]) end
  end)

  it("call a cell for one step, from the zero state without one", function()
    core.seed(3)
    local cell, x = nn.LSTMCell(2, 3), core.randn(4, 2)
    local y, s = cell(x)
    approx.equal(y, (cell:step(x, { core.zeros(4, 3), core.zeros(4, 3) })), "y")
    assert.equal(2, #s)
  end)

  it("take a state of any structure", function()
    local Counter = nn.cell("Counter", function() end)
    function Counter:initial_state(batch)
      return { sum = core.zeros(batch, self.units), n = { core.zeros(batch, 1) } }
    end
    function Counter.step(_, x, s)
      local new = { sum = s.sum + x, n = { s.n[1] + 1 } }
      return new.sum / new.n[1], new
    end
    local x = core.ones(2, 4, 3):with_lengths { 4, 1 }
    local y, s = nn.Recurrent(Counter(3, 3), { returns = "last" })(x)
    assert.same({ { 1, 1, 1 }, { 1, 1, 1 } }, y:totable())
    assert.same({ { 4 }, { 1 } }, s.n[1]:totable())
    assert.same({ { 4 }, { 1 } }, s:rows(1, 2).n[1]:totable())
  end)

  it("say what is missing", function()
    local Empty = nn.cell("Empty", function() end)
    local x = core.zeros(2, 3, 4)
    assert.equal("Empty: has no step; write function Empty:step(x, state)", message_of(nn.Recurrent(Empty(4, 3)), x))
    assert.is_truthy(message_of(nn.Recurrent(Empty()), x):find("Empty: has no field 'units'", 1, true))
    local Forgetful = nn.cell("Forgetful", function() end)
    function Forgetful.step(_, h) return h end
    assert.equal("Forgetful: its step returned no new state (output, state)",
      message_of(nn.Recurrent(Forgetful(4, 4)), x))
    assert.equal("nn.Recurrent: argument 1 (cell): expected a cell, made by nn.cell, got nn.LSTM(2 -> 3)",
      message_of(nn.Recurrent, nn.LSTM(2, 3)))
    assert.equal("nn.Recurrent(Forgetful): expected input (N, T, 4) of one step or more, got (2, 0, 4)",
      message_of(nn.Recurrent(Forgetful(4, 4)), core.zeros(2, 0, 4)))
    assert.equal("nn.cell: argument 2 (init): expected a function, got nil", message_of(nn.cell, "X"))
  end)
end)

describe("nn.LayerNorm and nn.BatchNorm", function()
  it("pool windows of each sequence as if it were alone, and all of its steps", function()
    core.seed(11)
    local x, lengths = core.randn(4, 7, 2), { 7, 4, 1, 0 }
    for _, name in ipairs { "MaxPool1d", "AvgPool1d" } do
      for size = 1, 3 do
        for stride = 1, 4 do
          local layer = nn[name](size, { stride = stride })
          local junk = core.where(core.arange(7):reshape(1, 7, 1):le(core.tensor(lengths):reshape(4, 1, 1)), x, 0 / 0)
          local y = layer(junk:with_lengths(lengths))
          for n, length in ipairs(lengths) do
            local count = length >= size and (length - size) // stride + 1 or 0
            assert.equal(count, y:lengths()[n])
            if count > 0 then
              approx.equal(y:without_lengths()[n]:rows(1, count), layer(x:rows(n, n):slice(2, 1, length))[1])
            end
          end
        end
      end
      local all = nn["Global" .. name]()
      local of_all = all(x:with_lengths(lengths))
      approx.equal(of_all[2], name == "MaxPool1d" and x[2]:rows(1, 4):max(1) or x[2]:rows(1, 4):mean(1))
      assert.same({ 0, 0 }, of_all[4]:totable())
      local same = nn[name](2, { padding = "same" })
      assert.error_matches(function() same(x:with_lengths(lengths)) end, "padding = 'valid'")
      assert.error_matches(function() nn[name](9)(x) end, "expected 9 steps or more")
    end
    local five = core.tensor { { { 1 }, { 3 }, { 5 }, { 7 }, { 2 } } }
    assert.same({ { { 2 }, { 5 }, { 4.5 } } }, nn.AvgPool1d(3, { stride = 2, padding = "same" })(five):totable())
    assert.same({ { { 5 }, { 7 } } }, nn.MaxPool1d(3, { padding = "same" })(five):totable())
  end)

  it("normalise features, of a step or over the batch", function()
    core.seed(4)
    local x = core.randn(6, 5, 8) * 3 + 2
    local y = nn.LayerNorm(8)(x)
    assert.is_true(y:mean(3):abs():max():item() < 1e-5)
    local two = core.tensor { 1, 3 }
    assert.near(1 / math.sqrt(1 + 1e-3), nn.LayerNorm(2)(two):get(2), 1e-6)
    assert.near(1 / math.sqrt(1 + 3), nn.LayerNorm(2, { epsilon = 3 })(two):get(2), 1e-6)
    local ends = core.tensor { { 1, -2, 4, 0 } }
    local function plain(x1) return core.layer_norm(x1, core.ones(4), core.zeros(4), 0) end
    local want = plain(ends)
    for _, far in ipairs { 2.0 ^ 100, 2.0 ^ -100, 2.0 ^ 125, 2.0 ^ -130 } do -- their squares are no floats
      local from = (ends * far):requires_grad(true)
      local got = plain(from)
      approx.equal(got, want, "times " .. far)
      if far < 2 ^ 120 and far > 2 ^ -120 then
        (got * core.tensor { 1, 2, 3, 4 }):sum():backward()
        local near = ends:copy():requires_grad(true);
        (plain(near) * core.tensor { 1, 2, 3, 4 }):sum():backward()
        approx.equal(from.grad * far, near.grad, "gradient times " .. far)
      end
    end
    local rows = core.tensor {
      { 1e30, -1e30, 0, 5 }, { 1, 2, 3, 4 }, { 5, 5, 5, 5 }, { 0 / 0, 1, 1, 1 }, { 1, 2, 3, 4 },
    }
    local beside = nn.LayerNorm(4)(rows)
    approx.equal(beside[2], nn.LayerNorm(4)(rows:rows(5, 5))[1], "beside others", 0)
    assert.equal(0, beside[3]:abs():max():item())
    local z = nn.BatchNorm(8)(x)
    assert.is_true(z:mean(1):mean(1):abs():max():item() < 1e-5)
    assert.near(1, z:square():mean():item(), 1e-2)
  end)

  it("keep running statistics with momentum 0.99 and use them in evaluation", function()
    core.seed(5)
    local layer = nn.BatchNorm(1)
    local x = core.tensor { { 1 }, { 3 }, { 8 } }
    layer(x)
    assert.near(0.01 * 4, layer.running_mean:item(), 1e-6)
    -- As in Keras: of the batch itself, divided by N.
    assert.near(0.99 + 0.01 * 26 / 3, layer.running_var:item(), 1e-6)
    layer:eval()
    local mean, var = layer.running_mean:item(), layer.running_var:item()
    assert.near((8 - mean) / math.sqrt(var + 1e-3), layer(x):get(3, 1), 1e-4)
    assert.equal(mean, layer.running_mean:item())
  end)

  it("learns nothing from one row: it is its own mean", function()
    local layer = nn.BatchNorm(2)
    local part = core.randn(2, 3, 2):with_lengths { 1, 0 }
    for dims, x in pairs { ["(1, 2)"] = core.ones(1, 2), ["(2,)"] = core.ones(2), ["(1, 1, 2)"] = core.ones(1, 1, 2),
      ["(2, 3, 2)"] = part } do
      assert.equal("batch_norm: expected more than one row to train on, got one valid row in "
        .. dims .. ": leave it out (drop_last = true where it is a last batch), or take larger "
        .. "batches", message_of(layer, x))
    end
    assert.same({ 0, 0 }, layer.running_mean:totable())
    assert.same({ 1, 1 }, layer.running_var:totable())
    layer(core.randn(1, 3, 2)) -- three steps of one sequence
    layer(core.randn(2, 3, 2):with_lengths { 1, 1 })
    layer(part:without_lengths():with_lengths { 0, 0 }) -- nothing
    layer:eval()(core.ones(1, 2))
  end)

  it("refuse other widths", function()
    assert.equal("nn.LayerNorm(8): expected input (..., 8), got (2, 3)", message_of(nn.LayerNorm(8), core.zeros(2, 3)))
    assert.equal("nn.BatchNorm(8): expected input (..., 8), got (2, 3)", message_of(nn.BatchNorm(8), core.zeros(2, 3)))
    assert.equal("nn.BatchNorm: option 'momentum': expected a number from 0 to 1, got number 2",
      message_of(nn.BatchNorm, 8, { momentum = 2 }))
  end)
end)

describe("nn.Dropout", function()
  it("drops in training, scales what stays, and does nothing in evaluation", function()
    core.seed(6)
    local layer, x = nn.Dropout(0.25), core.ones(100, 100)
    local y = layer(x)
    local dropped = y:eq(0):sum():item() / 10000
    assert.near(0.25, dropped, 0.02)
    assert.near(1 / 0.75, y:max():item(), 1e-6)
    assert.equal(x, layer:eval()(x))
  end)

  it("wants a rate from 0 to below 1", function()
    for _, wrong in ipairs { -0.1, 1 } do
      assert.equal("nn.Dropout: argument 1 (rate): expected a number from 0 up to but not 1, got number " .. wrong,
        message_of(nn.Dropout, wrong))
    end
  end)
end)

describe("nn.Masking", function()
  it("finds lengths by the value of the padding", function()
    local x = core.tensor { { { 1, 0 }, { 0, 0 }, { 0, 0 } }, { { 0, 0 }, { 0, 0 }, { 0, 0 } },
      { { 0, 2 }, { 3, 0 }, { 0, 1 } } }
    assert.same({ 1, 0, 3 }, nn.Masking()(x):lengths():totable())
    assert.same({ 3, 3, 3 }, nn.Masking(7)(x):lengths():totable())
    assert.same({ 1, 0, 2 }, nn.Masking()(x:with_lengths { 3, 3, 2 }):lengths():totable())
    assert.same(x:totable(), nn.Masking()(x):without_lengths():totable())
    local ids = core.tensor({ { 3, 1, 1 }, { 2, 4, 1 } }, "int32")
    assert.same({ 1, 2 }, nn.Masking(1)(ids):lengths():totable())
    assert.same({ 0, 0 }, nn.Masking()(core.zeros(2, 0, 3)):lengths():totable())
    assert.same({}, nn.Masking()(core.zeros(0, 2, 3)):lengths():totable())
  end)

  it("wants the padding at the end", function()
    local x = core.tensor { { { 1 }, { 2 } }, { { 0 }, { 2 } } }
    assert.matches("sequence 2 has padding in front of a step", message_of(function() nn.Masking()(x) end))
    assert.matches("expected input %(N, T, D%), or ids", message_of(function() nn.Masking()(core.zeros(2, 3)) end))
  end)

  it("lets gradients through", function()
    local x = core.ones(2, 3, 1):requires_grad(true)
    nn.Masking()(x):sum():backward()
    assert.same(core.ones(2, 3, 1):totable(), x.grad:totable())
  end)
end)

describe("nn.Flatten", function()
  it("makes a row of each sample", function()
    assert.same({ 2, 12 }, { nn.Flatten()(core.zeros(2, 3, 4)):shape() })
    assert.same({ 2, 1 }, { nn.Flatten()(core.zeros(2)):shape() })
    assert.same({ 0, 12 }, { nn.Flatten()(core.zeros(0, 3, 4)):shape() })
    assert.matches("different lengths", message_of(function()
      nn.Flatten()(core.zeros(2, 3, 4):with_lengths { 1, 3 })
    end))
  end)
end)

describe("activations and losses", function()
  it("have the values of their formulas", function()
    local x = core.tensor { -2, 0.5 }
    local function values(y) return y[1], y[2] end
    for name, want in pairs {
      Tanh = { -0.96402758, 0.46211716 },
      Sigmoid = { 0.11920292, 0.62245933 },
      ReLU = { 0, 0.5 },
      LeakyReLU = { -0.6, 0.5 },
      ELU = { -0.86466472, 0.5 },
      GELU = { -0.04550026, 0.34573123 },
      SiLU = { -0.23840584, 0.31122967 },
      Softplus = { 0.12692801, 0.97407698 },
      Softsign = { -2 / 3, 1 / 3 },
      Softmax = { 0.07585818, 0.92414182 },
      LogSoftmax = { -2.57888973, -0.07888973 },
    } do
      local a, b = values(nn[name]()(x))
      assert.near(want[1], a, 1e-6, name)
      assert.near(want[2], b, 1e-6, name)
    end
    assert.near(-0.2, nn.LeakyReLU(0.1)(x)[1], 1e-6)
    assert.near(-0.2, nn.leaky_relu(x, 0.1)[1], 1e-6)
  end)

  it("refuse what is no tensor", function()
    assert.equal("nn.Tanh(): input: expected a float tensor, got number 3", message_of(nn.Tanh(), 3))
    assert.equal("nn.Tanh: argument 1: expected no argument, got number 3", message_of(nn.Tanh, 3))
    assert.equal("nn.mse: argument 2 (target): expected a tensor, got nil", message_of(nn.mse, core.zeros(2)))
  end)

  it("are found by name", function()
    assert.equal(nn.huber, nn.loss "huber")
    assert.equal(print, nn.loss(print))
    assert.equal("nn.loss: argument 1 (name): expected one of 'binary_cross_entropy', 'cross_entropy', "
      .. "'distillation', 'focal', 'gaussian_nll', 'hinge', 'hinge_embedding', 'huber', 'kl_div', 'mae', 'mse', "
      .. "'multi_margin', 'negative_binomial_nll', 'ordinal', 'poisson_nll', 'quantile', 'student_t_nll', "
      .. "got string 'mes'",
      message_of(nn.loss, "mes"))
  end)

  it("average over valid steps only", function()
    local y = core.tensor { { { 1 }, { 100 } }, { { 3 }, { 5 } } }:with_lengths { 1, 2 }
    local target = core.zeros(2, 2, 1):with_lengths { 1, 2 }
    assert.near((1 + 9 + 25) / 3, nn.mse(y, target):item(), 1e-5)
    assert.near(3, nn.mae(y, target):item(), 1e-5)
    local logits = core.tensor { { 0, 0 }, { 9, -9 } }
    assert.near(math.log(2), nn.cross_entropy(logits, core.tensor({ 2, 0 }, "int32"),
      { padded = true }):item(), 1e-6)
  end)
end)

describe("every layer", function()
  it("has a case, makes a describing string, and leaves a position in its errors", function()
    for _, name in ipairs(layers.names()) do
      local case = assert(layers.cases[name], "no case for nn." .. name)
      local layer = case.make()
      assert.is_truthy(layer:describe():find("nn." .. name, 1, true), name)
      local _, message = pcall(layer, "no tensor")
      assert.is_truthy(tostring(message):find("layers_spec.lua:%d+: "), name .. ": " .. tostring(message))
    end
  end)
end)

-- A state is a value: what a layer handed out never changes, streams do not meet, and a state that one layer made is
-- taken by another only when it was handed over on purpose.
local rnn = require "rnn"
local core = require "rnn.core"
local nn = require "rnn.nn"
local approx = require "support.approx"
local layer_cases = require "support.layer_cases"

local function copy(value) -- all tensors of a result, as they are now
  if core.is_tensor(value) then return value:detach():copy() end
  local result = {}
  for key, item in pairs(value) do result[key] = copy(item) end
  return result
end

local function same(value, kept, what)
  if core.is_tensor(kept) then
    local distance = (value:to_float() - kept:to_float()):abs()
    if #kept > 0 then assert.equal(0, distance:max():item(), what) end
    return
  end
  for key, item in pairs(kept) do same(value[key], item, what .. "." .. tostring(key)) end
end

-- ---- streams: advance(x, state) -> y, state, and what to feed ----

local streams = {}

local function stream_of(name, make, method, input)
  streams[name] = { input = input, make = function()
    local layer = make()
    layer:eval()
    return function(x, state) return layer[method](layer, x, state) end, layer
  end }
end

local row = function() return core.randn(2, 3) end
local piece = function() return core.randn(2, 2, 3) end

for _, name in ipairs { "RNN", "LSTM", "GRU" } do
  for text, options in pairs { plain = {}, deep = { layers = 3 }, residual = { layers = 2, residual = true },
    trained = { initial_state = "trained" }, zoned = { zoneout = 0.2 }, normalised = { layer_norm = true } } do
    stream_of(("nn.%s:step, %s"):format(name, text), function() return nn[name](3, 3, options) end, "step", row)
  end
  for text, options in pairs { sequence = {}, last = { returns = "last" }, both = { returns = "both" },
    ["last, by its formula"] = { returns = "last", zoneout = 0.2 },
    ["both, by its formula"] = { returns = "both", layers = 2, zoneout = 0.2 } } do
    stream_of(("nn.%s:forward, %s"):format(name, text), function() return nn[name](3, 3, options) end, "forward", piece)
  end
  for _, returns in ipairs { "last", "both" } do
    stream_of(("nn.Recurrent of nn.%sCell, %s"):format(name, returns), function()
      return nn.Recurrent(nn[name .. "Cell"](3, 3), { returns = returns })
    end, "forward", piece)
  end
  stream_of("nn." .. name .. ":stream", function() return nn[name](3, 3, { layers = 2 }) end, "stream", piece)
  stream_of("nn." .. name .. "Cell", function() return nn[name .. "Cell"](3, 3) end, "forward", row)
  stream_of("nn.Recurrent of nn." .. name .. "Cell", function() return nn.Recurrent(nn[name .. "Cell"](3, 3)) end,
    "forward", piece)
end
for text, options in pairs { projected = { projection = 2 }, peepholes = { peepholes = true } } do
  stream_of("nn.LSTM:step, " .. text, function() return nn.LSTM(3, 4, options) end, "step", row)
end
stream_of("nn.Sequential:stream", function()
  return nn.Sequential { nn.GRU(3, 4), nn.Tanh(), nn.LSTM(4, 3), nn.Recurrent(nn.RNNCell(3, 3)), nn.Linear(3, 2) }
end, "stream", piece)
stream_of("nn.Encoder", function() return nn.Encoder { inputs = 3, units = 4, cell = "lstm" } end, "forward", piece)
stream_of("nn.Encoder of nn.Recurrent", function()
  return nn.Encoder { inputs = 3, recurrent = nn.Recurrent(nn.LSTMCell(3, 3)) }
end, "forward", piece)
local function causal() return nn.Conv1d(3, 3, 3, { padding = "causal", dilation = 2 }) end
stream_of("nn.Conv1d:step", causal, "step", row)
stream_of("nn.Conv1d:stream", causal, "stream", piece)

local function decoder(options)
  return function()
    local made = nn.Decoder { vocab = 6, dim = 3, units = 3, cell = options.cell, attention = options.attention,
      memory = options.attention and 3, input_feeding = options.attention ~= nil }
    made:eval()
    local memory = options.attention and core.randn(2, 4, 3)
    return function(x, state) return made:step(x, state or made:begin(nil, memory)) end, made
  end
end
local function ids() return core.to_int(core.rand(2) * 5) + 1 end
streams["nn.Decoder:step of numbers"] = { input = row, make = function()
  local made = nn.Decoder { outputs = 2, inputs = 1, recurrent = nn.Recurrent(nn.LSTMCell(3, 4)) }
  return function(x, state) return made:step(x, state or made:begin()) end, made
end }
streams["nn.Decoder:step"] = { make = decoder { cell = "lstm" }, input = ids }
streams["nn.Decoder:step with attention"] = { make = decoder { cell = "gru", attention = "additive" }, input = ids }

describe("handed out by", function()
  for name, case in pairs(streams) do
    it(name .. ", nothing changes later, and streams do not meet", function()
      core.seed(4)
      local advance = case.make()
      local kept, states, inputs = {}, {}, {}
      for t = 1, 6 do
        inputs[t] = case.input()
        local y, state = advance(inputs[t], states[t - 1])
        states[t], kept[t] = state, { y = y, state = state, was = copy { y = y, state = state } }
        advance(case.input()) -- another stream
        advance(case.input(), states[1]) -- and one that leaves this one
      end
      for t = 1, 6 do same(kept[t], kept[t].was, "step " .. t) end
      for t = 2, 6 do
        assert.is_false(rawequal(kept[t].y, kept[t - 1].y))
        local y, state = advance(inputs[t], states[t - 1])
        same({ y = y, state = state }, kept[t].was, "again " .. t)
      end
    end)

    if not name:find "Cell$" then -- the state of a cell is its output
      it(name .. ", what is written into an output is not in the state", function()
        local advance = case.make()
        local y, state = advance(case.input())
        local was = copy(state)
        y = core.is_tensor(y) and y or y[1]
        y:detach():fill_(7)
        same(state, was, "state")
      end)
    end
  end

  it("layer:step, an edited list is what is stepped from, and stays as it was edited", function()
    core.seed(5)
    local layer, x = nn.LSTM(3, 4), core.randn(1, 3)
    local _, s = layer:step(x)
    local h, c = core.randn(1, 4), core.randn(1, 4)
    local want = layer:step(x, { h, c })
    s[1], s[2] = h, c
    same((layer:step(x, s)), want:copy(), "edited")
    assert.is_true(rawequal(s[1], h) and rawequal(s[2], c))
    s[2] = c:rows(1, 0)
    assert.error_matches(function() layer:step(x, s) end, "expected a state of 2 tensors")
    local message = select(2, pcall(layer.step, layer, x, setmetatable({ h }, getmetatable(s))))
    assert.matches("expected a state of 2 tensors", message)
  end)

  it("layer:step, finalisers that step meanwhile change nothing", function()
    core.seed(6)
    local layer, x, other = nn.GRU(3, 8), core.randn(1, 3), core.randn(1, 3)
    local function run(disturb)
      local y, s
      for _ = 1, 2000 do
        if disturb then setmetatable({}, { __gc = function() layer:step(other, s) end }) end
        y, s = layer:step(x, s)
      end
      return y
    end
    same(run(true), copy(run(false)), "y")
  end)

  it("layer:step, other weights and batches count at once", function()
    core.seed(7)
    local layer, x = nn.LSTM(3, 4), core.randn(2, 3)
    local _, s = layer:step(x)
    layer.weight_ih_l0 = (core.randn(16, 3)):requires_grad(true)
    local y = layer(x:reshape(2, 1, 3), s)
    approx.equal((layer:step(x, s)), y:select(2, 1), "another tensor")
    layer.bias_ih_l0:detach():fill_(1)
    approx.equal((layer:step(x, s)), (layer(x:reshape(2, 1, 3), s)):select(2, 1), "changed in place")
    approx.equal((layer:step(x:rows(1, 1), s:rows(1, 1))), (layer:step(x, s)):rows(1, 1), "one row")
  end)
end)

it("what is written into an output of a cell of one's own is not in the state", function()
  local Own = nn.cell("WritesOfStateValueSpec", function(self, inputs, units)
    self.w = nn.Linear(inputs + units, units)
  end)
  function Own:step(x, h)
    h = self.w(rnn.concat({ x, h }, 2)):tanh()
    return h, h
  end
  local layer = nn.Recurrent(Own(3, 4))
  local y, state = layer:step(core.randn(2, 3))
  local was = copy(state)
  y:fill_(7)
  same(state, was, "state")
end)

describe("a state of one layer is refused by another:", function()
  local function refuses(f, ...)
    local ok, message = pcall(f, ...)
    assert.is_false(ok)
    assert.matches("expected a state of its own, got one that .* made", message)
    assert.matches("nn.State(state) hands it over", message, 1, true)
  end

  for name, case in pairs(streams) do
    it(name, function()
      core.seed(8)
      local a, maker = case.make()
      local b = case.make()
      local x = case.input()
      local _, state = a(x)
      refuses(b, x, state)
      for _, way in ipairs { nn.detach, nn.State.map and function(s) return nn.State.map(core.neg, s) end } do
        refuses(b, x, core.is_tensor(state) and state or way(state))
        a(x, way(state))
      end
      assert.is_truthy(maker:describe())
      b(x, nn.State(state))
      if name:find "^nn.Decoder" then return end
      local plain = core.is_tensor(state) and { state } or { table.unpack(state) }
      if name:find "^nn.Sequential" then
        refuses(b, x, plain) -- each layer looks at its own
      else
        b(x, plain)
      end
    end)
  end

  it("b(a(x))", function()
    local x = core.randn(2, 4, 3)
    for _, pair in ipairs {
      { nn.LSTM(3, 3), nn.LSTM(3, 3) }, { nn.RNN(3, 3), nn.GRU(3, 3) },
      { nn.GRU(3, 3), nn.Recurrent(nn.GRUCell(3, 3)) }, { nn.Recurrent(nn.GRUCell(3, 3)), nn.GRU(3, 3) },
      { nn.Recurrent(nn.LSTMCell(3, 3)), nn.Recurrent(nn.LSTMCell(3, 3)) },
      { nn.LSTM(3, 3, { bidirectional = true, merge = "sum" }), nn.LSTM(3, 3, { layers = 2 }) },
      { nn.Encoder { inputs = 3, units = 3 }, nn.Encoder { inputs = 3, units = 3 } },
    } do
      local a, b = pair[1], pair[2]
      refuses(function() return b(a(x)) end)
      b((a(x)))
    end
    local a, b = nn.GRUCell(3, 3), nn.RNNCell(3, 3)
    refuses(function() return b(a(core.randn(2, 3))) end)
  end)

  it("handed over, it carries its gradient", function()
    local a, b, x = nn.GRU(3, 3), nn.GRU(3, 3), core.randn(2, 4, 3)
    local _, s = a(x)
    local y = b(x, nn.State(s))
    y:sum():backward()
    for _, p in ipairs(a:parameters()) do assert.is_true(p.grad:abs():sum():item() > 0) end
  end)

  it("joined, only states of one layer", function()
    local a, b, x = nn.GRU(3, 3), nn.GRU(3, 3), core.randn(2, 4, 3)
    local _, s = a(x)
    local _, t = b(x)
    assert.error_matches(function() nn.State.join { s, t } end, "states 1 and 2 were not made by the same layer")
    local whole = nn.State.join(s:split(2))
    a(x, whole)
    refuses(b, x, whole)
    b(x, nn.State.join { nn.State(s), nn.State(t) }:rows(1, 2))
  end)

  it("saved and loaded, it is one of no layer", function()
    local path = os.tmpname()
    local layer, x = nn.LSTM(3, 4), core.randn(2, 5, 3)
    local _, s = layer(x)
    assert(rnn.save(path, layer, { state = s }))
    local twin, extra = rnn.load(path)
    os.remove(path)
    same((twin(x, extra.state)), copy((layer(x, s))), "y")
    refuses(twin, x, s)
  end)

  it("every layer of nn that takes a state has its case here", function()
    local known = table.concat((function()
      local names = {}
      for name in pairs(streams) do names[#names + 1] = name end
      return names
    end)(), " ")
    for _, name in ipairs(layer_cases.names()) do
      if nn[name].step or nn[name].stream then
        assert.is_truthy(name == "Cell" or known:find("nn." .. name, 1, true), name)
      end
    end
  end)

  it("layers are collected, though states know them", function()
    local seen = setmetatable({}, { __mode = "k" })
    for _ = 1, 20 do
      local layer = nn.GRU(3, 3)
      local _, s = layer:step(core.randn(1, 3))
      nn.Recurrent(nn.GRUCell(3, 3))(core.randn(1, 2, 3))
      seen[layer] = true
      layer:step(core.randn(1, 3), s)
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(seen))
  end)
end)

describe("a cell inside a cell takes its state:", function()
  local Tensor = nn.cell("HoldsGRUCell", function(self, inputs, units) self.inner = nn.GRUCell(inputs, units) end)
  function Tensor:step(x, h)
    local y, new = self.inner(x, h)
    return y * 2, new
  end
  local Table = nn.cell("HoldsLSTMCell", function(self, inputs, units) self.inner = nn.LSTMCell(inputs, units) end)
  function Table:initial_state(batch) return self.inner:initial_state(batch) end
  Table.step = Tensor.step
  local Two = nn.cell("HoldsTwoCells", function(self, inputs, units)
    self.inner, self.second = nn.GRUCell(inputs, units), nn.LSTMCell(units, units)
  end)
  function Two:initial_state(batch)
    return { first = core.zeros(batch, self.units), second = self.second:initial_state(batch) }
  end
  function Two:step(x, state)
    local y, first = self.inner(x, state.first)
    local z, second = self.second(y, state.second)
    return z, { first = first, second = second }
  end
  local Loop = nn.cell("HoldsInALoop", function(self, inputs, units) self.inner = nn.GRUCell(inputs, units) end)
  function Loop:step(x, h) -- no formula
    local y, new = self.inner(x, h)
    return y:flip(2), new
  end

  local all = { ["a tensor"] = Tensor, ["a table"] = Table, ["of two cells"] = Two, ["in a loop"] = Loop }
  for name, Cell in pairs(all) do
    it(name, function()
      core.seed(9)
      local layer, x = nn.Recurrent(Cell(3, 4)), core.randn(2, 6, 3)
      local cell, outputs, state = layer.cell, {}, nil
      for t = 1, 6 do
        outputs[t], state = cell(x:select(2, t), state)
        outputs[t] = outputs[t]:reshape(2, 1, 4)
      end
      local whole = core.concat(outputs, 2)
      whole:square():sum():backward()
      whole = copy(whole)
      local gradient = cell.inner.weight_hh.grad:copy()
      layer:zero_grad()
      local first, after = layer(x:slice(2, 1, 3))
      local y = core.concat({ first, (layer(x:slice(2, 4, 6), after)) }, 2)
      same(y:detach(), whole, "pieces")
      y:square():sum():backward()
      after = select(2, layer(x))
      approx.equal(cell.inner.weight_hh.grad, gradient, "gradient")
      local other = nn.Recurrent(Cell(3, 4))
      assert.error_matches(function() other(x, after) end, "expected a state of its own, got one that nn.Recurrent")
      layer:eval()
      local model, states = nn.Sequential { layer }, nil
      state = nil
      for t = 1, 6 do
        y, state = layer:step(x:select(2, t), state)
        same(y, whole:select(2, t), "layer:step")
        y, states = model:stream(x:slice(2, t, t), states)
        same(y:select(2, 1), whole:select(2, t), "stream")
      end
      local short = x:with_lengths { 3, 6 }
      local _, ends = layer(short)
      same(layer(x, ends), layer(x, nn.State(ends)), "after lengths")
      core.check_finite(true)
      local found, result = pcall(layer, x, state)
      core.check_finite(false)
      assert.is_true(found, tostring(result))
      same(result, (layer(x, state)), "searched for NaN")
      if Cell ~= Loop then rnn.cell_check(Cell, { quiet = true }) end
    end)
  end
end)

describe("the state of a layer whose cell takes the number of the step", function()
  local Own = nn.cell("CountsSteps", function(self, inputs, units)
    self.inputs, self.units, self.inner = inputs, units, nn.Linear(inputs + units, units)
  end)
  function Own:step(x, h, t)
    h = (self.inner(core.concat({ x, h }, 2)) + (t * 0.7):sin()):tanh()
    return h, h
  end
  local Loop = nn.cell("CountsStepsInALoop", function(self, inputs, units)
    self.inputs, self.units, self.inner = inputs, units, Own(inputs, units)
  end)
  function Loop:step(x, h, t) -- no formula
    local y, new = self.inner(x, h, t)
    return y:flip(2), new
  end

  local all = { Clockwork = rnn.cells.Clockwork, PhasedLSTM = rnn.cells.PhasedLSTM, own = Own, loop = Loop }
  local ways = { ["one layer"] = {}, ["two layers"] = { layers = 2 }, segments = { recompute = 2 },
    trained = { initial_state = "trained" }, zoneout = { zoneout = 0.2 } }
  for name, Cell in pairs(all) do
    it("has its count: " .. name, function()
      for way, options in pairs(ways) do
        if not (Cell == Loop and options.recompute) then
          core.seed(3)
          local layer, x = nn.Recurrent(Cell(2, 4), options):eval(), core.randn(3, 6, 2)
          local whole, last = layer(x)
          local y, state
          for t = 1, 6 do
            y, state = layer:step(x:select(2, t), state)
            same(y, whole:select(2, t), way .. ", step")
          end
          same(state.steps, core.full({ 3, 1 }, 6))
          same(last.steps, state.steps)
          local first, after = layer(x:slice(2, 1, 2))
          same(core.concat({ first, (layer(x:slice(2, 3, 6), after)) }, 2), whole, way .. ", pieces")
          same((layer:step(x:select(2, 3), after)), whole:select(2, 3), way .. ", a piece, then a step")
          local model, states = nn.Sequential { layer }, nil
          for t = 1, 5, 2 do
            y, states = model:stream(x:slice(2, t, t + 1), states)
            same(y, whole:slice(2, t, t + 1), way .. ", stream")
          end
          local _, ends = layer(x:with_lengths { 2, 0, 5 })
          same(ends.steps, core.tensor { { 2 }, { 0 }, { 5 } })
          y = layer(x, ends)
          for i, length in ipairs { 2, 0, 5 } do
            local one = core.concat({ x:rows(i, i):slice(2, 1, length), x:rows(i, i) }, 2)
            same(y[i], layer(one)[1]:rows(length + 1, length + 6), way .. ", after lengths")
          end
          y = layer(x:gather(1, core.tensor({ 3, 1 }, "int32")), ends:gather(core.tensor({ 3, 1 }, "int32")))
          same(y, layer(x, ends):gather(1, core.tensor({ 3, 1 }, "int32")), way .. ", other rows")
        end
      end
      if Cell ~= Loop then rnn.cell_check(Cell, { quiet = true }) end
    end)
  end

  it("goes from window to window in tbptt", function()
    core.seed(4)
    local model, x = nn.Sequential { nn.Recurrent(rnn.cells.Clockwork(1, 4)) }, core.randn(2, 6, 1)
    local source = rnn.data.arrays(x, core.randn(2, 6, 4))
    local whole = rnn.evaluate(model, source, { loss = "mse" })
    approx.equal(core.tensor(rnn.evaluate(model, source, { loss = "mse", tbptt = 2 }).loss), core.tensor(whole.loss))
  end)

  it("counts from 1 where it is of a script's own, or as t says", function()
    core.seed(5)
    local layer, x = nn.Recurrent(rnn.cells.PhasedLSTM(2, 4)):eval(), core.randn(1, 2)
    local h, c = core.randn(1, 4), core.randn(1, 4)
    local y, state = layer:step(x, { h, c })
    same(y, (layer.cell:step(x, { h, c }, core.ones(1, 1))))
    same((layer:step(x, state, 7)), (layer.cell:step(x, { state[1], state[2] }, core.full({ 1, 1 }, 7))))
    same(select(2, layer:step(x, state, 7)).steps, core.full({ 1, 1 }, 7))
    assert.error_matches(function() layer.cell(x, { h, c }) end, "its step takes t, the number of the step")
    assert.error_matches(function() layer(x:reshape(1, 1, 2), { h, c, steps = core.ones(2, 1) }) end, "steps %(1, 1%)")
    local most = core.precision == "double" and 2 ^ 53 or 2 ^ 24
    assert.error_matches(function() layer:step(x, { h, c, steps = core.full({ 1, 1 }, most - 1) }) end,
      rnn.precision() == "double" and "reached 9007199254740992" or "reached 16777216")
  end)
end)

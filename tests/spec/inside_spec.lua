-- What happens inside recurrent layers: values over time by the names in a cell's step (layer:record), segments that
-- run again in backward (recompute), plans as text (layer:explain).
local rnn = require "rnn"
local nn, cells = rnn.nn, rnn.cells
local plan = require "rnn.nn.plan"
local approx = require "support.approx"

local DOUBLE = rnn.precision() == "double"

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^.-:%d+: ", "", 1))
end

-- f() with the plan run by ordinary ops, and step by step in Lua.
local function eagerly(f)
  plan.eager = true
  local ok, message = pcall(f)
  plan.eager = false
  assert(ok, message)
end
local function by_loop(f)
  local before = rnn.check_finite(true)
  local ok, message = pcall(f)
  rnn.check_finite(before)
  assert(ok, message)
end

local function same(a, b, what) assert.equal(0, approx.distance(a:detach(), b:detach()), what) end

local Leaky = nn.cell("LeakyOfInsideSpec", function(self, inputs, units)
  self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units)
end)
function Leaky:step(x, h)
  local k = self.wh(h):sigmoid()
  local before, number, of_its_own = h, 3, self.wx.bias * 2
  if number > 2 then local hidden = k * number end -- luacheck: ignore
  h = k * h + (1 - k) * self.wx(x):tanh() + 0 * of_its_own
  return h, before * 0 + h
end

describe("layer:record", function()
  it("gives the values that a loop by hand meets", function()
    rnn.seed(1)
    local cell = Leaky(2, 3)
    local layer, x = nn.Recurrent(cell), rnn.randn(2, 5, 2)
    local plain, h = layer(x), rnn.zeros(2, 3)
    layer:record { "k", "h", "before", "x" }
    for _, how in ipairs { function(f) f() end, eagerly, by_loop } do
      how(function()
        local y = layer(x)
        same(y, plain)
        local all = layer:recorded()
        local names = {}
        for name, t in pairs(all) do
          names[#names + 1] = name
          assert.is_false(t:requires_grad())
        end
        table.sort(names)
        assert.same({ "before", "h", "k", "x" }, names)
        h = rnn.zeros(2, 3)
        for t = 1, 5 do
          same(all.x:select(2, t), x:select(2, t))
          same(all.before:select(2, t), h)
          same(all.k:select(2, t), cell.wh(h):sigmoid())
          h = cell(x:select(2, t):copy(), h)
          same(all.h:select(2, t), h)
        end
      end)
    end
  end)

  it("is no part of the gradients, and ends", function()
    rnn.seed(2)
    local layer, x = nn.Recurrent(cells.LSTM(2, 3)), rnn.randn(2, 5, 2)
    local function gradient()
      layer:zero_grad()
      layer(x):square():sum():backward()
      return layer.cell.weight_hh.grad:copy()
    end
    local before = gradient()
    layer:record { "f", "c" }
    same(before, gradient())
    assert.is_false(layer:recorded().f:requires_grad())
    assert.equal(layer, layer:record())
    layer(x)
    assert.matches("recorded: nothing is recorded; layer:record { \"h\" }, then a forward", message_of(layer.recorded,
      layer))
  end)

  it("goes with lengths, layers, directions and segments", function()
    rnn.seed(3)
    local lengths = { 5, 0, 2 }
    for _, recompute in ipairs { false, 2 } do
      local layer = nn.Recurrent(cells.GRU(2, 3), { layers = 2, bidirectional = true, recompute = recompute })
      local x = rnn.randn(3, 5, 2):with_lengths(lengths)
      layer:record { "z", "h" }
      local y = layer(x)
      local all, count = layer:recorded(), 0
      for _ in pairs(all) do count = count + 1 end
      assert.equal(8, count)
      same(y, rnn.concat({ all.h_l1, all.h_l1_reverse }, 3))
      for _, t in pairs(all) do
        assert.same(lengths, t:lengths():totable())
        assert.equal(0, t:without_lengths():slice(1, 2, 2):abs():max():item())
        assert.equal(0, t:without_lengths():slice(1, 3, 3):slice(2, 3, 5):abs():max():item())
      end
      by_loop(function()
        if recompute then return end
        layer(x)
        for name, t in pairs(layer:recorded()) do same(t, all[name], name) end
      end)
    end
  end)

  it("runs nn.LSTM, nn.GRU and nn.RNN as formulas, with the same bits", function()
    for _, case in ipairs {
      { "LSTM", {}, "i f g o c h" }, { "LSTM", { layers = 2, bidirectional = true, residual = true }, "f c" },
      { "LSTM", { peepholes = true, projection = 2 }, "i f o c" },
      { "LSTM", { coupled = true, layer_norm = true }, "f i" }, { "LSTM", { dropout = 0.5, layers = 3 }, "h" },
      { "GRU", { reset = "before", merge = "sum", bidirectional = true }, "r z n h" },
      { "GRU", { layer_norm = true, initial_state = "trained", activation = "relu" }, "z h" },
      { "RNN", { layers = 2 }, "h" },
    } do
      rnn.seed(4)
      local layer, names = nn[case[1]](3, 3, case[2]), {}
      for name in case[3]:gmatch "%S+" do names[#names + 1] = name end
      for _, p in ipairs(layer:parameters()) do p:detach():uniform_(-0.5, 0.5) end
      local x = rnn.randn(2, 6, 3):with_lengths { 6, 3 }
      rnn.seed(5)
      local y, state = layer(x)
      local position = rnn.random_state().position
      layer:record(names)
      rnn.seed(5)
      same(layer(x), y)
      assert.equal(position, rnn.random_state().position)
      local all, last = layer:recorded(), layer.layers > 1 and "_l" .. layer.layers - 1 or ""
      local single = layer.directions == 1
      if single and all["h" .. last] and not case[2].residual then approx.equal(all["h" .. last], y, "h", 1e-5) end
      if layer.directions == 1 and all["c" .. last] then
        approx.equal(all["c" .. last]:without_lengths():select(2, 6):slice(1, 1, 1), state[#state]:slice(1, 1, 1), "c",
          1e-5)
      end
      for name, t in pairs(all) do
        if name:find "^[ifoz]%f[_\0]" then assert.is_true(t:min():item() >= 0 and t:max():item() <= 1, name) end
      end
    end
  end)

  it("draws the same random numbers", function()
    local layer = nn.LSTM(2, 3, { zoneout = 0.1, zoneout_cell = 0.3, recurrent_dropout = 0.2 })
    local x = rnn.randn(2, 4, 2)
    for _, training in ipairs { true, false } do
      layer:train(training):record(nil)
      rnn.seed(6)
      local y, state = layer(x)
      layer:record { "c" }
      rnn.seed(6)
      local y2, state2 = layer(x)
      same(y2, y)
      same(state2[2], state[2])
      assert.same({ 2, 4, 3 }, { layer:recorded().c:shape() })
    end
    local own = nn.Recurrent(cells.LSTM(2, 3), { zoneout = 0.2 }):eval()
    local y = own(x)
    by_loop(function() same(own(x), y) end)
  end)

  it("is the same in the readable cells", function()
    for name, names in pairs { LSTMCell = { "i", "f", "g", "o", "c", "h" }, GRUCell = { "r", "z", "n", "h" } } do
      local layer = nn.Recurrent(nn[name](2, 3)):record(names)
      layer(rnn.randn(1, 4, 2))
      for _, gate in ipairs(names) do assert.same({ 1, 4, 3 }, { layer:recorded()[gate]:shape() }) end
    end
  end)

  it("names what there is when it is asked for something else", function()
    local layer, x = nn.Recurrent(Leaky(2, 3)):record { "gate" }, rnn.randn(1, 4, 2)
    local want = "LeakyOfInsideSpec: record: its step has no local variable 'gate' with a row for each sample when it "
      .. "returns; it has before, h, k, x"
    assert.equal(want, message_of(layer, x))
    by_loop(function() assert.equal(want, message_of(layer, x)) end)
    for _, name in ipairs { "number", "of_its_own", "hidden", "self" } do
      assert.matches("no local variable '" .. name .. "'", message_of(layer:record { name }, x))
    end
    local Tail = nn.cell("TailOfInsideSpec", function() end)
    local function both(h) return h, h end
    function Tail:step(x, h) -- luacheck: ignore
      h = x + h
      return both(h)
    end
    assert.matches("it has none, as one that ends in a call, return f%(x%), has lost them by then",
      message_of(nn.Recurrent(Tail(2, 2)):record { "h" }, x))
    assert.matches("record: argument 1 %(names%): expected a table, got string 'h'", message_of(layer.record, layer,
      "h"))
    assert.matches("record: argument 1 %(names%)%[1%]: expected a string, got number 1", message_of(layer.record, layer,
      { 1 }))
    assert.matches("it has c, f, g, h, i, new, o, x", (message_of(nn.LSTM(2, 3):record { "forget" }, x)
      :gsub("before, ", "")))
  end)

  it("leaves the hooks of others alone", function()
    local lines = 0
    local function count() lines = lines + 1 end
    local layer = nn.Recurrent(Leaky(2, 3)):record { "k" }
    local hook, mask, number = debug.gethook()
    debug.sethook(count, "l", 0)
    layer(rnn.randn(1, 4, 2))
    local now, how = debug.gethook()
    pcall(layer, rnn.randn(1, 4, 3))
    local after = debug.gethook()
    debug.sethook(hook, mask, number)
    assert.equal(count, now)
    assert.equal("l", how)
    assert.equal(count, after)
    assert.is_true(lines > 10)
  end)
end)

describe("recompute of nn.Recurrent", function()
  local function flat(state, list)
    if rnn.is_tensor(state) then list[#list + 1] = state
    else for _, item in ipairs(state) do flat(item, list) end end
    return list
  end

  -- Results and gradients of a layer.
  local function run(layer, x, lengths)
    x = x:copy()
    if lengths then x = x:with_lengths(lengths) end
    x:requires_grad(true)
    rnn.seed(11)
    local y, state = layer(x)
    local results, loss = flat(state, { y:without_lengths() }), 0
    for i, t in ipairs(results) do
      loss = loss + (t * rnn.randn { t:shape() }):sum()
      results[i] = t:detach():copy()
    end
    layer:zero_grad()
    loss:backward()
    local gradients = { x.grad }
    for _, p in ipairs(layer:parameters()) do gradients[#gradients + 1] = p.grad:copy() end
    return results, gradients
  end

  for _, name in ipairs { "LSTM", "GRU", "minGRU", "QRNN", "Clockwork", "sLSTM", "LRU" } do
    it("gives cells." .. name .. " the same bits and gradients", function()
      for _, options in ipairs { { layers = 2, zoneout = 0.3, recurrent_dropout = 0.3 },
        { bidirectional = true, initial_state = "trained", merge = "sum" } } do
        for _, lengths in ipairs { false, { 7, 3, 0 } } do
          rnn.seed(10)
          local plain = nn.Recurrent(cells[name](3, 4), options)
          local x = rnn.randn(3, 7, 3)
          local results, gradients = run(plain, x, lengths)
          for _, length in ipairs { true, 1, 100 } do
            local own = { recompute = length }
            for key, value in pairs(options) do own[key] = value end
            local layer = nn.Recurrent(cells[name](3, 4), own)
            layer:load_state_dict(plain:state_dict())
            local again, other = run(layer, x, lengths)
            for i, t in ipairs(results) do same(again[i], t, "result " .. i) end
            for i, g in ipairs(gradients) do approx.equal(other[i], g, "gradient " .. i, DOUBLE and 1e-12 or 2e-5) end
          end
        end
      end
    end)
  end

  it("loses no gradient of what the step meets outside of the cell", function()
    local scale, x = rnn.tensor { 0.5, 2 }:requires_grad(true), rnn.randn(2, 9, 2)
    local inner = rnn.tensor { 0.1, 0.2 }:requires_grad(true)
    local Odd = nn.cell("OddOfInsideSpec", function() end)
    local outside
    function Odd:step(input, h) -- luacheck: ignore
      h = (input * outside + h * inner:exp()):tanh()
      return h, h
    end
    local found = {}
    for i, recompute in ipairs { false, 4 } do
      local layer = nn.Recurrent(Odd(2, 2), { recompute = recompute })
      outside = scale * 2
      layer(x):sum():backward()
      found[i] = { scale.grad:copy(), inner.grad:copy() }
      scale:zero_grad()
      inner:zero_grad()
    end
    for k = 1, 2 do approx.equal(found[2][k], found[1][k], "gradient", DOUBLE and 1e-12 or 1e-5) end
  end)

  it("takes weights and states that are parts of others, and do not lie in rows", function()
    local Views = nn.cell("ViewsOfInsideSpec", function(self, inputs, units)
      self.both, self.tied = rnn.randn(units, inputs + units), rnn.randn(units, units)
      self.both:requires_grad(true)
      self.tied:requires_grad(true)
    end)
    function Views:step(x, h)
      local sums = rnn.linear(x, self.both[{ {}, { 1, 3 } }]) + rnn.linear(h, self.both[{ {}, { 4, -1 } }])
      h = (0.3 * sums + 0.2 * h:matmul(self.tied:transpose(1, 2))):tanh()
      return h, h
    end
    local makers = {
      function(recompute) return nn.Recurrent(Views(3, 4), { recompute = recompute }) end,
      function(recompute) return nn.GRU(3, 4, { layer_norm = true, recompute = recompute }) end,
      function(recompute) return nn.GRU(3, 4, { recompute = recompute }) end,
    }
    local x, h = rnn.randn(8, 2, 3):requires_grad(true), rnn.randn(4, 2):requires_grad(true)
    for _, make in ipairs(makers) do
      local found = {}
      for i, recompute in ipairs { false, true, 3 } do
        rnn.seed(5)
        local layer = make(recompute)
        layer(x:transpose(1, 2), h:transpose(1, 2)):square():sum():backward()
        found[i] = { x.grad:copy(), h.grad:copy() }
        for _, p in ipairs(layer:parameters()) do table.insert(found[i], p.grad) end
        x:zero_grad()
        h:zero_grad()
        for k, gradient in ipairs(found[1]) do
          approx.equal(found[i][k], gradient, "gradient " .. k, DOUBLE and 1e-12 or 1e-5)
        end
      end
    end
  end)

  it("holds memory that grows with the square root of the steps", function()
    local function held(recompute, steps)
      local layer = nn.Recurrent(cells.LSTM(1, 16), { returns = "last", recompute = recompute })
      local x = rnn.randn(2, steps, 1)
      layer(x)
      collectgarbage()
      collectgarbage()
      local before = rnn.memory().live
      local y = layer(x)
      collectgarbage()
      collectgarbage()
      return y and rnn.memory().live - before
    end
    local inputs = 2 * 1 * (DOUBLE and 8 or 4) -- a step's, which are turned to time-major
    local short, long = held(true, 1024) - 1024 * inputs, held(true, 16384) - 16384 * inputs
    assert.is_true(long < 4.6 * short, ("%d and %d bytes"):format(short, long))
    local plain = held(false, 16384)
    assert.is_true(long < 0.06 * plain, ("%d of %d bytes"):format(long, plain))
  end)

  it("watches the flow of gradients all the same", function()
    local found, x = {}, rnn.randn(2, 7, 3)
    for i, recompute in ipairs { false, 3 } do
      rnn.seed(12)
      local layer = nn.Recurrent(cells.GRU(3, 4), { bidirectional = true, recompute = recompute }):watch()
      layer(x):square():sum():backward()
      found[i] = layer:flow()
    end
    for k = 1, 2 do
      assert.equal(found[1][k][1], found[2][k][1])
      approx.equal(found[2][k][2], found[1][k][2], "flow", 1e-5)
    end
  end)

  it("wants a step that is a formula", function()
    local Reading = nn.cell("ReadingOfInsideSpec", function() end)
    function Reading:step(x, h) -- luacheck: ignore
      h = x:get(1, 1) > 0 and h + x or h - x
      return h, h
    end
    local layer, x = nn.Recurrent(Reading(2, 2), { recompute = true }), rnn.randn(1, 3, 2):requires_grad(true)
    assert.matches("option 'recompute' needs a step that is a formula: step reads a value", message_of(layer, x))
  end)
end)

describe("layer:explain", function()
  local function text_of(layer)
    local text = layer:explain()
    for line in text:gmatch "[^\n]*" do
      assert.is_true(#line < 100, line)
      assert.is_nil(line:find "[^ -~]", line)
    end
    return text
  end

  it("shows the plan of a small cell", function()
    local Small = nn.cell("SmallOfInsideSpec", function(self, inputs, units)
      self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units)
      self.out = nn.Linear(units, 2)
      self.rate = rnn.zeros(units):requires_grad(true)
    end)
    local first = debug.getinfo(1, "l").currentline + 2
    function Small:step(x, h)
      local k = (self.wh(h) * self.rate:exp()):sigmoid()
      h = k * h +
        (1 - k) * self.wx(x):tanh()
      local y = 2 * h
      return self.out(y), h
    end
    local function at(...)
      local lines = {}
      for i, offset in ipairs { ... } do lines[i] = first + offset - 1 end
      return "  inside_spec.lua:" .. table.concat(lines, ", ")
    end
    local bytes = DOUBLE and 120 or 60
    assert.equal(table.concat({
      "nn.Recurrent(SmallOfInsideSpec)",
      "l0: SmallOfInsideSpec",
      "  once a call",
      "    a tensor (3)",
      "  before the loop, for all steps at once",
      "    product of x with wx.weight + wx.bias" .. at(3),
      "    tanh" .. at(3),
      "  in the loop, step by step",
      "    product of h with wh.weight + wh.bias" .. at(1),
      "    one pass over 3 features: mul, sigmoid, mul, sub, mul, add, mul" .. at(1, 2) .. ",",
      "      " .. first + 2 .. ", " .. first + 3,
      "  behind the loop, for all steps at once",
      "    product of y with out.weight + out.bias" .. at(5),
    }, "\n"), (text_of(Small(2, 3)):match "^(.*)\n  kept"))
    assert.matches(("kept by the loop for backward: 15 numbers, %d bytes, of each sample and step: 3 of states, 3\n"
      .. "    from before the loop, 9 saved in it: k %%(3%%), linear %%(3%%), y %%(3%%)\n"
      .. "  backward: a loop of %%d+ instructions, of which 1 product; behind it 1 product over all steps,\n")
      :format(bytes), Small(2, 3):explain())
    rnn.no_grad(function() assert.is_nil(Small(2, 3):explain():find("kept", 1, true)) end)
  end)

  it("shows gates of one product together, and states that need no loop", function()
    assert.matches("\n    product of h with weight_hh %+ bias_hh\n", text_of(nn.GRUCell(2, 3)))
    assert.matches("\n    2 products of h with a tensor %(6, 3%) %+ linear%[1..6%]; a tensor %(3, 3%) %+ a "
      .. "tensor %(3%)\n", text_of(cells.GRU(2, 3)))
    local text = text_of(cells.QRNN(2, 3))
    assert.matches("state 2 needs no loop: it is x of the step before", text)
    assert.matches("step by step\n    one pass over 3 features: sigmoid, sigmoid, mul, sub, tanh, mul, add, mul\n",
      text)
    assert.is_nil(text:find "inside_spec") -- the lines are the library's
  end)

  it("shows every cell of a layer, with its options, as it was called last", function()
    local layer = nn.Recurrent(cells.GRU(2, 3), { layers = 2, bidirectional = true, zoneout = 0.1,
      recurrent_dropout = 0.1, recompute = true })
    local text = text_of(layer)
    for _, title in ipairs { "l0: cells.GRU(2 -> 3)", "l0_reverse: cells.GRU(2 -> 3), backwards",
      "l1: cells.GRU(6 -> 3)", "l1_reverse: cells.GRU(6 -> 3), backwards" } do
      assert.is_truthy(text:find("\n" .. title .. "\n", 1, true), title)
    end
    assert.matches("2 products of h times its dropout with", text)
    assert.matches("recompute: this is kept of one segment at a time", text)
    layer:eval()
    assert.is_nil(text_of(layer):find("dropout", 1, true))
    local position = rnn.random_state().position
    layer(rnn.randn(2, 4, 2))
    local after = rnn.random_state().position
    assert.equal(text_of(layer), layer:explain())
    assert.is_true(after > position and after == rnn.random_state().position)
  end)

  it("takes the width of a cell that does not say it from the last call", function()
    local Any = nn.cell("AnyOfInsideSpec", function() end)
    function Any:step(x, h) -- luacheck: ignore
      h = h + x:sum(2, true)
      return h, h
    end
    function Any:initial_state(batch) return rnn.zeros(batch, 1) end -- luacheck: ignore
    local layer = nn.Recurrent(Any())
    assert.matches("runs step by step in Lua, as it is no formula: the width of its input is unknown", layer:explain())
    layer(rnn.randn(1, 3, 2))
    assert.matches("before the loop, for all steps at once\n    sum", layer:explain())
  end)

  it("says why a step is no formula, and where", function()
    local Reading = nn.cell("ReadsOfInsideSpec", function() end)
    local line = debug.getinfo(1, "l").currentline + 2
    function Reading:step(x, h) -- luacheck: ignore
      self.seen = x:get(1, 1)
      return h + x, h + x
    end
    assert.matches(("runs step by step in Lua, as it is no formula: step reads a value.*line %d of"):format(line),
      (text_of(Reading(2, 2)):gsub("\n *", " ")))
  end)
end)

describe("layers of nn.Recurrent", function()
  it("are summed up with their cells", function()
    local lines, write = {}, io.write
    io.write = function(text) lines[#lines + 1] = text end -- luacheck: ignore
    local ok, message = pcall(function()
      nn.Sequential { nn.Recurrent(cells.LSTM(3, 4), { layers = 2, bidirectional = true, returns = "last" }),
        nn.Linear(8, 1) }:summary(2, 5, 3)
    end)
    io.write = write -- luacheck: ignore
    assert(ok, message)
    local text = table.concat(lines):gsub(" +", " ")
    for _, line in ipairs { '1 nn.Recurrent(cells.LSTM(3 -> 4), layers = 2, bidirectional, returns = "last") (2, 8) 0',
      "1.cell cells.LSTM(3 -> 4) (2, 4) 144", "1.cell_l0_reverse cells.LSTM(3 -> 4) (2, 4) 144",
      "1.cell_l1 cells.LSTM(8 -> 4) (2, 4) 224", "1.cell_l1_reverse cells.LSTM(8 -> 4) (2, 4) 224",
      "2 nn.Linear(8 -> 1) (2, 1) 9" } do
      assert.is_truthy(text:find("\n" .. line .. "\n", 1, true), line)
    end
  end)

  it("are recorded by rnn.monitor, each cell by its name, and advised", function()
    -- The monitor of a model of small weights after three steps.
    local function watched(options)
      rnn.seed(6)
      local model = nn.Sequential { nn.Recurrent(cells.Elman(1, 4), options) }
      for _, p in ipairs(model:parameters()) do p:detach():assign(p:detach() * 0.1) end
      local monitor = rnn.monitor(model, { every = 1 })
      local optimizer = rnn.optim.SGD(model:parameters(), { lr = 1e-4 })
      for _ = 1, 3 do
        optimizer:zero_grad()
        local loss = model(rnn.randn(2, 60, 1)):select(2, 60):square():mean()
        loss:backward()
        optimizer:step()
        monitor:step { loss = loss:item(), lr = 1e-4 }
      end
      return monitor
    end
    local names = {}
    for i, layer in ipairs(watched({ layers = 2, bidirectional = true }).records[2].layers) do
      names[i] = layer.name
      assert.equal("nn.Recurrent", layer.kind)
      assert.equal(60, #layer.norms)
    end
    assert.same({ "1.l0", "1.l0_reverse", "1.l1", "1.l1_reverse" }, names)
    assert.matches("gradients vanish in 1.l0: .*use a cell that keeps more, such as cells.LSTM with chrono = 60",
      watched({}):advice())
  end)
end)

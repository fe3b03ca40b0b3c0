-- The zoo, rnn.cells: every cell and every option of it against the same formula in NumPy (reference/make_cells.py),
-- rnn.cell_check, states, files; LSTM, GRU and Elman against the engine.
local rnn = require "rnn"
local cells = require "rnn.cells"
local nn = rnn.nn
local approx = require "support.approx"
local shell = require "support.shell"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
local DOUBLE = rnn.precision() == "double"

local function read_cases()
  local file <close> = assert(io.open "tests/reference/cells.json")
  return assert(rnn.json_decode(file:read "a")).cases
end
local CASES = read_cases()

local function title(case)
  local options = {}
  for key, value in pairs(case.options) do options[#options + 1] = ("%s = %s"):format(key, value) end
  table.sort(options)
  return case.cell .. (#options > 0 and " { " .. table.concat(options, ", ") .. " }" or "")
end

-- The cell of a case, with the parameters of its reference; memories for batches of that size.
local function make(case, batch)
  local cell = cells[case.cell](case.inputs, case.units, case.options)
  local named = {}
  for _, pair in ipairs((cell:named_tensors())) do named[pair[1]] = pair[2] end
  for name, values in pairs(case.parameters) do
    assert(named[name], case.cell .. " has no parameter " .. name)
    named[name]:assign(rnn.tensor(values))
  end
  if case.memory then
    local memory = rnn.tensor(case.memory)
    cell:attend(batch and rnn.randn(batch, 5, memory:size(3)) or memory)
  end
  return cell
end

-- The inputs of a case; those above case.missing are nan.
local function inputs_of(case)
  local x = rnn.tensor(case.x)
  return case.missing and rnn.where(x:gt(case.missing), 0 / 0, x) or x
end

-- The tensors of a state, in order.
local function tensors_of(state)
  return rnn.is_tensor(state) and { state } or { table.unpack(state) }
end

-- A state of other values, all positive, as sums of weights have to be.
local function random_state(cell, batch)
  local function fill(t) return rnn.rand { t:shape() } * 0.8 + 0.2 end
  local zero = cell:initial_state(batch)
  if rnn.is_tensor(zero) then return fill(zero) end
  local state = {}
  for i, t in ipairs(zero) do state[i] = fill(t) end
  return state
end

local function each_case(text, f)
  for _, case in ipairs(CASES) do
    it(title(case) .. " " .. text, function()
      rnn.seed(7)
      f(case)
    end)
  end
end

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^.-:%d+: ", "", 1))
end

describe("the cells", function()
  it("all have cases", function()
    local found = {}
    for _, case in ipairs(CASES) do found[case.cell] = true end
    for name in pairs(getmetatable(cells).names) do assert.is_true(found[name], "no case for cells." .. name) end
  end)

  it("all have cases for every option", function()
    for name in pairs(getmetatable(cells).names) do
      local used = { kernel = true, recurrent = true, chrono = true, forget_bias = true, r_min = true, r_max = true,
        max_phase = true, longest = true, scale = true, transform_bias = true } -- say how parameters start
      for _, case in ipairs(CASES) do
        for option in pairs(case.cell == name and case.options or {}) do used[option] = true end
      end
      for _, option in ipairs(rnn.doc.options("cells." .. name)) do
        assert.is_true(used[option], ("no case for option %s of cells.%s"):format(option, name))
      end
    end
  end)

  it("are all explained", function()
    for name in pairs(getmetatable(cells).names) do
      local text = assert(rnn.doc.lookup("cells." .. name), name)
      assert.matches("^cells%." .. name .. "%(inputs, units %[, options%]%)", text)
      assert.matches("%f[%d][12][09]%d%d,%s+\"", text) -- year and title of the paper
      assert.matches("Parameters", text)
    end
    assert.matches("Were RNNs all we needed%?", rnn.doc.lookup "cells.minGRU")
  end)

  each_case("is its paper's formula", function(case)
    local cell = make(case)
    local all, given = {}, {}
    for _, pair in ipairs(cell:named_parameters()) do all[#all + 1] = pair[1] end
    for name in pairs(case.parameters) do given[name] = true end
    for _, name in ipairs(all) do assert.is_true(given[name], "the reference has no " .. name) end
    approx.equal(nn.Recurrent(cell)(inputs_of(case)), rnn.tensor(case.y), "y")
  end)

  each_case("passes rnn.cell_check", function(case)
    -- That its memory goes with the batch is no formula; further cells have none, and files neither.
    local skip = case.memory and { "formula", "plan", "directions", "files" } or {}
    assert.is_true(rnn.cell_check(make(case, 3), { quiet = true, skip = skip }))
  end)

  each_case("keeps the shapes of its states", function(case)
    for _, batch in ipairs { 3, 1, 0 } do
      local cell = make(case, batch)
      local zero = tensors_of(cell:initial_state(batch))
      local y, state = cell(rnn.randn(batch, case.inputs))
      assert.same({ batch, cell.outputs or case.units }, { y:shape() })
      local now = tensors_of(state)
      assert.equal(#zero, #now)
      for i, t in ipairs(now) do assert.same({ zero[i]:shape() }, { t:shape() }) end
      local again = cell(rnn.randn(batch, case.inputs), state, rnn.full({ batch, 1 }, 2))
      assert.same({ y:shape() }, { again:shape() })
    end
  end)

  each_case("stays finite for large inputs", function(case)
    local cell = make(case, 2)
    local x = (rnn.randn(2, 12, case.inputs) * 100):requires_grad(true)
    local y = nn.Recurrent(cell)(x)
    y:square():mean():backward()
    assert.equal(1, y:detach():is_finite():all():item())
    assert.equal(1, x.grad:is_finite():all():item())
  end)

  it("are loaded by a program that does not name them", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local wanted, count = {}, 0
    for _, case in ipairs(CASES) do
      if not case.memory then
        count = count + 1
        local layer, x = nn.Recurrent(make(case)), inputs_of(case)
        assert(rnn.save(("%s/%d.safetensors"):format(sh.folder, count), layer))
        wanted[count] = { layer(x), x, title(case) }
        assert(rnn.npy_write(("%s/x%d.npy"):format(sh.folder, count), x))
      end
    end
    sh:write("load.lua", ([[
      local rnn = require "rnn"
      for i = 1, %d do
        local layer = assert(rnn.load(i .. ".safetensors"))
        assert(rnn.npy_write("y" .. i .. ".npy", layer(assert(rnn.npy_read("x" .. i .. ".npy"))):detach()))
      end]]):format(count))
    local _, err, code = sh:run(("%s %s load.lua"):format(shell.quote(PROGRAM), DOUBLE and "--double" or ""))
    assert.equal(0, code, err)
    for i, entry in ipairs(wanted) do
      local y = assert(rnn.npy_read(("%s/y%d.npy"):format(sh.folder, i)))
      assert.equal(0, approx.distance(y, entry[1]), entry[3])
    end
  end)

  it("of the attention kind are saved without their memory", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local memory, x = rnn.randn(2, 5, 4), rnn.randn(2, 3, 3)
    local cell = cells.Attention(3, 4):attend(memory)
    assert(rnn.save(sh.folder .. "/cell.safetensors", cell))
    local loaded = assert(rnn.load(sh.folder .. "/cell.safetensors"))
    assert.equal("cells.Attention(3 -> 4): has no memory to look at; cell:attend(memory) gives it one",
      message_of(function() nn.Recurrent(loaded)(x) end))
    loaded:attend(memory)
    assert.equal(0, approx.distance(nn.Recurrent(loaded)(x), nn.Recurrent(cell)(x)))
    local padded = rnn.randn(2, 7, 4):with_lengths { 5, 2 }
    local y = nn.Recurrent(cell:attend(padded))(x)
    local short = nn.Recurrent(cell:attend(padded:without_lengths():slice(2, 1, 5):with_lengths { 5, 2 }))(x)
    approx.equal(y, short, "padding of the memory")
  end)

  it("of the attention kind are formulas, in which each sample has a matrix of its own", function()
    local layer = nn.Recurrent(cells.Attention(3, 4):attend(rnn.randn(2, 5, 4)), { compile = true })
    layer(rnn.randn(2, 3, 3))
    local text = layer:explain()
    assert.matches("product of h with attention.query.weight", text, 1, true)
    assert.matches("dot %(5%)%s+softmax %(5%)%s+mix %(4%)", text)
  end)
end)

-- ---- the engine ----

-- nn.LSTM, nn.GRU or nn.RNN with the parameters and options of a case; nil where it has no such option.
local function engine_of(case, cell)
  local options = {}
  for key, value in pairs(case.options) do options[key] = value end
  if options.without then return nil end
  local layer = nn[case.cell == "Elman" and "RNN" or case.cell](case.inputs, case.units, options)
  local count = 0
  for _, pair in ipairs((layer:named_tensors())) do
    local own = cell[pair[1]:match "^(.*)_l0$"]
    assert(own, pair[1])
    assert.equal(own:requires_grad(), pair[2]:requires_grad())
    pair[2]:assign(own:detach())
    count = count + 1
  end
  assert.equal(count, #(cell:named_tensors()))
  return layer
end

describe("the engine computes what the cells do:", function()
  for _, case in ipairs(CASES) do
    if case.cell == "LSTM" or case.cell == "GRU" or case.cell == "Elman" then
      it(title(case), function()
        rnn.seed(5)
        local cell = make(case)
        local layer = engine_of(case, cell)
        if not layer then return end
        local state = random_state(cell, 3)
        local x = rnn.randn(3, 7, case.inputs):with_lengths { 7, 0, 4 }
        local gradients = {}
        local function run(module)
          local input = x:copy():with_lengths { 7, 0, 4 }:requires_grad(true)
          local y, new = module(input, state)
          rnn.seed(6)
          local sum = (y:without_lengths() * rnn.randn(3, 7, y:size(3))):sum()
          for _, t in ipairs(tensors_of(new)) do sum = sum + (t * rnn.randn { t:shape() }):sum() end
          local results = { y:detach() }
          for _, t in ipairs(tensors_of(new)) do results[#results + 1] = t:detach() end
          sum:backward()
          gradients[module] = input.grad
          return results
        end
        local plan = nn.Recurrent(cell)
        local got, want = run(plan), run(layer)
        local function same(a, b, what, float)
          local distance = approx.distance(a, b)
          assert.is_true(distance < (DOUBLE and 1e-12 or float), what .. " is off by " .. distance)
        end
        -- a division by a deviation loses digits
        for i, t in ipairs(want) do same(got[i], t, "result " .. i, case.options.layer_norm and 5e-6 or 1e-6) end
        same(gradients[plan], gradients[layer], "dx", 5e-5)
        for _, pair in ipairs(layer:named_parameters()) do
          same(cell[pair[1]:match "^(.*)_l0$"].grad, pair[2].grad, "gradient of " .. pair[1], 5e-5)
        end
      end)
    end
  end

  it("starting values too", function()
    for _, options in ipairs { { "Elman" }, { "Elman", layer_norm = true }, { "LSTM", forget_bias = 2 },
      { "LSTM", peepholes = true, projection = 2, chrono = 9 },
      { "LSTM", coupled = true, layer_norm = true, chrono = 9 },
      { "GRU", chrono = 9 }, { "GRU", reset = "before", layer_norm = true } } do
      local name = table.remove(options, 1)
      rnn.seed(3)
      local cell = cells[name](3, 4, options)
      rnn.seed(3)
      for _, pair in ipairs((nn[name == "Elman" and "RNN" or name](3, 4, options):named_tensors())) do
        assert.same(pair[2]:totable(), cell[pair[1]:match "^(.*)_l0$"]:totable(), name .. " " .. pair[1])
      end
    end
  end)
end)

-- ---- what they start from, and mistakes ----

describe("cells", function()
  it("start as their papers say", function()
    local irnn = cells.IRNN(3, 5, { scale = 0.5 })
    assert.same((rnn.eye(5) * 0.5):totable(), irnn.weight_hh:totable())
    local lru = cells.LRU(3, 200, { r_min = 0.4, r_max = 0.8, max_phase = 1 })
    local size = (-lru.nu:detach():exp()):exp()
    assert.is_true(size:min():item() >= 0.39 and size:max():item() <= 0.81)
    assert.is_true(lru.theta:detach():exp():max():item() <= 1.001)
    approx.equal(lru.gamma_log:detach():exp():square() + size:square(), rnn.ones(200), "gamma")
    local rwkv = cells.RWKV(4, 5)
    approx.equal(rwkv.decay:detach():rows(1, 1), rnn.tensor { -5 }, "slowest decay")
    approx.equal(rwkv.decay:detach():rows(5, 5), rnn.tensor { 3 }, "fastest decay")
    assert.same({ 1, 1, -1, -1 }, cells.CFN(1, 2).bias_ih:totable())
    local rates = cells.JANET(2, 500, { chrono = 100 }).bias_ih:detach():rows(1, 500):exp()
    assert.is_true(rates:min():item() >= 0.999 and rates:max():item() <= 99.01 and rates:mean():item() > 40)
    rates = (-cells.minGRU(2, 500, { chrono = 100 }).bias_ih:detach():rows(1, 500)):exp()
    assert.is_true(rates:min():item() >= 0.999 and rates:max():item() <= 99.01 and rates:mean():item() > 40)
  end)

  it("of Legendre polynomials draw the past", function() -- a ramp of theta steps: m_0 is its mean, nearly
    local cell = cells.LMU(1, 2, { order = 6, theta = 50 })
    cell.encoder_x:fill_(1)
    cell.encoder_h:fill_(0)
    local _, state = nn.Recurrent(cell)(rnn.linspace(0, 1, 50):reshape(1, 50, 1))
    assert.is_true(math.abs(state[2]:get(1, 1) - 0.5) < 0.03)
  end)

  it("leak in training only", function()
    local cell = cells.PhasedLSTM(2, 3, { open = 0.01, leak = 0.5 })
    cell.shift:fill_(0.5)
    cell.period_log:fill_(math.log(10))
    local x = rnn.randn(1, 2)
    assert.is_true(cell(x):abs():max():item() > 0)
    cell:eval()
    assert.equal(0, cell(x):abs():max():item())
  end)

  it("take the number of the step", function()
    local cell = cells.Clockwork(2, 4)
    local h, x = rnn.randn(1, 4), rnn.randn(1, 2)
    local function changed(t)
      local new = cell(x, h, rnn.full({ 1, 1 }, t))
      return new:ne(h):totable()[1]
    end
    assert.same({ 1, 1, 1, 1 }, changed(1))
    assert.same({ 1, 0, 0, 0 }, changed(2))
    assert.same({ 1, 1, 0, 0 }, changed(3))
    assert.same({ 1, 1, 1, 0 }, changed(5))
    assert.same({ 1, 1, 1, 1 }, changed(9))
  end)

  it("say what is wrong", function()
    for call, message in pairs {
      ["cells.GRU(0, 4)"] = "cells.GRU: argument 1 (inputs): expected a positive integer, got number 0",
      ["cells.minGRU(2)"] = "cells.minGRU: argument 2 (units): expected a positive integer, got nil",
      ["cells.MGU(2, 3, 4)"] = "cells.MGU: options: expected a table, got number 4",
      ["cells.GRU(2, 3, { reset = 'never' })"] =
        "cells.GRU: option 'reset': expected one of 'after', 'before', got string 'never'",
      ["cells.MGU(2, 3, { layer_norm = true })"] =
        "cells.MGU: unknown option 'layer_norm'; known: kernel, recurrent",
      ["cells.LSTM(2, 3, { peepholes = 1 })"] =
        "cells.LSTM: option 'peepholes': expected true or false, got number 1",
      ["cells.LSTM(2, 3, { coupled = true, without = 'forget_gate' })"] =
        "cells.LSTM: option 'coupled' needs the gate that option 'without' takes away",
      ["cells.LSTM(2, 3, { projection = 0 })"] =
        "cells.LSTM: option 'projection': expected a positive integer, got number 0",
      ["cells.RHN(2, 3, { depth = 0 })"] = "cells.RHN: option 'depth': expected a positive integer, got number 0",
      ["cells.sLSTM(2, 3, { heads = 2 })"] = "cells.sLSTM: option 'heads': 2 heads do not divide 3 units",
      ["cells.Clockwork(2, 6)"] = "cells.Clockwork: option 'groups': 4 groups do not divide 6 units",
      ["cells.LMU(2, 3, { theta = 0 })"] = "cells.LMU: option 'theta': expected a positive number, got number 0",
      ["cells.JANET(2, 3, { chrono = 1 })"] =
        "cells.JANET: option 'chrono': expected an integer of at least 2, got number 1",
      ["cells.LSTM(2, 3)(rnn.zeros(1, 2), rnn.zeros(1, 3))"] =
        "cells.LSTM(2 -> 3): state: expected {h, c}, got tensor (1, 3) float",
      ["rnn.nn.minGRU(2, 3)"] = "rnn.nn has no field 'minGRU'; did you mean rnn.cells.minGRU?",
      ["cells.LSTMP(2, 3)"] = "rnn.cells has no field 'LSTMP'; did you mean rnn.cells.LSTM?",
    } do
      local f = load("local cells, rnn = ... return " .. call)
      assert.equal(message, message_of(f, cells, rnn))
    end
  end)

  it("may have states of any number of axes, with lengths, zoneout and trained first states", function()
    local Fast = nn.cell("Fast", function(self, inputs, units) -- Ba et al. 2016, fast weights
      self.k, self.q = nn.Linear(inputs, units), nn.Linear(inputs, units)
    end)
    function Fast:initial_state(n) return { rnn.zeros(n, self.units, self.units), rnn.zeros(n) } end
    function Fast:step(x, state)
      local m = 0.9 * state[1] + self.k(x):unsqueeze(3) * self.q(x):unsqueeze(2)
      local count = state[2] + 1
      return m:matmul(self.q(x):unsqueeze(3)):squeeze(3) / count:unsqueeze(2), { m, count }
    end
    rnn.seed(1)
    for _, units in ipairs { 3, 4 } do -- as many as samples, or more
      local layer = nn.Recurrent(Fast(2, units), { initial_state = "trained", zoneout = 0.2 })
      layer(rnn.randn(3, 5, 2):with_lengths { 5, 2, 4 })
      layer:eval()
      local x, lengths = rnn.randn(3, 5, 2), { 5, 2, 4 }
      local y, state = layer(x:with_lengths(lengths))
      for i, n in ipairs(lengths) do
        local alone, own = layer(x:slice(1, i, i):slice(2, 1, n))
        approx.equal(alone[1], y:without_lengths()[i]:rows(1, n), "apart")
        for k = 1, 2 do approx.equal(own[k]:rows(1, 1), state[k]:rows(i, i), "apart") end
      end
    end
    assert.equal(2, #rnn.randn(2)) -- what was refused as a formula has left no trace behind
    local Count = nn.cell("Count", function() end)
    function Count.initial_state() return rnn.zeros(1) end
    function Count.step(_, x, n) return x, n + 1 end
    nn.Recurrent(Count(2, 2))(rnn.ones(2, 3, 2))
    assert.matches("Count: expected a state %(2, ...%), for sequences end at different steps, got tensor %(1%)",
      select(2, pcall(nn.Recurrent(Count(2, 2)), rnn.ones(2, 3, 2):with_lengths { 3, 1 })))
  end)
end)

-- Formulas: a cell's step that runs as one program of the engine gives what it gives step by step, for every cell of
-- the zoo with every option of nn.Recurrent, and for random cells; and nothing of it is ever stale.
--
-- A seeded sample of them runs here. RNNLUA_FORMULAS=all runs every combination of options and 10000 random cells,
-- about an hour; RNNLUA_FORMULAS=5000 so many of each:
--
--   RNNLUA_FORMULAS=all build/rnnlua --double tests/spec/support/run.lua tests/spec/formula_spec.lua
local rnn = require "rnn"
local core = require "rnn.core"
local cells = require "rnn.cells"
local plan = require "rnn.nn.plan"
local nn = rnn.nn
local ways = require "support.ways"
local random_cells = require "support.random_cells"

local ASKED = os.getenv "RNNLUA_FORMULAS"
local SEED = 20

local function quiet(f)
  local stderr = io.stderr
  rawset(io, "stderr", setmetatable({}, { __index = { write = function() end } }))
  local results = table.pack(pcall(f))
  rawset(io, "stderr", stderr)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- ---- the zoo ----

local NAMES = {}
for name in pairs(getmetatable(cells).names) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

-- What can be chosen, each independently of the others.
local CHOICES = {
  { "cell", table.unpack(NAMES) },
  { "stack", "one", "two", "residual" },
  { "direction", "forwards", "concat", "sum", "mean" },
  { "lengths", false, true },
  { "returns", "sequence", "last", "both" },
  { "recurrent_dropout", 0, 0.3 },
  { "zoneout", "none", "number", "table" },
  { "initial_state", "zeros", "trained" },
  { "batch", "some", "one sample", "one step", "goes on" },
  { "training", true, false },
}
local COUNT = 1
for _, choice in ipairs(CHOICES) do COUNT = COUNT * (#choice - 1) end

local function combination(number)
  local c, text = {}, {}
  for _, choice in ipairs(CHOICES) do
    local n = #choice - 1
    c[choice[1]] = choice[2 + number % n]
    number = number // n
    text[#text + 1] = ("%s = %s"):format(choice[1], c[choice[1]])
  end
  return c, table.concat(text, ", ")
end

local function layer_of(c)
  local cell = cells[c.cell](8, 8)
  local o = { returns = c.returns, recurrent_dropout = c.recurrent_dropout, initial_state = c.initial_state,
    layers = c.stack ~= "one" and 2 or 1, residual = c.stack == "residual", bidirectional = c.direction ~= "forwards" }
  if o.bidirectional then o.merge = c.direction end
  if c.zoneout == "number" then o.zoneout = 0.25 end
  if c.zoneout == "table" then o.zoneout = core.is_tensor(cell:initial_state(1)) and { h = 0.25 }
    or { ["1"] = 0.25 } end
  if o.residual and c.direction == "concat" then o.residual = false end
  local layer = nn.Recurrent(cell, o)
  return c.training and layer or layer:eval()
end

local function check_combination(number)
  local c, text = combination(number)
  rnn.seed(number + 1)
  local samples, steps = c.batch == "one sample" and 1 or 4, c.batch == "one step" and 1 or 6
  local x, layer = core.randn(samples, steps, 8), layer_of(c)
  if c.cell == "Attention" then
    for _, part in ipairs(layer.parts) do layer[part.field]:attend(core.randn(samples, 3, 8)) end
  end
  local state
  if c.batch == "goes on" then
    local _, after = layer(x)
    state = core.no_grad(function() return select(2, layer(x)) end) or after
  end
  if c.lengths then
    local lengths = {}
    for n = 1, samples do lengths[n] = n == 2 and 0 or math.max(steps - 2 * (n - 1), 1) end
    x = x:with_lengths(lengths)
  end
  x:requires_grad(true)
  local inputs = { x }
  for _, p in ipairs(layer:parameters()) do inputs[#inputs + 1] = p end
  for _, t in ipairs(ways.tensors(state)) do inputs[#inputs + 1] = t:requires_grad(true) end
  -- Step by step there is no recurrent dropout; its own test is below.
  local list = { "plan", "graph", c.recurrent_dropout == 0 and "loop" or nil }
  local difference = ways.compare(function() return layer(x, state) end, inputs, number, list)
  assert.is_nil(difference, ("%s: %s"):format(text, difference))
  for _, part in ipairs(layer.parts) do
    assert.is_nil(part.why, ("%s: %s"):format(text, part.why))
  end
end

describe("a cell of the zoo is the same as a formula and step by step", function()
  local asked = ASKED == "all" and COUNT or math.tointeger(ASKED) or 72
  it(("with %d of %d combinations of options"):format(math.min(asked, COUNT), COUNT), function()
    quiet(function()
      math.randomseed(SEED)
      for k = 1, asked do
        local number = k - 1
        if asked < COUNT then -- each cell as often as the others
          number = math.random(0, COUNT // #NAMES - 1) * #NAMES + k % #NAMES
        end
        check_combination(number)
      end
    end)
  end)
end)

-- ---- random cells ----

-- Reasons for a random cell to have no program; whatever else is said is a fault.
local KNOWN = { "has no rule for the loop", "has no gradient rule for the loop",
  "concat with a tensor of the cell's own",
  "depends on nothing that changes", "softmax along another axis than the last" }

local function is_known(why)
  for _, text in ipairs(KNOWN) do
    if why:find(text, 1, true) then return true end
  end
  return false
end

local function pick(list) return list[math.random(#list)] end

-- A layer over a random cell, its function and all that may have a gradient.
local function random_layer(seed)
  local formula = random_cells.formula(seed)
  local wide = formula.widths[1] >= 500
  local samples, steps = pick(wide and { 1, 2 } or { 1, 2, 3, 5, 17 }), pick(wide and { 1, 3 } or { 1, 2, 3, 6, 9 })
  rnn.seed(seed)
  local cell = random_cells.Cell(formula.inputs, 1, seed)
  math.randomseed(seed + 1000000)
  cell:prepare(samples)
  cell.outputs = formula.vars[formula.y].width
  local layer = nn.Recurrent(cell, { zoneout = math.random() < 0.3 and 0.25 or 0 })
  layer.parts[1].reverse = math.random() < 0.25
  local x, inputs, state = core.randn(samples, steps, formula.inputs), {}, nil
  if math.random() < 0.4 then
    local lengths = {}
    for n = 1, samples do lengths[n] = math.random(0, steps) end
    x = x:with_lengths(lengths)
  end
  if math.random() < 0.8 then inputs[1] = x:requires_grad(true) end
  if math.random() < 0.5 then
    local list = {}
    for k, width in ipairs(formula.state_widths) do
      list[k] = (core.randn(samples, width) * 0.5):detach()
      if math.random() < 0.6 then inputs[#inputs + 1] = list[k]:requires_grad(true) end
    end
    state = random_cells.nest(formula.shape, list)
  end
  for _, p in ipairs(layer:parameters()) do inputs[#inputs + 1] = p end
  for _, s in ipairs(formula.samples) do
    if s.needs then inputs[#inputs + 1] = cell[s.name] end
  end
  if math.random() < 0.2 then layer:eval() end
  return layer, function() return layer(x, state) end, inputs, formula
end

describe("a random cell is the same as a formula and step by step", function()
  local asked = ASKED == "all" and 10000 or math.tointeger(ASKED) or 300
  it(("%d of them"):format(asked), function()
    local before = plan.loops
    quiet(function()
      for seed = SEED, SEED + asked - 1 do
        local layer, f, inputs, formula = random_layer(seed)
        local ok, difference = pcall(ways.compare, f, inputs, seed)
        local why = layer.parts[1].why
        if ok and not difference and why and not is_known(why) then difference = why end
        assert.is_true(ok and not difference, ("random cell %d: %s\n%s"):format(seed, difference,
          random_cells.describe(formula)))
      end
    end)
    local programs = plan.loops - before
    assert.is_true(programs > asked / 2, programs .. " programs")
  end)
end)

describe("a value of several axes", function()
  it("gives its gradient on where only a part of it is used", function()
    local Places = nn.cell("PlacesOfFormulaSpec", function(self, inputs, units)
      self.wx, self.w, self.s = nn.Linear(inputs, 2), nn.Linear(4, units), core.randn(3, 2, 5):requires_grad(true)
    end)
    function Places:step(x, h)
      local places = ((self.wx(x) + h:slice(2, 1, 2)):reshape(-1, 2, 1) * self.s):reshape(-1, 10)
      h = self.w(places:slice(2, 4, 7)):tanh()
      return h, h
    end
    rnn.seed(6)
    local layer, x = nn.Recurrent(Places(3, 4), { compile = true }), core.randn(3, 6, 3):requires_grad(true)
    local inputs = { x, layer.cell.s }
    for _, p in ipairs(layer:parameters()) do inputs[#inputs + 1] = p end
    assert.is_nil(ways.compare(function() return layer(x) end, inputs, 7))
  end)
end)

-- ---- recurrent dropout, by hand ----

describe("recurrent dropout of a formula", function()
  it("is one mask a sequence on what enters products", function()
    local Cell = nn.cell("DropCell", function(self, inputs, units)
      self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units)
    end)
    function Cell:step(x, h)
      h = 0.5 * h + 0.5 * (self.wx(x) + self.wh(h)):tanh()
      return h, h
    end
    rnn.seed(4)
    local layer, x = nn.Recurrent(Cell(3, 5), { recurrent_dropout = 0.5, compile = true }), rnn.randn(4, 6, 3)
    rnn.seed(9)
    local y = layer(x)
    rnn.seed(9)
    local mask, h, cell = rnn.dropout(rnn.ones(4, 5), 0.5), rnn.zeros(4, 5), layer.cell
    for t = 1, 6 do
      h = 0.5 * h + 0.5 * (cell.wx(x:select(2, t)) + cell.wh(h * mask)):tanh()
      assert.equal(core.checksum(h:detach():copy()), core.checksum(y:select(2, t):detach():copy()), "step " .. t)
    end
  end)
end)

-- ---- nothing is stale ----

describe("a formula is never stale:", function()
  local factor = 1

  local function make(options)
    local Cell = nn.cell("StaleCell", function(self, inputs, units)
      self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units)
      self.alpha, self.noise = 0.5, nn.Dropout(0.5)
    end)
    function Cell:step(x, h)
      h = self.alpha * h + factor * (self.wx(x) + self.wh(h)):tanh()
      if self.doubled then h = 2 * h end
      return h, h
    end
    options = options or {}
    options.compile = true
    rnn.seed(3)
    return nn.Recurrent(Cell(3, 4), options), Cell
  end

  -- As step by step; unlike before unless it is said to be the same.
  local function holds(layer, x, before, same)
    local inputs = { x }
    for _, p in ipairs(layer:parameters()) do inputs[#inputs + 1] = p end
    assert.is_nil(ways.compare(function() return layer(x) end, inputs, 5))
    local sum = core.checksum(layer(x):detach():copy())
    if before then assert.equal(same or false, sum == before) end
    return sum
  end

  local function input(samples, steps) return rnn.randn(samples or 2, steps or 5, 3):requires_grad(true) end

  it("a number in self", function()
    local layer = make()
    local x = input()
    local before = holds(layer, x)
    for k = 1, 9 do
      layer.cell.alpha = k / 10 + 0.03
      before = holds(layer, x, before)
    end
  end)

  it("an upvalue", function()
    local layer = make()
    local x = input()
    local before = holds(layer, x)
    factor = 0.75
    holds(layer, x, before)
    factor = 1
    holds(layer, x, before, true)
  end)

  it("a flag that a step looks at", function()
    local layer = make()
    local x = input()
    local before = holds(layer, x)
    layer.cell.doubled = true
    holds(layer, x, before)
    layer.cell.doubled = nil
    holds(layer, x, before, true)
  end)

  it("a step that is written anew", function()
    local layer, Cell = make()
    local x = input()
    local before = holds(layer, x)
    function Cell:step(x_t, h)
      h = (self.wx(x_t) - self.wh(h)):sigmoid()
      return h * 2, h
    end
    holds(layer, x, before)
  end)

  it("another parameter in its place", function()
    local layer = make()
    local x = input()
    local before = holds(layer, x)
    layer.cell.wh = nn.Linear(4, 4)
    before = holds(layer, x, before)
    layer.cell.wh.weight:detach():mul(2)
    layer.cell.wh.weight:assign(layer.cell.wh.weight:detach() * 2)
    holds(layer, x, before)
  end)

  it("requires_grad, freeze and unfreeze", function()
    local layer = make()
    local x = input()
    local before = holds(layer, x)
    layer.cell.wh.weight:requires_grad(false)
    holds(layer, x, before, true)
    layer.cell.wh.weight:requires_grad(true)
    holds(layer, x, before, true)
    layer.cell.wx:freeze()
    holds(layer, x, before, true)
    layer:freeze()
    x:requires_grad(false)
    assert.is_false(layer(x):requires_grad())
    layer:unfreeze()
    assert.is_true(layer(x):requires_grad())
    holds(layer, x, before, true)
  end)

  it("train and eval", function()
    local layer = make { zoneout = 0.5, recurrent_dropout = 0 }
    local x = input()
    for _ = 1, 3 do
      layer:train()
      holds(layer, x)
      layer:eval()
      holds(layer, x)
    end
  end)

  it("no_grad, then recording", function()
    local layer = make()
    local x = input()
    local quietly = core.no_grad(function() return core.checksum(layer(x):copy()) end)
    assert.equal(quietly, holds(layer, x))
    assert.is_false(core.no_grad(function() return layer(x):requires_grad() end))
  end)

  it("other numbers of samples and steps", function()
    local layer = make()
    for _, size in ipairs { { 2, 5 }, { 1, 5 }, { 4, 5 }, { 3, 1 }, { 4, 4 }, { 1, 1 }, { 3, 7 } } do
      holds(layer, input(size[1], size[2]))
    end
    assert.same({ 0, 5, 4 }, { layer(rnn.zeros(0, 5, 3)):shape() })
  end)

  it("a matrix with as many rows as there are samples", function()
    local Cell = nn.cell("RowsCell", function(self) self.w = rnn.randn(4, 3):requires_grad(true) end)
    function Cell:step(x, h)
      h = (h + core.linear(x, self.w):sum(2, true) * 0.25):tanh()
      return h, h
    end
    local layer = nn.Recurrent(Cell(3, 2), { compile = true })
    for _, rows in ipairs { 4, 5, 4, 2 } do
      layer.cell.w = rnn.randn(rows, 3):requires_grad(true)
      holds(layer, input(rows))
    end
  end)

  it("a row for each sample, of one and of several", function()
    local Cell = nn.cell("ContextCell", function(self) self.w = nn.Linear(3, 4) end)
    function Cell:step(x, h)
      h = (self.w(x) + h * self.context):tanh()
      return core.concat({ h, self.context }, 2), h
    end
    local layer = nn.Recurrent(Cell(3, 4), { compile = true })
    for _, samples in ipairs { 3, 1, 2, 1, 3 } do
      layer.cell.context = rnn.randn(samples, 4)
      holds(layer, input(samples))
    end
  end)
end)

-- ---- watching ----

describe("a watched formula", function()
  local cases = {}
  function cases.gated(self, x, h)
    local sums = self.wx(x) + self.wh(h)
    local z, n = core.slice(sums, 2, 1, 6):sigmoid(), core.slice(sums, 2, 7, 12)
    h = z * h + (1 - z) * n:tanh()
    return h, h
  end
  function cases.output(self, x, h) -- y is no state, and behind the loop
    local n = core.slice(self.wx(x) + self.wh(h), 2, 1, 6)
    h = n:tanh()
    return (h * h + x:sum(2, true)):sin(), h
  end
  function cases.delayed(self, x, h) -- y is the state before the step
    local n = core.slice(self.wx(x) + self.wh(h), 2, 7, 12)
    return h, n:softsign()
  end
  function cases.inside(self, x, h) -- the new state goes on inside of its step
    local sums = self.wx(x) + self.wh(h)
    h = core.slice(sums, 2, 1, 6):tanh()
    local y = core.slice(sums, 2, 7, 12):sigmoid() * h
    return y, h
  end
  for name, step in pairs(cases) do
    for _, lengths in ipairs { false, { 7, 0, 4 } } do
      it(("%s%s: norms of h_t.grad"):format(name, lengths and ", with lengths" or ""), function()
        local Cell = nn.cell("WatchedCell", function(self, inputs, units)
          self.wx, self.wh = nn.Linear(inputs, 2 * units), nn.Linear(units, 2 * units)
        end)
        Cell.step = step
        rnn.seed(6)
        local layer = nn.Recurrent(Cell(3, 6), { compile = true }):watch()
        local x, dy, dh = rnn.randn(3, 7, 3), rnn.randn(3, 7, 6), rnn.randn(3, 6)
        local h, loss, states = rnn.zeros(3, 6), 0, {}
        for t = 1, 7 do
          local y, new = step(layer.cell, x:select(2, t), h)
          states[t] = new
          new:retain_grad()
          local valid = rnn.tensor { { 1 }, { (not lengths or t <= lengths[2]) and 1 or 0 },
            { (not lengths or t <= lengths[3]) and 1 or 0 } }
          h = core.where(valid, new, h)
          loss = loss + (y * dy:select(2, t) * valid):sum()
        end
        (loss + (h * dh):sum()):backward()
        for _, p in ipairs(layer:parameters()) do p:zero_grad() end
        local y, final = layer(lengths and x:with_lengths(lengths) or x)
        if lengths then y = y:without_lengths() end
        ((y * dy):sum() + (final * dh):sum()):backward()
        local flow = layer:flow()
        assert.equal(1, #flow)
        for t = 1, 7 do
          local want, got = states[t].grad:square():sum():sqrt():item(), flow[1][2]:get(t, 1)
          local near = rnn.precision() == "double" and 1e-11 or 1e-5
          assert.is_true(math.abs(got - want) <= near * math.max(want, 1e-3), ("step %d: %.9g, want %.9g"):format(t,
            got, want))
        end
      end)
    end
  end
end)

describe("padding", function()
  -- 1 / x of zeros would be infinite, and a gradient of 0 times that nan: outside of the loop, in it, behind it.
  local steps = {
    before = function(self, x, h) h = (rnn.linear(1 / x, self.w) + h):tanh() return h, h end,
    inside = function(self, x, h) h = (x + rnn.linear(h / x, self.w)):tanh() return h, h end,
    behind = function(self, x, h) h = (x + h):tanh() return rnn.linear(h / x, self.w), h end,
  }
  for name, step in pairs(steps) do
    it("is as finite as the sequences are: " .. name .. " the loop", function()
      local Divides = nn.cell("Divides" .. name, function(self)
        self.units, self.w = 3, rnn.randn(3, 3):requires_grad(true)
      end)
      Divides.step = step
      rnn.seed(1)
      local layer, x = nn.Recurrent(Divides(), { compile = true }), rnn.randn(3, 4, 3)
      local one = {}
      for n, length in ipairs { 4, 2 } do
        local part = x:slice(1, n, n):slice(2, 1, length)
        layer(part):sum():backward()
        one[n] = layer.cell.w.grad:copy()
        layer:zero_grad()
      end
      x[{ 2, { 3, 4 } }], x[3] = 0 / 0, 0
      layer(x:with_lengths { 4, 2, 0 }):sum():backward()
      local difference = (layer.cell.w.grad - one[1] - one[2]):abs():max():item()
      assert.is_true(difference < 1e-3, tostring(difference))
    end)
  end
end)

-- ---- what is no formula ----

describe("a step that is no formula runs step by step, as", function()
  local function with_step(step, options)
    local Cell = nn.cell("NoFormulaCell", function(self, inputs, units)
      self.w, self.g = nn.Linear(inputs + units, units), nn.Linear(inputs + units, units)
    end)
    Cell.step = step
    rnn.seed(1)
    return nn.Recurrent(Cell(3, 4), options)
  end

  -- The plain loop: y (N, T, units), state.
  local function loop(layer, x)
    local h, outputs = rnn.zeros(x:size(1), 4), {}
    for t = 1, x:size(2) do
      local y
      y, h = layer.cell:step(x:select(2, t), h)
      outputs[t] = y:reshape(x:size(1), 1, 4)
    end
    return core.concat(outputs, 2), h
  end

  local function gradients(layer, f, x)
    layer:zero_grad()
    local y, h = f(layer, x)
    local loss = y:square():sum() + h:sum()
    loss:backward()
    return { y:totable(), layer.cell.w.weight.grad:totable(), layer.cell.g.weight.grad or false }
  end

  local silent = { -- of self.g, no gradient
    ["rnn.no_grad(f)"] = function(g, z) return rnn.no_grad(function() return g(z):sigmoid() end) end,
    ["rnn.no_grad(module, x)"] = function(g, z) return rnn.no_grad(g, z) end,
    ["rnn.recording(false)"] = function(g, z)
      local was = rnn.recording(false)
      local s = g(z):sigmoid()
      rnn.recording(was)
      return s
    end,
    ["detach"] = function(g, z) return g(z):detach() end,
  }
  for name, part in pairs(silent) do
    it(name .. " has no gradient", function()
      local layer = with_step(function(self, x, h)
        local z = core.concat({ x, h }, 2)
        h = self.w(z):tanh() * part(self.g, z)
        return h, h
      end)
      local x = rnn.randn(2, 5, 3)
      local found = quiet(function() return gradients(layer, function(_, v) return layer(v) end, x) end)
      assert.is_false(found[3])
      assert.same(gradients(layer, loop, x), found)
      assert.matches(name == "detach" and "detach has no rule"
        or "step switches recording for linear %(rnn.no_grad%), for which there is no rule$", layer.parts[1].why)
      assert.is_true(rnn.recording())
      local quietly = rnn.no_grad(layer, x) -- where nothing is recorded, no_grad changes nothing
      assert.same(found[1], quietly:totable())
      if name ~= "detach" then assert.is_nil(layer.parts[1].why) end
    end)
  end

  local random, seed = math.random, 1
  local function own() -- Lehmer's
    seed = seed * 48271 % 2147483647
    return seed / 2147483647
  end
  local draws = { -- a coin, and its kind
    ["math.random under another name"] = { random },
    ["a function around math.random"] = { function() return math.random() end, true },
    ["math.random itself"] = { nil, true },
    ["a generator of one's own"] = { own },
  }
  for name, draw in pairs(draws) do
    it(name .. " draws at each step", function()
      local given = math.random
      if draw[2] and draw[1] then rawset(math, "random", function() return random() end) end
      local layer = with_step(function(self, x, h)
        h = self.w(core.concat({ x, h }, 2)):tanh() * (draw[1] or math.random)()
        return h, h
      end)
      local ok, message = pcall(function()
        local x = rnn.randn(2, 5, 3)
        quiet(function() layer(x) end)
        assert.matches(draw[1] == own and "step is not the same at every time step" or "step draws random numbers",
          layer.parts[1].why)
        seed = 7
        math.randomseed(7)
        local y = layer(x)
        seed = 7
        math.randomseed(7)
        assert.same(loop(layer, x):totable(), y:totable())
      end)
      rawset(math, "random", given)
      assert.is_true(ok, message)
    end)
  end

  it("a coin of one's own, as soon as it falls otherwise", function()
    local layer = with_step(function(self, x, h)
      h = self.w(core.concat({ x, h }, 2)):tanh() * (own() < 0.5 and 0 or 1)
      return h, h
    end)
    local x = rnn.randn(1, 16, 3)
    seed = 3
    quiet(function()
      for _ = 1, 20 do layer(x) end
    end)
    for _ = 1, 20 do
      local zeros = layer(x):abs():sum(3):eq(0):sum():item()
      assert.is_true(zeros > 0 and zeros < 16)
    end
  end)

  it("a step that counts, from the first call on that it does", function()
    local layer = with_step(function(self, x, h)
      if self.counts then self.count = self.count + 1 end
      h = self.w(core.concat({ x, h }, 2)):tanh()
      if self.counts and self.count % 2 == 0 then h = h * 0 end
      return h, h
    end)
    local cell, x = layer.cell, rnn.randn(1, 8, 3)
    cell.count = 0
    for _ = 1, 20 do layer(x) end
    assert.is_nil(layer.parts[1].why)
    cell.counts = true
    local y = quiet(function() return layer(x) end)
    assert.equal(8, cell.count)
    assert.same({ 1, 0, 1, 0, 1, 0, 1, 0 }, y:abs():sum(3):ne(0)[1]:totable())
    assert.matches("step is not the same at every time step", layer.parts[1].why)
    assert.matches("step is not the same at every time step", layer:explain())
  end)

  it("a step that takes ids", function()
    local layer = with_step(function(self, ids, h)
      h = (self.e(ids) + h):tanh()
      return h, h
    end)
    layer.cell.inputs, layer.cell.e = nil, nn.Embedding(5, 4)
    local ids = rnn.tensor({ { 1, 5, 2 }, { 3, 3, 4 } }, "int32")
    assert.same(loop(layer, ids):totable(), quiet(function() return layer(ids) end):totable())
    assert.matches("a formula needs x %(N, T, features%) of floats, got int32 with 2 axes", layer.parts[1].why)
  end)
end)

describe("a number that is another at each call", function()
  for _, name in ipairs { "clamp", "leaky_relu", "mul" } do
    it("keeps no more plans than a few: " .. name, function()
      local Cell = nn.cell("AnnealedCell", function(self, inputs, units)
        self.w, self.level = nn.Linear(inputs + units, units), 1
      end)
      function Cell:step(x, h)
        h = self.w(core.concat({ x, h }, 2))
        h = name == "clamp" and h:clamp(-self.level, self.level) or h[name](h, self.level)
        return h, h
      end
      local layer, x = nn.Recurrent(Cell(3, 4), { compile = true }), rnn.randn(2, 3, 3)
      local function run(from, to)
        for k = from, to do
          layer.cell.level = k / 1000
          layer(x)
        end
        collectgarbage()
        collectgarbage()
        return collectgarbage "count"
      end
      local before = run(1, 100)
      assert.is_true(run(101, 400) - before < 200)
      local inputs = { x:requires_grad(true), table.unpack(layer:parameters()) }
      assert.is_nil(ways.compare(function() return layer(x) end, inputs, 5))
    end)
  end
end)

-- rnn.fit beyond the plain loop: schedules, accumulation, averaged weights, truncated back-propagation, callbacks.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local approx = require "support.approx"
local Shell = require "support.shell"

local x = (rnn.arange(50):to_float() / 25 - 1):reshape(50, 1)
local line = data.arrays(x, x * 2 - 1)

local function fit(options, model)
  rnn.seed(1)
  model = model or nn.Linear(1, 1)
  local all = { data = line:batches { size = 16, shuffle = true, seed = 1 }, loss = "mse", epochs = 4,
    optimizer = optim.SGD(model:parameters(), { lr = 0.1 }), progress = false }
  for key, value in pairs(options or {}) do all[key] = value end
  return rnn.fit(model, all), model, all.optimizer
end

describe("a schedule in rnn.fit", function()
  local function noting(rates)
    return { on_step = function(_, _, step, values) rates[step] = values.lr end }
  end

  it("is advanced after each epoch, and the log has the lr of the epoch", function()
    local history = fit { schedule = optim.schedules.step { every = 2, factor = 0.5 } }
    assert.same({ 0.1, 0.1, 0.05, 0.05 }, history.lr)
  end)

  it("lasts as long as the run", function()
    local history, _, optimizer = fit { schedule = optim.schedules.cosine() }
    assert.near(0.05, history.lr[3], 1e-12)
    assert.equal(0, optimizer.lr)
    local rates = {}
    fit { schedule = optim.schedules.one_cycle(), accumulate = 2, callbacks = { noting(rates) } }
    assert.equal(8, #rates) -- four batches an epoch, two of them an update
    assert.near(0.1 * 4e-6, rates[8], 1e-12)
  end)

  it("may be a function of the steps", function()
    local rates = {}
    fit { epochs = 1, schedule = function(t) return 1 / (1 + t) end, callbacks = { noting(rates) } }
    assert.same({ 0.1, 0.1 / 2, 0.1 / 3, 0.1 / 4 }, rates)
  end)

  it("sees the logs, when it is a plateau", function()
    local history = fit { epochs = 6, loss = function(y) return y:sum() * 0 end,
      schedule = optim.schedules.plateau { monitor = "loss", patience = 1, factor = 0.5 } }
    assert.same({ 0.1, 0.1, 0.1, 0.05, 0.05, 0.025 }, history.lr)
  end)

  it("must know how long it lasts", function()
    assert.error_matches(function()
      fit { data = function(_, last) if last == nil then return x, x end end, schedule = optim.schedules.one_cycle() }
    end, "how long it shall be is not known")
    assert.error_matches(function() fit { schedule = 0.9 } end, "option 'schedule': expected a schedule, such as")
  end)
end)

describe("accumulation", function()
  it("gives the step of the joined batch, whatever the sizes of its parts", function()
    local _, whole = fit { data = line:batches { size = 50 }, epochs = 3 }
    for _, size in ipairs { 7, 25, 17 } do
      local _, parts = fit { data = line:batches { size = size }, epochs = 3, accumulate = 50 // size + 1 }
      approx.equal(whole.weight, parts.weight, "weight")
      approx.equal(whole.bias, parts.bias, "bias")
    end
  end)

  it("counts valid elements of padded batches", function()
    rnn.seed(2)
    local sequences, targets = rnn.randn(4, 5, 2), rnn.randn(4, 5, 3)
    local function run(accumulate, ...)
      local parts = { ... }
      rnn.seed(3)
      local model = nn.GRU(2, 3)
      local function source(_, previous)
        local i = previous == nil and 1 or nil
        for k, part in ipairs(parts) do if part == previous then i = k + 1 end end
        local part = parts[i]
        if not part then return nil end
        return part, part == parts[1] and #parts == 1 and targets or targets:rows(part == parts[1] and 1 or 2,
          part == parts[1] and 1 or 4)
      end
      rnn.fit(model, { data = source, loss = "mse", accumulate = accumulate, progress = false,
        optimizer = optim.SGD(model:parameters(), { lr = 0.5 }) })
      return model
    end
    local whole = run(1, sequences:with_lengths { 5, 1, 3, 2 })
    local parts = run(2, sequences:rows(1, 1):with_lengths { 5 }, sequences:rows(2, 4):with_lengths { 1, 3, 2 })
    for i, p in ipairs(whole:parameters()) do approx.equal(p, parts:parameters()[i], "parameter " .. i) end
  end)
end)

describe("averaged weights", function()
  local file = assert(io.open "tests/reference/schedules.json")
  local reference = rnn.json_decode(file:read "a")
  file:close()

  it("are PyTorch's", function()
    local model = nn.Linear(1, 1, { bias = false })
    local average = rnn.Average(model, { decay = 0.9 })
    for i, weight in ipairs(reference.weights) do
      model.weight:detach():fill_(weight)
      average:update()
      average:swap()
      assert.near(reference.average[i], model.weight:item(), approx.rounding * 10)
      average:swap()
      assert.near(weight, model.weight:item(), 1e-6)
    end
  end)

  it("are what is measured and kept, while training goes on from the others", function()
    local raw, plain = {}, {}
    local function note(into) return { on_step = function(_, run) table.insert(into, run.model.weight:item()) end } end
    fit { callbacks = { note(plain) } }
    local history, model = fit { average = 0.5, valid = line, callbacks = { note(raw) } }
    assert.same(plain, raw)
    local average = raw[1]
    for i = 2, #raw do average = 0.5 * average + 0.5 * raw[i] end
    assert.near(average, model.weight:item(), 1e-5)
    assert.near(history.val_loss[4], rnn.evaluate(model, line, { loss = "mse" }).loss, 1e-6)
  end)

  it("refuse other shapes", function()
    assert.error_matches(function() core.average_step({ rnn.zeros(2) }, { rnn.zeros(3) }, 0.5) end, "average 1 should")
    assert.error_matches(function() rnn.Average(nn.Linear(1, 1), { decay = 2 }) end, "'decay': expected a number")
  end)
end)

describe("tbptt", function()
  local function long(steps)
    rnn.seed(5)
    return data.arrays(rnn.randn(6, steps, 2), rnn.randn(6, steps, 3))
  end

  local function train(set, tbptt, model_of)
    rnn.seed(6)
    local model = model_of and model_of() or nn.Sequential { nn.LSTM(2, 4), nn.Dropout(0), nn.Linear(4, 3) }
    local optimizer = optim.SGD(model:parameters(), { lr = 0.1 })
    local history = rnn.fit(model, { data = set:batches { size = 3 }, valid = set, loss = "mse", epochs = 2,
      tbptt = tbptt, optimizer = optimizer, progress = false })
    return model, history
  end

  it("of the whole length is none", function()
    local set = long(12)
    local plain, windows = train(set), train(set, 12)
    for name, t in pairs(plain:state_dict()) do assert.same(t:totable(), windows:state_dict()[name]:totable()) end
  end)

  it("is the loop that one writes by hand", function()
    local set = long(10)
    local model = train(set, 4)
    rnn.seed(6)
    local lstm, head = nn.LSTM(2, 4), nn.Linear(4, 3)
    local both = nn.Module { lstm, head }
    local opt = optim.SGD(both:parameters(), { lr = 0.1 })
    for _ = 1, 2 do
      for input, target in set:batches { size = 3 } do
        local state
        for from = 1, 10, 4 do
          local to = math.min(from + 3, 10)
          local h
          h, state = lstm(input:slice(2, from, to), state)
          opt:zero_grad()
          rnn.mse(head(h), target:slice(2, from, to)):backward()
          opt:step()
          state = nn.detach(state)
        end
      end
    end
    approx.equal(lstm.weight_hh_l0, model[1].weight_hh_l0, "weight_hh_l0")
    approx.equal(head.weight, model[3].weight, "head")
  end)

  it("measures as the whole sequence would", function()
    local set = long(10)
    local model, history = train(set, 3)
    assert.near(rnn.evaluate(model, set, { loss = "mse" }).loss, history.val_loss[2], 1e-5)
  end)

  it("honours lengths", function()
    rnn.seed(7)
    local input, target = rnn.randn(3, 9, 2), rnn.randn(3, 9, 3)
    local function run(padding)
      local function pad(t, size)
        return padding > 0 and rnn.concat({ t, rnn.full({ 3, padding, size }, 7) }, 2) or t
      end
      local padded, goal = pad(input, 2):with_lengths { 9, 4, 0 }, pad(target, 3):with_lengths { 9, 4, 0 }
      rnn.seed(6)
      local model = nn.Sequential { nn.GRU(2, 4), nn.Linear(4, 3) }
      local history = rnn.fit(model, { data = function(_, last) if last == nil then return padded, goal end end,
        loss = "mse", tbptt = 4, epochs = 2, progress = false, optimizer = optim.Adam(model:parameters()) })
      return model, history
    end
    local a, first = run(0)
    local b, second = run(5)
    assert.same(first.loss, second.loss)
    for i, p in ipairs(a:parameters()) do assert.same(p:totable(), b:parameters()[i]:totable()) end
  end)

  it("keeps the state between batches that go on where the last one stopped", function()
    local starts = {}
    local Spy = nn.module("Spy", function(self) self.cell = nn.GRU(1, 2) end)
    function Spy:forward(input, state)
      starts[#starts + 1] = state and state[1]:abs():sum():item() > 0 or false
      return self.cell(input, state)
    end
    local model = Spy()
    local stream = setmetatable({ continues = true }, { __call = function(self, _, last)
      self.at = last == nil and 1 or self.at + 1
      if self.at <= 3 then return rnn.ones(2, 4, 1), rnn.ones(2, 4, 2) end
    end })
    rnn.fit(model, { data = stream, loss = "mse", tbptt = 4, epochs = 2, progress = false,
      optimizer = optim.SGD(model:parameters()) })
    assert.same({ false, true, true, false, true, true }, starts)
  end)

  it("says what it needs", function()
    local set = long(4)
    assert.error_matches(function() train(set, 2, function() return nn.Linear(2, 3) end) end,
      "option 'tbptt': nn.Linear%(2 %-> 3%) gave no state; its forward must be")
    assert.error_matches(function() train(set, 2, function() return nn.LSTM(2, 3, { bidirectional = true }) end) end,
      "stream: a bidirectional layer needs the whole sequence")
    assert.error_matches(function()
      train(set, 2, function() return nn.Sequential { nn.Conv1d(2, 3, 3, { padding = "same" }) } end)
    end, "stream: steps would look at later ones")
    assert.error_matches(function() fit { tbptt = 2 } end, "needs sequences %(N, T, %.%.%.%) with a target for each")
    assert.error_matches(function() fit { tbptt = 0 } end, "option 'tbptt': expected a positive integer, got number 0")
  end)
end)

describe("callbacks", function()
  local shell
  before_each(function() shell = Shell.new() end)
  after_each(function() shell:remove() end)

  local function lines(path)
    local list = {}
    for text in io.lines(path) do list[#list + 1] = text end
    return list
  end

  it("are told of every step and of errors, and may leave in the middle of an epoch", function()
    local steps, ends = {}, 0
    local history, _ = fit { clip_norm = 0.5, callbacks = { {
      on_step = function(_, run, step, values)
        assert.equal(run.step, step)
        assert.is_true(values.norm > 0 and values.loss > 0 and values.lr == 0.1)
        steps[#steps + 1] = step
        return step == 6
      end,
      on_end = function() ends = ends + 1 end,
    } } }
    assert.same({ 1, 2, 3, 4, 5, 6 }, steps)
    assert.equal(1, #history)
    assert.equal(1, ends)
    local told
    assert.is_false(pcall(fit, { callbacks = { {
      on_epoch = function() error("mine", 0) end,
      on_error = function(_, _, message) told = message end,
    } } }))
    assert.equal("mine", told)
  end)

  it("TimeLimit leaves at the end of a step", function()
    local history = fit { epochs = 10 ^ 6, callbacks = { rnn.TimeLimit(0.05) } }
    assert.equal("the time limit of 0.05 s", history.stopped)
    assert.error_matches(function() rnn.TimeLimit(-1) end, "argument 1 %(seconds%): expected a positive number")
  end)

  it("CSVLog writes the history", function()
    local path = shell.folder .. "/log.csv"
    shell:write("log.csv", "old\n")
    local history = fit { valid = line, callbacks = { rnn.CSVLog(path) } }
    local found = lines(path)
    assert.equal(5, #found)
    assert.equal("epoch,loss,lr,seconds,val_loss", found[1])
    assert.equal(("4,%.9g,0.1"):format(history.loss[4]), found[5]:match "^[^,]*,[^,]*,[^,]*")
  end)

  it("ModelCheckpoint saves the best model, or each", function()
    local path = shell.folder .. "/best.safetensors"
    local function distance(y) return (y:mean() + 0.9):abs():item() end
    local history = fit { epochs = 30, valid = line, metrics = { off = distance },
      callbacks = { rnn.ModelCheckpoint(path, { monitor = "val_off" }),
        rnn.ModelCheckpoint(shell.folder .. "/{epoch}.safetensors", { best_only = false }) } }
    local best, values = assert(rnn.load(path))
    local least = math.min(table.unpack(history.val_off))
    assert.equal(least, values.val_off)
    assert.equal(least, history.val_off[values.epoch])
    assert.is_true(values.epoch < 30)
    assert.equal(least, rnn.evaluate(best, line, { loss = "mse", metrics = { off = distance } }).off)
    assert.is_truthy(rnn.load(shell.folder .. "/17.safetensors"))
  end)

  it("that cannot write warn once and go on", function()
    local stderr, said = io.stderr, {}
    io.stderr = { write = function(_, ...) said[#said + 1] = table.concat { ... } end } -- luacheck: ignore
    local ok, history = pcall(fit, { callbacks = { rnn.CSVLog "/nowhere/log.csv",
      rnn.ModelCheckpoint("/nowhere/x.safetensors", { monitor = "loss" }) } })
    io.stderr = stderr -- luacheck: ignore
    assert.is_true(ok, history)
    assert.equal(4, #history)
    local text = table.concat(said)
    assert.matches("cannot write /nowhere/log.csv: No such file or directory; the run goes on", text)
    assert.matches("the model of epoch 1 is not saved: cannot write /nowhere/x.safetensors", text)
  end)
end)

describe("a loss that is not finite", function()
  it("ends training with on_nan = stop", function()
    local count = 0
    local history, model = fit { on_nan = "stop", average = 0.9, loss = function(y, target)
      count = count + 1
      return rnn.mse(y, target) * (count == 6 and 0 / 0 or 1)
    end }
    assert.equal(1, #history)
    assert.matches("^the loss is nan in epoch 2, step 2 of 4: .* The weights are again those before this epoch$",
      history.stopped)
    assert.is_true(model.weight:item() == model.weight:item())
  end)
end)

describe("a buffer that forward puts into its field anew", function()
  local Mean = nn.module("RunningMean", function(self) self.lin, self.mean = nn.Linear(1, 1), rnn.zeros(1) end)
  function Mean:forward(input)
    local y = self.lin(input)
    if self.training then self.mean = 0.9 * self.mean + 0.1 * y:mean(1):detach() end
    return y - self.mean
  end

  it("is that of the best epoch, in the model and in the file", function()
    local sh = Shell.new()
    local history, model = fit({ valid = line, epochs = 12, run = sh.folder .. "/run",
      schedule = function(t) return t < 20 and 1 or 60 end,
      callbacks = { rnn.EarlyStopping { patience = 2 } } }, Mean())
    assert.is_true(history.best.epoch < #history)
    assert.equal(history.best.val_loss, rnn.evaluate(model, line, { loss = "mse" }).loss)
    local best = assert(rnn.load(sh.folder .. "/run/best.safetensors"))
    assert.equal(history.best.val_loss, rnn.evaluate(best, line, { loss = "mse" }).loss)
    sh:remove()
  end)

  it("is as it was after rnn.find_lr, and averaged by rnn.Average", function()
    local model = Mean()
    rnn.find_lr(model, { data = line:batches { size = 16 }, loss = "mse",
      optimizer = optim.SGD(model:parameters()) })
    assert.equal(0, model.mean:item())
    local average = rnn.Average(model, { decay = 0.5 })
    local seen = {}
    for i = 1, 2 do
      model(x + i)
      average:update()
      seen[i] = model.mean:item()
    end
    average:swap()
    assert.near((seen[1] + seen[2]) / 2, model.mean:item(), 1e-6)
    average:swap()
    assert.equal(seen[2], model.mean:item())
  end)
end)

describe("rnn.find_lr", function()
  -- The loss w^2 / 2 diverges from lr 2 on, with momentum 0.
  local function setup()
    local w = rnn.tensor { 3 }:requires_grad(true)
    local model = nn.Module { w = w, forward = function(self, input) return self.w * input end }
    return model, optim.SGD({ w }, { lr = 0.3, momentum = 0.1 })
  end
  local one = data.arrays(rnn.ones(8, 1), rnn.zeros(8, 1))

  it("tries rates until the loss explodes, and leaves everything as it was", function()
    rnn.seed(4)
    local model, optimizer = setup()
    local batches = one:batches { size = 2, shuffle = true }
    local random = rnn.random_state()
    local range = rnn.find_lr(model, { data = batches, loss = "mse", optimizer = optimizer, from = 1e-4, to = 1e3 })
    assert.same(random, rnn.random_state())
    assert.equal(3, model.w:item())
    assert.equal(0.3, optimizer.lr)
    assert.equal(0, optimizer.steps)
    assert.is_nil(model.w.grad)
    assert.equal(0, batches.number)
    assert.is_true(#range.lr < 100)
    assert.near(1e-4, range.lr[1], 1e-12)
    assert.near(1e-4 * 1e7 ^ (1 / 99), range.lr[2], 1e-12)
    assert.is_true(range.suggestion > 0.01 and range.suggestion < 2)
    assert.matches("^rnn.RateRange%(0.0001 to .*; suggestion [%d.]+%)$", tostring(range))
  end)

  it("draws", function()
    local model, optimizer = setup()
    local range = rnn.find_lr(model, { data = one:batches {}, loss = "mse", optimizer = optimizer, steps = 40 })
    local sh = Shell.new()
    local text = range:plot({ file = sh.folder .. "/lr.svg" }):text { width = 70 }
    sh:remove()
    assert.is_truthy(text:find("log10(lr)", 1, true))
    assert.is_truthy(text:find("suggestion ", 1, true))
  end)

  it("says what it wants", function()
    local model, optimizer = setup()
    local good = one:batches {}
    local function says(pattern, options) assert.error_matches(function() rnn.find_lr(model, options) end, pattern) end
    says("rnn.find_lr: option 'optimizer': expected an optimiser", { data = good, loss = "mse" })
    says("option 'to': expected a rate above 'from'", { data = good, loss = "mse", optimizer = optimizer, to = 1e-7 })
    says("option 'steps': expected an integer", { data = good, loss = "mse", optimizer = optimizer, steps = 1 })
    says("not finite from the start", { data = good, optimizer = optimizer,
      loss = function(y, target) return rnn.mse(y, target) * (0 / 0) end })
    says("gave no batch", { data = function() end, loss = "mse", optimizer = optimizer })
  end)
end)

-- rnn.fit, rnn.evaluate, rnn.predict: the loop, its figures, when it stops, and what it says when things go wrong.
local core = require "rnn.core"
local rnn = require "rnn"
local interruption = require "rnn.train.interruption"
local progress = require "rnn.train.progress"
local terminal = require "rnn.terminal"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

-- y = 2 x - 1 on 50 points.
local x = (rnn.arange(50):to_float() / 25 - 1):reshape(50, 1)
local line = data.arrays(x, x * 2 - 1)

local function setup(lr)
  rnn.seed(1)
  local model = nn.Linear(1, 1)
  return model, optim.SGD(model:parameters(), { lr = lr or 0.1 })
end

local function fit(options, lr)
  local model, optimizer = setup(lr)
  local all = { data = line:batches { size = 16, shuffle = true, seed = 1 }, loss = "mse", optimizer = optimizer,
    epochs = 5, progress = false }
  for key, value in pairs(options or {}) do all[key] = value end
  return rnn.fit(model, all), model
end

describe("rnn.fit", function()
  it("learns a line and notes every epoch", function()
    local history, model = fit { epochs = 40, valid = line, metrics = { "mae" } }
    assert.equal(40, #history)
    assert.is_true(history.val_loss[40] < 1e-3)
    assert.is_true(history.loss[1] > history.loss[40])
    assert.near(2, model.weight:item(), 0.05)
    for _, name in ipairs { "loss", "mae", "val_loss", "val_mae", "lr", "seconds" } do
      assert.equal(40, #history[name], name)
    end
    assert.equal(0.1, history.lr[7])
    assert.equal(history.val_loss[history.best.epoch], history.best.val_loss)
  end)

  it("gives the same figures for the same seed", function()
    assert.same(fit().loss, fit().loss)
  end)

  it("means over all elements, whatever the sizes of the batches", function()
    local model = setup()
    local whole = rnn.evaluate(model, line:batches { size = 50 }, { loss = "mse", metrics = { "mae", "rmse" } })
    local cut = rnn.evaluate(model, line:batches { size = 7 }, { loss = "mse", metrics = { "mae", "rmse" } })
    for name, value in pairs(whole) do assert.near(value, cut[name], 1e-5) end
    assert.near(math.sqrt(whole.loss), whole.rmse, 1e-6)
  end)

  it("takes a loss, metrics and an iterator of the script's own", function()
    local history = fit {
      data = function(_, previous) if previous == nil then return x, x * 2 - 1 end end,
      loss = function(y, target) return (y - target):abs():mean() end,
      metrics = { worst = function(y, target) return (y - target):abs():max() end },
    }
    assert.equal(5, #history.worst)
    assert.is_true(history.worst[5] >= history.loss[5])
  end)

  it("can look at the last step of sequences only, each the same however many are in a batch", function()
    local model = nn.Module { forward = function(_, input) return input end }
    local y = rnn.tensor { { { 9 }, { 1 } }, { { 2 }, { 9 } }, { { 9 }, { 9 } }, { { 9 }, { 3 } } }
    local function score(...)
      local batches, i = { ... }, 0
      return rnn.evaluate(model, function()
        i = i + 1
        if batches[i] then return batches[i], batches[i]:without_lengths() * 0 end
      end, { loss = "mse", metrics = { "last_mae" } }).last_mae
    end
    assert.near((1 + 9 + 9 + 3) / 4, score(y), 1e-6)
    assert.near((1 + 2 + 3) / 3, score(y:with_lengths { 2, 1, 0, 2 }), 1e-6)
    assert.near((1 + 2 + 3) / 3, score(y:rows(1, 3):with_lengths { 2, 1, 0 }, y:rows(4, 4)), 1e-6)
    assert.near((9 + 2) / 2, score(y:select(2, 1):rows(1, 2)), 1e-6)
  end)

  it("counts right labels, padding aside", function()
    local model = nn.Linear(1, 2)
    model.weight:detach():fill_(0)
    model.bias:assign(rnn.tensor { 0, 1 })
    local labels = rnn.tensor({ 2, 1, 2, 0, 0 }, "int32")
    local found = rnn.evaluate(model, data.arrays(rnn.zeros(5, 1), labels), { loss = "cross_entropy",
      metrics = { "accuracy" }, padded = true })
    assert.near(2 / 3, found.accuracy, 1e-6)
  end)

  it("clips", function()
    local before = setup().weight:item()
    local _, model = fit({ epochs = 1, clip_norm = 1e-6 }, 1)
    assert.near(before, model.weight:item(), 1e-5)
    _, model = fit({ epochs = 1, clip_value = 1e-6 }, 1)
    assert.near(before, model.weight:item(), 1e-5)
    _, model = fit({ epochs = 1 }, 1)
    assert.is_true(math.abs(before - model.weight:item()) > 1e-3)
  end)

  it("trains in training mode, measures in evaluation mode, and leaves the mode alone", function()
    local seen = {}
    local Spy = nn.module("Spy", function(self) self.inner = nn.Linear(1, 1) end)
    function Spy:forward(input)
      seen[#seen + 1] = self.training
      return self.inner(input)
    end
    local model = Spy()
    model:eval()
    rnn.fit(model, { data = line:batches { size = 50 }, valid = line, loss = "mse",
      optimizer = optim.SGD(model:parameters()), progress = false })
    assert.same({ true, false }, seen)
    assert.is_false(model.training)
  end)

  it("calls on_epoch and callbacks, which may end it", function()
    local epochs, order = {}, {}
    local history = fit {
      on_epoch = function(epoch, logs)
        epochs[#epochs + 1] = logs.loss
        return epoch < 3
      end,
      callbacks = { {
        on_begin = function() order[#order + 1] = "begin" end,
        on_epoch = function(_, run) order[#order + 1] = run.epoch end,
        on_end = function(_, run) order[#order + 1] = #run.history end,
      } },
    }
    assert.same(history.loss, epochs)
    assert.same({ "begin", 1, 2, 3, 3 }, order)
    assert.equal("on_epoch returned false", history.stopped)
  end)
end)

describe("rnn.EarlyStopping", function()
  -- A model whose only weight goes up by 1 in each step, and a "loss" that is least where the weight is 4.
  local function run(options, epochs)
    local model = nn.Linear(1, 1, { bias = false })
    model.weight:detach():fill_(0)
    local one = data.arrays(rnn.ones(1, 1), rnn.ones(1, 1))
    local history = rnn.fit(model, {
      data = one:batches {}, valid = one, epochs = epochs or 20, progress = false,
      loss = function(y) return y:neg():sum() end,
      metrics = { distance = function(y) return (y - 4):abs():item() end },
      optimizer = optim.SGD(model:parameters(), { lr = 1 }),
      callbacks = { rnn.EarlyStopping(options) },
    })
    return history, model.weight:item()
  end

  it("stops after patience epochs and puts the best weights back", function()
    local history, weight = run { monitor = "val_distance", patience = 3 }
    assert.equal(7, #history)
    assert.equal(4, history.best.epoch)
    assert.equal(0, history.best.val_distance)
    assert.equal(4, weight)
    assert.equal("val_distance did not become better for 3 epochs", history.stopped)
  end)

  it("puts the best weights back at the last epoch, too", function()
    local history, weight = run({ monitor = "val_distance", patience = 50 }, 6)
    assert.equal(6, #history)
    assert.equal(4, weight)
  end)

  it("leaves the last weights when told", function()
    local _, weight = run { monitor = "val_distance", patience = 3, restore_best = false }
    assert.equal(7, weight)
  end)

  it("asks for more than min_delta", function()
    assert.equal(5, #run { monitor = "val_distance", patience = 2, min_delta = 1 })
  end)

  it("can want more", function()
    assert.equal(20, #run { monitor = "val_distance", patience = 7, mode = "max" })
    assert.equal(2, #run { monitor = "val_loss", patience = 1, mode = "max" })
  end)

  it("says what can be monitored", function()
    assert.error_matches(function() run { monitor = "val_mae" } end,
      "there is no 'val_mae' in this run; there are distance, loss, lr, seconds, val_distance, val_loss")
  end)
end)

describe("rnn.fit, when things go wrong,", function()
  it("stops at a loss that is not finite, with the weights of before the epoch", function()
    local model, optimizer = setup()
    local before = model:state_dict()
    local count = 0
    local ok, message = pcall(rnn.fit, model, {
      data = line:batches { size = 10 }, optimizer = optimizer, progress = false,
      loss = function(y, target)
        count = count + 1
        return count < 3 and rnn.mse(y, target) or rnn.mse(y, target) * (0 / 0)
      end,
    })
    assert.is_false(ok)
    assert.matches("rnn.fit: the loss is %-?nan in epoch 1, step 3 of 5: .*mul: argument 2 is already not finite",
      message)
    assert.same(before.weight:totable(), model.weight:totable())
  end)

  it("tells bad data from a bad learning rate", function()
    local model, optimizer = setup()
    local bad = x:copy()
    bad:set(50, 1, 1 / 0)
    assert.error_matches(function()
      rnn.fit(model, { data = data.arrays(bad, x):batches { size = 25 }, loss = "mse", optimizer = optimizer,
        progress = false })
    end, "^rnn.fit: the loss is .* in epoch 1, step 2 of 2: the data hold inf at .*, item 50 of")
  end)

  it("names a data source that runs dry", function()
    local given = false
    assert.error_matches(function()
      fit { data = function()
        if given then return nil end
        given = true
        return x, x
      end }
    end, "option 'data' gave no batch in epoch 2; an iterator must start anew")
  end)

  it("checks its options", function()
    local model, optimizer = setup()
    local good = line:batches {}
    local function says(pattern, options)
      options.progress = options.progress or false
      local ok, message = pcall(function() rnn.fit(model, options) end)
      assert.is_false(ok)
      assert.matches("fit_spec.lua:%d+: rnn.fit: " .. pattern, message)
    end
    says("unknown option 'optimiser'; did you mean 'optimizer'%? known: accumulate, average, ",
      { data = good, loss = "mse", optimiser = optimizer })
    says("option 'data': expected batches, as dataset:batches makes them, got nil", { loss = "mse" })
    says("option 'data': expected batches, got a dataset; write dataset:batches", { data = line, loss = "mse" })
    says("option 'loss': expected a function or one of .*, got string 'mea'", { data = good, loss = "mea" })
    says("option 'optimizer': expected an optimiser, .*, got nil", { data = good, loss = "mse" })
    says("option 'optimizer': expected an optimiser", { data = good, loss = "mse", optimizer = {} })
    says("option 'epochs': expected a positive integer, got number 0",
      { data = good, loss = "mse", optimizer = optimizer, epochs = 0 })
    says("option 'metrics': expected one of 'accuracy', 'f1', .*'last_mae', 'mae', 'mse', 'nats', .*'rmse', "
      .. "'smape', 'top_5', got string 'f2'",
      { data = good, loss = "mse", optimizer = optimizer, metrics = { "f2" } })
    says("option 'metrics': the name 'loss' is taken",
      { data = good, loss = "mse", optimizer = optimizer, metrics = { loss = rnn.mae } })
    says("option 'clip_norm': expected a positive number, got number %-1",
      { data = good, loss = "mse", optimizer = optimizer, clip_norm = -1 })
    says("option 'callbacks': expected a list of callbacks",
      { data = good, loss = "mse", optimizer = optimizer, callbacks = rnn.EarlyStopping() })
    says("option 'progress': expected true, false",
      { data = good, loss = "mse", optimizer = optimizer, progress = "bar" })
    assert.error_matches(function() rnn.fit(line, {}) end, "argument 1 %(model%): expected a model %(nn.Module%)")
  end)
end)

describe("rnn.predict", function()
  it("answers for tensors, datasets and batches alike, in order", function()
    local model = setup()
    local expected = model(x):totable()
    assert.same(expected, rnn.predict(model, x, { size = 7 }):totable())
    assert.same(expected, rnn.predict(model, line):totable())
    assert.same(expected, rnn.predict(model, line:batches { size = 9 }):totable())
    assert.is_false(rnn.predict(model, x):requires_grad())
  end)

  it("refuses shuffled batches", function()
    assert.error_matches(function() rnn.predict(setup(), line:batches { shuffle = true }) end,
      "^rnn.predict: argument 2: these batches are shuffled")
  end)
end)

describe("progress", function()
  -- What a run of three epochs writes to standard error, on a terminal of so many columns, or elsewhere. look: what the
  -- terminal can show (colors, ascii), and more options of rnn.fit.
  local function shown(mode, columns, look)
    look = look or {}
    local stderr, width, parts = io.stderr, core.terminal_width, {}
    local moves, color, unicode = terminal.moves, terminal.color, terminal.unicode
    io.stderr = { write = function(_, ...) parts[#parts + 1] = table.concat { ... } end } -- luacheck: ignore
    terminal.moves = function() return columns ~= nil end
    terminal.color = function() return look.colors or false end
    terminal.unicode = function() return not look.ascii end
    core.terminal_width = function() return columns end
    local all = { epochs = 3, valid = line, metrics = { "mae" }, callbacks = look.callbacks, run = look.run }
    local model, optimizer = setup()
    all.data, all.loss, all.optimizer, all.progress = line:batches { size = 16 }, "mse", optimizer, mode
    local ok, message = pcall(rnn.fit, model, all)
    io.stderr, core.terminal_width = stderr, width -- luacheck: ignore
    terminal.moves, terminal.color, terminal.unicode = moves, color, unicode
    assert.is_true(ok, message)
    return table.concat(parts)
  end

  local FIGURES <const> = "  loss %S+  val_loss %S+  mae %S+  val_mae %S+  %S+ s"
  local RESULT <const> = "3 epochs in 0:00; best epoch 3: val_loss %S+\n"

  it("is a line an epoch where there is no terminal, or every n-th and the last, or nothing", function()
    local best = FIGURES .. "  best\n"
    assert.matches("^epoch 1/3" .. best .. "epoch 2/3" .. best .. "epoch 3/3" .. best .. RESULT .. "$", shown(nil))
    assert.matches("^epoch 2/3" .. best .. "epoch 3/3" .. best .. RESULT .. "$", shown(2))
    assert.equal("", shown(false))
    assert.equal("", shown("terminal"))
  end)

  it("is one renewed line on a terminal, with the figures there is room for, those of validation first", function()
    assert.matches("\repoch 3/3 %S+  val_loss %S+  val_mae %S+  loss %S+  mae %S+  0:00\27%[K\n" .. RESULT .. "$",
      shown(nil, 120))
    assert.matches("\repoch 3/3 %S+  val_loss %S+  0:00\27%[K\n" .. RESULT .. "$", shown("terminal", 44))
    for _, columns in ipairs { 62, 25, 16, 9, 2, 1 } do
      for text in shown(nil, columns):gmatch "\r([^\27]*)" do assert.is_true(utf8.len(text) < columns, text) end
    end
    assert.matches("\repoch 3/3 %S*  0:00\27%[K\n" .. RESULT .. "$", shown(nil, 20))
  end)

  it("has lines for epochs or improvements above the bar", function()
    local get_worse = { on_epoch = function(_, run) if run.epoch == 1 then run.optimizer.lr = 50 end end }
    local text = shown("best", 120, { callbacks = { get_worse } })
    assert.matches("\r\27%[Kepoch 1/3" .. FIGURES .. "  best\n", text)
    assert.is_nil(text:find "\27%[Kepoch 2/3")
    assert.matches("; best epoch 1: val_loss %S+\n$", text)
    local plain = shown("best", nil, { callbacks = { get_worse } })
    assert.matches("^epoch 1/3" .. FIGURES .. "  best\n3 epochs in 0:00; best epoch 1: val_loss %S+\n$", plain)
    assert.equal(3, select(2, shown(1, 120):gsub("\r\27%[Kepoch", "")))
    local marked = shown(1, nil, { callbacks = { get_worse } })
    assert.matches("epoch 2/3" .. FIGURES .. "\n", marked) -- not the best
  end)

  it("is coloured where the terminal has colours, and ASCII where it has no more", function()
    assert.truthy(shown(nil, 100, { colors = true }):find("\27[36m━", 1, true))
    local text = shown(nil, 100, { ascii = true })
    assert.is_nil(text:find "[\128-\255]")
    assert.truthy(text:find("epoch 3/3 ####################  ", 1, true))
  end)

  it("says how and why training ended before its last epoch", function()
    local why = "val_loss did not become better for 1 epochs"
    local function stopping() return { callbacks = { rnn.EarlyStopping { patience = 1, min_delta = 100 } } } end
    local result = "\nended after 2 of 3 epochs: " .. why .. "\n2 epochs in 0:00; best epoch 1: val_loss %S+\n$"
    local text = shown(nil, 100, stopping())
    local last = text:match "\r([^\r]*)$"
    assert.matches("^epoch 2/3 [━]+  val_loss %S+.*  0:00\27%[K" .. result, last)
    assert.is_nil(last:find("─", 1, true))
    text = shown(nil, nil, stopping())
    assert.matches("\nepoch 2/3 [^\n]*" .. result, text)
    assert.is_nil(text:match("\nepoch 2/3 ([^\n]*)"):find "best") -- by what early stopping watches
    local _, lines = text:gsub("\n", "")
    assert.equal(4, lines)
    assert.equal("", shown(false, nil, stopping()))
  end)

  it("names the report of the run", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert.matches("; report: " .. folder:gsub("%p", "%%%0") .. "/report%.html\n$", shown(nil, nil, { run = folder }))
    local file = assert(io.open(folder .. "/report.html"))
    assert.is_nil(file:read("a"):find 'http%-equiv="refresh"') -- it has ended
    file:close()
    core.folder_remove(folder)
  end)

  describe("the time left", function()
    local now, before
    before_each(function()
      now, before = 0, interruption.now
      interruption.now = function() return now end
    end)
    after_each(function() interruption.now = before end)

    -- The times left that a bar of 10 epochs with 10 steps shows; f(step, epoch) -> seconds of the step.
    local function left(f, epochs, history)
      local stderr, moves, width, out = io.stderr, terminal.moves, core.terminal_width, {}
      io.stderr = { write = function(_, ...) out[#out + 1] = table.concat { ... } end } -- luacheck: ignore
      terminal.moves = function() return true end
      core.terminal_width = function() return 80 end
      local bar = progress.new("f", nil, 10, 10, { see = function() end })
      if history then bar:resume(history) end
      for epoch = history and #history + 1 or 1, epochs do
        for step = 1, 10 do
          now = now + f(step, epoch)
          bar:step(epoch, step, 1)
        end
        bar:epoch(epoch, { loss = 1 })
      end
      io.stderr, terminal.moves, core.terminal_width = stderr, moves, width -- luacheck: ignore
      return table.concat(out):match ".*%s(%S+) left"
    end

    it("is that of the steps that are to come", function()
      assert.equal("0:50", left(function() return 1 end, 5))
    end)

    it("does not count a pause of the program", function()
      assert.matches("^0:5[01]$", left(function(step, epoch) return step == 5 and epoch == 3 and 3600 or 1 end, 5))
    end)

    it("does not count the epochs of an earlier process", function()
      assert.equal("0:20", left(function() return 1 end, 8, { 1, 1, 1, 1, 1, 1 }))
    end)
  end)
end)

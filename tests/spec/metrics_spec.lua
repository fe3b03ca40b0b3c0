-- rnn.metrics against scikit-learn and NumPy (tests/reference/make_metrics.py); padding never counts.
local rnn = require "rnn"
local metrics = rnn.metrics

local FOLDER = debug.getinfo(1, "S").source:match("^@(.-)[^/]*$") .. "../reference/"
local file <close> = assert(io.open(FOLDER .. "metrics.json"))
local reference = assert(rnn.json_decode(file:read "a"))

local function near(want, got, what)
  if type(want) == "table" then
    assert.equal(#want, #got, what)
    for i, value in ipairs(want) do near(value, got[i], ("%s %d"):format(what, i)) end
  else
    assert(math.abs(want - got) <= 1e-5 * math.max(1, math.abs(want)), ("%s: want %g, got %g"):format(what, want, got))
  end
end

local function fails(message, f, ...)
  local ok, got = pcall(f, ...)
  assert.is_false(ok)
  assert(got:find(message, 1, true), got)
end

-- t (N, ...) with more rows between and behind that hold junk and that lengths or label 0 leave out: as (2, T, ...).
local function padded(t, junk)
  local n, half = #t, #t // 2
  local steps = n - half + 2
  local function part(from, to)
    local rest = { steps - (to - from + 1), t:shape() }
    table.remove(rest, 2)
    rest.type = t:type() == "int32" and "int32" or nil
    local more = rest.type and rnn.zeros(rest) + junk or rnn.full(rest, junk)
    return rnn.concat({ t:rows(from, to), more }, 1)
  end
  return rnn.stack({ part(1, half), part(half + 1, n) }, 1), { half, n - half }
end

describe("metrics of labels", function()
  for i, case in ipairs(reference.labels) do
    local logits, labels = rnn.tensor(case.logits), rnn.tensor(case.labels, "int32")
    local answers = rnn.tensor(case.answers, "int32")

    local function check(y, truth, ids, with_zeros)
      local function o(options) -- padded
        options = options or {}
        options.padded = with_zeros
        return options
      end
      near(case.accuracy, metrics.accuracy(y, truth, o()), "accuracy")
      near(case.accuracy, metrics.accuracy(ids, truth, o()), "accuracy of labels")
      near(case.top_2, metrics.top_k(y, truth, 2, o()), "top 2")
      near(case.nats, metrics.nats(y, truth, o()), "nats")
      near(math.exp(case.nats), metrics.perplexity(y, truth, o()), "perplexity")
      near(case.macro, metrics.f1(y, truth, o()), "macro F1")
      near(case.micro, metrics.f1(y, truth, o { average = "micro" }), "micro F1")
      near(case.f1, metrics.f1(ids, truth, o { average = "none", classes = case.classes }), "F1")
      local confusion = metrics.confusion(y, truth, o())
      assert.same(case.confusion, confusion.counts:totable())
      near(case.precision, confusion:precision(), "precision")
      near(case.recall, confusion:recall(), "recall")
    end

    it("agree with scikit-learn, case " .. i, function() check(logits, labels, answers) end)

    it("do not count padding, case " .. i, function()
      local y, lengths = padded(logits, 0 / 0)
      local truth, ids = padded(labels, 1), padded(answers, 2)
      check(y:with_lengths(lengths), truth:with_lengths(lengths), ids:with_lengths(lengths))
      check(y:with_lengths(lengths), truth, ids:with_lengths(lengths))
      check(y, truth:with_lengths(lengths), ids)
      check(y, (padded(labels, 0)), ids, true)
    end)

    it("add up over batches, case " .. i, function()
      local confusion, f1, half = metrics.Confusion(), metrics.F1(), #labels // 2
      for _ = 1, 2 do -- clear() forgets
        for _, part in ipairs { { 1, half }, { half + 1, #labels } } do
          confusion:add(logits:rows(part[1], part[2]), labels:rows(part[1], part[2]))
          f1:add(logits:rows(part[1], part[2]), labels:rows(part[1], part[2]))
        end
        assert.same(case.confusion, confusion.counts:totable())
        near(case.macro, f1:read(), "macro F1")
        confusion:clear()
        f1:clear()
      end
    end)
  end

  it("are nan without labels", function()
    local y, none = rnn.randn(2, 3), rnn.zeros { 2, type = "int32" }
    local o = { padded = true }
    for _, value in ipairs { metrics.accuracy(y, none, o), metrics.top_k(y, none, 1, o), metrics.f1(y, none, o) } do
      assert(value ~= value)
    end
  end)

  it("print a table", function()
    local answers, labels = rnn.tensor({ 1, 2, 2, 1, 2 }, "int32"), rnn.tensor({ 1, 2, 1, 1, 0 }, "int32")
    assert.equal([[
label \ answer    pão      b  recall
pão                 2      1   0.667
b                   0      1   1.000
precision       1.000  0.500   0.750]],
      tostring(metrics.confusion(answers, labels, { names = { "pão", "b" }, padded = true })))
    assert.equal("metrics.Confusion (nothing was added)", tostring(metrics.Confusion()))
  end)

  it("average precision, recall and F1 as scikit-learn does", function()
    local labels, answers = rnn.tensor({ 1, 1, 2, 2 }, "int32"), rnn.tensor({ 1, 2, 2, 3 }, "int32")
    local want = { -- by hand; class 3 is an answer only, class 4 neither
      precision = { macro = 1.5 / 3, weighted = (2 * 1 + 2 * 0.5) / 4, none = { 1, 0.5, 0, 0 } },
      recall = { macro = 1 / 3, weighted = 0.5, none = { 0.5, 0.5, 0, 0 } },
      f1 = { macro = (2 / 3 + 1 / 2) / 3, weighted = (2 * 2 / 3 + 2 * 1 / 2) / 4, none = { 2 / 3, 0.5, 0, 0 } },
    }
    local confusion = metrics.confusion(answers, labels, { classes = 4 })
    for name, values in pairs(want) do
      values.micro = 0.5
      for average, value in pairs(values) do
        near(value, metrics[name](answers, labels, { average = average, classes = 4 }), name .. average)
        near(value, confusion[name](confusion, average), name .. average)
      end
      near(values.macro, metrics[name](answers, labels, { classes = 4 }), name)
    end
    local weighted = metrics.F1 { average = "weighted", classes = 4 }
    weighted:add(answers, labels)
    near(want.f1.weighted, weighted:read(), "F1")
  end)

  it("say what is wrong", function()
    local y, labels = rnn.randn(4, 3), rnn.tensor({ 1, 2, 3, 1 }, "int32")
    fails("metrics.accuracy: argument 2 (labels): expected an int32 tensor, got tensor (4, 3) float",
      metrics.accuracy, y, y)
    fails("metrics.accuracy: expected logits (..., V), or predicted labels int32 (...), and labels (...), got tensor "
      .. "(4, 3) float and (2)", metrics.accuracy, y, labels:rows(1, 2))
    fails("metrics.top_k: argument 3 (k): expected an integer from 1 to 3, got number 4", metrics.top_k, y, labels, 4)
    fails("option 'classes' is needed for answers that are labels", metrics.confusion, labels, labels)
    fails("metrics.confusion: logits of 3 classes, but there are 2", metrics.confusion, y, labels, { classes = 2 })
    for _, name in ipairs { "f1", "precision", "recall" } do
      fails("option 'average': expected one of 'macro', 'micro', 'weighted', 'none', got string 'mean'", metrics[name],
        y, labels, { average = "mean" })
      fails(("metrics.%s: option 'classes' is needed"):format(name), metrics[name], labels, labels)
    end
    fails("metrics.Confusion: nothing was added", function() metrics.Confusion():accuracy() end)
    fails("within 0 to 3", metrics.confusion, y, labels * 2)
    fails("metrics.Confusion: 1 names in option 'names', but option 'classes' is 2", metrics.Confusion,
      { classes = 2, names = { "a" } })
  end)
end)

describe("labels counted from 0", function()
  local nn, data = rnn.nn, rnn.data
  local y, labels = rnn.randn(4, 3), rnn.tensor({ 0, 1, 1, 2 }, "int32")
  local paddings = { lengths = rnn.tensor({ { 1, 0 }, { 1, 2 } }, "int32"):with_lengths { 1, 2 } }

  it("are an error in every loss and metric, unless lengths or padded say that they are padding", function()
    local calls = {
      ["nn.cross_entropy"] = nn.cross_entropy, ["metrics.accuracy"] = metrics.accuracy,
      ["metrics.confusion"] = metrics.confusion, ["metrics.f1"] = metrics.f1,
      ["metrics.precision"] = metrics.precision, ["metrics.recall"] = metrics.recall, ["metrics.nats"] = metrics.nats,
      ["metrics.perplexity"] = metrics.perplexity,
      ["metrics.top_k"] = function(a, b, o) return metrics.top_k(a, b, 1, o) end,
      ["metrics.Confusion"] = function(a, b, o) metrics.Confusion(o):add(a, b) end,
      ["metrics.F1"] = function(a, b, o) metrics.F1(o):add(a, b) end,
      ["rnn.ctc.loss"] = function(_, b, o)
        return rnn.ctc.loss(rnn.randn(2, 6, 3), b:lengths() and b or b:reshape(2, 2), o)
      end,
    }
    for _, call in pairs(calls) do
      fails("labels count from 1", call, y, labels)
      fails("labels count from 1", call, y, labels, { padded = false })
      call(y, labels, { padded = true })
      call(y:reshape(2, 2, 3), paddings.lengths)
      local within = labels:reshape(2, 2):with_lengths { 1, 2 }
      fails("labels count from 1", call, y:reshape(2, 2, 3), within)
      call(y:reshape(2, 2, 3), within, { padded = true })
    end
  end)

  local function options(o)
    local model = nn.Linear(2, 3)
    o.optimizer = rnn.optim.SGD(model:parameters())
    return model, o
  end

  it("are an error in rnn.fit, rnn.evaluate and rnn.find_lr, whatever the loss", function()
    local batches = data.arrays(rnn.randn(4, 2), labels):batches { size = 4 }
    local own = function(a) return a:square():mean() end
    for _, loss in ipairs { "cross_entropy", own } do
      local function fit(zeros)
        local model, o = options { data = batches, loss = loss, padded = zeros, progress = false }
        return rnn.fit(model, o)
      end
      local function evaluate(zeros)
        return rnn.evaluate(nn.Linear(2, 3), batches, { loss = loss, metrics = { "accuracy" }, padded = zeros })
      end
      fails("labels count from 1", fit)
      fails("labels count from 1", evaluate)
      fit(true)
      assert.is_true(evaluate(true).accuracy >= 0)
    end
    local function find(zeros)
      local model, o = options { data = batches, loss = "cross_entropy", steps = 2, padded = zeros }
      return rnn.find_lr(model, o)
    end
    fails("labels count from 1", find)
    find(true)
  end)

  it("and other targets that no loss can be right about are errors, too", function()
    local yes = rnn.tensor { { 1 }, { 2 } }
    fails("binary_cross_entropy: target 2 at place 2 is not within 0 to 1", nn.binary_cross_entropy, rnn.zeros(2, 1),
      yes)
    fails("is not within 0 to 1", nn.binary_cross_entropy, rnn.zeros(2, 1), yes - 2)
    assert.near(math.log(2), nn.binary_cross_entropy(rnn.zeros(2, 1), yes - 1):item(), 1e-6)
    -- what lies behind the lengths does not matter
    nn.binary_cross_entropy(rnn.zeros(1, 2), rnn.tensor { { 1, 7 } }:with_lengths { 1 })
    fails("accuracy: targets that are not within 0 to 1", rnn.evaluate, nn.Linear(1, 1),
      data.arrays(rnn.zeros(2, 1), yes), { loss = "mse", metrics = { "accuracy" } })
    local one = rnn.ones { 2, type = "int32" }
    fails("of one class", nn.cross_entropy, rnn.zeros(2, 1), one)
    fails("of one class", metrics.accuracy, rnn.zeros(2, 1), one)
  end)

  it("id 0 of an embedding stays nothing", function()
    assert.same({ 0, 0 }, nn.Embedding(3, 2)(labels)[1]:totable())
  end)
end)

describe("metrics of rnn.fit and rnn.evaluate", function()
  local case = reference.labels[3]
  local logits, labels = rnn.tensor(case.logits), rnn.tensor(case.labels, "int32")
  local itself = rnn.nn.Module { forward = function(_, x) return x end }

  it("are those of all the data, however they are cut", function()
    for _, size in ipairs { 7, 300 } do
      local found = rnn.evaluate(itself, rnn.data.arrays(logits, labels):batches { size = size }, {
        loss = "cross_entropy",
        metrics = { "accuracy", "top_2", "nats", "perplexity", "f1", micro = metrics.F1 { average = "micro" } },
      })
      for _, name in ipairs { "accuracy", "top_2", "nats", "micro" } do near(case[name], found[name], name) end
      near(case.macro, found.f1, "F1")
      near(math.exp(case.nats), found.perplexity, "perplexity")
    end
    local forecast = reference.forecasts[1]
    local found = rnn.evaluate(itself, rnn.data.arrays(rnn.tensor(forecast.forecast), rnn.tensor(forecast.actual))
      :batches { size = 2 }, { loss = "mse", metrics = { "smape" } })
    near(forecast.smape, found.smape, "sMAPE")
  end)

  it("know that more F1 is better, and start anew each epoch", function()
    rnn.seed(1)
    local model, all = rnn.nn.Linear(case.classes, case.classes), rnn.data.arrays(logits, labels)
    local early = rnn.EarlyStopping { monitor = "val_f1", patience = 20 }
    local history = rnn.fit(model, { data = all:batches { size = 50 }, valid = all, loss = "cross_entropy",
      metrics = { "f1" }, epochs = 4, optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.02 }),
      callbacks = { early }, progress = false })
    assert.equal(4, #history.f1)
    local best = math.max(table.unpack(history.val_f1))
    assert.equal(best, history.best.val_f1)
    assert.near(best, metrics.f1(rnn.predict(model, logits), labels), 1e-6)
  end)

  it("of training lie in a checkpoint", function()
    local function score(cut)
      local f1 = metrics.F1()
      f1:add(logits:rows(1, cut), labels:rows(1, cut))
      local other = metrics.F1()
      other:load_state(f1:state())
      other:add(logits:rows(cut + 1, 300), labels:rows(cut + 1, 300))
      return other:read()
    end
    assert.equal(score(10), score(200))
  end)
end)

describe("metrics of forecasts", function()
  for i, case in ipairs(reference.forecasts) do
    local actual, forecast = rnn.tensor(case.actual), rnn.tensor(case.forecast)
    local history = rnn.tensor(case.history):with_lengths(case.lengths)

    it("agree with NumPy, case " .. i, function()
      near(case.mae, metrics.mae(forecast, actual), "MAE")
      near(case.smape, metrics.smape(forecast, actual), "sMAPE")
      near(case.mase, metrics.mase(forecast, actual, history, case.season), "MASE")
    end)

    it("do not count padding, case " .. i, function()
      local rows, steps = forecast:shape()
      local lengths = {}
      for n = 1, rows do lengths[n] = steps end
      local function longer(t) return rnn.concat({ t, rnn.full({ rows, 3 }, 0 / 0) }, 2) end
      for _, where in ipairs { "forecast", "actual", "both" } do
        local f, a = longer(forecast), longer(actual)
        if where ~= "actual" then f = f:with_lengths(lengths) end
        if where ~= "forecast" then a = a:with_lengths(lengths) end
        near(case.mae, metrics.mae(f, a), "MAE")
        near(case.smape, metrics.smape(f, a), "sMAPE")
        near(case.mase, metrics.mase(f, a, history, case.season), "MASE")
      end
    end)
  end

  it("take single series, and forecasts of nothing", function()
    local function t(...) return rnn.tensor { ... } end
    assert.near(0.5, metrics.mase(t(1, 2, 5), t(1, 3, 6), t(1, 2, 4, 5)), 1e-6)
    assert.near((0 + 200 / 3) / 2, metrics.smape(t(0, 2), t(0, 1)), 1e-4)
    local two = rnn.tensor { { 1, 9 }, { 4, 9 } }
    assert.near(2, metrics.mase(two:with_lengths { 0, 1 }, two * 0 + 2, rnn.tensor { { 1, 2 }, { 1, 2 } }), 1e-6)
  end)

  it("leave out a series without a scale, and count it", function()
    local history = rnn.tensor { { 5, 5, 5, 5 }, { 1, 2, 1, 2 } }
    local value, left_out = metrics.mase(rnn.full({ 2, 2 }, 6), rnn.full({ 2, 2 }, 5), history)
    assert.equal(1, value)
    assert.equal(1, left_out)
    value, left_out = metrics.mase(rnn.full({ 2, 2 }, 6), rnn.full({ 2, 2 }, 5), history, 2)
    assert.is_true(value ~= value)
    assert.equal(2, left_out)
  end)

  it("say what is wrong", function()
    local f, history = rnn.randn(2, 3), rnn.randn(2, 5)
    fails("metrics.smape: forecast (2, 3) and actual (2, 5) differ in shape", metrics.smape, f, history)
    fails("metrics.mase: series 2 has 3 values in its history; a season of 4 needs more", metrics.mase, f, f,
      history:with_lengths { 5, 3 }, 4)
    fails("metrics.mase: 2 forecasts, but a history of 1 series", metrics.mase, f, f, history:rows(1, 1))
    fails("metrics.mase: argument 3 (history): expected a float tensor of 2 axes", metrics.mase, f, f, history[1])
  end)
end)

describe("metrics of one's own", function()
  local function distance(y, target) return (y - target):abs() end -- by element
  local function worst(y, target) return (y - target):abs():max(-1) end -- by step, or row
  local nn, data = rnn.nn, rnn.data
  local y, target = rnn.randn(7, 4, 2), rnn.randn(7, 4, 2)
  local lengths = rnn.tensor({ 4, 1, 0, 2, 4, 3, 1 }, "int32")

  -- The mean of f over all elements, steps or rows that count, by hand.
  local function by_hand(f, a, b, weights)
    local values, sum, count = f(a, b):totable(), 0, 0
    for n = 1, 7 do
      for t = 1, lengths:get(n) do
        local row = type(values[n][t]) == "table" and values[n][t] or { values[n][t] }
        local times = weights and weights[n] or 1
        for _, value in ipairs(row) do sum, count = sum + times * value, count + times end
      end
    end
    return sum / count
  end

  -- Batches of different sizes, with junk behind the lengths.
  local function parts(cuts, f)
    local from = 1
    for _, to in ipairs(cuts) do
      local function of(t)
        local part, ends = t:rows(from, to), lengths:rows(from, to)
        local counts = rnn.ones { part:shape() }:with_lengths(ends):zero_padding():without_lengths()
        return rnn.where(counts, part, 0 / 0):with_lengths(ends)
      end
      f(of(y), of(target), from, to)
      from = to + 1
    end
  end

  it("are means over what counts, however the data are cut", function()
    local list = { distance = distance, worst = worst, "mae",
      root = metrics.Mean(function(a, b) return (a - b) ^ 2 end, { finish = math.sqrt }) }
    for _, cuts in ipairs { { 7 }, { 1, 7 }, { 3, 5, 7 }, { 2, 3, 7 } } do
      local scores = metrics.Scores(list)
      parts(cuts, function(a, b) scores:add(a, b) end)
      local got = scores:read()
      near(by_hand(distance, y, target), got.distance, "distance")
      near(by_hand(worst, y, target), got.worst, "worst")
      near(by_hand(distance, y, target), got.mae, "mae")
      near(by_hand(function(a, b) return (a - b) ^ 2 end, y, target) ^ 0.5, got.root, "root")
    end
  end)

  it("count by their weights where they say so", function()
    local weights = { 2, 0, 1, 0.5, 0, 3, 1 }
    local plain, weighed = metrics.Mean(distance), metrics.Mean(distance, { weighted = true })
    local steps = metrics.Mean(worst, { weighted = true })
    parts({ 2, 3, 7 }, function(a, b, from, to)
      local w = rnn.tensor { table.unpack(weights, from, to) }
      plain:add(a, b, w)
      weighed:add(a, b, w)
      steps:add(a, b, w)
    end)
    near(by_hand(distance, y, target), plain:read(), "without")
    near(by_hand(distance, y, target, weights), weighed:read(), "with")
    near(by_hand(worst, y, target, weights), steps:read(), "of steps")
    near(by_hand(distance, y, target, weights), metrics.measure(y:with_lengths(lengths), target:with_lengths(lengths),
      { own = metrics.Mean(distance, { weighted = true }) }, { sample_weights = rnn.tensor(weights) }).own, "at once")
  end)

  it("leave out labels 0 that are padding", function()
    local logits, labels = rnn.randn(3, 4, 5), rnn.tensor({ { 1, 2, 0, 0 }, { 5, 0, 0, 0 }, { 3, 3, 3, 1 } }, "int32")
    local function right(a, b) return a:argmax(-1):eq(b) end
    local got = metrics.measure(logits, labels, { "accuracy", right = right }, { padded = true })
    assert.equal(got.accuracy, got.right)
    near(metrics.accuracy(logits, labels, { padded = true }), got.right, "accuracy")
    fails("labels count from 1", metrics.measure, logits, labels, { right = right })
    local known = labels:with_lengths { 2, 1, 4 }
    near(metrics.accuracy(logits, labels, { padded = true }), metrics.accuracy(logits, known), "lengths")
  end)

  it("are the same in rnn.fit, rnn.evaluate and by themselves, of tables of targets as well", function()
    local x, a, b = rnn.randn(11, 3), rnn.randn(11, 2), rnn.rand(11, 1)
    local Two = nn.module("Two", function(self) self.first, self.second = nn.Linear(3, 2), nn.Linear(3, 1) end)
    function Two:forward(input) return { a = self.first(input), b = self.second(input) } end
    local model = Two()
    local function gap(answers, targets)
      return (answers.a - targets.a):abs():mean(-1) + (answers.b - targets.b):reshape(-1)
    end
    local list = { a = { "mae", own = distance }, b = { "rmse" }, gap = gap }
    local wanted = metrics.measure(model(x), { a = a, b = b }, list)
    local set = data.arrays(x, { a = a, b = b })
    local cut = rnn.evaluate(model, set:batches { size = 4 }, { loss = "mse", metrics = list })
    for name, value in pairs(wanted) do near(value, cut[name], name) end
    near(distance(model(x).a, a):mean():item(), wanted.a_own, "own")
    near(gap(model(x), { a = a, b = b }):mean():item(), wanted.gap, "gap")
    local history = rnn.fit(model, { data = set:batches { size = 4 }, valid = set, loss = "mse", metrics = list,
      progress = false, optimizer = rnn.optim.SGD(model:parameters(), { lr = 0.01 }) })
    for name, value in pairs(metrics.measure(model(x), { a = a, b = b }, list)) do
      near(value, history["val_" .. name][1], name)
    end
  end)

  it("go on where they were", function()
    local first = metrics.Scores { "mae", own = distance, f = metrics.Mean(worst) }
    first:add(y:rows(1, 3), target:rows(1, 3))
    local second = metrics.Scores { "mae", own = distance, f = metrics.Mean(worst) }
    second:load_state(first:state())
    for _, scores in ipairs { first, second } do scores:add(y:rows(4, 7), target:rows(4, 7)) end
    assert.same(first:read(), second:read())
  end)

  it("take the means of an epoch from a checkpoint of version 0.1", function()
    local scores = require "rnn.train.scores"("rnn.fit", { "mae", "rmse" }, false)
    scores:load_state { loss = 6, weight = 2, sums = { 4, 18 }, weights = { 2, 2 }, counters = {} }
    assert.same({ loss = 3, mae = 2, rmse = 3 }, scores:read({}, ""))
  end)

  it("say what is wrong", function()
    fails("metrics.measure: argument 3: own: the metric's function gave nan for finite answers and targets",
      metrics.measure, y, target, { own = function(p, t) return (p - t) * 0 / 0 end })
    fails("expected a number, or a tensor of one element or with the first axes of the target, got tensor (4, 2) float",
      metrics.measure, y, target, { own = function(p, t) return (p - t):mean(1) end })
    fails("the metric's function: expected a number, or a tensor", metrics.measure, y, target,
      { own = function() return {} end })
    fails("metrics.Scores: argument 1: own: expected a function", metrics.Scores, { own = 3 })
    fails("metrics.Scores: argument 1: expected one of 'accuracy', 'f1'", metrics.Scores, { "mea" })
    fails("metrics.Scores: nothing that counts was added", function() metrics.Scores({ "mae" }):read() end)
    fails("metrics.Mean: nothing that counts was added", function() metrics.Mean(distance):read() end)
    fails("metrics.measure: nothing that counts was added", metrics.measure, y:with_lengths(lengths * 0), target,
      { "mae" })
    fails("'mae' of which target?", metrics.measure, { y }, { target }, { "mae" })
    fails("there is no target 'x'", metrics.measure, { y }, { target }, { x = { "mae" } })
    local answers = metrics.measure(y / 0, target, { own = distance }) -- what is not finite stays so
    assert.equal(math.huge, answers.own)
  end)
end)

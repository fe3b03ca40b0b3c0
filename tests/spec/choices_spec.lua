-- Numbers that become choices: where logits hold nan, +inf, or -inf alone, nothing is chosen; an error names the place.
local rnn = require "rnn"
local decode, metrics, ctc = rnn.decode, rnn.metrics, rnn.ctc
local nan, inf = 0 / 0, math.huge

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(pattern, 1, true), message)
end

-- Rows from which nothing can be chosen, with the word for it.
local BAD = { nan = { 1, nan, 2 }, ["all -inf"] = { -inf, -inf, -inf }, infinite = { 1, 2, inf } }

describe("an error names row and step", function()
  for what, row in pairs(BAD) do
    local text = (" are %s, so nothing can be chosen"):format(what)

    it("in generate, however it chooses: " .. what, function()
      local ways = { {}, { temperature = 1 }, { temperature = 0 }, { top_k = 2 }, { top_p = 0.5 }, { beam = 2 } }
      for _, how in ipairs(ways) do
        local calls = 0
        local function step(ids)
          calls = calls + 1
          local rows = {}
          for i = 1, #ids do rows[i] = calls == 2 and i == #ids and row or { 0, 1, -inf } end
          return rnn.tensor(rows)
        end
        fails("decode.generate: the logits of row 2, step 2" .. text, decode.generate, { step = step,
          start = rnn.tensor({ 1, 1 }, "int32"), max_length = 3, beam = how.beam, temperature = how.temperature,
          top_k = how.top_k, top_p = how.top_p })
      end
    end)

    it("in sample: " .. what, function()
      for _, options in ipairs { {}, { temperature = 0 }, { top_k = 1 }, { top_p = 0.1 } } do
        fails("decode.sample: the logits of row 2" .. text, decode.sample, rnn.tensor { { 1, 2, 3 }, row }, options)
      end
    end)

    it("in CTC, greedy and beam, within the lengths: " .. what, function()
      local x = rnn.tensor { { { 1, 2, 3 }, { 1, 2, 3 } }, { { 1, 2, 3 }, row } }
      for _, f in ipairs { ctc.greedy, ctc.beam } do
        fails("the logits of row 2, step 2" .. text, f, x)
        assert.same(2, #f(x:with_lengths { 2, 1 }))
      end
    end)

    it("in metrics, where the label counts: " .. what, function()
      local x = rnn.tensor { { { 1, 2, 3 }, row } }
      local two, one = rnn.tensor({ { 3, 1 } }, "int32"), rnn.tensor({ { 3, 0 } }, "int32")
      local function accuracy(y, labels) return metrics.accuracy(y, labels, { padded = true }) end
      local function confusion(y, labels) return metrics.confusion(y, labels, { padded = true }):accuracy() end
      local function top(y, labels) return metrics.top_k(y, labels, 1, { padded = true }) end
      local function f1(y, labels) return metrics.f1(y, labels, { average = "micro", padded = true }) end
      for _, f in ipairs { accuracy, top, confusion, f1 } do
        fails("the logits of row 1, step 2" .. text, f, x, two)
        assert.equal(1, f(x, one))
        assert.equal(1, f(x:with_lengths { 1 }, two))
      end
    end)
  end

  it("in fit's accuracy", function()
    local model = rnn.nn.Linear(1, 2)
    model.bias:fill_(nan)
    local data = rnn.data.arrays(rnn.zeros(2, 1), rnn.tensor({ 1, 2 }, "int32"))
    fails("row 1 are nan", rnn.evaluate, model, data:batches { size = 2 }, { loss = "cross_entropy",
      metrics = { "accuracy" } })
    model = rnn.nn.Linear(1, 1)
    model.bias:fill_(nan)
    data = rnn.data.arrays(rnn.zeros(2, 1), rnn.zeros(2, 1))
    fails("a prediction is nan", rnn.evaluate, model, data:batches { size = 2 }, {
      loss = "binary_cross_entropy", metrics = { "accuracy" } })
  end)
end)

describe("a temperature near 0", function()
  it("takes the likeliest, however the division overflows", function()
    for _, temperature in ipairs { 1e-38, 1e-45, 1e-300 } do
      for _ = 1, 20 do
        assert.equal(2, decode.sample(rnn.tensor { { 99, 100, 98 } }, { temperature = temperature }):get(1))
      end
    end
  end)
end)

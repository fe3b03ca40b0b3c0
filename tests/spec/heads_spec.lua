-- Heads and losses of several kinds: ordinal, focal, distributions of labels, distillation, MADE, mixtures.
local rnn = require "rnn"
local fails = require "support.fails"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local function labels(shape, classes) return (rnn.rand(shape) * classes):floor():to_int() + 1 end

describe("losses of labels", function()
  before_each(function() rnn.seed(4) end)

  it("weigh what is hard, and are the cross-entropy at gamma 0", function()
    local logits, y = rnn.randn(4, 3, 5), labels({ 4, 3 }, 5)
    assert.near(nn.cross_entropy(logits, y):item(), nn.focal(logits, y, { gamma = 0 }):item(), 1e-5)
    local p = logits:softmax(-1)
    local sum = 0
    for i = 1, 4 do
      for t = 1, 3 do
        local q = p:get(i, t, y:get(i, t))
        sum = sum - (1 - q) ^ 2 * math.log(q)
      end
    end
    assert.near(sum / 12, nn.focal(logits, y):item(), 1e-5)
    assert.near(sum, nn.focal(logits, y, { reduction = "sum" }):item(), 1e-4)
    assert.same({ 4, 3 }, { nn.focal(logits, y, { reduction = "none" }):shape() })
    local sure = rnn.tensor({ { 100, 0 } }):requires_grad(true) -- no 0^x in the gradient
    nn.focal(sure, rnn.tensor({ 1 }, "int32"), { gamma = 0.5 }):backward()
    assert.is_true(sure.grad:is_finite():min():item() == 1)
    fails("nn.focal: argument 2: labels are 1 to 5, got 6", nn.focal, rnn.randn(2, 5), rnn.tensor({ 1, 6 }, "int32"))
    fails("labels are 1 to 5, got 0", nn.focal, rnn.randn(2, 5), rnn.tensor({ 1, 0 }, "int32"))
    local some = rnn.randn(2, 5)
    for _, name in ipairs { "focal", "ordinal" } do
      assert.near(nn[name](some:rows(1, 1), rnn.tensor({ 2 }, "int32")):item(),
        nn[name](some, rnn.tensor({ 2, 0 }, "int32"), { padded = true }):item(), 1e-6)
    end
  end)

  it("of classes that logits of -inf exclude are those without them", function()
    local logits, y = rnn.tensor { { -math.huge, 0.3, 1 }, { 2, -math.huge, 0.5 } }, rnn.tensor({ 2, 1 }, "int32")
    local rest, z = rnn.tensor { { 0.3, 1 }, { 2, 0.5 } }, rnn.tensor({ 1, 1 }, "int32")
    local function of(f, x, ...)
      x = x:detach():requires_grad(true)
      local loss = f(x, ...)
      loss:backward()
      return loss:item(), x.grad
    end
    local p, q = rnn.tensor { { 0, 0.2, 0.8 }, { 0.4, 0, 0.6 } }, rnn.tensor { { 0.2, 0.8 }, { 0.4, 0.6 } }
    for _, case in ipairs { { nn.focal, { y }, { z } }, { nn.cross_entropy, { y }, { z } },
      { nn.cross_entropy, { p }, { q } }, { nn.distillation, { logits, y }, { rest, z } } } do
      local loss, grad = of(case[1], logits, table.unpack(case[2]))
      local want, dwant = of(case[1], rest, table.unpack(case[3]))
      assert.near(want, loss, 1e-6)
      assert.same({ 0, 0 }, { grad:get(1, 1), grad:get(2, 2) })
      assert.is_true((grad:rows(1, 1):slice(2, 2, 3) - dwant:rows(1, 1)):abs():max():item() < 1e-6)
    end
    assert.equal(0, nn.focal(rnn.tensor { { -math.huge, 0 } }, rnn.tensor({ 2 }, "int32")):item())
    assert.equal(math.huge, nn.focal(rnn.tensor { { -math.huge, 0 } }, rnn.tensor({ 1 }, "int32")):item())
    assert.near((1 - 0.3 + 1) / 3, nn.multi_margin(logits:rows(1, 1), y:rows(1, 1)):item(), 1e-6)
    assert.equal(math.huge, nn.multi_margin(logits:rows(1, 1), rnn.tensor({ 1 }, "int32")):item())
  end)

  it("know the order of classes", function()
    local logits = rnn.randn(3, 4)
    local y = rnn.tensor({ 1, 3, 5 }, "int32")
    local want = 0
    for i, label in ipairs { 1, 3, 5 } do
      for k = 1, 4 do
        local p = 1 / (1 + math.exp(-logits:get(i, k)))
        want = want - math.log(label > k and p or 1 - p)
      end
    end
    assert.near(want / 3, nn.ordinal(logits, y):item(), 1e-5)
    fails("labels are 1 to 5, got 7", nn.ordinal, logits, rnn.tensor({ 1, 3, 7 }, "int32"))
    fails("want a target %(3%)", nn.ordinal, logits, rnn.tensor({ 1, 3 }, "int32"))
    -- one column and a bias for each step of the order learns stars from a single feature
    local x = rnn.randn(400, 1)
    local stars = (x:gt(-1) + x:gt(0) + x:gt(1)):reshape(-1):to_int() + 1
    local Odds = nn.module("Odds", function(self)
      self.column, self.steps = nn.Linear(1, 1, { bias = false }), rnn.tensor { 0.1, 0, -0.1 }:requires_grad(true)
    end)
    function Odds:forward(z) return self.column(z) + self.steps end
    local model = Odds()
    rnn.fit(model, { data = data.arrays(x, stars):batches { size = 40, shuffle = true }, loss = nn.ordinal, epochs = 30,
      optimizer = optim.Adam(model:parameters(), { lr = 0.1 }), progress = false })
    local answer = rnn.predict(model, x):gt(0):sum(-1):to_int() + 1
    assert.is_true(answer:eq(stars):mean():item() > 0.95)
  end)

  it("may be distributions", function()
    local logits, y = rnn.randn(4, 3, 5), labels({ 4, 3 }, 5)
    local hot = rnn.one_hot(y, 5)
    for _, options in ipairs { {}, { label_smoothing = 0.2 }, { reduction = "sum" },
      { sample_weights = rnn.tensor { 1, 0, 2, 1 } } } do
      assert.near(nn.cross_entropy(logits, y, options):item(), nn.cross_entropy(logits, hot, options):item(), 1e-4)
    end
    local p = rnn.rand(4, 3, 5):softmax(-1)
    assert.near(-(p * logits:log_softmax(-1)):sum():item() / 12, nn.cross_entropy(logits, p):item(), 1e-5)
    fails("want a target %(4, 3, 5%), got", nn.cross_entropy, logits, rnn.rand(4, 3, 4))
    local model = nn.Linear(2, 3)
    local x = rnn.randn(60, 2)
    local history = rnn.fit(model, { data = data.arrays(x, (x:matmul(rnn.randn(2, 3)) * 3):softmax(-1)):batches(),
      loss = "cross_entropy", epochs = 60, optimizer = optim.Adam(model:parameters(), { lr = 0.1 }), progress = false })
    assert.is_true(history.loss[60] < history.loss[1])
  end)

  it("do not see what is behind the lengths", function()
    for _, name in ipairs { "focal", "ordinal", "cross_entropy" } do
      local results = {}
      for i, junk in ipairs { 0, 0 / 0, 1e30 } do
        rnn.seed(9)
        local logits = rnn.randn(2, 3, 4)
        logits[{ 2, { 2, 3 } }] = junk
        logits:requires_grad(true)
        local y = rnn.tensor({ { 1, 2, 3 }, { 4, i == 1 and 0 or 99, -1 } }, "int32")
        local target = y:with_lengths { 3, 1 }
        if name == "cross_entropy" then
          target = rnn.full({ 2, 3, 4 }, 0.25)
          target[{ 2, { 2, 3 } }] = junk
          target = target:with_lengths { 3, 1 }
        end
        local loss = nn[name](logits, target)
        loss:backward()
        results[i] = { loss:item(), logits.grad:totable() }
      end
      assert.same(results[1], results[2], name)
      assert.same(results[1], results[3], name)
    end
  end)

  it("follow a teacher", function()
    local logits, teacher, y = rnn.randn(6, 4), rnn.randn(6, 4), labels({ 6 }, 4)
    local soft = -((teacher / 3):softmax(-1) * (logits / 3):log_softmax(-1)):sum():item() / 6 * 9
    local hard = nn.cross_entropy(logits, y):item()
    assert.near(soft, nn.distillation(logits, teacher, nil, { temperature = 3 }):item(), 1e-4)
    assert.near(0.8 * soft + 0.2 * hard, nn.distillation(logits, teacher, y, { temperature = 3, share = 0.8 }):item(),
      1e-4)
    teacher:requires_grad(true)
    logits:requires_grad(true)
    nn.distillation(logits, teacher, y):backward()
    assert.is_nil(teacher.grad)
    fails("nn.distillation: logits %(6, 4%) and teacher %(6, 3%) differ", nn.distillation, logits, rnn.zeros(6, 3))
    assert.is_true(logits.grad:abs():sum():item() > 0)
  end)
end)

describe("nn.MADE", function()
  -- Bits of all numbers below 2^n, as rows.
  local function all_bits(n)
    local rows = {}
    for k = 0, (1 << n) - 1 do
      rows[k + 1] = {}
      for i = 1, n do rows[k + 1][i] = k >> (i - 1) & 1 end
    end
    return rnn.tensor(rows):to_float()
  end
  local function nats(made, context, x)
    return nn.binary_cross_entropy(made(context, x), x, { reduction = "none" }):sum(-1)
  end

  it("is a distribution: the chances of all bits add up to 1", function()
    rnn.seed(3)
    for _, n in ipairs { 1, 2, 6 } do
      local made = nn.MADE(3, n, { units = 7 })
      made.weight_xx:detach():normal_(0, 1)
      made.weight_xh:detach():normal_(0, 2)
      local x = all_bits(n)
      local context = rnn.randn(1, 3):broadcast_to(#x, 3)
      assert.near(1, (-nats(made, context, x)):exp():sum():item(), 1e-5)
    end
  end)

  it("looks at earlier bits only", function()
    rnn.seed(3)
    local made = nn.MADE(2, 5)
    made.weight_xx:detach():normal_(0, 1)
    local context, x = rnn.randn(1, 2), rnn.rand(1, 5):gt(0.5)
    local before = made(context, x)
    for i = 1, 5 do
      local other = x:copy()
      other:set(1, i, 1 - x:get(1, i))
      local change = (made(context, other) - before):abs()
      for k = 1, 5 do assert.equal(k > i, change:get(1, k) > 0, ("%d %d"):format(i, k)) end
    end
  end)

  it("learns bits that depend on each other, and draws such", function()
    rnn.seed(5)
    local n = 512
    local a, c = rnn.rand(n, 1):gt(0.5), rnn.rand(n, 1):gt(0.5)
    local x = rnn.concat({ a, c, a:ne(c), 1 - a }, 2)
    local context = rnn.ones(n, 1)
    local made = nn.MADE(1, 4, { units = 16 })
    local optimizer = optim.Adam(made:parameters(), { lr = 0.05 })
    for _ = 1, 150 do
      optimizer:zero_grad()
      nats(made, context, x):mean():backward()
      optimizer:step()
    end
    assert.near(2 * math.log(2), nats(made, context, x):mean():item(), 0.05) -- independent bits need 4 log 2
    local drawn = made:sample(rnn.ones(200, 1))
    local first, second, third, fourth = table.unpack(rnn.split(drawn, 2, 4))
    local right = third:eq(first:ne(second)) * fourth:ne(first)
    assert.is_true(right:mean():item() > 0.97)
    assert.near(0.5, drawn:select(2, 1):mean():item(), 0.15)
  end)

  it("refuses other shapes", function()
    fails("nn.MADE.*: argument 1: expected a context %(..., 2%), got", nn.MADE(2, 3), rnn.zeros(2, 3), rnn.zeros(2, 3))
    fails("nn.MADE.*: argument 2: expected bits %(..., 3%), got", nn.MADE(2, 3), rnn.zeros(2, 2), rnn.zeros(2, 2))
  end)
end)

describe("nn.MixtureOfSoftmaxes", function()
  it("gives log-probabilities, of more than one softmax", function()
    rnn.seed(1)
    local head = nn.MixtureOfSoftmaxes(3, 12, { mixtures = 4, dim = 2 })
    local x = rnn.randn(2, 5, 3)
    local y = head(x)
    for _, sum in ipairs(y:exp():sum(-1):reshape(-1):totable()) do assert.near(1, sum, 1e-5) end
    -- a single softmax of width 2 has a matrix of logits of rank 3 at most (with the constant), a mixture has more
    local rows = rnn.randn(10, 3)
    local _, values = rnn.linalg.svd(head(rows):detach())
    local _, one = rnn.linalg.svd(nn.MixtureOfSoftmaxes(3, 12, { mixtures = 1, dim = 2 })(rows):detach())
    assert.is_true(one:get(5) < 1e-4 * one:get(1))
    assert.is_true(values:get(5) > 1e-4 * values:get(1))
  end)

  it("shares its words with an embedding, also in a file", function()
    local model = nn.Sequential { nn.Embedding(9, 4), nn.LSTM(4, 6), nn.MixtureOfSoftmaxes(6, 9, { dim = 4 }) }
    model[3].out.weight = model[1].weight
    local path = os.tmpname()
    assert(rnn.save(path, model))
    local loaded = assert(rnn.load(path))
    os.remove(path)
    assert.is_true(rawequal(loaded[3].out.weight, loaded[1].weight))
    local ids = rnn.tensor({ { 1, 5, 9 } }, "int32")
    assert.same(model(ids):totable(), loaded(ids):totable())
    assert.equal(#model:parameters(), #loaded:parameters())
  end)
end)

describe("nn.MixtureDensity", function()
  it("has densities that integrate to 1, correlated in two numbers", function()
    rnn.seed(2)
    for _, size in ipairs { 1, 2 } do
      local d = nn.MixtureDensity { size = size, components = 3 }
      local raw, sum, step = rnn.randn(1, d.columns) * 0.5, 0, 0.2
      for a = -6, 6, step do
        for b = -6, size == 1 and -6 or 6, step do
          sum = sum + math.exp(-d:loss(raw, rnn.tensor { { a, size == 2 and b or nil } }):item()) * step ^ size
        end
      end
      assert.near(1, sum, 0.01)
    end
  end)

  it("equals the normal density of one component, and the loss of bits", function()
    local d = nn.MixtureDensity { components = 1, bits = 1 }
    assert.equal(7, d.columns)
    local raw = rnn.tensor { { 0, 1, 2, math.log(0.5), math.log(2), 0, 0.3 } }
    local y = rnn.tensor { { 1.5, 1, 1 } }
    local z1, z2 = 1, -0.5
    local want = (z1 ^ 2 + z2 ^ 2) / 2 + math.log(2 * math.pi) + math.log(0.5 * 2) + math.log(1 + math.exp(-0.3))
    assert.near(want, d:loss(raw, y):item(), 1e-5)
    local junk = rnn.tensor { { 1.5, 1, 1 }, { 0 / 0, 1, 1 } }
    assert.near(want, d:loss(raw:broadcast_to(2, 7):copy(), junk, rnn.tensor { 1, 0 }):item(), 1e-5)
    local padded = junk:reshape(1, 2, 3):with_lengths { 1 }
    assert.near(want, d:loss(raw:broadcast_to(2, 7):reshape(1, 2, 7), padded):item(), 1e-5)
  end)

  it("draws nothing where there is nothing", function()
    local d = nn.MixtureDensity { bits = 2 }
    assert.same({ 0, 3, 4 }, { d:sample(rnn.zeros(0, 3, d.columns)):shape() })
    fails("differ in their steps", d.loss, d, rnn.zeros(2, 1, d.columns), rnn.zeros(1, 2, 4))
  end)

  it("draws what it says, and neater with a bias", function()
    rnn.seed(6)
    local d = nn.MixtureDensity { components = 2, bits = 1 }
    --          weights  means            deviations            correlations  bit
    local raw = rnn.tensor { { 1, 0, -3, 0, 3, 0, -1, -1, -1, -1, 1.5, 1.5, 2 } }:broadcast_to(4000, 13)
    local y = d:sample(raw)
    local left = y:select(2, 1):lt(0)
    assert.near(1 / (1 + math.exp(-1)), left:mean():item(), 0.03)
    assert.near(1 / (1 + math.exp(-2)), y:select(2, 3):mean():item(), 0.03)
    local a, b = y:select(2, 1) - (3 - 6 * left), y:select(2, 2)
    local r = (a * b):mean():item() / (a:std():item() * b:std():item())
    assert.near(0.99 * 0.9051, r, 0.03)
    assert.near(math.exp(-1), a:std():item(), 0.02)
    local neat = d:sample(raw, { bias = 2 })
    assert.is_true(neat:select(2, 1):lt(0):mean():item() > 0.93)
    assert.near(1 / (1 + math.exp(-6)), neat:select(2, 3):mean():item(), 0.005)
    assert.near(math.exp(-3), neat:select(2, 2):std():item(), 0.01)
  end)
end)

describe("outputs that are nan", function()
  local nan = 0 / 0
  local function raw(columns)
    local x = rnn.zeros(2, 3, columns)
    x:set(2, 3, columns, nan)
    return x
  end

  it("give no samples", function()
    local d = nn.MixtureDensity { bits = 1 }
    fails("density:sample: the outputs of row 2, step 3 hold nan, so nothing can be drawn", d.sample, d, raw(d.columns))
    d = nn.MixtureDensity { components = 2, size = 1 }
    fails("the outputs of row 1 hold nan", d.sample, d, rnn.tensor { { -math.huge, -math.huge, 0, 0, 0, 0 } })
    local made = nn.MADE(2, 4)
    fails("nn.MADE.*: sample: the outputs of row 2, step 3 hold nan", made.sample, made, raw(2))
    fails("the outputs of the only row hold nan", made.sample, made, rnn.tensor { nan, 0 })
    made.weight_xx:assign(rnn.full({ 4, 4 }, nan))
    fails("the outputs of row 1 hold nan", made.sample, made, rnn.zeros(1, 2))
    for _, kind in ipairs { "point", "quantile", "gaussian", "student_t", "negative_binomial" } do
      d = nn.Distribution { kind = kind }
      fails("distribution:sample: the outputs of row 2, step 3 hold nan", d.sample, d, raw(d.columns))
      local high = d:quantile(raw(d.columns), 0.75)
      assert.equal(1, high:ne(high):sum():item(), kind)
      assert.is_true(high:get(2, 3, 1) ~= high:get(2, 3, 1), kind)
    end
  end)

  it("do not count behind the lengths", function()
    local d, made = nn.MixtureDensity { bits = 1 }, nn.MADE(2, 4)
    assert.equal(12, d:sample(raw(d.columns):with_lengths { 3, 2 }):without_lengths():is_finite():slice(2, 1, 2):sum()
      :item())
    assert.equal(24, made:sample(raw(2):with_lengths { 3, 2 }):without_lengths():is_finite():sum():item())
  end)
end)

describe("metrics.error_rate", function()
  it("counts edits by label", function()
    local rate, edits = rnn.metrics.error_rate({ { 1, 2, 3 }, {}, { 5 }, { 1, 3, 2, 4 } },
      { { 1, 3 }, { 4, 4 }, { 5 }, { 1, 2, 3, 4 } })
    assert.equal(1 + 2 + 0 + 2, edits)
    assert.near(5 / 9, rate, 1e-9)
    assert.equal(3, (rnn.metrics.error_rate({ { "a", "b", "c" } }, { { "d" } })))
    fails("argument 2 %(meant%): expected 1 sequences", rnn.metrics.error_rate, { {} }, {})
    fails("there is no label in its 1 sequences", rnn.metrics.error_rate, { {} }, { {} })
  end)
end)

describe("nn.NeuralCache", function()
  it("mixes the words that were read, by how alike the states are", function()
    local cache = nn.NeuralCache { size = 2, theta = 1, weight = 0.25 }
    local hidden = rnn.tensor { { { 1, 0 }, { 0, 2 }, { 0, 2 }, { 3, 0 } } }
    local ids = rnn.tensor({ { 2, 3, 1, 1 } }, "int32")
    local y = cache:read(rnn.zeros(1, 4, 3), hidden, ids):exp()
    assert.near(1 / 3, y:get(1, 1, 2), 1e-6)                     -- nothing was read
    assert.near(0.25 + 0.25, y:get(1, 2, 2), 1e-6)               -- word 2 alone
    local a, b = math.exp(0), math.exp(4)                        -- of words 2 and 3
    assert.near(0.25 + 0.25 * b / (a + b), y:get(1, 3, 3), 1e-6)
    assert.near(0.25, y:get(1, 4, 2), 1e-6)                      -- word 2 has left
    for t = 1, 4 do assert.near(1, y:select(2, t):sum():item(), 1e-5) end
    fails("argument 3 %(ids%): words are 1 to 3, or 0 for padding, got 4", function()
      cache:read(rnn.zeros(1, 2, 3), rnn.zeros(1, 2, 2), rnn.tensor({ { 1, 4 } }, "int32"))
    end)
    fails("cache:read: logits", function() cache:read(rnn.zeros(2, 1, 3), rnn.zeros(2, 1, 2), ids:reshape(2, 2)) end)
    cache:clear()
    local other = cache:read(rnn.zeros(1, 4, 3), hidden, rnn.tensor({ { 0, 2, 0, 1 } }, "int32")):exp()
    for t = 1, 4 do assert.near(1, other:select(2, t):sum():item(), 1e-5) end -- padding is no word
    assert.near(1 / 3, other:get(1, 2, 1), 1e-6)
    assert.near(0.25 + 0.25, other:get(1, 3, 2), 1e-6)
    cache:clear()
    assert.near(1 / 3, cache:read(rnn.zeros(1, 1, 3), rnn.zeros(1, 1, 5), ids:slice(2, 1, 1)):exp():get(1, 1, 1), 1e-6)
  end)
end)

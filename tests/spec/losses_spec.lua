-- Cross entropy with class weights and smoothing, and CTC, against PyTorch (tests/reference/make_losses.py); CTC's
-- decoding against all readings of tiny inputs.
local rnn = require "rnn"
local core = require "rnn.core"
local approx = require "approx"
local nn, ctc = rnn.nn, rnn.ctc

local FOLDER = debug.getinfo(1, "S").source:match("^@(.-)[^/]*$") .. "../reference/"
local TOLERANCE = core.precision == "double" and 1e-10 or 1e-5

local function close(want, got, what)
  local distance = approx.distance(want, got)
  assert(distance <= TOLERANCE, ("%s: off by %g"):format(what, distance))
end

local function fails(message, f, ...)
  local ok, got = pcall(f, ...)
  assert.is_false(ok)
  assert(got:find(message, 1, true), got)
end

describe("losses agree with PyTorch:", function()
  local r, metadata = core.archive_read(FOLDER .. "losses.safetensors")
  for name, o in pairs(assert(core.json_decode(assert(r, metadata) and metadata.about)).cases) do
    it(name, function()
      local function get(key) return r[name .. "." .. key] end
      local lengths, label_lengths = get "lengths", get "label_lengths"
      local x = get("x"):copy()
      if lengths then x = x:with_lengths(lengths) end
      x:requires_grad(true)
      local y
      local options = { sample_weights = get "sample_weights", reduction = o.reduction }
      if o.loss == "gaussian_nll" then
        y = nn.gaussian_nll(x, get "target", get "variance", options)
      elseif type(o.number) == "number" then
        y = nn[o.loss](x, get "target", o.number, options)
      elseif o.loss then
        y = nn[o.loss](x, get "target", options)
      elseif o.smoothing then
        options.weights, options.label_smoothing, options.padded = get "weight", o.smoothing, true
        y = nn.cross_entropy(x, get "labels", options)
      else
        options.blank, options.padded = o.blank, true
        y = ctc.loss(x, get "labels", options)
        options.padded = nil
        local other = ctc.loss(x, get("labels"):with_lengths(label_lengths), options)
        assert.same(y:totable(), other:totable())
      end
      y:sum():backward()
      close(get "y", y, "loss")
      close(get "dx", x.grad, "gradient")
    end)
  end
end)

describe("sample weights and reductions", function()
  local function element_losses()
    local x, t = core.randn(4, 3, 2), core.rand(4, 3, 2)
    local sign = core.sign(t - 0.5)
    local labels = core.tensor({ { 1, 2, 1 }, { 1, 1, 1 }, { 2, 1, 2 }, { 2, 2, 2 } }, "int32")
    return {
      mse = { x, t }, mae = { x, t }, huber = { x, t, 0.5 }, quantile = { x, t, 0.3 }, binary_cross_entropy = { x, t },
      kl_div = { x:log_softmax(-1), t }, poisson_nll = { x, t }, gaussian_nll = { x, t, core.rand(4, 3, 2) },
      hinge = { x, sign }, hinge_embedding = { x, sign }, margin_ranking = { x, t, sign },
      cosine_embedding = { x, t, sign:select(-1, 1) }, triplet_margin = { x, t, t * sign },
      cross_entropy = { x, labels }, focal = { x, labels }, ordinal = { x, labels }, multi_margin = { x, labels },
    }
  end

  it("count a row as often as its weight says", function()
    core.seed(1)
    local weights = core.tensor { 1, 0, 3, 2 }
    local repeated = core.tensor({ 1, 3, 3, 3, 4, 4 }, "int32")
    for name, arguments in pairs(element_losses()) do
      local function value(all, options)
        local args = {}
        for i, a in ipairs(arguments) do args[i] = not all and core.is_tensor(a) and a:gather(1, repeated) or a end
        args[#args + 1] = options
        return nn[name](table.unpack(args)):item()
      end
      for _, reduction in ipairs { "mean", "sum" } do
        local got = value(true, { sample_weights = weights, reduction = reduction })
        assert.near(value(false, { reduction = reduction }), got, 1e-5)
      end
    end
  end)

  it("none gives each value, 0 behind lengths; what weighs nothing is not looked at", function()
    core.seed(1)
    for name, arguments in pairs(element_losses()) do
      local args = { table.unpack(arguments) }
      args[1] = args[1]:copy():with_lengths { 3, 0, 2, 1 }
      local n = #args + 1
      args[n] = { reduction = "none" }
      local each = nn[name](table.unpack(args))
      assert.same({ 3, 0, 2, 1 }, each:lengths():totable())
      args[n] = { reduction = "sum" }
      assert.near(nn[name](table.unpack(args)):item(), each:without_lengths():sum():item(), 1e-5)
      assert.equal(0, each:without_lengths()[2]:abs():max():item())
      -- a nan that weighs nothing
      args[1] = arguments[1]:copy()
      args[1][2]:fill_(0 / 0)
      args[1]:requires_grad(true)
      args[n] = { sample_weights = core.tensor { 1, 0, 1, 1 } }
      local loss = nn[name](table.unpack(args))
      loss:backward()
      assert.is_true(loss:item() == loss:item(), name)
      assert.equal(0, args[1].grad[2]:abs():max():item())
      args[n] = { sample_weights = core.zeros(4) }
      assert.equal(0, nn[name](table.unpack(args)):item())
    end
  end)

  it("of labels refuse a 0 before the end of a sequence: it may be a class counted from 0", function()
    local logits, w = core.randn(2, 3, 4), core.randn(4, 4)
    local short = core.tensor({ { 1, 2, 0 }, { 4, 0, 0 } }, "int32")
    local zeros = core.tensor({ { 1, 0, 3 }, { 4, 0, 0 } }, "int32")
    for name, loss in pairs {
      cross_entropy = nn.cross_entropy, focal = nn.focal, multi_margin = nn.multi_margin, ordinal = nn.ordinal,
      ctc = ctc.loss,
      linear_cross_entropy = function(x, labels, o)
        return core.linear_cross_entropy(x, labels, w, nil, o and o.padded)
      end,
    } do
      for _, x in ipairs { logits, logits:with_lengths { 2, 1 } } do
        if name ~= "ctc" then -- its logits have other steps than its labels
          local whole = loss(x, short:with_lengths { 2, 1 }):item()
          assert.near(whole, loss(x, short, { padded = true }):item(), 1e-6, name)
          fails("label", loss, x, zeros:with_lengths { 2, 1 })
          assert.is_true(loss(x, zeros:with_lengths { 2, 1 }, { padded = true }):item() ~= whole)
        end
      end
      fails("label", loss, logits, zeros:with_lengths { 3, 1 })
      fails("label", loss, logits, zeros)
    end
  end)

  it("hinge is 0 beyond the margin and grows with the distance from it", function()
    local y = core.tensor { { 2, 0.25 }, { -1.5, 0 } }
    local target = core.tensor({ { 1, 1 }, { 1, -1 } }, "int32")
    local each = nn.hinge(y, target, { reduction = "none" })
    assert.same({ { 0, 0.75 }, { 2.5, 1 } }, each:totable())
    assert.equal(4.25, nn.hinge(y, target, { reduction = "sum" }):item())
    assert.near(4.25 / 4, nn.loss "hinge"(y, target:to_float()):item(), 1e-6)
    assert.same({ 0, 2 }, { nn.hinge(core.zeros(0, 2), core.zeros(0, 2), { reduction = "none" }):shape() })
    for _, wrong in ipairs { 0, 2, 0.5, 0 / 0 } do -- labels 0 and 1 are another convention
      fails("nn.hinge: argument 2 (target): expected classes -1 and 1", nn.hinge, y, core.full({ y:shape() }, wrong))
    end
    fails("nn.hinge: expected a target (2, 2) for y (2, 2), got (2)", nn.hinge, y, core.ones(2))
  end)

  it("of vectors want vectors of one size, and a sign for each pair", function()
    local x, signs = core.ones(2, 3), core.tensor { 1, -1 }
    fails("nn.cosine_embedding: x1 (2, 3) and x2 (2, 4) differ in shape", nn.cosine_embedding, x, core.ones(2, 4),
      signs)
    fails("nn.cosine_embedding: expected a target (2) for x1 (2, 3), got (3)", nn.cosine_embedding, x, x, core.ones(3))
    fails("argument 3 (target): expected 1 and -1", nn.cosine_embedding, x, x, core.tensor { 1, 0 })
    fails("argument 3 (target): expected 1 and -1", nn.margin_ranking, x, x, x * 2)
    fails("expected vectors (..., D)", nn.triplet_margin, core.tensor(1.0), core.tensor(1.0), core.tensor(1.0))
    fails("argument 3 (negative): expected a float tensor, got nil", nn.triplet_margin, x, x)
    assert.near(0.5, nn.cosine_embedding(x, x, core.tensor({ 1, -1 }, "int32")):item(), 1e-6)
    assert.equal(0, nn.cosine_embedding(core.zeros(1, 3), core.zeros(1, 3), core.tensor { -1 }):item())
    assert.equal(0, nn.cosine_embedding(core.zeros(0, 3), core.zeros(0, 3), core.zeros(0)):item())
    assert.near(1, nn.triplet_margin(x[1], x[1], x[2]):item(), 1e-6) -- one triplet
    fails("nn.hinge: a sample weight is -1", nn.hinge, signs, signs, { sample_weights = core.tensor { 1, -1 } })
    fails("must not require a gradient", nn.hinge, signs, signs, { sample_weights = core.ones(2):requires_grad(true) })
    fails("sample weights (3) do not have the first axes of (2)", nn.hinge, signs, signs,
      { sample_weights = core.ones(3) })
    local layer = nn.GRU(3, 2, { returns = "last" })
    local function last() return layer(core.ones(1, 2, 3)) end
    fails("got a state, the second result of a layer: (layer(x)) is the first", nn.triplet_margin, (last()), (last()),
      last())
    fails("option 'pos_weight': expected a positive number, got number -1", nn.binary_cross_entropy, x, x,
      { pos_weight = -1 })
  end)

  it("of logits refuse what a softmax or sigmoid has made, also a view of it; with logarithms all is well", function()
    local x, labels = core.randn(4, 2, 3):requires_grad(true), core.full({ 4, 2 }, 1):to_int()
    local p, yes = x:softmax(-1), core.ones(4, 2, 3)
    local twice = "logits are what softmax gave, and it takes the softmax itself: leave nn.Softmax out"
    fails(twice, nn.cross_entropy, p, labels)
    fails(twice, nn.cross_entropy, p:reshape(8, 3), labels:reshape(8))
    fails(twice, nn.cross_entropy, p:with_lengths { 1, 2, 2, 1 }, labels, { label_smoothing = 0.1 })
    fails(twice, nn.cross_entropy, p, yes)
    fails(twice, nn.focal, p, labels)
    fails(twice, nn.distillation, p, yes)
    fails("leave nn.Sigmoid out", nn.binary_cross_entropy, x:sigmoid(), yes)
    fails("leave nn.Sigmoid out", nn.ordinal, x:sigmoid(), labels)
    fails("leave nn.HardSigmoid out", nn.binary_cross_entropy, nn.HardSigmoid()(x), yes, { pos_weight = 2 })
    fails("expected logarithms, but softmax gave these", nn.kl_div, p, yes)
    close(nn.cross_entropy(x, labels), nn.cross_entropy(x:log_softmax(-1), labels), "log_softmax")
    nn.cross_entropy(p * 2, labels) -- a temperature of one's own
    nn.cross_entropy(p:detach(), labels) -- and what has no history
    local model = nn.Sequential { nn.Linear(3, 3), nn.Softmax() }
    local batches = rnn.data.arrays(x:detach(), labels):batches { size = 2 }
    fails(twice, rnn.fit, model, { data = batches, loss = "cross_entropy",
      optimizer = rnn.optim.SGD(model:parameters(), { lr = 0.1 }), epochs = 1, progress = false })
  end)

  it("of two classes weigh the share of a soft target that says yes", function()
    local x, t, p = rnn.tensor { -1, 0.5, 2 }, rnn.tensor { 0.6, 0, 1 }, rnn.tensor { 2, 0.5, 3 }
    local right = p * t * (-x):softplus() + (1 - t) * x:softplus()
    assert.near(1.7012, right:get(1), 1e-4) -- PyTorch's
    approx.equal(right, nn.binary_cross_entropy(x, t, { pos_weight = p, reduction = "none" }), "apart")
  end)

  it("take empty batches, and refuse what does not fit", function()
    local x = core.randn(2, 3)
    assert.equal(0, nn.mse(core.zeros(0, 3), core.zeros(0, 3), { sample_weights = core.zeros(0) }):item())
    assert.same({ 0, 3 }, { nn.mae(core.zeros(0, 3), core.zeros(0, 3), { reduction = "none" }):shape() })
    assert.equal(4, nn.mse(core.tensor(1.0), core.tensor(3.0), { reduction = "none" }):item())
    fails("nn.mse: option 'reduction': expected one of 'mean', 'sum', 'none', got string 'avg'", nn.mse, x, x,
      { reduction = "avg" })
    fails("argument 4 (reduction): expected one of 'mean', 'sum', 'none', got 2", core.mse, x, x, nil, 2)
    fails("mse: sample weights (3,) do not have the first axes of (2, 3)", nn.mse, x, x,
      { sample_weights = core.ones(3) })
    fails("sample weight 2 is -1", nn.huber, x, x, 1, { sample_weights = core.tensor { 1, -1 } })
    fails("sample weights must not require a gradient", nn.mse, x, x,
      { sample_weights = core.ones(2):requires_grad(true) })
    fails("quantile_loss: expected a quantile between 0 and 1, got 1", nn.quantile, x, x, 1)
    fails("kl_div: target -1 at place 1 is no probability", nn.kl_div, x, core.full({ 2, 3 }, -1.0))
    fails("poisson_nll: target -1 at place 1 is no count", nn.poisson_nll, x, core.full({ 2, 3 }, -1.0))
    fails("gaussian_nll: variance -1 at place 1 is negative", nn.gaussian_nll, x, x, -1)
  end)

  it("several quantiles at once; a variance for all, or beside the mean", function()
    core.seed(4)
    local y, t = core.randn(5, 3), core.randn(5)
    local want = 0
    for k, q in ipairs { 0.1, 0.5, 0.9 } do want = want + nn.quantile(y:select(2, k), t, q):item() / 3 end
    assert.near(want, nn.quantile(y, t, { 0.1, 0.5, 0.9 }):item(), 1e-6)
    assert.near(want, nn.quantile(y, t:reshape(5, 1), { 0.1, 0.5, 0.9 }):item(), 1e-6)
    assert.same({ 5, 3 }, { nn.quantile(y, t, { 0.1, 0.5, 0.9 }, { reduction = "none" }):shape() })
    fails("nn.quantile: argument 3 (q): expected a number between 0 and 1 or a list of such, got table", nn.quantile, y,
      t, { quantiles = { 0.1 } })
    fails("nn.quantile: 2 quantiles want a y with as many columns, got (5, 3)", nn.quantile, y, t, { 0.1, 0.5 })
    local mean = core.randn(5)
    local full = nn.gaussian_nll(mean, t, core.full({ 5 }, 0.5)):item()
    assert.equal(full, nn.gaussian_nll(mean, t, 0.5):item())
    assert.equal(full, nn.gaussian_nll({ mean, core.full({ 5 }, 0.5) }, t):item())
  end)
end)

describe("nn.cross_entropy", function()
  local logits, labels = core.randn(6, 5), core.tensor({ 1, 2, 5, 0, 2, 3 }, "int32")

  it("with weights 1 and smoothing 0 is the plain one", function()
    local full = labels:maximum(1)
    local plain = nn.cross_entropy(logits, full):item()
    assert.equal(plain, nn.cross_entropy(logits, full, {}):item())
    assert.equal(plain, nn.cross_entropy(logits, full, { weights = { 1, 1, 1, 1, 1 } }):item())
  end)

  it("is 0 when no label weighs anything", function()
    local x = logits:copy():requires_grad(true)
    local loss = nn.cross_entropy(x, labels, { weights = { 0, 0, 0, 1, 0 }, label_smoothing = 0.1,
      padded = true })
    loss:backward()
    assert.equal(0, loss:item())
    assert.equal(0, x.grad:abs():max():item())
  end)

  it("says what is wrong", function()
    local labels = labels:maximum(1) -- luacheck: ignore
    fails("unknown option 'weight'", nn.cross_entropy, logits, labels, { weight = {} })
    fails("option 'label_smoothing': expected a number from 0 to 1, got number 1.5", nn.cross_entropy, logits, labels,
      { label_smoothing = 1.5 })
    fails("expected a weight for each of 5 classes, got (4,)", nn.cross_entropy, logits, labels,
      { weights = { 1, 1, 1, 1 } })
    fails("the weight of class 2 is -1", nn.cross_entropy, logits, labels, { weights = { 1, -1, 1, 1, 1 } })
    fails("the weight of class 5 is inf", nn.cross_entropy, logits, labels, { weights = { 1, 1, 1, 1, math.huge } })
    fails("the weights must not require a gradient", nn.cross_entropy, logits:copy():requires_grad(true), labels,
      { weights = core.ones(5):requires_grad(true) })
    fails("expected a label smoothing of 0 to 1, got -1", core.cross_entropy, logits, labels, nil, -1)
  end)
end)

-- Labels that a path of classes reads as, as a string.
local function read(path, blank)
  local labels, last = {}, blank
  for _, class in ipairs(path) do
    if class ~= last and class ~= blank then labels[#labels + 1] = class end
    last = class
  end
  return table.concat(labels, " ")
end

-- Probability of every reading of (T, C) logits, over all C^T paths.
local function readings(logits, blank)
  local rows = logits:softmax(-1):totable()
  local found, path = {}, {}
  local function walk(t, p)
    if t > #rows then
      local key = read(path, blank)
      found[key] = (found[key] or 0) + p
      return
    end
    for class = 1, #rows[1] do
      path[t] = class
      walk(t + 1, p * rows[t][class])
    end
  end
  walk(1, 1)
  return found
end

-- Prefix beam search as it is defined: every beginning of the beam goes on with every class, all are sorted.
local function plain_beam(rows, blank, width)
  local never = -math.huge
  local function add(a, b)
    if a < b then a, b = b, a end
    return b == never and a or a + math.log(1 + math.exp(b - a))
  end
  local orders, made = { [""] = 0 }, 0
  local beam = { { labels = "", blank = 0, own = never, total = 0 } }
  for _, row in ipairs(rows) do
    local found, list = {}, {}
    local function at(labels, label)
      if not orders[labels] then made = made + 1; orders[labels] = made end
      if not found[labels] then
        found[labels] = { labels = labels, label = label, blank = never, own = never }
        table.insert(list, found[labels])
      end
      return found[labels]
    end
    for _, one in ipairs(beam) do
      for class, p in ipairs(row) do
        local same, longer = at(one.labels, one.label), class ~= blank and at(one.labels .. " " .. class, class)
        if class == blank then same.blank = add(same.blank, one.total + p) end
        if class == one.label then same.own = add(same.own, one.own + p) end
        if longer then longer.own = add(longer.own, (class == one.label and one.blank or one.total) + p) end
      end
    end
    for _, one in ipairs(list) do one.total = add(one.blank, one.own) end
    table.sort(list, function(a, b)
      if a.total ~= b.total then return a.total > b.total end
      return orders[a.labels] < orders[b.labels]
    end)
    beam = table.move(list, 1, width, 1, {})
  end
  return beam[1].labels:sub(2), beam[1].total
end

describe("ctc", function()
  local N, T, C = 6, 5, 3
  core.seed(5)
  local logits = core.randn(N, T, C) * 2
  local lengths = { 5, 4, 3, 2, 1, 0 }
  local padded = logits:with_lengths(lengths)

  for blank = 1, C do
    it(("agrees with all paths when the blank is %d"):format(blank), function()
      local best, chances = ctc.beam(padded, { width = 1000, blank = blank })
      for n = 1, N do
        local all = lengths[n] > 0 and readings(logits[n]:rows(1, lengths[n]), blank) or { [""] = 1 }
        local most, which = -1, nil
        for key, p in pairs(all) do
          if p > most then most, which = p, key end
          local labels = {}
          for label in key:gmatch "%d+" do labels[#labels + 1] = math.tointeger(tonumber(label)) end
          if #labels > 0 then
            local loss = ctc.loss(padded:rows(n, n), core.tensor({ labels }, "int32"), { blank = blank }):item()
            assert.near(-math.log(p), loss * #labels, 1e-4)
          end
        end
        assert.equal(which, table.concat(best[n], " "))
        assert.near(math.log(most), chances[n], 1e-4)
      end
    end)
  end

  it("reads the likeliest path", function()
    local greedy = ctc.greedy(padded)
    local paths = logits:argmax(-1):totable()
    for n = 1, N do
      assert.equal(read(table.move(paths[n], 1, lengths[n], 1, {}), C), table.concat(greedy[n], " "))
    end
    local sure = core.one_hot(core.tensor({ { 1, 1, 3, 1, 2, 2 }, { 3, 3, 3, 3, 3, 3 } }, "int32"), 3) * 50
    assert.same({ { 1, 1, 2 }, {} }, ctc.greedy(sure))
    assert.same({ { 1, 1, 2 }, {} }, (ctc.beam(sure, { width = 1 })))
  end)

  it("finds labels that no single path shows", function() -- Graves 2012, figure 7.3
    local x = core.tensor({ { { 0.4, 0.6 }, { 0.4, 0.6 } } }):log()
    assert.same({ {} }, ctc.greedy(x))
    local best, chances = ctc.beam(x)
    assert.same({ { 1 } }, best)
    assert.near(math.log(0.64), chances[1], 1e-6)
  end)

  it("finds what a beam without shortcuts finds, also among equally likely ones", function()
    core.seed(9)
    for trial = 1, 150 do
      local steps, classes, width = 1 + trial % 9, 1 + trial % 7, ({ 1, 2, 3, 6, 20 })[trial % 5 + 1]
      local x, blank = core.randn(1, steps, classes) * (trial % 3), 1 + trial % classes -- all the same, too
      if trial % 2 == 0 then x = x:floor() end
      if trial % 4 == 0 then
        local some = core.rand(1, steps, classes):lt(0.3):logical_and(core.arange(classes):gt(1):reshape(1, 1, -1))
        x = core.where(some, -math.huge, x)
      end
      local labels, chance = plain_beam(x:log_softmax(-1)[1]:totable(), blank, width)
      local best, chances = ctc.beam(x, { width = width, blank = blank })
      assert.equal(labels, table.concat(best[1], " "))
      assert.equal(chance, chances[1])
    end
  end)

  it("decodes a batch as one by one", function()
    local best, chances = ctc.beam(padded, { width = 3 })
    for n = 1, N do
      local one, chance = ctc.beam(padded:rows(n, n), { width = 3 })
      assert.same(best[n], one[1])
      assert.equal(chances[n], chance[1])
    end
  end)

  it("does not look behind the lengths, and leaves label 0 out", function()
    local labels = core.tensor({ { 1, 2, 0 }, { 2, 2, 0 }, { 0, 1, 0 }, { 0, 0, 0 }, { 2, 0, 0 }, { 0, 0, 0 } },
      "int32")
    local function run(x)
      x = x:with_lengths(lengths):requires_grad(true)
      local loss = ctc.loss(x, labels, { padded = true })
      loss:backward()
      return loss:item(), x.grad
    end
    local loss, dx = run(logits:copy())
    local mask = core.arange(T):reshape(1, T, 1):le(core.tensor(lengths):reshape(N, 1, 1))
    local noisy, dnoisy = run(core.where(mask, logits, core.full({ N, T, C }, 0 / 0)))
    assert.equal(loss, noisy)
    approx.equal(dx, dnoisy, "gradient")
    assert.equal(0, (dx:without_lengths() * (1 - mask)):abs():max():item())
    local short = core.tensor({ { 1, 2 }, { 2, 2 }, { 1, 0 }, { 0, 0 }, { 2, 0 }, { 0, 0 } }, "int32")
    assert.equal(loss, ctc.loss(padded, short, { padded = true }):item())
  end)

  it("is the same with two threads", function()
    local before = core.threads()
    local x, labels = core.randn(8, 120, 20), core.to_int(core.rand(8, 40) * 19 + 1)
    local function run(threads)
      core.threads(threads)
      local leaf = x:copy():requires_grad(true)
      local loss = ctc.loss(leaf, labels, { skip_impossible = true })
      loss:backward()
      return loss:item(), leaf.grad
    end
    local loss, dx = run(1)
    local again, dagain = run(2)
    core.threads(before)
    assert.equal(loss, again)
    assert.equal(0, (dx - dagain):abs():max():item())
  end)

  it("says which sequence is impossible, or leaves it out", function()
    local labels = core.tensor({ { 1, 2 }, { 2, 2 } }, "int32")
    local x = core.randn(2, 2, 3)
    fails("ctc_loss: sequence 2 has 2 frames; its 2 labels need 3", ctc.loss, x, labels)
    local leaf = x:copy():requires_grad(true)
    local loss = ctc.loss(leaf, labels, { skip_impossible = true })
    loss:backward()
    assert.equal(ctc.loss(x:rows(1, 1), labels:rows(1, 1)):item(), loss:item())
    assert.equal(0, leaf.grad[2]:abs():max():item())
    assert(leaf.grad[1]:abs():max():item() > 0)
  end)

  it("can be learnt", function()
    core.seed(3)
    local lstm, head = nn.LSTM(4, 12), nn.Linear(12, 4)
    local model = nn.Sequential { lstm, head }
    local labels = core.tensor({ { 1, 3, 3 }, { 2, 0, 0 }, { 3, 1, 2 } }, "int32")
    local x, optimizer = core.randn(3, 10, 4), rnn.optim.Adam(model:parameters(), { lr = 0.03 })
    for _ = 1, 80 do
      optimizer:zero_grad()
      ctc.loss(model(x), labels, { padded = true }):backward()
      optimizer:step()
    end
    assert.same({ { 1, 3, 3 }, { 2 }, { 3, 1, 2 } }, ctc.greedy(model(x)))
    assert.same({ { 1, 3, 3 }, { 2 }, { 3, 1, 2 } }, (ctc.beam(model(x))))
  end)

  it("says what is wrong", function()
    local x, labels = core.randn(2, 4, 3), core.tensor({ { 1, 2 }, { 2, 1 } }, "int32")
    fails("ctc.loss: argument 1 (logits): expected a float tensor of 3 axes", ctc.loss, core.randn(4, 3), labels)
    fails("ctc.loss: argument 2 (labels): expected an int32 tensor of 2 axes", ctc.loss, x, core.randn(2, 2))
    fails("ctc.loss: option 'blank': expected an integer from 1 to 3, got number 4", ctc.loss, x, labels, { blank = 4 })
    fails("label 2 of sequence 1 is not within 0 to 3, or is the blank, 2", ctc.loss, x, labels, { blank = 2 })
    fails("label 9 of sequence 2", ctc.loss, x, core.tensor({ { 1, 2 }, { 2, 9 } }, "int32"))
    fails("ctc_loss: expected logits (N, T, C) and labels (N, S), got (2, 4, 3) and (1, 2)", ctc.loss, x,
      labels:rows(1, 1))
    fails("ctc.beam: option 'width': expected a positive integer, got number 0", ctc.beam, x, { width = 0 })
    fails("ctc.greedy: unknown option 'width'", ctc.greedy, x, { width = 2 })
  end)
end)

describe("lengths", function()
  -- (N, T, D) with lengths 3 and 1: whoever brings them, the value and the gradient are those of the valid steps.
  local LOSSES = { mse = {}, mae = {}, huber = { 1 }, quantile = { 0.3 }, kl_div = {}, poisson_nll = {},
    gaussian_nll = { core.ones(2, 3, 2) }, binary_cross_entropy = {}, hinge = {}, hinge_embedding = {} }
  for name, more in pairs(LOSSES) do
    it("may come with any argument of " .. name, function()
      core.seed(1)
      local x, target = core.randn(2, 3, 2), core.rand(2, 3, 2)
      if name:find "^hinge" then target = core.sign(target - 0.5) end
      local weights, want, want_grad = core.rand(2, 3), nil, nil
      for _, who in ipairs { "123", "1", "2", "3", "12" } do
        local function with(t, k) return who:find(k) and t:with_lengths { 3, 1 } or t:without_lengths() end
        local p = with(x:copy(), "1"):requires_grad(true)
        local args = { table.unpack(more) }
        args[#args + 1] = { sample_weights = with(weights, "3") }
        local y = nn[name](p, with(target, "2"), table.unpack(args))
        y:backward()
        want, want_grad = want or y:item(), want_grad or p.grad:copy()
        assert.equal(want, y:item(), who)
        assert.same(want_grad:totable(), p.grad:without_lengths():totable(), who)
      end
      assert.is_true(want_grad[2][1]:abs():max():item() > 0)
      assert.equal(0, want_grad:without_lengths()[{ 2, { 2, 3 } }]:abs():max():item())
      -- Nothing to read where there are no features.
      local none = core.zeros(2, 3, 0)
      if name ~= "gaussian_nll" then
        more = { table.unpack(more) }
        more[#more + 1] = { sample_weights = weights:with_lengths { 3, 1 } }
        assert.equal(0, nn[name](none, none, table.unpack(more)):item())
      end
    end)
  end

  it("that come with weights do not hide a target that is none", function()
    local target = core.ones(2, 3, 2)
    target[{ 2, 1, 2 }] = -1
    local weights = core.ones(2, 3):with_lengths { 3, 1 }
    fails("place 8", nn.poisson_nll, core.zeros(2, 3, 2), target, { sample_weights = weights })
  end)
end)

describe("linear_cross_entropy", function()
  local function both(x, labels, w, b, padded, reduction)
    local results = {}
    for k = 1, 2 do
      for _, t in ipairs { x, w, b } do t:zero_grad() end
      local loss = k == 1 and core.linear_cross_entropy(x, labels, w, b, padded, reduction)
        or core.cross_entropy(core.linear(x, w, b), labels, nil, 0, padded, nil, reduction);
      (loss * 3):backward()
      results[k] = { loss, x.grad and x.grad:copy(), w.grad and w.grad:copy(), b.grad and b.grad:copy() }
    end
    for i = 1, 4 do
      if results[2][i] then close(results[2][i], results[1][i], "value " .. i) end
    end
  end

  it("is the cross entropy of a linear layer, values and gradients", function()
    local w, b = rnn.randn(7, 5):requires_grad(true), rnn.randn(7):requires_grad(true)
    local labels = core.tensor({ { 1, 7, 0, 3 }, { 2, 2, 5, 0 } }, "int32")
    local x = rnn.randn(2, 4, 5):requires_grad(true)
    both(x, labels, w, b, true)
    both(x, labels, w, b, true, "sum")
    both(x, labels, w:detach(), b, true)
    local padded = core.tensor { { { 1, 2, 3, 4, 5 }, { 0 / 0, 0, 0, 0, 0 } } }:with_lengths { 1 }:requires_grad(true)
    both(padded, core.tensor({ { 3, 9 } }, "int32"), w, b)
    both(x, core.zeros(2, 4):to_int(), w, b, true) -- the mean of nothing is 0
  end)

  it("goes through many rows in parts", function()
    local words, rows = 30000, 400
    local x, labels = rnn.randn(rows, 3):requires_grad(true), rnn.randint(1, words, rows)
    both(x, labels, (rnn.randn(words, 3) * 0.1):requires_grad(true), rnn.randn(words):requires_grad(true))
  end)

  it("never holds all logits", function()
    local x, w = rnn.randn(900, 2):requires_grad(true), rnn.randn(40000, 2):requires_grad(true)
    local labels = rnn.randint(1, 40000, 900)
    core.reset_peak()
    local before = rnn.memory().live
    core.linear_cross_entropy(x, labels, w):backward()
    local logits = 900 * 40000 * (core.precision == "double" and 8 or 4)
    assert(rnn.memory().peak - before < logits / 2)
  end)

  it("says what it expects", function()
    local x, labels, w = rnn.randn(2, 3), core.tensor({ 1, 5 }, "int32"), rnn.randn(5, 3)
    fails("label 6 at place 2 is not within 0 to 5", core.linear_cross_entropy, x, core.tensor({ 1, 6 }, "int32"), w)
    fails("expected a weight (V, 3)", core.linear_cross_entropy, x, labels, rnn.randn(5, 4))
    fails("expected a bias (5)", core.linear_cross_entropy, x, labels, w, rnn.randn(4))
    fails("expected x (..., D) and labels (...)", core.linear_cross_entropy, x, core.tensor({ { 1, 5 } }, "int32"), w)
    fails("expected the reduction 'mean' or 'sum'", core.linear_cross_entropy, x, labels, w, nil, false, "none")
    fails("label", core.linear_cross_entropy, x, core.tensor({ 0, 1 }, "int32"), w)
  end)
end)

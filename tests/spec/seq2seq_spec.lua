-- Attention, encoder, decoder, Seq2Seq: against PyTorch, against themselves step by step, trained, saved and loaded.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local approx = require "support.approx"

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^ ]*:%d+: ", ""))
end

local function ids(list) return core.tensor(list, "int32") end

describe("nn.Attention", function()
  local reference = assert(core.archive_read("tests/reference/attention.safetensors"))
  for score, units in pairs { multiplicative = false, additive = 3 } do
    it("equals PyTorch, forward and backward, with the score " .. score, function()
      local function given(name) return reference[score .. "." .. name] end
      local attention = nn.Attention(6, 7, { score = score, units = units or nil })
      for _, pair in ipairs(attention:named_parameters()) do pair[2]:assign(given(pair[1])) end
      local q, m = given("q"):copy():requires_grad(true), given("m"):copy():requires_grad(true)
      local context, weights = attention(q, m:with_lengths(reference.lengths))
      approx.equal(context, given "context", "context")
      approx.equal(weights, given "weights", "weights")
      local loss = (context * given "r"):sum() + (weights * given "s"):sum()
      loss:backward()
      approx.equal(q.grad, given "d_q", "dq")
      approx.equal(m.grad, given "d_m", "dm")
      for _, pair in ipairs(attention:named_parameters()) do
        approx.equal(pair[2].grad, given("d_" .. pair[1]), pair[1])
      end
    end)
  end

  it("gives a memory without steps no weight, and no gradient that is nan", function()
    local attention = nn.Attention(2, 3)
    local m = core.randn(2, 4, 3):requires_grad(true)
    local context, weights = attention(core.randn(2, 1, 2), m:with_lengths { 0, 4 })
    assert.same({ { 0, 0, 0 } }, context[1]:totable())
    assert.same({ { 0, 0, 0, 0 } }, weights[1]:totable())
    context:sum():backward()
    assert.equal(0, m.grad[1]:abs():max():item())
    assert.is_true(m.grad[2]:abs():max():item() > 0)
  end)

  it("says what is wrong", function()
    local attention = nn.Attention(2, 3)
    assert.equal("nn.Attention(2, 3, multiplicative): expected a memory (N, S, 3), got (2, 4, 5)",
      message_of(attention, core.randn(2, 1, 2), core.randn(2, 4, 5)))
    assert.equal("nn.Attention(2, 3, multiplicative): queries for 1 sequences, but a memory of 2",
      message_of(attention, core.randn(1, 1, 2), core.randn(2, 4, 3)))
    assert.matches("additive", message_of(nn.Attention, 2, 3, { units = 4 }))
  end)
end)

-- A translator of some kind, and a padded batch for it.
local function translator(encoder, decoder)
  encoder.vocab, encoder.dim = 9, 4
  decoder.vocab, decoder.dim = 8, 4
  if not encoder.recurrent then encoder.units = encoder.units or 5 end
  if not decoder.recurrent then decoder.units = decoder.units or 6 end
  return nn.Seq2Seq { encoder = nn.Encoder(encoder), decoder = nn.Decoder(decoder) }
end
local x = ids { { 4, 5, 6, 7 }, { 8, 9, 0, 0 }, { 5, 4, 9, 0 } }:with_lengths { 4, 2, 3 }
local y = ids { { 2, 5, 4, 7, 3 }, { 2, 6, 3, 0, 0 }, { 2, 3, 0, 0, 0 } }:with_lengths { 5, 3, 2 }

-- A cell whose state is a table in a table.
local Leaky = nn.cell("LeakyOfSeq2SeqSpec", function(self, inputs, units)
  self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units, { bias = false })
end)
function Leaky:step(input, state)
  local fast = (self.wx(input) + self.wh(state.h)):tanh()
  local slow = state.memory.slow * 0.5 + fast * 0.5
  return fast + slow, { h = fast, memory = { slow = slow } }
end
function Leaky:initial_state(batch)
  return { h = core.zeros(batch, self.units), memory = { slow = core.zeros(batch, self.units) } }
end

local kinds = {
  { "cells of a script's own", { recurrent = function() return nn.Recurrent(Leaky(4, 5)) end },
    { recurrent = function() return nn.Recurrent(Leaky(4 + 6, 6)) end, attention = "additive", input_feeding = true } },
  { "a given lstm to a cell", { recurrent = function() return nn.LSTM(4, 5, { bidirectional = true }) end },
    { recurrent = function() return nn.Recurrent(nn.LSTMCell(4, 6)) end, tied = true } },
  { "gru without attention", { cell = "gru" }, { cell = "gru" } },
  { "lstm both ways, several layers", { cell = "lstm", bidirectional = true, layers = 2 },
    { cell = "lstm", layers = 3, attention = "multiplicative" } },
  { "rnn to lstm, equal sizes", { cell = "rnn", units = 6 }, { cell = "lstm", attention = "additive", tied = true } },
  { "lstm to gru with input feeding", { cell = "lstm", bidirectional = true },
    { cell = "gru", attention = "additive", input_feeding = true } },
  { "gru, tied, input feeding", { bidirectional = true }, { attention = "multiplicative", input_feeding = true,
    tied = true, layers = 2 } },
}

for _, kind in ipairs(kinds) do
  describe("nn.Seq2Seq of " .. kind[1], function()
    local function make()
      local function copy(t)
        local c = {}
        for k, v in pairs(t) do c[k] = type(v) == "function" and v() or v end
        return c
      end
      core.seed(5)
      local model = translator(copy(kind[2]), copy(kind[3]))
      for _, p in ipairs(model:parameters()) do p:uniform_(-0.7, 0.7) end
      return model
    end
    local model = make():eval()

    it("computes all steps at once what it computes one by one", function()
      local logits, target, weights = model(x, y)
      assert.same({ { 5, 4, 7, 3 }, { 6, 3, 0, 0 }, { 3, 0, 0, 0 } }, target:totable())
      core.no_grad(function()
        local state = model:encode(x)
        for t = 1, 4 do
          local step
          step, state = model.decoder:step(y:without_lengths():select(2, t), state)
          local valid = target:without_lengths():select(2, t):ne(0):reshape(-1, 1)
          approx.equal(logits:without_lengths():select(2, t) * valid, step * valid, "step " .. t)
        end
      end)
      if not weights then return end
      for n, steps in ipairs { 4, 2, 3 } do
        for t = 1, steps - 1 do assert.near(1, weights[n][t]:rows(1, steps):sum():item(), 1e-5) end
      end
    end)

    it("loses nothing to padding", function()
      local loss = model:loss(x, y):item()
      local function padded(t)
        local more = ids { { 7, 7 }, { 7, 7 }, { 7, 7 } }
        return core.concat({ t:without_lengths(), more }, 2):with_lengths(t:lengths())
      end
      assert.near(loss, model:loss(padded(x), padded(y)):item(), 1e-5)
      local sum, count = 0, 0
      for n = 1, 3 do
        local length = y:lengths():get(n)
        local alone = model:loss(x:rows(n, n):without_lengths():slice(2, 1, x:lengths():get(n)),
          y:rows(n, n):without_lengths():slice(2, 1, length)):item()
        sum, count = sum + alone * (length - 1), count + length - 1
      end
      assert.near(loss, sum / count, 1e-5)
    end)

    it("decodes a batch as one by one, and a list as a batch", function()
      for _, options in ipairs { { max_length = 6 }, { max_length = 6, beam = 3 } } do
        local together, scores = model:decode(x, options)
        local list = { { 4, 5, 6, 7 }, { 8, 9 }, { 5, 4, 9 } }
        for n, source in ipairs(list) do
          local alone, score = model:decode(ids { source }, options)
          assert.same(alone[1], together[n])
          assert.near(score[1], scores[n], 1e-5)
        end
        options.size = 2
        local from_list, list_scores = model:decode(list, options)
        assert.same(together, from_list)
        for n = 1, 3 do assert.near(scores[n], list_scores[n], 1e-5) end
      end
    end)

    it("scores what it decoded as it scores it in training", function()
      local found, scores, details = model:decode(x, { max_length = 6, beam = 2, length_penalty = 0 })
      for n = 1, 3 do
        local whole = { 2, table.unpack(found[n]) }
        if details[n].finished then whole[#whole + 1] = 3 end
        local source = x:rows(n, n):without_lengths():slice(2, 1, x:lengths():get(n))
        assert.near(scores[n], -model:loss(source, ids { whole }):item() * (#whole - 1), 1e-4)
      end
    end)

    it("comes back from its file and decodes the same", function()
      local path = os.tmpname()
      assert(rnn.save(path, model))
      local again = assert(rnn.load(path)):eval()
      os.remove(path)
      assert.equal(tostring(model), tostring(again))
      assert.equal(model:loss(x, y):item(), again:loss(x, y):item())
      assert.same(model:decode(x, { beam = 3, max_length = 6 }), again:decode(x, { beam = 3, max_length = 6 }))
    end)

    it("trains with scheduled sampling", function()
      local trained = make()
      core.seed(1)
      local told = trained:loss(x, y, { teacher_forcing = 1 }):item()
      local own = trained:loss(x, y, { teacher_forcing = 0 })
      own:backward()
      for _, pair in ipairs(trained:named_parameters()) do assert.is_truthy(pair[2].grad, pair[1]) end
      assert.is_true(math.abs(told - own:item()) > 1e-6)
      -- With its own choices as the true ids nothing is left to chance.
      local choices = trained:decode(x, { max_length = 3 })
      local rows = {}
      for n, row in ipairs(choices) do
        rows[n] = { 2, table.unpack(row) }
        rows[n][#row + 2] = 3
        while #rows[n] < 5 do table.insert(rows[n], 0) end
      end
      trained:train()
      assert.near(trained:loss(x, ids(rows), { teacher_forcing = 0, padded = true }):item(),
        trained:loss(x, ids(rows), { teacher_forcing = 1, padded = true }):item(), 1e-5)
    end)
  end)
end

-- The task: write a number of up to four digits backwards.
local function reversals(n)
  local from, to = {}, {}
  for i = 1, n do
    from[i], to[i] = {}, {}
    for t = 1, math.random(1, 4) do
      from[i][t] = math.random(4, 7)
      table.insert(to[i], 1, from[i][t])
    end
    table.insert(to[i], 1, 2)
    table.insert(to[i], 3)
  end
  return from, to
end

describe("a trained nn.Seq2Seq", function()
  it("works in rnn.fit, and translates the same in a script that only loads its file", function()
    math.randomseed(3)
    core.seed(3)
    local from, to = reversals(300)
    local vocabulary = rnn.text.chars("abcd")
    local model = nn.Seq2Seq {
      encoder = nn.Encoder { vocab = vocabulary, dim = 8, units = 16, bidirectional = true },
      decoder = nn.Decoder { vocab = vocabulary, dim = 8, units = 16, attention = "multiplicative", tied = true },
    }
    local test_from, test_to = reversals(60)
    local history = rnn.fit(model, {
      data = data.sequences(from, to):batches { size = 10, shuffle = true, seed = 1 },
      valid = data.sequences(test_from, test_to), metrics = { "accuracy" }, loss = { label_smoothing = 0.05 },
      optimizer = optim.Adam(model:parameters(), { lr = 0.02 }), epochs = 12, clip_norm = 5, progress = false,
    })
    assert.is_true(history.val_accuracy[12] > 0.95, history.val_accuracy[12])
    assert.near(history.val_loss[12], rnn.evaluate(model, data.sequences(test_from, test_to), {}).loss, 1e-5)
    local found, _, details = model:decode(test_from, { beam = 3, max_length = 8, weights = true })
    local right = 0
    for n, row in ipairs(found) do
      if table.concat(row, " ") == table.concat(test_to[n], " ", 2, #test_to[n] - 1) then right = right + 1 end
      assert.same({ #row + (details[n].finished and 1 or 0), #test_from[n] }, { details[n].weights:shape() })
    end
    assert.is_true(right >= 55, right)

    local path, script = os.tmpname(), os.tmpname()
    assert(rnn.save(path, model, { vocabulary = vocabulary }))
    local file = assert(io.open(script, "w"))
    file:write(([[
      local rnn = require "rnn"
      local model, extra = assert(rnn.load(%q))
      local words = extra.vocabulary
      local ids = model:decode({ words:encode "abca", words:encode "dcb" }, { beam = 3, max_length = 8 })
      io.write(words:decode(ids[1]), " ", words:decode(ids[2]))
    ]]):format(path))
    file:close()
    local pipe = assert(io.popen(("%s %s %s"):format(os.getenv "RNNLUA",
      core.precision == "double" and "--double" or "", script)))
    local output = pipe:read "a"
    pipe:close()
    os.remove(path)
    os.remove(script)
    local here = model:decode({ vocabulary:encode "abca", vocabulary:encode "dcb" }, { beam = 3, max_length = 8 })
    assert.equal(vocabulary:decode(here[1]) .. " " .. vocabulary:decode(here[2]), output)
  end)
end)

describe("nn.Decoder from a vector", function()
  it("learns a sequence for each vector, and comes back from its file", function()
    core.seed(2)
    local model = nn.Decoder { vocab = 7, dim = 4, cell = "lstm", units = 12, layers = 2, condition = 3 }
    local v = core.tensor { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }
    local target = ids { { 2, 4, 5, 6, 3 }, { 2, 7, 3, 0, 0 }, { 2, 6, 6, 3, 0 } }:with_lengths { 5, 3, 4 }
    local opt = optim.Adam(model:parameters(), { lr = 0.03 })
    for _ = 1, 80 do
      opt:zero_grad()
      model:loss(v, target):backward()
      opt:step()
    end
    for _, options in ipairs { {}, { beam = 3 } } do
      options.max_length = 8
      assert.same({ { 4, 5, 6 }, { 7 }, { 6, 6 } }, (model:decode(v, options)))
    end
    assert.is_true(model.training)
    local path = os.tmpname()
    assert(rnn.save(path, model))
    assert.same({ { 4, 5, 6 }, { 7 }, { 6, 6 } }, (assert(rnn.load(path)):decode(v, { max_length = 8 })))
    os.remove(path)
  end)
end)

for _, as in ipairs { "state", "input", "both" } do
  it("nn.Decoder from a vector as " .. as .. " computes at once what it computes one by one", function()
    core.seed(3)
    local model = nn.Decoder { vocab = 8, recurrent = nn.LSTM(4 + (as == "state" and 0 or 3), 5), condition = 3,
      condition_as = as }
    for _, p in ipairs(model:parameters()) do p:uniform_(-0.7, 0.7) end
    assert.equal(4, model.embed.dim)
    local v = core.randn(3, 3)
    local logits, state = model(v, y), model:begin(v)
    for t = 1, 4 do
      local step
      step, state = model:step(y:without_lengths():select(2, t), state)
      local valid = core.gt(y:lengths(), t):reshape(-1, 1)
      approx.equal(logits:without_lengths():select(2, t) * valid, step * valid, "step " .. t)
    end
    local together, scores = model:decode(v, { beam = 3, max_length = 5 })
    for n = 1, 3 do
      local alone, score = model:decode(v:rows(n, n), { beam = 3, max_length = 5 })
      assert.same(alone[1], together[n])
      assert.near(score[1], scores[n], 1e-5)
    end
    local path = os.tmpname()
    assert(rnn.save(path, model))
    assert.same(together, (assert(rnn.load(path)):decode(v, { beam = 3, max_length = 5 })))
    os.remove(path)
  end)
end

describe("encoder and decoder", function()
  it("leave out words and elements in training only", function()
    core.seed(4)
    local encoder = nn.Encoder { vocab = 9, dim = 4, units = 5, dropout = 0.3, word_dropout = 0.3 }
    local bare = x:without_lengths()
    assert.is_true(approx.distance(encoder(bare), encoder(bare)) > 0.01)
    encoder:eval()
    assert.equal(0, approx.distance(encoder(bare), encoder(bare)))
  end)

  it("say what is wrong", function()
    local model = translator({}, {})
    assert.equal("nn.Decoder(gru 6 -> 8, attention none): every target sequence must begin with the start 2 and, in "
      .. "training, end with the stop 3; sequence 1 does not; "
      .. "vocab:encode(s, { start = true, stop = true }) makes such",
      message_of(model.loss, model, x, ids { { 5, 6, 3 }, { 2, 5, 3 }, { 2, 3, 0 } }))
    assert.matches("sequence 2 does not", message_of(model.loss, model, x,
      ids { { 2, 5, 3 }, { 2, 5, 6 }, { 2, 3, 0 } }, { padded = true }))
    assert.matches("sequence 3 does not", message_of(model.loss, model, x,
      ids { { 2, 5, 3 }, { 2, 3, 6 }, { 2, 5, 3 } }:with_lengths { 3, 2, 2 }))
    local captioner = nn.Decoder { vocab = 8, units = 6, dim = 4, condition = 2 }
    local cut = ids { { 2, 4, 5 }, { 2, 6, 7 } }
    assert.matches("sequence 1 does not", message_of(captioner.loss, captioner, core.ones(2, 2), cut))
    assert.is_true(captioner:eval():loss(core.ones(2, 2), cut):item() > 0) -- beginnings can be scored
    assert.equal("nn.Encoder: needs either option 'vocab' (ids) or option 'inputs' (features)",
      message_of(nn.Encoder, {}))
    assert.matches("option 'input_feeding'", message_of(nn.Decoder, { vocab = 5, input_feeding = true }))
    assert.matches("option 'condition'", message_of(nn.Decoder, { vocab = 5, condition = 2, attention = "additive" }))
    assert.matches("needs option 'condition'", message_of(model.decoder.decode, model.decoder, core.randn(2, 3)))
    assert.matches("no attention", message_of(model.decode, model, x, { weights = true, max_length = 3 }))
    assert.equal("nn.Seq2Seq: option 'decoder': expected an nn.Decoder, got nil",
      message_of(nn.Seq2Seq, { encoder = model.encoder }))
    assert.matches("option 'start' is the decoder's own", message_of(model.decode, model, x, { start = 2 }))
    assert.matches("unknown option 'beams'", message_of(model.decode, model, x, { beams = 2 }))
  end)
end)

-- rnn.decode: greedy, sampling, beam search over toy models whose best sequences are known by enumeration.
local core = require "rnn.core"
local rnn = require "rnn"
local decode = rnn.decode

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^ ]*:%d+: ", ""))
end

-- A model whose next id depends on the last two ids: its state is the one before the last, its logits are rows of a
-- table. offset (N), also in the state, makes the sequences of a batch differ.
local function toy(vocabulary, seed)
  core.seed(seed)
  local weights = core.randn((vocabulary + 1) * (vocabulary + 1), vocabulary) * 2
  local drift = core.randn(vocabulary)
  return function(ids, state)
    local logits = core.embedding(weights, state.before * (vocabulary + 1) + ids + 1)
    return logits + state.offset:reshape(-1, 1) * drift, { before = ids, offset = state.offset }
  end, function(offsets)
    return { before = core.zeros { #offsets, type = "int32" }, offset = core.tensor(offsets) }
  end
end

-- Every sequence up to max_length ids with its score, best first.
local function enumerate(step, state, options)
  local list = {}
  local function visit(ids, last, s, logp, count)
    local logits, new = step(core.tensor({ last }, "int32"), s)
    local row = logits:log_softmax(-1):totable()[1]
    for id, value in ipairs(row) do
      local now = { table.unpack(ids) }
      if id ~= options.stop then now[#now + 1] = id end
      if id == options.stop or #now == options.max_length then
        list[#list + 1] = { ids = now, score = (logp + value) / (count + 1) ^ options.length_penalty }
      else
        visit(now, id, new, logp + value, count + 1)
      end
    end
  end
  visit({}, options.start, state, 0, 0)
  table.sort(list, function(a, b) return a.score > b.score end)
  return list
end

describe("decode.generate", function()
  local step, state = toy(5, 1)
  local offsets = { 0, 0.5, -1, 2, -0.3, 1.2 }
  local function generate(options)
    options.step, options.start, options.stop = step, 1, 5
    return decode.generate(options)
  end

  it("takes the likeliest id, step by step", function()
    local ids, scores, details = generate { state = state { 0 }, max_length = 6 }
    local last, s, expected, logp, count = 1, state { 0 }, {}, 0, 0
    repeat
      local logits
      logits, s = step(core.tensor({ last }, "int32"), s)
      last = logits:argmax(-1):get(1)
      logp, count = logp + logits:log_softmax(-1):max():item(), count + 1
      if last ~= 5 then expected[#expected + 1] = last end
    until last == 5 or #expected == 6
    assert.same({ expected }, ids)
    assert.is_true(math.abs(scores[1] - logp / count) < 1e-5)
    assert.equal(count, details[1].count)
    assert.equal(last == 5, details[1].finished)
  end)

  it("with a beam of one is the greedy walk", function()
    for seed = 1, 20 do
      local toy_step, toy_state = toy(6, seed)
      local options = { step = toy_step, state = toy_state(offsets), start = 1, stop = 6, max_length = 8 }
      local greedy, greedy_scores = decode.generate(options)
      options.beam = 1
      local beam, beam_scores = decode.generate(options)
      assert.same(greedy, beam)
      for i, score in ipairs(greedy_scores) do assert.is_true(math.abs(score - beam_scores[i]) < 1e-5) end
    end
  end)

  it("with a beam as wide as the vocabulary finds the best of all sequences of two", function()
    for seed = 1, 20 do
      for _, penalty in ipairs { 0, 1 } do
        local toy_step, toy_state = toy(5, seed)
        local options = { step = toy_step, state = toy_state { 0.4 }, start = 1, stop = 5, max_length = 2, beam = 5,
          length_penalty = penalty }
        local ids, scores, details = decode.generate(options)
        local all = enumerate(toy_step, toy_state { 0.4 }, options)
        assert.same(all[1].ids, ids[1])
        assert.is_true(math.abs(all[1].score - scores[1]) < 1e-5)
        assert.equal(5, #details[1].beams)
        for i = 2, 5 do assert.is_true(details[1].beams[i].score <= details[1].beams[i - 1].score) end
      end
    end
  end)

  it("with a beam that no hypothesis falls out of finds the best of all longer ones", function()
    for seed = 1, 10 do
      local toy_step, toy_state = toy(4, seed)
      local options = { step = toy_step, state = toy_state { 0.4 }, start = 1, max_length = 4, beam = 64,
        length_penalty = 1 }
      local ids, _, details = decode.generate(options)
      local all = enumerate(toy_step, toy_state { 0.4 }, options)
      assert.equal(256, #all)
      assert.same(all[1].ids, ids[1])
      for i = 1, 64 do assert.is_true(math.abs(all[i].score - details[1].beams[i].score) < 1e-5) end
    end
  end)

  it("gives a batch what it gives one by one", function()
    for _, more in ipairs { {}, { beam = 3 }, { beam = 8, length_penalty = 0.6 }, { prefix = { 2, 3 } },
      { prefix = { 2 }, beam = 3 } } do
      local function options(given)
        local all = { state = state(given), max_length = 7 }
        for key, value in pairs(more) do all[key] = value end
        return all
      end
      local together, scores = generate(options(offsets))
      for i, offset in ipairs(offsets) do
        local alone, score = generate(options { offset })
        assert.same(alone[1], together[i])
        assert.is_true(math.abs(score[1] - scores[i]) < 1e-5)
      end
    end
  end)

  it("forces a prefix, which may differ from row to row", function()
    for _, beam in ipairs { false, 1, 3 } do
      local prefix = { { 4, 4, 1 }, {}, { 2 }, { 3, 3, 3, 3 }, {}, { 1 } }
      local ids, _, details = generate { state = state(offsets), prefix = prefix, beam = beam or nil, max_length = 4 }
      local free = generate { state = state(offsets), beam = beam or nil, max_length = 4 }
      for row, forced in ipairs(prefix) do
        assert.same(forced, table.move(ids[row], 1, #forced, 1, {}))
        if #forced == 0 then assert.same(free[row], ids[row]) end
        for _, one in ipairs(details[row].beams or {}) do
          assert.same(forced, table.move(one.ids, 1, #forced, 1, {}))
        end
      end
      assert.same({ 3, 3, 3, 3 }, ids[4])
      assert.is_false(details[4].finished)
    end
  end)

  it("begins with the prefix where there is no start", function()
    local with = decode.generate { step = step, state = state { 0.5 }, prefix = { 2, 3 }, stop = 5, max_length = 6 }
    local first = { 2 }
    local after = decode.generate { step = step, state = state { 0.5 }, prefix = { 3 }, start = 2, stop = 5,
      max_length = 5 }
    assert.same({ { first[1], table.unpack(after[1]) } }, with)
    local beam, scores = decode.generate { step = step, state = state { 0.5 }, prefix = { 2, 3 }, stop = 5,
      max_length = 6, beam = 4 }
    local beam_after, scores_after = decode.generate { step = step, state = state { 0.5 }, prefix = { 3 }, start = 2,
      stop = 5, max_length = 5, beam = 4 }
    assert.same({ { 2, table.unpack(beam_after[1]) } }, beam)
    assert.is_true(math.abs(scores[1] - scores_after[1]) < 1e-5)
    assert.same({ { 2 } }, (decode.generate { step = step, state = state { 0 }, prefix = { 2 }, max_length = 1 }))
  end)

  it("works without a state, with rows named by start", function()
    local function constant(ids) return core.full({ #ids, 3 }, 0) + core.tensor { 0, 1, 0 } end
    local ids = decode.generate { step = constant, start = core.tensor({ 1, 1, 1 }, "int32"), max_length = 2 }
    assert.same({ { 2, 2 }, { 2, 2 }, { 2, 2 } }, ids)
    ids = decode.generate { step = constant, start = 1, max_length = 3, beam = 2 }
    assert.same({ { 2, 2, 2 } }, ids)
  end)

  it("names an id of the prefix that the logits do not have, in a beam search too", function()
    local function constant(ids) return core.zeros(#ids, 3) end
    for _, beam in ipairs { false, 2 } do
      for _, prefix in ipairs { { 4 }, { 1, 4 } } do
        assert.equal(("decode.generate: option 'prefix', row 1, entry %d: expected an id from 1 to 3, as the logits "
          .. "have, got 4"):format(#prefix), message_of(decode.generate, { step = constant, start = 1,
            prefix = prefix, max_length = 4, beam = beam or nil }))
      end
    end
  end)

  it("gives beams where the prefix leaves no step", function()
    local options = { step = step, state = state { 0, 1 }, prefix = { 2 }, max_length = 1, beam = 2 }
    local ids, scores, details = decode.generate(options)
    assert.same({ { 2 }, { 2 } }, ids)
    assert.same({ 0, 0 }, scores)
    for row = 1, 2 do
      assert.same({ { ids = { 2 }, score = 0, logp = 0, count = 0, finished = false } }, details[row].beams)
    end
  end)

  it("takes the likeliest where the temperature is 0, bit for bit what greedy gives", function()
    for _, rest in ipairs { {}, { stop = 5 }, { stop = 5, prefix = { 3, 5, 2 } } } do
      local options = { step = step, state = state { 0, 0.5, -1 }, start = 1, max_length = 6 }
      for name, value in pairs(rest) do options[name] = value end
      local greedy = { decode.generate(options) }
      options.temperature = 0
      assert.same(greedy, { decode.generate(options) })
    end
  end)

  it("tells each id as it is chosen, and ends a row on false", function()
    local heard = { {}, {}, {} }
    local ids = generate { state = state { 0, 0.5, -1 }, max_length = 5, prefix = { 4 },
      on_token = function(id, row, position)
        heard[row][position] = id
        return not (row == 2 and position == 2)
      end }
    for row = 1, 3 do
      for position = 2, #ids[row] do assert.equal(ids[row][position], heard[row][position]) end
      assert.is_nil(heard[row][1])
    end
    assert.is_true(#ids[2] <= 2)
  end)

  it("draws whole sequences with their probabilities", function()
    local toy_step, toy_state = toy(3, 4)
    core.seed(11)
    local n, many = 4000, {}
    for i = 1, n do many[i] = 0.3 end
    local options = { step = toy_step, state = toy_state(many), start = 1, stop = 3, max_length = 2, temperature = 1 }
    local ids = decode.generate(options)
    local seen = {}
    for _, sequence in ipairs(ids) do
      local key = table.concat(sequence, " ")
      seen[key] = (seen[key] or 0) + 1
    end
    options.length_penalty = 0
    local chi2, cells = 0, 0
    for _, entry in ipairs(enumerate(toy_step, toy_state { 0.3 }, options)) do
      local expected = n * math.exp(entry.score)
      chi2 = chi2 + ((seen[table.concat(entry.ids, " ")] or 0) - expected) ^ 2 / expected
      cells = cells + 1
    end
    assert.equal(7, cells)
    assert.is_true(chi2 < 22.5, chi2) -- 0.1 % beyond, 6 degrees of freedom
  end)

  it("says what is wrong", function()
    assert.equal("decode.generate: option 'step': expected a function, got nil",
      message_of(decode.generate, { start = 1 }))
    assert.equal("decode.generate: needs option 'start', or a prefix of one id or more for each row",
      message_of(decode.generate, { step = step }))
    assert.equal("decode.generate: option 'beam' excludes temperature, top_k and top_p",
      message_of(decode.generate, { step = step, start = 1, beam = 2, top_k = 3 }))
    assert.equal("decode.generate: option 'step': its result: expected logits (1, V), got tensor (2, 3) float",
      message_of(decode.generate, { step = function() return core.zeros(2, 3) end, start = 1 }))
    assert.equal("decode.generate: option 'prefix' is for 2 sequences, but there are 1",
      message_of(decode.generate, { step = step, state = state { 0 }, start = 1, prefix = { { 1 }, { 2 } } }))
    assert.equal("decode.generate: option 'prefix': 3 ids, more than max_length 2",
      message_of(decode.generate, { step = step, start = 1, prefix = { 1, 2, 3 }, max_length = 2 }))
    assert.matches("on_token", message_of(decode.generate, { step = step, start = 1, beam = 2, on_token = print }))
    assert.matches("unknown option 'width'", message_of(decode.generate, { step = step, width = 2 }))
  end)
end)

describe("decode.sample", function()
  local logits = core.tensor { 1.5, -0.5, 0.3, 2, -2, 0.9 }

  -- Chi-squared of n draws against probabilities p; an id with p 0 must not come.
  local function chi2_of(options, p)
    core.seed(5)
    local n = 20000
    local ids = decode.sample(core.broadcast_to(logits, { n, 6 }), options)
    local counts = core.one_hot(ids, 6):sum(1):totable()
    local chi2 = 0
    for id, count in ipairs(counts) do
      if p[id] == 0 then
        assert.equal(0, count)
      else
        chi2 = chi2 + (count - n * p[id]) ^ 2 / (n * p[id])
      end
    end
    return chi2
  end

  -- softmax(logits / temperature) over some ids only.
  local function expected(temperature, kept)
    local p, sum = {}, 0
    for id, value in ipairs(logits:totable()) do
      p[id] = (not kept or kept[id]) and math.exp(value / temperature) or 0
      sum = sum + p[id]
    end
    for id in ipairs(p) do p[id] = p[id] / sum end
    return p
  end

  it("draws with the frequencies of the softmax", function() -- limits: 0.1 % beyond
    assert.is_true(chi2_of(nil, expected(1)) < 20.5)
    assert.is_true(chi2_of({ temperature = 0.5 }, expected(0.5)) < 20.5)
    assert.is_true(chi2_of({ temperature = 3 }, expected(3)) < 20.5)
    assert.is_false(chi2_of({ temperature = 0.9 }, expected(1)) < 20.5) -- the test can fail
  end)

  it("keeps the k likeliest, or the nucleus", function()
    assert.is_true(chi2_of({ top_k = 3 }, expected(1, { [4] = true, [1] = true, [6] = true })) < 13.8)
    -- probabilities in order: 4: 0.450, 1: 0.273, 6: 0.150, 3: 0.082 ...
    assert.is_true(chi2_of({ top_p = 0.6 }, expected(1, { [4] = true, [1] = true })) < 10.8)
    assert.is_true(chi2_of({ top_p = 0.75 }, expected(1, { [4] = true, [1] = true, [6] = true })) < 13.8)
    assert.is_true(chi2_of({ top_p = 1 }, expected(1)) < 20.5)
    assert.is_true(chi2_of({ top_p = 0.01 }, { 0, 0, 0, 1, 0, 0 }) == 0)
    assert.is_true(chi2_of({ top_k = 2, top_p = 0.99, temperature = 2 }, expected(2, { [4] = true, [1] = true }))
      < 10.8)
  end)

  it("takes the likeliest at temperature 0, and never an impossible id", function()
    assert.same({ 4, 4 }, decode.sample(core.broadcast_to(logits, { 2, 6 }), { temperature = 0 }):totable())
    local only = core.tensor { { -math.huge, 0, -math.huge } }
    for _ = 1, 50 do assert.equal(2, decode.sample(only):get(1)) end
  end)

  it("says what is wrong", function()
    assert.equal("decode.sample: argument 1 (logits): expected a float tensor of 2 axes, got tensor (6) float",
      message_of(decode.sample, logits))
    assert.equal("decode.sample: option 'top_p': expected a number above 0 and up to 1, got number 0",
      message_of(decode.sample, core.zeros(1, 3), { top_p = 0 }))
    assert.equal("decode.sample: option 'temperature': expected a number of at least 0, got number -1",
      message_of(decode.sample, core.zeros(1, 3), { temperature = -1 }))
  end)
end)

describe("topk", function()
  it("is a stable sort from the largest down", function()
    core.seed(3)
    local x = (core.rand(4, 40) * 12):floor() -- many equals
    for _, k in ipairs { 1, 2, 7, 40 } do
      local places = x:topk(k)
      for row = 1, 4 do
        assert.same(table.move((-x[row]):argsort():totable(), 1, k, 1, {}), places[row]:totable())
      end
    end
    assert.same({ { 4, 5, 1, 3, 2, 6 } }, core.tensor { { 3, 1, 3, 0 / 0, 5, -math.huge } }:topk(6):totable())
    assert.same({ 4, 1 }, core.tensor({ 3, 1, 3, 5 }, "int32"):topk(2):totable())
    assert.equal("topk: k must be from 1 to the 2 elements of the last axis of (3, 2), got 3",
      message_of(core.topk, core.zeros(3, 2), 3))
  end)
end)

-- Iterators of the library: the place in the data belongs to the loop, not to the iterator.
local rnn = require "rnn"
local fails = require "support.fails"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text

local function rows(n) return rnn.arange(n):to_float():reshape(n, 1) end
local function numbers(settings) return data.arrays(rows(10), rows(10)):batches(settings) end
local constant = rnn.ones(2, 1)

-- One of each kind; the name is that of the class that gives batches, where there is one.
local iterators = {
  ["data.Arrays"] = function() return numbers { size = 3, shuffle = true, seed = 1 } end,
  ["data.Windows"] = function()
    return data.windows(rows(20), { length = 3 }):batches { size = 4, drop_last = true }
  end,
  ["data.Tokens"] = function()
    return data.tokens(rnn.arange(50), { length = 3 }):batches { size = 4, shuffle = true, seed = 1 }
  end,
  ["data.Sequences"] = function()
    local lists = {}
    for i = 1, 9 do lists[i] = {} for t = 1, i do lists[i][t] = t end end
    return data.sequences(lists, { 1, 2, 3, 4, 5, 6, 7, 8, 9 }):batches { size = 2, shuffle = true, seed = 1 }
  end,
  ["text.Stream"] = function() return text.stream(rnn.arange(50), { size = 3, length = 4 }) end,
  map = function() return data.map(numbers { size = 4 }, function(x, y) return x + 1, y end) end,
  ["map of a map"] = function()
    return data.map(data.map(numbers { size = 4 }, function(x, y) return x, y * 2 end), function(x, y) return y, x end)
  end,
  ["map to one tensor"] = function() return data.map(numbers { size = 4 }, function(_, y) return constant, y end) end,
  ["map to tables"] = function() return data.map(numbers { size = 4 }, function(x, y) return { x, x }, y end) end,
}

local function of(value)
  if type(value) == "table" then value = value[1] end
  return table.concat(value:without_lengths():to_float():reshape(-1):totable(), " ")
end

-- What a loop gives, as text; body runs after each batch.
local function collect(source, body)
  local seen = {}
  for x, y in source do
    seen[#seen + 1] = ("%s | %s"):format(of(x), of(y))
    if body then body(#seen) end
  end
  return seen
end

local function same_epoch(source) return source.epoch and source:epoch(1) or source end

describe("every iterator", function()
  it("of the library is here", function()
    for module, value in pairs(package.loaded) do
      local gives = type(value) == "table" and module:find "^rnn%.[dt]" and rawget(value, "__name")
        and (rawget(value, "batches") or rawget(value, "__call"))
      if gives and module ~= "rnn.data.batches" then assert(iterators[value.__name], module) end
    end
  end)

  for name, make in pairs(iterators) do
    it(("has a place for each loop: %s"):format(name), function()
      local source = make()
      local want = collect(same_epoch(source))
      assert(#want == #source and #want > 2, #want)
      local inner = 0
      local outer = collect(same_epoch(source), function()
        inner = inner + #collect(source)
        source(nil, nil) -- a loop that is left
      end)
      assert.same(want, outer)
      assert.equal((#want) ^ 2, inner)
      assert.same(want, collect(same_epoch(source)))
    end)

    it(("wants the batch before: %s"):format(name), function()
      local source = make()
      fails("a call without the batch before begins an epoch each time; write for x, y in batches do", function()
        return source()
      end)
      fails("a call without the batch before", rnn.evaluate, rnn.nn.Linear(1, 1), function()
        local x, y = source()
        return x, y
      end, { loss = "mse" })
      local n, x = 0, nil
      repeat
        x = source(nil, x)
        n = n + (x and 1 or 0)
      until not x
      assert.equal(#source, n)
    end)

    it(("lets two loops take turns: %s"):format(name), function()
      local source = make()
      local want = collect(same_epoch(source))
      local a, b = {}, {}
      local function reader(seen)
        return coroutine.wrap(function()
          same_epoch(source)
          collect(source, function(i)
            seen[#seen + 1] = i
            coroutine.yield(true)
          end)
        end)
      end
      local first, second = reader(a), reader(b)
      first()
      while first() do second() end
      while second() do end
      assert.equal(#want, #a)
      assert.equal(#want, #b)
    end)
  end

  it("says so when it is asked to go on after what it never gave", function()
    for _, name in ipairs { "data.Arrays", "text.Stream", "map" } do
      assert.error_matches(function() iterators[name]()(nil, rnn.ones(1)) end,
        "the value before: expected a batch that this iterator gave, got tensor %(1%) float")
    end
    assert.error_matches(function() collect(data.map(numbers(), function() end)) end,
      "data.map: the function's result: expected x and y, as in a batch, got nil")
  end)

  it("forgets its places with the loops", function()
    local source = iterators["data.Arrays"]()
    for _ = 1, 20 do collect(source) end
    collectgarbage() collectgarbage()
    assert.is_nil(next(source.places))
  end)
end)

describe("rnn.fit", function()
  local function fit(source, body, options)
    rnn.seed(1)
    local model = nn.Linear(1, 1)
    local all = { data = source, loss = "mse", epochs = 3, progress = false,
      optimizer = optim.SGD(model:parameters(), { lr = 0.001 }),
      callbacks = { { on_step = function() if body then body(model) end end } } }
    for key, value in pairs(options or {}) do all[key] = value end
    local history = rnn.fit(model, all)
    return history.loss, model.weight:item()
  end

  for name, make in pairs {
    batches = function() return numbers { size = 3, shuffle = true, seed = 1 } end,
    map = function()
      return data.map(numbers { size = 3, shuffle = true, seed = 1 }, function(x, y) return x, y end)
    end,
  } do
    it(("trains the same when a callback looks at its data: %s"):format(name), function()
      local source = make()
      local losses, weight = fit(make())
      local inner = 0
      local again, same = fit(source, function(model)
        rnn.evaluate(model, source, { loss = "mse" })
        for _ in source do inner = inner + 1 end
        rnn.find_lr(model, { data = source, loss = "mse", optimizer = optim.SGD(model:parameters()), steps = 3 })
      end)
      assert.same(losses, again)
      assert.equal(weight, same)
      assert.equal(3 * 4 * 4, inner)
    end)
  end

  it("reads a stream in windows the same, whatever else reads it", function()
    local ids = {}
    for i = 1, 60 do ids[i] = i % 7 + 1 end
    local function make() return text.stream(rnn.tensor(ids, "int32"), { size = 2, length = 6 }) end
    local function train(source, look)
      rnn.seed(2)
      local model = nn.Sequential { nn.Embedding(8, 4), nn.GRU(4, 4), nn.Linear(4, 8) }
      return rnn.fit(model, { data = source, loss = "cross_entropy", tbptt = 6, epochs = 2, progress = false,
        optimizer = optim.SGD(model:parameters(), { lr = 0.01 }), callbacks = { { on_step = function()
          if look then rnn.evaluate(model, source, { loss = "cross_entropy", tbptt = 4 }) end
        end } } }).loss
    end
    assert.same(train(make()), train(make(), true))
  end)

  it("does not lose the place in a function: it says so", function()
    local at
    local function source(_, before)
      at = before == nil and 1 or at + 1
      if at <= 4 then return rows(2), rows(2) end
    end
    assert.error_matches(function()
      fit(source, function(model) rnn.evaluate(model, source, { loss = "mse" }) end)
    end, "rnn.evaluate: argument 2 %(data%): rnn.fit is in the middle of this function, which would lose its place")
    assert.equal(3, #fit(source, nil, { valid = source })) -- one after the other
  end)
end)

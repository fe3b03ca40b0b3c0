-- data.map: batches changed on their way.
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local function numbers()
  return data.arrays(rnn.arange(10):to_float():reshape(10, 1), rnn.arange(10):to_float():reshape(10, 1) * 2)
end

describe("data.map", function()
  it("applies the function to every batch, once an epoch", function()
    local calls = 0
    local mapped = data.map(numbers():batches { size = 4 }, function(x, y)
      calls = calls + 1
      return x + calls, y
    end)
    assert.equal(3, #mapped)
    for _, first in ipairs { 1, 4 } do
      local got = {}
      for x, y in mapped do got[#got + 1] = (x - y / 2):mean():item() end
      assert.same({ first, first + 1, first + 2 }, got)
    end
  end)

  it("keeps order, epochs and places of the batches", function()
    local plain = numbers():batches { size = 3, shuffle = true, seed = 5 }
    local mapped = data.map(numbers():batches { size = 3, shuffle = true, seed = 5 }, function(x, y)
      return x * 10, y
    end)
    local function collect(batches, place)
      local got = {}
      for x in batches, nil, place do
        for _, row in ipairs(x:totable()) do got[#got + 1] = row[1] end
      end
      return rnn.tensor(got)
    end
    local want = collect(plain:epoch(3))
    assert.same((want * 10):totable(), collect(mapped:epoch(3)):totable())
    mapped:epoch(3)
    assert.same((want * 10):rows(7, 10):totable(), collect(mapped, mapped:seek(2)):totable())
    assert.equal(5, mapped.seed)
  end)

  it("feeds rnn.fit", function()
    rnn.seed(1)
    local model = nn.Linear(1, 1)
    local noisy = data.map(numbers():batches { size = 5, shuffle = true, seed = 1 }, function(x, y)
      return x + rnn.randn(x:shape()) * 0.01, y
    end)
    local history = rnn.fit(model, { data = noisy, loss = "mse", epochs = 60, progress = false,
      optimizer = optim.Adam(model:parameters(), { lr = 0.1 }) })
    assert(history.loss[60] < 0.1, history.loss[60])
  end)

  it("refuses what are no batches, and what is no function", function()
    local ok, message = pcall(data.map, numbers(), print)
    assert(not ok and message:find("data.map: argument 1 (batches): expected batches", 1, true), message)
    ok, message = pcall(data.map, numbers():batches(), 3)
    assert(not ok and message:find("data.map: argument 2 (f): expected a function, got number 3", 1, true), message)
  end)
end)

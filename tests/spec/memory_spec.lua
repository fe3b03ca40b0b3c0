-- Memory: long loops stay flat without a collectgarbage of the script's own, and every allocation may fail.
local rnn = require "rnn"
local core = require "rnn.core"
local nn, optim = rnn.nn, rnn.optim

-- Resident memory of this process in bytes; 0 where a sanitizer keeps what was freed.
local function resident()
  if core.sanitized then return 0 end
  local f <close> = assert(io.open("/proc/self/statm"))
  return tonumber(f:read("a"):match("%d+ (%d+)")) * 4096
end

-- Runs step(i) n times after a warm-up; returns the growth of resident and of tensor memory.
local function growth(n, step)
  for i = 1, n // 10 do step(i) end
  local r, live = resident(), core.memory().live
  for i = 1, n do step(i) end
  return resident() - r, core.memory().live - live
end

-- RNNLUA_LONG=1 runs the lengths that the project promises; the suite runs shorter ones.
local long = os.getenv "RNNLUA_LONG" == "1"

describe("memory", function()
  it("stays flat over small training steps of nn.Linear(8, 8)", function()
    local model = nn.Linear(8, 8)
    local opt = optim.SGD(model:parameters(), { lr = 0.01 })
    local x, y = core.randn(4, 8), core.randn(4, 8)
    local grown, live = growth(long and 1000000 or 30000, function()
      opt:zero_grad()
      core.mse(model(x), y):backward()
      opt:step()
    end)
    assert.is_true(grown < 16e6, ("resident memory grew by %d bytes"):format(grown))
    assert.is_true(live < 16e6, ("tensors grew by %d bytes"):format(live))
  end)

  it("stays flat over LSTM steps whose batches are megabytes", function()
    local model = nn.Sequential { nn.LSTM(8, 64), nn.Linear(64, 1) }
    local opt = optim.Adam(model:parameters(), { lr = 0.001 })
    local grown, live = growth(long and 2000 or 120, function()
      local x, y = core.randn(32, 50, 8), core.randn(32, 50, 1)
      opt:zero_grad()
      core.mse(model(x), y):backward()
      opt:step()
    end)
    assert.is_true(grown < 64e6, ("resident memory grew by %d bytes"):format(grown))
    assert.is_true(live < 64e6, ("tensors grew by %d bytes"):format(live))
  end)

  it("does not hold the history of results that never saw backward", function()
    local model = nn.Linear(64, 64)
    local x = core.randn(64, 64)
    local _, live = growth(3000, function() return model(x) end)
    assert.is_true(live < 64e6, ("tensors grew by %d bytes"):format(live))
  end)

  it("frees a history of 300,000 ops without recursion", function()
    local x = core.ones(1):requires_grad(true)
    local y = x
    for _ = 1, 300000 do y = y + 1 end
    y:sum():backward()
    assert.equal(1, x.grad:item())
    y = x
    for _ = 1, 300000 do y = y + 1 end
    y = nil -- luacheck: ignore
    collectgarbage()
  end)

  it("keeps to its limit", function()
    core.memory_limit(core.memory().live + 1000000)
    local done, message = pcall(function() return core.zeros(1000000) end)
    core.memory_limit(0)
    assert.is_false(done)
    assert.matches("not enough memory", message)
    assert.equal(1000000, core.zeros(1000000):count())
  end)
end)

describe("every allocation may fail", function()
  -- Fails, for rising k, all allocations from the k-th on (so that the retry after a collection fails, too), until the
  -- body passes; after each failure the same body has to pass.
  local function sweep(body, least)
    body()
    local k, failures = 0, 0
    repeat
      k = k + 1
      core.fail_allocation(k, 1 << 40)
      local done, message = pcall(body)
      core.fail_allocation(0)
      if not done then
        failures = failures + 1
        assert.matches("not enough memory", message)
        body()
      end
    until done or k > 20000
    assert.is_true(failures >= (least or 10), "only " .. failures .. " allocations")
    return failures
  end

  it("in a training step with every recurrent layer", function()
    local model = nn.Sequential {
      nn.RNN(2, 3), nn.LSTM(3, 4, { layers = 2 }), nn.GRU(4, 3), nn.LayerNorm(3), nn.Dropout(0.2), nn.Linear(3, 2),
    }
    local opt = optim.Adam(model:parameters(), { lr = 0.01 })
    local x, y = core.randn(3, 5, 2), core.randn(3, 5, 2)
    opt:zero_grad() -- the state of the optimiser is made by the first step
    core.mse(model(x), y):backward()
    opt:step()
    sweep(function()
      opt:zero_grad()
      local loss = core.mse(model(x), y)
      loss:backward()
      optim.clip_grad_norm(model:parameters(), 1)
      opt:step()
    end)
  end)

  it("in what draws in several parts, which then has drawn nothing", function()
    local x, gru, lstm = core.randn(3, 5, 2), nn.GRUCell(2, 3), nn.LSTMCell(2, 3)
    for name, make in pairs {
      dropout = function() return nn.LSTM(2, 3, { layers = 2, dropout = 0.5 }) end,
      recurrent_dropout = function() return nn.LSTM(2, 3, { layers = 2, recurrent_dropout = 0.5 }) end,
      weight_dropout = function() return nn.RNN(2, 3, { weight_dropout = 0.5 }) end,
      zoneout = function() return nn.GRU(2, 3, { bidirectional = true, zoneout = 0.5 }) end,
      cells = function() return nn.Recurrent(gru, { layers = 2, zoneout = 0.2, dropout = 0.5 }) end,
      masks = function() return nn.Recurrent(lstm, { recurrent_dropout = 0.5 }) end,
      chain = function() return nn.Sequential { nn.Dropout(0.5), nn.Linear(2, 3), nn.Dropout(0.5) } end,
    } do
      local layer = make()
      for what, f in pairs { constructor = make, forward = function() return layer(x) end } do
        local first
        sweep(function()
          core.seed(7)
          local before = core.random_state()
          local ok, result = pcall(f)
          if not ok then
            assert.same(before, core.random_state(), name .. ", " .. what)
            error(result, 0)
          end
          first = first or core.random_position()
          assert.equal(first, core.random_position())
        end, 0) -- some take no memory
      end
    end
  end)

  it("in indexing, joining and losses over ids", function()
    local weight = core.randn(7, 3):requires_grad(true)
    local ids = core.tensor({ { 1, 2, 0 }, { 7, 7, 3 } }, "int32")
    sweep(function()
      weight:zero_grad()
      local e = core.embedding(weight, ids)
      local both = core.concat({ e, e:softmax(3), e:log_softmax(-1) }, 3)
      local s = core.stack({ both:select(2, 1), both:slice(2, 2, 2):reshape(2, 9) }, 2)
      local loss = core.cross_entropy(s:matmul(core.ones(9, 4)), core.tensor({ { 1, 2 }, { 3, 4 } }, "int32"))
      loss:backward()
    end)
  end)
end)

-- Models in parts: frozen and thawed by name, copied, shared between models, and layers of a script's own in files.
local rnn = require "rnn"
local nn, optim, data = rnn.nn, rnn.optim, rnn.data
local approx = require "support.approx"
local layers = require "support.layer_cases"

local function fails(text, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.is_truthy(tostring(message):find(text, 1, true), message)
end

local path
local function with_file(name, f)
  it(name, function()
    path = os.tmpname()
    rnn.seed(3)
    local ok, message = pcall(f)
    os.remove(path)
    if not ok then error(message, 0) end
  end)
end

local function small() return nn.Sequential { nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1) } end

local function train(model, options)
  local x = rnn.randn(24, 3)
  local all = { data = data.arrays(x, x:sum(2, true)):batches { size = 8, seed = 1, shuffle = true }, loss = "mse",
    epochs = 2, progress = false, optimizer = optim.Adam(model:parameters(), { lr = 0.05 }) }
  for name, value in pairs(options or {}) do all[name] = value end
  return rnn.fit(model, all)
end

describe("a frozen model", function()
  with_file("is loaded frozen, trained in what is not, then thawed", function()
    local model = nn.Module { encoder = nn.Linear(3, 4), head = nn.Linear(4, 1) }
    model:freeze("^encoder%.")
    assert(rnn.save(path, model))
    local loaded = assert(rnn.load(path))
    assert.same({ "encoder.bias", "encoder.weight" }, loaded:frozen())
    assert.equal(2, #loaded:parameters())
    loaded.forward = function(self, x) return self.head(self.encoder(x):tanh()) end
    local before = loaded:state_dict()
    train(loaded)
    assert.same(before["encoder.weight"]:totable(), loaded.encoder.weight:totable())
    assert.is_true((loaded.head.weight - before["head.weight"]):abs():max():item() > 0)
    loaded:unfreeze("weight")
    assert.same({ "encoder.bias" }, loaded:frozen())
    train(loaded)
    assert.same(before["encoder.bias"]:totable(), loaded.encoder.bias:totable())
    assert.is_true((loaded.encoder.weight - before["encoder.weight"]):abs():max():item() > 0)
  end)

  for _, name in ipairs { "RNN", "LSTM", "GRU" } do
    it("has the gradients of an nn." .. name .. " that is not", function()
      for _, options in ipairs { {}, { layers = 2, bidirectional = true }, { layer_norm = true }, { recompute = 2 } } do
        local layer, x = nn[name](3, 4, options), rnn.randn(2, 5, 3)
        local function gradients()
          layer:zero_grad();
          (layer(x)):square():sum():backward()
          local found = {}
          for _, pair in ipairs(layer:named_parameters()) do found[pair[1]] = pair[2].grad:totable() end
          return found
        end
        local all = gradients()
        for _, pattern in ipairs { "weight_ih", "weight_hh", "bias" } do
          layer:freeze(pattern)
          local some = gradients()
          assert.is_truthy(next(some))
          for key, gradient in pairs(some) do assert.same(all[key], gradient) end
          assert.is_nil(some[pattern .. "_l0"])
          layer:unfreeze()
        end
        assert.is_false((layer:freeze()(x)):requires_grad())
      end
    end)
  end

  it("leaves buffers alone", function()
    local model = nn.Sequential { nn.Linear(2, 3), nn.BatchNorm(3), nn.LSTM(3, 3) }
    local count = #model:parameters()
    model:freeze():unfreeze()
    assert.equal(count, #model:parameters())
    local optimizer = optim.SGD(model:parameters())
    assert.equal(0, #model:freeze():parameters())
    fails("option 'optimizer': all of its parameters are frozen, so nothing would be trained", rnn.fit, model,
      { data = data.arrays(rnn.ones(2, 1), rnn.ones(2, 1)):batches(), loss = "mse", optimizer = optimizer })
    assert.equal(count, #model:frozen())
  end)

  it("is found by each name of what is shared", function()
    local model = nn.Module { a = nn.Linear(2, 2), b = nn.Linear(2, 2) }
    model.b.weight = model.a.weight
    model:freeze("^b%.weight$")
    assert.same({ "a.weight" }, model:frozen())
    fails("nn.Module:freeze: no parameter's name has '^c%.' in it", model.freeze, model, "^c%.")
    fails("nn.Module:unfreeze: argument 1: expected a string, got number 3", model.unfreeze, model, 3)
    fails("'%' is no pattern of Lua", model.freeze, model, "%")
  end)

  it("is thawed in the middle of a run, and goes on so from its checkpoint", function()
    local folder = os.tmpname()
    os.remove(folder)
    local function run(epochs)
      rnn.seed(1)
      local model = small()
      local optimizer = optim.Adam(model:parameters(), { lr = 0.05 })
      model:freeze("^1%.")
      train(model, { run = folder, epochs = epochs, optimizer = optimizer, on_epoch = function(epoch)
        if epoch == 2 then model:unfreeze() end
      end })
      return model
    end
    run(2)
    local model = run(4)
    local gone_on = model:state_dict()
    os.execute("rm -r " .. folder)
    local whole = run(4):state_dict()
    os.execute("rm -r " .. folder)
    for name, t in pairs(whole) do assert.same(t:totable(), gone_on[name]:totable()) end
    assert.equal(0, #model:frozen())
  end)
end)

describe("model:clone()", function()
  it("is a model of its own, with what is shared shared", function()
    local model = nn.Module { a = nn.Linear(2, 2), b = nn.Linear(2, 2), norm = nn.BatchNorm(2) }
    model.list = { nn.GRU(2, 2) }
    model.b.weight, model.list[1].above = model.a.weight, model
    model:freeze("^norm%.")
    model.a(rnn.ones(1, 2)):sum():backward()
    local copy = model:clone()
    assert.equal(copy, copy.list[1].above)
    assert.equal(copy.a.weight, copy.b.weight)
    assert.are_not.equal(model.a.weight, copy.a.weight)
    assert.is_nil(copy.a.weight.grad)
    assert.is_truthy(model.a.weight.grad)
    assert.same(model:frozen(), copy:frozen())
    assert.equal(#model:parameters(), #copy:parameters())
    local names = {}
    for i, pair in ipairs((copy:named_tensors())) do names[i] = pair[1] end
    for i, pair in ipairs((model:named_tensors())) do assert.equal(pair[1], names[i]) end
    local x = rnn.randn(2, 3, 2)
    assert.same(model.list[1](x):totable(), copy.list[1](x):totable())
    copy.a.weight:fill_(0)
    assert.is_true(model.a.weight:abs():max():item() > 0)
  end)

  for _, name in ipairs(layers.names()) do
    it("copies nn." .. name, function()
      local case = layers.cases[name]
      rnn.seed(21)
      local layer, x = case.make():eval(), case.input()
      local run = case.run or function(l, input) return l(input) end
      local copy = layer:clone()
      local want = (run(layer, x)):detach():copy()
      assert.equal(tostring(layer), tostring(copy))
      for _, pair in ipairs((layer:named_tensors())) do
        if pair[2]:type() == "float" then pair[2]:fill_(0) end
      end
      assert.equal(0, approx.distance(want, (run(copy, x))))
      local seen = {}
      for _, pair in ipairs(layer:modules()) do seen[pair[2]] = true end
      for _, pair in ipairs(copy:modules()) do assert.is_nil(seen[pair[2]], pair[1]) end
    end)
  end

  it("learns without the model", function()
    local model = small()
    local before, copy = model:state_dict(), model:clone()
    train(copy)
    for name, t in pairs(model:state_dict()) do assert.same(before[name]:totable(), t:totable()) end
    assert.is_true((copy[1].weight - model[1].weight):abs():max():item() > 0)
  end)
end)

describe("an embedding that two models share", function()
  with_file("is counted, trained and saved once", function()
    local embed = nn.Embedding(6, 4)
    local tagger = nn.Sequential { embed, nn.GRU(4, 5), nn.Linear(5, 3) }
    local judge = nn.Sequential { embed, nn.GRU(4, 5, { returns = "last" }), nn.Linear(5, 2) }
    local both = nn.Module { tagger = tagger, judge = judge }
    assert.equal(#tagger:parameters() + #judge:parameters() - 1, #both:parameters())
    local opt = optim.SGD(both:parameters(), { lr = 1 })
    local ids, labels = rnn.tensor({ { 1, 2, 6 } }, "int32"), rnn.tensor({ { 1, 2, 3 } }, "int32")
    local before = embed.weight:copy();
    (nn.cross_entropy(tagger(ids), labels) + nn.cross_entropy(judge(ids), labels:reshape(-1):rows(1, 1))):backward()
    local gradient = embed.weight.grad:copy()
    opt:step()
    assert.is_true((before - gradient - embed.weight):abs():max():item() < 1e-6)
    assert(rnn.save(path, both))
    local tensors = rnn.archive_read(path)
    assert.is_nil(tensors["tagger.1.weight"]) -- it has its first name
    local again = assert(rnn.load(path))
    assert.equal(again.judge[1].weight, again.tagger[1].weight)
    assert.same(embed.weight:totable(), again.tagger[1].weight:totable())
  end)
end)

local Residual = nn.module("Residual", function(self, units, options)
  nn.LSTM.init(self, units, units, options)
end, nn.LSTM)
function Residual:forward(x, state)
  local y, new = nn.LSTM.forward(self, x, state)
  return x + y, new
end

local Tagger = nn.module("Tagger", function(self, sizes, layer, dropout)
  self.embed, self.body = nn.Embedding(sizes.ids, sizes.units), layer
  self.drop, self.head = dropout and nn.Dropout(dropout), nn.Linear(sizes.units, sizes.classes[1])
end)
function Tagger:forward(ids)
  local y = self.body(self.embed(ids))
  return self.head(self.drop and self.drop(y) or y)
end

describe("a layer of a script's own", function()
  with_file("is made again with the arguments of its constructor", function()
    local sizes = { ids = 9, units = 4, classes = { 3 } }
    local model = Tagger(sizes, Residual(4, { layers = 2 }))
    sizes.ids = 100 -- what the constructor was given counts
    assert(rnn.save(path, model))
    rnn.seed(5)
    local before = rnn.random_state().position
    local again = assert(rnn.load(path))
    assert.equal(before, rnn.random_state().position)
    assert.equal(Tagger, getmetatable(again))
    assert.equal(Residual, getmetatable(again.body))
    local ids = rnn.tensor({ { 1, 2, 9 } }, "int32")
    assert.same(model(ids):totable(), again(ids):totable())
    assert(rnn.save(path, again:clone()))
    assert.same(model(ids):totable(), assert(rnn.load(path))(ids):totable())
    assert.equal(0.5, assert(rnn.save(path, Tagger(sizes, Residual(4), 0.5))) and rnn.load(path).drop.rate)
  end)

  it("does not leave out in step what it adds in forward", function()
    local x, streams = rnn.randn(2, 3, 4), nil
    local layer = Residual(4):eval()
    local message = "step: forward is Residual's own, so step would leave out what it adds; write function "
    assert.error_matches(function() layer:step(x:select(2, 1)) end, message)
    local Deeper = nn.module("DeeperResidual", Residual.init, Residual)
    assert.error_matches(function() Deeper(4):eval():step(x:select(2, 1)) end, message)
    local Stepping = nn.module("SteppingResidual", Residual.init, Residual)
    function Stepping:step(x_t, state)
      local y, new = nn.LSTM.step(self, x_t, state)
      return x_t + y, new
    end
    layer = Stepping(4):eval()
    local whole = layer(x)
    for t = 1, 3 do
      local y
      y, streams = layer:step(x:select(2, t), streams)
      assert.same(whole:select(2, t):totable(), y:totable())
    end
    local Cells = nn.module("ResidualCells", function(self, units)
      nn.Recurrent.init(self, nn.GRUCell(units, units))
    end, nn.Recurrent)
    function Cells:forward(x_all) return x_all + nn.Recurrent.forward(self, x_all) end
    assert.error_matches(function() Cells(4):eval():step(x:select(2, 1)) end, "forward is ResidualCells's own")
  end)

  it("is summed up on a table of inputs", function()
    local model = nn.Module { a = nn.Linear(2, 1), b = nn.Embedding(3, 4), scale = rnn.ones(1):requires_grad(true) }
    function model:forward(x) return { out = self.a(x.x) * self.scale, id = self.b(x.id) } end
    local lines = {}
    local write = io.write
    io.write = function(text) lines[1] = text end -- luacheck: ignore
    local ok, message = pcall(model.summary, model, { x = rnn.zeros(1, 2), id = rnn.ones { 1, type = "int32" } })
    io.write = write -- luacheck: ignore
    assert.is_true(ok, message)
    assert.is_truthy(lines[1]:find("id (1, 4), out (1, 1)", 1, true), lines[1])
  end)

  with_file("says why it cannot be", function()
    local Odd = nn.module("Odd", function(self) self.w = rnn.ones(1):requires_grad(true) end)
    local function why(...)
      assert(rnn.save(path, Odd(...)))
      return select(2, rnn.load(path))
    end
    assert.is_truthy(why(print):find("argument 1 of Odd: function is nothing that a file can hold", 1, true))
    assert.is_truthy(why(1, 0 / 0):find("argument 2 of Odd: number nan is nothing", 1, true))
    assert.is_truthy(why({ 1, a = 2 }):find("argument 1 of Odd: a table has keys that are neither", 1, true))
    assert.is_truthy(why({ class = "x" }):find("argument 1 of Odd: table is nothing", 1, true))
    assert(rnn.archive_write(path, {}, { format = "rnnlua", ["rnnlua.config"] = '{"class":"Elsewhere"}' }))
    local message = select(2, rnn.load(path))
    assert.is_truthy(message:find("unknown layer 'Elsewhere'; one of a script's own has to be defined", 1, true))
    fails("nn.module: argument 3 (base): expected a class of layers, such as nn.LSTM, got table", nn.module, "X", print,
      {})
  end)
end)

-- nn.Module: names by walking, modes, state dictionaries, printing, summaries; nn.Sequential; nn.module.
local core = require "rnn.core"
local nn = require "rnn.nn"

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^[^ ]*:%d+: ", ""))
end

local function names(pairs_list)
  local list = {}
  for i, pair in ipairs(pairs_list) do list[i] = pair[1] end
  return list
end

describe("parameters", function()
  it("are found by walking fields, lists first, then names in order", function()
    local model = nn.Module {
      zebra = nn.Linear(2, 3, { bias = false }),
      heads = { nn.Linear(1, 1), nn.Linear(1, 1, { bias = false }) },
      alpha = core.zeros(2):requires_grad(true),
    }
    assert.same({ "alpha", "heads.1.bias", "heads.1.weight", "heads.2.weight", "zebra.weight" },
      names(model:named_parameters()))
    assert.equal(5, #model:parameters())
    assert.equal(model.zebra.weight, model:parameters()[5])
  end)

  it("that are shared come once, under their first name", function()
    local tied = nn.Module { embed = nn.Embedding(5, 3), head = nn.Linear(3, 5, { bias = false }) }
    tied.head.weight = tied.embed.weight
    assert.same({ "embed.weight" }, names(tied:named_parameters()))
    local _, aliases = tied:named_tensors()
    assert.same({ ["head.weight"] = "embed.weight" }, aliases)
    local layer = nn.Linear(2, 2)
    assert.same({ "1.bias", "1.weight" }, names(nn.Sequential { layer, layer }:named_parameters()))
  end)

  it("are those that require a gradient; other tensors are buffers", function()
    local model = nn.Sequential { nn.BatchNorm(2), nn.Linear(2, 1) }
    model[2].bias:requires_grad(false)
    assert.same({ "1.bias", "1.weight", "2.weight" }, names(model:named_parameters()))
    assert.same({ "1.bias", "1.running_mean", "1.running_var", "1.weight", "2.bias", "2.weight" },
      names((model:named_tensors())))
  end)

  it("of one name are an error", function()
    for name, fields in pairs { ["1"] = { core.ones(1), ["1"] = core.ones(1) },
      ["a.b"] = { a = { b = core.ones(1) }, ["a.b"] = core.ones(1) } } do
      assert.equal(("nn.Module: two tensors have the name '%s'; a key is a number or its digits, and has no dots")
        :format(name), message_of(function() nn.Module(fields):state_dict() end))
    end
  end)

  it("are found once though fields point upwards", function()
    local model = nn.Module { part = nn.Linear(1, 1) }
    model.part.owner = model
    assert.same({ "part.bias", "part.weight" }, names(model:named_parameters()))
    assert.equal(2, #model:modules())
  end)

  it("lose their gradients with zero_grad", function()
    local layer = nn.Linear(2, 1)
    layer(core.ones(1, 2)):sum():backward()
    assert.is_truthy(layer.weight.grad)
    layer:zero_grad()
    assert.is_nil(layer.weight.grad)
  end)
end)

describe("train and eval", function()
  it("reach every module below, tables too", function()
    local model = nn.Module { parts = { nn.Dropout(0.5) }, chain = nn.Sequential { nn.Dropout(0.1) } }
    assert.is_true(model.training)
    assert.equal(model, model:eval())
    assert.is_false(model.parts[1].training)
    assert.is_false(model.chain[1].training)
    model:train()
    assert.is_true(model.chain[1].training)
    assert.is_true(nn.Dropout(0.5).training)
  end)
end)

describe("state_dict", function()
  it("is a copy, and load_state_dict brings it back", function()
    local model = nn.Sequential { nn.Linear(2, 2), nn.BatchNorm(2) }
    local saved = model:state_dict()
    local before = model[1].weight:totable()
    model[1].weight:fill_(7)
    model[2].running_mean:fill_(3)
    assert.same(before, saved["1.weight"]:totable())
    model:load_state_dict(saved)
    assert.same(before, model[1].weight:totable())
    assert.same({ 0, 0 }, model[2].running_mean:totable())
    assert.is_true(model[1].weight:requires_grad())
  end)

  it("must have the model's names and shapes; else nothing changes", function()
    local model = nn.Linear(2, 3)
    local before = model.weight:totable()
    assert.equal("nn.Linear(2 -> 3):load_state_dict: names differ; missing in the state: bias; unknown to the model: "
      .. "kernel, scale", message_of(model.load_state_dict, model,
        { weight = core.zeros(3, 2), kernel = core.zeros(1), scale = core.zeros(1) }))
    assert.equal("nn.Linear(2 -> 3):load_state_dict: 'weight' is tensor (3, 2) float in the model, but tensor (2, 3) "
      .. "float in the state",
      message_of(model.load_state_dict, model, { bias = core.ones(3), weight = core.zeros(2, 3) }))
    assert.same({ 0, 0, 0 }, model.bias:totable())
    assert.same(before, model.weight:totable())
  end)

  it("may be loaded in part", function()
    local model = nn.Linear(2, 3)
    local missing, unexpected = model:load_state_dict({ bias = core.ones(3), x = 1 }, { strict = false })
    assert.same({ "weight" }, missing)
    assert.same({ "x" }, unexpected)
    assert.same({ 1, 1, 1 }, model.bias:totable())
  end)
end)

describe("nn.Sequential", function()
  it("passes first results on", function()
    local y, more = nn.Sequential { nn.LSTM(2, 3), nn.Linear(3, 1) }(core.zeros(4, 5, 2))
    assert.equal("4,5,1", table.concat({ y:shape() }, ","))
    assert.is_nil(more)
    local _, state = nn.Sequential { nn.LSTM(2, 3) }(core.zeros(4, 5, 2))
    assert.is_nil(state)
  end)

  it("wants a list of layers", function()
    assert.equal("nn.Sequential: argument 1: expected a table with at least one layer, got nn.Linear(1 -> 1)",
      message_of(nn.Sequential, nn.Linear(1, 1)))
    assert.equal("nn.Sequential: argument 1: expected a table with at least one layer, got table",
      message_of(nn.Sequential, {}))
    assert.equal("nn.Sequential: layer 2: expected a layer, got number 3",
      message_of(nn.Sequential, { nn.Linear(1, 1), 3 }))
    assert.equal("nn.Sequential: layer 2: expected a layer, got nil",
      message_of(nn.Sequential, { nn.Linear(1, 1), nil, nn.Linear(1, 1) }))
    assert.equal("nn.Sequential: layer: expected a list without names, got string 'head'",
      message_of(nn.Sequential, { nn.Linear(1, 1), head = nn.Linear(1, 1) }))
  end)
end)

describe("nn.module and nn.Module", function()
  it("make models of a script's own", function()
    local Net = nn.module("Net", function(self, units) self.lin = nn.Linear(2, units) end)
    function Net:forward(x) return self.lin(x):relu() end
    local net = Net(3)
    assert.equal("2,3", table.concat({ net(core.zeros(2, 2)):shape() }, ","))
    assert.is_true(nn.Module.is(net))
    assert.is_false(nn.Module.is {})
    assert.equal("Net {\n  lin = nn.Linear(2 -> 3),\n}", tostring(net))
  end)

  it("say that a module without forward cannot be called", function()
    assert.equal("nn.Module: has no forward of its own, so it cannot be called",
      message_of(nn.Module { lin = nn.Linear(1, 1) }, core.zeros(1)))
    assert.equal("nn.Module: argument 1 (fields): expected a table, got nil", message_of(nn.Module))
    assert.equal("nn.module: argument 1 (name): expected a string, got nil", message_of(nn.module))
  end)
end)

describe("printing", function()
  it("shows layers, nested ones indented", function()
    local model = nn.Sequential { nn.Sequential { nn.GRU(1, 2, { returns = "last" }) }, nn.Dropout(0.1), nn.Tanh() }
    assert.equal([[
nn.Sequential {
  nn.Sequential {
    nn.GRU(1 -> 2, returns = "last"),
  },
  nn.Dropout(0.1),
  nn.Tanh(),
}]], tostring(model))
  end)
end)

describe("summary", function()
  local summary = require "rnn.nn.summary"

  it("lists layers in the order of their calls, shapes, parameters and totals", function()
    local model = nn.Module {
      embed = nn.Embedding(10, 4), a_lstm = nn.LSTM(4, 8, { layers = 2 }), head = nn.BatchNorm(8),
    }
    function model:forward(ids) return self.head((self.a_lstm(self.embed(ids)))) end
    local text = summary(model, core.zeros { 3, 7, type = "int32" })
    local rows = {}
    for line in text:gmatch("[^\n]+") do rows[#rows + 1] = line:gsub("%s%s+", "|") end
    assert.same({ "embed|nn.Embedding(10 -> 4)|(3, 7, 4)|40", "a_lstm|nn.LSTM(4 -> 8, layers = 2)|(3, 7, 8)|1,024",
      "head|nn.BatchNorm(8)|(3, 7, 8)|32" }, { rows[3], rows[4], rows[5] })
    assert.is_truthy(text:find("Total parameters: 1,096 (", 1, true))
    assert.is_truthy(text:find("Trainable: 1,016, not trainable: 80", 1, true))
  end)

  it("takes a shape, and ids where the first layer wants them", function()
    local text = summary(nn.Sequential { nn.Embedding(10, 4), nn.GRU(4, 5) }, 3, 7)
    assert.is_truthy(text:find("(3, 7, 5)", 1, true))
    assert.is_truthy(summary(nn.Linear(2, 3), 4, 2):find("nn.Linear%(2 %-> 3%)%s+%(4, 3%)%s+9"))
  end)

  it("shows a cell below its layer, and what was not called", function()
    local model = nn.Module { run = nn.Recurrent(nn.GRUCell(2, 3)), spare = nn.Linear(1, 1) }
    function model:forward(x) return (self.run(x)) end
    local text = summary(model, 4, 5, 2)
    assert.is_truthy(text:find("run.cell%s+nn.GRUCell%(2 %-> 3%)%s+%(4, 3%)%s+63"))
    assert.is_truthy(text:find("spare%s+nn.Linear%(1 %-> 1%)%s+not called%s+2"))
  end)

  it("leaves the model as it was, even when the run fails", function()
    local model = nn.Sequential { nn.BatchNorm(2), nn.Dropout(0.5) }
    model[2].training = false
    summary(model, 3, 2)
    assert.is_truthy(message_of(summary, model, 3, 5):find("nn.BatchNorm(2): expected input", 1, true))
    assert.same({ 1, 1 }, model[1].running_var:totable())
    assert.is_nil(rawget(model[1], "forward"))
    assert.is_true(model[1].training)
    assert.is_false(model[2].training)
    assert.is_true(core.recording())
    assert.equal("model:summary: arguments: expected the shape of the input, summary(N, T, D), got nil",
      message_of(summary, model))
  end)
end)

describe("what forward leaves in a field", function()
  local Model = nn.module("Model", function(self)
    self.lin, self.mask, self.cache, self.last = nn.Linear(2, 2), core.ones(2), {}, false
  end)
  function Model:forward(x)
    self.hidden = self.lin(x)
    self.cache[1], self.last, self.both = self.hidden, self.hidden, { h = self.hidden }
    return self.hidden
  end

  local function state_names(model)
    local list = {}
    for name in pairs(model:state_dict()) do list[#list + 1] = name end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("is no parameter, no buffer and in no file", function()
    local x = core.ones(1, 2)
    for _, run in ipairs { function(model) model(x):sum():backward() end,
      function(model) core.no_grad(function() model:forward(x) end) end } do
      local model = Model()
      run(model)
      assert.equal(2, #model:parameters())
      assert.equal("lin.bias lin.weight mask", state_names(model))
      model:load_state_dict(Model():state_dict())
    end
  end)

  it("differs from what is put into the model", function()
    local model = Model()
    model(core.ones(1, 2))
    model.mean, model.scale = core.zeros(2), core.ones(1):requires_grad(true)
    model.stats = { most = core.ones(1) }
    assert.equal("lin.bias lin.weight mask mean scale stats.most", state_names(model))
    assert.equal(3, #model:parameters())
    model.lin.weight:requires_grad(false) -- frozen
    assert.equal(2, #model:parameters())
    assert.equal("lin.bias lin.weight mask mean scale stats.most", state_names(model))
  end)

  it("may not take the place of a parameter, which nothing would train then", function()
    local function replace(change, finally)
      local model = nn.Sequential { nn.Linear(2, 3), nn.Recurrent(nn.GRUCell(3, 2)) }
      change(model)
      return finally and #model:parameters() or message_of(model.parameters, model)
    end
    local message = "'weight' was a parameter, and another tensor is there now"
    assert.matches(message, replace(function(m) m[1].weight = core.ones(3, 2) end))
    assert.matches(message, replace(function(m) m[1].weight = core.ones(3, 1) end))
    assert.matches(message, replace(function(m)
      m[1].weight = core.tensor({ { 1, 2 }, { 3, 4 }, { 5, 6 } }, "int32")
    end))
    assert.matches(message, replace(function(m) m[1].weight = m[1].weight * 2 end))
    assert.matches(message, replace(function(m) m:freeze()[1].weight = core.ones(3, 2) end))
    assert.matches("'weight_ih' was", replace(function(m) m[2].cell.weight_ih = core.ones(6, 3) end))
    assert.matches(message, message_of(require "rnn".predict, (function()
      local clone = nn.Sequential { nn.Linear(2, 3) }:clone()
      clone[1].weight = core.ones(3, 2)
      return clone
    end)(), core.ones(4, 2)))
    assert.equal(6, replace(function(m) m[1].weight = core.ones(3, 2):requires_grad(true) end, true))
    assert.equal(6, replace(function(m) m[1].weight:assign(core.ones(3, 2)) end, true))
    assert.equal(5, replace(function(m) m[1].weight = nil end, true))
    assert.equal(5, replace(function(m)
      m[1].weight:requires_grad(false)
      m[1].weight = core.ones(3, 2)
    end, true))
  end)

  it("is none in a field of another module either", function()
    local Cell = nn.cell("Cell", function(self, inputs, units) self.gru = nn.GRUCell(inputs, units) end)
    function Cell:step(x, h) return self.gru:step(x + self.memory:mean(), h) end
    local Outer = nn.module("Outer", function(self)
      self.enc, self.dec = nn.GRU(2, 3), nn.Recurrent(Cell(2, 3))
    end)
    function Outer:forward(x)
      self.dec.cell.memory = self.enc(x)
      return self.dec(x)
    end
    local model, x = Outer(), core.ones(2, 4, 2)
    local before = state_names(model)
    core.no_grad(function() model:forward(x) end)
    assert.equal(before, state_names(model))
    model = Outer()
    model.dec.cell.memory = model.enc(x) -- nor is a result of ops from outside
    assert.equal(before, state_names(model))
  end)

  it("is the value of a buffer where it has the buffer's shape and no history", function()
    local Mean = nn.module("Mean", function(self) self.lin, self.mean, self.hidden = nn.Linear(2, 2), core.zeros(2),
      core.zeros(1, 2) end)
    function Mean:forward(x)
      self.hidden = self.lin(x)
      self.mean = 0.5 * self.mean + x:mean(1)
      return self.hidden
    end
    local model, x = Mean(), core.ones(4, 2)
    model(x)
    model(x)
    local state = model:state_dict()
    assert.same({ 1.5, 1.5 }, { state.mean:get(1), state.mean:get(2) })
    assert.equal(0, state.hidden:abs():max():item())
    core.no_grad(function() model:forward(x) end)
    local fresh = Mean()
    fresh:load_state_dict(model:state_dict())
    assert.equal(1.75, fresh.mean:get(2))
    assert.equal(1.75, model:clone().mean:get(2))
    model:load_state_dict(Mean():state_dict())
    assert.equal(0, model.mean:get(2))
  end)

  it("in a constructor has to be a leaf, as for optimisers", function()
    local Wrong = nn.module("Wrong", function(self) self.w = core.ones(2):requires_grad(true) * 0.1 end)
    assert.matches("Wrong: field 'w' is the result of an op", message_of(Wrong))
    assert.matches("optim.SGD: argument 1 %(params%[1%]%): expected a parameter, got the result of an op",
      message_of(require "rnn.optim".SGD, { core.ones(2):requires_grad(true) * 0.1 }))
    local w = core.ones(1):requires_grad(true)
    local y = w * 2
    assert.same({ true, false }, { w:is_leaf(), y:is_leaf() })
    y:backward()
    assert.is_false(y:is_leaf())
  end)
end)

describe("a clone", function()
  local function zero(layer)
    for _, p in ipairs(layer:parameters()) do core.no_grad(function() p:fill_(0) end) end
    return layer
  end

  it("of a layer that has run as a formula has weights of its own", function()
    local x = core.randn(2, 5, 3)
    for _, options in ipairs { { layer_norm = true }, { zoneout = 0.1 }, { layer_norm = true, recompute = true },
      { recurrent_dropout = 0.1 }, { activation = "softsign" }, { weight_dropout = 0.1 } } do
      for _, kind in ipairs { "RNN", "GRU", "LSTM" } do
        local layer = nn[kind](3, 4, options):eval()
        layer(x)
        local clone = zero(layer:clone())
        assert.equal(0, clone(x):abs():max():item())
        assert.equal(0, clone:step(x:select(2, 1)):abs():max():item())
        clone(x):sum():backward()
        assert.same({ true, true }, { layer.weight_ih_l0.grad == nil, clone.weight_ih_l0.grad ~= nil })
      end
    end
  end)

  it("records its own gates, and is neither heard nor watched", function()
    local x, heard = core.randn(2, 5, 3), 0
    local layer = nn.LSTM(3, 4):record { "f" }:watch()
    layer:hear(function() heard = heard + 1 end)
    layer(x):sum():backward()
    local clone = zero(layer:clone())
    local y = clone(x)
    assert.equal(1, heard)
    assert.same({ 0.5, 0.5 }, { clone:recorded().f:max():item(), clone:recorded().f:min():item() })
    y:sum():backward()
    assert.same({ 0, 1 }, { #clone:flow(), #layer:flow() })
  end)
end)

-- rnn.save and rnn.load: every layer comes back from its file alone; hostile and broken files give nil and a message.
local rnn = require "rnn"
local nn = rnn.nn
local approx = require "support.approx"
local layers = require "support.layer_cases"
local shell = require "support.shell"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"

local path

local function read_bytes()
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "a"
  file:close()
  return bytes
end

-- What rnn.load says of a file with this configuration (a table) and these tensors.
local function load_config(config, tensors, extra)
  assert(rnn.archive_write(path, tensors or {}, {
    format = "rnnlua",
    ["rnnlua.config"] = type(config) == "table" and rnn.json_encode(config) or config,
    ["rnnlua.extra"] = extra,
  }))
  return rnn.load(path)
end

describe("rnn.save and rnn.load", function()
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  for _, name in ipairs(layers.names()) do
    it("rebuild nn." .. name, function()
      local case = layers.cases[name]
      rnn.seed(21)
      local layer, x = case.make(), case.input()
      for _, pair in ipairs((layer:named_tensors())) do pair[2]:uniform_(0.1, 0.9) end
      assert.is_true(rnn.save(path, layer))
      local again = assert(rnn.load(path))
      assert.equal(tostring(layer), tostring(again))
      assert.equal(getmetatable(layer), getmetatable(again))
      assert.equal(#layer:parameters(), #again:parameters())
      layer:eval()
      again:eval()
      local run = case.run or function(l, input) return l(input) end
      assert.equal(0, approx.distance((run(layer, x)), (run(again, x))))
    end)
  end

  it("keep options and nesting", function()
    local model = nn.Sequential {
      nn.Embedding(9, 4),
      nn.RNN(4, 5, { layers = 2, activation = "relu" }),
      nn.Sequential { nn.LayerNorm(5, { epsilon = 0.5 }), nn.Dropout(0.3) },
      nn.Recurrent(nn.RNNCell(5, 5, { activation = "relu" }), { returns = "last" }),
      nn.BatchNorm(5, { momentum = 0.5 }),
      nn.Linear(5, 2, { bias = false }),
      nn.LeakyReLU(0.1),
    }
    assert(rnn.save(path, model))
    local again = assert(rnn.load(path))
    assert.equal(tostring(model), tostring(again))
    assert.equal(0.5, again[3][1].epsilon)
    assert.equal(0.5, again[5].momentum)
    assert.equal("relu", again[4].cell.activation)
    assert.is_true(again.training)
  end)

  it("keep parts of a nn.Module by name", function()
    local model = nn.Module { encoder = nn.GRU(2, 3), head = nn.Linear(3, 2), window = 56 }
    assert(rnn.save(path, model))
    local again = assert(rnn.load(path))
    assert.same(model.head.weight:totable(), again.head.weight:totable())
    assert.equal(56, again.window)
    model.heads = { nn.Linear(1, 1), nn.Linear(2, 1) }
    assert(rnn.save(path, model))
    again = assert(rnn.load(path))
    assert.same(model.heads[2].weight:totable(), again.heads[2].weight:totable())
    model.forward = print
    assert(rnn.save(path, model))
    local message = select(2, rnn.load(path))
    assert.is_truthy(message:find("nn.Module: 'forward': function is nothing that a file can hold", 1, true), message)
  end)

  it("keep what is shared shared", function()
    local model = nn.Module { embed = nn.Embedding(5, 3), head = nn.Linear(3, 5) }
    model.head.weight = model.embed.weight
    assert(rnn.save(path, model))
    local again = assert(rnn.load(path))
    assert.equal(again.embed.weight, again.head.weight)
    assert.equal(2, #again:parameters())
    local layer = nn.Linear(2, 2)
    assert(rnn.save(path, nn.Sequential { layer, nn.Tanh(), layer }))
    again = assert(rnn.load(path))
    assert.equal(again[1].weight, again[3].weight)
  end)

  it("write a file that others can read: plain names", function()
    assert(rnn.save(path, nn.Sequential { nn.LSTM(2, 3) }))
    local tensors, metadata = rnn.archive_read(path)
    local names = {}
    for name in pairs(tensors) do names[#names + 1] = name end
    table.sort(names)
    assert.same({ "1.bias_hh_l0", "1.bias_ih_l0", "1.weight_hh_l0", "1.weight_ih_l0" }, names)
    assert.equal("rnnlua", metadata.format)
    assert.equal(rnn.version, metadata["rnnlua.version"])
  end)

  it("take no random numbers", function()
    assert(rnn.save(path, nn.Sequential { nn.LSTM(2, 3), nn.Linear(3, 1) }))
    rnn.seed(5)
    local before = rnn.random_state().position
    assert(rnn.load(path))
    assert.equal(before, rnn.random_state().position)
    nn.Linear(2, 2)
    assert.is_true(rnn.random_state().position > before)
  end)

  it("write equal models to equal bytes", function()
    local model = nn.Sequential { nn.LSTM(2, 3), nn.Linear(3, 1) }
    assert(rnn.save(path, model, { b = 1, a = { 1, 2 } }))
    local first = read_bytes()
    assert(rnn.save(path, assert(rnn.load(path)), { a = { 1, 2 }, b = 1 }))
    assert.equal(first, read_bytes())
  end)

  it("keep an extra table: values, tensors, states, scalers", function()
    local _, state = nn.LSTM(2, 3)(rnn.randn(2, 4, 2))
    local extra = {
      epoch = 7, best = 0.25, name = "é", done = true, words = { "a", "b" }, none = {},
      odd = { math.huge, -math.huge, 0 / 0 },
      mean = rnn.tensor { 1, 2 }, nested = { { ids = rnn.tensor({ 3 }, "int32") } }, state = state:detach(),
      scaler = rnn.data.Scaler():fit(rnn.tensor { { 1 }, { 3 } }),
      ["a.b"] = rnn.tensor { 5 }, a = { b = rnn.tensor { 6 } },
    }
    assert(rnn.save(path, nn.Linear(1, 1), extra))
    local _, back = assert(rnn.load(path))
    assert.equal(7, back.epoch)
    assert.equal("integer", math.type(back.epoch))
    assert.same({ 0.25, "é", true, { "a", "b" } }, { back.best, back.name, back.done, back.words })
    assert.is_nil(next(back.none))
    assert.equal(math.huge, back.odd[1])
    assert.equal(-math.huge, back.odd[2])
    assert.is_true(back.odd[3] ~= back.odd[3])
    assert.same({ 1, 2 }, back.mean:totable())
    assert.same({ 3 }, back.nested[1].ids:totable())
    assert.equal("int32", back.nested[1].ids:type())
    assert.equal(nn.State, getmetatable(back.state))
    assert.same(state[2]:totable(), back.state[2]:totable())
    assert.same({ { -1 }, { 1 } }, back.scaler:transform(rnn.tensor { { 1 }, { 3 } }):totable())
    assert.same({ { 5 }, { 6 } }, { back["a.b"]:totable(), back.a.b:totable() })
  end)

  it("keep an optimiser's state_dict", function()
    local model = nn.Linear(2, 1)
    local opt = rnn.optim.Adam(model:parameters())
    model(rnn.ones(1, 2)):sum():backward()
    opt:step()
    assert(rnn.save(path, model, { optimizer = opt:state_dict() }))
    local again, extra = assert(rnn.load(path))
    local resumed = rnn.optim.Adam(again:parameters())
    resumed:load_state_dict(extra.optimizer)
    assert.equal(1, resumed.steps)
    assert.same(opt.state[2]:totable(), resumed.state[2]:totable())
  end)

  it("refuse what no file can hold, and leave the old file alone", function()
    local model = nn.Linear(1, 1)
    assert(rnn.save(path, model))
    local before = read_bytes()
    local loop = {}
    loop.again = loop
    local values = "expected numbers, strings, booleans, tensors, scalers, vocabularies and tables of them, got "
    local keys = "a saved table has either the keys 1, 2, 3 ... or names"
    for _, case in ipairs {
      { { f = print }, "extra/f: " .. values .. "function" },
      { { m = model }, "extra/m: " .. values .. "nn.Linear(1 -> 1)" },
      { { list = { 1, 2, x = 3 } }, "extra/list: key 'x': " .. keys },
      { { list = { [5] = 3 } }, "extra/list: key '5': " .. keys },
      { { ["$tensor"] = 1 }, "extra/: key '$tensor': " .. keys },
      { loop, "extra/again: the table contains itself" },
    } do
      local ok, message = pcall(rnn.save, path, model, case[1])
      assert.is_false(ok)
      assert.equal("rnn.save: " .. case[2], (message:gsub("^[^ ]*:%d+: ", "")))
    end
    assert.equal(before, read_bytes())
    local _, message = pcall(rnn.save, path, {})
    assert.is_truthy(message:find("rnn.save: argument 2 (model): expected a model, got table", 1, true))
  end)
end)

describe("a model with a script's own layers", function()
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local MyCell = nn.cell("MyCell", function(self, inputs, units) self.wx = nn.Linear(inputs, units) end)
  function MyCell:step(x, h)
    h = (self.wx(x) + h):tanh()
    return h, h
  end
  local function make() return nn.Sequential { nn.Recurrent(MyCell(2, 3)), nn.Linear(3, 1) } end

  it("comes back where its classes are defined", function()
    local model = make()
    assert(rnn.save(path, model))
    local again = assert(rnn.load(path))
    assert.equal(MyCell, getmetatable(again[1].cell))
    local x = rnn.randn(2, 4, 2)
    assert.same(model(x):totable(), again(x):totable())
  end)

  it("saves its weights; load says what to do", function()
    nn.cell("MyCell", function() end) -- another class has the name now
    local model = make()
    assert(rnn.save(path, model, { epoch = 3 }))
    local none, message, code = rnn.load(path)
    assert.is_nil(none)
    assert.equal("EFORMAT", code)
    assert.equal(("rnn.load: '%s': MyCell is not the class that has this name now. Make the model with its "
      .. "script, then rnn.load('%s', model) fills it by model:load_state_dict"):format(path, path), message)
    local again = make()
    local same, extra = assert(rnn.load(path, again))
    assert.equal(again, same)
    assert.equal(3, extra.epoch)
    assert.same(model[1].cell.wx.weight:totable(), again[1].cell.wx.weight:totable())
  end)

  describe("in a module", function()
    local sh, x
    local SOURCE = [[
      local nn = require("rnn").nn
      local Cell = nn.cell("LeakyOfModule", function(self, inputs, units, rate)
        self.wx, self.rate = nn.Linear(inputs, units), rate
      end)
      function Cell:step(x, h)
        h = (1 - self.rate) * h + self.rate * self.wx(x):tanh()
        return h, h
      end
      return ]]

    -- The module's file; what it returns; forgotten after the test.
    local function module(name, result)
      sh:write(name .. ".lua", SOURCE .. result)
      return require(name)
    end

    before_each(function()
      sh, x = shell.new(), rnn.randn(2, 4, 2)
      package.path = sh.folder .. "/?.lua;" .. package.path
    end)
    after_each(function()
      package.path = package.path:gsub("^[^;]*;", "")
      package.loaded.mycells, package.loaded.others = nil, nil
      sh:remove()
    end)

    -- Loads the file in a program of its own that ran these lines before; what is wrong, or "right".
    local function load_elsewhere(before, second)
      sh:write("load.lua", ([[local rnn = require "rnn"
        package.path = %q .. "/?.lua;" .. package.path
        %s
        local model, message = rnn.load(%q%s)
        if not model then print(message) os.exit() end
        local y = assert(rnn.archive_read %q)
        local sum = require("rnn.core").checksum
        print(sum(model(y.x):detach()) == sum(y.y) and "right" or "other values")]]):format(sh.folder,
        before, path, second or "", sh.folder .. "/xy"))
      local out, err, code = sh:run(("%s %s load.lua"):format(shell.quote(PROGRAM),
        rnn.precision() == "double" and "--double" or ""))
      assert.equal(0, code, err)
      return (out:gsub("\n$", ""))
    end

    local function save(Cell)
      local model = nn.Sequential { nn.Recurrent(Cell(2, 3, 0.25), { layers = 2 }), nn.Linear(3, 1) }
      assert(rnn.save(path, model))
      assert(rnn.archive_write(sh.folder .. "/xy", { x = x, y = model(x):detach() }))
      return model
    end

    it("is made again by the option classes, or after require", function()
      save(module("mycells", "Cell"))
      assert.equal("right", load_elsewhere("", ', { classes = { require "mycells" } }'))
      assert.equal("right", load_elsewhere("", ', { classes = { LeakyOfModule = require "mycells" } }'))
      assert.equal("right", load_elsewhere [[require "mycells"]])
      assert.equal(("rnn.load: '%s': unknown layer 'LeakyOfModule', of module 'mycells'; require \"mycells\" first, or "
        .. "give the class: rnn.load(path, { classes = { LeakyOfModule } })"):format(path), load_elsewhere "")
    end)

    it("is found in a table of the module", function()
      local cells = module("mycells", "{ version = 1, Leaky = Cell, help = print }")
      save(cells.Leaky)
      assert.equal("right", load_elsewhere("", ', { classes = { require("mycells").Leaky } }'))
      assert.equal("right", load_elsewhere("", ', { classes = { require "mycells" } }'))
      assert.equal("right", load_elsewhere("", ', { classes = require "mycells" }'))
      assert.equal("right", load_elsewhere [[require "mycells"]])
      assert.matches("of module 'mycells'", load_elsewhere "")
    end)

    it("is told from one of that name in another module", function()
      local Cell = module("mycells", "Cell")
      local Other = module("others", "Cell")
      assert.not_equal(Cell, Other)
      save(Cell)
      assert.equal(Cell, getmetatable(assert(rnn.load(path))[1].cell))
      assert.equal(Other, getmetatable(assert(rnn.load(path, { classes = { Other } }))[1].cell))
      save(Other)
      assert.equal(Other, getmetatable(assert(rnn.load(path))[1].cell))
    end)

    it("finds in no module but classes of nn.cell and nn.module", function()
      assert(rnn.archive_write(path, {}, { format = "rnnlua",
        ["rnnlua.config"] = '{"class":"nn.RecurrentBase","module":"rnn.nn.recurrent_base","args":[]}' }))
      require "rnn.nn.recurrent_base"
      assert.matches("unknown layer 'nn.RecurrentBase'", select(2, rnn.load(path)))
    end)

    it("says what classes are wrong", function()
      local function message_of(...) return (select(2, pcall(rnn.load, ...)):gsub("^.-:%d+: ", "", 1)) end
      assert.equal("rnn.load: option 'classes': expected classes of nn.cell or nn.module, got table",
        message_of(path, { classes = { print } }))
      assert.equal("rnn.load: option 'classes': expected a table, got string 'MyCell'",
        message_of(path, { classes = "MyCell" }))
      assert.equal("rnn.load: unknown option 'class'; known: classes", message_of(path, { class = MyCell }))
      assert.equal("rnn.load: argument 2 (model): expected a model, or a table of options, got number 3",
        message_of(path, 3))
    end)
  end)

  it("is not taken for the built-in class that it derives from", function()
    local Wider = require "rnn.class"("nn.Linear", nn.Linear)
    assert(rnn.save(path, Wider(2, 2)))
    assert.is_truthy(select(2, rnn.load(path)):find("nn.Linear is a class of a script's own", 1, true))
  end)
end)

describe("rnn.load of a file that is not whole, or hostile", function()
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  it("says nil, what, and a code", function()
    local none, message, code = rnn.load "/no/such/file"
    assert.is_nil(none)
    assert.is_truthy(message:find("/no/such/file", 1, true))
    assert.equal("EIO", code)
    assert(rnn.save(path, nn.Linear(2, 2)))
    local bytes = read_bytes()
    local file = assert(io.open(path, "wb"))
    file:write(bytes:sub(1, -5))
    file:close()
    none, message, code = rnn.load(path)
    assert.is_nil(none)
    assert.is_string(message)
    assert.equal("EFORMAT", code)
  end)

  it("names a file without architecture, and loads it into a model", function()
    assert(rnn.archive_write(path, { weight = rnn.ones(1, 2), bias = rnn.zeros(1) }, {}))
    local none, message = rnn.load(path)
    assert.is_nil(none)
    assert.is_truthy(message:find("holds tensors but no architecture", 1, true))
    local model = assert(rnn.load(path, nn.Linear(2, 1)))
    assert.same({ { 1, 1 } }, model.weight:totable())
    none, message = rnn.load(path, nn.Linear(3, 1))
    assert.is_nil(none)
    assert.is_truthy(message:find("'weight' is tensor (1, 3) float in the model, but tensor (1, 2) float", 1, true))
    assert.is_nil(message:find("save_spec.lua", 1, true))
  end)

  it("builds nothing but layers from the list", function()
    for _, config in ipairs {
      { class = "os.execute", args = { "true" } },
      { class = "nn.loss", args = { "mse" } },
      { class = "nn.cell", args = { "x" } },
      { class = "nn.State", args = { {} } },
      { class = "nn.Linear" },
      { class = "nn.Linear", args = { 2, 2 }, options = { hook = "os.exit" } },
      { class = "nn.Linear", args = { -1, 2 } },
      { class = "nn.Linear", args = 3 },
      { class = "nn.Sequential", layers = { { class = "nn.Missing" } } },
      { class = "nn.Sequential", layers = { 3 } },
      { class = { "nn.Linear" } },
      { class = "nn.Module", fields = { parameters = 3, named_tensors = true } },
      { args = { 1 } },
      "not JSON",
      "3",
    } do
      local none, message, code = load_config(config)
      assert.is_nil(none)
      assert.is_truthy(message:find("rnn.load: '" .. path, 1, true), message)
      assert.equal("EFORMAT", code)
    end
    assert.is_truthy(select(2, load_config { class = "os.execute" }):find("unknown layer 'os.execute'", 1, true))
  end)

  it("does not reach behind the objects through the names of shared tensors", function()
    local weights = { weight = rnn.ones(1, 1), bias = rnn.ones(1) }
    for alias, name in pairs {
      ["__index.forward"] = "weight", ["__index.weight"] = "weight", forward = "weight", weight = "nothing",
      ["weight.x"] = "weight", [""] = "weight", ["."] = "weight",
    } do
      local none, message = load_config({ class = "nn.Linear", args = { 1, 1 }, shared = { [alias] = name } }, weights)
      assert.is_nil(none, alias)
      assert.is_truthy(message:find("no tensor", 1, true), message)
    end
    assert.is_function(nn.Linear.forward)
    assert.is_nil(rawget(nn.Linear, "weight"))
  end)

  it("revives nothing but known objects in extra", function()
    local config, weights = { class = "nn.Linear", args = { 1, 1 } }, { weight = rnn.ones(1, 1), bias = rnn.ones(1) }
    assert.is_truthy(load_config(config, weights, '{"a":1}'))
    for _, extra in ipairs {
      '{"a":{"$tensor":"x"}}', '{"a":{"$tensor":7}}', '{"a":{"$object":"os.execute"}}', '{"a":{"$object":"nn.State"}}',
      '{"a":{"$object":"data.Scaler","state":{"kind":"standard"}}}', '{"a":', "7",
    } do
      local none, message, code = load_config(config, weights, extra)
      assert.is_nil(none, extra)
      assert.is_string(message)
      assert.equal("EFORMAT", code)
    end
  end)

  it("keep the options that a layer was made with, though the script goes on with its table", function()
    rnn.seed(1)
    local x, GRUCell = rnn.randn(2, 6, 4), nn.GRUCell
    for _, case in ipairs {
      { nn.RNN, "activation", "tanh", "relu" }, { nn.LSTM, "merge", "sum", "mean", bidirectional = true },
      { nn.GRU, "returns", "sequence", "last" },
      { function(_, _, o) return nn.Recurrent(GRUCell(4, 4), o) end, "merge", "sum", "mean", bidirectional = true },
    } do
      local options = { [case[2]] = case[3], bidirectional = case.bidirectional }
      local first = case[1](4, 4, options)
      options[case[2]] = case[4]
      local model = nn.Sequential { first, case[1](4, 4, options) }
      assert(rnn.save(path, model))
      assert.equal(0, approx.distance((model(x)), (assert(rnn.load(path))(x))))
    end
  end)

  it("leave frozen what is frozen, and not what was made to require a gradient again", function()
    local layer = nn.Linear(2, 2):freeze()
    layer.weight:requires_grad(true)
    assert.same({ "bias" }, layer:frozen())
    assert.same({ "bias" }, layer:clone():frozen())
    assert(rnn.save(path, layer))
    assert.same({ "bias" }, assert(rnn.load(path)):frozen())
  end)

  it("say no architecture where a layer is not the one that the constructor makes", function()
    local x = rnn.randn(2, 3)
    local Inner = nn.module("Inner", function(self) self.act = nn.Tanh() end)
    function Inner:forward(y) return self.act(y) end
    local Outer = nn.module("Outer", function(self)
      self.inner, self.head, self.more = Inner(), nn.Linear(3, 2), { nn.Linear(2, 2) }
      self.inner.act, self.inner.extra = nn.SELU(), nn.Linear(1, 1)
    end)
    function Outer:forward(y) return self.more[1](self.head(self.inner(y))) end
    local function outcome(change)
      local model = Outer()
      change(model)
      assert(rnn.save(path, model))
      local again, message = rnn.load(path)
      if again then return approx.distance(model(x), again(x)) end
      local script = Outer()
      change(script)
      assert.equal(0, approx.distance(model(x), assert(rnn.load(path, script))(x)))
      return message:match "': (the constructor.- now)%."
    end
    assert.equal(0, outcome(function() end))
    assert.equal(0, outcome(function(model) model.head = nn.Linear(3, 2) end)) -- alike
    assert.equal("the constructor of Outer makes nn.Linear(2 -> 2) as 'more.1', where there is nn.Tanh() now",
      outcome(function(model) model.more[1] = nn.Tanh() end))
    assert.equal("the constructor of Outer makes nothing as 'extra', where there is nn.Linear(2 -> 2) now",
      outcome(function(model) model.extra = nn.Linear(2, 2) end))
    assert.equal("the constructor of Inner makes nn.SELU() as 'inner.act', where there is nn.ReLU() now",
      outcome(function(model) model.inner.act = nn.ReLU() end))
    assert.equal("the constructor of Inner makes nn.Linear(1 -> 1) as 'inner.extra', where there is nothing now",
      outcome(function(model) model.inner.extra = nil end))
  end)
end)

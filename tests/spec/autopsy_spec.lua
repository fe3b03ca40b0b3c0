-- Where a NaN comes from: rnn.fit names the data's row, the op with its layer, step and line, or the learning rate.
local rnn = require "rnn"
local nn, optim, data = rnn.nn, rnn.optim, rnn.data

local function message_of(model, options)
  local before = model:state_dict()
  for name, t in pairs(before) do before[name] = t:copy() end
  options.progress = false
  options.optimizer = options.optimizer or optim.SGD(model:parameters(), { lr = 0.01 })
  local ok, message = pcall(rnn.fit, model, options)
  assert.is_false(ok)
  assert.is_false(rnn.check_finite(false)) -- nothing stays switched on
  return message, before
end

describe("a NaN in training", function()
  before_each(function() rnn.seed(11) end)

  it("in the data is found in its row", function()
    local x = rnn.rand(40000, 3)
    x:set(31337, 2, 0 / 0)
    local rows = data.arrays(x, rnn.rand(40000, 1))
    local message = message_of(nn.Linear(3, 1), { data = rows:batches { size = 512, shuffle = true }, loss = "mse" })
    assert.matches("the data hold nan at %(%d+, 2%) of the batch's x, item 31337 of the dataset", message)
    -- A series is looked at before it is cut into windows.
    local ok, refused = pcall(data.windows, x, { length = 20, target = 1 })
    assert.is_false(ok)
    assert.matches("row 31337, column 2", refused)
  end)

  it("in an op of a cell of one's own is found with its time step, layer and line", function()
    local Cell = nn.cell("Cell", function(self, inputs, units) self.w = nn.Linear(inputs + units, units) end)
    local line
    function Cell:step(x, h)
      local y = self.w(rnn.concat({ x, h }, 2)):tanh()
      line = debug.getinfo(1, "l").currentline + 1
      local z = (x:select(2, 1):reshape(-1, 1) + 1):log() -- of a negative number at step 17 of sample 3
      return y + z * 0, y + z * 0
    end
    local x = rnn.rand(6, 20, 2)
    x:set(3, 17, 1, -2)
    local model = nn.Sequential { nn.Linear(2, 2), nn.Recurrent(Cell(2, 5), { returns = "last" }), nn.Linear(5, 1) }
    model[1].weight:assign(rnn.tensor { { 1, 0 }, { 0, 1 } })
    local message = message_of(model, { data = data.arrays(x, rnn.zeros(6, 1)):batches { size = 6 }, loss = "mse" })
    assert.matches("log gives nan at %(3, 1%)", message)
    assert.matches("from %-1", message)
    assert.matches(("autopsy_spec.lua:%d:"):format(line), message)
    assert.matches("in layer '2", message)
    assert.matches("time step 17", message)
  end)

  it("in a cell with recurrent dropout is found by the plan's ordinary ops", function()
    local line
    local Cell = nn.cell("DroppedOfAutopsySpec", function(self, inputs, units)
      self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units)
    end)
    function Cell:step(x, h, t)
      line = debug.getinfo(1, "l").currentline + 1
      h = (self.wx(x) + self.wh(h)):tanh() * (h * 0 + 17.5 - t):sqrt() -- of a negative number at step 18
      return h, h
    end
    for _, recompute in ipairs { false, true } do
      local layer = nn.Recurrent(Cell(2, 5), { returns = "last", recurrent_dropout = 0.2, recompute = recompute })
      local model = nn.Sequential { nn.Linear(2, 2), layer, nn.Linear(5, 1) }
      local message = message_of(model, { data = data.arrays(rnn.rand(6, 20, 2), rnn.zeros(6, 1)):batches { size = 6 },
        loss = "mse" })
      assert.matches(("autopsy_spec.lua:%d: sqrt gives nan at %%(1, 1%%)"):format(line), message)
      assert.matches("from %-0.5, at time step 18, in layer '2'", message)
    end
  end)

  it("from a learning rate that is too high is called so", function()
    local model = nn.Sequential { nn.RNN(1, 8, { activation = "relu", returns = "last" }), nn.Linear(8, 1) }
    local x = rnn.randn(64, 30, 1)
    local message = message_of(model, { data = data.arrays(x, rnn.randn(64, 1)):batches { size = 8 }, loss = "mse",
      epochs = 20, optimizer = optim.SGD(model:parameters(), { lr = 10 }) })
    assert.matches("the weights have grown", message)
    assert.matches("lower lr from 10", message)
  end)

  it("from a state that has exploded names its layer", function()
    local layer = nn.RNN(2, 32, { activation = "relu", returns = "last" })
    layer.weight_hh_l0:assign(layer.weight_hh_l0:detach() * 3)
    local model = nn.Sequential { layer, nn.Linear(32, 1) }
    local x = rnn.randn(64, 100, 2) * 1e3
    local message = message_of(model, { data = data.arrays(x, rnn.randn(64, 1)):batches { size = 32 },
      loss = function(y) return (y:square() * (y:square() * 1e300)):mean() end })
    assert.matches("after the state of layer '1' has grown to %S+e%+%d+: its recurrent weights are too large", message)
    assert.is_nil(rawget(layer, "heard"))
  end)

  it("in a gradient is found before it reaches a weight", function()
    local model = nn.Linear(2, 1)
    model.weight:fill_(0)
    model.bias:fill_(0)
    local message, before = message_of(model, { data = data.arrays(rnn.ones(4, 2), rnn.ones(4, 1)):batches { size = 4 },
      loss = function(y) return y:square():sum():sqrt() end })
    assert.matches("a gradient is not finite", message)
    assert.matches("backward of sqrt, applied at .-autopsy_spec.lua:%d+", message)
    for name, t in pairs(model:state_dict()) do assert.same(before[name]:totable(), t:totable()) end
  end)

  it("keeps batch and weights in the folder of the run", function()
    local folder = os.tmpname()
    os.remove(folder)
    local x = rnn.rand(8, 3)
    x:set(5, 2, 1 / 0)
    local model = nn.Linear(3, 1)
    local message = message_of(model, { data = data.arrays(x, rnn.zeros(8, 1)):batches { size = 4 }, loss = "mse",
      run = folder })
    assert.matches("item 5 of the dataset", message)
    local kept = assert(rnn.archive_read(folder .. "/nan.safetensors"))
    assert.same({ 4, 3 }, { kept.x:shape() })
    assert.equal(1 / 0, kept.x:get(1, 2))
    assert.is_truthy(kept["weights.weight"])
    os.execute(("rm -r '%s'"):format(folder))
  end)
end)

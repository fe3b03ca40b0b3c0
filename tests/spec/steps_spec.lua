-- mask, last, reverse_steps and padded: batches of sequences of unequal length.
local core = require "rnn.core"
local rnn = require "rnn"

describe("the steps of a padded batch", function()
  local x

  before_each(function()
    x = core.tensor { { { 1, 2 }, { 3, 4 }, { 5, 6 } }, { { 7, 8 }, { 9, 9 }, { 0 / 0, 1 } },
      { { 1 / 0, 1 }, { 2, 2 }, { 3, 3 } } }:with_lengths { 3, 1, 0 }
  end)

  it("have a mask", function()
    assert.same({ { 1, 1, 1 }, { 1, 0, 0 }, { 0, 0, 0 } }, x:mask():totable())
    assert.is_nil(x:mask():lengths())
    assert.equal("float", core.mask(core.ones { 2, 3, type = "int32" }):type())
    assert.same({ { 1, 1, 1 }, { 1, 1, 1 } }, core.ones { 2, 3, type = "int32" }:mask():totable())
    assert.same({ 0, 3 }, { core.zeros(0, 3):mask():shape() })
    assert.same({ 2, 0 }, { core.zeros(2, 0):mask():shape() })
    assert.same({ { 1, 1 }, { 1, 0 } }, rnn.padded({ { 4, 5 }, { 6 } }, "int32"):mask():totable())
  end)

  it("have a last one", function()
    assert.same({ { 5, 6 }, { 7, 8 }, { 0, 0 } }, x:last():totable())
    assert.is_nil(x:last():lengths())
    assert.same({ 3, 6 }, core.tensor { { 1, 2, 3 }, { 4, 5, 6 } }:last():totable())
    local ids = rnn.padded({ { 4, 5 }, { 6 } }, "int32"):last()
    assert.same({ 5, 6 }, ids:totable())
    assert.equal("int32", ids:type())
    assert.same({ 2 }, { core.zeros(2, 0):last():shape() })
    assert.same({ 0, 0 }, core.zeros(2, 0):last():totable())
    local weights = core.ones(3, 3, 2):requires_grad(true)
    local last = (x * weights):last();
    (last * core.tensor { { 1, 2 }, { 3, 4 }, { 5, 6 } }):sum():backward()
    assert.same({ { 0, 0 }, { 0, 0 }, { 5, 12 } }, weights.grad[1]:totable())
    assert.same({ { 21, 32 }, { 0, 0 }, { 0, 0 } }, weights.grad[2]:totable())
    assert.same(0, weights.grad[3]:abs():max():item())
  end)

  it("are reversed within the lengths", function()
    local y = x:reverse_steps()
    assert.same({ 3, 1, 0 }, y:lengths():totable())
    assert.same({ { 5, 6 }, { 3, 4 }, { 1, 2 } }, y[1]:totable())
    assert.same({ 7, 8 }, y[2][1]:totable())
    assert.same({ { 3, 2, 1 } }, core.tensor { { 1, 2, 3 } }:reverse_steps():totable())
    local ids = rnn.padded({ { 1, 2, 3 }, { 4, 5 } }, "int32")
    assert.same({ { 3, 2, 1 }, { 5, 4, 0 } }, ids:reverse_steps():totable())
    assert.same(ids:totable(), ids:reverse_steps():reverse_steps():totable())
    local part = core.arange(12):to_float():reshape(2, 3, 2):transpose(2, 3) -- a view
    assert.same({ { { 2, 4, 6 }, { 1, 3, 5 } }, { { 8, 10, 12 }, { 7, 9, 11 } } }, part:reverse_steps():totable())
  end)

  it("are those of sequences: nothing else has any", function()
    for _, name in ipairs { "mask", "last", "reverse_steps" } do
      assert.error_matches(function() core[name](core.ones(3)) end,
        name .. ": expected sequences %(N, T, ...%), got %(3,%)")
      assert.error_matches(function() core[name](core.tensor(1)) end, name .. ": expected sequences")
    end
  end)
end)

describe("padded", function()
  it("makes a batch of numbers, of rows and of tensors", function()
    local x = rnn.padded { { 1, 2, 3 }, {}, { 4 } }
    assert.same({ { 1, 2, 3 }, { 0, 0, 0 }, { 4, 0, 0 } }, x:totable())
    assert.same({ 3, 0, 1 }, x:lengths():totable())
    assert.equal("float", x:type())
    assert.equal("int32", rnn.padded({ { 1 }, { 2, 3 } }, "int32"):type())
    x = rnn.padded { { { 1, 2 } }, {}, { { 3, 4 }, { 5, 6 } } }
    assert.same({ { { 1, 2 }, { 0, 0 } }, { { 0, 0 }, { 0, 0 } }, { { 3, 4 }, { 5, 6 } } }, x:totable())
    assert.same({ 1, 0, 2 }, x:lengths():totable())
    x = rnn.padded { core.ones(1, 2), core.ones(3, 2), {} }
    assert.same({ 3, 3, 2 }, { x:shape() })
    assert.same({ 1, 3, 0 }, x:lengths():totable())
    assert.same({ 2, 3, 2, 2 }, { rnn.padded { core.ones(3, 2, 2), core.ones(1, 2, 2) }:shape() })
    assert.same({ 1, 2 }, { rnn.padded { { 1, 2 } }:shape() })
    assert.same({ 2, 1 }, { rnn.padded { {}, {} }:shape() })
    assert.equal("int32", rnn.padded({ {}, {} }, "int32"):type())
    local ids = rnn.padded { core.tensor({ 1, 2 }, "int32"), core.tensor({ 3 }, "int32") }
    assert.same({ { 1, 2 }, { 3, 0 } }, ids:totable())
  end)

  it("keeps the history of tensors", function()
    local a, b = core.ones(1, 2):requires_grad(true), core.ones(3, 2):requires_grad(true)
    local x = rnn.padded { a, b };
    (x * 2):sum():backward()
    assert.same({ { 2, 2 } }, a.grad:totable())
    assert.same({ { 2, 2 }, { 2, 2 }, { 2, 2 } }, b.grad:totable())
  end)

  it("is what a message about unequal tables names", function()
    assert.error_matches(function() core.tensor { { 1, 2 }, { 3 } } end,
      "tables are ragged: .*; rnn.padded takes sequences of unequal length")
  end)

  it("says what it expects", function()
    for message, f in pairs {
      ["argument 1 %(sequences%): expected a table, got nil"] = function() rnn.padded() end,
      ["argument 1 %(sequences%): the list is empty"] = function() rnn.padded {} end,
      ["sequence 2: expected a list of numbers.*, got number 3"] = function() rnn.padded { { 1 }, 3 } end,
      ["sequence 1: expected a list"] = function() rnn.padded { core.ones(1, 2):with_lengths { 1 } } end,
      ["sequence 2: expected %(T, 2%) float, as before, got tensor %(1, 3%)"] = function()
        rnn.padded { { { 1, 2 } }, { { 1, 2, 3 } } }
      end,
      ["sequence 2: expected %(T%) float, as before, got tensor %(1%) int32"] = function()
        rnn.padded { { 1 }, core.tensor({ 1 }, "int32") }
      end,
      ["argument 2 %(type%): expected one of 'float', 'int32'"] = function() rnn.padded({ { 1 } }, "int") end,
    } do
      assert.error_matches(f, message)
    end
  end)
end)

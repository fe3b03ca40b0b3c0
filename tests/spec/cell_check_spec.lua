-- rnn.cell_check: what is right passes, and each kind of fault is found by the check that is there for it.
local rnn = require "rnn"
local nn, cells = rnn.nn, rnn.cells

local DOUBLE = rnn.precision() == "double"

-- The names of the checks that a cell fails, and what is said.
local function failures(cell, options)
  options = options or {}
  options.quiet = true
  local ok, message = pcall(rnn.cell_check, cell, options)
  if ok then return "" end
  local found = {}
  for name in message:gmatch "\n  (%l+): " do found[#found + 1] = name end
  return table.concat(found, " "), message
end

-- A class with a step.
local made = 0
local function cell(step, init)
  made = made + 1
  local Made = nn.cell("MadeOfCellCheckSpec" .. made, init or function(self, inputs, units)
    self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units)
  end)
  Made.step = step
  return Made
end

local function right(self, x, h)
  h = (self.wx(x) + self.wh(h)):tanh()
  return h, h
end

local function printed(f, ...)
  local lines, write = {}, io.write
  io.write = function(text) lines[#lines + 1] = text end -- luacheck: ignore
  local ok, message = pcall(f, ...)
  io.write = write -- luacheck: ignore
  assert(ok, message)
  return table.concat(lines)
end

describe("rnn.cell_check", function()
  it("passes what is right, a class or a cell, and says so", function()
    rnn.seed(4)
    local random = rnn.random_state()
    local text = printed(function() assert.is_true(rnn.cell_check(cell(right))) end)
    for _, name in ipairs { "state", "samples", "formula", "plan", "gradients", "padding", "directions", "streams",
      "steps", "files" } do
      assert.matches("\n  ok     " .. name .. " ", text)
    end
    assert.same(random, rnn.random_state())
    assert.equal("", failures(cell(right)(2, 6)))
    assert.equal("", failures(cells.LSTM, { inputs = 2, units = 3, arguments = { { projection = 2 } }, samples = 2 }))
    assert.equal("", failures(cells.Clockwork)) -- counts steps
    text = printed(rnn.cell_check, cells.Clockwork, { skip = { "gradients" } })
    assert.matches("streams +pieces equal the whole", text)
    assert.matches("  %-      gradients   skipped\n", text)
  end)

  it("leaves the cell's gradients alone", function()
    local own = cell(right)(3, 4)
    nn.Recurrent(own)(rnn.ones(1, 2, 3)):sum():backward()
    local before = own.wx.weight.grad:copy()
    assert.equal("", failures(own))
    assert.equal(0, (own.wx.weight.grad - before):abs():max():item())
  end)

  it("finds a wrong gradient", function()
    if not DOUBLE then return end
    local tanh = rnn.custom {
      forward = function(ctx, x)
        ctx.y = x:tanh()
        return ctx.y
      end,
      backward = function(ctx, dy) return dy * (1 - ctx.y) end, -- should be y squared
    }
    local names, message = failures(cell(function(self, x, h)
      h = tanh(self.wx(x) + self.wh(h))
      return h, h
    end), { skip = { "formula" } })
    assert.equal("gradients", names)
    assert.matches("gradients: gradcheck: %d+ of %d+ elements are wrong", message)
  end)

  it("finds a state that is changed in place", function()
    local names, message = failures(cell(function(self, x, h)
      h:assign(h + self.wx(x))
      return h, h
    end))
    assert.matches("^state .*formula", names)
    assert.matches("state: step changes what it is given in place: state 1: ", message)
  end)

  it("finds a step that reads values", function()
    local line = debug.getinfo(1, "l").currentline + 2
    local names, message = failures(cell(function(self, x, h)
      if x:get(1, 1) > 0 then h = h * 0.5 end
      h = h + self.wx(x)
      return h, h
    end), { skip = { "samples", "padding", "streams", "plan" } })
    assert.equal("formula", names)
    assert.matches("formula: [^\n]*cell_check_spec.lua:" .. line .. ": step reads a value", message)
  end)

  it("finds a counter in the cell", function()
    local names, message = failures(cell(function(self, x, h)
      self.count = (self.count or 0) + 1
      h = (self.wx(x) + h * self.count):tanh()
      return h, h
    end))
    assert.matches("state", names)
    assert.matches("formula", names)
    assert.matches("the same step gives other values when it is called again: y: ", message)
    assert.matches("step is not the same at every time step", message)
  end)

  it("finds samples that mix", function()
    local names, message = failures(cell(function(self, x, h)
      h = (self.wx(x) + h - h:mean(1, true)):tanh()
      return h, h
    end))
    assert.matches("^samples formula", names)
    assert.matches("samples: a sample depends on the others of its batch: y: [%d.-]+ and [%d.-]+ at %(1, 1%)", message)
    assert.matches("mean mixes samples of the batch", message)
  end)

  it("finds states of another shape, and arguments that no file can hold", function()
    local names, message = failures(cell(function(self, x, h)
      h = rnn.concat({ h, self.wx(x) }, 2)
      return h, h
    end))
    assert.matches("^state", names)
    assert.matches("state: step makes %(3, 8%) of a state %(3, 4%)", message)
    names, message = failures(cell(right, function(self, inputs, units)
      self.wx, self.wh = nn.Linear(inputs, units), nn.Linear(units, units)
    end), { arguments = { print } })
    assert.equal("files", names)
    assert.matches("files: argument 3 of MadeOfCellCheckSpec%d+: function is nothing that a file can hold", message)
  end)

  it("says what arguments are wrong", function()
    local function message_of(...) return (select(2, pcall(rnn.cell_check, ...)):gsub("^.-:%d+: ", "", 1)) end
    assert.equal("cell_check: argument 1 (cell): expected a cell, or a class of nn.cell, got nn.LSTM(2 -> 3)",
      message_of(nn.LSTM(2, 3)))
    assert.equal("cell_check: argument 1 (cell): expected a cell, or a class of nn.cell, got nil", message_of())
    assert.equal("cell_check: unknown option 'unit'; did you mean 'units'? known: arguments, inputs, quiet, samples, "
      .. "skip, units", message_of(cells.GRU, { unit = 3 }))
    assert.matches("^cell_check: option 'skip'%[1%]: expected one of 'state', ", message_of(cells.GRU,
      { skip = { "x" } }))
    assert.equal("cell_check: option 'samples': expected an integer of at least 2, got number 1",
      message_of(cells.GRU, { samples = 1 }))
  end)
end)

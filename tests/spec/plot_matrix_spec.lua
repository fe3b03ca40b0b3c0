-- plot.matrix: cells in the terminal and in files.
local core = require "rnn.core"
local rnn = require "rnn"

local weights = core.tensor { { 1, 0, 0 }, { 0, 0.5, 0.25 } }
local names = { rows = { "eins", "zwei" }, columns = { "one", "two", "three" }, title = "words" }

local function options(more)
  local all = {}
  for key, value in pairs(names) do all[key] = value end
  for key, value in pairs(more) do all[key] = value end
  return all
end

describe("plot.matrix", function()
  local path = os.tmpname() .. ".svg"
  local figure = assert(rnn.plot.matrix(weights, options { file = path }))
  after_each(function() os.remove(path) end)

  it("shades the cells in the terminal", function()
    assert.equal(table.concat({
      "words",
      "     one   two   three",
      "eins █████",
      "zwei       ▒▒▒▒▒ ░░░░░",
      "",
    }, "\n"), figure:text())
    assert.equal("zwei       +++++ .....\n", figure:text { unicode = false }:match "[^\n]*\n$")
  end)

  it("draws them as SVG, white to blue, with the names", function()
    local svg = figure:svg()
    for _, word in ipairs { "words", "eins", "zwei", "one", "two", "three" } do
      assert.is_truthy(svg:find(">" .. word .. "<", 1, true), word)
    end
    local fills = {}
    for fill in svg:gmatch '<rect x=[^>]* fill="(#%x+)"' do fills[#fills + 1] = fill end
    assert.same({ "#0072b2", "#ffffff", "#ffffff", "#ffffff", "#80b9d9", "#bfdcec" }, fills)
  end)

  it("takes numbers for names, and a matrix of zeros", function()
    assert.matches("^  1 2\n1\n2\n$", assert(rnn.plot.matrix(core.zeros(2, 2), { file = path })):text())
  end)

  it("says what is wrong", function()
    local function message_of(...)
      local ok, message = pcall(rnn.plot.matrix, ...)
      assert.is_false(ok)
      return (message:gsub("^[^ ]*:%d+: ", ""))
    end
    assert.equal("plot.matrix: option 'rows': 1 names for 2 rows", message_of(weights, { rows = { "x" } }))
    assert.equal("plot.matrix: argument 1 (data): row 2 has 1 values, the first has 2", message_of { { 1, 2 }, { 3 } })
    assert.equal("plot.matrix: argument 1 (data): expected a float tensor of 2 axes, got tensor (3) float",
      (message_of(core.zeros(3)):gsub("a tensor of", "a float tensor of")))
  end)
end)

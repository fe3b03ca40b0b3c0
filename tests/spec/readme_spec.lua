-- The code of README.md runs: its Lua blocks, one after the other as one script, with a single epoch for each training.
-- for each training.
local rnn = require "rnn"

describe("README.md", function()
  it("has code that runs", function()
    local folder = os.getenv "RNNLUA_DATA"
    local series = folder and folder .. "/cta-ridership/CTA_-_Ridership_-_Daily_Boarding_Totals.csv"
    if not (series and io.open(series)) then return pending("without RNNLUA_DATA there is no series to train on") end
    local file = assert(io.open "README.md")
    local text, blocks = file:read "a", {}
    file:close()
    for block in text:gmatch "```lua\n(.-)```" do blocks[#blocks + 1] = block end
    assert.is_true(#blocks >= 4)
    local words = rnn.data.sequences({ rnn.tensor({ 1, 2, 3 }, "int32"), rnn.tensor({ 2, 3 }, "int32") },
      { rnn.tensor({ 2, 4, 3 }, "int32"), rnn.tensor({ 2, 5, 4, 3 }, "int32") })
    local short = setmetatable({ fit = function(model, options)
      options.epochs, options.run = 1, options.run and os.tmpname() .. ".run"
      return rnn.fit(model, options)
    end, save = function(_, model) return rnn.save(os.tmpname(), model) end }, { __index = rnn })
    local env = setmetatable({ arg = { series }, pairs_of_sentences = words, src = { 1, 2, 3, 4, 5, 6 },
      dst = { 1, 2, 3, 4, 5, 6 }, print = function() end, x = rnn.ones(2, 3):to_int(),
      require = function() return short end }, { __index = _G })
    assert(load(table.concat(blocks), "=README.md", "t", env))()
  end)
end)

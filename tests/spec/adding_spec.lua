-- The doctor at the adding problem, as scripts/adding.lua runs it: in a simple RNN gradients vanish, with a learning
-- rate ten times too high training explodes; of gated cells, and layer norm in them, nothing is said: they are healthy.
local core = require "rnn.core"
local shell = require "support.shell"

local FOLDER = os.getenv("PWD")
local PROGRAM = os.getenv("RNNLUA") or FOLDER .. "/build/rnnlua"

-- What the doctor says in so many epochs without clipping.
local function advice(cell, length, options)
  local sh = shell.new()
  finally(function() sh:remove() end)
  local _, err, code = sh:run(("%s %s --threads 1 --clip 0 --flow flow.svg --cell %s --length %d %s"):format(
    shell.quote(PROGRAM), shell.quote(FOLDER .. "/scripts/adding.lua"), cell, length, options))
  assert.equal(0, code, err)
  assert.equal(0, select(3, sh:run "test -s flow.svg"))
  return err:match "advice: ([^\n]*)" or ""
end

describe("the doctor at the adding problem", function()
  for _, length in ipairs(core.sanitized and { 200 } or { 200, 750 }) do -- which takes minutes under a sanitizer
    it("says that a simple RNN forgets, " .. length .. " steps", function()
      assert.matches("^gradients vanish in 1%.l0: %d+ steps back .* use nn%.LSTM or nn%.GRU$", advice("rnn", length,
        "--epochs 1"))
    end)

    it("says that it explodes with ten times the learning rate, " .. length .. " steps", function()
      assert.matches("^training exploded: at step %d+ .* lower lr from 0%.1 to about 0%.01;", advice("rnn", length,
        "--epochs 1 --lr 0.1"))
    end)
  end

  for _, cell in ipairs { "lstm", "gru", "ln_lstm" } do
    it("says nothing of " .. cell, function() assert.equal("", advice(cell, 200, "--epochs 2")) end)
  end
end)

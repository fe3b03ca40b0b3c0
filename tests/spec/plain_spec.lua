-- What is written to terminals that show little: with TERM=dumb or in the C locale only ASCII, and no control codes but
-- where the terminal has them. The prompt: tests/prompt/looks.py.
local core = require "rnn.core"
local shell = require "support.shell"

if core.precision == "double" then return end -- the same

local PROGRAM = os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"

-- All kinds of objects and plots, training with its notes, and an error at the end.
local WALK = [=[
local rnn = require "rnn"
local nn, data, plot = rnn.nn, rnn.data, rnn.plot
local f = data.csv "weather.csv"
print(rnn.ones(2, 3), rnn.ones(3, 2):to_int(), f, f.town, f.rain)
f:describe()
print(pcall(nn.Linear, rnn.ones(2, 3), f))
local x = rnn.randn(64, 3)
local model = nn.Sequential { nn.Linear(3, 4), nn.Linear(4, 1) }
model:summary(64, 3)
print(model, optim, data.arrays(x, x))
local optimizer = rnn.optim.SGD(model:parameters(), { lr = 0.01 })
local batches, valid = data.arrays(x, x:sum(2, true)):batches { size = 8 }, data.arrays(x, x:sum(2, true))
for _, progress in ipairs { true, "best", 2, "terminal" } do
  print(rnn.fit(model, { data = batches, valid = valid, loss = "mse", optimizer = optimizer, epochs = 3,
    progress = progress, monitor = true }))
end
print(rnn.find_lr(model, { data = batches, loss = "mse", optimizer = optimizer }))
plot.lines({ { y = { 1, -2, 0 / 0, 3 }, label = "é" }, { y = { 2, 1, 3, 1 } } }, { title = "Ŷ × 2", xlabel = "…" })
plot.scatter({ { y = { 1, 2, 3 } } }, {})
plot.bar({ 3, -2 }, { names = { "ä", "b" } })
plot.box({ { 1, 2, 3, 20 }, {} }, {})
plot.histogram(x, {})
plot.matrix({ { 1, -1 }, { 0 / 0, 0.5 } }, { title = "∂C/∂h" })
plot.image({ { 0, 1 }, { 1, 0 } }, { colorbar = true })
error "at the end"
]=]

-- What a terminal gets.
local function shown(environment, options)
  local sh = shell.new()
  sh:write("weather.csv", "day,town,rain\n2026-01-02,Zürich \27[31m,0.5\n2026-01-03,Bern,-12\n")
  sh:write("walk.lua", WALK)
  local command = ("P --threads 1 --seed 1 %s walk.lua; P --help; P new --help"):format(options)
  command = command:gsub("P ", PROGRAM .. " ")
  local set = "env -u LANG -u NO_COLOR -u COLORTERM LC_ALL=C.UTF-8 TERM=xterm " .. environment
  local out, err = sh:run(("%s script -qec %s /dev/null"):format(set, shell.quote(command)))
  sh:remove()
  assert.equal("", err)
  assert.truthy(out:find("at the end", 1, true), out)
  return out
end

local function only(class, text)
  for line in text:gmatch "[^\n]+" do
    local at = line:find(class)
    assert.is_nil(at, ("%q"):format(line))
  end
end

if os.execute "command -v script > /dev/null" then
  describe("a terminal", function()
    it("that is dumb gets ASCII without control codes", function()
      only("[^ -~\t\r]", shown("TERM=dumb", ""))
    end)

    it("in the C locale gets ASCII", function()
      only("[^ -~\t\r\27]", shown("LC_ALL=C", ""))
    end)

    it("that is dumb gets no more from a sandbox", function()
      only("[^ -~\t\r]", shown("TERM=dumb", "--sandbox --read ."))
    end)

    it("gets no colours with NO_COLOR, else some", function()
      assert.is_nil(shown("NO_COLOR=1", ""):find "\27%[[%d;]*m")
      assert.truthy(shown("", ""):find "\27%[[%d;]*m")
    end)
  end)
end

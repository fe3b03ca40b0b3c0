-- A locale with a decimal comma changes no byte of what is written and nothing of what is read.
local rnn = require "rnn"
local shell = require "support.shell"
local quote = shell.quote

local SCRIPT = [[
local rnn = require "rnn"
local nn, data = rnn.nn, rnn.data
local locale = os.getenv "WANTED"
if locale then assert(os.setlocale(locale), "no such locale") end
io.open("v.csv", "w"):write("d,v\n2024-01-01,1.5\n2024-01-02,2.25\n"):close()
local frame = assert(data.csv("v.csv"))
print(frame, frame:column("v"):get(1), 1.5, ("%g %.3f"):format(0.25, 1 / 3), tonumber "0.5", 0.5 .. "")
rnn.seed(1)
local model = nn.Sequential { nn.RNN(1, 2, { dropout = 0 }), nn.Dropout(0.25), nn.Linear(2, 1) }
print(model, rnn.tensor { 1.5, 2.5 }, rnn.json_encode { 1.5 }, rnn.json_decode("[2.5]")[1])
print(pcall(rnn.full, { 1, type = "int32" }, 0.5))
rnn.save("m.safetensors", model, { lr = 0.125 })
rnn.plot.series { a = { 1.5, 2.5, 3.25 }, file = "p.svg" }
rnn.plot.series { a = { 1.5, 2.5, 3.25 } }
local x = rnn.randn { 8, 3, 1 }
rnn.fit(model, { data = data.arrays(x, x * 2):batches { size = 4 }, loss = "mse", epochs = 2, progress = false,
  callbacks = { rnn.CSVLog("log.csv") }, run = "run",
  optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.01 }) })
print(rnn.optim.SGD(model:parameters(), { lr = 0.5 }))
]]

describe("a locale with a decimal comma", function()
  local sh
  setup(function() sh = shell.new() end)
  teardown(function() sh:remove() end)

  it("changes nothing that is written or read", function()
    sh:run "mkdir -p loc && localedef -i de_DE -f UTF-8 loc/de_DE.UTF-8"
    local run = ("LOCPATH=$PWD/../loc %s %s "):format(quote(os.getenv "RNNLUA"),
      rnn.precision() == "double" and "--double" or "")
    local _, _, there = sh:run("mkdir a b && cd a && " .. run .. [[-e 'os.exit(os.setlocale("de_DE.UTF-8") ~= nil)']])
    if there ~= 0 then return pending "localedef or the locale is missing" end
    sh:write("t.lua", SCRIPT)
    local cat = " && cat m.safetensors p.svg v.csv"
    local plain, err = sh:run("cd a && " .. run .. "../t.lua" .. cat)
    assert.equal("", err)
    local comma, other = sh:run("cd b && WANTED=de_DE.UTF-8 " .. run .. "../t.lua" .. cat)
    assert.equal("", other)
    assert.equal(plain, comma)
    -- Of what tells the time all but the digits.
    local _, differ, code = sh:run [[
for name in log.csv run/metrics.jsonl run/report.html; do
  test "$(tr -d 0-9 < a/$name)" = "$(tr -d 0-9 < b/$name)" || { echo $name >&2; diff a/$name b/$name >&2; exit 1; }
done]]
    assert.equal(0, code, differ)
  end)

  it("is refused for numbers alone, and left for all else", function()
    local out = sh:run(("LOCPATH=loc %s -e '%s'"):format(quote(os.getenv "RNNLUA"), [[
require "rnn"
print(os.setlocale("de_DE.UTF-8", "numeric"), os.setlocale("C", "numeric"), os.setlocale(nil, "numeric"))
print(os.setlocale("de_DE.UTF-8", "time"), 1.5, pcall(os.setlocale, "C", "nothing"))]]))
    if out:find("nil\tC\tC\nnil", 1, true) then return pending "the locale is missing" end
    assert(out:find("^nil\tC\tC\nde_DE.UTF%-8\t1.5\tfalse\t"), out)
  end)
end)

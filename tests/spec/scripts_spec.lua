-- Every script of scripts/ runs as a user would run it, for a few steps on a small slice of its data, and its training
-- loss falls. A script without an entry here fails. Where its data are not on this machine it is left out, and the
-- report says so: RNNLUA_DATA names the folders of the data sets.
local rnn = require "rnn"
local shell = require "support.shell"

local FOLDER = os.getenv("PWD")
local PROGRAM = os.getenv("RNNLUA") or FOLDER .. "/build/rnnlua"

-- script -> its options; data: a file that it needs; figures: what its result must have, beside the losses; losses =
-- false: it has no such figures.
local ENTRIES = {
  adding = { "--length 20 --limit 1000 --epochs 2 --cell lstm,gru", figures = { "lstm.test_mse", "gru.test_mse" } },
  copy = { "--length 10 --limit 250 --epochs 2 --units 32", figures = { "lstm.test_nats", "gru.test_accuracy" } },
  forecast = { "--epochs 1", losses = false, figures = { "rnn1.test_mse", "deep.test_mse" } },
  ridership = { "--model rnn1 --epochs 3", losses = false, figures = { "rnn1.val_mae", "rnn1.test_mae" },
    data = "cta-ridership/CTA_-_Ridership_-_Daily_Boarding_Totals.csv" },
  handwriting = { "--limit 200 --epochs 2 --units 16", figures = { "test.accuracy", "valid.accuracy" },
    data = "pendigits/train.tsv" },
  m4_hourly = { "--limit 10 --epochs 2 --units 32 --members 1", figures = { "test.smape", "test.mase", "valid.smape" },
    data = "m4-hourly/Hourly-train.csv" },
  sentiment = { "--limit 400 --units 16 --epochs 2", figures = { "test.accuracy" },
    data = "rt-polarity/rt-polarity.tsv" },
  char_lm = { "--limit 20000 --epochs 2 --units 32", figures = { "valid.nats" },
    data = "tiny-shakespeare/tiny-shakespeare.txt" },
  translate = { "--limit 200 --epochs 2 --units 16 --size 400 --beam 1", figures = { "test.bleu" },
    data = "libreoffice-ui-en-pt/train.tsv" },
  behaviour = { "--limit 200 --epochs 2 --units 16", figures = { "test.accuracy" },
    data = "helpdesk-log/helpdesk.csv" },
  caption = { "--limit 200 --epochs 2 --hidden 16 --beam 1", figures = { "test.bleu" },
    data = "coco-layout-captions/README.md" },
  chorales = { "--limit 4 --epochs 2", figures = { "test.nats" }, data = "jsb-chorales/README.md" },
  digits = { "--limit 60 --epochs 2 --units 8", figures = { "test.accuracy" }, data = "free-spoken-digits/README.md" },
}

local function found(file)
  for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do
    local handle = io.open(root .. "/" .. file, "rb")
    if handle then
      handle:close()
      return true
    end
  end
  return false
end

-- The scripts that there are, by name.
local function scripts()
  local list, pipe = {}, assert(io.popen("ls " .. shell.quote(FOLDER .. "/scripts")))
  for name in pipe:lines() do list[#list + 1] = name:match "^(.*)%.lua$" end
  pipe:close()
  return list
end

local function check(name, entry)
  local sh = shell.new()
  finally(function() sh:remove() end)
  local out, err, code = sh:run(("%s %s --threads 1 %s --result result.json"):format(shell.quote(PROGRAM),
    shell.quote(FOLDER .. "/scripts/" .. name .. ".lua"), entry[1]))
  assert.equal(0, code, err)
  assert.is_true(#out > 0, "it shows nothing")
  local file <close> = assert(io.open(sh.folder .. "/result.json"))
  local figures = assert(rnn.json_decode(file:read("a")))
  for _, figure in ipairs(entry.figures) do
    local value = figures[figure]
    assert.is_true(math.type(value) ~= nil and value == value, figure .. " is " .. tostring(value))
  end
  if entry.losses == false then return end
  local first, last = figures["train.first_loss"], figures["train.last_loss"]
  assert.is_true(first ~= nil and last ~= nil, "train.first_loss or train.last_loss is missing")
  assert.is_true(last < first, ("the training loss does not fall: %s, then %s"):format(first, last))
end

-- The programs are the same in both precisions; once is enough.
if rnn.precision == "double" then return end

describe("scripts/", function()
  it("are all among the experiments of tests/run_experiments", function()
    local named = {}
    for _, experiment in ipairs(dofile "tests/experiments/list.lua") do named[experiment[2]] = true end
    for _, name in ipairs(scripts()) do assert.is_true(named[name], name .. " is not in tests/experiments/list.lua") end
  end)

  for _, name in ipairs(scripts()) do
    local entry = ENTRIES[name]
    it(name .. ".lua learns", function()
      assert.is_table(entry, "scripts_spec.lua has no entry for " .. name)
      if entry.data and not found(entry.data) then
        print(("%s.lua is not run: no %s below RNNLUA_DATA"):format(name, entry.data))
        pending("no data")
        return
      end
      check(name, entry)
    end)
  end
end)

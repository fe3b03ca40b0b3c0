-- Every script of scripts/ runs as a user would run it, for a few steps on a small slice of its data, and its training
-- loss falls. A script without an entry here fails. Where its data are not on this machine it is left out, and the
-- report says so: RNNLUA_DATA names the folders of the data sets.
local rnn = require "rnn"
local core = require "rnn.core"
local shell = require "support.shell"

local FOLDER = os.getenv("PWD")
local PROGRAM = os.getenv("RNNLUA") or FOLDER .. "/build/rnnlua"

-- script -> its options; data: a file that it needs; figures: what its result must have, beside the losses; losses =
-- false: it has no such figures; least: what figures must reach; known: a word of what is known of the data.
local ENTRIES = {
  adding = { "--length 20 --steps 20 --epochs 2 --cell lstm,mingru", figures = { "lstm.test_mse", "mingru.test_mse" } },
  cells = { "--task adding,copy --cell Elman,minGRU,PhasedLSTM --length 20 --blanks 5 --steps 40 --epochs 2",
    figures = { "minGRU.adding", "Elman.copy", "PhasedLSTM.adding_memory", "minGRU.copy_parameters" } },
  copy = { "--length 10 --steps 10 --epochs 2 --units 32", figures = { "lstm.test_nats", "gru.test_accuracy" } },
  forecast = { "--epochs 1", figures = { "rnn1.test_mse", "deep.test_mse" } },
  ridership = { "--model rnn1 --epochs 3", known = "pandemic", figures = { "rnn1.val_mae", "rnn1.test_mae" },
    data = "cta-ridership/CTA_-_Ridership_-_Daily_Boarding_Totals.csv" },
  reservoir = { "--series mackey-glass --units 60 --seeds 1", losses = false, figures = { "mackey-glass.nrmse84" } },
  handwriting = { "--epochs 1 --units 8", known = "nearest neighbour", figures = { "test.accuracy", "valid.accuracy" },
    data = "pendigits/train.tsv" },
  draw = { "--epochs 4", figures = { "unseen.accuracy", "average.accuracy" },
    least = { ["drawn.accuracy"] = 0.8 }, data = "pendigits/train.tsv" },
  m4_hourly = { "--epochs 1 --units 8 --members 1", known = "winner",
    figures = { "test.smape", "test.mase", "valid.smape" },
    data = "m4-hourly/Hourly-train.csv" },
  own_csv = { ("--data %s/seattle-weather/seattle-weather.csv --target temp_max --test 2015 --members 1 --epochs 2")
    :format((os.getenv "RNNLUA_DATA" or ""):match "[^:]*"), figures = { "model.mae", "theta.mae", "interval.coverage" },
    data = "seattle-weather/seattle-weather.csv" },
  sentiment = { "--units 8 --epochs 1", known = "naive Bayes",
    figures = { "test.accuracy" }, data = "rt-polarity/rt-polarity.tsv" },
  char_lm = { "--epochs 1 --units 16", known = "Transformers",
    figures = { "valid.nats" }, data = "tiny-shakespeare/tiny-shakespeare.txt" },
  translate = { "--epochs 1 --units 16 --size 400 --beam 1", figures = { "test.bleu" },
    data = "libreoffice-ui-en-pt/train.tsv" },
  behaviour = { "--epochs 2 --units 8", known = "0.7123",
    figures = { "test.accuracy" }, data = "helpdesk-log/helpdesk.csv" },
  caption = { "--epochs 1 --hidden 16 --beam 1", figures = { "test.bleu" }, data = "coco-layout-captions/README.md" },
  chorales = { "--epochs 1", known = "published", figures = { "test.nats" }, data = "jsb-chorales/README.md" },
  digits = { "--epochs 1 --units 4", known = "kernel ridge",
    figures = { "test.accuracy" }, data = "free-spoken-digits/README.md" },
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
  if entry.known then assert(out:find(entry.known, 1, true), "it does not show what is known of these data") end
  local file <close> = assert(io.open(sh.folder .. "/result.json"))
  local figures = assert(rnn.json_decode(file:read("a")))
  for _, figure in ipairs(entry.figures) do
    local value = figures[figure]
    assert.is_true(math.type(value) ~= nil and value == value, figure .. " is " .. tostring(value))
  end
  for figure, least in pairs(entry.least or {}) do
    assert.is_true(figures[figure] >= least, ("%s is %g"):format(figure, figures[figure]))
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
      if entry.data and core.sanitized then -- minutes; own_data_spec runs every script on small data
        print(("%s.lua is not run on all of its data under a sanitizer"):format(name))
        pending("under a sanitizer")
        return
      end
      check(name, entry)
    end)
  end
end)

describe("scripts/", function()
  it("a script has no option that it ignores", function()
    for _, name in ipairs(scripts()) do
      local file <close> = assert(io.open(FOLDER .. "/scripts/" .. name .. ".lua"))
      local text = file:read "a"
      for option, heeded in pairs { data = "experiment:%l+%(?", split = "experiment:%l+", epochs = "%l:fit",
        seed = "seeds%(%)", save = "experiment:finish", evaluate = "load", run = "experiment:f%l+",
        plot = "plot", result = "experiment:finish" } do
        local gone = text:find("%f[%w]" .. option .. " = false") or option == "evaluate" and text:find "save = false"
        assert(text:find(heeded) or gone, ("%s.lua: --%s"):format(name, option))
      end
    end
  end)

  it("lines are no longer than 100", function()
    for _, name in ipairs(scripts()) do
      local number = 0
      for line in io.lines(FOLDER .. "/scripts/" .. name .. ".lua") do
        number = number + 1
        assert.is_true(utf8.len(line) <= 100, ("%s.lua, line %d"):format(name, number))
      end
    end
  end)

  it("adding.lua --flow draws a picture for each cell and seed", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local _, err, code = sh:run(("%s %s --threads 1 %s"):format(shell.quote(PROGRAM),
      shell.quote(FOLDER .. "/scripts/adding.lua"),
      "--cell rnn,lstm --seeds 2 --length 10 --steps 2 --epochs 1 --flow f.svg && ls *.svg > pictures"))
    assert.equal(0, code, err)
    local file <close> = assert(io.open(sh.folder .. "/pictures"))
    assert.equal("f-lstm-42.svg\nf-lstm-43.svg\nf-rnn-42.svg\nf-rnn-43.svg\n", file:read "a")
  end)
end)

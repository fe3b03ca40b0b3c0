-- Every script of scripts/ runs as a user would run it, for a few steps on a small slice of its data, and its training
-- loss falls. A script without an entry here fails. Where its data are not on this machine it is left out, and the
-- report says so: RNNLUA_DATA names the folders of the data sets.
local rnn = require "rnn"
local shell = require "support.shell"

local FOLDER = os.getenv("PWD")
local PROGRAM = os.getenv("RNNLUA") or FOLDER .. "/build/rnnlua"

-- script -> its options; data: a file that it needs; figures: what its result must have, beside the losses; losses =
-- false: it has no such figures; least: what figures must reach.
local ENTRIES = {
  adding = { "--length 20 --limit 1000 --epochs 2 --cell lstm,gru", figures = { "lstm.test_mse", "gru.test_mse" } },
  cells = { "--task adding,copy --cell Elman,minGRU,PhasedLSTM --length 20 --blanks 5 --limit 40 --epochs 2",
    figures = { "minGRU.adding", "Elman.copy", "PhasedLSTM.adding_memory", "minGRU.copy_parameters" } },
  copy = { "--length 10 --limit 250 --epochs 2 --units 32", figures = { "lstm.test_nats", "gru.test_accuracy" } },
  forecast = { "--epochs 1", losses = false, figures = { "rnn1.test_mse", "deep.test_mse" } },
  ridership = { "--model rnn1 --epochs 3", losses = false, figures = { "rnn1.val_mae", "rnn1.test_mae" },
    data = "cta-ridership/CTA_-_Ridership_-_Daily_Boarding_Totals.csv" },
  reservoir = { "--series mackey-glass --units 60 --seeds 1", losses = false, figures = { "mackey-glass.nrmse84" } },
  handwriting = { "--limit 200 --epochs 2 --units 16", figures = { "test.accuracy", "valid.accuracy" },
    data = "pendigits/train.tsv" },
  draw = { "--epochs 4", figures = { "unseen.accuracy", "average.accuracy" },
    least = { ["drawn.accuracy"] = 0.8 }, data = "pendigits/train.tsv" },
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
      check(name, entry)
    end)
  end
end)

-- ---- other people's data: made up here, small, of the same kind but not of the same sizes ----

local function lines(n, f)
  local list = {}
  for i = 1, n do list[i] = f(i) end
  return table.concat(list, "\n") .. "\n"
end

-- 130 signs with labels of one to three digits, drawn with decimals and below zero.
local function sign(i, writers)
  local points = {}
  for k = 1, 6 do points[k] = ("%d %.1f"):format((i * k * 7) % 90 - 40, (i * k * k * 3) % 80 - 20) end
  return ("%d\tw%d\t%s|5 5 9 %d"):format(i % 130, i % writers, table.concat(points, " "), i % 7)
end

local WORDS = { "гора", "река", "дом", "лес", "поле", "море" }
local function phrase(i) return ("%s %s %s"):format(WORDS[i % 6 + 1], WORDS[i // 6 % 6 + 1], WORDS[i // 36 % 6 + 1]) end

local function wave(length, i, level)
  return lines(length, function(t)
    return ("%.2f"):format(level + math.sin(t / 2 + i) + (t * i * 7 % 13) / 10)
  end):gsub("\n(.)", ",%1"):gsub("\n", "")
end

local function tune(i, length, voices)
  return lines(length + 1, function(t)
    local row = {}
    for v = 1, voices do row[v] = t == 1 and "v" .. v or 60 + 3 * v + (t * i) % 40 * (t % 5 == 0 and 0 or 1) end
    return table.concat(row, ",")
  end)
end

local function silence(samples)
  local list = {}
  for t = 1, samples do list[t] = 0.3 * math.sin(t * t / 900) end
  return rnn.tensor(list):reshape(-1, 1)
end

-- script -> { options, make(sh) that writes files into a folder "data", what the output shows, what it must not show }
local FOREIGN = {
  draw = { "--data data --epochs 1 --units 4", function(sh)
    sh:write("data/train.tsv", "letter\twriter\tpath\n" .. lines(260, function(i) return sign(i, 10) end))
    sh:write("data/test.tsv", lines(40, function(i) return sign(i, 9) end))
  end, "unseen", "tablet", figure = "drawn.accuracy" },
  handwriting = { "--data data --epochs 1 --units 4", function(sh)
    sh:write("data/train.tsv", "letter\twriter\tpath\n" .. lines(260, function(i) return sign(i, 10) end))
    local test = lines(140, function(i) return sign(i, 3) end)
    sh:write("data/test.tsv", "letter\twriter\tpath\n" .. test .. "131\tw1\t1 2\n")
  end, "of 140 digits wrong", "nearest neighbour", said = "test.tsv: 140 of 141 lines read", figure = "test.accuracy" },
  sentiment = { "--data data/phrases.txt --epochs 1 --units 4", function(sh)
    sh:write("data/phrases.txt", "label\tfold\ttext\r\n" .. lines(60, function(i)
      return ("%s\t%s\t%s\r"):format(i % 2 == 0 and "gut" or "schlecht", i % 12, phrase(i))
    end))
  end, "%% schlecht", "naive Bayes", figure = "test.accuracy" },
  char_lm = { "--data data/any.txt --epochs 1 --units 8", function(sh) sh:write("data/any.txt", lines(300, phrase)) end,
    "temperature 0.5 %-%-%-%-\nрека", "Transformers", figure = "valid.nats" },
  translate = { "--data data/cs-de --direction de-cs --epochs 1 --units 8 --size 60 --beam 1", function(sh)
    for _, part in ipairs { "train", "dev", "test" } do
      sh:write("data/cs-de/" .. part .. ".tsv", lines(part == "train" and 80 or 5, function(i)
        return phrase(i) .. "\t" .. phrase(i + 3)
      end) .. "no tab\n")
    end
  end, "BLEU de%-cs", "en%-pt", said = "dev.tsv: 5 of 6 lines read 'cs<TAB>de'", figure = "test.bleu" },
  behaviour = { "--data data/log.csv --epochs 1 --units 4", function(sh)
    sh:write("data/log.csv", "case,what,when\n" .. lines(400, function(i) -- 73 activities, events of cases in between
      return ("order %d,step %d,2021-03-%02dT%02d:%02d:00.25Z"):format(i % 40, i * 7 % 73, i // 40 + 1, i % 24, i % 60)
    end) .. "lost\n")
  end, "activity step %d+, then", "published", said = "400 of 401 lines", figure = "test.accuracy" },
  caption = { "--data data --epochs 1 --hidden 8 --beam 1", function(sh)
    for part, n in pairs { train = 90, dev = 4, test = 3 } do
      sh:write(("data/%s-layouts.tsv"):format(part), "id\tw\th\tobjects\n" .. lines(n, function(i)
        return ("pic%d\t100\t80\tthing%d:1.5,2,30,40 thing%d:0,0,10,10"):format(i, i, i // 2)
      end))
      sh:write(("data/%s-captions.tsv"):format(part), "id\tcaption\n" .. lines(n, function(i)
        return ("pic%d\t%s"):format(i, phrase(i % 4))
      end) .. "pic1000\tно\n")
    end
  end, "BLEU", "emoji", said = "dev%-captions.tsv: 4 of 5 lines", figure = "test.bleu" },
  chorales = { "--data data --epochs 1", function(sh) -- two voices, up to 105
    for part, n in pairs { train = 3, valid = 2, test = 2 } do
      for i = 1, n do sh:write(("data/%s/tune-%d.csv"):format(part, i), tune(i, i == 1 and 40 or 20 + 10 * i, 2)) end
      sh:write("data/" .. part .. "/readme.txt", "tunes")
      sh:write(("data/pianoroll/%s.txt"):format(part), lines(60, function(t)
        return t % 20 == 0 and "" or t % 7 == 0 and "-" or ("%d %d"):format(12 + t, 60 + t % 12)
      end))
    end
  end, "voice 2 ", "published", figure = "test.accuracy" },
  digits = { "--data data/wav --epochs 1 --units 4", function(sh)
    for _, word in ipairs { "ahoj", "čau" } do
      for speaker = 1, 3 do
        for k = 1, 3 do
          sh:write(("data/wav/%s_s%d_%d.wav"):format(word, speaker, 10 * k), "")
          assert(rnn.audio.write(("%s/data/wav/%s_s%d_%d.wav"):format(sh.folder, word, speaker, 10 * k),
            silence(1500 + 100 * speaker + 300 * k):reshape(-1), 8000))
        end
      end
    end
    sh:write("data/wav/notes.txt", "x")
  end, "test: %d", "kernel ridge", said = "18 of 19 files are WORD_SPEAKER_NUMBER.wav",
    figure = "test.accuracy" },
  m4_hourly = { "--data data --series Weekly --day 4 --week 8 --days 4 --epochs 1 --units 4 --members 1", function(sh)
    sh:write("data/Weekly-train.csv", "id,values\n" .. lines(6, function(i)
      return ("W%d,%s,,"):format(i, wave(i == 3 and 20 or 60 + i, i, i == 4 and 0 or 30))
    end))
    local test = lines(6, function(i) return ("W%d,%s"):format(i, wave(13, i, 30)) end)
    sh:write("data/Weekly-test.csv", "id,values\n" .. test)
  end, "MASE %d", "winner", said = "4 of 6 series have 42 values above 0", figure = "test.mase" },
  ridership = { "--data data/shop.csv --date day --target sold --other visits --kind weather --model rnn1,multitask"
    .. " --epochs 1", function(sh)
    sh:write("data/shop.csv", "day,sold,visits,weather\n" .. lines(900, function(i)
      local date, weather = os.date("!%Y-%m-%d", i * 86400), i % 3 == 0 and "sun" or "rain"
      return ("%s,%d,%.1f,%s"):format(date, 40 + i * 7 % 31, 5 + i % 6, weather)
    end))
  end, "multitask", "pandemic", losses = false, figure = "rnn1.val_mae" },
}

-- script -> { options, make(sh), what the error says }: none of them trains.
local WRONG = {
  { "handwriting", "--data data/train.tsv", function(sh)
    sh:write("data/train.tsv", lines(50, function(i) return sign(i, 9) end))
  end, "train.tsv is a file, but test.tsv is needed: give the folder that has it" },
  { "handwriting", "--data data", function(sh)
    for _, part in ipairs { "train", "test" } do sh:write("data/" .. part .. ".tsv", "head\na,b,c\nd,e,f\n") end
  end, "train.tsv: 0 of 2 lines read 'a label of train.tsv<TAB>writer<TAB>strokes'; the first is line 2: a,b,c" },
  { "sentiment", "--data data/x.tsv", function(sh)
    sh:write("data/x.tsv", "h\n" .. lines(50, function(i) return ("%d\t%d\ta b"):format(i % 5, i % 10) end))
  end, "expected two labels, got 5: 0, 1, 2, 3, 4" },
  { "sentiment", "--data data/x.tsv", function(sh)
    sh:write("data/x.tsv", "h\n" .. lines(50, function(i) return ("%d\t7\ta b"):format(i % 2) end))
  end, "no line has a fold for" },
  { "char_lm", "--data data/x.txt --start ROMEO", function(sh) sh:write("data/x.txt", lines(300, phrase)) end,
    "--start has characters that are not in the model's text" },
  { "translate", "--data data/cs-de --direction en-pt", FOREIGN.translate[2],
    "has cs-de and de-cs, not --direction en-pt" },
  { "translate", "--data data", function(sh) sh:write("data/train.tsv", "a\tb\n") end, "dev.tsv in data" },
  { "behaviour", "--data data/x.csv", function(sh) sh:write("data/x.csv", "a,b,c\n1,2,2021-13-01 10:00:00\n") end,
    "0 of 1 lines read 'case,activity,YYYY-MM-DD HH:MM:SS'; the first is line 2: 1,2,2021-13-01 10:00:00" },
  { "caption", "--data data", function(sh)
    FOREIGN.caption[2](sh)
    sh:write("data/test-captions.tsv", "id\tcaption\nother\tx\n")
  end, "test-captions.tsv: 0 of 1 lines read" },
  { "chorales", "--data data", function(sh)
    FOREIGN.chorales[2](sh)
    os.remove(sh.folder .. "/data/pianoroll/test.txt")
  end, "no file jsb-chorales/pianoroll/test.txt in data" },
  { "chorales", "--data data", function(sh)
    FOREIGN.chorales[2](sh)
    sh:write("data/test/tune-2.csv", tune(2, 40, 3))
  end, "tune-2.csv: expected MIDI numbers from 0 to 127 of 2 voices" },
  { "digits", "--data data", function(sh) sh:write("data/x.wav", "") end, "0 of 1 files are WORD_SPEAKER_NUMBER.wav" },
  { "m4_hourly", "--data data --series Weekly", FOREIGN.m4_hourly[2], "0 of 6 series have 362 values above 0" },
  { "ridership", "--data data/shop.csv", FOREIGN.ridership[2],
    "there is no column 'service_date'; the columns are 'day'" },
  { "adding", "--save x.safetensors", function() end, "--save keeps one model: choose it by --cell" },
  { "cells", "--plot x.svg", function() end, "--plot draws one task: choose it by --task" },
}

local function run(sh, name, options)
  return sh:run(("RNNLUA_DATA= %s %s --threads 1 %s"):format(shell.quote(PROGRAM),
    shell.quote(FOLDER .. "/scripts/" .. name .. ".lua"), options))
end

describe("on other people's data", function()
  for name, case in pairs(FOREIGN) do
    it(name .. ".lua takes its sizes from them, and says what it drops", function()
      local sh = shell.new()
      finally(function() sh:remove() end)
      case[2](sh)
      local function figure(options)
        local out, err, code = run(sh, name, case[1] .. " --result result.json " .. options)
        assert.equal(0, code, err)
        assert.matches(case[3], out)
        assert.not_matches(case[4], out)
        if case.said then assert.matches(case.said, err) end
        local file <close> = assert(io.open(sh.folder .. "/result.json"))
        local value = assert(rnn.json_decode(file:read "a"))[case.figure]
        assert.is_true(math.type(value) ~= nil, case.figure)
        return value
      end
      local saves = name ~= "ridership" -- has twelve models
      local value = figure(saves and "--save model.safetensors" or "")
      if saves then assert.equal(value, figure "--load model.safetensors") end
    end)
  end

  for _, case in ipairs(WRONG) do
    it(("%s.lua %s does not begin: %s"):format(case[1], case[2], case[4]), function()
      local sh = shell.new()
      finally(function() sh:remove() end)
      case[3](sh)
      local _, err, code = run(sh, case[1], case[2])
      assert.equal(1, code, err)
      assert(err:find(case[4], 1, true), err)
      assert.is_nil(err:find "epoch")
    end)
  end

  it("a script has no option that it ignores", function()
    for _, name in ipairs(scripts()) do
      local file <close> = assert(io.open(FOLDER .. "/scripts/" .. name .. ".lua"))
      local text = file:read "a"
      for _, option in ipairs { "data", "epochs", "seed", "seeds", "save", "load", "plot", "result" } do
        local heeded, gone = text:find("options%." .. option .. "%f[%W]"), text:find(option .. " = false", 1, true)
        assert(heeded or gone, ("%s.lua: --%s"):format(name, option))
      end
    end
  end)

  it("adding.lua --flow draws a picture for each cell and seed", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local _, err, code = run(sh, "adding",
      "--cell rnn,lstm --seeds 2 --length 10 --limit 100 --epochs 1 --flow f.svg && ls *.svg > pictures")
    assert.equal(0, code, err)
    local file <close> = assert(io.open(sh.folder .. "/pictures"))
    assert.equal("f-lstm-42.svg\nf-lstm-43.svg\nf-rnn-42.svg\nf-rnn-43.svg\n", file:read "a")
  end)
end)

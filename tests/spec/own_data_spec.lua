-- Every script of scripts/ works on other people's data of its kind by --data alone: made up here, small, of other
-- sizes, names and forms than the public ones. It trains, saves, evaluates to the same figures, and shows no figure
-- that is known of other data. Data that are missing or malformed end it with one message.
local core = require "rnn.core"
local rnn = require "rnn"
local shell = require "support.shell"

local FOLDER = os.getenv("PWD")
local PROGRAM = os.getenv("RNNLUA") or FOLDER .. "/build/rnnlua"

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

local DAY = 86400
local function weekly(n, make) -- from 2018-01-01 on
  return lines(n, function(i) return os.date("!%Y-%m-%d", 1514764800 + i * 7 * DAY) .. "," .. make(i) end)
end
local function sold(i) return ("%.0f,%.1f"):format(200 + 50 * math.sin(i / 52 * 6.28) + i * 7 % 13, 5 + i % 6) end

local function recordings(sh, folder, names)
  for i, name in ipairs(names) do
    sh:write(folder .. "/" .. name, "")
    assert(rnn.audio.write(("%s/%s/%s"):format(sh.folder, folder, name), silence(1500 + 170 * (i % 7)):reshape(-1),
      i % 2 == 0 and 16000 or 8000))
  end
  sh:write(folder .. "/notes.txt", "x")
end

local function signs(sh)
  sh:write("data/train.tsv", "letter\twriter\tpath\n" .. lines(260, function(i) return sign(i, 10) end))
  sh:write("data/test.tsv", lines(140, function(i) return sign(i, 3) end) .. "131\tw1\t1 2\n")
end

-- script, options, make(sh) that writes files into a folder "data", what the output shows and does not, a figure; said:
-- what standard error has.
local FOREIGN = {
  { "draw", "--data data --units 4", signs, "unseen", "tablet", "drawn.accuracy" },
  { "draw", "--data data --units 4", function(sh) -- letters of several alphabets, by nobody in particular
    sh:write("data/letters.tsv", lines(90, function(i)
      return ("%s %d\t0.1,0.2 0.5,%.2f .7,.1|0.1 0.1 0.2 0.3"):format(i % 2 == 0 and "α" or "ж", i % 5, i / 90)
    end))
  end, "average", "tablet", "drawn.accuracy" },
  { "synthesis", "--data data/signs.tsv --units 4 --each 1", function(sh) -- 13 of each, by nobody in particular
    sh:write("data/signs.tsv", "sign\tdrawing\n" .. lines(260, function(i)
      return (sign(i % 20, 1):gsub("w0\t", ""))
    end))
  end, "20 signs in written.tsv", "tablet", "test.nats" },
  { "handwriting", "--data data --units 4", signs, "of 140 signs wrong", "nearest neighbour", "test.accuracy",
    said = "test: 140 of 141 examples have a known label" },
  { "handwriting", "--data data/letters.csv --units 4 --split 60/20/20", function(sh) -- by 20 writers, quoted
    sh:write("data/letters.csv", "strokes;who drew;symbol\n" .. lines(200, function(i)
      return ('"0.1 0.2 0.5 %.2f .7 .1|0.1 0.1 0.2 0.3";p%d;"letter ""%d"""'):format(i / 200, i % 20, i % 7)
    end))
  end, "signs wrong", "nearest neighbour", "test.accuracy" },
  { "handwriting", "--data data/quick.csv --units 4", function(sh) -- drawings in JSON
    sh:write("data/quick.csv", "word,drawing\n" .. lines(60, function(i)
      return ('%s,"[[[%d,1e1,30],[1,2,9]],[[5,6],[7,%d]]]"'):format(i % 2 == 0 and "дом" or "cat", i, i % 7)
    end))
  end, "signs wrong", "nearest neighbour", "test.accuracy" },
  { "sentiment", "--data data/phrases.txt --units 4", function(sh)
    sh:write("data/phrases.txt", "label\tfold\ttext\r\n" .. lines(60, function(i)
      return ("%s\t%s\t%s\r"):format(i % 2 == 0 and "gut" or "schlecht", i % 12, phrase(i))
    end))
  end, "%% schlecht", "naive Bayes", "test.accuracy" },
  { "sentiment", "--data data --units 4", function(sh) -- five labels, parts by their names
    for part, n in pairs { train = 80, valid = 20, test = 20 } do
      sh:write(("data/phrases-%s.csv"):format(part), "text,emotion\n" .. lines(n, function(i)
        return ('"%s, ""%s""",mood %d'):format(phrase(i), phrase(i + 1), i % 5)
      end))
    end
  end, "%% mood %d", "naive Bayes", "test.accuracy" },
  { "char_lm", "--data data/any.txt --units 8", function(sh) sh:write("data/any.txt", lines(300, phrase)) end,
    "temperature 0.5 %-%-%-%-\nрека", "Transformers", "valid.nats" },
  { "char_lm", "--data data --units 8", function(sh)
    for part, n in pairs { train = 200, dev = 50, test = 50 } do
      sh:write("data/" .. part .. ".txt", lines(n, phrase))
    end
  end, "test: %d", "Transformers", "test.nats" },
  { "translate", "--data data/cs-de --direction de-cs --units 8 --size 60 --beam 1", function(sh)
    for _, part in ipairs { "train", "dev", "test" } do
      sh:write("data/cs-de/" .. part .. ".tsv", lines(part == "train" and 80 or 5, function(i)
        return phrase(i) .. "\t" .. phrase(i + 3)
      end) .. "no tab\n")
    end
  end, "BLEU de%-cs", "en%-pt", "test.bleu", said = "dev.tsv: 5 of 6 lines read 'cs<TAB>de'" },
  { "translate", "--data data/sk-hu.tsv --units 8 --size 60 --beam 1", function(sh)
    sh:write("data/sk-hu.tsv", lines(100, function(i) return phrase(i) .. "\t" .. phrase(i + 3) .. "\tby me" end))
  end, "BLEU sk%-hu", "en%-pt", "test.bleu" },
  { "translate", "--data data --units 8 --size 60 --beam 1", function(sh) -- files in twos, as from OPUS
    sh:write("data/Tatoeba.sk-hu.sk", lines(60, phrase))
    sh:write("data/Tatoeba.sk-hu.hu", lines(60, function(i) return i == 9 and "" or phrase(i + 3) end))
    sh:write("data/README", "x")
  end, "BLEU sk%-hu", "en%-pt", "test.bleu", said = "59 of 60 lines have a sentence in both files" },
  { "translate", "--data data/pairs.csv --units 8 --size 60 --beam 1", function(sh) -- quoted, with a line break
    sh:write("data/pairs.csv", "id,src,tgt\n" .. lines(60, function(i)
      return ('%d,"%s, ""x""\n%s",%s'):format(i, phrase(i), phrase(i), phrase(i + 3))
    end))
  end, "BLEU first%-second", "en%-pt", "test.bleu" },
  { "behaviour", "--data data/log.csv --units 4", function(sh)
    sh:write("data/log.csv", "case,what,when\n" .. lines(400, function(i) -- 73 activities, cases side by side
      return ("order %d,step %d,2021-03-%02dT%02d:%02d:00.25Z"):format(i % 40, i * 7 % 73, i // 40 + 1, i % 24, i % 60)
    end) .. "lost\n")
  end, "activity step %d+, then", "published", "test.accuracy", said = "400 of 401 lines" },
  { "behaviour", "--data data --units 4 --split 60/20/20", function(sh) -- other columns, another order, other dates
    sh:write("data/log.tsv", "moment\troom\tAction Name\tvisitor\n" .. lines(300, function(i)
      return ("%02d/%02d/2023 %02d:%02d\tr%d\tact %d\tv%d"):format(i // 40 + 12, 3, i % 24, i % 60, i % 3, i * 11 % 73,
        i % 30)
    end))
  end, "activity act %d+, then", "published", "test.accuracy", said = "takes the column" },
  { "caption", "--data data --hidden 8 --beam 1", function(sh)
    for part, n in pairs { train = 90, dev = 4, test = 3 } do
      sh:write(("data/%s-layouts.tsv"):format(part), "id\tw\th\tobjects\n" .. lines(n, function(i)
        return ("pic%d\t100\t80\tthing%d:1.5,2,30,40 thing%d:0,0,10,10"):format(i, i, i // 2)
      end))
      sh:write(("data/%s-captions.tsv"):format(part), "id\tcaption\n" .. lines(n, function(i)
        return ("pic%d\t%s"):format(i, phrase(i % 4))
      end) .. "pic1000\tno\n")
    end
  end, "BLEU", "emoji", "test.bleu", said = "dev%-captions.tsv: 4 of 5 lines" },
  { "caption", "--data data --hidden 8 --beam 1", function(sh)
    sh:write("data/layouts.tsv", "id\tw\th\tobjects\n" .. lines(60, function(i)
      return ("%d\t100\t80\tthing%d:1.5,2,30,40"):format(i, i % 9)
    end))
    sh:write("data/captions.tsv", "id\tcaption\n" .. lines(60, function(i) return i .. "\t" .. phrase(i % 4) end))
  end, "BLEU", "emoji", "test.bleu" },
  { "chorales", "--data data", function(sh) -- two voices, up to 105
    for part, n in pairs { train = 3, valid = 2, test = 2 } do
      for i = 1, n do sh:write(("data/%s/tune-%d.csv"):format(part, i), tune(i, i == 1 and 40 or 20 + 10 * i, 2)) end
      sh:write("data/" .. part .. "/readme.txt", "tunes")
      sh:write(("data/pianoroll/%s.txt"):format(part), lines(60, function(t)
        return t % 20 == 0 and "" or t % 7 == 0 and "-" or ("%d %d"):format(12 + t, 60 + t % 12)
      end))
    end
  end, "voice 2 ", "published", "test.accuracy" },
  { "chorales", "--data data", function(sh) -- folk tunes: one voice, short, in one folder, without piano rolls
    for i = 1, 20 do sh:write(("data/tune-%d.csv"):format(i), tune(i, 12 + i, 1)) end
  end, "voice 1 ", "published", "test.accuracy" },
  { "chorales", "--data data", function(sh) -- piano rolls alone, of up to five keys
    for _, part in ipairs { "train", "valid", "test" } do
      sh:write(("data/pianoroll/%s.txt"):format(part), lines(60, function(t)
        return t % 20 == 0 and "" or t % 7 == 0 and "-" or ("30 40 50 %d %d"):format(55 + t % 5, 70 + t % 12)
      end))
    end
  end, "soprano ", "published", "test.accuracy" },
  { "digits", "--data data/wav --units 4", function(sh)
    local names = {}
    for _, word in ipairs { "ahoj", "čau" } do
      for speaker = 1, 3 do
        for k = 1, 4 do names[#names + 1] = ("%s_s%d_%d.wav"):format(word, speaker, 10 * k) end
      end
    end
    recordings(sh, "data/wav", names)
  end, "test: %d", "kernel ridge", "test.accuracy" },
  { "digits", "--data data --units 4", function(sh) -- wake words: a folder for each, many speakers
    local names = {}
    for _, word in ipairs { "hey", "stop", "go on" } do
      for speaker = 1, 12 do names[#names + 1] = ("%s/sp%d_nohash_%d.wav"):format(word, speaker, speaker % 2) end
    end
    recordings(sh, "data", names)
    sh:write("data/stop/broken.wav", "RIFF")
  end, "test: %d", "kernel ridge", "test.accuracy", said = "36 of 37 files are" },
  { "digits", "--data data --units 4", function(sh) -- with lists of parts
    local names, lists = {}, { testing = {}, validation = {} }
    for _, word in ipairs { "marvin", "ação" } do
      for i = 1, 8 do
        local name = ("%s/%08x_nohash_0.wav"):format(word, i * 7)
        names[#names + 1] = name
        if i > 6 then table.insert(i == 7 and lists.testing or lists.validation, name) end
      end
    end
    recordings(sh, "data", names)
    for name, list in pairs(lists) do sh:write(("data/%s_list.txt"):format(name), table.concat(list, "\n") .. "\n") end
  end, "test: %d", "kernel ridge", "test.accuracy" },
  { "digits", "--data data --units 4", function(sh) -- with parts
    local names = {}
    for part, n in pairs { train = 6, dev = 2, test = 2 } do
      for i = 1, n do
        for _, word in ipairs { "yes", "no" } do names[#names + 1] = ("%s/%s/%d.wav"):format(part, word, i) end
      end
    end
    table.sort(names)
    recordings(sh, "data", names)
  end, "test: %d", "kernel ridge", "test.accuracy" },
  { "m4_hourly", "--data data --units 4 --members 2", function(sh)
    sh:write("data/Weekly-train.csv", "id,values\n" .. lines(6, function(i)
      return ("W%d,%s,,"):format(i, wave(i == 3 and 20 or 160 + i, i, i == 4 and 0 or 30))
    end))
    sh:write("data/Weekly-test.csv", "id,values\n" .. lines(6, function(i)
      return ("W%d,%s"):format(i, wave(13, i, 30))
    end))
  end, "MASE", "winner", "test.mase", said = "4 of 6 series have %d+ values above 0" },
  { "m4_hourly", "--data data/sales.csv --units 4 --members 1", function(sh)
    sh:write("data/sales.csv", "week,shop,café\n" .. weekly(150, sold))
  end, "MASE", "winner", "test.mase" },
  { "ridership", "--data data/shop.csv --model multitask", function(sh)
    sh:write("data/shop.csv", "day,sold,visits,weather\n" .. lines(900, function(i)
      local date, weather = os.date("!%Y-%m-%d", i * DAY), i % 3 == 0 and "sun" or "rain"
      return ("%s,%d,%.1f,%s"):format(date, 40 + i * 7 % 31, 5 + i % 6, weather)
    end))
  end, "multitask", "pandemic", "multitask.val_mae" },
  { "ridership", "--data data/shop.csv --model decoder", function(sh) -- by weeks, no words, a gap
    sh:write("data/shop.csv", "week,sold\n" .. weekly(200, function(i)
      return i == 50 and "" or ("%d"):format(50 + i * 7 % 31)
    end))
  end, "decoder", "pandemic", "decoder.test_mae", said = "1 values of 'sold' are missing" },
  { "forecast", "--data data/sales.csv --model deep", function(sh)
    sh:write("data/sales.csv", "week,shop,café\n" .. weekly(150, sold))
  end, "deep", "1000", "deep.test_mse" },
  { "forecast", "--data data/de.csv --model linear", function(sh) -- decimal commas, a row of units, rows without a day
    sh:write("data/de.csv", "Tag;Last\nUTC;MW\n" .. lines(150, function(i)
      return ("%s;%d,5"):format(i == 9 and "" or os.date("!%d.%m.%Y", i * DAY), 1000 + i * 7 % 19)
    end))
  end, "linear", "1000", "linear.test_mse", said = "row 2 has units" },
  { "forecast", "--data data --model linear", function(sh)
    sh:write("data/long.csv", "name,when,value\n" .. lines(300, function(i)
      return ("s%d,%s,%d"):format(i % 2, os.date("!%d.%m.%Y", i // 2 * 7 * DAY), i * 7 % 19)
    end))
  end, "linear", "1000", "linear.test_mse" },
}

-- script, options, make(sh), what the error says: none of them trains.
local WRONG = {
  { "handwriting", "--data data", function(sh)
    for _, part in ipairs { "train", "test" } do sh:write("data/" .. part .. ".tsv", "head\na,b,c\nd,e,f\n") end
  end, ".tsv: 0 of 2 lines read 'label,writer,strokes'; the first is line 2: a,b,c" },
  { "handwriting", "--data data/x.tsv", function(sh)
    sh:write("data/x.tsv", "label\twriter\tstrokes\nA\tada\tlong\n")
  end,
    "x.tsv: 0 of 1 lines read 'label<TAB>writer<TAB>strokes'; the first is line 2: A\tada\tlong" },
  { "draw", "--data data/x.tsv", function(sh) sh:write("data/x.tsv", "") end, "x.tsv: the file is empty" },
  { "sentiment", "--data data/x.tsv", function(sh)
    sh:write("data/x.tsv", "h\n" .. lines(50, function(i) return ("same\t%d\ta b"):format(i % 10) end))
  end, "expected two labels or more, got same" },
  { "sentiment", "--data data/x.tsv --split 100/0/0", function(sh)
    sh:write("data/x.tsv", lines(50, function(i) return ("%d\ta b"):format(i % 2) end))
  end, "nothing is left for dev: there are 50 examples, and --split is 100/0/0" },
  { "sentiment", "--data data --evaluate none.safetensors", function(sh) sh:write("data/test.tsv", "a\tb\n") end,
    "none.safetensors" },
  { "char_lm", "--data data", function(sh) sh:write("data/x.txt", "") end, "x.txt: the file is empty" },
  { "char_lm", "--data data/x.txt --start ROMEO", function(sh) sh:write("data/x.txt", lines(300, phrase)) end,
    "--start has characters that are not in the model's text" },
  { "translate", "--data data/cs-de --direction en-pt", function(sh)
    for _, part in ipairs { "train", "dev", "test" } do sh:write("data/cs-de/" .. part .. ".tsv", "a\tb\n") end
  end, "the data have cs-de and de-cs, not --direction en-pt" },
  { "translate", "--data data", function(sh)
    sh:write("data/train.tsv", "a\tb\n")
    sh:write("data/more.tsv", "a\tb\n")
  end, "data: there is no file that ends in .tsv or .txt or .csv with test in its name" },
  { "translate", "--data data", function(sh)
    sh:write("data/one.tsv", "a\tb\n")
    sh:write("data/two.tsv", "a\tb\n")
  end, "or one file that ends in .tsv or .txt or .csv, got one.tsv, two.tsv" },
  { "behaviour", "--data data/x.csv", function(sh) sh:write("data/x.csv", "a,b,c\n1,2,2021-13-01 10:00:00\n") end,
    "0 of 1 lines read 'case,activity,YYYY-MM-DD HH:MM:SS'; the first is line 2: 1,2,2021-13-01 10:00:00" },
  { "behaviour", "--data data/x.csv --case who", function(sh) sh:write("data/x.csv", "a,b,c\n") end,
    "there is no column 'who'; the columns are 'a', 'b', 'c'" },
  { "caption", "--data data", function(sh)
    sh:write("data/layouts.tsv", "id\tw\th\tobjects\nx\t1\t1\t\n")
    sh:write("data/captions.tsv", "id\tcaption\nother\tx\n")
  end, "captions.tsv: 0 of 1 lines read" },
  { "chorales", "--data data", function(sh)
    for i = 1, 3 do sh:write(("data/tune-%d.csv"):format(i), tune(i, 40, i == 2 and 3 or 2)) end
  end, "tune-2.csv: expected MIDI numbers from 0 to 127 of 2 voices" },
  { "digits", "--data data", function(sh) sh:write("data/x.wav", "") end,
    "0 of 1 files are WORD/SPEAKER_NUMBER.wav or WORD_SPEAKER_NUMBER.wav" },
  { "digits", "--data data", function(sh) sh:write("data/x.txt", "") end, "data: there is no file that ends in .wav" },
  { "m4_hourly", "--data data", function(sh) sh:write("data/x.csv", "name,v\na,1,2,3,4,5,6,7,8,9\n") end,
    "0 of 1 series have" },
  { "m4_hourly", "--data data", function(sh) sh:write("data/x.csv", "name,v\na,1,two\n") end,
    "x.csv: 0 of 1 lines read 'name,number,number ...'; the first is line 2: a,1,two" },
  { "ridership", "--data data/shop.csv --target sales", function(sh)
    sh:write("data/shop.csv", "day,sold\n2024-01-01,5\n2024-01-02,6\n")
  end, "there is no column 'sales'; the columns are 'day', 'sold'" },
  { "ridership", "--data data/shop.csv", function(sh) sh:write("data/shop.csv", "day,sold\n2024-01-01,5\n") end,
    "shop.csv: there are fewer than 30 rows" },
  { "ridership", "--data data/shop.csv", function(sh) sh:write("data/shop.csv", "\xFF\xFE\0x") end, "shop.csv" },
  { "forecast", "--data data/x.csv", function(sh) sh:write("data/x.csv", "day,sold\n2024-01-01,5\n2024-01-02,6\n") end,
    "a series is too short" },
  { "adding", "--save x.safetensors", function() end, "--save keeps one model: choose it by --cell" },
  { "cells", "--plot x.svg", function() end, "--plot draws one task: choose it by --task" },
}

local function run(sh, name, options)
  return sh:run(("RNNLUA_DATA= %s %s --threads 1 %s"):format(shell.quote(PROGRAM),
    shell.quote(FOLDER .. "/scripts/" .. name .. ".lua"), options))
end

describe("on other people's data", function()
  for i, case in ipairs(FOREIGN) do
    local name, options, make, shown, hidden, figure = table.unpack(case)
    it(("%d: %s.lua %s"):format(i, name, options), function()
      local sh = shell.new()
      finally(function() sh:remove() end)
      make(sh)
      local function measure(more)
        local out, err, code = run(sh, name, options .. " --epochs 1 --result result.json " .. more)
        assert.equal(0, code, err)
        assert.matches(shown, out)
        assert.not_matches(hidden, out)
        if case.said then assert.matches(case.said, err) end
        local file <close> = assert(io.open(sh.folder .. "/result.json"))
        local value = assert(rnn.json_decode(file:read "a"))[figure]
        assert.is_true(math.type(value) ~= nil, figure)
        return value
      end
      assert.equal(measure "--save model.safetensors", measure "--evaluate model.safetensors")
    end)
  end

  it("a test alone is enough to evaluate a model, of which the labels are", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    signs(sh)
    assert.equal(0, select(3, run(sh, "handwriting", "--data data --epochs 1 --units 4 --save m.safetensors")))
    sh:write("new/test.tsv", "label\tstrokes\n" .. lines(9, function(i) return ("%d\t1 2 3 4 5 %d"):format(i, i) end))
    local out, err, code = run(sh, "handwriting", "--data new --evaluate m.safetensors")
    assert.equal(0, code, err)
    assert.matches("of 9 signs wrong", out)
  end)

  it("own_csv.lua names the one option that a file needs, or does without", function()
    local sh = shell.new()
    local own = ("%s %s/scripts/own_csv.lua"):format(PROGRAM, FOLDER)
    local function day(i) return os.date("!%Y-%m-%d", 1609459200 + i * DAY) end
    local function value(i) return 100 + 20 * (i % 7) + i * 13 % 5 end
    local function file(name, head, row) sh:write(name, head .. lines(120, row)) end
    local function told(command) -- what it prints, and whether it ended well
      local _, text = pcall(function()
        return sh:run(("cd %s && (%s %s --epochs 1 --members 1; echo code $?) 2>&1"):format(sh.folder, own, command))
      end)
      text = type(text) == "table" and text.stdout or tostring(text)
      assert(not text:find("stack traceback", 1, true), text)
      return text
    end
    local function says(command, ...)
      local text = told(command)
      for _, part in ipairs { ... } do assert(text:find(part, 1, true), command .. ": " .. text) end
    end
    file("us.csv", "d,v\n", function(i) return ('%s,"12,%d"'):format(day(i), value(i)) end)
    says("us.csv --target v", "--thousands ,", "code 1")
    says("us.csv --target v --thousands ,", "v, the next", "code 0")
    file("bare.csv", "", function(i) return ("%s,%d"):format(day(i), value(i)) end)
    says("bare.csv", "--headless", "code 1")
    says("bare.csv --headless", "column2, the next", "code 0")
    file("ms.csv", "t,v\n", function(i) return ("%d,%d"):format((1700000000 + i * 3600) * 1000, value(i)) end)
    says("ms.csv --target v", "'t' is taken as times, milliseconds (--ignore t leaves it out)", "code 0")
    file("years.csv", "y,v\n", function(i) return ("%d,%d"):format(1900 + i, value(i)) end)
    says("years.csv --target v", "'y' is taken as times, %Y", "2021-01-01", "code 0")
    file("none.csv", "d,v,w\n", function(i) return ("%s,,%d"):format(day(i), i) end)
    says("none.csv --target v", "column 'v' has no value; --target v | w", "code 1")
    file("mark.csv", "d,v\n", function(i) return ("%s,%d"):format(day(i), i % 20 == 9 and -999 or value(i)) end)
    says("mark.csv --target v", "'v' is -999 in 6 rows, far from all others: --missing -999", "code 0")
    says("mark.csv --target v --missing -999", "are missing: left out", "code 0")
    file("de.csv", "Tag;Wert\n", function(i) return ("%s;1.%03d"):format(day(i), value(i)) end)
    says("de.csv --target Wert", '--decimal "."', '--decimal ","', "code 1")
    file("good.csv", "d,v,w\n", function(i) return ("%s,%d,%d"):format(day(i), value(i), i % 3) end)
    says("good.csv --target v --known hot", "--known: there is no column 'hot'; the columns are d, v, w", "code 1")
    says("good.csv --target v --ignore w,x", "--ignore: there is no column 'x'", "code 1")
    says("good.csv --target v --series ofer", "--series: there is no column 'ofer'", "code 1")
    says("good.csv --target v --test 2030", "--test: frame:between: no row has a 'd' between 2030", "code 1")
    says("good.csv --target v --ahead 500", "--ahead: rnn.Forecaster:fit: 96 rows are too few", "code 1")
    says("good.csv --target v --interval 900", "--interval: expected a number between 0 and 100", "code 1")
    file("come.csv", "d,v,w\n", function(i) return ("%s,%s,%d"):format(day(i), i <= 110 and value(i) or "", i % 3) end)
    says("come.csv --target v --known w", "learns from 88 rows, is measured on 22, from 2021-03-31",
      "backtest of 'v': 22 origins", "code 0") -- the last ten rows are to come
    file("two.csv", "d,shop,v,w\n", function(i)
      return ("%s,%s,%s,%d"):format(day((i + 1) // 2), i % 2 == 0 and "a" or "b", i <= 110 and value(i) or "", i % 3)
    end)
    says("two.csv --target v --known w --series shop --ahead 3 --reads 7", "learns from 88 rows, is measured on 22, "
      .. "from 2021-02-15", "code 0")
    file("air.csv", "Date;Time;v;;\n", function(i) -- as UCI's Air Quality is written
      return ("%02d/03/2004;%02d.00.00;%d;;"):format((i - 1) // 24 + 10, (i - 1) % 24, value(i))
    end)
    says("air.csv --target v", "'Time' is the time of day of 'Date'", "2004-03-15 00:00", "code 0")
  end)

  it("--run keeps a report of each training", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    sh:write("data/any.txt", lines(300, phrase))
    local _, err, code = run(sh, "char_lm", "--data data/any.txt --epochs 1 --units 4 --seeds 2 --run runs")
    assert.equal(0, code, err)
    for _, seed in ipairs { 42, 43 } do
      assert.is_true(core.file_is_there(("%s/runs/writer-%d/report.html"):format(sh.folder, seed)))
    end
  end)
end)

describe("data that cannot be used", function()
  for _, case in ipairs(WRONG) do
    it(("%s.lua %s does not begin: %s"):format(case[1], case[2], case[4]), function()
      local sh = shell.new()
      finally(function() sh:remove() end)
      case[3](sh)
      local _, err, code = run(sh, case[1], case[2])
      assert.equal(1, code, err)
      assert(err:find(case[4], 1, true), err)
      assert.is_nil(err:find "epoch %d")
      assert.is_nil(err:find "stack traceback", err)
    end)
  end

  it("--help and the message of a missing file show in three lines how data are written", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    for _, name in ipairs { "behaviour", "caption", "char_lm", "chorales", "digits", "draw", "forecast", "handwriting",
      "m4_hourly", "ridership", "sentiment", "synthesis", "translate" } do
      local help, _, code = run(sh, name, "--help")
      assert.equal(0, code)
      local format = assert(help:match "\nData: (.*)\n$", name)
      assert.equal(2, select(2, format:gsub("\n", "")), name)
      local _, err, wrong = run(sh, name, "--data nowhere")
      assert.equal(1, wrong)
      assert(err:find("there is no nowhere", 1, true), err)
      assert(err:find(format:match "^[^\n]*", 1, true), err)
      assert.is_nil(err:find "stack traceback")
    end
  end)
end)

-- rnnlua sweep: the settings that are tried, the same table whatever happens on the way, halving, the test.
local core = require "rnn.core"
local space = require "rnn.sweep.space"
local tables = require "rnn.sweep.table"
local arguments = require "rnn.experiment.arguments"
local shell = require "support.shell"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
local ROOT = os.getenv("PWD")
local DOUBLE = core.precision == "double" and "--double " or ""
local rnnlua = shell.quote(PROGRAM) .. " " .. DOUBLE

local DECLARED = arguments.declared { about = "x", epochs = 9, lr = { 0.01, "rate" }, hidden = { 16, "units" },
  cell = { { "RNN", "GRU" }, "layer" }, clip = { false, "clips" }, name = { "a", "a text" } }

local function read(text)
  local words = {}
  for word in text:gmatch "%S+" do words[#words + 1] = word end
  return space.read("x.lua", words, DECLARED)
end

local function axis(text, name)
  local axes, message = read(text .. (name ~= "cell" and " --cell RNN" or ""))
  assert.is_table(axes, message)
  for _, each in ipairs(axes) do
    if each.name == name then return each end
  end
end

describe("the command line of a sweep", function()
  it("has ranges, lists and single values of the script's options", function()
    assert.same({ name = "lr", low = 1e-4, high = 0.1, log = true, whole = false }, axis("--lr 1e-4..1e-1", "lr"))
    assert.same({ name = "lr", low = 0.1, high = 0.2, log = false, whole = false }, axis("--lr=0.1..0.2", "lr"))
    assert.same({ name = "hidden", low = 8, high = 80, log = true, whole = true }, axis("--hidden 8..80", "hidden"))
    assert.same({ name = "hidden", list = { "32", "64" } }, axis("--hidden 32,64", "hidden"))
    assert.same({ name = "cell", list = { "RNN", "GRU" } }, axis("--cell all", "cell"))
    assert.same({ name = "name", list = { "../a", "b" } }, axis("--name ../a,b", "name"))
    assert.same({ name = "clip", list = { "on" }, switch = true }, axis("--clip", "clip"))
    assert.same({ name = "clip", list = { "on", "off" }, switch = true }, axis("--clip on,off", "clip"))
    assert.same({ name = "clip", list = { "on" }, switch = true }, axis("--clip --lr 0.1", "clip"))
  end)

  it("says what is wrong with a word, and what was meant", function()
    for text, expected in pairs {
      ["--hiden 3"] = "x.lua has no option --hiden; did you mean --hidden?",
      ["--trails 3"] = "x.lua has no option --trails; did you mean --trials?",
      ["--lr 0.1..x"] = "--lr: expected a number, got 'x'",
      ["--lr 0.1..0.1"] = "--lr: expected a range from low to high, got '0.1..0.1'",
      ["--lr 0.1,x"] = "--lr: expected a number, got 'x'",
      ["--hidden 0.5..8"] = "--hidden: expected a positive integer, got '0.5'",
      ["--hidden 8,8"] = "--hidden: 8 is there twice",
      ["--lr"] = "--lr: a value is missing",
      ["--lr 1 --lr 2"] = "--lr: it is given twice",
      ["lr 1"] = "expected an option such as --lr 1e-4..1e-1, got 'lr'",
      ["--cell LSTM"] = "--cell: 'LSTM' is none of RNN, GRU, all",
      ["--lr 1"] = "--cell: a trial trains one; choose it, or some to try: --cell RNN,GRU",
      ["--trials 0"] = "--trials: expected an integer of at least 1, got '0'",
      ["--halve 1"] = "--halve: expected an integer of at least 2, got '1'",
      ["--save x"] = "--save: not in a sweep: the winner's command, which is printed at the end, takes it",
      ["--clip=maybe"] = "--clip: expected nothing, on, off or on,off, got 'maybe'",
    } do
      assert.equal(expected, (select(2, read(text))))
    end
  end)
end)

describe("trials", function()
  it("depend on the seed and on their number alone", function()
    local axes = read "--lr 1e-4..1e-1 --hidden 8..80 --cell RNN,GRU"
    local many = space.trials(axes, 30, 42)
    assert.equal(30, #many)
    assert.same(table.move(many, 1, 7, 1, {}), space.trials(axes, 7, 42))
    assert.not_same(many[1], space.trials(axes, 1, 43)[1])
  end)

  it("are within their ranges, as many in each decade, and all different", function()
    local axes, known, below = read "--lr 1e-4..1e-1 --hidden 8..80 --cell RNN", {}, { 0, 0, 0 }
    for _, values in ipairs(space.trials(axes, 600, 1)) do
      local lr, hidden = tonumber(values.lr), math.tointeger(tonumber(values.hidden))
      assert.is_true(lr >= 1e-4 and lr <= 0.1 and hidden >= 8 and hidden <= 80)
      local decade = math.min(3, math.floor(math.log(lr, 10) + 4) + 1)
      below[decade] = below[decade] + 1
      assert.is_nil(known[values.lr .. values.hidden])
      known[values.lr .. values.hidden] = true
    end
    for i = 1, 3 do assert.is_true(below[i] > 150 and below[i] < 250, below[i]) end
  end)

  it("of lists are all that there are, once each", function()
    local axes = read "--lr 1,2,3 --hidden 8,16 --cell RNN,GRU"
    assert.equal(12, space.size(axes))
    local known = {}
    for _, v in ipairs(space.trials(axes, 100, 42)) do known[v.lr .. v.hidden .. v.cell] = true end
    local count = 0
    for _ in pairs(known) do count = count + 1 end
    assert.equal(12, count)
  end)
end)

describe("the table of a sweep", function()
  local function made(f)
    local trials = {}
    for i = 1, 24 do
      local lr, units = 10 ^ -((i * 7 % 24) / 8), (i % 3 + 1) * 8
      trials[i] = { number = i, values = { lr = tostring(lr), units = tostring(units) },
        figures = { [9] = f(lr, units) } }
    end
    return trials
  end
  local AXES = { { name = "lr", low = 1e-3, high = 1, log = true }, { name = "units", list = { "8", "16", "24" } },
    { name = "fixed", list = { "1" } } }

  it("finds the option that matters", function()
    local list = tables.importance(AXES, made(function(lr) return { lr } end), 9)
    assert.equal(2, #list)
    assert.equal("lr", list[1].name)
    assert.is_true(list[1].share > 0.9, list[1].share)
    assert.is_true(list[2].share < 0.15, list[2].share)
    list = tables.importance(AXES, made(function(_, units) return { units } end), 9)
    assert.equal("units", list[1].name)
    assert.near(1, list[1].share, 1e-9)
    assert.equal(0, tables.importance(AXES, made(function() return { 1 } end), 9)[1].share or 0)
  end)

  it("orders by the median, what failed last, and takes differences seed by seed", function()
    local trials = {
      { number = 1, values = { lr = "1" }, figures = { [9] = { 2, 4, 9 } } },
      { number = 2, values = { lr = "2" }, figures = { [9] = { 1, 3, 8 } } },
      { number = 3, values = { lr = "3" }, figures = { [9] = { 0 / 0, 0 / 0, 1 } } },
    }
    local text, winner = tables.text { figure = "f", largest = false, seeds = 3, axes = { AXES[1] }, trials = trials,
      rungs = { 9 } }
    assert.equal(2, winner.number)
    assert.matches("1 +2 +2 +3 +1 to 8 *\n2 +1 +1 +4 +2 to 9 +%+1 %(%+1 to %+1%)\n3 +3 +3 +failed", text)
    assert.equal(1, tables.order(trials, 9, true)[1].number)
  end)
end)

describe("rnnlua sweep", function()
  local sh
  before_each(function()
    sh = shell.new()
    sh:run("cp " .. shell.quote(ROOT .. "/tests/sweep/toy.lua") .. " .")
  end)
  after_each(function() sh:remove() end)

  local SPACE = "sweep toy.lua --lr 1e-4..1e-1 --hidden 4,8 --cell RNN --epochs 4 "

  local function sweep(words, code)
    local out, err, got = sh:run(rnnlua .. words)
    assert.equal(code or 0, got, err)
    return out, err
  end

  -- The same command by two processes at once, of which one leads and prints.
  local function together(words)
    local command = ("%s%s"):format(rnnlua, words)
    local out = sh:run(("%s >p 2>p.err & %s >q 2>q.err; q=$?; wait $! && cat p q && exit $q"):format(command, command))
    local errors = core.file_read(sh.folder .. "/p.err") .. core.file_read(sh.folder .. "/q.err")
    local _, parts = errors:gsub("takes part in %w+, which another process leads", "")
    assert.equal(1, parts, errors)
    return out
  end

  it("gives the same table with one job, two, after it was killed, and by two processes; the test is computed once",
      function()
    local one = sweep(SPACE .. "--trials 4 --seeds 2 --jobs 1 --run a --tested a.txt")
    sh:run(("%s%s--trials 4 --seeds 2 --jobs 2 --run b --tested a.txt 2>/dev/null >/dev/null & sleep 0.5; kill -9 $!")
      :format(rnnlua, SPACE))
    assert.equal(one, together(SPACE .. "--trials 4 --seeds 2 --run b --tested a.txt"))
    assert.matches("4 trials with 2 seeds of toy.lua: val_loss", one)
    local _, tested = assert(core.file_read(sh.folder .. "/a.txt")):gsub("\n", "")
    assert.equal(4, tested) -- two seeds of two winners
    assert.equal(one, (sweep(SPACE .. "--trials 4 --seeds 2 --jobs 2 --run b --tested a.txt")))
    _, tested = assert(core.file_read(sh.folder .. "/a.txt")):gsub("\n", "")
    assert.equal(4, tested)
    local _, message = sweep(SPACE:gsub("4,8", "4,9") .. "--trials 4 --run b", 1)
    assert.matches("b: there is another sweep in it %(not the same: the options%)", message)
    sh:run "mkdir -p c/lock"
    _, message = sweep(SPACE .. "--trials 4 --run c", 1)
    assert.matches("cannot write c/lock: Is a directory", message)
  end)

  it("halves by whole rungs, whose trainings are the beginnings of the whole ones", function()
    local whole = sweep(SPACE .. "--trials 4 --run a")
    local halved = together(SPACE .. "--trials 4 --halve 2 --run b")
    assert.matches("Rungs: 4 to epoch 2, 2 to epoch 4", halved)
    local same, shorter = 0, 0
    for i = 1, 4 do
      local function lines(folder)
        local path = ("%s/%s/trial-%03d/seed-42/RNN-42/metrics.jsonl"):format(sh.folder, folder, i)
        return (core.file_read(path):gsub('"seconds":[^,]*', ""))
      end
      local a, b = lines "a", lines "b"
      assert.equal(a:sub(1, #b), b)
      if #a == #b then same = same + 1 else shorter = shorter + 1 end
    end
    assert.equal(2, same)
    assert.equal(2, shorter)
    assert.is_string(whole:match "The winner: (rnnlua toy.lua [^\n]+)")
  end)

  it("takes a figure of the script's, goes on when a training fails, and ends when there is none", function()
    local out = sweep "sweep toy.lua --cell RNN --hidden 4 --epochs 2 --lr 0.01,1e300 --minimise val_rmse --run a"
    assert.matches("1 +1e300 +failed", (out:gsub("2 +%d ", "1 ")))
    assert.matches("1 trial failed", out)
    local _, message = sweep("sweep toy.lua --cell RNN --epochs 1 --hidden 4,8 --minimise val_bleu --run b", 1)
    assert.matches("no figure 'val_bleu'; there were: loss, mae, test_mse, val_loss, val_mae, val_rmse", message)
    _, message = sweep("sweep toy.lua --cell RNN --minimise test_mse", 1)
    assert.matches("choose by a figure of validation", message)
    sh:write("none.lua", "print(1)")
    _, message = sweep("sweep none.lua --lr 1", 1)
    assert.matches("none.lua: it declares no options", message)
  end)
end)

describe("rnnlua --plan", function()
  it("measures a training and trains nothing", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local out, err, code = sh:run(("%s--plan %s/tests/sweep/toy.lua --cell GRU --run x"):format(rnnlua,
      shell.quote(ROOT)))
    assert.equal(0, code, err)
    assert.matches("parameters  929 %(", out)
    assert.matches("a batch     %(32, 12, 1%)\nan epoch    8 batches", out)
    assert.matches("1 +at once +[%d.]+ m?s +[%d.]+ m?s +[%d.]+ kB", out)
    assert.matches("1 +in 4 parts", out)
    assert.matches("Fastest: rnnlua %-%-threads %d", out)
    assert.is_false(core.file_is_there(sh.folder .. "/x/GRU-42"))
  end)
end)

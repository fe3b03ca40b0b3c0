-- The command line of scripts, and the figures they collect.
local rnn = require "rnn"
local parse = require("rnn.experiment.arguments").parse

local SPEC = {
  about = "Tests.", epochs = 500, model = { "all", "which" }, lr = { 0.1, "rate" }, quick = { false, "fast" },
  data = { folder = "none" },
}

local function options(...) return parse(SPEC, { [0] = "x.lua", ... }) end

describe("arguments of an experiment", function()
  it("gives defaults", function()
    assert.same({ epochs = 500, model = "all", lr = 0.1, quick = false, seed = 42, seeds = 1 }, (options()))
  end)

  it("reads values after a space or =", function()
    local o = options("--epochs", "3", "--model=rnn32", "--lr", "0.5", "--quick", "--seed=0", "--data", "a b")
    assert.same({ epochs = 3, model = "rnn32", lr = 0.5, quick = true, seed = 0, seeds = 1, data = "a b" }, o)
  end)

  it("takes 0 where that is the default", function()
    local function limit(value) return parse({ limit = { 0, "of something" } }, { "--limit", value }) end
    assert.equal(0, limit("0").limit)
    assert.equal("--limit: expected an integer of 0 or more, got '-1'", (select(2, limit "-1")))
  end)

  it("leaves out what a script has no use for", function()
    local spec = { save = false }
    for _, name in ipairs { "save", "data" } do
      assert.is_nil(parse(spec, { [0] = "x.lua" })[name])
      assert.matches(name, (select(2, parse(spec, { [0] = "x.lua", "--" .. name, "x" }))))
      assert.not_matches("--" .. name, (select(3, parse(spec, { [0] = "x.lua", "--help" }))), 1, true)
    end
  end)

  it("reads some names of a list", function()
    local spec = { model = { { "rnn", "lstm", "gru" }, "train these" } }
    local function models(...)
      local o, message = parse(spec, { [0] = "x.lua", ... })
      return o and o.model or message
    end
    local all = { rnn = true, lstm = true, gru = true }
    assert.same(all, models())
    assert.same(all, models("--model", "all"))
    assert.same({ gru = true, rnn = true }, models("--model=gru,rnn"))
    assert.equal("--model: 'cnn' is none of rnn, lstm, gru, all", models("--model", "rnn,cnn"))
    assert.equal("--model: '' is none of rnn, lstm, gru, all", models("--model", "rnn,"))
    assert.matches("%-%-model NAMES +train these: rnn, lstm, gru %[all%]", (select(3, parse(spec, { "--help" }))))
  end)

  it("shows help", function()
    local none, message, help = options("--help")
    assert.is_nil(none)
    assert.is_nil(message)
    assert.matches("usage: rnnlua x.lua %[options%]\nTests.\n", help)
    assert.matches("%-%-epochs N .-%[500%]", help)
    assert.matches("%-%-model NAME .-which %[all%]", help)
  end)

  it("needs shares where a script cuts its data", function()
    local before = _G.arg
    _G.arg = { [0] = "x.lua" }
    local ok, message = pcall(function() return rnn.experiment {}:cuts(10) end)
    _G.arg = before
    assert.is_false(ok)
    assert.matches('experiment:cuts: rnn.experiment needs split = "80/10/10"', message, 1, true)
  end)

  it("says what is wrong", function()
    local function says(expected, ...) assert.equal(expected, (select(2, options(...)))) end
    says("unknown option '--epoch'; --help lists the known ones", "--epoch", "3")
    says("unknown option 'file.csv'; --help lists the known ones", "file.csv")
    says("--epochs: expected a positive integer, got 'x'", "--epochs", "x")
    says("--seeds: expected a positive integer, got '0'", "--seeds", "0")
    says("--seed: expected an integer of 0 or more, got '1.5'", "--seed", "1.5")
    says("--lr: expected a number, got 'fast'", "--lr", "fast")
    for _, lr in ipairs { "-1", "0", "inf" } do
      says(("--lr: expected a number%s, got '%s'"):format(lr == "inf" and "" or " above 0", lr), "--lr", lr)
    end
    local own = { dropout = { 0.5, "share" }, clip = { 1.0, "norm" }, length = { 9, "steps", 2 } }
    for text, wanted in pairs { ["--dropout 2"] = "a share from 0 to less than 1",
      ["--clip -1"] = "a number of 0 or more", ["--length 1"] = "an integer of 2 or more" } do
      local name, value = text:match "(%S+) (%S+)"
      assert.equal(("%s: expected %s, got '%s'"):format(name, wanted, value), (select(2, parse(own, { name, value }))))
    end
    says("--data: a value is missing", "--data")
    says("--quick: takes no value", "--quick=1")
    for _, name in ipairs { "save", "plot", "result" } do -- before a script trains
      says(("--%s: there is no folder /no/such"):format(name), "--" .. name, "/no/such/file.svg")
      assert.equal("/tmp/file.svg", options("--" .. name, "/tmp/file.svg")[name])
    end
    says("--plot: expected a name that ends in .svg or .png, got 'a.pdf'", "--plot", "a.pdf")
  end)
end)

describe("a model that is evaluated", function()
  it("is not what the command line says it is, and that is said", function()
    local shell = require "support.shell"
    local sh = shell.new()
    finally(function() sh:remove() end)
    sh:write("x.lua", [[local rnn = require "rnn"
      local e = rnn.experiment { units = { 3, "units" }, kind = { { "a", "b" }, "kinds" } }
      local model = e:load() or rnn.nn.Linear(1, e.options.units)
      e:finish { model = model }]])
    local run = shell.quote(os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua") .. " x.lua "
    assert.equal(0, select(3, sh:run(run .. "--kind a --save m.safetensors")))
    local _, err = sh:run(run .. "--evaluate m.safetensors --units 5 --kind b")
    assert.matches("m.safetensors: the model was trained with --units 3, and stays what it is; --units 5 is for the "
      .. "rest", err, 1, true)
    assert.matches("trained with --kind a,", err, 1, true)
    assert.equal("", (select(2, sh:run(run .. "--evaluate m.safetensors --units 3"))))
  end)
end)

describe("rnn.results", function()
  local results = rnn.results()
  for i, mae in ipairs { 30, 10, 20 } do results:add("a", { mae = mae, seconds = i }) end
  for _, mae in ipairs { 1, 2 } do results:add("longer", { mae = mae }) end

  it("gives medians and the least", function()
    assert.equal(20, results:median("a", "mae"))
    assert.equal(1.5, results:median("longer", "mae"))
    assert.equal(10, results:least("a", "mae"))
    assert.is_nil(results:median("longer", "seconds"))
  end)

  it("draws a table in the order of the models", function()
    assert.equal("model    MAE    s\na       20.0  2.0\nlonger   1.5    –\n",
      results:table { { "mae", "%.1f", "MAE" }, { "seconds", "%.1f", "s" } })
    assert.equal("model  s\na      2\n", results:table { { "seconds", "%.0f", "s" } }) -- no row of nothing
  end)

  it("notes how the loss fell: over epochs, or over the steps of the only one", function()
    local x = rnn.randn(40, 2)
    local function fall(epochs)
      local seen, model, r = {}, rnn.nn.Linear(2, 1), rnn.results()
      local history = rnn.fit(model, { data = rnn.data.arrays(x, x:sum(2, true)):batches { size = 2 }, loss = "mse",
        epochs = epochs, progress = false, optimizer = rnn.optim.SGD(model:parameters(), { lr = 0.05 }),
        callbacks = { r:training(), { on_step = function(_, _, _, values) seen[#seen + 1] = values.loss end } } })
      return r:median("train", "first_loss"), r:median("train", "last_loss"), history.loss, seen
    end
    local first, last, losses = fall(3)
    assert.same({ losses[1], losses[3] }, { first, last })
    local begin, finish, _, seen = fall(1)
    assert.same({ (seen[1] + seen[2]) / 2, (seen[19] + seen[20]) / 2 }, { begin, finish })
    assert(finish < begin)
  end)

  it("writes one flat JSON object", function()
    local path = os.tmpname()
    results:add("", { seconds = 3, skill = -math.huge, mase = 0 / 0 })
    assert(results:write(path))
    local file = assert(io.open(path))
    local value = rnn.json_decode(file:read "a")
    file:close()
    os.remove(path)
    assert.same({ ["a.mae"] = 20, ["a.seconds"] = 2, ["longer.mae"] = 1.5, seconds = 3,
      skill = rnn.null, mase = rnn.null }, value)
    assert.equal("model    MAE\na       20.0\nlonger   1.5\n", results:table { { "mae", "%.1f", "MAE" } })
  end)
end)

describe("data of an experiment", function()
  local times = require "rnn.experiment.times"
  local split = require "rnn.experiment.split"
  local records = require "rnn.experiment.records"
  local series = require "rnn.experiment.series"
  local shell = require "support.shell"

  it("reads points in time as people write them", function()
    for _, text in ipairs { "2024-02-29 18:00", "2024/2/29T18:00:00Z", "29.02.2024 18:00", "02/29/2024 18:00",
      "2/29/2024 6:00 PM", "29-Feb-2024 18:00", "2024-02-29T20:00:00.000+02:00", "1709229600", "1709229600000" } do
      assert.same({ 19782, 0.75 }, { times.read(text, false) }, text)
    end
    for _, text in ipairs { "2024-02-29", "20240229", "29 February 2024" } do
      assert.same({ 19782, 0 }, { times.read(text, false) }, text)
    end
    assert.is_true(times.day_first { "3/4/2024", "13/4/2024" })
    assert.is_true(times.day_first { "13-04-2024 18:00:00" })
    assert.is_false(times.day_first { "3/4/2024", "4/13/2024" })
    assert.is_false(times.day_first { "when", "4/4/2024", "2024-04-03" })
    local open, why = times.day_first { "3/4/2024", "4/3/2024" }
    assert.is_nil(open)
    assert.matches("is '3/4/2024' the date with the month or with the day first", why, 1, true)
    assert.same({ 19816, 0 }, { times.read("3/4/2024", true) })
    for _, text in ipairs { "2024-13-01", "2024-02-29 25:00", "soon", "12", "2024-02-29 soon", "", "2023-02-29" } do
      assert.is_nil(times.read(text, false))
    end
  end)

  it("cuts stretches, or of every label a share", function()
    local list = {}
    for i = 1, 100 do list[i] = { label = i <= 60 and "a" or "b", writer = i % 10 } end
    local function counts(parts) return { #parts.train, #parts.dev, #parts.test } end
    local function labels(part, label)
      local n = 0
      for _, e in ipairs(part) do n = n + (e.label == label and 1 or 0) end
      return n
    end
    assert.same({ 70, 20, 10 }, counts(split.cut(list, { 7, 2, 1 })))
    local parts = split.cut(list, { 80, 10, 10 }, "label")
    for _, part in ipairs { "dev", "test" } do
      assert.is_true(math.abs(labels(parts[part], "a") - 6) <= 1)
      assert.is_true(math.abs(labels(parts[part], "b") - 4) <= 1)
    end
    local seen = {}
    for name, part in pairs(split.cut(list, { 70, 15, 15 }, { "writer" })) do
      for _, e in ipairs(part) do
        assert.is_true(seen[e.writer] == nil or seen[e.writer] == name)
        seen[e.writer] = name
      end
    end
    assert.same({ 2, 1, 1 }, counts(split.by_column {
      { part = "train" }, { part = "valid" }, { part = "0" }, { part = "9" } }))
    assert.is_nil(split.by_column { { part = "train" } })
  end)

  it("tells columns by their headings, by what is in them, or by their order", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local columns = { { "case", "order" }, { "activity", "event" }, { "time", "when", time = true } }
    local function first(text, given)
      columns[1].given = given
      return assert(records.read(sh:write("x.csv", text), columns, function(row)
        return ("%s %s %d %g"):format(row.case, row.activity, row.time, row.clock)
      end))[1]
    end
    for _, text in ipairs { "case,activity,time\n7,pay,2024-02-29 12:00\n", "7,pay,2024-02-29 12:00\n",
      "When;Order_ID;n;event type\n29.02.2024 12:00;7;1;pay\n", "2024-02-29 12:00\t7\tpay\n",
      '"the order","event",x,"when"\n"7","pay","a,b",2024-02-29 12:00\n' } do
      assert.equal("7 pay 19782 0.5", first(text), text)
    end
    assert.equal("8 pay 19782 0.5", first("order,who,event,when\n7,8,pay,2024-02-29 12:00\n", "who"))
    assert.equal('a "b" pay 19782 0', first('case,activity,time\n"a ""b""",pay,2024-02-29\n'))
  end)

  it("takes a first line for headings only when it cannot be data", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local columns = { { "label", "class", "sentiment" }, { "text", "review" } }
    local function read(text)
      local list = assert(records.read(sh:write("x.tsv", text), columns, function(row)
        return row.label .. ":" .. row.text
      end))
      return { #list, list[1] }
    end
    local rest = ("pos\tgood film\nneg\tbad film\n"):rep(3)
    assert.same({ 7, "pos:what a great class !" }, read("pos\twhat a great class !\n" .. rest))
    assert.same({ 7, "neg:a label for a review" }, read("neg\ta label for a review\n" .. rest))
    assert.same({ 7, "5:one label" }, read("5\tone label\n" .. rest))
    assert.same({ 6, "pos:good film" }, read("Sentiment class\tThe review\n" .. rest))
    assert.same({ 6, "pos:good film" }, read("class\tsentence\n" .. rest))
    assert.same({ 6, "good film:pos" }, read("\n\nreview\tsome class\n" .. rest)) -- in this order
    columns = { { "case" }, { "activity" }, { "time", time = true } }
    local function events(text)
      return #assert(records.read(sh:write("x.csv", text), columns, function(row) return row end))
    end
    assert.equal(2, events "c0,open case,2024-02-29 12:00\nc1,pay,2024-02-29 13:00\n")
    assert.equal(1, events "the case,an activity,2024 time\nc1,pay,2024-02-29 13:00\n")
  end)

  it("reads series by rows, by columns beside dates, and by names", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local function read(name, text)
      local list, kind = series.read({ options = {} }, sh:write(name, text))
      return { list, kind }
    end
    assert.same({ { { name = "H1", 1, 2 }, { name = "H2", 3, 4, 5 } }, "hourly" },
      read("Hourly-train.csv", '"V1","V2","V3","V4"\n"H1","1","2",""\n"H2","3","4","5"\n'))
    local columns = read("a.csv", "week,a,b\n2024-01-08,3,4\n2024-01-01,1,2\n")
    assert.equal("weekly", columns[2])
    assert.same({ 1, 3 }, table.move(columns[1][1], 1, 2, 1, {}))
    assert.equal("b", columns[1][2].name)
    local long = read("a.csv", "shop,month,sold\nx,2024-01-01,1\ny,2024-01-01,2\nx,2024-02-01,3\ny,2024-02-01,4\n")
    assert.equal("monthly", long[2])
    assert.same({ 2, 4 }, table.move(long[1][2], 1, 2, 1, {}))
  end)

  it("takes time by the length of a file, not by the square of its lines", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local row = {}
    for i = 1, 50000 do row[i] = i end
    local line = table.concat(row, ",")
    local begin = os.clock()
    local text = ("name,%s\na,%s\nb,%s\n\n"):format(line, line, line)
    local list = series.read({ options = {} }, sh:write("wide.csv", text))
    assert.same({ 50000, 50000 }, { #list[1], #list[2] })
    assert.is_true(os.clock() - begin < 10) -- a part of a second; it was minutes
  end)
end)

describe("a CSV file of an experiment", function()
  local shell = require "support.shell"
  local read = require "rnn.experiment.frame"

  local function lines(count, row)
    local list = {}
    for i = 1, count do list[i] = row(i) end
    return table.concat(list, "\n") .. "\n"
  end

  -- "name type first second ...", a line for each column, and what was said.
  local function understood(text, given)
    local sh, said, stderr = shell.new(), {}, io.stderr
    finally(function()
      sh:remove()
      io.stderr = stderr -- luacheck: ignore
    end)
    local path = sh:write("a.csv", text)
    io.stderr = { write = function(_, ...) said[#said + 1] = table.concat { ... } end } -- luacheck: ignore
    local frame, message = read({ options = given or {} }, path)
    io.stderr = stderr -- luacheck: ignore
    local columns = {}
    for i, column in ipairs(assert(frame, message).columns) do
      local first, second = column:get(1), column:get(2)
      if column.type == "number" then first, second = ("%g"):format(first), ("%g"):format(second) end
      columns[i] = ("%s %s %s %s"):format(column.name, column.type, first, second)
    end
    return table.concat(columns, "; "), table.concat(said)
  end

  for i, case in ipairs {
    { "d;v;share\n01.02.2024;1.234,50 €;60,7 %\n02.02.2024;99,00 €;5 %\n",
      "d date 2024-02-01 2024-02-02; v number 1234.5 99; share number 60.7 5",
      "'v': numbers without ' €' and with decimal commas (--decimal .)" },
    { "d,v\n2024-02-01,\"$1,234.50\"\n2024-02-02,-$7\n", "d date 2024-02-01 2024-02-02; v number 1234.5 -7",
      "'v': numbers without '$'" },
    { "d,v\n2024-02-01,\"(1,234.50)\"\n2024-02-02,7\n", "d date 2024-02-01 2024-02-02; v number -1234.5 7",
      "'v': '(1,234.50)' is less than 0" },
    { "d,v\n2024-02-01,1.500 €\n2024-02-02,2.500 €\n", "d date 2024-02-01 2024-02-02; v text 1.500 € 2.500 €",
      "'v': is '1.500 €' with a decimal comma or with groups of digits? --decimal , or --decimal . says which" },
    { "d,v\n2024-02-01,1.500 €\n2024-02-02,2.500 €\n", "d date 2024-02-01 2024-02-02; v number 1500 2500",
      "'v': numbers without ' €'", { decimal = "," } },
    { "d;v\n2024-02-01;2\u{202f}745,5\n2024-02-02;845,25\n", "d date 2024-02-01 2024-02-02; v number 2745.5 845.25",
      "numbers have groups of digits, '2\u{202f}745,5' (--thousands)" },
    { "d,v,w\n2024-02-01,-,a\n2024-02-02,3,b\n2024-02-03,4,c\n",
      "d date 2024-02-01 2024-02-02; v number nan 3; w text a b", "'-' in 'v' is taken as missing (--missing)" },
    { "d,v,w\n(UTC),kW,%\n2024-02-01,3,5\n2024-02-02,4,6\n",
      "d date 2024-02-01 2024-02-02; v number 3 4; w number 5 6",
      "row 2 has units, '(UTC)', 'kW', '%', no values" },
    { "d,v\n" .. lines(12, function(i) return ("%02d.02.2024,%d"):format(i, i) end) .. "Total,78\nMean,6.5\n",
      "d date 2024-02-01 2024-02-02; v number 1 2", "'Total', 'Mean' in 'd' is taken as missing (--missing)" },
    { "from,to,v\n2024-02-01 00:00,2024-02-01 01:00,1\n2024-02-01 01:00,2024-02-01 02:00,2\n",
      "from date 2024-02-01 00:00 2024-02-01 01:00; v number 1 2",
      "'from' says when rows are, 'to' no more (--ignore from: another one does)" },
    { "from,to,v\n2024-02-01 00:00,2024-02-01 01:00,1\n2024-02-01 01:00,2024-02-01 02:00,2\n",
      "to date 2024-02-01 01:00 2024-02-01 02:00; v number 1 2", "'to' says when", { ignore = "from" } },
    { "at,v\n01.02.2024 00:00 - 01.02.2024 01:00,1\n01.02.2024 01:00 - 01.02.2024 02:00,2\n",
      "at date 2024-02-01 00:00 2024-02-01 01:00; v number 1 2", "'at' has spans of time, which are taken by" },
    { "at,v\n2024-02-01T00:00Z/2024-02-02T00:00Z,1\n2024-02-02T00:00Z/2024-02-03T00:00Z,2\n",
      "at date 2024-02-01 00:00 2024-02-02 00:00; v number 1 2", "'at' has spans of time" },
    { "at,v\n03/02/2024 - 04/02/2024,1\n04/02/2024 - 05/02/2024,2\n",
      "at text 03/02/2024 - 04/02/2024 04/02/2024 - 05/02/2024; v number 1 2", "month or with the day first?" },
    { "No,Year,month,day,hour,v\n1,2024,2,1,23,5\n2,2024,2,2,0,6\n",
      "No number 1 2; Year date 2024-02-01 23:00 2024-02-02 00:00; v number 5 6",
      "'Year', 'month', 'day', 'hour' are taken as the times of rows" },
    { "at,v\n2024020123,5\n2024020200,6\n", "at date 2024-02-01 23:00 2024-02-02 00:00; v number 5 6",
      "'at' is taken as times, %Y%m%d%H (--ignore at leaves it out)" },
    { "at,v\n202402012345,5\n202402020000,6\n", "at date 2024-02-01 23:45 2024-02-02 00:00; v number 5 6",
      "%Y%m%d%H%M" },
    { "at,v\n1706830200,5\n1706833800,6\n", "at date 2024-02-01 23:30+00:00 2024-02-02 00:30+00:00; v number 5 6",
      "'at' is taken as times, seconds" },
  } do
    it(("%d: %s"):format(i, case[3]), function()
      local columns, said = understood(case[1], case[4])
      assert.equal(case[2], columns)
      assert(said:find(case[3], 1, true), said)
    end)
  end
end)

describe("rnn.args", function()
  it("is the earlier name of the options, and says so once", function()
    local stderr, said, before = io.stderr, {}, _G.arg
    io.stderr = { write = function(_, ...) said[#said + 1] = table.concat { ... } end } -- luacheck: ignore
    _G.arg = { [0] = "x.lua", "--epochs", "3", "--model", "gru", "--evaluate", "m.safetensors" }
    local ok, first = pcall(rnn.args, { about = "Tests.", epochs = 500, model = { { "rnn", "gru" }, "which" } })
    _G.arg = { [0] = "x.lua" }
    local again, defaults = pcall(rnn.args, { data = false, load = false, epochs = 2 })
    io.stderr, _G.arg = stderr, before -- luacheck: ignore
    assert(ok, first)
    assert(again, defaults)
    assert.same({ 3, true, "m.safetensors" }, { first.epochs, first.model.gru, first.load })
    assert.same({ 2 }, { defaults.epochs, defaults.data, defaults.load })
    assert.same({ "rnn.args is an earlier name; write rnn.experiment { ... }.options\n" }, said)
  end)
end)

-- rnnlua watch: what it finds of runs that are there, grow, are cut, half written or gone.
local rnn = require "rnn"
local core = require "rnn.core"
local Scan = require("rnn.watch.scan").Scan
local Details = require "rnn.watch.details"
local shell = require "support.shell"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"

local sh
before_each(function() sh = shell.new() end)
after_each(function() sh:remove() end)

local function epoch(e, loss, val)
  return ('{"epoch":%d,"loss":%s,"lr":0.01,"seconds":0.5,"step":%d,%s"weights":"%064x"}\n'):format(e, loss, e * 10,
    val and ('"val_loss":%s,'):format(val) or "", e)
end

local function step(n) return ('{"epoch":1,"loss":9.5,"lr":0.01,"step":%d}\n'):format(n) end

local function about(fields)
  fields.of_epochs = fields.of_epochs or 10
  return core.json_encode(fields, { indent = 1, sort = true })
end

local function rows_of(scan)
  local changed, gone = scan:update()
  local by = {}
  for _, row in ipairs(changed) do by[row.name] = row end
  return by, gone, #changed
end

describe("the runs below a folder", function()
  it("have a state, last and best figures, and settings, however deep they are", function()
    sh:write("a/metrics.jsonl", step(5) .. epoch(1, 0.5, 0.4) .. epoch(2, 0.3, 0.2) .. step(25) .. epoch(3, 0.2, 0.25))
    sh:write("a/run.json", about { ended = true, options = { lr = 0.01, run = "x" }, seed = 3 })
    sh:write("deep/er/b/metrics.jsonl", epoch(1, 0.5))
    sh:write("deep/er/b/run.json", about { ended = false })
    sh:write("c/run.json", about { ended = false, left = "signal" })
    sh:write("d/metrics.jsonl", epoch(1, '"nan"', '"inf"') .. epoch(2, 0.5, '"nan"'))
    sh:write("empty/x.txt", "")
    local by = rows_of(Scan(sh.folder))
    assert.equal("done", by.a.state)
    assert.equal(3, by.a.epochs)
    assert.equal(0.2, by.a.best)
    assert.equal(2, by.a.best_epoch)
    assert.equal(0.25, by.a.last.val_loss)
    assert.same({ lr = 0.01, seed = 3 }, by.a.settings)
    assert.same({ 0.4, 0.2, 0.25 }, by.a.spark)
    assert.equal("0.4 0.2 0.25", core.json_decode(by.a:text()).spark)
    assert.equal("crashed", by["deep/er/b"].state)
    assert.equal("loss", by["deep/er/b"].figure)
    assert.equal("stopped", by.c.state)
    assert.equal("stopped", by.d.state)
    assert.equal(math.huge, by.d.best)
    assert.is_nil(by.empty)
    for _, row in pairs(by) do assert.is_table(core.json_decode(row:text())) end
  end)

  it("run while a process holds them, which is found out without touching the lock", function()
    sh:write("a/run.json", about { ended = false })
    local lock = assert(core.file_lock(sh.folder .. "/a/lock"))
    local scan = Scan(sh.folder)
    assert.equal("running", rows_of(scan).a.state)
    assert.same({}, (rows_of(scan)))
    lock:close()
    assert.equal("crashed", rows_of(scan).a.state)
  end)

  it("grow, line by line; half a line waits for its end", function()
    local lines = epoch(1, 0.5, 0.4) .. epoch(2, 0.3, 0.2)
    sh:write("a/metrics.jsonl", lines:sub(1, -10))
    local scan = Scan(sh.folder)
    assert.equal(1, rows_of(scan).a.epochs)
    sh:write("a/metrics.jsonl", lines)
    assert.equal(2, rows_of(scan).a.epochs)
    assert.equal(0, select(3, rows_of(scan)))
    sh:write("b/metrics.jsonl", "")
    assert.equal(0, rows_of(scan).b.epochs)
  end)

  it("are read anew when they were cut, and go when they are gone", function()
    sh:write("a/metrics.jsonl", epoch(1, 0.5, 0.1) .. epoch(2, 0.3, 0.2))
    sh:write("b/metrics.jsonl", epoch(1, 0.5, 0.1))
    local scan = Scan(sh.folder)
    rows_of(scan)
    sh:write("a/metrics.jsonl", epoch(1, 0.5, 0.4) .. '{"epo')
    os.execute("rm -r " .. shell.quote(sh.folder .. "/b"))
    local by, gone = rows_of(scan)
    assert.equal(1, by.a.epochs)
    assert.equal(0.4, by.a.best)
    assert.same({ "b" }, gone)
    os.execute("rm " .. shell.quote(sh.folder .. "/a/metrics.jsonl"))
    assert.same({ "a" }, (select(2, rows_of(scan))))
  end)

  it("may hold anything", function()
    for i, text in ipairs { "\0\1\2", "{", "[]\n", '"seconds":\n', ("x"):rep(5000), '{"seconds":{}}\n',
      '{"epoch":1e999,"loss":null,"seconds":1}\n', epoch(1, "0.5"):rep(3) .. "\n\n" } do
      sh:write(i .. "/metrics.jsonl", text)
      sh:write(i .. "/run.json", text)
      sh:write(i .. "/report.html", '<script type="application/json" id="data">' .. text .. "</script>")
      sh:write(i .. "/events.out.tfevents.1", text .. text)
    end
    local scan = Scan(sh.folder)
    for name, row in pairs((rows_of(scan))) do
      assert.is_table(core.json_decode(row:text()), name)
      assert.is_table(core.json_decode(Details(row.path):text()), name)
    end
  end)

  it("keep a spark line short and the best exact, however long they are", function()
    local lines = {}
    for e = 1, 1000 do lines[e] = epoch(e, 1, ("%.5f"):format(e == 777 and 0.25 or 1 + 1 / e)) end
    sh:write("a/metrics.jsonl", table.concat(lines))
    local row = rows_of(Scan(sh.folder)).a
    assert.equal(1000, row.epochs)
    assert.equal(0.25, row.best)
    assert.equal(777, row.best_epoch)
    assert.is_true(#row.spark < 64)
    local few = core.json_decode(Details(row.path, 50):text())
    assert.is_true(#few.x <= 100 and #few.x >= 50)
    assert.equal(#few.x, #few.curves.val_loss)
  end)
end)

describe("rnnlua watch --once", function()
  it("writes one page with curves, heat maps and samples of a run of rnn.fit, and asks no network", function()
    rnn.seed(1)
    local x = rnn.randn(40, 6, 1)
    local model = rnn.nn.Sequential { rnn.nn.RNN(1, 4, { returns = "last" }), rnn.nn.Linear(4, 1) }
    local shows = {}
    function shows.on_epoch(_, run)
      assert(run.writer:text("sample", "</script><b>" .. run.epoch, run.step))
      assert(run.writer:image("weights", rnn.rand(4, 3), run.step))
    end
    rnn.fit(model, { data = rnn.data.arrays(x, x:sum(2)):batches { size = 8 }, loss = "mse", epochs = 5,
      optimizer = rnn.optim.SGD(model:parameters(), { lr = 0.01 }), monitor = { every = 2 }, callbacks = { shows },
      run = sh.folder .. "/runs/a", progress = false })
    local about_run = core.json_decode(core.file_read(sh.folder .. "/runs/a/run.json"))
    assert.equal(0.01, about_run.settings.lr)
    assert.equal(8, about_run.settings.batch)
    local out, err, code = sh:run(shell.quote(PROGRAM) .. " watch runs --once")
    assert.equal("runs/index.html: 1 run\n", out, err)
    assert.equal(0, code)
    local page = core.file_read(sh.folder .. "/runs/index.html")
    local data = core.json_decode(page:match '<script type="application/json" id="data">(.-)</script>')
    assert.equal("done", data.rows[1].state)
    local details = data.details.a
    assert.equal(5, #details.curves.loss)
    assert.equal(1, #details.heat)
    local texts, images = {}, 0
    for _, sample in ipairs(details.samples) do
      if sample.text then texts[#texts + 1] = sample.text else images = images + 1 end
      if sample.image then assert.matches("^iVBORw0KGgo", sample.image) end
    end
    assert.same({ "</script><b>3", "</script><b>4", "</script><b>5" }, texts)
    assert.equal(3, images)
    for url in page:gsub("<script>.-</script>", ""):gmatch "https?://[^%s\"']+" do
      assert.is_truthy(url:find "w3.org" or url:find "github.com/leeoniya", url)
    end
  end)

  it("takes the folder of one run", function()
    local model = rnn.nn.Linear(1, 1)
    rnn.fit(model, { data = rnn.data.arrays(rnn.ones(2, 1), rnn.ones(2, 1)):batches(), loss = "mse", progress = false,
      optimizer = rnn.optim.SGD(model:parameters()), run = sh.folder .. "/runs/a" })
    for _, folder in ipairs { "runs/a", "runs/a/" } do
      local out, err, code = sh:run(shell.quote(PROGRAM) .. " watch " .. folder .. " --once")
      assert.equal(0, code, err)
      assert.matches("index.html: 1 run\n", out, 1, true)
      local file <close> = assert(io.open(sh.folder .. "/runs/a/index.html"))
      local text = file:read "a":match '<script type="application/json" id="data">(.-)</script>'
      assert.equal("a", core.json_decode(text).rows[1].name)
      assert(os.remove(sh.folder .. "/runs/a/index.html"))
    end
  end)

  it("says what is wrong with a folder", function()
    local _, err, code = sh:run(shell.quote(PROGRAM) .. " watch nothing --once")
    assert.equal(1, code)
    assert.matches("rnnlua watch: cannot open the folder nothing", err)
    _, err = sh:run(shell.quote(PROGRAM) .. " watch . --port x")
    assert.matches("%-%-port: expected an integer from 0 to 65535, got 'x'", err)
  end)
end)

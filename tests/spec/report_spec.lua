-- rnn.logs.report and the event files of rnn.fit { run = ... }. (tests/browser has a page seen by a browser,
-- tests/tensorboard has event files read by TensorBoard.)
local core = require "rnn.core"
local rnn = require "rnn"
local Thinned = require "rnn.logs.thinned"
local environment = require "rnn.logs.environment"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim

local folder

local function contents(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

-- What page.js gets.
local function data_of(path)
  local json = contents(path):match '<script type="application/json" id="data">(.-)</script>'
  return assert(rnn.json_decode(json))
end

before_each(function()
  folder = os.tmpname()
  os.remove(folder)
  assert(core.make_folder(folder))
end)
after_each(function() os.execute(("rm -rf '%s'"):format(folder)) end)

describe("rnn.logs.report", function()
  local function path() return folder .. "/report.html" end

  it("has all that it needs in one file", function()
    assert.is_true(rnn.logs.report(path(), { title = "t" }))
    local html = contents(path())
    assert.is_truthy(html:find("default-src 'none'", 1, true)) -- the browser would refuse whatever is not inside
    assert.is_nil(html:find("{{", 1, true))
    assert.is_nil(html:find('src="', 1, true))
    assert.is_truthy(html:find("uPlot.iife", 1, true) or html:find("var uPlot=", 1, true))
    assert.is_truthy(html:find("The MIT License", 1, true))
    assert.is_truthy(html:find("Copyright (c) 2022 Leon Sorokin", 1, true))
  end)

  it("gives its charts the numbers, null for what is none, and says so", function()
    assert(rnn.logs.report(path(), { title = "t", charts = { {
      title = "Loss", unit = "mse", x = { 1, 2, 3 }, mark = { x = 3, label = "best" }, note = "A note.",
      series = { { label = "a", y = { 0.1, 0 / 0, 1e-7 } }, { label = "b", y = { nil, 5, 1 / 0 } } },
    } } }))
    assert.same({
      title = "Loss", unit = "mse", xlabel = "epoch", x = { 1, 2, 3 }, wide = false, log = true,
      mark = { x = 3, label = "best" },
      note = "A note. Gaps: 2 values are not finite, the first at epoch 2.",
      series = { { label = "a", y = { 0.1, rnn.null, 1e-7 } }, { label = "b", y = { rnn.null, 5, rnn.null } } },
    }, data_of(path()).charts[1])
  end)

  it("takes heat maps as tables or tensors", function()
    local map = { title = "layer", x = { 1, 2 }, values = { { -1, -2 }, { -3, -1 / 0 } } }
    local tensor = { title = "layer", x = { 1, 2 }, values = rnn.tensor(map.values) }
    assert(rnn.logs.report(path(), { title = "t", heat_maps = { map, tensor } }))
    local heat = data_of(path()).heat
    assert.same({ { -1, -2 }, { -3, rnn.null } }, heat[1].values)
    assert.same(heat[1], heat[2])
  end)

  it("shows names as they are, whatever is in them", function()
    local evil = "</script><b>&\"'%1 {{css}}"
    assert(rnn.logs.report(path(), { title = evil, status = evil, facts = { { evil, evil } },
      charts = { { title = evil .. "\xff", x = { 1 }, series = { { label = evil, y = { 1 } } } } },
      sections = { { title = evil, text = evil }, { title = "p", pairs = { { evil, evil } } } } }))
    local html = contents(path())
    local before = html:sub(1, html:find('<script type="application/json"', 1, true))
    assert.is_nil(before:find("<b>", 1, true))
    assert.is_truthy(before:find("<h1>&lt;/script&gt;&lt;b&gt;&amp;&quot;'%1 {{css}}</h1>", 1, true))
    assert.equal(evil .. "?", data_of(path()).charts[1].title)
    assert.equal(evil, data_of(path()).charts[1].series[1].label)
  end)

  it("gives nil and a message where there is no writing, and leaves the old page", function()
    local ok, message, code = rnn.logs.report(folder .. "/none/report.html", { title = "t" })
    assert.is_nil(ok)
    assert.matches("cannot write", message)
    assert.equal("EIO", code)
  end)

  it("says what is wrong with a page", function()
    local function says(pattern, page)
      local ok, message = pcall(rnn.logs.report, path(), page)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    says("rnn.logs.report: unknown option 'chart'; did you mean 'charts'%? known: charts", { title = "t", chart = {} })
    says("field 'title': expected a string, got nil", {})
    says("field 'charts'%[1%]: unknown option 'y'", { title = "t", charts = { { y = {} } } })
    says("field 'charts'%[1%].series%[1%].label: expected a string",
      { title = "t", charts = { { title = "c", x = {}, series = { {} } } } })
    says("field 'heat_maps'%[1%].values: expected a float tensor of 2 axes",
      { title = "t", heat_maps = { { title = "c", x = {}, values = rnn.ones(3) } } })
  end)
end)

describe("logs.Thinned", function()
  it("keeps at most 1024 points of means and of what joins says", function()
    local t = Thinned { norm = math.max }
    for step = 1, 5000 do t:add(step, { loss = step, norm = step % 7 }) end
    assert.equal(8, t.stride)
    assert.equal(625, #t.x)
    for i = 1, #t.x do
      assert.equal(8 * i, t.x[i])
      assert.equal(8 * i - 3.5, t.y.loss[i])
      assert.is_true(t.y.norm[i] == 6)
    end
  end)

  it("says when a point is complete", function()
    local t, count = Thinned(), 0
    for step = 1, 1024 + 512 do count = count + (t:add(step, { loss = 1 }) and 1 or 0) end
    assert.equal(1024 + 256, count)
  end)

  it("goes on from a state, in the middle of a point, with values that come later", function()
    local a, b = Thinned { norm = math.max }, Thinned { norm = math.max }
    for step = 1, 1100 do a:add(step, { loss = step }) end
    a:add(1101, { loss = 7, norm = 1 / 0 })
    b:load_state(a:state())
    for step = 1102, 1103 do
      a:add(step, { loss = 1, norm = 1 })
      b:add(step, { loss = 1, norm = 1 })
    end
    assert.equal(551, #b.x)
    assert.same(a.x, b.x)
    assert.same(a.y.loss, b.y.loss)
    assert.is_true(b.y.norm[550] ~= b.y.norm[550] and b.y.norm[551] == 1 / 0)
    local fresh = Thinned()
    fresh:load_state(Thinned():state())
    assert.is_true(fresh:add(1, { loss = 1 }))
  end)
end)

describe("logs.environment", function()
  it("gives the command line as a shell takes it", function()
    local before = rawget(_G, "arg")
    rawset(_G, "arg", { [-1] = "rnnlua", [0] = "a b.lua", "--lr=0.1", "it's" })
    local command = environment.command()
    rawset(_G, "arg", before)
    assert.equal([[rnnlua 'a b.lua' --lr=0.1 'it'\''s']], command)
  end)

  it("knows seed, threads and kernels", function()
    rnn.seed(123)
    local known = {}
    for _, pair in ipairs(environment.list()) do known[pair[1]] = pair[2] end
    assert.equal("123", known.seed)
    assert.equal(tostring(rnn.threads()), known.threads)
    assert.equal(rnn.isa(), known.kernels:match "^[^,]+")
  end)
end)

describe("rnn.fit with run", function()
  local function fit(options)
    rnn.seed(5)
    local x = rnn.randn(64, 6, 2)
    local model = nn.Sequential { nn.RNN(2, 4, { returns = "last" }), nn.Linear(4, 1) }
    local settings = {
      data = data.arrays(x, x:sum(2):sum(-1, true)):batches { size = 16, shuffle = true, seed = 1 },
      valid = data.arrays(x, x:sum(2):sum(-1, true)), loss = "mse", metrics = { "mae" }, epochs = 3, clip_norm = 1,
      optimizer = optim.Adam(model:parameters()), progress = false, run = folder .. "/run",
    }
    for name, value in pairs(options or {}) do settings[name] = value end
    return rnn.fit(model, settings)
  end

  local function event_files()
    local list = {}
    for name in io.popen(("ls '%s/run'"):format(folder)):lines() do
      if name:find "^events%.out%.tfevents" then list[#list + 1] = name end
    end
    return list
  end

  it("leaves an event file and a page", function()
    local history = fit()
    local files = event_files()
    assert.equal(1, #files)
    local bytes = contents(folder .. "/run/" .. files[1])
    for _, tag in ipairs { "epoch/loss", "epoch/val_loss", "epoch/mae", "epoch/lr", "step/loss", "step/norm",
      "weights/1.weight_hh_l0", "gradients/1.weight_hh_l0", "run/model", "_hparams_/session_end_info",
      "custom_scalars__config__", "^epoch/loss$", "^epoch/val_loss$" } do
      assert.is_truthy(bytes:find(tag, 1, true), tag)
    end
    local html, page = contents(folder .. "/run/report.html"), data_of(folder .. "/run/report.html")
    assert.is_truthy(html:find("finished: epoch 3 of 3", 1, true))
    assert.is_truthy(html:find("nn.RNN(2 -&gt; 4", 1, true))
    local titles = {}
    for i, chart in ipairs(page.charts) do titles[i] = chart.title end
    assert.same({ "Loss", "mae", "Learning rate", "Loss of the steps", "Norm of the gradient" }, titles)
    for e = 1, 3 do assert.near(history.val_loss[e], page.charts[1].series[2].y[e], 1e-5 * history.val_loss[e]) end
    assert.equal(12, #page.charts[4].x)
  end)

  it("renews its page while training goes on, and has a writer for what callbacks add", function()
    local look = {}
    function look:on_epoch(run)
      if run.epoch == 2 then self.page = contents(folder .. "/run/report.html") end
      assert(run.writer:text("sample", "abc", run.step))
    end
    fit { callbacks = { look } }
    assert.is_truthy(look.page:find('<meta http-equiv="refresh" content="10">', 1, true))
    assert.is_truthy(look.page:find("running: epoch 1 of 3", 1, true))
    assert.is_nil(contents(folder .. "/run/report.html"):find("http-equiv=\"refresh", 1, true))
    assert.is_truthy(contents(folder .. "/run/" .. event_files()[1]):find("sample", 1, true))
  end)

  it("changes nothing of the training", function()
    local with = fit()
    local without = fit { run = false }
    assert.same(with.loss, without.loss)
  end)

  it("goes on in a new event file, with the curves of the steps before", function()
    fit()
    fit { epochs = 5 }
    assert.equal(2, #event_files())
    local page = data_of(folder .. "/run/report.html")
    assert.equal(5, #page.charts[1].x)
    assert.equal(20, #page.charts[4].x)
    fit { epochs = 5 } -- which has nothing to do
    assert.equal(2, #event_files())
  end)

  it("draws the heat maps that a callback leaves", function()
    local flow = {}
    function flow:on_epoch(run) -- luacheck: no self
      run.heat_maps = { { title = "layer 1", x = { run.epoch }, values = { { -1 }, { -2 } } } }
    end
    fit { callbacks = { flow } }
    assert.same({ { -1 }, { -2 } }, data_of(folder .. "/run/report.html").heat[1].values)
  end)

  it("tells of an error that ended it", function()
    local failing = { on_step = function(_, _, step) if step == 6 then error("the roof fell in", 0) end end }
    assert.is_false((pcall(fit, { callbacks = { failing } })))
    assert.is_truthy(contents(folder .. "/run/report.html"):find("ended by: the roof fell in: epoch 1 of 3", 1, true))
  end)

  it("goes on when the page cannot be written", function()
    assert(core.make_folder(folder .. "/run/report.html"))
    local stderr = io.stderr
    local said = {}
    io.stderr = { write = function(_, ...) said[#said + 1] = table.concat({ ... }) end } -- luacheck: ignore
    local ok, history = pcall(fit)
    io.stderr = stderr -- luacheck: ignore
    assert.is_true(ok)
    assert.equal(3, #history)
    assert.matches("cannot write .*report.html: it is a folder, not a regular file; the run goes on", said[1])
    assert.equal(1, #said)
  end)
end)

-- Runs of rnn.fit that are stopped, killed, refused by the disk, and go on: the end is as if nothing had been.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, data, optim = rnn.nn, rnn.data, rnn.optim
local Shell = require "support.shell"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
local HERE = os.getenv "PWD"
local DOUBLE = rnn.precision() == "double" and " --double" or ""
local LONG = os.getenv "RNNLUA_LONG" == "1"
local IS_ROOT = Shell.new():run("id -u"):match "^0"

local sh
before_each(function() sh = Shell.new() end)
after_each(function()
  sh:run("umount small 2> /dev/null")
  sh:remove()
end)

-- resumable.lua in the shell's folder; before is what comes first in the shell's line.
local function train(folder, events, before)
  local words = {}
  for i, event in ipairs(events or {}) do words[i] = Shell.quote(event) end
  return sh:run(("%s %s%s --threads 1 %s/tests/spec/support/resumable.lua %s %s"):format(before or "",
    Shell.quote(PROGRAM), DOUBLE, Shell.quote(HERE), folder, table.concat(words, " ")))
end

local function undisturbed()
  local out, err, code = train "-"
  assert.equal(0, code, err)
  return out
end

local function exists(name)
  local file = io.open(sh.folder .. "/" .. name)
  if file then file:close() end
  return file ~= nil
end

describe("a run", function()
  it("that is kept is the same as one that is not, and is there when it has ended", function()
    local expected = undisturbed()
    assert.equal(expected, (train "runs/a"))
    assert.is_true(exists "runs/a/metrics.jsonl" and exists "runs/a/best.safetensors")
    assert.equal(expected, (train "runs/a"))
    local model, extra = assert(rnn.load(sh.folder .. "/runs/a/checkpoint.safetensors"))
    assert.equal("nn.Sequential", getmetatable(model).__name)
    assert.equal(20, extra.checkpoint.step)
    local _, best = assert(rnn.load(sh.folder .. "/runs/a/best.safetensors"))
    assert.is_true(best.epoch > 1)
  end)

  for signal, code in pairs { INT = 130, TERM = 143, HUP = 129, USR1 = 138, USR2 = 140, XCPU = 152 } do
    it(("that gets SIG%s ends its step, saves and says how to go on"):format(signal), function()
      local expected = undisturbed()
      local out, err, got = train("run", { "7=kill -" .. signal .. " $PPID" })
      assert.equal(code, got, err)
      assert.equal("", out)
      assert.matches(("rnn.fit: SIG%s in epoch 2, step 7; saved in run. The same command goes on from there\n$")
        :format(signal), err)
      assert.equal(expected, (train "run"))
      local steps = {}
      for line in io.lines(sh.folder .. "/run/metrics.jsonl") do
        local record = rnn.json_decode(line)
        if not record.seconds then steps[#steps + 1] = record.step end
      end
      assert.same({ 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 }, steps)
    end)

    it(("that gets SIG%s twice leaves at once"):format(signal), function()
      local _, err, got = train("run", { ("2=kill -%s $PPID; sleep 0.1; kill -%s $PPID"):format(signal, signal) })
      assert.equal(code, got)
      assert.is_nil(err:find("saved", 1, true))
      assert.is_false(exists "run/checkpoint.safetensors")
    end)
  end

  it("whose output nobody reads any more saves and ends", function()
    local expected = undisturbed()
    for _, output in ipairs { "3>&1 1>&2 2>&3 3>&-", "2>&1" } do -- standard error, then both
      sh:run "rm -rf run"
      local command = ("{ %s%s --threads 1 %s/tests/spec/support/resumable.lua run %s; echo $? > code; } %s | head -1")
        :format(Shell.quote(PROGRAM), DOUBLE, Shell.quote(HERE), "'8=sleep 0.3' lines", output)
      sh:run(command)
      assert.equal("141\n", (sh:run "cat code"))
      local _, extra = assert(rnn.load(sh.folder .. "/run/checkpoint.safetensors"))
      assert.equal(8, extra.checkpoint.step)
      assert.equal(expected, (train "run"))
    end
  end)

  it("under nohup ends by no SIGHUP", function()
    local out, err, code = train("run", { "7=kill -HUP $PPID" }, "trap '' HUP;")
    assert.equal(0, code, err)
    assert.equal(undisturbed(), out)
  end)

  it("that gets a signal after its last step is saved whole, and ends by it", function()
    local expected = undisturbed()
    local _, err, code = train("run", { "20=kill -TERM $PPID" })
    assert.equal(143, code, err)
    assert.equal(expected, (train "run"))
    _, err, code = train("other", { "end=kill -TERM $PPID" }) -- when all is saved
    assert.equal(143, code, err)
    assert.equal(expected, (train "other"))
  end)

  it("that is not kept gives its history back after Ctrl-C, and the script goes on", function()
    local out, err, code = train("-", { "12=kill -INT $PPID" })
    assert.equal(0, code, err)
    local _, lines = out:gsub("\n", "")
    assert.equal(3, lines) -- two epochs and the weights
    assert.matches("rnn.fit: SIGINT in epoch 3, step 12 ends training; the script goes on\n$", err)
    _, err, code = train("-", { "12=kill -INT $PPID; sleep 0.1; kill -INT $PPID" })
    assert.equal(130, code, err)
    out, err, code = sh:run(([[%s%s -e 'rnn = require "rnn"
      x, done = rnn.ones(4, 1), 0
      for i = 1, 3 do
        model = rnn.nn.Linear(1, 1)
        h = rnn.fit(model, { data = rnn.data.arrays(x, x):batches(), loss = "mse", epochs = 1000000, progress = false,
          optimizer = rnn.optim.SGD(model:parameters()), callbacks = { { on_step = function(_, _, step)
            if step == 10 then assert(io.popen "kill -INT $PPID"):close() end
          end } } })
        print(i, #h)
      end']]):format(Shell.quote(PROGRAM), DOUBLE)) -- the second one is meant for the script
    assert.equal(130, code, err)
    assert.matches("^1\t%d+\n$", out)
    _, err, code = train("-", { "v10=kill -INT $PPID" }) -- the epoch is not complete
    assert.equal(0, code, err)
    assert.matches("SIGINT in epoch 2, step 10 ends training", err)
    out, err, code = train("-", { "2=kill -INT $PPID" }) -- there is none yet
    assert.equal(0, code, err)
    assert.matches("^%d+\n$", out)
    _, err, code = train("-", { "12=kill -TERM $PPID" })
    assert.equal(143, code, err)
    _, err, code = train("-", { "end=kill -INT $PPID; sleep 0.1" }) -- training is over
    assert.equal(130, code, err)
    assert.matches("interrupted!", err)
  end)

  it("that is interrupted while it measures does so again", function()
    local expected = undisturbed()
    local _, err, code = train("run", { "v10=kill -INT $PPID" })
    assert.equal(130, code)
    assert.matches("rnn.fit: SIGINT in epoch 2, step 10; saved in run", err)
    local _, extra = assert(rnn.load(sh.folder .. "/run/checkpoint.safetensors"))
    assert.is_true(extra.checkpoint.inside)
    assert.equal(expected, (train "run"))
  end)

  it("that is killed goes on, with nothing left of unfinished writes", function()
    local expected = undisturbed()
    local _, _, code = train("run", { "10=touch run/checkpoint.safetensors.tmp-1-0; kill -KILL $PPID" })
    assert.equal(137, code)
    assert.equal(expected, (train "run"))
    assert.is_false(exists "run/checkpoint.safetensors.tmp-1-0")
  end)

  it("that is killed at random moments ends the same, bit for bit", function()
    local runs = LONG and 200 or 2
    local folder = sh:run("test -w /dev/shm && echo /dev/shm || echo /tmp"):match "%S+"
    local out, err, code = sh:run(("TMPDIR=%s exec %s/tests/kill_resume/run.sh %s %d"):format(
      LONG and "/tmp" or folder, Shell.quote(HERE), Shell.quote(PROGRAM), runs))
    assert.equal(0, code, out .. err)
    if LONG then io.stderr:write(out) end
    assert.matches(("%d runs, .* all results equal"):format(runs), out)
  end)
end)

describe("a disk", function()
  -- A file system of so many kilobytes at "small", or nil.
  local function mount(size)
    local _, err, code = sh:run(("mkdir small && mount -t tmpfs -o size=%dk none small"):format(size))
    if code == 0 then return true end
    pending("a small file system cannot be mounted here: " .. (IS_ROOT and err or "not root"))
  end

  it("that is full is told of; the run goes on, and the last good checkpoint loads", function()
    if not mount(512) then return end
    local expected = undisturbed()
    local out, err, code = train("small/run", { "7=head -c 1000000 /dev/zero > small/filler 2> /dev/null" })
    assert.equal(0, code, err)
    assert.equal(expected, out)
    assert.matches("no checkpoint: cannot write %S*small/run/checkpoint.safetensors: No space left on device; that of "
      .. "epoch 2, step 6 stays, and the run goes on", err)
    local _, extra = assert(rnn.load(sh.folder .. "/small/run/checkpoint.safetensors"))
    assert.equal(6, extra.checkpoint.step)
    sh:run("rm small/filler")
    assert.equal(expected, (train "small/run"))
    local epochs = 0
    for line in io.lines(sh.folder .. "/small/run/metrics.jsonl") do
      if rnn.json_decode(line).seconds then epochs = epochs + 1 end
    end
    assert.equal(4, epochs)
  end)

  it("that becomes writable again has all lines and a checkpoint", function()
    if not mount(512) then return end
    local _, err, code = train("small/run", { "4=head -c 1000000 /dev/zero > small/filler 2> /dev/null",
      "12=rm small/filler" })
    assert.equal(0, code)
    assert.matches("No space left on device; that of epoch 1, step 3 stays", err)
    local _, extra = assert(rnn.load(sh.folder .. "/small/run/checkpoint.safetensors"))
    assert.equal(20, extra.checkpoint.step)
    local lines = 0
    for line in io.lines(sh.folder .. "/small/run/metrics.jsonl") do
      lines = lines + 1
      assert.is_truthy(rnn.json_decode(line))
    end
    assert.equal(14, lines)
  end)

  it("that becomes read-only is told of, also when the run is interrupted", function()
    local other = IS_ROOT and "setpriv --reuid=65534 --regid=65534 --clear-groups" or "" -- root may write anywhere
    sh:run("chmod 777 .")
    local expected, _, able = train("-", nil, other)
    if able ~= 0 then return pending("an unprivileged user cannot run the program here") end
    local _, err, code = train("run", { "7=chmod 555 run", "11=kill -INT $PPID" }, other)
    assert.equal(130, code, err)
    assert.matches("rnn.fit: SIGINT in epoch 3, step 11; it could not be saved: cannot write "
      .. "%S*run/checkpoint.safetensors: Permission denied. The same command goes on from epoch 2, step 6\n", err)
    local out
    out, err, code = train("run", nil, other)
    assert.equal(0, code, err)
    assert.equal(expected, out)
    sh:run("chmod 755 run")
    assert.equal(expected, (train("run", nil, other)))
    sh:run("mkdir closed; chmod 555 closed")
    _, err, code = train("closed/run", nil, other)
    assert.equal(1, code)
    assert.matches("rnn.fit: option 'run': cannot make the folder closed/run: Permission denied", err)
  end)

  it("that has no such folder ends the run with a word", function()
    sh:write("file", "")
    local _, err, code = train "file/run"
    assert.equal(1, code)
    assert.matches("resumable.lua:%d+: rnn.fit: option 'run': cannot make the folder file: ", err)
  end)

  it("with a limit for files is told of, and the last good checkpoint loads", function()
    local expected = undisturbed()
    train("run", { "5=kill -INT $PPID" })
    local out, err, code = train("run", nil, "ulimit -f 8;")
    assert.equal(0, code, err)
    assert.equal(expected, out)
    assert.matches("no checkpoint: cannot write %S*run/checkpoint.safetensors: File too large; that of epoch 1, step 5 "
      .. "stays", err)
    assert.equal(expected, (train "run"))
  end)
end)

describe("going on", function()
  local x = (rnn.arange(50):to_float() / 25 - 1):reshape(50, 1)
  local line = data.arrays(x, x * 2 - 1)

  -- A short run in the shell's folder; what is in options replaces what is here.
  local function fit(options, model)
    rnn.seed(1)
    model = model or nn.Linear(1, 1)
    local all = { data = line:batches { size = 16, shuffle = true }, loss = "mse", epochs = 3, progress = false,
      run = sh.folder .. "/run", optimizer = optim.SGD(model:parameters(), { lr = options.lr or 0.1, momentum = 0.5 }) }
    for key, value in pairs(options) do all[key] = value end
    all.lr = nil
    return rnn.fit(model, all), model, all.optimizer
  end

  it("with more epochs is the longer run", function()
    local longer, expected = fit { epochs = 5, run = false }
    fit {}
    local history, model = fit { epochs = 5 }
    assert.same(longer.loss, history.loss)
    assert.equal(expected.weight:item(), model.weight:item())
  end)

  it("takes settings that the script has changed", function()
    fit {}
    local history, _, optimizer = fit { epochs = 4, lr = 0.05 }
    assert.same({ 0.1, 0.1, 0.1, 0.05 }, history.lr)
    assert.equal(0.5, optimizer.momentum)
    local schedule = { schedule = optim.schedules.step { every = 1, factor = 0.5 }, run = sh.folder .. "/other" }
    fit(schedule)
    schedule.lr, schedule.epochs = 0.8, 5
    assert.same({ 0.1, 0.05, 0.025, 0.1, 0.05 }, fit(schedule).lr)
  end)

  it("takes all settings of the optimiser that the script has changed, and no others", function()
    local function go(epochs, options)
      local model = nn.Linear(1, 1)
      return select(3, fit({ epochs = epochs, optimizer = optim.AdamW(model:parameters(), options) }, model))
    end
    go(1, { lr = 0.01, weight_decay = 0.1 }).beta2 = 0.9
    local optimizer = go(2, { lr = 0.02, weight_decay = 0.3, beta1 = 0.5 })
    assert.same({ 0.02, 0.3, 0.5, 0.999 }, { optimizer.lr, optimizer.weight_decay, optimizer.beta1, optimizer.beta2 })
  end)

  it("takes changed settings of groups", function()
    local function go(epochs, lr, decay)
      local model = nn.Linear(1, 1)
      local groups = { { { model.weight }, lr = lr }, { { model.bias }, lr = 0.02, weight_decay = decay } }
      local optimizer = optim.SGD(groups, { lr = 0.1 })
      return select(3, fit({ epochs = epochs, optimizer = optimizer }, model)).groups
    end
    go(1, 0.01, 0.1)
    local groups = go(2, 0.05, 0)
    assert.near(0.5, groups[1].ratio, 1e-12)
    assert.equal(0, groups[2].own.weight_decay)
    assert.is_nil(go(3, 0.05, nil)[2].own.weight_decay)
  end)

  it("takes changed settings of each of several optimisers, also below a schedule", function()
    local function go(epochs, options_a, options_b, schedule)
      rnn.seed(1)
      local model = nn.Module { a = nn.Linear(1, 1), b = nn.Linear(1, 1) }
      local a, b = optim.SGD(model.a:parameters(), options_a), optim.SGD(model.b:parameters(), options_b)
      local function loss(name) return function(m, input, y) return rnn.mse(m[name](input), y) end end
      rnn.fit(model, { data = line:batches { size = 16 }, epochs = epochs, run = sh.folder .. "/" .. #schedule,
        optimizer = { a, b }, loss = { loss "a", loss "b" }, progress = false,
        schedule = schedule == "step" and optim.schedules.step { every = 1, factor = 0.5 } or nil })
      return { a.lr, b.lr, a.momentum }
    end
    go(1, { lr = 0.01, momentum = 0.5 }, { lr = 0.02 }, "")
    assert.same({ 0.01, 0.05, 0.9 }, go(2, { lr = 0.01, momentum = 0.9 }, { lr = 0.05 }, ""))
    go(1, { lr = 0.01, momentum = 0.5 }, { lr = 0.02 }, "step")
    assert.near(0.02, go(2, { lr = 0.01, momentum = 0.5 }, { lr = 0.04 }, "step")[2], 1e-12)
  end)

  it("works for data that are a function, in the middle of an epoch", function()
    local limit = { on_step = function(_, run, step) return step == 8 and not run.resumed end }
    local seen = {}
    local note = { on_step = function(_, _, step, values) seen[step] = values.loss end }
    local function counted() -- gives the same batches in every run
      local batches, at = {}, 0
      for i = 1, 5 do batches[i] = x:rows(10 * i - 9, 10 * i) end
      return function(_, last)
        at = last == nil and 1 or at + 1
        if batches[at] then return batches[at], batches[at] * 2 end
      end
    end
    local whole, expected = fit { run = false, data = counted() }
    fit { data = counted(), callbacks = { limit, note } }
    assert.equal(8, #seen)
    local history, model = fit { data = counted(), callbacks = { limit, note } }
    assert.same(whole.loss, history.loss)
    assert.equal(expected.weight:item(), model.weight:item())
    assert.equal(15, #seen)
    fit { run = sh.folder .. "/other", data = counted(), callbacks = { limit } }
    assert.error_matches(function()
      fit { run = sh.folder .. "/other", data = function(_, last) if last == nil then return x, x end end }
    end, "option 'data' gave 3 batches in epoch 2 before, and fewer now")
  end)

  it("has the state of a sequence that was read in part", function()
    rnn.seed(2)
    local sequences = data.arrays(rnn.randn(8, 10, 2), rnn.randn(8, 10, 3))
    local function short(more)
      rnn.seed(3)
      local options = { data = sequences:batches { size = 4, shuffle = true }, tbptt = 3, epochs = 2, callbacks = more }
      return fit(options, nn.Sequential { nn.GRU(2, 5), nn.LSTM(5, 4), nn.Linear(4, 3) })
    end
    local limit = { on_step = function(_, run, step) return step == 6 and not run.resumed end } -- of 4 + 4 windows
    short { limit }
    local history, model = short { limit }
    os.remove(sh.folder .. "/run/checkpoint.safetensors")
    local whole, expected = short()
    assert.same(whole.loss, history.loss)
    for i, p in ipairs(expected:parameters()) do assert.same(p:totable(), model:parameters()[i]:totable()) end
  end)

  it("keeps what callbacks want kept, and best weights", function()
    local function counter()
      return { n = 0, on_epoch = function(self) self.n = self.n + 1 end,
        state = function(self) return { n = self.n } end,
        load_state = function(self, saved) self.n = saved.n end }
    end
    local first, second = counter(), counter()
    local function stopping() return rnn.EarlyStopping { monitor = "loss", mode = "max", patience = 4 } end
    local whole, expected = fit { run = false, epochs = 9, callbacks = { stopping() } }
    assert.equal(5, #whole)
    fit { epochs = 2, callbacks = { first, stopping() } }
    local history, model = fit { epochs = 9, callbacks = { second, stopping() } }
    assert.equal(5, second.n)
    assert.equal(1, history.best.epoch)
    assert.equal(whole.stopped, history.stopped)
    assert.equal(expected.weight:item(), model.weight:item())
    local again, same = fit { epochs = 20, callbacks = { counter(), stopping() } } -- it has ended
    assert.same(history.loss, again.loss)
    assert.equal(whole.stopped, again.stopped)
    assert.equal(expected.weight:item(), same.weight:item())
  end)

  it("begins anew with resume = false", function()
    fit {}
    local history = fit { resume = false, epochs = 2 }
    assert.equal(2, #history)
    local lines = 0
    for _ in io.lines(sh.folder .. "/run/metrics.jsonl") do lines = lines + 1 end
    assert.equal(2, lines)
  end)

  it("refuses another model, other data, another optimiser, a damaged file, and says so", function()
    fit {}
    local path = sh.folder .. "/run/checkpoint.safetensors"
    local function refused(pattern, ...)
      local arguments = table.pack(...)
      local ok, message = pcall(function() fit(table.unpack(arguments, 1, arguments.n)) end)
      assert.is_false(ok)
      assert.matches(pattern, message)
      assert.is_truthy(message:find("cannot go on from '" .. path .. "'", 1, true))
      assert.is_truthy(message:find("Take another name for the run, or resume = false to begin anew", 1, true))
    end
    refused("'bias' is tensor %(2%) float in the model, but", {}, nn.Linear(1, 2))
    refused("names differ", {}, nn.Sequential { nn.Linear(1, 1) })
    refused("with 4 batches in an epoch, these data have 7", { data = line:batches { size = 8 } })
    refused("option 'data': the values are others than when the run began", { data = data.arrays(x, x * 6 - 3):batches {
      size = 16, shuffle = true } })
    local model = nn.Linear(1, 1)
    refused("kind: expected 'adam', got string 'sgd'", { optimizer = optim.Adam(model:parameters()) }, model)
    assert(rnn.save(path, nn.Linear(1, 1)))
    refused("format nil, of another version", {})
    assert(core.file_write(path, "junk"))
    refused("safetensors", {})
  end)

  it("is for one process at a time", function()
    fit {}
    local lock <close> = assert(core.file_lock(sh.folder .. "/run/lock"))
    assert.is_truthy(lock)
    assert.error_matches(function() fit {} end, "option 'run': .*/run/lock: another process holds it")
  end)

  it("leaves signals and the folder free, however it ends", function()
    assert.is_false(pcall(fit, { loss = function() error "mine" end }))
    assert.equal(3, #fit {})
    local lock <close> = assert(core.file_lock(sh.folder .. "/run/lock"))
    assert.is_truthy(lock)
  end)

  it("checks its options", function()
    local function says(pattern, options) assert.error_matches(function() fit(options) end, pattern) end
    says("option 'checkpoint' needs option 'run'", { run = false, checkpoint = {} })
    says("unknown option 'every'; known: every_seconds, every_steps", { checkpoint = { every = 3 } })
    says("option 'checkpoint': option 'every_steps': expected a positive integer", { checkpoint = { every_steps = 0 } })
    says("option 'run': expected a string, got number 3", { run = 3 })
    says("option 'log_every': expected a positive integer, got number 0", { log_every = 0 })
    says("option 'resume': expected true or false", { resume = "no" })
  end)
end)

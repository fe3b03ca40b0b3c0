-- Checkpoints: what may be gone on from and what may not; a run that is refused is left as it was.
local core = require "rnn.core"
local rnn = require "rnn"
local nn, data, optim, text = rnn.nn, rnn.data, rnn.optim, rnn.text
local Shell = require "support.shell"

local IS_ROOT = Shell.new():run("id -u"):match "^0"
local REMEDY = "Take another name for the run, or resume = false to begin anew; to keep the file, move it away first. "
  .. "Nothing was changed"

local sh, run, path
before_each(function()
  sh = Shell.new()
  run = sh.folder .. "/run"
  path = run .. "/checkpoint.safetensors"
end)
after_each(function() sh:remove() end)

local x = (rnn.arange(50):to_float() / 25 - 1):reshape(50, 1)
local line = data.arrays(x, x * 2 - 1)

-- Leaves training after so many steps.
local function leave(steps)
  return { on_step = function(_, _, step) return step == steps end }
end

-- A small run; what is in options replaces what is here.
local function fit(options, model)
  options = options or {}
  rnn.seed(1)
  model = model or nn.Linear(1, 1)
  local all = { data = line:batches { size = 16, shuffle = true }, valid = line, loss = "mse", metrics = { "mae" },
    epochs = 3, progress = false, run = run, schedule = optim.schedules.cosine(),
    optimizer = optim.SGD(model:parameters(), { lr = 0.1, momentum = 0.5 }) }
  for key, value in pairs(options) do all[key] = value end
  all.valid = all.valid or nil
  local history = rnn.fit(model, all)
  return history, model, all.optimizer
end

-- All that identical runs have in common.
local function result(history, model)
  local parts = { require "support.weight_bits"(model), tostring(history.stopped) }
  for e = 1, #history do parts[#parts + 1] = rnn.json_encode(history:figures(e), { sort = true }) end
  return table.concat(parts, "\n")
end

local function read(name)
  local file = assert(io.open(name, "rb"))
  local bytes = file:read "a"
  file:close()
  return bytes
end

local function write(name, bytes)
  local file = assert(io.open(name, "wb"))
  file:write(bytes)
  file:close()
end

-- Everything in the folder of the run, by name.
local function contents()
  local files = {}
  for name in sh:run("ls -A run"):gmatch "[^\n]+" do files[name] = read(run .. "/" .. name) end
  return files
end

-- fit(...) is refused with the pattern; the folder, the model and the optimiser are as they were.
local function refused(pattern, options, model)
  model = model or nn.Linear(1, 1)
  local before, bits = contents(), require "support.weight_bits"(model)
  local optimizer = options and options.optimizer or optim.SGD(model:parameters(), { lr = 0.1, momentum = 0.5 })
  local all = { optimizer = optimizer }
  for key, value in pairs(options or {}) do all[key] = value end
  local ok, message = pcall(fit, all, model)
  assert.is_false(ok)
  assert.matches(pattern, message)
  assert.is_truthy(message:find("rnn.fit: cannot go on from '" .. path .. "': ", 1, true), message)
  assert.equal(REMEDY, message:sub(-#REMEDY))
  assert.is_nil(message:find "%.lua:%d+: .*%.lua:%d+: ", message)
  assert.same(before, contents())
  assert.equal(bits, require "support.weight_bits"(model))
  assert.equal(0, optimizer.steps)
end

describe("a checkpoint that cannot be read", function()
  it("never counts as none", function()
    fit()
    local bytes = read(path)
    local function put(content)
      os.remove(path)
      if content then write(path, content) end
    end
    put(bytes:sub(1, -2))
    refused "the file is cut off"
    put(bytes:sub(1, 7))
    refused "not a safetensors file"
    put ""
    refused "not a safetensors file"
    put(nil)
    sh:run("ln -s elsewhere/checkpoint run/checkpoint.safetensors")
    local ok, message = pcall(fit)
    assert.is_false(ok)
    assert.matches("cannot open .*: No such file or directory", message)
    os.remove(path)
    sh:run("ln -s checkpoint.safetensors run/checkpoint.safetensors")
    ok, message = pcall(fit)
    assert.is_false(ok)
    assert.matches("Too many levels of symbolic links", message)
    os.remove(path)
    for _, command in ipairs { "mkdir", "mkfifo" } do
      sh:run(command .. " run/checkpoint.safetensors")
      ok, message = pcall(fit)
      assert.is_false(ok)
      assert.matches(command == "mkdir" and "it is a folder, not a regular file" or "it is a device, pipe", message)
      sh:run("rm -r run/checkpoint.safetensors")
    end
    put(bytes)
    assert.equal(3, #fit())
    put(nil) -- now there is none
    assert.equal(2, #fit { epochs = 2 })
  end)

  it("nor does one that may not be read", function()
    local other = IS_ROOT and "setpriv --reuid=65534 --regid=65534 --clear-groups " or "" -- root may read anything
    local program = os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"
    local double = rnn.precision() == "double" and " --double" or ""
    fit()
    sh:run("chmod -R a+rwX . && chmod 0 run/checkpoint.safetensors")
    local before = IS_ROOT and contents()
    local script = [[
      local rnn = require "rnn"
      local model, x = rnn.nn.Linear(1, 1), rnn.ones(50, 1)
      rnn.fit(model, { data = rnn.data.arrays(x, x):batches { size = 16 }, loss = "mse", run = "run",
        optimizer = rnn.optim.SGD(model:parameters()) })]]
    local _, err, code = sh:run(other .. Shell.quote(program) .. double .. " -e " .. Shell.quote(script))
    assert.equal(1, code)
    assert.matches("cannot go on from 'run/checkpoint.safetensors': cannot open run/checkpoint.safetensors: "
      .. "Permission denied. Take another name", err)
    if before then assert.same(before, contents()) end
  end)
end)

describe("a checkpoint of another format", function()
  local function put(change)
    local tensors, metadata = assert(rnn.archive_read(path))
    local extra = rnn.json_decode(metadata["rnnlua.extra"])
    change(extra.checkpoint, metadata)
    metadata["rnnlua.extra"] = rnn.json_encode(extra)
    assert(rnn.archive_write(path, tensors, metadata))
  end

  it("is told from a damaged one", function()
    fit()
    local bytes = read(path)
    put(function(state, metadata)
      state.format = 99
      metadata["rnnlua.checksum"] = nil
    end)
    refused "format 99, of a newer version of this program, which knows formats up to 2"
    write(path, bytes)
    put(function(_, metadata) metadata["rnnlua.checksum"] = nil end)
    refused "it is not as it was written: it has no checksum"
    write(path, bytes)
    put(function(state) state.step = 3 end)
    refused "it is not as it was written: its content has another checksum than the one in it"
    assert(rnn.save(path, nn.Linear(1, 1)))
    refused "format nil, of another version of this program"
  end)

  it("is gone on from when it is of version 0.1", function()
    if rnn.precision() == "double" then return end -- it was written in the middle of an epoch, in float
    sh:run(("mkdir run; touch run/lock; cp %s/tests/reference/checkpoint_0.1/* run"):format(os.getenv "PWD"))
    local old = { metrics = {} }
    local history, model = fit(old)
    assert.equal(result(fit { run = false, metrics = {} }), result(history, model))
    assert.is_true(history.seconds[1] > 0 and history.seconds[3] > 0)
    local lines = 0
    for _ in io.lines(run .. "/metrics.jsonl") do lines = lines + 1 end
    assert.equal(3, lines)
    assert.equal(result(history, model), result(fit(old)))
  end)

  it("of version 0.1 that misses something is refused", function()
    sh:run(("mkdir run; touch run/lock; cp %s/tests/reference/checkpoint_0.1/* run"):format(os.getenv "PWD"))
    local bytes = read(path)
    for name, value in pairs { epoch = "x", step = -1, batch = 1.5, inside = 0, random = false, given = 3,
      optimizer = "sgd", history = 1, scores = 7, data = true, callbacks = "none" } do
      write(path, bytes)
      put(function(state) state[name] = value end)
      refused("it is damaged: '" .. name .. "' is ", { metrics = {} })
    end
  end)
end)

-- One change of a file's bytes or of what it holds; random(n) is a number from 1 to n.
local function mutate(bytes, random)
  local kind = random(8)
  if kind == 1 then -- a bit
    local at, bit = random(#bytes), random(8) - 1
    return bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ (1 << bit)) .. bytes:sub(at + 1)
  elseif kind == 2 then -- cut off, or with something behind it
    return random(2) == 1 and bytes:sub(1, random(#bytes) - 1) or bytes .. ("\0"):rep(random(9))
  elseif kind == 3 then -- a block of zeros
    local at = random(#bytes - 8)
    return bytes:sub(1, at - 1) .. ("\0"):rep(8) .. bytes:sub(at + 8)
  end
  write(path .. ".x", bytes)
  local tensors, metadata = assert(rnn.archive_read(path .. ".x"))
  local names = {}
  for name in pairs(tensors) do names[#names + 1] = name end
  table.sort(names)
  local name = names[random(#names)]
  if kind == 4 then -- a tensor is missing, or another one stands there
    tensors[name] = random(2) == 1 and tensors[names[random(#names)]] or nil
  elseif kind == 5 then -- has another shape or type
    tensors[name] = random(2) == 1 and tensors[name]:reshape(1, -1) or tensors[name]:to_int()
  elseif kind == 6 then -- has one value that is a little different
    local t = tensors[name]:copy():reshape(-1)
    t:set(random(#t), (t:get(1) or 0) + 1)
    tensors[name] = t:reshape(tensors[name]:shape())
  else -- a field of the state is missing or another one
    local extra = rnn.json_decode(metadata["rnnlua.extra"])
    local at = extra
    while true do
      local keys = {}
      for key in pairs(at) do keys[#keys + 1] = key end
      table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
      local key = keys[random(math.max(#keys, 1))]
      local value = at[key]
      if type(value) == "table" and next(value) ~= nil then
        at = value
      else
        at[key or "x"] = kind == 7 and type(value) == "number" and value + 1 or nil
        break
      end
    end
    metadata["rnnlua.extra"] = rnn.json_encode(extra)
  end
  assert(rnn.archive_write(path .. ".x", tensors, metadata))
  local changed = read(path .. ".x")
  os.remove(path .. ".x")
  return changed
end

describe("an altered checkpoint", function()
  it("is refused before anything is changed, or makes no difference", function()
    local options = { callbacks = { leave(6) }, average = 0.9 }
    local function going() -- on, and whole
      local all = { callbacks = { rnn.EarlyStopping { monitor = "val_loss" } }, average = 0.9, epochs = 4 }
      return all
    end
    fit(options)
    local files = contents()
    local function restore()
      sh:run "rm -rf run; mkdir run"
      for name, bytes in pairs(files) do write(run .. "/" .. name, bytes) end
    end
    local expected = result(fit(going()))
    local function same() -- for what is in the folder and was there; new files are looked for at the end
      for name, bytes in pairs(files) do
        if name ~= "checkpoint.safetensors" then assert.equal(bytes, read(run .. "/" .. name)) end
      end
    end
    local state, refusals, kept = 1, 0, 0
    local function random(n) -- the same everywhere
      state = (state * 6364136223846793005 + 1442695040888963407)
      return (state >> 33) % n + 1
    end
    restore()
    for i = 1, 300 do
      local bytes = mutate(files["checkpoint.safetensors"], random)
      write(path, bytes)
      local ok, history, model = pcall(fit, going())
      if ok then
        kept = kept + 1
        assert(result(history, model) == expected, "change " .. i .. " passed unseen")
        restore()
      else
        refusals = refusals + 1
        assert(history:find("rnn.fit: cannot go on from '" .. path .. "': ", 1, true)
          and history:sub(-#REMEDY) == REMEDY, ("change %d: %s"):format(i, history))
        assert.equal(bytes, read(path))
        same()
      end
    end
    for name in pairs(contents()) do assert(files[name], name .. " is new") end
    assert.is_true(refusals > 250, refusals .. " of 300 refused") -- others are spaces, say
    assert.equal(300, refusals + kept)
    restore()
    assert.equal(expected, result(fit(going())))
  end)
end)

describe("going on with something else", function()
  it("is refused where a place would mean something else", function()
    fit { callbacks = { leave(6) } } -- in the middle of epoch 2
    refused("option 'data': size is 15, but was 16 when the checkpoint was written",
      { data = line:batches { size = 15, shuffle = true } })
    refused("option 'data': shuffle is false, but was true", { data = line:batches { size = 16 } })
    refused("these data have 3 .drop_last is true, but was false",
      { data = data.arrays(x:rows(1, 50), x):batches { size = 16, shuffle = true, drop_last = true } }, nil)
    refused("option 'data': items is 49, but was 50",
      { data = data.arrays(x:rows(1, 49), x:rows(1, 49)):batches { size = 16, shuffle = true } })
    refused("option 'data': size is 15, but was 16", { data = data.map(line:batches { size = 15, shuffle = true },
      function(a, b) return a, b end) })
    refused("loss is mae, but was mse when", { loss = "mae" })
    refused("loss is function, but was mse when", { loss = function(a, b) return rnn.mse(a, b) end })
    refused("metrics is , but was mae when", { metrics = {} })
    refused("accumulate is 2, but was 1 when", { accumulate = 2 })
    refused("schedule.per is step, but was epoch when", { schedule = optim.schedules.cosine { per = "step" } })
    refused("valid is false, but was true when", { valid = false })
    local model = nn.Linear(1, 1)
    refused("kind: expected 'adam', got string 'sgd'", { optimizer = optim.Adam(model:parameters()) }, model)
    refused("names differ; missing in the state: 1.bias, 1.weight", nil, nn.Sequential { nn.Linear(1, 1) })
    assert.equal(3, #fit())
    assert.equal(4, #fit { epochs = 4, metrics = {} }) -- between epochs no sum is half done
  end)

  it("is refused where weights fit, but the model is another", function()
    local function of(activation) return nn.Sequential { nn.Linear(1, 1), nn[activation]() } end
    fit(nil, of "Tanh")
    refused("it is of another model: model.*class is string 'nn.ReLU', but was string 'nn.Tanh'", nil, of "ReLU")
    assert.equal(4, #fit({ epochs = 4 }, of "Tanh"))
  end)

  it("is refused for another precision", function()
    fit()
    local double = rnn.precision() == "double" and "" or " --double"
    local program = os.getenv "RNNLUA" or os.getenv "PWD" .. "/build/rnnlua"
    local script = [[
      local rnn = require "rnn"
      local model, x = rnn.nn.Linear(1, 1), rnn.ones(50, 1)
      rnn.fit(model, { data = rnn.data.arrays(x, x):batches { size = 16 }, loss = "mse", run = "run",
        optimizer = rnn.optim.SGD(model:parameters()) })]]
    local _, err, code = sh:run(Shell.quote(program) .. double .. " -e " .. Shell.quote(script))
    assert.equal(1, code)
    assert.matches("it was computed in " .. rnn.precision() .. ", and this program computes in", err)
  end)

  it("is refused for windows of another length, streams of another width, windows of tbptt", function()
    local ids = {}
    for i = 1, 300 do ids[i] = i % 7 + 1 end
    local function train(batch, time, cut, more)
      rnn.seed(2)
      local model = nn.Sequential { nn.Embedding(8, 4), nn.GRU(4, 4), nn.Linear(4, 8) }
      return rnn.fit(model, { data = text.stream(ids, { size = batch, length = time }), tbptt = cut, progress = false,
        loss = "cross_entropy", run = run, optimizer = optim.SGD(model:parameters()), callbacks = more, epochs = 2 })
    end
    train(4, 10, 10, { leave(5) })
    assert.error_matches(function() train(3, 14, 10) end, "batch is 3, but was 4; time is 14, but was 10")
    assert.error_matches(function() train(4, 10, 5) end, "tbptt is 5, but was 10")
    assert.equal(2, #train(4, 10, 10))
    sh:run "rm -r run"
    local function windows(length, more)
      rnn.seed(2)
      local model = nn.Sequential { nn.GRU(1, 4, { returns = "last" }), nn.Linear(4, 1) }
      local set = data.windows(x, { length = length, stride = length })
      return rnn.fit(model, { data = set:batches { size = 2 }, loss = "mse", run = run, progress = false,
        optimizer = optim.SGD(model:parameters()), callbacks = more, epochs = 2 })
    end
    windows(10, { leave(1) })
    assert.error_matches(function() windows(9) end, "length is 9, but was 10")
    assert.equal(2, #windows(10))
  end)

  it("is refused by callbacks that watch something else", function()
    fit { callbacks = { rnn.EarlyStopping { monitor = "val_loss" } }, epochs = 2 }
    assert.error_matches(function() fit { callbacks = { rnn.EarlyStopping { monitor = "val_mae" } } } end,
      "rnn.EarlyStopping: option 'monitor' is 'val_mae', but was 'val_loss' when the checkpoint was written")
  end)
end)

describe("a schedule", function()
  local schedules = optim.schedules
  local ends = {
    cosine = function() return schedules.cosine() end,
    ["cosine by steps"] = function() return schedules.cosine { per = "step" } end,
    one_cycle = function() return schedules.one_cycle { start = 0, final = 0 } end,
    warmup = function() return schedules.warmup { length = 20, start = 0 } end,
    ["warmup, cosine"] = function() return schedules.warmup { length = 2, start = 0, after = schedules.cosine() } end,
    plateau = function() return schedules.plateau { patience = 0, factor = 0, min_delta = 100 } end,
    step = function() return schedules.step { every = 1, factor = 1e-300 } end,
    exponential = function() return schedules.exponential { factor = 1e-300 } end,
    own = function() return schedules.own(function(t) return t < 8 and 1 or 0 end) end,
  }
  for name, make in pairs(ends) do
    it(("that comes to a rate of 0 ends no run for good: %s"):format(name), function()
      local whole, expected = fit { run = false, epochs = 6, schedule = make() }
      local _, _, optimizer = fit { schedule = make() }
      assert.is_true(optimizer.lr < 0.1)
      local history, model = fit { epochs = 6, schedule = make() }
      assert.equal(6, #history)
      if not name:find "cosine" and name ~= "one_cycle" then -- which last as long as fit
        assert.equal(result(whole, expected), result(history, model))
      end
      assert.equal(result(history, model), result(fit { epochs = 6, schedule = make() }))
      local limit = { callbacks = { leave(1) }, run = run .. "2", schedule = make() }
      fit(limit) -- and where one begins at 0
      limit.callbacks = nil
      assert.equal(3, #fit(limit))
    end)
  end

  it("leaves a rate that the next call does not take for the script's", function()
    local model = nn.Linear(1, 1)
    local optimizer = optim.SGD(model:parameters(), { lr = 0.1, momentum = 0.5 })
    local first = fit({ optimizer = optimizer, run = false }, model)
    assert.equal(0, optimizer.lr)
    assert.same(first.lr, (fit({ optimizer = optimizer, run = false }, model)).lr)
    fit({ optimizer = optimizer }, model)
    local history = fit({ optimizer = optimizer, epochs = 6 }, model)
    assert.equal(6, #history)
    assert.is_true(history.lr[4] > 0.04, history.lr[4])
    optimizer.lr = 0.25 -- this is
    assert.equal(0.25, (fit({ optimizer = optimizer, run = false }, model)).lr[1])
  end)
end)

describe("identical runs", function()
  it("write identical files", function()
    local function train(name)
      fit { run = run .. name, average = 0.9, callbacks = { rnn.EarlyStopping { monitor = "val_mae" },
        rnn.ModelCheckpoint(sh.folder .. "/model" .. name, { best_only = false }), rnn.CSVLog(run .. name .. ".csv") },
        on_epoch = function() local till = rnn.clock() + 0.02 * #name while rnn.clock() < till do end end,
        checkpoint = { every_steps = 2 }, monitor = true, log_every = 1 }
      return { read(run .. name .. "/best.safetensors"), read(run .. name .. "/checkpoint.safetensors"),
        read(sh.folder .. "/model" .. name) }
    end
    local first = train "a"
    assert.same(first, train "bbbbb")
    fit { run = run .. "c", callbacks = { leave(6) } }
    fit { run = run .. "c" }
    fit { run = run .. "d" }
    assert.equal(read(run .. "d/best.safetensors"), read(run .. "c/best.safetensors"))
    assert.equal(read(run .. "d/checkpoint.safetensors"), read(run .. "c/checkpoint.safetensors"))
  end)

  it("keep their times all the same", function()
    local function wait() local till = rnn.clock() + 0.1 while rnn.clock() < till do end end
    fit { callbacks = { { on_step = wait }, leave(6) } }
    local history = fit()
    assert.is_true(history.seconds[1] >= 0.4 and history.seconds[2] >= 0.2 and history.seconds[3] < 0.1)
    os.remove(run .. "/times.json")
    history = fit { epochs = 4 }
    assert.is_true(history.seconds[1] ~= history.seconds[1] and history.seconds[4] > 0) -- unknown
    for line_ in io.lines(run .. "/metrics.jsonl") do assert.is_truthy(rnn.json_decode(line_).seconds) end
  end)
end)

describe("rnn.checksum", function()
  it("sees every word, type and shape", function()
    local t = rnn.zeros(5)
    local seen = { [core.checksum(t)] = true }
    local function new(value)
      local sum = core.checksum(value)
      assert.is_nil(seen[sum])
      seen[sum] = true
    end
    new(rnn.zeros(1, 5))
    new(rnn.zeros { 5, type = "int32" })
    new(rnn.zeros(6))
    for i = 1, 5 do
      local one = t:copy()
      one:set(i, -0.0)
      new(one)
    end
    for i = 1, 4 do -- two signs in neighbouring words
      local two = t:copy()
      two:set(i, -0.0)
      two:set(i + 1, -0.0)
      new(two)
    end
    local matrix = rnn.randn(3, 4)
    assert.equal(core.checksum(matrix:transpose(1, 2):copy()), core.checksum(matrix:transpose(1, 2)))
    assert.equal(core.checksum(matrix:slice(2, 2, 3):copy()), core.checksum(matrix:slice(2, 2, 3)))
    for _, s in ipairs { "", "a", "b", "\0", "\0\0", ("a"):rep(8), ("a"):rep(9) } do new(s) end
    assert.equal(core.checksum "same", core.checksum("sa" .. "me"))
    assert.error_matches(function() core.checksum(3) end, "argument 1 %(value%): expected a tensor or a string")
  end)
end)

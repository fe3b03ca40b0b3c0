-- api.lua: calls everything of rnn.core and every method of tensors with hostile arguments. Whatever a script does, the
-- answer is a result or an error message: never a crash, a leak, a changed setting. Meant for the sanitizer build.
--
--   rnnlua [--double] tests/fuzz/api.lua SEED CALLS     what a seed does is always the same
--   dofile("tests/fuzz/api.lua")(seed, calls) -> { calls, succeeded, backwards }
--
-- Arguments mostly fit, as errors alone reach no depth, but every one may be anything. Results become arguments. A
-- quarter of the seeds each: the collector as it is, after every call, nearly always running, generational.

local core = require "rnn.core"

local LIMIT = 256 << 20
local POOL = 48
local MOST = 3000 -- elements of a tensor that stays in the pool

-- Random numbers of its own: core.seed and core.random_state set those of math.random, too.
local place
local function random(from, to)
  place = place * 6364136223846793005 + 1442695040888963407
  local share = (place >> 11) * 2.0 ^ -53
  if not from then return share end
  if not to then from, to = 1, from end
  return from + math.floor(share * (to - from + 1))
end

local function chance(p) return random() < p end
local function pick(list) return list[random(#list)] end

local pool -- tensors and other results

-- ---- fitting values ----

local function size() return chance(0.02) and random(60, 140) or pick { 0, 1, 1, 2, 2, 3, 3, 4, 5 } end

local function shape(n)
  local dims, count = {}, 1
  for i = 1, n or pick { 0, 1, 1, 2, 2, 3, 3, 3, 4, 6 } do
    dims[i] = size()
    if count * dims[i] > MOST then dims[i] = 1 end
    count = count * dims[i]
  end
  return dims
end

local specials = { 0 / 0, 1 / 0, -1 / 0, 1e30, -1e30, 1e-30, 0 }

local function dress(x)
  if x:ndim() >= 2 and x:size(2) < 1000 and chance(0.25) then
    local lengths = {}
    for i = 1, x:size(1) do lengths[i] = random(0, x:size(2)) end
    x = x:with_lengths(lengths)
  end
  if x:type() == "float" and chance(0.5) then x:requires_grad(true) end
  return x
end

local function float(dims) -- values, lengths and gradient at random
  local x = core.randn(dims or shape())
  if chance(0.1) and x:count() > 0 then x:reshape(-1):set(random(x:count()), pick(specials)) end
  return dress(x)
end

local function ids(dims, most)
  return core.to_int(core.rand(dims) * ((most or 4) + (chance(0.05) and 2 or 0.99)))
end

local function pooled()
  local value = pick(pool)
  return core.is_tensor(value) and value or float()
end

local function tensor()
  return chance(0.6) and pooled() or chance(0.2) and ids(shape()) or float()
end

local function like(x) -- something that may be broadcast with x
  local dims = { x:shape() }
  for i in ipairs(dims) do
    if chance(0.15) then dims[i] = 1 end
  end
  if chance(0.1) then table.remove(dims, 1) end
  return x:type() == "int32" and ids(dims) or float(dims)
end

local function axis_of(x) return x:ndim() > 0 and random(x:ndim()) * pick { 1, 1, -1 } or 1 end

local function weights(...)
  local list = {}
  for i, dims in ipairs { ... } do list[i] = core.randn(dims):requires_grad(chance(0.7)) end
  return list
end

local function description()
  local d, h = random(4), random(4)
  local cell = pick { "rnn", "lstm", "gru" }
  local o = {
    cell = cell, units = h, returns = pick { "sequence", "last" }, reverse = chance(0.3),
    activation = pick { "tanh", "tanh", "relu" }, recompute = pick { 0, 0, 1, 5 },
  }
  local g = h * (cell == "rnn" and 1 or cell == "gru" and 3 or 4)
  return o, weights({ g, d }, { g, h }, { g }, { g }), d
end

local function recurrent()
  local o, w, d = description()
  local n, h = size(), o.units
  local state = chance(0.5) and weights({ n, h }, o.cell == "lstm" and { n, h } or nil) or nil
  return o, float { n, size(), d }, w, state
end

local function stepper_of() -- the arguments of a stepper of one part; sizes of its input and state
  local o, w, d = description()
  local layer, names = {}, {}
  for i, t in ipairs(w) do
    names[i] = "w" .. i
    layer[names[i]] = t
  end
  return layer, { { description = o, names = names } }, random(4), d, o.units
end

local function stepping() -- a stepper and what its method run takes
  local layer, parts, n, d, units = stepper_of()
  local ok, stepper = pcall(core.stepper, layer, parts, n)
  local function state(width) return chance(0.8) and core.randn(n, width) or nil end
  return ok and stepper, layer, core.randn(n, d), { state(units), state(units) }, { state(units), state(units) }
end

local function optimizer()
  local kind = pick { "sgd", "rmsprop", "adam", "adamw", "nadam" }
  local params, state = {}, {}
  for i = 1, random(0, 3) do
    params[i] = pooled()
    for _ = 1, kind == "sgd" and 1 or 2 do state[#state + 1] = core.zeros { params[i]:shape() } end
  end
  return { kind = kind, lr = random(), momentum = random(), nesterov = chance(0.5), step = random(9) }, params, state
end

-- Arguments that fit, by the name of the function or method; for all other ops by their signature.
local fits = {}
function fits.matmul()
  local m, k, n, b = size(), size(), size(), size()
  return float(chance(0.5) and { m, k } or { b, m, k }), float(chance(0.5) and { k, n } or { b, k, n })
end
function fits.linear()
  local i, o, dims = size(), size(), shape(random(0, 3))
  dims[#dims + 1] = i
  return float(dims), float { o, i }, chance(0.7) and float { o } or nil
end
function fits.embedding() return float { 4, size() }, dress(ids(shape(random(0, 3)))) end
function fits.one_hot() return dress(ids(shape(random(0, 3)))), 4 end
function fits.cross_entropy()
  local dims = shape(random(0, 3))
  local labels = dress(ids(dims))
  dims[#dims + 1] = 4
  return float(dims), labels
end
function fits.layer_norm()
  local x = float(shape(random(3)))
  return x, float { x:size(-1) }, float { x:size(-1) }, random()
end
function fits.batch_norm()
  local x, g, b = fits.layer_norm()
  return x, g, b, core.randn(x:size(-1)), core.rand(x:size(-1)), random(), random(), chance(0.5)
end
function fits.gather()
  local x = tensor()
  local axis = axis_of(x)
  local n = x:ndim() > 0 and x:size(axis) or 0
  return x, axis, ids({ n > 0 and size() or 0 }, math.max(n - 1, 0)) + 1
end
function fits.windows()
  local length = random(0, 4)
  return float { length + 3, size() }, ids({ size() }, 2) + 1, length
end
function fits.slice()
  local x = tensor()
  local axis = axis_of(x)
  local n = x:ndim() > 0 and x:size(axis) or 0
  local from = random(1, n + 1)
  return x, axis, from, random(from - 1, n)
end
function fits.rows(x)
  local n = x:ndim() > 0 and x:size(1) or 0
  local from = random(1, n + 1)
  return x, from, random(from - 1, n)
end
function fits.get(x)
  local at = {}
  for i, n in ipairs { x:shape() } do at[i] = random(0, n) end
  return x, table.unpack(at)
end
function fits.set(x)
  local at = table.pack(fits.get(x))
  at[at.n + 1] = random(-9, 9)
  return table.unpack(at)
end
function fits.reshape()
  local x = tensor()
  if x:count() == 0 or chance(0.3) then return x, { x:shape() } end
  return x, pick { { -1 }, { 1, -1 }, { x:count() }, { x:count(), 1 }, { x:size(1), -1 } }
end
function fits.broadcast_to()
  local x = float()
  local dims = { x:shape() }
  for i, n in ipairs(dims) do
    if n == 1 then dims[i] = size() end
  end
  if #dims < 6 then table.insert(dims, 1, random(3)) end
  return x, dims
end
function fits.concat()
  local x = tensor()
  local list = { x }
  for i = 2, random(20) do list[i] = chance(0.5) and x or x:copy() end
  return list, axis_of(x)
end
function fits.stack()
  local list, axis = fits.concat()
  return list, axis
end
function fits.argsort() return tensor():reshape(-1) end
fits.nonzero = fits.argsort
function fits.dropout() return tensor(), pick { 0, 0.3, 0.9 } end
function fits.assign(x) return x, x:type() == "float" and core.randn { x:shape() } or ids { x:shape() } end
function fits.uniform_(x) return x, -random(), random() end
fits.normal_ = fits.uniform_
function fits.fill_(x) return x, random(9) end
function fits.orthogonal_() return core.zeros(shape(2)), 1, random() end
function fits.with_lengths(x) return x, ids({ x:ndim() > 0 and x:size(1) or 0 }, x:ndim() > 1 and x:size(2) or 0) end
function fits.backward(x) return x, x:count() ~= 1 and x:type() == "float" and core.randn { x:shape() } or nil end

local hostile

-- Functions that backward calls.
local forwards = {
  function(_, x) return x end,
  function(ctx, x, y)
    ctx.x, ctx.list = x, { { y } }
    return x * 2, y
  end,
  function(_, x) return x:sum(), x:transpose(1, -1), x:gt(0):to_int() end,
  function(_, ...) return ... end,
  function() return hostile() end,
}
local backwards = {
  function(_, dy) return dy end,
  function(ctx, dy) return ctx.x and 2 * dy * ctx.x:without_lengths() or dy end,
  function(_, ...) return ... end,
  function(_, dy)
    core.recording(true)
    local x = core.ones(2):requires_grad(true)
    return dy * core.grad((x * x):sum(), x):sum()
  end,
  function() return hostile(), hostile() end,
  function() error(hostile()) end,
  coroutine.yield,
}
function fits.custom() return { forward = pick(forwards), backward = pick(backwards) } end
function fits.operation(x) return x, float() end
function fits.on_grad(x)
  return chance(0.5) and x or float(), pick { pick(backwards), function(g) return g end,
    function(g) return g:fill_(0) end, function(g) return g * 2 end, function() end }
end
function fits.grad()
  local x, y = float(), tensor()
  local loss = x:without_lengths():sum() + (y:requires_grad() and y:without_lengths():sum() or 0)
  local options = { retain_graph = chance(0.5), allow_unused = chance(0.5) }
  return loss, chance(0.5) and x or { x, chance(0.3) and y or x }, options
end
function fits.tensor() return core.randn(shape()):totable(), chance(0.3) and "int32" or nil end
function fits.zeros() return shape() end
fits.ones, fits.rand, fits.randn = fits.zeros, fits.zeros, fits.zeros
function fits.full() return shape(), random(-5, 5) end
function fits.arange() return random(0, 50) end
fits.randperm, fits.seed = fits.arange, fits.arange
fits.recurrent, fits.optimizer_step, fits.run = recurrent, optimizer, stepping
fits.stepper = stepper_of
function fits.conv1d()
  local d, u = size(), size()
  return float { size(), size(), d }, float { u, d, random(4) }, chance(0.7) and float { u } or nil, random(3),
    random(3), random(0, 2)
end
function fits.clip_grad_norm()
  local _, params = optimizer()
  return params, random()
end
fits.clip_grad_value = fits.clip_grad_norm
function fits.no_grad() return function(...) return core.add(...) end, tensor(), tensor() end
function fits.archive_write() return "f", { a = tensor(), b = tensor() }, { k = "v" } end
function fits.json_decode() return pick { "[1, 2.5, null, {}]", '{"a": [true]}', "[", ("["):rep(500) } end

local letters = {
  m = function() return tensor():gt(0) end,
  t = tensor, T = tensor, i = function() return random(0, 4) end, n = function() return random() end,
  b = function() return chance(0.5) end, s = shape, x = axis_of,
  X = function(x) return chance(0.6) and axis_of(x) or nil end,
  c = pick, a = function(x) return chance(0.5) and axis_of(x) or { axis_of(x), axis_of(x) } end,
  A = function(x) return chance(0.5) and axis_of(x) or chance(0.5) and { axis_of(x), axis_of(x) } or nil end,
}

local function fitting(name, is_method)
  if fits[name] then return table.pack(fits[name](tensor())) end
  local _, signature, choices = core.op_doc(name)
  if not signature then return is_method and { n = 1, tensor() } or { n = 0 } end
  local args, first = { n = 0 }, nil
  for letter in signature:gmatch "%a" do
    args.n = args.n + 1
    if first and (letter == "t" or letter == "T") then
      args[args.n] = chance(0.15) and random() or chance(0.8) and like(first) or tensor()
    else
      args[args.n] = letters[letter](letter == "c" and choices or first)
    end
    if args.n == 1 and core.is_tensor(args[1]) then first = args[1] end
  end
  return args
end

-- ---- hostile values ----

local numbers = {
  0, 1, 2, 3, 4, 5, -1, -2, -3, 7, 2.0, 0.5, 1.5, -0.25, 1e-3, 0 / 0, 1 / 0, -1 / 0, 2 ^ 31, 2 ^ 31 - 1 | 0,
  -2 ^ 31 | 0, 2 ^ 32 | 0, 2 ^ 53, 1e300, -1e300, 1e-320, math.maxinteger, math.mininteger, math.mininteger + 1,
  1 << 61, 1 << 58,
}
local strings = {
  "", "x", "float", "int32", "a\0b", "sum", "grad", "lstm", "adam", "1", "[1]", "\xff\xfe", "type", "%s%d%n",
  ("y"):rep(3000),
}
local keys = {
  1, 2, "type", "cell", "units", "kind", "seed", "position", "indent", "sort", "separator", "columns", "types",
}

local function cyclic()
  local t = {}
  t[1], t[2], t.type = t, { t }, t
  return t
end

local function with_metatable()
  local meta = {
    __index = pick { function() error "no" end, function() return pick(pool) end, coroutine.yield, {} },
    __len = function() return pick(numbers) end,
    __tostring = pick { function() error "no" end, function() return "t" end, function() return 1 end },
    __gc = function() -- a finaliser runs in the middle of anything
      if not pool then return end -- the end: nobody would release what it makes
      pool[random(POOL)] = core.zeros(random(20))
      pool[random(POOL)] = false
    end,
    __name = pick { "name", 7 },
  }
  return setmetatable({ tensor() }, meta)
end

local tables = {
  function() return {} end, shape, cyclic, with_metatable,
  function() return { tensor(), tensor() } end,
  function() return { tensor(), hostile(), tensor() } end,
  function() return { { 1, 2 }, { 3 } } end,
  function() return { [pick(keys)] = hostile(), [pick(keys)] = hostile() } end,
  function() return { [1 << 40] = 1, [-1] = 2, [0.5] = 3 } end,
  function()
    local t = 1
    for _ = 1, random(250) do t = { t } end
    return t
  end,
}

local others = {
  function() return true end, function() return false end,
  function() return print end, function() return function(...) return ... end end,
  function() return function() error(hostile()) end end,
  function() return coroutine.yield end,
  function() return coroutine.create(function() end) end,
  function() return io.stdout end,
  function() return core.null end,
}

function hostile()
  local p = random()
  if p < 0.1 then return nil end
  if p < 0.45 then return pick(numbers) end
  if p < 0.55 then return pick(strings) end
  if p < 0.75 then return pick(tables)() end
  if p < 0.85 then return tensor() end
  if p < 0.93 then return pick(pool) end
  return pick(others)()
end

-- ---- functions ----

local files = { archive_read = true, archive_write = true, npy_read = true, npy_write = true, npz_read = true,
  npz_write = true, file_write = true, csv_read = true, png_write = true,
  pdf_write = true }

local function operators()
  return {
    run = function(s, ...) return s:run(...) end,
    index = function(a, b) return a[b] end,
    newindex = function(a, b, c) a[b] = c end,
    length = function(a) return #a end,
    call = function(a, ...) return a(...) end,
    less = function(a, b) return a < b end,
    tostring = tostring,
    add = function(a, b) return a + b end,
    sub = function(a, b) return a - b end,
    mul = function(a, b) return a * b end,
    div = function(a, b) return a / b end,
    pow = function(a, b) return a ^ b end,
    unm = function(a) return -a end,
    operation = function(...) return core.custom(fits.custom())(...) end,
    le = function(a, b) return a <= b end,
    concat = function(a, b) return a .. b end,
    pairs = function(a)
      local last
      for i in pairs(a) do last = i end
      return last
    end,
  }
end

-- { name, function, is it a method } of everything there is, in an order that is always the same.
local function targets(folder)
  local list = {}
  local function add(prefix, from, is_method)
    for name, f in pairs(from) do
      if type(f) == "function" then list[#list + 1] = { prefix .. name, f, is_method, name } end
    end
  end
  add("core.", core, false)
  add("tensor:", core.methods, true)
  add("operator ", operators(), true)
  table.sort(list, function(a, b) return a[1] < b[1] end)
  for _, target in ipairs(list) do
    local name, f = target[4], target[2]
    if files[name] then -- stay in the folder
      target[2] = function(path, ...)
        if type(path) == "string" then path = folder .. "/" .. (#path < 100 and path:gsub("/", "_") or "long") end
        return f(path, ...)
      end
    elseif name == "threads" then
      target[2] = function(n, ...) return f(math.type(n) == "integer" and n % 4 or n, ...) end
    elseif name == "memory_limit" then
      target[2] = function(...)
        f(...)
        f(LIMIT)
      end
    end
  end
  return list
end

local function mutate(args)
  for i = 1, args.n do
    if chance(0.08) then args[i] = hostile() end
  end
  if chance(0.04) then args.n = math.max(args.n - 1, 0) end
  if chance(0.04) then
    args.n = args.n + 1
    args[args.n] = hostile()
  end
end

-- ---- running ----

local function keep(value)
  if core.is_tensor(value) then
    if value:count() <= MOST then pool[random(POOL)] = value end
  elseif type(value) == "table" then
    for _, inner in pairs(value) do keep(inner) end
  elseif value ~= nil and chance(0.1) then
    pool[random(POOL)] = value
  end
end

local function gone(value) -- to be seen by the collector
  if type(value) == "table" then setmetatable(value, nil) end
end

-- The line that errors have to name is the caller's.
local function invoke(f, args) return table.pack(f(table.unpack(args, 1, args.n))) end

local function check_message(name, message, f)
  -- Errors of other kinds come from functions that were arguments, from Lua's operators, and from lack of memory.
  if type(message) ~= "string" then return end
  assert(#message < 8000, name .. ": an endless message")
  local stated = message:find("^[%w/._-]+:%d+: ") or message == "not enough memory" or message == "no"
  stated = stated or message:find("^attempt to yield ") -- by a field whose metamethod does
  if not stated and debug.getinfo(f, "S").what == "C" then
    error(("%s: no position in the message '%s'"):format(name, message))
  end
end

local function set_collector(mode)
  collectgarbage "incremental"
  collectgarbage("setpause", mode == 2 and 1 or 200)
  collectgarbage("setstepmul", mode == 2 and 1000 or 100)
  if mode == 3 then collectgarbage "generational" end
end

local function one_call(target, counts)
  local name, f = target[1], target[2]
  core.recording(true)
  local made, args = pcall(fitting, target[4], target[3])
  if not made then made, args = pcall(function() return { n = 2, hostile(), hostile() } end) end
  if not made then return end -- where a call has results checked, what is not finite cannot be made
  pcall(mutate, args)
  local in_coroutine = chance(0.05)
  local recording = core.recording()
  local ok, results
  if chance(0.1) then core.fail_allocation(random(15), random(3)) end
  if in_coroutine then
    local co = coroutine.create(invoke)
    ok, results = coroutine.resume(co, f, args)
    if ok then results = { n = 1, results } end
  else
    ok, results = pcall(invoke, f, args)
    if target[4] ~= "recording" and core.recording() ~= recording then error(name .. ": recording was left changed") end
  end
  core.fail_allocation(0)
  counts.calls = counts.calls + 1
  if ok then
    counts.succeeded = counts.succeeded + 1
    for i = 1, results.n or 0 do keep(results[i]) end
    if target[4] == "backward" then counts.backwards = counts.backwards + 1 end
  else
    check_message(name, results, f)
  end
  for i = 1, args.n do gone(args[i]) end
end

-- The sum of what is in the pool, to run backward through much of it at once.
local function run_backward(counts)
  local total = core.tensor(0)
  for _, value in ipairs(pool) do
    if core.is_tensor(value) and chance(0.3) then
      pcall(function() total = total + (value:lengths() and value:without_lengths() or value):sum() end)
    end
  end
  if pcall(total.backward, total) then counts.backwards = counts.backwards + 1 end
end

local function start_pool()
  pool = {}
  for i = 1, POOL do pool[i] = false end
  for i = 1, POOL do pool[i] = chance(0.2) and ids(shape()) or float() end
end

-- Bytes in use when all that can go is gone: garbage, what its finalisers held, the threads of the core and what is
-- measured of them.
local function settled()
  core.regions(false)
  collectgarbage()
  collectgarbage()
  local threads = core.threads()
  core.threads(threads + 1) -- ends those that run
  core.threads(threads)
  return core.memory().live
end

--- run(seed, calls [, verbose]) -> { calls = , succeeded = , backwards = }
local function run(seed, calls, verbose)
  place = seed
  core.seed(seed)
  local folder = os.tmpname()
  os.remove(folder)
  os.execute("mkdir " .. folder)
  local list = targets(folder)
  local counts = { calls = 0, succeeded = 0, backwards = 0 }
  local before = settled()
  local mode = seed % 4
  core.memory_limit(LIMIT)
  set_collector(mode)
  start_pool()
  for i = 1, calls do
    local target = pick(list)
    if verbose then io.stderr:write(i, " ", target[1], "\n") end
    one_call(target, counts)
    if mode == 1 then collectgarbage() end
    if chance(0.03) then run_backward(counts) end
  end
  pool = nil
  set_collector(0)
  core.memory_limit(0)
  core.recording(true)
  os.execute("rm -rf " .. folder)
  local left = settled() - before
  if left ~= 0 then error(("seed %d: %d bytes are left after %d calls"):format(seed, left, calls)) end
  return counts
end

local seed, calls, verbose = ...
if not tonumber(seed) then return run end
local counts = run(math.tointeger(seed), math.tointeger(calls) or 1000, verbose)
print(("seed %s: %d calls, %d succeeded, %d ran backward"):format(seed, counts.calls, counts.succeeded,
  counts.backwards))

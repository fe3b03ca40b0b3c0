-- ranks.lua: the processes that mpirun or srun has started for one job. Each runs the whole script; they differ in the
-- part of the work that they do, and the first one alone prints and writes files. Without a launcher there is one, and
-- no MPI is opened.

local core = require "rnn.core"

--- ranks.rank counts from 0, ranks.size is 1 without a launcher; launched: there is one, even for one process.
local ranks = { rank = 0, size = 1, launched = false }

local mpi -- the module in C, in a job of several ranks

-- ---- values as bytes ----

local pack, unpack = string.pack, string.unpack

local function put(parts, value)
  local kind = math.type(value) or type(value)
  if kind == "integer" then parts[#parts + 1] = pack("<Bi8", 1, value)
  elseif kind == "float" then parts[#parts + 1] = pack("<Bd", 2, value)
  elseif kind == "string" then parts[#parts + 1] = pack("<Bs8", 3, value)
  elseif kind == "boolean" then parts[#parts + 1] = value and "\4" or "\5"
  elseif kind == "nil" then parts[#parts + 1] = "\6"
  elseif core.is_tensor(value) then
    local dims, lengths = { value:shape() }, value:lengths()
    parts[#parts + 1] = pack("<BBB", 7, value:type() == "int32" and 1 or 0, #dims)
    for _, n in ipairs(dims) do parts[#parts + 1] = pack("<i8", n) end
    parts[#parts + 1] = pack("<s8", core.tensor_bytes(value:detach():without_lengths()))
    put(parts, lengths)
  elseif kind == "table" then
    local meta = getmetatable(value)
    parts[#parts + 1] = meta and type(meta) == "table" and meta.__name == "nn.State" and "\9" or "\8"
    for key, item in next, value do
      put(parts, key)
      put(parts, item)
    end
    parts[#parts + 1] = "\6"
  else
    core.fail("ranks: a %s cannot be sent", kind)
  end
end

local take

local function take_table(text, at)
  local result = {}
  while true do
    local key, value
    key, at = take(text, at)
    if key == nil then return result, at end
    value, at = take(text, at)
    result[key] = value
  end
end

local function take_tensor(text, at)
  local is_int, ndim, bytes, lengths
  is_int, ndim, at = unpack("<BB", text, at)
  local dims = {}
  for i = 1, ndim do dims[i], at = unpack("<i8", text, at) end
  dims.type = is_int == 1 and "int32" or nil
  bytes, at = unpack("<s8", text, at)
  lengths, at = take(text, at)
  local t = core.tensor_fill(core.zeros(dims), bytes)
  return lengths and t:with_lengths(lengths) or t, at
end

function take(text, at)
  local kind = text:byte(at)
  if kind == 1 then return unpack("<i8", text, at + 1) end
  if kind == 2 then return unpack("<d", text, at + 1) end
  if kind == 3 then return unpack("<s8", text, at + 1) end
  if kind <= 5 then return kind == 4, at + 1 end
  if kind == 6 then return nil, at + 1 end
  if kind == 7 then return take_tensor(text, at + 1) end
  local t
  t, at = take_table(text, at + 1)
  return kind == 9 and require "rnn.state"(t) or t, at
end

--- ranks.encode(value) -> bytes of numbers, strings, booleans, tensors, states and tables of them
function ranks.encode(value)
  local parts = {}
  put(parts, value)
  return table.concat(parts)
end

--- ranks.decode(bytes) -> value
function ranks.decode(bytes) return (take(bytes, 1)) end

-- ---- what ranks do together ----

--- ranks.gather(what, value) -> the values of all ranks, in their order
---
--- Every rank calls it at the same place. what says which: ranks that are at different places have gone different ways,
--- and that is an error which says where each is.
function ranks.gather(what, value)
  if ranks.size == 1 then return { value } end
  local texts, values, same = mpi.gather(pack("<s1", what) .. ranks.encode(value)), {}, true
  for r, text in ipairs(texts) do
    local place, at = unpack("<s1", text)
    if r == ranks.rank + 1 then values[r] = value
    elseif same and place == what then values[r] = take(text, at) end
    if place ~= what then same = false end
    texts[r] = ("rank %d at %s"):format(r - 1, place)
  end
  if not same then
    core.fail("the ranks have gone different ways: %s. A script must do the same in every rank: no decision by time, "
      .. "by the order of pairs, or by a file that one of them writes", table.concat(texts, ", "))
  end
  return values
end

--- ranks.agree(what, value): an error unless all ranks have the same value, text or number.
function ranks.agree(what, value)
  local all = ranks.gather(what, value)
  for r, other in ipairs(all) do
    if other ~= all[1] then
      core.fail("rank %d has other %s than rank 0. Every rank must read the same data in the same order and make the "
        .. "same model; what is made by going over a table with pairs is in another order in each process", r - 1, what)
    end
  end
end

--- ranks.own(count) -> from, to: this rank's share of count shards, numbered from 0: from <= s < to.
function ranks.own(count)
  return count * ranks.rank // ranks.size, count * (ranks.rank + 1) // ranks.size
end

--- ranks.first(f, ...) -> what f returns in the first rank; the others wait and get the same (numbers, texts)
function ranks.first(what, f, ...)
  if ranks.size == 1 then return f(...) end
  local results = ranks.rank == 0 and table.pack(f(...)) or false
  results = ranks.gather(what, results)[1]
  return table.unpack(results, 1, results.n)
end

-- ---- sums over shards ----

-- A sum of size shards from number low on. Sums are added in the order of a binary tree over the numbers of the shards:
-- the halves of a block of 2^k first, whoever has computed them.

-- Adds up neighbours at the end of the list that are halves of one block.
local function settle(nodes, spare)
  while #nodes > 1 do
    local a, b = nodes[#nodes - 1], nodes[#nodes]
    if a.size ~= b.size or a.low % (2 * a.size) ~= 0 then return end
    if a.sum then
      core.shard_add(a.sum, b.sum)
      if spare then spare[#spare + 1] = b.sum end
    end
    a.size, nodes[#nodes] = 2 * a.size, nil
  end
end

--- ranks.push(nodes, low, take, spare): the next shard; take(sum, adds) puts its gradients into a sum, or adds them.
function ranks.push(nodes, low, take_into, spare)
  local last = nodes[#nodes]
  if last and last.size == 1 and low % 2 == 1 then
    take_into(last.sum, true)
    last.size = 2
  else
    local sum = table.remove(spare)
    nodes[#nodes + 1] = { low = low, size = 1, sum = sum }
    take_into(sum, false)
    return
  end
  settle(nodes, spare)
end

-- What is left when all shards are there: blocks, each smaller than the one before.
local function finish(nodes)
  for i = #nodes, 2, -1 do core.shard_add(nodes[i - 1].sum, nodes[i].sum) end
  return nodes[1].sum
end

-- The blocks of each rank for so many shards: low and size.
local shapes = {}
local function shape_of(count)
  if shapes[count] then return shapes[count] end
  local shape, total = { counts = {} }, 0
  for r = 0, ranks.size - 1 do
    local nodes = {}
    for low = count * r // ranks.size, count * (r + 1) // ranks.size - 1 do
      nodes[#nodes + 1] = { low = low, size = 1 }
      settle(nodes)
    end
    shape.counts[r + 1], total = #nodes, total + #nodes
    table.move(nodes, 1, #nodes, #shape + 1, shape)
  end
  shapes[count], shape.total = shape, total
  return shape
end

local WHOLE <const> = 1 << 18 -- bytes of sums up to which every rank gets them all: one message in place of two

--- ranks.send(nodes, count, spare) -> sending, for ranks.reduce; nodes are this rank's blocks of count shards
---
--- The sums are under way while the ranks tell each other something else. Of large ones each rank gets a part of the
--- elements, adds these up, and gives them to all.
function ranks.send(nodes, count, spare)
  local sending = { nodes = nodes, spare = spare }
  if ranks.size == 1 then return sending end
  local shape, addresses = shape_of(count), {}
  for i, node in ipairs(nodes) do addresses[i] = core.tensor_address(node.sum) end
  local sum = nodes[1] and nodes[1].sum or table.remove(spare)
  local n, width = #sum, core.precision == "double" and 8 or 4
  local whole = shape.total * n * width <= WHOLE
  local part = whole and n or n * (ranks.rank + 1) // ranks.size - n * ranks.rank // ranks.size
  local key = ("%d %d"):format(shape.total, part)
  if ranks.parts_key ~= key then -- space for what arrives, kept from step to step
    ranks.parts_key, ranks.parts = key, core.zeros(shape.total, part)
  end
  mpi.scatter(addresses, shape.counts, n, width, core.tensor_address(ranks.parts), whole)
  sending.shape, sending.sum, sending.whole, sending.width = shape, sum, whole, width
  return sending
end

--- ranks.reduce(sending) -> sum over all shards, in every rank
function ranks.reduce(sending)
  local nodes, spare, sum = sending.nodes, sending.spare, sending.sum
  if ranks.size == 1 then
    sum = finish(nodes)
  else
    mpi.arrived()
    local arrived = {}
    for i, node in ipairs(sending.shape) do
      arrived[#arrived + 1] = { low = node.low, size = node.size, sum = ranks.parts:select(1, i) }
      settle(arrived)
    end
    local part = finish(arrived)
    if sending.whole then sum:assign(part)
    else mpi.collect(core.tensor_address(part), #sum, sending.width, core.tensor_address(sum)) end
  end
  for i = 2, #nodes do spare[#spare + 1] = nodes[i].sum end
  return sum
end

--- ranks.waited() -> seconds that this rank has spent in exchanges
function ranks.waited() return mpi and mpi.waited() or 0 end

--- ranks.leave(message): ends a job of several ranks that a signal has stopped, with the exit code 75, "again". Nothing
--- for one process.
function ranks.leave(message)
  if ranks.size == 1 then return end
  if ranks.rank == 0 then io.stderr:write(message, "\n") end
  os.exit(75, true)
end

-- ---- the beginning ----

-- The launcher that has started us -> "openmpi", "mpich" or nil, number of ranks.
local function launcher()
  local wish = os.getenv "RNNLUA_MPI"
  if wish == "off" then return nil end
  for _, entry in ipairs { { "OMPI_COMM_WORLD_SIZE", "openmpi" }, { "PMI_SIZE", "mpich" } } do
    local size = math.tointeger(tonumber(os.getenv(entry[1]) or ""))
    if size then return wish or entry[2], size end
  end
  if os.getenv "PMIX_RANK" or os.getenv "PMI_RANK" then -- of srun
    local size = math.tointeger(tonumber(os.getenv "SLURM_STEP_NUM_TASKS" or os.getenv "SLURM_NTASKS" or ""))
    return wish or os.getenv "PMIX_RANK" and "openmpi" or "mpich", size or 2
  end
end

-- The path of the module: beside the program, or where Lua looks for modules.
local function find(name)
  local program, i = "", 0
  while arg and arg[i - 1] do i = i - 1 end
  if arg and arg[i] then program = arg[i]:match "^(.*/)" or "" end
  local path = ("%smodule/?.so;%s../lib/lua/5.4/?.so;"):format(program, program) .. package.cpath
  return package.searchpath("rnnlua_" .. name, path)
end

local function open_module(name)
  local path = find(name)
  local entry, message = nil, "there is none beside the program or in package.cpath"
  if path then entry, message = package.loadlib(path, "luaopen_rnnlua_mpi") end
  if entry then return entry() end
  core.fail("started by %s, but its module rnnlua_%s.so cannot be opened: %s. It comes with the package rnnlua-%s, or "
    .. "is built where %s is; RNNLUA_MPI=off runs each process by itself, RNNLUA_MPI=mpich or openmpi chooses",
    name == "mpich" and "MPICH" or "Open MPI", name, message, name,
    name == "mpich" and "libmpich-dev" or "libopenmpi-dev")
end

-- Other ranks than the first write no files: what they would write is what the first one writes.
local function write_nothing()
  local function done() return true end
  for _, name in ipairs { "file_write", "file_truncate", "file_sweep", "make_folder", "png_write", "pdf_write",
    "audio_write", "bundle_write" } do
    if core[name] then core[name] = done end
  end
  core.file_append = function() return 0 end
  local open = io.open
  io.open = function(path, mode, ...) -- luacheck: ignore
    if type(mode) == "string" and mode:find "[wa+]" then return open("/dev/null", "w") end
    return open(path, mode, ...)
  end
  io.output = function(path, ...) -- luacheck: ignore
    if type(path) == "string" then path = "/dev/null" end
    return (path == nil and select("#", ...) == 0) and io.stdout or io.stdout
  end
  os.remove, os.rename = done, done -- luacheck: ignore
end

-- A model is saved by the first rank, and all know whether it worked before they go on.
local function write_together()
  local archive_write = core.archive_write
  core.archive_write = function(path, ...)
    return ranks.first("writing " .. tostring(path), archive_write, path, ...)
  end
end

local function given_threads()
  if os.getenv "RNNLUA_THREADS" then return true end
  for i = -1, -1000, -1 do
    if not (arg and arg[i]) then return false end
    if arg[i]:find "^%-%-threads" then return true end
  end
end

-- All ranks begin with the random numbers of the first.
local function same_numbers()
  core.random_state(ranks.gather("the beginning", core.random_state())[1])
end

--- ranks.line() -> "4 ranks x 2 threads on 2 nodes (a: 2, b: 2), Open MPI v4.1.4"; of MPICH, which tells of a lost rank
--- by the number of its process, with these
function ranks.line()
  local counts, order, places = {}, {}, {}
  for _, host in ipairs(mpi.hosts) do
    if not counts[host] then order[#order + 1] = host end
    counts[host] = (counts[host] or 0) + 1
  end
  for i, host in ipairs(order) do places[i] = ("%s: %d"):format(host, counts[host]) end
  local threads = core.threads()
  local processes = mpi.version:find "MPICH" and ", processes of ranks 0 to " .. ranks.size - 1 .. ": "
    .. table.concat(mpi.processes, " ") or ""
  return ("%d ranks x %d thread%s on %d node%s (%s), %s%s"):format(ranks.size, threads, threads == 1 and "" or "s",
    #order, #order == 1 and "" or "s", table.concat(places, ", "), mpi.version,
    processes)
end

--- ranks.open(): looks for a launcher, once, when rnn is loaded.
function ranks.open()
  local name, size = launcher()
  ranks.launched = name ~= nil
  if not name or size < 2 then return end
  mpi = open_module(name)
  ranks.rank, ranks.size = mpi.rank, mpi.size
  if ranks.size == 1 then
    core.fail("%s has started %d processes, but they do not know of each other: the module is of another MPI; "
      .. "RNNLUA_MPI=mpich or openmpi chooses", name, size)
  end
  if not given_threads() then core.threads(math.max(1, math.min(mpi.processors, 256) // mpi.sharing)) end
  if ranks.rank > 0 then write_nothing() end
  write_together()
  same_numbers()
end

return ranks

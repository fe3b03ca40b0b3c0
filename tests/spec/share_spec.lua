-- Experiments that are handed on: capsules, runs that say what they are, rerun, show, diff, pack, new, run.
local core = require "rnn.core"
local capsule = require "rnn.share.capsule"
local content = require "rnn.share.content"
local shell = require "support.shell"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
local ROOT = os.getenv("PWD")
local GOLDEN = ROOT .. "/tests/golden/forecast.capsule.zip"
local DOUBLE = core.precision == "double" and "--double " or ""
-- The search for leaks at the end of a process wants calls of the system that the sandbox refuses.
local rnnlua = "export ASAN_OPTIONS=detect_leaks=0; unset RNNLUA_DATA RNNLUA_ISA; " .. shell.quote(PROGRAM) .. " "

local SCRIPT = [[
local rnn = require "rnn"
local double = require "double"
rnn.seed(5)
local text = assert(rnn.text.read(arg[1] or "data/numbers.txt"))
local numbers = {}
for word in text:gmatch "%S+" do numbers[#numbers + 1] = double(tonumber(word)) end
local x = rnn.tensor(numbers):reshape(-1, 2)
local model = rnn.nn.Linear(2, 1)
local function data()
  local given = false
  return function()
    if not given then
      given = true
      return x, x:sum(2):reshape(-1, 1)
    end
  end
end
local history = rnn.fit(model, { data = data, loss = "mse", epochs = 5, progress = false, run = arg[2],
  optimizer = rnn.optim.SGD(model:parameters(), { lr = 0.01 }) })
rnn.results():add("linear", { loss = history.loss[5], seconds = rnn.clock() })
print(("%.6f"):format(history.loss[5]))
]]

local sh

local function new()
  local made = shell.new()
  made:write("train.lua", SCRIPT)
  made:write("double.lua", "return function(x) return 2 * x end")
  made:write("data/numbers.txt", "1 2 3 4 5 6 7 8")
  return made
end

before_each(function() sh = new() end)
after_each(function() sh:remove() end)

local function run(command) return sh:run(rnnlua .. command) end

local function made(arguments, name)
  local _, err, code = run(("%scapsule -o %s %s"):format(DOUBLE, name or "x.zip", arguments or "train.lua"))
  assert.equal(0, code, err)
  return assert(capsule.read(sh.folder .. "/" .. (name or "x.zip")))
end

describe("a capsule", function()
  it("has the script, its modules, the hashes of the data and what came of it", function()
    local read = made()
    local m = read.manifest
    assert.equal("train.lua", m.script)
    assert.equal(SCRIPT, read.content["script/train.lua"])
    assert.equal("double", m.files[2].module)
    assert.equal(1, #m.data)
    assert.equal("data/numbers.txt", m.data[1].name)
    assert.equal(core.sha256 "1 2 3 4 5 6 7 8", m.data[1].sha256)
    assert.is_nil(read.content["data/data/numbers.txt"])
    assert.equal(5, #content.epochs(read.content, 1))
    assert.is_number(content.figures(read.content)["linear.loss"][1])
    assert.is_nil(content.figures(read.content)["linear.seconds"])
    assert.is_truthy(read.content["results/stdout.txt"]:find "^%d+%.%d+\n$")
    assert.equal("https://w3id.org/ro/crate/1.1/context",
      core.json_decode(read.content["ro-crate-metadata.json"])["@context"])
  end)

  it("of the same run is the same bytes, wherever and whenever it is made", function()
    made("train.lua", "a.zip")
    sh:run "mkdir -p elsewhere/deep && cp -r train.lua double.lua data elsewhere/deep && sleep 1"
    local _, err, code = sh:run(("cd elsewhere/deep && %s%scapsule -o ../../b.zip train.lua"):format(rnnlua, DOUBLE))
    assert.equal(0, code, err)
    assert.equal(core.file_sha256(sh.folder .. "/a.zip"), core.file_sha256(sh.folder .. "/b.zip"))
  end)

  it("has no times that a table of results shows", function()
    sh:write("table.lua", [[
      local results = require "rnn".results()
      results:add("a", { b = 1, seconds = os.clock() })
      io.write(results:table { { "b", "%.0f", "b" }, { "seconds", "%.9f", "seconds" } })]])
    assert.matches("\na +1 +%d%.%d+\n", (run "table.lua"))
    assert.matches("\na +1 +–\n", made("table.lua").content["results/stdout.txt"])
  end)

  it("tells nothing of the machine's names and folders", function()
    local folder = sh.folder
    for _, arguments in ipairs { "train.lua", folder .. "/train.lua " .. folder .. "/data/numbers.txt" } do
      local read = made(arguments)
      local all = core.json_encode(read.manifest)
      for _, bytes in pairs(read.content) do all = all .. bytes end
      assert.is_nil(all:find(folder, 1, true))
      assert.is_nil(all:find(folder:match "[^/]*$", 1, true))
      local host = io.open "/proc/sys/kernel/hostname":read "l"
      if #host > 3 then assert.is_nil(all:find(host, 1, true)) end
    end
  end)

  it("with --with-data has the data, and needs nothing to be repeated", function()
    made("--with-data train.lua")
    sh:run "rm -r data"
    local out, err, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(0, code, out .. err)
  end)

  it("names what may spoil repetition, with its line", function()
    sh:write("odd.lua", 'local rnn = require "rnn"\n-- os.time\nlocal t = os.time() -- x\nprint(os.getenv "HOME")\n'
      .. 'local f = io.popen\nmath.randomseed()\nlocal o = os\nt = o.clock() + rnn.clock()\n'
      .. 'rnn.results():add("x", { t = t })')
    local found = {}
    for _, doubt in ipairs(made("odd.lua").manifest.doubts) do found[doubt.what .. " " .. doubt.where] = true end
    for _, what in ipairs { "os.time odd.lua:3", "os.getenv odd.lua:4", "io.popen odd.lua:5",
      "math.randomseed odd.lua:6", "os.clock odd.lua:8", "rnn.clock odd.lua:8" } do
      assert.is_true(found[what], what)
    end
    assert.is_nil(found["os.time odd.lua:2"])
  end)

  it("is made of a script that ends by os.exit, and of one that trains nothing", function()
    sh:write("exit.lua", 'local rnn = require "rnn" rnn.results():add("a", { b = 1 }) print "done" os.exit(0)')
    assert.same({ 1 }, content.figures(made("exit.lua").content)["a.b"])
    assert.equal(0, select(3, run(DOUBLE .. "rerun x.zip")))
    sh:write("plain.lua", "print(1 + 1)")
    made("plain.lua")
    local out, err, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(0, code, out .. err)
    assert.is_truthy(out:find "all that the script wrote")
  end)

  it("is not made of a script that fails, whose exit code it has", function()
    sh:write("fails.lua", "os.exit(7)")
    assert.equal(7, select(3, run "capsule fails.lua"))
    assert.equal(1, select(3, run "capsule nowhere.lua"))
    assert.is_false(core.file_is_there(sh.folder .. "/fails.capsule.zip"))
  end)

  it("is not made on a full disk, or of a run that was there before", function()
    local _, err, code = sh:run("ulimit -f 20; " .. rnnlua .. "capsule -o x.zip train.lua")
    assert.not_equal(0, code, err)
    assert.is_false(core.file_is_there(sh.folder .. "/x.zip"))
    made "train.lua data/numbers.txt runs/a"
    _, err, code = run(DOUBLE .. "capsule train.lua data/numbers.txt runs/a")
    assert.equal(1, code)
    assert.is_truthy(err:find "went on from a checkpoint")
  end)

  it("has other names for other files that are called the same", function()
    sh:write("data/x.txt", "1 2 3 4")
    sh:write("away/a/x.txt", "5 6 7 8")
    sh:write("away/b/x.txt", "9 8")
    sh:write("sum.lua", [[
      local rnn = require "rnn"
      local sum = 0
      for i, path in ipairs { "data/x.txt", ... } do
        for word in assert(io.open(path)):read("a"):gmatch "%d+" do sum = sum + i * word end
      end
      rnn.results():add("sum", { sum = sum })]])
    local names = {}
    for i, each in ipairs(made("--with-data sum.lua $PWD/away/a/x.txt $PWD/away/b/x.txt").manifest.data) do
      names[i] = each.name
    end
    assert.same({ "data/2/x.txt", "data/3/x.txt", "data/x.txt" }, names)
    sh:run "rm -r away data"
    local out, err, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(0, code, out .. err)
  end)

  it("counts what a script makes not among its data, and doubts what it has changed", function()
    sh:write("kept.txt", "1")
    sh:write("makes.lua", [[
      local rnn = require "rnn"
      assert(io.open("part", "w")):write("2"):close()
      assert(os.rename("part", "whole.txt"))
      local made, kept = io.open("whole.txt"):read "n", io.open("kept.txt"):read "n"
      assert(not io.open "new.txt")
      assert(io.open("new.txt", "w")):write("3"):close()
      assert(io.open("kept.txt", "w")):write("1"):close()
      rnn.results():add("sum", { sum = made + kept })]])
    local read = made "makes.lua"
    assert.same({}, read.manifest.data)
    assert.equal(1, #read.manifest.doubts)
    assert.equal("kept.txt", read.manifest.doubts[1].what)
  end)

  it("is not made where nobody could read it: names that are one for others, or no UTF-8", function()
    for _, name in ipairs { "A.txt", "a.txt", "b\\c.txt", "d\xff.txt" } do sh:write(name, name) end
    sh:write("sum.lua", [[
      local rnn = require "rnn"
      local sum = 0
      for _, path in ipairs(arg) do sum = sum + #assert(io.open(path)):read "a" end
      rnn.results():add("sum", { sum = sum })]])
    made "sum.lua A.txt a.txt"
    assert.equal(0, select(3, run(DOUBLE .. "rerun x.zip")))
    for words, what in pairs { ["A.txt a.txt"] = "but for capitals", ["'b\\c.txt'"] = "is no name for a file",
      ["'d\xff.txt'"] = "d%?.txt: No such file" } do
      sh:run "rm x.zip"
      local _, err, code = run(("capsule -o x.zip --with-data sum.lua %s"):format(words))
      assert.equal(1, code)
      assert.matches(what, err)
      assert.is_false(core.file_is_there(sh.folder .. "/x.zip"))
    end
    assert.equal("a name", made("sum.lua 'd\xff.txt'").manifest.doubts[1].what)
  end)

  it("takes names with spaces and in UTF-8", function()
    sh:write("mein Skript ü.lua", SCRIPT)
    sh:write("daten ä/zahlen 1.txt", "1 2 3 4")
    local read = made "'mein Skript ü.lua' 'daten ä/zahlen 1.txt'"
    assert.equal("daten ä/zahlen 1.txt", read.manifest.data[1].name)
    local out, err, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(0, code, out .. err)
  end)
end)

describe("rerun", function()
  it("gives the same bits with every instruction set, for any number of threads, in another folder", function()
    made()
    sh:run "mkdir other && cp x.zip other && mkdir -p other/found && cp data/numbers.txt other/found/renamed.txt"
    for _, set in ipairs { "plain", "x86-64-v3", "x86-64-v4" } do
      local command = "%s; cd other && RNNLUA_ISA=%s %s %srerun x.zip --data found"
      local out, err, code = sh:run(command:format(rnnlua .. "--version", set, shell.quote(PROGRAM), DOUBLE))
      assert.equal(0, code, out .. err)
      assert.is_truthy(out:find "reproduced: 5 of 5 epochs, all 2 tensors, 1 figure, same bits")
    end
  end)

  it("compares a prefix with --epochs", function()
    made()
    local out, err, code = run(DOUBLE .. "rerun --epochs 2 x.zip")
    assert.equal(0, code, out .. err)
    assert.is_truthy(out:find "reproduced: 2 of 5 epochs, same bits")
  end)

  it("says what is missing, and which byte-for-byte other file is there instead", function()
    made()
    sh:run "mv data away"
    local _, err, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(3, code)
    assert.is_truthy(err:find "data are missing: data/numbers.txt, 15 bytes, SHA%-256")
    sh:write("data/numbers.txt", "1 2 3 4 5 6 7 9")
    _, err, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(3, code)
    assert.is_truthy(err:find "data/numbers.txt is not the file that was read")
    assert.equal(0, select(3, run(DOUBLE .. "rerun x.zip --data away")))
  end)

  it("tells a result with the time of day in it", function()
    sh:write("time.lua", 'local rnn = require "rnn" rnn.results():add("x", { t = os.time() })')
    made("time.lua")
    sh:run "sleep 1.1"
    local out, _, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(2, code, out)
    assert.is_truthy(out:find "doubt: time.lua:1: os.time")
    assert.is_truthy(out:find "differs: first difference in the figure x.t")
  end)

  it("says that it is close where only other kernels or another C library explain it", function()
    sh:write("near.lua", 'local rnn = require "rnn" rnn.results():add("x", { t = 1 })')
    for figure, codes in pairs { ["1.0000001"] = { 1, 2 }, ["1.1"] = { 2, 2 }, ["1"] = { 0, 0 } } do
      local m = made "near.lua"
      local files = core.bundle_read(sh.folder .. "/x.zip", 1 << 30)
      for i, libc in ipairs { "glibc 1.0", m.manifest.program.libc } do
        for _, file in ipairs(files) do
          if file.name == "results/figures.json" then file.bytes = ('{"x.t": [%s]}'):format(figure) end
          for _, entry in ipairs(m.manifest.entries) do
            if entry.path == file.name then entry.size, entry.sha256 = #file.bytes, core.sha256(file.bytes) end
          end
        end
        m.manifest.program.libc = libc
        files[2].bytes = core.json_encode(m.manifest)
        assert(core.bundle_write(sh.folder .. "/y.zip", files))
        local out, err, code = run(DOUBLE .. "rerun y.zip")
        assert.equal(codes[i], code, out .. err)
      end
    end
  end)

  it("finds data of RNNLUA_DATA and of arguments with absolute paths", function()
    sh:write("root/set/numbers.txt", "1 2 3 4")
    sh:write("set.lua", 'local path = os.getenv "RNNLUA_DATA" .. "/set/numbers.txt"\n'
      .. SCRIPT:gsub('arg%[1%] or "[^"]*"', "path"))
    local _, err, code = sh:run(("RNNLUA_DATA=$PWD/root %s %scapsule -o x.zip set.lua"):format(shell.quote(PROGRAM),
      DOUBLE))
    assert.equal(0, code, err)
    sh:run "mkdir other && mv root other/elsewhere && mv x.zip other"
    _, err, code = sh:run(("cd other && %s%srerun x.zip --data elsewhere"):format(rnnlua, DOUBLE))
    assert.equal(0, code, err)
    made("train.lua $PWD/data/numbers.txt")
    sh:run "mv data found"
    _, err, code = run(DOUBLE .. "rerun x.zip --data found")
    assert.equal(0, code, err)
  end)

  it("sends a terminal nothing that a stranger wants it to obey", function()
    made()
    local files = core.bundle_read(sh.folder .. "/x.zip", 1 << 30)
    local manifest = core.json_decode(files[2].bytes)
    local odd = "\27]52;c;eA==\7 \u{9b}2J \u{202e} \u{2028} \u{61c}\127\r\n"
    table.insert(manifest.arguments, odd)
    manifest.machine.system, manifest.data[1].source = odd, odd
    manifest.doubts[1] = { what = odd, where = odd, why = odd }
    files[2].bytes = core.json_encode(manifest)
    assert(core.bundle_write(sh.folder .. "/y.zip", files))
    manifest.program_options = { odd }
    manifest.files[1].path = odd
    files[2].bytes = core.json_encode(manifest)
    assert(core.bundle_write(sh.folder .. "/z.zip", files))
    for _, command in ipairs { "show y.zip", "diff x.zip y.zip", "rerun y.zip --data nowhere", "rerun y.zip",
      "show z.zip", "rerun z.zip", "diff z.zip y.zip" } do
      local out, err = run(DOUBLE .. command)
      if command == "rerun y.zip" then err = err:gsub("\r", "") end -- of the script, which may go back in its line
      for _, what in ipairs { "\27", "\7", "\r", "\127", "\u{9b}", "\u{202e}", "\u{2028}", "\u{61c}" } do
        assert.is_nil((out .. err):find(what, 1, true), command .. ": " .. out .. err)
      end
    end
  end)

  it("stands in a line of its own, and takes no more than a result can have", function()
    sh:write("says.lua", [[
      local rnn = require "rnn"
      rnn.results():add("a", { b = 1 })
      io.write "reproduced: all"]])
    made "says.lua"
    local out, err, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(0, code, err)
    assert.equal("reproduced: all\nreproduced: 1 figure, same bits\n", out)
    sh:write("fills.lua", [[
      local rnn = require "rnn"
      rnn.results():add("a", { b = 1 })
      local folder = os.getenv "RNNLUA_RECORD"
      if os.getenv "TMPDIR" then
        local file <close> = assert(io.open(folder .. "/figures.jsonl.2", "w"))
        file:seek("set", 1 << 30)
        file:write "x"
      end]])
    made "fills.lua"
    out, err, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(3, code, out)
    assert.is_truthy(err:find "it left 10737%d+ bytes in the place of its results")
  end)

  it("lets no capsule choose its own walls", function()
    made()
    local files = core.bundle_read(sh.folder .. "/x.zip", 1 << 30)
    local manifest = core.json_decode(files[2].bytes)
    manifest.program_options = { "--sandbox=best-effort" }
    files[2].bytes = core.json_encode(manifest)
    assert(core.bundle_write(sh.folder .. "/y.zip", files))
    local _, err, code = run(DOUBLE .. "rerun y.zip")
    assert.equal(3, code)
    assert.is_truthy(err:find "program_options")
    sh:write("--memory=9G", 'local rnn = require "rnn" rnn.results():add("a", { b = 1 })')
    made("-- --memory=9G")
    local out
    out, err, code = run(DOUBLE .. "rerun x.zip")
    assert.equal(0, code, out .. err)
  end)

  it("leaves nothing behind and writes into no capsule", function()
    sh:write("deep.lua", [[
      local core = require "rnn.core"
      local deep = ("/" .. ("n"):rep(250)):rep(15)
      assert(core.make_folder("a" .. deep) and core.make_folder("b/1/2" .. deep))
      assert(io.open("b/1/2/3", "w")):close()
      if os.getenv "TMPDIR" then assert(os.rename("b", "a" .. deep .. "/b")) end -- no path leads there any more
      print "done"]])
    sh:run "mkdir tmp"
    for _, script in ipairs { "train.lua", "deep.lua" } do
      made(script)
      local before = core.file_sha256(sh.folder .. "/x.zip")
      local out, err, code = sh:run(("TMPDIR=$PWD/tmp; export TMPDIR; %s%srerun x.zip"):format(rnnlua, DOUBLE))
      assert.equal(0, code, out .. err)
      assert.equal("", (sh:run "ls -A tmp"))
      assert.equal(before, core.file_sha256(sh.folder .. "/x.zip"))
    end
  end)

  it("makes no more folders than a command line names", function()
    made()
    local files = core.bundle_read(sh.folder .. "/x.zip", 1 << 30)
    local manifest = core.json_decode(files[2].bytes)
    for i = 1, 20000 do manifest.arguments[i] = ("x%d/y"):format(i) end
    files[2].bytes = core.json_encode(manifest)
    assert(core.bundle_write(sh.folder .. "/y.zip", files))
    local _, err, code = run(DOUBLE .. "rerun y.zip")
    assert.equal(3, code)
    assert.matches("its command line is longer than 64 KB", err)
  end)

  it("shows its verdict in the terminal's colours, however much the script has written", function()
    sh:write("black.lua", [[
      local rnn = require "rnn"
      rnn.results():add("a", { b = 1 })
      local much = ("x\n"):rep(200000)
      io.write(much, "\27[30;40m", much)]])
    made "black.lua"
    local out = sh:run(("ASAN_OPTIONS=detect_leaks=0 script -qc '%s %srerun x.zip' /dev/null | tail -c 200"):format(
      PROGRAM, DOUBLE))
    assert.matches("\27%[mreproduced: 1 figure", out)
  end)
end)

describe("a run", function()
  it("keeps what it is, and can be packed and repeated", function()
    local _, err, code = run(DOUBLE .. "train.lua data/numbers.txt runs/a")
    assert.equal(0, code, err)
    local kept = core.json_decode(core.file_read(sh.folder .. "/runs/a/run.json"))
    assert.same({ "data/numbers.txt", "runs/a" }, kept.arguments)
    assert.equal(core.sha256 "1 2 3 4 5 6 7 8", kept.data[1].sha256)
    assert.equal(SCRIPT, core.file_read(sh.folder .. "/runs/a/script/train.lua"))
    _, err, code = run("pack runs/a/")
    assert.equal(0, code, err)
    local out
    out, err, code = run(DOUBLE .. "rerun runs/a.capsule.zip")
    assert.equal(0, code, out .. err)
    out, err, code = run("show runs/a")
    assert.equal(0, code, err)
    assert.is_truthy(out:find "made by +rnnlua .*train.lua data/numbers.txt runs/a")
    out, err, code = run(DOUBLE .. "show runs/a/model.safetensors")
    assert.equal(0, code, err)
    assert.is_truthy(out:find "run: a\n")
  end)

  it("is not packed when its script was changed afterwards, or it has not ended", function()
    run(DOUBLE .. "train.lua data/numbers.txt runs/a")
    sh:write("runs/a/script/train.lua", "print(1)")
    local _, err, code = run("pack runs/a")
    assert.equal(1, code)
    assert.is_truthy(err:find "this is not the file that ran")
    assert.equal(1, select(3, run "pack nowhere"))
  end)
end)

it("diff names what differs in scripts, options and figures", function()
  made("train.lua", "a.zip")
  sh:write("train.lua", (SCRIPT:gsub("0%.01", "0.02")))
  made("train.lua", "b.zip")
  local out, err, code = run "diff a.zip b.zip"
  assert.equal(2, code, err)
  assert.is_truthy(out:find "script train.lua, line %d+\n  %- [^\n]*0%.01[^\n]*\n  %+ [^\n]*0%.02")
  assert.is_truthy(out:find "figure linear.loss")
  assert.equal(0, select(3, run "diff a.zip a.zip"))
  assert.equal(3, select(3, run "diff a.zip nowhere.zip"))
end)

it("a new project runs at once, and the second command repeats it", function()
  assert.equal(0, select(3, run "new 'my project'"))
  assert.equal(1, select(3, run "new 'my project'"))
  local _, err, code = sh:run(("cd 'my project' && %s%srun --epochs 2"):format(rnnlua, DOUBLE))
  assert.equal(0, code, err)
  assert.is_truthy(err:find "to repeat it: rnnlua rerun runs/1.capsule.zip")
  local out
  out, err, code = sh:run(("cd 'my project' && %s%srerun runs/1.capsule.zip"):format(rnnlua, DOUBLE))
  assert.equal(0, code, out .. err)
  assert.equal(0, select(3, sh:run(("cd 'my project' && %s%stests/forecast.lua"):format(rnnlua, DOUBLE))))
  sh:run "mkdir empty"
  assert.equal(1, select(3, sh:run("cd empty && " .. rnnlua .. "run")))
end)

it("each command explains itself, and refuses what it does not know", function()
  for _, word in ipairs { "capsule", "pack", "show", "diff", "rerun", "new", "run", "export" } do
    local out, _, code = run(word .. " --help")
    assert.equal(0, code)
    assert.is_truthy(out:find("usage: rnnlua " .. word, 1, true))
    if word ~= "run" then assert.not_equal(0, select(3, run(word .. " --no-such-thing"))) end
  end
end)

describe("what an earlier version made", function()
  it("is a capsule that shows and repeats itself", function()
    local out, err, code = run("show " .. GOLDEN)
    assert.equal(0, code, err)
    assert.is_truthy(out:find "gru.loss: 0.155571")
    if core.precision == "float" then
      out, err, code = run("rerun " .. GOLDEN)
      assert.equal(0, code, out .. err)
    end
  end)

  it("is a model of rnnlua 0.1, which computes what it did", function()
    local model = assert(require("rnn").load(ROOT .. "/tests/golden/model-0.1.safetensors"))
    local y = model(core.tensor { { { 0.1, -0.2 }, { 0.3, 0.4 }, { -0.5, 0.6 } } }):detach():totable()[1]
    for i, expected in ipairs { 0.193093106, -0.00151606253 } do
      assert.is_true(math.abs(y[i] - expected) < 1e-7, y[i])
    end
  end)

  it("is a model with its scaler, labels, vocabulary and what it takes", function()
    local model, extra = require("rnn").load(ROOT .. "/tests/golden/model.safetensors")
    assert(model, extra)
    assert.same({ "low", "high" }, extra.labels)
    assert.equal("7 days, scaled", extra.input)
    assert.equal("abc", extra.vocabulary:decode(extra.vocabulary:encode "abc"))
    assert.equal(2, extra.scaler:transform(require("rnn").zeros(3, 1)):ndim())
    local out, err, code = run("show " .. ROOT .. "/tests/golden/model.safetensors")
    assert.equal(0, code, err)
    assert.is_truthy(out:find "scaler: data.Scaler")
  end)
end)

it("nothing in a capsule that somebody has tampered with is believed", function()
  local result = dofile "tests/fuzz/capsule.lua"(11, core.sanitized and 100 or 300)
  assert.is_true(result.refused > 50 and result.read > 5)
end)

it("SHA-256 is that of FIPS 180-4, for strings, files and tensors", function()
  assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", core.sha256 "")
  assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", core.sha256 "abc")
  for _, n in ipairs { 1, 55, 56, 57, 63, 64, 65, 127, 128, 1000, 1048576 + 3 } do
    local text = ("x"):rep(n)
    sh:write("f", text)
    local out = sh:run "sha256sum f"
    assert.equal(out:sub(1, 64), core.sha256(text))
    assert.equal(out:sub(1, 64), core.file_sha256(sh.folder .. "/f"))
  end
  local t = core.tensor({ 1, 2, 3 }, "int32")
  assert.equal(core.sha256(("<i4i4i4"):pack(1, 2, 3)), core.sha256(t))
  assert.has_error(function() core.sha256(3) end)
end)

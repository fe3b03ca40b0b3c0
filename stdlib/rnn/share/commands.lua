-- commands.lua: the words that may stand in the place of a script: rnnlua capsule, pack, show, diff, rerun, new, run,
-- export, import, sweep, watch.

local core = require "rnn.core"
local capsule = require "rnn.share.capsule"

local commands = {}

local HELP = {
  capsule = [[
usage: rnnlua capsule [-o FILE] [--with-data] [--verify] [options of rnnlua] train.lua [arguments]
Runs a script with --deterministic and packs it with all that decided its numbers and all that
came of it into FILE (default: train.capsule.zip). Data are named with their SHA-256, and packed
with --with-data only. --verify runs it twice before, in two processes and each training for one
epoch, and makes nothing when the bits are not the same. Exit code: 2 they are not.]],
  pack = [[
usage: rnnlua pack FOLDER [-o FILE] [--with-data]
Packs a run that rnn.fit { run = FOLDER } has kept into FILE (default: FOLDER.capsule.zip).]],
  show = [[
usage: rnnlua show FILE
What is in a capsule, in a model file or in the folder of a run. Runs nothing.]],
  diff = [[
usage: rnnlua diff A B
What differs in the scripts, options and results of two capsules. Exit code: 0 the same result,
1 close, 2 it differs, 3 one cannot be read.]],
  rerun = [[
usage: rnnlua rerun FILE [--data FOLDER] [--epochs N] [--time T] [--memory M] [--trust]
Repeats what a capsule is of, in a fresh folder and in the sandbox. Data are looked for by name and
SHA-256 in FOLDER, in RNNLUA_DATA and here. --epochs N ends it where a training has N epochs and
compares those. The sandbox has limits of an hour and 2 GB; --time 10h and --memory 8G raise them,
--trust runs it outside. Exit code: 0 same bits, 1 close, 2 it differs, 3 it could not run.]],
  export = [[
usage: rnnlua export MODEL.safetensors [-o FILE.c] [--int8] [--header] [--name NAME] [--steps N]
       rnnlua export MODEL.safetensors -o FILE.onnx [--step] [--lengths]
Writes a model that rnn.save has kept as one C99 file (default: MODEL.c) without dependencies:
weights, scaler, vocabulary or labels, the functions NAME_init, NAME_step and NAME_run, and a test
with recorded vectors: cc -O3 -march=native -DNAME_MAIN FILE.c && ./a.out. --int8: weights of 8
bits. --header: declarations in FILE.h as well. --steps N: the longest sequence, of models that
need the whole of it.
FILE.onnx: an ONNX file of whole sequences, with states in and out; --step: of one step; --lengths:
with the lengths of sequences as an input.]],
  import = [[
usage: rnnlua import FILE [-o NAME] [--check check.npz] [--chain "..."] [--key KEY] [--config FILE]
       rnnlua import --recipe keras|torch
Brings a model of Keras or PyTorch here: writes NAME.safetensors and NAME.lua, which builds it. FILE is
.keras, .weights.h5 (with --config, what model.to_json() gives) or .h5 of Keras, or a state dict of
PyTorch, .pt, .pth or .safetensors. Nothing of a file is run. --recipe prints what to run in Python: it
saves a batch with the model's outputs, which --check compares; without it the model is marked
unverified. --chain says what runs when, where a state dict does not: "embed lstm last relu fc".
--key: which part of a checkpoint. Exit code: 1 nothing was written.]],
  sweep = [[
usage: rnnlua sweep SCRIPT --OPTION VALUES ... [--trials N] [--seeds N] [--jobs N] [--halve N]
                    [--minimise FIGURE | --maximise FIGURE] [--seed N] [--run FOLDER]
Trains a script, which reads its command line by rnn.experiment, with many settings. VALUES of its
options: a range, --lr 1e-4..1e-1, logarithmic where it spans a decade; a list, --hidden 32,64,128;
on,off of a switch; or one value for all. --trials N: how many settings (default: all of lists, 20
of ranges), drawn by --seed (default: the script's) before anything starts. --seeds N: each with so
many seeds. --jobs N: so many trainings at a time, on which no result depends. FIGURE (default:
val_loss): one of rnn.fit's history, of which the best epoch counts, or of rnn.results; a training
ends when it is known. --halve N: by whole rungs, a part N of the trials goes on, for N times as many
epochs. The test is computed for the winner alone. All is kept in FOLDER (default:
runs/SCRIPT-sweep), and the same command goes on after Ctrl-C or a crash.]],
  watch = [[
usage: rnnlua watch FOLDER [--port N] [--once]
Shows all runs below FOLDER on a page of this machine, whose address is printed: their states, last
and best figures and settings, and the curves, heat maps and samples of those that are ticked, live
while they train. It only reads. --port N: a port (default: one that is free). --once: writes the
page as it is now into FOLDER/index.html, one file that any browser opens, and ends.]],
  new = [[
usage: rnnlua new NAME
Starts a project in the folder NAME: train.lua, data, a test, README.md. rnnlua run works there.]],
  run = [[
usage: rnnlua run [arguments of train.lua]
In the folder of a project: runs train.lua, and packs the run into runs/N.capsule.zip, which
rnnlua rerun repeats.]],
}

local function complain(word, message)
  local text = message:gsub("[^\n]+", require("rnn.share.texts").clean) -- there may be a stranger's words in it
  io.stderr:write("rnnlua ", word, ": ", text, "\n")
  return 1
end

local function stem(path) return (path:gsub("%.lua$", "")) end

-- Options of the command up to the first word that is none; those of rnnlua go into before.
local function read_options(words, known, before)
  local given, i = {}, 1
  while words[i] and words[i]:find "^%-." do
    if words[i] == "--" then
      i = i + 1
      break
    end
    local name, value = words[i]:match "^(%-%-[%w-]+)=(.*)$"
    name = name or words[i]
    local kind = known[name]
    if name == "--help" or name == "-h" then return { help = true } end
    if kind == "flag" then given[name] = true
    elseif kind then
      if not value then
        i = i + 1
        value = words[i]
      end
      if not value then return nil, name .. ": a value is missing" end
      given[name] = value
    elseif before and words[i]:find "^%-%-" then
      before[#before + 1] = words[i]
      if not value and (name == "--seed" or name == "--threads" or name == "--blas") then
        i = i + 1
        before[#before + 1] = words[i]
      end
    else
      return nil, ("unknown option '%s'"):format(words[i])
    end
    i = i + 1
  end
  return given, table.move(words, i, #words, 1, {})
end

-- All options wherever they stand; the other words.
local function read_words(words, known)
  local given, rest = {}, {}
  local options, left = read_options(words, known)
  while options do
    for name, value in pairs(options) do given[name] = value end
    if given.help then return given, {} end
    if #left == 0 then return given, rest end
    rest[#rest + 1] = table.remove(left, 1)
    options, left = read_options(left, known)
  end
  return nil, left
end

-- settings: those of child.
local function made_from(program, before, script, arguments, settings)
  local folder, message = core.folder_scratch()
  if not folder then return nil, message end
  local made, code
  made, message, code = require "rnn.share.child" { program = program, before = before, script = script,
    arguments = arguments, record = folder, with_data = settings.with_data, epochs = settings.epochs,
    quiet = settings.quiet }
  core.folder_remove(folder)
  return made, message, code
end

-- The first epoch in two processes: true; false and what differs; nil, a message and the script's exit code.
local function verify(program, before, script, arguments)
  local twice = {}
  for i = 1, 2 do
    local made, message, code = made_from(program, before, script, arguments, { epochs = 1, quiet = true })
    if not made then return nil, message, code end
    made.content = {}
    for _, file in ipairs(made.files) do made.content[file.name] = file.bytes end
    twice[i] = made
  end
  local verdict, text = require("rnn.share.compare").results(twice[1], twice[2])
  for _, doubt in ipairs(verdict == "same" and {} or twice[1].manifest.doubts) do
    io.stderr:write("doubt: ", require("rnn.share.texts").doubt(doubt), "\n")
  end
  return verdict == "same", text
end

local function write(word, file, made)
  local done, message = capsule.write(file, made)
  if not done then return complain(word, message) end
  io.stderr:write(("%s: %d files, %d bytes, SHA-256 %s\n"):format(file, #made.files + 5,
    select(2, core.file_sha256(file)), core.file_sha256(file)))
  for _, doubt in ipairs(made.manifest.doubts) do
    io.stderr:write("doubt: ", require("rnn.share.texts").doubt(doubt), "\n")
  end
  return 0
end

function commands.capsule(words, before, program)
  local given, rest = read_options(words, { ["-o"] = "value", ["--with-data"] = "flag", ["--verify"] = "flag" },
    before)
  if not given then return complain("capsule", rest) end
  if given.help or #rest == 0 then return nil end
  local script = table.remove(rest, 1)
  local good, made, message, code = true, nil, nil, nil
  if given["--verify"] then
    good, message, code = verify(program, before, script, rest)
    if good == false then
      complain("capsule", "two processes do not give the same bits: " .. message)
      return 2
    end
    if good then io.stderr:write("verified: ", message, " in two processes\n") end
  end
  if good then
    made, message, code = made_from(program, before, script, rest, { with_data = given["--with-data"] })
  end
  if not made then
    complain("capsule", message)
    return code and code < 256 and code or 1
  end
  return write("capsule", given["-o"] or stem(script) .. ".capsule.zip", made)
end

function commands.pack(words)
  local given, rest = read_words(words, { ["-o"] = "value", ["--with-data"] = "flag" })
  if not given then return complain("pack", rest) end
  if given.help or #rest ~= 1 then return nil end
  local folder = rest[1]:gsub("/+$", "")
  local made, message = capsule.assemble(folder, { with_data = given["--with-data"] })
  if not made then return complain("pack", message) end
  return write("pack", given["-o"] or folder .. ".capsule.zip", made)
end

function commands.show(words)
  local given, rest = read_words(words, {})
  if not given then return complain("show", rest) end
  if given.help or #rest ~= 1 then return nil end
  local done, message = require("rnn.share.show").show(rest[1])
  return done and 0 or complain("show", message)
end

function commands.diff(words)
  local given, rest = read_words(words, {})
  if not given then return complain("diff", rest) end
  if given.help or #rest ~= 2 then return nil end
  return require("rnn.share.show").diff(rest[1], rest[2])
end

function commands.rerun(words, _, program)
  local given, rest = read_words(words, { ["--data"] = "value", ["--epochs"] = "value", ["--trust"] = "flag",
    ["--time"] = "value", ["--memory"] = "value" })
  if not given then return complain("rerun", rest) or 3 end
  if given.help or #rest ~= 1 then return nil end
  local epochs = given["--epochs"] and math.tointeger(tonumber(given["--epochs"]))
  if given["--epochs"] and (not epochs or epochs < 1) then
    complain("rerun", ("--epochs: expected an integer of at least 1, got '%s'"):format(given["--epochs"]))
    return 3
  end
  return require "rnn.share.rerun"(rest[1], { data = given["--data"], epochs = epochs, trust = given["--trust"],
    time = given["--time"], memory = given["--memory"], program = program })
end

function commands.export(words)
  local given, rest = read_words(words, { ["-o"] = "value", ["--int8"] = "flag", ["--header"] = "flag",
    ["--name"] = "value", ["--steps"] = "value", ["--step"] = "flag", ["--lengths"] = "flag" })
  if not given then return complain("export", rest) end
  if given.help or #rest ~= 1 then return nil end
  local onnx = given["-o"] and given["-o"]:find "%.onnx$"
  for _, name in ipairs(onnx and { "--int8", "--header", "--name", "--steps" } or { "--step", "--lengths" }) do
    if given[name] then
      return complain("export", ("%s: it is of %s, and not of %s"):format(name, onnx and "C files" or "ONNX files",
        onnx and "ONNX files" or "C files"))
    end
  end
  if onnx then
    local done, message = require "rnn.onnx.save".file(rest[1], given["-o"], {
      form = given["--step"] and "step" or nil, lengths = given["--lengths"] })
    return done and 0 or complain("export", message)
  end
  local steps = given["--steps"] and math.tointeger(tonumber(given["--steps"]))
  if given["--steps"] and not steps then
    return complain("export", ("--steps: expected an integer, got '%s'"):format(given["--steps"]))
  end
  local output = given["-o"] or rest[1]:gsub("%.safetensors$", "") .. ".c"
  local sizes, message = require "rnn.export".file(rest[1], output, { int8 = given["--int8"], steps = steps,
    header = given["--header"], name = given["--name"] })
  if not sizes then return complain("export", message) end
  io.stderr:write(("%s: %d bytes of constants, %d bytes of RAM, %d multiply-adds a step\n"):format(output, sizes.const,
    sizes.ram, sizes.macs))
  return 0
end

function commands.import(words)
  local given, rest = read_words(words, { ["-o"] = "value", ["--check"] = "value", ["--chain"] = "value",
    ["--key"] = "value", ["--config"] = "value", ["--recipe"] = "value" })
  if not given then return complain("import", rest) end
  if given["--recipe"] and not given.help and #rest == 0 then
    local text = require "rnn.exchange.recipes"[given["--recipe"]]
    if not text then return complain("import", "--recipe: expected keras or torch") end
    io.write(text)
    return 0
  end
  if given.help or #rest ~= 1 then return nil end
  local about, message = require "rnn.exchange".file(rest[1], given["-o"], { check = given["--check"],
    chain = given["--chain"], key = given["--key"], config = given["--config"] })
  if not about then
    return complain("import", message:find(rest[1], 1, true) and message or rest[1] .. ": " .. message)
  end
  io.stderr:write(("%s.safetensors, %s.lua: %s\n"):format(about.name, about.name, about.verified
    or ("UNVERIFIED. To compare it with what it computes there, run in Python what rnnlua import --recipe %s prints, "
      .. "then add --check"):format(about.from:find "^Keras" and "keras" or "torch")))
  for _, note in ipairs(about.notes) do io.stderr:write("note: ", require("rnn.share.texts").clean(note), "\n") end
  return 0
end

function commands.sweep(words, before, program) return require "rnn.sweep"(words, before, program) end

function commands.watch(words)
  local given, rest = read_words(words, { ["--port"] = "value", ["--once"] = "flag" })
  if not given then return complain("watch", rest) end
  if given.help or #rest ~= 1 then return nil end
  local port = math.tointeger(tonumber(given["--port"] or 0))
  if not port or port < 0 or port > 65535 then
    return complain("watch", ("--port: expected an integer from 0 to 65535, got '%s'"):format(given["--port"]))
  end
  local watch = require "rnn.watch"
  local done, message = (given["--once"] and watch.once or watch.serve)(rest[1], port)
  return done and 0 or complain("watch", message)
end

function commands.new(words)
  local given, rest = read_words(words, {})
  if not given then return complain("new", rest) end
  if given.help or #rest ~= 1 then return nil end
  local done, message = require("rnn.share.project").new(rest[1])
  return done and 0 or complain("new", message)
end

function commands.run(words, before, program)
  if words[1] == "--help" then return nil end
  local file, message = require("rnn.share.project").next_run()
  if not file then return complain("run", message) end
  local made, code
  made, message, code = made_from(program, before, "train.lua", words, {})
  if not made then
    complain("run", message)
    return code and code < 256 and code or 1
  end
  code = write("run", file, made)
  if code == 0 then io.stderr:write(("to repeat it: rnnlua rerun %s\n"):format(file)) end
  return code
end

--- commands(word, arguments, options before it, program) -> exit code
return function(word, words, before, program)
  for _, each in ipairs(words) do
    if each == "--help" and (word ~= "capsule" or words[1] == "--help") and word ~= "run" then
      io.write(HELP[word], "\n")
      return 0
    end
  end
  local code = commands[word](words, before, program)
  if code then return code end
  local asked = words[1] == "--help" or words[1] == "-h";
  (asked and io.stdout or io.stderr):write(HELP[word], "\n")
  return asked and 0 or (word == "rerun" or word == "diff") and 3 or 1
end

-- Models as C: rnn.export_c and rnnlua export. What comes out is compiled as strict C99 and has to give the same bits.
local rnn = require "rnn"
local shell = require "support.shell"
local nn, cells, text, data = rnn.nn, rnn.cells, rnn.text, rnn.data

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
local STRICT = " -Wall -Wextra -Wpedantic -Werror "

if rnn.precision() == "double" then
  it("is refused in double", function()
    assert.error_matches(function() rnn.export_c(nn.Linear(2, 1), "/nowhere/x.c") end, "without %-%-double")
  end)
  return
end

local sh

local function has(compiler) return os.execute("command -v " .. compiler .. " > /dev/null 2>&1") == true end

-- What makes a compiler fuse, where this machine and rnnlua's kernels do.
local function fuses()
  local file = io.open "/proc/cpuinfo"
  local info = file and file:read "a" or ""
  if file then file:close() end
  local deterministic = os.getenv "RNNLUA_DETERMINISTIC" == "1"
  if info:find "%f[%w]fma%f[%W]" and info:find "avx2" then
    return (rnn.isa() ~= "plain" or deterministic) and "-mfma -mavx2"
  end
  return info:find "asimd" and ""
end
local FUSED = fuses()

setup(function() sh = shell.new() end)
teardown(function() sh:remove() end)

-- Weights of all sizes, none of them 0.
local function shaken(model)
  rnn.no_grad(function()
    for _, p in ipairs(model:parameters()) do p:assign(p + 0.3 * rnn.randn { p:shape() }) end
  end)
  return model
end

local function compile(name, compiler, flags)
  local command = "COMPILER FLAGS STRICT -D NAME_MAIN NAME.c -o NAME && ./NAME"
  local words = { COMPILER = compiler, FLAGS = flags, STRICT = STRICT, NAME = name }
  local out, err, code = sh:run((command:gsub("%u+", words)))
  assert.equal(0, code, out .. err)
  return out
end

-- Exports, compiles, and holds the test's bits.
local function proven(name, model, options, compiler, flags)
  local sizes = assert(rnn.export_c(model, ("%s/%s.c"):format(sh.folder, name), options))
  local out = compile(name, compiler or "cc", flags or "-std=c99 -O1 " .. (FUSED or ""))
  if FUSED then assert.is_truthy(out:find("bits are compared", 1, true), out) end
  return sizes, out
end

local models = {
  ridership = function() return nn.Sequential { nn.RNN(1, 32, { returns = "last" }), nn.Linear(32, 1) } end,
  lstm = function() return nn.Sequential { nn.LSTM(2, { 24, 10 }), nn.LayerNorm(10), nn.Linear(10, 2) } end,
  gru = function()
    return nn.Sequential { nn.GRU(3, 20, { initial_state = "trained" }), nn.ELU(), nn.Linear(20, 1) }
  end,
  char_lm = function()
    return nn.Sequential { nn.Embedding(30, 8), nn.GRU(8, 40), nn.Linear(40, 30), nn.LogSoftmax() }
  end,
  digits = function()
    return nn.Sequential { nn.LSTM(8, 20, { bidirectional = true, returns = "last" }), nn.Dropout(0.5),
      nn.Linear(40, 10), nn.Softmax() }
  end,
  behaviour = function()
    return nn.Sequential { nn.Conv1d(3, 9, 4, { padding = "causal", dilation = 2, activation = "relu" }), nn.GRU(9, 16),
      nn.TimeDistributed(nn.Sequential { nn.Linear(16, 6), nn.Softmax() }) }
  end,
  convolutions = function()
    return nn.Sequential { nn.Conv1d(2, 8, 5, { stride = 2, padding = "same" }), nn.BatchNorm(8), nn.SELU(),
      nn.Conv1d(8, 6, 3), nn.LSTM(6, 7, { returns = "last" }), nn.Linear(7, 3) }
  end,
  pooling = function()
    return nn.Sequential { nn.MaxPool1d(3, { stride = 2, padding = "same" }), nn.GRU(3, 5),
      nn.AvgPool1d(2, { stride = 1 }), nn.AvgPool1d(4, { stride = 3, padding = "same" }), nn.Linear(5, 4),
      nn.MaxPool1d(2, { stride = 1 }) }
  end,
  largest = function() return nn.Sequential { nn.GRU(3, 5), nn.ReLU(), nn.GlobalMaxPool1d(), nn.Linear(5, 2) } end,
  means = function()
    return nn.Sequential { nn.GlobalAvgPool1d(), nn.RepeatVector(3), nn.LSTM(4, 4, { returns = "last" }) }
  end,
  directions = function()
    return nn.Sequential { nn.GRU(4, 4, { bidirectional = true, layers = 2, merge = "sum", residual = true }),
      nn.RNN(4, 5, { bidirectional = true, merge = "mean", activation = "softsign" }), nn.Linear(5, 2) }
  end,
  ends = function()
    return nn.Sequential { nn.Recurrent(cells.PhasedLSTM(2, 9), { bidirectional = true, merge = "sum" }),
      nn.GRU(9, 5, { bidirectional = true, merge = "mean", returns = "last" }), nn.Linear(5, 2) }
  end,
  repeated = function()
    return nn.Sequential { nn.GRU(2, 8, { returns = "last" }), nn.RepeatVector(5), nn.GRU(8, 6), nn.Linear(6, 2) }
  end,
  echo = function() return nn.Reservoir(2, 40, { outputs = 2, leak = 0.4 }) end,
  variants = function()
    return nn.Sequential {
      nn.LSTM(2, 12, { layer_norm = true, peepholes = true, projection = 5, zoneout = 0.1, zoneout_cell = 0.2 }),
      nn.GRU(5, 7, { reset = "before", layer_norm = true, activation = "selu", recurrent_activation = "hard_sigmoid" }),
      nn.LSTM(7, 7, { coupled = true, layers = 2, residual = true }) }
  end,
  zoo = function()
    return nn.Sequential { nn.Recurrent(cells.PhasedLSTM(3, 8)), nn.Recurrent(cells.JANET(8, 6), { layers = 2 }),
      nn.Recurrent(cells.LMU(6, 9)), nn.Recurrent(cells.sLSTM(9, 8)), nn.Recurrent(cells.Clockwork(8, 8)) }
  end,
  own = function() -- every kind of operation
    local Own = nn.cell("ExportedOwn", function(self, inputs, units)
      self.inputs, self.units = inputs, units
      self.w = nn.Linear(inputs + units, units).weight
    end)
    function Own:step(x, h, t)
      local z = rnn.concat({ x, h }, 2):linear(self.w)
      local gate = (z - z:mean(2, true)):softmax(2) + z:max(2, true) * 0.1
      local new = rnn.where(z:gt(0), z:gelu(), z:erf()) * gate + (z:square() + 1):log() - z:softplus():log1p()
      new = new + (t * 0.1):sin() + z:cos() * 0.1 + z:abs():sqrt() - z:clamp(-0.5, 0.5):expm1()
      new = new + z:silu():floor() * 0.01
      h = (new % 1.5):round() * 0.1 + new:tanh() / (1 + z:sigmoid()) + z:minimum(h) * 0.1
      return h * 2, h
    end
    return nn.Recurrent(Own(3, 18))
  end,
}

describe("exported to C99, a model gives the same bits:", function()
  for name, make in pairs(models) do
    it(name, function()
      if not has "cc" then print "no C compiler: skipped" return end
      rnn.seed(3)
      proven(name, shaken(make()))
    end)
  end
end)

describe("the C program", function()
  local function model()
    rnn.seed(4)
    return shaken(nn.Sequential { nn.LSTM(3, 20), nn.LayerNorm(20), nn.Linear(20, 4), nn.Softmax() })
  end

  it("is the same to all compilers, and with every way to fuse", function()
    if not has "cc" then print "no C compiler: skipped" return end
    assert(rnn.export_c(model(), sh.folder .. "/all.c", {}))
    for _, way in ipairs { { "gcc", "-std=c99 -O3" }, { "gcc", "-std=gnu99 -O2 -ffp-contract=fast" },
      { "gcc", "-std=c99 -O3 -ffast-math", true }, { "clang", "-std=c99 -O2 -Wconversion -Wdouble-promotion" },
      { "g++", "-x c++ -std=c++11 -O1" }, { "clang", "-std=c99 -O0 -ffp-contract=fast", true } } do
      if has(way[1]) then
        local out = compile("all", way[1], way[2] .. " " .. (FUSED or ""))
        if FUSED and not way[3] then assert.is_truthy(out:find("bits are compared", 1, true), out) end
      else
        print(("no %s: skipped"):format(way[1]))
      end
    end
    local out = compile("all", "cc", "-std=c99 -O1 -Dall_EXACT") -- rounds once without an instruction for it
    if FUSED then assert.is_truthy(out:find("0 of 128 numbers differ", 1, true), out) end
    assert.is_truthy(out:find("bits are compared", 1, true), out)
  end)

  it("needs no library, and its main fails where numbers differ", function()
    if not has "cc" then print "no C compiler: skipped" return end
    assert(rnn.export_c(model(), sh.folder .. "/alone.c"))
    local out = sh:run "cc -std=c99 -O1 -ffreestanding -c alone.c -o alone.o && nm -u alone.o"
    for name in out:gmatch "U (%S+)" do assert.is_truthy(name:find "^mem%a+$", name) end
    local _, _, code = sh:run(("sed 's/^static const float test_y.*/&\\n  0.5f,/; ' alone.c > wrong.c && cc -std=c99 "
      .. "-Dalone_MAIN wrong.c -o wrong && ./wrong > said"))
    assert.equal(1, code)
  end)

  it("has no undefined behaviour", function()
    if rnn.sanitized or not has "gcc" then print "skipped" return end
    for _, name in ipairs { "digits", "convolutions", "own" } do
      rnn.seed(5)
      proven(name .. "2", shaken(models[name]()), {}, "gcc", "-std=c99 -O1 -fsanitize=address,undefined "
        .. "-fno-sanitize-recover " .. (FUSED or ""))
    end
  end)

  it("keeps several sequences apart, and is there for C++ through its header", function()
    if not has "g++" then print "no g++: skipped" return end
    rnn.seed(6)
    local m = shaken(nn.Sequential { nn.GRU(2, 12), nn.Linear(12, 1) }):eval()
    assert(rnn.export_c(m, sh.folder .. "/net.c", { header = true, labels = { "left \"and\" right" } }))
    local x = rnn.randn(2, 300, 2)
    local wanted, list = m(x):reshape(-1):totable(), x:reshape(-1):totable()
    for i, v in ipairs(list) do list[i] = ("%.9gf"):format(v):gsub("^(-?%d+)f$", "%1.0f") end
    sh:write("use.cpp", ([[
#include "net.h"
#include <cstdio>
static const float x[2][300][2] = {%s};
int main() {
  static net_state s[2];
  float y[net_OUTPUTS], kept[300];
  for (int k = 0; k < 2; k++) net_init(&s[k]);
  for (int t = 0; t < 300; t++) {
    net_step(&s[0], x[0][t], y);
    std::printf("%%.9g\n", (double)y[0]);
    net_step(&s[1], x[1][t], y);
    kept[t] = y[0];
  }
  for (int t = 0; t < 300; t++) std::printf("%%.9g\n", (double)kept[t]);
  return net_labels[0][5] != '"';
}
]]):format((table.concat(list, ", "))))
    local out, err, code = sh:run(("cc -std=c99 -O1 %s -Dnet_EXACT -c net.c -o net.o && g++ %s -Wno-missing-braces "
      .. "use.cpp net.o -o use && ./use"):format(FUSED or "", STRICT))
    assert.equal(0, code, err)
    local i = 0
    for line in out:gmatch "[^\n]+" do
      i = i + 1
      if FUSED then assert.equal(("%.9g"):format(wanted[i]), line)
      else assert.near(wanted[i], tonumber(line), 1e-5) end
    end
    assert.equal(600, i)
  end)
end)

describe("an encoder and decoder in C", function()
  for _, attention in ipairs { "none", "multiplicative", "additive", "feeding" } do
    it("answers as nn.Seq2Seq does, attention: " .. attention, function()
      if not has "cc" then print "no C compiler: skipped" return end
      rnn.seed(9)
      local feeds = attention == "feeding"
      local m = shaken(nn.Seq2Seq {
        encoder = feeds and nn.Encoder { recurrent = nn.LSTM(3, 8, { layers = 2 }) }
          or nn.Encoder { vocab = 20, recurrent = nn.GRU(6, 8, { bidirectional = true }) },
        decoder = nn.Decoder { vocab = 25, dim = 5, recurrent = nn.LSTM(feeds and 13 or 5, 8, { layers = 2 }),
          attention = feeds and "multiplicative" or attention, input_feeding = feeds, tied = feeds } }):eval()
      local name = "answer_" .. attention
      proven(name, m, { steps = 40 }, "cc", "-std=c99 -O1 " .. (FUSED or ""))
      if feeds then return end
      local x = (rnn.rand(1, 12) * 20):floor():to_int() + 1
      local wanted = m:decode(x, { max_length = 20, temperature = 0 })[1]
      sh:write("answer.c", ([[
#include <stdio.h>
#include "%s.c"
int main(void) {
  static %s_state s;
  static const int32_t x[] = {%s};
  int32_t ids[20], i, n = %s_decode(&s, x, 12, ids, 20);
  for (i = 0; i < n; i++) printf("%%ld ", (long)ids[i]);
  return %s_encode(&s, x, 41) != 0 || %s_encode(&s, x, 0) != 0;
}
]]):format(name, name, table.concat(x:reshape(-1):totable(), ", "), name, name, name))
      local out, err, code = sh:run(("cc -std=c99 -O1 %s -D%s_EXACT answer.c -o answer && ./answer"):format(FUSED or "",
        name))
      assert.equal(0, code, err)
      assert.equal(table.concat(wanted, " "), (out:gsub(" $", "")))
    end)
  end
end)

describe("weights of 8 bits", function()
  it("take 30 % of the room, and the C program gives what they give, bit for bit", function()
    if not has "cc" then print "no C compiler: skipped" return end
    for _, name in ipairs { "char_lm", "ridership", "digits", "ends" } do
      rnn.seed(7)
      local m = shaken(models[name]())
      local float = assert(rnn.export_c(m, sh.folder .. "/float.c"))
      local sizes = proven(name .. "8", m, { int8 = true })
      local small = name == "ends" or sizes.const <= 0.3 * float.const
      assert.is_true(small, ("%s: %d of %d"):format(name, sizes.const, float.const))
      assert.equal(float.macs, sizes.macs)
    end
  end)
end)

describe("rnnlua export", function()
  local function export(arguments)
    return sh:run(("unset RNNLUA_DATA; %s export %s"):format(shell.quote(PROGRAM), arguments))
  end

  it("writes a saved model with its scaler, labels and vocabulary", function()
    if not has "cc" then print "no C compiler: skipped" return end
    rnn.seed(8)
    local scaler = data.Scaler():fit(rnn.randn(50, 3) * 7 + 100)
    local back = data.Scaler { kind = "factor", factor = 12 }
    local m = shaken(nn.Sequential { nn.LSTM(3, 9, { returns = "last" }), nn.Linear(9, 2) }):eval()
    assert(rnn.save(sh.folder .. "/gesture.safetensors", m, { scaler = scaler, target_scaler = back,
      labels = { "wave", "circle" } }))
    local _, err, code = export "gesture.safetensors --header"
    assert.equal(0, code, err)
    assert.is_truthy(err:find "multiply%-adds a step")
    compile("gesture", "cc", "-std=c99 -O1 " .. (FUSED or ""))
    local x = rnn.full({ 1, 1, 3 }, 99)
    local y = back:inverse(m((scaler:transform(x)))):totable()[1]
    sh:write("main.c", [[
#include <stdio.h>
#include "gesture.h"
int main(void) {
  gesture_state s;
  float x[3] = {99.0f, 99.0f, 99.0f}, y[2];
  gesture_init(&s);
  gesture_step(&s, x, y);
  printf("%.9g %.9g %s\n", (double)y[0], (double)y[1], gesture_labels[1]);
  return 0;
}
]])
    local out = sh:run "cc -std=c99 -Dgesture_EXACT main.c gesture.c -o use && ./use"
    local a, b = out:match "^(%S+) (%S+) circle\n$"
    for i, text_of in ipairs { a, b } do
      if FUSED then assert.equal(("%.9g"):format(y[i]), text_of) else assert.near(y[i], tonumber(text_of), 1e-4) end
    end

    local vocab = text.chars "hello world"
    local lm = nn.Sequential { nn.Embedding(vocab, 4), nn.RNN(4, 6), nn.Linear(6, #vocab) }
    assert(rnn.save(sh.folder .. "/lm.safetensors", lm, { vocab = vocab }))
    assert.equal(0, select(3, export "lm.safetensors -o other.c --name words --int8"))
    assert.is_truthy(io.open(sh.folder .. "/other.c"):read "a":find("words_vocab[" .. #vocab .. "]", 1, true))
    assert(rnn.save(sh.folder .. "/binary.safetensors", nn.Linear(3, 1), { classes = { "no", "yes" } }))
    local _, said, done = export "binary.safetensors"
    assert.equal(0, done)
    assert.is_truthy(said:find("option 'labels' has 2 words, the model 1 outputs: left out", 1, true), said)
    sh:run "mv other.c words.c"
    compile("words", "cc", "-std=c99 -O1 " .. (FUSED or ""))
  end)

  it("says what is wrong", function()
    local _, err, code = export "nothing.safetensors"
    assert.equal(1, code)
    assert.is_truthy(err:find "nothing.safetensors")
    assert.equal(1, select(3, export "a b"))
    assert.equal(1, select(3, export "x.safetensors --steps many"))
  end)
end)

describe("what cannot be exported is named:", function()
  local function refused(pattern, model, options)
    local ok, message = pcall(rnn.export_c, model, sh.folder .. "/no.c", options)
    assert.is_false(ok)
    assert.is_truthy(message:find(pattern), message)
    assert.is_nil(io.open(sh.folder .. "/no.c"))
  end

  it("layers, cells and operations", function()
    local Odd = nn.module("ExportOdd", function() end)
    function Odd:forward(x) return x end -- luacheck: no self
    refused("ExportOdd.*no way to export", nn.Sequential { nn.Linear(2, 2), Odd() })
    local Reads = nn.cell("ExportReads", function(self, i, u) self.inputs, self.units = i, u end)
    function Reads:step(x, h) return x, h * (x:sum():item() > 0 and 1 or 2) end -- luacheck: no self
    refused("ExportReads.*no formula", nn.Recurrent(Reads(2, 2)))
    local Power = nn.cell("ExportPower", function(self, i, u) self.inputs, self.units = i, u end)
    function Power:step(x, h) return h, (x:exp() ^ 1.5 + h) end -- luacheck: no self
    refused("export_spec.*pow", nn.Recurrent(Power(2, 2)))
    refused("give option 'inputs'", nn.Tanh())
    refused("nn.Masking.*no way to export", nn.Sequential { nn.Masking(0), nn.GRU(2, 3) })
    refused("nn.Masking.*no way to export", nn.Sequential { nn.Masking(1), nn.Embedding(5, 2), nn.GRU(2, 3) })
    refused("ExportOdd.*no way to export", nn.TimeDistributed(Odd()))
    refused("Ensemble.*no way to export", rnn.Ensemble { nn.Linear(2, 1), nn.Linear(2, 1) })
    refused("computes nothing", nn.Dropout(0.1), { inputs = 2 })
    refused("decoder of numbers", nn.Seq2Seq { encoder = nn.Encoder { recurrent = nn.GRU(2, 3) },
      decoder = nn.Decoder { outputs = 1, recurrent = nn.GRU(1, 3), steps = 4 } })
    refused("last step alone", nn.Sequential { nn.LSTM(2, 3, { returns = "last" }), nn.LSTM(3, 3) })
  end)

  it("arguments and weights", function()
    refused("expected a model", {})
    refused("a name as C has them", nn.Linear(1, 1), { name = "1x" })
    refused("a data.Scaler that was fitted", nn.Linear(1, 1), { scaler = data.Scaler() })
    local scaler = data.Scaler():fit(rnn.randn(9, 3))
    refused("'scaler': the scaler has 3 columns, the model takes 2", nn.GRU(2, 4), { scaler = scaler })
    refused("'target_scaler': the scaler has 3 columns, the model gives 4", nn.GRU(2, 4), { target_scaler = scaler })
    refused("the model takes ids", nn.Sequential { nn.Embedding(5, 3), nn.GRU(3, 2) }, { scaler = scaler })
    refused("'labels' has 3 words, the model 2 outputs", nn.Linear(1, 2), { labels = { "a", "b", "c" } })
    refused("'vocab' has 3 words, the model 2 outputs", nn.Linear(1, 2), { vocab = { "a", "b", "c" } })
    for _, name in ipairs { "foo.h", "ok.txt", "model" } do
      local path = sh.folder .. "/" .. name
      assert.error_matches(function() rnn.export_c(nn.Linear(1, 1), path, { header = true }) end, "ends in .c, or .cpp")
      assert.is_nil(io.open(path))
    end
    local m = nn.Linear(1, 1)
    m.bias:detach():fill_(0 / 0)
    refused("not finite", m)
    local done, message = rnn.export_c(nn.Linear(1, 1), sh.folder .. "/none/x.c")
    assert.is_nil(done)
    assert.is_truthy(message:find "none/x.c")
  end)

  it("leaves training as it was", function()
    local m = nn.Sequential { nn.Linear(1, 2), nn.Dropout(0.5) }
    assert(rnn.export_c(m, sh.folder .. "/training.c"))
    assert.is_true(m.training)
  end)
end)

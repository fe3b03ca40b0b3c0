#!/usr/bin/env bash
# rtneural.sh PROGRAM RTNEURAL [CC CXX]: one step of a stream in C that rnnlua wrote, beside RTNeural with Eigen, whose
# sizes the compiler knows as well; both in one program, in turn, so that the ratio holds on a busy machine too. Then a
# step from Lua, and steps within a block of rnnlua's.
#
#   apt-get install g++ libeigen3-dev
#   git clone https://github.com/jatinchowdhury18/RTNeural
#   tests/bench/rtneural.sh build/rnnlua RTNeural
set -euo pipefail
program=$(realpath "$1") source=$(realpath "$2") cc=${3:-gcc} cxx=${4:-g++}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > models.lua <<'LUA'
local rnn = require "rnn"
rnn.seed(1)
for name, layer in pairs { lstm32 = rnn.nn.LSTM(32, 32), gru32 = rnn.nn.GRU(32, 32), lstm20 = rnn.nn.LSTM(1, 20),
  lstm256 = rnn.nn.LSTM(64, 256) } do
  assert(rnn.export_c(layer, name .. ".c", { name = name }))
end
LUA
"$program" models.lua

for name in lstm32 gru32 lstm20 lstm256; do # a function for each, behind which the compiler knows nothing
  cat > "$name.run.c" <<C
#include "$name.c"
static ${name}_state state;
void ${name}_begin(void) { ${name}_init(&state); }
void ${name}_once(const float *x, float *y) { ${name}_step(&state, x, y); }
C
  "$cc" -std=c99 -O3 -march=native -c "$name.run.c" -o "$name.o"
done

cat > main.cpp <<'CPP'
#include <RTNeural/RTNeural.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

extern "C" {
#define OURS(name) void name##_begin(void); void name##_once(const float *, float *);
OURS(lstm32) OURS(gru32) OURS(lstm20) OURS(lstm256)
}

static std::mt19937 random_bits;
static std::vector<std::vector<float>> weights(int rows, int columns) {
  std::uniform_real_distribution<float> values(-.1f, .1f);
  std::vector<std::vector<float>> out(rows, std::vector<float>(columns));
  for (auto &row : out) for (auto &value : row) value = values(random_bits);
  return out;
}
static double now() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <int in, int units, class Layer, class Biases>
static void compare(const char *name, int gates, void (*begin)(void), void (*once)(const float *, float *), Biases biases) {
  static RTNeural::ModelT<float, in, units, Layer> theirs;
  auto &layer = theirs.template get<0>();
  layer.setWVals(weights(in, gates * units));
  layer.setUVals(weights(units, gates * units));
  layer.setBVals(biases);
  theirs.reset();
  begin();
  alignas(64) static float x[16][in], y[units];
  for (auto &row : x) for (auto &value : row) value = weights(1, 1)[0][0] * 10;
  const int times = 200000 / (in * units + units * units) + 10, rounds = 1501;
  std::vector<double> a, b, ratios;
  float sum = 0;
  for (int round = 0; round < rounds; round++) {
    double start = now();
    for (int k = 0; k < times; k++) once(x[k & 15], y);
    double middle = now();
    for (int k = 0; k < times; k++) sum += theirs.forward(x[k & 15]);
    double end = now();
    a.push_back((middle - start) / times);
    b.push_back((end - middle) / times);
    ratios.push_back((end - middle) / (middle - start));
  }
  for (auto *list : {&a, &b, &ratios}) std::sort(list->begin(), list->end());
  std::printf("%-14s %8.3f %10.3f %8.2f %8.2f\n", name, a[0], b[0], b[0] / a[0], ratios[rounds / 2]);
  if (sum == 0.125f) std::puts("");
}

int main() {
  std::printf("us a step        ours   RTNeural   theirs/ours: least, median\n");
  compare<32, 32, RTNeural::LSTMLayerT<float, 32, 32>>("LSTM 32 -> 32", 4, lstm32_begin, lstm32_once, weights(1, 128)[0]);
  compare<32, 32, RTNeural::GRULayerT<float, 32, 32>>("GRU 32 -> 32", 3, gru32_begin, gru32_once, weights(2, 96));
  compare<1, 20, RTNeural::LSTMLayerT<float, 1, 20>>("LSTM 1 -> 20", 4, lstm20_begin, lstm20_once, weights(1, 80)[0]);
  compare<64, 256, RTNeural::LSTMLayerT<float, 64, 256>>("LSTM 64 -> 256", 4, lstm256_begin, lstm256_once, weights(1, 1024)[0]);
}
CPP
"$cxx" -std=c++17 -O3 -march=native -w -DRTNEURAL_USE_EIGEN=1 -DRTNEURAL_DEFAULT_ALIGNMENT=32 -DEIGEN_STACK_ALLOCATION_LIMIT=0 -I/usr/include/eigen3 \
  -I"$source" main.cpp ./*.o -o main
./main

cat > steps.lua <<'LUA'
local rnn = require "rnn"
rnn.threads(1)
local function least(times, f)
  local best = math.huge
  for _ = 1, 300 do
    local start = rnn.clock()
    for _ = 1, times do f() end
    best = math.min(best, (rnn.clock() - start) / times)
  end
  return 1e6 * best
end
print "us a step     from Lua   in a block of 1,000"
for _, case in ipairs { { "LSTM", 32, 32 }, { "GRU", 32, 32 }, { "LSTM", 1, 20 }, { "LSTM", 64, 256 } } do
  local layer = rnn.nn[case[1]](case[2], case[3]):eval()
  local x, block, state, _ = rnn.randn(1, case[2]), rnn.randn(1, 1000, case[2]), nil, nil
  local one = least(100, function() _, state = layer:step(x, state) end)
  print(("%-4s %2d -> %-3d %8.3f %12.3f"):format(case[1], case[2], case[3], one, least(1, function() layer:stream(block) end) / 1000))
end
LUA
"$program" steps.lua

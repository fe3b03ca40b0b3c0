-- selftest.lua: the main of an exported program, which compares what it computes with recorded vectors.

local constants = require "rnn.export.constants"

local float, listing = constants.float, constants.listing

local MAIN = [[

#ifdef PRE_MAIN
#include <stdio.h>

static const KIND test_x[] = {
INPUT
};
static const float test_y[] = {
OUTPUT
};

/* Does the compiler fuse a product and a sum by itself, or compute otherwise than IEEE 754 says? Then bits differ. */
static int is_plain(void) {
#if defined(__FAST_MATH__)
  return 0;
#else
  volatile float a = 1.000244140625f, b = 1.000244140625f, c = -1.00048828125f; /* the product is 2^-24 more */
  float r = a * b + c;
  return r == 0.0f;
#endif
}

static PRE_state state;
static float result[COUNT];

/* Both ways through the vectors; the largest error, of numbers as large as 1 or larger. */
static double compare(int32_t *different) {
  double worst = 0.0;
  int32_t i;
  for (i = 0; i < COUNT; i++) {
    union { float number; uint32_t bits; } a, b;
    double size = test_y[i] < 0.0f ? -(double)test_y[i] : (double)test_y[i];
    double error = (double)result[i] - (double)test_y[i];
    a.number = result[i];
    b.number = test_y[i];
    if (a.bits != b.bits) ++*different;
    error = error < 0.0 ? -error : error;
    if (size > 1.0) error /= size;
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

int main(void) {
  int exact = PRE_FUSES && is_plain(), ok;
  int32_t different = 0;
  double worst, again;
RUN
  ok = exact ? different == 0 : worst < 1e-3;
  printf("PRE: STEPS steps, %ld of %ld numbers differ, worst %.2g of 1 (%s), ", (long)different, (long)(2 * COUNT),
         worst, exact ? "bits are compared" : "bits may differ: nothing rounds a b + c once here, or all is fused");
  printf("%ld bytes RAM, BYTES bytes const, MACS MAC a step: %s\n", (long)sizeof(PRE_state), ok ? "ok" : "WRONG");
  return ok ? 0 : 1;
}
#endif
]]

local RUN_STREAM = [[
  int32_t t;
  PRE_init(&state);
  PRE_run(&state, test_x, STEPS, result);
  worst = compare(&different);
  PRE_init(&state); /* once more, step by step */
  for (t = 0; t < STEPS; t++) PRE_step(&state, AT, TO);
  again = compare(&different);
  worst = again > worst ? again : worst;]]

local RUN_WHOLE = [[
  if (PRE_run(&state, test_x, STEPS, result) * PRE_OUTPUTS != COUNT) different = COUNT;
  worst = compare(&different);
  if (PRE_run(&state, test_x, STEPS, result) * PRE_OUTPUTS != COUNT) different = COUNT;
  again = compare(&different);
  worst = again > worst ? again : worst;]]

-- The ids that go in are those that came out likeliest.
local RUN_TRANSLATOR = [[
  static const int32_t ids[] = {IDS};
  int32_t t;
  if (!PRE_encode(&state, test_x, STEPS)) different = COUNT;
  for (t = 0; t < COUNT / PRE_OUTPUTS; t++) PRE_next(&state, ids[t], result + t * PRE_OUTPUTS);
  worst = compare(&different);
  if (!PRE_encode(&state, test_x, STEPS)) different = COUNT;
  for (t = 0; t < COUNT / PRE_OUTPUTS; t++) PRE_next(&state, ids[t], result + t * PRE_OUTPUTS);
  again = compare(&different);
  worst = again > worst ? again : worst;]]

--- selftest(file, made, vectors) -> text. vectors: x, y, steps, and of translators ids
return function(file, made, vectors)
  local x, y = vectors.x:reshape(-1):totable(), vectors.y:reshape(-1):totable()
  local ids = made.x.ids
  for i, v in ipairs(x) do x[i] = ids and ("%d"):format(v) or float(v) end
  for i, v in ipairs(y) do y[i] = float(v) end
  local fields = { KIND = ids and "int32_t" or "float", INPUT = listing(x), OUTPUT = listing(y), COUNT = tostring(#y),
    STEPS = tostring(vectors.steps), BYTES = tostring(file.bytes), MACS = tostring(file.macs),
    AT = ids and "test_x[t]" or ("test_x + t * %d"):format(made.x.width),
    TO = made.last and "result" or ("result + t * %d"):format(made.width) }
  fields.IDS = vectors.ids and table.concat(vectors.ids, ", ")
  local run = made.decoder and RUN_TRANSLATOR or made.streams and RUN_STREAM or RUN_WHOLE
  fields.RUN = run:gsub("%f[%w_]%u+%f[^%w_]", fields)
  return (MAIN:gsub("%f[%w_]%u+%f[^%w_]", fields))
end

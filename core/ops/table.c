/* table.c: all ops, as ops.def lists them. */
#include "../internal.h"
#include "ops.h"

static const rnn_op *const table[] = {
#define RNNI_OP(name) &rnni_op_##name,
#include "ops.def"
#undef RNNI_OP
    NULL};

const rnn_op *rnn_op_at(int index) {
  int count = (int)(sizeof table / sizeof *table) - 1;
  return index >= 0 && index < count ? table[index] : NULL;
}

const rnn_op *rnn_op_find(const char *name) {
  for (int i = 0; name && table[i]; i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}

/* ops.h: the ops of ops.def as C names, &rnni_op_sum, where one is known when the program is written. */
#ifndef RNNI_OPS_H
#define RNNI_OPS_H

#include "../rnn.h"

#define RNNI_OP(name) extern const rnn_op rnni_op_##name;
#include "ops.def"
#undef RNNI_OP

#endif

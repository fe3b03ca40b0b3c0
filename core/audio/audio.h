/* audio.h: what the files about sound share. */
#ifndef RNNI_AUDIO_H
#define RNNI_AUDIO_H

#include "../internal.h"

/* RNN_EARG when x is no float tensor (L) or (L, channels), or has a sample that is nan or infinite. */
RNN_MUST_USE rnn_status rnni_need_samples(rnn_ctx *ctx, const char *what, const rnn_tensor *x);

#endif

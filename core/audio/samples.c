/* samples.c: what samples must be. */
#include "audio.h"

rnn_status rnni_need_samples(rnn_ctx *ctx, const char *what, const rnn_tensor *x) {
  if (x->type != RNN_FLOAT || x->ndim < 1 || x->ndim > 2 || (x->ndim == 2 && x->dims[1] < 1))
    return rnni_fail(ctx, RNN_EARG, "%s: expected samples (L) or (L, channels), got %s %s", what, RNNI_SHAPE(x),
                     rnni_type_text(x->type));
  if (x->lengths)
    return rnni_fail(ctx, RNN_EARG, "%s: expected one recording, got a padded batch %s", what, RNNI_SHAPE(x));
  const real *v = rnni_f(x);
  const int64_t channels = x->ndim == 2 ? x->dims[1] : 1;
  for (int64_t i = 0; i < x->count; i++)
    if (!isfinite(v[i]))
      return rnni_fail(ctx, RNN_EARG, "%s: sample %lld is %s", what, (long long)(i / channels + 1),
                       isnan(v[i]) ? "nan" : "infinite");
  return RNN_OK;
}

/* library.c: opening the libraries of audio.h, and what samples must be. */
#include <dlfcn.h>
#include <pthread.h>

#include "audio.h"

rnn_status rnni_library_need(rnn_ctx *ctx, const char *what, rnni_library *library) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* contexts of several threads share the addresses */
  rnn_status status = RNN_OK;
  pthread_mutex_lock(&mutex);
  if (!library->ready) {
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      status = rnni_fail(ctx, RNN_EIO, "%s: needs %s (Debian package %s), which cannot be opened: %.200s", what,
                         library->file, library->package, dlerror());
    for (const rnni_symbol *s = library->symbols; handle && s->name && status == RNN_OK; s++) {
      *s->function = dlsym(handle, s->name);
      if (!*s->function) status = rnni_fail(ctx, RNN_EIO, "%s: %s has no function %s", what, library->file, s->name);
    }
    library->ready = status == RNN_OK;
  }
  pthread_mutex_unlock(&mutex);
  return status;
}

rnn_status rnni_library_missing(rnn_ctx *ctx, const char *what, const char *name, const char *package) {
  return rnni_fail(ctx, RNN_EIO, "%s: this rnnlua was built without %s (Debian package %s)", what, name, package);
}

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

/* library.c: opening the libraries of library.h. */
#include <dlfcn.h>
#include <pthread.h>

#include "internal.h"
#include "library.h"

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
      if (!*s->function)
        status = rnni_fail(ctx, RNN_EIO, "%s: %s has no function %s%s", what, library->file, s->name,
                           library->lacking ? library->lacking : "");
    }
    library->ready = status == RNN_OK;
  }
  pthread_mutex_unlock(&mutex);
  return status;
}

rnn_status rnni_library_missing(rnn_ctx *ctx, const char *what, const char *name, const char *package) {
  return rnni_fail(ctx, RNN_EIO, "%s: this rnnlua was built without %s (Debian package %s)", what, name, package);
}

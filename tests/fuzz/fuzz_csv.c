/* fuzz_csv.c: any bytes are a table or an error, with every kind of option, and nothing is left behind.
 *
 * The first two bytes choose options and an allocation that fails; the rest is the file. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rnn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every value and word, so that the sanitizers see them. */
static void touch(const rnn_csv *csv) {
  for (int i = 0; i < csv->count; i++) {
    rnn_csv_column *c = &csv->columns[i];
    if ((c->type == RNN_CSV_NUMBER) != (c->numbers != NULL) || !c->numbers != (c->values != NULL)) abort();
    if ((c->numbers ? c->numbers->count : rnn_tensor_count(c->values)) != csv->rows) abort();
    if (c->numbers) continue;
    const int32_t *ids = rnn_tensor_ints(c->values);
    for (int64_t k = 0; c->type == RNN_CSV_TEXT && k < csv->rows; k++)
      if (ids[k] < 0 || ids[k] > c->word_count || (ids[k] && c->words[ids[k] - 1][0] == '\0')) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static rnn_ctx *ctx;
  static int fd = -1;
  static char path[64];
  if (!ctx) {
    fd = memfd_create("csv", 0);
    if (fd < 0 || rnn_ctx_new(&ctx) != RNN_OK) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  }
  if (size < 2) return -1;
  if (ftruncate(fd, 0) != 0 || pwrite(fd, data + 2, size - 2, 0) != (ssize_t)size - 2) abort();
  unsigned choice = data[0];
  rnn_csv_options o = {.separator = ",;\t "[choice & 3],
                       .columns = choice & 4 ? (const char *[]){"a", "b"} : NULL,
                       .types = (rnn_csv_type[]){choice >> 3 & 3, choice >> 5 & 3},
                       .column_count = 2,
                       .others = choice >> 7};
  rnn_csv csv;
  rnn_memory m;
  rnn_memory_fail(ctx, data[1], 1); /* 0: none */
  if (rnn_csv_read(ctx, path, &o, &csv) == RNN_OK) {
    touch(&csv);
    rnn_csv_free(ctx, &csv);
  }
  rnn_memory_fail(ctx, 0, 0);
  rnn_memory_read(ctx, &m);
  if (m.live != 0) abort();
  return 0;
}

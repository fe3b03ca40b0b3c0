/* test_file.c: a write that fails leaves the old file and nothing else; a write that succeeds leaves the new one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "scratch.h"

static mode_t mode_of(const char *path) {
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  return st.st_mode & 07777;
}

static void new_file(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.txt");
  mode_t mask = umask(027);
  assert_ok(s->ctx, rnn_file_write(s->ctx, path, "hello", 5));
  umask(mask);
  assert_content(path, "hello");
  assert_int_equal(mode_of(path), 0640);
  assert_int_equal(scratch_count(s), 1);
}

static void no_bytes(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "empty");
  assert_ok(s->ctx, rnn_file_write(s->ctx, path, NULL, 0));
  assert_content(path, "");
}

static void relative_path(void **state) {
  scratch *s = *state;
  char before[PATH_MAX];
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(s->folder), 0);
  rnn_status status = rnn_file_write(s->ctx, "b.txt", "bare", 4);
  assert_int_equal(chdir(before), 0);
  assert_ok(s->ctx, status);
  assert_content(in_scratch(s, "b.txt"), "bare");
}

static void old_file_is_replaced_and_keeps_its_mode(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.txt");
  spew(path, "old and longer", 14);
  static const mode_t modes[] = {0600, 0644, 0666, 0750};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    assert_int_equal(chmod(path, modes[i]), 0);
    assert_ok(s->ctx, rnn_file_write(s->ctx, path, "new", 3));
    assert_content(path, "new");
    assert_int_equal(mode_of(path), modes[i]);
  }
  assert_int_equal(scratch_count(s), 1);
}

/* Readers that have the old file open keep it. */
static void old_file_stays_whole_for_its_readers(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.txt");
  spew(path, "old", 3);
  int fd = open(path, O_RDONLY);
  assert_ok(s->ctx, rnn_file_write(s->ctx, path, "new", 3));
  char bytes[4] = "";
  assert_int_equal(read(fd, bytes, 3), 3);
  assert_string_equal(bytes, "old");
  close(fd);
}

static void link_stays_a_link(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "real"), *link = in_scratch(s, "latest");
  spew(path, "old", 3);
  assert_int_equal(symlink("real", link), 0);
  assert_ok(s->ctx, rnn_file_write(s->ctx, link, "new", 3));
  assert_content(path, "new");
  struct stat st;
  assert_int_equal(lstat(link, &st), 0);
  assert_true(S_ISLNK(st.st_mode));
  assert_int_equal(scratch_count(s), 2);
}

static void other_kinds_are_refused(void **state) {
  scratch *s = *state;
  const char *pipe_path = in_scratch(s, "pipe");
  assert_int_equal(mkfifo(pipe_path, 0600), 0);
  assert_failure(s->ctx, rnn_file_write(s->ctx, s->folder, "x", 1), RNN_EIO, "it is a folder, not a regular file");
  assert_failure(s->ctx, rnn_file_write(s->ctx, pipe_path, "x", 1), RNN_EIO, "a device, pipe or socket");
  assert_failure(s->ctx, rnn_file_write(s->ctx, "/dev/null", "x", 1), RNN_EIO,
                 "cannot write /dev/null: it is a device");
  assert_failure(s->ctx, rnn_file_write(s->ctx, in_scratch(s, "no/such/file"), "x", 1), RNN_EIO,
                 "no/such/file: No such file or directory");
  assert_failure(s->ctx, rnn_file_write(s->ctx, in_scratch(s, "pipe/file"), "x", 1), RNN_EIO, "Not a directory");
  assert_failure(s->ctx, rnn_file_write(s->ctx, "", "x", 1), RNN_EIO, "No such file or directory");
  assert_int_equal(scratch_count(s), 1);
}

static void reason_survives_a_long_path(void **state) {
  scratch *s = *state;
  char path[PATH_MAX + 100];
  memset(path, '/', sizeof path);
  path[sizeof path - 1] = '\0';
  assert_failure(s->ctx, rnn_file_write(s->ctx, path, "x", 1), RNN_EIO, ": File name too long");
}

/* As an ordinary user, whatever the test runs as. */
static rnn_status write_unprivileged(scratch *s, const char *path) {
  bool root = geteuid() == 0;
  if (root) assert_int_equal(seteuid(65534), 0);
  rnn_status status = rnn_file_write(s->ctx, path, "new", 3);
  if (root) assert_int_equal(seteuid(0), 0);
  return status;
}

static void read_only_folder(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.txt");
  spew(path, "old", 3);
  assert_int_equal(chmod(path, 0666), 0);
  assert_int_equal(chmod(s->folder, 0555), 0);
  assert_failure(s->ctx, write_unprivileged(s, path), RNN_EIO, "a.txt: Permission denied");
  assert_int_equal(chmod(s->folder, 0755), 0);
  assert_content(path, "old");
  assert_int_equal(scratch_count(s), 1);
}

/* The folder would allow the rename; the file says no. */
static void read_only_file(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.txt");
  spew(path, "old", 3);
  assert_int_equal(chmod(path, 0444), 0);
  assert_int_equal(chmod(s->folder, 0777), 0);
  assert_failure(s->ctx, write_unprivileged(s, path), RNN_EIO, "a.txt: Permission denied");
  assert_content(path, "old");
  assert_int_equal(scratch_count(s), 1);
}

/* It cannot be opened, hence not synced, but written. */
static void write_only_folder(void **state) {
  scratch *s = *state;
  assert_int_equal(chmod(s->folder, 0333), 0);
  rnn_status status = write_unprivileged(s, in_scratch(s, "a.txt"));
  assert_int_equal(chmod(s->folder, 0733), 0);
  assert_ok(s->ctx, status);
  assert_content(in_scratch(s, "a.txt"), "new");
}

static void size_limit_keeps_the_old_file(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.txt");
  spew(path, "old", 3);
  struct rlimit old, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small = old;
  small.rlim_cur = 100000;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  char *bytes = calloc(1, 300000);
  rnn_status status = rnn_file_write(s->ctx, path, bytes, 300000); /* a short write first, then EFBIG */
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);
  free(bytes);
  assert_failure(s->ctx, status, RNN_EIO, "a.txt: File too large");
  assert_content(path, "old");
  assert_int_equal(scratch_count(s), 1);
}

static void full_disk_keeps_the_old_file(void **state) {
  scratch *s = *state;
  if (mount("tmpfs", s->folder, "tmpfs", 0, "size=64k") != 0) {
    print_message("skipped: a small file system cannot be mounted here: %s\n", strerror(errno));
    skip();
  }
  const char *path = in_scratch(s, "a.txt");
  spew(path, "old", 3);
  char *bytes = calloc(1, 300000);
  rnn_status status = rnn_file_write(s->ctx, path, bytes, 300000);
  char message[512];
  snprintf(message, sizeof message, "%s", rnn_message(s->ctx));
  size_t size;
  char *content = slurp(path, &size);
  int files = scratch_count(s);
  rnn_status small = rnn_file_write(s->ctx, path, bytes, 1000); /* the room is there again */
  free(bytes);
  assert_int_equal(umount(s->folder), 0);
  assert_int_equal(status, RNN_EIO);
  assert_non_null(strstr(message, "a.txt: No space left on device"));
  assert_string_equal(content, "old");
  free(content);
  assert_int_equal(files, 1);
  assert_int_equal(small, RNN_OK);
}

static void failing_allocations_keep_the_old_file(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.txt");
  spew(path, "old", 3);
  rnn_status status = RNN_ENOMEM;
  int failures = 0;
  for (uint64_t nth = 1; status != RNN_OK; nth++) {
    rnn_memory_fail(s->ctx, nth, 1);
    status = rnn_file_write(s->ctx, path, "new", 3);
    rnn_memory_fail(s->ctx, 0, 0);
    if (status == RNN_OK) break;
    failures++;
    assert_int_equal(status, RNN_ENOMEM);
    assert_content(path, "old");
    assert_int_equal(scratch_count(s), 1);
  }
  assert_true(failures > 0);
  assert_content(path, "new");
}

static void temporaries_of_others_are_left_alone(void **state) {
  scratch *s = *state;
  char name[64];
  snprintf(name, sizeof name, "a.txt.tmp-%ld-0", (long)getpid());
  const char *other = in_scratch(s, name);
  spew(other, "theirs", 6);
  assert_ok(s->ctx, rnn_file_write(s->ctx, in_scratch(s, "a.txt"), "ours", 4));
  assert_content(in_scratch(s, "a.txt"), "ours");
  assert_content(other, "theirs");
}

static void interrupt_keeps_the_old_file(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.txt");
  spew(path, "old", 3);
  rnn_ctx_interrupt(s->ctx);
  assert_int_equal(rnn_file_write(s->ctx, path, "new", 3), RNN_EINTR);
  assert_true(rnn_ctx_clear_interrupt(s->ctx));
  assert_content(path, "old");
  assert_int_equal(scratch_count(s), 1);
}

static void giving_up_keeps_the_message(void **state) {
  scratch *s = *state;
  const char *path = in_scratch(s, "a.txt");
  rnni_file f;
  assert_ok(s->ctx, rnni_file_begin(s->ctx, path, &f));
  assert_ok(s->ctx, rnni_file_put(s->ctx, &f, "half", 4));
  rnni_fail(s->ctx, RNN_EARG, "the caller's own reason");
  assert_int_equal(rnni_file_finish(s->ctx, &f, false), RNN_OK);
  assert_string_equal(rnn_message(s->ctx), "the caller's own reason");
  assert_int_equal(scratch_count(s), 0);
}

static void folder_that_vanishes(void **state) {
  scratch *s = *state;
  const char *folder = in_scratch(s, "sub"), *path = in_scratch(s, "sub/a.txt");
  assert_int_equal(mkdir(folder, 0755), 0);
  rnni_file f;
  assert_ok(s->ctx, rnni_file_begin(s->ctx, path, &f));
  assert_int_equal(unlink(f.temporary), 0);
  assert_int_equal(rmdir(folder), 0);
  assert_failure(s->ctx, rnni_file_finish(s->ctx, &f, true), RNN_EIO, "a.txt: No such file or directory");
}

static void on_alarm(int signal_number) { (void)signal_number; }

/* A slow pipe and a signal each millisecond: write() is cut short and interrupted many times. */
static void signals_and_short_writes(void **state) {
  scratch *s = *state;
  enum { SIZE = 1 << 20 };
  char *bytes = malloc(SIZE);
  for (int i = 0; i < SIZE; i++) bytes[i] = (char)(i * 7 + i / 251);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t reader = fork();
  assert_true(reader >= 0);
  if (reader == 0) { /* exits 0 when every byte came, in order */
    close(ends[1]);
    int at = 0;
    char part[5000];
    for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0; at += (int)got, usleep(500))
      if (at + got > SIZE || memcmp(part, bytes + at, (size_t)got) != 0) _exit(1);
    _exit(at == SIZE ? 0 : 2);
  }
  close(ends[0]);
  struct sigaction act = {.sa_handler = on_alarm}, old; /* without SA_RESTART */
  assert_int_equal(sigaction(SIGALRM, &act, &old), 0);
  struct itimerval tick = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &tick, NULL);
  rnni_file f = {.fd = ends[1], .path = "a pipe"};
  rnn_status status = rnni_file_put(s->ctx, &f, bytes, SIZE);
  setitimer(ITIMER_REAL, &off, NULL);
  sigaction(SIGALRM, &old, NULL);
  close(ends[1]);
  int result;
  assert_int_equal(waitpid(reader, &result, 0), reader);
  free(bytes);
  assert_ok(s->ctx, status);
  assert_true(WIFEXITED(result));
  assert_int_equal(WEXITSTATUS(result), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(new_file),
      TEST(no_bytes),
      TEST(relative_path),
      TEST(old_file_is_replaced_and_keeps_its_mode),
      TEST(old_file_stays_whole_for_its_readers),
      TEST(link_stays_a_link),
      TEST(other_kinds_are_refused),
      TEST(reason_survives_a_long_path),
      TEST(read_only_folder),
      TEST(read_only_file),
      TEST(write_only_folder),
      TEST(size_limit_keeps_the_old_file),
      TEST(full_disk_keeps_the_old_file),
      TEST(failing_allocations_keep_the_old_file),
      TEST(temporaries_of_others_are_left_alone),
      TEST(interrupt_keeps_the_old_file),
      TEST(giving_up_keeps_the_message),
      TEST(folder_that_vanishes),
      TEST(signals_and_short_writes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

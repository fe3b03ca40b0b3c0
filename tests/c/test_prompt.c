/* test_prompt.c: the prompt and Ctrl-C in a real terminal. Each test starts the program (RNNLUA, of the environment or
 * of the build) on a pseudo terminal, types, and waits for what must appear; results are chosen so that the echo of
 * what was typed cannot be taken for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 60000 /* milliseconds for an answer, on a busy machine */
#define CTRL_C "\003"
#define CTRL_D "\004"
#define UP "\033[A"

typedef struct terminal {
  pid_t child;
  int master;
  char output[1 << 16]; /* all that appeared */
  size_t size;
  size_t seen; /* expect has passed this far */
} terminal;

static char home[] = "/tmp/rnnlua-prompt-XXXXXX"; /* of the user whose history is written */

/* ---- the terminal ---- */

static const char *inputrc = "/dev/null", *locale = "C.UTF-8";

static void become_program(char *const *arguments) {
  setenv("HOME", home, 1);
  setenv("INPUTRC", inputrc, 1);
  setenv("LC_ALL", locale, 1);
  setenv("PAGER", "cat", 1);
  setenv("NO_COLOR", "1", 1); /* colours are compared by prompt/looks.py */
  unsetenv("XDG_STATE_HOME");
  unsetenv("LUA_INIT");
  unsetenv("LUA_INIT_5_4");
  execv(arguments[0], arguments);
  _exit(127);
}

/* Starts the program with up to two arguments (NULL: none) in a terminal of the kind term. */
static terminal *start(const char *term, const char *first, const char *second) {
  terminal *t = calloc(1, sizeof *t);
  assert_non_null(t);
  struct winsize size = {.ws_row = 40, .ws_col = 200};
  char *named = getenv("RNNLUA");
  char *arguments[5] = {named ? named : (char *)RNNLUA};
  int count = 1;
#ifdef RNN_DOUBLE
  arguments[count++] = (char *)"--double";
#endif
  if (first) arguments[count++] = (char *)(uintptr_t)first;
  if (second) arguments[count++] = (char *)(uintptr_t)second;
  t->child = forkpty(&t->master, NULL, NULL, &size);
  assert_true(t->child >= 0);
  if (t->child == 0) {
    setenv("TERM", term, 1);
    become_program(arguments);
  }
  return t;
}

static void type(terminal *t, const char *keys) {
  assert_int_equal(write(t->master, keys, strlen(keys)), strlen(keys));
}

static long now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Takes what has appeared; false after patience milliseconds without anything, or at the end. */
static bool take_output(terminal *t, int patience) {
  struct pollfd wait = {.fd = t->master, .events = POLLIN};
  if (poll(&wait, 1, patience) <= 0 || t->size == sizeof t->output - 1) return false;
  ssize_t got = read(t->master, t->output + t->size, sizeof t->output - 1 - t->size);
  if (got <= 0) return false;
  t->size += (size_t)got;
  t->output[t->size] = '\0';
  return true;
}

/* Waits until text appears after what earlier calls have seen. */
static void expect(terminal *t, const char *text) {
  long end = now() + PATIENCE;
  char *found;
  while (!(found = strstr(t->output + t->seen, text))) {
    long left = end - now();
    if (left <= 0 || !take_output(t, (int)left)) fail_msg("waited for \"%s\" in:\n%s", text, t->output + t->seen);
  }
  t->seen = (size_t)(found - t->output) + strlen(text);
}

/* Leaves time for keys to arrive and a computation to be well under way. */
static void pause_briefly(void) {
  struct timespec ts = {.tv_nsec = 300000000};
  nanosleep(&ts, NULL);
}

/* Waits for the end of the program and returns its exit code, or the negative number of the signal that ended it. */
static int finish(terminal *t) {
  while (take_output(t, PATIENCE)) {}
  int status;
  pause_briefly();
  if (waitpid(t->child, &status, WNOHANG) == 0) {
    kill(t->child, SIGKILL);
    waitpid(t->child, &status, 0);
    fail_msg("it did not end; its output is:\n%s", t->output);
  }
  close(t->master);
  free(t);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static terminal *start_prompt(void) {
  terminal *t = start("xterm", NULL, NULL);
  expect(t, "? for help");
  expect(t, "> ");
  return t;
}

/* Ctrl-D counts at the prompt only, so the prompt is awaited. */
static int leave(terminal *t) {
  type(t, "'by' .. 'e'\r");
  expect(t, "bye");
  expect(t, "> ");
  type(t, CTRL_D);
  return finish(t);
}

/* ---- tests ---- */

static void test_values(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "6 * 7\r");
  expect(t, "42");
  type(t, "_ + 1\r");
  expect(t, "43");
  type(t, "x = 44\r= x + 1\r");
  expect(t, "45");
  type(t, "{ 1, { 'a' }, key = nil or 2 }\r");
  expect(t, "{ 1, { \"a\" }, key = 2 }");
  assert_int_equal(leave(t), 0);
}

static void test_banner_names_precision(void **state) {
  (void)state;
  terminal *t = start("xterm", NULL, NULL);
  expect(t, "rnnlua 0.");
#ifdef RNN_DOUBLE
  expect(t, "double");
#endif
  expect(t, "? for help");
  assert_int_equal(leave(t), 0);
}

static void test_error_keeps_prompt(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "error('no' .. 'pe')\r");
  expect(t, "stdin:1: nope");
  expect(t, "in main chunk");
  type(t, "6 * 7\r");
  expect(t, "42");
  assert_int_equal(leave(t), 0);
}

static void test_several_lines(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "function twice(x)\r");
  expect(t, ">> ");
  type(t, "return 2 * x\r");
  expect(t, ">> ");
  type(t, "end\r");
  expect(t, "> ");
  type(t, "twice(21)\r");
  expect(t, "42");
  type(t, UP UP "\r"); /* the whole function again */
  pause_briefly();
  type(t, "twice(22)\r");
  expect(t, "44");
  assert_int_equal(leave(t), 0);
}

static void test_history_keeps_entries_whole(void **state) {
  (void)state;
  terminal *t = start_prompt(); /* after test_several_lines */
  type(t, "twice\r");
  expect(t, "nil");
  type(t, UP UP UP UP "\r"); /* past twice, the farewell and twice(22) */
  pause_briefly();
  type(t, "twice(23)\r");
  expect(t, "46");
  assert_int_equal(leave(t), 0);
}

static void test_option_E_leaves_no_history(void **state) {
  (void)state;
  char path[200];
  snprintf(path, sizeof path, "%s/.local/state/rnnlua/history", home);
  unlink(path);
  terminal *t = start("xterm", "-E", NULL);
  expect(t, "> ");
  type(t, "6 * 7\r");
  expect(t, "42");
  assert_int_equal(leave(t), 0);
  struct stat found;
  assert_int_equal(stat(path, &found), -1);
}

static void test_completion(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "string.for\t('<%d>', 6 * 7)\r");
  expect(t, "<42>");
  char keys[200]; /* the closing quote comes with the name of the file */
  snprintf(keys, sizeof keys, "io.open('%s/numb\t):read('n')\r", home);
  type(t, keys);
  expect(t, "42");
  type(t, "require('rnn.nn.lst\t)(3, 42)\r");
  expect(t, "nn.LSTM(3 -> 42)");
  assert_int_equal(leave(t), 0);
}

static void test_interrupt_clears_line(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "error('ne' .. 'ver'");
  pause_briefly();
  type(t, CTRL_C);
  expect(t, "> ");
  type(t, "function unfinished(\r");
  expect(t, ">> ");
  type(t, CTRL_C);
  expect(t, "> ");
  type(t, "6 * 7\r");
  expect(t, "42");
  assert_null(strstr(t->output, "never"));
  assert_int_equal(leave(t), 0);
}

static void test_interrupt_stops_lua(void **state) {
  (void)state;
  terminal *t = start_prompt();
  for (int i = 0; i < 2; i++) { /* the second time as well as the first */
    type(t, "while true do end\r");
    pause_briefly();
    type(t, CTRL_C);
    expect(t, "interrupted!");
    expect(t, "in main chunk");
  }
  type(t, "6 * 7\r");
  expect(t, "42");
  assert_int_equal(leave(t), 0);
}

static void test_interrupt_is_raised_once(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "ok, m = pcall(function() while true do end end) print(ok, #m > 5, 6 * 7)\r");
  pause_briefly();
  type(t, CTRL_C);
  expect(t, "false\ttrue\t42");
  assert_int_equal(leave(t), 0);
}

static void test_interrupt_stops_coroutine(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "co = coroutine.create(function() coroutine.wrap(function() while true do end end)() end)\r");
  expect(t, "> ");
  type(t, "print(coroutine.resume(co))\r");
  pause_briefly();
  type(t, CTRL_C);
  expect(t, "false\tstdin:1: stdin:1: interrupted!");
  type(t, "for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end\r");
  pause_briefly();
  type(t, CTRL_C);
  expect(t, "interrupted!");
  type(t, "6 * 7\r");
  expect(t, "42");
  assert_int_equal(leave(t), 0);
}

#define PASTE(text) "\033[200~" text "\033[201~\r"
#define MODEL "x, y = rnn.randn(8, 5, 1), rnn.randn(8, 1)\n" \
              "model = nn.Sequential { nn.GRU(1, 4, { returns = 'last' }), nn.Linear(4, 1) }\n"
/* Trains it without end, and says when it is under way. */
#define FIT(options) PASTE(MODEL \
  "h = rnn.fit(model, { data = rnn.data.arrays(x, y):batches { size = 4 }, loss = 'mse', epochs = 100000000,\n" \
  "  on_epoch = function(e) if e == 1 then print('under' .. 'way') end end, progress = false,\n" \
  "  optimizer = optim.SGD(model:parameters())" options " })")

static void test_pasted_block_runs_whole(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, PASTE("local six = 6\nlocal seven = 7\n\nprint('is ' .. six * seven)"));
  expect(t, "is 42");
  expect(t, "note: local six, seven ended");
  assert_int_equal(leave(t), 0);
}

static void test_help_and_sources(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "nn.LSTM?\r");
  expect(t, "Hochreiter, Schmidhuber 1997");
  type(t, "?? rnn.split\r");
  expect(t, "function shapes.split(x, axis, sizes)");
  type(t, ";echo $((6 * 7))\r");
  expect(t, "42\r\n");
  type(t, "nn.LSTM(3, 4, { bidir\ttrue })\r");
  expect(t, "nn.LSTM(3 -> 4, bidirectional)");
  assert_int_equal(leave(t), 0);
}

/* A loop of one's own: stopped between two statements, its variables read and changed, and continued. */
static void test_prompt_in_loop(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, PASTE(MODEL "opt = optim.Adam(model:parameters())\n"
                      "local going, seen = true, 0\n"
                      "while going do\n"
                      "  if seen == 1 then print('under' .. 'way') end\n"
                      "  local loss = nn.mse(model(x), y)\n"
                      "  opt:zero_grad(); loss:backward(); opt:step()\n"
                      "  seen = seen + 1\n"
                      "end\n"
                      "print('left' .. 6 * 7, opt.lr)"));
  expect(t, "underway");
  type(t, CTRL_C);
  expect(t, "stopped at stdin:");
  expect(t, "here are going");
  expect(t, "loop> ");
  type(t, "'seen' .. tostring(seen > 0)\r");
  expect(t, "seentrue");
  expect(t, "loop> ");
  type(t, "while true do end\r"); /* a computation here is stopped by itself */
  pause_briefly();
  type(t, CTRL_C);
  expect(t, "interrupted!");
  expect(t, "loop> ");
  type(t, "opt.lr, going = 0.125, false\r");
  expect(t, "loop> ");
  type(t, "continue\r");
  expect(t, "left42\t0.125");
  assert_int_equal(leave(t), 0);
}

static void test_prompt_in_fit(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, FIT(""));
  expect(t, "underway");
  for (int i = 0; i < 2; i++) {
    type(t, CTRL_C);
    expect(t, "of rnn.fit, inside the loop; here are history, model, opt, run");
    expect(t, "loop> ");
    if (i == 0) type(t, "opt.lr = 0.0625\rcontinue\r");
    pause_briefly();
  }
  type(t, "'lr' .. opt.lr, 'steps' .. tostring(run.step > 0)\r");
  expect(t, "lr0.0625\tstepstrue");
  type(t, "tostring(history):gsub('[%d]+ epochs; best', 'many epochs; best')\r");
  expect(t, "rnn.History of many epochs; best");
  type(t, "%who\r"); /* what was said to be here, and the globals */
  expect(t, "history  rnn.History");
  expect(t, "model    nn.Sequential");
  expect(t, "opt      optim.SGD");
  expect(t, "run      train.Run");
  expect(t, "y        tensor");
  type(t, "paused = rnn.clock(); while rnn.clock() < paused + 1 do end\r");
  expect(t, "loop> ");
  type(t, "stop\r");
  expect(t, "stop in epoch");
  type(t, "#h > 0, #h == #h.loss, h.stopped\r"); /* the script has gone on */
  expect(t, "true\ttrue\tstop in epoch");
  type(t, "longest = 0; for _, s in ipairs(h.seconds) do longest = math.max(longest, s) end\r");
  type(t, "'a second of a pause counts: ' .. tostring(longest >= 1)\r");
  expect(t, "a second of a pause counts: false");
  assert_int_equal(leave(t), 0);
}

/* A run that can save itself does so. */
static void test_stop_saves_run(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, FIT(", run = os.getenv('HOME') .. '/run'"));
  expect(t, "underway");
  type(t, CTRL_C);
  expect(t, "of rnn.fit, inside the loop");
  expect(t, "loop> ");
  type(t, "stop\r");
  expect(t, "stop in epoch");
  expect(t, "saved in ");
  expect(t, "goes on from there");
  type(t, "#h > 0, h.stopped\r");
  expect(t, "true\tstop in epoch");
  assert_int_equal(leave(t), 0);
}

/* So does one whose prompt in the loop is open when the program is told to end. */
static void test_signal_at_loop_saves_run(void **state) {
  (void)state;
  static const int signals[] = {SIGTERM, SIGHUP, SIGUSR1};
  for (int i = 0; i < 3; i++) {
    terminal *t = start_prompt();
    type(t, FIT(", run = os.getenv('HOME') .. '/run', resume = false"));
    expect(t, "underway");
    type(t, CTRL_C);
    expect(t, "of rnn.fit, inside the loop");
    expect(t, "loop> ");
    pause_briefly();
    kill(t->child, signals[i]);
    expect(t, "saved in ");
    expect(t, "goes on from there");
    finish(t);
  }
}

/* A match of one to three seconds of an idle processor, which nothing can stop. */
#define STUBBORN "('a'):rep(35):find(('a*'):rep(7) .. 'b')"

static void test_impatience_keeps_prompt(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "io.write('rea', 'dy\\n') x = " STUBBORN "\r");
  expect(t, "ready\r\n");
  for (int i = 0; i < 3; i++) {
    pause_briefly();
    type(t, CTRL_C);
  }
  expect(t, "interrupted!");
  type(t, "6 * 7\r");
  expect(t, "42");
  assert_int_equal(leave(t), 0);
}

static void test_second_interrupt_ends_script(void **state) {
  (void)state;
  terminal *t = start("xterm", "-e", "print(6 * 7) x = " STUBBORN);
  expect(t, "42");
  pause_briefly();
  type(t, CTRL_C);
  pause_briefly();
  type(t, CTRL_C);
  assert_int_equal(finish(t), -SIGINT);
}

/* The core is inside a product, not Lua between two: its frame is in the traceback. */
static void test_interrupt_stops_product(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "rnn.threads(1) x = rnn.rand(5000, 5000) io.write('rea', 'dy\\n') y = x:matmul(x)\r");
  expect(t, "ready\r\n");
  pause_briefly();
  type(t, CTRL_C);
  expect(t, "interrupted!");
  expect(t, "[C]: in ");
  expect(t, "matmul");
  type(t, "rnn.ones(6, 7):sum():item()\r");
  expect(t, "42");
  assert_int_equal(leave(t), 0);
}

static void test_dumb_terminal(void **state) {
  (void)state;
  terminal *t = start("dumb", NULL, NULL);
  expect(t, "> ");
  type(t, "6 *\n");
  expect(t, ">> ");
  type(t, "7\n");
  expect(t, "42");
  expect(t, "> ");
  type(t, "never" CTRL_C);
  expect(t, "> ");
  type(t, "40 + 3\n");
  expect(t, "43");
  assert_int_equal(leave(t), 0);
}

static void test_interrupt_ends_script(void **state) {
  (void)state;
  terminal *t = start("xterm", "-e", "print(6 * 7) while true do end");
  expect(t, "42");
  pause_briefly();
  type(t, CTRL_C);
  expect(t, "(command line):1: interrupted!");
  expect(t, "in main chunk");
  assert_int_equal(finish(t), 130);
}

static void test_caught_interrupt_is_success(void **state) {
  (void)state;
  terminal *t = start("xterm", "-e", "print(6 * 7) print(pcall(function() while true do end end)) print(6 * 8)");
  expect(t, "42");
  pause_briefly();
  type(t, CTRL_C);
  expect(t, "interrupted!");
  expect(t, "48");
  assert_int_equal(finish(t), 0);
}

/* ---- any keys ---- */

/* What a keyboard can send, whole and in pieces, but for digits, which repeat what follows for ever, and what ends or
 * stops the program. Nothing that is typed can do harm as a line of Lua. */
static const char *const keys[] = {
    "x", "(", ")", "n", " ", ".", "'", "\"", "[[", "rnn.", "f()", "function", "end", "\t", "\t\t", "y", "\r", "\n",
    "\xc3\xa9", "\xc3", "\xa9", "\xe6\x97\xa5", "\xe6\x97", "\xf0\x9f\x98\x80", "\xcc\x81", "\xff", "\x80", "\033",
    "\001", "\002", "\003", "x\004", "\005", "\006", "\007", "\010", "\013", "\014", "\016", "\017", "\020", "\022",
    "\022", "\022x", "\023\021", "\024", "\025", "\026", "\027", "\030", "\030\025", "\030\030", "\030(", "\030)", "\030e",
    "\031", "\035", "\037", "\177", "\033[A", "\033[B", "\033[C", "\033[D", "\033[H", "\033[F", "\033[3~", "\033OA",
    "\033b", "\033f", "\033d", "\033u", "\033l", "\033c", "\033t", "\033n", "\033p", "\033<", "\033>", "\033y", "\033.",
    "\033r", "\033?", "\033*", "\033\\", "\033#", "\033\177", "\033\020", "\033[200~", "\033[201~", "\033[200~a\nb\033[201~",
    "k", "j", "h", "l", "0", "$", "D", "u", "i", "a", "/", "?", "N", "r", "R", "~", "%", "G", "w", "c", "d", "p"};
#define KEYS (sizeof keys / sizeof *keys)

static uint32_t seed;

static uint32_t below(uint32_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed % n;
}

static void resize(terminal *t) {
  static const unsigned short sides[] = {0, 1, 2, 3, 5, 8, 19, 20, 21, 40, 80, 200, 1000};
  uint32_t count = sizeof sides / sizeof *sides;
  struct winsize size = {.ws_row = sides[below(count)], .ws_col = sides[below(count)]};
  ioctl(t->master, TIOCSWINSZ, &size);
}

/* Is it still there? Forgets most of what appeared. */
static bool lives(terminal *t) {
  while (take_output(t, 0)) {}
  if (t->size > sizeof t->output / 2) t->size = 0;
  siginfo_t ended = {0};
  return waitid(P_PID, (id_t)t->child, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0;
}

/* Types count keys in pieces that arrive at once, with changes of the window between them. They may end the program by
 * Ctrl-D, perhaps with a Ctrl-C behind it, but in no other way. */
static void type_anything(terminal *t, long count) {
  char piece[256];
  while (count > 0 && lives(t)) {
    size_t length = 0;
    for (uint32_t i = below(12) + 1; i > 0; i--, count--) {
      const char *key = keys[below(KEYS)];
      memcpy(piece + length, key, strlen(key));
      length += strlen(key);
    }
    if (below(8) == 0) resize(t);
    if (write(t->master, piece, length) != (ssize_t)length) return;
    take_output(t, 20);
  }
}

/* PROMPT_KEYS=1000000 PROMPT_SEED=7 test_prompt_float: more of them, and others. */
static void test_any_keys(void **state) {
  (void)state;
  static const char *const terms[] = {"xterm", "vt100", "ansi", "linux"};
  const char *wanted = getenv("PROMPT_KEYS"), *given = getenv("PROMPT_SEED");
  char vi[200];
  snprintf(vi, sizeof vi, "%s/vi", home);
  for (long left = wanted ? atol(wanted) : 3000, run = given ? atol(given) : 1; left > 0; left -= 500, run++) {
    seed = (uint32_t)run * 2654435761u | 1;
    inputrc = below(3) == 0 ? vi : "/dev/null";
    locale = below(4) == 0 ? "C" : "C.UTF-8";
    terminal *t = start(terms[below(4)], NULL, NULL);
    expect(t, "> ");
    type_anything(t, left < 500 ? left : 500);
    for (int i = 0; i < 20 && lives(t); i++) { /* out of whatever is open, and away */
      type(t, "\033[201~" CTRL_C);
      pause_briefly();
      type(t, "os.exit(0, true)\r");
      pause_briefly();
    }
    int status = -1;
    waitpid(t->child, &status, WNOHANG);
    if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)) {
      while (take_output(t, 100)) {}
      kill(t->child, SIGKILL);
      fail_msg("PROMPT_SEED=%ld: status %d after:\n%s", run, status, t->output);
    }
    close(t->master);
    free(t);
  }
  inputrc = "/dev/null";
  locale = "C.UTF-8";
}

static void test_search_in_one_piece(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "\022\033\xc3\xa9n f()");
  pause_briefly();
  type(t, CTRL_C);
  expect(t, "> ");
  type(t, "6 * 7\r");
  expect(t, "42");
  assert_int_equal(leave(t), 0);
}

static void test_tiny_screen(void **state) {
  (void)state;
  terminal *t = start_prompt();
  static const struct winsize sizes[] = {{.ws_row = 1, .ws_col = 2}, {.ws_row = 1, .ws_col = 1}, {.ws_row = 2, .ws_col = 3},
                                         {.ws_row = 0, .ws_col = 1}, {.ws_row = 40, .ws_col = 200}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    ioctl(t->master, TIOCSWINSZ, &sizes[i]);
    pause_briefly();
    type(t, "never" "\025");
    pause_briefly();
    type(t, "6 *\r7\r");
    expect(t, "42");
    expect(t, "> ");
  }
  assert_int_equal(leave(t), 0);
}

/* ---- programs that catch the interrupt ---- */

#define FOREVER "function() while true do end end"

static const char *const catching[] = {
    "pcall(" FOREVER ")",
    "xpcall(" FOREVER ", function(e) return e end)",
    "coroutine.resume(coroutine.create(" FOREVER "))",
    "coroutine.wrap(function() pcall(" FOREVER ") end)()",
    "local co = coroutine.create(function() local x <close> = setmetatable({}, { __close = " FOREVER " }) "
    "coroutine.yield() end) coroutine.resume(co) coroutine.close(co)",
    "load(" FOREVER ")",
    "pcall(rnn.no_grad, " FOREVER ")",
    "pcall(x.matmul, x, x)",
    "pcall(function() local x <close> = setmetatable({}, { __close = function() pcall(" FOREVER ") end }) (" FOREVER ")() end)",
};

static void test_second_interrupt_is_not_caught(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof catching / sizeof *catching; i++) {
    char program[500];
    snprintf(program, sizeof program, "rnn = require 'rnn' x = rnn.rand(999, 999) print(6 * 7) while true do %s end",
             catching[i]);
    terminal *t = start("xterm", "-e", program);
    expect(t, "42");
    for (int k = 0; k < 2; k++) {
      pause_briefly();
      type(t, CTRL_C);
    }
    long begun = now();
    assert_int_equal(finish(t), 130);
    assert_true(now() - begun < 5000);
  }
}

static void test_second_interrupt_leads_to_prompt(void **state) {
  (void)state;
  terminal *t = start_prompt();
  type(t, "x = rnn.rand(999, 999)\r");
  expect(t, "> ");
  for (size_t i = 0; i < sizeof catching / sizeof *catching; i++) {
    char program[500];
    snprintf(program, sizeof program, "while true do %s end\r", catching[i]);
    type(t, program);
    for (int k = 0; k < 2; k++) {
      pause_briefly();
      type(t, CTRL_C);
    }
    expect(t, "interrupted!");
    expect(t, "> ");
    type(t, "6 * 7, pcall(error, 'is caught')\r"); /* as ever */
    expect(t, "42\tfalse\tis caught");
    expect(t, "> ");
  }
  assert_int_equal(leave(t), 0);
}

/* Ctrl-C while the state is being closed finds nothing to interrupt. */
static void test_interrupt_while_leaving(void **state) {
  (void)state;
  terminal *t = start("xterm", "-e", "last = setmetatable({}, { __gc = function() print(6 * 7) while true do end end }) "
                      "rnn = require 'rnn' rnn.ones(1) os.exit(0, true)");
  expect(t, "42");
  pause_briefly();
  type(t, CTRL_C);
  assert_int_equal(finish(t), -SIGINT);
}

static int make_home(void **state) {
  (void)state;
  if (!mkdtemp(home)) return -1;
  char path[200];
  snprintf(path, sizeof path, "%s/numbers.txt", home);
  FILE *file = fopen(path, "w");
  if (!file) return -1;
  fputs("42\n", file);
  fclose(file);
  snprintf(path, sizeof path, "%s/vi", home);
  file = fopen(path, "w");
  if (!file) return -1;
  fputs("set editing-mode vi\n", file);
  return fclose(file);
}

static int remove_home(void **state) {
  (void)state;
  char command[200];
  snprintf(command, sizeof command, "rm -rf '%s'", home);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_banner_names_precision),
      cmocka_unit_test(test_error_keeps_prompt),
      cmocka_unit_test(test_several_lines),
      cmocka_unit_test(test_history_keeps_entries_whole),
      cmocka_unit_test(test_option_E_leaves_no_history),
      cmocka_unit_test(test_completion),
      cmocka_unit_test(test_interrupt_clears_line),
      cmocka_unit_test(test_interrupt_stops_lua),
      cmocka_unit_test(test_interrupt_is_raised_once),
      cmocka_unit_test(test_interrupt_stops_coroutine),
      cmocka_unit_test(test_pasted_block_runs_whole),
      cmocka_unit_test(test_help_and_sources),
      cmocka_unit_test(test_prompt_in_loop),
      cmocka_unit_test(test_prompt_in_fit),
      cmocka_unit_test(test_stop_saves_run),
      cmocka_unit_test(test_signal_at_loop_saves_run),
      cmocka_unit_test(test_impatience_keeps_prompt),
      cmocka_unit_test(test_second_interrupt_ends_script),
      cmocka_unit_test(test_interrupt_stops_product),
      cmocka_unit_test(test_dumb_terminal),
      cmocka_unit_test(test_interrupt_ends_script),
      cmocka_unit_test(test_caught_interrupt_is_success),
      cmocka_unit_test(test_search_in_one_piece),
      cmocka_unit_test(test_tiny_screen),
      cmocka_unit_test(test_any_keys),
      cmocka_unit_test(test_second_interrupt_is_not_caught),
      cmocka_unit_test(test_second_interrupt_leads_to_prompt),
      cmocka_unit_test(test_interrupt_while_leaving),
  };
  if (getenv("ONLY")) cmocka_set_test_filter(getenv("ONLY"));
  return cmocka_run_group_tests(tests, make_home, remove_home);
}

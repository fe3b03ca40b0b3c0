/* line.c: line editing, history and completion for the prompt, over a readline loaded at run time. Only documented
 * variables and functions of readline 8 are used; their types stand here, as its headers need not be installed.
 *
 * readline asks for keys through a function of ours, which waits for signals, too, so that Ctrl-C needs no jump out of
 * it: from then on every wish for a key fails, and readline leaves whatever it was doing. Its own signal handlers stay
 * off. (Its callback form is of no use here: it loses its state when the keys of a search come all at once.) */
#include "line.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lauxlib.h>

#define HISTORY_ENTRIES 1000
#define READERR (-2) /* of readline.h: no key can be had */
#define RL_STATE_MOREINPUT 0x40
#define LEAST_ROWS 2
#define LEAST_COLUMNS 20 /* on a smaller screen readline divides by 0 */

typedef char *line_generator(const char *text, int state);
typedef char **line_completer(const char *text, int start, int end);

/* The parts of readline that are used. */
static struct {
  char *(*readline)(const char *prompt);
  int (*initialize)(void);
  int (**getc_function)(FILE *stream);
  unsigned long *readline_state;
  void (*resize_terminal)(void);
  void (*reset_screen_size)(void);
  void (*get_screen_size)(int *rows, int *columns);
  void (*set_screen_size)(int rows, int columns);
  int (*forced_update_display)(void);
  void (**prep_term_function)(int meta);
  void (**deprep_term_function)(void);
  char **(*completion_matches)(const char *text, line_generator *generator);
  line_completer **attempted_completion_function;
  int *attempted_completion_over;
  int *completion_append_character;
  char *(**completion_word_break_hook)(void);
  const char **completer_quote_characters;
  int *completion_quote_character;
  char **line_buffer;
  int *point;
  const char **readline_name;
  int *catch_signals;
  int *catch_sigwinch;
  int *change_environment;
  int (*variable_bind)(const char *name, const char *value);
  struct {
    char *line, *timestamp;
    void *changes;
  } **(*history_list)(void);
  void (*add_history)(const char *text);
  int (*read_history)(const char *path);
  int (*append_history)(int count, const char *path);
  int (*history_truncate_file)(const char *path, int entries);
  void (*stifle_history)(int entries);
  char *history_comment_char;
  int *history_write_timestamps;
} rl;

static const struct {
  const char *name;
  void *slot;
} symbols[] = {{"readline", &rl.readline},
               {"rl_initialize", &rl.initialize},
               {"rl_getc_function", &rl.getc_function},
               {"rl_readline_state", &rl.readline_state},
               {"rl_resize_terminal", &rl.resize_terminal},
               {"rl_reset_screen_size", &rl.reset_screen_size},
               {"rl_get_screen_size", &rl.get_screen_size},
               {"rl_set_screen_size", &rl.set_screen_size},
               {"rl_forced_update_display", &rl.forced_update_display},
               {"rl_prep_term_function", &rl.prep_term_function},
               {"rl_deprep_term_function", &rl.deprep_term_function},
               {"rl_completion_matches", &rl.completion_matches},
               {"rl_attempted_completion_function", &rl.attempted_completion_function},
               {"rl_attempted_completion_over", &rl.attempted_completion_over},
               {"rl_completion_append_character", &rl.completion_append_character},
               {"rl_completion_word_break_hook", &rl.completion_word_break_hook},
               {"rl_completer_quote_characters", &rl.completer_quote_characters},
               {"rl_completion_quote_character", &rl.completion_quote_character},
               {"rl_line_buffer", &rl.line_buffer},
               {"rl_point", &rl.point},
               {"rl_readline_name", &rl.readline_name},
               {"rl_catch_signals", &rl.catch_signals},
               {"rl_catch_sigwinch", &rl.catch_sigwinch},
               {"rl_change_environment", &rl.change_environment},
               {"rl_variable_bind", &rl.variable_bind},
               {"history_list", &rl.history_list},
               {"add_history", &rl.add_history},
               {"read_history", &rl.read_history},
               {"append_history", &rl.append_history},
               {"history_truncate_file", &rl.history_truncate_file},
               {"stifle_history", &rl.stifle_history},
               {"history_comment_char", &rl.history_comment_char},
               {"history_write_timestamps", &rl.history_write_timestamps}};

static bool editing;                        /* readline is in use */
static bool waiting;                        /* standard input is a terminal, where a signal must end the wait */
static char history_path[4096];             /* "": no file */
static char *line;                          /* the line last read; freed at the next read */
static int wake[2] = {-1, -1};              /* a pipe: signal handlers write, the wait for keys ends */
static volatile sig_atomic_t got_interrupt, got_resize, got_stop;

/* ---- readline ---- */

static bool load_readline(void) {
  void *library = dlopen("libreadline.so.8", RTLD_NOW | RTLD_LOCAL);
  if (!library) return false;
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    void *found = dlsym(library, symbols[i].name);
    if (!found) {
      dlclose(library);
      return false;
    }
    memcpy(symbols[i].slot, &found, sizeof found); /* also for pointers to functions */
  }
  return true;
}

static bool is_capable(void) {
  const char *term = getenv("TERM");
  return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

/* ---- completion ---- */

static lua_State *completing; /* for readline's callbacks, which carry no argument */
static const char completer_key; /* its address is the registry key of the Lua function */

/* Pushes the table of candidates for what stands before the cursor. Runs protected. */
static int push_candidates(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &completer_key);
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  luaL_checktype(L, -1, LUA_TTABLE);
  return 1;
}

/* The candidates lie on top of completing's stack while readline asks for one after the other. */
static char *next_candidate(const char *text, int state) {
  (void)text;
  static lua_Integer next;
  if (state == 0) next = 1;
  lua_rawgeti(completing, -1, next++);
  const char *candidate = lua_type(completing, -1) == LUA_TSTRING ? lua_tostring(completing, -1) : NULL;
  char *copy = candidate ? strdup(candidate) : NULL;
  lua_pop(completing, 1);
  return copy;
}

/* The quote that is open before the cursor, or 0. */
static char open_quote(void) {
  char quote = '\0';
  for (int i = 0; i < *rl.point; i++) {
    char c = (*rl.line_buffer)[i];
    if (quote && c == '\\') i++;
    else if (c == quote) quote = '\0';
    else if (!quote && (c == '"' || c == '\'')) quote = c;
  }
  return quote;
}

/* What ends a word: in a string, where file names are completed, the quotes; elsewhere all that is not in a name. */
static char *word_breaks(void) {
  static char in_string[] = "\"'", in_code[] = " \t\n\"'`@$><=;|&{(+-*/%^~#,[)]}?!.:";
  return open_quote() ? in_string : in_code;
}

static char **complete(const char *text, int start, int end) {
  (void)start;
  lua_State *L = completing;
  *rl.completion_append_character = '\0';
  *rl.attempted_completion_over = !*rl.completion_quote_character; /* in a string without candidates: file names */
  if (!lua_checkstack(L, 10)) return NULL;
  int top = lua_gettop(L);
  lua_pushcfunction(L, push_candidates);
  lua_pushlstring(L, *rl.line_buffer, (size_t)end);
  char **matches = lua_pcall(L, 1, 1, 0) == LUA_OK ? rl.completion_matches(text, next_candidate) : NULL;
  lua_settop(L, top);
  return matches;
}

int lrnn_line_complete_with(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &completer_key);
  if (editing) *rl.attempted_completion_function = complete;
  return 0;
}

/* ---- history ---- */

/* Makes every folder of path, readable by its owner only. */
static void make_folders(const char *path) {
  char folder[sizeof history_path];
  snprintf(folder, sizeof folder, "%s", path);
  for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(folder, 0700); /* there already, or impossible: opening the file will tell */
    *slash = '/';
  }
}

/* $XDG_STATE_HOME, which counts only when absolute, or ~/.local/state. */
static bool set_history_path(void) {
  const char *state = getenv("XDG_STATE_HOME");
  const char *home = getenv("HOME");
  int length = -1;
  if (state && state[0] == '/') length = snprintf(history_path, sizeof history_path, "%s/rnnlua/history", state);
  else if (home && home[0] == '/')
    length = snprintf(history_path, sizeof history_path, "%s/.local/state/rnnlua/history", home);
  return length > 0 && (size_t)length < sizeof history_path;
}

/* Entries are appended one by one, so two prompts share the file and a crash loses nothing. Time stamps are on because
 * they are what separates entries of several lines. */
static void open_history(void) {
  *rl.history_comment_char = '#';
  *rl.history_write_timestamps = 1;
  rl.stifle_history(HISTORY_ENTRIES);
  int fd = -1;
  if (set_history_path()) {
    make_folders(history_path);
    fd = open(history_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* append_history wants it to exist */
  }
  if (fd < 0) {
    history_path[0] = '\0';
    return;
  }
  close(fd);
  rl.history_truncate_file(history_path, HISTORY_ENTRIES);
  rl.read_history(history_path);
}

int lrnn_line_remember(lua_State *L) {
  const char *text = luaL_checkstring(L, 1);
  if (!editing || !*text) return 0;
  rl.add_history(text);
  if (*history_path) rl.append_history(1, history_path);
  return 0;
}

/* ---- signals while a line is read ---- */

static void on_signal(int number) {
  int saved = errno;
  if (number == SIGINT) got_interrupt = 1;
  if (number == SIGWINCH) got_resize = 1;
  if (number == SIGTSTP) got_stop = 1;
  if (wake[1] >= 0) (void)!write(wake[1], "", 1); /* full: a wake-up is there already */
  errno = saved;
}

static const int signals[] = {SIGINT, SIGWINCH, SIGTSTP};
#define SIGNALS ((int)(sizeof signals / sizeof *signals))

static void catch_signals(struct sigaction *before) {
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  got_interrupt = 0;
  /* In plain reading only SIGINT matters; the terminal and the shell do the rest. */
  for (int i = 0; i < (editing ? SIGNALS : 1); i++) sigaction(signals[i], &action, &before[i]);
}

static void restore_signals(const struct sigaction *before) {
  for (int i = 0; i < (editing ? SIGNALS : 1); i++) sigaction(signals[i], &before[i], NULL);
}

/* ---- reading ---- */

typedef enum outcome { READ_LINE, READ_END, READ_INTERRUPTED } outcome;

/* Waits for keys or a signal; true when there are keys. */
static bool wait_for_keys(void) {
  struct pollfd wait[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = wake[0], .events = POLLIN}};
  bool ready = poll(wait, 2, -1) > 0;
  char bytes[64];
  while (read(wake[0], bytes, sizeof bytes) > 0) {}
  return ready && wait[0].revents;
}

/* Ctrl-Z: stops here, with the terminal as the shell wants it, and goes on with the line when continued. */
static void stop_for_shell(void) {
  struct sigaction ours, standard = {.sa_handler = SIG_DFL};
  got_stop = 0;
  if (*rl.deprep_term_function) (*rl.deprep_term_function)();
  sigaction(SIGTSTP, &standard, &ours);
  raise(SIGTSTP);
  sigaction(SIGTSTP, &ours, NULL);
  if (*rl.prep_term_function) (*rl.prep_term_function)(1);
  rl.forced_update_display();
}

/* Takes the size of the screen; true when readline can draw on one so small. */
static bool measure_screen(void) {
  int rows, columns;
  rl.reset_screen_size();
  rl.get_screen_size(&rows, &columns);
  if (rows >= LEAST_ROWS && columns >= LEAST_COLUMNS) return true;
  rl.set_screen_size(rows < LEAST_ROWS ? LEAST_ROWS : rows, columns < LEAST_COLUMNS ? LEAST_COLUMNS : columns);
  return false;
}

static void follow_screen(void) {
  got_resize = 0;
  if (measure_screen()) rl.resize_terminal();
  else rl.forced_update_display();
}

/* The next key, EOF when the terminal is gone, or READERR after Ctrl-C. */
static int wait_for_key(void) {
  for (;;) {
    bool keys = wait_for_keys();
    if (got_interrupt) {
      if (got_interrupt++ == 1) fputs("^C\n", stdout);
      return READERR;
    }
    if (got_stop) stop_for_shell();
    if (got_resize) follow_screen();
    unsigned char key;
    ssize_t got = keys ? read(STDIN_FILENO, &key, 1) : -1;
    if (got > 0) return key;
    if (got == 0 || (keys && errno != EINTR)) return EOF;
  }
}

/* Lines of the history that were changed and left do not keep how to undo it: readline would free it twice. */
static void forget_changes(void) {
  for (int i = 0; rl.history_list() && rl.history_list()[i]; i++) rl.history_list()[i]->changes = NULL;
}

/* For readline. While it reads more than one key, a failure is told as the end of a paste: it takes what was pasted for
 * a string even when its end does not come. */
static int next_key(FILE *stream) {
  (void)stream;
  static const char paste_end[] = "\033[201~";
  static size_t told;
  forget_changes();
  int key = wait_for_key();
  if (key >= 0) told = 0;
  if (key >= 0 || told == strlen(paste_end) || !(told || *rl.readline_state & RL_STATE_MOREINPUT)) return key;
  return paste_end[told++];
}

/* readline wants to know which bytes of a prompt take no room: escape sequences between \001 and \002. */
static void mark_colors(const char *prompt, char *out, size_t size) {
  size_t n = 0;
  while (*prompt && n + 16 < size) {
    size_t length = *prompt == '\033' ? strcspn(prompt, "m") + 1 : 0;
    if (length == 0 || length > 12 || !prompt[length - 1]) {
      out[n++] = *prompt++;
      continue;
    }
    out[n++] = '\001';
    memcpy(out + n, prompt, length);
    n += length;
    out[n++] = '\002';
    prompt += length;
  }
  out[n] = '\0';
}

static outcome read_edited(const char *prompt) {
  char marked[1024];
  measure_screen();
  mark_colors(prompt, marked, sizeof marked);
  line = rl.readline(marked);
  if (got_interrupt) return READ_INTERRUPTED;
  return line ? READ_LINE : READ_END;
}

static outcome read_plain(const char *prompt) {
  fputs(prompt, stdout);
  fflush(stdout);
  size_t capacity = 0;
  ssize_t length = -1;
  while (waiting && !got_interrupt && !wait_for_keys()) {}
  if (!got_interrupt) length = getline(&line, &capacity, stdin);
  if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
  if (length > 0) return READ_LINE;
  if (!got_interrupt) return READ_END;
  clearerr(stdin);
  fputc('\n', stdout);
  return READ_INTERRUPTED;
}

int lrnn_line_read(lua_State *L) {
  const char *prompt = luaL_checkstring(L, 1);
  struct sigaction before[SIGNALS];
  free(line);
  line = NULL;
  completing = L;
  catch_signals(before);
  outcome result = editing ? read_edited(prompt) : read_plain(prompt);
  restore_signals(before);
  if (result == READ_LINE) lua_pushstring(L, line);
  else if (result == READ_INTERRUPTED) lua_pushboolean(L, 0);
  else lua_pushnil(L);
  return 1;
}

void lrnn_line_open(bool history) {
  waiting = isatty(STDIN_FILENO) && pipe2(wake, O_CLOEXEC | O_NONBLOCK) == 0;
  if (!waiting) return;
  if (!is_capable() || !load_readline()) {
    setvbuf(stdin, NULL, _IONBF, 0); /* what poll does not see is not there */
    return;
  }
  editing = true;
  *rl.readline_name = "rnnlua"; /* for "$if rnnlua" in ~/.inputrc */
  *rl.catch_signals = 0;
  *rl.catch_sigwinch = 0;
  *rl.change_environment = 0;
  *rl.getc_function = next_key;
  *rl.completion_word_break_hook = word_breaks;
  *rl.completer_quote_characters = "\"'";
  rl.variable_bind("blink-matching-paren", "on"); /* ~/.inputrc has the last word */
  rl.initialize();
  if (history) open_history();
}

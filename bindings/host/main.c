/* main.c: the program rnnlua. Its command line is that of lua 5.4, and scripts behave as under lua 5.4, with these
 * differences: the library is there (require "rnn"), Lua is loaded as text only, the folder of the script goes before
 * package.path, and there are a few long options of our own. Nothing of the library is opened before it is used. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "../pool.h"
#include "embedded.h"
#include "host.h"
#include "line.h"
#include "rnn.h"
#include "sandbox.h"

#define EXIT_SIGNAL 128 /* + its number, as a shell reports it */

/* What the command line says, but for -e -l -W, which are run in their order by run_options. */
static struct {
  int argc;
  char **argv;
  const char *program;
  int script; /* index into argv of the script, or of what follows the options */
  bool interactive, version, execute, required, help, full_version, editor;
  lrnn_start start;
  lrnn_sandbox sandbox;
} options;

/* ---- messages ---- */

static void complain(const char *message) {
  fflush(stdout);
  if (options.program) fprintf(stderr, "%s: ", options.program);
  fprintf(stderr, "%s\n", message);
  fflush(stderr);
}

/* Prints the message on the stack when status is not LUA_OK, and returns status. */
static int report(lua_State *L, int status) {
  if (status == LUA_OK) return status;
  const char *message = lua_tostring(L, -1);
  complain(message ? message : "(error message not a string)");
  lua_pop(L, 1);
  return status;
}

static void print_usage(FILE *out) {
  fprintf(out, "usage: %s [options] [script [args]]\n       %s command ...   each with --help:\n", options.program,
          options.program);
#define COMMAND(word, meaning) fprintf(out, "  %-16s %s\n", word, meaning);
#define OPTION(name, value, values, meaning)
#include "options.def"
#undef OPTION
#undef COMMAND
  fputs("Available options are:\n", out);
#define COMMAND(word, meaning)
#define OPTION(name, value, values, meaning) \
  fprintf(out, "  %-16s %s\n", *value ? name " " value : name, meaning);
#include "options.def"
#undef OPTION
#undef COMMAND
}

/* The settings of language servers that read LuaCATS, with the folder of our annotations: beside the program where it is
 * installed, in the sources where it was built. */
static int print_editor(void) {
  static const char *const places[] = {"/../share/rnnlua/library", "/../stdlib"};
  char program[PATH_MAX], path[PATH_MAX + 64], library[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  program[length > 0 ? length : 0] = '\0';
  char *slash = strrchr(program, '/');
  if (slash) *slash = '\0';
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(path, sizeof path, "%s%s/rnn/meta.lua", program, places[i]);
    if (access(path, R_OK) != 0) continue;
    snprintf(path, sizeof path, "%s%s", program, places[i]);
    if (!realpath(path, library) || strpbrk(library, "\"\\")) break;
    printf("{\n  \"runtime.version\": \"Lua 5.4\",\n  \"workspace.library\": [\"%s\"],\n"
           "  \"workspace.checkThirdParty\": false\n}\n", library);
    return EXIT_SUCCESS;
  }
  fprintf(stderr, "%s: --editor: there are no annotations beside the program; install the package, or build it from source\n",
          options.program);
  return EXIT_FAILURE;
}

static void print_version(void) { printf("rnnlua " RNN_VERSION "  " LUA_COPYRIGHT "\n"); }

/* The library that is opened when it is first used. */
static void print_blas_version(void) {
  rnn_ctx *ctx;
  if (rnn_ctx_new(&ctx) != RNN_OK) return;
  const char *version = rnn_blas_version(ctx);
  printf("linear algebra: %s\n", version ? version : rnn_message(ctx));
  rnn_ctx_free(ctx);
}

/* ---- the command line ---- */

static bool refuse(const char *format, const char *what) {
  fprintf(stderr, "%s: ", options.program);
  fprintf(stderr, format, what);
  fputc('\n', stderr);
  print_usage(stderr);
  return false;
}

/* A whole number between low and high from the value of a long option. */
static bool read_integer(const char *option, const char *text, lua_Integer low, lua_Integer high, lua_Integer *out) {
  char *end = NULL;
  errno = 0;
  long long value = text ? strtoll(text, &end, 10) : 0;
  if (text && end != text && *end == '\0' && errno == 0 && value >= low && value <= high) {
    *out = value;
    return true;
  }
  fprintf(stderr, "%s: %s: expected an integer between " LUA_INTEGER_FMT " and " LUA_INTEGER_FMT ", got %s%s%s\n",
          options.program, option, low, high, text ? "'" : "", text ? text : "nothing", text ? "'" : "");
  return false;
}

/* Is argv[*i] the long option name? Then *value is what follows '=', or the next argument, over which *i moves. */
static bool is_valued(char **argv, int *i, const char *name, const char **value) {
  size_t length = strlen(name);
  if (strncmp(argv[*i], name, length) != 0) return false;
  if (argv[*i][length] == '=') {
    *value = argv[*i] + length + 1;
    return true;
  }
  if (argv[*i][length] != '\0') return false;
  *value = argv[*i + 1];
  if (*value) ++*i;
  return true;
}

/* Options of the sandbox. *known: it is one of them. */
static bool read_sandbox_option(char **argv, int *i, bool *known) {
  lrnn_sandbox *box = &options.sandbox;
  const char *value;
  *known = true;
  if (strcmp(argv[*i], "--sandbox") == 0) box->on = true;
  else if (strcmp(argv[*i], "--sandbox=best-effort") == 0) box->on = box->best_effort = true;
  else if (is_valued(argv, i, "--read", &value)) {
    if (!value || !*value) return refuse("--read: expected a folder or a file, got %s", "nothing");
    box->reads[box->read_count++] = value;
  } else if (is_valued(argv, i, "--write", &box->write)) {
    if (!box->write || !*box->write) return refuse("--write: expected a folder, got %s", "nothing");
  } else if (is_valued(argv, i, "--time", &value)) {
    box->seconds = lrnn_sandbox_time(value);
    if (box->seconds < 0) return refuse("--time: expected a time such as 90s, 10m or 2h, got '%s'", value ? value : "nothing");
  } else if (is_valued(argv, i, "--memory", &value)) {
    box->memory = lrnn_sandbox_size(value);
    if (box->memory < 0) return refuse("--memory: expected a size such as 512M or 2G, got '%s'", value ? value : "nothing");
  } else *known = false;
  return true;
}

/* They stand before a script, and not alone. */
static bool check_sandbox(char **argv) {
  lrnn_sandbox *box = &options.sandbox;
  if (!box->on && (box->read_count || box->write || box->seconds || box->memory))
    return refuse("--read, --write, --time and --memory are for %s", "--sandbox");
  if (!box->on) return true;
  box->script = argv[options.script];
  bool others = options.interactive || options.execute || options.required;
  if (!box->script || strcmp(box->script, "-") == 0 || others)
    return refuse("--sandbox: expected a script%s", others ? " without -e, -i and -l" : "");
  return true;
}

static bool read_long_option(char **argv, int *i) {
  const char *value;
  bool known;
  if (!read_sandbox_option(argv, i, &known)) return false;
  if (known) return true;
  if (is_valued(argv, i, "--threads", &value)) return read_integer("--threads", value, 1, 256, &options.start.threads);
  if (is_valued(argv, i, "--seed", &value)) {
    options.start.seeded = true;
    return read_integer("--seed", value, 0, LUA_MAXINTEGER, &options.start.seed);
  }
  if (is_valued(argv, i, "--blas", &options.start.blas)) {
    if (options.start.blas && (strcmp(options.start.blas, "own") == 0 || strcmp(options.start.blas, "openblas") == 0)) return true;
    return refuse("--blas: expected 'own' or 'openblas', got '%s'", options.start.blas ? options.start.blas : "nothing");
  }
  if (strcmp(argv[*i], "--double") == 0) options.start.use_double = true;
  else if (strcmp(argv[*i], "--deterministic") == 0) setenv("RNNLUA_DETERMINISTIC", "1", 1); /* read with the core */
  else if (strcmp(argv[*i], "--plan") == 0) setenv("RNNLUA_TRIAL", "{\"plan\":true}", 1); /* read with rnn.trial */
  else if (strcmp(argv[*i], "--version") == 0) options.full_version = true;
  else if (strcmp(argv[*i], "--editor") == 0) options.editor = true;
  else if (strcmp(argv[*i], "--help") == 0) options.help = true;
  else return refuse("unrecognized option '%s'", argv[*i]);
  return true;
}

/* -e and -l take the rest of their argument or the next one. */
static bool has_argument(char **argv, int *i) {
  if (argv[*i][2] != '\0') return true;
  if (argv[*i + 1] && argv[*i + 1][0] != '-') {
    ++*i;
    return true;
  }
  return refuse("'%s' needs argument", argv[*i]);
}

static bool read_short_option(char **argv, int *i) {
  bool alone = argv[*i][2] == '\0';
  switch (argv[*i][1]) {
    case 'e':
      options.execute = true;
      return has_argument(argv, i);
    case 'l':
      options.required = true;
      return has_argument(argv, i);
    case 'i':
      options.interactive = options.version = true;
      break;
    case 'v':
      options.version = true;
      break;
    case 'E':
      options.start.ignore_environment = true;
      break;
    case 'W':
      break;
    default:
      alone = false;
  }
  return alone || refuse("unrecognized option '%s'", argv[*i]);
}

/* Fills options; false, after a message, when the command line is wrong. */
static bool read_options(char **argv) {
  int i = 1;
  for (; argv[i] && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
    if (strcmp(argv[i], "--") == 0) {
      i++;
      break;
    }
    if (!(argv[i][1] == '-' ? read_long_option(argv, &i) : read_short_option(argv, &i))) return false;
  }
  options.script = i;
  if (options.start.blas && strcmp(options.start.blas, "openblas") == 0 && lrnn_repeats())
    return refuse("--blas %s: not with --deterministic", options.start.blas);
  return check_sandbox(argv);
}

/* ---- running things ---- */

static int run_chunk(lua_State *L, int status) {
  if (status == LUA_OK) status = lrnn_call(L, 0, 0);
  return report(L, status);
}

static int run_file(lua_State *L, const char *path) { return run_chunk(L, luaL_loadfilex(L, path, "t")); }

static int run_string(lua_State *L, const char *text, const char *chunkname) {
  return run_chunk(L, luaL_loadbufferx(L, text, strlen(text), chunkname, "t"));
}

/* -l mod or -l global=mod; what follows '-' in mod is not part of the global's name. */
static int run_require(lua_State *L, const char *text) {
  const char *equals = strchr(text, '=');
  const char *module = equals ? equals + 1 : text;
  size_t name_length = equals ? (size_t)(equals - text) : strcspn(text, "-");
  lua_getglobal(L, "require");
  lua_pushstring(L, module);
  int status = lrnn_call(L, 1, 1);
  if (status != LUA_OK) return report(L, status);
  lua_pushglobaltable(L);
  lua_pushlstring(L, text, name_length);
  lua_rotate(L, -3, -1); /* globals, name, module */
  lua_settable(L, -3);
  lua_pop(L, 1);
  return LUA_OK;
}

/* Runs -e, -l and -W in the order given. */
static bool run_options(lua_State *L) {
  char **argv = options.argv;
  for (int i = 1; i < options.script; i++) {
    const char *value;
    static const char *const valued[] = {"--threads", "--seed", "--blas", "--read", "--write", "--time", "--memory"};
    bool found = false;
    for (size_t k = 0; k < sizeof valued / sizeof *valued && !found; k++) found = is_valued(argv, &i, valued[k], &value);
    if (found) continue;
    int option = argv[i][1];
    if (option == 'W') lua_warning(L, "@on", 0);
    if (option != 'e' && option != 'l') continue;
    value = argv[i][2] ? argv[i] + 2 : argv[++i];
    int status = option == 'e' ? run_string(L, value, "=(command line)") : run_require(L, value);
    if (status != LUA_OK) return false;
  }
  return true;
}

static int run_init(lua_State *L) {
  const char *name = "=LUA_INIT_" LUA_VERSION_MAJOR "_" LUA_VERSION_MINOR;
  const char *init = getenv(name + 1);
  if (!init) {
    name = "=LUA_INIT";
    init = getenv(name + 1);
  }
  if (!init) return LUA_OK;
  return init[0] == '@' ? run_file(L, init + 1) : run_string(L, init, name);
}

/* rnn.record notes what the script does (rnnlua capsule). */
static void call_record(lua_State *L, const char *function) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "rnn.record");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, function);
  lua_call(L, 0, 0);
  lua_pop(L, 1);
}

/* The script with arg[1], arg[2] ... as its arguments, as they are after LUA_INIT and -e had their way. */
static int run_script(lua_State *L, const char *path) {
  const int top = lua_gettop(L);
  int status = luaL_loadfilex(L, path, "t");
  if (status == LUA_ERRFILE && !strpbrk(path, "./")) { /* neither a script nor a command */
    lua_pushliteral(L, "; commands are");
#define COMMAND(name, meaning) lua_pushliteral(L, " " name);
#define OPTION(name, value, values, meaning)
#include "options.def"
#undef OPTION
#undef COMMAND
    lua_pushliteral(L, "; help on a name is at the prompt: rnnlua, and then ?nn.LSTM");
    lua_concat(L, lua_gettop(L) - top);
  }
  if (status != LUA_OK) return report(L, status);
  lrnn_note_script(L, path, NULL);
  lrnn_set_environment(L);
  if (lua_getglobal(L, "arg") != LUA_TTABLE) luaL_error(L, "'arg' is not a table");
  int count = (int)luaL_len(L, -1);
  luaL_checkstack(L, count + 3, "too many arguments to script");
  for (int i = 1; i <= count; i++) lua_rawgeti(L, -i, i);
  lua_remove(L, -count - 1); /* arg */
  const bool recorded = getenv("RNNLUA_RECORD") != NULL;
  if (recorded) call_record(L, "begin");
  status = report(L, lrnn_call(L, count, 0));
  if (recorded) call_record(L, "finish");
  return status;
}

/* ---- commands ---- */

/* Words that stand where a script would; a script of such a name is ./show. */
static bool is_command(const char *word) {
#define COMMAND(name, meaning) if (strcmp(word, name) == 0) return true;
#define OPTION(name, value, values, meaning)
#include "options.def"
#undef OPTION
#undef COMMAND
  return false;
}

/* rnn.share.commands(word, its arguments, the options before it, the program) -> exit code */
static int run_command(lua_State *L, int *code) {
  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "rnn.share.commands");
  int status = lrnn_call(L, 1, 1);
  if (status != LUA_OK) return report(L, status);
  lua_pushstring(L, options.argv[options.script]);
  lua_newtable(L);
  for (int i = options.script + 1; i < options.argc; i++) {
    lua_pushstring(L, options.argv[i]);
    lua_rawseti(L, -2, i - options.script);
  }
  lua_newtable(L);
  for (int i = 1; i < options.script; i++) {
    lua_pushstring(L, options.argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_pushlstring(L, program, length > 0 ? (size_t)length : 0);
  status = lrnn_call(L, 4, 1);
  if (status == LUA_OK) *code = (int)lua_tointeger(L, -1);
  return report(L, status);
}

/* ---- the state ---- */

/* arg: the script at 0, its arguments after it, the options and the program before it. */
static void set_arg(lua_State *L) {
  int script = options.script < options.argc ? options.script : 0;
  lua_createtable(L, options.argc - script, script + 1);
  for (int i = 0; i < options.argc; i++) {
    lua_pushstring(L, options.argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* Modules beside the script are found wherever it is started from. A folder whose name has a meaning in templates
 * cannot be put there. */
static void add_script_folder(lua_State *L, const char *script) {
  const char *slash = strrchr(script, '/');
  if (slash) lua_pushlstring(L, script, (size_t)(slash - script + 1));
  else lua_pushliteral(L, "./");
  const char *folder = lua_tostring(L, -1);
  if (!strpbrk(folder, ";?")) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s?.lua;%s?/init.lua;%s", folder, folder, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

/* ---- the prompt ---- */

static void run_prompt(lua_State *L) {
  static const luaL_Reg host[] = {{"call", lrnn_call_from_lua},
                                  {"read", lrnn_line_read},
                                  {"remember", lrnn_line_remember},
                                  {"complete_with", lrnn_line_complete_with},
                                  {"visit_with", lrnn_living_with},
                                  {NULL, NULL}};
  options.program = NULL; /* messages at the prompt carry no name */
  lrnn_line_open(!options.start.ignore_environment);
  signal(SIGINT, SIG_IGN); /* but for host.call and host.read, which set it themselves */
  lrnn_interrupt_prompt(true);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "rnn.repl");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "run");
  luaL_newlib(L, host);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
  lrnn_interrupt_prompt(false);
  signal(SIGINT, SIG_DFL);
}

/* ---- life ---- */

static void open_state(lua_State *L) {
  luaL_checkversion(L);
  if (lrnn_sandboxed()) options.start.ignore_environment = true;
  lrnn_open_state(L, &options.start);
  set_arg(L);
#ifdef RNNLUA_SANDBOX_TEST
  lrnn_raw_open(L);
#endif
  if (lrnn_sandboxed()) { /* with the script's modules among the paths */
    add_script_folder(L, options.sandbox.script);
    lrnn_close_environment(L);
  }
  lua_gc(L, LUA_GCRESTART);
  lua_gc(L, LUA_GCGEN, 0, 0);
}

/* Everything after the options are read. Returns the exit code when all went well. */
static int run(lua_State *L) {
  char **argv = options.argv;
  bool has_script = options.script < options.argc;
  open_state(L);
  if (!options.start.ignore_environment && run_init(L) != LUA_OK) return 0;
  if (!run_options(L)) return 0;
  if (has_script && is_command(argv[options.script]) && strcmp(argv[options.script - 1], "--") != 0) {
    int code = EXIT_FAILURE;
    if (run_command(L, &code) != LUA_OK) return 0;
    lua_pushinteger(L, code);
    return 1;
  }
  if (has_script) {
    const char *path = argv[options.script];
    bool from_stdin = strcmp(path, "-") == 0 && strcmp(argv[options.script - 1], "--") != 0;
    if (!from_stdin && !options.start.ignore_environment) add_script_folder(L, path);
    if (run_script(L, from_stdin ? NULL : path) != LUA_OK) return 0;
  }
  if (options.interactive) run_prompt(L);
  else if (!has_script && !options.execute && !options.version) {
    if (isatty(STDIN_FILENO)) run_prompt(L);
    else if (run_file(L, NULL) != LUA_OK) return 0;
  }
  lua_pushinteger(L, EXIT_SUCCESS);
  return 1;
}

static int run_state(lua_State *L) {
  lua_gc(L, LUA_GCSTOP); /* while the state is being built, all of it stays */
  lua_pushcfunction(L, run);
  int status = report(L, lua_pcall(L, 0, 1, 0));
  int code = status == LUA_OK && !lua_isnil(L, -1) ? (int)lua_tointeger(L, -1) : -1;
  lua_close(L);
  if (code >= 0) return code;
  int signal_number = lrnn_interrupted_by();
  return signal_number ? EXIT_SIGNAL + signal_number : EXIT_FAILURE;
}

/* A stream that is closed gets a file that refuses as much, so that no file of ours is taken for it. */
static void open_standard_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0) (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv) {
  open_standard_streams();
  options.argc = argc;
  options.argv = argv;
  options.program = argc > 0 && argv[0][0] ? argv[0] : "rnnlua";
  signal(SIGPIPE, SIG_DFL); /* rnnlua ... | head ends quietly, whoever started us */
  signal(SIGXFSZ, SIG_IGN); /* a file beyond the limit is a failed write, not the end of a training run */
  if (argc < 1) return EXIT_FAILURE;
  options.sandbox.reads = malloc((size_t)argc * sizeof *options.sandbox.reads);
  if (!options.sandbox.reads) return EXIT_FAILURE;
  if (!read_options(argv)) return EXIT_FAILURE;
  if (options.help) print_usage(stdout);
  if (options.full_version || (options.version && !options.interactive)) print_version();
  if (options.full_version) print_blas_version();
  if (options.editor) return print_editor();
  if (options.help || options.full_version) return EXIT_SUCCESS;
  if (options.sandbox.on) {
    int code = lrnn_sandbox_start(&options.sandbox);
    if (code >= 0) return code;
  }
  lua_State *L = lrnn_pool_state();
  if (!L) {
    complain("cannot create state: not enough memory");
    return EXIT_FAILURE;
  }
  return run_state(L);
}

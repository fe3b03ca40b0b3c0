/* binding.h: what the binding files share. Bindings check arguments, make boxes, call the core, and translate its
 * statuses; they do no arithmetic.
 *
 * The order in every function, so that nothing leaks when Lua raises: check arguments (may raise) -> make the box, born
 * empty (may raise) -> call the core (cannot raise) -> translate. Scratch memory is a userdata. */
#ifndef LRNN_BINDING_H
#define LRNN_BINDING_H

#include <lauxlib.h>
#include <lua.h>

#include "rnn.h"

/* ---- userdata.c: the context and tensors as userdata, and what other userdata have in common ---- */

/* Pushes the metatable of a class of userdata: closed to scripts, with gc to free what one holds. */
void lrnn_class(lua_State *L, const char *class, lua_CFunction gc);
/* Pushes size zeroed bytes of that class. */
void *lrnn_new(lua_State *L, const char *class, size_t size, int uservalues, lua_CFunction gc);
/* What lrnn_new gave; NULL when argument arg is anything else. Scripts can call any metamethod, finalisers too, with any
   value (debug.getmetatable), so each looks at its argument with this or lrnn_check_class. */
void *lrnn_test(lua_State *L, int arg, const char *class);

rnn_ctx *lrnn_context(lua_State *L);
/* Presses the collector in proportion to what the core has allocated since the last time. */
rnn_ctx *lrnn_collect_sometimes(lua_State *L);
/* The same for who has at index what lrnn_push_holder pushes: the userdata that keeps the context. */
rnn_ctx *lrnn_collect_for(lua_State *L, int index);
void lrnn_push_holder(lua_State *L);
/* Pushes an empty box, after lrnn_collect_sometimes. */
rnn_tensor **lrnn_box(lua_State *L);
/* The same without it; metatable: the index of that of boxes, which 0 looks for. */
rnn_tensor **lrnn_new_box(lua_State *L, int metatable);
void lrnn_push_metatable(lua_State *L); /* that of boxes */
/* A tensor, for what needs its shape only, or applies ops to it; NULL when it is none. */
rnn_tensor *lrnn_test_shape(lua_State *L, int arg);
/* Frees the tensor in the box at arg, which is none from then on; false when there is no box. */
bool lrnn_box_end(lua_State *L, int arg);
/* Scratch for count pointers, anchored on the stack. */
rnn_tensor **lrnn_scratch(lua_State *L, int count);
/* Makes the context, whose holder is a userdata of that class; ends what such a holder holds. */
void lrnn_context_open(lua_State *L, const char *class, lua_CFunction gc);
void lrnn_context_end(void *holder);
void lrnn_metatable_open(lua_State *L, lua_CFunction gc); /* the table on top is the metatable of boxes, gc their finaliser */

/* ---- error.c ---- */

/* Raises "user.lua:41: message": the position of the first Lua frame outside the stdlib. */
RNN_PRINTF(2, 3) int lrnn_error(lua_State *L, const char *format, ...);
/* Raises the context's message when status is not RNN_OK. */
void lrnn_check(lua_State *L, rnn_status status);
/* For loops over elements: raises when an interrupt is pending, looking at every 2^16th element. */
void lrnn_poll(lua_State *L, int64_t element);
/* For the outside world: pushes nil, message, code ("EIO") and returns 3; misuse and lack of memory raise. */
int lrnn_fail(lua_State *L, rnn_status status);
/* "table", "string 'x'", "3.5", "nil" ...: what came, for messages. Anchored on the stack. */
const char *lrnn_describe(lua_State *L, int arg);
/* "fname: argument 2 (axis): expected an integer, got table 'x'", raised. what names the argument or is NULL. */
int lrnn_argument_error(lua_State *L, const char *fname, int arg, const char *what, const char *expected);
/* The results of a lua_pcall of fname's, or its error, raised. */
int lrnn_results(lua_State *L, int status, const char *fname);

/* Makes nil say more when it is called, as a method of an object is that does not exist. */
void lrnn_nil_open(lua_State *L);

/* ---- check.c: arguments; fname stands in the message ---- */

/* Tells the core where in the user's program the op about to be applied is, while results are checked. */
void lrnn_note_position(lua_State *L, rnn_ctx *ctx);
lua_Integer lrnn_check_integer(lua_State *L, const char *fname, int arg, const char *what);
lua_Number lrnn_check_number(lua_State *L, const char *fname, int arg, const char *what);
const char *lrnn_check_string(lua_State *L, const char *fname, int arg, const char *what);
/* A string without zero bytes: with one, it would mean something else to the core and to the operating system. what
   names it. */
const char *lrnn_check_c_string(lua_State *L, const char *fname, int index, const char *what);
const char *lrnn_check_path(lua_State *L, const char *fname, int arg);
#define LRNN_FILES "rnn.files" /* in the registry: what was done with files, by their paths: "read", "write", "changed" */
#define LRNN_SCRIPTS "rnn.scripts" /* in the registry: a list of the Lua files that were loaded, as the program notes */
/* Of a file that is read or written, which is noted: rnn.files_used gives what was. */
const char *lrnn_check_read(lua_State *L, const char *fname, int arg);
const char *lrnn_check_write(lua_State *L, const char *fname, int arg);
void lrnn_check_table(lua_State *L, const char *fname, int arg, const char *what);
bool lrnn_check_boolean(lua_State *L, const char *fname, int arg, const char *what); /* absent: false */
/* An axis, 1-based or negative from the end, to 0-based. */
int lrnn_check_axis(lua_State *L, const char *fname, int arg, int ndim);
/* Axes as numbers from arg on, or one table of them, to 0-based; returns how many. */
int lrnn_check_axes(lua_State *L, const char *fname, int arg, int ndim, int64_t *axes);
/* A number that an element of t can be. */
double lrnn_check_element(lua_State *L, const char *fname, const rnn_tensor *t, int arg);
/* Raises when rnn_real cannot be v, an element of a float tensor; what names the place. */
void lrnn_check_real(lua_State *L, const char *what, double v);
/* Sizes of at least least as numbers from arg on, or one table of them; returns how many. */
int lrnn_check_shape(lua_State *L, const char *fname, int arg, int64_t least, int64_t *dims);
/* Raises for a field of the table at arg whose name is none of names (ended by NULL); a table may be absent. */
void lrnn_check_options(lua_State *L, const char *fname, int arg, const char *const *names);
/* Raises for the key at that index, which is none of names, with the nearest of them. */
void lrnn_unknown_option(lua_State *L, const char *fname, int key, const char *const *names);
/* Fields of an options table at arg. Absent: the default. */
double lrnn_option_number(lua_State *L, const char *fname, int arg, const char *key, double otherwise);
lua_Integer lrnn_option_integer(lua_State *L, const char *fname, int arg, const char *key, lua_Integer otherwise);
bool lrnn_option_boolean(lua_State *L, const char *fname, int arg, const char *key);
/* The index of the field's string in names (ended by NULL). */
int lrnn_option_name(lua_State *L, const char *fname, int arg, const char *key, const char *const *names,
                     const char *otherwise);

/* ---- box.c: what has to be a tensor, or another userdata, is one ---- */

void *lrnn_check_class(lua_State *L, const char *fname, const char *class); /* of argument 1, or raises */
/* A tensor, for what looks at its values, which one of a formula has not: an error. */
rnn_tensor *lrnn_test_tensor(lua_State *L, int arg); /* NULL when it is no tensor */
rnn_tensor *lrnn_check_tensor(lua_State *L, const char *fname, int arg);
/* As lrnn_test_shape, or raises. */
rnn_tensor *lrnn_check_shape_of(lua_State *L, const char *fname, int arg);
/* The same for functions that read its elements one after the other: what does not lie in rows is replaced on the stack by
   a copy. */
rnn_tensor *lrnn_check_rows(lua_State *L, const char *fname, int arg);
/* Pushes every tensor of the table at arg (which anchors them) and writes them to out (room for max). */
int lrnn_push_tensors(lua_State *L, const char *fname, int arg, int max, rnn_tensor **out);
/* How many tensors a table at arg claims to hold. */
int lrnn_table_length(lua_State *L, const char *fname, int arg);
void lrnn_box_open(lua_State *L); /* makes the context and the metatable; leaves the metatable on the stack */

/* ---- the files of the surface, joined in module.c ---- */

/* A function as scripts see it; more arguments than most that are not nil are an error. */
typedef struct lrnn_function {
  const char *name;
  lua_CFunction call;
  int most;
} lrnn_function;

#define LRNN_ANY (-1) /* as many as are given; or the function counts them itself */

/* Adds functions (ended by a NULL name) to the table on top. */
void lrnn_set_functions(lua_State *L, const lrnn_function *list);
/* How many arguments there are; nils beyond most are none. */
int lrnn_count(lua_State *L, int most);
int lrnn_count_error(lua_State *L, const char *fname, int most, int given);
/* Raises when there are more arguments than most. */
void lrnn_check_count(lua_State *L, const char *fname, int most);

void lrnn_push_op(lua_State *L, int index); /* op.c: the Lua function of rnn_op_at(index) */
void lrnn_push_negation(lua_State *L);      /* op.c: the operator - before a tensor */
/* Applies op, with the results in boxes that are pushed (RNN_MAX_OUTPUTS and what a box needs); returns how many. */
int lrnn_apply(lua_State *L, const rnn_op *op, const rnn_args *args);
int lrnn_print_tensor(lua_State *L);               /* print.c: __tostring */
bool lrnn_unicode(int fd);                         /* terminal.c: whether that stream can show more than ASCII */
extern const lrnn_function lrnn_print_functions[]; /* print.c */

extern const lrnn_function lrnn_check_functions[];    /* check.c: which name a word is a misspelling of */
extern const lrnn_function lrnn_tensor_functions[];   /* tensor.c: constructors and random numbers */
extern const lrnn_function lrnn_like_functions[];     /* tensor.c: those that begin with a tensor, methods as well */
extern const lrnn_function lrnn_tensor_methods[]; /* method.c: whole tensors */
extern const luaL_Reg lrnn_tensor_metamethods[];
/* The element that lies at from the first. */
void lrnn_push_element(lua_State *L, rnn_tensor *t, int64_t at);
/* Pushes a view of t with other lengths, or none. */
rnn_tensor *lrnn_with_lengths(lua_State *L, rnn_tensor *t, rnn_tensor *lengths);
extern const lrnn_function lrnn_part_methods[]; /* part.c: parts of tensors */
extern const luaL_Reg lrnn_part_metamethods[];
void lrnn_format_open(lua_State *L);             /* method.c: string.format takes tensors of one element */
extern const lrnn_function lrnn_grad_functions[];     /* grad.c: recording */
extern const lrnn_function lrnn_grad_methods[];       /* grad.c: backward, gradients */
extern const lrnn_function lrnn_custom_functions[];   /* custom.c: operations of one's own */
extern const lrnn_function lrnn_custom_methods[];     /* custom.c: hooks */
void lrnn_custom_open(lua_State *L);
/* Around a call of the core that may call Lua functions: L is where they run. What begins returns goes to ends, which
   raises their error or the status. */
lua_State *lrnn_backward_begins(lua_State *L);
void lrnn_backward_ends(lua_State *L, const char *fname, lua_State *outer, rnn_status status);
extern uint64_t lrnn_backward_calls;             /* how often backward has been called: does a computation train? */
extern const lrnn_function lrnn_train_functions[];    /* train.c: recurrent, optimisers, clipping */
extern const lrnn_function lrnn_shard_functions[];    /* shards.c: sums of gradients, tensors as bytes */
/* The options table of a recurrent layer; has_state is left to the caller. */
rnn_recurrent lrnn_recurrent_description(lua_State *L, int arg);
extern const lrnn_function lrnn_trace_functions[];    /* trace.c: formulas and programs */
void lrnn_trace_open(lua_State *L);
extern const lrnn_function lrnn_stepper_functions[];  /* stepper.c: one step at a time */
void lrnn_stepper_open(lua_State *L);            /* its metatable, and core.step into the table on top */
extern const lrnn_function lrnn_system_functions[];   /* system.c: memory, threads, clock */
extern const lrnn_function lrnn_terminal_functions[]; /* terminal.c */
extern const lrnn_function lrnn_events_functions[];   /* events.c: event files, histograms, pictures */
void lrnn_events_open_class(lua_State *L);       /* the metatable of event files */
extern const lrnn_function lrnn_runfile_functions[];  /* runfile.c: files of a training run that grow, and its lock */
void lrnn_runfile_open(lua_State *L);            /* the metatable of locks */
extern const lrnn_function lrnn_audio_functions[];   /* audio.c: recordings and what is heard of them */
extern const lrnn_function lrnn_csv_functions[];      /* csv.c */
extern const lrnn_function lrnn_numbers_functions[];  /* numbers.c: the numbers of frames */
rnn_numbers **lrnn_numbers_box(lua_State *L);    /* pushes empty ones */
void lrnn_numbers_open(lua_State *L);            /* its metatable */
void lrnn_locale_open(lua_State *L);             /* locale.c: os.setlocale leaves numbers alone */
extern const lrnn_function lrnn_archive_functions[];  /* archive.c */
extern const lrnn_function lrnn_bundle_functions[];   /* bundle.c: ZIP archives of files, fingerprints, what was used */
extern const lrnn_function lrnn_json_functions[];     /* json.c */
#ifdef RNNLUA_CAIRO
extern const lrnn_function lrnn_picture_functions[]; /* picture.c */
#endif

#endif

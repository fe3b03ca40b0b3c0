/* line.h: lines from a person. GNU readline, when it is there and standard input and output are a terminal that can do
 * more than TERM=dumb; else plain reading. readline is loaded at the first prompt and not linked, so that nothing else
 * pays for it (0.13 ms of 0.9) and a binary without it works. */
#ifndef RNNLUA_LINE_H
#define RNNLUA_LINE_H

#include <stdbool.h>

#include <lua.h>

/* To be called once, before the others. With history, entries are kept in $XDG_STATE_HOME/rnnlua/history. */
void lrnn_line_open(bool history);

/* Called from Lua. read(prompt): a line without its newline; nil at the end of input; false after Ctrl-C. */
int lrnn_line_read(lua_State *L);
/* remember(text): adds an entry, of one line or several, to the history. */
int lrnn_line_remember(lua_State *L);
/* complete_with(f): Tab offers what f(text before the cursor) returns: a table of names that its last word becomes. */
int lrnn_line_complete_with(lua_State *L);

#endif

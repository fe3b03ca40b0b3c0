/* program_parse.h: programs from text, for tests. An item a line, as program_texts.lua prints them; whatever is no number or
 * no name becomes one that no program may have. Include after rnn.h. */
#ifndef PROGRAM_PARSE_H
#define PROGRAM_PARSE_H

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { PARSED_MOST = 512 };

typedef struct parsed {
  rnn_program_text text;
  rnn_value values[PARSED_MOST];
  rnn_instruction forward[PARSED_MOST], backward[PARSED_MOST];
  rnn_program_product products[PARSED_MOST];
  rnn_program_result results[PARSED_MOST];
  rnn_watched_value watched[PARSED_MOST];
  bool given[PARSED_MOST]; /* of an input: is it this number? Others may be any tensor */
  double numbers[PARSED_MOST];
} parsed;

static inline int parsed_int(const char *word) {
  char *end;
  long long v = strtoll(word, &end, 10);
  return *end || v < INT_MIN / 2 || v > INT_MAX / 2 ? INT_MIN / 2 : (int)v;
}

static inline int parsed_choice(const char *word, const char *const *names) {
  for (int i = 0; names[i]; i++)
    if (strcmp(names[i], word) == 0) return i;
  return parsed_int(word);
}

static inline void parsed_code(rnn_instruction *list, int *count, char **word) {
  rnn_instruction *i = &list[*count];
  if (*count == PARSED_MOST) return;
  *i = (rnn_instruction){.name = *word[1] ? word[1] : NULL, .to = parsed_int(word[2]) - 1,
                         .numbers = {strtod(word[6], NULL), strtod(word[7], NULL)}, .add = *word[8] == '1',
                         .turned = *word[9] == '1'};
  for (int k = 0; k < 3; k++) i->in[k] = parsed_int(word[3 + k]) - 1;
  ++*count;
}

/* Changes text, in which the names of instructions stay. */
static inline void parse_program(char *text, parsed *p) {
  static const char *const kinds[] = {"stream", "constant", "matrix", "before", "after", "saved", "temporary",
                                      "d_after", "d_before", "d_result", "d_stream", "d_product", "part", NULL};
  static const char *const forms[] = {"number", "row", "samples", NULL};
  static const char *const functions[] = {"tanh", "relu", "sigmoid", "hard_sigmoid", "softsign", NULL}; /* in their order */
  rnn_program_text *t = &p->text;
  *t = (rnn_program_text){.values = p->values, .forward = p->forward, .backward = p->backward, .products = p->products,
                          .results = p->results, .watched = p->watched, .flow = -1};
  memset(p->given, 0, sizeof p->given);
  char *rest, *line = strtok_r(text, "\n", &rest);
  for (; line; line = strtok_r(NULL, "\n", &rest)) {
    static char none[1];
    char *word[12], *next, *w = strtok_r(line, " ", &next);
    for (int k = 0; k < 12; k++, w = w ? strtok_r(NULL, " ", &next) : NULL) word[k] = w ? w : none;
    if (strcmp(word[0], "inputs") == 0) t->inputs = parsed_int(word[1]);
    else if (strcmp(word[0], "states") == 0) t->states = parsed_int(word[1]);
    else if (strcmp(word[0], "flow") == 0) t->flow = parsed_int(word[1]) - 1;
    else if (strcmp(word[0], "forward") == 0) parsed_code(p->forward, &t->forward_count, word);
    else if (strcmp(word[0], "backward") == 0) parsed_code(p->backward, &t->backward_count, word);
    else if (strcmp(word[0], "number") == 0) {
      int k = parsed_int(word[1]) - 1;
      if (k < 0 || k >= PARSED_MOST) continue;
      p->given[k] = true;
      p->numbers[k] = strtod(word[2], NULL);
    } else if (strcmp(word[0], "value") == 0 && t->value_count < PARSED_MOST) {
      int index = parsed_int(word[2]), kind = parsed_choice(word[1], kinds);
      p->values[t->value_count++] = (rnn_value){.kind = (rnn_value_kind)kind, .index = index > 0 ? index - 1 : index,
                                                .width = parsed_int(word[3]), .rows = parsed_int(word[4]),
                                                .form = (rnn_constant_form)parsed_choice(word[5], forms),
                                                .from = parsed_int(word[6])};
    } else if (strcmp(word[0], "product") == 0 && t->product_count < PARSED_MOST) {
      p->products[t->product_count++] = (rnn_program_product){parsed_int(word[1]) - 1, parsed_int(word[2]) - 1,
                                                              parsed_int(word[3]) - 1, *word[4] == '1'};
    } else if (strcmp(word[0], "result") == 0 && t->result_count < PARSED_MOST) {
      p->results[t->result_count++] = (rnn_program_result){parsed_int(word[1]) - 1, *word[2] == '1'};
    } else if (strcmp(word[0], "watched") == 0 && t->watched_count < PARSED_MOST) {
      p->watched[t->watched_count++] = (rnn_watched_value){parsed_int(word[1]) - 1, parsed_choice(word[2], functions),
                                                           *word[3] == '1'};
    }
  }
}

/* The shape of input i of the op scan for such a program, T steps of N samples: the number of axes, or -1 where no value
   takes it. The inputs of the program come first, then the states. */
static inline int parsed_shape(const rnn_program_text *t, int i, int64_t T, int64_t N, int64_t *dims) {
  for (int k = 0; k < t->value_count; k++) {
    const rnn_value *v = &t->values[k];
    bool state = v->kind == RNN_AFTER && v->index == i - t->inputs;
    bool input = v->kind <= RNN_MATRIX && v->index == i;
    if (!state && !input) continue;
    dims[0] = state ? N : v->kind == RNN_STREAM ? T * N : v->kind == RNN_MATRIX ? v->rows : v->form == RNN_SAMPLES ? N : 1;
    dims[1] = v->kind == RNN_CONSTANT && v->form == RNN_NUMBER ? 1 : v->width;
    return 2;
  }
  return -1;
}

#endif

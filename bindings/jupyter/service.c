/* service.c: the thread of the sockets. The main thread speaks with it over pairs inside the process: "inner" carries the
 * requests one way and what is to be sent the other way, "answers" what a person typed.
 *
 * Nothing is ever dropped for a client that does not read: a lost "idle" would leave it waiting. So output is slowed to
 * PACE when there is very much of it. */
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <lua.h>

#include "rnn.h"
#include "wire.h"

#define STREAM_BYTES ((size_t)1 << 20) /* of one message */
#define FLUSH 0.1                      /* seconds that output waits for more of it */
#define PACE 0.03                      /* seconds between full messages */
#define PATIENCE 1.0                   /* seconds until a kernel that is told to end does so in the middle of a computation */

/* What the main thread says, the first frame of a message on the pair. */
enum { SAY_NEXT = 'n', SAY_PUBLISH = 'p', SAY_REPLY = 'r', SAY_ASK = 'a', SAY_IDLE = 'i', SAY_STOP = 's' };

typedef struct request {
  struct request *next;
  wire_message message;
} request;

typedef struct stream {
  const char *name;
  int fd; /* the end of a pipe that is read */
  char *bytes;
  size_t used;
  double begun, sent; /* when the first byte came, when a message was sent */
} stream;

enum { SHELL, CONTROL, INPUT, HEARTBEAT, IOPUB, SOCKETS };
static const struct {
  const char *port;
  int type;
} kinds[SOCKETS] = {{"shell_port", ZMQ_ROUTER}, {"control_port", ZMQ_ROUTER}, {"stdin_port", ZMQ_ROUTER},
                    {"hb_port", ZMQ_REP}, {"iopub_port", ZMQ_XPUB}};

const char service_info[] =
    "{\"status\":\"ok\",\"protocol_version\":\"5.5\",\"implementation\":\"rnnlua\",\"implementation_version\":\"" RNN_VERSION
    "\",\"language_info\":{\"name\":\"lua\",\"version\":\"" LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE
    "\",\"mimetype\":\"text/x-lua\",\"file_extension\":\".lua\",\"pygments_lexer\":\"lua\",\"codemirror_mode\":\"lua\","
    "\"nbconvert_exporter\":\"script\"},\"banner\":\"rnnlua " RNN_VERSION ": ? for help\",\"debugger\":false,"
    "\"supported_features\":[],\"help_links\":[{\"text\":\"Lua\",\"url\":\"https://www.lua.org/manual/5.4/\"}]}";

static void *context, *sockets[SOCKETS];
static void *inner[2], *answers[2]; /* [0] of the main thread, [1] of this one */
static request *first, **last = &first, *current; /* those that the main thread has not taken yet; the one that it answers */
static stream streams[2] = {{.name = "stdout"}, {.name = "stderr"}};
static pthread_t thread;
static sem_t drained; /* what was written before the main thread said something is out */
static volatile sig_atomic_t ending; /* the kernel shall end */
static double deadline;
static pid_t parent;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- to all ---- */

/* Who begins to listen is told so, before all else: nothing will be missed from there on. False when nobody does. */
static bool welcome(void) {
  char topic[256];
  int size = zmq_recv(sockets[IOPUB], topic, sizeof topic - 1, ZMQ_DONTWAIT);
  if (size < 1 || topic[0] != 1) return size >= 0;
  topic[size < (int)sizeof topic ? size : (int)sizeof topic - 1] = '\0';
  json_t *content = json_pack("{s:s}", "subscription", topic + 1);
  char *text = json_dumps(content, JSON_COMPACT);
  if (text) wire_send(sockets[IOPUB], NULL, topic + 1, "iopub_welcome", NULL, text, strlen(text));
  free(text);
  json_decref(content);
  return true;
}

static void publish(wire_message *about, const char *type, const char *metadata, const char *content, size_t size) {
  while (welcome()) continue;
  wire_send(sockets[IOPUB], about, type, type, metadata, content, size);
}

static void publish_status(wire_message *about, const char *state) {
  char content[64];
  snprintf(content, sizeof content, "{\"execution_state\":\"%s\"}", state);
  publish(about, "status", NULL, content, strlen(content));
}

/* How many bytes of text, of size at least 1, are whole characters; bytes that are none become '?'. */
static size_t mend(char *text, size_t size) {
  size_t i = 0;
  while (i < size) {
    unsigned char c = (unsigned char)text[i];
    size_t length = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0, k = 1;
    while (k < length && i + k < size && ((unsigned char)text[i + k] & 0xc0) == 0x80) k++;
    if (k < length && i + k == size) break; /* the rest may come */
    unsigned char second = length > 2 ? (unsigned char)text[i + 1] : 0;
    bool wrong = k < length || length == 0 || (c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
                 (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f);
    if (wrong) text[i] = '?';
    i += wrong ? 1 : length;
  }
  return i;
}

/* Sends what has come; with all, also the beginning of a character. */
static void flush(stream *s, bool all) {
  size_t whole = mend(s->bytes, s->used);
  if (all)
    for (; whole < s->used; whole++) s->bytes[whole] = '?';
  if (whole == 0) return;
  json_t *content = json_pack("{s:s,s:o}", "name", s->name, "text", json_stringn_nocheck(s->bytes, whole));
  char *text = json_dumps(content, JSON_COMPACT);
  if (text) publish(current ? &current->message : NULL, "stream", NULL, text, strlen(text));
  free(text);
  json_decref(content);
  memmove(s->bytes, s->bytes + whole, s->used - whole);
  s->used -= whole;
  s->sent = s->begun = now();
}

/* Takes what is in the pipe, as far as there is room; true when there was something. */
static bool fill(stream *s) {
  if (s->used == STREAM_BYTES) return false;
  ssize_t got = read(s->fd, s->bytes + s->used, STREAM_BYTES - s->used);
  if (got <= 0) return false;
  if (s->used == 0) s->begun = now();
  s->used += (size_t)got;
  return true;
}

/* All that has been written until now goes out. */
static void drain(void) {
  for (int i = 0; i < 2; i++) {
    stream *s = &streams[i];
    while (fill(s))
      if (s->used == STREAM_BYTES) flush(s, false);
    flush(s, true);
  }
}

/* ---- requests ---- */

/* A wait for a line ends, whether the signal comes before it begins or not. */
static void interrupt(void) {
  if (getpgrp() == getpid()) kill(0, SIGINT); /* programs that we have started as well, as at a terminal */
  else kill(getpid(), SIGINT);
  zmq_send(answers[1], "", 0, ZMQ_DONTWAIT);
}

static void begin_to_end(void) {
  if (ending) return;
  ending = 1;
  deadline = now() + PATIENCE;
  zmq_send(inner[1], "", 0, ZMQ_DONTWAIT); /* in case it waits for a request */
  interrupt();
}

static void answer_control(void *socket, wire_message *m) {
  char type[80];
  publish_status(m, "busy");
  size_t length = strlen(m->type);
  bool asks = length > 8 && strcmp(m->type + length - 8, "_request") == 0;
  snprintf(type, sizeof type, "%.*s_reply", (int)(asks ? length - 8 : length), m->type);
  size_t size;
  const char *content = wire_content(m, &size);
  json_t *asked = json_loadb(content, size, 0, NULL);
  bool shutdown = strcmp(m->type, "shutdown_request") == 0;
  char reply[128] = "{\"status\":\"error\",\"ename\":\"Unknown\",\"evalue\":\"not on the control channel\",\"traceback\":[]}";
  if (shutdown)
    snprintf(reply, sizeof reply, "{\"status\":\"ok\",\"restart\":%s}",
             json_is_true(json_object_get(asked, "restart")) ? "true" : "false");
  if (strcmp(m->type, "interrupt_request") == 0) {
    interrupt();
    strcpy(reply, "{\"status\":\"ok\"}");
  }
  json_decref(asked);
  if (strcmp(m->type, "kernel_info_request") == 0) wire_send(socket, m, NULL, type, NULL, service_info, strlen(service_info));
  else if (asks) wire_send(socket, m, NULL, type, NULL, reply, strlen(reply));
  if (shutdown) publish(m, type, NULL, reply, strlen(reply));
  publish_status(m, "idle");
  if (shutdown) begin_to_end();
}

/* A request goes to the main thread, in its turn. */
static void relay(void) {
  request *r = malloc(sizeof *r);
  if (!r) return;
  r->next = NULL;
  if (!wire_receive(sockets[SHELL], &r->message)) {
    free(r);
    return;
  }
  if (strcmp(r->message.type, "shutdown_request") == 0) {
    answer_control(sockets[SHELL], &r->message);
    wire_close(&r->message);
    free(r);
    return;
  }
  *last = r;
  last = &r->next;
  size_t size;
  const char *content = wire_content(&r->message, &size);
  zmq_send(inner[1], r->message.type, strlen(r->message.type), ZMQ_SNDMORE);
  zmq_send(inner[1], content, size, 0);
}

static void receive_control(void) {
  wire_message m;
  if (!wire_receive(sockets[CONTROL], &m)) return;
  answer_control(sockets[CONTROL], &m);
  wire_close(&m);
}

static void receive_input(void) {
  wire_message m;
  if (!wire_receive(sockets[INPUT], &m)) return;
  size_t size;
  const char *content = wire_content(&m, &size);
  if (strcmp(m.type, "input_reply") == 0) zmq_send(answers[1], content, size, ZMQ_DONTWAIT);
  wire_close(&m);
}

/* A beat comes back as it is. */
static void beat(void) {
  int more = 1;
  size_t size = sizeof more;
  while (more) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, sockets[HEARTBEAT], ZMQ_DONTWAIT) < 0) return;
    zmq_getsockopt(sockets[HEARTBEAT], ZMQ_RCVMORE, &more, &size);
    if (zmq_msg_send(&part, sockets[HEARTBEAT], more ? ZMQ_SNDMORE : 0) < 0) zmq_msg_close(&part);
  }
}

static void take_next(void) {
  current = first;
  if (!current) return;
  first = current->next;
  if (!first) last = &first;
  publish_status(&current->message, "busy");
}

static void let_go(void) {
  if (!current) return;
  publish_status(&current->message, "idle");
  wire_close(&current->message);
  free(current);
  current = NULL;
}

/* What the main thread says: kind, type, metadata, content. False when it is over. */
static bool obey(void) {
  zmq_msg_t parts[4];
  int count = 0, more = 1;
  size_t size = sizeof more;
  for (; more && count < 4; count++) {
    zmq_msg_init(&parts[count]);
    zmq_msg_recv(&parts[count], inner[1], 0);
    zmq_getsockopt(inner[1], ZMQ_RCVMORE, &more, &size);
  }
  int kind = *(char *)zmq_msg_data(&parts[0]);
  if (kind != SAY_NEXT) {
    drain();
    sem_post(&drained);
  }
  if (kind == SAY_NEXT) take_next();
  if (kind == SAY_IDLE) let_go();
  if (count == 4 && current) { /* type and metadata end with a NUL */
    const char *type = zmq_msg_data(&parts[1]), *metadata = zmq_msg_data(&parts[2]), *content = zmq_msg_data(&parts[3]);
    size = zmq_msg_size(&parts[3]);
    if (kind == SAY_PUBLISH) publish(&current->message, type, *metadata ? metadata : NULL, content, size);
    if (kind == SAY_REPLY) wire_send(sockets[SHELL], &current->message, NULL, type, NULL, content, size);
    if (kind == SAY_ASK) wire_send(sockets[INPUT], &current->message, NULL, type, NULL, content, size);
  }
  for (int i = 0; i < count; i++) zmq_msg_close(&parts[i]);
  return kind != SAY_STOP;
}

/* ---- the thread ---- */

/* Seconds until a stream wants to be sent, at most most. */
static double wait_of(const stream *s, double most) {
  if (s->used == 0) return most;
  double at = s->used == STREAM_BYTES ? s->sent + PACE : s->begun + FLUSH, left = at - now();
  return left < 0 ? 0 : left < most ? left : most;
}

static void *serve(void *nothing) {
  (void)nothing;
  enum { INNER = SOCKETS, OUT, ERR, ITEMS };
  publish_status(NULL, "starting");
  for (bool running = true; running;) {
    zmq_pollitem_t items[ITEMS];
    for (int i = 0; i < SOCKETS; i++) items[i] = (zmq_pollitem_t){.socket = sockets[i], .events = ZMQ_POLLIN};
    items[INNER] = (zmq_pollitem_t){.socket = inner[1], .events = ZMQ_POLLIN};
    double wait = ending ? 0.05 : 1;
    for (int i = 0; i < 2; i++) {
      stream *s = &streams[i];
      items[OUT + i] = (zmq_pollitem_t){.fd = s->fd, .events = s->used < STREAM_BYTES ? ZMQ_POLLIN : 0};
      wait = wait_of(s, wait);
    }
    if (zmq_poll(items, ITEMS, (long)(wait * 1000) + 1) < 0 && zmq_errno() != EINTR) break;
    if (items[HEARTBEAT].revents) beat();
    if (items[CONTROL].revents) receive_control();
    if (items[INPUT].revents) receive_input();
    if (items[IOPUB].revents) (void)welcome();
    if (items[SHELL].revents) relay();
    for (int i = 0; i < 2; i++) {
      if (items[OUT + i].revents) fill(&streams[i]);
      if (wait_of(&streams[i], 1) == 0) flush(&streams[i], false);
    }
    if (items[INNER].revents) running = obey();
    if (ending && now() > deadline) _exit(EXIT_SUCCESS);
    if (parent && getppid() != parent) _exit(EXIT_FAILURE); /* who started us is gone */
  }
  return NULL;
}

/* ---- beginning and end ---- */

/* What is written to fd comes out of a pipe. */
static bool capture(int fd, stream *s) {
  int ends[2];
  s->bytes = malloc(STREAM_BYTES);
  if (!s->bytes || pipe2(ends, O_CLOEXEC) != 0) return false;
  s->fd = ends[0];
  bool done = fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && dup2(ends[1], fd) == fd;
  close(ends[1]);
  return done;
}

static bool bind_sockets(json_t *file) {
  const char *transport = json_string_value(json_object_get(file, "transport"));
  const char *ip = json_string_value(json_object_get(file, "ip"));
  if (!transport || !ip) return false;
  for (int i = 0; i < SOCKETS; i++) {
    char address[512];
    json_int_t port = json_integer_value(json_object_get(file, kinds[i].port));
    const char *between = strcmp(transport, "ipc") == 0 ? "-" : ":"; /* of a path, of an address */
    snprintf(address, sizeof address, "%s://%s%s%lld", transport, ip, between, (long long)port);
    int all = 0, soon = 1000, on = 1;
    sockets[i] = zmq_socket(context, kinds[i].type);
    if (!sockets[i]) return false;
    zmq_setsockopt(sockets[i], ZMQ_LINGER, &soon, sizeof soon);
    zmq_setsockopt(sockets[i], ZMQ_SNDHWM, &all, sizeof all);
    zmq_setsockopt(sockets[i], ZMQ_RCVHWM, &all, sizeof all);
    if (kinds[i].type == ZMQ_ROUTER) zmq_setsockopt(sockets[i], ZMQ_ROUTER_HANDOVER, &on, sizeof on); /* who comes again */
    if (kinds[i].type == ZMQ_XPUB) zmq_setsockopt(sockets[i], ZMQ_XPUB_VERBOSE, &on, sizeof on);
    if (zmq_bind(sockets[i], address) != 0) {
      fprintf(stderr, "rnnlua-kernel: %s: %s\n", address, zmq_strerror(zmq_errno()));
      return false;
    }
  }
  return true;
}

/* What goes to the main thread may wait without limit, what comes from it not. */
static bool make_pair(void *pair[2], const char *address) {
  int all = 0, none = 0;
  for (int i = 0; i < 2; i++) {
    pair[i] = zmq_socket(context, ZMQ_PAIR);
    if (!pair[i]) return false;
    zmq_setsockopt(pair[i], i == 0 ? ZMQ_RCVHWM : ZMQ_SNDHWM, &all, sizeof all);
    zmq_setsockopt(pair[i], ZMQ_LINGER, &none, sizeof none);
  }
  return zmq_bind(pair[0], address) == 0 && zmq_connect(pair[1], address) == 0;
}

bool service_start(const char *path) {
  json_error_t error;
  json_t *file = json_load_file(path, 0, &error);
  if (!file) {
    fprintf(stderr, "rnnlua-kernel: %s: %s\n", path, error.text);
    return false;
  }
  const char *scheme = json_string_value(json_object_get(file, "signature_scheme"));
  const char *key = json_string_value(json_object_get(file, "key"));
  bool known = !scheme || !*scheme || !key || !*key || strcmp(scheme, "hmac-sha256") == 0;
  if (!known) fprintf(stderr, "rnnlua-kernel: signatures are made by hmac-sha256, not by %s\n", scheme);
  json_object_seed(0); /* before there are threads */
  wire_open(key ? key : "");
  context = zmq_ctx_new();
  sem_init(&drained, 0, 0);
  bool ready = known && context && bind_sockets(file) && make_pair(inner, "inproc://inner") &&
               make_pair(answers, "inproc://answers");
  json_decref(file);
  parent = getenv("JPY_PARENT_PID") ? getppid() : 0;
  if (!ready || !capture(STDOUT_FILENO, &streams[0]) || !capture(STDERR_FILENO, &streams[1])) return false;
  sigset_t all, before; /* signals are the main thread's */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool running = pthread_create(&thread, NULL, serve, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return running;
}

static void say(char kind, const char *type, const char *metadata, const char *content, size_t size) {
  fflush(stdout);
  fflush(stderr);
  struct {
    const void *bytes;
    size_t size;
  } parts[4] = {{&kind, 1}, {type, type ? strlen(type) + 1 : 0}, {metadata, strlen(metadata) + 1}, {content, size}};
  int count = type ? 4 : 1;
  for (int i = 0; i < count; i++)
    while (zmq_send(inner[0], parts[i].bytes, parts[i].size, i < count - 1 ? ZMQ_SNDMORE : 0) < 0 && zmq_errno() == EINTR)
      continue;
  while (kind != SAY_NEXT && sem_wait(&drained) != 0) continue;
}

void service_stop(void) {
  say(SAY_STOP, NULL, "", NULL, 0);
  pthread_join(thread, NULL);
  for (int i = 0; i < SOCKETS; i++) zmq_close(sockets[i]);
  for (int i = 0; i < 2; i++) {
    zmq_close(inner[i]);
    zmq_close(answers[i]);
  }
  zmq_ctx_term(context);
}

bool service_next(char type[64], zmq_msg_t *content) {
  int size;
  while ((size = zmq_recv(inner[0], type, 63, 0)) < 0)
    if (zmq_errno() != EINTR) return false;
  if (size == 0 || ending) return false;
  type[size] = '\0';
  zmq_msg_init(content);
  zmq_msg_recv(content, inner[0], 0);
  return true;
}

bool service_more(void) {
  zmq_pollitem_t item = {.socket = inner[0], .events = ZMQ_POLLIN};
  return zmq_poll(&item, 1, 0) > 0;
}

void service_begin(void) { say(SAY_NEXT, NULL, "", NULL, 0); }

void service_publish(const char *type, const char *metadata, const char *content, size_t size) {
  say(SAY_PUBLISH, type, metadata ? metadata : "", content, size);
}

void service_reply(const char *type, const char *content, size_t size) { say(SAY_REPLY, type, "", content, size); }

void service_idle(void) { say(SAY_IDLE, NULL, "", NULL, 0); }

char *service_input(const char *prompt, bool (*is_interrupted)(void)) {
  char late;
  while (zmq_recv(answers[0], &late, 1, ZMQ_DONTWAIT) >= 0) continue; /* to what an interrupt ended */
  if (ending || is_interrupted()) return NULL;
  json_t *question = json_pack("{s:s,s:b}", "prompt", prompt, "password", 0);
  char *text = json_dumps(question, JSON_COMPACT), *line = NULL;
  json_decref(question);
  if (!text) return NULL;
  say(SAY_ASK, "input_request", "", text, strlen(text));
  free(text);
  while (!line && !ending && !is_interrupted()) { /* what an earlier interrupt sent does not count */
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, answers[0], 0) >= 0) {
      json_t *answer = json_loadb(zmq_msg_data(&part), zmq_msg_size(&part), JSON_ALLOW_NUL, NULL);
      const char *value = json_string_value(json_object_get(answer, "value"));
      if (value) line = strdup(value);
      json_decref(answer);
    }
    zmq_msg_close(&part);
  }
  return line;
}

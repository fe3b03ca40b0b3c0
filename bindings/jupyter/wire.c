/* wire.c: signing, sending and receiving. */
#include "wire.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "rnn.h"

#define BLOCK 64 /* bytes of SHA-256 */
#define DIGEST 32
#define DELIMITER "<IDS|MSG>"
#define DELIMITER_SIZE (sizeof DELIMITER - 1)

typedef struct part {
  const void *bytes;
  size_t size;
} part;

static unsigned char key[BLOCK];
static bool signing;
static char session[33];
static unsigned long sent;

static void from_hex(const char *text, unsigned char out[DIGEST]) {
  for (int i = 0; i < DIGEST; i++) {
    unsigned byte = 0;
    sscanf(text + 2 * i, "%2x", &byte);
    out[i] = (unsigned char)byte;
  }
}

void wire_open(const char *text) {
  size_t size = strlen(text);
  signing = size > 0;
  memset(key, 0, sizeof key);
  if (size <= BLOCK) {
    memcpy(key, text, size);
  } else {
    char digest[RNN_SHA256_TEXT];
    rnn_sha256(text, size, digest);
    from_hex(digest, key);
  }
  unsigned char random[16] = {0};
  if (getrandom(random, sizeof random, 0) < 0) memcpy(random, &(time_t){time(NULL)}, sizeof(time_t));
  for (size_t i = 0; i < sizeof random; i++) snprintf(session + 2 * i, 3, "%02x", random[i]);
}

/* HMAC, RFC 2104, of four parts. False without memory. */
static bool sign(const part parts[4], char out[RNN_SHA256_TEXT]) {
  out[0] = '\0';
  if (!signing) return true;
  size_t size = BLOCK;
  for (int i = 0; i < 4; i++) size += parts[i].size;
  unsigned char *text = malloc(size), outer[BLOCK + DIGEST];
  if (!text) return false;
  for (int i = 0; i < BLOCK; i++) {
    text[i] = key[i] ^ 0x36;
    outer[i] = key[i] ^ 0x5c;
  }
  unsigned char *at = text + BLOCK;
  for (int i = 0; i < 4; i++) {
    memcpy(at, parts[i].bytes, parts[i].size);
    at += parts[i].size;
  }
  rnn_sha256(text, size, out);
  free(text);
  from_hex(out, outer + BLOCK);
  rnn_sha256(outer, sizeof outer, out);
  return true;
}

/* In a time that does not depend on where they differ. */
static bool is_equal(const char *a, const char *b, size_t size) {
  unsigned differs = 0;
  for (size_t i = 0; i < size; i++) differs |= (unsigned)(a[i] ^ b[i]);
  return differs == 0;
}

static part frame(wire_message *m, int i) { return (part){zmq_msg_data(&m->frames[i]), zmq_msg_size(&m->frames[i])}; }

static bool is_signed(wire_message *m) {
  char wanted[RNN_SHA256_TEXT];
  part parts[4], given = frame(m, m->header - 1);
  for (int i = 0; i < 4; i++) parts[i] = frame(m, m->header + i);
  if (!sign(parts, wanted)) return false;
  return !signing || (given.size == strlen(wanted) && is_equal(given.bytes, wanted, given.size));
}

static bool read_type(wire_message *m) {
  part p = frame(m, m->header);
  json_t *header = json_loadb(p.bytes, p.size, 0, NULL);
  const char *type = json_string_value(json_object_get(header, "msg_type"));
  bool fits = type && strlen(type) < sizeof m->type;
  if (fits) strcpy(m->type, type);
  json_decref(header);
  return fits;
}

bool wire_receive(void *socket, wire_message *m) {
  *m = (wire_message){.header = -1};
  int more = 1;
  size_t size = sizeof more;
  while (more) {
    bool room = m->count < WIRE_FRAMES;
    zmq_msg_t rest, *next = room ? &m->frames[m->count] : &rest;
    zmq_msg_init(next);
    while (zmq_msg_recv(next, socket, 0) < 0) {
      if (zmq_errno() == EINTR) continue;
      wire_close(m);
      return false;
    }
    zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    if (!room) {
      zmq_msg_close(next);
      continue;
    }
    m->count++;
    if (m->header < 0 && zmq_msg_size(next) == DELIMITER_SIZE && memcmp(zmq_msg_data(next), DELIMITER, DELIMITER_SIZE) == 0)
      m->header = m->count + 1;
  }
  if (m->header > 0 && m->header + 4 <= m->count && is_signed(m) && read_type(m)) return true;
  wire_close(m);
  return false;
}

void wire_close(wire_message *m) {
  for (int i = 0; i < m->count; i++) zmq_msg_close(&m->frames[i]);
  m->count = 0;
}

const char *wire_content(wire_message *m, size_t *size) {
  part p = frame(m, m->header + 3);
  *size = p.size;
  return p.bytes;
}

static void send_part(void *socket, part p, int flags) {
  while (zmq_send(socket, p.bytes, p.size, flags) < 0 && zmq_errno() == EINTR) continue;
}

void wire_send(void *socket, wire_message *parent, const char *topic, const char *type, const char *metadata,
               const char *content, size_t size) {
  char header[320], date[32], signature[RNN_SHA256_TEXT];
  struct timespec now;
  struct tm utc;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(header, sizeof header,
           "{\"msg_id\":\"%s_%lu\",\"session\":\"%s\",\"username\":\"rnnlua\",\"date\":\"%s.%06ldZ\",\"msg_type\":\"%s\","
           "\"version\":\"5.5\"}", session, sent++, session, date, now.tv_nsec / 1000, type);
  part parts[4] = {{header, strlen(header)}, {"{}", 2}, {metadata ? metadata : "{}", metadata ? strlen(metadata) : 2},
                   {content, size}};
  if (parent) parts[1] = frame(parent, parent->header);
  if (!sign(parts, signature)) return;
  if (topic) send_part(socket, (part){topic, strlen(topic)}, ZMQ_SNDMORE);
  for (int i = 0; !topic && parent && i < parent->header - 2; i++) send_part(socket, frame(parent, i), ZMQ_SNDMORE);
  send_part(socket, (part){DELIMITER, DELIMITER_SIZE}, ZMQ_SNDMORE);
  send_part(socket, (part){signature, strlen(signature)}, ZMQ_SNDMORE);
  for (int i = 0; i < 4; i++) send_part(socket, parts[i], i < 3 ? ZMQ_SNDMORE : 0);
}

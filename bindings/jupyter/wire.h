/* wire.h: messages of Jupyter's protocol 5.5 over ZeroMQ. A message is a row of frames: identities, <IDS|MSG>, the
 * signature (HMAC-SHA-256 of the four that follow), header, parent header, metadata, content, all four JSON. */
#ifndef RNNLUA_WIRE_H
#define RNNLUA_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include <zmq.h>

#define WIRE_FRAMES 16 /* at most; those behind them, which only widgets send, are dropped */

typedef struct wire_message {
  zmq_msg_t frames[WIRE_FRAMES];
  int count;
  int header; /* the number of the frame that is the header; before it are identities, <IDS|MSG> and signature */
  char type[64];
} wire_message;

/* To be called once. An empty key: nothing is signed. */
void wire_open(const char *key);

/* Takes a message from a socket where one waits; false, and nothing to close, when it is none of the protocol or its
 * signature is wrong. */
bool wire_receive(void *socket, wire_message *m);
void wire_close(wire_message *m);

/* The content of m, which is JSON. */
const char *wire_content(wire_message *m, size_t *size);

/* Sends a message in answer to parent, or of its own accord when that is NULL: to the identities of parent, or, when
 * topic is not NULL, to all who listen to that. metadata may be NULL. */
void wire_send(void *socket, wire_message *parent, const char *topic, const char *type, const char *metadata,
               const char *content, size_t size);

#endif

/* service.h: the sockets of a kernel, all of them in one thread of their own, so that the heart beats and an interrupt or
 * a shutdown is heard while the main thread computes. What is written to standard output and standard error, by whomever,
 * goes to the notebook as well. All functions here are for the main thread. */
#ifndef RNNLUA_SERVICE_H
#define RNNLUA_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include <zmq.h>

/* Reads the connection file and starts. False, and a message on standard error, when that fails. */
bool service_start(const char *connection_file);
void service_stop(void);

/* The content of kernel_info_reply. */
extern const char service_info[];

/* Waits for the next request on the shell. False when the kernel shall end. content is to be closed. */
bool service_next(char type[64], zmq_msg_t *content);
/* Is there another one already? */
bool service_more(void);
/* The first request that is not answered yet is being answered from now on. */
void service_begin(void);

/* To all: a message in answer to the request. metadata may be NULL. */
void service_publish(const char *type, const char *metadata, const char *content, size_t size);
/* To who asked. */
void service_reply(const char *type, const char *content, size_t size);
/* The request is answered. */
void service_idle(void);

/* Asks who sent the request for a line; it is to be freed. NULL after an interrupt, or when the kernel shall end. */
char *service_input(const char *prompt, bool (*is_interrupted)(void));

#endif

/*
 * raw_server.h - a web server for tests that sends exactly the bytes it is
 * told to, right or wrong, on a port of its own on 127.0.0.1.
 *
 * It serves one connection after another, in a thread. To each request it sends
 * the next of its replies, and to those behind the last one that one again.
 */
#ifndef RAW_SERVER_H
#define RAW_SERVER_H

#include <stddef.h>

enum raw_then {
    RAW_CLOSE, /* closes the connection */
    RAW_KEEP,  /* waits for the next request */
    RAW_HOLD,  /* does nothing more, until the client has gone */
    RAW_DRIP   /* sends the last byte again and again, until then */
};

struct raw_server;

/* Never NULL: a test cannot go on without. */
struct raw_server *raw_server_start(const char *reply, size_t size,
                                    enum raw_then then);

/* Sends an HTTP reply with this status line, header lines and body. */
struct raw_server *raw_server_http(const char *status, const char *headers,
                                   const char *body);

/* Another reply, behind those that it has. */
void raw_server_add(struct raw_server *server, const char *reply, size_t size,
                    enum raw_then then);
void raw_server_add_http(struct raw_server *server, const char *status,
                         const char *headers, const char *body);

/* From the next request on, this reply and no other. */
void raw_server_change(struct raw_server *server, const char *reply,
                       size_t size, enum raw_then then);

int raw_server_port(const struct raw_server *server);

/* "http://127.0.0.1:PORT/v1"; the server's. */
const char *raw_server_url(const struct raw_server *server);

/* How many connections and requests came so far. */
int raw_server_connections(struct raw_server *server);
int raw_server_requests(struct raw_server *server);

/* The last request as it came, to be freed; NULL if there was none. */
char *raw_server_last_request(struct raw_server *server);

void raw_server_stop(struct raw_server *server);

/* A port of 127.0.0.1 on which nobody listens. */
int raw_unused_port(void);

/* A listener that accepts nobody, with as many as it lets in waiting. */
struct raw_crowd {
    int port, listener, clients[4];
};
void raw_crowd_open(struct raw_crowd *crowd);
void raw_crowd_close(struct raw_crowd *crowd);

#endif

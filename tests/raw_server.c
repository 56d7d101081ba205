/*
 * raw_server.c - see raw_server.h.
 */
#include "raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct reply {
    char *bytes;
    size_t size;
    enum raw_then then;
    struct reply *next;
};

struct raw_server {
    int listener, port;
    char url[64];
    pthread_t thread;

    pthread_mutex_t mutex; /* of the rest */
    struct reply *replies; /* the first one is the next to be sent */
    bool stopping;
    int connection; /* -1: none now */
    int connections, requests;
    char *last_request;
};

static void must(bool success, const char *what)
{
    if (success)
        return;
    perror(what);
    abort();
}

static int bind_any_port(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0, "socket");
    must(!bind(fd, (struct sockaddr *)&address, size), "bind");
    must(!getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
    *port = ntohs(address.sin_port);
    return fd;
}

int raw_unused_port(void)
{
    int port, fd = bind_any_port(&port);

    close(fd);
    return port;
}

void raw_crowd_open(struct raw_crowd *crowd)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    crowd->listener = bind_any_port(&crowd->port);
    must(!listen(crowd->listener, 0), "listen");
    address.sin_port = htons((uint16_t)crowd->port);
    for (int i = 0; i < 4; i++) {
        crowd->clients[i] =
            socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(crowd->clients[i], (struct sockaddr *)&address, sizeof address);
    }
}

void raw_crowd_close(struct raw_crowd *crowd)
{
    for (int i = 0; i < 4; i++)
        close(crowd->clients[i]);
    close(crowd->listener);
}

/* How many bytes the request at text has as soon as all its header is there;
   0 before. */
static size_t request_size(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\ncontent-length:");

    if (!end)
        return 0;
    size_t size = (size_t)(end + 4 - text);
    if (length && length < end)
        size += strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
    return size;
}

/* Reads one request; false if the client has gone. */
static bool take_request(struct raw_server *server, int fd)
{
    size_t room = 1 << 16, used = 0;
    char *request = malloc(room);

    must(request != NULL, "malloc");
    request[0] = '\0';
    while (!request_size(request) || used < request_size(request)) {
        ssize_t n = recv(fd, request + used, room - used - 1, 0);
        if (n <= 0) {
            free(request);
            return false;
        }
        used += (size_t)n;
        request[used] = '\0';
        if (room - used < 1 << 15) {
            char *larger = realloc(request, room *= 2);
            must(larger != NULL, "realloc");
            request = larger;
        }
    }
    pthread_mutex_lock(&server->mutex);
    server->requests++;
    free(server->last_request);
    server->last_request = request;
    pthread_mutex_unlock(&server->mutex);
    return true;
}

static void free_first(struct raw_server *server)
{
    struct reply *first = server->replies;

    server->replies = first->next;
    free(first->bytes);
    free(first);
}

/* Sends the reply of now, which ends in *last; false if the client has gone. */
static bool send_reply(struct raw_server *server, int fd, enum raw_then *then,
                       char *last)
{
    pthread_mutex_lock(&server->mutex);
    struct reply *reply = server->replies;
    size_t size = reply->size, sent = 0;
    char *bytes = malloc(size + 1);
    must(bytes != NULL, "malloc");
    memcpy(bytes, reply->bytes, size);
    *then = reply->then;
    *last = size > 0 ? bytes[size - 1] : ' ';
    if (reply->next)
        free_first(server);
    pthread_mutex_unlock(&server->mutex);

    while (sent < size) {
        ssize_t n = send(fd, bytes + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0)
            break;
        sent += (size_t)n;
    }
    free(bytes);
    return sent == size;
}

static void drip(int fd, char byte)
{
    struct pollfd client = {.fd = fd, .events = POLLIN};

    do
        if (send(fd, &byte, 1, MSG_NOSIGNAL) < 0)
            return;
    while (poll(&client, 1, 1) == 0);
}

static void serve(struct raw_server *server, int fd)
{
    enum raw_then then;
    char byte;

    while (take_request(server, fd)) {
        if (!send_reply(server, fd, &then, &byte) || then == RAW_CLOSE)
            return;
        if (then == RAW_DRIP) {
            drip(fd, byte);
            return;
        }
        while (then == RAW_HOLD)
            if (recv(fd, &byte, 1, 0) <= 0)
                return;
    }
}

static void *run(void *argument)
{
    struct raw_server *server = argument;
    bool stopping = false;

    while (!stopping) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

        pthread_mutex_lock(&server->mutex);
        stopping = server->stopping || fd < 0;
        server->connection = fd;
        server->connections += !stopping;
        pthread_mutex_unlock(&server->mutex);
        if (!stopping)
            serve(server, fd);
        pthread_mutex_lock(&server->mutex);
        server->connection = -1;
        pthread_mutex_unlock(&server->mutex);
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

/* With the mutex, or before there is a thread. */
static void append(struct raw_server *server, const char *bytes, size_t size,
                   enum raw_then then)
{
    struct reply **place = &server->replies;
    struct reply *reply = calloc(1, sizeof *reply);

    must(reply != NULL, "calloc");
    reply->bytes = malloc(size + 1);
    must(reply->bytes != NULL, "malloc");
    memcpy(reply->bytes, bytes, size);
    reply->size = size;
    reply->then = then;
    while (*place)
        place = &(*place)->next;
    *place = reply;
}

void raw_server_add(struct raw_server *server, const char *reply, size_t size,
                    enum raw_then then)
{
    pthread_mutex_lock(&server->mutex);
    append(server, reply, size, then);
    pthread_mutex_unlock(&server->mutex);
}

void raw_server_change(struct raw_server *server, const char *reply,
                       size_t size, enum raw_then then)
{
    pthread_mutex_lock(&server->mutex);
    while (server->replies)
        free_first(server);
    append(server, reply, size, then);
    pthread_mutex_unlock(&server->mutex);
}

struct raw_server *raw_server_start(const char *reply, size_t size,
                                    enum raw_then then)
{
    struct raw_server *server = calloc(1, sizeof *server);

    must(server != NULL, "calloc");
    server->connection = -1;
    pthread_mutex_init(&server->mutex, NULL);
    append(server, reply, size, then);
    server->listener = bind_any_port(&server->port);
    must(!listen(server->listener, 16), "listen");
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/v1",
             server->port);
    must(!pthread_create(&server->thread, NULL, run, server), "pthread_create");
    return server;
}

static char *http_reply(const char *status, const char *headers,
                        const char *body, size_t *size)
{
    char *reply;
    int n = asprintf(&reply, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s",
                     status, strlen(body), headers, body);

    must(n >= 0, "asprintf");
    *size = (size_t)n;
    return reply;
}

struct raw_server *raw_server_http(const char *status, const char *headers,
                                   const char *body)
{
    size_t size;
    char *reply = http_reply(status, headers, body, &size);
    struct raw_server *server = raw_server_start(reply, size, RAW_KEEP);

    free(reply);
    return server;
}

void raw_server_add_http(struct raw_server *server, const char *status,
                         const char *headers, const char *body)
{
    size_t size;
    char *reply = http_reply(status, headers, body, &size);

    raw_server_add(server, reply, size, RAW_KEEP);
    free(reply);
}

int raw_server_port(const struct raw_server *server)
{
    return server->port;
}

const char *raw_server_url(const struct raw_server *server)
{
    return server->url;
}

int raw_server_connections(struct raw_server *server)
{
    pthread_mutex_lock(&server->mutex);
    int connections = server->connections;
    pthread_mutex_unlock(&server->mutex);
    return connections;
}

int raw_server_requests(struct raw_server *server)
{
    pthread_mutex_lock(&server->mutex);
    int requests = server->requests;
    pthread_mutex_unlock(&server->mutex);
    return requests;
}

char *raw_server_last_request(struct raw_server *server)
{
    pthread_mutex_lock(&server->mutex);
    char *request = server->last_request ? strdup(server->last_request) : NULL;
    pthread_mutex_unlock(&server->mutex);
    return request;
}

void raw_server_stop(struct raw_server *server)
{
    pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    shutdown(server->listener, SHUT_RDWR);
    if (server->connection >= 0)
        shutdown(server->connection, SHUT_RDWR);
    pthread_mutex_unlock(&server->mutex);
    pthread_join(server->thread, NULL);
    close(server->listener);
    pthread_mutex_destroy(&server->mutex);
    free(server->last_request);
    while (server->replies)
        free_first(server);
    free(server);
}

/*
 * mock_llm.c - the mock server's beginning and end: one thread, one libevent
 * loop, one listening socket on 127.0.0.1.
 *
 * The caller's thread sets everything up and touches nothing afterwards but the
 * ledger, which has a lock, and command_fds. So libevent needs no locks.
 */
#include "mock_llm/mock_llm.h"
#include "mock_llm/platform.h"
#include "mock_llm/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * What is longer than this evhttp reads without keeping it, and refuses, but in
 * HTML. That is why shorter bodies above MAX_BODY are left to us.
 */
#define MAX_BODY_READ (16 * (ev_ssize_t)MAX_BODY)
#define MAX_HEADERS   (64 << 10)

/*
 * Seconds until an idle connection is closed. Longer than clients keep one for
 * reuse (libcurl: 118), so that it is never closed in the moment of its reuse.
 */
#define IDLE_SECONDS 180

/* What other threads tell the server's thread to do. */
enum command { COMMAND_STOP, COMMAND_OPEN_GATE, COMMAND_LET_GO };

/* Thirty years: at a speed near 0 a delay has no end that time_t could hold. */
#define LONGEST_DELAY_US 1e15

static const struct timeval accept_pause = {.tv_usec = 50000};

static double real_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double mock_llm_now(const struct mock_llm *server)
{
    return (real_now() - server->started) * server->speed;
}

/* Rounded up: no reply is early, not even by a microsecond. */
struct timeval mock_llm_real_time(const struct mock_llm *server, double seconds)
{
    double us =
        fmin(ceil(fmax(0, seconds) / server->speed * 1e6), LONGEST_DELAY_US);

    return (struct timeval){.tv_sec = (time_t)(us / 1e6),
                            .tv_usec = (suseconds_t)fmod(us, 1e6)};
}

static bool fail(char error[MOCK_LLM_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(char error[MOCK_LLM_ERROR_SIZE], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, MOCK_LLM_ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

/* ---- The loop ---------------------------------------------------------- */

static void on_command(evutil_socket_t fd, short what, void *arg)
{
    struct mock_llm *server = arg;
    unsigned char command;

    (void)what;
    while (recv(fd, &command, 1, 0) == 1) {
        if (command == COMMAND_STOP)
            event_base_loopbreak(server->base);
        else if (command == COMMAND_OPEN_GATE)
            mock_llm_gate_open(server);
        else
            mock_llm_gate_let_go(server);
    }
}

static void send_command(struct mock_llm *server, enum command command)
{
    unsigned char byte = (unsigned char)command;

    while (write(server->command_fds[1], &byte, 1) < 0 && errno == EINTR)
        continue;
}

static void on_accept_again(evutil_socket_t fd, short what, void *listener)
{
    (void)fd;
    (void)what;
    evconnlistener_enable(listener);
}

/*
 * Mostly: the process is out of file descriptors. The connection stays in the
 * kernel's queue and the socket stays readable, so accepting on would spin
 * until a descriptor is free. A pause costs the waiting client 50 ms instead.
 * (The argument is not ours: evhttp has put itself there.)
 */
static void on_accept_error(struct evconnlistener *listener, void *http)
{
    (void)http;
    if (event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT,
                        on_accept_again, listener, &accept_pause) == 0)
        evconnlistener_disable(listener);
}

/*
 * The timers are the pretended latencies. They are set from the time that it
 * is, not from when the loop woke: NO_CACHE_TIME, or a reply would be early by
 * as long as the requests before it took to parse. PRECISE_TIMER: microseconds.
 * Edge-triggered events, which exchange.c needs, exist with epoll. CHANGELIST:
 * what evhttp changes and changes back within a turn the kernel never hears of.
 */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (!config)
        return NULL;
    if (event_config_require_features(config, EV_FEATURE_ET) == 0 &&
        event_config_set_flag(
            config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_NO_CACHE_TIME |
                        EVENT_BASE_FLAG_PRECISE_TIMER |
                        EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

/* A pair of sockets is a pipe that exists everywhere with these flags. */
static bool open_commands(struct mock_llm *server)
{
    int *fds = server->command_fds;

    if (evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        evutil_make_socket_closeonexec(fds[i]);
    evutil_make_socket_nonblocking(fds[0]);
    event_assign(&server->command, server->base, fds[0], EV_READ | EV_PERSIST,
                 on_command, server);
    return event_add(&server->command, NULL) == 0;
}

static bool open_loop(struct mock_llm *server, char error[MOCK_LLM_ERROR_SIZE])
{
    server->base = new_base();
    if (server->base)
        server->http = evhttp_new(server->base);
    server->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (!server->http || server->null_fd < 0 || !open_commands(server))
        return fail(error, "no event loop for the mock server: %s",
                    strerror(errno));

    evhttp_set_max_headers_size(server->http, MAX_HEADERS);
    evhttp_set_max_body_size(server->http, MAX_BODY_READ);
    evhttp_set_flags(server->http, EVHTTP_SERVER_LINGERING_CLOSE);
    evhttp_set_timeout(server->http, IDLE_SECONDS);
    evhttp_set_default_content_type(server->http, NULL);
    evhttp_set_allowed_methods(
        server->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                          EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                          EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(server->http, mock_llm_exchange_begin, server);
    return true;
}

/* ---- The socket -------------------------------------------------------- */

static bool fail_to_bind(char error[MOCK_LLM_ERROR_SIZE], int port)
{
    if (errno == EADDRINUSE)
        return fail(error,
                    "port %d is taken by another program: choose another port, "
                    "or 0 for any free one",
                    port);
    if (errno == EACCES)
        return fail(error,
                    "port %d may be opened by root only: choose one from 1024 "
                    "on, or 0 for any free one",
                    port);
    return fail(error, "cannot listen on 127.0.0.1, port %d: %s", port,
                strerror(errno));
}

/* On the caller's socket, or on one of our own; NULL, and errno, if not. */
static struct evconnlistener *listen_on(struct mock_llm *server,
                                        const struct mock_llm_options *options)
{
    const unsigned flags =
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)options->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};

    if (options->listener > 0) {
        evutil_make_socket_nonblocking(options->listener);
        evutil_make_socket_closeonexec(options->listener);
        return evconnlistener_new(server->base, NULL, NULL, flags, SOMAXCONN,
                                  options->listener);
    }
    return evconnlistener_new_bind(server->base, NULL, NULL, flags, SOMAXCONN,
                                   (struct sockaddr *)&address, sizeof address);
}

static bool open_socket(struct mock_llm *server,
                        const struct mock_llm_options *options,
                        char error[MOCK_LLM_ERROR_SIZE])
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    struct evconnlistener *listener = listen_on(server, options);
    int one = 1;

    if (!listener)
        return fail_to_bind(error, options->port);
    if (evhttp_bind_listener(server->http, listener) == NULL) {
        evconnlistener_free(listener);
        return fail(error, "no memory for the mock server");
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    /* Connections inherit it. Without it a stream's token may wait for the
       client's acknowledgement of the one before: 40 ms. */
    setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP, TCP_NODELAY, &one,
               sizeof one);
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address,
                &size);
    snprintf(server->root_url, sizeof server->root_url, "http://127.0.0.1:%d",
             ntohs(address.sin_port));
    snprintf(server->base_url, sizeof server->base_url,
             "http://127.0.0.1:%d/v1", ntohs(address.sin_port));
    return true;
}

/* ---- The thread -------------------------------------------------------- */

static void *serve(void *arg)
{
    struct mock_llm *server = arg;

    mock_llm_name_thread("mock_llm");
    event_base_dispatch(server->base);
    return NULL;
}

/*
 * A new thread inherits the signal mask. All signals are blocked but those that
 * a fault raises: blocked, these would end the process without a report.
 * SIGPIPE, blocked, goes unseen, and the write returns EPIPE.
 */
static bool start_thread(struct mock_llm *server,
                         char error[MOCK_LLM_ERROR_SIZE])
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t blocked, before;
    int err;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    err = pthread_create(&server->thread, NULL, serve, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0)
        return fail(error, "no thread for the mock server: %s", strerror(err));
    return true;
}

/* The thread has ended, or never began. */
static void free_server(struct mock_llm *server)
{
    /* Frees the listener, and by closing the connections the exchanges. */
    if (server->http)
        evhttp_free(server->http);
    if (event_initialized(&server->command))
        event_del(&server->command);
    if (event_initialized(&server->gate.impatience))
        event_del(&server->gate.impatience);
    if (server->base)
        event_base_free(server->base);
    for (int i = 0; i < 2; i++)
        if (server->command_fds[i] >= 0)
            close(server->command_fds[i]);
    if (server->null_fd >= 0)
        close(server->null_fd);
    mock_llm_ledger_destroy(&server->ledger);
    free(server);
}

static bool options_are_right(const struct mock_llm_options *options,
                              char error[MOCK_LLM_ERROR_SIZE])
{
    const char *problem = scenario_problem(&options->scenario);

    if (problem)
        return fail(error, "%s", problem);
    if (options->port < 0 || options->port > 65535)
        return fail(error,
                    "there is no port %d: choose one from 1 to 65535, or 0 for "
                    "any free one",
                    options->port);
    if (options->speed != 0 &&
        !(options->speed >= 1e-6 && options->speed <= 1e6))
        return fail(error, "the speed must be a number from 1e-6 to 1e6, or 0 "
                           "for the real clock's");
    if (options->gate < 0 || !(options->gate_patience >= 0))
        return fail(error, "the gate and its patience must be 0 or more");
    if (options->gate == 0 &&
        (options->gate_one_by_one || options->gate_patience > 0))
        return fail(error, "there is no gate that could let go one by one, or "
                           "have patience: give its size, too");
    return true;
}

struct mock_llm *mock_llm_start(const struct mock_llm_options *options,
                                char error[MOCK_LLM_ERROR_SIZE])
{
    struct mock_llm *server;

    error[0] = '\0';
    if (!options_are_right(options, error))
        return NULL;
    server = calloc(1, sizeof *server);
    if (!server) {
        fail(error, "no memory for the mock server");
        return NULL;
    }
    server->scenario = options->scenario;
    server->speed = options->speed > 0 ? options->speed : 1;
    server->started = real_now();
    server->command_fds[0] = server->command_fds[1] = server->null_fd = -1;
    server->closed = options->closed;
    mock_llm_ledger_init(&server->ledger);
    server->ledger.observe = options->observe;
    server->ledger.observer = options->observer;
    if (open_loop(server, error)) {
        mock_llm_gate_init(server, options);
        if (open_socket(server, options, error) && start_thread(server, error))
            return server;
    }
    free_server(server);
    return NULL;
}

const char *mock_llm_base_url(const struct mock_llm *server)
{
    return server->base_url;
}

const char *mock_llm_root_url(const struct mock_llm *server)
{
    return server->root_url;
}

void mock_llm_open_gate(struct mock_llm *server)
{
    send_command(server, COMMAND_OPEN_GATE);
}

void mock_llm_let_go(struct mock_llm *server)
{
    send_command(server, COMMAND_LET_GO);
}

int mock_llm_ledger_copy(struct mock_llm *server,
                         struct mock_llm_ledger *ledger)
{
    return mock_llm_ledger_snapshot(&server->ledger, ledger);
}

void mock_llm_stop(struct mock_llm *server)
{
    if (!server)
        return;
    send_command(server, COMMAND_STOP);
    pthread_join(server->thread, NULL);
    free_server(server);
}

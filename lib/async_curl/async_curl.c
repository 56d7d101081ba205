/*
 * async_curl.c - libcurl's transfers on the runtime's loop.
 *
 * libcurl can drive many transfers at once if somebody watches its sockets and
 * its timer for it (curl_multi_socket_action). Here the loop does, and each
 * transfer has a task: it hands its handle over, is woken when the transfer has
 * ended, and takes its handle back, in this order on every path.
 *
 * A loop has several multi handles, filled one after another, because libcurl
 * searches in lists: with 10,000 transfers in one, most of the time goes there.
 */
#include "async_curl/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many transfers a multi handle takes before the next one is opened. With
   1,000, each costs 10 to 20 us more. */
enum { SHARD_TRANSFERS = 128 };

#define CONTAINER_OF(pointer, type, member)                                    \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* One multi handle. */
struct shard {
    CURLM *multi;
    struct async_timer timer;      /* libcurl's: when to call it again */
    struct async_callback failure; /* queued: err is to be told to everybody */
    int err;                       /* not 0: takes no transfers until empty */
    size_t in_flight;
    struct transfer *transfers;
    struct socket *sockets;
    unsigned number; /* of those before it */
    struct shard *next;
};

/* A socket that libcurl wants watched; one of ours, until it is closed. */
struct socket {
    struct async_fd fd;
    struct shard *shard;
    struct socket *next, *previous;
    bool ours; /* libcurl opens and closes it through us */
    bool idle; /* and does not want it watched now */
};

/* What a loop has of libcurl, from its first transfer until it closes. */
static _Thread_local struct {
    struct shard *shards;
    struct shard *last; /* of them */
    struct shard *open; /* those before it take no transfer; NULL: none does */
    struct shard *acting;    /* the one whose multi handle is at work */
    struct socket **sockets; /* that are ours, by their descriptors */
    size_t socket_room;
    struct async_closer closer;
} loop_curl;

/* ---- Ending transfers -------------------------------------------------- */

void async_curl_count(struct transfer *transfer, bool outside)
{
    if (outside && !transfer->outside)
        async_outside_begin();
    else if (!outside && transfer->outside)
        async_outside_end();
    transfer->outside = outside;
}

/* The first end counts: the task may have yet to wake when another comes. */
void async_curl_end(struct transfer *transfer, int err, CURLcode result)
{
    if (transfer->ended)
        return;
    transfer->ended = true;
    async_curl_count(transfer, false);
    transfer->err = err;
    transfer->result = result;
    async_resume(&transfer->wait);
}

static struct transfer *transfer_of(CURL *easy)
{
    char *transfer = NULL;

    if (easy)
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    return (struct transfer *)(void *)transfer;
}

/*
 * The multi handle cannot go on, and with it none of its transfers. They are
 * told later: this may be called from inside libcurl.
 */
static void fail_shard(struct shard *shard, int err)
{
    shard->err = err;
    async_call_soon(&shard->failure);
}

static void tell_failure(struct async_callback *callback)
{
    struct shard *shard = CONTAINER_OF(callback, struct shard, failure);

    /* Nobody fetches what comes there: they would be ready for ever. */
    for (struct socket *s = shard->sockets; s; s = s->next)
        async_fd_unwatch(&s->fd);
    for (struct transfer *t = shard->transfers; t; t = t->next)
        async_curl_end(t, shard->err, CURLE_OK);
}

/*
 * Lets libcurl do what there is to do, and wakes the tasks whose transfers have
 * ended. They take their handles back when they run, after all messages have
 * been read: taking one back searches the messages that are left.
 */
static void act(struct shard *shard, curl_socket_t fd, int events)
{
    int count;

    loop_curl.acting = shard;
    CURLMcode code = curl_multi_socket_action(shard->multi, fd, events, &count);
    loop_curl.acting = NULL;
    if (code != CURLM_OK && !shard->err)
        fail_shard(shard, code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO);
    for (CURLMsg *m; (m = curl_multi_info_read(shard->multi, &count));) {
        struct transfer *transfer = transfer_of(m->easy_handle);

        if (m->msg == CURLMSG_DONE && transfer)
            async_curl_end(transfer, 0, m->data.result);
    }
}

/* ---- What libcurl wants to know: its sockets ---------------------------- */

static void socket_ready(struct async_fd *fd, int events)
{
    struct socket *socket = CONTAINER_OF(fd, struct socket, fd);
    int bits = 0;

    if (socket->idle) {
        /* The server has closed it. libcurl looks before it takes it up. */
        async_fd_unwatch(fd);
        return;
    }
    if (events & ASYNC_READABLE)
        bits |= CURL_CSELECT_IN;
    if (events & ASYNC_WRITABLE)
        bits |= CURL_CSELECT_OUT;
    act(socket->shard, fd->fd, bits);
}

static struct socket *add_socket(struct shard *shard, curl_socket_t fd)
{
    struct socket *socket = calloc(1, sizeof *socket);

    if (!socket)
        return NULL;
    socket->fd = (struct async_fd){.fd = fd, .ready = socket_ready};
    socket->shard = shard;
    socket->next = shard->sockets;
    if (socket->next)
        socket->next->previous = socket;
    shard->sockets = socket;
    return socket;
}

static void remove_socket(struct socket *socket)
{
    async_fd_unwatch(&socket->fd);
    if (socket->ours)
        loop_curl.sockets[socket->fd.fd] = NULL;
    if (socket->next)
        socket->next->previous = socket->previous;
    if (socket->previous)
        socket->previous->next = socket->next;
    else
        socket->shard->sockets = socket->next;
    free(socket);
}

/* The socket that is ours and has this descriptor, or NULL. */
static struct socket *our_socket(curl_socket_t fd)
{
    return (size_t)fd < loop_curl.socket_room ? loop_curl.sockets[fd] : NULL;
}

/* CURLMOPT_SOCKETFUNCTION */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *owner,
                        void *known)
{
    struct shard *shard = owner;
    struct socket *socket = known ? known : our_socket(fd);
    int err = -ENOMEM;

    if (what == CURL_POLL_REMOVE) {
        if (socket && socket->ours)
            socket->idle = true;
        else if (socket)
            remove_socket(socket);
        return 0;
    }
    if (!socket)
        socket = add_socket(shard, fd);
    if (socket) {
        if (!known)
            curl_multi_assign(shard->multi, fd, socket);
        socket->idle = false;
        err = async_fd_watch(&socket->fd,
                             (what & CURL_POLL_IN ? ASYNC_READABLE : 0) |
                                 (what & CURL_POLL_OUT ? ASYNC_WRITABLE : 0));
    }
    if (!err)
        return 0;

    /* Told of a failure, libcurl gives up all transfers; one is enough. */
    struct transfer *transfer = transfer_of(easy);
    if (transfer) {
        async_curl_end(transfer, err, CURLE_OK);
        return 0;
    }
    fail_shard(shard, err);
    return -1;
}

/* ---- Sockets that are ours --------------------------------------------- */

/*
 * libcurl has a socket watched anew for each transfer, and with a fast server
 * the two system calls are a quarter of the time. What is opened and closed
 * here stays watched in between: nothing else ends the watch without our
 * knowing.
 */

/* Room for a socket with this descriptor. */
static bool make_room(curl_socket_t fd)
{
    size_t room = 2 * (size_t)fd + 16;

    if ((size_t)fd < loop_curl.socket_room)
        return true;
    struct socket **more =
        realloc(loop_curl.sockets, room * sizeof(struct socket *));
    if (!more)
        return false;
    for (size_t i = loop_curl.socket_room; i < room; i++)
        more[i] = NULL;
    loop_curl.sockets = more;
    loop_curl.socket_room = room;
    return true;
}

/* The handle for which there was no descriptor, if nobody has been told yet. */
static _Thread_local CURL *refused;

static bool is_no_descriptor(int error)
{
    return error == EMFILE || error == ENFILE;
}

/* CURLOPT_OPENSOCKETFUNCTION. One that cannot be ours is as any other. */
static curl_socket_t open_socket(void *easy, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype, address->protocol);

    (void)purpose;
    if (fd < 0 && is_no_descriptor(errno))
        refused = easy;
    else if (refused == easy)
        refused = NULL;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    /* A blocking transfer has no loop. */
    if (!loop_curl.acting || !make_room(fd))
        return fd;
    struct socket *socket = add_socket(loop_curl.acting, fd);
    if (socket) {
        socket->ours = true;
        loop_curl.sockets[fd] = socket;
    }
    return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION */
static int close_socket(void *unused, curl_socket_t fd)
{
    struct socket *socket = our_socket(fd);

    (void)unused;
    if (socket)
        remove_socket(socket);
    return close(fd);
}

void async_curl_keep_watched(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, easy);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
}

/* ---- The time that libcurl wants to know -------------------------------- */

static void timer_due(struct async_callback *due)
{
    act(CONTAINER_OF(due, struct shard, timer.due), CURL_SOCKET_TIMEOUT, 0);
}

/*
 * CURLMOPT_TIMERFUNCTION. libcurl forbids to call it back from here, even if
 * the time is now: the timer does, a turn later.
 */
static int set_timer(CURLM *multi, long milliseconds, void *owner)
{
    struct shard *shard = owner;
    const int64_t year = INT64_C(366) * 24 * 3600 * 1000;

    (void)multi;
    async_timer_clear(&shard->timer);
    if (milliseconds < 0 || milliseconds > year)
        return 0;
    int64_t wait = async_from_real_ns((int64_t)milliseconds * 1000000);
    if (async_timer_set(&shard->timer, async_now_ns() + wait) == 0)
        return 0;
    fail_shard(shard, -ENOMEM);
    return -1;
}

/* ---- Shards ------------------------------------------------------------ */

static void loop_closes(struct async_closer *closer);

static struct shard *new_shard(void)
{
    struct shard *shard = calloc(1, sizeof *shard);

    if (!shard)
        return NULL;
    shard->timer.due.run = timer_due;
    shard->failure.run = tell_failure;
    shard->multi = curl_multi_init();
    if (!shard->multi) {
        free(shard);
        return NULL;
    }
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETDATA, shard);
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERDATA, shard);
    /* With fewer, a burst would close the connections that the next needs. */
    curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS,
                      (long)SHARD_TRANSFERS);
    if (!loop_curl.shards) {
        loop_curl.closer.close = loop_closes;
        async_on_close(&loop_curl.closer);
    }
    return shard;
}

/*
 * The first shard that has room, or a new one behind the others; NULL without
 * memory. Always the first: a connection is reused only within its shard.
 */
static struct shard *find_shard(void)
{
    struct shard *last = loop_curl.last, *shard = loop_curl.open;

    while (shard && (shard->in_flight >= SHARD_TRANSFERS || shard->err))
        shard = shard->next;
    if (!shard && (shard = new_shard())) {
        shard->number = last ? last->number + 1 : 0;
        *(last ? &last->next : &loop_curl.shards) = shard;
        loop_curl.last = shard;
    }
    loop_curl.open = shard;
    return shard;
}

/* ---- A transfer -------------------------------------------------------- */

static void link_transfer(struct transfer *transfer, struct shard *shard)
{
    transfer->shard = shard;
    transfer->next = shard->transfers;
    if (transfer->next)
        transfer->next->previous = transfer;
    shard->transfers = transfer;
    shard->in_flight++;
    async_curl_count(transfer, true);
}

static void unlink_transfer(struct transfer *transfer)
{
    struct shard *shard = transfer->shard;

    if (transfer->next)
        transfer->next->previous = transfer->previous;
    if (transfer->previous)
        transfer->previous->next = transfer->next;
    else
        shard->transfers = transfer->next;
    async_curl_count(transfer, false);
    transfer->shard = NULL;
    if (!loop_curl.open || shard->number < loop_curl.open->number)
        loop_curl.open = shard;
    /* An empty multi handle begins anew, whatever had become of it. */
    if (--shard->in_flight == 0) {
        shard->err = 0;
        async_call_off(&shard->failure);
    }
}

static int add_to_multi(struct transfer *transfer)
{
    CURLMcode code =
        curl_multi_add_handle(transfer->shard->multi, transfer->easy);

    if (code == CURLM_OK)
        return 0;
    if (code == CURLM_ADDED_ALREADY)
        return async_raise(-EBUSY, "async_curl_perform: the handle is in "
                                   "another transfer; each needs its own");
    /* It may have been added, and something else have failed then. */
    curl_multi_remove_handle(transfer->shard->multi, transfer->easy);
    if (code == CURLM_OUT_OF_MEMORY || transfer->shard->err == -ENOMEM)
        return -ENOMEM;
    return async_raise(-EINVAL, "async_curl_perform: %s",
                       curl_multi_strerror(code));
}

int async_curl_start(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    struct shard *shard = find_shard();

    if (!shard)
        return -ENOMEM;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Otherwise a cancelled transfer waits for its name lookup to end. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    link_transfer(transfer, shard);
    int err = add_to_multi(transfer);
    if (err) {
        unlink_transfer(transfer);
        return err;
    }
    /* Not before: the handle may have been in somebody else's transfer. */
    transfer->private = transfer_of(easy);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    return 0;
}

void async_curl_finish(struct transfer *transfer)
{
    if (!transfer->shard)
        return;
    async_timer_clear(&transfer->timer);
    curl_multi_remove_handle(transfer->shard->multi, transfer->easy);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer->private);
    unlink_transfer(transfer);
}

/* ---- The loop's end ---------------------------------------------------- */

static void free_shard(struct shard *shard)
{
    /* Streams that nobody has closed; whoever does so later finds them ended.
     */
    while (shard->transfers) {
        struct transfer *transfer = shard->transfers;

        async_curl_end(transfer, ASYNC_ENOLOOP, CURLE_OK);
        async_curl_finish(transfer);
    }
    curl_multi_cleanup(shard->multi);
    while (shard->sockets)
        remove_socket(shard->sockets);
    async_timer_clear(&shard->timer);
    async_call_off(&shard->failure);
    free(shard);
}

static void loop_closes(struct async_closer *closer)
{
    (void)closer;
    while (loop_curl.shards) {
        struct shard *shard = loop_curl.shards;

        loop_curl.shards = shard->next;
        free_shard(shard);
    }
    loop_curl.last = loop_curl.open = NULL;
    free(loop_curl.sockets);
    loop_curl.sockets = NULL;
    loop_curl.socket_room = 0;
}

/* ---- Time limits ------------------------------------------------------- */

static bool connected(const struct transfer *transfer)
{
    curl_off_t microseconds = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T,
                      &microseconds);
    return microseconds > 0;
}

/* Sets the timer for a limit; one of 0 or without end needs none. */
static int set_limit(struct transfer *transfer, double seconds)
{
    const double century = 100.0 * 366 * 24 * 3600;

    if (!(seconds > 0) || seconds > century)
        return 0;
    return async_timer_set(&transfer->timer,
                           transfer->begin + (int64_t)(seconds * 1e9));
}

static void limit_reached(struct async_callback *due)
{
    struct transfer *transfer = CONTAINER_OF(due, struct transfer, timer.due);
    struct async_curl_limits *limits = &transfer->limits;

    if (limits->connect > 0 && connected(transfer)) {
        limits->connect = 0;
        int err = set_limit(transfer, limits->total);
        if (err)
            async_curl_end(transfer, err, CURLE_OK);
    } else {
        async_curl_end(transfer, ASYNC_ETIMEDOUT, CURLE_OK);
    }
}

/* The first limit; connecting is only looked at if it comes first. */
int async_curl_begin_limits(struct transfer *transfer)
{
    struct async_curl_limits *limits = &transfer->limits;

    transfer->begin = async_now_ns();
    transfer->timer.due.run = limit_reached;
    if (limits->total > 0 && limits->connect >= limits->total)
        limits->connect = 0;
    return set_limit(transfer,
                     limits->connect > 0 ? limits->connect : limits->total);
}

/* ---- Errors ------------------------------------------------------------ */

CURLcode async_curl_code(int err)
{
    return err < ASYNC_CURL_E(0) && err > ASYNC_CURL_E(CURL_LAST)
               ? (CURLcode)(ASYNC_CURL_E(0) - err)
               : CURLE_OK;
}

static const char *name_error(int err)
{
    return curl_easy_strerror(async_curl_code(err));
}

static struct async_error_names names = {.first = ASYNC_CURL_E(1),
                                         .last = ASYNC_CURL_E(CURL_LAST - 1),
                                         .name = name_error};

/*
 * Writes "example.org port 443: " for the handle's URL. The rest of the URL
 * stays out of error texts: it may hold a password or a key.
 */
static void name_place(CURL *easy, char *place, size_t size)
{
    char *url = NULL, *host = NULL, *port = NULL;
    CURLU *parts = curl_url();

    place[0] = '\0';
    curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
    if (parts && url &&
        !curl_url_set(parts, CURLUPART_URL, url, CURLU_DEFAULT_SCHEME) &&
        !curl_url_get(parts, CURLUPART_HOST, &host, 0) &&
        !curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
        snprintf(place, size, "%s port %s: ", host, port);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
}

/*
 * Whether this result comes from there being no descriptor left. libcurl does
 * not tell: a socket that it cannot open is a host that it cannot reach, and a
 * host whose name it cannot look up. So ask for one, unless open_socket did.
 */
static bool no_descriptor(const CURL *easy, CURLcode code)
{
    if (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST)
        return false;
    if (refused == easy) {
        refused = NULL;
        return true;
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0)
        close(fd);
    return fd < 0 && is_no_descriptor(errno);
}

static int raise_no_descriptor(const char *place)
{
    struct rlimit limit = {0};

    getrlimit(RLIMIT_NOFILE, &limit);
    return async_raise(-EMFILE,
                       "%sno descriptor is left for a connection, of %llu: "
                       "limit how many run at once",
                       place, (unsigned long long)limit.rlim_cur);
}

int async_curl_raise(CURL *easy, CURLcode code)
{
    char place[80];
    long os_error = 0;

    if (code == CURLE_OK)
        return 0;
    async_name_errors(&names);
    name_place(easy, place, sizeof place);
    if (no_descriptor(easy, code))
        return raise_no_descriptor(place);
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
    /* After other errors it holds whatever happened long before. */
    if (code == CURLE_COULDNT_CONNECT && os_error)
        return async_raise(ASYNC_CURL_E(code), "%s%s (%s)", place,
                           curl_easy_strerror(code), strerror((int)os_error));
    return async_raise(ASYNC_CURL_E(code), "%s%s", place,
                       curl_easy_strerror(code));
}

static int raise_timeout(const struct transfer *transfer)
{
    const struct async_curl_limits *limits = &transfer->limits;
    char place[80];

    name_place(transfer->easy, place, sizeof place);
    if (limits->connect > 0)
        return async_raise(ASYNC_ETIMEDOUT, "%sno connection within %g s",
                           place, limits->connect);
    return async_raise(ASYNC_ETIMEDOUT, "%s%s within %g s", place,
                       transfer->begun ? "nothing more" : "no answer",
                       limits->total);
}

int async_curl_outcome(const struct transfer *transfer)
{
    if (transfer->err == ASYNC_ETIMEDOUT)
        return raise_timeout(transfer);
    if (transfer->err)
        return transfer->err;
    return async_curl_raise(transfer->easy, transfer->result);
}

/* ---- The calls --------------------------------------------------------- */

int async_curl_check(const char *caller, const CURL *easy,
                     const struct async_curl_limits *limits)
{
    if (!async_in_task(caller))
        return ASYNC_ENOLOOP;
    if (!easy)
        return async_raise(-EINVAL, "%s: the handle is NULL", caller);
    if (isnan(limits->connect) || isnan(limits->total))
        return async_raise(-EINVAL, "%s: a limit is not a number", caller);
    return 0;
}

int async_curl_perform_within(CURL *easy,
                              const struct async_curl_limits *limits)
{
    struct transfer transfer = {
        .wait = {.what = "waits for the network", .reason = ASYNC_FOR_NETWORK},
        .easy = easy,
        .limits = *limits,
    };

    int err = async_curl_check("async_curl_perform", easy, limits);
    if (err)
        return err;
    err = async_curl_start(&transfer);
    if (err)
        return err;
    err = async_curl_begin_limits(&transfer);
    if (!err && !transfer.ended)
        err = async_suspend(&transfer.wait, "async_curl_perform");
    async_curl_finish(&transfer);
    return err ? err : async_curl_outcome(&transfer);
}

int async_curl_perform(CURL *easy)
{
    return async_curl_perform_within(easy, &(struct async_curl_limits){0});
}

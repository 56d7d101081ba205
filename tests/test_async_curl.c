/*
 * test_async_curl.c - transfers suspend tasks and not the thread, end on every
 * path, and take nothing with them.
 *
 * Coroutines keep what they see in their jobs; it is judged after async_run.
 */
#include "async/async_loop.h"
#include "async_curl/async_curl.h"
#include "capture.h"
#include "mock_llm/mock_llm.h"
#include "raw_server.h"
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* The tests are made twice: the second time connections stay watched. */
static bool keep_watched;

static CURL *new_handle(void)
{
    CURL *easy = curl_easy_init();

    if (keep_watched)
        async_curl_keep_watched(easy);
    return easy;
}

/* ---- A transfer as a job ----------------------------------------------- */

struct get {
    const char *url;                 /* in */
    CURL *easy;                      /* in, or NULL: one of its own */
    struct async_curl_limits limits; /* in */
    char body[1024];                 /* out */
    size_t size;                     /* out */
    long status;                     /* out */
    int err;                         /* out */
    char text[ASYNC_ERRMSG_SIZE];    /* out: the error's */
};

static size_t keep_body(char *data, size_t one, size_t size, void *owner)
{
    struct get *get = owner;

    (void)one;
    if (size >= sizeof get->body - get->size)
        return 0;
    memcpy(get->body + get->size, data, size);
    get->size += size;
    get->body[get->size] = '\0';
    return size;
}

static void prepare(CURL *easy, struct get *get)
{
    curl_easy_setopt(easy, CURLOPT_URL, get->url);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, "any key");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, get);
    get->size = 0;
}

static int get_url(void *job)
{
    struct get *get = job;
    CURL *easy = get->easy ? get->easy : new_handle();

    prepare(easy, get);
    get->err = async_curl_perform_within(easy, &get->limits);
    snprintf(get->text, sizeof get->text, "%s", async_errmsg(get->err));
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &get->status);
    if (!get->easy)
        curl_easy_cleanup(easy);
    return get->err;
}

/* A URL of the raw server's, valid until the next call. */
static const char *port_url(int port)
{
    static char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    return url;
}

/* ---- A crowd at the mock server ---------------------------------------- */

/* A chat that the server will not answer within our life. */
struct chat {
    struct mock_llm *server;
    int err;
    int epoll_ctls; /* that it took */
};

static int ask(void *job)
{
    struct chat *chat = job;
    CURL *easy = new_handle();
    char url[128];

    snprintf(url, sizeof url, "%s/chat/completions",
             mock_llm_base_url(chat->server));
    struct get get = {.url = url};
    struct curl_slist *headers =
        curl_slist_append(NULL, "Content-Type: application/json");
    prepare(easy, &get);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                     "{\"model\":\"gpt-4\",\"messages\":"
                     "[{\"role\":\"user\",\"content\":\"hello\"}]}");
    chat->err = async_curl_perform(easy);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return chat->err;
}

struct crowd {
    struct mock_llm *server;
    size_t n;
    struct chat *chats;
    struct async_task *tasks;
    int waited;   /* until all were in flight */
    int gathered; /* their gather's result */
    int left;     /* until none was in flight */
    struct get next;
};

/* All at once; when all are in flight, all are cancelled; then another one. */
static int come_and_go(void *job)
{
    struct crowd *crowd = job;

    for (size_t i = 0; i < crowd->n; i++) {
        crowd->chats[i].server = crowd->server;
        async_spawn(&crowd->tasks[i], ask, &crowd->chats[i]);
    }
    crowd->waited = wait_until_in_flight(crowd->server, (int)crowd->n);
    for (size_t i = 0; i < crowd->n; i++)
        async_cancel(&crowd->tasks[i]);
    crowd->gathered = async_gather_all(crowd->tasks, crowd->n);
    crowd->left = wait_until_in_flight(crowd->server, 0);
    return get_url(&crowd->next);
}

static int open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 4096; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void check_crowd(size_t n)
{
    int descriptors = open_descriptors();
    struct mock_llm *server = start_mock(3600);
    char url[128];
    struct crowd crowd = {.server = server, .n = n, .next = {.url = url}};
    struct mock_llm_ledger ledger;

    snprintf(url, sizeof url, "%s/models", mock_llm_base_url(server));
    crowd.chats = calloc(n, sizeof *crowd.chats);
    crowd.tasks = calloc(n, sizeof *crowd.tasks);
    assert_int_equal(async_run(come_and_go, &crowd), 0);
    assert_int_equal(crowd.waited, 0);
    assert_int_equal(crowd.gathered, 0);
    assert_int_equal(crowd.left, 0);
    assert_int_equal(crowd.next.status, 200);

    assert_int_equal(mock_llm_ledger_copy(server, &ledger), 0);
    assert_int_equal(ledger.n, n + 1);
    assert_int_equal(ledger.max_in_flight, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(crowd.chats[i].err, ASYNC_ECANCELED);
        assert_true(ledger.requests[i].disconnected);
        assert_int_equal(ledger.requests[i].status, 0);
    }
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
    free(crowd.chats);
    free(crowd.tasks);
    assert_int_equal(open_descriptors(), descriptors);
}

static void test_concurrent_and_cancelled(void **state)
{
    (void)state;
    check_crowd(50);
}

/* Several multi handles full. */
static void test_more_than_a_shard(void **state)
{
    struct rlimit limit;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 3000)
        skip();
    check_crowd(1001);
}

/* ---- Plain transfers --------------------------------------------------- */

static void test_a_transfer(void **state)
{
    struct raw_server *server = raw_server_http("200 OK", "", "hello");
    struct get get = {.url = raw_server_url(server)};

    (void)state;
    assert_int_equal(async_run(get_url, &get), 0);
    assert_string_equal(get.body, "hello");
    assert_int_equal(get.status, 200);
    raw_server_stop(server);
}

static void test_a_status_is_no_error(void **state)
{
    struct raw_server *server = raw_server_http("500 Oops", "", "broken");
    struct get get = {.url = raw_server_url(server)};

    (void)state;
    assert_int_equal(async_run(get_url, &get), 0);
    assert_int_equal(get.status, 500);
    assert_string_equal(get.body, "broken");
    raw_server_stop(server);
}

static int get_twice(void *job)
{
    int err = get_url(job);

    return err ? err : get_url(job);
}

static void test_connections_are_kept(void **state)
{
    struct raw_server *server = raw_server_http("200 OK", "", "x");
    struct get get = {.url = raw_server_url(server)};

    (void)state;
    assert_int_equal(async_run(get_twice, &get), 0);
    assert_int_equal(raw_server_requests(server), 2);
    assert_int_equal(raw_server_connections(server), 1);
    raw_server_stop(server);
}

/* The server closes every connection; the client notices, and opens another. */
static void test_a_kept_connection_that_is_gone(void **state)
{
    const char *reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    struct raw_server *server =
        raw_server_start(reply, strlen(reply), RAW_CLOSE);
    struct get get = {.url = raw_server_url(server)};

    (void)state;
    assert_int_equal(async_run(get_twice, &get), 0);
    assert_string_equal(get.body, "x");
    assert_int_equal(raw_server_connections(server), 2);
    raw_server_stop(server);
}

/* ---- What is watched ---------------------------------------------------- */

#ifndef ASYNC_POLL

static _Thread_local int epoll_ctls;

/* In place of the C library's. */
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    epoll_ctls++;
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

/* The servers take their time: what is there at once is not watched for. */
static int count_second(void *job)
{
    struct chat *chat = job;
    int err = ask(chat);

    epoll_ctls = 0;
    err = err ? err : ask(chat);
    chat->epoll_ctls = epoll_ctls; /* the loop's end has more of them */
    return err;
}

static void test_a_kept_connection_stays_watched(void **state)
{
    struct chat chat = {.server = start_mock(0.01)};

    (void)state;
    assert_int_equal(async_run(count_second, &chat), 0);
    assert_int_equal(chat.epoll_ctls, keep_watched ? 0 : 2);
    mock_llm_stop(chat.server);
}

/* One that the server has closed is ready for ever; it is looked at once. */
static int outlive_server(void *job)
{
    struct chat *chat = job;
    int err = ask(chat);

    epoll_ctls = 0;
    mock_llm_stop(chat->server);
    for (int i = 0; !err && i < 10000 && epoll_ctls < keep_watched; i++)
        err = async_sleep(0.001);
    for (int i = 0; !err && i < 10; i++)
        err = async_sleep(0.001);
    return err;
}

static void test_a_closed_connection_is_left_alone(void **state)
{
    struct chat chat = {.server = start_mock(0.01)};

    (void)state;
    assert_int_equal(async_run(outlive_server, &chat), 0);
    assert_int_equal(epoll_ctls, keep_watched);
}

#endif

/* One handle in several loops and, in between, in none. */
static void test_a_handle_goes_everywhere(void **state)
{
    struct raw_server *server = raw_server_http("200 OK", "", "hello");
    struct get get = {.url = raw_server_url(server), .easy = new_handle()};

    (void)state;
    /* A connection kept by the one call would keep the server busy for the
       other. */
    curl_easy_setopt(get.easy, CURLOPT_FORBID_REUSE, 1L);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(async_run(get_url, &get), 0);
        assert_string_equal(get.body, "hello");
        get.size = 0;
        assert_int_equal(curl_easy_perform(get.easy), CURLE_OK);
        assert_string_equal(get.body, "hello");
    }
    assert_int_equal(raw_server_requests(server), 6);
    curl_easy_cleanup(get.easy);
    raw_server_stop(server);
}

static void test_private_pointer_is_given_back(void **state)
{
    struct raw_server *server = raw_server_http("200 OK", "", "");
    struct get get = {.url = raw_server_url(server), .easy = new_handle()};
    char mine, *found = NULL;

    (void)state;
    curl_easy_setopt(get.easy, CURLOPT_PRIVATE, &mine);
    assert_int_equal(async_run(get_url, &get), 0);
    curl_easy_getinfo(get.easy, CURLINFO_PRIVATE, &found);
    assert_ptr_equal(found, &mine);
    curl_easy_cleanup(get.easy);
    raw_server_stop(server);
}

/* ---- Failures ---------------------------------------------------------- */

static void test_nobody_listens(void **state)
{
    int port = raw_unused_port();
    struct get get = {.url = port_url(port)};
    char expected[128];

    (void)state;
    assert_int_equal(async_run(get_url, &get),
                     ASYNC_CURL_E(CURLE_COULDNT_CONNECT));
    assert_int_equal(async_curl_code(get.err), CURLE_COULDNT_CONNECT);
    assert_string_equal(async_strerror(get.err),
                        curl_easy_strerror(CURLE_COULDNT_CONNECT));
    snprintf(expected, sizeof expected,
             "127.0.0.1 port %d: Couldn't connect to server "
             "(Connection refused)",
             port);
    assert_string_equal(get.text, expected);
}

/* Every descriptor but as many as libcurl needs for itself is taken. */
static int get_without_descriptors(void *job)
{
    struct rlimit limit, low;
    int taken[256], n = 0;
    CURL *easy = curl_easy_init();
    struct get *get = job;

    /* The loop and libcurl's own are there after a first transfer. */
    get->easy = easy;
    get->err = get_url(get);
    getrlimit(RLIMIT_NOFILE, &limit);
    low = (struct rlimit){256, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    while (n < 256 && (taken[n] = dup(STDERR_FILENO)) >= 0)
        n++;
    int err = get_url(get);
    char text[ASYNC_ERRMSG_SIZE];
    snprintf(text, sizeof text, "%s", async_errmsg(err));
    while (n > 0)
        close(taken[--n]);
    setrlimit(RLIMIT_NOFILE, &limit);
    curl_easy_cleanup(easy);
    return async_raise(err, "%s", text);
}

static void test_no_descriptor_left(void **state)
{
    int port = raw_unused_port();
    struct get get = {.url = port_url(port)};
    char expected[128];

    (void)state;
    assert_int_equal(async_run(get_without_descriptors, &get), -EMFILE);
    snprintf(expected, sizeof expected,
             "127.0.0.1 port %d: no descriptor is left for a connection, of "
             "256: limit how many run at once",
             port);
    assert_string_equal(async_errmsg(-EMFILE), expected);
}

static void check_broken(const char *reply, CURLcode code)
{
    struct raw_server *server =
        raw_server_start(reply, strlen(reply), RAW_CLOSE);
    struct get get = {.url = raw_server_url(server)};

    assert_int_equal(async_run(get_url, &get), ASYNC_CURL_E(code));
    assert_int_equal(async_curl_code(get.err), code);
    assert_non_null(strstr(get.text, curl_easy_strerror(code)));
    raw_server_stop(server);
}

static void test_broken_replies(void **state)
{
    (void)state;
    check_broken("", CURLE_GOT_NOTHING);
    check_broken("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf",
                 CURLE_PARTIAL_FILE);
    check_broken("220 mail.example.org ESMTP\r\n", CURLE_UNSUPPORTED_PROTOCOL);
}

static void test_error_codes_and_back(void **state)
{
    (void)state;
    for (int code = 1; code < CURL_LAST; code++)
        assert_int_equal(async_curl_code(ASYNC_CURL_E(code)), code);
    assert_int_equal(async_curl_code(0), CURLE_OK);
    assert_int_equal(async_curl_code(ASYNC_ECANCELED), CURLE_OK);
    assert_int_equal(async_curl_code(ASYNC_CURL_E(0)), CURLE_OK);
    assert_int_equal(async_curl_code(-2001), CURLE_OK);
    assert_int_equal(async_curl_code(INT32_MIN), CURLE_OK);
}

static void test_a_blocking_result_has_the_same_text(void **state)
{
    int port = raw_unused_port();
    struct get get = {.url = port_url(port)};
    CURL *easy = curl_easy_init();

    (void)state;
    prepare(easy, &get);
    int err = async_curl_raise(easy, curl_easy_perform(easy));
    assert_int_equal(err, ASYNC_CURL_E(CURLE_COULDNT_CONNECT));
    assert_non_null(strstr(async_errmsg(err), "(Connection refused)"));
    assert_int_equal(async_curl_raise(easy, CURLE_OK), 0);
    curl_easy_cleanup(easy);
}

/* A password in a URL must not get into a text. */
static void test_texts_hold_no_secrets(void **state)
{
    char url[128];
    struct get get = {.url = url};

    (void)state;
    snprintf(url, sizeof url, "http://user:sesame@127.0.0.1:%d/?key=sesame",
             raw_unused_port());
    assert_int_equal(async_run(get_url, &get),
                     ASYNC_CURL_E(CURLE_COULDNT_CONNECT));
    assert_null(strstr(get.text, "sesame"));
    assert_non_null(strstr(get.text, "127.0.0.1"));
}

/* ---- Wrong use --------------------------------------------------------- */

static int perform(void *easy)
{
    return async_curl_perform(easy);
}

static int limit_is_no_number(void *job)
{
    struct async_curl_limits limits = {.total = NAN};

    return async_curl_perform_within(job, &limits);
}

static void test_bad_arguments(void **state)
{
    CURL *easy = curl_easy_init();

    (void)state;
    assert_int_equal(async_run(perform, NULL), -EINVAL);
    assert_string_equal(async_errmsg(-EINVAL),
                        "async_curl_perform: the handle is NULL");
    assert_int_equal(async_run(limit_is_no_number, easy), -EINVAL);
    curl_easy_cleanup(easy);
}

static void test_outside_of_tasks(void **state)
{
    CURL *easy = curl_easy_init();
    char report[1024];

    (void)state;
    assert_int_equal(capture_stderr(perform, easy, report, sizeof report),
                     ASYNC_ENOLOOP);
    assert_non_null(strstr(report, "async_curl_perform"));
    curl_easy_cleanup(easy);
}

struct inner {
    CURL *easy;
    int err;
};

/* A libcurl callback that tries to suspend. */
static size_t perform_inside(char *data, size_t one, size_t size, void *owner)
{
    struct inner *inner = owner;

    (void)data;
    (void)one;
    inner->err = async_curl_perform(inner->easy);
    return size;
}

static int run(void *easy)
{
    return async_run(perform, easy);
}

static void test_inside_a_libcurl_callback(void **state)
{
    struct raw_server *server = raw_server_http("200 OK", "", "hello");
    struct inner inner = {.easy = new_handle()};
    struct get get = {.url = raw_server_url(server)};
    CURL *easy = curl_easy_init();
    char report[1024];

    (void)state;
    prepare(easy, &get);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, perform_inside);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &inner);
    assert_int_equal(capture_stderr(run, easy, report, sizeof report), 0);
    assert_int_equal(inner.err, ASYNC_ENOLOOP);
    assert_non_null(strstr(report, "async_curl_perform"));
    curl_easy_cleanup(easy);
    curl_easy_cleanup(inner.easy);
    raw_server_stop(server);
}

/* Two tasks, one handle: the second is refused, the first goes on. */
static int share_a_handle(void *job)
{
    struct get *gets = job;
    struct async_task tasks[2];

    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], get_url, &gets[i]);
    return async_gather_all(tasks, 2);
}

static void test_a_handle_in_use(void **state)
{
    struct raw_server *server = raw_server_http("200 OK", "", "hello");
    CURL *easy = curl_easy_init();
    struct get gets[2] = {{.url = raw_server_url(server), .easy = easy},
                          {.url = raw_server_url(server), .easy = easy}};

    (void)state;
    assert_int_equal(async_run(share_a_handle, gets), 0);
    assert_int_equal(gets[0].err, 0);
    assert_int_equal(gets[1].err, -EBUSY);
    assert_non_null(strstr(gets[1].text, "another transfer"));
    /* Its options were set twice, so that the body went to the second. */
    assert_string_equal(gets[1].body, "hello");
    curl_easy_cleanup(easy);
    raw_server_stop(server);
}

/* ---- Sockets that cannot be watched ------------------------------------ */

/* A socket which somebody else watches: epoll refuses a second. */
struct taken {
    struct async_fd fd;
};

static void nothing(struct async_fd *fd, int events)
{
    (void)fd;
    (void)events;
}

static curl_socket_t use_taken(void *owner, curlsocktype purpose,
                               struct curl_sockaddr *address)
{
    struct taken *taken = owner;

    (void)purpose;
    taken->fd.fd = socket(address->family, SOCK_STREAM, 0);
    return async_fd_watch(&taken->fd, ASYNC_READABLE) ? CURL_SOCKET_BAD
                                                      : taken->fd.fd;
}

static int close_taken(void *owner, curl_socket_t fd)
{
    struct taken *taken = owner;

    return async_fd_watch(&taken->fd, 0) || close(fd);
}

/* Its own transfer fails, and no other. */
static void test_an_unwatchable_socket(void **state)
{
#ifdef ASYNC_POLL
    skip(); /* poll watches whatever it is told to */
#endif
    struct raw_server *server = raw_server_http("200 OK", "", "hello");
    struct taken taken = {.fd.ready = nothing};
    CURL *easy = curl_easy_init();
    struct get gets[2] = {
        {.url = raw_server_url(server), .easy = easy},
        {.url = raw_server_url(server)},
    };

    (void)state;
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, use_taken);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &taken);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_taken);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, &taken);
    int err = async_run(share_a_handle, gets);
    curl_easy_cleanup(easy);
    raw_server_stop(server);
    assert_int_equal(err, 0);
    assert_int_equal(gets[0].err, -EEXIST);
    assert_int_equal(gets[1].err, 0);
    assert_string_equal(gets[1].body, "hello");
}

/* ---- Limits ------------------------------------------------------------ */

/* Connecting takes microseconds; the limit is far away from there, so that no
   busy machine reaches it. */
static const struct async_curl_limits connected_in_time = {.connect = 1,
                                                           .total = 1.05};

static void test_no_answer_in_time(void **state)
{
    struct raw_server *server = raw_server_start("", 0, RAW_HOLD);
    struct get get = {.url = raw_server_url(server),
                      .limits = connected_in_time};

    (void)state;
    assert_int_equal(async_run(get_url, &get), ASYNC_ETIMEDOUT);
    assert_non_null(strstr(get.text, "no answer within 1.05 s"));
    assert_int_equal(raw_server_requests(server), 1);
    raw_server_stop(server);
}

/* Answers the first request and none after it, on the same connection. */
static int get_then_wait(void *job)
{
    struct get *get = job;
    int err = get_url(get);

    if (err)
        return err;
    get->limits = connected_in_time;
    return get_url(get);
}

/* A connection that stands already is one. */
static void test_no_answer_on_a_kept_connection(void **state)
{
    const char *reply = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    struct raw_server *server =
        raw_server_start(reply, strlen(reply), RAW_HOLD);
    struct get get = {.url = raw_server_url(server)};

    (void)state;
    assert_int_equal(async_run(get_then_wait, &get), ASYNC_ETIMEDOUT);
    assert_non_null(strstr(get.text, "no answer within 1.05 s"));
    assert_int_equal(raw_server_connections(server), 1);
    raw_server_stop(server);
}

static void test_no_connection_in_time(void **state)
{
    struct get get = {.limits = {.connect = 0.04, .total = 3600}};
    struct raw_crowd crowd;

    (void)state;
    raw_crowd_open(&crowd);
    get.url = port_url(crowd.port);
    assert_int_equal(async_run(get_url, &get), ASYNC_ETIMEDOUT);
    assert_non_null(strstr(get.text, "no connection within 0.04 s"));
    raw_crowd_close(&crowd);
}

/* ---- Reading as it comes ----------------------------------------------- */

struct reading {
    const char *url;   /* in */
    size_t piece;      /* in: bytes at a time */
    double nap;        /* in: seconds of sleep before the first read */
    size_t cancel_at;  /* in: is cancelled after so many bytes; 0: is not */
    size_t size;       /* out: bytes read */
    unsigned long sum; /* out: of them */
    int err, next;     /* out; next: of another transfer with the handle */
    char text[ASYNC_ERRMSG_SIZE]; /* out: of err */
    struct async_task *self;
};

static unsigned long sum_of(const char *data, size_t n, unsigned long sum)
{
    for (size_t i = 0; i < n; i++)
        sum = 31 * sum + (unsigned char)data[i];
    return sum;
}

static int read_on(struct async_curl_stream *stream, struct reading *reading)
{
    char piece[1 << 16];
    size_t n;
    int err = reading->nap > 0 ? async_sleep(reading->nap) : 0;

    while (!err &&
           !(err = async_curl_read(stream, piece, reading->piece, &n)) &&
           n > 0) {
        reading->size += n;
        reading->sum = sum_of(piece, n, reading->sum);
        if (reading->cancel_at && reading->size >= reading->cancel_at)
            async_cancel(reading->self);
    }
    return err;
}

static int read_url(void *job)
{
    struct reading *reading = job;
    struct async_curl_stream stream = {0};
    struct get get = {.url = reading->url};
    CURL *easy = curl_easy_init();
    const struct async_curl_limits limits = {.connect = 1, .total = 1.05};

    prepare(easy, &get);
    reading->err = async_curl_open(&stream, easy, &limits);
    if (!reading->err)
        reading->err = read_on(&stream, reading);
    snprintf(reading->text, sizeof reading->text, "%s",
             async_errmsg(reading->err));
    async_curl_close(&stream);
    get.easy = easy;
    reading->next = get_url(&get);
    curl_easy_cleanup(easy);
    return reading->err;
}

static int read_as_a_task(void *job)
{
    struct reading *reading = job;
    struct async_task task;

    reading->self = &task;
    async_spawn(&task, read_url, reading);
    return async_await(&task);
}

static void *run_reading(void *job)
{
    return (void *)(intptr_t)async_run(read_as_a_task, job);
}

/* A thread of its own, because each thread reads the environment once. */
static void run_virtually(struct reading *reading)
{
    pthread_t thread;

    setenv("ASYNC_CLOCK", "virtual", 1);
    assert_int_equal(pthread_create(&thread, NULL, run_reading, reading), 0);
    pthread_join(thread, NULL);
    unsetenv("ASYNC_CLOCK");
}

/* A reply of so many bytes; the next one is short. *sum is of its body. */
static struct raw_server *large_server(size_t size, unsigned long *sum)
{
    char *reply = malloc(size + 100);
    int head =
        sprintf(reply, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);

    for (size_t i = 0; i < size; i++)
        reply[(size_t)head + i] = (char)(i * 7919 >> 8);
    *sum = sum_of(reply + head, size, 0);
    struct raw_server *server =
        raw_server_start(reply, (size_t)head + size, RAW_KEEP);
    raw_server_add_http(server, "200 OK", "", "next");
    free(reply);
    return server;
}

static void check_reading(size_t size, size_t piece, double nap)
{
    unsigned long sum;
    struct raw_server *server = large_server(size, &sum);
    struct reading reading = {
        .url = raw_server_url(server), .piece = piece, .nap = nap};

    run_virtually(&reading);
    assert_int_equal(reading.err, 0);
    assert_int_equal(reading.size, size);
    assert_true(reading.sum == sum);
    assert_int_equal(reading.next, 0);
    raw_server_stop(server);
}

static void test_reading_pieces(void **state)
{
    (void)state;
    check_reading(0, 10, 0);
    check_reading(1000, 1, 0);
    check_reading(1000, 1000, 0);
    check_reading(3000000, 100, 0);
    check_reading(3000000, 1 << 16, 0);
}

/*
 * The reader sleeps an hour. The clock jumps over that only if nothing is in
 * flight: the buffer is full, and the transfer has been paused. All of it comes
 * in the end, and no limit counted the hour.
 */
static void test_a_slow_reader(void **state)
{
    (void)state;
    check_reading(3000000, 1 << 16, 3600);
    check_reading(3000000, 77, 3600);
}

static void test_reading_is_cancelled(void **state)
{
    unsigned long sum;
    struct raw_server *server = large_server(3000000, &sum);
    struct reading reading = {
        .url = raw_server_url(server), .piece = 1000, .cancel_at = 1000000};

    (void)state;
    assert_int_equal(async_run(read_as_a_task, &reading), ASYNC_ECANCELED);
    assert_int_equal(reading.err, ASYNC_ECANCELED);
    assert_true(reading.size >= 1000000 && reading.size < 3000000);
    assert_int_equal(reading.next, 0);
    assert_int_equal(raw_server_connections(server), 2);
    raw_server_stop(server);
}

static void check_end(const char *reply, enum raw_then then, size_t size,
                      int err, const char *text)
{
    struct raw_server *server = raw_server_start(reply, strlen(reply), then);
    struct reading reading = {.url = raw_server_url(server), .piece = 100};

    raw_server_add_http(server, "200 OK", "", "next");
    assert_int_equal(async_run(read_as_a_task, &reading), err);
    assert_non_null(strstr(reading.text, text));
    assert_int_equal(reading.size, size);
    assert_int_equal(reading.next, 0);
    raw_server_stop(server);
}

/* What came is read; then comes the error. */
static void test_reading_ends_early(void **state)
{
    (void)state;
    check_end("", RAW_CLOSE, 0, ASYNC_CURL_E(CURLE_GOT_NOTHING), "127.0.0.1");
    check_end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", RAW_CLOSE, 4,
              ASYNC_CURL_E(CURLE_PARTIAL_FILE), "127.0.0.1");
    check_end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", RAW_HOLD, 4,
              ASYNC_ETIMEDOUT, "nothing more within 1.05 s");
    check_end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", RAW_HOLD, 0,
              ASYNC_ETIMEDOUT, "no answer within 1.05 s");
}

struct forgotten {
    const char *url;
    CURL *easy;
    struct async_curl_stream stream;
};

static int open_and_forget(void *job)
{
    struct forgotten *forgotten = job;
    struct get get = {.url = forgotten->url};

    prepare(forgotten->easy, &get);
    return async_curl_open(&forgotten->stream, forgotten->easy,
                           &(struct async_curl_limits){0});
}

/* That is wrong, but it breaks nothing: neither the loop's end nor a close that
   comes too late. */
static void test_a_stream_that_nobody_closed(void **state)
{
    unsigned long sum;
    struct raw_server *server = large_server(3000000, &sum);
    struct forgotten forgotten = {.url = raw_server_url(server),
                                  .easy = new_handle()};

    (void)state;
    assert_int_equal(async_run(open_and_forget, &forgotten), 0);
    async_curl_close(&forgotten.stream);
    curl_easy_cleanup(forgotten.easy);
    raw_server_stop(server);
}

static int misuse(void *job)
{
    struct async_curl_stream stream = {0};
    int *errs = job;
    size_t n = 1;
    char byte;

    errs[0] = async_curl_open(&stream, NULL, &(struct async_curl_limits){0});
    errs[1] = async_curl_read(&stream, &byte, 1, &n);
    errs[2] = async_curl_read_within(&stream, &byte, 1, &n, NAN);
    async_curl_close(&stream);
    return n == 0 ? 0 : -EIO;
}

static void test_streams_that_are_not_open(void **state)
{
    int errs[3];

    (void)state;
    assert_int_equal(async_run(misuse, errs), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(errs[i], -EINVAL);
}

/* ---- Cancelling -------------------------------------------------------- */

/* The first failure of a gather closes the transfers of the others. */
static int gather_with_failure(void *job)
{
    struct get *gets = job;

    return async_gather_each(get_url, gets, 2);
}

static void test_a_failing_sibling_cancels(void **state)
{
    struct raw_server *server = raw_server_start("", 0, RAW_HOLD);
    struct get gets[2] = {{.url = raw_server_url(server)},
                          {.url = port_url(raw_unused_port())}};

    (void)state;
    assert_int_equal(async_run(gather_with_failure, gets),
                     ASYNC_CURL_E(CURLE_COULDNT_CONNECT));
    assert_int_equal(gets[0].err, ASYNC_ECANCELED);
    raw_server_stop(server);
}

static int wait_for_url(void *job)
{
    return async_wait_for(get_url, job, 0.04);
}

static void test_wait_for(void **state)
{
    struct raw_server *server = raw_server_start("", 0, RAW_HOLD);
    struct get get = {.url = raw_server_url(server)};

    (void)state;
    assert_int_equal(async_run(wait_for_url, &get), ASYNC_ETIMEDOUT);
    assert_int_equal(get.err, ASYNC_ECANCELED);
    raw_server_stop(server);
}

/* ---- Clocks ------------------------------------------------------------ */

struct race {
    struct get get;
    int order[2], ended; /* who ended first */
};

static int sleep_an_hour(void *job)
{
    struct race *race = job;
    int err = async_sleep(3600);

    race->order[race->ended++] = 'h';
    return err;
}

static int transfer(void *job)
{
    struct race *race = job;
    int err = get_url(&race->get);

    race->order[race->ended++] = 't';
    return err;
}

static int race_against_an_hour(void *job)
{
    struct async_task tasks[2];

    async_spawn(&tasks[0], sleep_an_hour, job);
    async_spawn(&tasks[1], transfer, job);
    return async_gather(tasks, 2);
}

/* A thread of its own, because each thread reads the environment once. */
static void *run_race(void *job)
{
    return (void *)(intptr_t)async_run(race_against_an_hour, job);
}

/* The virtual clock must not jump while a transfer is in flight. */
static void test_virtual_clock(void **state)
{
    struct raw_server *server = raw_server_http("200 OK", "", "hello");
    struct race race = {.get = {.url = raw_server_url(server)}};
    pthread_t thread;
    void *result = &race;

    (void)state;
    setenv("ASYNC_CLOCK", "virtual", 1);
    assert_int_equal(pthread_create(&thread, NULL, run_race, &race), 0);
    pthread_join(thread, &result);
    unsetenv("ASYNC_CLOCK");
    assert_null(result);
    assert_int_equal(race.order[0], 't');
    assert_int_equal(race.order[1], 'h');
    assert_string_equal(race.get.body, "hello");
    raw_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_transfer),
        cmocka_unit_test(test_a_status_is_no_error),
        cmocka_unit_test(test_connections_are_kept),
        cmocka_unit_test(test_a_kept_connection_that_is_gone),
#ifndef ASYNC_POLL
        cmocka_unit_test(test_a_kept_connection_stays_watched),
        cmocka_unit_test(test_a_closed_connection_is_left_alone),
#endif
        cmocka_unit_test(test_a_handle_goes_everywhere),
        cmocka_unit_test(test_private_pointer_is_given_back),
        cmocka_unit_test(test_concurrent_and_cancelled),
        cmocka_unit_test(test_more_than_a_shard),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_no_descriptor_left),
        cmocka_unit_test(test_broken_replies),
        cmocka_unit_test(test_error_codes_and_back),
        cmocka_unit_test(test_a_blocking_result_has_the_same_text),
        cmocka_unit_test(test_texts_hold_no_secrets),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_outside_of_tasks),
        cmocka_unit_test(test_inside_a_libcurl_callback),
        cmocka_unit_test(test_a_handle_in_use),
        cmocka_unit_test(test_an_unwatchable_socket),
        cmocka_unit_test(test_no_answer_in_time),
        cmocka_unit_test(test_no_answer_on_a_kept_connection),
        cmocka_unit_test(test_no_connection_in_time),
        cmocka_unit_test(test_reading_pieces),
        cmocka_unit_test(test_a_slow_reader),
        cmocka_unit_test(test_reading_is_cancelled),
        cmocka_unit_test(test_reading_ends_early),
        cmocka_unit_test(test_a_stream_that_nobody_closed),
        cmocka_unit_test(test_streams_that_are_not_open),
        cmocka_unit_test(test_a_failing_sibling_cancels),
        cmocka_unit_test(test_wait_for),
        cmocka_unit_test(test_virtual_clock),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    keep_watched = true;
    return failed +
           cmocka_run_group_tests_name("kept watched", tests, NULL, NULL);
}

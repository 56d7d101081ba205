/*
 * test_mock_llm.c - the mock server, asked over real sockets. What it did is
 * read from its ledger; no test depends on how fast anything is.
 *
 * Where requests must wait, they wait for an hour, and the test goes on when
 * the ledger has what it looks for. The latencies that are really waited for
 * are checked from below only: a reply may be late, never early.
 */
#include "mock_client.h"
#include "mock_llm/ledger.h"
#include "mock_llm/mock_llm.h"
#include "scenario/plan.h"
#include "support.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The program's own main(), to be called in a child process. */
int mock_llm_main(int argc, char **argv);
#define main mock_llm_main
#include "mock_llm/main.c"
#undef main

/* ---- Answers and errors ------------------------------------------------ */

static void test_answer(void **state)
{
    struct mock_llm *server = start_mock(0);
    struct call call = {.body = hello};
    time_t before = time(NULL);

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_string_equal(header_of(&call, "Content-Type"), "application/json");
    assert_string_equal(header_of(&call, "x-request-id"), "req_000001");
    assert_int_equal(strncmp(string_at(call.json, "id"), "chatcmpl-", 9), 0);
    assert_string_equal(string_at(call.json, "object"), "chat.completion");
    assert_true(number_at(call.json, "created") >= (double)before);
    assert_string_equal(string_at(call.json, "model"), "gpt-4");
    assert_int_equal(cJSON_GetArraySize(at(call.json, "choices")), 1);
    assert_true(number_at(call.json, "choices.0.index") == 0);
    assert_string_equal(string_at(call.json, "choices.0.message.role"),
                        "assistant");
    assert_non_null(strstr(string_at(call.json, "choices.0.message.content"),
                           "What is Python?"));
    assert_true(cJSON_IsNull(at(call.json, "choices.0.message.refusal")));
    assert_true(cJSON_IsNull(at(call.json, "choices.0.logprobs")));
    assert_string_equal(string_at(call.json, "choices.0.finish_reason"),
                        "stop");
    assert_true(number_at(call.json, "usage.prompt_tokens") == 11);
    assert_true(number_at(call.json, "usage.completion_tokens") == 18);
    assert_true(number_at(call.json, "usage.total_tokens") == 29);
    clear(&call);
    mock_llm_stop(server);
}

static void test_max_tokens(void **state)
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens"};
    struct mock_llm *server = start_mock(0);

    (void)state;
    for (size_t i = 0; i < LENGTH(names); i++) {
        char body[256];
        struct call call = {.body = body};

        snprintf(body, sizeof body, "%.*s,\"%s\":5}", (int)strlen(hello) - 1,
                 hello, names[i]);
        perform(server, &call);
        assert_int_equal(call.status, 200);
        assert_true(number_at(call.json, "usage.completion_tokens") == 5);
        assert_string_equal(string_at(call.json, "choices.0.finish_reason"),
                            "length");
        clear(&call);
    }
    mock_llm_stop(server);
}

#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"

/* body, the field that error.param names (NULL: none), a word of the message */
static const char *const wrong_bodies[][3] = {
    {"", NULL, "not JSON"},
    {"{", NULL, "not JSON"},
    {"{\"model\":\"m\"," USER "} x", NULL, "byte 57 "},
    {"{\"model\":\"\xff\"}", NULL, "not UTF-8: byte 10 "},
    {"{\"model\":\"\xc0\xaf\"}", NULL, "not UTF-8"},
    {"{\"model\":\"\xed\xa0\x80\"}", NULL, "not UTF-8"},
    {"[]", NULL, "object"},
    {"{" USER "}", "model", "missing"},
    {"{\"model\":null," USER "}", "model", "missing"},
    {"{\"model\":5," USER "}", "model", "name"},
    {"{\"model\":\"m\"}", "messages", "missing"},
    {"{\"model\":\"m\",\"messages\":[]}", "messages", "one or more"},
    {"{\"model\":\"m\",\"messages\":\"hi\"}", "messages", "array"},
    {"{\"model\":\"m\",\"messages\":[\"hi\"]}", "messages[0].role", "user"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"usr\"}]}", "messages[0].role",
     "user"},
    {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
     "{\"role\":\"user\",\"content\":[]}]}",
     "messages[1].content", "string"},
    {"{\"model\":\"m\"," USER ",\"max_tokens\":0}", "max_tokens", "from 1"},
    {"{\"model\":\"m\"," USER ",\"max_tokens\":1.5}", "max_tokens", "whole"},
    {"{\"model\":\"m\"," USER ",\"max_tokens\":\"9\"}", "max_tokens", "number"},
    {"{\"model\":\"m\"," USER ",\"temperature\":2.5}", "temperature", "to 2"},
    {"{\"model\":\"m\"," USER ",\"stream\":1}", "stream", "true or false"},
    {"{\"model\":\"m\"," USER ",\"stream_options\":{}}", "stream_options",
     "goes with"},
    {"{\"model\":\"m\"," USER ",\"n\":2}", "n", "one choice"},
};

/* Checks OpenAI's error shape, and ends the call. */
static void assert_error(struct call *call, long status, const char *param,
                         const char *word)
{
    assert_int_equal(call->status, status);
    assert_string_equal(header_of(call, "Content-Type"), "application/json");
    if (strstr(string_at(call->json, "error.message"), word) == NULL)
        fail_msg("\"%s\" is not in %s", word, call->text);
    assert_string_equal(string_at(call->json, "error.type"),
                        "invalid_request_error");
    if (param)
        assert_string_equal(string_at(call->json, "error.param"), param);
    else
        assert_true(cJSON_IsNull(at(call->json, "error.param")));
    assert_non_null(at(call->json, "error.code"));
    clear(call);
}

static void test_wrong_bodies(void **state)
{
    struct mock_llm *server = start_mock(HOUR); /* errors do not wait */

    (void)state;
    for (size_t i = 0; i < LENGTH(wrong_bodies); i++) {
        struct call call = {.body = wrong_bodies[i][0]};

        perform(server, &call);
        assert_error(&call, 400, wrong_bodies[i][1], wrong_bodies[i][2]);
    }

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.n, LENGTH(wrong_bodies));
    assert_int_equal(ledger.answered, 0);
    for (size_t i = 0; i < ledger.n; i++) {
        assert_int_equal(ledger.requests[i].status, 400);
        assert_string_equal(ledger.requests[i].body, wrong_bodies[i][0]);
    }
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

static void test_missing_key(void **state)
{
    static const char *const wrong[] = {"", "Bearer", "Basic any", "any"};
    struct mock_llm *server = start_mock(0);

    (void)state;
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        struct call call = {.body = hello, .authorization = wrong[i]};

        perform(server, &call);
        assert_error(&call, 401, NULL, "Authorization: Bearer");
    }

    struct call call = {.url = "/v1/models", .authorization = ""};

    perform(server, &call);
    assert_error(&call, 401, NULL, "Authorization: Bearer");
    mock_llm_stop(server);
}

static void test_wrong_path_and_method(void **state)
{
    struct mock_llm *server = start_mock(0);
    struct call call = {.url = "/v1/complete?key=" KEY, .body = hello};

    (void)state;
    perform(server, &call);
    assert_error(&call, 404, NULL, "There is no /v1/complete here");
    call.url = "/";
    perform(server, &call);
    assert_error(&call, 404, NULL, "There is no / here");
    call.url = "/v1/caf\xe9";
    perform(server, &call);
    assert_error(&call, 404, NULL, "/v1/caf\xef\xbf\xbd");

    call.method = "DELETE";
    perform(server, &call);
    assert_string_equal(header_of(&call, "Allow"), "POST");
    assert_error(&call, 405, NULL, "takes POST, not DELETE");
    call = (struct call){.url = "/v1/models", .body = hello};
    perform(server, &call);
    assert_string_equal(header_of(&call, "Allow"), "GET");
    assert_error(&call, 405, NULL, "takes GET, not POST");
    call = (struct call){.url = "/ledger", .body = hello};
    perform(server, &call);
    assert_error(&call, 405, NULL, "takes GET, not POST");
    mock_llm_stop(server);
}

static void test_models(void **state)
{
    struct mock_llm *server = start_mock(HOUR);
    struct call call = {.url = "/v1/models"};

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_string_equal(string_at(call.json, "object"), "list");
    assert_string_equal(string_at(call.json, "data.0.id"), "gpt-3.5-turbo");
    assert_string_equal(string_at(call.json, "data.0.object"), "model");
    clear(&call);
    mock_llm_stop(server);
}

/* A body of 1 MiB is served, one of 5 MiB refused and not kept. */
static void test_large_bodies(void **state)
{
    struct mock_llm *server = start_mock(0);
    size_t mib = 1 << 20;
    char *body = calloc(1, 5 * mib);
    struct call call = {.body = body};

    (void)state;
    assert_non_null(body);
    snprintf(body, 5 * mib, "%.*s%*s\"}]}", (int)strlen(hello) - 4, hello,
             (int)mib, "");
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_true(number_at(call.json, "usage.prompt_tokens") ==
                3 + 4 + (double)(mib + 16) / 4);
    clear(&call);

    memset(body, ' ', 5 * mib);
    call.body = body;
    call.body_size = 5 * mib;
    perform(server, &call);
    assert_error(&call, 413, NULL, "5242880 bytes");

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.n, 2);
    assert_true(ledger.requests[0].body_size > mib);
    assert_int_equal(ledger.requests[1].body_size, 0);
    mock_llm_ledger_free(&ledger);
    free(body);
    mock_llm_stop(server);
}

/* Even 65 MiB may be sent before the refusal comes. */
static void test_huge_body(void **state)
{
    struct mock_llm *server = start_mock(0);
    size_t size = 65 << 20;
    char *body = calloc(1, size), header[64];
    int fd = connect_to(port_of(server));
    int length =
        snprintf(header, sizeof header,
                 "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", size);

    (void)state;
    assert_non_null(body);
    assert_int_equal(send(fd, header, (size_t)length, MSG_NOSIGNAL), length);
    assert_int_equal(send(fd, body, size, MSG_NOSIGNAL), size);
    assert_int_equal(read_reply(fd), 413);
    close(fd);
    free(body);
    mock_llm_stop(server);
}

/* Sends bytes and no more; the status of the reply. */
static int status_of_bytes(struct mock_llm *server, const char *bytes,
                           size_t size)
{
    int fd = connect_to(port_of(server));
    int status;

    send(fd, bytes, size, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    status = read_reply(fd);
    close(fd);
    return status;
}

/* What is not HTTP, or too much of it, is refused and not in the ledger. */
static void test_garbage(void **state)
{
    static const char start_of_header[] = "GET / HTTP/1.1\r\nA: ";
    static char header[200000];
    struct mock_llm *server = start_mock(0);

    (void)state;
    memset(header, 'x', sizeof header);
    memcpy(header, start_of_header, strlen(start_of_header));
    assert_int_equal(status_of_bytes(server, "hello\r\n\r\n", 9), 400);
    assert_int_equal(status_of_bytes(server, "\0\xff\r\n\r\n", 6), 400);
    assert_int_equal(status_of_bytes(server, header, sizeof header), 400);
    assert_int_equal(status_of(server, NULL, hello), 200);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.n, 1);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

/* ---- Concurrency ------------------------------------------------------- */

static void test_ten_in_flight_at_once(void **state)
{
    struct mock_llm *server = start_mock(HOUR);
    int clients[10];

    (void)state;
    for (int i = 0; i < 10; i++) {
        clients[i] = connect_to(port_of(server));
        send_hello(clients[i]);
    }
    wait_for(server, 10, 10);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.max_in_flight, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ledger.requests[i].in_flight, i + 1);
        assert_int_equal(ledger.requests[i].attempt, i + 1);
        assert_int_equal(ledger.requests[i].status, 0);
        assert_true(isinf(ledger.requests[i].end));
    }
    mock_llm_ledger_free(&ledger);
    for (int i = 0; i < 10; i++)
        close(clients[i]);
    mock_llm_stop(server);
}

struct sequential_client {
    pthread_t thread;
    int port, requests;
};

static void *run_sequential_client(void *arg)
{
    struct sequential_client *client = arg;
    int fd = connect_to(client->port);

    for (int i = 0; i < client->requests; i++) {
        send_hello(fd);
        if (read_reply(fd) != 200)
            break;
    }
    close(fd);
    return NULL;
}

/* Five clients that wait for each reply are never seen with six in flight. */
static void test_a_reply_ends_its_request_first(void **state)
{
    struct mock_llm *server = start_mock(0.0002);
    struct sequential_client clients[5];

    (void)state;
    for (int i = 0; i < 5; i++) {
        clients[i].port = port_of(server);
        clients[i].requests = 200;
        assert_int_equal(pthread_create(&clients[i].thread, NULL,
                                        run_sequential_client, &clients[i]),
                         0);
    }
    for (int i = 0; i < 5; i++)
        pthread_join(clients[i].thread, NULL);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.answered, 1000);
    assert_in_range(ledger.max_in_flight, 1, 5);
    for (size_t i = 0; i < ledger.n; i++) {
        const struct mock_llm_request *request = &ledger.requests[i];

        assert_in_range(request->in_flight, 1, 5);
        assert_true(request->end - request->arrival >= 0.0002);
    }
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

/* A server in a process of its own, which can be stopped and made poor. */
struct other_process {
    pid_t pid;
    int port;
};

static void serve_and_never_return(double latency, rlim_t descriptors, int out)
{
    struct mock_llm_options options = {.scenario.latency = latency};
    struct rlimit limit = {descriptors, descriptors};
    char error[MOCK_LLM_ERROR_SIZE];
    struct mock_llm *server;
    int port = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
    signal(SIGPIPE, SIG_DFL);
    if (descriptors > 0)
        setrlimit(RLIMIT_NOFILE, &limit);
    server = mock_llm_start(&options, error);
    if (server)
        sscanf(mock_llm_base_url(server), "http://127.0.0.1:%d", &port);
    if (write(out, &port, sizeof port) != sizeof port)
        _exit(1);
    for (;;)
        pause();
}

static struct other_process start_process(double latency, rlim_t descriptors)
{
    struct other_process process;
    int channel[2];

    assert_int_equal(pipe(channel), 0);
    process.pid = fork();
    assert_true(process.pid >= 0);
    if (process.pid == 0)
        serve_and_never_return(latency, descriptors, channel[1]);
    assert_int_equal(read(channel[0], &process.port, sizeof process.port),
                     sizeof process.port);
    assert_true(process.port > 0);
    close(channel[0]);
    close(channel[1]);
    return process;
}

static void end_process(const struct other_process *process)
{
    int status;

    kill(process->pid, SIGKILL);
    assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
    /* It lived until then. */
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void halt(const struct other_process *process)
{
    int status;

    kill(process->pid, SIGSTOP);
    assert_int_equal(waitpid(process->pid, &status, WUNTRACED), process->pid);
    assert_true(WIFSTOPPED(status));
}

/*
 * While the server stands still n clients connect, then n requests come: on its
 * return it finds exactly n of them at once. (Some servers stall at 128.)
 */
static void test_many_at_the_same_moment(void **state)
{
    static const int numbers[] = {1, 127, 128, 129, 256};
    struct other_process process = start_process(0.001, 0);
    int clients[256];

    (void)state;
    for (size_t k = 0; k < LENGTH(numbers); k++) {
        int n = numbers[k];

        halt(&process);
        for (int i = 0; i < n; i++)
            clients[i] = connect_to(process.port);
        for (int round = 0; round < 3; round++) {
            if (round > 0)
                halt(&process);
            for (int i = 0; i < n; i++)
                send_hello(clients[i]);
            kill(process.pid, SIGCONT);
            for (int i = 0; i < n; i++)
                assert_int_equal(read_reply(clients[i]), 200);
        }
        for (int i = 0; i < n; i++)
            close(clients[i]);
    }
    end_process(&process);
}

static int lowest_free_descriptor(void)
{
    int fd = dup(0);

    assert_true(fd >= 0);
    close(fd);
    return fd;
}

/*
 * With too few descriptors for all, all are served as others leave. And nothing
 * is said: libevent would, for each failure to accept, thousands of times.
 */
static void test_out_of_descriptors(void **state)
{
    FILE *said = tmpfile();
    int clients[60], saved = dup(STDERR_FILENO);
    struct other_process process;

    (void)state;
    assert_non_null(said);
    dup2(fileno(said), STDERR_FILENO);
    process = start_process(0.001, (rlim_t)lowest_free_descriptor() + 20);
    dup2(saved, STDERR_FILENO);
    close(saved);
    for (size_t i = 0; i < LENGTH(clients); i++) {
        clients[i] = connect_to(process.port);
        send_hello(clients[i]);
    }
    for (size_t i = 0; i < LENGTH(clients); i++) {
        assert_int_equal(read_reply(clients[i]), 200);
        close(clients[i]);
    }
    end_process(&process);
    assert_int_equal(fseek(said, 0, SEEK_END), 0);
    assert_int_equal(ftell(said), 0);
    fclose(said);
}

/* ---- Connections ------------------------------------------------------- */

/* At hardly any speed nothing is due for years; the server still stops. */
static void test_standing_clock(void **state)
{
    struct mock_llm_options options = {.scenario.latency = SCENARIO_MAX_LATENCY,
                                       .speed = 1e-6};
    struct mock_llm *server = start_mock_with(&options);
    int fd;

    (void)state;
    fd = connect_to(port_of(server));
    send_hello(fd);
    wait_for(server, 1, 1);
    mock_llm_stop(server);
    assert_int_equal(read_reply(fd), 0);
    close(fd);
}

static void test_connection_is_reused(void **state)
{
    struct mock_llm *server = start_mock(0);
    struct call call = {.easy = curl_easy_init()};
    static const long opened_by[] = {1, 0, 0, 0};
    static const char *const bodies[] = {hello, "{", hello, hello};

    (void)state;
    for (size_t i = 0; i < LENGTH(opened_by); i++) {
        long opened = -1;

        call.body = bodies[i];
        perform(server, &call);
        curl_easy_getinfo(call.easy, CURLINFO_NUM_CONNECTS, &opened);
        assert_int_equal(opened, opened_by[i]);
        clear(&call);
    }
    curl_easy_cleanup(call.easy);
    mock_llm_stop(server);
}

/* A reply to HEAD has no body that the next reply could be mistaken for. */
static void test_head(void **state)
{
    struct mock_llm *server = start_mock(0);
    int fd = connect_to(port_of(server));
    static const char head[] = "HEAD /v1/models HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char start_of_reply[] = "HTTP/1.1 405";
    char reply[4096] = "";
    size_t size = 0;

    (void)state;
    assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
    while (strstr(reply, "\r\n\r\n") == NULL) {
        ssize_t got = recv(fd, reply + size, sizeof reply - 1 - size, 0);

        assert_true(got > 0);
        size += (size_t)got;
        reply[size] = '\0';
    }
    assert_memory_equal(reply, start_of_reply, strlen(start_of_reply));
    assert_string_equal(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    send_hello(fd);
    assert_int_equal(read_reply(fd), 200);
    close(fd);
    mock_llm_stop(server);
}

/* Requests sent ahead are answered in turn, one in flight at a time. */
static void test_pipelining(void **state)
{
    struct mock_llm *server = start_mock(0.001);
    int fd = connect_to(port_of(server));

    (void)state;
    for (int i = 0; i < 5; i++)
        send_hello(fd);
    for (int i = 0; i < 5; i++)
        assert_int_equal(read_reply(fd), 200);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.n, 5);
    assert_int_equal(ledger.max_in_flight, 1);
    mock_llm_ledger_free(&ledger);
    close(fd);
    mock_llm_stop(server);
}

/* However the client leaves, and whether or not it had sent more. */
static void test_clients_that_leave(void **state)
{
    struct mock_llm *server = start_mock(HOUR);

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        int fd = connect_to(port_of(server));

        send_hello(fd);
        wait_for(server, i + 1, 1);
        if (i >= 2)
            send_hello(fd);
        if (i >= 4) /* the server sees the bytes first, then the end */
            assert_int_equal(status_of(server, "/ledger", NULL), 200);
        if (i % 2 == 0)
            close(fd);
        else
            reset(fd);
        wait_for(server, i + 1, 0);
    }

    struct mock_llm_ledger ledger = ledger_of(server);

    for (size_t i = 0; i < ledger.n; i++) {
        assert_true(ledger.requests[i].disconnected);
        assert_int_equal(ledger.requests[i].status, 0);
        assert_true(ledger.requests[i].end >= ledger.requests[i].arrival);
        assert_int_equal(ledger.requests[i].in_flight, 1);
    }
    assert_int_equal(ledger.answered, 0);
    assert_int_equal(ledger.prompt_tokens, 0);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

/*
 * Half a goodbye and then a reset make the server's write fail with EPIPE. The
 * SIGPIPE that comes with it must not end the program.
 */
static void test_no_sigpipe(void **state)
{
    struct other_process process = start_process(0, 0);
    int fd = connect_to(process.port);

    (void)state;
    halt(&process);
    send_hello(fd);
    shutdown(fd, SHUT_WR);
    reset(fd);
    kill(process.pid, SIGCONT);

    fd = connect_to(process.port);
    send_hello(fd);
    assert_int_equal(read_reply(fd), 200);
    close(fd);
    end_process(&process);
}

static volatile sig_atomic_t signals_taken;

static void take_signal(int number)
{
    (void)number;
    signals_taken++;
}

/* A signal that the program's thread blocks stays pending for that thread. */
static void test_thread_takes_no_signals(void **state)
{
    struct mock_llm *server = start_mock(0);
    sigset_t one, pending;

    (void)state;
    signal(SIGUSR1, take_signal);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    kill(getpid(), SIGUSR1);
    assert_int_equal(status_of(server, NULL, hello), 200);
    assert_int_equal(signals_taken, 0);
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGUSR1), 1);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    assert_int_equal(signals_taken, 1);
    signal(SIGUSR1, SIG_DFL);
    mock_llm_stop(server);
}

static void test_stop_with_requests_pending(void **state)
{
    struct mock_llm *server = start_mock(HOUR);
    int clients[20], idle = connect_to(port_of(server));

    (void)state;
    for (int i = 0; i < 20; i++) {
        clients[i] = connect_to(port_of(server));
        send_hello(clients[i]);
    }
    wait_for(server, 20, 20);
    mock_llm_stop(server);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(read_reply(clients[i]), 0);
        close(clients[i]);
    }
    assert_int_equal(read_reply(idle), 0);
    close(idle);
    mock_llm_stop(NULL);
}

static void test_start_and_stop_often(void **state)
{
    int lowest = lowest_free_descriptor();

    (void)state;
    for (int i = 0; i < 50; i++)
        mock_llm_stop(start_mock(0));
    assert_int_equal(lowest_free_descriptor(), lowest);
}

/* ---- Starting ---------------------------------------------------------- */

static void assert_no_start(struct mock_llm_options options, const char *why)
{
    char error[MOCK_LLM_ERROR_SIZE];

    assert_null(mock_llm_start(&options, error));
    assert_string_equal(error, why);
}

static void test_wrong_options(void **state)
{
    struct mock_llm *server = start_mock(0);
    char taken[MOCK_LLM_ERROR_SIZE];

    (void)state;
    snprintf(taken, sizeof taken,
             "port %d is taken by another program: choose another port, or 0 "
             "for any free one",
             port_of(server));
    assert_no_start((struct mock_llm_options){.port = port_of(server)}, taken);
    assert_no_start((struct mock_llm_options){.port = 65536},
                    "there is no port 65536: choose one from 1 to 65535, or 0 "
                    "for any free one");
    assert_no_start((struct mock_llm_options){.port = -1},
                    "there is no port -1: choose one from 1 to 65535, or 0 "
                    "for any free one");
    assert_no_start((struct mock_llm_options){.speed = -1},
                    "the speed must be a number from 1e-6 to 1e6, or 0 for the "
                    "real clock's");
    assert_no_start((struct mock_llm_options){.gate = -1},
                    "the gate and its patience must be 0 or more");
    assert_no_start((struct mock_llm_options){.scenario.latency = -1},
                    "the latency must be a number of seconds from 0 to 86400");
    assert_no_start((struct mock_llm_options){.scenario.latency = NAN},
                    "the latency must be a number of seconds from 0 to 86400");
    mock_llm_stop(server);
}

static void test_port_is_free_after_stop(void **state)
{
    struct mock_llm *server = start_mock(0);
    struct mock_llm_options options = {.port = port_of(server)};
    char error[MOCK_LLM_ERROR_SIZE];

    (void)state;
    assert_int_equal(status_of(server, NULL, hello), 200);
    mock_llm_stop(server);
    server = mock_llm_start(&options, error);
    assert_string_equal(error, "");
    assert_int_equal(port_of(server), options.port);
    mock_llm_stop(server);
}

static void test_two_servers(void **state)
{
    struct mock_llm *servers[] = {start_mock(0), start_mock(0)};

    (void)state;
    assert_int_not_equal(port_of(servers[0]), port_of(servers[1]));
    for (int i = 0; i < 5; i++)
        assert_int_equal(status_of(servers[i % 2], NULL, hello), 200);
    for (int i = 0; i < 2; i++) {
        struct mock_llm_ledger ledger = ledger_of(servers[i]);

        assert_int_equal(ledger.n, i == 0 ? 3 : 2);
        mock_llm_ledger_free(&ledger);
        mock_llm_stop(servers[i]);
    }
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Starts at a speed, makes one call; how long that took on both clocks. */
static void call_at_speed(double speed, double latency, double *servers,
                          double *real)
{
    struct mock_llm_options options = {.scenario.latency = latency,
                                       .speed = speed};
    double before = seconds_now();
    struct mock_llm *server = start_mock_with(&options);
    struct mock_llm_ledger ledger;

    assert_int_equal(status_of(server, NULL, hello), 200);
    ledger = ledger_of(server);
    *servers = ledger.requests[0].end - ledger.requests[0].arrival;
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
    *real = seconds_now() - before;
}

static void test_speed(void **state)
{
    double servers, real;

    (void)state;
    call_at_speed(10000, 1000, &servers, &real);
    assert_true(servers >= 1000);
    assert_true(real < 1000);
    call_at_speed(1e6, 1000, &servers, &real);
    assert_true(servers >= 1000);
    call_at_speed(0, 0.001, &servers, &real);
    assert_true(servers >= 0.001);
    assert_true(servers <= real);
}

/* ---- The ledger -------------------------------------------------------- */

static void test_ledger_counts_attempts(void **state)
{
    static const char *const bodies[] = {hello, "{", hello, hello, "{"};
    static const int attempts[] = {1, 1, 2, 3, 2};
    struct mock_llm *server = start_mock(0);

    (void)state;
    for (size_t i = 0; i < LENGTH(bodies); i++)
        status_of(server, NULL, bodies[i]);
    status_of(server, "/v1/elsewhere", hello);

    struct mock_llm_ledger ledger = ledger_of(server);

    for (size_t i = 0; i < LENGTH(bodies); i++)
        assert_int_equal(ledger.requests[i].attempt, attempts[i]);
    assert_int_equal(ledger.requests[LENGTH(bodies)].attempt, 1);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

/* Asks a model to summarize report i, and adds what it took to the sums. */
static void ask(struct mock_llm *server, const char *model, int i,
                struct mock_llm_ledger *sums)
{
    char body[256];
    struct call call = {.body = body};

    snprintf(body, sizeof body,
             "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\","
             "\"content\":\"Summarize: Report %d\"}]}",
             model, i);
    perform(server, &call);
    assert_int_equal(call.status, 200);

    int prompt = (int)number_at(call.json, "usage.prompt_tokens");
    int completion = (int)number_at(call.json, "usage.completion_tokens");

    sums->prompt_tokens += prompt;
    sums->completion_tokens += completion;
    sums->cost += scenario_cost(model, prompt, completion);
    clear(&call);
}

/* The sums are those of the answers, and the copy outlives the server. */
static void test_ledger_sums(void **state)
{
    static const char *const models[] = {"gpt-4", "gpt-3.5-turbo", "other"};
    struct mock_llm *server = start_mock(0);
    struct mock_llm_ledger sums = {0}, ledger;
    double last = 0;

    (void)state;
    for (int i = 0; i < 30; i++) {
        ask(server, models[i % 3], i * i, &sums);
        status_of(server, NULL, "{");
    }
    ledger = ledger_of(server);
    mock_llm_stop(server);
    assert_int_equal(ledger.n, 60);
    assert_int_equal(ledger.answered, 30);
    assert_int_equal(ledger.prompt_tokens, sums.prompt_tokens);
    assert_int_equal(ledger.completion_tokens, sums.completion_tokens);
    assert_true(fabs(ledger.cost - sums.cost) < 1e-9);
    assert_int_equal(ledger.max_in_flight, 1);
    for (size_t i = 0; i < ledger.n; i++) {
        assert_true(ledger.requests[i].arrival >= last);
        last = ledger.requests[i].end;
        assert_true(last >= ledger.requests[i].arrival);
        assert_string_equal(ledger.requests[i].method, "POST");
        assert_string_equal(ledger.requests[i].path, "/v1/chat/completions");
    }
    mock_llm_ledger_free(&ledger);
    assert_int_equal(ledger.n, 0);
    mock_llm_ledger_free(&ledger);
}

/* What hello took, as GET /ledger tells it. */
static void assert_first_request(const cJSON *json)
{
    assert_true(number_at(json, "in_flight") == 0);
    assert_true(number_at(json, "max_in_flight") == 1);
    assert_true(number_at(json, "answered") == 1);
    assert_true(number_at(json, "prompt_tokens") == 11);
    assert_true(number_at(json, "completion_tokens") == 18);
    assert_true(fabs(number_at(json, "cost") - 0.00141) < 1e-12);

    const cJSON *first = at(json, "requests.0");

    assert_string_equal(string_at(first, "id"), "req_000001");
    assert_string_equal(string_at(first, "method"), "POST");
    assert_string_equal(string_at(first, "path"), "/v1/chat/completions");
    assert_string_equal(string_at(first, "body"), hello);
    assert_true(number_at(first, "status") == 200);
    assert_true(number_at(first, "attempt") == 1);
    assert_true(number_at(first, "prompt_tokens") == 11);
    assert_true(number_at(first, "end") >= number_at(first, "arrival"));
    assert_true(cJSON_IsFalse(at(first, "disconnected")));
}

/* GET /ledger is not in the ledger, needs no key and shows none. */
static void test_ledger_over_http(void **state)
{
    static const char odd[] = "a\0b\xff\"\xe2\x82\xac";
    struct mock_llm *server = start_mock(0);
    struct call call = {.body = odd, .body_size = sizeof odd - 1};

    (void)state;
    status_of(server, "/v1/chat/completions?api_key=" KEY, hello);
    perform(server, &call);
    clear(&call);
    for (int i = 0; i < 2; i++) {
        call.url = "/ledger";
        call.authorization = "";
        perform(server, &call);
        assert_int_equal(call.status, 200);
        assert_first_request(call.json);
        assert_int_equal(cJSON_GetArraySize(at(call.json, "requests")), 2);
        assert_string_equal(
            string_at(cJSON_GetArrayItem(at(call.json, "requests"), 1), "body"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd\"\xe2\x82\xac");
        assert_null(strstr(call.text, KEY));
        assert_null(strstr(call.text, "Bearer"));
        clear(&call);
    }
    mock_llm_stop(server);
}

static void test_ledger_of_a_request_in_flight(void **state)
{
    struct mock_llm *server = start_mock(HOUR);
    int fd = connect_to(port_of(server));
    struct call call = {.url = "/ledger"};

    (void)state;
    send_hello(fd);
    wait_for(server, 1, 1);
    perform(server, &call);
    assert_true(number_at(call.json, "in_flight") == 1);
    assert_true(cJSON_IsNull(at(call.json, "requests.0.end")));
    assert_true(number_at(call.json, "requests.0.status") == 0);
    clear(&call);
    close(fd);
    mock_llm_stop(server);
}

/* ---- Without memory ---------------------------------------------------- */

static int allocations_left;

static void *allocate(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Builds one of the server's texts with so much memory. */
static char *build_text(int what, int allocations)
{
    cJSON_Hooks scarce = {.malloc_fn = allocate, .free_fn = free};
    struct scenario_refusal refusal = {.type = "t", .code = "", .message = "m"};
    struct scenario_chat chat = {
        .model = "gpt-4",
        .stream_usage = true,
        .reply = {.text = "text", .completion_tokens = 1}};
    const struct scenario_protocol *protocol =
        what % 2 == 0 ? &scenario_openai : &scenario_anthropic;
    struct mock_llm_request request = {
        .method = "POST", .path = (char[]){"/"}, .body = (char[]){"body"}};
    struct ledger ledger;
    char *text;

    mock_llm_ledger_init(&ledger);
    mock_llm_ledger_begin(&ledger, 0, &request);
    allocations_left = allocations;
    cJSON_InitHooks(&scarce);
    text = what / 2 == 0   ? protocol->error(&refusal, "req_1")
           : what / 2 == 1 ? protocol->models()
           : what / 2 == 2 ? protocol->answer(&chat)
           : what / 2 == 3 ? protocol->stream_part(&chat, 2)
                           : mock_llm_ledger_json(&ledger);
    cJSON_InitHooks(NULL);
    mock_llm_ledger_destroy(&ledger);
    return text;
}

/*
 * With too little memory there is no text, never half of one. (Lengths are
 * compared because an answer holds the time.)
 */
static void test_no_memory(void **state)
{
    (void)state;
    for (int what = 0; what < 9; what++) {
        char *whole = build_text(what, 1000), *text = NULL;
        int needed = 0;

        assert_non_null(whole);
        while (needed < 1000 && !(text = build_text(what, needed)))
            needed++;
        assert_in_range(needed, 5, 100);
        assert_int_equal(strlen(text), strlen(whole));
        free(text);
        free(whole);
    }
}

/* ---- The program ------------------------------------------------------- */

/* The program, called in a child process; its output, both kinds, is read. */
struct program {
    pid_t pid;
    int output;
    char text[4096];
};

static struct program run_program(char **argv)
{
    struct program program = {0};
    int channel[2], argc = 0;

    while (argv[argc])
        argc++;
    assert_int_equal(pipe(channel), 0);
    fflush(NULL);
    program.pid = fork();
    assert_true(program.pid >= 0);
    if (program.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(channel[1], STDOUT_FILENO);
        dup2(channel[1], STDERR_FILENO);
        close(channel[1]);
        exit(mock_llm_main(argc, argv));
    }
    close(channel[1]);
    program.output = channel[0];
    return program;
}

/* Reads until the output holds the text, or ends. */
static void read_until(struct program *program, const char *text)
{
    size_t size = strlen(program->text);
    ssize_t got = 1;

    while (got > 0 && (!text || !strstr(program->text, text))) {
        got = read(program->output, program->text + size,
                   sizeof program->text - 1 - size);
        size += got > 0 ? (size_t)got : 0;
        program->text[size] = '\0';
    }
}

/* Reads the rest; the exit status. */
static int end_program(struct program *program)
{
    int status;

    read_until(program, NULL);
    close(program->output);
    assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_program_says(const char *option, int status,
                                const char *text)
{
    char name[] = "mock_llm", *argv[] = {name, strdup(option), NULL};
    struct program program = run_program(argv);

    assert_int_equal(end_program(&program), status);
    if (strstr(program.text, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, program.text);
    free(argv[1]);
}

/* Not by a server of this process: its thread might be in the middle of an
   allocation while we fork, and then the child could never allocate. */
static int listen_at_any(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    *port = ntohs(address.sin_port);
    return fd;
}

static void test_program_options(void **state)
{
    int port, listener = listen_at_any(&port);
    char taken[64], sentence[64];

    (void)state;
    assert_program_says("--help", 0, "--latency=SECONDS");
    assert_program_says("--port=x", 2, "--port=x: give a number from 1");
    assert_program_says("--port=", 2, "--port=: give a number from 1");
    assert_program_says("--port=65536", 2, "--port=65536: give a number");
    assert_program_says("--latency=-1", 2, "--latency=-1: give a number of");
    assert_program_says("--latency=nan", 2, "--latency=nan: give a number of");
    assert_program_says("--latency=1s", 2, "--latency=1s: give a number of");
    assert_program_says("--latency=0.8..0.2", 2, "such as 0.2..0.8");
    assert_program_says("--latency", 2, "Try mock_llm --help");
    assert_program_says("--fault=crash", 2, "--fault=crash: \"crash\" is no");
    assert_program_says("--burst=x", 2, "--burst=x: give a whole number");
    assert_program_says("--speed=0", 2, "--speed=0: give a number from 1e-6");
    assert_program_says("--gate=x", 2, "--gate=x: give a whole number");
    assert_program_says("--gate-patience=x", 2, "give a number of seconds");
    assert_program_says("--gate-one-by-one", 1, "give its size, too");
    assert_program_says("--colour", 2, "Try mock_llm --help");
    assert_program_says("8080", 2, "\"8080\" is not an option");

    snprintf(taken, sizeof taken, "--port=%d", port);
    snprintf(sentence, sizeof sentence, "port %d is taken", port);
    assert_program_says(taken, 1, sentence);
    close(listener);
}

/* A file of its own, removed again, with this text. */
static void assert_file_says(const char *text, size_t size,
                             const char *sentence)
{
    char path[] = "/tmp/test_mock_llm.XXXXXX", option[64];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
    snprintf(option, sizeof option, "--scenario=%s", path);
    assert_program_says(option, 2, path);
    assert_program_says(option, 2, sentence);
    unlink(path);
}

static void test_program_scenario_files(void **state)
{
    static const char wrong[] = "# A bad day\nlatency = 0.1\nfault = 700\n";
    static char large[100000];

    (void)state;
    assert_file_says(wrong, strlen(wrong),
                     ", line 3: fault=700: \"700\" is no fault");
    assert_file_says("a\0b", 3, "this is no scenario");
    memset(large, '\n', sizeof large);
    assert_file_says(large, sizeof large, "this is no scenario");
    assert_program_says("--scenario=/no/such/file", 2,
                        "--scenario=/no/such/file: No such file");
    assert_program_says("--scenario=/", 2, "--scenario=/: Is a directory");
}

static void test_program_until_stopped(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM};
    char name[] = "mock_llm", port[] = "--port=0", latency[] = "--latency=0";

    (void)state;
    for (size_t i = 0; i < LENGTH(signals); i++) {
        char *argv[] = {name, port, latency, NULL}, *url;
        struct program program = run_program(argv);

        read_until(&program, "/ledger\n");
        url = strstr(program.text, "http://");
        assert_non_null(url);

        int fd = connect_to(port_in(url));

        send_hello(fd);
        assert_int_equal(read_reply(fd), 200);
        close(fd);
        kill(program.pid, signals[i]);
        assert_int_equal(end_program(&program), 0);
        assert_non_null(strstr(program.text,
                               "\nRequests: 1, answered: 1, at most 1 at "
                               "once. Tokens: 11 + 18, $0.0014.\n"));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_answer),
    cmocka_unit_test(test_max_tokens),
    cmocka_unit_test(test_wrong_bodies),
    cmocka_unit_test(test_missing_key),
    cmocka_unit_test(test_wrong_path_and_method),
    cmocka_unit_test(test_models),
    cmocka_unit_test(test_large_bodies),
    cmocka_unit_test(test_huge_body),
    cmocka_unit_test(test_garbage),
    cmocka_unit_test(test_ten_in_flight_at_once),
    cmocka_unit_test(test_a_reply_ends_its_request_first),
    cmocka_unit_test(test_many_at_the_same_moment),
    cmocka_unit_test(test_out_of_descriptors),
    cmocka_unit_test(test_connection_is_reused),
    cmocka_unit_test(test_head),
    cmocka_unit_test(test_pipelining),
    cmocka_unit_test(test_clients_that_leave),
    cmocka_unit_test(test_no_sigpipe),
    cmocka_unit_test(test_thread_takes_no_signals),
    cmocka_unit_test(test_stop_with_requests_pending),
    cmocka_unit_test(test_start_and_stop_often),
    cmocka_unit_test(test_wrong_options),
    cmocka_unit_test(test_port_is_free_after_stop),
    cmocka_unit_test(test_two_servers),
    cmocka_unit_test(test_speed),
    cmocka_unit_test(test_standing_clock),
    cmocka_unit_test(test_ledger_counts_attempts),
    cmocka_unit_test(test_ledger_sums),
    cmocka_unit_test(test_ledger_over_http),
    cmocka_unit_test(test_ledger_of_a_request_in_flight),
    cmocka_unit_test(test_no_memory),
    cmocka_unit_test(test_program_options),
    cmocka_unit_test(test_program_scenario_files),
    cmocka_unit_test(test_program_until_stopped),
};

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    curl_global_cleanup();
    return failed;
}

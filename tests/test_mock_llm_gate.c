/*
 * test_mock_llm_gate.c - concurrency that is proved by gating: replies are held
 * until enough requests wait for one, and no clock decides.
 */
#include "mock_client.h"

#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct mock_llm *start_gate(int size, bool one_by_one, double patience)
{
    struct mock_llm_options options = {
        .gate = size, .gate_one_by_one = one_by_one, .gate_patience = patience};

    return start_mock_with(&options);
}

static void send_n(struct mock_llm *server, int *clients, int n)
{
    for (int i = 0; i < n; i++) {
        clients[i] = connect_to(port_of(server));
        send_hello(clients[i]);
    }
}

/* The same, behind so many that have arrived, and they arrive in this order:
   connections need not be read from in the order in which they were made. */
static void send_in_turn(struct mock_llm *server, int *clients, int n,
                         int arrived)
{
    for (int i = 0; i < n; i++) {
        send_n(server, &clients[i], 1);
        wait_for(server, arrived + i + 1, i + 1);
    }
}

static void close_n(const int *clients, int n)
{
    for (int i = 0; i < n; i++)
        close(clients[i]);
}

/* How many of these have a reply to be read. */
static int replies_at(const int *clients, int n)
{
    struct pollfd fds[64];

    for (int i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = clients[i], .events = POLLIN};
    return poll(fds, (nfds_t)n, 0);
}

static void assert_gate(struct mock_llm *server, size_t filled, bool opened,
                        int max_in_flight)
{
    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.gate_filled, filled);
    assert_int_equal(ledger.gate_opened, opened);
    assert_int_equal(ledger.max_in_flight, max_in_flight);
    mock_llm_ledger_free(&ledger);
}

/* Nobody is answered before five wait; then all are, and all who follow. */
static void test_all_at_once(void **state)
{
    struct mock_llm *server = start_gate(5, false, 0);
    int clients[5];

    (void)state;
    send_n(server, clients, 4);
    wait_for(server, 4, 4);
    /* The reply to this request comes behind what the server did before. */
    assert_int_equal(status_of(server, "/ledger", NULL), 200);
    assert_int_equal(replies_at(clients, 4), 0);
    assert_gate(server, 0, false, 4);
    send_n(server, &clients[4], 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(read_reply(clients[i]), 200);
    assert_int_equal(status_of(server, NULL, hello), 200);
    assert_gate(server, 1, false, 5);
    close_n(clients, 5);
    mock_llm_stop(server);
}

/* One released, one arrives: the oldest, and each time only one. */
static void test_one_by_one(void **state)
{
    struct mock_llm *server = start_gate(3, true, 0);
    int clients[10];

    (void)state;
    send_in_turn(server, clients, 2, 0);
    for (int i = 2; i < 10; i++) {
        send_n(server, &clients[i], 1);
        assert_int_equal(read_reply(clients[i - 2]), 200);
        assert_int_equal(status_of(server, "/ledger", NULL), 200);
        assert_int_equal(replies_at(&clients[i - 1], 2), 0);
        assert_gate(server, (size_t)i - 1, false, 3);
    }
    mock_llm_open_gate(server);
    for (int i = 8; i < 10; i++)
        assert_int_equal(read_reply(clients[i]), 200);
    assert_gate(server, 8, true, 3);
    close_n(clients, 10);
    mock_llm_stop(server);
}

static void test_opening(void **state)
{
    struct call call = {.url = "/gate/open", .method = "POST"};

    (void)state;
    for (int over_http = 0; over_http < 2; over_http++) {
        struct mock_llm *server = start_gate(100, false, 0);
        int clients[3];

        send_n(server, clients, 3);
        wait_for(server, 3, 3);
        if (over_http) {
            perform(server, &call);
            assert_int_equal(call.status, 200);
            clear(&call);
        } else {
            mock_llm_open_gate(server);
        }
        for (int i = 0; i < 3; i++)
            assert_int_equal(read_reply(clients[i]), 200);
        assert_gate(server, 0, true, 3);
        mock_llm_open_gate(server); /* it is open: nothing happens */
        assert_int_equal(status_of(server, "/gate/open", NULL), 405);
        close_n(clients, 3);
        mock_llm_stop(server);
    }
}

static void test_patience(void **state)
{
    struct mock_llm *server = start_gate(3, false, 0.02);
    int clients[2];

    (void)state;
    send_n(server, clients, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(read_reply(clients[i]), 200);
    assert_gate(server, 0, true, 2);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_true(ledger.requests[0].end - ledger.requests[1].arrival >= 0.02);
    mock_llm_ledger_free(&ledger);
    close_n(clients, 2);
    mock_llm_stop(server);
}

/* Who leaves does not count any more, and does no harm. */
static void test_leaving_the_gate(void **state)
{
    struct mock_llm *server = start_gate(3, false, 0);
    int clients[3];

    (void)state;
    send_n(server, clients, 2);
    wait_for(server, 2, 2);
    close(clients[0]);
    wait_for(server, 2, 1);
    send_n(server, clients, 1);
    wait_for(server, 3, 2);
    assert_int_equal(status_of(server, "/ledger", NULL), 200);
    assert_int_equal(replies_at(clients, 2), 0);
    send_n(server, &clients[2], 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(read_reply(clients[i]), 200);
    close_n(clients, 3);
    mock_llm_stop(server);
}

/* What is refused, or is none of the pretended work, passes the gate. */
static void test_what_is_not_held(void **state)
{
    struct mock_llm_options options = {.gate = 2};
    struct mock_llm *server;
    char error[SCENARIO_ERROR_SIZE];

    (void)state;
    assert_true(
        scenario_set(&options.scenario, "fault", "503 match=/posts/3", error));
    server = start_mock_with(&options);
    assert_int_equal(status_of(server, NULL, "{"), 400);
    assert_int_equal(status_of(server, "/elsewhere", NULL), 404);
    assert_int_equal(status_of(server, "/v1/models", NULL), 200);
    assert_int_equal(status_of(server, "/posts/3", NULL), 503);
    assert_gate(server, 0, false, 1);
    mock_llm_stop(server);
}

/* A reply waits for both, the gate and its latency. */
static void test_gate_and_latency(void **state)
{
    struct mock_llm_options options = {.gate = 2, .scenario.latency = 0.05};
    struct mock_llm *server = start_mock_with(&options);
    struct mock_llm_ledger ledger;
    int clients[2];

    (void)state;
    send_n(server, clients, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(read_reply(clients[i]), 200);
    ledger = ledger_of(server);
    for (int i = 0; i < 2; i++)
        assert_true(ledger.requests[i].end - ledger.requests[i].arrival >=
                    0.05);
    mock_llm_ledger_free(&ledger);
    close_n(clients, 2);
    mock_llm_stop(server);
}

static void test_stop_with_a_closed_gate(void **state)
{
    struct mock_llm *server = start_gate(100, true, HOUR);
    int clients[5];

    (void)state;
    send_n(server, clients, 5);
    wait_for(server, 5, 5);
    mock_llm_stop(server);
    for (int i = 0; i < 5; i++)
        assert_int_equal(read_reply(clients[i]), 0);
    close_n(clients, 5);
}

/*
 * At any number of connections, all of them are held at the same moment and all
 * are answered. (Some servers stall when exactly 128 are ready.)
 */
static void test_numbers_of_connections(void **state)
{
    static const int numbers[] = {1, 127, 128, 129, 256, 1024};
    struct rlimit limit;

    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2 * 1024 + 64)
        skip();
    for (size_t k = 0; k < LENGTH(numbers); k++) {
        int n = numbers[k], *clients = calloc((size_t)n, sizeof *clients);
        struct mock_llm *server = start_gate(n, false, 0);

        assert_non_null(clients);
        send_n(server, clients, n);
        for (int i = 0; i < n; i++)
            assert_int_equal(read_reply(clients[i]), 200);
        assert_gate(server, 1, false, n);
        close_n(clients, n);
        free(clients);
        mock_llm_stop(server);
    }
}

/* ---- What the ledger says of it ---------------------------------------- */

static void test_ledger_tells_who_and_when(void **state)
{
    struct mock_llm *server = start_gate(2, false, 0);
    struct call call = {.url = "/ledger"};
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int clients[2];

    (void)state;
    send_n(server, clients, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(read_reply(clients[i]), 200);
    perform(server, &call);
    for (int i = 0; i < 2; i++) {
        const cJSON *request =
            at(call.json, i == 0 ? "requests.0" : "requests.1");

        getsockname(clients[i], (struct sockaddr *)&address, &size);
        assert_true(number_at(request, "client_port") ==
                    ntohs(address.sin_port));
        assert_true(number_at(request, "in_flight") == i + 1);
        assert_true(number_at(request, "attempt") == i + 1);
        assert_true(number_at(request, "first_attempt") == 1);
        assert_true(number_at(request, "begin") >=
                    number_at(call.json, "requests.1.arrival"));
        assert_true(number_at(request, "end") >= number_at(request, "begin"));
        assert_true(cJSON_IsTrue(at(request, "answered")));
        assert_string_equal(string_at(request, "fault"), "");
    }
    assert_true(number_at(call.json, "max_in_flight") == 2);
    assert_true(number_at(call.json, "gate_filled") == 1);
    assert_true(cJSON_IsFalse(at(call.json, "gate_opened")));
    clear(&call);
    close_n(clients, 2);
    mock_llm_stop(server);
}

/* ---- For a judge --------------------------------------------------------- */

/* What it was told: written in the server's thread, read when that has ended.
 */
struct told {
    int arrivals, ends;
    char path[32];
};

static void note(void *observer, long number,
                 const struct mock_llm_request *request)
{
    struct told *told = observer;

    assert_true(number >= 1);
    if (isinf(request->end)) {
        told->arrivals++;
        snprintf(told->path, sizeof told->path, "%s", request->path);
    } else {
        told->ends++;
    }
}

static int listening_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd > 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 10), 0);
    return fd;
}

static void test_for_a_judge(void **state)
{
    struct told told = {0};
    struct mock_llm_options options = {.listener = listening_socket(),
                                       .closed = true,
                                       .gate = 1000,
                                       .observe = note,
                                       .observer = &told};
    struct mock_llm *server = start_mock_with(&options);
    int clients[2];

    (void)state;
    assert_int_equal(status_of(server, "/ledger", NULL), 404);
    assert_int_equal(status_of(server, "/gate/open", "{}"), 404);
    send_in_turn(server, clients, 2, 2);
    mock_llm_let_go(server);
    assert_int_equal(read_reply(clients[0]), 200);
    assert_int_equal(replies_at(clients, 2), 0);
    mock_llm_let_go(server);
    assert_int_equal(read_reply(clients[1]), 200);
    close_n(clients, 2);
    mock_llm_stop(server);
    assert_int_equal(told.arrivals, 4);
    assert_int_equal(told.ends, 4);
    assert_string_equal(told.path, "/v1/chat/completions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_one_by_one),
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_leaving_the_gate),
        cmocka_unit_test(test_what_is_not_held),
        cmocka_unit_test(test_gate_and_latency),
        cmocka_unit_test(test_stop_with_a_closed_gate),
        cmocka_unit_test(test_numbers_of_connections),
        cmocka_unit_test(test_ledger_tells_who_and_when),
        cmocka_unit_test(test_for_a_judge),
    };
    int failed;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}

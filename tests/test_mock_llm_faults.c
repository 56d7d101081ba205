/*
 * test_mock_llm_faults.c - what goes wrong on request: each fault is seen by a
 * client as it should be, and in the ledger; and the limits refuse what is
 * above them.
 */
#include "mock_client.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define STREAM                                                                 \
    "{\"model\":\"gpt-4\",\"stream\":true,\"messages\":[{\"role\":\"user\","   \
    "\"content\":\"What is Python?\"}]}"
#define CLAUDE_STREAM                                                          \
    "{\"model\":\"claude\",\"max_tokens\":50,\"stream\":true,\"messages\":[{"  \
    "\"role\":\"user\",\"content\":\"What is Python?\"}]}"

/* What the ledger must say of the server's first request; the server stops. */
static void assert_in_ledger(struct mock_llm *server, const char *fault,
                             int status, bool answered, bool disconnected)
{
    struct mock_llm_ledger ledger = ledger_of(server);
    const struct mock_llm_request *request = &ledger.requests[0];

    assert_int_equal(ledger.n, 1);
    assert_string_equal(request->fault, fault);
    assert_int_equal(request->status, status);
    assert_int_equal(request->answered, answered);
    assert_int_equal(request->disconnected, disconnected);
    assert_int_equal(request->completion_tokens, answered ? 18 : 0);
    assert_int_equal(ledger.answered, answered);
    assert_int_equal(ledger.in_flight, 0);
    assert_true((ledger.cost > 0) == answered);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

/* ---- Errors with a status ---------------------------------------------- */

static void test_statuses(void **state)
{
    static const struct {
        const char *fault;
        int status;
        const char *type, *code; /* NULL: null */
    } cases[] = {
        {"400", 400, "invalid_request_error", NULL},
        {"401", 401, "invalid_request_error", "invalid_api_key"},
        {"404", 404, "invalid_request_error", NULL},
        {"429", 429, "requests", "rate_limit_exceeded"},
        {"quota", 429, "insufficient_quota", "insufficient_quota"},
        {"500", 500, "server_error", NULL},
        {"503", 503, "server_error", NULL},
        {"599", 599, "server_error", NULL},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char text[64];
        struct mock_llm *server;
        /* A stream that never begins ends in the same error. */
        struct call call = {.body = i % 2 == 0 ? hello : STREAM};
        const cJSON *code;

        snprintf(text, sizeof text, "fault = %s", cases[i].fault);
        server = start_scenario(text);
        perform(server, &call);
        assert_int_equal(call.status, cases[i].status);
        assert_string_equal(header_of(&call, "Content-Type"),
                            "application/json");
        assert_non_null(strstr(string_at(call.json, "error.message"),
                               "(a pretended fault)"));
        assert_string_equal(string_at(call.json, "error.type"), cases[i].type);
        code = at(call.json, "error.code");
        if (cases[i].code)
            assert_string_equal(code->valuestring, cases[i].code);
        else
            assert_true(cJSON_IsNull(code));
        assert_null(header_of(&call, "Retry-After"));
        if (strcmp(cases[i].fault, "quota") == 0)
            assert_string_equal(header_of(&call, "x-should-retry"), "false");
        else
            assert_null(header_of(&call, "x-should-retry"));
        clear(&call);
        assert_in_ledger(server, cases[i].fault, cases[i].status, false, false);
    }
}

static void test_words_of_a_status(void **state)
{
    struct mock_llm *server = start_scenario("fault = 429");
    struct call call = {.body = hello};
    static const char line[] = "HTTP/1.1 429 Too Many Requests\r\n";

    (void)state;
    perform(server, &call);
    assert_memory_equal(call.head, line, strlen(line));
    clear(&call);
    mock_llm_stop(server);
}

static void test_retry_after(void **state)
{
    struct mock_llm *server =
        start_scenario("fault = 429 requests=1 retry-after=2\n"
                       "fault = 429 requests=2 retry-after=0.25\n"
                       "fault = 503 requests=3 retry-after-ms=1500\n"
                       "fault = 503 requests=4 retry-after-date=3600");
    struct call call = {.body = hello};
    time_t before = time(NULL), date;

    (void)state;
    perform(server, &call);
    assert_string_equal(header_of(&call, "Retry-After"), "2");
    clear(&call);
    call.body = hello;
    perform(server, &call);
    assert_string_equal(header_of(&call, "Retry-After"), "0.25");
    clear(&call);
    call.body = hello;
    perform(server, &call);
    assert_string_equal(header_of(&call, "retry-after-ms"), "1500");
    assert_string_equal(header_of(&call, "Retry-After"), "2");
    clear(&call);
    call.body = hello;
    perform(server, &call);
    date = curl_getdate(header_of(&call, "Retry-After"), NULL);
    assert_true(date >= before + 3600);
    assert_true(date <= time(NULL) + 3601);
    clear(&call);
    call.body = hello;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    clear(&call);
    mock_llm_stop(server);
}

/* A script by attempts: each request fails twice, then it goes well. */
static void test_script_by_attempts(void **state)
{
    static const char *const bodies[] = {hello, STREAM};
    static const long statuses[] = {500, 429, 200, 200};
    struct mock_llm *server = start_scenario("fault = 500 attempts=1\n"
                                             "fault = 429 attempts=2");

    (void)state;
    for (size_t i = 0; i < LENGTH(statuses); i++)
        for (size_t k = 0; k < LENGTH(bodies); k++)
            assert_int_equal(status_of(server, NULL, bodies[k]), statuses[i]);

    struct mock_llm_ledger ledger = ledger_of(server);

    for (size_t i = 0; i < ledger.n; i++) {
        assert_int_equal(ledger.requests[i].attempt, i / 2 + 1);
        assert_int_equal(ledger.requests[i].first_attempt, i % 2 + 1);
    }
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

/* Faults hit documents, too, each by its path. */
static void test_faults_of_documents(void **state)
{
    struct mock_llm *server =
        start_scenario("fault = 404 match=/posts/3\n"
                       "fault = malformed match=/posts/4\n"
                       "fault = 503 match=/posts/5 attempts=1-2");
    struct call call = {.url = "/posts/4"};

    (void)state;
    assert_int_equal(status_of(server, "/posts/3", NULL), 404);
    assert_int_equal(status_of(server, "/posts/33", NULL), 200);
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_null(call.json);
    clear(&call);
    assert_int_equal(status_of(server, "/posts/5", NULL), 503);
    assert_int_equal(status_of(server, "/posts/5", NULL), 503);
    assert_int_equal(status_of(server, "/posts/5", NULL), 200);
    mock_llm_stop(server);
}

/* Same seed, same faults, whatever the order; another seed, others. */
static void test_faults_by_rate(void **state)
{
    enum { N = 60 };
    static const char *const seeds[] = {"1", "1", "2"};
    long statuses[3][N];
    int failed = 0;

    (void)state;
    for (int s = 0; s < 3; s++) {
        char text[64];
        struct mock_llm *server;

        snprintf(text, sizeof text, "seed = %s\nfault = 503 rate=0.5",
                 seeds[s]);
        server = start_scenario(text);
        for (int i = 0; i < N; i++) {
            int post = s == 1 ? N - i : i + 1; /* backwards */
            char url[32];

            snprintf(url, sizeof url, "/posts/%d", post);
            statuses[s][post - 1] = status_of(server, url, NULL);
            failed += statuses[s][post - 1] == 503;
        }
        mock_llm_stop(server);
    }
    assert_memory_equal(statuses[0], statuses[1], sizeof statuses[0]);
    assert_memory_not_equal(statuses[0], statuses[2], sizeof statuses[0]);
    assert_in_range(failed, 45, 135); /* of 180 */
}

/* ---- Answers that go wrong --------------------------------------------- */

static void test_spoiled_answers(void **state)
{
    struct mock_llm *server = start_scenario("fault = malformed");
    struct call call = {.body = hello};

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_string_equal(header_of(&call, "Content-Type"), "application/json");
    assert_true(call.size > 100);
    assert_null(call.json);
    clear(&call);
    assert_in_ledger(server, "malformed", 200, false, false);

    server = start_scenario("fault = html");
    for (int i = 0; i < 2; i++) {
        call.body = i == 0 ? hello : STREAM;
        perform(server, &call);
        assert_int_equal(call.status, 200);
        assert_string_equal(header_of(&call, "Content-Type"), "text/html");
        assert_non_null(strstr(call.text, "<html>"));
        clear(&call);
    }
    mock_llm_stop(server);

    server = start_scenario("fault = empty");
    for (int i = 0; i < 2; i++) {
        call.body = i == 0 ? hello : STREAM;
        perform(server, &call);
        assert_int_equal(call.status, 200);
        assert_int_equal(call.size, 0);
        assert_string_equal(header_of(&call, "Content-Length"), "0");
        clear(&call);
    }
    mock_llm_stop(server);
}

static void test_truncated(void **state)
{
    struct mock_llm *server = start_scenario("fault = truncate");
    struct call call = {.body = hello, .expected = CURLE_PARTIAL_FILE};

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_true(call.size > 100);
    assert_int_equal(atol(header_of(&call, "Content-Length")) / 2, call.size);
    clear(&call);
    assert_in_ledger(server, "truncate", 200, false, false);
}

/* A reset is a reset, not a goodbye; with a latency and without. */
static void test_reset(void **state)
{
    static const char *const latencies[] = {"0", "0.01"};

    (void)state;
    for (size_t i = 0; i < LENGTH(latencies); i++) {
        char text[64], byte;
        struct mock_llm *server;
        int fd;

        snprintf(text, sizeof text, "latency = %s\nfault = reset",
                 latencies[i]);
        server = start_scenario(text);
        fd = connect_to(port_of(server));
        send_hello(fd);
        errno = 0;
        assert_int_equal(recv(fd, &byte, 1, 0), -1);
        assert_int_equal(errno, ECONNRESET);
        close(fd);
        assert_in_ledger(server, "reset", 0, false, false);
    }
}

/* Resets one after another cost no descriptor. */
static void test_many_resets(void **state)
{
    struct mock_llm *server = start_scenario("fault = reset requests=1-500");
    int lowest = dup(0), again;

    (void)state;
    close(lowest);
    for (int i = 0; i < 500; i++) {
        int fd = connect_to(port_of(server));
        char byte;

        send_hello(fd);
        assert_true(recv(fd, &byte, 1, 0) <= 0);
        close(fd);
    }
    assert_int_equal(status_of(server, NULL, hello), 200);
    again = dup(0);
    close(again);
    assert_in_range(again, lowest, lowest + 1);
    mock_llm_stop(server);
}

static void test_hang(void **state)
{
    struct mock_llm *server = start_scenario("fault = hang");
    int fd = connect_to(port_of(server));

    (void)state;
    send_hello(fd);
    wait_for(server, 1, 1);
    close(fd);
    wait_for(server, 1, 0);
    assert_in_ledger(server, "hang", 0, false, true);
}

/* The right answer, later; in between there is a part of it. */
static void test_drip(void **state)
{
    struct mock_llm *server = start_scenario("fault = drip seconds=0.1");
    struct call call = {.body = hello};

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_non_null(call.json);
    clear(&call);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_true(ledger.requests[0].end - ledger.requests[0].begin >= 0.09);
    mock_llm_ledger_free(&ledger);
    assert_in_ledger(server, "drip", 200, true, false);
}

static void test_drip_that_is_left(void **state)
{
    struct mock_llm *server = start_scenario("fault = drip seconds=3600");
    int fd = connect_to(port_of(server));
    char byte;

    (void)state;
    send_hello(fd);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    wait_for(server, 1, 1);
    close(fd);
    wait_for(server, 1, 0);
    assert_in_ledger(server, "drip", 200, false, true);
}

/* ---- Streams that go wrong --------------------------------------------- */

static int count(const char *text, const char *word)
{
    int n = 0;

    for (; (text = strstr(text, word)) != NULL; text++)
        n++;
    return n;
}

/* Sends STREAM to a server with this fault; the tokens that came. */
static int stream_with(const char *fault, const char *body, CURLcode expected,
                       struct call *call)
{
    char text[128];
    struct mock_llm *server;
    int tokens;

    snprintf(text, sizeof text, "fault = %s", fault);
    server = start_scenario(text);
    *call = (struct call){.body = body, .expected = expected};
    if (strstr(body, "claude")) {
        call->url = "/v1/messages";
        call->headers[0] = "anthropic-version: 2023-06-01";
    }
    perform(server, call);
    assert_int_equal(call->status, 200);
    tokens = count(call->text, "\"delta\":{\"content\":\"") +
             count(call->text, "\"text_delta\"");
    /* Of the reset's bytes a client may lose some. */
    wait_for(server, 1, 0);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_false(ledger.requests[0].answered);
    assert_false(ledger.requests[0].disconnected);
    assert_int_equal(ledger.requests[0].status, 200);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
    return tokens;
}

static void test_stream_breaks_off(void **state)
{
    struct call call;

    (void)state;
    assert_int_equal(stream_with("truncate after-tokens=3", STREAM,
                                 CURLE_PARTIAL_FILE, &call),
                     3);
    assert_null(strstr(call.text, "[DONE]"));
    clear(&call);
    assert_int_equal(stream_with("truncate", STREAM, CURLE_PARTIAL_FILE, &call),
                     9);
    clear(&call);
    assert_int_equal(stream_with("truncate after-tokens=999", STREAM,
                                 CURLE_PARTIAL_FILE, &call),
                     18);
    assert_null(strstr(call.text, "[DONE]"));
    clear(&call);
    assert_int_equal(stream_with("truncate after-tokens=3", CLAUDE_STREAM,
                                 CURLE_PARTIAL_FILE, &call),
                     3);
    assert_null(strstr(call.text, "message_stop"));
    clear(&call);
}

static void test_stream_is_reset(void **state)
{
    struct call call;

    (void)state;
    assert_int_equal(
        stream_with("reset after-tokens=3", STREAM, CURLE_RECV_ERROR, &call),
        3);
    clear(&call);
}

static void test_stream_is_malformed(void **state)
{
    struct call call;

    (void)state;
    assert_int_equal(
        stream_with("malformed after-tokens=3", STREAM, CURLE_OK, &call), 3);
    assert_non_null(strstr(call.text, "data: {\"id\":\"chatcmpl-\n\n"));
    assert_null(strstr(call.text, "[DONE]"));
    clear(&call);
    assert_int_equal(
        stream_with("malformed after-tokens=3", CLAUDE_STREAM, CURLE_OK, &call),
        3);
    assert_non_null(
        strstr(call.text,
               "event: content_block_delta\ndata: {\"type\":\"content\n\n"));
    clear(&call);
}

/* An error in the middle is an event: the status was sent long ago. */
static void test_stream_with_an_error(void **state)
{
    struct call call;

    (void)state;
    assert_int_equal(stream_with("500 after-tokens=2", STREAM, CURLE_OK, &call),
                     2);
    assert_non_null(strstr(call.text, "data: {\"error\":{\"message\":"));
    assert_null(strstr(call.text, "[DONE]"));
    clear(&call);
    assert_int_equal(
        stream_with("529 after-tokens=2", CLAUDE_STREAM, CURLE_OK, &call), 2);
    assert_non_null(strstr(call.text, "event: error\ndata: {\"type\":\"error\","
                                      "\"error\":{\"type\":\"overloaded_error"
                                      "\""));
    assert_null(strstr(call.text, "message_stop"));
    clear(&call);
}

static void test_stream_hangs(void **state)
{
    struct mock_llm *server = start_scenario("fault = hang after-tokens=2");
    int fd = connect_to(port_of(server));
    char seen[4096] = "";
    size_t size = 0;

    (void)state;
    send_request(fd, "/v1/chat/completions", STREAM);
    while (count(seen, "\n\n") < 3) {
        ssize_t got = recv(fd, seen + size, sizeof seen - 1 - size, 0);

        assert_true(got > 0);
        size += (size_t)got;
        seen[size] = '\0';
    }
    assert_int_equal(count(seen, "\"delta\":{\"content\":\""), 2);
    /* Also behind bytes of a next request, the client's leaving is seen. */
    send_hello(fd);
    assert_int_equal(status_of(server, "/ledger", NULL), 200);
    wait_for(server, 1, 1);
    close(fd);
    wait_for(server, 1, 0);
    assert_in_ledger(server, "hang", 200, false, true);
}

/* ---- Limits ------------------------------------------------------------ */

static void test_limit_in_flight(void **state)
{
    struct mock_llm *server =
        start_scenario("max-in-flight = 3\nlatency = 3600");
    struct call call = {.body = hello};
    int clients[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        clients[i] = connect_to(port_of(server));
        send_hello(clients[i]);
    }
    wait_for(server, 3, 3);
    perform(server, &call);
    assert_int_equal(call.status, 429);
    assert_string_equal(string_at(call.json, "error.code"),
                        "rate_limit_exceeded");
    assert_non_null(
        strstr(string_at(call.json, "error.message"), "3 requests"));
    assert_null(header_of(&call, "Retry-After"));
    clear(&call);
    /* Who leaves makes room; the refused one did not count. */
    close(clients[0]);
    wait_for(server, 4, 2);
    clients[0] = connect_to(port_of(server));
    send_hello(clients[0]);
    wait_for(server, 5, 3);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_string_equal(ledger.requests[3].fault, "limit");
    assert_int_equal(ledger.requests[3].status, 429);
    assert_int_equal(ledger.requests[4].status, 0);
    assert_int_equal(ledger.max_in_flight, 4);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
}

/* One request an hour, and two at once. */
static void test_limit_of_requests(void **state)
{
    struct mock_llm_options options = {
        .scenario.limits = {.requests_per_minute = 1, .burst = 2}};
    struct mock_llm *server = start_mock_with(&options);
    struct call call = {.body = hello};
    double wait;

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_string_equal(header_of(&call, "x-ratelimit-limit-requests"), "1");
    assert_string_equal(header_of(&call, "x-ratelimit-remaining-requests"),
                        "1");
    assert_string_equal(header_of(&call, "x-ratelimit-reset-requests"), "1m0s");
    assert_null(header_of(&call, "x-ratelimit-limit-tokens"));
    clear(&call);
    assert_int_equal(status_of(server, "/posts/1", NULL), 200);

    call.body = hello;
    perform(server, &call);
    assert_int_equal(call.status, 429);
    assert_string_equal(header_of(&call, "x-ratelimit-remaining-requests"),
                        "0");
    assert_string_equal(string_at(call.json, "error.type"), "requests");
    assert_non_null(
        strstr(string_at(call.json, "error.message"), "1 requests per min"));
    wait = atof(header_of(&call, "Retry-After"));
    assert_true(wait > 0 && wait <= 60 && wait == floor(wait));
    assert_true(atof(header_of(&call, "retry-after-ms")) <= wait * 1000);
    clear(&call);
    mock_llm_stop(server);
}

static void test_limit_of_tokens(void **state)
{
    struct mock_llm *server = start_scenario("tokens-per-minute = 40");
    static const char large[] =
        "{\"model\":\"gpt-4\",\"messages\":[{\"role\":\"user\",\"content\":"
        "\"A prompt that alone has more tokens than a minute has room for: it "
        "goes on and on, and will never be let through, however long a client "
        "waits for that, in the morning and in the evening.\"}]}";
    struct call call = {.url = "/v1/messages",
                        .body = CLAUDE_STREAM,
                        .headers = {"anthropic-version: 2023-06-01"}};

    (void)state;
    perform(server, &call); /* 11 + 18 tokens */
    assert_int_equal(call.status, 200);
    assert_string_equal(header_of(&call, "anthropic-ratelimit-tokens-limit"),
                        "40");
    assert_string_equal(
        header_of(&call, "anthropic-ratelimit-tokens-remaining"), "11");
    assert_non_null(
        strstr(header_of(&call, "anthropic-ratelimit-tokens-reset"), "Z"));
    assert_null(header_of(&call, "anthropic-ratelimit-requests-limit"));
    clear(&call);
    call.url = "/v1/messages";
    call.body = CLAUDE_STREAM;
    call.headers[0] = "anthropic-version: 2023-06-01";
    perform(server, &call);
    assert_int_equal(call.status, 429);
    assert_non_null(header_of(&call, "Retry-After"));
    clear(&call);

    call.body = hello;
    perform(server, &call);
    assert_int_equal(call.status, 429);
    assert_string_equal(header_of(&call, "x-ratelimit-limit-tokens"), "40");
    assert_string_equal(string_at(call.json, "error.type"), "tokens");
    clear(&call);
    call.body = large;
    perform(server, &call);
    assert_int_equal(call.status, 429);
    assert_non_null(
        strstr(string_at(call.json, "error.message"), "Request too large"));
    assert_string_equal(header_of(&call, "x-should-retry"), "false");
    assert_null(header_of(&call, "Retry-After"));
    clear(&call);
    mock_llm_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_words_of_a_status),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_script_by_attempts),
        cmocka_unit_test(test_faults_of_documents),
        cmocka_unit_test(test_faults_by_rate),
        cmocka_unit_test(test_spoiled_answers),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_many_resets),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_drip),
        cmocka_unit_test(test_drip_that_is_left),
        cmocka_unit_test(test_stream_breaks_off),
        cmocka_unit_test(test_stream_is_reset),
        cmocka_unit_test(test_stream_is_malformed),
        cmocka_unit_test(test_stream_with_an_error),
        cmocka_unit_test(test_stream_hangs),
        cmocka_unit_test(test_limit_in_flight),
        cmocka_unit_test(test_limit_of_requests),
        cmocka_unit_test(test_limit_of_tokens),
    };
    int failed;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}

/*
 * test_llm_retry.c - what is sent again, how often, and after which wait.
 *
 * All of it runs on the virtual clock: while a request is in flight it goes as
 * fast as the real one, but waits between requests cost nothing. So a lower
 * limit is exact, and an upper one leaves room for a slow machine.
 */
#include "async/async.h"
#include "llm/llm_private.h"
#include "raw_server.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Seconds that all the requests of a test may take together. */
#define ROOM 15

enum { SEED = 4711 };

#define GOOD_ANSWER                                                            \
    "{\"choices\":[{\"message\":{\"content\":\"Hi.\"}}],"                      \
    "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}"

static const struct llm_message hello = {"user", "Hello!"};

/* ---- The waits as such ------------------------------------------------- */

/* Many waits of one kind are between these, and come near both. */
static void check_waits(int n, double retry_after, double low, double high)
{
    uint64_t random = SEED;
    double shortest = INFINITY, longest = 0;

    for (int i = 0; i < 1000; i++) {
        double wait = llm_retry_wait(n, retry_after, &random);

        shortest = fmin(shortest, wait);
        longest = fmax(longest, wait);
    }
    assert_true(shortest >= low && longest <= high);
    assert_true(shortest < low + (high - low) / 50);
    assert_true(longest > high - (high - low) / 50);
}

static void test_waits_grow_up_to_a_limit(void **state)
{
    const double longest[] = {0.5, 1, 2, 4, 8, 8, 8, 8};

    (void)state;
    for (int n = 0; n < 8; n++)
        check_waits(n, 0, 0.75 * longest[n], longest[n]);
    check_waits(1000000, 0, 6, 8);
}

static void test_waits_that_the_server_asks_for(void **state)
{
    (void)state;
    check_waits(0, 20, 20, 25);
    check_waits(5, 0.001, 0.001, 0.00125);
    check_waits(0, 60, 60, 75);
    /* Nobody waits so long: then it is as if it had not asked. */
    check_waits(0, 60.001, 0.375, 0.5);
    check_waits(1, INFINITY, 0.75, 1);
}

static void test_a_seed_repeats_the_waits(void **state)
{
    uint64_t one = SEED, same = SEED, other = SEED + 1;
    int differences = 0;

    (void)state;
    for (int n = 0; n < 100; n++) {
        double wait = llm_retry_wait(n, 0, &one);

        assert_true(llm_retry_wait(n, 0, &same) == wait);
        differences += llm_retry_wait(n, 0, &other) != wait;
    }
    assert_int_equal(differences, 100);
}

/* Who sets nothing gets the official clients' numbers. */
static void test_the_usual_numbers(void **state)
{
    const char *const providers[] = {"openai", "anthropic"};
    const struct llm_options options = {.api_key = "any"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct llm_client *client =
            llm_client_from_provider(providers[i], &options);

        assert_non_null(client);
        assert_true(client->llm_private->timeout == 600);
        assert_true(client->llm_private->connect_timeout == 5);
        assert_int_equal(client->llm_private->max_retries, 2);
        llm_client_free(client);
    }
}

/* ---- Chats with a server ----------------------------------------------- */

/* A chat, and how long it took. */
struct timed_chat {
    struct llm_chat chat;
    double seconds;
    int err;
    char text[ASYNC_ERRMSG_SIZE];
};

static int take_time(void *job)
{
    struct timed_chat *timed = job;
    double begin = async_now();

    timed->err = llm_chat(&timed->chat);
    timed->seconds = async_now() - begin;
    snprintf(timed->text, sizeof timed->text, "%s", async_errmsg(timed->err));
    return timed->err;
}

/* Asks a server and stops it; timed->chat.client is gone then. */
static void ask(struct raw_server *server, struct llm_options options,
                struct timed_chat *timed)
{
    options.api_key = "any";
    options.base_url = raw_server_url(server);
    options.seed = SEED;
    struct llm_client *client = llm_client_from_provider("openai", &options);

    assert_non_null(client);
    *timed = (struct timed_chat){
        .chat = {.client = client, .messages = &hello, .n_messages = 1}};
    int err = async_run(take_time, timed);
    assert_int_equal(err, timed->err);
    assert_int_equal(raw_server_requests(server), timed->chat.attempts);
    llm_client_free(client);
    raw_server_stop(server);
}

static const struct {
    const char *status, *headers, *body;
    int attempts, err;
} statuses[] = {
    {"400 Bad Request", "", "{}", 1, LLM_EBADREQUEST},
    {"401 Unauthorized", "", "{}", 1, LLM_EAUTHENTICATION},
    {"403 Forbidden", "", "{}", 1, LLM_EPERMISSION},
    {"404 Not Found", "", "{}", 1, LLM_ENOTFOUND},
    {"408 Request Timeout", "", "{}", 3, LLM_ETIMEDOUT},
    {"409 Conflict", "", "{}", 3, LLM_ECONFLICT},
    {"422 Unprocessable Entity", "", "{}", 1, LLM_EUNPROCESSABLE},
    {"429 Too Many Requests", "", "{}", 3, LLM_ERATELIMIT},
    {"500 Internal Server Error", "", "{}", 3, LLM_ESERVER},
    {"502 Bad Gateway", "", "<html>", 3, LLM_ESERVER},
    {"503 Service Unavailable", "", "", 3, LLM_ESERVER},
    {"529 Overloaded", "", "{}", 3, LLM_ESERVER},
    /* No credit comes back by waiting. */
    {"429 Too Many Requests", "",
     "{\"error\":{\"code\":\"insufficient_quota\"}}", 1, LLM_EQUOTA},
    /* The server's word counts more than any rule. */
    {"400 Bad Request", "x-should-retry: true\r\n", "{}", 3, LLM_EBADREQUEST},
    {"503 Service Unavailable", "X-Should-Retry: false\r\n", "{}", 1,
     LLM_ESERVER},
    {"503 Service Unavailable", "x-should-retry: maybe\r\n", "{}", 3,
     LLM_ESERVER},
    {"429 Too Many Requests", "x-should-retry: true\r\n",
     "{\"error\":{\"code\":\"insufficient_quota\"}}", 3, LLM_EQUOTA},
    /* What is no answer will not become one. */
    {"200 OK", "", "<html>", 1, LLM_EMALFORMED},
    {"200 OK", "", "", 1, LLM_EMALFORMED},
    {"200 OK", "", "{\"choices\":[", 1, LLM_EMALFORMED},
    {"302 Found", "Location: /\r\n", "", 1, LLM_EMALFORMED},
};

static void test_which_statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct raw_server *server = raw_server_http(
            statuses[i].status, statuses[i].headers, statuses[i].body);
        struct timed_chat timed;

        ask(server, (struct llm_options){0}, &timed);
        assert_int_equal(timed.err, statuses[i].err);
        assert_int_equal(timed.chat.attempts, statuses[i].attempts);
        assert_null(timed.chat.content);
    }
}

/* Even a server that asks for a retry does so only after its own failures:
   half of its answer had come when the task was cancelled, say. */
static void test_the_server_decides_on_its_failures_only(void **state)
{
    const int not_its_own[] = {ASYNC_ECANCELED, -ENOMEM, -EMFILE};
    const struct llm_reply yes = {.begun = true, .should_retry = 1};
    const struct llm_reply no = {.begun = true, .should_retry = -1};

    (void)state;
    for (size_t i = 0; i < sizeof not_its_own / sizeof not_its_own[0]; i++)
        assert_false(llm_should_retry(not_its_own[i], &yes));
    for (int err = LLM_EBADREQUEST; err >= LLM_EMALFORMED; err--) {
        assert_true(llm_should_retry(err, &yes));
        assert_false(llm_should_retry(err, &no));
    }
}

static void check_attempts(int max_retries, int attempts)
{
    struct raw_server *server = raw_server_http("500 Oops", "", "{}");
    uint64_t random = SEED;
    struct timed_chat timed;
    double waits = 0;

    for (int n = 0; n < attempts - 1; n++)
        waits += llm_retry_wait(n, 0, &random);
    ask(server, (struct llm_options){.max_retries = max_retries}, &timed);
    assert_int_equal(timed.chat.attempts, attempts);
    /* No wait behind the last one: the waits would be 8 s longer. */
    assert_true(timed.seconds > waits - 1e-6);
    assert_true(timed.seconds < waits + (attempts > 6 ? 6 : ROOM));
}

static void test_how_often_and_how_long(void **state)
{
    (void)state;
    check_attempts(LLM_NO_RETRIES, 1);
    check_attempts(0, 3);
    check_attempts(1, 2);
    check_attempts(7, 8);
}

/* What the server asks for, in each spelling. */
static void check_order(const char *header, double seconds)
{
    struct raw_server *server = raw_server_http("429 Slow down", header, "{}");
    struct timed_chat timed;

    ask(server, (struct llm_options){.max_retries = 1}, &timed);
    assert_int_equal(timed.err, LLM_ERATELIMIT);
    assert_int_equal(timed.chat.attempts, 2);
    assert_true(timed.seconds >= (seconds < 1 ? 0.75 * seconds : seconds));
    assert_true(timed.seconds < 1.25 * seconds + ROOM);
}

static void test_retry_after(void **state)
{
    char date[64], header[128];
    time_t soon = time(NULL) + 50;

    (void)state;
    check_order("Retry-After: 40\r\n", 40);
    check_order("Retry-After-Ms: 40000\r\n", 40);
    check_order("Retry-After: 1\r\nRetry-After-Ms: 40000\r\n", 40);
    check_order("Retry-After-Ms: x\r\nRetry-After: 40\r\n", 40);
    check_order("Retry-After: 3600\r\n", 0.5);
    check_order("Retry-After: 0\r\n", 0.5);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&soon));
    snprintf(header, sizeof header, "Retry-After: %s\r\n", date);
    check_order(header, 50 - ROOM);
}

/* Each attempt goes by the headers of the one before. */
static void test_success_at_last(void **state)
{
    struct raw_server *server =
        raw_server_http("429 Slow down", "Retry-After: 30\r\n", "{}");
    struct timed_chat timed;

    (void)state;
    raw_server_add_http(server, "500 Oops", "", "{}");
    raw_server_add_http(server, "200 OK", "", GOOD_ANSWER);
    ask(server, (struct llm_options){0}, &timed);
    assert_int_equal(timed.err, 0);
    assert_int_equal(timed.chat.attempts, 3);
    assert_string_equal(timed.chat.content, "Hi.");
    assert_int_equal(timed.chat.total_tokens, 3);
    assert_int_equal(timed.chat.error.status, 0);
    assert_true(timed.chat.error.retry_after == 0);
    assert_string_equal(timed.chat.error.message, "");
    assert_true(timed.seconds >= 30.75);
    assert_true(timed.seconds < 38.5 + ROOM);
    free(timed.chat.content);
}

static void test_the_last_error_counts(void **state)
{
    struct raw_server *server =
        raw_server_http("429 Slow down", "x-request-id: one\r\n",
                        "{\"error\":{\"message\":\"a\",\"type\":\"t\"}}");
    struct timed_chat timed;

    (void)state;
    raw_server_add_http(server, "503 Oops", "", "b");
    ask(server, (struct llm_options){0}, &timed);
    assert_int_equal(timed.err, LLM_ESERVER);
    assert_string_equal(timed.text, "server error (503): b");
    assert_int_equal(timed.chat.error.status, 503);
    assert_string_equal(timed.chat.error.message, "b");
    assert_string_equal(timed.chat.error.type, "");
    assert_string_equal(timed.chat.error.request_id, "");
}

/* ---- What breaks on the way -------------------------------------------- */

/* A first reply that is none, and then an answer. */
static void check_recovery(const char *reply, enum raw_then then)
{
    struct raw_server *server = raw_server_start(reply, strlen(reply), then);
    struct timed_chat timed;

    raw_server_add_http(server, "200 OK", "", GOOD_ANSWER);
    ask(server, (struct llm_options){.timeout = 1}, &timed);
    assert_int_equal(timed.err, 0);
    assert_int_equal(timed.chat.attempts, 2);
    assert_string_equal(timed.chat.content, "Hi.");
    free(timed.chat.content);
}

static void test_broken_connections(void **state)
{
    (void)state;
    check_recovery("", RAW_CLOSE);
    check_recovery("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"choi",
                   RAW_CLOSE);
}

static void test_no_answer_in_time(void **state)
{
    (void)state;
    check_recovery("", RAW_HOLD);
    check_recovery("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"choi",
                   RAW_HOLD);
}

/* Time for the connection is counted by itself, and to be had again. */
static void test_no_connection_in_time(void **state)
{
    struct raw_crowd crowd;
    char url[64];

    (void)state;
    raw_crowd_open(&crowd);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", crowd.port);
    struct llm_options options = {
        .api_key = "any", .base_url = url, .connect_timeout = 0.04};
    struct llm_client *client = llm_client_from_provider("openai", &options);
    struct llm_chat chat = {
        .client = client, .messages = &hello, .n_messages = 1};
    for (int blocking = 0; blocking < 2; blocking++) {
        assert_int_equal(blocking ? llm_chat_blocking(&chat)
                                  : async_run(llm_chat, &chat),
                         LLM_ETIMEDOUT);
        assert_int_equal(chat.attempts, 3);
    }
    llm_client_free(client);
    raw_crowd_close(&crowd);
}

static void test_nobody_listens(void **state)
{
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", raw_unused_port());
    struct llm_options options = {
        .api_key = "any", .base_url = url, .max_retries = 3};
    struct llm_client *client = llm_client_from_provider("openai", &options);
    struct llm_chat chat = {
        .client = client, .messages = &hello, .n_messages = 1};
    assert_int_equal(async_run(llm_chat, &chat), LLM_ECONNECTION);
    assert_int_equal(chat.attempts, 4);
    llm_client_free(client);
}

/* ---- Cancelling, blocking ---------------------------------------------- */

struct impatience {
    struct raw_server *server;
    struct timed_chat timed;
};

static int cancel_the_wait(void *job)
{
    struct impatience *impatience = job;
    struct async_task task;

    async_spawn(&task, take_time, &impatience->timed);
    while (raw_server_requests(impatience->server) == 0 &&
           !impatience->timed.err) {
        int err = async_sleep(0.001);
        if (err)
            return err;
    }
    /* By then its answer has come, whatever the machine does: nothing else
       lets the clock jump. */
    int err = async_sleep(ROOM);
    if (err)
        return err;
    async_cancel(&task);
    return async_await(&task);
}

static void test_a_wait_is_cancelled(void **state)
{
    struct impatience impatience = {
        .server =
            raw_server_http("429 Slow down", "Retry-After: 60\r\n", "{}")};
    struct llm_options options = {
        .api_key = "any", .base_url = raw_server_url(impatience.server)};
    struct llm_client *client = llm_client_from_provider("openai", &options);

    (void)state;
    impatience.timed.chat = (struct llm_chat){
        .client = client, .messages = &hello, .n_messages = 1};
    assert_int_equal(async_run(cancel_the_wait, &impatience), ASYNC_ECANCELED);
    assert_int_equal(impatience.timed.chat.attempts, 1);
    assert_int_equal(raw_server_requests(impatience.server), 1);
    assert_true(impatience.timed.seconds < 60);
    assert_int_equal(impatience.timed.chat.error.status, 0);
    assert_string_equal(impatience.timed.chat.error.message,
                        async_strerror(ASYNC_ECANCELED));
    llm_client_free(client);
    raw_server_stop(impatience.server);
}

static void test_a_blocking_chat_waits_too(void **state)
{
    struct raw_server *server =
        raw_server_http("429 Slow down", "Retry-After: 30\r\n", "{}");
    struct llm_options options = {.api_key = "any",
                                  .base_url = raw_server_url(server)};
    struct llm_client *client = llm_client_from_provider("openai", &options);
    struct llm_chat chat = {
        .client = client, .messages = &hello, .n_messages = 1};
    double begin = async_now();

    (void)state;
    raw_server_add_http(server, "200 OK", "", GOOD_ANSWER);
    assert_int_equal(llm_chat_blocking(&chat), 0);
    assert_int_equal(chat.attempts, 2);
    assert_true(async_now() - begin >= 30);
    free(chat.content);
    llm_client_free(client);
    raw_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_grow_up_to_a_limit),
        cmocka_unit_test(test_waits_that_the_server_asks_for),
        cmocka_unit_test(test_a_seed_repeats_the_waits),
        cmocka_unit_test(test_the_usual_numbers),
        cmocka_unit_test(test_which_statuses),
        cmocka_unit_test(test_the_server_decides_on_its_failures_only),
        cmocka_unit_test(test_how_often_and_how_long),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_success_at_last),
        cmocka_unit_test(test_the_last_error_counts),
        cmocka_unit_test(test_broken_connections),
        cmocka_unit_test(test_no_answer_in_time),
        cmocka_unit_test(test_no_connection_in_time),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_a_wait_is_cancelled),
        cmocka_unit_test(test_a_blocking_chat_waits_too),
    };

    setenv("ASYNC_CLOCK", "virtual", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

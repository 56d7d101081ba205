/*
 * test_llm_limiter.c - requests and tokens a minute, to the nanosecond: all of
 * it runs on the virtual clock, most of it without a network.
 */
#include "async/async.h"
#include "llm/llm.h"
#include "raw_server.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 40 };

/* Requests that begin together, or after a while. */
struct crowd {
    struct llm_limiter limiter;
    int n;
    int tokens[MANY];
    double delay[MANY];  /* before it comes */
    double passed[MANY]; /* when it was let through; -1: never */
    int order[MANY], n_passed;
    int cancel; /* is cancelled ... */
    double cancel_after;
};

struct request {
    struct crowd *crowd;
    int i;
    double begin;
};

static int pass(void *job)
{
    struct request *request = job;
    struct crowd *crowd = request->crowd;
    int i = request->i;

    crowd->passed[i] = -1;
    int err = crowd->delay[i] > 0 ? async_sleep(crowd->delay[i]) : 0;
    if (!err)
        err = llm_limiter_acquire(&crowd->limiter, crowd->tokens[i]);
    if (err)
        return err;
    crowd->passed[i] = async_now() - request->begin;
    crowd->order[crowd->n_passed++] = i;
    return 0;
}

static int pass_all(void *job)
{
    struct crowd *crowd = job;
    struct async_task tasks[MANY];
    struct request requests[MANY];
    double begin = async_now();

    for (int i = 0; i < crowd->n; i++) {
        requests[i] = (struct request){crowd, i, begin};
        async_spawn(&tasks[i], pass, &requests[i]);
    }
    if (crowd->cancel_after > 0) {
        int err = async_sleep(crowd->cancel_after);
        if (err)
            return err;
        async_cancel(&tasks[crowd->cancel]);
    }
    return async_gather_all(tasks, (size_t)crowd->n);
}

/* Times are sums of nanoseconds that were rounded. */
static void assert_time(double seen, double expected)
{
    if (!(fabs(seen - expected) < 1e-6))
        fail_msg("%.9f instead of %.9f", seen, expected);
}

static void check_order(const struct crowd *crowd)
{
    for (int i = 0; i < crowd->n_passed; i++)
        assert_int_equal(crowd->order[i], i);
}

static void test_requests_are_evenly_spaced(void **state)
{
    struct crowd crowd = {.limiter = {.requests_per_minute = 120}, .n = MANY};

    (void)state;
    assert_int_equal(async_run(pass_all, &crowd), 0);
    for (int i = 0; i < MANY; i++)
        assert_time(crowd.passed[i], 0.5 * i);
    check_order(&crowd);
}

static void test_a_burst(void **state)
{
    struct crowd crowd = {.limiter = {.requests_per_minute = 60, .burst = 5},
                          .n = 12};

    (void)state;
    for (int i = 8; i < 12; i++)
        crowd.delay[i] = 100; /* a rest: five may go at once again */
    assert_int_equal(async_run(pass_all, &crowd), 0);
    for (int i = 0; i < 8; i++)
        assert_time(crowd.passed[i], i < 5 ? 0 : i - 4);
    for (int i = 8; i < 12; i++)
        assert_time(crowd.passed[i], 100);
}

/* A rest does not save up more than the burst. */
static void test_a_rest(void **state)
{
    struct crowd crowd = {.limiter = {.requests_per_minute = 60}, .n = 3};

    (void)state;
    crowd.delay[1] = crowd.delay[2] = 1000;
    assert_int_equal(async_run(pass_all, &crowd), 0);
    assert_time(crowd.passed[1], 1000);
    assert_time(crowd.passed[2], 1001);
}

static void test_tokens(void **state)
{
    struct crowd crowd = {.limiter = {.tokens_per_minute = 600},
                          .n = 4,
                          .tokens = {100, 0, 5000, 10}};

    (void)state;
    assert_int_equal(async_run(pass_all, &crowd), 0);
    assert_time(crowd.passed[0], 0);
    assert_time(crowd.passed[1], 10); /* not before those who came first */
    assert_time(crowd.passed[2], 10); /* larger than a minute's, yet it goes */
    assert_time(crowd.passed[3], 510);
    check_order(&crowd);
}

static void test_both(void **state)
{
    struct crowd crowd = {
        .limiter = {.requests_per_minute = 60, .tokens_per_minute = 600},
        .n = 4,
        .tokens = {1, 100, 1, 1}};

    (void)state;
    assert_int_equal(async_run(pass_all, &crowd), 0);
    assert_time(crowd.passed[1], 1);
    assert_time(crowd.passed[2], 11);
    assert_time(crowd.passed[3], 12);
}

static void test_no_limits(void **state)
{
    struct crowd crowd = {.n = MANY};

    (void)state;
    assert_int_equal(async_run(pass_all, &crowd), 0);
    for (int i = 0; i < MANY; i++)
        assert_time(crowd.passed[i], 0);
}

/* Whoever gives up uses nothing up, at the head of the line or in it. */
static void check_cancel(int whom)
{
    struct crowd crowd = {.limiter = {.requests_per_minute = 6},
                          .n = 5,
                          .cancel = whom,
                          .cancel_after = 5};

    assert_int_equal(async_run(pass_all, &crowd), 0);
    for (int i = 0, nth = 0; i < 5; i++)
        if (i == whom)
            assert_time(crowd.passed[i], -1);
        else
            assert_time(crowd.passed[i], 10 * nth++);
}

static void test_cancelled(void **state)
{
    (void)state;
    check_cancel(1);
    check_cancel(2);
    check_cancel(4);
}

static int acquire_wrongly(void *job)
{
    return llm_limiter_acquire(job, 1);
}

static void test_wrong_limits(void **state)
{
    struct llm_limiter wrong[] = {
        {.requests_per_minute = -1}, {.tokens_per_minute = NAN}, {.burst = -1}};

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(async_run(acquire_wrongly, &wrong[i]), -EINVAL);
}

/* ---- Chats ------------------------------------------------------------- */

#define ANSWER                                                                 \
    "{\"choices\":[{\"message\":{\"content\":\"Hi.\"}}],"                      \
    "\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":100}}"

struct batch {
    struct llm_chat chats[3];
    double seconds;
};

static int chat_all(void *job)
{
    struct batch *batch = job;
    double begin = async_now();
    int err = async_gather_each(llm_chat, batch->chats, 3);

    batch->seconds = async_now() - begin;
    return err;
}

static void ask(struct llm_limiter *limiter, struct raw_server *server,
                struct batch *batch)
{
    const struct llm_message hello = {"user", "Hello!"};
    struct llm_options options = {.api_key = "any",
                                  .base_url = raw_server_url(server),
                                  .limiter = limiter};
    struct llm_client *client = llm_client_from_provider("openai", &options);

    assert_non_null(client);
    for (int i = 0; i < 3; i++)
        batch->chats[i] = (struct llm_chat){
            .client = client, .messages = &hello, .n_messages = 1};
    assert_int_equal(async_run(chat_all, batch), 0);
    for (int i = 0; i < 3; i++)
        free(batch->chats[i].content);
    llm_client_free(client);
    raw_server_stop(server);
}

/* Retries go through it, too: four requests, a minute between them. */
static void test_chats_wait(void **state)
{
    struct llm_limiter limiter = {.requests_per_minute = 1};
    struct raw_server *server = raw_server_http("500 Oops", "", "{}");
    struct batch batch;

    (void)state;
    raw_server_add_http(server, "200 OK", "Connection: close\r\n", ANSWER);
    ask(&limiter, server, &batch);
    assert_int_equal(batch.chats[0].attempts, 2);
    assert_true(batch.seconds >= 180);
    assert_true(batch.seconds < 200);
}

/* Their estimate is 8 tokens; in truth each takes 200: the next one, who waits
   already, waits for these. */
static void test_real_tokens_count(void **state)
{
    struct llm_limiter limiter = {.tokens_per_minute = 60};
    struct raw_server *server =
        raw_server_http("200 OK", "Connection: close\r\n", ANSWER);
    struct batch batch;

    (void)state;
    ask(&limiter, server, &batch);
    assert_true(batch.seconds >= 2 * 200);
    struct crowd crowd = {.limiter = limiter, .n = 1};
    assert_int_equal(async_run(pass_all, &crowd), 0);
    assert_true(crowd.passed[0] > 3 * 200 - batch.seconds - 1);
    assert_true(crowd.passed[0] < 200 + 1);
}

/* Their estimate is above 1,000; in truth each takes 24, and nobody waits for
   tokens that were not used. */
static void test_tokens_that_were_not_used(void **state)
{
    const struct llm_message hello = {"user", "Hello"};
    struct llm_limiter limiter = {.tokens_per_minute = 600};
    struct llm_options options = {.limiter = &limiter};
    struct llm_client *client = llm_client_from_provider("simulated", &options);
    struct batch batch;

    (void)state;
    for (int i = 0; i < 3; i++)
        batch.chats[i] = (struct llm_chat){.client = client,
                                           .messages = &hello,
                                           .n_messages = 1,
                                           .max_tokens = 1000};
    assert_int_equal(async_run(chat_all, &batch), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(batch.chats[i].total_tokens, 24);
        free(batch.chats[i].content);
    }
    assert_time(batch.seconds, 2 * 2.4 + 0.5);
    llm_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_are_evenly_spaced),
        cmocka_unit_test(test_a_burst),
        cmocka_unit_test(test_a_rest),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_no_limits),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_wrong_limits),
        cmocka_unit_test(test_chats_wait),
        cmocka_unit_test(test_real_tokens_count),
        cmocka_unit_test(test_tokens_that_were_not_used),
    };

    setenv("ASYNC_CLOCK", "virtual", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

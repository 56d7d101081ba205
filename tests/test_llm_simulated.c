/*
 * test_llm_simulated.c - the provider without a server: exact in time, the same
 * every time, and at one with the mock server.
 *
 * All of it runs on the virtual clock.
 */
#include "async/async.h"
#include "llm/llm_private.h"
#include "mock_llm/mock_llm.h"
#include "scenario/scenario.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 50 };

/* Chats that run together, or one after another. */
struct batch {
    struct llm_client *client;
    int n;
    bool in_turn, stream;
    struct llm_chat chats[MANY];
    struct llm_message messages[MANY];
    char prompts[MANY][64];
    int errs[MANY];
    double seconds; /* all of it took */
};

struct one {
    struct batch *batch;
    int i;
};

static int read_stream(struct llm_chat *chat)
{
    struct llm_stream stream = {0};
    const char *text;
    int err = llm_stream_open(&stream, chat);

    while (!err && !(err = llm_stream_next(&stream, &text)) && text)
        ;
    llm_stream_close(&stream);
    return err;
}

static int chat_one(void *job)
{
    struct one *one = job;
    struct llm_chat *chat = &one->batch->chats[one->i];

    one->batch->errs[one->i] =
        one->batch->stream ? read_stream(chat) : llm_chat(chat);
    return 0;
}

static int chat_all(void *job)
{
    struct batch *batch = job;
    struct one ones[MANY];
    double begin = async_now();
    int err = 0;

    for (int i = 0; i < batch->n; i++)
        ones[i] = (struct one){batch, i};
    for (int i = 0; batch->in_turn && !err && i < batch->n; i++)
        err = chat_one(&ones[i]);
    if (!batch->in_turn)
        err = async_gather_each(chat_one, ones, (size_t)batch->n);
    batch->seconds = async_now() - begin;
    return err;
}

static void run(struct batch *batch)
{
    for (int i = 0; i < batch->n; i++) {
        snprintf(batch->prompts[i], sizeof batch->prompts[i],
                 "Summarize: Engineering report %d content...", i);
        batch->messages[i] = (struct llm_message){"user", batch->prompts[i]};
        batch->chats[i] = (struct llm_chat){.client = batch->client,
                                            .messages = &batch->messages[i],
                                            .n_messages = 1};
    }
    assert_int_equal(async_run(chat_all, batch), 0);
}

static void finish(struct batch *batch)
{
    for (int i = 0; i < batch->n; i++)
        free(batch->chats[i].content);
    llm_client_free(batch->client);
}

static struct llm_client *client_of(const char *settings,
                                    struct llm_options options)
{
    struct scenario scenario = {0};
    char error[SCENARIO_ERROR_SIZE];

    if (!scenario_read(&scenario, settings, error))
        fail_msg("%s", error);
    options.scenario = &scenario;
    struct llm_client *client = llm_client_from_provider("simulated", &options);
    if (!client)
        fail_msg("%s", async_errmsg(-errno));
    return client;
}

/* Of sums of nanoseconds that were rounded. */
static void assert_time(double seen, double expected)
{
    if (!(fabs(seen - expected) < 1e-6))
        fail_msg("%.9f s instead of %.9f", seen, expected);
}

/* ---- Answers ----------------------------------------------------------- */

static void test_chats_take_their_time(void **state)
{
    struct batch batch = {.n = 10};

    (void)state;
    for (int in_turn = 0; in_turn < 2; in_turn++) {
        batch.client = llm_client_from_provider("simulated", NULL);
        batch.in_turn = in_turn;
        run(&batch);
        assert_time(batch.seconds, in_turn ? 5 : 0.5);
        for (int i = 0; i < 10; i++)
            assert_int_equal(batch.errs[i], 0);
        assert_string_equal(batch.chats[0].provider, "simulated");
        assert_string_equal(batch.chats[0].model, "gpt-3.5-turbo");
        assert_non_null(strstr(batch.chats[3].content, "report 3"));
        assert_true(batch.client->total_tokens > 0);
        finish(&batch);
    }
}

static void test_blocking(void **state)
{
    const struct llm_message hello = {"user", "Hello!"};
    struct llm_chat chat = {
        .client = client_of("latency = 2", (struct llm_options){0}),
        .messages = &hello,
        .n_messages = 1};
    double begin = async_now();

    (void)state;
    assert_int_equal(llm_chat_blocking(&chat), 0);
    assert_time(async_now() - begin, 2);
    free(chat.content);
    llm_client_free(chat.client);
}

static void test_a_stream_flows(void **state)
{
    struct batch batch = {.n = 1,
                          .stream = true,
                          .client =
                              client_of("latency = 1\ntokens-per-second = 10",
                                        (struct llm_options){0})};

    (void)state;
    run(&batch);
    assert_int_equal(batch.errs[0], 0);
    int tokens = batch.chats[0].completion_tokens;
    assert_true(tokens > 10);
    assert_time(batch.seconds, 1 + 0.1 * tokens);
    assert_int_equal(batch.chats[0].total_tokens,
                     batch.chats[0].prompt_tokens + tokens);
    char *streamed = batch.chats[0].content;
    batch.stream = false;
    run(&batch);
    assert_string_equal(batch.chats[0].content, streamed);
    assert_int_equal(batch.chats[0].completion_tokens, tokens);
    free(streamed);
    finish(&batch);
}

/* ---- Faults ------------------------------------------------------------ */

static const struct {
    const char *fault;
    int err, stream_err;
    double seconds; /* latency 1, time-out 30, no retries; -1: not told */
} faults[] = {
    {"400", LLM_EBADREQUEST, LLM_EBADREQUEST, 0},
    {"401", LLM_EAUTHENTICATION, LLM_EAUTHENTICATION, 0},
    {"429 retry-after=2", LLM_ERATELIMIT, LLM_ERATELIMIT, 0},
    {"503", LLM_ESERVER, LLM_ESERVER, 1},
    {"quota", LLM_EQUOTA, LLM_EQUOTA, 0},
    {"hang", LLM_ETIMEDOUT, LLM_ETIMEDOUT, -1},
    {"reset", LLM_ECONNECTION, LLM_ECONNECTION, 1},
    {"truncate", LLM_ECONNECTION, LLM_ECONNECTION, 1},
    {"malformed", LLM_EMALFORMED, LLM_EMALFORMED, 1},
    {"html", LLM_EMALFORMED, LLM_EMALFORMED, 1},
    {"empty", LLM_EMALFORMED, LLM_EMALFORMED, 1},
    {"drip seconds=1000", LLM_ETIMEDOUT, 0, -1},
};

static void test_faults(void **state)
{
    char settings[128];

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        for (int stream = 0; stream < 2; stream++) {
            snprintf(settings, sizeof settings, "latency = 1\nfault = %s",
                     faults[i].fault);
            struct batch batch = {
                .n = 1,
                .stream = stream,
                .client = client_of(
                    settings,
                    (struct llm_options){.timeout = 30,
                                         .max_retries = LLM_NO_RETRIES})};

            run(&batch);
            assert_int_equal(batch.errs[0],
                             stream ? faults[i].stream_err : faults[i].err);
            if (faults[i].seconds >= 0)
                assert_time(batch.seconds, faults[i].seconds);
            else if (batch.errs[0] == LLM_ETIMEDOUT)
                assert_time(batch.seconds, 30);
            else
                assert_true(batch.seconds > 30);
            assert_true(batch.errs[0] == 0 ||
                        batch.chats[0].error.message[0] != '\0');
            finish(&batch);
        }
}

static void test_faults_in_the_middle(void **state)
{
    static const struct {
        const char *fault;
        int err;
    } cases[] = {
        {"503 after-tokens=3", LLM_ESERVER},
        {"quota after-tokens=3", LLM_EQUOTA},
        {"reset after-tokens=3", LLM_ECONNECTION},
        {"truncate after-tokens=3", LLM_ECONNECTION},
        {"hang after-tokens=3", LLM_ETIMEDOUT},
        {"malformed after-tokens=3", LLM_EMALFORMED},
    };
    char settings[128];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(settings, sizeof settings, "fault = %s", cases[i].fault);
        struct batch batch = {.n = 1,
                              .stream = true,
                              .client =
                                  client_of(settings, (struct llm_options){0})};

        run(&batch);
        assert_int_equal(batch.errs[0], cases[i].err);
        assert_int_equal(batch.chats[0].attempts, 1);
        finish(&batch);
    }
}

/* ---- Retries, to the nanosecond ---------------------------------------- */

static void check_retries(const char *fault, double latency, int attempts,
                          double asked)
{
    enum { SEED = 4711 };
    char settings[128];
    uint64_t random = SEED;
    double expected = attempts * latency;

    snprintf(settings, sizeof settings, "fault = %s", fault);
    struct batch batch = {
        .n = 1,
        .client = client_of(
            settings, (struct llm_options){.max_retries = 10, .seed = SEED})};
    batch.client->llm_private->timeout = 100;
    for (int n = 0; n < attempts - 1; n++)
        expected += llm_retry_wait(n, asked, &random);
    run(&batch);
    assert_int_equal(batch.chats[0].attempts, attempts);
    assert_time(batch.seconds, expected);
    finish(&batch);
}

static void test_waits(void **state)
{
    (void)state;
    check_retries("503 attempts=1-7", 0, 8, 0);
    check_retries("503", 0, 11, 0);
    check_retries("429 attempts=1-3 retry-after=20", 0, 4, 20);
    check_retries("429 attempts=1-3 retry-after=61", 0, 4, 0);
    check_retries("429 attempts=1-2 retry-after-ms=1500", 0, 3, 1.5);
    check_retries("quota", 0, 1, 0);
    check_retries("400", 0, 1, 0);
    check_retries("malformed", 0, 1, 0);
    check_retries("reset attempts=1-2", 0, 3, 0);
    check_retries("truncate attempts=1-2", 0, 3, 0);
}

static void test_timeouts_are_retried(void **state)
{
    struct batch batch = {
        .n = 1,
        .client = client_of("fault = hang attempts=1-2",
                            (struct llm_options){.timeout = 10, .seed = 7})};
    uint64_t random = 7;
    double expected = 20 + llm_retry_wait(0, 0, &random);

    (void)state;
    expected += llm_retry_wait(1, 0, &random);
    run(&batch);
    assert_int_equal(batch.errs[0], 0);
    assert_int_equal(batch.chats[0].attempts, 3);
    assert_time(batch.seconds, expected);
    finish(&batch);
}

/* ---- Limits ------------------------------------------------------------ */

static void test_limits(void **state)
{
    struct batch batch = {
        .n = 5,
        .client =
            client_of("max-in-flight = 3\nlatency = 1",
                      (struct llm_options){.max_retries = LLM_NO_RETRIES})};

    (void)state;
    run(&batch);
    for (int i = 0; i < 5; i++)
        assert_int_equal(batch.errs[i], i < 3 ? 0 : LLM_ERATELIMIT);
    for (int i = 0; i < 3; i++)
        free(batch.chats[i].content);
    run(&batch); /* all have left */
    assert_int_equal(batch.errs[2], 0);
    finish(&batch);
}

/* What the server refuses, a limiter does not even ask. */
static void test_a_limiter_keeps_to_the_limits(void **state)
{
    struct llm_limiter limiter = {.requests_per_minute = 30};
    struct llm_options with = {.limiter = &limiter,
                               .max_retries = LLM_NO_RETRIES};
    struct llm_options without = {.max_retries = LLM_NO_RETRIES};
    int refused[2] = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct batch batch = {
            .n = MANY,
            .client = client_of("requests-per-minute = 30\nburst = 1\n"
                                "latency = 1",
                                i ? with : without)};

        run(&batch);
        for (int j = 0; j < MANY; j++)
            refused[i] += batch.errs[j] == LLM_ERATELIMIT;
        if (i)
            assert_time(batch.seconds, 2 * (MANY - 1) + 1);
        finish(&batch);
    }
    assert_int_equal(refused[0], MANY - 1);
    assert_int_equal(refused[1], 0);
}

/* ---- The same every time ----------------------------------------------- */

static const char bad_day[] = "latency = 0.1..2\n"
                              "fault = 429 rate=0.2 retry-after=2\n"
                              "fault = 500 rate=0.2\n"
                              "fault = malformed rate=0.1\n"
                              "fault = html rate=0.1\n"
                              "fault = truncate rate=0.1\n";

static void test_it_repeats_itself(void **state)
{
    double seconds[2];
    long tokens[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct batch batch = {
            .n = MANY, .client = client_of(bad_day, (struct llm_options){0})};

        run(&batch);
        seconds[i] = batch.seconds;
        tokens[i] = batch.client->total_tokens;
        finish(&batch);
    }
    assert_time(seconds[0], seconds[1]);
    assert_int_equal(tokens[0], tokens[1]);
}

/* Prompt for prompt, the mock server does the same. */
static void check_agreement(bool stream)
{
    struct mock_llm_options server_options = {0};
    char error[MOCK_LLM_ERROR_SIZE];
    struct batch *mine = calloc(1, sizeof *mine);
    struct batch *its = calloc(1, sizeof *its);
    int failed = 0;

    assert_true(scenario_read(&server_options.scenario, bad_day + 17, error));
    struct mock_llm *server = mock_llm_start(&server_options, error);
    assert_non_null(server);
    struct llm_options options = {.api_key = "any",
                                  .base_url = mock_llm_base_url(server),
                                  .max_retries = LLM_NO_RETRIES};
    mine->n = its->n = MANY;
    mine->stream = its->stream = stream;
    its->client = llm_client_from_provider("openai", &options);
    mine->client = client_of(bad_day + 17, options);
    run(mine);
    run(its);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(mine->errs[i], its->errs[i]);
        assert_int_equal(mine->chats[i].total_tokens,
                         its->chats[i].total_tokens);
        assert_true(mine->chats[i].cost == its->chats[i].cost);
        assert_int_equal(mine->chats[i].error.status,
                         its->chats[i].error.status);
        assert_true(mine->chats[i].error.retry_after ==
                    its->chats[i].error.retry_after);
        if (!mine->errs[i])
            assert_string_equal(mine->chats[i].content, its->chats[i].content);
        failed += mine->errs[i] != 0;
    }
    assert_true(failed > 10 && failed < MANY - 10);
    finish(mine);
    finish(its);
    free(mine);
    free(its);
    mock_llm_stop(server);
}

static void test_the_mock_server_agrees(void **state)
{
    (void)state;
    check_agreement(false);
    check_agreement(true);
}

/* ---- Wrong options ----------------------------------------------------- */

static void test_a_wrong_scenario(void **state)
{
    struct scenario scenario = {.latency = -1};
    struct llm_options options = {.scenario = &scenario};

    (void)state;
    assert_null(llm_client_from_provider("simulated", &options));
    assert_non_null(strstr(async_errmsg(-EINVAL), "options.scenario: the "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chats_take_their_time),
        cmocka_unit_test(test_blocking),
        cmocka_unit_test(test_a_stream_flows),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_faults_in_the_middle),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_timeouts_are_retried),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_limiter_keeps_to_the_limits),
        cmocka_unit_test(test_it_repeats_itself),
        cmocka_unit_test(test_the_mock_server_agrees),
        cmocka_unit_test(test_a_wrong_scenario),
    };

    setenv("ASYNC_CLOCK", "virtual", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

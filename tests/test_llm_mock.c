/*
 * test_llm_mock.c - the client and the mock server, both providers, both ways;
 * and connections that die while nobody looks.
 */
#include "async/async.h"
#include "llm/llm.h"
#include "mock_llm/mock_llm.h"
#include "scenario/scenario.h"
#include "support.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 12 };

static const struct llm_message question = {
    "user", "Summarize: Engineering report 7 content..."};

static struct mock_llm *start(const char *settings)
{
    struct mock_llm_options options = {0};
    char error[MOCK_LLM_ERROR_SIZE];

    assert_true(scenario_read(&options.scenario, settings, error));
    struct mock_llm *server = mock_llm_start(&options, error);
    if (!server)
        fail_msg("%s", error);
    return server;
}

static struct llm_client *client_at(struct mock_llm *server,
                                    const char *provider)
{
    bool openai = strcmp(provider, "openai") == 0;
    struct llm_options options = {.api_key = "sk-any-key",
                                  .base_url = openai
                                                  ? mock_llm_base_url(server)
                                                  : mock_llm_root_url(server),
                                  .max_retries = LLM_NO_RETRIES};
    struct llm_client *client = llm_client_from_provider(provider, &options);

    if (!client)
        fail_msg("%s", async_errmsg(-errno));
    return client;
}

static struct llm_chat chat_of(struct llm_client *client)
{
    return (struct llm_chat){
        .client = client, .messages = &question, .n_messages = 1};
}

static int stream_chat(void *job)
{
    struct llm_stream stream = {0};
    const char *text;
    int err = llm_stream_open(&stream, job);

    while (!err && !(err = llm_stream_next(&stream, &text)) && text)
        ;
    llm_stream_close(&stream);
    return err;
}

/* ---- Each provider, each way ------------------------------------------- */

static void test_all_ways_agree(void **state)
{
    const char *const providers[] = {"openai", "anthropic"};
    struct mock_llm *server = start("latency = 0.01");
    char *first = NULL;
    long tokens = 0;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct llm_client *client = client_at(server, providers[i % 2]);
        struct llm_chat chat = chat_of(client);
        int err = i < 2   ? llm_chat_blocking(&chat)
                  : i < 4 ? async_run(llm_chat, &chat)
                          : async_run(stream_chat, &chat);

        assert_int_equal(err, 0);
        assert_string_equal(chat.provider, providers[i % 2]);
        assert_true(chat.prompt_tokens > 0 && chat.completion_tokens > 0);
        assert_false(chat.cut);
        if (!first)
            first = strdup(chat.content);
        assert_string_equal(chat.content, first);
        tokens += chat.total_tokens;
        free(chat.content);
        llm_client_free(client);
    }
    struct mock_llm_ledger ledger;
    assert_int_equal(mock_llm_ledger_copy(server, &ledger), 0);
    assert_int_equal(ledger.answered, 6);
    assert_int_equal(ledger.prompt_tokens + ledger.completion_tokens, tokens);
    for (size_t i = 0; i < ledger.n; i++)
        assert_null(strstr(ledger.requests[i].body, "sk-any-key"));
    mock_llm_ledger_free(&ledger);
    free(first);
    mock_llm_stop(server);
}

static void test_errors_have_their_ids(void **state)
{
    const char *const providers[] = {"openai", "anthropic"};
    struct mock_llm *server = start("fault = 429 retry-after=7");

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct llm_client *client = client_at(server, providers[i % 2]);
        struct llm_chat chat = chat_of(client);

        assert_int_equal(async_run(i < 2 ? llm_chat : stream_chat, &chat),
                         LLM_ERATELIMIT);
        assert_int_equal(chat.error.status, 429);
        assert_true(chat.error.retry_after == 7);
        assert_string_not_equal(chat.error.request_id, "");
        assert_string_not_equal(chat.error.type, "");
        assert_string_not_equal(chat.error.message, "");
        llm_client_free(client);
    }
    mock_llm_stop(server);
}

/* It would be there after an hour, a little at a time. */
static void test_an_answer_that_drips(void **state)
{
    struct mock_llm *server = start("fault = drip seconds=3600");

    (void)state;
    for (int blocking = 0; blocking < 2; blocking++) {
        struct llm_options options = {.api_key = "sk-any-key",
                                      .base_url = mock_llm_base_url(server),
                                      .max_retries = LLM_NO_RETRIES,
                                      .timeout = 0.3};
        struct llm_client *client =
            llm_client_from_provider("openai", &options);
        struct llm_chat chat = chat_of(client);

        assert_int_equal(blocking ? llm_chat_blocking(&chat)
                                  : async_run(llm_chat, &chat),
                         LLM_ETIMEDOUT);
        assert_null(chat.content);
        llm_client_free(client);
    }
    mock_llm_stop(server);
}

/* ---- Streams that come and go ------------------------------------------ */

enum { STREAMS = 60 };

/* Reads so many pieces and then closes, or is cancelled by itself. */
struct visit {
    struct llm_chat chat;
    struct async_task *task;
    int pieces;
    bool cancel;
};

static int visit(void *job)
{
    struct visit *visit = job;
    struct llm_stream stream = {0};
    const char *text = "";
    int err = llm_stream_open(&stream, &visit->chat);

    for (int n = 0; !err && text && n < visit->pieces; n++)
        err = llm_stream_next(&stream, &text);
    if (!err && text && visit->cancel) {
        async_cancel(visit->task);
        err = llm_stream_next(&stream, &text);
    }
    llm_stream_close(&stream);
    if (visit->chat.content && strlen(visit->chat.content) < 10)
        err = -EIO;
    return err;
}

struct crowd {
    struct mock_llm *server;
    struct visit visits[STREAMS];
    struct async_task tasks[STREAMS];
    int left;
};

/* Each leaves at another piece; some never read, some to the end. */
static int come_and_go(void *job)
{
    struct crowd *crowd = job;

    for (int i = 0; i < STREAMS; i++) {
        crowd->visits[i].task = &crowd->tasks[i];
        crowd->visits[i].pieces = i * 7 % 50;
        crowd->visits[i].cancel = i % 2;
        async_spawn(&crowd->tasks[i], visit, &crowd->visits[i]);
    }
    int err = async_gather_all(crowd->tasks, STREAMS);
    crowd->left = wait_until_in_flight(crowd->server, 0);
    return err;
}

static void test_streams_come_and_go(void **state)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    int complete = 0, cancelled = 0;

    (void)state;
    crowd->server = start("tokens-per-second = 500");
    struct llm_client *client = client_at(crowd->server, "anthropic");
    for (int i = 0; i < STREAMS; i++)
        crowd->visits[i].chat = chat_of(client);
    assert_int_equal(async_run(come_and_go, crowd), 0);
    assert_int_equal(crowd->left, 0);
    for (int i = 0; i < STREAMS; i++) {
        int err = crowd->tasks[i].err;

        assert_true(err == 0 || err == ASYNC_ECANCELED);
        cancelled += err == ASYNC_ECANCELED;
        complete += crowd->visits[i].chat.content != NULL;
        free(crowd->visits[i].chat.content);
    }
    assert_true(complete > 5 && cancelled > 15);
    llm_client_free(client);
    mock_llm_stop(crowd->server);
    free(crowd);
}

/* ---- Kept connections -------------------------------------------------- */

struct herd {
    struct llm_chat chats[MANY];
    struct llm_chat last;
    bool stream; /* the last */
};

/* So many connections stay open; the last chat takes one of them. */
static int chat_together(void *job)
{
    struct herd *herd = job;
    int err = async_gather_each(llm_chat, herd->chats, MANY);

    if (err)
        return err;
    return herd->stream ? stream_chat(&herd->last) : llm_chat(&herd->last);
}

static void check_dead_connections(bool stream)
{
    struct mock_llm *server = start("latency = 0.2\n"
                                    "fault = reset requests=13-18");
    struct llm_client *client = client_at(server, "openai");
    struct herd herd = {.last = chat_of(client), .stream = stream};

    for (int i = 0; i < MANY; i++)
        herd.chats[i] = chat_of(client);
    int err = async_run(chat_together, &herd);
    if (err)
        print_message("%s\n", async_errmsg(err));
    assert_int_equal(err, 0);
    assert_int_equal(herd.last.attempts, 1);
    struct mock_llm_ledger ledger;
    assert_int_equal(mock_llm_ledger_copy(server, &ledger), 0);
    assert_int_equal(ledger.n, MANY + 6 + 1);
    mock_llm_ledger_free(&ledger);
    for (int i = 0; i < MANY; i++)
        free(herd.chats[i].content);
    free(herd.last.content);
    llm_client_free(client);
    mock_llm_stop(server);
}

/* libcurl tries one kept connection after another, and gives up while some are
   left; a new one is not among them. */
static void test_all_kept_connections_are_dead(void **state)
{
    (void)state;
    check_dead_connections(false);
    check_dead_connections(true);
}

/* ---- A server that nobody here wrote ----------------------------------- */

static int ask_stranger(struct llm_client *client, const char *words,
                        bool stream, struct llm_chat *chat)
{
    const struct llm_message message = {"user", words};

    *chat = (struct llm_chat){
        .client = client, .messages = &message, .n_messages = 1};
    int err = async_run(stream ? stream_chat : llm_chat, chat);
    chat->messages = NULL;
    return err;
}

/* test_npm_mock.sh starts it. It echoes, but for what is forbidden. */
static void test_the_npm_package(void **state)
{
    const char *url = getenv("LLM_NPM_MOCK_URL");
    struct llm_options options = {.api_key = "sk-any-key",
                                  .base_url = url,
                                  .max_retries = LLM_NO_RETRIES};
    struct llm_chat chat;

    (void)state;
    if (!url)
        skip();
    struct llm_client *client = llm_client_from_provider("openai", &options);
    assert_non_null(client);
    for (int stream = 0; stream < 2; stream++) {
        assert_int_equal(ask_stranger(client, "Echo: gr\xC3\xBC\xC3\x9F dich!",
                                      stream, &chat),
                         0);
        assert_string_equal(chat.content, "Echo: gr\xC3\xBC\xC3\x9F dich!");
        assert_true(stream || chat.total_tokens == 12);
        free(chat.content);
    }
    assert_int_equal(ask_stranger(client, "the forbidden", false, &chat),
                     LLM_EPERMISSION);
    assert_int_equal(chat.error.status, 403);
    assert_string_equal(chat.error.message, "Not you.");
    assert_true(ask_stranger(client, "the forbidden", true, &chat) != 0);
    assert_string_equal(chat.error.message, "Not you.");
    llm_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ways_agree),
        cmocka_unit_test(test_errors_have_their_ids),
        cmocka_unit_test(test_an_answer_that_drips),
        cmocka_unit_test(test_streams_come_and_go),
        cmocka_unit_test(test_all_kept_connections_are_dead),
        cmocka_unit_test(test_the_npm_package),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_llm.c - a chat ends in an answer or in one clear error, whatever the
 * server does; what it cost is what the server says it cost.
 *
 * Coroutines keep what they see in their jobs; it is judged after async_run.
 */
#include "capture.h"
#include "llm/llm.h"
#include "mock_llm/mock_llm.h"
#include "raw_server.h"
#include "scenario/scenario.h"
#include "support.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define KEY "sk-a-very-secret-key"

static const struct llm_message hello = {"user", "Hello!"};

/* ---- Helpers ----------------------------------------------------------- */

static struct llm_client *client_at(const char *base_url)
{
    struct llm_options options = {
        .api_key = KEY, .base_url = base_url, .max_retries = LLM_NO_RETRIES};
    struct llm_client *client = llm_client_from_provider("openai", &options);

    if (!client)
        fail_msg("%s", async_errmsg(-errno));
    return client;
}

static struct llm_chat chat_of(struct llm_client *client,
                               const struct llm_message *message)
{
    return (struct llm_chat){.client = client,
                             .messages = message,
                             .n_messages = 1,
                             .temperature = 0.3};
}

static struct mock_llm_ledger ledger_of(struct mock_llm *server)
{
    struct mock_llm_ledger ledger;

    assert_int_equal(mock_llm_ledger_copy(server, &ledger), 0);
    return ledger;
}

/* One chat with a server that sends this; the chat's error code. */
static int ask_server(struct raw_server *server, struct llm_chat *chat)
{
    struct llm_client *client = client_at(raw_server_url(server));

    *chat = chat_of(client, &hello);
    int err = async_run(llm_chat, chat);
    chat->client = NULL;
    llm_client_free(client);
    raw_server_stop(server);
    return err;
}

static int ask(const char *status, const char *headers, const char *body,
               struct llm_chat *chat)
{
    return ask_server(raw_server_http(status, headers, body), chat);
}

static int ask_raw(const char *reply, enum raw_then then, struct llm_chat *chat)
{
    return ask_server(raw_server_start(reply, strlen(reply), then), chat);
}

#define GOOD_ANSWER                                                            \
    "{\"choices\":[{\"message\":{\"content\":\"Hi.\"}}],"                      \
    "\"model\":\"gpt-3.5-turbo-0125\",\"usage\":{\"prompt_tokens\":2000,"      \
    "\"completion_tokens\":1000,\"total_tokens\":3000}}"

/* ---- Chats with the mock server ---------------------------------------- */

static void check_answer(const struct llm_chat *chat, struct mock_llm *server)
{
    struct mock_llm_ledger ledger = ledger_of(server);
    struct mock_llm_request *request = &ledger.requests[ledger.n - 1];

    assert_int_equal(request->status, 200);
    assert_non_null(chat->content);
    assert_string_not_equal(chat->content, "");
    assert_string_equal(chat->provider, "openai");
    assert_non_null(strstr(chat->model, "gpt-3.5-turbo"));
    assert_true(chat->prompt_tokens > 0);
    assert_int_equal(chat->prompt_tokens, request->prompt_tokens);
    assert_int_equal(chat->completion_tokens, request->completion_tokens);
    assert_int_equal(chat->total_tokens,
                     chat->prompt_tokens + chat->completion_tokens);
    assert_true(fabs(chat->cost - request->cost) < 1e-9);
    assert_int_equal(chat->error.status, 0);
    assert_string_equal(chat->error.message, "");
    mock_llm_ledger_free(&ledger);
}

/* One client: suspending, blocking, and suspending again in another loop. */
static void test_chats_of_both_kinds(void **state)
{
    struct mock_llm *server = start_mock(0);
    struct llm_client *client = client_at(mock_llm_base_url(server));
    struct llm_chat chats[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        chats[i] = chat_of(client, &hello);
        int err = i == 1 ? llm_chat_blocking(&chats[i])
                         : async_run(llm_chat, &chats[i]);
        assert_int_equal(err, 0);
        check_answer(&chats[i], server);
    }
    assert_string_equal(chats[0].content, chats[1].content);
    assert_int_equal(client->total_tokens, 3 * chats[0].total_tokens);
    for (int i = 0; i < 3; i++)
        free(chats[i].content);
    llm_client_free(client);
    mock_llm_stop(server);
}

enum { MANY = 30 };

struct batch {
    struct llm_chat chats[MANY];
    struct llm_message messages[MANY];
    char prompts[MANY][64];
    int errs[MANY];
};

static void prepare_batch(struct batch *batch, struct llm_client *client)
{
    for (int i = 0; i < MANY; i++) {
        snprintf(batch->prompts[i], sizeof batch->prompts[i],
                 "Summarize: Engineering report %d content...", i);
        batch->messages[i] = (struct llm_message){"user", batch->prompts[i]};
        batch->chats[i] = chat_of(client, &batch->messages[i]);
    }
}

static int chat_all(void *job)
{
    struct batch *batch = job;

    return async_gather_each(llm_chat, batch->chats, MANY);
}

/* Tokens and cost are the ledger's; each answer is its own prompt's. */
static void test_a_batch_adds_up(void **state)
{
    struct mock_llm *server = start_mock(0.01);
    struct llm_client *client = client_at(mock_llm_base_url(server));
    struct batch *batch = calloc(1, sizeof *batch);

    (void)state;
    prepare_batch(batch, client);
    assert_int_equal(async_run(chat_all, batch), 0);
    struct mock_llm_ledger ledger = ledger_of(server);
    assert_int_equal(ledger.n, MANY);
    assert_int_equal(ledger.answered, MANY);
    assert_int_equal(client->total_tokens,
                     ledger.prompt_tokens + ledger.completion_tokens);
    assert_true(fabs(client->total_cost - ledger.cost) < 1e-9);
    mock_llm_ledger_free(&ledger);

    for (int i = 0; i < MANY; i++) {
        struct llm_chat again = chat_of(client, &batch->messages[i]);

        assert_int_equal(llm_chat_blocking(&again), 0);
        assert_string_equal(again.content, batch->chats[i].content);
        free(again.content);
        free(batch->chats[i].content);
    }
    free(batch);
    llm_client_free(client);
    mock_llm_stop(server);
}

struct crowd {
    struct mock_llm *server;
    struct batch batch;
    struct async_task tasks[MANY];
};

/* The server answers nobody: all get in flight, or this never ends. */
static int come_and_go(void *job)
{
    struct crowd *crowd = job;

    for (int i = 0; i < MANY; i++)
        async_spawn(&crowd->tasks[i], llm_chat, &crowd->batch.chats[i]);
    int err = wait_until_in_flight(crowd->server, MANY);
    async_reap(crowd->tasks, MANY);
    return err ? err : wait_until_in_flight(crowd->server, 0);
}

static void test_all_at_once_and_cancelled(void **state)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    struct llm_client *client;

    (void)state;
    crowd->server = start_mock(3600);
    client = client_at(mock_llm_base_url(crowd->server));
    prepare_batch(&crowd->batch, client);
    assert_int_equal(async_run(come_and_go, crowd), 0);

    struct mock_llm_ledger ledger = ledger_of(crowd->server);
    assert_int_equal(ledger.n, MANY);
    assert_int_equal(ledger.max_in_flight, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_true(ledger.requests[i].disconnected);
        assert_null(crowd->batch.chats[i].content);
        assert_string_equal(crowd->batch.chats[i].error.message,
                            async_strerror(ASYNC_ECANCELED));
    }
    assert_int_equal(client->total_tokens, 0);
    mock_llm_ledger_free(&ledger);
    llm_client_free(client);
    mock_llm_stop(crowd->server);
    free(crowd);
}

enum { IN_A_THREAD = 20 };

struct loop_of_chats {
    const char *base_url;
    int err; /* of async_run */
    long tokens;
};

struct many {
    struct llm_chat *chats;
    size_t n;
};

static int ask_all(void *job)
{
    struct many *many = job;

    return async_gather_each(llm_chat, many->chats, many->n);
}

/* A client and a loop of its own. */
static void *chat_in_a_thread(void *job)
{
    struct loop_of_chats *self = job;
    struct llm_options options = {.api_key = KEY, .base_url = self->base_url};
    struct llm_client *client = llm_client_from_provider("openai", &options);
    struct llm_chat chats[IN_A_THREAD];
    struct many many = {chats, IN_A_THREAD};
    bool exact;

    self->err = -errno;
    if (!client)
        return NULL;
    for (int i = 0; i < IN_A_THREAD; i++)
        chats[i] = chat_of(client, &hello);
    self->err = async_run(ask_all, &many);
    if (!self->err && llm_count_tokens(client, "Hello", &exact) < 1)
        self->err = -EINVAL;
    for (int i = 0; i < IN_A_THREAD; i++)
        free(chats[i].content);
    self->tokens = client->total_tokens;
    llm_client_free(client);
    return NULL;
}

/* Nobody is answered before all chats of both threads are in flight. */
static void test_two_loops_at_once(void **state)
{
    struct mock_llm_options options = {.gate = 2 * IN_A_THREAD};
    char error[MOCK_LLM_ERROR_SIZE];
    struct mock_llm *server = mock_llm_start(&options, error);
    struct loop_of_chats loops[2] = {{0}};
    pthread_t threads[2];

    (void)state;
    assert_non_null(server);
    for (int i = 0; i < 2; i++) {
        loops[i].base_url = mock_llm_base_url(server);
        assert_int_equal(
            pthread_create(&threads[i], NULL, chat_in_a_thread, &loops[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    struct mock_llm_ledger ledger = ledger_of(server);
    assert_int_equal(ledger.max_in_flight, 2 * IN_A_THREAD);
    assert_int_equal(ledger.answered, 2 * IN_A_THREAD);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(loops[i].err, 0);
        assert_int_equal(loops[i].tokens,
                         (ledger.prompt_tokens + ledger.completion_tokens) / 2);
    }
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

/*
 * The first request looks the host up, the others wait until it is connected;
 * not until it is answered: nobody is, before all are in flight.
 */
static void test_a_host_is_looked_up_once(void **state)
{
    struct mock_llm_options options = {.gate = IN_A_THREAD};
    char error[MOCK_LLM_ERROR_SIZE], url[64];
    struct mock_llm *server = mock_llm_start(&options, error);
    struct llm_chat chats[IN_A_THREAD];
    struct many many = {chats, IN_A_THREAD};
    int port;

    (void)state;
    assert_non_null(server);
    assert_int_equal(
        sscanf(mock_llm_base_url(server), "http://127.0.0.1:%d", &port), 1);
    snprintf(url, sizeof url, "http://any.localhost:%d/v1", port);
    struct llm_client *client = client_at(url);
    for (int i = 0; i < IN_A_THREAD; i++)
        chats[i] = chat_of(client, &hello);
    int err = async_run(ask_all, &many);
    for (int i = 0; i < IN_A_THREAD; i++)
        free(chats[i].content);
    llm_client_free(client);
    struct mock_llm_ledger ledger = ledger_of(server);
    size_t in_flight = (size_t)ledger.max_in_flight;
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
    if (err == LLM_ECONNECTION && in_flight == 0)
        skip(); /* an older libcurl asks the system for such a name */
    assert_int_equal(err, 0);
    assert_int_equal(in_flight, IN_A_THREAD);
}

static int ask_all_anyway(void *chats)
{
    int errs[IN_A_THREAD];

    return async_gather_each_all(llm_chat, (struct llm_chat *)chats,
                                 IN_A_THREAD, errs);
}

/* A host that lets nobody in: one tries, and all end with it. */
static void test_a_host_that_is_not_reached(void **state)
{
    struct llm_chat chats[IN_A_THREAD];
    struct llm_options options = {
        .api_key = KEY, .connect_timeout = 0.5, .max_retries = LLM_NO_RETRIES};
    struct raw_crowd crowd;
    char url[64];
    int tried = 0;

    (void)state;
    raw_crowd_open(&crowd);
    snprintf(url, sizeof url, "http://any.localhost:%d/v1", crowd.port);
    options.base_url = url;
    struct llm_client *client = llm_client_from_provider("openai", &options);
    for (int i = 0; i < IN_A_THREAD; i++)
        chats[i] = chat_of(client, &hello);
    int err = async_run(ask_all_anyway, chats);
    llm_client_free(client);
    raw_crowd_close(&crowd);
    assert_int_equal(err, 0);
    for (int i = 0; i < IN_A_THREAD; i++) {
        if (strstr(chats[i].error.message, "resolve"))
            skip(); /* an older libcurl asks the system for such a name */
        assert_non_null(
            strstr(chats[i].error.message, "no connection within 0.5 s"));
        tried += strstr(chats[i].error.message, "any.localhost") != NULL;
    }
    assert_int_equal(tried, 1);
}

struct second_try {
    struct raw_server *server;
    struct llm_chat chat;
    bool ended;
    int first;
};

static int ask_first(void *job)
{
    struct second_try *try = job;

    try->first = llm_chat(&try->chat);
    try->ended = true;
    return try->first;
}

/* A chat that is cancelled, and the same again with a server that answers. */
static int give_up_and_ask_again(void *job)
{
    struct second_try *try = job;
    struct async_task task;
    char reply[512];

    async_spawn(&task, ask_first, try);
    while (raw_server_requests(try->server) == 0 && !try->ended) {
        int err = async_sleep(0.001);
        if (err)
            return err;
    }
    async_cancel(&task);
    int first = async_await(&task);
    if (first != ASYNC_ECANCELED)
        return first;
    snprintf(reply, sizeof reply,
             "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(GOOD_ANSWER), GOOD_ANSWER);
    raw_server_change(try->server, reply, strlen(reply), RAW_KEEP);
    return llm_chat(&try->chat);
}

static void test_the_next_call_works(void **state)
{
    struct second_try try = {.server = raw_server_start("", 0, RAW_HOLD)};
    struct llm_client *client = client_at(raw_server_url(try.server));

    (void)state;
    try.chat = chat_of(client, &hello);
    assert_int_equal(async_run(give_up_and_ask_again, &try), 0);
    assert_int_equal(try.first, ASYNC_ECANCELED);
    assert_string_equal(try.chat.content, "Hi.");
    assert_string_equal(try.chat.error.message, "");
    assert_int_equal(raw_server_connections(try.server), 2);
    free(try.chat.content);
    llm_client_free(client);
    raw_server_stop(try.server);
}

/* ---- What is sent ------------------------------------------------------ */

/* What a chat sends, as the server gets it; to be freed. */
static char *sent(struct llm_options *options, struct llm_chat *chat)
{
    struct raw_server *server = raw_server_http("200 OK", "", GOOD_ANSWER);

    options->base_url = raw_server_url(server);
    chat->client = llm_client_from_provider("openai", options);
    assert_non_null(chat->client);
    assert_int_equal(async_run(llm_chat, chat), 0);
    char *request = raw_server_last_request(server);
    free(chat->content);
    llm_client_free(chat->client);
    raw_server_stop(server);
    return request;
}

static void check_messages(const cJSON *list,
                           const struct llm_message *messages, int n)
{
    assert_int_equal(cJSON_GetArraySize(list), n);
    for (int i = 0; i < n; i++) {
        const cJSON *message = cJSON_GetArrayItem(list, i);

        assert_string_equal(cJSON_GetObjectItem(message, "role")->valuestring,
                            messages[i].role);
        assert_string_equal(
            cJSON_GetObjectItem(message, "content")->valuestring,
            messages[i].content);
    }
}

static void test_the_request(void **state)
{
    const struct llm_message messages[] = {
        {"system", "You are a Civil Engineering document summarizer."},
        {"user", "Br\xC3\xBC"
                 "cke \xE6\xA9\x8B \xF0\x9F\x8C\x89 \"\\\n\t\x01"},
    };
    struct llm_options options = {.api_key = KEY,
                                  .model = "gpt-4",
                                  .organization = "org-1",
                                  .project = "proj-2"};
    struct llm_chat chat = {.messages = messages,
                            .n_messages = 2,
                            .temperature = 0.3,
                            .max_tokens = 50};
    char *request = sent(&options, &chat);
    cJSON *json = cJSON_Parse(strstr(request, "\r\n\r\n") + 4);
    cJSON *list = cJSON_GetObjectItem(json, "messages");

    (void)state;
    assert_int_equal(
        strncmp(request, "POST /v1/chat/completions HTTP/1.1\r\n", 36), 0);
    assert_non_null(strstr(request, "\r\nAuthorization: Bearer " KEY "\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(request, "\r\nOpenAI-Organization: org-1\r\n"));
    assert_non_null(strstr(request, "\r\nOpenAI-Project: proj-2\r\n"));
    assert_non_null(strstr(request, "\r\nUser-Agent: libllm/"));
    assert_null(strstr(request, "\r\nExpect:"));
    assert_string_equal(
        cJSON_GetStringValue(cJSON_GetObjectItem(json, "model")), "gpt-4");
    assert_true(cJSON_GetObjectItem(json, "temperature")->valuedouble == 0.3);
    assert_int_equal(cJSON_GetObjectItem(json, "max_tokens")->valueint, 50);
    check_messages(list, messages, 2);
    cJSON_Delete(json);
    free(request);
}

static void test_what_is_not_sent(void **state)
{
    struct llm_options options = {.api_key = KEY};
    struct llm_chat chat = chat_of(NULL, &hello);

    (void)state;
    setenv("OPENAI_ORG_ID", "", 1);
    setenv("OPENAI_PROJECT_ID", "", 1);
    char *request = sent(&options, &chat);
    unsetenv("OPENAI_ORG_ID");
    unsetenv("OPENAI_PROJECT_ID");
    assert_null(strstr(request, "max_tokens"));
    assert_null(strstr(request, "OpenAI-Organization"));
    assert_null(strstr(request, "OpenAI-Project"));
    assert_non_null(strstr(request, "\"gpt-3.5-turbo\""));
    free(request);
}

/* They refuse any temperature, and the old name of the limit. */
static void test_a_model_that_reasons(void **state)
{
    const struct llm_price price = {"o3-mini", 0, 0};
    struct llm_options options = {
        .api_key = KEY, .model = "o3-mini", .prices = &price, .n_prices = 1};
    struct llm_chat chat = chat_of(NULL, &hello);

    (void)state;
    chat.temperature = LLM_DEFAULT_TEMPERATURE;
    chat.max_tokens = 50;
    char *request = sent(&options, &chat);
    assert_null(strstr(request, "temperature"));
    assert_null(strstr(request, "\"max_tokens\""));
    assert_non_null(strstr(request, "\"max_completion_tokens\":50"));
    free(request);
}

static void test_what_else_is_sent(void **state)
{
    const char *const in_it[] = {"\"stop\":[\"\\n\"]", "\"temperature\":0.9",
                                 "\"max_tokens\":7"};
    struct llm_options options = {.api_key = KEY};
    struct llm_chat chat = chat_of(NULL, &hello);

    (void)state;
    chat.temperature = 0.3;
    chat.max_tokens = 7;
    chat.extra = " {\"stop\":[\"\\n\"], \"temperature\":0.9}\n";
    char *request = sent(&options, &chat);
    for (size_t i = 0; i < sizeof in_it / sizeof in_it[0]; i++)
        assert_non_null(strstr(request, in_it[i]));
    assert_null(strstr(request, "0.3"));
    free(request);
    chat.extra = "{}";
    request = sent(&options, &chat);
    assert_non_null(strstr(request, "\"temperature\":0.3"));
    free(request);
}

/* A body above 1 MiB, for which libcurl would wait for "100 Continue". */
static void test_a_large_request(void **state)
{
    struct llm_options options = {.api_key = KEY};
    char *text = malloc(2000001);
    struct llm_message message = {"user", text};
    struct llm_chat chat = chat_of(NULL, &message);

    (void)state;
    memset(text, 'x', 2000000);
    text[2000000] = '\0';
    char *request = sent(&options, &chat);
    assert_non_null(strstr(request, text));
    assert_null(strstr(request, "Expect:"));
    free(request);
    free(text);
}

/* ---- What comes back --------------------------------------------------- */

static void test_an_answer(void **state)
{
    struct llm_chat chat;

    (void)state;
    assert_int_equal(ask("200 OK", "", GOOD_ANSWER, &chat), 0);
    assert_string_equal(chat.content, "Hi.");
    assert_string_equal(chat.model, "gpt-3.5-turbo-0125");
    assert_int_equal(chat.prompt_tokens, 2000);
    assert_int_equal(chat.completion_tokens, 1000);
    assert_int_equal(chat.total_tokens, 3000);
    assert_true(fabs(chat.cost - (2 * 0.001 + 1 * 0.002)) < 1e-12);
    assert_false(chat.cut);
    free(chat.content);
    assert_int_equal(ask("200 OK", "",
                         "{\"choices\":[{\"message\":{\"content\":\"a\"},"
                         "\"finish_reason\":\"length\"}]}",
                         &chat),
                     0);
    assert_true(chat.cut);
    free(chat.content);
}

static void test_an_answer_without_usage(void **state)
{
    struct llm_chat chat;

    (void)state;
    assert_int_equal(ask("200 OK", "",
                         "{\"choices\":[{\"message\":{\"content\":\"\"}}]}\r\n",
                         &chat),
                     0);
    assert_string_equal(chat.content, "");
    assert_string_equal(chat.model, "gpt-3.5-turbo");
    assert_int_equal(chat.total_tokens, 0);
    free(chat.content);
    assert_int_equal(ask("200 OK", "",
                         "{\"choices\":[{\"message\":{\"content\":\"a\"}}],"
                         "\"usage\":{\"prompt_tokens\":2,"
                         "\"completion_tokens\":3,\"total_tokens\":null}}",
                         &chat),
                     0);
    assert_int_equal(chat.total_tokens, 5);
    free(chat.content);
}

/* What ended it; a refusal stands beside the text that is not there. */
static void test_why_an_answer_ends(void **state)
{
    static const struct {
        const char *message, *reason; /* theirs */
        const char *content, *finish; /* ours */
        bool cut;
    } cases[] = {
        {"\"content\":\"Hi.\"", "\"stop\"", "Hi.", "stop", false},
        {"\"content\":\"Hi.\"", "\"length\"", "Hi.", "length", true},
        {"\"content\":\"Hi.\"", "null", "Hi.", "", false},
        {"\"content\":\"Hi.\",\"refusal\":null", "\"stop\"", "Hi.", "stop",
         false},
        {"\"content\":null,\"refusal\":\"No.\"", "\"stop\"", "No.", "refusal",
         false},
        {"\"content\":null", "\"length\"", "", "length", true},
        {"\"content\":null", "\"content_filter\"", "", "content_filter", false},
        {"\"content\":\"\"", "\"" KEY "\"", "", "***", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[256];
        struct llm_chat chat;

        snprintf(body, sizeof body,
                 "{\"choices\":[{\"message\":{%s},\"finish_reason\":%s}]}",
                 cases[i].message, cases[i].reason);
        assert_int_equal(ask("200 OK", "x-request-id: req-9\r\n", body, &chat),
                         0);
        assert_string_equal(chat.content, cases[i].content);
        assert_string_equal(chat.finish_reason, cases[i].finish);
        assert_int_equal(chat.cut, cases[i].cut);
        assert_string_equal(chat.request_id, "req-9");
        free(chat.content);
    }
}

/* Status 200, but no answer. */
static const struct {
    const char *body, *text;
} malformed[] = {
    {"", "the answer is empty"},
    {" \r\n", "the answer is empty"},
    {"<!DOCTYPE html><html></html>",
     "the answer is a web page, not JSON: is the base URL right?"},
    {"{\"choices\":[",
     "the answer breaks off: its JSON is not complete after 12 bytes"},
    {"{\"a\":\"]}\\\"",
     "the answer breaks off: its JSON is not complete after 10 bytes"},
    {"{\"choices\":}", "the answer is not JSON: wrong at byte 11 of 12"},
    {"{\"choices\":[{\"message\":{\"content\":\"a\\u0000b\"}}]}",
     "the answer holds a NUL character, which would end its text"},
    {"{} {}", "the answer is not JSON: wrong at byte 3 of 5"},
    {"\xFF\xFE", "the answer is not JSON: wrong at byte 0 of 2"},
    {"null", "the answer has no text in choices[0].message.content"},
    {"[]", "the answer has no text in choices[0].message.content"},
    {"{\"choices\":{\"a\":{\"message\":{\"content\":\"a\"}}}}",
     "the answer has no text in choices[0].message.content"},
    {"{\"choices\":[{\"message\":{\"content\":null}}]}",
     "the answer has no text in choices[0].message.content"},
    {"{\"choices\":[{\"message\":{},\"finish_reason\":\"stop\"}]}",
     "the answer has no text in choices[0].message.content"},
    {"{\"choices\":[{\"message\":{\"content\":\"\xC0\x80\"}}]}",
     "the answer's text is not UTF-8"},
    {"{\"choices\":[{\"message\":{\"content\":\"a\"}}],"
     "\"usage\":{\"prompt_tokens\":-1}}",
     "the answer's usage.prompt_tokens is not a number of tokens"},
    {"{\"choices\":[{\"message\":{\"content\":\"a\"}}],"
     "\"usage\":{\"completion_tokens\":\"7\"}}",
     "the answer's usage.completion_tokens is not a number of tokens"},
    {"{\"choices\":[{\"message\":{\"content\":\"a\"}}],"
     "\"usage\":{\"total_tokens\":1e300}}",
     "the answer's usage.total_tokens is not a number of tokens"},
};

static void test_malformed_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct llm_chat chat;

        assert_int_equal(ask("200 OK", "", malformed[i].body, &chat),
                         LLM_EMALFORMED);
        assert_string_equal(chat.error.message, malformed[i].text);
        assert_string_equal(async_errmsg(LLM_EMALFORMED), malformed[i].text);
        assert_int_equal(chat.error.status, 200);
        assert_null(chat.content);
    }
}

/* As deep as the parser goes, and deeper, on a task's stack. */
static void test_deep_answers(void **state)
{
    static const size_t depths[] = {900, 1000, 100000};
    struct llm_chat chat;

    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        char *body = malloc(2 * depths[i] + 1);

        memset(body, '[', depths[i]);
        memset(body + depths[i], ']', depths[i]);
        body[2 * depths[i]] = '\0';
        assert_int_equal(ask("200 OK", "", body, &chat), LLM_EMALFORMED);
        free(body);
    }
}

static void test_an_answer_too_large(void **state)
{
    size_t size = 17 * 1024 * 1024;
    char *body = malloc(size + 1);
    struct llm_chat chat;

    (void)state;
    memset(body, ' ', size);
    body[size] = '\0';
    assert_int_equal(ask("200 OK", "", body, &chat), LLM_EMALFORMED);
    assert_string_equal(chat.error.message,
                        "the answer is larger than 16 MiB; it was not read");
    free(body);
}

/* ---- What breaks on the way -------------------------------------------- */

static void test_broken_transfers(void **state)
{
    struct llm_chat chat;

    (void)state;
    assert_int_equal(ask_raw("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"
                             "{\"choices\":",
                             RAW_CLOSE, &chat),
                     LLM_ECONNECTION);
    assert_string_equal(chat.error.message,
                        "the answer broke off after 11 bytes");
    assert_int_equal(chat.error.status, 200);

    assert_int_equal(ask_raw("", RAW_CLOSE, &chat), LLM_ECONNECTION);
    assert_non_null(strstr(chat.error.message, "127.0.0.1 port "));
    assert_int_equal(chat.error.status, 0);

    assert_int_equal(ask_raw("220 mail.example.org\r\n", RAW_CLOSE, &chat),
                     LLM_EMALFORMED);
    assert_non_null(strstr(chat.error.message, "not HTTP"));
}

static void test_nobody_listens(void **state)
{
    char url[64], expected[128];
    int port = raw_unused_port();
    struct llm_chat chat;

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", port);
    snprintf(expected, sizeof expected,
             "127.0.0.1 port %d: Couldn't connect to server "
             "(Connection refused)",
             port);
    for (int blocking = 0; blocking < 2; blocking++) {
        struct llm_client *client = client_at(url);

        chat = chat_of(client, &hello);
        assert_int_equal(blocking ? llm_chat_blocking(&chat)
                                  : async_run(llm_chat, &chat),
                         LLM_ECONNECTION);
        assert_string_equal(chat.error.message, expected);
        llm_client_free(client);
    }
}

/* test_tls.sh starts a server whose certificate it has made up. */
static void test_an_unknown_certificate(void **state)
{
    const char *url = getenv("LLM_TLS_URL");

    (void)state;
    if (!url)
        skip();
    for (int blocking = 0; blocking < 2; blocking++) {
        struct llm_client *client = client_at(url);
        struct llm_chat chat = chat_of(client, &hello);

        assert_int_equal(blocking ? llm_chat_blocking(&chat)
                                  : async_run(llm_chat, &chat),
                         LLM_ECONNECTION);
        assert_non_null(strstr(chat.error.message, "certificate"));
        assert_int_equal(chat.error.status, 0);
        llm_client_free(client);
    }
}

/* It is trusted where it was asked for, but only for the names that it has. */
static void test_a_certificate_of_ones_own(void **state)
{
    const char *urls[] = {getenv("LLM_TLS_OWN_URL"),
                          getenv("LLM_TLS_OTHER_URL")};

    (void)state;
    if (!urls[0] || !urls[1])
        skip();
    for (int i = 0; i < 2; i++) {
        struct llm_options options = {.api_key = KEY,
                                      .base_url = urls[i],
                                      .max_retries = LLM_NO_RETRIES,
                                      .ca_file = getenv("LLM_TLS_CA_FILE")};
        struct llm_client *client =
            llm_client_from_provider("openai", &options);
        struct llm_chat chat = chat_of(client, &hello);

        assert_int_equal(async_run(llm_chat, &chat), i ? LLM_ECONNECTION : 0);
        if (i)
            assert_non_null(strstr(chat.error.message, "certificate"));
        else
            assert_string_equal(chat.content, "Hi.");
        free(chat.content);
        llm_client_free(client);
    }
}

/* A server that goes away between two calls of one client. */
static void test_a_server_that_is_gone(void **state)
{
    struct mock_llm *server = start_mock(0);
    struct llm_client *client = client_at(mock_llm_base_url(server));
    struct llm_chat chat = chat_of(client, &hello);

    (void)state;
    assert_int_equal(llm_chat_blocking(&chat), 0);
    free(chat.content);
    chat.content = NULL;
    long tokens = client->total_tokens;
    mock_llm_stop(server);
    assert_int_equal(llm_chat_blocking(&chat), LLM_ECONNECTION);
    assert_int_equal(chat.error.status, 0);
    assert_int_equal(async_run(llm_chat, &chat), LLM_ECONNECTION);
    assert_int_equal(client->total_tokens, tokens);
    assert_null(chat.content);
    llm_client_free(client);
}

static void test_no_answer_in_time(void **state)
{
    (void)state;
    for (int blocking = 0; blocking < 2; blocking++) {
        struct raw_server *server = raw_server_start("", 0, RAW_HOLD);
        struct llm_options options = {.api_key = KEY,
                                      .base_url = raw_server_url(server),
                                      .timeout = 0.04,
                                      .max_retries = LLM_NO_RETRIES};
        struct llm_client *client =
            llm_client_from_provider("openai", &options);
        struct llm_chat chat = chat_of(client, &hello);

        assert_int_equal(blocking ? llm_chat_blocking(&chat)
                                  : async_run(llm_chat, &chat),
                         LLM_ETIMEDOUT);
        if (!blocking)
            assert_non_null(
                strstr(chat.error.message, "no answer within 0.04 s"));
        llm_client_free(client);
        raw_server_stop(server);
    }
}

/* ---- Errors that the server reports ------------------------------------ */

static void test_error_classes(void **state)
{
    static const struct {
        const char *status;
        int err;
        bool retry;
    } cases[] = {
        {"400 Bad Request", LLM_EBADREQUEST, false},
        {"401 Unauthorized", LLM_EAUTHENTICATION, false},
        {"402 Payment Required", LLM_EQUOTA, false},
        {"403 Forbidden", LLM_EPERMISSION, false},
        {"404 Not Found", LLM_ENOTFOUND, false},
        {"405 Method Not Allowed", LLM_EBADREQUEST, false},
        {"408 Request Timeout", LLM_ETIMEDOUT, true},
        {"409 Conflict", LLM_ECONFLICT, true},
        {"422 Unprocessable Entity", LLM_EUNPROCESSABLE, false},
        {"429 Too Many Requests", LLM_ERATELIMIT, true},
        {"500 Internal Server Error", LLM_ESERVER, true},
        {"503 Service Unavailable", LLM_ESERVER, true},
        {"302 Found", LLM_EMALFORMED, false},
    };
    char expected[128];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct llm_chat chat;
        int status = atoi(cases[i].status);

        assert_int_equal(ask(cases[i].status, "X-Request-Id: req-7\r\n",
                             "{\"error\":{\"message\":\"No!\",\"type\":\"t\","
                             "\"param\":null,\"code\":\"c\"}}",
                             &chat),
                         cases[i].err);
        assert_int_equal(chat.error.status, status);
        assert_string_equal(chat.error.message, "No!");
        assert_string_equal(chat.error.type, "t");
        assert_string_equal(chat.error.code, "c");
        assert_string_equal(chat.error.request_id, "req-7");
        assert_string_equal(chat.request_id, "");
        assert_true(chat.error.retry_after == 0);
        snprintf(expected, sizeof expected, "%s (%d): No!",
                 llm_strerror(cases[i].err), status);
        assert_string_equal(async_errmsg(cases[i].err), expected);
        assert_int_equal(llm_worth_retrying(cases[i].err), cases[i].retry);
    }
}

static void test_no_credit_left(void **state)
{
    struct llm_chat chat;

    (void)state;
    assert_int_equal(
        ask("429 Too Many Requests", "",
            "{\"error\":{\"message\":\"You exceeded your current quota.\","
            "\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}",
            &chat),
        LLM_EQUOTA);
    assert_string_equal(chat.error.code, "insufficient_quota");
    assert_int_equal(ask("429 Too Many Requests", "",
                         "{\"error\":{\"message\":\"No credit.\","
                         "\"type\":\"insufficient_quota\",\"code\":null}}",
                         &chat),
                     LLM_EQUOTA);
    assert_string_equal(chat.error.code, "");
    assert_false(llm_worth_retrying(LLM_EQUOTA));
}

/* Error replies that are not what OpenAI sends. */
static void test_strange_error_replies(void **state)
{
    static const char *const bodies[] = {
        "",
        " \r\n",
        "{\"error\":",
        "<html>Bad gateway</html>",
        "{\"error\":[1]}",
        "[1]",
        "{\"error\":{\"message\":7,\"type\":{},\"code\":[]}}"};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct llm_chat chat;

        assert_int_equal(ask("502 Bad Gateway", "", bodies[i], &chat),
                         LLM_ESERVER);
        assert_string_equal(async_errmsg(LLM_ESERVER),
                            "server error (502): the server gave no reason");
        assert_string_equal(chat.error.type, "");
    }
}

/* The key does not follow it; whoever set the base URL has to know. */
static void test_a_redirect(void **state)
{
    static const char *const statuses[] = {"301 Moved", "302 Found",
                                           "307 Moved", "308 Moved"};
    struct llm_chat chat;

    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        assert_int_equal(ask(statuses[i],
                             "Location: https://elsewhere.example/" KEY "\r\n",
                             "<html>Moved</html>", &chat),
                         LLM_EMALFORMED);
        assert_string_equal(chat.error.message,
                            "the server redirects, and the key must not "
                            "follow: is the base URL right?");
    }
}

/* Servers that speak OpenAI's protocol have errors of their own. */
static void test_errors_of_others(void **state)
{
    static const char *const bodies[] = {
        "{\"error\":\"No such model.\"}",
        "{\"object\":\"error\",\"message\":\"No such model.\",\"code\":404}",
        "{\"detail\":\"No such model.\"}",
        "{\"error\":{\"message\":\"No such model.\",\"code\":404}}"};
    struct llm_chat chat;

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(ask("404 Not Found", "", bodies[i], &chat),
                         LLM_ENOTFOUND);
        assert_string_equal(chat.error.message, "No such model.");
    }
    assert_int_equal(ask("200 OK", "",
                         "{\"error\":{\"message\":\"Later.\","
                         "\"code\":\"rate_limit_exceeded\"}}",
                         &chat),
                     LLM_ERATELIMIT);
    assert_string_equal(async_errmsg(LLM_ERATELIMIT),
                        "rate limit exceeded: Later.");
}

/* What a proxy says in plain words is worth knowing. */
static void test_an_error_that_is_no_json(void **state)
{
    struct llm_chat chat;

    (void)state;
    assert_int_equal(ask("503 Service Unavailable", "",
                         "\nno healthy upstream for " KEY, &chat),
                     LLM_ESERVER);
    assert_string_equal(async_errmsg(LLM_ESERVER),
                        "server error (503): no healthy upstream for ***");
}

/* A status line, or any header, that goes on and on. */
static void test_long_headers(void **state)
{
    char reply[2048], filler[601];
    struct llm_chat chat;

    (void)state;
    memset(filler, 'x', 600);
    filler[600] = '\0';
    snprintf(reply, sizeof reply,
             "HTTP/1.1 404 %s\r\nX-Long: %s\r\nX-Request-Id: %s\r\n"
             "Content-Length: 0\r\n\r\n",
             filler, filler, filler);
    assert_int_equal(ask_raw(reply, RAW_CLOSE, &chat), LLM_ENOTFOUND);
    assert_int_equal(chat.error.status, 404);
    assert_int_equal(strlen(chat.error.request_id),
                     sizeof chat.error.request_id - 1);
}

static double delay_of(const char *headers)
{
    struct llm_chat chat;

    assert_int_equal(ask("429 Too Many Requests", headers, "{}", &chat),
                     LLM_ERATELIMIT);
    return chat.error.retry_after;
}

static void test_retry_after(void **state)
{
    char date[64], header[128];
    time_t soon = time(NULL) + 3600;

    (void)state;
    assert_true(delay_of("Retry-After: 20\r\n") == 20);
    assert_true(delay_of("retry-after:0.25 \r\n") == 0.25);
    assert_true(delay_of("Retry-After-Ms: 1500\r\n") == 1.5);
    assert_true(delay_of("Retry-After-Ms: 1500\r\nRetry-After: 20\r\n") == 1.5);
    assert_true(delay_of("Retry-After: 20\r\nRetry-After-Ms: 1500\r\n") == 1.5);
    /* Of these it is the other one's spelling. */
    assert_true(delay_of("Retry-After-Ms: Sat, 01 Jan 2050 00:00:00 GMT\r\n"
                         "Retry-After: 20\r\n") == 20);
    assert_true(delay_of("Retry-After: -3\r\n") == 0);
    assert_true(delay_of("Retry-After: nan\r\n") == 0);
    assert_true(delay_of("Retry-After: soon\r\n") == 0);
    assert_true(delay_of("Retry-After: Thu, 01 Jan 1970 00:00:10 GMT\r\n") ==
                0);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&soon));
    snprintf(header, sizeof header, "Retry-After: %s\r\n", date);
    double delay = delay_of(header);
    assert_true(delay > 1800 && delay <= 3600);
}

static void test_a_key_never_shows(void **state)
{
    struct llm_chat chat;

    (void)state;
    assert_int_equal(ask("401 Unauthorized", "X-Request-Id: " KEY "\r\n",
                         "{\"error\":{\"message\":\"Wrong key: " KEY
                         ".\",\"type\":\"" KEY "\",\"code\":\"" KEY "\"}}",
                         &chat),
                     LLM_EAUTHENTICATION);
    assert_string_equal(chat.error.message, "Wrong key: ***.");
    assert_string_equal(chat.error.type, "***");
    assert_string_equal(chat.error.code, "***");
    assert_string_equal(chat.error.request_id, "***");
    assert_string_equal(async_errmsg(LLM_EAUTHENTICATION),
                        "authentication failed (401): Wrong key: ***.");
}

/* Tokens of some clouds are longer than any header that is kept. */
static void test_a_long_key_never_shows(void **state)
{
    char key[400], header[512];

    (void)state;
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = '\0';
    snprintf(header, sizeof header, "X-Request-Id: of %s\r\n", key);
    struct raw_server *server = raw_server_http("401 No", header, "{}");
    struct llm_options options = {.api_key = key,
                                  .base_url = raw_server_url(server)};
    struct llm_client *client = llm_client_from_provider("openai", &options);
    struct llm_chat chat = chat_of(client, &hello);
    assert_int_equal(async_run(llm_chat, &chat), LLM_EAUTHENTICATION);
    assert_string_equal(chat.error.request_id, "of ***");
    llm_client_free(client);
    raw_server_stop(server);
}

/* A key of three letters, as mock servers take it, is no secret. */
static void test_words_that_hold_a_short_key(void **state)
{
    struct raw_server *server = raw_server_http(
        "400 Bad Request", "", "{\"error\":{\"message\":\"Too many\"}}");
    struct llm_options options = {.api_key = "any",
                                  .base_url = raw_server_url(server)};
    struct llm_client *client = llm_client_from_provider("openai", &options);
    struct llm_chat chat = chat_of(client, &hello);

    (void)state;
    assert_int_equal(async_run(llm_chat, &chat), LLM_EBADREQUEST);
    assert_string_equal(chat.error.message, "Too many");
    llm_client_free(client);
    raw_server_stop(server);
}

/* Nor does a part of it where a text is cut. */
static void test_long_and_dirty_messages(void **state)
{
    char body[1024], message[700];
    struct llm_chat chat;

    (void)state;
    memset(message, 'x', sizeof message);
    for (size_t at = 225; at < 260; at++) {
        memset(message, 'x', sizeof message);
        snprintf(message + at, sizeof message - at, KEY "%0300d", 0);
        snprintf(body, sizeof body, "{\"error\":{\"message\":\"%s\"}}",
                 message);
        assert_int_equal(ask("400 Bad Request", "", body, &chat),
                         LLM_EBADREQUEST);
        assert_null(strstr(chat.error.message, "sk-"));
        assert_int_equal(strlen(chat.error.message) > 250, 1);
        assert_string_equal(chat.error.message + strlen(chat.error.message) - 3,
                            "...");
    }
    assert_int_equal(ask("400 Bad Request", "",
                         "{\"error\":{\"message\":\"a\\u001b[2Jb\\n\xFF"
                         "\xE2\x82\xAC\x7F\"}}",
                         &chat),
                     LLM_EBADREQUEST);
    assert_string_equal(chat.error.message, "a [2Jb ?\xE2\x82\xAC ");
}

static void test_names_of_errors(void **state)
{
    (void)state;
    llm_client_free(client_at("http://127.0.0.1:1/v1"));
    for (int err = LLM_EMALFORMED; err <= LLM_EBADREQUEST; err++) {
        assert_null(strstr(llm_strerror(err), "error -"));
        assert_string_equal(async_strerror(err), llm_strerror(err));
    }
    assert_string_equal(llm_strerror(LLM_ERATELIMIT), "rate limit exceeded");
    assert_string_equal(llm_strerror(ASYNC_ECANCELED),
                        async_strerror(ASYNC_ECANCELED));
    assert_true(llm_worth_retrying(LLM_ECONNECTION));
    assert_false(llm_worth_retrying(LLM_EMALFORMED));
    assert_false(llm_worth_retrying(ASYNC_ECANCELED));
    assert_false(llm_worth_retrying(-EINVAL));
    assert_false(llm_worth_retrying(0));
}

/* ---- Chats that are not right ------------------------------------------ */

static void refused(const struct llm_chat *wrong, int err, const char *text)
{
    struct llm_chat chat = *wrong;

    assert_int_equal(async_run(llm_chat, &chat), err);
    assert_string_equal(async_errmsg(err), text);
    assert_string_equal(chat.error.message, text);
    assert_int_equal(llm_chat_blocking(&chat), err);
    assert_string_equal(async_errmsg(err), text);
}

static void test_wrong_chats(void **state)
{
    struct llm_client *client = client_at("http://127.0.0.1:1/v1");
    struct llm_message message = hello;
    struct llm_chat good = chat_of(client, &message), chat;

    (void)state;
    chat = chat_of(NULL, &hello);
    refused(&chat, -EINVAL,
            "the chat has no client: llm_client_from_provider makes one");
    chat = good;
    chat.n_messages = 0;
    refused(&chat, -EINVAL, "the chat has no messages");
    chat = good;
    chat.messages = NULL;
    refused(&chat, -EINVAL, "the chat has no messages");
    chat = good;
    chat.max_tokens = -5;
    refused(&chat, -EINVAL, "max_tokens is -5; 0 means no limit");
    chat = good;
    chat.temperature = -0.5;
    refused(&chat, -EINVAL, "the temperature is not between 0 and 2");
    chat.temperature = 2.1;
    refused(&chat, -EINVAL, "the temperature is not between 0 and 2");
    chat.temperature = NAN;
    refused(&chat, -EINVAL, "the temperature is not between 0 and 2");
    chat = good;
    chat.extra = "{\"stop\":[";
    refused(&chat, -EINVAL,
            "extra breaks off: its JSON is not complete after 9 bytes");
    chat.extra = "[1]";
    refused(&chat, -EINVAL, "extra is not a JSON object: {...}");
    chat.extra = "";
    refused(&chat, -EINVAL, "extra is empty");
    chat.extra = "{\"stream\":true}";
    refused(&chat, -EINVAL,
            "extra holds \"stream\": llm_stream_open asks for a stream");
    chat.extra = "{\"a\":\"\xFF\"}";
    refused(&chat, -EILSEQ, "extra is not UTF-8");
    message.role = NULL;
    refused(&good, -EINVAL, "messages[0].role is NULL");
    message = (struct llm_message){"user", NULL};
    refused(&good, -EINVAL, "messages[0].content is NULL");

    assert_int_equal(async_run(llm_chat, NULL), -EINVAL);
    assert_int_equal(llm_chat_blocking(NULL), -EINVAL);
    llm_client_free(client);
}

static void test_not_utf8(void **state)
{
    static const char *const wrong[] = {
        "\x80",             /* continues nothing */
        "\xC3",             /* ends too early */
        "\xC3(",            /* is not continued */
        "\xC0\xAF",         /* '/' in two bytes */
        "\xE0\x80\xAF",     /* in three */
        "\xED\xA0\x80",     /* half of a surrogate pair */
        "\xF4\x90\x80\x80", /* above U+10FFFF */
        "\xF8\x88\x80\x80\x80",
        "\xFF",
    };
    struct llm_client *client = client_at("http://127.0.0.1:1/v1");
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct llm_message message = {"user", text};
        struct llm_chat chat = chat_of(client, &message);

        snprintf(text, sizeof text, "\xE2\x82\xAC 5%s", wrong[i]);
        refused(&chat, -EILSEQ, "messages[0].content is not UTF-8 at byte 5");
    }
    llm_client_free(client);
}

static void test_outside_of_tasks(void **state)
{
    struct llm_client *client = client_at("http://127.0.0.1:1/v1");
    struct llm_chat chat = chat_of(client, &hello);
    char report[1024];

    (void)state;
    assert_int_equal(capture_stderr(llm_chat, &chat, report, sizeof report),
                     ASYNC_ENOLOOP);
    assert_non_null(strstr(report, "llm_chat"));
    llm_client_free(client);
}

/* ---- Making a client --------------------------------------------------- */

static void no_client(const char *provider, const struct llm_options *options,
                      const char *text)
{
    errno = 0;
    assert_null(llm_client_from_provider(provider, options));
    assert_int_equal(errno, EINVAL);
    assert_string_equal(async_errmsg(-EINVAL), text);
}

static void test_wrong_options(void **state)
{
    struct llm_options options = {.api_key = KEY};

    (void)state;
    no_client("opneai", &options,
              "unknown LLM provider \"opneai\"; known: \"openai\", "
              "\"anthropic\", \"simulated\"");
    no_client(NULL, &options,
              "no LLM provider named; known: \"openai\", \"anthropic\", "
              "\"simulated\"");
    options.model = "gpt-17";
    no_client("openai", &options,
              "no price known for model \"gpt-17\": put it into "
              "options.prices");
    options.model = "";
    no_client("openai", &options, "options.model is empty or not UTF-8");
    options = (struct llm_options){.api_key = KEY, .timeout = -1};
    no_client("openai", &options, "options.timeout is below 0 or not a number");
    options = (struct llm_options){.api_key = KEY, .connect_timeout = NAN};
    no_client("openai", &options,
              "options.connect_timeout is below 0 or not a number");
    options = (struct llm_options){.api_key = KEY, .max_retries = -2};
    no_client("openai", &options,
              "options.max_retries is -2; LLM_NO_RETRIES means none");
    options = (struct llm_options){.api_key = KEY, .n_prices = 1};
    no_client("openai", &options,
              "options.prices is NULL, but n_prices is not 0");
    options = (struct llm_options){.api_key = KEY, .base_url = "ftp://x/v1"};
    no_client("openai", &options,
              "options.base_url is not a URL that begins with http:// or "
              "https://");
    options.base_url = KEY; /* in the wrong field: not to be shown */
    no_client("openai", &options,
              "options.base_url is not a URL that begins with http:// or "
              "https://");
    options = (struct llm_options){.api_key = KEY "\n"};
    no_client("openai", &options,
              "options.api_key holds a blank, a line's end or another "
              "character that cannot be sent");
    options = (struct llm_options){.api_key = KEY, .project = "a\r\nb"};
    no_client("openai", &options,
              "OpenAI-Project holds a blank, a line's end or another "
              "character that cannot be sent");
    options = (struct llm_options){.api_key = KEY, .ca_file = "/no/such.pem"};
    no_client("openai", &options,
              "options.ca_file: cannot read /no/such.pem: No such file or "
              "directory");
    llm_client_free(NULL);
}

static void test_the_environment(void **state)
{
    struct raw_server *server = raw_server_http("200 OK", "", GOOD_ANSWER);
    char url[128];

    (void)state;
    unsetenv("OPENAI_API_KEY");
    no_client("openai", NULL,
              "no API key for openai: set OPENAI_API_KEY in the environment, "
              "or options.api_key");
    setenv("OPENAI_API_KEY", "", 1);
    no_client("openai", NULL,
              "no API key for openai: set OPENAI_API_KEY in the environment, "
              "or options.api_key");
    setenv("OPENAI_API_KEY", "from-the environment", 1);
    no_client("openai", NULL,
              "OPENAI_API_KEY holds a blank, a line's end or another "
              "character that cannot be sent");

    /* Slashes at the end are one too many. */
    snprintf(url, sizeof url, "%s//", raw_server_url(server));
    setenv("OPENAI_API_KEY", "from-environment", 1);
    setenv("OPENAI_BASE_URL", url, 1);
    setenv("OPENAI_ORG_ID", "org-env", 1);
    setenv("OPENAI_PROJECT_ID", "proj-env", 1);
    struct llm_client *client = llm_client_from_provider("openai", NULL);
    assert_non_null(client);
    struct llm_chat chat = chat_of(client, &hello);
    assert_int_equal(llm_chat_blocking(&chat), 0);
    char *request = raw_server_last_request(server);
    assert_non_null(strstr(request, "POST /v1/chat/completions "));
    assert_non_null(strstr(request, "Bearer from-environment\r\n"));
    assert_non_null(strstr(request, "OpenAI-Organization: org-env\r\n"));
    assert_non_null(strstr(request, "OpenAI-Project: proj-env\r\n"));
    unsetenv("OPENAI_API_KEY");
    unsetenv("OPENAI_BASE_URL");
    unsetenv("OPENAI_ORG_ID");
    unsetenv("OPENAI_PROJECT_ID");
    free(request);
    free(chat.content);
    llm_client_free(client);
    raw_server_stop(server);
}

static double cost_of(struct llm_options *options)
{
    struct llm_chat chat = chat_of(NULL, &hello);

    free(sent(options, &chat));
    return chat.cost; /* of 2,000 tokens in and 1,000 out */
}

static void test_prices(void **state)
{
    const struct llm_price mine[] = {{"gpt-17", 10, 20}, {"gpt-4", 1, 0}};
    struct llm_options options = {.api_key = KEY};

    (void)state;
    assert_true(fabs(cost_of(&options) - 0.004) < 1e-12);
    options.model = "gpt-4";
    assert_true(fabs(cost_of(&options) - 0.12) < 1e-12);
    options.prices = mine;
    options.n_prices = 2;
    assert_true(fabs(cost_of(&options) - 2) < 1e-12);
    options.model = "gpt-17";
    assert_true(fabs(cost_of(&options) - 40) < 1e-12);
}

/* The client's prices and those of the pretended LLM are the same. */
static void test_prices_of_the_scenario(void **state)
{
    size_t n;
    const struct scenario_model *models = scenario_models(&n);

    (void)state;
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        struct llm_options options = {.api_key = KEY, .model = models[i].name};

        assert_true(fabs(cost_of(&options) -
                         scenario_cost(models[i].name, 2000, 1000)) < 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chats_of_both_kinds),
        cmocka_unit_test(test_a_batch_adds_up),
        cmocka_unit_test(test_all_at_once_and_cancelled),
        cmocka_unit_test(test_two_loops_at_once),
        cmocka_unit_test(test_a_host_is_looked_up_once),
        cmocka_unit_test(test_a_host_that_is_not_reached),
        cmocka_unit_test(test_the_next_call_works),
        cmocka_unit_test(test_the_request),
        cmocka_unit_test(test_what_is_not_sent),
        cmocka_unit_test(test_a_model_that_reasons),
        cmocka_unit_test(test_what_else_is_sent),
        cmocka_unit_test(test_a_large_request),
        cmocka_unit_test(test_an_answer),
        cmocka_unit_test(test_an_answer_without_usage),
        cmocka_unit_test(test_why_an_answer_ends),
        cmocka_unit_test(test_malformed_answers),
        cmocka_unit_test(test_deep_answers),
        cmocka_unit_test(test_an_answer_too_large),
        cmocka_unit_test(test_broken_transfers),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_an_unknown_certificate),
        cmocka_unit_test(test_a_certificate_of_ones_own),
        cmocka_unit_test(test_a_server_that_is_gone),
        cmocka_unit_test(test_no_answer_in_time),
        cmocka_unit_test(test_error_classes),
        cmocka_unit_test(test_no_credit_left),
        cmocka_unit_test(test_strange_error_replies),
        cmocka_unit_test(test_a_redirect),
        cmocka_unit_test(test_errors_of_others),
        cmocka_unit_test(test_an_error_that_is_no_json),
        cmocka_unit_test(test_long_headers),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_a_key_never_shows),
        cmocka_unit_test(test_a_long_key_never_shows),
        cmocka_unit_test(test_words_that_hold_a_short_key),
        cmocka_unit_test(test_long_and_dirty_messages),
        cmocka_unit_test(test_names_of_errors),
        cmocka_unit_test(test_wrong_chats),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_outside_of_tasks),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_the_environment),
        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_prices_of_the_scenario),
    };

    unsetenv("OPENAI_BASE_URL");
    unsetenv("OPENAI_ORG_ID");
    unsetenv("OPENAI_PROJECT_ID");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_llm_stream.c - answers read as they come: every piece once, in both wire
 * formats, and one clear end however the stream ends.
 */
#include "async/async.h"
#include "llm/llm_private.h"
#include "raw_server.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY "sk-a-very-secret-key"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

/* A chunk of OpenAI's with this text. */
#define CHUNK(text)                                                            \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\","                \
    "\"model\":\"gpt-3.5-turbo-0125\",\"choices\":[{\"index\":0,"              \
    "\"delta\":{\"content\":\"" text "\"},\"finish_reason\":null}]}\n\n"

#define STOP(reason)                                                           \
    "data: "                                                                   \
    "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason      \
    "\"}]}\n\n"

#define USAGE                                                                  \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2000,"                 \
    "\"completion_tokens\":1000,\"total_tokens\":3000}}\n\n"

#define DONE "data: [DONE]\n\n"

#define OPENAI                                                                 \
    CHUNK("")                                                                  \
    CHUNK("Hi")                                                                \
    CHUNK(" th\\u00e4re") CHUNK("") CHUNK(".") STOP("stop") USAGE DONE

#define EVENT(type, rest)                                                      \
    "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"

#define TEXT(text)                                                             \
    EVENT("content_block_delta",                                               \
          ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"" text   \
          "\"}")

#define ANTHROPIC_BEGIN                                                        \
    EVENT("message_start",                                                     \
          ",\"message\":{\"id\":\"msg_1\",\"role\":\"assistant\","             \
          "\"content\":[],\"model\":\"claude-x\",\"stop_reason\":null,"        \
          "\"usage\":{\"input_tokens\":2000,\"output_tokens\":1}}")            \
    EVENT("content_block_start",                                               \
          ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")  \
    EVENT("ping", "")

#define ANTHROPIC_END                                                          \
    EVENT("content_block_stop", ",\"index\":0")                                \
    EVENT("message_delta",                                                     \
          ",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null}" \
          ",\"usage\":{\"output_tokens\":1000}")                               \
    EVENT("message_stop", "")

static const struct llm_message hello = {"user", "Hello!"};

/* ---- Server-sent events ------------------------------------------------ */

/* All events of a text, as "name|data;". */
static void read_events(const char *text, char *events, size_t size)
{
    struct llm_sse sse = {0};
    size_t used = 0;

    events[0] = '\0';
    for (; *text; text++) {
        assert_int_equal(llm_sse_take(&sse, *text), 0);
        if (sse.complete)
            used += (size_t)snprintf(events + used, size - used, "%s|%s;",
                                     sse.event, sse.data.text);
    }
    llm_sse_free(&sse);
}

static const struct {
    const char *text, *events;
} sse_cases[] = {
    {"data: a\n\n", "|a;"},
    {"data:a\n\n", "|a;"},
    {"data:  a \n\n", "| a ;"},
    {"data: a\r\rdata: b\r\n\r\ndata: c\n\n", "|a;|b;|c;"},
    {"data: a\r\n\r\n\r\n\n\rdata: b\r\n\n", "|a;|b;"},
    {"data: a\ndata\ndata: b\n\n", "|a\n\nb;"},
    {"event: x\ndata: a\n\ndata: b\n\n", "x|a;|b;"},
    {"event: x\n\ndata: b\n\n", "|b;"},
    {"data\n\n", "|;"},
    {"data:\n\n", "|;"},
    {": comment\n\n:\n\ndata: a\n: in between\n\n", "|a;"},
    {"id: 7\nretry: 10\nnonsense\ndata: a\nDATA: b\n\n", "|a;"},
    {"\xEF\xBB\xBF"
     "data: a\n\n\xEF\xBB\xBF"
     "data: b\n\n",
     "|a;"},
    {"data: unfinished\n", ""},
    {"data: a: b:c\n\n", "|a: b:c;"},
};

static void test_events(void **state)
{
    char events[256];

    (void)state;
    for (size_t i = 0; i < sizeof sse_cases / sizeof sse_cases[0]; i++) {
        read_events(sse_cases[i].text, events, sizeof events);
        assert_string_equal(events, sse_cases[i].events);
    }
}

static void test_events_too_large(void **state)
{
    struct llm_sse sse = {0};
    int err = 0;

    (void)state;
    for (long i = 0; !err && i < 1 << 21; i++)
        err = llm_sse_take(&sse, 'x');
    assert_int_equal(err, LLM_EMALFORMED);
    llm_sse_free(&sse);
    err = 0;
    for (long i = 0; !err && i < 1 << 21; i++)
        err = llm_sse_take(&sse, "data: xxxxxxxxx\n"[i % 16]);
    assert_int_equal(err, LLM_EMALFORMED);
    llm_sse_free(&sse);
    assert_int_equal(llm_sse_take(&sse, '\0'), LLM_EMALFORMED);
    llm_sse_free(&sse);
}

/* ---- Streams ----------------------------------------------------------- */

/* What is asked, and what the reader sees. */
struct reading {
    struct llm_chat chat;
    int cancel_at;     /* in: cancels itself before this piece, from 1 */
    double nap;        /* in: seconds of sleep before the first piece */
    char pieces[4096]; /* out: each with a '|' behind it */
    size_t used;
    int n;          /* out: pieces */
    int opened;     /* out: llm_stream_open's result */
    int err, again; /* out: the last next's, and that of one more */
    char text[ASYNC_ERRMSG_SIZE];
    struct async_task *self;
};

static void note(struct reading *reading, const char *text)
{
    if (reading->used + strlen(text) + 2 < sizeof reading->pieces)
        reading->used +=
            (size_t)sprintf(reading->pieces + reading->used, "%s|", text);
    reading->n++;
}

static int read_all(void *job)
{
    struct reading *reading = job;
    struct llm_stream stream = {0};
    const char *text;
    int err = llm_stream_open(&stream, &reading->chat);

    reading->opened = err;
    if (!err && reading->nap > 0)
        err = async_sleep(reading->nap);
    while (!err) {
        if (reading->n + 1 == reading->cancel_at)
            async_cancel(reading->self);
        err = llm_stream_next(&stream, &text);
        if (err || !text)
            break;
        note(reading, text);
    }
    reading->err = err;
    snprintf(reading->text, sizeof reading->text, "%s", async_errmsg(err));
    if (!reading->opened && !reading->cancel_at)
        reading->again = llm_stream_next(&stream, &text);
    llm_stream_close(&stream);
    llm_stream_close(&stream);
    return err;
}

static int read_as_a_task(void *job)
{
    struct reading *reading = job;
    struct async_task task;

    reading->self = &task;
    async_spawn(&task, read_all, reading);
    return async_await(&task);
}

static struct llm_client *client_at(struct raw_server *server,
                                    const char *provider, double timeout,
                                    int max_retries)
{
    static char url[64];
    const bool openai = strcmp(provider, "openai") == 0;
    struct llm_options options = {.api_key = KEY,
                                  .base_url = url,
                                  .timeout = timeout,
                                  .max_retries = max_retries};

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", raw_server_port(server),
             openai ? "/v1" : "");
    struct llm_client *client = llm_client_from_provider(provider, &options);
    if (!client)
        fail_msg("%s", async_errmsg(-errno));
    return client;
}

static void prepare(struct reading *reading, struct llm_client *client)
{
    reading->chat = (struct llm_chat){
        .client = client, .messages = &hello, .n_messages = 1};
}

/* Reads what a server sends, and stops the server. */
static int ask_server(struct raw_server *server, const char *provider,
                      struct reading *reading)
{
    struct llm_client *client = client_at(server, provider, 0, LLM_NO_RETRIES);

    prepare(reading, client);
    int err = async_run(read_as_a_task, reading);
    assert_int_equal(err, reading->err);
    llm_client_free(client);
    raw_server_stop(server);
    return err;
}

static int ask(const char *provider, const char *reply, struct reading *reading)
{
    return ask_server(raw_server_start(reply, strlen(reply), RAW_CLOSE),
                      provider, reading);
}

static void check_totals(const struct llm_chat *chat)
{
    assert_int_equal(chat->prompt_tokens, 2000);
    assert_int_equal(chat->completion_tokens, 1000);
    assert_int_equal(chat->total_tokens, 3000);
    assert_int_equal(chat->attempts, 1);
    assert_int_equal(chat->error.status, 0);
}

static void test_openai(void **state)
{
    struct reading reading = {0};

    (void)state;
    assert_int_equal(ask("openai", HEAD OPENAI, &reading), 0);
    assert_string_equal(reading.pieces, "Hi| th\xC3\xA4re|.|");
    assert_string_equal(reading.chat.content, "Hi th\xC3\xA4re.");
    assert_string_equal(reading.chat.model, "gpt-3.5-turbo-0125");
    assert_string_equal(reading.chat.provider, "openai");
    assert_true(fabs(reading.chat.cost - (2 * 0.001 + 1 * 0.002)) < 1e-12);
    assert_false(reading.chat.cut);
    assert_int_equal(reading.again, 0);
    check_totals(&reading.chat);
    free(reading.chat.content);
}

static void test_anthropic(void **state)
{
    struct reading reading = {0};

    (void)state;
    assert_int_equal(ask("anthropic",
                         HEAD ANTHROPIC_BEGIN TEXT("Hi") EVENT("ping", "")
                             EVENT("new_kind", ",\"x\":1") TEXT("") TEXT("!")
                                 ANTHROPIC_END,
                         &reading),
                     0);
    assert_string_equal(reading.pieces, "Hi|!|");
    assert_string_equal(reading.chat.content, "Hi!");
    assert_string_equal(reading.chat.model, "claude-x");
    assert_true(reading.chat.cut);
    assert_string_equal(reading.chat.finish_reason, "max_tokens");
    check_totals(&reading.chat);
    free(reading.chat.content);
}

static void test_the_request(void **state)
{
    const char *const providers[] = {"openai", "anthropic"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct raw_server *server = raw_server_start(
            i ? HEAD ANTHROPIC_BEGIN ANTHROPIC_END : HEAD OPENAI,
            strlen(i ? HEAD ANTHROPIC_BEGIN ANTHROPIC_END : HEAD OPENAI),
            RAW_CLOSE);
        struct llm_client *client =
            client_at(server, providers[i], 0, LLM_NO_RETRIES);
        struct reading reading = {0};

        prepare(&reading, client);
        assert_int_equal(async_run(read_as_a_task, &reading), 0);
        char *request = raw_server_last_request(server);
        assert_non_null(strstr(request, "\"stream\":true"));
        assert_int_equal(!i, strstr(request, "\"include_usage\":true") != NULL);
        free(request);
        free(reading.chat.content);
        llm_client_free(client);
        raw_server_stop(server);
    }
}

/* Neither [DONE] nor usage: the model had said that it stops. */
static void test_a_stream_without_its_last_event(void **state)
{
    struct reading reading = {0};

    (void)state;
    assert_int_equal(ask("openai", HEAD CHUNK("Hi") STOP("length"), &reading),
                     0);
    assert_string_equal(reading.chat.content, "Hi");
    assert_int_equal(reading.chat.total_tokens, 0);
    assert_true(reading.chat.cut);
    free(reading.chat.content);
}

static void test_an_answer_without_text(void **state)
{
    struct reading reading = {0};

    (void)state;
    assert_int_equal(ask("openai", HEAD STOP("stop") DONE, &reading), 0);
    assert_int_equal(reading.n, 0);
    assert_string_equal(reading.chat.content, "");
    assert_string_equal(reading.chat.model, "gpt-3.5-turbo");
    assert_string_equal(reading.chat.finish_reason, "stop");
    free(reading.chat.content);
}

static void test_a_refusal(void **state)
{
    struct reading reading = {0};

    (void)state;
    assert_int_equal(
        ask("openai",
            "HTTP/1.1 200 OK\r\nx-request-id: req-9\r\n\r\n"
            "data: {\"choices\":[{\"delta\":{\"refusal\":\"No\"}}]}\n\n"
            "data: {\"choices\":[{\"delta\":{\"refusal\":\".\"}}]}\n\n" STOP(
                "stop") DONE,
            &reading),
        0);
    assert_string_equal(reading.pieces, "No|.|");
    assert_string_equal(reading.chat.content, "No.");
    assert_string_equal(reading.chat.finish_reason, "refusal");
    assert_string_equal(reading.chat.request_id, "req-9");
    free(reading.chat.content);
}

/* The client reads in chunks; their ends fall on every byte of an event. */
static void test_chunks_end_anywhere(void **state)
{
    const char *event = CHUNK("\\ud83c\\udf09\xC3\xA4");
    const size_t length = strlen(event), chunk = 4096;
    char *reply = malloc(strlen(HEAD) + 2 * chunk + 1000);

    (void)state;
    for (size_t shift = 0; shift <= length; shift += 7) {
        struct reading reading = {0};
        char *end = reply + sprintf(reply, "%s:", HEAD);

        memset(end, 'x', chunk - shift);
        end += chunk - shift;
        sprintf(end, "\n\n%s%s%s", event, STOP("stop"), DONE);
        assert_int_equal(ask("openai", reply, &reading), 0);
        assert_string_equal(reading.pieces, "\xF0\x9F\x8C\x89\xC3\xA4|");
        free(reading.chat.content);
    }
    free(reply);
}

/* ---- Streams that fail ------------------------------------------------- */

static const struct {
    const char *provider, *reply;
    const char *pieces; /* before the error; NULL: it does not open */
    int err;
    const char *text;
} failures[] = {
    {"openai",
     "HTTP/1.1 401 No\r\n\r\n"
     "{\"error\":{\"message\":\"No " KEY "!\"}}",
     NULL, LLM_EAUTHENTICATION, "authentication failed (401): No ***!"},
    {"openai", "HTTP/1.1 500 No\r\n\r\nnginx", NULL, LLM_ESERVER,
     "server error (500): nginx"},
    {"openai", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL,
     LLM_EMALFORMED, "the answer is empty"},
    {"openai", "HTTP/1.1 200 OK\r\n\r\n\n<html>", NULL, LLM_EMALFORMED,
     "the answer is a web page, not JSON: is the base URL right?"},
    {"openai", "HTTP/1.1 200 OK\r\n\r\n{\"choi", NULL, LLM_EMALFORMED,
     "the answer breaks off: its JSON is not complete after 6 bytes"},
    {"openai", HEAD CHUNK("a") CHUNK("b"), "a|b|", LLM_ECONNECTION,
     "the stream broke off after 2 bytes of the answer"},
    {"openai", HEAD CHUNK("a") "data: {\"choices\":[", "a|", LLM_ECONNECTION,
     "the stream broke off after 1 bytes of the answer"},
    {"openai",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
     "C\r\ndata: {}\r\n\r\n\r\n1",
     "", LLM_ECONNECTION, "the answer broke off after 12 bytes"},
    {"openai", HEAD CHUNK("a") "data: {\"choices\":[\n\n", "a|", LLM_EMALFORMED,
     "an event of the stream breaks off: its JSON is not complete after 12 "
     "bytes"},
    {"openai", HEAD CHUNK("a") "data: hello\n\n", "a|", LLM_EMALFORMED,
     "an event of the stream is not JSON: wrong at byte 0 of 5"},
    {"openai", HEAD CHUNK("a") CHUNK("\xFF"), "a|", LLM_EMALFORMED,
     "the answer's text is not UTF-8"},
    {"openai",
     HEAD CHUNK("a") "data: {\"choices\":[],\"usage\":{\"total_tokens\":-1}}"
                     "\n\n",
     "a|", LLM_EMALFORMED,
     "the answer's usage.total_tokens is not a number of tokens"},
    {"openai",
     HEAD CHUNK("a") "data: {\"error\":{\"message\":\"No, " KEY "!\","
                     "\"type\":\"server_error\",\"code\":null}}\n\n",
     "a|", LLM_ESERVER, "server error: No, ***!"},
    {"openai",
     HEAD "data: {\"error\":{\"type\":\"requests\","
          "\"code\":\"rate_limit_exceeded\"}}\n\n",
     "", LLM_ERATELIMIT, "rate limit exceeded: the server gave no reason"},
    /* Some servers that only look like OpenAI's say it by the event's name. */
    {"openai",
     HEAD CHUNK("a") "event: error\ndata: {\"message\":\"Boom\","
                     "\"type\":\"rate_limit_error\"}\n\n",
     "a|", LLM_ERATELIMIT, "rate limit exceeded: Boom"},
    {"openai", HEAD "event: error\ndata: \"Boom\"\n\n", "", LLM_ESERVER,
     "server error: Boom"},
    {"anthropic",
     HEAD ANTHROPIC_BEGIN TEXT("a")
         EVENT("error", ",\"error\":{\"type\":\"overloaded_error\","
                        "\"message\":\"Overloaded\"}"),
     "a|", LLM_ESERVER, "server error: Overloaded"},
    {"anthropic",
     HEAD EVENT("error", ",\"error\":{\"type\":\"rate_limit_error\","
                         "\"message\":\"Slow\"}"),
     "", LLM_ERATELIMIT, "rate limit exceeded: Slow"},
    {"anthropic",
     HEAD EVENT("error", ",\"error\":{\"type\":\"billing_error\","
                         "\"message\":\"Pay\"}"),
     "", LLM_EQUOTA, "no credit left: Pay"},
    {"anthropic", HEAD ANTHROPIC_BEGIN TEXT("a"), "a|", LLM_ECONNECTION,
     "the stream broke off after 1 bytes of the answer"},
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        const char *pieces = failures[i].pieces;
        struct reading reading = {0};

        int err = ask(failures[i].provider, failures[i].reply, &reading);
        assert_string_equal(reading.text, failures[i].text);
        assert_int_equal(err, failures[i].err);
        assert_int_equal(reading.opened, pieces ? 0 : err);
        assert_string_equal(reading.pieces, pieces ? pieces : "");
        assert_int_equal(reading.again, pieces ? err : 0);
        assert_non_null(strstr(failures[i].text, reading.chat.error.message));
        assert_null(reading.chat.content);
    }
}

/* A server that does not stream still answers. */
static void test_an_answer_in_one_piece(void **state)
{
    struct reading reading = {0};

    (void)state;
    assert_int_equal(ask("openai",
                         "HTTP/1.1 200 OK\r\n\r\n"
                         "{\"choices\":[{\"message\":{\"content\":\"Hi.\"}}],"
                         "\"model\":\"m\",\"usage\":{\"prompt_tokens\":2000,"
                         "\"completion_tokens\":1000,\"total_tokens\":3000}}",
                         &reading),
                     0);
    assert_string_equal(reading.pieces, "Hi.|");
    assert_string_equal(reading.chat.content, "Hi.");
    assert_string_equal(reading.chat.model, "m");
    check_totals(&reading.chat);
    free(reading.chat.content);
}

static void test_opening_is_retried(void **state)
{
    struct raw_server *server = raw_server_http(
        "429 Slow down", "Retry-After-Ms: 1\r\nConnection: close\r\n", "{}");
    struct reading reading = {0};

    (void)state;
    raw_server_add(server, "", 0, RAW_CLOSE);
    raw_server_add(server, HEAD OPENAI, strlen(HEAD OPENAI), RAW_CLOSE);
    struct llm_client *client = client_at(server, "openai", 0, 0);
    prepare(&reading, client);
    assert_int_equal(async_run(read_as_a_task, &reading), 0);
    assert_int_equal(reading.chat.attempts, 3);
    assert_string_equal(reading.pieces, "Hi| th\xC3\xA4re|.|");
    assert_string_equal(reading.chat.content, "Hi th\xC3\xA4re.");
    assert_int_equal(client->total_tokens, 3000);
    free(reading.chat.content);
    llm_client_free(client);
    raw_server_stop(server);
}

/* The server sends two pieces, and then nothing. */
static void test_nothing_more_in_time(void **state)
{
    const char *reply = HEAD CHUNK("a") CHUNK("b");
    struct raw_server *server =
        raw_server_start(reply, strlen(reply), RAW_HOLD);
    struct llm_client *client =
        client_at(server, "openai", 0.5, LLM_NO_RETRIES);
    struct reading reading = {0};

    (void)state;
    prepare(&reading, client);
    assert_int_equal(async_run(read_as_a_task, &reading), LLM_ETIMEDOUT);
    assert_string_equal(reading.pieces, "a|b|");
    assert_string_equal(reading.text, "no more of the answer within 0.5 s");
    llm_client_free(client);
    raw_server_stop(server);
}

/*
 * Something comes all the time, but never the next piece: lines without an
 * event, an error's body, or an answer in one piece.
 */
static void test_a_stream_that_drips(void **state)
{
    static const struct {
        const char *reply, *pieces;
    } cases[] = {
        {HEAD CHUNK("a"), "a|"},
        {HEAD ":\n", ""},
        {"HTTP/1.1 500 No\r\n\r\n{", ""},
        {"HTTP/1.1 200 OK\r\n\r\n{ ", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raw_server *server =
            raw_server_start(cases[i].reply, strlen(cases[i].reply), RAW_DRIP);
        struct llm_client *client =
            client_at(server, "openai", 0.5, LLM_NO_RETRIES);
        struct reading reading = {0};

        prepare(&reading, client);
        assert_int_equal(async_run(read_as_a_task, &reading), LLM_ETIMEDOUT);
        assert_string_equal(reading.pieces, cases[i].pieces);
        assert_string_equal(reading.text, "no more of the answer within 0.5 s");
        llm_client_free(client);
        raw_server_stop(server);
    }
}

/* In the middle, and before anything has come; then the client's next chat. */
static void check_cancel(const char *reply, int cancel_at)
{
    struct raw_server *server =
        raw_server_start(reply, strlen(reply), RAW_HOLD);
    struct llm_client *client = client_at(server, "openai", 0, LLM_NO_RETRIES);
    struct reading reading = {.cancel_at = cancel_at}, next = {0};

    raw_server_add(server, HEAD OPENAI, strlen(HEAD OPENAI), RAW_CLOSE);
    prepare(&reading, client);
    assert_int_equal(async_run(read_as_a_task, &reading), ASYNC_ECANCELED);
    assert_int_equal(reading.n, cancel_at - 1);
    assert_null(reading.chat.content);
    prepare(&next, client);
    assert_int_equal(async_run(read_as_a_task, &next), 0);
    assert_int_equal(raw_server_connections(server), 2);
    assert_int_equal(client->total_tokens, 3000);
    free(next.chat.content);
    llm_client_free(client);
    raw_server_stop(server);
}

static void test_cancelled(void **state)
{
    (void)state;
    check_cancel(HEAD CHUNK("a") CHUNK("b"), 3);
    check_cancel(HEAD ": not yet\n\n", 1);
}

/* ---- A slow reader ----------------------------------------------------- */

enum { PIECES = 20000 };

static void *run_reading(void *job)
{
    return (void *)(intptr_t)async_run(read_as_a_task, job);
}

/*
 * The answer is larger than what the network holds, and the reader sleeps for
 * an hour. On the virtual clock that ends only if nothing is in flight: the
 * buffers are full, and the server waits.
 */
static void test_a_slow_reader(void **state)
{
    const size_t size = strlen(CHUNK("0123456789"));
    char *reply = malloc(strlen(HEAD) + PIECES * size + 1000), *end = reply;
    struct reading reading = {.nap = 3600};
    pthread_t thread;

    (void)state;
    end += sprintf(end, "%s", HEAD);
    for (int i = 0; i < PIECES; i++)
        end += sprintf(end, "%s", CHUNK("0123456789"));
    end += sprintf(end, "%s%s", STOP("stop"), DONE);
    struct raw_server *server =
        raw_server_start(reply, (size_t)(end - reply), RAW_CLOSE);
    struct llm_client *client = client_at(server, "openai", 0, LLM_NO_RETRIES);
    prepare(&reading, client);
    setenv("ASYNC_CLOCK", "virtual", 1);
    assert_int_equal(pthread_create(&thread, NULL, run_reading, &reading), 0);
    pthread_join(thread, NULL);
    unsetenv("ASYNC_CLOCK");
    assert_int_equal(reading.err, 0);
    assert_int_equal(reading.n, PIECES);
    assert_int_equal(strlen(reading.chat.content), PIECES * 10);
    free(reading.chat.content);
    free(reply);
    llm_client_free(client);
    raw_server_stop(server);
}

/* ---- Two readers ------------------------------------------------------- */

struct readers {
    struct llm_chat chat;
    struct llm_stream stream;
    struct async_task first;
    int second_err;
};

static int read_one(void *job)
{
    struct readers *readers = job;
    const char *text;

    return llm_stream_next(&readers->stream, &text);
}

/* The second one is refused, and the first one not disturbed. */
static int read_twice(void *job)
{
    struct readers *readers = job;
    int err = llm_stream_open(&readers->stream, &readers->chat);

    if (!err)
        err = read_one(readers); /* the only piece */
    if (err)
        goto out;
    async_spawn(&readers->first, read_one, readers);
    err = async_yield();
    if (!err)
        readers->second_err = read_one(readers);
    async_cancel(&readers->first);
    err = async_await(&readers->first);
out:
    llm_stream_close(&readers->stream);
    return err;
}

static void test_two_readers(void **state)
{
    const char *reply = HEAD CHUNK("a");
    struct raw_server *server =
        raw_server_start(reply, strlen(reply), RAW_HOLD);
    struct llm_client *client = client_at(server, "openai", 0, LLM_NO_RETRIES);
    struct readers readers = {
        .chat = {.client = client, .messages = &hello, .n_messages = 1}};

    (void)state;
    assert_int_equal(async_run(read_twice, &readers), ASYNC_ECANCELED);
    assert_int_equal(readers.second_err, -EBUSY);
    llm_client_free(client);
    raw_server_stop(server);
}

/* ---- Wrong use --------------------------------------------------------- */

static int misuse(void *job)
{
    struct llm_stream stream = {0};
    struct llm_chat chat = {0};
    const char *text = "x";
    int *errs = job;

    errs[0] = llm_stream_open(&stream, NULL);
    errs[1] = llm_stream_open(NULL, &chat);
    errs[2] = llm_stream_open(&stream, &chat);
    errs[3] = llm_stream_next(&stream, &text);
    llm_stream_close(&stream);
    return text ? -EIO : 0;
}

static void test_wrong_use(void **state)
{
    int errs[4];

    (void)state;
    assert_int_equal(async_run(misuse, errs), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(errs[i], -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_events_too_large),
        cmocka_unit_test(test_openai),
        cmocka_unit_test(test_anthropic),
        cmocka_unit_test(test_the_request),
        cmocka_unit_test(test_a_stream_without_its_last_event),
        cmocka_unit_test(test_an_answer_without_text),
        cmocka_unit_test(test_a_refusal),
        cmocka_unit_test(test_chunks_end_anywhere),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_an_answer_in_one_piece),
        cmocka_unit_test(test_opening_is_retried),
        cmocka_unit_test(test_nothing_more_in_time),
        cmocka_unit_test(test_a_stream_that_drips),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_a_slow_reader),
        cmocka_unit_test(test_two_readers),
        cmocka_unit_test(test_wrong_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

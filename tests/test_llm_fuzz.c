/*
 * test_llm_fuzz.c - whatever bytes a server sends, a chat ends in an answer or
 * in an error with a text, and neither is dirty.
 *
 * Right replies are spoiled at random, from fixed seeds, and read: most without
 * a network, by a provider whose transport is this file; some over one.
 */
#include "async/async.h"
#include "llm/llm_private.h"
#include "raw_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY "sk-a-very-secret-key"

enum { MAX_SIZE = 8192, ROUNDS = 4000, NETWORK_ROUNDS = 150 };

static const struct llm_message hello = {"user", "Hello!"};

/* ---- Chance ------------------------------------------------------------ */

static uint64_t chance;

static size_t below(size_t n)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return n ? (size_t)(chance >> 11) % n : 0;
}

/* ---- Spoiling ---------------------------------------------------------- */

struct bytes {
    char data[MAX_SIZE];
    size_t size;
};

static void cut_out(struct bytes *bytes, size_t at, size_t n)
{
    if (n > bytes->size - at)
        n = bytes->size - at;
    memmove(bytes->data + at, bytes->data + at + n, bytes->size - at - n);
    bytes->size -= n;
}

static void put_in(struct bytes *bytes, size_t at, const char *data, size_t n)
{
    if (bytes->size + n > MAX_SIZE)
        return;
    memmove(bytes->data + at + n, bytes->data + at, bytes->size - at);
    memcpy(bytes->data + at, data, n);
    bytes->size += n;
}

/* Things that parsers stumble over. */
static const char *const stones[] = {
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "true",
    "1e999",
    "-1",
    "\\u0000",
    "\\ud800",
    "\n",
    "\r",
    "\r\n\r\n",
    "\n\n",
    "data:",
    "event:",
    "<",
    "\xFF",
    "\xC0\x80",
    "\xED\xA0\x80",
    "99999999999999999999",
    "[DONE]",
    KEY,
    "\x1b[2J",
    "\xEF\xBB\xBF",
    "{{{{",
    "\"error\":{\"message\":\"" KEY "\"}",
    "HTTP/1.1 100 Continue\r\n\r\n",
};

static void spoil_once(struct bytes *bytes)
{
    size_t at = below(bytes->size + 1), n = 1 + below(20);
    const char *stone = stones[below(sizeof stones / sizeof stones[0])];
    char copy[64];

    switch (below(7)) {
    case 0:
        if (at < bytes->size)
            bytes->data[at] ^= (char)(1 << below(8));
        break;
    case 1:
        if (at < bytes->size)
            bytes->data[at] = (char)below(256);
        break;
    case 2:
        cut_out(bytes, at, n);
        break;
    case 3:
        bytes->size = at;
        break;
    case 4:
        put_in(bytes, at, stone, strlen(stone));
        break;
    case 5:
        for (size_t i = 0; i < n; i++)
            copy[i] = (char)below(256);
        put_in(bytes, at, copy, n);
        break;
    default: /* something stands twice */
        n = n < bytes->size - at ? n : bytes->size - at;
        memcpy(copy, bytes->data + at, n);
        put_in(bytes, below(bytes->size + 1), copy, n);
        break;
    }
}

static void spoil(const char *right, struct bytes *bytes)
{
    bytes->size = strlen(right);
    memcpy(bytes->data, right, bytes->size);
    for (size_t i = 1 + below(4); i > 0; i--)
        spoil_once(bytes);
}

/* ---- Right replies ----------------------------------------------------- */

struct right {
    const char *provider;
    int status;
    const char *headers, *body;
};

#define SSE "Content-Type: text/event-stream\r\n"

static const struct right answers[] = {
    {"openai", 200, "x-request-id: req_1\r\n",
     "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":"
     "\"gpt-4\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
     "\"content\":\"Hi \\u00e4 \\ud83c\\udf09 \xC3\xA4!\",\"refusal\":null},"
     "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":20,"
     "\"completion_tokens\":10,\"total_tokens\":30}}"},
    {"anthropic", 200, "request-id: req_1\r\n",
     "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":"
     "[{\"type\":\"text\",\"text\":\"Hi "
     "\"},{\"type\":\"text\",\"text\":\"\\n\"}"
     "],\"model\":\"claude\",\"stop_reason\":\"end_turn\",\"usage\":"
     "{\"input_tokens\":20,\"output_tokens\":10}}"},
    {"openai", 429,
     "x-request-id: req_1\r\nRetry-After: 20\r\nretry-after-ms: 20000\r\n"
     "x-should-retry: true\r\n",
     "{\"error\":{\"message\":\"Rate limit, " KEY "\",\"type\":\"requests\","
     "\"param\":null,\"code\":\"rate_limit_exceeded\"}}"},
    {"anthropic", 529, "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n",
     "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
     "\"message\":\"Overloaded\"},\"request_id\":\"req_2\"}"},
};

static const struct right streams[] = {
    {"openai", 200, SSE,
     "data: {\"model\":\"gpt-4\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
     "\"assistant\",\"content\":\"\"}}]}\n\ndata: {\"choices\":[{\"delta\":{"
     "\"content\":\"Hi \\u00e4\"}}]}\n\n: ping\n\ndata: {\"choices\":[{"
     "\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],"
     "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\n"
     "data: [DONE]\n\n"},
    {"anthropic", 200, SSE,
     "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{"
     "\"model\":\"claude\",\"usage\":{\"input_tokens\":2,\"output_tokens\":1}}}"
     "\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: content_block_delta"
     "\ndata: "
     "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
     "\"text_delta\",\"text\":\"Hi\"}}\n\nevent: message_delta\ndata: "
     "{\"type\":"
     "\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{"
     "\"output_tokens\":7}}\n\nevent: message_stop\ndata: {\"type\":"
     "\"message_stop\"}\n\n"},
    {"openai", 200, SSE,
     "data: {\"error\":{\"message\":\"" KEY "\",\"type\":\"server_error\"}}"
     "\n\n"},
    {"anthropic", 200, SSE,
     "event: error\r\ndata: {\"type\":\"error\",\"error\":{\"type\":"
     "\"overloaded_error\",\"message\":\"Overloaded\"}}\r\n\r\n"},
};

/* ---- A transport without a network ------------------------------------- */

static struct {
    int status;
    struct bytes headers, body;
    size_t at;
} wire;

static void send_headers(struct llm_reply *reply)
{
    size_t begin = 0;

    llm_reply_header(reply, "HTTP/1.1 200 OK\r\n", 17);
    for (size_t i = 0; i < wire.headers.size; i++)
        if (wire.headers.data[i] == '\n') {
            llm_reply_header(reply, wire.headers.data + begin, i + 1 - begin);
            begin = i + 1;
        }
    reply->status = wire.status;
}

static int fake_send(struct llm_chat *chat, bool blocking,
                     struct llm_reply *reply)
{
    (void)chat;
    (void)blocking;
    send_headers(reply);
    return wire.body.size ? llm_reply_add(reply, wire.body.data, wire.body.size)
                          : 0;
}

static int fake_open(struct llm_chat *chat, struct llm_reply *reply,
                     struct llm_source *source)
{
    (void)chat;
    (void)source;
    send_headers(reply);
    wire.at = 0;
    return 0;
}

static int fake_read(struct llm_chat *chat, struct llm_source *source,
                     char *buffer, size_t size, size_t *n)
{
    (void)chat;
    (void)source;
    *n = 1 + below(below(2) ? 10 : 3000);
    if (*n > size)
        *n = size;
    if (*n > wire.body.size - wire.at)
        *n = wire.body.size - wire.at;
    memcpy(buffer, wire.body.data + wire.at, *n);
    wire.at += *n;
    return 0;
}

static void fake_close(struct llm_chat *chat, struct llm_source *source)
{
    (void)chat;
    (void)source;
}

/* ---- Judging ----------------------------------------------------------- */

static struct {
    long answers, errors;
} seen;

static bool is_clean(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            return false;
    return *llm_utf8_end(text) == '\0' && !strstr(text, KEY);
}

static void check_outcome(struct llm_chat *chat, int err, const char *text)
{
    assert_true(is_clean(chat->error.message));
    assert_true(is_clean(chat->error.type));
    assert_true(is_clean(chat->error.request_id));
    assert_true(is_clean(chat->model));
    assert_true(is_clean(text));
    if (err) {
        assert_true(err <= LLM_EBADREQUEST && err >= LLM_EMALFORMED);
        assert_null(chat->content);
        assert_string_not_equal(chat->error.message, "");
        assert_string_not_equal(text, "");
        assert_true(chat->error.retry_after >= 0);
        seen.errors++;
    } else {
        assert_non_null(chat->content);
        assert_int_equal(*llm_utf8_end(chat->content), '\0');
        assert_true(chat->prompt_tokens >= 0 && chat->completion_tokens >= 0);
        assert_true(chat->cost >= 0);
        seen.answers++;
    }
    free(chat->content);
}

/* One chat or stream, and how it ended. */
struct round {
    struct llm_chat chat;
    bool stream;
    int err;
    char text[ASYNC_ERRMSG_SIZE];
};

static int read_stream(struct llm_chat *chat)
{
    struct llm_stream stream = {0};
    const char *text;
    int err = llm_stream_open(&stream, chat);

    while (!err) {
        err = llm_stream_next(&stream, &text);
        if (!text)
            break;
    }
    llm_stream_close(&stream);
    return err;
}

static int play(void *job)
{
    struct round *round = job;

    round->err =
        round->stream ? read_stream(&round->chat) : llm_chat(&round->chat);
    snprintf(round->text, sizeof round->text, "%s",
             round->err ? async_errmsg(round->err) : "");
    return 0;
}

static struct llm_client *new_client(const char *provider, const char *url)
{
    struct llm_options options = {
        .api_key = KEY, .base_url = url, .max_retries = LLM_NO_RETRIES};
    struct llm_client *client = llm_client_from_provider(provider, &options);

    if (!client)
        fail_msg("%s", async_errmsg(-errno));
    return client;
}

static void play_round(struct llm_client *client, bool stream)
{
    struct round round = {
        .stream = stream,
        .chat = {.client = client, .messages = &hello, .n_messages = 1}};

    assert_int_equal(async_run(play, &round), 0);
    check_outcome(&round.chat, round.err, round.text);
}

/* ---- The tests --------------------------------------------------------- */

static void fuzz(const struct right *right, bool stream, uint64_t seed)
{
    struct llm_client *client =
        new_client(right->provider, "http://127.0.0.1:1");
    struct llm_provider fake = *client->llm_private->provider;

    fake.send = fake_send;
    fake.open = fake_open;
    fake.read = fake_read;
    fake.close = fake_close;
    client->llm_private->provider = &fake;
    chance = seed;
    seen.answers = seen.errors = 0;
    for (int i = 0; i < ROUNDS; i++) {
        wire.status = below(20) ? right->status : 100 + (int)below(600);
        spoil(right->headers, &wire.headers);
        spoil(right->body, &wire.body);
        play_round(client, stream);
    }
    /* Spoiled, but not only: where none of either is seen, nothing was. */
    assert_int_equal(seen.answers + seen.errors, ROUNDS);
    assert_true(seen.errors > ROUNDS / 20);
    if (right->status == 200 && !strstr(right->body, KEY) &&
        !strstr(right->body, "overloaded"))
        assert_true(seen.answers > ROUNDS / 20);
    llm_client_free(client);
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        fuzz(&answers[i], false, 1000 + i);
}

static void test_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        fuzz(&streams[i], true, 2000 + i);
    /* Answers to somebody who expects a stream. */
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        fuzz(&answers[i], true, 3000 + i);
}

/* All of a reply, its status line included, from a server. */
static void test_over_the_network(void **state)
{
    struct raw_server *server = raw_server_start("", 0, RAW_CLOSE);
    struct bytes bytes;
    char right[MAX_SIZE], url[64];

    (void)state;
    chance = 4711;
    seen.answers = seen.errors = 0;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", raw_server_port(server));
    for (int i = 0; i < NETWORK_ROUNDS; i++) {
        bool stream = i % 2;
        const struct right *of =
            stream ? &streams[i / 2 % 4] : &answers[i / 2 % 4];
        struct llm_client *client = new_client(of->provider, url);

        snprintf(right, sizeof right, "HTTP/1.1 %d Well\r\n%s\r\n%s",
                 of->status, of->headers, of->body);
        spoil(right, &bytes);
        raw_server_change(server, bytes.data, bytes.size, RAW_CLOSE);
        play_round(client, stream);
        llm_client_free(client);
    }
    assert_int_equal(seen.answers + seen.errors, NETWORK_ROUNDS);
    assert_true(seen.answers > 10 && seen.errors > 10);
    raw_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_over_the_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_mock_llm_chat.c - what the mock server says: answers, streams and errors
 * in the protocol of each provider, models, and the documents of /posts.
 */
#include "mock_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define VERSION "anthropic-version: 2023-06-01"

#define MESSAGE                                                                \
    "\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"What "  \
    "is Python?\"}]"

static const char hello_claude[] =
    "{\"model\":\"claude-sonnet-4-5\"," MESSAGE "}";

static struct call message(const char *body)
{
    return (struct call){.url = "/v1/messages",
                         .body = body,
                         .authorization = "",
                         .headers = {"x-api-key: " KEY, VERSION}};
}

/* ---- Anthropic --------------------------------------------------------- */

static void test_message(void **state)
{
    struct mock_llm *server = start_scenario("");
    struct call call = message(hello_claude);

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_string_equal(header_of(&call, "Content-Type"), "application/json");
    assert_string_equal(header_of(&call, "request-id"), "req_000001");
    assert_null(header_of(&call, "x-request-id"));
    assert_string_equal(string_at(call.json, "id"), "msg_000001");
    assert_string_equal(string_at(call.json, "type"), "message");
    assert_string_equal(string_at(call.json, "role"), "assistant");
    assert_string_equal(string_at(call.json, "model"), "claude-sonnet-4-5");
    assert_int_equal(cJSON_GetArraySize(at(call.json, "content")), 1);
    assert_string_equal(string_at(call.json, "content.0.type"), "text");
    assert_non_null(
        strstr(string_at(call.json, "content.0.text"), "What is Python?"));
    assert_string_equal(string_at(call.json, "stop_reason"), "end_turn");
    assert_true(cJSON_IsNull(at(call.json, "stop_sequence")));
    assert_true(number_at(call.json, "usage.input_tokens") == 11);
    assert_true(number_at(call.json, "usage.output_tokens") == 18);
    clear(&call);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.answered, 1);
    assert_int_equal(ledger.prompt_tokens, 11);
    assert_int_equal(ledger.completion_tokens, 18);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

/* Texts in parts are one text; a system prompt costs tokens; a limit cuts. */
static void test_message_in_parts(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"max_tokens\":2,\"system\":[{\"type\":\"text\","
        "\"text\":\"Be \"},{\"type\":\"text\",\"text\":\"brief.\"}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
        "\"text\":\"What is \"},{\"type\":\"text\",\"text\":\"Python?\"}]}]}";
    struct mock_llm *server = start_scenario("");
    struct call call = message(body);

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_string_equal(string_at(call.json, "stop_reason"), "max_tokens");
    assert_true(number_at(call.json, "usage.input_tokens") == 11 + 4 + 3);
    assert_true(number_at(call.json, "usage.output_tokens") == 2);
    clear(&call);
    mock_llm_stop(server);
}

/* Either kind of key, either version. */
static void test_keys_of_both_kinds(void **state)
{
    struct mock_llm *server = start_scenario("");
    struct call old = message(hello_claude);
    struct call current = {.url = "/v1/messages",
                           .body = hello_claude,
                           .headers = {"anthropic-version: 2026-10-21"}};

    (void)state;
    perform(server, &old);
    assert_int_equal(old.status, 200);
    clear(&old);
    perform(server, &current);
    assert_int_equal(current.status, 200);
    clear(&current);
    mock_llm_stop(server);
}

static void assert_anthropic_error(struct call *call, long status,
                                   const char *type, const char *word)
{
    assert_int_equal(call->status, status);
    assert_string_equal(string_at(call->json, "type"), "error");
    assert_string_equal(string_at(call->json, "error.type"), type);
    if (strstr(string_at(call->json, "error.message"), word) == NULL)
        fail_msg("\"%s\" is not in %s", word, call->text);
    assert_string_equal(string_at(call->json, "request_id"),
                        header_of(call, "request-id"));
    clear(call);
}

static void test_wrong_messages(void **state)
{
    static const char *const cases[][2] = {
        {"{", "not JSON"},
        {"{" MESSAGE "}", "'model' is missing"},
        {"{\"model\":\"m\",\"messages\":[]}", "'max_tokens' is missing"},
        {"{\"model\":\"m\",\"max_tokens\":0," MESSAGE "}", "from 1"},
        {"{\"model\":\"m\",\"max_tokens\":9}", "'messages' is missing"},
        {"{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":"
         "\"system\",\"content\":\"x\"}]}",
         "one of 'user' and 'assistant'"},
        {"{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
         "\"content\":[{\"type\":\"image\"}]}]}",
         "messages[0].content"},
        {"{\"model\":\"m\",\"system\":5," MESSAGE "}", "'system' must be"},
        {"{\"model\":\"m\",\"temperature\":1.5," MESSAGE "}", "from 0 to 1"},
        {"{\"model\":\"m\",\"stream\":\"yes\"," MESSAGE "}", "true or false"},
    };
    struct mock_llm *server = start_scenario("latency = 3600");

    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct call call = message(cases[i][0]);

        perform(server, &call);
        assert_anthropic_error(&call, 400, "invalid_request_error",
                               cases[i][1]);
    }
    mock_llm_stop(server);
}

static void test_errors_of_anthropic(void **state)
{
    struct mock_llm *server = start_scenario("");
    struct call call = message(hello_claude);

    (void)state;
    call.headers[0] = VERSION, call.headers[1] = NULL;
    perform(server, &call);
    assert_anthropic_error(&call, 401, "authentication_error", "x-api-key");
    call = message(hello_claude);
    call.headers[1] = NULL;
    perform(server, &call);
    assert_anthropic_error(&call, 400, "invalid_request_error",
                           "\"anthropic-version\" is missing");
    call = message(hello_claude);
    call.url = "/v1/message";
    perform(server, &call);
    assert_anthropic_error(&call, 404, "not_found_error", "/v1/messages");
    call = message(hello_claude);
    call.method = "DELETE";
    perform(server, &call);
    assert_string_equal(header_of(&call, "Allow"), "POST");
    assert_anthropic_error(&call, 405, "invalid_request_error", "takes POST");
    mock_llm_stop(server);
}

/* The status decides the type in which Anthropic tells of it. */
static void test_types_of_anthropic(void **state)
{
    static const struct {
        const char *fault;
        long status;
        const char *type;
    } cases[] = {
        {"fault = 400", 400, "invalid_request_error"},
        {"fault = 403", 403, "permission_error"},
        {"fault = quota", 402, "billing_error"},
        {"fault = 429", 429, "rate_limit_error"},
        {"fault = 500", 500, "api_error"},
        {"fault = 504", 504, "timeout_error"},
        {"fault = 529", 529, "overloaded_error"},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct mock_llm *server = start_scenario(cases[i].fault);
        struct call call = message(hello_claude);

        perform(server, &call);
        assert_anthropic_error(&call, cases[i].status, cases[i].type,
                               "pretended fault");
        mock_llm_stop(server);
    }
}

static void test_models_of_anthropic(void **state)
{
    struct mock_llm *server = start_scenario("");
    struct call call = {.url = "/v1/models", .headers = {VERSION}};

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_string_equal(string_at(call.json, "data.0.type"), "model");
    assert_string_equal(string_at(call.json, "data.0.id"),
                        string_at(call.json, "first_id"));
    assert_true(cJSON_IsFalse(at(call.json, "has_more")));
    clear(&call);
    mock_llm_stop(server);
}

/* ---- Streams ----------------------------------------------------------- */

/* The next event of a stream: its name ("" if it has none) and its data. */
struct event {
    char name[64];
    cJSON *json;
    bool done; /* OpenAI's "[DONE]" */
};

/* Takes it off *text; false at the end. */
static bool next_event(const char **text, struct event *event)
{
    static const char name_field[] = "event: ", data_field[] = "data: ";
    size_t size;

    *event = (struct event){0};
    if (**text == '\0')
        return false;
    if (strncmp(*text, name_field, strlen(name_field)) == 0) {
        *text += strlen(name_field);
        size = strcspn(*text, "\n");
        snprintf(event->name, sizeof event->name, "%.*s", (int)size, *text);
        *text += size + 1;
    }
    assert_int_equal(strncmp(*text, data_field, strlen(data_field)), 0);
    *text += strlen(data_field);
    size = strcspn(*text, "\n");
    assert_int_equal(strncmp(*text + size, "\n\n", 2), 0);
    event->done = strncmp(*text, "[DONE]\n", 7) == 0;
    event->json = cJSON_ParseWithLength(*text, size);
    assert_true(event->json || event->done);
    *text += size + 2;
    return true;
}

#define STREAM_OF(limit)                                                       \
    "{\"model\":\"gpt-4\",\"stream\":true,\"max_tokens\":" limit               \
    ",\"messages\":[{\"role\":\"user\",\"content\":\"Summarize: \xe2\x82\xac"  \
    "uro \xe2\x82\xac\xe2\x82\xac\"}]"

/* The same answer, not as a stream; to be freed. */
static char *whole_answer(struct mock_llm *server, int limit)
{
    struct call call;
    char body[256], *text;

    snprintf(body, sizeof body,
             "{\"model\":\"gpt-4\",\"max_tokens\":%d,\"messages\":[{\"role\":"
             "\"user\",\"content\":\"Summarize: \xe2\x82\xac"
             "uro \xe2\x82\xac\xe2\x82\xac\"}]}",
             limit);
    call = (struct call){.body = body};
    perform(server, &call);
    text = strdup(string_at(call.json, "choices.0.message.content"));
    clear(&call);
    return text;
}

static void test_stream_of_openai(void **state)
{
    struct mock_llm *server = start_scenario("");
    struct call call = {.body = STREAM_OF("5") "}"};
    char text[256] = "", *expected = whole_answer(server, 5);
    const char *rest;
    struct event event;
    int n = 0;

    (void)state;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    assert_string_equal(header_of(&call, "Content-Type"), "text/event-stream");
    assert_string_equal(header_of(&call, "x-request-id"), "req_000002");
    rest = call.text;
    for (; next_event(&rest, &event) && !event.done; n++) {
        const cJSON *delta = at(event.json, "choices.0.delta");
        bool last = n == 6;

        assert_string_equal(event.name, "");
        assert_string_equal(string_at(event.json, "id"), "chatcmpl-000002");
        assert_string_equal(string_at(event.json, "object"),
                            "chat.completion.chunk");
        assert_string_equal(string_at(event.json, "model"), "gpt-4");
        assert_null(cJSON_GetObjectItem(event.json, "usage"));
        if (n == 0)
            assert_string_equal(string_at(delta, "role"), "assistant");
        if (!last)
            strcat(text, string_at(delta, "content"));
        if (last)
            assert_string_equal(
                string_at(event.json, "choices.0.finish_reason"), "length");
        else
            assert_true(
                cJSON_IsNull(at(event.json, "choices.0.finish_reason")));
        cJSON_Delete(event.json);
    }
    assert_true(event.done);
    assert_string_equal(rest, "");
    assert_int_equal(n, 7); /* the role, five tokens, the end */
    assert_string_equal(text, expected);
    free(expected);
    clear(&call);
    mock_llm_stop(server);
}

/* Asked for, the usage comes in a last chunk without a choice. */
static void test_usage_of_a_stream(void **state)
{
    struct mock_llm *server = start_scenario("");
    struct call call = {
        .body = STREAM_OF("3") ",\"stream_options\":{\"include_usage\":"
                               "true}}"};
    const char *rest;
    struct event event;
    int n = 0;

    (void)state;
    perform(server, &call);
    rest = call.text;
    for (; next_event(&rest, &event) && !event.done; n++) {
        if (n < 5) {
            assert_true(cJSON_IsNull(at(event.json, "usage")));
        } else {
            assert_int_equal(cJSON_GetArraySize(at(event.json, "choices")), 0);
            assert_true(number_at(event.json, "usage.prompt_tokens") == 13);
            assert_true(number_at(event.json, "usage.completion_tokens") == 3);
            assert_true(number_at(event.json, "usage.total_tokens") == 16);
        }
        cJSON_Delete(event.json);
    }
    assert_int_equal(n, 6);
    clear(&call);

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.answered, 1);
    assert_int_equal(ledger.prompt_tokens, 13);
    assert_int_equal(ledger.completion_tokens, 3);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

static void test_stream_of_anthropic(void **state)
{
    static const char *const names[] = {
        "message_start",       "content_block_start", "ping",
        "content_block_delta", "content_block_delta", "content_block_delta",
        "content_block_stop",  "message_delta",       "message_stop"};
    struct mock_llm *server = start_scenario("");
    struct call call = message(STREAM_OF("3") "}");
    char text[64] = "", *expected = whole_answer(server, 3);
    struct event events[LENGTH(names)], none;
    const char *rest;

    (void)state;
    perform(server, &call);
    assert_string_equal(header_of(&call, "Content-Type"), "text/event-stream");
    rest = call.text;
    for (size_t i = 0; i < LENGTH(names); i++) {
        assert_true(next_event(&rest, &events[i]));
        assert_string_equal(events[i].name, names[i]);
        assert_string_equal(string_at(events[i].json, "type"), names[i]);
        if (strcmp(names[i], "content_block_delta") == 0) {
            assert_string_equal(string_at(events[i].json, "delta.type"),
                                "text_delta");
            strcat(text, string_at(events[i].json, "delta.text"));
        }
    }
    assert_false(next_event(&rest, &none));
    assert_string_equal(text, expected);
    assert_int_equal(cJSON_GetArraySize(at(events[0].json, "message.content")),
                     0);
    assert_true(number_at(events[0].json, "message.usage.input_tokens") == 13);
    assert_string_equal(string_at(events[1].json, "content_block.type"),
                        "text");
    assert_string_equal(string_at(events[7].json, "delta.stop_reason"),
                        "max_tokens");
    assert_true(number_at(events[7].json, "usage.output_tokens") == 3);
    for (size_t i = 0; i < LENGTH(names); i++)
        cJSON_Delete(events[i].json);
    free(expected);
    clear(&call);
    mock_llm_stop(server);
}

/*
 * A stream takes as long as the same answer whole, begins with the first
 * token's time and is in flight until its end. (From below only.)
 */
static void test_pace_of_a_stream(void **state)
{
    struct mock_llm *server =
        start_scenario("latency = 0.03\ntokens-per-second = 200");
    struct call call = {.body = STREAM_OF("8") "}"};

    (void)state;
    perform(server, &call);
    clear(&call);

    struct mock_llm_ledger ledger = ledger_of(server);
    const struct mock_llm_request *request = &ledger.requests[0];

    assert_true(request->begin - request->arrival >= 0.03);
    assert_true(request->end - request->begin >= 8 * 0.005 - 1e-6);
    assert_true(request->answered);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

/* After a stream the connection takes the next request. */
static void test_connection_after_a_stream(void **state)
{
    struct mock_llm *server = start_scenario("");
    struct call call = {.easy = curl_easy_init()};
    long opened = -1;

    (void)state;
    call.body = STREAM_OF("3") "}";
    perform(server, &call);
    clear(&call);
    call.body = hello;
    perform(server, &call);
    assert_int_equal(call.status, 200);
    curl_easy_getinfo(call.easy, CURLINFO_NUM_CONNECTS, &opened);
    assert_int_equal(opened, 0);
    clear(&call);
    curl_easy_cleanup(call.easy);
    mock_llm_stop(server);
}

/* A client that leaves in the middle is noticed, and the rest is not sent. */
static void test_leaving_a_stream(void **state)
{
    struct mock_llm *server = start_scenario("tokens-per-second = 0.001");

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = connect_to(port_of(server));
        char byte;

        send_request(fd, "/v1/chat/completions", STREAM_OF("3") "}");
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
        if (i == 0)
            close(fd);
        else
            reset(fd);
        wait_for(server, i + 1, 0);

        struct mock_llm_ledger ledger = ledger_of(server);

        assert_true(ledger.requests[i].disconnected);
        assert_false(ledger.requests[i].answered);
        assert_int_equal(ledger.requests[i].status, 200);
        assert_true(ledger.requests[i].end >= ledger.requests[i].begin);
        assert_int_equal(ledger.completion_tokens, 0);
        mock_llm_ledger_free(&ledger);
    }
    mock_llm_stop(server);
}

/* A next request sent in the middle of a stream is answered after it. */
static void test_request_behind_a_stream(void **state)
{
    struct mock_llm *server = start_scenario("tokens-per-second = 500");
    int fd = connect_to(port_of(server));
    char seen[8192] = "";
    size_t size = 1;
    ssize_t got;

    (void)state;
    send_request(fd, "/v1/chat/completions", STREAM_OF("20") "}");
    assert_int_equal(recv(fd, seen, 1, 0), 1);
    send_request(fd, "/posts/1", NULL);
    while (!strstr(seen, "\"userId\":1")) {
        got = recv(fd, seen + size, sizeof seen - 1 - size, 0);
        assert_true(got > 0);
        size += (size_t)got;
        seen[size] = '\0';
    }
    assert_true(strstr(seen, "[DONE]") < strstr(seen, "\"userId\""));
    close(fd);
    mock_llm_stop(server);
}

/* ---- Documents --------------------------------------------------------- */

static void test_posts(void **state)
{
    struct mock_llm *server = start_scenario("tokens-per-second = 0.001");
    char last[256] = "";

    (void)state;
    for (int i = 1; i <= 100; i++) {
        char url[32], title[32];
        struct call call = {.url = url, .authorization = ""};

        snprintf(url, sizeof url, "/posts/%d", i);
        snprintf(title, sizeof title, "Inspection report %d", i);
        perform(server, &call);
        assert_int_equal(call.status, 200);
        assert_string_equal(header_of(&call, "Content-Type"),
                            "application/json");
        assert_true(number_at(call.json, "id") == i);
        assert_true(number_at(call.json, "userId") == (i + 9) / 10);
        assert_string_equal(string_at(call.json, "title"), title);
        assert_string_not_equal(string_at(call.json, "body"), last);
        snprintf(last, sizeof last, "%s", string_at(call.json, "body"));
        clear(&call);
    }

    struct mock_llm_ledger ledger = ledger_of(server);

    assert_int_equal(ledger.answered, 100);
    assert_int_equal(ledger.prompt_tokens, 0);
    assert_true(ledger.cost == 0);
    mock_llm_ledger_free(&ledger);
    mock_llm_stop(server);
}

static void test_no_such_post(void **state)
{
    static const char *const wrong[] = {"/posts/0",  "/posts/101", "/posts/",
                                        "/posts/1x", "/posts/-1",  "/posts/01",
                                        "/posts",    "/posts/1/2"};
    struct mock_llm *server = start_scenario("");

    (void)state;
    for (size_t i = 0; i < LENGTH(wrong); i++)
        assert_int_equal(status_of(server, wrong[i], NULL), 404);
    assert_int_equal(status_of(server, "/posts/1", "{}"), 405);
    mock_llm_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_message_in_parts),
        cmocka_unit_test(test_keys_of_both_kinds),
        cmocka_unit_test(test_wrong_messages),
        cmocka_unit_test(test_errors_of_anthropic),
        cmocka_unit_test(test_types_of_anthropic),
        cmocka_unit_test(test_models_of_anthropic),
        cmocka_unit_test(test_stream_of_openai),
        cmocka_unit_test(test_usage_of_a_stream),
        cmocka_unit_test(test_stream_of_anthropic),
        cmocka_unit_test(test_pace_of_a_stream),
        cmocka_unit_test(test_connection_after_a_stream),
        cmocka_unit_test(test_leaving_a_stream),
        cmocka_unit_test(test_request_behind_a_stream),
        cmocka_unit_test(test_posts),
        cmocka_unit_test(test_no_such_post),
    };
    int failed;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}

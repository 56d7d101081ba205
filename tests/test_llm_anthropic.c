/*
 * test_llm_anthropic.c - Anthropic's protocol: what is sent, and how answers
 * and errors are read.
 */
#include "async/async.h"
#include "llm/llm.h"
#include "raw_server.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY "sk-ant-very-secret"

#define GOOD_ANSWER                                                            \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","           \
    "\"content\":[{\"type\":\"text\",\"text\":\"Hi.\"}],"                      \
    "\"model\":\"claude-sonnet-4-5-20250929\",\"stop_reason\":\"end_turn\","   \
    "\"stop_sequence\":null,"                                                  \
    "\"usage\":{\"input_tokens\":2000,\"output_tokens\":1000}}"

static const struct llm_message hello = {"user", "Hello!"};

/* The server's URL without the "/v1" that OpenAI's base URLs end in. */
static char *base_url(const struct raw_server *server)
{
    static char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%d", raw_server_port(server));
    return url;
}

static struct llm_client *client_at(const char *url)
{
    struct llm_options options = {
        .api_key = KEY, .base_url = url, .max_retries = LLM_NO_RETRIES};
    struct llm_client *client = llm_client_from_provider("anthropic", &options);

    if (!client)
        fail_msg("%s", async_errmsg(-errno));
    return client;
}

/* One chat with a server that sends this; the chat's error code. */
static int ask(const char *status, const char *headers, const char *body,
               struct llm_chat *chat)
{
    struct raw_server *server = raw_server_http(status, headers, body);
    struct llm_client *client = client_at(base_url(server));

    *chat = (struct llm_chat){
        .client = client, .messages = &hello, .n_messages = 1};
    int err = async_run(llm_chat, chat);
    llm_client_free(client);
    raw_server_stop(server);
    return err;
}

/* ---- What is sent ------------------------------------------------------ */

/* What a chat sends, as the server gets it; to be freed. */
static char *sent(struct llm_chat *chat)
{
    struct raw_server *server = raw_server_http("200 OK", "", GOOD_ANSWER);

    chat->client = client_at(base_url(server));
    assert_int_equal(async_run(llm_chat, chat), 0);
    char *request = raw_server_last_request(server);
    free(chat->content);
    llm_client_free(chat->client);
    raw_server_stop(server);
    return request;
}

static cJSON *body_of(const char *request)
{
    cJSON *json = cJSON_Parse(strstr(request, "\r\n\r\n") + 4);

    assert_non_null(json);
    return json;
}

static const char *string_in(const cJSON *json, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(json, name));
}

static void test_the_request(void **state)
{
    const struct llm_message messages[] = {
        {"system", "You are terse."},
        {"user", "Br\xC3\xBC"
                 "cke?"},
        {"assistant", "Bridge."},
        {"system", "Really."},
        {"user", "More!"},
    };
    struct llm_chat chat = {.messages = messages,
                            .n_messages = 5,
                            .extra = "{\"top_k\":7}",
                            .temperature = 0.5,
                            .max_tokens = 50};
    char *request = sent(&chat);
    cJSON *json = body_of(request),
          *list = cJSON_GetObjectItem(json, "messages");

    (void)state;
    assert_int_equal(strncmp(request, "POST /v1/messages HTTP/1.1\r\n", 28), 0);
    assert_non_null(strstr(request, "\r\nx-api-key: " KEY "\r\n"));
    assert_non_null(strstr(request, "\r\nanthropic-version: 2023-06-01\r\n"));
    assert_null(strstr(request, "Authorization"));
    assert_string_equal(string_in(json, "model"), "claude-sonnet-4-5");
    assert_string_equal(string_in(json, "system"), "You are terse.\n\nReally.");
    assert_int_equal(cJSON_GetObjectItem(json, "max_tokens")->valueint, 50);
    assert_true(cJSON_GetObjectItem(json, "temperature")->valuedouble == 0.5);
    assert_int_equal(cJSON_GetObjectItem(json, "top_k")->valueint, 7);
    assert_null(cJSON_GetObjectItem(json, "stream"));
    assert_int_equal(cJSON_GetArraySize(list), 3);
    for (int i = 0; i < 3; i++) {
        const cJSON *message = cJSON_GetArrayItem(list, i);
        const struct llm_message *mine = &messages[i == 2 ? 4 : i + 1];

        assert_string_equal(string_in(message, "role"), mine->role);
        assert_string_equal(string_in(message, "content"), mine->content);
    }
    cJSON_Delete(json);
    free(request);
}

static void test_the_least_request(void **state)
{
    struct llm_chat chat = {.messages = &hello, .n_messages = 1};
    char *request = sent(&chat);
    cJSON *json = body_of(request);

    (void)state;
    assert_null(cJSON_GetObjectItem(json, "system"));
    assert_int_equal(cJSON_GetObjectItem(json, "max_tokens")->valueint, 4096);
    cJSON_Delete(json);
    free(request);
}

static void refused(const struct llm_chat *wrong, const char *text)
{
    struct llm_chat chat = *wrong;

    assert_int_equal(async_run(llm_chat, &chat), -EINVAL);
    assert_string_equal(async_errmsg(-EINVAL), text);
    assert_int_equal(chat.attempts, 0);
}

static void test_wrong_chats(void **state)
{
    const struct llm_message system = {"system", "Be."};
    struct llm_client *client = client_at("http://127.0.0.1:1");
    struct llm_chat chat = {
        .client = client, .messages = &system, .n_messages = 1};

    (void)state;
    refused(&chat, "the chat has only system messages; Anthropic wants one of "
                   "a user, too");
    chat.messages = &hello;
    chat.temperature = 1.5;
    refused(&chat, "the temperature is not between 0 and 1");
    llm_client_free(client);
}

static void test_the_environment(void **state)
{
    struct raw_server *server = raw_server_http("200 OK", "", GOOD_ANSWER);
    struct llm_chat chat = {.messages = &hello, .n_messages = 1};

    (void)state;
    assert_null(llm_client_from_provider("anthropic", NULL));
    assert_string_equal(async_errmsg(-EINVAL),
                        "no API key for anthropic: set ANTHROPIC_API_KEY in "
                        "the environment, or options.api_key");
    setenv("ANTHROPIC_API_KEY", "from-environment", 1);
    setenv("ANTHROPIC_BASE_URL", base_url(server), 1);
    chat.client = llm_client_from_provider("anthropic", NULL);
    unsetenv("ANTHROPIC_API_KEY");
    unsetenv("ANTHROPIC_BASE_URL");
    assert_non_null(chat.client);
    assert_int_equal(llm_chat_blocking(&chat), 0);
    char *request = raw_server_last_request(server);
    assert_non_null(strstr(request, "x-api-key: from-environment\r\n"));
    free(request);
    free(chat.content);
    llm_client_free(chat.client);
    raw_server_stop(server);
}

/* ---- What comes back --------------------------------------------------- */

static void test_an_answer(void **state)
{
    struct llm_chat chat;

    (void)state;
    assert_int_equal(ask("200 OK", "request-id: req_9\r\n", GOOD_ANSWER, &chat),
                     0);
    assert_string_equal(chat.content, "Hi.");
    assert_string_equal(chat.request_id, "req_9");
    assert_string_equal(chat.provider, "anthropic");
    assert_string_equal(chat.model, "claude-sonnet-4-5-20250929");
    assert_int_equal(chat.prompt_tokens, 2000);
    assert_int_equal(chat.completion_tokens, 1000);
    assert_int_equal(chat.total_tokens, 3000);
    assert_true(fabs(chat.cost - (2 * 0.003 + 1 * 0.015)) < 1e-12);
    assert_false(chat.cut);
    free(chat.content);
}

static void check_content(const char *content, const char *text, bool cut)
{
    char body[512];
    struct llm_chat chat;

    snprintf(body, sizeof body, "{\"content\":%s,\"stop_reason\":\"%s\"}",
             content, cut ? "max_tokens" : "end_turn");
    assert_int_equal(ask("200 OK", "", body, &chat), 0);
    assert_string_equal(chat.content, text);
    assert_int_equal(chat.cut, cut);
    assert_string_equal(chat.finish_reason, cut ? "max_tokens" : "end_turn");
    free(chat.content);
}

static void test_blocks(void **state)
{
    (void)state;
    check_content("[]", "", false);
    check_content("[{\"type\":\"text\",\"text\":\"a\"},"
                  "{\"type\":\"tool_use\",\"id\":\"t\",\"input\":{}},"
                  "{\"type\":\"text\",\"text\":\"\"},"
                  "{\"type\":\"text\",\"text\":\"\\u00e4\"}]",
                  "a\xC3\xA4", true);
    check_content("[{\"type\":\"thinking\",\"thinking\":\"hm\"},"
                  "{\"type\":\"text\",\"text\":\"b\"}]",
                  "b", false);
    check_content("[{\"type\":\"thinking\",\"thinking\":\"hm\"}]", "", true);
}

static const struct {
    const char *body, *text;
} malformed[] = {
    {"", "the answer is empty"},
    {"<html>", "the answer is a web page, not JSON: is the base URL right?"},
    {"{}", "the answer has no list of blocks in content"},
    {"{\"content\":\"a\"}", "the answer has no list of blocks in content"},
    {"{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"}]}",
     "the answer has no block of text in content"},
    {"{\"content\":[1,[],{\"text\":\"a\"},{\"type\":\"text\",\"text\":1}]}",
     "the answer has no block of text in content"},
    {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
     "{\"type\":\"text\",\"text\":\"\xFF\"}]}",
     "the answer's text is not UTF-8"},
    {"{\"content\":[],\"usage\":{\"output_tokens\":0.5}}",
     "the answer's usage.output_tokens is not a number of tokens"},
};

static void test_malformed_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct llm_chat chat;

        assert_int_equal(ask("200 OK", "", malformed[i].body, &chat),
                         LLM_EMALFORMED);
        assert_string_equal(async_errmsg(LLM_EMALFORMED), malformed[i].text);
        assert_null(chat.content);
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *status;
        int err;
    } cases[] = {
        {"400 Bad Request", LLM_EBADREQUEST},
        {"401 Unauthorized", LLM_EAUTHENTICATION},
        {"402 Payment Required", LLM_EQUOTA},
        {"413 Too Large", LLM_EBADREQUEST},
        {"429 Too Many Requests", LLM_ERATELIMIT},
        {"529 Overloaded", LLM_ESERVER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct llm_chat chat;

        assert_int_equal(
            ask(cases[i].status, "request-id: req_7\r\n",
                "{\"type\":\"error\",\"error\":{\"type\":\"some_error\","
                "\"message\":\"No, " KEY "!\"},\"request_id\":\"req_8\"}",
                &chat),
            cases[i].err);
        assert_int_equal(chat.error.status, atoi(cases[i].status));
        assert_string_equal(chat.error.type, "some_error");
        assert_string_equal(chat.error.message, "No, ***!");
        assert_string_equal(chat.error.request_id, "req_7");
    }
}

/* Where a proxy swallowed the header. */
static void test_the_request_id_in_the_body(void **state)
{
    struct llm_chat chat;

    (void)state;
    assert_int_equal(ask("500 Oops", "",
                         "{\"type\":\"error\",\"error\":{\"type\":"
                         "\"api_error\",\"message\":\"a\"},"
                         "\"request_id\":\"req_8\"}",
                         &chat),
                     LLM_ESERVER);
    assert_string_equal(chat.error.request_id, "req_8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_request),
        cmocka_unit_test(test_the_least_request),
        cmocka_unit_test(test_wrong_chats),
        cmocka_unit_test(test_the_environment),
        cmocka_unit_test(test_an_answer),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_malformed_answers),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_the_request_id_in_the_body),
    };

    unsetenv("ANTHROPIC_API_KEY");
    unsetenv("ANTHROPIC_BASE_URL");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * anthropic.c - Anthropic's protocol: how a chat and its answer are written in
 * JSON. What sets it apart: the system's words stand beside the messages, an
 * answer comes in blocks, and it must have a limit.
 */
#include "llm/llm_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a chat sets no limit; its protocol wants one. */
enum { USUAL_MAX_TOKENS = 4096 };

static int add_headers(struct llm_client *client,
                       const struct llm_options *options, const char *key)
{
    const char *source =
        options->api_key ? "options.api_key" : "ANTHROPIC_API_KEY";
    int err = llm_http_add_header(client, "x-api-key", key, source);

    return err ? err
               : llm_http_add_header(client, "anthropic-version", "2023-06-01",
                                     "anthropic-version");
}

static bool is_system(const struct llm_message *message)
{
    return strcmp(message->role, "system") == 0;
}

/* All system messages, an empty line between them; NULL without memory. */
static char *system_text(const struct llm_chat *chat)
{
    size_t size = 1, used = 0;

    for (size_t i = 0; i < chat->n_messages; i++)
        if (is_system(&chat->messages[i]))
            size += strlen(chat->messages[i].content) + 2;
    char *text = malloc(size);
    if (!text)
        return NULL;
    text[0] = '\0';
    for (size_t i = 0; i < chat->n_messages; i++)
        if (is_system(&chat->messages[i])) {
            used += (size_t)sprintf(text + used, "%s%s", used ? "\n\n" : "",
                                    chat->messages[i].content);
        }
    return text;
}

static bool add_system(cJSON *request, const struct llm_chat *chat)
{
    char *text = system_text(chat);
    bool added =
        text && (!*text || cJSON_AddStringToObject(request, "system", text));

    free(text);
    return added;
}

static bool add_messages(cJSON *request, const struct llm_chat *chat)
{
    cJSON *messages = cJSON_AddArrayToObject(request, "messages");

    if (!messages)
        return false;
    for (size_t i = 0; i < chat->n_messages; i++)
        if (!is_system(&chat->messages[i]) &&
            !llm_json_add_message(messages, &chat->messages[i]))
            return false;
    return true;
}

static int check_messages(const struct llm_chat *chat)
{
    for (size_t i = 0; i < chat->n_messages; i++)
        if (!is_system(&chat->messages[i]))
            return 0;
    return async_raise(-EINVAL, "the chat has only system messages; Anthropic "
                                "wants one of a user, too");
}

static char *write_request(const struct llm_chat *chat, bool stream)
{
    int max_tokens = chat->max_tokens > 0 ? chat->max_tokens : USUAL_MAX_TOKENS;
    cJSON *request = cJSON_CreateObject();
    char *json = NULL;

    if (cJSON_AddStringToObject(request, "model", chat->client->model) &&
        cJSON_AddNumberToObject(request, "max_tokens", max_tokens) &&
        add_system(request, chat) && add_messages(request, chat) &&
        llm_json_add_temperature(request, chat) &&
        llm_json_add_extra(request, chat) &&
        (!stream || cJSON_AddTrueToObject(request, "stream")))
        json = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    return json;
}

static int read_usage(struct llm_chat *chat, const cJSON *usage)
{
    int err = llm_json_tokens(usage, "input_tokens", &chat->prompt_tokens);

    return err ? err
               : llm_json_tokens(usage, "output_tokens",
                                 &chat->completion_tokens);
}

static void read_stop(struct llm_chat *chat, const cJSON *message)
{
    llm_read_finish(chat, llm_json_string(message, "stop_reason"),
                    "max_tokens");
}

/* The text of a block; NULL for what is none: thoughts, a tool's use ... */
static const char *block_text(const cJSON *block)
{
    const char *type = llm_json_string(block, "type");

    return type && strcmp(type, "text") == 0 ? llm_json_string(block, "text")
                                             : NULL;
}

static int read_answer(struct llm_chat *chat, const cJSON *reply)
{
    const cJSON *content = llm_json_member(reply, "content"), *block;
    int err = 0;

    if (!cJSON_IsArray(content))
        return async_raise(LLM_EMALFORMED,
                           "the answer has no list of blocks in content");
    read_stop(chat, reply);
    /* The model had nothing to say, or not in words. */
    if (!cJSON_GetArraySize(content) || chat->finish_reason[0])
        err = llm_add_content(chat, "");
    cJSON_ArrayForEach(block, content)
    {
        const char *text = block_text(block);
        if (text && !err)
            err = llm_add_content(chat, text);
    }
    if (!err && !chat->content)
        err = async_raise(LLM_EMALFORMED,
                          "the answer has no block of text in content");
    if (!err)
        err = read_usage(chat, llm_json_member(reply, "usage"));
    llm_read_model(chat, reply);
    return err;
}

static int read_error(struct llm_chat *chat, const cJSON *reply)
{
    const char *id = llm_json_string(reply, "request_id");

    if (id && !chat->error.request_id[0])
        llm_copy_text(chat->error.request_id, sizeof chat->error.request_id, id,
                      chat->client->llm_private->key);
    llm_read_error_texts(chat, reply);
    return 0;
}

static int read_begin(struct llm_chat *chat, const cJSON *message)
{
    llm_read_model(chat, message);
    return read_usage(chat, llm_json_member(message, "usage"));
}

static int read_event(struct llm_chat *chat, const struct llm_sse *event,
                      struct llm_piece *piece)
{
    int err = llm_json_parse("an event of the stream", event->data.text,
                             event->data.size, &piece->json);
    if (err)
        return err;
    const cJSON *json = piece->json, *delta = llm_json_member(json, "delta");
    const char *type = llm_json_string(json, "type");
    if (!type)
        type = event->event;
    if (strcmp(type, "content_block_delta") == 0) {
        piece->text = llm_json_string(delta, "text");
    } else if (strcmp(type, "message_start") == 0) {
        err = read_begin(chat, llm_json_member(json, "message"));
    } else if (strcmp(type, "message_delta") == 0) {
        read_stop(chat, delta);
        piece->stopped |= llm_json_string(delta, "stop_reason") != NULL;
        err = read_usage(chat, llm_json_member(json, "usage"));
    } else if (strcmp(type, "message_stop") == 0) {
        piece->last = true;
    } else if (strcmp(type, "error") == 0) {
        read_error(chat, json);
        err = llm_raise_refusal(chat, llm_error_of_type(chat->error.type));
    }
    return err; /* ping, the frames of blocks, and whatever is invented yet */
}

const struct llm_provider llm_anthropic = {
    .name = "anthropic",
    .model = "claude-sonnet-4-5",
    .base_url = "https://api.anthropic.com",
    .path = "/v1/messages",
    .key_variable = "ANTHROPIC_API_KEY",
    .base_url_variable = "ANTHROPIC_BASE_URL",
    .max_temperature = 1,
    .add_headers = add_headers,
    .check_messages = check_messages,
    .write_request = write_request,
    .send = llm_http_send,
    .open = llm_http_open,
    .read = llm_http_read,
    .close = llm_http_close,
    .read_event = read_event,
    .read_answer = read_answer,
    .read_error = read_error,
};

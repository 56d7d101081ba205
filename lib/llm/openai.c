/*
 * openai.c - OpenAI's protocol: how a chat and its answer are written in JSON.
 */
#include "llm/llm_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* options names it, or else the environment does, or else there is none. */
static int add_optional(struct llm_client *client, const char *name,
                        const char *value, const char *variable)
{
    const char *source = value ? name : variable;

    if (!value)
        value = getenv(variable);
    if (!value || !*value)
        return 0;
    return llm_http_add_header(client, name, value, source);
}

static int add_headers(struct llm_client *client,
                       const struct llm_options *options, const char *key)
{
    const char *source =
        options->api_key ? "options.api_key" : "OPENAI_API_KEY";
    int err = llm_http_add_header(client, "Authorization: Bearer", key, source);

    if (!err)
        err = add_optional(client, "OpenAI-Organization", options->organization,
                           "OPENAI_ORG_ID");
    if (!err)
        err = add_optional(client, "OpenAI-Project", options->project,
                           "OPENAI_PROJECT_ID");
    return err;
}

static bool add_message(cJSON *messages, const struct llm_message *message)
{
    cJSON *object = cJSON_CreateObject();

    if (cJSON_AddStringToObject(object, "role", message->role) &&
        cJSON_AddStringToObject(object, "content", message->content) &&
        cJSON_AddItemToArray(messages, object))
        return true;
    cJSON_Delete(object);
    return false;
}

static char *write_request(const struct llm_chat *chat)
{
    cJSON *request = cJSON_CreateObject();
    cJSON *messages = NULL;
    char *json = NULL;

    if (cJSON_AddStringToObject(request, "model", chat->client->model))
        messages = cJSON_AddArrayToObject(request, "messages");
    if (!messages)
        goto out;
    for (size_t i = 0; i < chat->n_messages; i++)
        if (!add_message(messages, &chat->messages[i]))
            goto out;
    if (!cJSON_AddNumberToObject(request, "temperature", chat->temperature))
        goto out;
    if (chat->max_tokens > 0 &&
        !cJSON_AddNumberToObject(request, "max_tokens", chat->max_tokens))
        goto out;
    json = cJSON_PrintUnformatted(request);
out:
    cJSON_Delete(request);
    return json;
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* A number of tokens; one that is not there is 0, one that is no number is
   malformed. */
static int read_tokens(const cJSON *usage, const char *name, int *tokens)
{
    const cJSON *number = member(usage, name);

    *tokens = 0;
    if (!number || cJSON_IsNull(number))
        return 0;
    double value = cJSON_IsNumber(number) ? number->valuedouble : NAN;
    if (!(value >= 0 && value <= 1e9 && value == floor(value)))
        return async_raise(LLM_EMALFORMED,
                           "the answer's usage.%s is not a number of tokens",
                           name);
    *tokens = (int)value;
    return 0;
}

static int read_usage(struct llm_chat *chat, const cJSON *usage)
{
    int err = read_tokens(usage, "prompt_tokens", &chat->prompt_tokens);

    if (!err)
        err = read_tokens(usage, "completion_tokens", &chat->completion_tokens);
    if (!err)
        err = read_tokens(usage, "total_tokens", &chat->total_tokens);
    if (!err && !chat->total_tokens)
        chat->total_tokens = chat->prompt_tokens + chat->completion_tokens;
    return err;
}

static int read_answer(struct llm_chat *chat, const cJSON *reply)
{
    const cJSON *choices = member(reply, "choices");
    const cJSON *first =
        cJSON_IsArray(choices) ? cJSON_GetArrayItem(choices, 0) : NULL;
    const cJSON *content = member(member(first, "message"), "content");
    const cJSON *model = member(reply, "model");

    if (!cJSON_IsString(content))
        return async_raise(
            LLM_EMALFORMED,
            "the answer has no text in choices[0].message.content");
    if (*llm_utf8_end(content->valuestring))
        return async_raise(LLM_EMALFORMED, "the answer's text is not UTF-8");
    int err = read_usage(chat, member(reply, "usage"));
    if (err)
        return err;
    llm_copy_text(chat->model, sizeof chat->model,
                  cJSON_IsString(model) ? model->valuestring
                                        : chat->client->model,
                  chat->client->llm_private->key);
    chat->content = strdup(content->valuestring);
    return chat->content ? 0 : -ENOMEM;
}

static int read_error(struct llm_chat *chat, const cJSON *reply)
{
    const cJSON *error = member(reply, "error");
    const cJSON *type = member(error, "type");
    const cJSON *message = member(error, "message");
    const cJSON *code = member(error, "code");
    const char *key = chat->client->llm_private->key;

    if (cJSON_IsString(type))
        llm_copy_text(chat->error.type, sizeof chat->error.type,
                      type->valuestring, key);
    if (cJSON_IsString(message))
        llm_copy_text(chat->error.message, sizeof chat->error.message,
                      message->valuestring, key);
    /* The status of a rate limit, but waiting does not help. */
    if (chat->error.status == 429 && cJSON_IsString(code) &&
        strcmp(code->valuestring, "insufficient_quota") == 0)
        return LLM_EQUOTA;
    return 0;
}

const struct llm_provider llm_openai = {
    .name = "openai",
    .model = "gpt-3.5-turbo",
    .base_url = "https://api.openai.com/v1",
    .path = "/chat/completions",
    .key_variable = "OPENAI_API_KEY",
    .base_url_variable = "OPENAI_BASE_URL",
    .add_headers = add_headers,
    .write_request = write_request,
    .read_answer = read_answer,
    .read_error = read_error,
};

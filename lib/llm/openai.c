/*
 * openai.c - OpenAI's protocol: how a chat and its answer are written in JSON.
 */
#include "llm/llm_private.h"

#include <errno.h>
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

static bool add_messages(cJSON *request, const struct llm_chat *chat)
{
    cJSON *messages = cJSON_AddArrayToObject(request, "messages");

    if (!messages)
        return false;
    for (size_t i = 0; i < chat->n_messages; i++)
        if (!llm_json_add_message(messages, &chat->messages[i]))
            return false;
    return true;
}

/* Models that reason refuse the one, servers that only look like OpenAI's do
   not know the other. */
static const char *limit_name(const char *model)
{
    static const char *const reasoning[] = {"o1", "o3", "o4", "gpt-5"};

    for (size_t i = 0; i < sizeof reasoning / sizeof reasoning[0]; i++)
        if (strncmp(model, reasoning[i], strlen(reasoning[i])) == 0)
            return "max_completion_tokens";
    return "max_tokens";
}

/* Not asked for, the usage would not be told. */
static bool add_stream(cJSON *request)
{
    return cJSON_AddTrueToObject(request, "stream") &&
           cJSON_AddTrueToObject(
               cJSON_AddObjectToObject(request, "stream_options"),
               "include_usage");
}

char *llm_openai_write_request(const struct llm_chat *chat, bool stream)
{
    cJSON *request = cJSON_CreateObject();
    char *json = NULL;

    if (cJSON_AddStringToObject(request, "model", chat->client->model) &&
        add_messages(request, chat) &&
        llm_json_add_temperature(request, chat) &&
        (chat->max_tokens == 0 ||
         cJSON_AddNumberToObject(request, limit_name(chat->client->model),
                                 chat->max_tokens)) &&
        llm_json_add_extra(request, chat) && (!stream || add_stream(request)))
        json = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    return json;
}

static int read_usage(struct llm_chat *chat, const cJSON *usage)
{
    int err = llm_json_tokens(usage, "prompt_tokens", &chat->prompt_tokens);

    if (!err)
        err = llm_json_tokens(usage, "completion_tokens",
                              &chat->completion_tokens);
    if (!err)
        err = llm_json_tokens(usage, "total_tokens", &chat->total_tokens);
    return err;
}

static const char refusal[] = "refusal";

/* The text of an answer, or of a part of it; NULL if it has none. A refusal
   stands beside it, and for OpenAI ends like any answer. */
static const char *read_text(struct llm_chat *chat, const cJSON *message)
{
    const char *text = llm_json_string(message, "content");
    const char *refused = llm_json_string(message, refusal);

    if (!refused)
        return text;
    llm_read_finish(chat, refusal, "length");
    return refused;
}

/* Behind read_text. */
static void read_finish(struct llm_chat *chat, const cJSON *choice)
{
    if (strcmp(chat->finish_reason, refusal) != 0)
        llm_read_finish(chat, llm_json_string(choice, "finish_reason"),
                        "length");
}

static const cJSON *first_choice(const cJSON *reply)
{
    const cJSON *choices = llm_json_member(reply, "choices");

    return cJSON_IsArray(choices) ? cJSON_GetArrayItem(choices, 0) : NULL;
}

/* What is left of failing after a status of 200: a stream's way, most often.
   named: the reply is said to be an error. Returns 0 if it is none. */
static int read_late_error(struct llm_chat *chat, const cJSON *reply,
                           bool named)
{
    const cJSON *error = llm_json_member(reply, "error");

    if (!named && (!error || cJSON_IsNull(error)))
        return 0;
    llm_read_error_texts(chat, reply);
    int err = llm_error_of_type(chat->error.code);
    return llm_raise_refusal(
        chat, err == LLM_ESERVER ? llm_error_of_type(chat->error.type) : err);
}

int llm_openai_read_answer(struct llm_chat *chat, const cJSON *reply)
{
    const cJSON *choice = first_choice(reply);
    const cJSON *message = llm_json_member(choice, "message");
    const char *content = read_text(chat, message);

    read_finish(chat, choice);
    /* All of its tokens were thoughts, say, or a filter took them out. */
    if (!content && chat->finish_reason[0] &&
        cJSON_IsNull(llm_json_member(message, "content")))
        content = "";
    int err = content ? 0 : read_late_error(chat, reply, false);
    if (err)
        return err;
    if (!content)
        return async_raise(
            LLM_EMALFORMED,
            "the answer has no text in choices[0].message.content");
    err = read_usage(chat, llm_json_member(reply, "usage"));
    if (err)
        return err;
    llm_read_model(chat, reply);
    return llm_add_content(chat, content);
}

int llm_openai_read_error(struct llm_chat *chat, const cJSON *reply)
{
    static const char quota[] = "insufficient_quota";

    llm_read_error_texts(chat, reply);
    /* The status of a rate limit, but waiting does not help. */
    return strcmp(chat->error.code, quota) == 0 ||
                   strcmp(chat->error.type, quota) == 0
               ? LLM_EQUOTA
               : 0;
}

int llm_openai_read_event(struct llm_chat *chat, const struct llm_sse *event,
                          struct llm_piece *piece)
{
    if (strncmp(event->data.text, "[DONE]", 6) == 0) {
        piece->last = true;
        return 0;
    }
    int err = llm_json_parse("an event of the stream", event->data.text,
                             event->data.size, &piece->json);
    if (err)
        return err;
    err =
        read_late_error(chat, piece->json, strcmp(event->event, "error") == 0);
    if (err)
        return err;
    const cJSON *choice = first_choice(piece->json);
    piece->text = read_text(chat, llm_json_member(choice, "delta"));
    read_finish(chat, choice);
    piece->stopped |= llm_json_string(choice, "finish_reason") != NULL;
    if (!chat->model[0])
        llm_read_model(chat, piece->json);
    return read_usage(chat, llm_json_member(piece->json, "usage"));
}

const struct llm_provider llm_openai = {
    .name = "openai",
    .model = "gpt-3.5-turbo",
    .base_url = "https://api.openai.com/v1",
    .path = "/chat/completions",
    .max_temperature = 2,
    .key_variable = "OPENAI_API_KEY",
    .base_url_variable = "OPENAI_BASE_URL",
    .add_headers = add_headers,
    .write_request = llm_openai_write_request,
    .read_answer = llm_openai_read_answer,
    .read_error = llm_openai_read_error,
    .send = llm_http_send,
    .open = llm_http_open,
    .read = llm_http_read,
    .close = llm_http_close,
    .read_event = llm_openai_read_event,
};

/*
 * openai.c - reads a chat request field by field, strictly: what OpenAI would
 * refuse is refused here, too, with the field's name. What the mock server
 * cannot do is refused, not ignored: a client that asked for a stream and
 * got none would have to guess why.
 */
#include "mock_llm/openai.h"
#include "mock_llm/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

bool mock_llm_refuse(struct openai_error *error, int status, const char *code,
                     const char *param, const char *format, ...)
{
    va_list args;

    error->status = status;
    error->type = "invalid_request_error";
    error->code = code;
    snprintf(error->param, sizeof error->param, "%s", param);
    va_start(args, format);
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    return false;
}

/* An empty string is null. */
static bool add_string(cJSON *object, const char *name, const char *value)
{
    return *value ? cJSON_AddStringToObject(object, name, value)
                  : cJSON_AddNullToObject(object, name);
}

/* Prints what was built, if all of it was, and frees it. */
static char *print(cJSON *json, bool complete)
{
    char *text = complete ? cJSON_PrintUnformatted(json) : NULL;

    cJSON_Delete(json);
    return text;
}

char *mock_llm_error_json(const struct openai_error *error)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *fields = cJSON_AddObjectToObject(json, "error");
    /* A long path may have been cut in the middle of a character. */
    size_t whole = mock_llm_utf8_span(error->message, strlen(error->message));
    char message[sizeof error->message];

    snprintf(message, sizeof message, "%.*s", (int)whole, error->message);
    return print(json, add_string(fields, "message", message) &&
                           add_string(fields, "type", error->type) &&
                           add_string(fields, "param", error->param) &&
                           add_string(fields, "code", error->code));
}

/* ---- The request ------------------------------------------------------- */

static bool parse(struct openai_chat *chat, const char *body, size_t size,
                  struct openai_error *error)
{
    size_t bad = mock_llm_utf8_span(body, size);
    const char *end = NULL;

    if (bad < size)
        return mock_llm_refuse(error, 400, "", "",
                               "The body is not UTF-8: byte %zu does not fit.",
                               bad);
    chat->json = cJSON_ParseWithLengthOpts(body, size, &end, 0);
    if (chat->json)
        end += strspn(end, " \t\r\n");
    if (!chat->json || end < body + size)
        return mock_llm_refuse(error, 400, "", "",
                               "The body is not JSON: see byte %zu of %zu.",
                               end ? (size_t)(end - body) : 0, size);
    if (!cJSON_IsObject(chat->json))
        return mock_llm_refuse(error, 400, "", "",
                               "The body must be a JSON object.");
    return true;
}

/* The field, or NULL if it is absent or null: OpenAI takes both as not set. */
static cJSON *field(const cJSON *object, const char *name)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNull(item) ? NULL : item;
}

static bool read_model(struct openai_chat *chat, struct openai_error *error)
{
    const cJSON *model = field(chat->json, "model");

    if (!model)
        return mock_llm_refuse(error, 400, "missing_required_parameter",
                               "model", "The parameter 'model' is missing.");
    if (!cJSON_IsString(model) || model->valuestring[0] == '\0')
        return mock_llm_refuse(error, 400, "invalid_type", "model",
                               "'model' must be the name of a model.");
    chat->model = model->valuestring;
    return true;
}

static bool role_is_known(const char *role)
{
    static const char *const roles[] = {"system",    "developer", "user",
                                        "assistant", "tool",      "function"};

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(role, roles[i]) == 0)
            return true;
    return false;
}

static bool read_message(struct openai_chat *chat, const cJSON *message, int i,
                         struct openai_error *error)
{
    const cJSON *role = field(message, "role");
    const cJSON *content = field(message, "content");
    char param[64];

    snprintf(param, sizeof param, "messages[%d].role", i);
    if (!cJSON_IsString(role) || !role_is_known(role->valuestring))
        return mock_llm_refuse(error, 400, "invalid_value", param,
                               "'%s' must be one of 'system', 'developer', "
                               "'user', 'assistant', 'tool' and 'function'.",
                               param);
    snprintf(param, sizeof param, "messages[%d].content", i);
    if (!cJSON_IsString(content))
        return mock_llm_refuse(error, 400, "invalid_type", param,
                               "'%s' must be a string.", param);
    scenario_add_message(&chat->request, role->valuestring,
                         content->valuestring);
    return true;
}

static bool read_messages(struct openai_chat *chat, struct openai_error *error)
{
    const cJSON *messages = field(chat->json, "messages");
    const cJSON *message;
    int i = 0;

    if (!messages)
        return mock_llm_refuse(error, 400, "missing_required_parameter",
                               "messages",
                               "The parameter 'messages' is missing.");
    if (!cJSON_IsArray(messages) || !messages->child)
        return mock_llm_refuse(error, 400, "invalid_type", "messages",
                               "'messages' must be an array of one or more "
                               "messages, {\"role\": ..., \"content\": ...}.");
    cJSON_ArrayForEach(message, messages)
    {
        if (!read_message(chat, message, i++, error))
            return false;
    }
    return true;
}

/* Reads a number into *value, which is left alone if the request has none. */
static bool read_number(const struct openai_chat *chat, const char *name,
                        double min, double max, double *value,
                        struct openai_error *error)
{
    const cJSON *number = field(chat->json, name);

    if (!number)
        return true;
    if (!cJSON_IsNumber(number))
        return mock_llm_refuse(error, 400, "invalid_type", name,
                               "'%s' must be a number.", name);
    if (!(number->valuedouble >= min && number->valuedouble <= max))
        return mock_llm_refuse(error, 400, "invalid_value", name,
                               "'%s' must be from %.10g to %.10g.", name, min,
                               max);
    *value = number->valuedouble;
    return true;
}

static bool read_max_tokens(struct openai_chat *chat,
                            struct openai_error *error)
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens"};

    for (int i = 0; i < 2; i++) {
        double limit = 0;

        if (!read_number(chat, names[i], 1, 1e9, &limit, error))
            return false;
        if (limit != floor(limit))
            return mock_llm_refuse(error, 400, "invalid_type", names[i],
                                   "'%s' must be a whole number.", names[i]);
        if (limit > 0)
            chat->request.max_tokens = (int)limit;
    }
    return true;
}

static bool read_what_is_not_here(const struct openai_chat *chat,
                                  struct openai_error *error)
{
    double choices = 1;

    if (cJSON_IsTrue(field(chat->json, "stream")))
        return mock_llm_refuse(error, 400, "unsupported_value", "stream",
                               "This server does not stream: leave 'stream' "
                               "out, or set it to false.");
    if (!read_number(chat, "n", 1, 128, &choices, error))
        return false;
    if (choices != 1)
        return mock_llm_refuse(
            error, 400, "unsupported_value", "n",
            "This server gives one choice: leave 'n' out, or "
            "set it to 1.");
    return true;
}

bool mock_llm_chat_read(struct openai_chat *chat, const char *body, size_t size,
                        struct openai_error *error)
{
    double temperature = 1;

    *chat = (struct openai_chat){0};
    return parse(chat, body, size, error) && read_model(chat, error) &&
           read_messages(chat, error) && read_max_tokens(chat, error) &&
           read_number(chat, "temperature", 0, 2, &temperature, error) &&
           read_what_is_not_here(chat, error);
}

void mock_llm_chat_free(struct openai_chat *chat)
{
    cJSON_Delete(chat->json);
}

/* ---- The answers ------------------------------------------------------- */

static bool add_choice(cJSON *json, const struct scenario_reply *reply)
{
    cJSON *choices = cJSON_AddArrayToObject(json, "choices");
    cJSON *choice = cJSON_CreateObject();
    cJSON *message;

    if (!cJSON_AddItemToArray(choices, choice)) {
        cJSON_Delete(choice);
        return false;
    }
    return cJSON_AddNumberToObject(choice, "index", 0) &&
           (message = cJSON_AddObjectToObject(choice, "message")) &&
           cJSON_AddStringToObject(message, "role", "assistant") &&
           cJSON_AddStringToObject(message, "content", reply->text) &&
           cJSON_AddNullToObject(message, "refusal") &&
           cJSON_AddNullToObject(choice, "logprobs") &&
           cJSON_AddStringToObject(choice, "finish_reason",
                                   reply->cut ? "length" : "stop");
}

static bool add_usage(cJSON *json, const struct scenario_reply *reply)
{
    cJSON *usage = cJSON_AddObjectToObject(json, "usage");
    int prompt = reply->prompt_tokens, completion = reply->completion_tokens;

    return cJSON_AddNumberToObject(usage, "prompt_tokens", prompt) &&
           cJSON_AddNumberToObject(usage, "completion_tokens", completion) &&
           cJSON_AddNumberToObject(usage, "total_tokens", prompt + completion);
}

char *mock_llm_chat_answer(const struct openai_chat *chat, long number,
                           const struct scenario_reply *reply)
{
    cJSON *json = cJSON_CreateObject();
    char id[64];

    snprintf(id, sizeof id, "chatcmpl-%06ld", number);
    return print(
        json,
        cJSON_AddStringToObject(json, "id", id) &&
            cJSON_AddStringToObject(json, "object", "chat.completion") &&
            cJSON_AddNumberToObject(json, "created", (double)time(NULL)) &&
            cJSON_AddStringToObject(json, "model", chat->model) &&
            add_choice(json, reply) && add_usage(json, reply));
}

static bool add_model(cJSON *data, const char *name)
{
    cJSON *model = cJSON_CreateObject();

    if (!cJSON_AddItemToArray(data, model)) {
        cJSON_Delete(model);
        return false;
    }
    return cJSON_AddStringToObject(model, "id", name) &&
           cJSON_AddStringToObject(model, "object", "model") &&
           cJSON_AddNumberToObject(model, "created", 0) &&
           cJSON_AddStringToObject(model, "owned_by", "mock_llm");
}

char *mock_llm_model_list(void)
{
    cJSON *json = cJSON_CreateObject();
    size_t n;
    const struct scenario_model *models = scenario_models(&n);
    bool complete = cJSON_AddStringToObject(json, "object", "list");
    cJSON *data = cJSON_AddArrayToObject(json, "data");

    for (size_t i = 0; complete && i < n; i++)
        complete = add_model(data, models[i].name);
    return print(json, complete);
}

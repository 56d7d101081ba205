/*
 * api.c - what OpenAI's protocol and Anthropic's have in common.
 *
 * A request is read field by field, strictly: what the provider would refuse is
 * refused here, too, with the field's name. Fields that change nothing here are
 * not looked at.
 */
#include "mock_llm/api.h"
#include "scenario/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

bool mock_llm_refuse(struct refusal *refusal, int status, const char *code,
                     const char *param, const char *format, ...)
{
    va_list args;

    *refusal = (struct refusal){
        .status = status, .type = "invalid_request_error", .code = code};
    snprintf(refusal->param, sizeof refusal->param, "%s", param);
    va_start(args, format);
    vsnprintf(refusal->message, sizeof refusal->message, format, args);
    va_end(args);
    /* A long path may have been cut in the middle of a character. */
    refusal->message[scenario_utf8_span(refusal->message,
                                        strlen(refusal->message))] = '\0';
    return false;
}

bool mock_llm_refuse_method(struct refusal *refusal, struct evkeyvalq *headers,
                            const char *path, const char *method,
                            const char *allowed)
{
    evhttp_add_header(headers, "Allow", allowed);
    return mock_llm_refuse(refusal, 405, "", "", "%s takes %s, not %s.", path,
                           allowed, method);
}

/* ---- The request ------------------------------------------------------- */

static bool parse(struct chat *chat, const char *body, size_t size,
                  struct refusal *refusal)
{
    size_t bad = scenario_utf8_span(body, size);
    const char *end = NULL;

    if (bad < size)
        return mock_llm_refuse(refusal, 400, "", "",
                               "The body is not UTF-8: byte %zu does not fit.",
                               bad);
    chat->json = cJSON_ParseWithLengthOpts(body, size, &end, 0);
    if (chat->json)
        end += strspn(end, " \t\r\n");
    if (!chat->json || end < body + size)
        return mock_llm_refuse(refusal, 400, "", "",
                               "The body is not JSON: see byte %zu of %zu.",
                               end ? (size_t)(end - body) : 0, size);
    if (!cJSON_IsObject(chat->json))
        return mock_llm_refuse(refusal, 400, "", "",
                               "The body must be a JSON object.");
    return true;
}

bool mock_llm_chat_read(const struct api *api, struct chat *chat,
                        const char *body, size_t size, struct refusal *refusal)
{
    chat->created = (double)time(NULL);
    return parse(chat, body, size, refusal) && api->read(chat, refusal);
}

void mock_llm_chat_free(struct chat *chat)
{
    if (chat)
        cJSON_Delete(chat->json);
    free(chat);
}

cJSON *mock_llm_field(const cJSON *object, const char *name)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNull(item) ? NULL : item;
}

bool mock_llm_read_number(const struct chat *chat, const char *name, double min,
                          double max, double *value, struct refusal *refusal)
{
    const cJSON *number = mock_llm_field(chat->json, name);

    if (!number)
        return true;
    if (!cJSON_IsNumber(number))
        return mock_llm_refuse(refusal, 400, "invalid_type", name,
                               "'%s' must be a number.", name);
    if (!(number->valuedouble >= min && number->valuedouble <= max))
        return mock_llm_refuse(refusal, 400, "invalid_value", name,
                               "'%s' must be from %.10g to %.10g.", name, min,
                               max);
    *value = number->valuedouble;
    return true;
}

bool mock_llm_read_count(const struct chat *chat, const char *name, int *value,
                         struct refusal *refusal)
{
    double number = *value;

    if (!mock_llm_read_number(chat, name, 1, 1e9, &number, refusal))
        return false;
    if (number != floor(number))
        return mock_llm_refuse(refusal, 400, "invalid_type", name,
                               "'%s' must be a whole number.", name);
    *value = (int)number;
    return true;
}

bool mock_llm_read_stream(struct chat *chat, struct refusal *refusal)
{
    const cJSON *stream = mock_llm_field(chat->json, "stream");

    chat->stream = cJSON_IsTrue(stream);
    return !stream || cJSON_IsBool(stream) ||
           mock_llm_refuse(refusal, 400, "invalid_type", "stream",
                           "'stream' must be true or false.");
}

bool mock_llm_read_model(struct chat *chat, struct refusal *refusal)
{
    const cJSON *model = mock_llm_field(chat->json, "model");

    if (!model)
        return mock_llm_refuse(refusal, 400, "missing_required_parameter",
                               "model", "The parameter 'model' is missing.");
    if (!cJSON_IsString(model) || model->valuestring[0] == '\0')
        return mock_llm_refuse(refusal, 400, "invalid_type", "model",
                               "'model' must be the name of a model.");
    chat->model = model->valuestring;
    return true;
}

/* ---- Messages ---------------------------------------------------------- */

/* How long the texts of all parts are together; -1: not all parts are text. */
static long size_of_parts(const cJSON *parts)
{
    const cJSON *part;
    size_t size = 0;

    if (!cJSON_IsArray(parts) || !parts->child)
        return -1;
    cJSON_ArrayForEach(part, parts)
    {
        const cJSON *type = mock_llm_field(part, "type");
        const cJSON *text = mock_llm_field(part, "text");

        if (!cJSON_IsString(type) || strcmp(type->valuestring, "text") != 0 ||
            !cJSON_IsString(text))
            return -1;
        size += strlen(text->valuestring);
    }
    return (long)size;
}

const char *mock_llm_content(cJSON *object, const char *name)
{
    const cJSON *content = mock_llm_field(object, name), *part;
    long size;
    char *joined, *end;
    cJSON *string;

    if (cJSON_IsString(content))
        return content->valuestring;
    size = size_of_parts(content);
    joined = size < 0 ? NULL : malloc((size_t)size + 1);
    if (!joined)
        return NULL;
    end = joined;
    *end = '\0';
    cJSON_ArrayForEach(part, content)
    {
        end = stpcpy(end, mock_llm_field(part, "text")->valuestring);
    }
    string = cJSON_CreateString(joined);
    free(joined);
    if (!cJSON_ReplaceItemInObjectCaseSensitive(object, name, string)) {
        cJSON_Delete(string);
        return NULL;
    }
    return string->valuestring;
}

static bool is_among(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static bool refuse_role(const char *param, const char *const *roles,
                        struct refusal *refusal)
{
    char list[128] = "";

    for (; *roles; roles++) {
        size_t used = strlen(list);

        snprintf(list + used, sizeof list - used, "%s'%s'",
                 used == 0  ? ""
                 : roles[1] ? ", "
                            : " and ",
                 *roles);
    }
    return mock_llm_refuse(refusal, 400, "invalid_value", param,
                           "'%s' must be one of %s.", param, list);
}

static bool read_message(struct chat *chat, cJSON *message, int i,
                         const char *const *roles, struct refusal *refusal)
{
    const cJSON *role = mock_llm_field(message, "role");
    const char *content;
    char param[64];

    snprintf(param, sizeof param, "messages[%d].role", i);
    if (!cJSON_IsString(role) || !is_among(role->valuestring, roles))
        return refuse_role(param, roles, refusal);
    snprintf(param, sizeof param, "messages[%d].content", i);
    content = mock_llm_content(message, "content");
    if (!content)
        return mock_llm_refuse(
            refusal, 400, "invalid_type", param,
            "'%s' must be a string, or an array of {\"type\": \"text\", "
            "\"text\": ...}.",
            param);
    scenario_add_message(&chat->request, role->valuestring, content);
    return true;
}

bool mock_llm_read_messages(struct chat *chat, const char *const *roles,
                            struct refusal *refusal)
{
    const cJSON *messages = mock_llm_field(chat->json, "messages");
    int i = 0;

    if (!messages)
        return mock_llm_refuse(refusal, 400, "missing_required_parameter",
                               "messages",
                               "The parameter 'messages' is missing.");
    if (!cJSON_IsArray(messages) || !messages->child)
        return mock_llm_refuse(refusal, 400, "invalid_type", "messages",
                               "'messages' must be an array of one or more "
                               "messages, {\"role\": ..., \"content\": ...}.");
    for (cJSON *message = messages->child; message; message = message->next)
        if (!read_message(chat, message, i++, roles, refusal))
            return false;
    return true;
}

/* ---- JSON -------------------------------------------------------------- */

cJSON *mock_llm_add_object(cJSON *array)
{
    cJSON *object = cJSON_CreateObject();

    if (cJSON_AddItemToArray(array, object))
        return object;
    cJSON_Delete(object);
    return NULL;
}

bool mock_llm_add_string(cJSON *object, const char *name, const char *value)
{
    return *value ? cJSON_AddStringToObject(object, name, value)
                  : cJSON_AddNullToObject(object, name);
}

char *mock_llm_print(cJSON *json, bool complete)
{
    char *text = complete ? cJSON_PrintUnformatted(json) : NULL;

    cJSON_Delete(json);
    return text;
}

bool mock_llm_add_event(struct evbuffer *out, const char *name, cJSON *json,
                        bool complete)
{
    char *data = mock_llm_print(json, complete);
    bool added =
        data && (!name || evbuffer_add_printf(out, "event: %s\n", name) >= 0) &&
        evbuffer_add_printf(out, "data: %s\n\n", data) >= 0;

    cJSON_free(data);
    return added;
}

/* ---- Headers ----------------------------------------------------------- */

bool mock_llm_has_bearer(const struct evkeyvalq *headers)
{
    static const char scheme[] = "Bearer ";
    const char *value = evhttp_find_header(headers, "Authorization");

    return value && strncasecmp(value, scheme, strlen(scheme)) == 0 &&
           value[strlen(scheme)] != '\0';
}

void mock_llm_add_header(struct evkeyvalq *headers, const char *name,
                         const char *format, ...)
{
    char value[128];
    va_list args;

    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    evhttp_add_header(headers, name, value);
}

/* A date has whole seconds only: rounded up, the client is never told to come
   too early. */
static void add_date(struct evkeyvalq *headers, double moment)
{
    time_t when = (time_t)ceil(moment);
    struct tm parts;
    char date[64];

    if (gmtime_r(&when, &parts) &&
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0)
        evhttp_add_header(headers, "Retry-After", date);
}

void mock_llm_add_retry_after(struct evkeyvalq *headers,
                              const struct refusal *refusal, double now)
{
    double seconds = refusal->retry_after;

    if (refusal->for_good)
        evhttp_add_header(headers, "x-should-retry", "false");
    if (!(seconds > 0))
        return;
    if (refusal->spelling == SCENARIO_DATE)
        add_date(headers, now + seconds);
    else if (refusal->spelling == SCENARIO_MILLISECONDS)
        mock_llm_add_header(headers, "retry-after-ms", "%.10g", seconds * 1000);
    else
        mock_llm_add_header(headers, "Retry-After", "%.10g", seconds);
}

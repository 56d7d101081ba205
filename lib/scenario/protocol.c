/*
 * protocol.c - what OpenAI's protocol and Anthropic's have in common.
 *
 * A request is read field by field, strictly: what the provider would refuse is
 * refused here, too, with the field's name. Fields that change nothing here are
 * not looked at.
 */
#include "scenario/protocol.h"
#include "scenario/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

bool scenario_refuse(struct scenario_refusal *refusal, int status,
                     const char *code, const char *param, const char *format,
                     ...)
{
    va_list args;

    *refusal = (struct scenario_refusal){
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

/* ---- The request ------------------------------------------------------- */

static bool parse(struct scenario_chat *chat, const char *body, size_t size,
                  struct scenario_refusal *refusal)
{
    size_t bad = scenario_utf8_span(body, size);
    const char *end = NULL;

    if (bad < size)
        return scenario_refuse(refusal, 400, "", "",
                               "The body is not UTF-8: byte %zu does not fit.",
                               bad);
    chat->json = cJSON_ParseWithLengthOpts(body, size, &end, 0);
    if (chat->json)
        end += strspn(end, " \t\r\n");
    if (!chat->json || end < body + size)
        return scenario_refuse(refusal, 400, "", "",
                               "The body is not JSON: see byte %zu of %zu.",
                               end ? (size_t)(end - body) : 0, size);
    if (!cJSON_IsObject(chat->json))
        return scenario_refuse(refusal, 400, "", "",
                               "The body must be a JSON object.");
    return true;
}

bool scenario_chat_read(const struct scenario_protocol *protocol,
                        struct scenario_chat *chat, const char *body,
                        size_t size, struct scenario_refusal *refusal)
{
    return parse(chat, body, size, refusal) && protocol->read(chat, refusal);
}

void scenario_chat_free(struct scenario_chat *chat)
{
    if (chat)
        cJSON_Delete(chat->json);
    free(chat);
}

cJSON *scenario_field(const cJSON *object, const char *name)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNull(item) ? NULL : item;
}

bool scenario_read_number(const struct scenario_chat *chat, const char *name,
                          double min, double max, double *value,
                          struct scenario_refusal *refusal)
{
    const cJSON *number = scenario_field(chat->json, name);

    if (!number)
        return true;
    if (!cJSON_IsNumber(number))
        return scenario_refuse(refusal, 400, "invalid_type", name,
                               "'%s' must be a number.", name);
    if (!(number->valuedouble >= min && number->valuedouble <= max))
        return scenario_refuse(refusal, 400, "invalid_value", name,
                               "'%s' must be from %.10g to %.10g.", name, min,
                               max);
    *value = number->valuedouble;
    return true;
}

bool scenario_read_count(const struct scenario_chat *chat, const char *name,
                         int *value, struct scenario_refusal *refusal)
{
    double number = *value;

    if (!scenario_read_number(chat, name, 1, 1e9, &number, refusal))
        return false;
    if (number != floor(number))
        return scenario_refuse(refusal, 400, "invalid_type", name,
                               "'%s' must be a whole number.", name);
    *value = (int)number;
    return true;
}

bool scenario_read_stream(struct scenario_chat *chat,
                          struct scenario_refusal *refusal)
{
    const cJSON *stream = scenario_field(chat->json, "stream");

    chat->stream = cJSON_IsTrue(stream);
    return !stream || cJSON_IsBool(stream) ||
           scenario_refuse(refusal, 400, "invalid_type", "stream",
                           "'stream' must be true or false.");
}

bool scenario_read_model(struct scenario_chat *chat,
                         struct scenario_refusal *refusal)
{
    const cJSON *model = scenario_field(chat->json, "model");

    if (!model)
        return scenario_refuse(refusal, 400, "missing_required_parameter",
                               "model", "The parameter 'model' is missing.");
    if (!cJSON_IsString(model) || model->valuestring[0] == '\0')
        return scenario_refuse(refusal, 400, "invalid_type", "model",
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
        const cJSON *type = scenario_field(part, "type");
        const cJSON *text = scenario_field(part, "text");

        if (!cJSON_IsString(type) || strcmp(type->valuestring, "text") != 0 ||
            !cJSON_IsString(text))
            return -1;
        size += strlen(text->valuestring);
    }
    return (long)size;
}

const char *scenario_content(cJSON *object, const char *name)
{
    const cJSON *content = scenario_field(object, name), *part;
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
        end = stpcpy(end, scenario_field(part, "text")->valuestring);
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
                        struct scenario_refusal *refusal)
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
    return scenario_refuse(refusal, 400, "invalid_value", param,
                           "'%s' must be one of %s.", param, list);
}

static bool read_message(struct scenario_chat *chat, cJSON *message, int i,
                         const char *const *roles,
                         struct scenario_refusal *refusal)
{
    const cJSON *role = scenario_field(message, "role");
    const char *content;
    char param[64];

    snprintf(param, sizeof param, "messages[%d].role", i);
    if (!cJSON_IsString(role) || !is_among(role->valuestring, roles))
        return refuse_role(param, roles, refusal);
    snprintf(param, sizeof param, "messages[%d].content", i);
    content = scenario_content(message, "content");
    if (!content)
        return scenario_refuse(
            refusal, 400, "invalid_type", param,
            "'%s' must be a string, or an array of {\"type\": \"text\", "
            "\"text\": ...}.",
            param);
    scenario_add_message(&chat->request, role->valuestring, content);
    return true;
}

bool scenario_read_messages(struct scenario_chat *chat,
                            const char *const *roles,
                            struct scenario_refusal *refusal)
{
    const cJSON *messages = scenario_field(chat->json, "messages");
    int i = 0;

    if (!messages)
        return scenario_refuse(refusal, 400, "missing_required_parameter",
                               "messages",
                               "The parameter 'messages' is missing.");
    if (!cJSON_IsArray(messages) || !messages->child)
        return scenario_refuse(refusal, 400, "invalid_type", "messages",
                               "'messages' must be an array of one or more "
                               "messages, {\"role\": ..., \"content\": ...}.");
    for (cJSON *message = messages->child; message; message = message->next)
        if (!read_message(chat, message, i++, roles, refusal))
            return false;
    return true;
}

/* ---- JSON -------------------------------------------------------------- */

cJSON *scenario_add_object(cJSON *array)
{
    cJSON *object = cJSON_CreateObject();

    if (cJSON_AddItemToArray(array, object))
        return object;
    cJSON_Delete(object);
    return NULL;
}

bool scenario_add_integer(cJSON *object, const char *name, long number)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%ld", number);
    return cJSON_AddRawToObject(object, name, digits);
}

bool scenario_add_string(cJSON *object, const char *name, const char *value)
{
    return *value ? cJSON_AddStringToObject(object, name, value)
                  : cJSON_AddNullToObject(object, name);
}

char *scenario_print(cJSON *json, bool complete)
{
    char *text = complete ? cJSON_PrintUnformatted(json) : NULL;

    cJSON_Delete(json);
    return text;
}

/* ---- Texts ------------------------------------------------------------- */

char *scenario_copy(const char *text, size_t size)
{
    char *copy = cJSON_malloc(size + 1);

    if (copy) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

char *scenario_join(char *left, char *right)
{
    size_t size = left && right ? strlen(left) + strlen(right) + 1 : 0;
    char *joined = size > 0 ? cJSON_malloc(size) : NULL;

    if (joined)
        snprintf(joined, size, "%s%s", left, right);
    cJSON_free(left);
    cJSON_free(right);
    return joined;
}

char *scenario_event_of_text(const char *name, char *json)
{
    const char *label = name ? "event: " : "", *line_end = name ? "\n" : "";
    size_t size = json ? strlen(json) + (name ? strlen(name) : 0) + 32 : 0;
    char *event = json ? cJSON_malloc(size) : NULL;

    if (event)
        snprintf(event, size, "%s%s%sdata: %s\n\n", label, name ? name : "",
                 line_end, json);
    cJSON_free(json);
    return event;
}

char *scenario_event(const char *name, cJSON *json, bool complete)
{
    return scenario_event_of_text(name, scenario_print(json, complete));
}

/* ---- Headers ----------------------------------------------------------- */

void scenario_add_header(struct scenario_headers *headers, const char *name,
                         const char *format, ...)
{
    int i = headers->n;
    va_list args;

    if (i == sizeof headers->list / sizeof headers->list[0])
        return;
    snprintf(headers->list[i].name, sizeof headers->list[i].name, "%s", name);
    va_start(args, format);
    vsnprintf(headers->list[i].value, sizeof headers->list[i].value, format,
              args);
    va_end(args);
    headers->n++;
}

/* A date has whole seconds only: rounded up, the client is never told to come
   too early. */
static void add_date(struct scenario_headers *headers, double moment)
{
    time_t when = (time_t)ceil(moment);
    struct tm parts;
    char date[64];

    if (gmtime_r(&when, &parts) &&
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0)
        scenario_add_header(headers, "Retry-After", "%s", date);
}

void scenario_add_retry_after(struct scenario_headers *headers,
                              const struct scenario_refusal *refusal,
                              double now)
{
    double seconds = refusal->retry_after;

    if (refusal->for_good)
        scenario_add_header(headers, "x-should-retry", "false");
    if (!(seconds > 0))
        return;
    if (refusal->spelling == SCENARIO_MILLISECONDS) {
        /* Both, as OpenAI sends them: how long it really is, and whole seconds
           for all clients. */
        scenario_add_header(headers, "retry-after-ms", "%.10g", seconds * 1000);
        seconds = ceil(seconds);
    }
    if (refusal->spelling == SCENARIO_DATE)
        add_date(headers, now + seconds);
    else
        scenario_add_header(headers, "Retry-After", "%.10g", seconds);
}

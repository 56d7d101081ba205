/*
 * json.c - JSON of unknown origin, and what the providers' readers share.
 *
 * cJSON stops at the first mistake and says where, but not what happened. These
 * functions do: most often the text breaks off, or is no JSON at all.
 */
#include "llm/llm_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What quotes and brackets tell of a text, whatever is between them. */
struct shape {
    bool open; /* it ends inside a string or a bracket */
    bool nul;  /* a string holds \u0000: in C it would end there */
};

static struct shape shape_of(const char *text, size_t size)
{
    struct shape shape = {.nul = size > 0 && memchr(text, '\0', size)};
    bool quoted = false;
    long depth = 0;

    for (size_t i = 0; i < size; i++) {
        if (quoted && text[i] == '\\') {
            if (size - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0)
                shape.nul = true;
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && (text[i] == '{' || text[i] == '[')) {
            depth++;
        } else if (!quoted && (text[i] == '}' || text[i] == ']')) {
            depth--;
        }
    }
    shape.open = quoted || depth > 0;
    return shape;
}

/* Most texts are right, and hold nothing that may be a NUL: looking closer
   would cost a fifth of the parsing. */
static bool may_hold_nul(const char *text, size_t size)
{
    return memchr(text, '\0', size) || memmem(text, size, "\\u0000", 6);
}

/* How many blanks the text begins with. */
static size_t blanks(const char *text, size_t size)
{
    size_t n = 0;

    while (n < size && text[n] && strchr(" \t\r\n", text[n]))
        n++;
    return n;
}

/* Why the text is not JSON; at is where the parser stopped. */
static int raise_wrong(const char *what, const char *text, size_t size,
                       size_t at, bool open)
{
    size_t begin = blanks(text, size);

    if (begin == size)
        return async_raise(LLM_EMALFORMED, "%s is empty", what);
    if (text[begin] == '<')
        return async_raise(LLM_EMALFORMED,
                           "%s is a web page, not JSON: is the base URL "
                           "right?",
                           what);
    if (open)
        return async_raise(LLM_EMALFORMED,
                           "%s breaks off: its JSON is not complete after "
                           "%zu bytes",
                           what, size);
    return async_raise(LLM_EMALFORMED,
                       "%s is not JSON: wrong at byte %zu of %zu", what, at,
                       size);
}

/* Where the JSON that begins the text ends, and the blanks behind it; or where
   it ceases to be JSON. */
static size_t parse(const char *text, size_t size, cJSON **json)
{
    const char *end = NULL;

    *json =
        size > 0 ? cJSON_ParseWithLengthOpts(text, size, &end, false) : NULL;
    size_t at = end ? (size_t)(end - text) : 0;
    if (*json)
        at += blanks(text + at, size - at);
    return at;
}

int llm_json_parse(const char *what, const char *text, size_t size,
                   cJSON **json)
{
    size_t at = parse(text, size, json);
    bool right = *json && at == size;
    int err;

    if (right && !may_hold_nul(text, size))
        return 0;
    struct shape shape = shape_of(text, size);
    if (right && !shape.nul)
        return 0;
    if (right)
        err = async_raise(LLM_EMALFORMED,
                          "%s holds a NUL character, which would end its text",
                          what);
    else
        err = raise_wrong(what, text, size, at, shape.open);
    cJSON_Delete(*json);
    *json = NULL;
    return err;
}

const cJSON *llm_json_member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *llm_json_string(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(llm_json_member(object, name));
}

int llm_json_tokens(const cJSON *usage, const char *name, int *tokens)
{
    const cJSON *number = llm_json_member(usage, name);

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

void llm_read_model(struct llm_chat *chat, const cJSON *reply)
{
    const char *model = llm_json_string(reply, "model");

    llm_copy_text(chat->model, sizeof chat->model,
                  model ? model : chat->client->model,
                  chat->client->llm_private->key);
}

void llm_read_finish(struct llm_chat *chat, const char *reason, const char *cut)
{
    if (!reason)
        return;
    chat->cut = strcmp(reason, cut) == 0;
    llm_copy_text(chat->finish_reason, sizeof chat->finish_reason, reason,
                  chat->client->llm_private->key);
}

void llm_read_error_texts(struct llm_chat *chat, const cJSON *reply)
{
    const cJSON *error = llm_json_member(reply, "error");

    /* Servers that only look like a provider's leave the object out. */
    if (!cJSON_IsObject(error) && !cJSON_IsString(error))
        error = reply;
    const char *type = llm_json_string(error, "type");
    const char *message = cJSON_GetStringValue(error);
    if (!message)
        message = llm_json_string(error, "message");
    if (!message)
        message = llm_json_string(error, "detail");
    const char *code = llm_json_string(error, "code");
    const char *key = chat->client->llm_private->key;

    if (code)
        llm_copy_text(chat->error.code, sizeof chat->error.code, code, key);
    if (type)
        llm_copy_text(chat->error.type, sizeof chat->error.type, type, key);
    if (message)
        llm_copy_text(chat->error.message, sizeof chat->error.message, message,
                      key);
}

bool llm_json_add_temperature(cJSON *request, const struct llm_chat *chat)
{
    return chat->temperature == LLM_DEFAULT_TEMPERATURE ||
           cJSON_AddNumberToObject(request, "temperature", chat->temperature);
}

bool llm_json_add_extra(cJSON *request, const struct llm_chat *chat)
{
    cJSON *extra, *member;
    bool added = true;

    if (!chat->extra)
        return true;
    extra = cJSON_Parse(chat->extra); /* which chat.c has checked */
    while (added && extra && (member = extra->child)) {
        cJSON_DetachItemViaPointer(extra, member);
        cJSON_DeleteItemFromObjectCaseSensitive(request, member->string);
        added = cJSON_AddItemToObject(request, member->string, member);
        if (!added)
            cJSON_Delete(member);
    }
    cJSON_Delete(extra);
    return added && extra;
}

int llm_add_content(struct llm_chat *chat, const char *text)
{
    size_t used = chat->content ? strlen(chat->content) : 0;

    if (*llm_utf8_end(text))
        return async_raise(LLM_EMALFORMED, "the answer's text is not UTF-8");
    char *content = realloc(chat->content, used + strlen(text) + 1);
    if (!content)
        return -ENOMEM;
    strcpy(content + used, text);
    chat->content = content;
    return 0;
}

bool llm_json_add_message(cJSON *messages, const struct llm_message *message)
{
    cJSON *object = cJSON_CreateObject();

    if (cJSON_AddStringToObject(object, "role", message->role) &&
        cJSON_AddStringToObject(object, "content", message->content) &&
        cJSON_AddItemToArray(messages, object))
        return true;
    cJSON_Delete(object);
    return false;
}

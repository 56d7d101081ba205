/*
 * reply.c - reads what came back: headers, then the body, an answer or an
 * error. Nothing here waits for anybody, so that all of it can be tried on any
 * bytes.
 */
#include "llm/llm_private.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void llm_reply_free(struct llm_reply *reply)
{
    free(reply->body);
    *reply = (struct llm_reply){0};
}

int llm_reply_add(struct llm_reply *reply, const char *data, size_t size)
{
    /* Most answers fit, and the C library has blocks up to this size at hand.
     */
    size_t room = reply->room ? reply->room : 1000;

    if (size > LLM_LARGEST_REPLY - reply->size)
        return LLM_EMALFORMED;
    while (room < reply->size + size + 1)
        room *= 2;
    if (room > reply->room) {
        char *body = realloc(reply->body, room);
        if (!body)
            return -ENOMEM;
        reply->body = body;
        reply->room = room;
    }
    memcpy(reply->body + reply->size, data, size);
    reply->size += size;
    reply->body[reply->size] = '\0';
    return 0;
}

int llm_raise_too_large(void)
{
    return async_raise(LLM_EMALFORMED,
                       "the answer is larger than %d MiB; it was not read",
                       LLM_LARGEST_REPLY / 1024 / 1024);
}

/* ---- Headers ----------------------------------------------------------- */

/* NAN if the text is no number. */
static double read_number(const char *text)
{
    char *end;
    double number = strtod(text, &end);

    return end == text || *end ? NAN : number;
}

/* Seconds, as a number or until a date; 0 if the text is neither. */
static double read_delay(const char *text)
{
    double seconds = read_number(text);

    if (isnan(seconds)) {
        time_t date = curl_getdate(text, NULL);
        seconds = date == -1 ? 0 : difftime(date, time(NULL));
    }
    return isfinite(seconds) && seconds > 0 ? seconds : 0;
}

/* The value of the header line if it has this name, else NULL. */
static const char *header_value(const char *line, const char *name)
{
    size_t length = strlen(name);

    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    return line + length + 1 + strspn(line + length + 1, " \t");
}

static void trim_end(char *line)
{
    size_t length = strlen(line);

    while (length > 0 && strchr(" \t\r\n", line[length - 1]))
        line[--length] = '\0';
}

static int read_yes_or_no(const char *value)
{
    return strcmp(value, "true") == 0    ? 1
           : strcmp(value, "false") == 0 ? -1
                                         : 0;
}

void llm_reply_header(struct llm_reply *reply, const char *data, size_t size)
{
    char line[256]; /* none that we read needs more */
    const char *value;

    if (size == 0 || !strchr("HhXxRr", data[0]))
        return; /* most are none of those below */
    if (size > sizeof line - 1)
        size = sizeof line - 1;
    memcpy(line, data, size);
    line[size] = '\0';
    trim_end(line);
    if (strncmp(line, "HTTP/", 5) == 0) {
        /* Another reply begins; what came before was "continue" or a proxy. */
        reply->begun = true;
        reply->request_id[0] = '\0';
        reply->retry_after = 0;
        reply->should_retry = 0;
    } else if ((value = header_value(line, "x-request-id")) ||
               (value = header_value(line, "request-id"))) {
        snprintf(reply->request_id, sizeof reply->request_id, "%s", value);
    } else if ((value = header_value(line, "x-should-retry"))) {
        reply->should_retry = read_yes_or_no(value);
    } else if ((value = header_value(line, "retry-after-ms"))) {
        double milliseconds = read_number(value);
        if (isfinite(milliseconds) && milliseconds > 0)
            reply->retry_after = milliseconds / 1000;
    } else if ((value = header_value(line, "retry-after"))) {
        /* The other one is more exact, and may have come first. */
        if (!reply->retry_after)
            reply->retry_after = read_delay(value);
    }
}

/* ---- The body ---------------------------------------------------------- */

/* What a server says that does not speak JSON: a proxy, most often. */
static void quote_body(struct llm_chat *chat, const struct llm_reply *reply)
{
    const char *text = reply->body ? reply->body : "";

    text += strspn(text, " \t\r\n");
    if (*text != '<' && *text != '{' && *text != '[')
        llm_copy_text(chat->error.message, sizeof chat->error.message, text,
                      chat->client->llm_private->key);
}

/* Fills the chat's error from a reply whose status says that it is one. */
static int read_error(struct llm_chat *chat, const struct llm_reply *reply)
{
    const struct llm_provider *provider = chat->client->llm_private->provider;
    cJSON *json;
    int err = 0;

    if (llm_json_parse("the error", reply->body, reply->size, &json) == 0)
        err = provider->read_error(chat, json);
    else
        quote_body(chat, reply);
    cJSON_Delete(json);
    if (!err)
        err = llm_error_of_status(reply->status);
    return llm_raise_refusal(chat, err);
}

int llm_raise_refusal(struct llm_chat *chat, int err)
{
    char status[16] = "";

    if (chat->error.status != 200)
        snprintf(status, sizeof status, " (%d)", chat->error.status);
    if (!chat->error.message[0])
        snprintf(chat->error.message, sizeof chat->error.message, "%s",
                 chat->error.status / 100 == 3
                     ? "the server redirects, and the key must not follow: is "
                       "the base URL right?"
                     : "the server gave no reason");
    return async_raise(err, "%s%s: %s", llm_strerror(err), status,
                       chat->error.message);
}

void llm_read_head(struct llm_chat *chat, const struct llm_reply *reply)
{
    chat->error = (struct llm_error){.status = reply->status,
                                     .retry_after = reply->retry_after};
    llm_copy_text(chat->error.request_id, sizeof chat->error.request_id,
                  reply->request_id, chat->client->llm_private->key);
}

int llm_read_body(struct llm_chat *chat, const struct llm_reply *reply)
{
    const struct llm_provider *provider = chat->client->llm_private->provider;
    cJSON *json;

    if (reply->status != 200)
        return read_error(chat, reply);
    int err = llm_json_parse("the answer", reply->body, reply->size, &json);
    if (!err)
        err = provider->read_answer(chat, json);
    cJSON_Delete(json);
    return err;
}

/*
 * openai_request.h - one question to an LLM, with libcurl itself.
 *
 * An LLM call is an HTTP request: a question in JSON goes out, an answer in
 * JSON comes back. Everything before and after the waiting is here, and takes
 * microseconds. The waiting is the one line between the two functions, and the
 * lesson's own:
 *
 *     err = openai_request(request);            build it
 *     err = curl_easy_perform(request->easy);   wait for the answer
 *     return openai_answer(request, err);       read it
 */
#ifndef OPENAI_REQUEST_H
#define OPENAI_REQUEST_H

#include "async_curl/async_curl.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPENAI_TASK "Summarize this engineering report in 3 bullet points:\n\n"

/* What goes out, but for the text of the question. */
#define OPENAI_QUESTION                                                        \
    "{\"model\": \"gpt-3.5-turbo\", \"temperature\": 0.3,"                     \
    " \"messages\": [{\"role\": \"user\", \"content\": %s}]}"

/* Start with all of it zeroed, and openai_free() is right on every path. */
struct openai_request {
    const char *base_url; /* in: such as "https://api.openai.com/v1" */
    const char *api_key;  /* in */
    const char *text;     /* in: the document */
    char *summary;        /* out */
    int tokens;           /* out: of question and answer, paid by the token */

    /* What libcurl works with, until openai_free(). */
    CURL *easy;
    struct curl_slist *headers;
    char *question, *reply;
    size_t reply_size;
};

/* The question in JSON, to be freed; NULL without memory. */
static char *openai_question(const char *text)
{
    char *prompt, *question = NULL;

    if (asprintf(&prompt, "%s%s", OPENAI_TASK, text) < 0)
        return NULL;
    /* cJSON puts it in quotes, and escapes what must not stand there. */
    cJSON *string = cJSON_CreateString(prompt);
    char *quoted = cJSON_PrintUnformatted(string);
    if (!quoted || asprintf(&question, OPENAI_QUESTION, quoted) < 0)
        question = NULL;
    free(quoted);
    cJSON_Delete(string);
    free(prompt);
    return question;
}

/* libcurl's write callback: the reply comes in pieces, in the end as text. */
static size_t openai_keep(char *piece, size_t one, size_t size, void *job)
{
    struct openai_request *request = job;
    char *reply = realloc(request->reply, request->reply_size + size + 1);

    (void)one; /* always 1 */
    if (!reply)
        return 0; /* less than it brought: libcurl gives up */
    memcpy(reply + request->reply_size, piece, size);
    request->reply = reply;
    request->reply_size += size;
    reply[request->reply_size] = '\0';
    return size;
}

/* Fills request->easy: a transfer ready to be performed. */
static int openai_request(struct openai_request *request)
{
    char url[512], key[512];

    snprintf(url, sizeof url, "%s/chat/completions", request->base_url);
    snprintf(key, sizeof key, "Authorization: Bearer %s", request->api_key);
    request->headers = curl_slist_append(NULL, key);
    if (!request->headers ||
        !curl_slist_append(request->headers, "Content-Type: application/json"))
        return -ENOMEM;
    request->question = openai_question(request->text);
    request->easy = curl_easy_init();
    if (!request->question || !request->easy)
        return -ENOMEM;

    curl_easy_setopt(request->easy, CURLOPT_URL, url);
    curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers);
    curl_easy_setopt(request->easy, CURLOPT_POSTFIELDS, request->question);
    curl_easy_setopt(request->easy, CURLOPT_WRITEFUNCTION, openai_keep);
    curl_easy_setopt(request->easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(request->easy, CURLOPT_TIMEOUT, 60L);
    /* A server on this machine is not asked through a proxy. */
    curl_easy_setopt(request->easy, CURLOPT_NOPROXY, "127.0.0.1,localhost");
    return 0;
}

/* The summary and its tokens out of the reply. */
static int openai_read(struct openai_request *request, const cJSON *reply)
{
    const cJSON *choices = cJSON_GetObjectItem(reply, "choices");
    const cJSON *first = cJSON_GetArrayItem(choices, 0);
    const cJSON *message = cJSON_GetObjectItem(first, "message");
    const cJSON *content = cJSON_GetObjectItem(message, "content");
    const cJSON *usage = cJSON_GetObjectItem(reply, "usage");
    const cJSON *tokens = cJSON_GetObjectItem(usage, "total_tokens");
    const cJSON *error = cJSON_GetObjectItem(reply, "error");
    const cJSON *text = cJSON_GetObjectItem(error, "message");

    if (cJSON_IsString(text))
        return async_raise(-EPROTO, "The server: %s", text->valuestring);
    if (!cJSON_IsString(content) || !cJSON_IsNumber(tokens))
        return async_raise(-EPROTO, "The server's reply is not an answer");
    request->tokens = tokens->valueint;
    request->summary = strdup(content->valuestring);
    return request->summary ? 0 : -ENOMEM;
}

/*
 * Reads the answer into the out fields. err is what the transfer returned, be
 * it an error of the runtime's or one of libcurl's own (these are positive).
 */
static int openai_answer(struct openai_request *request, int err)
{
    if (err > 0)
        err = async_curl_raise(request->easy, (CURLcode)err);
    if (err)
        return err;

    cJSON *reply = cJSON_ParseWithLength(request->reply, request->reply_size);
    err = openai_read(request, reply);
    cJSON_Delete(reply);
    return err;
}

/* Frees everything that the request holds, its out fields, too. */
static void openai_free(struct openai_request *request)
{
    curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    free(request->question);
    free(request->reply);
    free(request->summary);
}

#endif

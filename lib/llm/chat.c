/*
 * chat.c - chats: each is checked before it costs anything, sent until it ends
 * in an answer or in an error that another try would not heal, and added up.
 */
#include "llm/llm_private.h"

#include "async/async_loop.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Checking a chat --------------------------------------------------- */

static int check_text(const char *text, size_t i, const char *field)
{
    if (!text)
        return async_raise(-EINVAL, "messages[%zu].%s is NULL", i, field);

    const char *end = llm_utf8_end(text);
    if (*end)
        return async_raise(-EILSEQ, "messages[%zu].%s is not UTF-8 at byte %zu",
                           i, field, (size_t)(end - text));
    return 0;
}

static int check_messages(const struct llm_chat *chat)
{
    const struct llm_provider *provider = chat->client->llm_private->provider;

    if (!chat->messages || !chat->n_messages)
        return async_raise(-EINVAL, "the chat has no messages");
    for (size_t i = 0; i < chat->n_messages; i++) {
        int err = check_text(chat->messages[i].role, i, "role");

        if (!err)
            err = check_text(chat->messages[i].content, i, "content");
        if (err)
            return err;
    }
    return provider->check_messages ? provider->check_messages(chat) : 0;
}

static int check_extra(const char *extra)
{
    cJSON *json = NULL;
    int err = 0;

    if (!extra)
        return 0;
    if (*llm_utf8_end(extra))
        return async_raise(-EILSEQ, "extra is not UTF-8");
    if (llm_json_parse("extra", extra, strlen(extra), &json))
        return async_raise(-EINVAL, "%s", async_errmsg(LLM_EMALFORMED));
    if (!cJSON_IsObject(json))
        err = async_raise(-EINVAL, "extra is not a JSON object: {...}");
    else if (llm_json_member(json, "stream"))
        err = async_raise(-EINVAL, "extra holds \"stream\": llm_stream_open "
                                   "asks for a stream");
    cJSON_Delete(json);
    return err;
}

static int check(const struct llm_chat *chat)
{
    if (!chat->client)
        return async_raise(-EINVAL, "the chat has no client: "
                                    "llm_client_from_provider makes one");
    const double hottest = chat->client->llm_private->provider->max_temperature;
    if (chat->temperature != LLM_DEFAULT_TEMPERATURE &&
        !(chat->temperature >= 0 && chat->temperature <= hottest))
        return async_raise(-EINVAL, "the temperature is not between 0 and %g",
                           hottest);
    if (chat->max_tokens < 0)
        return async_raise(-EINVAL, "max_tokens is %d; 0 means no limit",
                           chat->max_tokens);
    int err = check_extra(chat->extra);
    return err ? err : check_messages(chat);
}

/* ---- Chats ------------------------------------------------------------- */

/* The tokens that a chat may take, as far as that is known before. */
static int expected_tokens(const struct llm_chat *chat)
{
    size_t tokens = 3 + (size_t)chat->max_tokens;

    for (size_t i = 0; i < chat->n_messages; i++)
        tokens += 4 + strlen(chat->messages[i].content) / 4;
    return tokens < INT_MAX ? (int)tokens : INT_MAX;
}

static void add_up(struct llm_chat *chat)
{
    struct llm_client *client = chat->client;
    const struct llm_price *price = &client->llm_private->price;

    chat->provider = client->provider;
    if (!chat->total_tokens)
        chat->total_tokens = chat->prompt_tokens + chat->completion_tokens;
    chat->cost = chat->prompt_tokens / 1000.0 * price->input +
                 chat->completion_tokens / 1000.0 * price->output;
    if (client->llm_private->limiter && chat->total_tokens)
        llm_limiter_correct(client->llm_private->limiter,
                            chat->total_tokens - expected_tokens(chat));
    client->total_tokens += chat->total_tokens;
    client->total_cost += chat->cost;
}

/* What the last attempt left behind must not be taken for this one's. */
static void clear(struct llm_chat *chat)
{
    free(chat->content);
    chat->content = NULL;
    chat->model[0] = chat->finish_reason[0] = '\0';
    chat->prompt_tokens = chat->completion_tokens = chat->total_tokens = 0;
    chat->cut = false;
}

/* An llm_attempt. */
static int attempt(struct llm_chat *chat, bool blocking,
                   struct llm_reply *reply, void *job)
{
    int err = chat->client->llm_private->provider->send(chat, blocking, reply);

    (void)job;
    llm_read_head(chat, reply);
    return err ? err : llm_read_body(chat, reply);
}

/* Waits before the next attempt, the n-th of them counted from 0. */
static int wait_for_retry(const struct llm_chat *chat, int n, bool blocking)
{
    double seconds = llm_retry_wait(n, chat->error.retry_after,
                                    &chat->client->llm_private->random);

    if (!blocking)
        return async_sleep(seconds);
    async_block(seconds);
    return 0;
}

/* One attempt, as soon as the client's limiter lets it go. */
static int attempt_in_turn(struct llm_chat *chat, bool blocking,
                           llm_attempt *try, struct llm_reply *reply, void *job)
{
    struct llm_limiter *limiter = chat->client->llm_private->limiter;
    int err = 0, tokens = limiter ? expected_tokens(chat) : 0;

    if (limiter)
        err = blocking ? llm_limiter_block(limiter, tokens)
                       : llm_limiter_acquire(limiter, tokens);
    if (err)
        return err;
    chat->attempts++;
    return try(chat, blocking, reply, job);
}

int llm_persist(struct llm_chat *chat, bool blocking, llm_attempt *try,
                struct llm_reply *reply, void *job)
{
    const int max_retries = chat->client->llm_private->max_retries;

    for (int n = 0;; n++) {
        int err = attempt_in_turn(chat, blocking, try, reply, job);

        if (!err || n == max_retries || !llm_should_retry(err, reply))
            return err;
        clear(chat);
        llm_reply_free(reply);
        err = wait_for_retry(chat, n, blocking);
        if (err)
            return err;
    }
}

int llm_begin(struct llm_chat *chat)
{
    chat->content = NULL; /* what it pointed at is the caller's */
    clear(chat);
    chat->attempts = 0;
    chat->error = (struct llm_error){0};
    return check(chat);
}

int llm_conclude(struct llm_chat *chat, int err)
{
    if (err)
        clear(chat);
    else
        add_up(chat);
    snprintf(chat->request_id, sizeof chat->request_id, "%s",
             err ? "" : chat->error.request_id);
    if (!err || err == ASYNC_ECANCELED)
        chat->error = (struct llm_error){0};
    if (err && !chat->error.message[0])
        snprintf(chat->error.message, sizeof chat->error.message, "%s",
                 async_errmsg(err));
    return err;
}

static int perform(struct llm_chat *chat, bool blocking)
{
    struct llm_reply reply = {0};
    int err = llm_begin(chat);

    if (!err)
        err = llm_persist(chat, blocking, attempt, &reply, NULL);
    llm_reply_free(&reply);
    return llm_conclude(chat, err);
}

int llm_chat(void *chat)
{
    if (!async_in_task("llm_chat"))
        return ASYNC_ENOLOOP;
    if (!chat)
        return async_raise(-EINVAL, "llm_chat: the chat is NULL");
    return perform(chat, false);
}

int llm_chat_blocking(struct llm_chat *chat)
{
    if (!chat)
        return async_raise(-EINVAL, "llm_chat_blocking: the chat is NULL");
    return perform(chat, true);
}

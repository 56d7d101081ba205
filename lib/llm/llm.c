/*
 * llm.c - clients and chats.
 *
 * What every provider's chats have in common: they are checked before they cost
 * anything, end in an answer or in one clear error, and are added up.
 */
#include "llm/llm_private.h"

#include "async/async_loop.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct llm_provider *const providers[] = {&llm_openai};

enum { N_PROVIDERS = sizeof providers / sizeof providers[0] };

/* The chapter's. */
static const struct llm_price prices[] = {
    {"gpt-4", 0.03, 0.06},
    {"gpt-3.5-turbo", 0.001, 0.002},
};

/* ---- Making a client --------------------------------------------------- */

static const struct llm_provider *find_provider(const char *name)
{
    char known[64] = "";

    for (size_t i = 0; i < N_PROVIDERS; i++) {
        size_t used = strlen(known);

        if (name && strcmp(name, providers[i]->name) == 0)
            return providers[i];
        snprintf(known + used, sizeof known - used, "%s\"%s\"",
                 used ? ", " : "", providers[i]->name);
    }
    if (name)
        async_raise(-EINVAL, "unknown LLM provider \"%s\"; known: %s", name,
                    known);
    else
        async_raise(-EINVAL, "no LLM provider named; known: %s", known);
    return NULL;
}

static const struct llm_price *find_price(const struct llm_price *table,
                                          size_t n, const char *model)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].model && strcmp(table[i].model, model) == 0)
            return &table[i];
    return NULL;
}

static int set_model(struct llm_client *client,
                     const struct llm_options *options)
{
    struct llm_client_private *private = client->llm_private;
    const char *model =
        options->model ? options->model : private->provider->model;
    const struct llm_price *price;

    if (!*model || *llm_utf8_end(model))
        return async_raise(-EINVAL, "options.model is empty or not UTF-8");
    if (options->n_prices > 0 && !options->prices)
        return async_raise(-EINVAL, "options.prices is NULL, but n_prices "
                                    "is not 0");
    price = find_price(options->prices, options->n_prices, model);
    if (!price)
        price = find_price(prices, sizeof prices / sizeof prices[0], model);
    if (!price)
        return async_raise(-EINVAL,
                           "no price known for model \"%s\": put it into "
                           "options.prices",
                           model);
    if (!(price->input >= 0 && price->output >= 0))
        return async_raise(-EINVAL, "the price of model \"%s\" is below 0",
                           model);
    private->price = *price;
    private->model = strdup(model);
    client->model = private->model;
    return private->model ? 0 : -ENOMEM;
}

/* A time limit that was not set is the usual one; *limit becomes it. */
static int set_limit(double *limit, double seconds, double usual,
                     const char *name)
{
    if (isnan(seconds) || seconds < 0)
        return async_raise(-EINVAL, "options.%s is below 0 or not a number",
                           name);
    *limit = seconds > 0 ? seconds : usual;
    return 0;
}

/* option, or else the environment's variable, and which it was; or NULL. */
static const char *setting(const char *option, const char *option_name,
                           const char *variable, const char **source)
{
    *source = option ? option_name : variable;
    if (!option)
        option = getenv(variable);
    return option && *option ? option : NULL;
}

/* Where the server is, and who we are for it. */
static int set_server(struct llm_client *client,
                      const struct llm_options *options)
{
    struct llm_client_private *private = client->llm_private;
    const struct llm_provider *provider = private->provider;
    const char *key_source, *source;
    const char *key = setting(options->api_key, "options.api_key",
                              provider->key_variable, &key_source);
    const char *base_url = setting(options->base_url, "options.base_url",
                                   provider->base_url_variable, &source);

    if (!key)
        return async_raise(-EINVAL,
                           "no API key for %s: set %s in the environment, or "
                           "options.api_key",
                           provider->name, provider->key_variable);
    private->key = strdup(key);
    if (!private->key)
        return -ENOMEM;
    int err = provider->add_headers(client, options, key);
    if (err)
        return err;
    return llm_http_set_url(client, base_url ? base_url : provider->base_url,
                            provider->path, source);
}

static int set_up(struct llm_client *client, const struct llm_options *options)
{
    struct llm_client_private *private = client->llm_private;
    int err = set_model(client, options);

    if (!err)
        err = set_limit(&private->timeout, options->timeout, 600, "timeout");
    if (!err)
        err = set_limit(&private->connect_timeout, options->connect_timeout, 5,
                        "connect_timeout");
    if (!err)
        err = set_server(client, options);
    return err;
}

/* What the whole program needs to be set up, once. */
static void init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    /* Our handles tell libcurl to leave signals alone, and then a connection
       that breaks under a write would end the program. */
    signal(SIGPIPE, SIG_IGN);
}

struct llm_client *llm_client_from_provider(const char *name,
                                            const struct llm_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const struct llm_options usual = {0};
    const struct llm_provider *provider = find_provider(name);
    struct llm_client *client = NULL;
    int err = -EINVAL;

    if (!provider)
        goto fail;
    pthread_once(&once, init);
    err = -ENOMEM;
    client = calloc(1, sizeof *client);
    if (!client)
        goto fail;
    client->llm_private = calloc(1, sizeof *client->llm_private);
    if (!client->llm_private)
        goto fail;
    client->provider = provider->name;
    client->llm_private->provider = provider;
    err = set_up(client, options ? options : &usual);
    if (!err)
        return client;
fail:
    llm_client_free(client);
    errno = -err;
    return NULL;
}

void llm_client_free(struct llm_client *client)
{
    struct llm_client_private *private = client ? client->llm_private : NULL;

    if (private) {
        llm_http_free(private);
        if (private->key)
            explicit_bzero(private->key, strlen(private->key));
        free(private->key);
        free(private->model);
        free(private);
    }
    free(client);
}

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
    if (!chat->messages || !chat->n_messages)
        return async_raise(-EINVAL, "the chat has no messages");
    for (size_t i = 0; i < chat->n_messages; i++) {
        int err = check_text(chat->messages[i].role, i, "role");

        if (!err)
            err = check_text(chat->messages[i].content, i, "content");
        if (err)
            return err;
    }
    return 0;
}

static int check(const struct llm_chat *chat)
{
    if (!chat->client)
        return async_raise(-EINVAL, "the chat has no client: "
                                    "llm_client_from_provider makes one");
    if (!(chat->temperature >= 0 && chat->temperature <= 2))
        return async_raise(-EINVAL, "the temperature is not between 0 and 2");
    if (chat->max_tokens < 0)
        return async_raise(-EINVAL, "max_tokens is %d; 0 means no limit",
                           chat->max_tokens);
    return check_messages(chat);
}

/* ---- Reading what came back -------------------------------------------- */

/* Says what is wrong with a reply of status 200 that is not JSON. */
static int not_json(const struct llm_reply *reply, size_t at)
{
    size_t blanks = reply->body ? strspn(reply->body, " \t\r\n") : 0;

    if (blanks == reply->size)
        return async_raise(LLM_EMALFORMED, "the answer is empty (status %d)",
                           reply->status);
    if (reply->body[blanks] == '<')
        return async_raise(LLM_EMALFORMED,
                           "the answer is a web page, not JSON (status %d): "
                           "is the base URL right?",
                           reply->status);
    return async_raise(LLM_EMALFORMED,
                       "the answer is not JSON: wrong at byte %zu of %zu", at,
                       reply->size);
}

/* The body as JSON, or NULL; *at is where it ceases to be. */
static cJSON *parse(const struct llm_reply *reply, size_t *at)
{
    const char *end = NULL;
    cJSON *json =
        reply->size > 0
            ? cJSON_ParseWithLengthOpts(reply->body, reply->size, &end, false)
            : NULL;

    *at = end ? (size_t)(end - reply->body) : 0;
    if (!json)
        return NULL;
    *at += strspn(end, " \t\r\n");
    if (*at == reply->size)
        return json;
    cJSON_Delete(json);
    return NULL;
}

/* Fills the chat's error from a reply whose status says that it is one. */
static int read_error(struct llm_chat *chat, const struct llm_reply *reply,
                      const cJSON *json)
{
    const struct llm_client_private *private = chat->client->llm_private;
    int err = private->provider->read_error(chat, json);

    if (!err)
        err = llm_error_of_status(reply->status);
    if (!chat->error.message[0])
        snprintf(chat->error.message, sizeof chat->error.message,
                 "the server gave no reason");
    return async_raise(err, "%s (%d): %s", llm_strerror(err), reply->status,
                       chat->error.message);
}

static int read_reply(struct llm_chat *chat, const struct llm_reply *reply)
{
    const struct llm_client_private *private = chat->client->llm_private;
    size_t at;
    cJSON *json = parse(reply, &at);
    int err;

    if (reply->status != 200)
        err = read_error(chat, reply, json);
    else if (!json)
        err = not_json(reply, at);
    else
        err = private->provider->read_answer(chat, json);
    cJSON_Delete(json);
    return err;
}

/* ---- Chats ------------------------------------------------------------- */

static void add_up(struct llm_chat *chat)
{
    struct llm_client *client = chat->client;
    const struct llm_price *price = &client->llm_private->price;

    chat->provider = client->provider;
    chat->cost = chat->prompt_tokens / 1000.0 * price->input +
                 chat->completion_tokens / 1000.0 * price->output;
    client->total_tokens += chat->total_tokens;
    client->total_cost += chat->cost;
}

static int exchange(struct llm_chat *chat, bool blocking)
{
    struct llm_client_private *private = chat->client->llm_private;
    struct llm_reply reply = {0};
    char *json = private->provider->write_request(chat);

    if (!json)
        return -ENOMEM;
    int err = llm_http_post(chat->client, json, blocking, &reply);
    chat->error.status = reply.status;
    chat->error.retry_after = reply.retry_after;
    llm_copy_text(chat->error.request_id, sizeof chat->error.request_id,
                  reply.request_id, private->key);
    if (!err)
        err = read_reply(chat, &reply);
    cJSON_free(json);
    llm_reply_free(&reply);
    return err;
}

static int perform(struct llm_chat *chat, bool blocking)
{
    chat->error = (struct llm_error){0};
    int err = check(chat);
    if (!err)
        err = exchange(chat, blocking);
    if (!err) {
        add_up(chat);
        chat->error = (struct llm_error){0};
    } else if (!chat->error.message[0]) {
        snprintf(chat->error.message, sizeof chat->error.message, "%s",
                 async_errmsg(err));
    }
    return err;
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

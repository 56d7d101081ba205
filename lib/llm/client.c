/*
 * client.c - clients: a provider, a model and a key, checked before anything is
 * sent.
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
#include <sys/random.h>

static const struct llm_provider *const providers[] = {
    &llm_openai, &llm_anthropic, &llm_simulated};

enum { N_PROVIDERS = sizeof providers / sizeof providers[0] };

/* The first two are the chapter's. The others are as of November 2025, from
   openai.com/api/pricing and claude.com/pricing. */
static const struct llm_price prices[] = {
    {"gpt-4", 0.03, 0.06},
    {"gpt-3.5-turbo", 0.001, 0.002},
    {"gpt-4o", 0.0025, 0.01},
    {"gpt-4o-mini", 0.00015, 0.0006},
    {"claude-sonnet-4-5", 0.003, 0.015},
    {"claude-haiku-4-5", 0.001, 0.005},
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
    if (!err)
        err = llm_http_set_ca_file(client, options->ca_file);
    if (err)
        return err;
    return llm_http_set_url(client, base_url ? base_url : provider->base_url,
                            provider->path, source);
}

/* The usual number, or as many as the options say; and what its waits leave to
   chance. */
static int set_retries(struct llm_client_private *private,
                       const struct llm_options *options)
{
    const int usual = 2;

    if (options->max_retries < LLM_NO_RETRIES)
        return async_raise(-EINVAL,
                           "options.max_retries is %d; LLM_NO_RETRIES means "
                           "none",
                           options->max_retries);
    private->max_retries = options->max_retries == 0  ? usual
                           : options->max_retries < 0 ? 0
                                                      : options->max_retries;
    private->limiter = options->limiter;
    private->random = options->seed;
    /* A simulation is the same every time, its waits included. */
    if (!options->seed && !private->provider->set_up &&
        getrandom(&private->random, sizeof private->random, GRND_NONBLOCK) < 0)
        return async_raise(-errno, "no random numbers: set options.seed");
    return 0;
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
        err = set_retries(private, options);
    if (err)
        return err;
    return private->provider->set_up
               ? private->provider->set_up(client, options)
               : set_server(client, options);
}

/* What the whole program needs to be set up, once. */
static void init(void)
{
    static struct async_error_names names = {
        .first = LLM_EBADREQUEST, .last = LLM_EMALFORMED, .name = llm_strerror};

    async_name_errors(&names);
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
        llm_simulation_free(private->simulation);
        if (private->key)
            explicit_bzero(private->key, strlen(private->key));
        free(private->key);
        free(private->model);
        free(private);
    }
    free(client);
}

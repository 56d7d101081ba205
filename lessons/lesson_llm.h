/*
 * lesson_llm.h - the LLM that a lesson talks to: a mock server that it starts
 * in its own process, so that a call costs nothing and needs no network.
 *
 * The real one only when asked for by name, with LLM_PROVIDER=openai and a key
 * in OPENAI_API_KEY; OPENAI_BASE_URL says where, if it is not OpenAI's own.
 */
#ifndef LESSON_LLM_H
#define LESSON_LLM_H

#include "async/async_loop.h"
#include "llm/llm.h"
#include "mock_llm/mock_llm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct lesson_llm {
    const char *base_url;
    const char *api_key;
    struct mock_llm *mock; /* NULL: the real one, or none */
};

static bool lesson_llm_clock_is_virtual(void)
{
    const char *clock_kind = getenv("ASYNC_CLOCK");

    return clock_kind && strcmp(clock_kind, "virtual") == 0;
}

static int lesson_llm_start_mock(struct lesson_llm *llm, double latency)
{
    /* Its clock runs as fast as ours (ASYNC_SPEED). */
    struct mock_llm_options options = {
        .scenario.latency = latency,
        .speed = (double)async_from_real_ns(1000000000) / 1e9};
    char error[MOCK_LLM_ERROR_SIZE];

    llm->mock = mock_llm_start(&options, error);
    if (!llm->mock) {
        fprintf(stderr, "The mock LLM server does not start: %s\n", error);
        return 1;
    }
    llm->base_url = mock_llm_base_url(llm->mock);
    llm->api_key = "any";
    printf("LLM: a mock server in this process, %.1f s a call.\n", latency);

    if (lesson_llm_clock_is_virtual())
        printf("(No clock can jump over a real connection's waiting: this "
               "takes real time.)\n");
    return 0;
}

/* Returns 0, or the exit status after saying what is wrong. */
static int lesson_llm_start(struct lesson_llm *llm, double latency)
{
    const char *provider = getenv("LLM_PROVIDER");
    const char *base_url = getenv("OPENAI_BASE_URL");

    if (!provider || !*provider || strcmp(provider, "mock") == 0)
        return lesson_llm_start_mock(llm, latency);
    if (strcmp(provider, "openai") != 0) {
        fprintf(stderr,
                "LLM_PROVIDER=%s is unknown here:\n"
                "it is mock (as when it is not set) or openai.\n",
                provider);
        return 1;
    }
    llm->mock = NULL;
    llm->api_key = getenv("OPENAI_API_KEY");
    if (!llm->api_key || !*llm->api_key) {
        fprintf(stderr, "LLM_PROVIDER=openai needs a key in OPENAI_API_KEY.\n"
                        "Without LLM_PROVIDER, no key is needed.\n");
        return 1;
    }
    llm->base_url =
        base_url && *base_url ? base_url : "https://api.openai.com/v1";
    printf("LLM: OpenAI's interface at %s; its calls may cost money.\n",
           llm->base_url);
    return 0;
}

/*
 * The same, and a client of it (lib/llm), which does not retry by itself. On
 * the virtual clock, which jumps over no connection's waiting, the client asks
 * nobody: what a server would answer is simulated, unless LLM_PROVIDER is set.
 * NULL after saying what is wrong. Freed before lesson_llm_stop.
 */
static inline struct llm_client *lesson_llm_client(struct lesson_llm *llm,
                                                   double latency)
{
    struct scenario scenario = {.latency = latency};
    struct llm_options options = {.max_retries = LLM_NO_RETRIES,
                                  .scenario = &scenario};
    const char *provider = getenv("LLM_PROVIDER");

    *llm = (struct lesson_llm){0};
    if (lesson_llm_clock_is_virtual() && (!provider || !*provider)) {
        provider = "simulated";
        printf("LLM: simulated, without a server, %.1f s a call.\n", latency);
    } else {
        if (lesson_llm_start(llm, latency) != 0)
            return NULL;
        provider = "openai";
    }
    if (llm->mock) { /* of the real one, the environment tells */
        options.base_url = llm->base_url;
        options.api_key = llm->api_key;
    }
    struct llm_client *client = llm_client_from_provider(provider, &options);
    if (!client) {
        fprintf(stderr, "No client: %s\n", async_errmsg(-errno));
        mock_llm_stop(llm->mock);
    }
    return client;
}

/*
 * Seconds on the server's clock. Not async_now(): the virtual clock stands
 * still while curl_easy_perform blocks, which it knows nothing of.
 */
static inline double lesson_llm_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)async_from_real_ns(now.tv_sec * 1000000000 + now.tv_nsec) /
           1e9;
}

/* What the mock server's own records say; the real one shows us none. */
static inline void lesson_llm_print_ledger(const struct lesson_llm *llm)
{
    struct mock_llm_ledger ledger;

    if (!llm->mock || mock_llm_ledger_copy(llm->mock, &ledger) != 0)
        return;
    printf("The server has had %zu requests, at most %d at a time.\n", ledger.n,
           ledger.max_in_flight);
    mock_llm_ledger_free(&ledger);
}

/*
 * What all calls so far add up to: as the client has counted, and by the mock
 * server's own records.
 */
static inline void lesson_llm_print_totals(const struct lesson_llm *llm,
                                           const struct llm_client *client)
{
    struct mock_llm_ledger ledger;

    printf("So far, the client:              %5ld tokens, $%.4f\n",
           client->total_tokens, client->total_cost);
    if (!llm->mock || mock_llm_ledger_copy(llm->mock, &ledger) != 0)
        return;
    printf("So far, the server: %4zu calls,  %5ld tokens, $%.4f\n", ledger.n,
           ledger.prompt_tokens + ledger.completion_tokens, ledger.cost);
    mock_llm_ledger_free(&ledger);
}

static inline void lesson_llm_stop(struct lesson_llm *llm)
{
    mock_llm_stop(llm->mock);
}

#endif

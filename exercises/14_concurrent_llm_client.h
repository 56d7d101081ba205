/*
 * The contract of exercise 14: what goes in, what comes out, who owns what.
 *
 * It is the chapter's first exercise, with its names and its defaults.
 */
#ifndef CONCURRENT_LLM_CLIENT_H
#define CONCURRENT_LLM_CLIENT_H

#include "async/async.h"
#include "llm/llm.h"

#include <stdbool.h>

/* [ConcurrentOpenAIClient; exercise 01] */
struct concurrent_openai_client {
    const char *api_key, *base_url; /* in: llm's; for whoever does without */
    struct llm_client *llm;         /* in: gpt-3.5-turbo; it retries nothing */
    int max_concurrent;             /* in: requests in flight, at most; 5 */
    struct async_semaphore semaphore; /* max_concurrent permits */

    /* out: of all that succeeded, in all batches so far */
    long total_tokens;
    double total_cost; /* dollars */
    size_t completed;
};

/* One prompt, and what came of it. */
struct completion {
    struct concurrent_openai_client *client; /* in */
    const char *prompt;                      /* in */
    bool success;                            /* out */
    char *response;  /* out: the caller frees it; NULL if it failed */
    int tokens;      /* out: of prompt and response together; 0 if it failed */
    double cost;     /* out: dollars; 0 if it failed */
    char error[256]; /* out: why it failed: its own error's text, never empty
                        then */
};

/*
 * Sends the prompt, once, as a user's message, for at most 50 tokens, and waits
 * for the response; a permit is held meanwhile, and nowhere else. completion is
 * a struct completion. Adds to the client's totals.
 *
 * Returns 0 also if the request has failed, as the completion then says; an
 * error only if it could not go on (ASYNC_ECANCELED, -ENOMEM).
 */
int generate_completion(void *completion) ASYNC_SUSPENDS;

/* [batch_generate(prompts)] */
struct prompt_batch {
    struct concurrent_openai_client *client; /* in */
    struct completion *completions; /* in: n of them, client and prompt set */
    size_t n;                       /* in: 0 is allowed */
    size_t successful;              /* out: of this batch alone */
    double elapsed_time;            /* out: seconds, by async_now() */
};

/*
 * Generates all completions, max_concurrent at a time. prompt_batch is a struct
 * prompt_batch. Returns as above. A client may be used for one batch after
 * another.
 */
int batch_generate(void *prompt_batch) ASYNC_SUSPENDS;

#endif

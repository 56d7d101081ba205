/*
 * Exercise 14: concurrent LLM client. Many prompts, a few at a time, and what
 * they cost.
 *
 * The task is in exercises/14_concurrent_llm_client.md, the contract in the
 * header beside it. Try it: make exercise14. Stuck: make hint14. Grade it: make
 * verify14.
 */
#include "14_concurrent_llm_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* [async def generate_completion(self, prompt)] */
int generate_completion(void *job)
{
    struct completion *completion = job;

    /* Your code goes here, in place of this return. */
    return async_raise(-ENOSYS, "generate_completion is not written yet: %s",
                       completion->prompt);
}

/* [async def batch_generate(self, prompts)] */
int batch_generate(void *job)
{
    struct prompt_batch *batch = job;

    /* Your code goes here, in place of this return. */
    return async_raise(
        -ENOSYS, "batch_generate is not written yet: %zu prompts", batch->n);
}

/* ---- Given: what `make exercise14` runs -------------------------------- */

#ifndef ASYNC_VERIFY

#include "mock_llm/mock_llm.h"

enum { PROMPTS = 10 };

static const char *const prompts[PROMPTS] = {
    "What is Python?",  "What is async?",     "What is AI?",
    "What is a mutex?", "What is a token?",   "What is a thread?",
    "What is a race?",  "What is a timeout?", "What is a queue?",
    "What is a retry?",
};

/* Ten prompts, at three at a time: the chapter's table promises 15 s for calls
   of 5 s; these take 0.5 s. */
static int run(struct concurrent_openai_client *client)
{
    struct completion completions[PROMPTS] = {{0}};
    struct prompt_batch batch = {client, completions, PROMPTS, 0, 0};

    for (int i = 0; i < PROMPTS; i++) {
        completions[i].client = client;
        completions[i].prompt = prompts[i];
    }
    int status = async_main(batch_generate, &batch);
    for (int i = 0; i < PROMPTS && status == 0; i++)
        printf("  %-19s %.54s\n", prompts[i],
               completions[i].success ? completions[i].response
                                      : completions[i].error);
    for (int i = 0; i < PROMPTS; i++)
        free(completions[i].response);
    return status;
}

int main(void)
{
    struct mock_llm_options options = {.scenario.latency = 0.5};
    char error[MOCK_LLM_ERROR_SIZE];
    int status = 1;

    if (!scenario_set(&options.scenario, "fault", "500 match=queue", error))
        abort();
    struct mock_llm *server = mock_llm_start(&options, error);
    if (!server) {
        fprintf(stderr, "The mock LLM server does not start: %s\n", error);
        return 1;
    }
    struct concurrent_openai_client client = {.api_key = "any",
                                              .base_url =
                                                  mock_llm_base_url(server),
                                              .max_concurrent = 3,
                                              .semaphore = {.permits = 3}};
    struct llm_options llm_options = {.api_key = client.api_key,
                                      .base_url = client.base_url,
                                      .max_retries = LLM_NO_RETRIES};
    client.llm = llm_client_from_provider("openai", &llm_options);
    if (client.llm)
        status = run(&client);
    llm_client_free(client.llm);
    mock_llm_stop(server);
    return status;
}

#endif

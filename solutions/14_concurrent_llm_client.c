/*
 * Exercise 14, solved: many prompts, a few at a time, and what they cost.
 *
 * The task is in exercises/14_concurrent_llm_client.md, the contract in the
 * header beside it. Run it: make solution14.
 */
#include "14_concurrent_llm_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What llm_chat returned, if it is the request's failure and not the end of the
   whole: who is cancelled, or has no memory, cannot go on. */
static bool is_failure(int err)
{
    return err && err != ASYNC_ECANCELED && err != -ENOMEM;
}

/* Takes over what came, and adds it to the client's totals. No other task runs
   between reading a total and writing it: nothing here suspends. */
static void succeed(struct completion *completion, const struct llm_chat *chat)
{
    struct concurrent_openai_client *client = completion->client;

    completion->success = true;
    completion->response = chat->content;
    completion->tokens = chat->total_tokens;
    completion->cost = chat->cost;
    client->total_tokens += chat->total_tokens;
    client->total_cost += chat->cost;
    client->completed++;
}

int generate_completion(void *job)
{
    struct completion *completion = job;
    struct concurrent_openai_client *client = completion->client;
    struct llm_message message = {"user", completion->prompt};
    struct llm_chat chat = {.client = client->llm,
                            .messages = &message,
                            .n_messages = 1,
                            .temperature = LLM_DEFAULT_TEMPERATURE,
                            .max_tokens = 50};

    int err = async_semaphore_acquire(&client->semaphore);
    if (err)
        return err;
    err = llm_chat(&chat);
    if (!err)
        succeed(completion, &chat);
    else if (is_failure(err))
        snprintf(completion->error, sizeof completion->error, "%s",
                 async_errmsg(err));
    async_semaphore_release(&client->semaphore);
    return is_failure(err) ? 0 : err;
}

int batch_generate(void *job)
{
    struct prompt_batch *batch = job;
    const struct concurrent_openai_client *client = batch->client;

    printf("Processing %zu prompts (max %d concurrent)...\n", batch->n,
           client->max_concurrent);

    double start = async_now();
    int err =
        async_gather_each(generate_completion, batch->completions, batch->n);
    batch->elapsed_time = async_now() - start;
    if (err)
        return err;

    for (size_t i = 0; i < batch->n; i++)
        batch->successful += batch->completions[i].success;
    printf("\nCompleted: %zu/%zu successful\n", batch->successful, batch->n);
    printf("Time: %.2fs", batch->elapsed_time);
    if (batch->elapsed_time > 0)
        printf(" (%.1f prompts/sec)", (double)batch->n / batch->elapsed_time);
    printf("\nTotal tokens: %ld\n", client->total_tokens);
    printf("Est. cost: $%.4f\n", client->total_cost);
    return 0;
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

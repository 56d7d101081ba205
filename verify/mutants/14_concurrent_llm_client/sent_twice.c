/* fails a f: a first try to see whether it works, and then the request */
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
    if (!err) {
        free(chat.content);
        err = llm_chat(&chat);
    }
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

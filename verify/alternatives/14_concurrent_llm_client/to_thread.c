/* The kit's client, blocking, in the runtime's threads; the semaphore limits
   these. A client belongs to one thread, so each chat has its own. */
#include "14_concurrent_llm_client.h"

#include <stdio.h>
#include <stdlib.h>

static int chat_blocking(void *job)
{
    return llm_chat_blocking(job);
}

int generate_completion(void *job)
{
    struct completion *completion = job;
    struct concurrent_openai_client *client = completion->client;
    struct llm_options options = {.api_key = client->api_key,
                                  .base_url = client->base_url,
                                  .max_retries = LLM_NO_RETRIES};
    struct llm_message message = {.role = "user",
                                  .content = completion->prompt};
    struct llm_chat chat = {.client =
                                llm_client_from_provider("openai", &options),
                            .messages = &message,
                            .n_messages = 1,
                            .temperature = 0.7,
                            .max_tokens = 50};
    int err = async_semaphore_acquire(&client->semaphore);

    if (!err) {
        err = async_to_thread(chat_blocking, &chat);
        if (err)
            snprintf(completion->error, sizeof completion->error, "%s",
                     async_errmsg(err));
        async_semaphore_release(&client->semaphore);
    }
    llm_client_free(chat.client);
    if (err)
        return err == ASYNC_ECANCELED ? err : 0;
    *completion = (struct completion){.client = client,
                                      .prompt = completion->prompt,
                                      .success = true,
                                      .response = chat.content,
                                      .tokens = chat.total_tokens,
                                      .cost = chat.cost};
    client->total_tokens += completion->tokens;
    client->total_cost += completion->cost;
    client->completed++;
    return 0;
}

int batch_generate(void *job)
{
    struct prompt_batch *batch = job;
    struct async_task *tasks = calloc(batch->n + 1, sizeof *tasks);
    double start = async_now();

    for (size_t i = batch->n; i-- > 0;)
        async_spawn(&tasks[i], generate_completion, &batch->completions[i]);
    int err = async_gather(tasks, batch->n);
    free(tasks);
    for (size_t i = 0; i < batch->n; i++)
        batch->successful += batch->completions[i].success;
    batch->elapsed_time = async_now() - start;
    return err;
}

/* so many tasks as may run; whichever ends, its place is used again */
#include "14_concurrent_llm_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int generate_completion(void *job)
{
    struct completion *c = job;
    struct llm_message m = {"user", c->prompt};
    struct llm_chat chat = {.client = c->client->llm,
                            .messages = &m,
                            .n_messages = 1,
                            .max_tokens = 50,
                            .temperature = 1};
    int err = llm_chat(&chat);

    if (err) {
        snprintf(c->error, sizeof c->error, "%s: %s", async_strerror(err),
                 async_errmsg(err));
        return err;
    }
    c->response = chat.content;
    c->success = true;
    c->client->total_tokens += c->tokens = chat.total_tokens;
    c->client->total_cost += c->cost = chat.cost;
    c->client->completed++;
    return 0;
}

int batch_generate(void *job)
{
    struct prompt_batch *batch = job;
    size_t before = batch->client->completed, begun = 0, i;
    size_t limit = (size_t)batch->client->max_concurrent;
    double from = async_now();
    int err = 0;

    if (limit > batch->n)
        limit = batch->n;
    struct async_task *tasks = calloc(limit + 1, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    while (begun < limit) {
        async_spawn(&tasks[begun], generate_completion,
                    &batch->completions[begun]);
        begun++;
    }
    for (size_t ended = 0; ended < batch->n && !err; ended++) {
        err = async_wait_any(tasks, limit, &i);
        if (!err && begun < batch->n)
            async_spawn(&tasks[i], generate_completion,
                        &batch->completions[begun++]);
    }
    free(tasks);
    batch->successful = batch->client->completed - before;
    batch->elapsed_time = async_now() - from;
    return err;
}

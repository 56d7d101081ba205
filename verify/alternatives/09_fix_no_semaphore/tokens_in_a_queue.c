/* a queue of tokens in place of a semaphore */
#include "09_fix_no_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void note(struct fetch_batch *batch, struct fetch *fetch, int err)
{
    fetch->success = err == 0;
    if (err)
        snprintf(fetch->error, sizeof fetch->error, "%s", async_errmsg(err));
    else
        batch->completed++;
}

struct place {
    struct fetch_batch *batch;
    struct fetch *fetch;
    struct async_queue *tokens;
};

static int fetch_one(void *job)
{
    struct place *place = job;
    void *token;

    int err = async_queue_get(place->tokens, &token);
    if (err)
        return err;
    note(place->batch, place->fetch, place->batch->fetch(place->fetch));
    return async_queue_put(place->tokens, token);
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    size_t n = batch->n;
    struct async_queue tokens = {0};
    struct place *places = calloc(n + 1, sizeof *places);
    int err = places ? 0 : -ENOMEM;

    for (int i = 0; i < batch->max_concurrent && !err; i++)
        err = async_queue_put(&tokens, batch);
    for (size_t i = 0; i < n && !err; i++)
        places[i] = (struct place){batch, &batch->fetches[i], &tokens};
    if (!err)
        err = async_gather_each(fetch_one, places, n);
    async_queue_close(&tokens);
    while (tokens.count > 0 && async_queue_get(&tokens, &(void *){NULL}) == 0)
        continue;
    free(places);
    return err;
}

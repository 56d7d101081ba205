/* a task within the task that fetches, and another that prints how far it is */
#include "09_fix_no_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct place {
    struct fetch_batch *batch;
    struct fetch *fetch;
    struct async_semaphore *slots;
};

static int fetch_one(void *job)
{
    struct place *place = job;
    struct async_task task;
    int err;

    if ((err = async_semaphore_acquire(place->slots)) != 0)
        return err;
    async_spawn(&task, place->batch->fetch, place->fetch);
    err = async_await(&task);
    async_semaphore_release(place->slots);
    place->fetch->success = err == 0;
    if (err == 0)
        place->batch->completed++;
    else
        snprintf(place->fetch->error, sizeof place->fetch->error, "%s",
                 task.errmsg);
    return 0;
}

static int tick(void *job)
{
    const struct fetch_batch *batch = job;
    int err;

    while ((err = async_sleep(0.25)) == 0)
        printf("%zu of %zu\n", batch->completed, batch->n);
    return err;
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    struct async_semaphore slots = {.permits = batch->max_concurrent};
    struct async_task ticker;
    struct place *places = malloc((batch->n + 1) * sizeof *places);

    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        places[i] = (struct place){batch, batch->fetches + i, &slots};
    async_spawn(&ticker, tick, batch);
    int err = async_gather_each(fetch_one, places, batch->n);
    async_reap(&ticker, 1);
    free(places);
    return err;
}

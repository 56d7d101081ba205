/* the loop that spawns waits for the slot, the task gives it back */
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
    struct async_semaphore *slots;
};

static int fetch_one(void *job)
{
    struct place *place = job;

    note(place->batch, place->fetch, place->batch->fetch(place->fetch));
    async_semaphore_release(place->slots);
    return 0;
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    size_t n = batch->n;
    struct async_semaphore slots = {.permits = batch->max_concurrent};
    struct place *places = calloc(n + 1, sizeof *places);
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = places && tasks ? 0 : -ENOMEM;

    for (size_t i = 0; i < n && !err; i++) {
        err = async_semaphore_acquire(&slots);
        if (err)
            break;
        places[i] = (struct place){batch, &batch->fetches[i], &slots};
        async_spawn(&tasks[i], fetch_one, &places[i]);
    }
    if (err && tasks)
        async_reap(tasks, n);
    else if (!err)
        err = async_gather(tasks, n);
    free(tasks);
    free(places);
    return err;
}

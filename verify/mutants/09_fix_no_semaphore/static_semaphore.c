/* fails e: one semaphore for the program, and so for all batches */
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

static struct async_semaphore slots;

struct place {
    struct fetch_batch *batch;
    struct fetch *fetch;
};

static int fetch_one(void *job)
{
    struct place *place = job;
    int err = async_semaphore_acquire(&slots);

    if (err)
        return err;
    printf("GET %s\n", place->fetch->url);
    note(place->batch, place->fetch, place->batch->fetch(place->fetch));
    async_semaphore_release(&slots);
    return 0;
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    size_t n = batch->n;
    struct place *places = calloc(n + 1, sizeof *places);
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = -ENOMEM;

    if (!places || !tasks)
        goto out;
    slots = (struct async_semaphore){.permits = batch->max_concurrent};
    for (size_t i = n; i-- > 0;) {
        places[i] = (struct place){batch, &batch->fetches[i]};
        async_spawn(&tasks[i], fetch_one, &places[i]);
    }
    err = async_gather(tasks, n);
out:
    free(tasks);
    free(places);
    return err;
}

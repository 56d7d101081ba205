/* the last page first */
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
    int err = async_semaphore_acquire(place->slots);

    if (err)
        return err;
    printf("GET %s\n", place->fetch->url);
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
    int err = -ENOMEM;

    if (!places || !tasks)
        goto out;
    for (size_t i = n; i-- > 0;) {
        places[i] = (struct place){batch, &batch->fetches[i], &slots};
        async_spawn(&tasks[i], fetch_one, &places[i]);
    }
    err = async_gather(tasks, n);
out:
    free(tasks);
    free(places);
    return err;
}

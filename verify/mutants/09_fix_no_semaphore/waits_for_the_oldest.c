/* fails c e: before page i begins, page i - max_concurrent is awaited */
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
};

static int fetch_one(void *job)
{
    struct place *place = job;

    note(place->batch, place->fetch, place->batch->fetch(place->fetch));
    return 0;
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    size_t n = batch->n, limit = (size_t)batch->max_concurrent, i;
    struct place *places = calloc(n + 1, sizeof *places);
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = places && tasks ? 0 : -ENOMEM;

    for (i = 0; i < n && !err; i++) {
        if (i >= limit)
            err = async_await(&tasks[i - limit]);
        if (err)
            break;
        places[i] = (struct place){batch, &batch->fetches[i]};
        async_spawn(&tasks[i], fetch_one, &places[i]);
    }
    for (size_t k = i > limit ? i - limit : 0; k < n && !err; k++)
        err = async_await(&tasks[k]);
    if (tasks)
        async_reap(tasks, n);
    free(tasks);
    free(places);
    return err;
}

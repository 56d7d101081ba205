/* fails e: a page's own ASYNC_ECANCELED is taken for the batch's */
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

struct pool {
    struct fetch_batch *batch;
    size_t next;
};

static int work(void *job)
{
    struct pool *pool = *(struct pool **)job;
    struct fetch_batch *batch = pool->batch;

    while (pool->next < batch->n) {
        struct fetch *fetch = &batch->fetches[pool->next++];
        int err = batch->fetch(fetch);

        note(batch, fetch, err);
        if (err == ASYNC_ECANCELED)
            return err;
    }
    return 0;
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    size_t limit = (size_t)batch->max_concurrent;
    size_t workers = limit < batch->n ? limit : batch->n;
    struct pool pool = {batch, 0}, **jobs = calloc(workers + 1, sizeof *jobs);

    if (!jobs)
        return -ENOMEM;
    for (size_t i = 0; i < workers; i++)
        jobs[i] = &pool;
    int err = async_gather_each(work, jobs, workers);
    free(jobs);
    return err;
}

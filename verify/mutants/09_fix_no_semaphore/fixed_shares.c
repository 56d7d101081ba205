/* fails c: each of max_concurrent workers has every so-manieth page */
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

struct worker {
    struct fetch_batch *batch;
    size_t first, step;
};

static int work(void *job)
{
    struct worker *worker = job;
    struct fetch_batch *batch = worker->batch;

    for (size_t i = worker->first; i < batch->n; i += worker->step) {
        int err = batch->fetch(&batch->fetches[i]);
        if (async_cancelling())
            return err;
        note(batch, &batch->fetches[i], err);
    }
    return 0;
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    size_t n = (size_t)batch->max_concurrent;
    struct worker *workers = calloc(n, sizeof *workers);

    if (!workers)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        workers[i] = (struct worker){batch, i, n};
    int err = async_gather_each(work, workers, n);
    free(workers);
    return err;
}

/* fails a: a counter, and a loop that waits for it */
#include "09_fix_no_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct place {
    struct fetch_batch *batch;
    struct fetch *fetch;
    int *running;
};

static int fetch_one(void *job)
{
    struct place *place = job;
    struct fetch_batch *batch = place->batch;
    struct fetch *fetch = place->fetch;

    while (*place->running >= batch->max_concurrent) {
        int busy = async_yield();
        if (busy)
            return busy;
    }
    ++*place->running;

    int err = batch->fetch(fetch);

    --*place->running;

    fetch->success = err == 0;
    if (err)
        snprintf(fetch->error, sizeof fetch->error, "%s", async_errmsg(err));
    else
        batch->completed++;
    return 0;
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    int running = 0;
    struct place *places = calloc(batch->n, sizeof *places);

    if (!places && batch->n > 0)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        places[i] = (struct place){batch, &batch->fetches[i], &running};

    int err = async_gather_each(fetch_one, places, batch->n);
    free(places);
    return err;
}

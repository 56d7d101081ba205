/* fails d: the errors are written down when all is done */
#include "09_fix_no_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct place {
    struct fetch_batch *batch;
    struct fetch *fetch;
    struct async_semaphore *slots;
    int err;
};

static int fetch_one(void *job)
{
    struct place *place = job;
    struct fetch_batch *batch = place->batch;
    struct fetch *fetch = place->fetch;

    int err = async_semaphore_acquire(place->slots);
    if (err)
        return err;

    err = batch->fetch(fetch);

    async_semaphore_release(place->slots);

    fetch->success = err == 0;
    if (err)
        place->err = err;
    else
        batch->completed++;
    return 0;
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    struct async_semaphore slots = {.permits = batch->max_concurrent};
    struct place *places = calloc(batch->n, sizeof *places);

    if (!places && batch->n > 0)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        places[i] = (struct place){batch, &batch->fetches[i], &slots, 0};

    int err = async_gather_each(fetch_one, places, batch->n);
    for (size_t i = 0; i < batch->n; i++)
        if (places[i].err)
            snprintf(batch->fetches[i].error, sizeof batch->fetches[i].error,
                     "%s", async_errmsg(places[i].err));
    free(places);
    return err;
}

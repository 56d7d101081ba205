/* fails c: looks for a free slot every 0.05 s */
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
    int *running;
};

static int fetch_one(void *job)
{
    struct place *place = job;

    while (*place->running >= place->batch->max_concurrent) {
        int err = async_sleep(0.05);
        if (err)
            return err;
    }
    ++*place->running;
    note(place->batch, place->fetch, place->batch->fetch(place->fetch));
    --*place->running;
    return 0;
}

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    int running = 0;
    struct place *places = calloc(batch->n + 1, sizeof *places);

    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        places[i] = (struct place){batch, &batch->fetches[i], &running};
    int err = async_gather_each(fetch_one, places, batch->n);
    free(places);
    return err;
}

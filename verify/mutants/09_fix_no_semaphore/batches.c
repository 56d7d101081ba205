/* fails c: max_concurrent at a time, each group gathered before the next */
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
    size_t limit = (size_t)batch->max_concurrent;

    for (size_t i = 0; i < batch->n; i += limit) {
        size_t n = batch->n - i < limit ? batch->n - i : limit;
        struct place *places = calloc(n, sizeof *places);

        if (!places)
            return -ENOMEM;
        for (size_t k = 0; k < n; k++)
            places[k] = (struct place){batch, &batch->fetches[i + k]};
        int err = async_gather_each(fetch_one, places, n);
        free(places);
        if (err)
            return err;
    }
    return 0;
}

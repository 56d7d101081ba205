/* no semaphore: whenever one has ended, the next is spawned */
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
    size_t n = batch->n, limit = (size_t)batch->max_concurrent, begun = 0,
           which;
    struct place *places = calloc(n + 1, sizeof *places);
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = places && tasks ? 0 : -ENOMEM;

    for (size_t ended = 0; ended < n && !err; ended++) {
        while (begun < n && begun < ended + limit) {
            places[begun] = (struct place){batch, &batch->fetches[begun]};
            async_spawn(&tasks[begun], fetch_one, &places[begun]);
            begun++;
        }
        err = async_wait_any(tasks, begun, &which);
    }
    free(tasks);
    free(places);
    return err;
}

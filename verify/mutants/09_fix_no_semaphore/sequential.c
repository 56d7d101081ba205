/* fails a: one page after another */
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

int fetch_all(void *job)
{
    struct fetch_batch *batch = job;

    for (size_t i = 0; i < batch->n; i++) {
        int err = batch->fetch(&batch->fetches[i]);
        if (err == ASYNC_ECANCELED)
            return err;
        note(batch, &batch->fetches[i], err);
    }
    return 0;
}

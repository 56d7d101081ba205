/* a label and a goto, and a copy of what comes in */
#include "11_timeout.h"

#include <stdio.h>

struct attempt {
    async_fn *fn;
    void *job;
};

static int make(void *job)
{
    struct attempt *a = job;
    struct async_task task;

    async_spawn(&task, a->fn, a->job);
    return async_gather(&task, 1);
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    struct attempt a = {timed->attempt, timed->job};
    int retries = timed->max_retries, err;

again:
    timed->attempts += 1;
    err = async_wait_for(make, &a, timed->timeout);
    if (err == ASYNC_ETIMEDOUT && retries) {
        retries--;
        goto again;
    }
    return err;
}

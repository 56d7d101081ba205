/* the wait is a time-out for what never happens */
#include "08_retry.h"

#include <errno.h>

static int never(void *unused)
{
    struct async_event event = {0};

    (void)unused;
    return async_event_wait(&event);
}

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    for (;;) {
        how->attempts++;
        int err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED)
            return err;
        if (how->attempts > how->max_retries || !how->worth_retrying(err))
            return err;
        err = async_wait_for(never, NULL, wait);
        if (err != ASYNC_ETIMEDOUT)
            return err;
        wait *= 2;
    }
}

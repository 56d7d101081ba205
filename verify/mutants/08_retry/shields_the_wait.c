/* fails f: the wait cannot be cancelled */
#include "08_retry.h"

#include <errno.h>

static int pause_for(void *job)
{
    const double *seconds = job;

    return async_sleep(*seconds);
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
        err = async_shield(pause_for, &wait);
        if (err)
            return err;
        wait *= 2;
    }
}

/* full jitter: from 0 to the whole wait */
#include "08_retry.h"

#include <errno.h>
#include <stdlib.h>

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
        err = async_sleep(wait * rand() / RAND_MAX);
        if (err)
            return err;
        wait *= 2;
    }
}

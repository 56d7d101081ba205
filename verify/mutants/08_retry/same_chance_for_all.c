/* fails c: a random part that is the same for every job */
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
        srand(1); /* "so that it is random" */
        err = async_sleep(wait * (0.5 + rand() / (2.0 * RAND_MAX)));
        if (err)
            return err;
        wait *= 2;
    }
}

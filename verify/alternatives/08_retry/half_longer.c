/* up to half longer, from a random number for each job */
#include "08_retry.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;
    unsigned state = (unsigned)(uintptr_t)how;

    for (;;) {
        how->attempts++;
        int err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED)
            return err;
        if (how->attempts > how->max_retries || !how->worth_retrying(err))
            return err;
        err = async_sleep(wait * (1 + rand_r(&state) / (2.0 * RAND_MAX)));
        if (err)
            return err;
        wait *= 2;
    }
}

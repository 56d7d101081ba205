/* a quarter longer or shorter, and a line of output for each */
#include "08_retry.h"

#include <errno.h>
#include <stdio.h>
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
        double seconds = wait * (0.75 + 0.5 * drand48());
        printf("attempt %d failed: %s; retrying in %.2f s\n", how->attempts,
               async_errmsg(err), seconds);
        err = async_sleep(seconds);
        if (err)
            return err;
        wait *= 2;
    }
}

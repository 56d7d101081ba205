/* fails c: one wait for all jobs */
#include "08_retry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int retry(void *job)
{
    struct retry *retry = job;
    static double wait;

    if (retry->attempts == 0)
        wait = retry->base_delay;

    for (;;) {
        int err = retry->operation(retry->job);
        retry->attempts++;
        if (err == 0 || err == ASYNC_ECANCELED || !retry->worth_retrying(err) ||
            retry->attempts > retry->max_retries)
            return err;
        err = async_sleep(wait);
        if (err)
            return err;
        wait *= 2;
    }
}

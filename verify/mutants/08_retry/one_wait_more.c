/* fails a: a wait before the first attempt, too */
#include "08_retry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int retry(void *job)
{
    struct retry *retry = job;
    double wait = retry->base_delay;

    if (async_sleep(wait))
        return ASYNC_ECANCELED;

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

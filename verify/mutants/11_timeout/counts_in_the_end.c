/* fails g: attempts is written only if one succeeded */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int attempts = 0, err;

    do {
        attempts++;
        err = async_wait_for(timed->attempt, timed->job, timed->timeout);
    } while (err == ASYNC_ETIMEDOUT && attempts <= timed->max_retries);
    if (err == 0)
        timed->attempts = attempts;
    return err;
}

/* fails g: the first attempt is not counted */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err;

    do {
        timed->attempts++;
        err = async_wait_for(timed->attempt, timed->job, timed->timeout);
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    timed->attempts--;
    return err;
}

/* fails d f: every failure is returned as a time-out */
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
    return err ? ASYNC_ETIMEDOUT : 0;
}

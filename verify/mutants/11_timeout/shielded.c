/* fails f: attempts are held against cancellation */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int one_attempt(void *job)
{
    struct timed *timed = job;

    return async_wait_for(timed->attempt, timed->job, timed->timeout);
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err;

    do {
        timed->attempts++;
        err = async_shield(one_attempt, timed);
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

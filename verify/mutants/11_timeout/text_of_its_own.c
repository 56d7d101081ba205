/* fails d: an error with another text */
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
    if (err && err != ASYNC_ETIMEDOUT && err != ASYNC_ECANCELED)
        return async_raise(err, "failed after %d attempts", timed->attempts);
    return err;
}

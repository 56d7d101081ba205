/* fails b c e g: the limit is around a call of itself */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err;

    if (timed->attempts > timed->max_retries)
        return ASYNC_ETIMEDOUT;
    timed->attempts++;
    err = async_wait_for(timed->attempt, timed->job, timed->timeout);
    if (err == ASYNC_ETIMEDOUT)
        err = async_wait_for(call_with_timeout, timed, timed->timeout);
    return err;
}

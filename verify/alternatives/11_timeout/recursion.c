/* one attempt, and a function that begins again */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>

static int try_again(struct timed *timed, int left)
{
    timed->attempts++;
    int err = async_wait_for(timed->attempt, timed->job, timed->timeout);
    return err == ASYNC_ETIMEDOUT && left > 0 ? try_again(timed, left - 1)
                                              : err;
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;

    return try_again(timed, timed->max_retries);
}

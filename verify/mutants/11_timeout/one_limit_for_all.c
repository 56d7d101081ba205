/* fails b c d e g: one timeout around all attempts */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>

static int make_attempts(void *job)
{
    struct timed *timed = job;
    int err = 0;

    do {
        timed->attempts++;
        err = timed->attempt(timed->job);
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;

    return async_wait_for(make_attempts, timed, timed->timeout);
}

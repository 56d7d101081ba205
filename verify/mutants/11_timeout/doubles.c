/* fails b c e g: each attempt has twice the time of the one before */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    double timeout = timed->timeout;
    int err;

    do {
        timed->attempts++;
        err = async_wait_for(timed->attempt, timed->job, timeout);
        timeout *= 2;
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

/* fails b c d e g: a deadline for all; the first may use it up */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    double deadline = async_now() + timed->timeout * (timed->max_retries + 1);
    int err;

    do {
        timed->attempts++;
        err =
            async_wait_for(timed->attempt, timed->job, deadline - async_now());
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

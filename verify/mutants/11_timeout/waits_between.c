/* fails b c d e: a pause before the next attempt */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err;

    do {
        if (timed->attempts > 0) {
            err = async_sleep(1.0);
            if (err)
                return err;
        }
        timed->attempts++;
        err = async_wait_for(timed->attempt, timed->job, timed->timeout);
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

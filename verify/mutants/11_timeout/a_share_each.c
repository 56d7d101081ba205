/* fails b c d e: the timeout is divided among the attempts */
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
        err = async_wait_for(timed->attempt, timed->job,
                             timed->timeout / (timed->max_retries + 1));
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

/* fails b g: 0 when the retries are used up */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err;

    for (timed->attempts = 1; timed->attempts <= timed->max_retries + 1;
         timed->attempts++) {
        err = async_wait_for(timed->attempt, timed->job, timed->timeout);
        if (err != ASYNC_ETIMEDOUT)
            return err;
    }
    return 0;
}

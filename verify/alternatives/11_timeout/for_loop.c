/* a loop that counts, and its own words for a time-out */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;

    for (int i = 0; i <= timed->max_retries; i++) {
        timed->attempts = i + 1;
        int err = async_wait_for(timed->attempt, timed->job, timed->timeout);
        if (err != ASYNC_ETIMEDOUT)
            return err;
        printf("attempt %d was too slow\n", i + 1);
    }
    return async_raise(ASYNC_ETIMEDOUT, "no answer in %d attempts",
                       timed->attempts);
}

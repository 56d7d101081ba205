/* fails d f g: counts the attempts too late, and retries everything */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err;

    do {
        err = async_wait_for(timed->attempt, timed->job, timed->timeout);
        timed->attempts++;
    } while (err && timed->max_retries-- > 0);
    return err;
}

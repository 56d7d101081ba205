/* fails b c d e g: the attempt is awaited without a limit */
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
        err = timed->attempt(timed->job);
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

/* fails a d f: one call after another */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int gather_limited(void *job)
{
    struct limited *limited = job;

    if (limited->limit < 1)
        return -EINVAL;
    for (size_t i = 0; i < limited->n; i++) {
        limited->errs[i] = limited->fn(limited->jobs[i]);
        if (limited->errs[i] == ASYNC_ECANCELED)
            return ASYNC_ECANCELED;
    }
    return 0;
}

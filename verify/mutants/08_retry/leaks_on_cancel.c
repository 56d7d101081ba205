/* fails f: a copy on the heap is not freed when the wait is cut short */
#include "08_retry.h"

#include <errno.h>
#include <stdlib.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    int err;
    double *waits = calloc((size_t)how->max_retries + 1, sizeof *waits);
    if (!waits)
        return -ENOMEM;
    for (int i = 0; i <= how->max_retries; i++, wait *= 2)
        waits[i] = wait;
    for (;;) {
        how->attempts++;
        err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED)
            break;
        if (how->attempts > how->max_retries || !how->worth_retrying(err))
            break;
        err = async_sleep(waits[how->attempts - 1]);
        if (err)
            return err;
    }
    free(waits);
    return err;
}

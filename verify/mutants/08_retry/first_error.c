/* fails b: it returns the first error instead of the last */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    int first = 0;
    for (;;) {
        how->attempts++;
        int err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED || !how->worth_retrying(err))
            return err;
        if (first == 0)
            first = err;
        if (how->attempts > how->max_retries)
            return first;
        err = async_sleep(wait);
        if (err)
            return err;
        wait *= 2;
    }
}

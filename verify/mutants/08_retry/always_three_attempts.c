/* fails a b c: two retries, whatever max_retries is */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    for (;;) {
        how->attempts++;
        int err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED)
            return err;
        if (how->attempts > 2 || !how->worth_retrying(err))
            return err;
        err = async_sleep(wait);
        if (err)
            return err;
        wait *= 2;
    }
}

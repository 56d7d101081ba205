/* fails a b e: attempts counts from the second call on */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    for (int retries = 0;; retries++) {
        how->attempts = retries;
        int err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED)
            return err;
        if (retries == how->max_retries || !how->worth_retrying(err))
            return err;
        err = async_sleep(wait);
        if (err)
            return err;
        wait *= 2;
    }
}

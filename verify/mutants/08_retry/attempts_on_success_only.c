/* fails a b e: attempts is written when it succeeds, and only then */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    for (int attempt = 1;; attempt++) {
        int err = how->operation(how->job);
        if (err == 0)
            how->attempts = attempt;
        if (err == 0 || err == ASYNC_ECANCELED)
            return err;
        if (attempt > how->max_retries || !how->worth_retrying(err))
            return err;
        err = async_sleep(wait);
        if (err)
            return err;
        wait *= 2;
    }
}

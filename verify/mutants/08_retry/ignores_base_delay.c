/* fails c: waits of 1, 2, 4 ... s, whatever base_delay is */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = 1.0;

    for (;;) {
        how->attempts++;
        int err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED)
            return err;
        if (how->attempts > how->max_retries || !how->worth_retrying(err))
            return err;
        err = async_sleep(wait);
        if (err)
            return err;
        wait *= 2;
    }
}

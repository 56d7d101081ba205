/* fails f: cancelled in the wait it returns 0 */
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
        if (how->attempts > how->max_retries || !how->worth_retrying(err))
            return err;
        if (async_sleep(wait))
            return 0;
        wait *= 2;
    }
}

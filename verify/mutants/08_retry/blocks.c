/* fails c f: nanosleep() instead of async_sleep() */
#include "08_retry.h"

#include <errno.h>
#include <time.h>

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
        struct timespec pause = {
            .tv_sec = (time_t)wait,
            .tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9),
        };
        nanosleep(&pause, NULL);
        wait *= 2;
    }
}

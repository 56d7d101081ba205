/* fails a b c d: max_retries attempts in all, not one more */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    int err = 0;
    for (int attempt = 0; attempt < how->max_retries; attempt++) {
        how->attempts++;
        err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED || !how->worth_retrying(err))
            return err;
        if (attempt + 1 == how->max_retries)
            break;
        int slept = async_sleep(wait);
        if (slept)
            return slept;
        wait *= 2;
    }
    return err;
}

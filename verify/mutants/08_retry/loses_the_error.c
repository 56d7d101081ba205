/* fails a b: behind the loop it returns 0, as if all were well */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    for (int attempt = 0; attempt <= how->max_retries; attempt++) {
        how->attempts++;
        int err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED || !how->worth_retrying(err))
            return err;
        if (attempt == how->max_retries)
            break;
        err = async_sleep(wait);
        if (err)
            return err;
        wait *= 2;
    }
    return 0;
}

/* fails c: the first wait is twice base_delay */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;

    for (;;) {
        how->attempts++;
        int err = how->operation(how->job);
        if (err == 0 || err == ASYNC_ECANCELED)
            return err;
        if (how->attempts > how->max_retries || !how->worth_retrying(err))
            return err;
        err = async_sleep(how->base_delay * (1 << how->attempts));
        if (err)
            return err;
    }
}

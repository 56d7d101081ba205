/* the first attempt before the loop, as lesson 9 has it */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;

    how->attempts = 1;
    int err = how->operation(how->job);
    for (int i = 0; i < how->max_retries && err != 0 &&
                    err != ASYNC_ECANCELED && how->worth_retrying(err);
         i++) {
        err = async_sleep(how->base_delay * (double)(1 << i));
        if (err)
            return err;
        how->attempts++;
        err = how->operation(how->job);
    }
    return err;
}

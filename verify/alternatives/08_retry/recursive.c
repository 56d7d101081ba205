/* recursion instead of a loop, and pow() */
#include "08_retry.h"

#include <math.h>

static int attempt(struct retry *how, int k)
{
    how->attempts = k + 1;
    int err = how->operation(how->job);
    if (!err || err == ASYNC_ECANCELED || k == how->max_retries ||
        !how->worth_retrying(err))
        return err;
    err = async_sleep(how->base_delay * pow(2, k));
    return err ? err : attempt(how, k + 1);
}

int retry(void *job)
{
    return attempt(job, 0);
}

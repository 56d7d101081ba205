/* up to half longer, cut at the limit; retry_after, too, a quarter */
#include "07_fix_constant_backoff.h"

#include <math.h>
#include <stdlib.h>

static bool may_heal(int err)
{
    return err == LLM_ERATELIMIT || err == LLM_ECONFLICT ||
           err == LLM_ESERVER || err == LLM_ECONNECTION || err == LLM_ETIMEDOUT;
}

int send_with_backoff(void *job)
{
    struct backoff *backoff = job;
    struct request *request = backoff->request;
    int err;

    while (backoff->attempts++, err = backoff->send(request), may_heal(err)) {
        if (backoff->attempts == backoff->max_retries + 1)
            break;
        double delay = ldexp(backoff->base_delay, backoff->attempts - 1);
        double wait = fmin(delay * (1 + drand48() / 2), backoff->max_delay);
        if (request->retry_after > 0)
            wait = request->retry_after * (1 + drand48() / 4);
        int slept = async_sleep(wait);
        if (slept)
            return slept;
    }
    return err;
}

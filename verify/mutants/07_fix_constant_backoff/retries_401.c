/* fails e: a list of what does not heal, in which 401 and 404 are missing */
#include "07_fix_constant_backoff.h"

int send_with_backoff(void *job)
{
    struct backoff *backoff = job;
    double delay = backoff->base_delay;

    for (;;) {
        backoff->attempts++;
        int err = backoff->send(backoff->request);
        if (err == 0 || err == LLM_EBADREQUEST || err == ASYNC_ECANCELED ||
            backoff->attempts > backoff->max_retries)
            return err;
        if (delay > backoff->max_delay)
            delay = backoff->max_delay;
        double wait = delay;
        if (backoff->request->retry_after > 0)
            wait = backoff->request->retry_after;
        err = async_sleep(wait);
        if (err)
            return err;
        delay *= 2;
    }
}

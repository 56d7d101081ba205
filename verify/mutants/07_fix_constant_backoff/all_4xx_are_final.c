/* fails d e: all from 400 to 499 are final */
#include "07_fix_constant_backoff.h"

int send_with_backoff(void *job)
{
    struct backoff *backoff = job;
    double wait = backoff->base_delay;

    for (;;) {
        int err = backoff->send(backoff->request);
        backoff->attempts++;
        if (err == 0 || err == ASYNC_ECANCELED ||
            (backoff->request->status >= 400 &&
             backoff->request->status < 500) ||
            backoff->attempts > backoff->max_retries)
            return err;
        double delay = wait < backoff->max_delay ? wait : backoff->max_delay;
        if (backoff->request->retry_after > delay)
            delay = backoff->request->retry_after;
        wait *= 2;
        err = async_sleep(delay);
        if (err)
            return err;
    }
}

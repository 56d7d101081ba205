/* fails d: max_delay cuts also what the server asks for */
#include "07_fix_constant_backoff.h"

static bool may_heal(int err)
{
    return err == LLM_ERATELIMIT || err == LLM_ECONFLICT ||
           err == LLM_ESERVER || err == LLM_ECONNECTION || err == LLM_ETIMEDOUT;
}

int send_with_backoff(void *job)
{
    struct backoff *backoff = job;
    double delay = backoff->base_delay;

    for (;;) {
        backoff->attempts++;
        int err = backoff->send(backoff->request);
        if (!may_heal(err) || backoff->attempts > backoff->max_retries)
            return err;
        if (delay > backoff->max_delay)
            delay = backoff->max_delay;
        double wait = delay;
        if (backoff->request->retry_after > 0)
            wait = backoff->request->retry_after;
        if (wait > backoff->max_delay)
            wait = backoff->max_delay;
        err = async_sleep(wait);
        if (err)
            return err;
        delay *= 2;
    }
}

/* fails d: what one answer asked for holds for all later ones */
#include "07_fix_constant_backoff.h"

static bool may_heal(int err)
{
    return err == LLM_ERATELIMIT || err == LLM_ECONFLICT ||
           err == LLM_ESERVER || err == LLM_ECONNECTION || err == LLM_ETIMEDOUT;
}

int send_with_backoff(void *job)
{
    struct backoff *backoff = job;
    double delay = backoff->base_delay, asked = 0;

    for (;;) {
        backoff->attempts++;
        int err = backoff->send(backoff->request);
        if (!may_heal(err) || backoff->attempts > backoff->max_retries)
            return err;
        if (delay > backoff->max_delay)
            delay = backoff->max_delay;
        double wait = delay;
        if (backoff->request->retry_after > 0)
            asked = backoff->request->retry_after;
        if (asked > wait)
            wait = asked;
        err = async_sleep(wait);
        if (err)
            return err;
        delay *= 2;
    }
}

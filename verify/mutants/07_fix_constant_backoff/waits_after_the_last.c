/* fails b: a wait after every failure, the last one included */
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
    int err = 0;

    for (int attempt = 0; attempt <= backoff->max_retries; attempt++) {
        backoff->attempts++;
        err = backoff->send(backoff->request);
        if (!may_heal(err))
            return err;
        if (delay > backoff->max_delay)
            delay = backoff->max_delay;
        double asked = backoff->request->retry_after;
        int slept = async_sleep(asked > 0 ? asked : delay);
        if (slept)
            return slept;
        delay *= 2;
    }
    return err;
}

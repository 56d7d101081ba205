/* fails d: retry_after is looked at only if it comes with a 429 */
#include "07_fix_constant_backoff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool may_heal(int err)
{
    switch (err) {
    case LLM_ERATELIMIT:
    case LLM_ECONFLICT:
    case LLM_ESERVER:
    case LLM_ECONNECTION:
    case LLM_ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

int send_with_backoff(void *job)
{
    struct backoff *backoff = job;
    double wait = backoff->base_delay;

    for (;;) {
        int err = backoff->send(backoff->request);
        backoff->attempts++;
        if (!may_heal(err) || backoff->attempts > backoff->max_retries)
            return err;
        double delay = fmin(wait, backoff->max_delay);
        if (err == LLM_ERATELIMIT && backoff->request->retry_after > delay)
            delay = backoff->request->retry_after;
        wait *= 2;
        err = async_sleep(delay);
        if (err)
            return err;
    }
}

/* a wait that the server asked for does not count, and goto */
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
    struct backoff *b = job;
    double own = b->base_delay, wait;
    int err;
again:
    b->attempts += 1;
    err = b->send(b->request);
    if (b->attempts == b->max_retries + 1 || !may_heal(err))
        goto out;
    wait = b->request->retry_after;
    if (wait <= 0) {
        wait = own > b->max_delay ? b->max_delay : own;
        own += own;
    }
    if ((err = async_sleep(wait)) == 0)
        goto again;
out:
    return err;
}

/* a quarter either way, slept in two halves, in a task of its own */
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

static int nap(void *job)
{
    double *seconds = job;
    int err = async_sleep(*seconds / 2);
    return err ? err : async_sleep(*seconds / 2);
}

int send_with_backoff(void *job)
{
    struct backoff *b = job;
    int err = 0, k = 0;
    do {
        struct async_task task;
        async_spawn(&task, b->send, b->request);
        err = async_await(&task);
        b->attempts = k + 1;
        if (!may_heal(err) || k >= b->max_retries)
            break;
        double seconds = ldexp(b->base_delay, k) * (0.75 + 0.5 * drand48());
        seconds = fmin(seconds, b->max_delay);
        if (b->request->retry_after > 0)
            seconds =
                fmax(seconds, b->request->retry_after * (1 + 0.1 * drand48()));
        printf("%s: again in %.1f s\n", b->request->url, seconds);
        err = nap(&seconds);
        if (err)
            return err;
    } while (++k);
    return err;
}

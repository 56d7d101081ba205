/* recursion, and a switch of what does not heal */
#include "07_fix_constant_backoff.h"

static double wait_before(const struct backoff *backoff, int retry)
{
    double wait = backoff->base_delay * (double)(1L << retry);

    if (backoff->request->retry_after > 0)
        return backoff->request->retry_after;
    return wait < backoff->max_delay ? wait : backoff->max_delay;
}

static int attempt(struct backoff *backoff, int retry)
{
    backoff->attempts = retry + 1;
    int err = backoff->send(backoff->request);
    switch (err) {
    case 0:
    case ASYNC_ECANCELED:
    case LLM_EBADREQUEST:
    case LLM_EAUTHENTICATION:
    case LLM_EPERMISSION:
    case LLM_ENOTFOUND:
    case LLM_EUNPROCESSABLE:
    case LLM_EQUOTA:
    case LLM_EMALFORMED:
        return err;
    }
    if (retry >= backoff->max_retries)
        return err;
    err = async_sleep(wait_before(backoff, retry));
    return err ? err : attempt(backoff, retry + 1);
}

int send_with_backoff(void *job)
{
    return attempt(job, 0);
}

/* fails a c d e: waits for the timeout, then looks */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;

    for (int i = 0; i <= timed->max_retries; i++) {
        struct async_task task;

        timed->attempts++;
        async_spawn(&task, timed->attempt, timed->job);
        int err = async_sleep(timed->timeout);
        async_cancel(&task);
        int result = async_await(&task);
        if (err)
            return err;
        if (result != ASYNC_ECANCELED)
            return result;
    }
    return ASYNC_ETIMEDOUT;
}

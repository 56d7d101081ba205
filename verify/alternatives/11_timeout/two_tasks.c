/* a task that sleeps beside the attempt: whoever ends first */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>

static int sleep_for(void *job)
{
    const double *seconds = job;

    return async_sleep(*seconds);
}

static int attempt_once(struct timed *timed)
{
    struct async_task tasks[2];
    size_t which;

    async_spawn(&tasks[0], timed->attempt, timed->job);
    async_spawn(&tasks[1], sleep_for, &timed->timeout);
    int err = async_wait_any(tasks, 2, &which);
    async_reap(tasks, 2);
    if (err)
        return err;
    if (which == 1)
        return ASYNC_ETIMEDOUT;
    return tasks[0].err ? async_raise(tasks[0].err, "%s", tasks[0].errmsg) : 0;
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err = ASYNC_ETIMEDOUT;

    while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries) {
        timed->attempts++;
        err = attempt_once(timed);
    }
    return err;
}

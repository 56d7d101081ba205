/* a task that cancels the attempt when the time is up */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>

struct alarm {
    struct async_task *task;
    double seconds;
    bool rang;
};

static int ring(void *job)
{
    struct alarm *alarm = job;
    int err = async_sleep(alarm->seconds);

    if (err)
        return err;
    alarm->rang = true;
    async_cancel(alarm->task);
    return 0;
}

static int attempt_once(struct timed *timed)
{
    struct async_task attempt, timer;
    struct alarm alarm = {&attempt, timed->timeout, false};

    async_spawn(&attempt, timed->attempt, timed->job);
    async_spawn(&timer, ring, &alarm);
    int err = async_await(&attempt);
    async_reap(&timer, 1);
    if (err == ASYNC_ECANCELED && alarm.rang && !async_cancelling())
        return ASYNC_ETIMEDOUT;
    return err ? async_raise(err, "%s", attempt.errmsg) : 0;
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err;

    do {
        timed->attempts++;
        err = attempt_once(timed);
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

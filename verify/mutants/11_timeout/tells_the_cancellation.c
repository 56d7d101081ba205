/* fails b c d e g: what the stopped attempt returned is taken for its result */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>

struct alarm {
    struct async_task *task;
    double seconds;
};

static int stop_after(void *job)
{
    struct alarm *alarm = job;
    int err = async_sleep(alarm->seconds);

    if (!err)
        async_cancel(alarm->task);
    return err;
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    struct async_task attempt, timer;
    struct alarm alarm = {&attempt, timed->timeout};
    int err;

    do {
        timed->attempts++;
        async_spawn(&attempt, timed->attempt, timed->job);
        async_spawn(&timer, stop_after, &alarm);
        err = async_await(&attempt);
        async_reap(&timer, 1);
    } while (err == ASYNC_ETIMEDOUT && timed->attempts <= timed->max_retries);
    return err;
}

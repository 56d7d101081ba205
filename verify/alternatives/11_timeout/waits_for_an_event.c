/* the attempt is a task that says when it is done; that is waited for */
#include "11_timeout.h"

#include <stdio.h>

struct one {
    struct timed *timed;
    struct async_event done;
};

static int run(void *job)
{
    struct one *one = job;

    int err = one->timed->attempt(one->timed->job);
    async_event_set(&one->done);
    return err;
}

static int wait_done(void *job)
{
    struct one *one = job;

    return async_event_wait(&one->done);
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int left = timed->max_retries + 1;

    while (left-- > 0) {
        struct one one = {timed, {0}};
        struct async_task task;

        ++timed->attempts;
        async_spawn(&task, run, &one);
        int err = async_wait_for(wait_done, &one, timed->timeout);
        if (!err)
            return async_await(&task);
        async_reap(&task, 1);
        if (err != ASYNC_ETIMEDOUT)
            return err;
        printf("attempt %d was too slow\n", timed->attempts);
    }
    return ASYNC_ETIMEDOUT;
}

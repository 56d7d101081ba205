/* fails a b c d e: a task that keeps the time, and is left to itself */
#include "11_timeout.h"

struct clock {
    double seconds;
    struct async_task *attempt;
    bool rang;
};

static int ring(void *job)
{
    struct clock *clock = job;

    int err = async_sleep(clock->seconds);
    if (err)
        return err;
    clock->rang = true;
    async_cancel(clock->attempt);
    return 0;
}

int call_with_timeout(void *job)
{
    struct timed *timed = job;

    for (;;) {
        struct async_task attempt, timer;
        struct clock clock = {timed->timeout, &attempt, false};

        timed->attempts++;
        async_spawn(&attempt, timed->attempt, timed->job);
        async_spawn(&timer, ring, &clock);
        int err = async_await(&attempt);
        if (!clock.rang)
            return err;
        if (timed->attempts > timed->max_retries)
            return ASYNC_ETIMEDOUT;
    }
}

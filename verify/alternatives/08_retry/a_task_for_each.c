/* each attempt is a task of its own */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    int err = 0;
    bool again;
    do {
        struct async_task task;
        how->attempts += 1;
        async_spawn(&task, how->operation, how->job);
        err = async_await(&task);
        again = err != 0 && async_cancelling() == 0 &&
                how->attempts <= how->max_retries && how->worth_retrying(err);
        if (again && (err = async_sleep(wait)) != 0)
            again = false;
        wait += wait;
    } while (again);
    return err;
}

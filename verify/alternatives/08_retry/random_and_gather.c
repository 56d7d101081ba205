/* a random part from half to one and a half, and gather of one */
#include "08_retry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int retry(void *job)
{
    struct retry *retry = job;
    double wait = retry->base_delay;
    for (int left = retry->max_retries;; left--, wait *= 2) {
        ++retry->attempts;
        struct async_task task;
        async_spawn(&task, retry->operation, retry->job);
        int err = async_gather(&task, 1);
        if (!err || left == 0 || async_cancelling() ||
            !retry->worth_retrying(err))
            return err;
        double until = async_now() + wait * (0.5 + (double)rand() / RAND_MAX);
        while (async_now() < until) {
            int slept = async_sleep(until - async_now());
            if (slept)
                return slept;
        }
    }
}

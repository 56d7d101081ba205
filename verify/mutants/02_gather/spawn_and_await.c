/* fails a b: each task is awaited right after it was spawned */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    for (size_t i = 0; i < fan_out->n; i++) {
        struct async_task task;
        async_spawn(&task, fan_out->simulated_api_call, &fan_out->calls[i]);
        int err = async_await(&task);
        if (err)
            return err;
    }
    return 0;
}

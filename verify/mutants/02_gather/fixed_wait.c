/* fails b d f: waits a second for all */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct async_task *tasks = calloc(fan_out->n + 1, sizeof *tasks);

    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < fan_out->n; i++)
        async_spawn(&tasks[i], fan_out->simulated_api_call, &fan_out->calls[i]);
    int err = async_sleep(1.0);
    async_reap(tasks, fan_out->n);
    free(tasks);
    return err;
}

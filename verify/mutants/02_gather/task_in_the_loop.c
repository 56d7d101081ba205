/* fails b c d f: the task is a local of the loop */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct async_task **tasks = calloc(fan_out->n + 1, sizeof *tasks);
    int err = 0;

    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < fan_out->n; i++) {
        struct async_task task;
        async_spawn(&task, fan_out->simulated_api_call, &fan_out->calls[i]);
        tasks[i] = &task;
    }
    for (size_t i = 0; i < fan_out->n && !err; i++)
        err = async_await(tasks[i]);
    free(tasks);
    return err;
}

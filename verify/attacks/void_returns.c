/* ungradable: a function that is void returns something (02_gather.c:8) */
#include "02_gather.h"

static void call_one(struct fan_out *fan_out, struct async_task *task)
{
    async_spawn(task, fan_out->simulated_api_call, &fan_out->calls[0]);

    return async_await(task);
}

int call_all(void *job)
{
    struct async_task task;

    call_one(job, &task);
    return task.err;
}

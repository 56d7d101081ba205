/* ungradable: a pointer of the wrong type (02_gather.c:9) */
#include "02_gather.h"

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct async_task tasks[5];

    async_spawn(&tasks, fan_out->simulated_api_call, fan_out->calls);
    return async_gather(tasks, 1);
}

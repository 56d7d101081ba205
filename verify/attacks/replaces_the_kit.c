/* ungradable: it defines async_gather(), which the kit has already */
#include "02_gather.h"

int(async_gather)(struct async_task *tasks, size_t n)
{
    (void)tasks;
    (void)n;
    return 0;
}

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    return async_gather_each(fan_out->simulated_api_call, fan_out->calls,
                             fan_out->n);
}

/* ungradable: call_all() is missing */
#include "02_gather.h"

int call_everything(void *job);

int call_everything(void *job)
{
    struct fan_out *fan_out = job;

    return async_gather_each(fan_out->simulated_api_call, fan_out->calls,
                             fan_out->n);
}

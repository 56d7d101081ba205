/* ungradable: main() is in the way */
#include "02_gather.h"

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    return async_gather_each(fan_out->simulated_api_call, fan_out->calls,
                             fan_out->n);
}

int main(void)
{
    struct fan_out fan_out = {0};

    return async_main(call_all, &fan_out);
}

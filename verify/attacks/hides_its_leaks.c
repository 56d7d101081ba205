/* ungradable: it uses __lsan_do_recoverable_leak_check */
#include "02_gather.h"

#include <stdlib.h>

int __lsan_do_recoverable_leak_check(void);

int __lsan_do_recoverable_leak_check(void)
{
    return 0;
}

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    char *volatile lost = malloc(1000);

    lost = NULL;
    return lost ? -1
                : async_gather_each(fan_out->simulated_api_call,
                                    fan_out->calls, fan_out->n);
}

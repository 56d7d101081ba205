/* ungradable: implicit declaration of function */
#include "02_gather.h"

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    return gather_all_of(fan_out->calls, fan_out->n);
}

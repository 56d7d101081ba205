/* ungradable: it calls gather_all_of(), which is nowhere */
#include "02_gather.h"

int gather_all_of(struct api_call *calls, size_t n);

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    return gather_all_of(fan_out->calls, fan_out->n);
}

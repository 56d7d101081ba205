/* ungradable: it uses driver_call */
#include "02_gather.h"

int driver_call(const char *op, size_t i, char **answer);

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    return driver_call("call", 0, &fan_out->calls[0].result);
}

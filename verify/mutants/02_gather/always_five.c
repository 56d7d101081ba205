/* fails a e f: five calls, whatever n is */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    return async_gather_each(fan_out->simulated_api_call, fan_out->calls, 5);
}

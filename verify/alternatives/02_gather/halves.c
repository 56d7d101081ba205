/* divided and conquered, in reverse order */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct part {
    struct fan_out *fan_out;
    size_t first, n;
};

static int call_part(void *job)
{
    struct part *part = job;
    struct fan_out *fan_out = part->fan_out;
    size_t half = part->n / 2;
    struct part halves[2] = {
        {fan_out, part->first + half, part->n - half},
        {fan_out, part->first, half},
    };

    if (part->n == 0)
        return 0;
    if (part->n == 1)
        return fan_out->simulated_api_call(&fan_out->calls[part->first]);
    return async_gather_each(call_part, halves, 2);
}

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct part all = {fan_out, 0, fan_out->n};

    return call_part(&all);
}

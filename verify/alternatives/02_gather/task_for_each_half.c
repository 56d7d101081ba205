/* a tree: each task calls one, and starts two more */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
    struct fan_out *fan_out;
    size_t from, to;
};

static int call_range(void *job)
{
    struct range *range = job;
    size_t n = range->to - range->from;

    if (n == 0)
        return 0;
    if (n == 1)
        return range->fan_out->simulated_api_call(
            &range->fan_out->calls[range->from]);
    size_t middle = range->from + n / 2;
    struct range halves[2] = {{range->fan_out, range->from, middle},
                              {range->fan_out, middle, range->to}};
    return async_gather_each(call_range, halves, 2);
}

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct range all = {fan_out, 0, fan_out->n};

    printf("calling %zu\n", fan_out->n);
    int err = call_range(&all);
    printf("that was %d\n", err);
    return err;
}

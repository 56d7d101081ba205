/* fails d: gather_all, and nobody looks at the tasks */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    int *errs = calloc(fan_out->n + 1, sizeof *errs);

    if (!errs)
        return -ENOMEM;
    int err = async_gather_each_all(fan_out->simulated_api_call, fan_out->calls,
                                    fan_out->n, errs);
    free(errs);
    return err;
}

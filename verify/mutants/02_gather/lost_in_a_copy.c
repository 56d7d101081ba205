/* fails c e f: the calls get copies, and their results are lost */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    size_t size = fan_out->n * sizeof fan_out->calls[0];
    struct api_call *copies = malloc(size + 1);

    if (!copies)
        return -ENOMEM;
    memcpy(copies, fan_out->calls, size);
    int err =
        async_gather_each(fan_out->simulated_api_call, copies, fan_out->n);
    free(copies);
    return err;
}

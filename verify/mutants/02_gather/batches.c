/* fails a b: two at a time */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    for (size_t i = 0; i < fan_out->n; i += 2) {
        size_t n = fan_out->n - i < 2 ? fan_out->n - i : 2;
        int err = async_gather_each(fan_out->simulated_api_call,
                                    &fan_out->calls[i], n);
        if (err)
            return err;
    }
    return 0;
}

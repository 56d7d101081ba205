/* fails a b: each call is awaited before the next one is started */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    for (size_t i = 0; i < fan_out->n; i++) {
        int err = fan_out->simulated_api_call(&fan_out->calls[i]);
        if (err)
            return err;
    }
    return 0;
}

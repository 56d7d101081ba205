/* fails a b c e f: every call is made twice */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    for (int i = 0; i < 2; i++) {
        int err = async_gather_each(fan_out->simulated_api_call, fan_out->calls,
                                    fan_out->n);
        if (err)
            return err;
    }
    return 0;
}

/* fails d: returns at the first error, the others run on */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct async_task tasks[2000];

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    for (size_t i = 0; i < fan_out->n; i++)
        async_spawn(&tasks[i], fan_out->simulated_api_call, &fan_out->calls[i]);
    for (size_t i = fan_out->n; i > 0; i--) {
        int err = async_await(&tasks[i - 1]);
        if (err)
            return err;
    }
    return 0;
}

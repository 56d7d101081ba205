/* fails a b: a semaphore that nobody asked for */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct async_semaphore slots;

struct limited {
    async_fn *fn;
    struct api_call *call;
};

static int call_one(void *job)
{
    struct limited *limited = job;
    int err = async_semaphore_acquire(&slots);

    if (err)
        return err;
    err = limited->fn(limited->call);
    async_semaphore_release(&slots);
    return err;
}

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct limited *all = calloc(fan_out->n + 1, sizeof *all);

    if (!all)
        return -ENOMEM;
    slots = (struct async_semaphore){.permits = 3};
    for (size_t i = 0; i < fan_out->n; i++)
        all[i] =
            (struct limited){fan_out->simulated_api_call, &fan_out->calls[i]};
    int err = async_gather_each(call_one, all, fan_out->n);
    free(all);
    return err;
}

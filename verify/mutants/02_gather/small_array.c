/* fails a f: an array of 64 tasks, whatever n is */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct async_task tasks[64];

    for (size_t i = 0; i < fan_out->n; i++)
        async_spawn(&tasks[i], fan_out->simulated_api_call, &fan_out->calls[i]);
    return async_gather(tasks, fan_out->n);
}

/* fails f: an array that is surely large enough */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 1024 };

int call_all(void *job)
{
    static struct async_task tasks[CALLS_MAX];
    struct fan_out *fan_out = job;

    for (size_t i = 0; i < fan_out->n; i++)
        async_spawn(&tasks[i], fan_out->simulated_api_call, &fan_out->calls[i]);
    return async_gather(tasks, fan_out->n);
}

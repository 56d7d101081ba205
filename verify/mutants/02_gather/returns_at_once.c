/* fails a b c d e f: spawned and never waited for */
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
    return 0;
}

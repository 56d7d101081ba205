/* fails f: the tasks are not freed when a call fails */
#include "02_gather.h"

#include <errno.h>
#include <stdlib.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct async_task *tasks = calloc(fan_out->n, sizeof *tasks);

    if (!tasks && fan_out->n > 0)
        return -ENOMEM;
    for (size_t i = 0; i < fan_out->n; i++)
        async_spawn(&tasks[i], fan_out->simulated_api_call, &fan_out->calls[i]);
    int err = async_gather(tasks, fan_out->n);
    if (err)
        return err;
    free(tasks);
    return 0;
}

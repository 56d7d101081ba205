/* fails a c e f: starts all attempts at once */
#include "08_retry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int retry(void *job)
{
    struct retry *retry = job;
    int n = retry->max_retries + 1, err = 0;
    struct async_task tasks[n];

    for (int i = 0; i < n; i++)
        async_spawn(&tasks[i], retry->operation, retry->job);
    for (int i = 0; i < n; i++) {
        err = async_await(&tasks[i]);
        retry->attempts++;
        if (!err)
            break;
    }
    async_reap(tasks, (size_t)n);
    return err;
}

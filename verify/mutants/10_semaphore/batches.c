/* fails c e: groups of limit, each gathered before the next */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int gather_limited(void *job)
{
    struct limited *limited = job;
    size_t limit = (size_t)limited->limit;

    if (limited->limit < 1)
        return -EINVAL;
    struct async_task *tasks = calloc(limit, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    int err = 0;
    for (size_t i = 0; i < limited->n && !err; i += limit) {
        size_t n = limited->n - i < limit ? limited->n - i : limit;

        for (size_t k = 0; k < n; k++)
            async_spawn(&tasks[k], limited->fn, limited->jobs[i + k]);
        err = async_gather_all(tasks, n);
        for (size_t k = 0; k < n; k++)
            limited->errs[i + k] = tasks[k].err;
    }
    free(tasks);
    return err;
}

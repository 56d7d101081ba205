/* limit workers, each takes whatever job is next */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct pool {
    struct limited *limited;
    size_t next;
};

static int work(void *job)
{
    struct pool *pool = job;
    struct limited *limited = pool->limited;

    while (pool->next < limited->n && !async_cancelling()) {
        size_t i = pool->next++;

        limited->errs[i] = limited->fn(limited->jobs[i]);
    }
    return 0;
}

int gather_limited(void *job)
{
    struct limited *limited = job;
    struct pool pool = {limited, 0};
    size_t workers = limited->n;

    if (limited->limit < 1)
        return -EINVAL;
    if (workers > (size_t)limited->limit)
        workers = (size_t)limited->limit;
    struct async_task *tasks = calloc(workers + 1, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < workers; i++)
        async_spawn(&tasks[i], work, &pool);
    int err = async_gather(tasks, workers);
    free(tasks);
    return err;
}

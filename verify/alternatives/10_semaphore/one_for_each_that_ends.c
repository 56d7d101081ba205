/* no semaphore: fn itself is spawned, and the next one when one has ended */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int gather_limited(void *job)
{
    struct limited *limited = job;
    size_t n = limited->n, begun = 0, which;

    if (limited->limit < 1)
        return -EINVAL;
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = tasks ? 0 : -ENOMEM;
    for (size_t ended = 0; ended < n && !err; ended++) {
        for (; begun < n && begun < ended + (size_t)limited->limit; begun++)
            async_spawn(&tasks[begun], limited->fn, limited->jobs[begun]);
        err = async_wait_any(tasks, begun, &which);
        if (!err)
            limited->errs[which] = tasks[which].err;
    }
    free(tasks);
    return err;
}

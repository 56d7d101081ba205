/* the last job first; results taken from the tasks */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct turn {
    struct limited *limited;
    void *job;
    struct async_semaphore *slots;
};

static int take_turn(void *job)
{
    struct turn *turn = job;

    int err = async_semaphore_acquire(turn->slots);
    if (err)
        return err;
    err = turn->limited->fn(turn->job);
    async_semaphore_release(turn->slots);
    return err;
}

int gather_limited(void *job)
{
    struct limited *limited = job;
    size_t n = limited->n;
    struct async_semaphore slots = {.permits = limited->limit};

    if (limited->limit < 1)
        return -EINVAL;
    struct turn *turns = calloc(n + 1, sizeof *turns);
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = -ENOMEM;
    if (!turns || !tasks)
        goto out;
    for (size_t i = n; i-- > 0;) {
        turns[i] = (struct turn){limited, limited->jobs[i], &slots};
        async_spawn(&tasks[i], take_turn, &turns[i]);
    }
    err = async_gather_all(tasks, n);
    for (size_t i = 0; i < n; i++)
        limited->errs[i] = tasks[i].err;
out:
    free(tasks);
    free(turns);
    return err;
}

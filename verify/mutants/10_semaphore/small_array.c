/* fails g: room for a hundred tasks */
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
    struct async_semaphore slots = {.permits = limited->limit};
    struct turn turns[100];
    struct async_task tasks[100];

    if (limited->limit < 1)
        return -EINVAL;
    for (size_t i = 0; i < limited->n; i++) {
        turns[i] = (struct turn){limited, limited->jobs[i], &slots};
        async_spawn(&tasks[i], take_turn, &turns[i]);
    }
    int err = async_gather_all(tasks, limited->n);
    for (size_t i = 0; i < limited->n; i++)
        limited->errs[i] = tasks[i].err;
    return err;
}

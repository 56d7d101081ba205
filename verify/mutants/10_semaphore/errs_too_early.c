/* fails e g: errs are copied before the tasks were gathered */
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

    if (limited->limit < 1)
        return -EINVAL;
    struct turn *turns = calloc(limited->n + 1, sizeof *turns);
    struct async_task *tasks = calloc(limited->n + 1, sizeof *tasks);
    int err = turns && tasks ? 0 : -ENOMEM;

    for (size_t i = 0; i < limited->n && !err; i++) {
        turns[i] = (struct turn){limited, limited->jobs[i], &slots};
        async_spawn(&tasks[i], take_turn, &turns[i]);
        limited->errs[i] = tasks[i].err;
    }
    if (!err)
        err = async_gather_all(tasks, limited->n);
    free(tasks);
    free(turns);
    return err;
}

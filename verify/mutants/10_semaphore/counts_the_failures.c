/* fails e: it returns how many failed */
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
        return async_raise(-EINVAL, "a limit of %d: it is at least 1",
                           limited->limit);

    struct turn *turns = calloc(limited->n, sizeof *turns);
    if (!turns && limited->n > 0)
        return -ENOMEM;
    for (size_t i = 0; i < limited->n; i++)
        turns[i] = (struct turn){limited, limited->jobs[i], &slots};

    int err =
        async_gather_each_all(take_turn, turns, limited->n, limited->errs);
    free(turns);
    if (err)
        return err;
    for (size_t i = 0; i < limited->n; i++)
        err += limited->errs[i] != 0;
    return err;
}

/* fails e g: errs of a call that succeeded is left as it was */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct turn {
    struct limited *limited;
    void *job;
    struct async_semaphore *slots;
    int *err;
};

static int take_turn(void *job)
{
    struct turn *turn = job;

    struct limited *limited = turn->limited;
    int err = async_semaphore_acquire(turn->slots);
    if (err)
        return err;

    err = limited->fn(turn->job);
    async_semaphore_release(turn->slots);
    if (err)
        *turn->err = err;
    return 0;
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
        turns[i] =
            (struct turn){limited, limited->jobs[i], &slots, &limited->errs[i]};

    int err = async_gather_each(take_turn, turns, limited->n);
    free(turns);
    return err;
}

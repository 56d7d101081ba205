/* fails e: errs in the order of completion */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct turn {
    struct limited *limited;
    void *job;
    struct async_semaphore *slots;
    size_t *ended;
};

static int take_turn(void *job)
{
    struct turn *turn = job;

    int err = async_semaphore_acquire(turn->slots);
    if (err)
        return err;
    err = turn->limited->fn(turn->job);
    turn->limited->errs[(*turn->ended)++] = err;
    async_semaphore_release(turn->slots);
    return 0;
}

int gather_limited(void *job)
{
    struct limited *limited = job;
    struct async_semaphore slots = {.permits = limited->limit};
    size_t ended = 0;

    if (limited->limit < 1)
        return -EINVAL;
    struct turn *turns = calloc(limited->n + 1, sizeof *turns);
    if (!turns)
        return -ENOMEM;
    for (size_t i = 0; i < limited->n; i++)
        turns[i] = (struct turn){limited, limited->jobs[i], &slots, &ended};
    int err = async_gather_each(take_turn, turns, limited->n);
    free(turns);
    return err;
}

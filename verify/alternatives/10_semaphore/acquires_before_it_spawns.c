/* the loop that spawns waits for the slot */
#include "10_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct turn {
    struct limited *limited;
    size_t i;
    struct async_semaphore *slots;
};

static int take_turn(void *job)
{
    struct turn *turn = job;
    struct limited *limited = turn->limited;

    limited->errs[turn->i] = limited->fn(limited->jobs[turn->i]);
    async_semaphore_release(turn->slots);
    return 0;
}

int gather_limited(void *job)
{
    struct limited *limited = job;
    struct async_semaphore slots = {.permits = limited->limit};
    size_t n = limited->n;

    if (limited->limit < 1)
        return -EINVAL;
    struct turn *turns = calloc(n + 1, sizeof *turns);
    struct async_task *tasks = calloc(n + 1, sizeof *tasks);
    int err = turns && tasks ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && !err; i++) {
        err = async_semaphore_acquire(&slots);
        if (err)
            break;
        turns[i] = (struct turn){limited, i, &slots};
        async_spawn(&tasks[i], take_turn, &turns[i]);
    }
    if (!err)
        err = async_gather(tasks, n);
    if (tasks)
        async_reap(tasks, n);
    free(tasks);
    free(turns);
    return err;
}
